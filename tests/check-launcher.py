#!/usr/bin/env python3
"""The judge stays small, and takes no memory while it runs.

    check-launcher.py FOLDER ARCHIVE

counts the lines of FOLDER, which is src/launch, and looks at the symbols that
ARCHIVE, its objects, takes from elsewhere: libc alone, and there only what is
known to allocate nothing. Exit status 1 says what is wrong.
"""

import pathlib
import re
import subprocess
import sys

LINES_MAX = 399

SYSTEM_CALLS = """access clock_gettime close execve faccessat fchmod fstat fsync getpid
    kill linkat open openat read readlink renameat sleep unlinkat write"""
# None of them has a stream, or a width that comes from outside.
TEXT = """bcmp memcmp memcpy memmove memset snprintf sprintf strcasecmp strcat strcmp strcspn
    strcpy strerror strlen strncasecmp strncmp strnlen strtoul vsnprintf"""
OTHER = "errno_location environ getenv isoc23_strtoul GLOBAL_OFFSET_TABLE_ stack_chk_fail"
ALLOWED = set(f"{SYSTEM_CALLS} {TEXT} {OTHER}".split())
# What sanitizers and coverage put in is theirs.
INSTRUMENTS = re.compile(r"__(asan|ubsan|tsan|msan|sanitizer|sancov|gcov|llvm|start|stop)_")


def plain(symbol):
    """Without what large files and hardening make of a name."""
    name = symbol.split("@")[0].lstrip("_")
    name = re.sub(r"_chk$", "", name) if name != "stack_chk_fail" else name
    return re.sub(r"64$", "", re.sub(r"64_2$", "64", name))


def symbols_of(archive):
    output = subprocess.run(["nm", archive], capture_output=True, text=True,
                            check=True).stdout
    words = [line.split() for line in output.splitlines()]
    defined = {w[2] for w in words if len(w) == 3}
    return {w[1] for w in words if len(w) == 2 and w[0] in "Uw"} - defined


def main():
    folder, archive = map(pathlib.Path, sys.argv[1:])
    files = [path for path in folder.rglob("*") if path.is_file()]
    lines = sum(len(path.read_text().splitlines()) for path in files)
    symbols = {s for s in symbols_of(archive) if not INSTRUMENTS.match(s)}
    wrong = [f"{s}: not known to do without memory of its own, see {__file__}"
             for s in sorted(symbols) if plain(s) not in ALLOWED]
    if lines > LINES_MAX:
        wrong.append(f"{folder}: {lines} lines; the judge has less than 400")
    if len(symbols) < 10 or lines < 100:
        wrong.append("that is not the judge")
    print(f"{lines} lines, {len(symbols)} functions of libc")
    if wrong:
        sys.exit("\n".join(wrong))


main()
