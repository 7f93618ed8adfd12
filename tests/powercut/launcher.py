#!/usr/bin/python3
"""Cuts the power at every operation of otad-launch, and of otad --take-over.

    launcher.py BUILD-FOLDER [--every] [--seed N]

No broker and no update here: a trial stands on the disk, and its versions are
scripts that say which of them runs. One run of each scenario is recorded; every
state that a power cut behind any of its operations may leave is checked, then
otad-launch is started on it until it comes to rest, and that recovery is cut in
the same way. Every sync is left out once, and must be missed. Then each of MUTANTS
is built and must be noticed. Without --every: some of the states, some of MUTANTS.
Exit status: 0, 1 or (not possible on this machine) 77.
"""

import argparse
import collections
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import disk

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import mutation  # pylint: disable=wrong-import-position

MAX_STARTS = 3
# A count, an end, and what is in place then; one more may go by after a cut.
STARTS_MAX = MAX_STARTS + 2
MUTANTS_SAMPLED = 3
EMPTY, FULL, RECOVERED = range(3)  # slots of the disk
SEEDS = {"strict": [0], "ordered": range(4), "torn": range(6), "subset": range(12),
         "stale": range(6), "loose": range(6)}

# A mistake each: what of src/launch/main.c is replaced by what.
MUTANTS = {
    "a start is not counted": (
        '"STARTS=%u\\nPID=%d\\n", l->starts + 1', '"STARTS=%u\\nPID=%d\\n", l->starts'),
    "a start too many": ("l->starts >= l->max_starts", "l->starts > l->max_starts"),
    "the marker is not synced": ("fsync(fd) == 0 && close", "close"),
    "its folder is not synced": (
        " &&\n\t       fsync(l->state_fd) == 0;", ";"),
    "the way back is not synced": ("fsync(bin_fd) < 0", "false"),
    "the marker is written in place": (
        'openat(l->state_fd, "trial.tmp",', "openat(l->state_fd, name,"),
    "the marker goes before its end is written": (
        "\ttold = write_marker(", '\tunlinkat(l->state_fd, "trial", 0);\n\ttold = write_marker('),
    "the end is written before the way back": (
        "\tconst char *note = restore(l);",
        '\tbool early = write_marker(l, "trial-ended", "REASON=x\\nERROR=x\\n") && '
        'is_gone(l, "trial");\n\tconst char *note = early ? restore(l) : NULL;'),
    "the new version is gone before the old one is there": (
        "\tunlinkat(l->state_fd, HALF_BACK, 0);",
        "\tunlinkat(l->state_fd, HALF_BACK, 0);\n\tunlinkat(l->state_fd, TARGET, 0);"),
    "a second name of the way back stays": (
        "\tunlinkat(l->state_fd, HALF_BACK, 0);\n", ""),
    "the backup is not looked at": (
        "\tif (is_old(l, BACKUP))", "\tif (true)"),
    "an end cut short is not known again": (
        "\tif (is_old(l, TARGET))", "\tif (false)"),
}


def script(name):
    return f"#!/bin/sh\n[ \"$1\" = --version ] && exec echo otad {name}\n" \
        f"echo RAN {name}\n".encode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def lines_of(file):
    if not file.content.endswith(b"\n"):
        raise ValueError("it is not whole")
    return dict(line.split("=", 1) for line in file.content.decode().splitlines())


class Scenario:
    """What stands on the disk, what is run on it, and what must hold."""

    old, new = script("1.0.1"), script("1.0.2")
    rest = "1.0.1"  # what runs in the end

    def __init__(self, name, place, deadline=False, damaged=False):
        self.name, self.place = name, place
        self.deadline, self.damaged = deadline, damaged
        if damaged:
            self.rest = "factory"

    def furnish(self, state):
        (state / "bin").mkdir(parents=True)
        backup = self.old + (b"#" if self.damaged else b"")
        for name, data in (("otad", self.new), ("otad.old", backup)):
            (state / "bin" / name).write_bytes(data)
            (state / "bin" / name).chmod(0o755)
        (state / "trial").write_text(
            "JOB=a1b2\nVERSION=1.0.2\nOLD_VERSION=1.0.1\n"
            f"BACKUP_SHA256={sha256(self.old)}\nMAX_STARTS={MAX_STARTS}\n"
            "TIMEOUT=1\nSTARTS=1\nPID=1\n")
        (state / "trial").chmod(0o644)

    def first_command(self, launch):
        return [*launch, "--deadline"] if self.deadline else launch

    def before(self, tree, ran):
        """Complaints about a state before anything recovers; `ran`: by then."""
        target = tree.get("/state/bin/otad")
        bad = []
        if target is None and not self.damaged:
            bad.append("there is no target")
        if target and target.content not in (self.old, self.new):
            bad.append("the target is neither old nor new")
        if target and target.mode & 0o777 != 0o755:
            bad.append(f"the target has mode {target.mode:o}")
        is_back = target.content == self.old if target else self.damaged
        if self.rest in ran and not is_back:
            bad.append(f"{self.rest} has run, and is not in place")
        trial, ended = tree.get("/state/trial"), tree.get("/state/trial-ended")
        if trial:
            marker = lines_of(trial)
            if marker.get("BACKUP_SHA256") != sha256(self.old) or \
                    trial.mode & 0o777 != 0o644:
                bad.append(f"the marker is damaged: {trial}")
            if int(marker["STARTS"]) < 1 + ran.count("1.0.2"):
                bad.append(f"STARTS={marker['STARTS']} after {ran}")
        if ended and not {"JOB", "REASON", "ERROR"} <= set(lines_of(ended)):
            bad.append("trial-ended does not tell")
        if not trial and not ended:
            bad.append("nobody knows of the trial")
        if not trial and not is_back:
            bad.append("no trial, but the new version is in place")
        return bad

    def after(self, tree, ran):
        """`ran`: since the beginning."""
        bad = self.before(tree, ran)
        if ran.count("1.0.2") > MAX_STARTS - 1:
            bad.append(f"the new version has run too often: {ran}")
        if ran[-1] != self.rest or "/state/trial" in tree:
            bad.append(f"the trial does not end: {ran}")
        left = [p for p in tree if p.startswith("/state/bin/") and p not in
                ("/state/bin/otad", "/state/bin/otad.old")]
        return bad + [f"left behind: {p}" for p in left]


class TakeOver(Scenario):
    """A package has brought a newer otad than the self-updated one."""

    rest = "factory"

    def furnish(self, state):
        (state / "bin").mkdir(parents=True)
        for name, data in (("otad", self.old), ("otad.old", self.old)):
            (state / "bin" / name).write_bytes(data)
            (state / "bin" / name).chmod(0o755)
        (state / "packaged").write_text("PACKAGED=1.2.3.4\n")

    def first_command(self, launch):
        return ["sh", "-c", '"$0" --take-over && exec "$@"',
                str(self.place.packaged), *launch]

    def before(self, tree, ran):
        target, bad = tree.get("/state/bin/otad"), []
        known = lines_of(tree["/state/packaged"])["PACKAGED"]
        if target and target.content != self.old:
            bad.append("the target is damaged")
        if not target and "/state/bin/otad.old" in tree:
            bad.append("the backup would run")
        if known != "1.2.3.4" and target:
            bad.append("compared, and the older is still there")
        if "factory" in ran and (target or known == "1.2.3.4"):
            bad.append("the packaged one has run, and it may be undone")
        return bad

    def after(self, tree, ran):
        bad = self.before(tree, ran)
        if ran[-1] != self.rest or "1.0.1" in ran:
            bad.append(f"the newer does not run: {ran}")
        return bad


class Place:
    """The disk, and the programs that run on it."""

    def __init__(self, build, folder):
        self.folder = folder
        self.disk = disk.Disk(build / "tests/powercut/powercut", folder / "disk")
        self.disk.tell("save", EMPTY)
        self.program = build / "otad-launch"
        self.packaged = build / "tests/system/otad-1.0.2"
        self.factory = folder / "factory"
        self.factory.write_bytes(script("factory"))
        self.factory.chmod(0o755)

    @property
    def state(self):
        return self.disk.folder / "state"

    def run(self, command):
        with open(self.folder / "said", "ab") as said:
            subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60, check=False,
                           stdout=self.disk.notes_fd, stderr=said,
                           env={**os.environ, "STATE_DIRECTORY": str(self.state)})

    def play(self, scenario, again=False):
        """Until what has to run has run, and once more."""
        launch = [str(self.program), "--factory", str(self.factory)]
        command = scenario.first_command(launch)
        for _ in range(STARTS_MAX):
            # A deadline that is over needs no more; what recovers, does not wait.
            self.run(launch if again and scenario.deadline else command)
            again = True
            if ran_in(self.disk.notes())[-1:] == [scenario.rest] and \
                    not (self.state / "trial").exists():
                break
        self.run(launch if scenario.deadline else command)


def ran_in(notes, operations=None):
    return [note.text[4:] for note in notes if note.text.startswith("RAN ") and
            (operations is None or note.at <= operations)]


class Explorer:
    def __init__(self, place, scenario, every, seed):
        self.place, self.disk, self.scenario = place, place.disk, scenario
        self.every, self.chance = every, random.Random(f"{seed} {scenario.name}")
        self.seed = seed
        self.counts, self.failures = collections.Counter(), []
        self.known = set()

    def record(self):
        self.disk.tell("load", EMPTY)
        self.scenario.furnish(self.place.state)
        self.disk.tell("reset")
        self.place.play(self.scenario)
        self.log, self.notes = self.disk.log(), self.disk.notes()
        self.disk.tell("save", FULL)
        bad = self.scenario.after(self.disk.tree(), ran_in(self.notes))
        if bad:
            self.fail("without a cut", bad)
        return not bad

    def fail(self, where, bad):
        self.failures.append(f"{self.scenario.name}, {where}: {'; '.join(bad)}")

    def check(self, where, function, *arguments):
        try:
            bad = function(*arguments)
        except (ValueError, KeyError, IndexError) as error:
            bad = [f"a file cannot be read: {error!r}"]
        if bad:
            self.fail(where, bad)
        return not bad

    def seeds(self, model):
        return [s if s < 2 else s + 100 * self.seed for s in SEEDS[model]] \
            if self.every or model == "strict" else \
            self.chance.sample(list(SEEDS[model]), 3)

    def key(self, tree, ran):
        """Equal for states that a recovery cannot tell apart."""
        return repr([(path, file.mode, file.hash) for path, file in
                     sorted(tree.items())]), tuple(ran)

    def is_good(self, where, ran, deeper=True):
        """The state on the disk, and what comes of it."""
        self.counts["points"] += 1
        tree = self.disk.tree()
        key = self.key(tree, ran)
        if key in self.known:
            return True
        self.known.add(key)
        if not self.check(where, self.scenario.before, tree, ran):
            return False
        self.counts["recoveries"] += 1
        self.place.play(self.scenario, again=True)
        notes = self.disk.notes()
        if not self.check(f"{where}, and recovered", self.scenario.after,
                          self.disk.tree(), ran + ran_in(notes)):
            return False
        return not deeper or self.second_cuts(where, ran, notes)

    def second_cuts(self, where, ran, notes):
        self.disk.tell("save", RECOVERED)
        for n in range(1, len(self.disk.log())):
            model = disk.MODELS[n % len(disk.MODELS)]
            for seed in self.seeds(model)[:4 if self.every else 1]:
                self.disk.tell("load", RECOVERED)
                self.disk.reboot(model, seed, n)
                if not self.is_good(f"{where}, then after {n}, {model} {seed}",
                                    ran + ran_in(notes, n), deeper=False):
                    return False
        return True

    def cuts(self):
        """False at the first failure."""
        for n in range(len(self.log) + 1):
            for model in disk.MODELS:
                for seed in self.seeds(model):
                    self.disk.tell("load", FULL)
                    self.disk.reboot(model, seed, n)
                    if not self.is_good(f"cut after {n}, {model} {seed}",
                                        ran_in(self.notes, n)):
                        return False
        return True

    def is_missed(self, sync):
        for n in range(sync, len(self.log) + 1):
            for model in disk.MODELS:
                for seed in range(1 if model == "strict" else 16):
                    self.disk.tell("load", FULL)
                    self.disk.tell("ignore", sync)
                    self.disk.reboot(model, seed, n)
                    self.disk.tell("ignore", 0)
                    if not self.is_good(f"{n} {model} {seed} without {sync}",
                                        ran_in(self.notes, n), deeper=False):
                        return True
        return False

    def syncs(self):
        for sync, line in enumerate(self.log, 1):
            if line.split()[0] in disk.SYNCS:
                self.counts["syncs"] += 1
                failures, self.failures = self.failures, []
                missed = self.is_missed(sync)
                self.failures = failures
                if not missed:
                    self.fail(f"without {sync} {line}", ["nobody misses it"])


def scenarios(place):
    """The last is not of otad-launch."""
    return [Scenario("crashes", place), Scenario("deadline", place, deadline=True),
            Scenario("damaged", place, damaged=True), TakeOver("take-over", place)]


def explore_all(place, options):
    failures, points = [], 0
    for scenario in scenarios(place):
        explorer = Explorer(place, scenario, options.every, options.seed)
        if explorer.record() and explorer.cuts():
            explorer.syncs()
        counts = explorer.counts
        print(f"{scenario.name}: {len(explorer.log)} operations, "
              f"{counts['points']} crash points, {counts['recoveries']} recoveries, "
              f"{counts['syncs']} syncs left out, {len(explorer.failures)} failed",
              flush=True)
        failures += explorer.failures
        points += counts["points"]
    print(f"{points} crash points, seed {options.seed}", flush=True)
    return failures


def check_mutants(place, build, names, options):
    """Those that nobody has noticed."""
    unnoticed = []
    for name in names:
        mutant = mutation.Mutant(name, "launcher", "src/launch/main.c", *MUTANTS[name])
        folder = pathlib.Path(tempfile.mkdtemp(dir=place.folder))
        place.program = mutation.Broken(mutant, build, folder).link("otad-launch")
        for scenario in scenarios(place)[:-1]:
            explorer = Explorer(place, scenario, True, options.seed)
            if not explorer.record() or not explorer.cuts():
                print(f"noticed: {name}: {explorer.failures[0][:140]}", flush=True)
                break
        else:
            unnoticed.append(f"a mutant, nobody notices: {name}")
    return unnoticed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    reason = disk.why_not(options.build / "tests/powercut/powercut")
    if reason:
        print(f"skipped: {reason}")
        return 77
    begun = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="otad-powercut-"))
    disk.hide_mounts()
    place = Place(options.build.resolve(), folder)
    try:
        failures = explore_all(place, options)
        names = list(MUTANTS) if options.every else random.Random(
            options.seed).sample(list(MUTANTS), MUTANTS_SAMPLED)
        if not failures:
            failures = check_mutants(place, options.build.resolve(), names, options)
    finally:
        place.disk.close()
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(failures) or
          f"0 failures, {len(names)} mutants noticed, "
          f"{time.monotonic() - begun:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
