"""Runs the functions of a test file, each in a world of its own; prints TAP.

    test_NAME.py BUILD-FOLDER [FUNCTION...]

A test is a function whose name begins with "test_"; it gets a Lab.
"""

import sys
import time
import traceback

import lab


class Skip(Exception):
    """Cannot be tried on this machine; says why."""


def skip(why):
    raise Skip(why)


def expect(condition, what):
    if not condition:
        raise lab.Failure(what)


def expect_equal(got, wanted, what):
    if got != wanted:
        raise lab.Failure(f"{what}: got {got!r}, wanted {wanted!r}")


def _show_logs(world):
    """What otad had to say, for whoever must find out why it failed."""
    for path in sorted(world.folder.glob("*/otad.log")):
        for line in path.read_text(errors="replace").splitlines()[-60:]:
            print(f"# {path.parent.name}: {line}")


def _run(number, name, function, build):
    started = time.monotonic()
    try:
        with lab.Lab(build) as world:
            try:
                function(world)
            except Exception:
                _show_logs(world)
                raise
    except Skip as why:
        print(f"ok {number} - {name} # SKIP {why}", flush=True)
        return True
    except Exception:  # pylint: disable=broad-except
        for line in traceback.format_exc().splitlines():
            print(f"# {line}")
        print(f"not ok {number} - {name}", flush=True)
        return False
    seconds = time.monotonic() - started
    print(f"ok {number} - {name} # {seconds:.1f} s", flush=True)
    return True


def main(module):
    build, wanted = sys.argv[1], sys.argv[2:]
    tests = [(name, function) for name, function in vars(module).items()
             if name.startswith("test_") and callable(function) and
             (not wanted or name in wanted)]
    print(f"1..{len(tests)}", flush=True)
    results = [_run(i, name[5:].replace("_", " "), function, build)
               for i, (name, function) in enumerate(tests, 1)]
    sys.exit(0 if results and all(results) else 1)
