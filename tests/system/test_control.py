"""The control socket of a real otad, as its clients see it, good and bad.

design.md, section 8; src/control/io.otad.varlink. otactl: test_otactl.py.
"""

import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys

import lab
import suite
import varlink
from suite import expect, expect_equal

SERVICE = "org.varlink.service"
STATES = ["available", "downloading", "verifying", "backing-up", "installing",
          "restarting", "confirming", "succeeded"]
# From limits.h: clients at all, and those of one user who may only look.
MAX_CLIENTS = 64
MAX_STRANGERS_PER_UID = 16
NOBODY = 65534
# Debian's: another one may lie where only its owner can reach it.
PYTHON = "/usr/bin/python3"


def gateway(world, n_modules=1, update="", modules=""):
    broker = world.start_broker()
    web = world.start_fault_server()
    for i in range(n_modules):
        path = world.folder / f"m{i}.conf"
        path.write_text("old")
        modules += f"[Module m{i}]\nType=config\nPath={path}\nVersion=1.0\n"
    otad = world.otad(lab.base_config(broker, lab.TENCENT, modules,
                                      update=update))
    otad.start()
    lab.wait_until("the broker's session",
                   lambda: varlink.ask(otad.socket, "GetStatus")["connected"])
    return broker, web, otad


def offer(web, data, module="m0", version="2.0", **more):
    return {"module": module, "version": version, "url": web.put(module, data),
            "sha256": lab.sha256(data), **more}


# ---- what a good client sees ----

def test_attempts_that_fail_change_no_connection(world):
    broker, _, otad = gateway(world)
    start = len(otad.log())
    broker.stop()
    otad.wait_log("Cannot reach", start=start)
    before = varlink.ask(otad.socket, "GetStatus")
    expect(not before["connected"], "connected")
    otad.wait_log("Cannot reach.*\n(.*\n)*.*Cannot reach", start=start)
    expect_equal(varlink.ask(otad.socket, "GetStatus")["connection_changed_ms"],
                 before["connection_changed_ms"], "when it changed")


def test_who_it_is_and_what_it_speaks(world):
    _, _, otad = gateway(world)
    with varlink.Client(otad.socket) as client:
        info = client.ask(SERVICE + ".GetInfo")
        expect_equal(set(info), {"vendor", "product", "version", "url",
                                 "interfaces"}, "GetInfo")
        expect_equal(sorted(info["interfaces"]), ["io.otad", SERVICE],
                     "interfaces")
        expect_equal(info["version"],
                     client.ask("GetStatus")["version"], "version")
        for name in info["interfaces"]:
            source = lab.ROOT / f"src/control/{name}.varlink"
            told = client.ask(SERVICE + ".GetInterfaceDescription",
                              {"interface": name})
            expect_equal(told["description"], source.read_text(), name)


def errors_of(client):
    """(what is called, the error that comes back, its parameters)"""
    return [
        (("io.otad.Nothing",), "MethodNotFound", {"method": "Nothing"}),
        (("io.otad.getstatus",), "MethodNotFound", {"method": "getstatus"}),
        (("io.other.GetStatus",), "InterfaceNotFound",
         {"interface": "io.other"}),
        (("GetStatus.",), "InterfaceNotFound", {"interface": "GetStatus"}),
        (("io.otad.",), "MethodNotFound", {"method": ""}),
        ((SERVICE + ".GetInterfaceDescription", {"interface": "io.other"}),
         "InterfaceNotFound", {"interface": "io.other"}),
        ((SERVICE + ".GetInterfaceDescription",), "InvalidParameter",
         {"parameter": "interface"}),
        (("io.otad.GetStatus", {"x": 1}), "InvalidParameter",
         {"parameter": "x"}),
        (("io.otad.GetHistory", {"count": "1"}), "InvalidParameter",
         {"parameter": "count"}),
        (("io.otad.GetHistory", {"count": 0}), "InvalidParameter",
         {"parameter": "count"}),
        (("io.otad.Update", {"version": "1"}), "InvalidParameter",
         {"parameter": "url"}),
        (("io.otad.Watch",), "ExpectedMore", {}),
    ]


def test_what_is_wrong_is_said_and_the_connection_stays(world):
    _, _, otad = gateway(world)
    with varlink.Client(otad.socket) as client:
        for call, error, parameters in errors_of(client):
            reply = client.call(*call)
            expect_equal((reply.get("error"), reply.get("parameters")),
                         (f"{SERVICE}.{error}", parameters), call[0])
        client.ask("GetStatus")


def test_update_refuses_what_protocols_md_refuses(world):
    _, web, otad = gateway(world)
    good = offer(web, b"new")
    bad = [("version", "../1"), ("version", ""), ("version", "1" * 65),
           ("url", "ftp://h/x"), ("url", "http://u:p@h/x"), ("url", "h/x"),
           ("url", "http://h/ x"), ("url", "http://h/" + "x" * 2048),
           ("sha256", "0" * 63), ("sha256", "x" * 64), ("sha256", None),
           ("size", 0), ("size", -1), ("module", "../m"), ("device", "a/b"),
           ("md5", "0" * 31)]
    with varlink.Client(otad.socket) as client:
        for name, value in bad:
            reply = client.call("Update", {**good, name: value})
            expect_equal((reply.get("error"), reply["parameters"]),
                         (SERVICE + ".InvalidParameter", {"parameter": name}),
                         f"{name}={value!r}")
        reply = client.call("Update", {**good, "module": "nothing"})
        expect_equal(reply.get("error"), "io.otad.NotFound", "no such module")
        expect_equal(client.ask("GetStatus")["jobs"], 0, "jobs")
    expect_equal(web.log(), [], "requests")


def test_watch_streams_a_whole_update(world):
    _, web, otad = gateway(world)
    data = os.urandom(400_000)
    with varlink.Client(otad.socket) as watcher, \
            varlink.Client(otad.socket) as client:
        watcher.send("io.otad.Watch", more=True)
        expect_equal(watcher.receive(), {"parameters": {}, "continues": True},
                     "first, as nothing runs")
        wanted = offer(web, data, size=len(data))
        web.script("m0", [{"rate": 400_000}])
        job_id = client.ask("Update", wanted)["job"]
        jobs = []
        while not jobs or jobs[-1]["state"] != "succeeded":
            reply = watcher.receive()
            expect(reply["continues"], "the stream ends")
            jobs.append(reply["parameters"]["job"])
        expect_equal({j["id"] for j in jobs}, {job_id}, "ids")
        seen = list(dict.fromkeys(j["state"] for j in jobs))
        expect_equal(seen, STATES, "states")
        for key in ("progress_percent", "received_bytes"):
            values = [j[key] for j in jobs]
            expect_equal(values, sorted(values), key)
        expect_equal(jobs[-1]["progress_percent"], 100, "at the end")
        expect([j for j in jobs[:-1] if j["progress_percent"] == 100] == [],
               "only 100 means finished")
        modules = client.ask("ListModules")["modules"]
        expect_equal([(m["module"], m["version"], m["previous"])
                      for m in modules], [("m0", "2.0", "1.0")], "modules")
        history = client.ask("GetHistory")["history"]
        expect_equal([(h["job"], h["state"], h["bytes"]) for h in history],
                     [(job_id, "succeeded", len(data))], "history")
        stats = client.ask("GetStats")
        expect_equal((stats["succeeded"], stats["bytes_downloaded"]),
                     (1, len(data)), "stats")


def test_watch_begins_with_what_runs_and_keeps_to_its_module(world):
    _, web, otad = gateway(world, n_modules=3, update="Auto=no")
    with varlink.Client(otad.socket) as client, \
            varlink.Client(otad.socket) as all_jobs, \
            varlink.Client(otad.socket) as one:
        for i in range(3):
            client.ask("Update", offer(web, b"new", f"m{i}"))
        all_jobs.send("io.otad.Watch", more=True)
        first = [all_jobs.receive()["parameters"] for _ in range(4)]
        expect_equal([p.get("job", {}).get("module") for p in first],
                     ["m0", "m1", "m2", None], "what runs, then none")
        one.send("io.otad.Watch", {"module": "m1"}, more=True)
        expect_equal(one.receive()["parameters"]["job"]["module"], "m1", "one")
        expect_equal(one.receive()["parameters"], {}, "end of its list")
        for i in (0, 1):
            client.ask("Install", {"module": f"m{i}"})
        while True:
            job = one.receive()["parameters"]["job"]
            expect_equal(job["module"], "m1", "module of a change")
            if job["state"] == "succeeded":
                break


def test_a_watcher_learns_why_a_job_waits(world):
    _, web, otad = gateway(world, update="Auto=no")
    with varlink.Client(otad.socket) as watcher, \
            varlink.Client(otad.socket) as client:
        watcher.send("io.otad.Watch", more=True)
        watcher.receive()

        def waits_for(what):
            while what not in (watcher.receive()["parameters"]["job"]
                               .get("waiting") or ""):
                pass
        client.ask("Update", offer(web, b"new"))
        waits_for("otactl install")
        client.ask("Hold")
        waits_for("held")
        client.ask("Release")
        waits_for("otactl install")


# ---- what a bad client gets ----

def garbage():
    yield "text", b"hello\0"
    yield "HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\0"
    yield "nothing", b"\0"
    yield "an array", b'["io.otad.GetStatus"]\0'
    yield "a number", b"42\0"
    yield "no method", b"{}\0"
    yield "method is a number", b'{"method":1}\0'
    yield "parameters are an array", \
        b'{"method":"io.otad.GetStatus","parameters":[]}\0'
    yield "more is a string", b'{"method":"io.otad.GetStatus","more":"yes"}\0'
    yield "two methods", b'{"method":"io.otad.GetStatus","method":"x.y"}\0'
    yield "invalid UTF-8", b'{"method":"io.otad.\xff"}\0'
    yield "a comment", b'{/**/"method":"io.otad.GetStatus"}\0'
    yield "binary", bytes(range(255, 0, -1)) * 4 + b"\0"
    yield "too deep", b'{"method":"io.otad.GetStatus","parameters":' + \
        b'{"a":' * 20 + b"1" + b"}" * 20 + b"}\0"
    yield "very deep", b"[" * 60000 + b"\0"
    yield "too large", b'{"method":"' + b"x" * 70000 + b'"}\0'
    yield "endless", b"x" * 70000


def test_garbage_is_answered_once_and_cut_off(world):
    _, _, otad = gateway(world)
    for name, data in garbage():
        with varlink.Client(otad.socket) as client:
            try:
                client.send_bytes(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has heard enough
            replies = client.wait_closed()
            expect_equal([(r.get("error"), r["parameters"].get("kind"))
                          for r in replies],
                         [("io.otad.Refused", "protocol-error")], name)
        varlink.ask(otad.socket, "GetStatus")
    lines = [line for line in otad.log().splitlines() if "client" in line]
    expect(1 <= len(lines) < 18, f"lines of the log: {lines}")
    expect(all(f"pid {os.getpid()}, uid {os.geteuid()}" in line
               for line in lines), f"who it was: {lines}")


def test_messages_in_pieces_and_in_bundles(world):
    _, _, otad = gateway(world)
    message = b'{"method":"io.otad.GetStatus"}\0'
    with varlink.Client(otad.socket) as half, \
            varlink.Client(otad.socket) as client:
        half.send_bytes(message[:10])
        client.ask("GetStatus")
        for byte in message[10:]:
            half.send_bytes(bytes([byte]))
            client.ask("GetStatus")
        expect("version" in half.receive()["parameters"], "in pieces")
        half.send_bytes(message[:10])
        half.socket.shutdown(socket.SHUT_WR)
        expect_equal(half.wait_closed(), [], "a half message at the end")
        calls = [f'{{"method":"io.otad.N{i}"}}'.encode() for i in range(300)]
        client.send_bytes(b"".join(call + b"\0" for call in calls))
        expect_equal([client.receive()["parameters"]["method"]
                      for _ in calls], [f"N{i}" for i in range(300)],
                     "in bundles, in order")
        client.send("io.otad.GetStatus", oneway=True)
        client.send("io.otad.GetStats")
        expect("uptime_ms" in client.receive()["parameters"],
               "a oneway call was answered")


def test_who_leaves_at_once_still_gets_things_done(world):
    _, _, otad = gateway(world)
    for _ in range(50):
        with varlink.Client(otad.socket) as client:
            client.send("io.otad.ListModules", more=True)
    with varlink.Client(otad.socket) as client:
        client.send("io.otad.Hold", {"reason": "gone"}, oneway=True)
    lab.wait_until("held", lambda: varlink.ask(otad.socket,
                                               "GetStatus")["held"])


def test_a_hundred_silent_clients_of_root_leave_the_rest_working(world):
    broker, web, otad = gateway(world)
    silent = [varlink.Client(otad.socket) for _ in range(100)]
    for client in silent[:-MAX_CLIENTS]:
        expect_equal(client.wait_closed(), [], "what makes room is told")
    mark = broker.mark()
    data = b"new"
    broker.publish(lab.TENCENT_UPDATE, lab.tencent_update(
        "2.0", web.put("x", data), data, fw_type="m0"))
    broker.wait("done meanwhile", lab.is_tencent_state("done"), mark)
    otad.ctl("status")
    expect_equal(silent[-1].call("GetStatus").get("error"), None,
                 "a silent one speaks")
    for client in silent:
        client.socket.close()


def memory_kib(process):
    """The most it ever had; None where a sanitizer takes its own."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    kib = {name: int(re.search(rf"{name}:\s*(\d+)", status)[1])
           for name in ("VmPeak", "VmHWM")}
    # The shadow of AddressSanitizer spans terabytes.
    return None if kib["VmPeak"] > 1 << 30 else kib["VmHWM"]


def test_a_watcher_that_never_reads_is_left_behind(world):
    """Its buffer is bounded, the others are told everything."""
    n_jobs, told = 30, 0
    _, web, otad = gateway(world, n_modules=n_jobs, update="Auto=no")
    with varlink.Client(otad.socket) as slow, \
            varlink.Client(otad.socket) as good, \
            varlink.Client(otad.socket) as client:
        for i in range(n_jobs):
            client.ask("Update", offer(web, b"new", f"m{i}"))
        for watcher in (slow, good):
            watcher.send("io.otad.Watch", more=True)
            while "job" in watcher.receive()["parameters"]:
                pass
        # Twice what the kernel and otad keep for a client that does not read.
        while told * 300 < 2 * (512 << 10):
            for method in ("Hold", "Release"):
                client.ask(method)
                for _ in range(n_jobs):
                    good.receive()
                    told += 1
        replies = slow.wait_closed()
        expect_equal(replies[-1].get("error"), "io.otad.TooSlow", "its end")
        expect(all("job" in r["parameters"] for r in replies[:-1]),
               "a reply is torn")
        expect(len(replies) < told, "it was told everything")
        expect_equal(client.ask("GetStatus")["jobs"], n_jobs, "jobs")
    kib = memory_kib(otad.process)
    expect(kib is None or kib < 64 * 1024, f"{kib} KiB of memory")


# ---- who may do what ----

CLIENT = r"""
import json, os, sys
sys.path.insert(0, sys.argv[1])
import varlink
for call in json.load(sys.stdin):
    try:
        with varlink.Client(sys.argv[2]) as client:
            print(json.dumps(client.call(*call)), flush=True)
    except Exception as failure:
        print(json.dumps({"failure": repr(failure)}), flush=True)
"""


def as_nobody(world, command, **more):
    """Runs it as a user of no rights; files of the lab are made readable."""
    if os.geteuid() != 0:
        suite.skip("needs root to become somebody else")
    world.folder.chmod(0o755)
    return subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[],
                          capture_output=True, text=True,
                          timeout=lab.DEADLINE_S, check=False, **more)


def calls_as_nobody(world, otad, calls):
    support = world.folder / "support"
    support.mkdir(mode=0o755)
    for name in ("varlink.py", "lab.py"):
        text = (lab.ROOT / "tests/system" / name).read_bytes()
        (support / name).write_bytes(text)
    done = as_nobody(world, [PYTHON, "-c", CLIENT, str(support),
                             str(otad.socket)], input=json.dumps(calls))
    expect_equal(done.returncode, 0, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_somebody_else_may_read_but_not_change(world):
    _, web, otad = gateway(world, update="Auto=no", modules="[Class c]\n"
                           "Module=default exec /bin/true\n")
    varlink.ask(otad.socket, "Update", offer(web, b"new"))
    before = varlink.ask(otad.socket, "GetStatus")
    read = [["GetStatus"], ["ListModules"], ["ListDevices"], ["GetHistory"],
            ["GetStats"], [SERVICE + ".GetInfo"]]
    change = [["Check"], ["Update", offer(web, b"x", version="3")],
              ["Install", {"module": "m0"}], ["Cancel", {"module": "m0"}],
              ["Rollback", {"module": "m0"}], ["Hold"], ["Release"],
              ["AddDevice", {"name": "d", "class": "c"}],
              ["RemoveDevice", {"name": "d"}]]
    replies = calls_as_nobody(world, otad, read + change)
    for call, reply in zip(read, replies):
        expect("parameters" in reply and "error" not in reply,
               f"{call}: {reply}")
    for call, reply in zip(change, replies[len(read):]):
        expect_equal(reply.get("error"), SERVICE + ".PermissionDenied", call[0])
    expect_equal(varlink.ask(otad.socket, "GetStatus"), before, "status")


def test_otactl_of_somebody_else_says_who_may(world):
    _, _, otad = gateway(world)
    otactl = world.folder / "otactl"
    otactl.write_bytes((world.build / "otactl").read_bytes())
    otactl.chmod(0o755)
    command = [str(otactl), "--socket", str(otad.socket)]
    done = as_nobody(world, command + ["status"])
    expect_equal(done.returncode, 0, done.stderr)
    done = as_nobody(world, command + ["hold"])
    expect_equal(done.returncode, 1, "exit status")
    expect("root" in done.stderr and "group" in done.stderr, done.stderr)
    expect(not varlink.ask(otad.socket, "GetStatus")["held"], "held")


SILENT = """
import socket, sys
sockets = []
for _ in range(100):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    sockets.append(s)
print("connected", flush=True)
sys.stdin.read()
"""


def test_a_hundred_silent_strangers_leave_room_for_root(world):
    _, _, otad = gateway(world)
    if os.geteuid() != 0:
        suite.skip("needs root to become somebody else")
    world.folder.chmod(0o755)
    with subprocess.Popen([PYTHON, "-c", SILENT, str(otad.socket)],
                          user=NOBODY, group=NOBODY, extra_groups=[],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as strangers:
        expect_equal(strangers.stdout.readline(), "connected\n", "strangers")
        for _ in range(20):
            otad.ctl("status")
        descriptors = os.listdir(f"/proc/{otad.process.pid}/fd")
        expect(len(descriptors) < MAX_STRANGERS_PER_UID + 40,
               f"{len(descriptors)} descriptors are open")
        strangers.stdin.close()
        strangers.wait(lab.DEADLINE_S)


# ---- all at once ----

def test_the_loop_turns_whatever_clients_do(world):
    """Clients that shout, hang and stop reading, while an update runs."""
    _, web, otad = gateway(world, n_modules=2)
    data = os.urandom(2_000_000)
    shouting = [varlink.Client(otad.socket) for _ in range(20)]
    for i, client in enumerate(shouting):
        client.socket.setblocking(False)
        if i % 3 == 0:
            client.send("io.otad.Watch", more=True)
    flood = b'{"method":"io.otad.ListModules"}\0' * 500
    wanted = offer(web, data, size=len(data))
    web.script("m0", [{"rate": 2_000_000}])
    with varlink.Client(otad.socket) as client:
        client.ask("Update", wanted)

        def ended():
            for shouter in shouting:
                try:
                    shouter.socket.send(flood)
                except BlockingIOError:
                    pass
            modules = client.ask("ListModules")["modules"]
            return modules[0]["job"]["state"] == "succeeded"
        lab.wait_until("the update's end", ended)
        stall_us = client.ask("GetStats")["longest_stall_us"]
    expect(stall_us < 5_000_000, f"the loop stood still for {stall_us} us")
    expect_equal((world.folder / "m0.conf").read_bytes(), data, "the file")
    for client in shouting:
        client.socket.close()


def test_without_descriptors_it_waits_and_goes_on(world):
    _, _, otad = gateway(world)
    in_use = len(os.listdir(f"/proc/{otad.process.pid}/fd"))
    resource.prlimit(otad.process.pid, resource.RLIMIT_NOFILE,
                     (in_use + 5, in_use + 5))
    clients = [varlink.Client(otad.socket) for _ in range(20)]
    otad.wait_log("control socket: ")
    for client in clients:
        client.socket.close()
    lab.wait_until("an answer", lambda: otad.ctl(
        "status", check=False).returncode == 0)


def test_a_socket_left_behind_is_replaced(world):
    _, _, otad = gateway(world)
    otad.kill()
    expect(otad.socket.exists(), "the socket is gone")
    otad.start()
    mode = otad.socket.stat().st_mode & 0o777
    expect_equal(mode, 0o666, "mode of the socket")
    otad.stop()
    expect(not otad.socket.exists(), "the socket is left after a clean end")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
