"""What tests/faults/inject.c saw of a run, and what it is told to make fail.

A site is a path of calls that ends in a system call or an allocation. The layout
of the shared file is that of inject.h.
"""

import collections
import contextlib
import mmap
import pathlib
import re
import struct
import subprocess

HEADER = struct.Struct("<Q6I64s")
SITE = struct.Struct("<QIIII")
FRAME = struct.Struct("<II")
FRAMES, MODULES, SITES = 48, 64, 16384
NAME_BYTES = 64
SITE_BYTES = SITE.size + FRAMES * FRAME.size
SITES_AT = HEADER.size + MODULES * NAME_BYTES
BYTES = SITES_AT + SITES * SITE_BYTES

ALLOCATIONS = ("malloc", "calloc", "realloc", "memalign")
BEYOND = {10000 + i: name
          for i, name in enumerate((*ALLOCATIONS, "pthread_create"))}

# frames: (name of the library, or "" for otad; offset), the innermost first.
Site = collections.namedtuple("Site", "hash call count frames")


def call_names():
    """The system calls of this machine by their numbers."""
    for folder in ("/usr/include/x86_64-linux-gnu/asm", "/usr/include/asm"):
        path = pathlib.Path(folder, "unistd_64.h")
        if path.exists():
            found = re.findall(r"#define __NR_(\w+) (\d+)", path.read_text())
            return {int(number): name for name, number in found} | BEYOND
    raise FileNotFoundError("asm/unistd_64.h")


def prepare(path, wanted=0, number=0, error=0):
    """A file that records all sites, or makes the wanted one fail."""
    with open(path, "wb") as file:
        file.write(HEADER.pack(wanted, number, error, 0, 0, 0, 0, b""))
        file.truncate(BYTES)


def was_injected(path):
    with open(path, "rb") as file:
        return HEADER.unpack(file.read(HEADER.size))[3] != 0


def crashed_in(path):
    """The library in whose code a signal ended otad; "": its own, or none."""
    with open(path, "rb") as file:
        return HEADER.unpack(file.read(HEADER.size))[7].split(b"\0")[0].decode()


def _name(data, number):
    at = HEADER.size + number * NAME_BYTES
    return data[at:at + NAME_BYTES].split(b"\0")[0].decode()


def _frames(data, at, count):
    raw = data[at:at + count * FRAME.size]
    return tuple((_name(data, module), offset)
                 for module, offset in FRAME.iter_unpack(raw))


def read(path):
    """All sites that were recorded."""
    names = call_names()
    sites = []
    with open(path, "rb") as file, contextlib.closing(mmap.mmap(
            file.fileno(), 0, prot=mmap.PROT_READ)) as data:
        _, _, _, _, dispatched, overflows, *_ = HEADER.unpack_from(data)
        if not dispatched:
            raise OSError("this kernel cannot dispatch system calls")
        if overflows:
            raise OSError("there are more sites than the file has room for")
        for at in range(SITES_AT, BYTES, SITE_BYTES):
            which, call, count, depth, _ = SITE.unpack_from(data, at)
            if which:
                sites.append(Site(which, names.get(call, str(call)), count,
                                  _frames(data, at + SITE.size, depth)))
    return sites


def describe(frames, program):
    """The path in words, as far as it is otad's own; libraries by name."""
    own = [f"{offset - 1:#x}" for name, offset in frames if not name]
    done = subprocess.run(["addr2line", "-fs", "-e", str(program), *own],
                          capture_output=True, text=True, check=False)
    lines = iter(done.stdout.splitlines())
    words = []
    for name, _ in frames:
        if name:
            if not words or words[-1] != name:
                words.append(name)
        else:
            function, place = next(lines, "?"), next(lines, "?")
            words.append(f"{function} ({place.split(' ')[0]})")
    return " < ".join(words)
