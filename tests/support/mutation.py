"""Sources with one place broken: made, and tried on those who must notice."""

import argparse
import concurrent.futures
import dataclasses
import json
import multiprocessing
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORE = "-Wl,--start-group"  # the libraries come behind it


class Trouble(Exception):
    """It does not apply any more."""


@dataclasses.dataclass
class Mutant:
    name: str
    noticed_by: str  # a test or a scenario, as its runner knows it
    source: str
    old: str
    new: str

    def apply(self):
        """The broken source."""
        text = (ROOT / self.source).read_text()
        if text.count(self.old) != 1:
            raise Trouble(f"{self.name}: {self.source} has "
                          f"{text.count(self.old)} times: {self.old}")
        return text.replace(self.old, self.new)


def _without_output(command):
    """A compiler's command that names no file it makes."""
    words = iter(shlex.split(command))
    for word in words:
        if word in ("-MQ", "-MF", "-o", "-c"):
            next(words)
        elif word != "-MD":
            yield word


class Broken:
    """A mutant's object, compiled as BUILD compiles the right one."""

    def __init__(self, mutant, build, folder):
        self.build, self.folder = build, folder
        place = pathlib.Path(mutant.source)
        commands = json.loads((build / "compile_commands.json").read_text())
        entry = next(e for e in commands
                     if e["file"].endswith(mutant.source) and
                     e["output"].startswith(("libotad-core", "otad-launch")))
        self._right = entry["output"]
        self.is_of_launch = self._right.startswith("otad-launch")
        source = folder / place.name
        source.write_text(mutant.apply())
        self._object = source.with_suffix(".o")
        subprocess.run([*_without_output(entry["command"]), "-iquote",
                        str((ROOT / place).parent), "-w", "-o",
                        str(self._object), "-c", str(source)],
                       cwd=entry["directory"], check=True)

    def link(self, target):
        """The path of `target` with it instead of the right one."""
        told = subprocess.run(["ninja", "-t", "commands", "-s", target],
                              cwd=self.build, check=True, capture_output=True,
                              text=True).stdout
        words = shlex.split(told)
        made = self.folder / target
        made.parent.mkdir(parents=True, exist_ok=True)
        words[words.index("-o") + 1] = str(made)
        if self._right in words:
            words[words.index(self._right)] = str(self._object)
        else:  # before the library, which is asked for what is still missing
            words.insert(words.index(CORE), str(self._object))
        subprocess.run(words, cwd=self.build, check=True)
        return made

    def lay_out(self, programs, others):
        """Makes of the folder a build folder with them, broken or right."""
        for target in (*programs, *others):
            made = self.folder / target
            made.parent.mkdir(parents=True, exist_ok=True)
            if target in others or \
                    self.is_of_launch != (target == "otad-launch"):
                made.symlink_to(self.build / target)
            else:
                self.link(target)


def _arguments(about):
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, nargs="?")
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--jobs", type=int, default=4)
    options = parser.parse_args()
    if not options.build and not options.check:
        parser.error("BUILD-FOLDER is missing")
    return options


def _check(mutants):
    names = {mutant.name for mutant in mutants}
    if len(names) < len(mutants):
        raise Trouble("two have one name")
    for mutant in mutants:
        mutant.apply()
    print(f"{len(mutants)} mutants apply")
    return 0


def _try_all(mutants, try_out, options):
    """How many nobody has noticed."""
    missed = 0
    with concurrent.futures.ProcessPoolExecutor(
            options.jobs, multiprocessing.get_context("spawn"),
            max_tasks_per_child=1) as pool:
        tries = [pool.submit(try_out, mutant, options) for mutant in mutants]
        for mutant, result in zip(mutants, tries):
            found = result.result()
            missed += not found
            print(f"{'noticed' if found else 'NOT NOTICED'}: {mutant.name} "
                  f"({mutant.noticed_by}): {found}", flush=True)
    return missed


def main(about, mutants, try_out, prepare):
    """Ends the program: the whole of a runner.

    prepare(options, mutants) adds to the options what try_out() needs, and says
    why there is nothing to be tried, or None; try_out(mutant, options) says what
    was noticed, or None.
    """
    options = _arguments(about)
    if options.check:
        sys.exit(_check(mutants))
    options.build = options.build.resolve()
    wanted = [m for m in mutants
              if not options.only or m.name in options.only]
    reason = prepare(options, wanted)
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    options.folder = pathlib.Path(tempfile.mkdtemp(prefix="otad-mutants-"))
    begun = time.monotonic()
    try:
        missed = _try_all(wanted, try_out, options)
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)
    print(f"\n{len(wanted)} mutants, {missed} not noticed, "
          f"{time.monotonic() - begun:.0f} s")
    sys.exit(1 if missed or not wanted else 0)
