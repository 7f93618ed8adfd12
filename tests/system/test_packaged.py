"""The packaged and the self-updated otad: the newer runs.

The packaged ones are real, the self-updated ones scripts that tell a version.
"""

import fcntl
import os
import shutil
import subprocess
import sys

import suite
from place import TIMEOUT_S, Place
from suite import expect, expect_equal


def versioned(number):
    return f'#!/bin/sh\n[ "$1" = --version ] && echo "otad {number}"\n'.encode()


class Gateway(Place):
    """Self-updated once, the package known from an earlier start."""

    def __init__(self, world, packaged="1.0.0", updated="1.0.1"):
        super().__init__(world)
        self.package(packaged)
        self.runs(packaged)
        self.update(updated, packaged)
        self.runs(updated)

    def package(self, number):
        """What dpkg does: another file under the name."""
        name = "otad" if number == "1.0.0" else f"tests/system/otad-{number}"
        new = self.factory.with_suffix(".dpkg-new")
        shutil.copy(self.build / name, new)
        new.replace(self.factory)

    def update(self, number, old):
        self.install(new=versioned(number), old=versioned(old))

    def otad(self, option, program=None):
        return subprocess.run(
            [program or self.factory, option], capture_output=True, text=True,
            timeout=TIMEOUT_S, check=False,
            env=dict(os.environ, STATE_DIRECTORY=f"{self.state}:/nowhere"))

    def runs(self, name):
        """A start, as otad.service has it; what --take-over says."""
        result = self.otad("--take-over")
        expect_equal(result.returncode, 0, result.stderr)
        output = self.launch("--", "--version").stdout
        expect_equal(output, f"otad {name}\n", f"what ran ({result.stderr})")
        return result.stderr

    def which(self):
        result = self.otad("--which")
        expect_equal(result.returncode, 0, result.stderr)
        return result.stdout


def test_a_newer_package_takes_the_place_of_the_self_updated_otad(world):
    gateway = Gateway(world)
    gateway.package("1.0.2")
    said = gateway.runs("1.0.2")
    expect("1.0.2 as packaged is newer than 1.0.1" in said, said)
    expect_equal(list(gateway.bin.iterdir()), [], "what is left")
    expect_equal(gateway.runs("1.0.2"), "", "said once more")


def test_an_older_package_leaves_the_self_updated_otad_and_says_so(world):
    gateway = Gateway(world, "1.0.0", "1.0.10")
    gateway.package("1.0.2")
    said = gateway.runs("1.0.10")
    expect("1.0.10" in said and "1.0.2 as packaged" in said, said)
    expect_equal(gateway.runs("1.0.10"), "", "said once more")


def test_the_same_version_as_packaged_changes_nothing(world):
    gateway = Gateway(world)
    gateway.package("1.0.1")
    gateway.runs("1.0.1")
    expect_equal(gateway.target.read_bytes(), versioned("1.0.1"), "target")


def test_a_self_update_after_the_package_runs_be_it_older(world):
    gateway = Gateway(world)
    gateway.package("1.0.2")
    gateway.runs("1.0.2")
    gateway.update("1.0.1", "1.0.2")
    gateway.runs("1.0.1")
    gateway.runs("1.0.1")


def test_the_first_package_that_is_seen_is_no_newer_one(world):
    gateway = Gateway(world)
    for change in (lambda: (gateway.state / "packaged").unlink(),
                   lambda: (gateway.state / "packaged").write_bytes(b"\0\xff=\n")):
        gateway.package("1.0.2")
        change()
        gateway.runs("1.0.1")
        gateway.runs("1.0.1")


def test_a_trial_goes_on_whatever_the_package_brings(world):
    gateway = Gateway(world)
    gateway.mark()
    gateway.package("1.0.2")
    gateway.runs("1.0.1")
    gateway.trial.replace(gateway.ended)  # and nobody has read it yet
    gateway.runs("1.0.1")
    gateway.ended.unlink()
    gateway.runs("1.0.2")


def test_an_update_that_has_its_backup_goes_on_too(world):
    gateway = Gateway(world)
    for name in ("install", "jobs"):
        (gateway.state / name).mkdir()
    record = gateway.state / "install/self%2Fdefault"
    record.write_text(f"JOB=a1b2\nBACKUP=linked\nBACKUP_SHA256={'0' * 64}\n")
    job = gateway.state / "jobs/a1b2.json"
    job.write_text("{}")
    gateway.package("1.0.2")
    gateway.runs("1.0.1")
    job.unlink()  # what is left of a job that is over counts for nothing
    gateway.runs("1.0.2")


def test_a_first_update_that_is_under_way_comes_to_its_end(world):
    """The package that came meanwhile is compared with what it has brought."""
    gateway = Gateway(world)
    gateway.target.unlink()
    gateway.mark()
    gateway.package("1.0.2")
    expect("under way" in gateway.which(), gateway.which())
    gateway.otad("--take-over")
    gateway.update("1.0.1", "1.0.0")
    gateway.trial.unlink()
    gateway.runs("1.0.2")


def test_a_self_updated_otad_without_a_version_is_removed(world):
    for mute in (b"#!/bin/sh\nexit 127\n", b"#!/bin/sh\necho otad ../x\n",
                 b"#!/bin/sh\necho\n", b"#!/bin/sh\nkill -9 $$\n",
                 b"#!/bin/sh\necho otad 9.9.9; exit 1\n", b"text", b"",
                 b"#!/bin/sh\nhead -c 1000000 /dev/urandom\n",
                 b"#!/bin/sh\nsleep 1000\n"):
        gateway = Gateway(world)
        gateway.write(gateway.target, mute)
        gateway.package("1.0.2")
        said = gateway.runs("1.0.2")
        expect("tells no version" in said, f"{mute}: {said}")
        shutil.rmtree(gateway.state)


def test_what_a_power_cut_leaves_half_done_is_done_at_the_next_start(world):
    gateway = Gateway(world)
    known = (gateway.state / "packaged").read_bytes()
    gateway.package("1.0.2")
    gateway.backup.unlink()
    gateway.runs("1.0.2")
    expect_equal(list(gateway.bin.iterdir()), [], "what is left")
    # Both were removed, and that was not remembered.
    (gateway.state / "packaged").write_bytes(known)
    gateway.runs("1.0.2")
    gateway.update("1.0.1", "1.0.2")
    gateway.runs("1.0.1")


def test_what_cannot_be_removed_goes_on(world):
    gateway = Gateway(world)
    gateway.backup.unlink()
    gateway.backup.mkdir()
    gateway.package("1.0.2")
    result = gateway.otad("--take-over")
    expect_equal(result.returncode, 1, "exit status")
    expect("otad.old" in result.stderr, result.stderr)
    expect_equal(gateway.launch("--", "--version").stdout, "otad 1.0.1\n", "what ran")
    gateway.backup.rmdir()
    gateway.runs("1.0.2")


def test_a_running_otad_is_left_alone(world):
    gateway = Gateway(world)
    gateway.package("1.0.2")
    with open(gateway.state / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = gateway.otad("--take-over")
    expect_equal(result.returncode, 1, "exit status")
    expect_equal(gateway.target.read_bytes(), versioned("1.0.1"), "target")


def test_only_the_packaged_otad_takes_over(world):
    gateway = Gateway(world)
    shutil.copy(gateway.factory, gateway.target)
    for option in ("--take-over", "--which"):
        result = gateway.otad(option, gateway.target)
        expect_equal(result.returncode, 1, option)
        expect("is not the packaged otad" in result.stderr, result.stderr)
    expect(gateway.target.exists() and gateway.backup.exists(), "removed")


def test_which_says_it_and_changes_nothing(world):
    gateway = Gateway(world)
    before = (gateway.state / "packaged").read_bytes()
    gateway.package("1.0.2")
    expect_equal(gateway.which(),
                 f"{gateway.factory} 1.0.2 (packaged; self-updated: 1.0.1)\n",
                 "a newer package")
    gateway.update("1.0.3", "1.0.1")
    expect_equal(gateway.which(),
                 f"{gateway.target} 1.0.3 (self-updated; packaged: 1.0.2)\n",
                 "an older package")
    gateway.mark()
    expect("on trial" in gateway.which(), "a trial")
    expect_equal(gateway.marker()["STARTS"], "1", "starts counted")
    gateway.trial.unlink()
    expect_equal((gateway.state / "packaged").read_bytes(), before, "packaged")
    gateway.target.unlink()
    expect_equal(gateway.which(),
                 f"{gateway.factory} 1.0.2 (packaged; there is no other)\n", "alone")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
