#!/usr/bin/env python3
"""otactl against a scripted otad: test-otactl.py OTACTL FAKE_OTAD

What people see (words, columns, bars), what scripts see (exit codes, JSON).
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unicodedata
import unittest

OTACTL, FAKE_OTAD = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
DEADLINE_S = 20
SHA256 = "ab" * 32
OFFER = ["--url", "https://h/a", "--version", "1.2.0", "--sha256", SHA256]
JOB = {"id": "7", "device": "self", "module": "app", "version": "1.2.0",
       "old_version": "1.0.0", "state": "downloading", "percent": 42,
       "received": 1 << 20, "total": 4 << 20, "rate": 1 << 19}


def columns(text):
    """How many columns of a terminal it takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def environment(**more):
    env = {k: v for k, v in os.environ.items()
           if k not in ("NO_COLOR", "RUNTIME_DIRECTORY", "LC_ALL", "LANG", "TZ")}
    return env | {"TZ": "UTC", "LANG": "C.UTF-8", "TERM": "xterm"} | more


def read_terminal(fd):
    """Some of what stands there; nothing at the end, when nobody is left."""
    try:
        return os.read(fd, 65536).decode()
    except OSError:
        return ""


class FakeOtad:
    """A process that plays otad; everything it is told is done when tell() returns."""

    def __init__(self, path):
        self.calls = []
        self.process = subprocess.Popen([FAKE_OTAD, path], text=True,
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        assert self.read() == "ready"

    def read(self):
        return self.process.stdout.readline().strip()

    def tell(self, what, **fields):
        self.process.stdin.write(json.dumps({"do": what} | fields) + "\n")
        self.process.stdin.flush()
        while (line := self.read()) != "ok":
            assert line.startswith("call "), line
            self.calls.append(line[5:])

    def module(self, module="app", device="self", version="1.0.0", **more):
        self.tell("module", device=device, module=module, version=version, **more)

    def job(self, **changes):
        self.tell("job", **(JOB | changes))

    def wait_call(self):
        """The next call of a client, whenever it comes."""
        if not self.calls:
            line = self.read()
            assert line.startswith("call "), line
            self.calls.append(line[5:])
        return self.calls.pop(0)

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        assert code == 0, f"the fake ended with {code}"


class ScriptedOtad:
    """A server that says what no otad would, in a thread: `play` gets this."""

    def __init__(self, path, play):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.connections = []
        self.thread = threading.Thread(target=self.run, args=(play,))
        self.thread.start()

    def run(self, play):
        try:
            play(self)
        except OSError:
            pass  # otactl has gone

    def take_call(self):
        """A connection whose first call has come."""
        self.listener.settimeout(DEADLINE_S)
        connection = self.listener.accept()[0]
        connection.settimeout(DEADLINE_S)
        self.connections.append(connection)
        while not connection.recv(65536).endswith(b"\0"):
            pass
        return connection

    def end(self):
        self.thread.join(DEADLINE_S)
        for open_socket in (self.listener, *self.connections):
            open_socket.close()


def reply(parameters, **more):
    return json.dumps({"parameters": parameters} | more).encode() + b"\0"


def change(**job):
    """What a watch is told."""
    told = {"id": "7", "device": "self", "module": "app", "version": "1.2.0",
            "state": "downloading", "progress_percent": 42}
    return reply({"job": told | job}, continues=True)


LISTED = reply({}, continues=True)


class Running:
    """An otactl that is under way, its output a pipe or a terminal."""

    def __init__(self, arguments, size=None, **env):
        self.output = ""
        if size:
            self.fd, out = pty.openpty()
            fcntl.ioctl(out, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        else:
            self.fd, out = os.pipe()
        self.process = subprocess.Popen([OTACTL, *arguments], stdout=out,
                                        stderr=subprocess.PIPE, text=True,
                                        env=environment(**env))
        os.close(out)

    def wait_for(self, pattern):
        """Reads on until `pattern` stands in what has not been matched before."""
        deadline = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self.output, re.DOTALL)):
            left = deadline - time.monotonic()
            ready = select.select([self.fd], [], [], max(left, 0))[0]
            try:
                data = os.read(self.fd, 65536) if ready else b""
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"no {pattern!r} in {self.output!r}")
            self.output += data.decode()
        self.output = self.output[found.end():]
        return found

    def end(self):
        """Exit code, the rest of the output, what was said on standard error."""
        error = self.process.communicate(timeout=DEADLINE_S)[1]
        while True:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                break
            self.output += data.decode()
        os.close(self.fd)
        return self.process.returncode, self.output, error


class OtactlTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="otactl-")
        self.path = self.folder + "/io.otad"
        self.otad = FakeOtad(self.path)

        self.running = []
        self.scripted = []

    def tearDown(self):
        for running in self.running:
            if running.process.poll() is None:
                running.process.kill()
                running.end()
        for otad in self.scripted:
            otad.end()
        self.otad.end()
        shutil.rmtree(self.folder)

    def run_otactl(self, *arguments, env=None):
        done = subprocess.run([OTACTL, "--socket", self.path, *arguments],
                              capture_output=True, text=True, timeout=DEADLINE_S,
                              env=environment(**(env or {})))
        return done.returncode, done.stdout, done.stderr

    def ok(self, *arguments, **more):
        code, out, err = self.run_otactl(*arguments, **more)
        self.assertEqual((code, err), (0, ""))
        return out

    def script(self, play):
        """Another server; yields the options that lead to it."""
        path = f"{self.folder}/scripted-{len(self.scripted)}"
        self.scripted.append(ScriptedOtad(path, play))
        return "--socket", path

    def start(self, *arguments, **more):
        self.running.append(Running(["--socket", self.path, *arguments], **more))
        return self.running[-1]

    # ---- how it is called ----

    def test_usage_errors_exit_2_with_a_hint(self):
        cases = [
            ([], "no command"),
            (["stauts"], "did you mean 'status'"),
            (["frobnicate"], "unknown command 'frobnicate'"),
            (["device"], "'device' needs one of: list, add, remove"),
            (["device", "lst"], "did you mean 'device list'"),
            (["device", "add", "m"], "needs --class"),
            (["device", "add"], "needs a NAME"),
            (["device", "remove", "a/b"], "cannot be the name of a device"),
            (["-x", "status"], "unknown option '-x'"),
            (["status", "--nope"], "unknown option '--nope'"),
            (["status", "--url", "x"], "unknown option '--url'"),
            (["status", "extra"], "does not take 'extra'"),
            (["update"], "needs a MODULE"),
            (["update", "app"], "needs --url, --version"),
            (["update", "app", "--url"], "option '--url' needs a value"),
            (["update", "app", *OFFER[:4]], "--sha256 or --md5"),
            (["update", "app", *OFFER, "--size", "0"], "'0' is no size"),
            (["update", "app", *OFFER, "--size", "many"], "'many' is no size"),
            (["update", "app", *OFFER, "--md5", "12"], "32 hex digits"),
            (["update", "app", *OFFER, "--sha256", "12"], "64 hex digits"),
            (["update", "app", *OFFER, "--url", "ftp://h/a"], "http:// or https://"),
            (["update", "app", *OFFER, "--url", "https://u:p@h/"], "password"),
            (["update", "app", *OFFER, "--version", "../1"], "is no version"),
            (["update", "../app", *OFFER], "cannot be the name of a device"),
            (["install", "m/a/b"], "cannot be the name of a module"),
            (["install", "m/a", "--device", "n"], "two devices"),
            (["history", "-n", "0"], "from 1 to 500"),
            (["history", "-n", "501"], "from 1 to 500"),
            (["history", "-n", "x"], "from 1 to 500"),
            (["hold", "--until", "noon"], "is no time"),
            (["hold", "--until", "2020-01-01 00:00"], "is over"),
        ]
        for arguments, said in cases:
            with self.subTest(arguments):
                code, out, err = self.run_otactl(*arguments)
                self.assertEqual((code, out), (2, ""))
                self.assertIn(said, err)
                self.assertIn("--help", err)
        self.assertEqual(self.otad.calls, [])

    def test_every_help_fits_a_screen(self):
        commands = ["status", "watch", "check", "update", "install", "cancel",
                    "rollback", "hold", "release", "history", "stats", "modules",
                    "device list", "device add", "device remove"]
        for command in [""] + commands:
            with self.subTest(command):
                lines = self.ok(*command.split(), "--help").splitlines()
                self.assertLess(len(lines), 24)
                self.assertLessEqual(max(map(len, lines)), 80)
                self.assertIn("Usage: otactl", lines[0])
        general = self.ok("--help")
        for command in commands:
            self.assertIn(command.split()[-1], general)

    def test_options_stand_anywhere(self):
        self.otad.module()
        first = self.ok("--json", "modules")
        self.assertEqual(first, self.ok("modules", "--json"))
        self.assertEqual(first, self.ok("modules", "-d", "self", "-j"))

    def test_version_is_said_without_a_daemon(self):
        code, out, err = self.run_otactl("--socket", "/nowhere", "--version")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"^otactl \d+\.\d+")

    def test_without_a_daemon_it_exits_3_and_says_what_to_do(self):
        for command in (["status"], ["watch"], ["check"], ["history"],
                        ["update", "app", *OFFER, "--wait"]):
            code, out, err = self.run_otactl("--socket", "/nowhere/io.otad",
                                             *command)
            self.assertEqual((code, out), (3, ""))
            self.assertEqual(err.count("\n"), 1)
            self.assertIn("/nowhere/io.otad", err)
            self.assertIn("systemctl status otad", err)

    def test_the_socket_is_found_in_the_runtime_directory(self):
        for folder in (self.folder, self.folder + ":/other"):
            done = subprocess.run([OTACTL, "stats"], capture_output=True,
                                  timeout=DEADLINE_S,
                                  env=environment(RUNTIME_DIRECTORY=folder))
            self.assertEqual(done.returncode, 0)

    def test_output_that_goes_nowhere_is_a_failure(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([OTACTL, "--socket", self.path, "stats"],
                                  stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)

    def test_a_complaint_has_no_power_over_a_terminal(self):
        code, _, err = self.run_otactl("\x1b[31mstatus")
        self.assertEqual(code, 2)
        self.assertNotIn("\x1b", err)

    def test_who_answers_without_end_is_given_up(self):
        def endless_reply(otad):
            otad.take_call().sendall(b'{"parameters":' + b" " * (3 << 20))
            otad.connections[-1].close()

        def endless_list(otad):
            connection = otad.take_call()
            part = reply({"modules": ["x" * 250000]}, continues=True)
            for _ in range((65 << 20) // len(part)):
                connection.sendall(part)
            connection.sendall(reply({"modules": []}))

        for play, command in ((endless_reply, "stats"), (endless_list, "modules")):
            code, _, err = self.run_otactl(*self.script(play), command)
            self.assertEqual(code, 1)
            self.assertIn("is longer than otad's ever are", err)

    def test_completion_does_not_wait_for_an_otad_that_is_silent(self):
        done = threading.Event()

        def say_nothing(otad):
            otad.take_call()
            done.wait(DEADLINE_S)

        arguments = self.script(say_nothing)
        code, out, _ = self.run_otactl("--complete", "--", *arguments, "install",
                                       "")
        done.set()
        self.assertEqual((code, out), (0, ""))
        self.assertEqual(len(self.scripted[-1].connections), 1)

    # ---- what is asked of otad ----

    def test_what_is_asked_for_reaches_otad(self):
        cases = [
            (["check"], "check - -"),
            (["check", "app"], "check - app"),
            (["install", "app"], "install - app"),
            (["cancel", "m/mcu"], "cancel m mcu"),
            (["rollback", "mcu", "--device", "m"], "rollback m mcu"),
            (["hold"], "hold 0 -"),
            (["hold", "two words"], "hold 0 two words"),
            (["hold", "--", "--until"], "hold 0 --until"),
            (["hold", "--until", "2999-12-31 23:59"], "hold 32503679940000 -"),
            (["hold", "--until", "2999-12-31 23:59:30"], "hold 32503679970000 -"),
            (["hold", "--until", "2999-12-31T23:59:00Z"], "hold 32503679940000 -"),
            (["hold", "--until", "2999-12-31T23:59:00.5+08:00"],
             "hold 32503651140000 -"),
            (["release"], "release"),
            (["device", "add", "m", "--class", "meter"], "add m meter"),
            (["device", "remove", "m"], "remove m"),
            (["update", "app", *OFFER, "--size", "2K", "--force"],
             f"offer self app 1.2.0 https://h/a 2048 {SHA256} - force"),
            (["update", "m/电表", *OFFER],
             f"offer m 电表 1.2.0 https://h/a - {SHA256} -"),
        ]
        for arguments, call in cases:
            with self.subTest(arguments):
                out = self.ok(*arguments)
                self.assertEqual(self.otad.wait_call(), call)
                self.assertEqual(out.count("\n"), 1)
                document = json.loads(self.ok(*arguments, "--json")
                                      if arguments[1:2] != ["--"] else "{}")
                self.assertIsInstance(document, dict)
                self.otad.calls.clear()
                if arguments[1:2] != ["--"]:
                    self.otad.wait_call()

    def test_hold_takes_a_time_of_day_and_a_duration(self):
        day_ms = 24 * 3600 * 1000
        for text, low, high in (("2h", 7200000, 7200000),
                                ("1d", day_ms, day_ms),
                                ("23:59", 1, day_ms), ("00:00", 1, day_ms)):
            before = time.time_ns() // 1000000
            self.ok("hold", "--until", text)
            until = int(self.otad.wait_call().split()[1])
            after = time.time_ns() // 1000000
            self.assertLessEqual(before + low, until)
            self.assertLessEqual(until, after + high)

    def test_a_refusal_exits_1_and_says_why(self):
        self.otad.module()
        self.otad.tell("refuse", kind="downgrade-refused",
                       message="1.2.0 is older\x1b[31m than 2.0.0")
        for command in (["update", "app", *OFFER], ["install", "app"], ["check"],
                        ["update", "app", *OFFER, "--wait"], ["check", "--wait"]):
            code, out, err = self.run_otactl(*command)
            self.assertEqual((code, out), (1, ""))
            self.assertEqual(err, "otactl: downgrade-refused: "
                                  "1.2.0 is older?[31m than 2.0.0\n")

    def test_a_refusal_for_the_network_is_not_a_missing_daemon(self):
        self.otad.tell("refuse", kind="network", message="not connected")
        self.assertEqual(self.run_otactl("check")[0], 1)

    def test_who_is_turned_away_is_told_why(self):
        others = [socket.socket(socket.AF_UNIX) for _ in range(64)]
        for other in others:
            other.connect(self.path)
            other.sendall(b"{")  # whoever is idle would make room
        code, out, err = self.run_otactl("status")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("busy: there are too many clients already", err)
        for other in others:
            other.close()

    def test_what_is_not_found_exits_1(self):
        self.otad.tell("refuse", kind="not-found", message="no module 'x'")
        code, _, err = self.run_otactl("cancel", "x")
        self.assertEqual((code, err), (1, "otactl: no module 'x'\n"))
        code, _, err = self.run_otactl("modules", "--device", "nobody")
        self.assertEqual((code, err), (1, "otactl: no device 'nobody'\n"))
        code, _, err = self.run_otactl("device", "list", "--device", "nobody")
        self.assertEqual((code, err), (1, "otactl: no device 'nobody'\n"))

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
    def test_somebody_else_is_told_who_may(self):
        os.chmod(self.folder, 0o755)
        # setuid in the child: the program itself may lie where it cannot look
        binary = os.open(OTACTL, os.O_RDONLY)
        done = subprocess.run(
            [f"/proc/self/fd/{binary}", "--socket", self.path, "check"],
            capture_output=True, text=True, timeout=DEADLINE_S, user=65534,
            group=65534, extra_groups=[], pass_fds=[binary], env=environment())
        os.close(binary)
        self.assertEqual(done.returncode, 1)
        self.assertIn("group 'otad'", done.stderr)

    # ---- tables ----

    def columns_of(self, out):
        """For each line, where its columns begin, by the titles."""
        lines = out.splitlines()
        return lines, [m.start() for m in re.finditer(r"\S+( \S+)*", lines[0])]

    def assert_lines_up(self, out, n_columns):
        lines, starts = self.columns_of(out)
        self.assertEqual(len(starts), n_columns)
        widths = [[columns(cell) for cell in re.split("  +", line)]
                  for line in lines]
        for i in range(n_columns - 1):
            self.assertEqual(starts[i + 1] - starts[i],
                             max(cells[i] for cells in widths) + 2)
        for line in lines[1:]:
            for start in starts[1:]:
                used = 0
                for i, character in enumerate(line):
                    if used >= start:
                        break
                    used += columns(character)
                self.assertEqual(used, start, f"{line!r} at {start}")
                self.assertEqual(line[i - 1], " ", f"{line!r} at {start}")
                self.assertNotEqual(line[i], " ", f"{line!r} at {start}")

    def add_chinese(self):
        self.otad.module()
        self.otad.module("电表升级包", version="2.0.0-测试"[:5])
        self.otad.module("mcu", device="电表-十七", class_="x", version=None)
        self.otad.module("a-long-latin-name", device="m")

    def test_tables_line_up_whatever_their_script(self):
        self.add_chinese()
        for locale in ("C.UTF-8", "C"):
            env = {"LANG": locale}
            self.assert_lines_up(self.ok("modules", env=env), 5)
            self.assert_lines_up(self.ok("device", "list", env=env), 4)
            status = self.ok("status", env=env)
            self.assert_lines_up(status[status.index("MODULE"):], 4)

    def test_history_says_what_happened_and_why(self):
        for i, state in enumerate(["succeeded", "failed", "rolled-back"]):
            self.otad.tell("history", job=str(i), device="self", module="电表",
                           version="2", old_version="1", state=state,
                           started_ms=1795248000000, ended_ms=1795248065000,
                           **({"error": "digest-mismatch", "message": "it differs"}
                              if state == "failed" else {}))
        self.assertEqual(self.ok("history").splitlines(), [
            "ENDED                MODULE  FROM  TO  TOOK  RESULT",
            "2026-11-21 08:01:05  电表    1     2   65 s  succeeded",
            "2026-11-21 08:01:05  电表    1     2   65 s  failed",
            "    digest-mismatch: it differs",
            "2026-11-21 08:01:05  电表    1     2   65 s  rolled-back",
        ])
        self.otad.tell("history", job="4", device="self", module="电表",
                       version="2", state="succeeded", started_ms=1795248065001,
                       ended_ms=1795248065000)  # the clock was set meanwhile
        self.assertRegex(self.ok("history", "-n", "1"), r" 2   -     succeeded\n")
        self.assertEqual(len(self.ok("history", "-n", "1").splitlines()), 2)
        self.assertEqual(len(self.ok("history", "-d", "m").splitlines()), 1)

    def test_status_says_all_in_one_glance(self):
        self.otad.tell("status", version="1.0.0", platform="hanqi", connected=True,
                       connected_ms=1795248000000, held=True, reason="inventory",
                       until_ms=1795251600000, reports=2, trial=True)
        self.otad.module()
        self.otad.module("cfg", version="3")
        self.otad.module("web", version="4")
        self.otad.module("mcu", device="meter-1", version="1")
        self.otad.job()
        self.otad.job(id="8", module="cfg", state="available", version="5",
                      waiting="updates are held")
        self.otad.job(id="9", device="meter-1", module="mcu", state="failed",
                      version="2", error="timeout", message="no answer for 30 s",
                      changed_ms=1577836800000)
        out = self.ok("status")
        self.assertEqual(out, """\
otad     1.0.0, on trial: not confirmed yet
cloud    connected to hanqi since 2026-11-21 08:00:00
updates  held until 2026-11-21 09:00:00: inventory
reports  2 not acknowledged by the cloud yet

MODULE       INSTALLED  OFFERED  LAST UPDATE
app          1.0.0      1.2.0    downloading 42%
    1.0 MiB of 4.0 MiB, 512.0 KiB/s, 0:06 left
cfg          3          5        available
    updates are held
web          4          -        -
meter-1/mcu  1          2        failed on 2020-01-01 00:00:00
    timeout: no answer for 30 s
""")

    def test_status_says_what_is_not(self):
        self.otad.tell("status", version="1.0.0", platform="hanqi",
                       connected=False, connected_ms=1795248000000)
        self.assertIn("not connected to hanqi since 2026-11-21 08:00:00\n",
                      self.ok("status"))
        self.otad.module()
        self.assertEqual(json.loads(self.ok("status", "--json"))["modules"], [
            {"device": "self", "module": "app", "type": "binary",
             "version": "1.0.0"}])

    def test_what_is_told_has_no_power_over_a_terminal(self):
        self.otad.module(version="\x1b[31m1")
        self.assertNotIn("\x1b", self.ok("modules"))

    def test_more_than_all_takes_no_time(self):
        self.otad.module()
        self.otad.job(received=5 << 20)  # of four
        self.assertNotIn("left", self.ok("status"))

    def test_counts_stand_beside_their_names(self):
        names = ["succeeded", "failed", "rolled_back", "offers", "rejects",
                 "reports_sent", "connects", "disconnects"]
        counts = {name: 101 + i for i, name in enumerate(names)}
        arguments = self.script(
            lambda otad: otad.take_call().sendall(reply(counts)))
        lines = self.ok(*arguments, "stats").splitlines()
        told = dict(line.strip().rsplit("  ", 1) for line in lines if "  1" in line)
        self.assertEqual({name.strip(): int(count) for name, count in told.items()},
                         {"updates succeeded": 101, "updates failed": 102,
                          "updates rolled back": 103, "offers": 104,
                          "unusable messages": 105, "reports sent": 106,
                          "connected": 107, "disconnected": 108})

    def test_one_device_is_listed_alone(self):
        self.otad.module()
        self.otad.module("mcu", device="m")
        out = self.ok("device", "list", "--device", "m")
        self.assertEqual([line.split()[0] for line in out.splitlines()],
                         ["DEVICE", "m"])

    def test_status_of_many_devices_shows_what_went_wrong(self):
        self.otad.module()
        for i in range(30):
            self.otad.module("mcu", device=f"meter-{i}")
        self.otad.job(device="meter-25", module="mcu", state="failed",
                      error="timeout", waiting="for nothing any more")
        out = self.ok("status")
        self.assertIn("meter-25/mcu", out)
        self.assertIn("    timeout\n", out)

    def test_status_of_many_devices_shows_those_that_matter(self):
        self.otad.module()
        for i in range(200):
            self.otad.module("mcu", device=f"meter-{i}")
        self.otad.job(device="meter-150", module="mcu")
        out = self.ok("status")
        self.assertIn("meter-150/mcu", out)
        self.assertNotIn("meter-1/mcu", out)
        self.assertIn("and 199 more: see 'otactl modules'", out)
        self.assertEqual(len(self.ok("modules").splitlines()), 202)
        self.assertEqual(len(json.loads(self.ok("modules", "--json"))["modules"]),
                         201)

    def test_everything_is_json_where_that_is_asked_for(self):
        self.add_chinese()
        self.otad.job(message="\x1b[31mred\x7f\x9b")
        for command, key in ((["status"], "modules"), (["modules"], "modules"),
                             (["device", "list"], "devices"),
                             (["history"], "history"), (["stats"], "succeeded")):
            out = self.ok(*command, "--json")
            self.assertEqual(out.count("\n"), 1)
            self.assertIn(key, json.loads(out))
            self.assertFalse(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out))
        job = json.loads(self.ok("modules", "--json"))["modules"][0]["job"]
        self.assertEqual(job["message"], "\x1b[31mred\x7f\x9b")

    def test_nothing_of_the_network_moves_the_terminal(self):
        evil = "a\x1b]0;title\x07b\x9b31mc\u202ed\x7f\r\ne"
        self.otad.tell("status", version="1", platform="hanqi", connected=True,
                       held=True, reason=evil)
        self.otad.module()
        self.otad.job(state="failed", error="internal", message=evil)
        self.otad.tell("history", job="1", device="self", module="app", version="2",
                       state="failed", error="internal", message=evil)
        for command in ("status", "history"):
            out = self.ok(command)
            self.assertFalse(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out))
            self.assertIn("a]0;titleb31mcd  e", out)

    def test_colours_are_for_terminals_that_want_them(self):
        self.otad.module()
        self.otad.job(state="failed", error="timeout")
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False),
                              ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)):
            running = self.start("status", size=(24, 80), **env)
            code, out, _ = running.end()
            self.assertEqual(code, 0)
            self.assertEqual("\x1b[31m" in out, coloured)
        self.assertNotIn("\x1b", self.ok("status"))

    def test_long_reasons_wrap_within_the_terminal(self):
        self.otad.module()
        self.otad.job(state="failed", error="internal", message="word " * 60)
        _, out, _ = self.start("status", size=(24, 60), NO_COLOR="1").end()
        self.assertLessEqual(max(map(len, out.splitlines())), 60)
        self.assertGreater(out.count("\r\n    word"), 4)

    def test_a_narrow_terminal_breaks_no_line(self):
        self.add_chinese()
        self.otad.tell("status", version="1.0.0", held=True,
                       reason="inventory night " * 4)
        self.otad.job(state="failed", error="internal", message="word " * 20)
        for width in (50, 60, 80):
            for command in (["status"], ["modules"], ["device", "list"]):
                _, out, _ = self.start(*command, size=(24, width),
                                       NO_COLOR="1").end()
                widest = max(columns(line) for line in out.splitlines())
                self.assertLessEqual(widest, width, out)
        _, out, _ = self.start("status", size=(24, 40), NO_COLOR="1").end()
        self.assertRegex(out, r"\r\nupdates  held until 'otactl release':\r\n"
                         r"         inventory night")
        self.assertRegex(out, r"\r\napp +\S+ +\S+\r\n    failed ")

    # ---- watching ----

    def test_watch_writes_one_line_per_change(self):
        self.otad.module()
        self.otad.job(message="")
        running = self.start("watch")
        stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
        running.wait_for(rf"^{stamp} self/app 1\.2\.0 downloading 42%\n$")
        self.otad.job(percent=42, rate=77)  # nothing that a log would want
        self.otad.job(percent=43)
        running.wait_for(r"^\S+ self/app 1\.2\.0 downloading 43%\n$")
        self.otad.job(state="failed", percent=43, error="timeout",
                      message="no\nanswer")
        running.wait_for(rf"^{stamp} self/app 1\.2\.0 failed 43% "
                         r"timeout: no answer\n$")
        running.process.send_signal(signal.SIGINT)
        self.assertEqual(running.end(), (0, "", ""))

    def test_watch_writes_one_document_per_line(self):
        self.otad.module()
        self.otad.job()
        running = self.start("watch", "--json")
        line = running.wait_for(r"^[^\n]*\n").group()
        self.assertEqual(json.loads(line)["state"], "downloading")
        self.otad.job(state="succeeded", percent=100)
        line = running.wait_for(r"^[^\n]*\n").group()
        self.assertEqual(json.loads(line)["state"], "succeeded")
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(running.end(), (0, "", ""))

    def test_watch_of_one_device_is_silent_of_others(self):
        self.otad.module()
        self.otad.module("mcu", device="m")
        self.otad.job()
        running = self.start("watch", "--device", "m")
        self.otad.job(percent=50)
        self.otad.job(device="m", module="mcu", percent=1)
        running.wait_for(r"^\S+ m/mcu 1\.2\.0 downloading 1%\n$")
        running.process.send_signal(signal.SIGINT)
        self.assertEqual(running.end(), (0, "", ""))

    def test_watch_draws_a_bar_on_a_terminal(self):
        self.otad.module()
        self.otad.module("电表")
        running = self.start("watch", size=(24, 80), NO_COLOR="1")
        running.wait_for("no update is running")
        self.otad.job()
        bar = running.wait_for(
            r"\rapp 1\.2\.0 +downloading \[(=+)>( +)\]  42% +512\.0 KiB/s"
            r" +0:06 left\x1b\[K\r\n")
        filled, empty = len(bar.group(1)), len(bar.group(2))
        width = filled + 1 + empty
        self.assertAlmostEqual(filled, 0.42 * width, delta=1)
        self.assertLess(columns(bar.group().strip("\r\n").replace("\x1b[K", "")), 80)
        self.otad.job(id="8", module="电表", percent=7)
        found = running.wait_for(r"\x1b\[1A\r(app [^\r]*)\r\n(电表 [^\r]*)\r\n")
        starts = [columns(line[:line.index("[")]) for line in found.groups()]
        self.assertEqual(starts[0], starts[1])
        self.otad.job(state="succeeded", percent=100)
        running.wait_for(r"app 1\.2\.0 succeeded\r\n")
        running.wait_for(r"电表 [^\r]*\r\n")
        running.process.send_signal(signal.SIGINT)
        code, out, err = running.end()
        self.assertEqual((code, err), (0, ""))
        self.assertTrue(out == "" or out.endswith("\x1b[J"), repr(out))

    def test_the_bar_follows_the_width_of_the_terminal(self):
        self.otad.module()
        self.otad.job()
        running = self.start("watch", size=(24, 120), NO_COLOR="1")
        wide = running.wait_for(r"\[=+> +\]").group()
        fcntl.ioctl(running.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 24, 50, 0, 0))
        running.process.send_signal(signal.SIGWINCH)
        narrow = running.wait_for(r"app[^\r]*\r\n").group().replace("\x1b[K", "")
        self.assertLess(len(narrow.strip()), 50)
        self.assertNotIn(wide, narrow)
        running.process.send_signal(signal.SIGINT)
        self.assertEqual(running.end()[0], 0)

    def test_more_jobs_than_rows_do_not_scroll(self):
        for i in range(30):
            self.otad.module("mcu", device=f"meter-{i}")
            self.otad.job(id=str(i), device=f"meter-{i}", module="mcu")
        running = self.start("watch", size=(10, 80), NO_COLOR="1")
        frame = running.wait_for(r"and 23 more\x1b\[K\r\n").string
        self.assertEqual(frame[:frame.index("and 23")].count("\r\n"), 7)
        running.process.send_signal(signal.SIGINT)
        self.assertEqual(running.end()[0], 0)

    def test_watch_goes_on_when_otad_is_back(self):
        self.otad.module()
        self.otad.job(percent=50)
        running = self.start("watch")
        running.wait_for("downloading 50%\n")
        self.otad.tell("close")
        self.otad.job(state="succeeded", percent=100)
        self.otad.tell("open")
        running.wait_for("succeeded 100%\n")
        self.otad.job(id="8", percent=1)
        running.wait_for("downloading 1%\n")
        running.process.send_signal(signal.SIGINT)
        self.assertEqual(running.end(), (0, "", ""))

    @unittest.skipUnless("FAIL_MALLOC" in os.environ, "no malloc(3) that fails")
    def test_without_memory_it_says_so(self):
        self.add_chinese()
        self.otad.job()
        for command in (["status"], ["device", "list"], ["modules", "--json"]):
            expected = self.ok(*command)
            said_so = 0
            for count in range(0, 2000, 7):
                env = {"LD_PRELOAD": os.environ["FAIL_MALLOC"],
                       "OTAD_FAIL_MALLOC": str(count)}
                code, out, err = self.run_otactl(*command, env=env)
                self.assertIn(code, (0, 1), f"{command} at {count}: {err}")
                if code == 1:
                    self.assertRegex(err, "^otactl: .*\n$")
                    said_so += 1
            self.assertGreater(said_so, 5)
            self.assertEqual((code, out), (0, expected))  # it was enough

    # ---- waiting ----

    def wait_for_update(self, *more):
        self.otad.module()
        self.otad.tell("outcome", outcome="started", job="7")
        running = self.start("update", "app", *OFFER, "--wait", *more)
        self.assertTrue(self.otad.wait_call().startswith("offer self app"))
        return running

    def test_waiting_exits_with_the_end_of_the_job(self):
        for state, code in (("succeeded", 0), ("failed", 1), ("rolled-back", 1)):
            with self.subTest(state):
                running = self.wait_for_update()
                self.otad.job(id="6", percent=1)  # another one is not ours
                self.otad.job(id="6", state="failed")
                self.otad.job()
                self.otad.job(state=state, percent=100, message="why")
                running.wait_for(r"accepted \(job 7\)\n")
                running.wait_for(rf"{state} 100% why\n")
                told = f"otactl: app 1.2.0 {state}: why\n" if code else ""
                self.assertEqual(running.end(), (code, "", told))

    def test_a_state_of_a_newer_otad_is_no_end(self):
        def play(otad):
            watch = otad.take_call()
            watch.sendall(LISTED)
            otad.take_call().sendall(reply({"outcome": "started", "job": "7"}))
            watch.sendall(change(state="levitating"))
            watch.sendall(change(state="succeeded", progress_percent=100))

        running = self.start(*self.script(play), "update", "app", *OFFER, "--wait")
        running.wait_for("levitating 42%\n")
        running.wait_for("succeeded 100%\n")
        self.assertEqual(running.end()[0], 0)

    def test_who_was_too_slow_is_told_anew(self):
        def play(otad):
            otad.take_call().sendall(LISTED + reply({}, error="io.otad.TooSlow"))
            otad.take_call().sendall(change() + LISTED)

        running = self.start(*self.script(play), "watch")
        running.wait_for("downloading 42%\n")
        running.process.send_signal(signal.SIGINT)
        self.assertEqual(running.end()[0], 0)

    def test_a_line_is_written_for_each_change_of_what_it_says(self):
        self.otad.module()
        running = self.start("watch")
        self.otad.job(percent=250, message="first")
        running.wait_for("downloading 100% first\n")  # more there is not
        self.otad.job(percent=250, message="second")
        running.wait_for("downloading 100% second\n")

    def test_waiting_with_json_writes_jobs_alone(self):
        running = self.wait_for_update("--json")
        self.otad.job(state="succeeded", percent=100)
        code, out, err = running.end()
        self.assertEqual((code, err), (0, ""))
        self.assertEqual([json.loads(line)["state"] for line in out.splitlines()],
                         ["succeeded"])

    def test_waiting_outlives_a_restart_of_otad(self):
        running = self.wait_for_update()
        self.otad.job(state="restarting", percent=95)
        running.wait_for("restarting 95%\n")
        self.otad.tell("close")
        self.otad.job(state="confirming", percent=97)
        self.otad.tell("open")
        running.wait_for("confirming 97%\n")
        self.otad.job(state="succeeded", percent=100)
        running.wait_for("succeeded 100%\n")
        self.assertEqual(running.end(), (0, "", ""))

    def test_what_ended_during_a_restart_is_learnt_from_the_history(self):
        running = self.wait_for_update()
        self.otad.job(state="restarting", percent=95)
        running.wait_for("restarting 95%\n")
        self.otad.tell("close")
        self.otad.job(id="8", state="available", percent=0)  # the next one
        self.otad.tell("history", job="7", device="self", module="app",
                       version="1.2.0", state="rolled-back",
                       error="health-check-failed", message="it never came up")
        self.otad.tell("open")
        why = "health-check-failed: it never came up\n"
        running.wait_for("rolled-back 0% " + why)
        self.assertEqual(running.end(),
                         (1, "", "otactl: app 1.2.0 rolled-back: " + why))

    def test_on_a_terminal_a_failure_is_said_once(self):
        self.otad.module()
        self.otad.tell("outcome", outcome="started", job="7")
        screen = pty.openpty()
        with subprocess.Popen([OTACTL, "--socket", self.path, "update", "app",
                               *OFFER, "--wait"], stdout=screen[1],
                              stderr=screen[1], env=environment()) as process:
            os.close(screen[1])
            self.assertTrue(self.otad.wait_call().startswith("offer self app"))
            self.otad.job(state="failed", message="why")
            self.assertEqual(process.wait(DEADLINE_S), 1)
        output = "".join(iter(lambda: read_terminal(screen[0]), ""))
        os.close(screen[0])
        self.assertEqual(output.count("why"), 1, output)

    def test_the_bar_says_so_when_otad_is_back(self):
        self.otad.module()
        running = self.start("watch", size=(24, 80))
        running.wait_for("no update is running")
        self.otad.tell("close")
        running.wait_for("otad is away")
        self.otad.tell("open")
        running.wait_for("no update is running")

    def test_a_job_that_otad_forgot_is_a_failure(self):
        running = self.wait_for_update()
        self.otad.job(percent=1)
        running.wait_for("downloading 1%\n")
        self.otad.tell("close")
        self.otad.job(id="8", state="succeeded", percent=100)
        self.otad.tell("open")
        code, _, err = running.end()
        self.assertEqual(code, 1)
        self.assertIn("knows nothing of job 7", err)

    def test_waiting_for_what_is_queued_waits_for_that_version(self):
        self.otad.module()
        self.otad.job(id="6", version="1.1.0", state="installing")
        self.otad.tell("outcome", outcome="queued", job="6")
        running = self.start("update", "app", *OFFER, "--wait")
        self.otad.wait_call()
        self.otad.job(id="6", version="1.1.0", state="succeeded")
        self.otad.job(id="7", percent=3)
        self.assertNotIn("1.1.0", running.wait_for("1.2.0 downloading 3%\n").string)
        self.otad.job(id="7", state="failed", error="timeout")
        running.wait_for("failed")
        self.assertEqual(running.end()[0], 1)

    def test_waiting_for_what_is_queued_is_for_one_module(self):
        other = {"id": "9", "device": "self", "module": "web",
                 "version": "1.2.0", "state": "failed"}

        def play(otad):
            otad.take_call().sendall(LISTED)
            otad.take_call().sendall(reply({"outcome": "queued", "job": "6"}))
            otad.connections[0].close()  # otad goes, and comes back
            watch = otad.take_call()
            watch.sendall(LISTED)
            otad.take_call().sendall(
                reply({"modules": [{"device": "self", "module": "web",
                                    "job": other}]}))
            otad.take_call().sendall(reply({"history": []}))
            watch.sendall(change(state="succeeded"))

        running = self.start(*self.script(play), "update", "app", *OFFER, "--wait")
        running.wait_for("app 1.2.0 succeeded")
        self.assertEqual(running.end()[0], 0)

    def test_what_is_installed_needs_no_waiting(self):
        self.otad.module()
        self.otad.tell("outcome", outcome="installed")
        out = self.ok("update", "app", *OFFER, "--wait")
        self.assertEqual(out, "app: version 1.2.0 is installed already\n")
        out = self.ok("update", "app", *OFFER, "--wait", "--json")
        self.assertEqual(json.loads(out), {"outcome": "installed"})

    def test_checking_and_waiting_waits_for_what_is_offered(self):
        self.otad.module()
        running = self.start("check", "app", "--wait")
        self.assertEqual(self.otad.wait_call(), "check - app")
        self.otad.job(state="available", percent=0, waiting="outside the window")
        running.wait_for("available 0% outside the window\n")
        self.otad.job(state="succeeded", percent=100)
        running.wait_for("succeeded 100%\n")
        self.assertEqual(running.end(), (0, "", ""))

    def test_checking_and_waiting_fails_with_what_is_offered(self):
        self.otad.module()
        self.otad.module(device="m")
        self.otad.job(id="8", device="m")  # which goes on
        running = self.start("check", "app", "--wait")
        self.otad.wait_call()
        self.otad.job(state="failed", message="why")
        running.wait_for("failed 42% why\n")
        self.assertEqual(running.end()[0], 1)

    def test_who_stops_waiting_is_told_that_the_update_goes_on(self):
        running = self.wait_for_update()
        self.otad.job(percent=1)
        running.wait_for("downloading 1%\n")
        running.process.send_signal(signal.SIGINT)
        code, _, err = running.end()
        self.assertEqual(code, 1)
        self.assertIn("goes on", err)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
