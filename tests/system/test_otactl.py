"""otactl and otad together: every command, every exit code, JSON and bars.

design.md, section 7. What otactl alone makes of answers: tests/unit.
"""

import fcntl
import json
import os
import pty
import re
import select
import socket
import struct
import subprocess
import sys
import termios
import time

import lab
import suite
import varlink
from suite import expect, expect_equal

IOTGO = "Platform=iotgo\nProductKey=PK\nDeviceName=gw"
CLASS = "[Class meter]\nModule=mcu exec {handler}\n"
HANDLER = """#!/bin/sh
case $1 in
version) cat "$OTA_STATE_DIR/$OTA_DEVICE.version" 2>/dev/null || echo 1.0 ;;
install) echo "$OTA_VERSION" >"$OTA_STATE_DIR/$OTA_DEVICE.version" ;;
esac
"""


def gateway(world, update="", platform=lab.TENCENT, more=""):
    """A gateway with a file `app` and a class of meters."""
    broker = world.start_broker()
    web = world.start_fault_server()
    path = world.folder / "app.conf"
    path.write_text("old")
    handler = world.folder / "flash"
    handler.write_text(HANDLER)
    handler.chmod(0o755)
    otad = world.otad(lab.base_config(
        broker, platform, f"[Module app]\nType=config\nPath={path}\n"
        f"Version=1.0\n{CLASS.format(handler=handler)}{more}", update=update,
        download="Attempts=1"))
    otad.start()
    lab.wait_until("the broker's session",
                   lambda: varlink.ask(otad.socket, "GetStatus")["connected"])
    return broker, web, otad, path


def refused(otad, *arguments, code=1):
    """What it says on standard error as it exits with `code`."""
    done = otad.ctl(*arguments, check=False)
    expect_equal(done.returncode, code, f"otactl {' '.join(arguments)}: "
                 f"{done.stdout}{done.stderr}")
    lines = done.stderr.splitlines()
    expect(lines and lines[0].startswith("otactl: "), f"stderr: {lines}")
    return done.stderr


def update(web, data, version, *more, module="app"):
    return ["update", module, "--url", web.put(f"{module}-{version}", data),
            "--version", version, "--sha256", lab.sha256(data), *more]


def documents(text):
    return [json.loads(line) for line in text.splitlines()]


# ---- each command ----

def test_update_waits_and_tells_its_end_by_the_exit_code(world):
    _, web, otad, path = gateway(world)
    otad.ctl(*update(web, b"new", "2.0", "--size", "3", "--wait"))
    expect_equal(path.read_text(), "new", "the file")
    told = refused(otad, *update(web, b"x", "3.0", "--size", "4", "--wait"))
    expect("size-mismatch" in told, told)
    wrong = update(web, b"x", "3.1")
    wrong[wrong.index("--sha256") + 1] = "0" * 64
    told = refused(otad, *wrong, "--wait")
    expect("digest-mismatch" in told, told)
    told = refused(otad, "update", "app", "--url", web.url("nowhere"),
                   "--version", "3.2", "--md5", "0" * 32, "--wait")
    expect("not-found" in told, told)
    told = refused(otad, *update(web, b"x", "1.9"))
    expect("2.0" in told and "AllowDowngrade" in told, told)
    expect("installed already" in otad.ctl(*update(web, b"x", "2.0")),
           "the version that runs")
    expect_equal(path.read_text(), "new", "the file at the end")


def test_usage_is_exit_2_and_asks_nobody(world):
    _, web, otad, _ = gateway(world)
    for arguments in ([], ["frobnicate"], ["update"], ["update", "app"],
                      ["update", "app", "--url", "x"], ["device"],
                      ["device", "add", "m"], ["history", "-n", "0"],
                      ["hold", "--until", "noon"], ["status", "x"],
                      ["install"], ["cancel"], ["rollback"], ["--nothing"],
                      [*update(web, b"x", "1"), "--version", "a/b"],
                      ["install", "../app"], ["status", "--device"]):
        refused(otad, *arguments, code=2)
    expect_equal(varlink.ask(otad.socket, "GetHistory")["history"], [], "done")


def test_help_asks_nobody(world):
    _, _, otad, _ = gateway(world)
    otad.kill()
    for arguments in ([], ["status"], ["update"], ["device"], ["device", "add"]):
        for option in ("--help", "-h"):
            told = otad.ctl(*arguments, option)
            expect(told.startswith(" ".join(["Usage: otactl", *arguments])), told)
    expect("device add NAME" in otad.ctl("device", "--help"), "one of its kind")
    refused(otad, "nothing", "--help", code=2)


def test_no_daemon_is_exit_3(world):
    _, _, otad, _ = gateway(world)
    otad.kill()  # leaves its socket behind
    for command in (["status"], ["watch"], ["check", "app"], ["hold"],
                    ["release"], ["history"], ["stats"], ["modules"],
                    ["device", "list"], ["install", "app"],
                    ["cancel", "app"], ["rollback", "app"]):
        told = refused(otad, *command, code=3)
        expect("otad" in told, told)
    nowhere = str(world.folder / "nothing")
    told = refused(otad, "--socket", nowhere, "status", code=3)
    expect(nowhere in told, told)


def test_install_starts_what_waits(world):
    _, web, otad, path = gateway(world, "Auto=no")
    expect("under way" in refused(otad, "install", "app"), "nothing waits")
    otad.ctl(*update(web, b"new", "2.0"))
    expect("otactl install" in otad.ctl("status"), "what to do")
    otad.ctl("install", "app")
    lab.wait_until("the file", lambda: path.read_text() == "new")
    otad.ctl(*update(web, b"newer", "3.0", "--force", "--wait"))
    expect_equal(path.read_text(), "newer", "forced")


def test_cancel_and_rollback(world):
    _, web, otad, path = gateway(world)
    expect("under way" in refused(otad, "cancel", "app"), "nothing to cancel")
    expect("no earlier version" in refused(otad, "rollback", "app"),
           "nothing to go back to")
    slow = update(web, os.urandom(200_000), "2.0", "--wait")
    web.script("app-2.0", [{"stall_after": 1000}])
    with lab.running(otad.ctl_command(*slow), stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE) as waiting:
        lab.wait_until("the download", lambda: web.log("app-2.0"))
        otad.ctl("cancel", "app")
        _, told = waiting.communicate(timeout=lab.DEADLINE_S)
        expect_equal(waiting.returncode, 1, "exit of who waits")
        expect("cancelled" in told, told)
    otad.ctl(*update(web, b"good", "2.1", "--wait"))
    otad.ctl("rollback", "app")
    lab.wait_until("the old file", lambda: path.read_text() == "old")
    lab.wait_until("its version", lambda: varlink.ask(
        otad.socket, "ListModules")["modules"][0]["version"] == "1.0")


def test_hold_ends_by_itself_or_by_release(world):
    _, web, otad, path = gateway(world)
    otad.ctl("hold", "stocktaking")
    expect("held until 'otactl release': stocktaking" in otad.ctl("status"),
           "status")
    otad.ctl(*update(web, b"new", "2.0"))
    expect("held" in otad.ctl("status"), "why it waits")
    expect("stocktaking" in refused(otad, "install", "app"), "who holds it")
    otad.ctl("release")
    lab.wait_until("the file", lambda: path.read_text() == "new")
    otad.ctl("release")  # again: nothing to do is no failure
    otad.ctl("hold", "--until", "1s", "a moment")
    otad.ctl(*update(web, b"newer", "3.0", "--wait"))
    expect_equal(path.read_text(), "newer", "after the hold")
    expect("held" not in otad.ctl("status"), "it is still held")
    for reason in ("x" * 257, "red \x1b[31m"):
        expect("reason" in refused(otad, "hold", reason), reason)


def test_devices_come_and_go(world):
    _, web, otad, _ = gateway(world)
    otad.ctl("device", "add", "meter-1", "--class", "meter")
    expect("meter-1" in otad.ctl("device", "list"), "the list")
    expect("class" in refused(otad, "device", "add", "m2", "--class", "none"),
           "unknown class")
    refused(otad, "device", "add", "meter-1", "--class", "meter")
    refused(otad, "device", "remove", "meter-2")
    refused(otad, "device", "remove", "self")
    firmware = update(web, b"firmware", "2.0", "--device", "meter-1", "--wait",
                      module="mcu")
    otad.ctl(*firmware)
    modules = documents(otad.ctl("modules", "--device", "meter-1", "--json"))
    expect_equal([(m["device"], m["module"], m["version"])
                  for m in modules[0]["modules"]],
                 [("meter-1", "mcu", "2.0")], "modules")
    history = documents(otad.ctl("history", "--json", "--device", "meter-1"))
    expect_equal([h["module"] for h in history[0]["history"]], ["mcu"],
                 "history")
    otad.kill()
    otad.start()
    expect("meter-1" in otad.ctl("device", "list"), "after a restart")
    otad.ctl("device", "remove", "meter-1")
    expect("meter-1" not in otad.ctl("device", "list"), "removed")
    refused(otad, "modules", "--device", "meter-1")
    refused(otad, "install", "meter-1/mcu")


def test_check_asks_the_cloud_and_waits_for_its_offer(world):
    broker, web, otad, path = gateway(world, "CheckInterval=1h", IOTGO)
    asked = "/sys/PK/gw/thing/ota/firmware/get"

    def answer(data, wanted):
        mark = broker.mark()
        with lab.running(otad.ctl_command("check", "app", "--wait"),
                         stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE) as check:
            broker.wait("a check", lambda m: m.topic == asked and
                        m.payload["params"]["module"] == "app", mark)
            broker.publish(asked + "_reply", {"code": 200, "data": data})
            out, told = check.communicate(timeout=lab.DEADLINE_S)
        expect_equal(check.returncode, wanted, f"exit; {out}{told}")
        return out + told

    offer = {"version": "2.0", "url": web.put("x", b"new"), "size": 3,
             "sign": lab.md5(b"new"), "signMethod": "Md5", "module": "app"}
    answer(offer, 0)
    expect_equal(path.read_text(), "new", "the file")
    told = answer({**offer, "version": "3.0", "sign": "0" * 32}, 1)
    expect("digest-mismatch" in told, told)
    done = otad.ctl("check", "nothing", check=False)
    expect_equal(done.returncode, 1, "a module there is not")


def test_everything_is_json_on_demand(world):
    _, web, otad, _ = gateway(world)
    otad.ctl("device", "add", "meter-1", "--class", "meter")
    otad.ctl(*update(web, b"new", "2.0", "--wait"))
    for command in (["status"], ["modules"], ["device", "list"], ["history"],
                    ["stats"], ["hold"], ["release"], ["check", "app"],
                    update(web, b"new", "2.0"),
                    ["device", "remove", "meter-1"], ["rollback", "app"]):
        answers = documents(otad.ctl(*command, "--json"))
        expect_equal([type(a) for a in answers], [dict],
                     f"otactl {' '.join(command)} --json")
    lab.wait_until("the old version", lambda: varlink.ask(
        otad.socket, "ListModules")["modules"][0]["version"] == "1.0")
    jobs = documents(otad.ctl(*update(web, b"third", "3.0", "--wait",
                                      "--json")))
    expect_equal(jobs[-1]["state"], "succeeded", "the last of update --wait")
    status = documents(otad.ctl("status", "--json"))[0]
    expect(status["connected"], "connected")
    done = otad.ctl("install", "app", "--json", check=False)
    expect_equal((done.returncode, done.stdout), (1, ""), "a refusal")


def test_history_and_stats_count(world):
    _, web, otad, _ = gateway(world)
    for n in range(2, 6):
        otad.ctl(*update(web, b"new" * n, f"{n}.0", "--wait"))
    refused(otad, *update(web, b"x", "9.0", "--size", "2", "--wait"))
    last = documents(otad.ctl("history", "-n", "2", "--json"))[0]["history"]
    expect_equal([(h["version"], h["state"]) for h in last],
                 [("5.0", "succeeded"), ("9.0", "failed")], "the last two")
    expect("size-mismatch" in otad.ctl("history"), "why, in words")
    stats = documents(otad.ctl("stats", "--json"))[0]
    expect_equal((stats["succeeded"], stats["failed"]), (4, 1), "stats")
    otad.kill()
    otad.start()
    stats = documents(otad.ctl("stats", "--json"))[0]
    expect_equal((stats["succeeded"], stats["failed"], stats["offers"]),
                 (4, 1, 0), "stats after a restart")
    expect("succeeded" in otad.ctl("stats"), "in words")


def test_output_that_nobody_takes_is_a_failure(world):
    _, _, otad, _ = gateway(world)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(otad.ctl_command("status"), stdout=full,
                              stderr=subprocess.PIPE, check=False,
                              timeout=lab.DEADLINE_S)
    expect_equal(done.returncode, 1, "exit status")


def test_a_peer_that_is_no_otad_is_told_apart(world):
    """Silence, an end, garbage: each has its exit code and words."""
    path = str(world.folder / "odd")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        for answer, code in ((b"", 3), (b"garbage\0", 1), (b"\0", 1),
                             (b'{"parameters":{}}\0', 0),
                             (b"x" * 4_000_000, 1)):
            with lab.running([world.build / "otactl", "--socket", path,
                              "stats"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE) as client:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    try:
                        connection.sendall(answer)
                    except (BrokenPipeError, ConnectionResetError):
                        pass
                _, told = client.communicate(timeout=lab.DEADLINE_S)
                expect_equal(client.returncode, code,
                             f"{answer[:20]!r}: {told}")
                expect(code == 0 or told.startswith("otactl: "), told)


# ---- watch ----

class Terminal:
    """A command on a pseudo terminal of its own."""

    def __init__(self, command, columns=80, rows=24):
        self.output = ""
        self.fd, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command, stdout=inside, stderr=inside, stdin=inside,
            start_new_session=True, env={**os.environ, "TERM": "xterm",
                                         "LC_ALL": "C.UTF-8"})
        os.close(inside)

    def wait_for(self, pattern):
        end = time.monotonic() + lab.DEADLINE_S
        while not re.search(pattern, self.output):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise lab.Failure(f"no {pattern!r} in {self.output!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                raise lab.Failure(f"ended: {self.output!r}") from None
            self.output += data.decode()

    def interrupt(self):
        """^C; its exit status."""
        self.process.send_signal(2)
        status = self.process.wait(lab.DEADLINE_S)
        os.close(self.fd)
        return status


def test_watch_draws_bars_that_grow(world):
    _, web, otad, _ = gateway(world)
    data = os.urandom(400_000)
    wanted = update(web, data, "2.0", "--size", str(len(data)))
    web.script("app-2.0", [{"rate": 200_000}])
    screen = Terminal(otad.ctl_command("watch"))
    screen.wait_for("no update")
    otad.ctl(*wanted)
    screen.wait_for(r"app 2\.0 .*downloading .*\[=+>? *\].* \d+%")
    screen.wait_for(r"succeeded")
    bars = [(len(m[1]), int(m[2])) for m in re.finditer(
        r"downloading +\[(=*)>? *\] +(\d+)%", screen.output)]
    expect(len(bars) > 3, f"bars: {bars}")
    expect_equal(bars, sorted(bars), "they shrink")
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "",
                                        screen.output))
    expect(max(map(len, lines)) <= 80, f"wider than the terminal: {lines}")
    expect_equal(screen.interrupt(), 0, "exit after ^C")


def test_watch_writes_a_line_for_each_change_elsewhere(world):
    _, web, otad, _ = gateway(world, "Auto=no")
    for version, extra in (("2.0", []), ("3.0", ["--json"])):
        otad.ctl(*update(web, b"new", version))
        with lab.running(otad.ctl_command("watch", *extra),
                         stdout=subprocess.PIPE) as watch:
            lines = [watch.stdout.readline()]
            otad.ctl("install", "app")
            while "succeeded" not in lines[-1]:
                lines.append(watch.stdout.readline())
            watch.send_signal(2)
            expect_equal(watch.wait(lab.DEADLINE_S), 0, "exit after ^C")
        expect(all("\x1b" not in line for line in lines), f"escapes: {lines}")
        states = [json.loads(line)["state"] if extra else line.split()[3]
                  for line in lines]
        expect_equal((states[0], states[-1]), ("available", "succeeded"),
                     "states")
        expect("installing" in states, f"states: {states}")


def test_watch_outlives_a_restart_of_otad(world):
    _, web, otad, path = gateway(world)
    screen = Terminal(otad.ctl_command("watch"))
    screen.wait_for("no update")
    otad.kill()
    screen.wait_for("away")
    otad.start()
    screen.wait_for("away.*\n(.*\n)*.*no update")
    otad.ctl(*update(web, b"new", "2.0", "--wait"))
    screen.wait_for("succeeded")
    expect_equal(screen.interrupt(), 0, "exit after ^C")
    expect_equal(path.read_text(), "new", "the file")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
