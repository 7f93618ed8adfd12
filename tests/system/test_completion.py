"""Completion: what otactl offers, and what real shells make of it.

Each shell runs on a terminal of its own, with an otad to ask for names.
"""

import os
import pathlib
import pty
import select
import shutil
import signal
import sys
import time

import lab
import suite
import varlink
from suite import expect, expect_equal

COMPLETIONS = lab.ROOT / "completions"
BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")
DEVICES = ["meter-17", "meter-18", "AA:BB:CC", "电表-3"]


def gateway(world):
    handler = world.folder / "flash"
    handler.write_text("#!/bin/sh\nexit 64\n")
    handler.chmod(0o755)
    devices = "".join(f"[Device {name}]\nClass=meter\n" for name in DEVICES)
    otad = world.otad(lab.base_config(
        world.start_broker(), lab.HANQI,
        f"[Module default]\nType=self\n[Module app]\nType=exec\n"
        f"Handler={handler}\n[Class meter]\nModule=mcu exec {handler}\n"
        f"{devices}"))
    otad.start()
    otad.ctl("device", "add", "spare", "--class", "meter")
    return otad


def offered(otad, *words):
    """The words alone, without what is said of them."""
    told = otad.ctl("--complete", "--", *words)
    expect(all("\t" in line or line == ":files" for line in told.splitlines()),
           told)
    return {line.partition("\t")[0] for line in told.splitlines()}


def test_otactl_offers_what_fits(world):
    otad = gateway(world)
    modules = {f"{name}/mcu" for name in [*DEVICES, "spare"]}
    for words, wanted in [
            (["sta"], {"status", "stats"}),
            (["dev"], {"device"}),
            (["device", ""], {"list", "add", "remove"}),
            (["--json", "device", "r"], {"remove"}),
            (["install", ""], {"default", "app"} | modules),
            (["rollback", "meter-1"], {"meter-17/mcu", "meter-18/mcu"}),
            (["--device", "meter-17", "cancel", ""], {"mcu"}),
            (["cancel", "--device=meter-17", ""], {"mcu"}),
            (["cancel", "--device", "=", "meter-17", ""], {"mcu"}),
            (["cancel", "-d", "电"], {"电表-3"}),
            (["cancel", "--device="], {f"--device={name}" for name in
                                       ["self", *DEVICES, "spare"]}),
            (["cancel", "--device", "="], {"self", *DEVICES, "spare"}),
            (["device", "remove", ""], {"spare"}),
            (["install", "app", ""], set()),
            (["update", "app", "--s"], {"--sha256", "--size", "--socket"}),
            (["history", "--l"], {"--lines"}),
            (["history", "--lines", ""], set()),
            (["hold", ""], set()),
            (["nonsense", ""], set()),
            (["device", "nonsense", ""], set()),
            (["--socket", ""], {":files"}),
            ([], offered(otad, "")),
            (["--vers"], {"--version"}),
            (["status", "--vers"], set()),
            (["--compl"], set()),
    ]:
        expect_equal(offered(otad, *words), wanted, " ".join(words))
    expect("\nstatus\tWhat runs" in "\n" + otad.ctl("--complete", "--", "s"),
           "what is said of it")


def test_without_otad_it_is_silent(world):
    otad = gateway(world)
    otad.kill()
    expect_equal(offered(otad, "install", ""), set(), "modules")
    expect_equal(offered(otad, "rel"), {"release"}, "commands")


class Terminal:
    """A shell that somebody types into."""

    def __init__(self, otad, command):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {
                "PATH": f"{otad.build}:{os.environ['PATH']}",
                "RUNTIME_DIRECTORY": str(otad.socket.parent),
                "HOME": str(otad.folder), "TERM": "xterm", "LANG": "C.UTF-8",
            }
            os.execvpe(command[0], command, environment)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, text):
        end = time.monotonic() + lab.DEADLINE_S
        while text not in self.seen:
            if not select.select([self.fd], [], [], 1)[0]:
                expect(time.monotonic() < end,
                       f"{text!r} never came: {self.seen!r}")
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError as error:
                raise lab.Failure(f"the shell ended: {self.seen!r}") from error
            self.seen += data.decode(errors="replace")

    def stop(self):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def typed(terminal, keys, wanted):
    """What the line is once `keys` are typed: the shell itself says it."""
    # Only what the shell prints has no quotes in its first word.
    terminal.type(f"{keys}\x01echo li''ne: \n")
    terminal.wait(f"line: {wanted}\r\n")


def complete_by_keys(world, command, setup):
    if not shutil.which(command[0]):
        suite.skip(f"there is no {command[0]}")
    terminal = Terminal(gateway(world), command)
    world.started.append(terminal)
    terminal.type(f"{setup}; echo rea''dy\n")
    terminal.wait("ready\r\n")
    typed(terminal, "otactl ins\tmeter-17\t", "otactl install meter-17/mcu")
    typed(terminal, "otactl dev\trem\tsp\t", "otactl device remove spare")
    typed(terminal, "otactl cancel --dev\t电\t", "otactl cancel --device 电表-3")
    typed(terminal, "otactl check AA:BB:\t", "otactl check AA:BB:CC/mcu")
    typed(terminal, "otactl status --device=meter-17\t",
          "otactl status --device=meter-17")
    typed(terminal, f"otactl --socket {lab.ROOT}/READ\t",
          f"otactl --socket {lab.ROOT}/README.md")


def test_bash(world):
    if not BASH_COMPLETION.exists():
        suite.skip("there is no bash-completion")
    complete_by_keys(world, ["bash", "--norc", "-i"],
                     f". {BASH_COMPLETION}; . {COMPLETIONS}/otactl.bash")


def test_zsh(world):
    complete_by_keys(world, ["zsh", "-f", "-i"],
                     f"bindkey -e; fpath=({COMPLETIONS} $fpath); "
                     "autoload -U compinit; compinit -u -D")


def test_fish(world):
    if not shutil.which("fish"):
        suite.skip("there is no fish")
    otad = gateway(world)

    def lines(typed_so_far):
        script = f"source {COMPLETIONS}/otactl.fish; " \
            f"complete -C '{typed_so_far}'"
        environment = os.environ | {
            "PATH": f"{otad.build}:{os.environ['PATH']}",
            "RUNTIME_DIRECTORY": str(otad.socket.parent),
            "HOME": str(otad.folder), "LANG": "C.UTF-8"}
        with lab.running(["fish", "--no-config", "-c", script],
                         stdout=lab.subprocess.PIPE,
                         env=environment) as fish:
            told = fish.communicate(timeout=lab.DEADLINE_S)[0]
        return {line.partition("\t")[0] for line in told.splitlines()}

    expect_equal(lines("otactl ins"), {"install"}, "command")
    expect_equal(lines("otactl install meter-1"),
                 {"meter-17/mcu", "meter-18/mcu"}, "modules")
    expect_equal(lines("otactl device remove "), {"spare"}, "devices")
    expect_equal(lines("otactl cancel --device 电"), {"电表-3"}, "option")
    expect(f"{lab.ROOT}/README.md" in
           lines(f"otactl --socket {lab.ROOT}/READ"), "files")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
