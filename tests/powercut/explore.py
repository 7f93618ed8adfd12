#!/usr/bin/python3
"""Cuts the power at every operation of every update, and sees what is left.

    explore.py BUILD-FOLDER [--sample N] [--seed N] ...

For each scenario of gateway.py one real run is recorded. Every state that a
power cut behind any of its operations may leave, in each of the models,
is checked before anything recovers; otad is then started on it, and what it
has done when it comes to rest is checked, too. The recoveries are cut in the
same way. Then every operation fails once with every error, and every sync is
left out once, which must be noticed. Equal states are tried once. With
--sample: of each scenario some points, some syncs left out and some faults.
Exit status: 0, 1 or (not possible on this machine) 77.
"""

import argparse
import collections
import contextlib
import itertools
import multiprocessing
import os
import pathlib
import queue
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback

import disk
import gateway
import judge
import lab
from judge import Judge, Told

EMPTY, FURNISHED, FULL, CRASHED, RECOVERED = range(5)  # slots of the disk
ERRORS = ("EIO", "ENOSPC", "EROFS")
SHARES = 4  # of a long part, for so many processes
SHARES_WAITING = 24  # of the cuts where each recovery takes seconds
# The corners of ordered and torn (bit 0: all metadata, bit 1: all data), and
# some that chance decides; the other corners of stale are those of ordered, those of
# loose tell nothing that chance does not.
CORNERS = {"strict": (0,), "ordered": (0, 1, 2, 3), "torn": (0, 1, 2, 3),
           "stale": (1,), "loose": (1, 2)}
BY_CHANCE = {"strict": (), "ordered": (4, 5, 6, 7), "torn": (4, 5, 6, 7),
             "stale": (4, 5), "loose": (4, 5)}
ALL = 3
AS_OTHERS = ("stale", "loose")  # what has recovered from them
SUBSETS_MAX = 64
RECORDINGS = 5  # until one is as long as the others'
# Of a recovery's cuts: these in turn.
SECOND = (("strict", 0), ("ordered", 1), ("torn", 2), ("strict", 0),
          ("ordered", 5), ("torn", 4), ("subset", 5), ("stale", 1),
          ("loose", 2))

# Of the cuts behind a sync that is left out.
LEFT_OUT = (("strict", 0), ("loose", 1), ("loose", 2),
            *((model, seed) for model in ("ordered", "torn")
              for seed in range(32)))


class Sums:
    """What is counted, and what went wrong."""

    def __init__(self):
        self.counts = collections.Counter()
        self.failures, self.unneeded, self.missed = [], [], set()

    def __getitem__(self, what):
        return self.counts[what]

    def __setitem__(self, what, count):
        self.counts[what] = count

    def merge(self, other):
        self.counts.update(other.counts)
        self.failures += other.failures
        self.unneeded += other.unneeded
        self.missed |= other.missed

    def useless(self):
        """The syncs that nobody misses, in no scenario."""
        return [text for way, text in self.unneeded if way not in self.missed]


class Seen:
    """The states that any of the processes has looked at, as names of files."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def is_new(self, key):
        try:
            os.close(os.open(self.folder / key.hex(),
                             os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True


class Explorer:
    """One scenario on one gateway."""

    def __init__(self, place, scenario, options):
        self.place, self.disk = place, place.disk
        self.scenario, self.options = scenario, options
        self.chance = random.Random(f"{options.seed} {scenario.name}")
        self.judge = Judge(scenario, place.disk)
        self.seen = Seen(options.folder / f"seen-{scenario.name}")
        self.recovered = set()
        self.sums = Sums()

    def record(self):
        """The run that goes well, and its operations; as those of the others
        who play it, or their states would all be looked at once more."""
        first = self.options.folder / f"operations-{self.scenario.name}"
        for _ in range(RECORDINGS):
            self.record_once()
            with contextlib.suppress(FileExistsError):
                with open(first, "x", encoding="utf-8") as file:
                    file.write(str(len(self.log)))
            if first.read_text() in ("", str(len(self.log))):
                return

    def record_once(self):
        self.place.furnish(self.scenario)
        self.disk.tell("save", FURNISHED)
        before = self.disk.tree()
        ends = self.place.update(self.scenario)
        self.log, self.notes = self.disk.log(), self.disk.notes()
        after = self.disk.tree()
        self.disk.tell("save", FULL)
        self.scenario.factory = self.place.factory.read_bytes()
        self.rest = after
        self.kept = self.records()
        self.judge.learn(before, *self.hashes())
        told = Told(self.scenario, self.notes)
        bad = self.judge.after_recovery(after, told, [], self.place.crashes)
        if bad or (ends[-1] == "done") != self.scenario.good:
            raise disk.Trouble(f"{self.scenario.name} without a cut: {ends} "
                               f"{bad}\n" + "\n".join(n.text
                                                      for n in self.notes))

    def hashes(self):
        """Of the new version and of the backup, as the disk reckons them."""
        self.disk.tell("load", EMPTY)
        for name, data in (("new", self.scenario.new),
                           ("backup", self.scenario.old or
                            self.scenario.factory)):
            (self.disk.folder / name).write_bytes(data)
        tree = self.disk.tree()
        return tree["/new"].hash, tree["/backup"].hash

    def records(self):
        """(operation, bytes) of each record of the download that is lasting."""
        result = []
        for s, line in enumerate(self.log, 1):
            if line == "fsyncdir /state/download":
                self.disk.tell("load", FULL)
                self.disk.reboot("ordered", ALL, s)
                result.append((s, judge.bytes_kept(self.disk.tree())))
        return result

    def kept_by(self, n):
        """The bytes that the last of them tells of."""
        return next((kept for s, kept in reversed(self.kept) if s <= n), 0)

    def received(self, n):
        """The bytes that were written of the download by then."""
        return max((sum(map(int, line.rsplit(" ", 1)[1].split("+")))
                    for line in self.log[:n]
                    if line.startswith("write /state/download/") and
                    ".json" not in line), default=0)

    # ---- power cuts ----

    def points(self, share, shares):
        """(operations, model, seed) of a share of all states, or a sample."""
        count = len(self.log)
        if self.options.sample:
            for _ in range(self.scenario.part_of(self.options.sample)):
                model = self.chance.choice(self.options.models)
                yield (self.chance.randint(0, count), model,
                       0 if model == "strict" else
                       self.chance.randrange(1 << 20 if model != "subset"
                                             else 1 << 12))
            return
        for n in range(count + 1):
            states = [(n, model, seed) for model in self.options.models
                      for seed in self.seeds(n, model)]
            # By turns: some models and seeds have more to recover than others.
            yield from states[(share + n) % shares::shares]

    def seeds(self, n, model):
        if model != "subset":
            return [*CORNERS[model],
                    *(s + self.options.seed for s in BY_CHANCE[model])]
        self.disk.tell("load", FULL)
        units, _ = self.disk.reboot(model, 0, n)
        every = 2 ** min(units, 60)
        if every <= SUBSETS_MAX:
            return range(every)
        return [0, every - 1, *self.chance.sample(range(1, every - 1),
                                                  SUBSETS_MAX - 2)]

    def moments(self, notes, n):
        """What was told when the power failed behind operation n.

        The end of the operation, and what is told after it, are two moments.
        """
        late = Told(self.scenario, [t for t in notes if t.at <= n])
        early = Told(self.scenario, [t for t in notes if t.at < n])
        yield late
        if n > 0 and early.key() != late.key():
            yield early

    def cuts(self, share=0, shares=1):
        for n, model, seed in self.points(share, shares):
            self.sums["points"] += 1
            self.sums[model] += 1
            for told in self.moments(self.notes, n):
                self.disk.tell("load", FULL)
                _, lost = self.disk.reboot(model, seed, n)
                where = f"cut after {n}, {model} {seed}"
                if self.look(told, where, lost, n) and \
                        self.go_on(told, where, lost, self.scenario.good) \
                        and model not in AS_OTHERS:
                    self.second_cuts(told, where)

    def before(self, tree, told, n):
        """The checks before recovery; `n` operations of the recorded run."""
        bad = self.judge.before_recovery(tree, told)
        if not bad and n is not None:
            bad = self.judge.keeps_up(tree, self.received(n), self.kept_by(n))
        if not bad and n == len(self.log):
            bad = self.judge.nothing_changed(tree, self.rest)
        return bad

    def look(self, told, where, lost, n=None):
        """The checks before recovery; whether the state is new and good."""
        tree = self.disk.tree()
        key = self.judge.key(tree, told)
        if n is not None:
            key += repr((self.received(n) >> 20, self.kept_by(n),
                         n == len(self.log))).encode()
        if not self.seen.is_new(key):
            return False
        self.sums["states"] += 1
        bad = self.before(tree, told, n)
        if bad:
            self.fail(where, bad, lost)
        return not bad

    def go_on(self, told, where, lost, must_succeed=False, faulty=False):
        """Boots on the state that is now on the disk; whether all is well."""
        self.disk.tell("save", CRASHED)
        tree = self.disk.tree()
        self.sums["recoveries"] += 1
        bad = self.recover(tree, told, must_succeed, faulty)
        if bad:
            self.fail(where, bad, [*lost, *(n.text for n in
                                            self.disk.notes())])
        return not bad

    def recover(self, tree, told, must_succeed=False, faulty=False):
        try:
            ends = self.place.recover(self.scenario, bool(told.ends),
                                      self.judge.is_known(tree))
        except lab.Failure as failure:
            self.place.stop(signal.SIGKILL)
            return [str(failure)]
        after = self.disk.tree()
        bad = self.judge.after_recovery(after, told, ends, self.place.crashes,
                                        faulty)
        if must_succeed and self.judge.end_of(after) != "succeeded":
            bad.append("a power cut has made it fail")
        return bad + self.judge.nothing_again(tree, told, self.place.requests)

    def second_cuts(self, first, where):
        """The recovery that has just run, cut behind each operation; of those
        that do the same, one."""
        notes, log = self.disk.notes(), self.disk.log()
        if not self.seen.is_new(judge.recovery_key(log, first)):
            return
        self.disk.tell("save", RECOVERED)
        points = [(k, *SECOND[k % len(SECOND)]) for k in range(1, len(log))]
        if self.options.sample:
            points = self.chance.sample(points, min(4, len(points)))
        for k, model, seed in points:
            self.sums["points"] += 1
            self.sums["second"] += 1
            for told in self.moments(notes, k):
                told.follow(first)
                self.disk.tell("load", RECOVERED)
                _, lost = self.disk.reboot(model, seed, k)
                again = f"{where}, recovery cut after {k}, {model} {seed}"
                if self.look(told, again, lost):
                    self.go_on(told, again, lost, self.scenario.good)

    # ---- faults ----

    def faults(self, error, share=0, shares=1):
        for n in range(1 + share, len(self.log) + 1, shares):
            self.fault(n, error)

    def fault(self, n, error):
        """Operation n fails; otad copes, or the power is cycled, or both."""
        where = f"{error} at {n} ({self.log[n - 1]})"
        self.sums["faults"] += 1
        self.disk.tell("load", FURNISHED)
        self.disk.tell("fail", n, error)
        try:
            self.place.update(self.scenario, faulty=True)
        except lab.Failure as failure:
            self.place.stop(signal.SIGKILL)
            self.fail(where, [str(failure)],
                      [note.text for note in self.disk.notes()])
            return
        notes, log, tree = self.disk.notes(), self.disk.log(), self.disk.tree()
        told = Told(self.scenario, notes)
        crashes = [c for c in self.place.crashes if c < 0 or c == 127]
        bad = self.judge.after_recovery(tree, told, [], crashes, faulty=True)
        if bad:
            self.fail(where, bad, [note.text for note in notes])
            return
        _, lost = self.disk.reboot("strict", 0, len(log))
        again = f"{where}, then a cut"
        self.sums["points"] += 1
        if self.look(told, again, lost):
            self.go_on(told, again, lost, faulty=True)

    def sample(self):
        """Of everything a little, for every build."""
        self.cuts()
        if not self.scenario.cut_short:
            self.syncs()
        for n in self.chance.sample(range(1, len(self.log) + 1), 2):
            self.fault(n, self.chance.choice(ERRORS))

    # ---- syncs ----

    def syncs(self):
        """Each sync, left out: somebody must miss it."""
        numbers = [s for s, line in enumerate(self.log, 1)
                   if line.split()[0] in disk.SYNCS and not self.is_idle(s)]
        if self.options.sample:
            numbers = self.chance.sample(numbers, 4)
        for s in numbers:
            self.sums["syncs"] += 1
            way = self.way_to(s)
            if self.complaint_without(s):
                self.sums.missed.add(way)
            else:
                self.sums.unneeded.append(
                    (way, f"{self.scenario.name}: {s} {self.log[s - 1]}"))
        self.disk.tell("ignore", 0)

    def is_idle(self, s):
        """Whether by chance an earlier sync of this file has done it all: the
        download goes on while it is synced."""
        path = self.log[s - 1].split()[1]
        last = next((line for line in reversed(self.log[:s - 1])
                     if path in line.split()), "")
        return last.split()[:1] in (["fsync"], ["fdatasync"])

    def way_to(self, s):
        """Equal for the same sync of another scenario with this module."""
        return self.scenario.module, self.scenario.device, \
            re.sub(r"\b[0-9a-f]{16,}\b|\d+", "#", "\n".join(self.log[:s]))

    def notices(self):
        """The first complaint about this otad, cheap checks first, or None."""
        try:
            self.record()
        except (disk.Trouble, lab.Failure) as trouble:
            self.place.stop(signal.SIGKILL)
            return str(trouble).splitlines()[0]
        return self.complaint_without(0)

    def complaint_without(self, s):
        """The first if sync s is left out (0: none); or None.

        First what costs no recovery.
        """
        suspects = {}
        for n in range(s, len(self.log) + 1):
            tellings = list(self.moments(self.notes, n))
            for model, seed in LEFT_OUT:
                self.without(s, n, model, seed)
                tree = self.disk.tree()
                for told in tellings:
                    bad = self.before(tree, told, n)
                    if bad:
                        return f"cut after {n}, {model} {seed}: {bad[0]}"
                    suspects.setdefault(self.judge.key(tree, told),
                                        (n, model, seed, told))
        for key, (n, model, seed, told) in suspects.items():
            if key in self.recovered:
                continue
            self.without(s, n, model, seed)
            self.disk.tell("ignore", 0)
            self.disk.tell("save", CRASHED)
            self.sums["sync recoveries"] += 1
            bad = self.recover(self.disk.tree(), told, self.scenario.good)
            if bad:
                return f"recovered from {n}, {model} {seed}: {bad[0]}"
            self.recovered.add(key)
        return None

    def without(self, s, n, model, seed):
        """A cut behind operation n, as if the sync s had not been made."""
        self.disk.tell("load", FULL)
        self.disk.tell("ignore", s)
        self.disk.reboot(model, seed, n)

    def fail(self, where, bad, lines):
        self.sums["failed"] += 1
        self.sums.failures.append(
            f"{self.scenario.name}: {where}\n" +
            "\n".join(f"    {b}" for b in bad) + "\n" +
            "\n".join(f"        {line}" for line in lines[:self.options.lines]))


# ---- the work, shared among processes ----

def play(number, options, tasks, results):
    """One process: takes tasks until there are none."""
    folder = options.folder / f"gateway-{number}"
    folder.mkdir()
    place = gateway.Gateway(options.powercut, options.build, folder)
    place.disk.tell("save", EMPTY)
    known = {s.name: s for s in gateway.scenarios(options.build, folder)}
    try:
        while True:
            try:
                name, kind, detail = tasks.get_nowait()
            except queue.Empty:
                return
            begun = time.monotonic()
            explorer = Explorer(place, known[name], options)
            try:
                explorer.record()
                getattr(explorer, kind)(*detail)
            except Exception:  # pylint: disable=broad-except
                place.stop(signal.SIGKILL)
                explorer.fail(f"{kind} {detail}", [traceback.format_exc()], [])
            results.put((name, kind, detail, len(getattr(explorer, "log", [])),
                         time.monotonic() - begun, explorer.sums))
    finally:
        place.close()


def shares_of(count):
    return [(share, count) for share in range(count)]


def parts_of(names, only, cuts):
    """(scenario, what, details): those that take longest come first."""
    return [(name, kind, detail) for kind, details in (
        ("cuts", shares_of(cuts)), ("syncs", [()]),
        ("faults", [(error, *share) for share in shares_of(SHARES)
                    for error in ERRORS]))
        if kind in only for detail in details for name in names]


def tasks_of(options):
    """One that works, one that waits, in turns."""
    wanted = [s for s in gateway.scenarios(options.build, options.folder)
              if not options.scenario or s.name in options.scenario]
    if options.sample:
        return [(s.name, "sample", ()) for s in wanted]
    work = parts_of([s.name for s in wanted if not s.waits], options.only,
                    SHARES)
    wait = parts_of([s.name for s in wanted if s.waits], options.only,
                    SHARES_WAITING)
    return [task for pair in itertools.zip_longest(work, wait)
            for task in pair if task]


def explore(options):
    work = tasks_of(options)
    tasks, results = multiprocessing.Queue(), multiprocessing.Queue()
    for task in work:
        tasks.put(task)
    workers = [multiprocessing.Process(target=play,
                                       args=(i, options, tasks, results))
               for i in range(min(options.jobs, len(work)))]
    for worker in workers:
        worker.start()
    sums, operations = Sums(), {}
    for _ in work:
        while True:
            try:
                name, kind, detail, count, spent, part = results.get(timeout=5)
                break
            except queue.Empty:
                if not any(w.is_alive() for w in workers):
                    raise disk.Trouble("a worker died") from None
        sums.merge(part)
        operations[name] = count
        print(f"{name} {kind} {' '.join(map(str, detail))}: {count} "
              f"operations, {part['points']} points, "
              f"{part['recoveries']} recoveries, {part['faults']} faults, "
              f"{part['syncs']} syncs, {part['failed']} failed, {spent:.0f} s",
              flush=True)
        for failure in part.failures[:options.show]:
            print(f"\nFAILED {failure}", flush=True)
    for worker in workers:
        worker.join()
    return sums, operations


def tell(sums, operations, spent, options):
    for line in sums.useless():
        print(f"NOT MISSED when left out: {line}")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"""
{len(operations)} scenarios of {sum(operations.values())} operations, seed \
{options.seed}
{sums['points']} crash points ({', '.join(f'{sums[m]} {m}' for m in disk.MODELS)}; \
{sums['second']} of cut recoveries; the rest after faults)
{sums['states']} distinct states, checked before recovery
{sums['recoveries']} recoveries run
{sums['faults']} faults injected
{sums['syncs']} syncs left out, {len(sums.useless())} of them not missed \
({sums['sync recoveries']} recoveries run for that)
{sums['failed']} failures, {spent:.0f} s, of the processors \
{usage.ru_utime + usage.ru_stime:.0f} s""")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--sample", type=int, metavar="N",
                        help="N points of each scenario instead of all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=32,
                        help="gateways side by side; they mostly wait")
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--only", action="append",
                        choices=["cuts", "faults", "syncs"])
    parser.add_argument("--model", action="append", dest="models",
                        choices=disk.MODELS, help="of the first cuts")
    parser.add_argument("--show", type=int, default=10,
                        help="failures to print of each part")
    parser.add_argument("--lines", type=int, default=30, help="of each")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.models = options.models or disk.MODELS
    options.only = options.only or ["cuts", "faults", "syncs"]
    options.powercut = options.build / "tests/powercut/powercut"
    return options


def main():
    options = arguments()
    reason = disk.why_not(options.powercut)
    if reason:
        print(f"skipped: {reason}")
        return 77
    begun = time.monotonic()
    options.folder = pathlib.Path(tempfile.mkdtemp(prefix="otad-powercut-"))
    try:
        disk.hide_mounts()
        sums, operations = explore(options)
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)
    tell(sums, operations, time.monotonic() - begun, options)
    return 1 if sums["failed"] or sums.useless() or not sums["points"] else 0


if __name__ == "__main__":
    sys.exit(main())
