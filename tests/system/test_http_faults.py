"""Downloads by the real otad from servers that do all that servers do.

protocols.md, section 1.7. Many modules download at once, each from a server
with a fault of its own.
"""

import collections
import os
import sys

import lab
import pki
import suite
import varlink
from suite import expect, expect_equal

SIZE = 300_000
ATTEMPTS = 3
CODES = {"timeout": "-1", "network": "-1", "http-error": "-1",
         "not-found": "-2", "url-expired": "-3", "size-mismatch": "-4",
         "digest-mismatch": "-4", "protocol-error": "-5"}

# wanted: None is success, else the kind of error; requests: how many, or None.
Case = collections.namedtuple("Case", "faults wanted requests ranges url",
                              defaults=(None, None, None, None))


def ok(*faults, requests=None, ranges=None):
    """Ends well. `ranges` are the Range headers, "" where there is none."""
    return Case(faults, None, requests, ranges)


def bad(wanted, *faults, requests=1, url=None):
    return Case(faults, wanted, requests, None, url)


def always(fault):
    return {**fault, "repeat": True}


CUT = {"cut_after": 100_000}
FROM_CUT = "bytes=100000-"
OTHER = {"file": "other"}

GOOD = {
    "good": ok(requests=1, ranges=[""]),
    "cut": ok(CUT, ranges=["", FROM_CUT]),
    "cut-twice": ok(CUT, {"cut_after": 50_000},
                    ranges=["", FROM_CUT, "bytes=150000-299999"]),
    "cut-before-the-answer": ok({"cut_head": True}, ranges=["", ""]),
    "stall": ok({"stall_after": 100_000}, ranges=["", FROM_CUT]),
    "stall-before-the-answer": ok({"stall_head": True}, ranges=["", ""]),
    "slow-but-alive": ok({"rate": 150_000}, requests=1),
    "200-for-a-range": ok(CUT, {"ignore_range": True},
                          ranges=["", FROM_CUT]),
    "206-of-another-start": ok(CUT, {"range_shift": 10},
                               ranges=["", FROM_CUT, ""]),
    "206-of-another-total": ok(CUT, {"range_total": SIZE + 1},
                               ranges=["", FROM_CUT, ""]),
    "206-without-content-range": ok(CUT, {"no_content_range": True},
                                    ranges=["", FROM_CUT, ""]),
    "206-with-a-broken-range": ok(CUT, {"content_range": "bytes 1x-2/3"},
                                  ranges=["", FROM_CUT, ""]),
    "206-that-claims-too-much": ok(
        CUT, {"content_range": "bytes 100000-99999999999999999999/1"},
        ranges=["", FROM_CUT, ""]),
    "206-unasked": ok({"force_part": True}, requests=1),
    "206-in-small-parts": ok(CUT, {"part_bytes": 60_000},
                             ranges=["", FROM_CUT, "bytes=160000-"]),
    "416-though-it-goes-on": ok(CUT, {"unsatisfiable": True},
                                ranges=["", FROM_CUT, ""]),
    "another-etag": ok({**CUT, **OTHER}, ranges=["", FROM_CUT]),
    "no-etag": ok({**CUT, "etag": ""}, {"etag": ""},
                  ranges=["", FROM_CUT]),
    "weak-etag": ok({**CUT, "etag": 'W/"x"'}, ranges=["", FROM_CUT]),
    "redirect": ok({"redirect": "/redirect?again"}, requests=2),
    "five-redirects": ok(*[{"redirect": "five-redirects"}] * 5, requests=6),
    "permanent-redirect": ok({"redirect": "?x", "status": 308}, requests=2),
    "503": ok({"status": 503}, ranges=["", ""]),
    "503-later": ok(CUT, {"status": 503}, ranges=["", FROM_CUT, FROM_CUT]),
    "408": ok({"status": 408}, requests=2),
    "429": ok({"status": 429}, requests=2),
    "without-length": ok({"length": "none"}, requests=1),
    "chunked": ok({"length": "chunked"}, requests=1),
    "chunked-and-cut": ok({**CUT, "length": "chunked"},
                          ranges=["", FROM_CUT]),
    "without-length-and-cut": ok({**CUT, "length": "none"},
                                 ranges=["", FROM_CUT]),
    "promises-more-than-it-sends": ok({"cut_after": 299_999},
                                      ranges=["", "bytes=299999-"]),
    "interim-answer": ok({"interim": 103}, requests=1),
    "trailers": ok({"length": "chunked", "trailer_bytes": 5_000}, requests=1),
    "long-headers": ok({"header_bytes": 30_000}, requests=1),
    "gzip-by-name-alone": ok({"encoding": "gzip"}, requests=1),
    "identity-encoding": ok({"encoding": "identity"}, requests=1),
}

BAD = {
    "404": bad("not-found", {"status": 404}),
    "410": bad("not-found", {"status": 410}),
    "401": bad("url-expired", {"status": 401}),
    "403": bad("url-expired", {"status": 403}),
    "400": bad("http-error", {"status": 400}),
    "204": bad("http-error", {"status": 204}),
    "500": bad("http-error", always({"status": 500}), requests=ATTEMPTS),
    "416-again": bad("http-error", CUT, {"unsatisfiable": True}, CUT,
                     {"unsatisfiable": True}, requests=None),
    "416-at-once": bad("http-error", {"unsatisfiable": True}),
    "no-http": bad("http-error", always({"raw": "SSH-2.0-x\r\n\r\n"}),
                   requests=ATTEMPTS),
    "redirects-without-end": bad("http-error", always(
        {"redirect": "/redirects-without-end"}), requests=6),
    "redirect-to-nowhere": bad("http-error", {"redirect": None}),
    "redirect-to-a-file": bad("http-error", {"redirect": "file:///etc/passwd"}),
    "redirect-to-ftp": bad("http-error", {"redirect": "ftp://127.0.0.1/x"}),
    "redirect-with-a-password": bad(
        "http-error", {"redirect": "http://u:p@127.0.0.1/x"}),
    "redirect-that-talks": bad("http-error", {"redirect": "/good",
                                              "redirect_body": 200_000}),
    "longer": bad("size-mismatch", {"extra": 1}),
    "longer-chunked": bad("size-mismatch", {"extra": 9, "length": "chunked"}),
    "longer-without-length": bad("size-mismatch",
                                 {"extra": 9, "length": "none"}),
    "endless": bad("size-mismatch", {"extra": 50_000_000, "length": "none"}),
    "shorter": bad("size-mismatch", always({"content": "short"}),
                   requests=ATTEMPTS),
    "shorter-without-length": bad("size-mismatch", always(
        {"content": "short", "length": "none"}), requests=None),
    "empty": bad("size-mismatch", always({"content": ""}), requests=ATTEMPTS),
    "log-in-page": bad("size-mismatch", always(
        {"content": "<html>Please log in</html>", "headers":
         {"Content-Type": "text/html"}}), requests=ATTEMPTS),
    "headers-without-end": bad("http-error", {"header_bytes": 60_000,
                                              "headers": {
                                                  "X-More": "x" * 60_000}}),
    "trailers-without-end": bad("http-error", {"length": "chunked",
                                               "trailer_bytes": 100_000}),
    "other-content": bad("digest-mismatch", OTHER),
    "other-content-under-one-etag": bad(
        "digest-mismatch", {**CUT, **OTHER, "etag": '"same"'},
        {"etag": '"same"'}, requests=2),
    "stalls-for-ever": bad("timeout", always({"stall_after": 10}),
                           requests=ATTEMPTS),
    "silent": bad("timeout", always({"stall_head": True}), requests=ATTEMPTS),
    "cuts-for-ever": bad("network", always({"cut_after": 10}),
                         requests=ATTEMPTS),
    "nobody-listens": bad("network", requests=0,
                          url="http://127.0.0.1:{dead}/x"),
    "no-such-host": bad("network", requests=0,
                        url="http://nowhere.invalid/x"),
    "no-tls": bad("network", requests=0, url="https://127.0.0.1:{port}/x"),
}


def gateway(world, names, download="", start_web=True, cloud=lab.TENCENT):
    """otad with a file to replace for each name; all contents differ."""
    broker = world.start_broker()
    web = world.start_fault_server() if start_web else None
    (world.folder / "files").mkdir()
    modules = ""
    for name in names:
        path = world.folder / "files" / name
        path.write_text("old")
        modules += f"[Module {name}]\nType=config\nPath={path}\nVersion=1\n"
    otad = world.otad(lab.base_config(
        broker, cloud, modules, download="StallTimeout=4s\nMaxDownloads=64\n"
        f"Attempts={ATTEMPTS}\n{download}"))
    otad.start()
    lab.wait_until("the broker's session",
                   lambda: varlink.ask(otad.socket, "GetStatus")["connected"])
    return broker, web, otad


def is_result(name, version="2"):
    def accepts(message):
        return any(lab.is_tencent_state(state, version)(message)
                   for state in ("done", "fail")) and \
            message.payload["report"]["fw_type"] == name
    return accepts


def offer(broker, name, url, data, version="2", **changes):
    mark = broker.mark()
    broker.publish(lab.TENCENT_UPDATE, lab.tencent_update(
        version, url, data, fw_type=name, **changes))
    return mark


def kinds(otad):
    """What the history says of each module: None or the kind of error."""
    entries = varlink.ask(otad.socket, "GetHistory", {"count": 500})
    return {e["module"]: e.get("error") for e in entries["history"]}


def fault_of(world, name, case, result, kind, data, log):
    """What is wrong about how it ended, or None."""
    progress = result.payload["report"]["progress"]
    path = world.folder / "files" / name
    if kind != case.wanted:
        return f"{kind} ({progress['result_msg']}), wanted {case.wanted}"
    if case.wanted and progress["result_code"] != CODES[case.wanted]:
        return f"the cloud was told {progress['result_code']}"
    if path.read_bytes() != (b"old" if case.wanted else data):
        return "the file is not as it should be"
    ranges = [entry["headers"].get("Range", "") for entry in log]
    if case.requests is not None and len(ranges) != case.requests:
        return f"{len(ranges)} requests: {ranges}"
    if case.ranges is not None and ranges != case.ranges:
        return f"ranges {ranges}"
    return None


def run_all(world, cases, download=""):
    broker, web, otad = gateway(world, cases, download)
    contents = {name: os.urandom(SIZE) for name in cases}
    (web.files / "other").write_bytes(os.urandom(SIZE))
    mark = broker.mark()
    for name, case in cases.items():
        url = web.put(name, contents[name])
        web.script(name, list(case.faults))
        if case.url:
            url = case.url.format(dead=lab.free_port(), port=web.port)
        offer(broker, name, url, contents[name])
    results = {name: broker.wait(f"the end of {name}", is_result(name), mark)
               for name in cases}
    told = kinds(otad)
    faults = []
    for name, case in cases.items():
        log = [e for e in web.log() if e["path"].split("?")[0] == "/" + name]
        fault = fault_of(world, name, case, results[name], told[name],
                         contents[name], log)
        if fault:
            faults.append(f"{name}: {fault}")
    expect(not faults, "\n".join(faults))
    return otad, web, results


def test_what_servers_do_wrong_for_once_does_no_harm(world):
    otad, web, _ = run_all(world, GOOD)
    for entry in web.log():
        headers = {k.lower(): v for k, v in entry["headers"].items()}
        expect_equal(headers.get("accept-encoding"), "identity", "encoding")
        expect("cookie" not in headers and "authorization" not in headers,
               f"headers: {headers}")
    validated = [e for e in web.log("cut") if "If-Range" in e["headers"]]
    expect_equal(len(validated), 1, "If-Range when a strong ETag is known")
    expect_equal(validated[0]["headers"]["If-Range"][0], '"', "a strong one")
    expect_equal([e for e in web.log("weak-etag")
                  if "W/" in e["headers"].get("If-Range", "")], [],
                 "a weak one")
    expect_equal([p.name for p in (otad.state / "download").iterdir()
                  if p.suffix == ".json"], [], "records of what is finished")


def test_what_servers_do_wrong_for_good_is_told(world):
    otad, _, results = run_all(world, BAD)
    for name, result in results.items():
        text = result.payload["report"]["progress"]["result_msg"]
        expect(len(text) > 10, f"{name}: says only {text!r}")
    left = [p.name for p in world.folder.glob("files/*")]
    expect_equal(sorted(left), sorted(BAD), "left beside the targets")
    expect("u:p" not in otad.log(), "a password in the log")


def test_retry_after_is_honoured(world):
    broker, web, otad = gateway(world, ["m"])
    data = os.urandom(SIZE)
    url = web.put("m", data)
    web.script("m", [{"status": 503, "retry_after": "3"}])
    mark = offer(broker, "m", url, data)
    done = broker.wait("its end", is_result("m"), mark)
    expect_equal(done.payload["report"]["progress"]["state"], "done", "state")
    entry = varlink.ask(otad.socket, "GetHistory")["history"][0]
    took_ms = entry["ended_ms"] - entry["started_ms"]
    expect(took_ms >= 3000, f"it took {took_ms} ms")


def test_an_expired_url_is_renewed_and_the_download_goes_on(world):
    broker, web, _ = gateway(world, ["m"])
    data = os.urandom(SIZE)
    url = web.put("m", data)
    web.put("renewed", data)
    web.script("m", [CUT, {"status": 403}])
    mark = offer(broker, "m", url + "?sign=old", data)
    failed = broker.wait("its end", is_result("m"), mark)
    expect_equal(failed.payload["report"]["progress"]["result_code"], "-3",
                 "code")
    mark = offer(broker, "m", web.url("renewed") + "?sign=new", data)
    done = broker.wait("its end", is_result("m"), mark)
    expect_equal(done.payload["report"]["progress"]["state"], "done", "state")
    ranges = [e["headers"].get("Range") for e in web.log()
              if e["path"].startswith("/renewed")]
    expect_equal(ranges, [FROM_CUT], "what was asked of the renewed url")
    expect_equal((world.folder / "files/m").read_bytes(), data, "the file")


def test_a_renewed_url_is_used_at_once_by_the_running_job(world):
    broker, web, _ = gateway(world, ["m"], "Attempts=9")
    data = os.urandom(SIZE)
    url = web.put("m", data)
    web.put("renewed", data)
    web.script("m", [CUT, always({"status": 503, "retry_after": "60"})])
    mark = offer(broker, "m", url, data)
    lab.wait_until("the 503", lambda: len(web.log("m")) == 2)
    offer(broker, "m", web.url("renewed"), data)
    broker.wait("its end", is_result("m"), mark)
    expect_equal([e["headers"].get("Range") for e in web.log("renewed")],
                 [FROM_CUT], "what was asked of the renewed url")


def test_windows(world):
    """Strategy=chunked: ChunkSize= at a time, from servers good and bad."""
    cases = {
        "good": ok(ranges=["bytes=0-99999", "bytes=100000-199999",
                           "bytes=200000-299999"]),
        "cut": ok({"cut_after": 30_000}, ranges=[
            "bytes=0-99999", "bytes=30000-129999", "bytes=130000-229999",
            "bytes=230000-299999"]),
        "200": ok(always({"ignore_range": True}), ranges=["bytes=0-99999"]),
        "to-the-end": ok({"part_to_end": True}),
        "another-start": ok({}, {"range_shift": 5}),
        "changes": ok({**OTHER}),
        "416": bad("http-error", always({"unsatisfiable": True}),
                   requests=None),
        "longer": bad("size-mismatch", always({"extra": 200_000,
                                               "ignore_range": True}),
                      requests=None),
        "404-in-between": bad("not-found", {}, {"status": 404}, requests=2),
    }
    run_all(world, cases, "Strategy=chunked\nChunkSize=100000")


def test_what_breaks_as_a_stream_is_fetched_in_windows(world):
    """Strategy=auto: a link that never lets 100 KB pass at a time."""
    cases = {"m": ok(*[{"cut_after": 1000}] * 2, requests=None)}
    _, web, _ = run_all(world, cases, "ChunkSize=100000\nAttempts=9")
    ranges = [e["headers"].get("Range", "") for e in web.log("m")]
    expect_equal(ranges[:2], ["", "bytes=1000-"], "as a stream")
    expect_equal(ranges[2], "bytes=2000-101999", "in windows")


def test_a_size_nobody_announced_is_bounded_while_it_arrives(world):
    broker, web, otad = gateway(world, ["default"], "MaxSize=200000",
                                cloud=lab.HANQI)
    data = os.urandom(SIZE)
    for i, fault in enumerate(({"length": "chunked"}, {"length": "none"},
                               {"extra": 40_000_000, "length": "none"}, {})):
        url = web.put("big", data)
        web.script("big", [fault])
        mark = broker.mark()
        broker.publish(lab.HANQI_COMMAND, lab.hanqi_upgrade(
            f"2.{i}", url, data, f"m{i}", fileSize=None))
        failed = broker.wait("its end", lab.is_hanqi_state("failed"), mark)
        expect_equal(failed.payload["data"]["errorCode"], "SIZE_MISMATCH",
                     f"with {fault}")
        kept = sum(p.stat().st_size
                   for p in (otad.state / "download").iterdir())
        expect(kept <= 210_000, f"{kept} bytes were kept of {fault}")
    small = data[:150_000]
    url = web.put("small", small)
    web.script("small", [{"length": "chunked"}])
    mark = broker.mark()
    broker.publish(lab.HANQI_COMMAND, lab.hanqi_upgrade(
        "3.0", url, small, "m9", fileSize=None))
    broker.wait("its end", lab.is_hanqi_state("completed"), mark)
    expect_equal((world.folder / "files/default").read_bytes(), small,
                 "the file")


def test_only_allowed_hosts_are_asked_and_followed(world):
    broker, web, otad = gateway(
        world, ["a", "b", "c", "d"],
        "AllowedHosts=127.0.0.1 *.allowed.example\n")
    here = web.put("x", b"x")
    elsewhere = here.replace("127.0.0.1", "localhost")
    web.script("away", [always({"redirect": elsewhere})])
    urls = {"a": here, "b": elsewhere, "c": web.url("away"),
            "d": "http://allowed.example.evil.invalid/x"}
    mark = broker.mark()
    for name, url in urls.items():
        # Each of another content: who wants the same shares a download.
        offer(broker, name, url, b"x" if name == "a" else name.encode())
    ends = {name: broker.wait(name, is_result(name), mark).payload["report"][
        "progress"] for name in urls}
    expect_equal({n: p["state"] for n, p in ends.items()},
                 {"a": "done", "b": "fail", "c": "fail", "d": "fail"}, "ends")
    for name, host in (("b", "localhost"), ("c", "localhost"),
                       ("d", "allowed.example.evil.invalid")):
        text = ends[name]["result_msg"]
        expect("AllowedHosts" in text and host in text, f"{name}: {text}")
    hosts = {e["headers"]["Host"].split(":")[0] for e in web.log()}
    expect_equal(hosts, {"127.0.0.1"}, "who was asked")
    expect_equal(kinds(otad)["c"], "http-error", "a forbidden redirect")


# ---- TLS ----

def test_own_authority_and_client_certificate(world):
    ours, theirs = pki.Authority(world.folder), \
        pki.Authority(world.folder, "theirs")
    cert, key = ours.server()
    client_cert, client_key = ours.issue("client", "DNS:gateway")
    web = world.start_nginx(tls=f"""ssl_certificate {cert};
ssl_certificate_key {key}; ssl_client_certificate {ours.cert};
ssl_verify_client on;""")
    data = os.urandom(SIZE)
    url = web.put("fw", data)
    broker, _, otad = gateway(world, ["default"], start_web=False)
    good = (otad.folder / "etc/otad.conf").read_text()
    keys = f"CaFile={ours.cert}\nCertFile={client_cert}\nKeyFile={client_key}\n"
    settings = [
        ("the system's authorities", "", "network"),
        ("another authority", f"CaFile={theirs.cert}\n", "network"),
        ("no certificate of our own", f"CaFile={ours.cert}\n", "http-error"),
        ("all as it should be", keys, None)]
    for i, (what, lines, wanted) in enumerate(settings):
        otad.stop()
        otad.write_config(good.replace("[Update]", lines +
                                       "Attempts=1\n[Update]"))
        otad.start()
        mark = broker.mark()
        broker.publish(lab.TENCENT_UPDATE, lab.tencent_update(
            f"2.{i}", url, data))
        end = broker.wait(what, lambda m: any(
            lab.is_tencent_state(s)(m) for s in ("done", "fail")), mark)
        expect_equal(kinds(otad)["default"], wanted,
                     f"{what}: {end.payload['report']['progress']}")
    expect_equal((world.folder / "files/default").read_bytes(), data,
                 "the file")


def test_a_certificate_of_another_host_or_time_is_refused(world):
    authority = pki.Authority(world.folder)
    data = os.urandom(SIZE)
    broker, _, otad = gateway(world, ["a", "b"], start_web=False,
                              download=f"CaFile={authority.cert}\nAttempts=1")
    certificates = {
        "a": (authority.issue("other", "DNS:other.example,IP:127.0.0.2"),
              "subject"),
        "b": (authority.issue("old", "IP:127.0.0.1", days=-1), "expired")}
    for name, ((cert, key), word) in certificates.items():
        folder = world.folder / ("www-" + name)
        folder.mkdir()
        web = lab.FaultServer(folder, cert, key)
        world.own(web)
        mark = offer(broker, name, web.put("x", data), data)
        end = broker.wait("its end", is_result(name), mark)
        text = end.payload["report"]["progress"]["result_msg"]
        expect_equal(kinds(otad)[name], "network", text)
        expect(word in text, f"says not that it is about '{word}': {text}")


def test_redirects_up_to_https_but_never_down(world):
    authority = pki.Authority(world.folder)
    broker, plain, otad = gateway(world, ["up", "down"],
                                  f"CaFile={authority.cert}")
    secure = world.start_fault_server(*authority.server())
    plain.put("x", b"plain")
    secure.put("x", b"secure")
    plain.script("up", [always({"redirect": secure.url("x")})])
    secure.script("down", [always({"redirect": plain.url("x")})])
    mark = offer(broker, "up", plain.url("up"), b"secure")
    offer(broker, "down", secure.url("down"), b"plain")
    ends = {name: broker.wait(name, is_result(name), mark).payload["report"][
        "progress"] for name in ("up", "down")}
    expect_equal((ends["up"]["state"], ends["down"]["state"]),
                 ("done", "fail"), f"ends {ends}")
    expect_equal(kinds(otad)["down"], "http-error", "kind")
    expect_equal(plain.log("x"), [], "requests to the plain server")


def test_plain_http_only_where_it_is_allowed(world):
    authority = pki.Authority(world.folder)
    broker, plain, otad = gateway(
        world, ["m"], f"AllowHttp=no\nCaFile={authority.cert}")
    secure = world.start_fault_server(*authority.server())
    data = os.urandom(SIZE)
    plain.put("x", data)
    secure.put("x", data)
    mark = offer(broker, "m", plain.url("x"), data)
    told = broker.wait("the reject", lab.is_tencent_state("fail"), mark)
    expect_equal(told.payload["report"]["progress"]["result_msg"],
                 "rejected: url-scheme", "message")
    done = otad.ctl("update", "m", "--url", plain.url("x"), "--version", "2",
                    "--sha256", lab.sha256(data), "--wait", check=False)
    expect_equal(done.returncode, 1, "exit of otactl")
    expect("AllowHttp" in done.stderr, f"otactl: {done.stderr}")
    mark = offer(broker, "m", secure.url("x"), data)
    broker.wait("its end", lab.is_tencent_state("done"), mark)
    expect_equal(plain.log(), [], "requests to the plain server")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
