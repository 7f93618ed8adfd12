"""Handlers that do what they should not, beside one that does."""

import json
import os
import signal
import sys

import lab
import suite
from behind import Gateway, ends, read_pid, script
from suite import expect, expect_equal

# What else they are asked, they answer well.
SHELL = "#!/bin/sh\n[ $1 = install ] || exit 0\n"


def bad_handlers(folder):
    """{device: (handler, Timeout=, what the cloud is told)}"""
    def shell(name, text):
        return script(folder, name, SHELL + text)
    (folder / "folder").mkdir()
    return {
        "missing": (folder / "nowhere", "", "No such file"),
        "not-executable": (script(folder, "plain", SHELL, 0o644), "",
                           "not executable"),
        "folder": (folder / "folder", "", "a folder"),
        "no-program": (script(folder, "text", "exit 0\n"), "",
                       "Exec format error"),
        "no-interpreter": (script(folder, "lost", "#!/nowhere/sh\n"), "",
                           "interpreter is missing"),
        "hangs": (shell("hangs", "echo waiting >&2; sleep 1000\n"), "1s",
                  "did not end in time and was stopped: waiting"),
        "ignores-term": (shell("ignores", "trap '' TERM\n"
                               "while :; do sleep 1; done\n"), "1s",
                         "did not end in time"),
        "crashes": (shell("crashes", "kill -SEGV $$\n"), "",
                    "ended by signal 11"),
        "garbage": (shell("garbage", "head -c 10000000 /dev/urandom\n"
                          "head -c 10000000 /dev/zero >&2; echo >&2\n"
                          "printf 'no\\000t \\033[2Jgood\\n' >&2; exit 9\n"), "",
                    "exit status 9: no?t ?[2Jgood"),
        "silent": (shell("silent", "exec >&- 2>&-; exit 3\n"), "",
                   "failed with exit status 3"),
        "knows-nothing": (script(folder, "nothing", "#!/bin/sh\nexit 64\n"), "",
                          "the handler does not know this action"),
    }


def leaving(folder):
    """{device: handler}: they succeed, and leave somebody behind."""
    return {
        "child": script(folder, "child", SHELL +
                        f"sleep 1000 & echo $! > {folder}/child.pid\n"),
        "daemon": script(folder, "daemon", SHELL +
                         f"setsid sh -c 'echo $$ > {folder}/daemon.pid; "
                         "exec sleep 1000' &\n"
                         f"until [ -s {folder}/daemon.pid ]; do :; done\n"),
        "floods": script(folder, "floods", SHELL +
                         f"setsid sh -c 'echo $$ > {folder}/floods.pid; "
                         "exec yes progress 1' &\n"
                         f"until [ -s {folder}/floods.pid ]; do :; done\n"),
        "good": script(folder, "good", "#!/bin/sh\n"
                       "echo progress 50\nexit 0\n"),
    }


def test_each_fails_alone_and_says_why(world):
    bad = bad_handlers(world.folder)
    left = leaving(world.folder)
    more = "Version=1.0\n"
    gateway = Gateway(world, {
        **{name: (handler, more + (f"Timeout={timeout}\n" if timeout else ""))
           for name, (handler, timeout, _) in bad.items()},
        **{name: (handler, more) for name, handler in left.items()}})
    pid = gateway.otad.start()
    for device in gateway.devices.values():
        device.wait_version("1.0", "mcu")
    mark = gateway.broker.mark()
    for name in gateway.devices:
        gateway.offer(name, "1.1", b"firmware")
    for name in left:
        gateway.succeeds(name, "1.1", mark)
    for name, (_, _, why) in bad.items():
        step, text = gateway.fails(name, mark)
        kind, _, text = text.partition(": ")
        expect_equal(kind, "incompatible" if name == "knows-nothing" else
                     "install-failed", f"{name}: {text}")
        expect(text.startswith("handler "), f"{name}: {text}")
        expect(why in text, f"{name} is told as {text!r}, not as {why!r}")
        expect(f"{name}/mcu" in text, f"{name}: {text}")
        # -4: flashing failed; -1 after it was rolled back.
        expect(step in ("-4", "-1"), f"{name}: step {step}")
        gateway.devices[name].wait_version("1.0", "mcu")
    expect_equal(gateway.otad.process.poll(), None, "otad")
    expect_equal(gateway.otad.process.pid, pid, "its pid")
    status = json.loads(gateway.otad.ctl("status", "--json"))
    expect("installing" not in json.dumps(status), f"jobs left: {status}")
    check_left_behind(world.folder)


def test_a_way_back_that_fails_is_told_as_well(world):
    handler = script(world.folder, "stuck", "#!/bin/sh\ncase $1 in\n"
                     "install) echo bad block >&2; exit 1 ;;\n"
                     "rollback) echo worse >&2; exit 1 ;;\nesac\n")
    gateway = Gateway(world, {"meter": (handler, "Version=1.0\n")})
    gateway.otad.start()
    gateway.devices["meter"].wait_version("1.0", "mcu")
    mark = gateway.offer("meter", "1.1", b"firmware")
    gateway.fails("meter", mark)
    ended, = json.loads(gateway.otad.ctl("history", "--json"))["history"]
    expect_equal(ended["state"], "failed", "its end")
    for what in ("bad block", "1.0 could not be put back", "worse"):
        expect(what in ended["message"], f"{what}: {ended['message']}")


def check_left_behind(folder):
    """Who stayed in the group was ended; who left it is not ours."""
    child, daemon, floods = (read_pid(folder / f"{name}.pid")
                             for name in ("child", "daemon", "floods"))
    lab.wait_until("the child left behind is ended", lambda: ends(child))
    # Nobody reads it any more.
    lab.wait_until("the one that floods is ended", lambda: ends(floods))
    expect(not ends(daemon), "a daemon of its own was ended")
    os.kill(daemon, signal.SIGKILL)


def test_a_killed_otad_takes_its_handler_along(world):
    pids = world.folder / "pids"
    handler = script(world.folder, "slow", SHELL +
                     f"echo $$ >> {pids}\n"
                     f"[ $(wc -l < {pids}) -gt 1 ] || exec sleep 1000\n")
    gateway = Gateway(world, {"meter": (handler, "Version=1.0\n")})
    gateway.otad.start()
    gateway.devices["meter"].wait_version("1.0", "mcu")
    mark = gateway.offer("meter", "1.1", b"firmware")
    pid = lab.wait_until("the handler runs", lambda: read_pid(pids))
    gateway.otad.kill()
    lab.wait_until("the handler is over", lambda: ends(pid))
    gateway.otad.start()
    gateway.succeeds("meter", "1.1", mark)
    expect_equal(len(pids.read_text().split()), 2, "installations")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
