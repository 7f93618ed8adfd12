#!/usr/bin/python3
"""Breaks otad in small ways; its tests must notice each.

    mutants.py BUILD-FOLDER [--jobs N] [--only NAME]...
    mutants.py --check

Each mutant of table/ is one source with one place changed, as a hurried hand
would: a ceiling that is forgotten, an error of the wrong class, a check left out
on one way. It is compiled and linked with the rest of BUILD-FOLDER, and the test
that must notice it is run; so are all of these tests with nothing broken, which
they must pass. --check only sees whether each mutant still applies. Those that
only a power cut shows are in tests/powercut/mutants.py. Exit status: 0 or 1.
"""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

# pylint: disable=wrong-import-position
import mutation
import table

# What the code prints of itself, and where it must stand.
PRINTED = {"bounds": "docs/reliability.md", "diagram": "docs/architecture.md"}
# Tests of tests/unit/ that are scripts, with the programs that they are given.
SCRIPTS = {"otactl": ("otactl", "tests/unit/fake-otad")}
DEADLINE_S = 180  # some mutants wait for ever
PROGRAMS = ("otad", "otactl", "otad-launch", "tests/system/otad-1.0.1",
            "tests/system/otad-1.0.2")
OTHERS = ("tests/system/version-that-aborts", "tests/system/version-that-gives-up",
          "tests/system/version-that-hangs", "tests/system/version-that-idles",
          "tests/system/version-that-obeys", "tests/system/version-that-stalls",
          "tests/system/clock-shim.so")


class Right:
    """Stands for a mutant where nothing is broken."""

    def __init__(self, build):
        self.folder = self.build = build

    def link(self, target):
        return self.build / target

    def lay_out(self, programs, others):
        pass


def command(test, made):
    """What runs `test`, an entry of table/, with programs that were `made`."""
    name, *words = test.split()
    if name in PRINTED:
        return [sys.executable, str(ROOT / "tests/check-diagram.py"),
                str(made.link(f"tests/print-{name}")), str(ROOT / PRINTED[name])]
    if name in SCRIPTS:
        return [sys.executable, str(ROOT / f"tests/unit/test-{name}.py"),
                *(str(made.link(program)) for program in SCRIPTS[name]), *words]
    if name.endswith(".py"):
        made.lay_out(PROGRAMS, OTHERS)
        return [sys.executable, str(ROOT / "tests/system" / name),
                str(made.folder), *words]
    return [str(made.link(f"tests/unit/test-{name}")), *words]


def complaint(output, status):
    """The first line that says what is wrong; a crash has none."""
    for line in output.splitlines():
        if line.startswith(("not ok ", "[   LINE   ] --- ")):
            return line.removeprefix("[   LINE   ] --- ")
    return f"exit status {status}"


def complaint_of(arguments, cwd):
    """None when all is well."""
    process = subprocess.Popen(
        arguments, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
        start_new_session=True)
    try:
        output, _ = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "it does not end"
    return complaint(output, process.returncode) if process.returncode else None


def try_out(mutant, options):
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.folder))
    broken = mutation.Broken(mutant, options.build, folder)
    return complaint_of(command(mutant.noticed_by, broken), options.build)


def prepare(options, mutants):
    def try_right(test):
        return complaint_of(command(test, Right(options.build)), options.build)

    tests = sorted({mutant.noticed_by for mutant in mutants})
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for test, wrong in zip(tests, pool.map(try_right, tests)):
            if wrong:
                sys.exit(f"nothing is broken, and {test} complains: {wrong}")


def waits_less(mutant):
    return not mutant.noticed_by.split()[0].endswith(".py")


if __name__ == "__main__":
    mutation.main(__doc__, sorted(table.MUTANTS, key=waits_less), try_out, prepare)
