"""Runs the functions of a test file, each in a world of its own; prints TAP.

    test_NAME.py BUILD-FOLDER [FUNCTION...]

A test is a function whose name begins with "test_"; it gets a Lab.
"""

import concurrent.futures
import multiprocessing
import os
import sys
import time
import traceback

import lab


def skip(why):
    raise lab.Skip(why)


def without_witness(why):
    """For what aedes or express cannot do."""
    if lab.WITNESS:
        skip(why)


def expect(condition, what):
    if not condition:
        raise lab.Failure(what)


def expect_equal(got, wanted, what):
    if got != wanted:
        raise lab.Failure(f"{what}: got {got!r}, wanted {wanted!r}")


def _logs(world):
    """What otad had to say, for whoever must find out why it failed."""
    return [f"# {path.parent.name}: {line}"
            for path in sorted(world.folder.glob("*/otad.log"))
            for line in path.read_text(errors="replace").splitlines()[-60:]]


def _run(number, name, function, build):
    """Whether it went well, the line that says so, and the story if not."""
    started = time.monotonic()
    logs = []
    try:
        with lab.Lab(build) as world:
            try:
                function(world)
            except Exception:
                logs = _logs(world)
                raise
    except lab.Skip as why:
        return True, f"ok {number} - {name} # SKIP {why}", []
    except Exception:  # pylint: disable=broad-except
        trace = [f"# {line}" for line in traceback.format_exc().splitlines()]
        return False, f"not ok {number} - {name}", logs + trace
    seconds = time.monotonic() - started
    return True, f"ok {number} - {name} # {seconds:.1f} s", []


def main(module, at_once=1):
    """`at_once`: how many run side by side; for tests that mostly wait.

    Each in a process: what one thread writes and another's child still holds
    open cannot be executed (ETXTBSY).
    """
    build, wanted = sys.argv[1], sys.argv[2:]
    if lab.WITNESS and not os.path.isdir(f"{lab.WITNESS}/node_modules"):
        print(f"1..0 # SKIP first run: scripts/witness {build}")
        return
    tests = [(name, function) for name, function in vars(module).items()
             if name.startswith("test_") and callable(function) and
             (not wanted or name in wanted)]
    print(f"1..{len(tests)}", flush=True)
    good = bool(tests)
    with concurrent.futures.ProcessPoolExecutor(
            at_once, multiprocessing.get_context("fork")) as pool:
        runs = [pool.submit(_run, i, name[5:].replace("_", " "), function, build)
                for i, (name, function) in enumerate(tests, 1)]
        for run in runs:
            went_well, line, story = run.result()
            good = good and went_well
            # meson shows nothing of a failed test but its standard error.
            print("".join(f"{said}\n" for said in story), end="",
                  file=sys.stderr, flush=True)
            print(line, flush=True)
    sys.exit(0 if good else 1)
