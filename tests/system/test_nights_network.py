"""Nights in which the network is bad: brokers, links, names, file servers."""

import json
import os
import random
import sys

import lab
import nights
import suite
from nights import (body, check_morning, config, ends_in_log, is_end, lines,
                    offer, otad_program)
from suite import expect, expect_equal

LATER_S = 150  # otad waits up to a minute between two tries to connect


def gateway(world, link, launched=False, wrapper=(), **more):
    """otad with the broker behind `link`, not started."""
    text, path = config(world, link.port, **more)
    otad = world.otad(text, launched=launched)
    otad.wrapper = list(wrapper)
    return otad, path


def requests(web):
    return [r for r in web.log() if r["path"].startswith("/fw")]


# ---- the broker restarts every second ----

def test_a_broker_that_restarts_every_second(world):
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    otad, path = gateway(world, broker)
    otad.start()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    data = os.urandom(1_500_000)
    url = web.put("fw", data)
    web.script("fw", [{"rate": 150_000}])
    mark = offer(broker, url, data)
    broker.wait("downloading", lab.is_hanqi_state("downloading"), mark)
    with nights.Every(1, broker.restart) as restarts:
        lab.wait_until("the end, whatever it is",
                       lambda: ends_in_log(otad, "1.0.1"))
        lab.wait_until("ten restarts", lambda: restarts.count >= 10)
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", "the end")
    check_morning(otad, path=path, either=(data,))
    expect_equal(len(requests(web)), 1, "downloads")


def test_a_broker_that_restarts_every_second_of_a_trial(world):
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    otad, _ = gateway(world, broker, launched=True, update="ConfirmTimeout=2min",
                      module="")
    otad.write_config(lab.base_config(
        broker, lab.HANQI, mqtt=nights.mqtt_with_secret(world.folder),
        update="ConfirmTimeout=2min"))
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    new = otad_program(world, "1.0.1")
    mark = offer(broker, web.put("otad", new), new)
    with nights.Every(1, broker.restart) as restarts:
        otad.wait_log(r"otad 1\.0\.1 started")
        at = restarts.count
        lab.wait_until("ten restarts of a trial",
                       lambda: restarts.count >= at + 10)
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal((body(done)["state"], body(done)["currentVersion"]),
                 ("completed", "1.0.1"), "the end")
    check_morning(otad)
    expect_equal(otad.target.read_bytes(), new, "the file in place")
    expect_equal(otad.starts, 1, "starts")


# ---- the broker accepts and never answers ----

def test_a_broker_that_never_answers_stops_no_update(world):
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    link = world.own(nights.Link(broker.port, mode="mute"))
    otad, path = gateway(world, link)
    otad.start()
    lab.wait_until("otad is connected", lambda: link.accepted)
    data = os.urandom(100_000)
    otad.ctl("update", "default", "--url", web.put("fw", data), "--version",
             "1.0.1", "--sha256", lab.sha256(data), "--size", str(len(data)))
    lab.wait_until("the end", lambda: ends_in_log(otad, "1.0.1"))
    expect_equal(path.read_bytes(), data, "the file")
    lab.wait_until("a report is kept",
                   lambda: list((otad.state / "outbox").iterdir()))
    otad.wait_log(r"within 15 s|did not answer|no answer")
    # Neither a restart nor the silence forgets it.
    otad.kill()
    otad.start()
    mark = broker.mark()
    link.mode = "open"
    link.cut()
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", "the end")
    check_morning(otad, path=path, either=(data,))


def test_a_broker_that_acknowledges_nothing(world):
    """With nothing else to tell it by: the next ping is far away."""
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    link = world.own(nights.Link(broker.port, mode="deaf"))
    otad, path = gateway(world, link, mqtt="KeepAlive=1h\n")
    otad.start()
    data = os.urandom(100_000)
    mark = broker.mark()
    otad.ctl("update", "default", "--url", web.put("fw", data), "--version",
             "1.0.1", "--sha256", lab.sha256(data), "--size", str(len(data)))
    lab.wait_until("the end", lambda: ends_in_log(otad, "1.0.1"))
    otad.wait_log(r"no acknowledgement within 60 s", LATER_S)
    link.mode = "open"
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", "the end")
    check_morning(otad, path=path, either=(data,))


def test_a_broker_that_falls_silent_in_a_trial(world):
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    link = world.own(nights.Link(broker.port))
    otad, _ = gateway(world, link, launched=True)
    otad.write_config(lab.base_config(
        link, lab.HANQI, mqtt=nights.mqtt_with_secret(world.folder),
        update="ConfirmTimeout=3s"))
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    old = otad.binary.read_bytes()
    new = otad_program(world, "1.0.1")
    url = web.put("otad", new)
    link.mode = "mute"  # for who connects from now on: the new version
    mark = offer(broker, url, new)
    otad.wait_log(r"otad 1\.0\.1 started")
    otad.wait_log(r"otad 1\.0\.0 started[^$]*otad 1\.0\.0 started")
    link.mode = "open"
    link.cut()
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal((body(done)["errorCode"], body(done)["currentVersion"]),
                 ("HEALTH_CHECK_FAILED", "1.0.0"), "the end")
    check_morning(otad)
    expect_equal(otad.target.read_bytes(), old, "the file in place")


# ---- 1 KiB/s, and cut every 10 s ----

def test_a_link_of_1_kib_a_second_that_drops_every_10_s(world):
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    budget = nights.Budget(1024)
    to_broker = world.own(nights.Link(broker.port, budget))
    to_web = world.own(nights.Link(web.port, budget))
    otad, path = gateway(world, to_broker)
    otad.start()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    data = os.urandom(24 * 1024)
    url = web.put("fw", data).replace(str(web.port), str(to_web.port))

    def drop():
        to_broker.cut()
        to_web.cut()

    mark = offer(broker, url, data)
    with nights.Every(10, drop) as drops:
        lab.wait_until("the end", lambda: ends_in_log(otad, "1.0.1"), LATER_S)
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", "the end")
    check_morning(otad, path=path, either=(data,))
    expect(drops.count >= 2, f"{drops.count} drops")
    resumed = [r for r in requests(web) if r["status"] == 206]
    expect(resumed, "nothing was resumed")
    # Each drop may lose what was on its way, not what had arrived.
    first = [int(r["headers"]["Range"][6:].split("-")[0]) for r in resumed]
    expect(first[0] > 0 and first == sorted(first), f"ranges from {first}")


# ---- DNS that hangs ----

def test_names_that_nobody_resolves(world):
    nights.need_mounts(world.folder)
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    names = world.own(nights.NameServer(world.folder))
    otad, path = gateway(world, broker, wrapper=names.wrapper(),
                         download="Attempts=2\nTimeout=3s\n")
    good = (otad.folder / "etc/otad.conf").read_text()
    otad.write_config(good.replace("Host=127.0.0.1", "Host=broker.test"))
    otad.start()
    lab.wait_until("the broker's name is asked for",
                   lambda: any(b"broker" in q for q in names.questions))
    data = os.urandom(100_000)
    url = web.put("fw", data).replace("127.0.0.1", "files.test")
    update = ["update", "default", "--url", url, "--version", "1.0.1",
              "--sha256", lab.sha256(data), "--size", str(len(data))]
    otad.ctl(*update)
    lab.wait_until("the server's name is asked for",
                   lambda: any(b"files" in q for q in names.questions))
    # No question was answered, and one takes half a minute: it did not wait.
    expect("default" in otad.ctl("status"), "status while names are asked for")
    lab.wait_until("the end", lambda: ends_in_log(otad, "1.0.1"))
    expect_equal(ends_in_log(otad, "1.0.1"), ["failed"], "the end")
    expect_equal(path.read_text(), "old", "the file")
    mark = broker.mark()
    names.answers = True
    told = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(told)["errorCode"], "DOWNLOAD_TIMEOUT", "the end")
    check_morning(otad, path=path, either=(b"old",))
    mark = offer(broker, url, data, "1.0.2")
    done = broker.wait("the end", is_end("1.0.2"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", "the end")
    expect_equal(path.read_bytes(), data, "the file")


# ---- ten thousand retained messages ----

def test_ten_thousand_retained_messages_on_connect(world):
    """Offers, old and broken ones, and messages nobody asked for."""
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    data = os.urandom(100_000)
    url = web.put("fw", data)
    chance = random.Random(4)
    flood = []
    for i in range(10_000):
        topic = lab.HANQI_COMMAND if i % 4 else f"hanqi/gateway/{i}/command"
        good = json.dumps(lab.hanqi_upgrade("0.9.1", url, data, f"old_{i}"))
        text = good if i % 10 == 1 else good[:chance.randrange(len(good))]
        flood.append(lab.mqtt_publish(topic, text.encode(), retain=True))
    link = world.own(nights.Link(broker.port, inject=b"".join(flood)))
    otad, path = gateway(world, link)
    otad.start()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    mark = offer(broker, url, data)
    # A thousand of them are refused, remembered and told, each on disk.
    done = broker.wait("the end", is_end("1.0.1"), mark, 2 * LATER_S)
    expect_equal(body(done)["state"], "completed", "the end")
    check_morning(otad, path=path, either=(data,))
    expect_equal(link.accepted, 1, "connections")
    # Seven thousand of them, and not a line for each.
    expect(0 < len(lines(otad, "is unusable")) <= 50, "a flood in the log")


# ---- a server that lies about everything ----

LIES = [
    {"range_shift": 7}, {"range_total": 10}, {"range_total": "*"},
    {"content_range": "bytes 0-1/2"}, {"content_range": "lies"},
    {"no_content_range": True}, {"unsatisfiable": True},
    {"ignore_range": True}, {"part_bytes": 3000}, {"part_to_end": True},
    {"force_part": True}, {"announce": 10}, {"announce": 10_000_000_000},
    {"extra": 500}, {"length": "none"}, {"length": "chunked"},
    {"encoding": "gzip"}, {"encoding": "br"}, {"etag": '"same"'},
    {"etag": ""}, {"etag": 'W/"weak"'}, {"last_modified": ""},
    {"last_modified": "Thu, 01 Jan 1970 00:00:00 GMT"},
    {"file": "other"}, {"file": "other", "etag": '"same"'},
    {"content": "not the firmware", "times": 4000}, {"content": ""},
    {"status": 503}, {"status": 503, "retry_after": "1"},
    {"status": 500, "retry_after": "Fri, 31 Dec 1999 23:59:59 GMT"},
    {"header_bytes": 60_000}, {"interim": 103}, {"cut_head": True},
]


def lies(chance, size):
    """What one server says of one file, from the first request on."""
    told = []
    for _ in range(chance.randrange(1, 5)):
        fault = dict(chance.choice(LIES))
        if chance.random() < 0.6:
            fault["cut_after"] = chance.randrange(size)
        told.append(fault)
    return told


def test_a_server_that_lies_about_everything(world):
    seed = int(os.environ.get("OTAD_SEED", "4"))
    chance = random.Random(seed)
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    names = [f"m{i}" for i in range(60)]
    folder = world.folder / "modules"
    folder.mkdir()
    modules = "".join(f"[Module {name}]\nType=config\nPath={folder}/{name}\n"
                      "Version=1.0.0\n" for name in names)
    otad, _ = gateway(world, broker, module=modules,
                      download="Attempts=3\nStallTimeout=5s\nMaxDownloads=16\n")
    otad.start()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    good = {}
    web.put("other", os.urandom(90_000))
    for name in names:
        (folder / name).write_text("old")
        good[name] = os.urandom(90_000)
        url = web.put(name, good[name])
        web.script(name, lies(chance, 90_000))
        otad.ctl("update", name, "--url", f"{url}?sign={nights.TOKEN}",
                 "--version", "1.0.1", "--md5", lab.md5(good[name]))
    lab.wait_until("all have ended",
                   lambda: len(ends_in_log(otad, "1.0.1")) == len(names),
                   LATER_S)
    nights.check_alive(otad)
    nights.check_nothing_beside(folder, names)
    ends = dict(lines(otad, r"^\w+: (m\d+) 1\.0\.1 of \S+: "
                            r"(succeeded|failed|rolled-back)\b"))
    for name in names:
        wanted = good[name] if ends[name] == "succeeded" else b"old"
        expect((folder / name).read_bytes() == wanted,
               f"seed {seed}, {name}: {ends[name]}, and the file is not so")
    expect("succeeded" in ends.values() and "failed" in ends.values(),
           f"seed {seed} tries nothing: {ends}")


if __name__ == "__main__":
    suite.main(sys.modules[__name__], at_once=8)
