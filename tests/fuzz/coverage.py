#!/usr/bin/python3
"""What of each source that parses its harnesses reach, with their corpora.

    tests/fuzz/coverage.py BUILD LEARNT

BUILD is of clang's source coverage (scripts/fuzz --coverage makes it), LEARNT
has a folder of more inputs for each harness. Prints how many functions of each
source are entered, and of these lines and branches, worst last: the other
functions write or act. BUILD/missed.txt has the names of those, and each
branch that nothing took.
"""

import concurrent.futures
import fnmatch
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/fuzz/corpus"

# Harnesses (glob(7)), and the sources that they are for. otad-launch, which
# reads the trial marker, is part of its harness and no source of its own.
PARSERS = {
    "json": "base/json-parse base/json-scan base/utf8",
    "handler": "base/line-buffer install/handler",
    "units": "base/units",
    "version": "base/version",
    "cloud-*": "cloud/decode cloud/fields cloud/alink",
    "cloud-* job": "model/offer model/offer-json",
    "cloud-eztcloud": "cloud/eztcloud cloud/eztcloud-path",
    "cloud-hanqi": "cloud/hanqi",
    "cloud-iotgo": "cloud/iotgo",
    "cloud-sagoo": "cloud/sagoo",
    "cloud-tencent": "cloud/tencent",
    "config": "config/cloud config/devices config/document config/document-read "
              "config/files config/modules config/platform-keys config/problems "
              "config/secret config/settings config/values config/values-text",
    "control": "control/methods control/stream control/update-method "
               "control/varlink",
    "otactl": "otactl/client otactl/complete otactl/ended otactl/follow "
              "otactl/job otactl/text otactl/view",
    "url": "fetch/address model/offer-url",
    "headers": "fetch/answer fetch/headers",
    "download-record": "fetch/record",
    "elf": "install/elf",
    "trial packaged install-record": "install/lines",
    "packaged": "install/packaged",
    "install-record": "install/record",
    "trial": "install/trial",
    "text": "model/digest model/job-state model/text",
    "outbox": "mqtt/outbox-file",
    "history": "update/history",
    "job": "update/job",
    "module-record": "update/module-record",
    "state": "update/store",
    "keys": "verify/keys",
    "signature": "verify/manifest",
    "signature keys": "verify/signature",
}


def expand(harnesses):
    there = sorted(folder.name for folder in CORPUS.iterdir())
    return [one for pattern in harnesses.split()
            for one in fnmatch.filter(there, pattern)]


def raw_profile(build, harness):
    return build / f"{harness}.profraw"


def replay(build, learnt, harness):
    """None, or what went wrong."""
    folders = [CORPUS / harness, learnt / harness]
    result = subprocess.run(
        [build / f"tests/fuzz/fuzz-{harness}",
         *(folder for folder in folders if folder.is_dir())],
        env=dict(os.environ, LLVM_PROFILE_FILE=raw_profile(build, harness)),
        capture_output=True, text=True, errors="replace", check=False)
    if result.returncode:
        return "\n".join(result.stderr.splitlines()[-3:])
    return None


def export(build, harnesses):
    """llvm-cov's account of all sources, as far as these harnesses go."""
    profile = build / "sum.profdata"
    subprocess.run(["llvm-profdata", "merge", "-o", profile, *(
        raw_profile(build, harness) for harness in harnesses)], check=True)
    programs = [build / f"tests/fuzz/fuzz-{harness}" for harness in harnesses]
    objects = [programs[0], *(f"-object={other}" for other in programs[1:])]
    exported = subprocess.run(
        ["llvm-cov", "export", *objects, f"-instr-profile={profile}"],
        stdout=subprocess.PIPE, check=True)
    return json.loads(exported.stdout)["data"][0]


def count_lines(segments):
    """{line: how often}, as llvm-cov has it in CoverageMapping.cpp."""
    counts, wrapped, by_line = {}, None, {}
    for segment in segments:
        by_line.setdefault(segment[0], []).append(segment)
    for line in range(min(by_line, default=0), max(by_line, default=-1) + 1):
        here = by_line.get(line, [])
        starts = [count for _, _, count, counted, entry, gap in here
                  if counted and entry and not gap]
        skipped = here and not here[0][3] and here[0][4]
        if not skipped and (starts or wrapped and wrapped[3]):
            counts[line] = max([wrapped[2] if wrapped else 0, *starts])
        wrapped = here[-1] if here else wrapped
    return counts


class Source:
    """A source, as far as its functions are entered."""

    def __init__(self, name, account, harnesses):
        self.name, self.harnesses = f"src/{name}.c", harnesses
        self.text = (ROOT / self.name).read_text().splitlines()
        self.missed = []
        path = os.path.realpath(ROOT / self.name)
        file = next(file for file in account["files"]
                    if os.path.realpath(file["filename"]) == path)
        functions = [function for function in account["functions"]
                     if os.path.realpath(function["filenames"][0]) == path]
        entered = [function for function in functions if function["count"]]
        self.functions = len(entered), len(functions)
        for function in functions:
            if not function["count"]:
                self.missed.append(f"{self.name}: {function['name'].split(':')[-1]}() "
                                   "is not entered")
        counts = count_lines(file["segments"])
        lines = {line for function in entered
                 for region in function["regions"]
                 for line in range(region[0], region[2] + 1)} & counts.keys()
        self.lines = sum(counts[line] > 0 for line in lines), len(lines)
        taken = [self.look(branch) for function in entered
                 for branch in function["branches"]]
        self.branches = sum(taken), 2 * len(taken)

    def look(self, branch):
        """How many of its two ways were taken."""
        line, start, end_line, end, was_true, was_false = branch[:6]
        if not was_true or not was_false:
            self.miss(line, "never true" if was_false else
                      "never false" if was_true else "not reached",
                      start - 1, end - 1 if end_line == line else None)
        return bool(was_true) + bool(was_false)

    def miss(self, line, what, start=0, end=None):
        self.missed.append(f"{self.name}:{line}: {what}: "
                           f"{self.text[line - 1][start:end]}")


def percent(covered, count):
    return 100 * covered / count if count else 100.0


def row(name, functions, lines, branches, harnesses=""):
    print(f"{name:32} {functions[0]:4} of {functions[1]:4}"
          f" {percent(*lines):6.1f} % of {lines[1]:5}"
          f" {percent(*branches):6.1f} % of {branches[1]:5}  {harnesses}".rstrip())


def main():
    build, learnt = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    harnesses = sorted({one for several in PARSERS for one in expand(several)})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = list(pool.map(lambda one: replay(build, learnt, one), harnesses))
    for harness, failure in zip(harnesses, failures):
        if failure:
            sys.exit(f"fuzz-{harness}: {failure}")
    sources = []
    for several, names in PARSERS.items():
        account = export(build, expand(several))
        sources += [Source(name, account, several) for name in names.split()]
    sources.sort(key=lambda one: (-percent(*one.branches), -percent(*one.lines),
                                  one.name))
    (build / "missed.txt").write_text("".join(
        line + "\n" for source in sources for line in source.missed))
    print(f"{'source':32} {'functions':>12} {'lines':>17} {'branches':>17}  harnesses")
    for one in sources:
        row(one.name, one.functions, one.lines, one.branches, one.harnesses)
    row(f"{len(sources)} sources", *(
        [sum(column) for column in zip(*(getattr(one, what) for one in sources))]
        for what in ("functions", "lines", "branches")))
    print(f"what was not taken: {build}/missed.txt")


main()
