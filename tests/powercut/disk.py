"""A file system that loses power: powercut.c, mounted, and what it tells.

One recorded run yields the states of every model: reboot() replays the
operations up to the cut and keeps what the model lets survive.
"""

import collections
import ctypes
import os
import subprocess
import time

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
MOUNT_S = 60
MODELS = ("strict", "ordered", "torn", "subset", "stale", "loose")
SYNCS = ("fsync", "fdatasync", "fsyncdir", "sync")

# `content` is None for large files and folders.
File = collections.namedtuple(
    "File", "mode links mtime_ns hash size content")
# What was told to anybody when `at` operations were over.
Note = collections.namedtuple("Note", "at text")


class Trouble(Exception):
    """The harness, not the program under test, went wrong."""


def why_not(program):
    """Why this machine cannot run it, or None."""
    if not program.exists():
        return "powercut is not built: libfuse3-dev is missing"
    if os.geteuid() != 0:
        return "needs root, to mount"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "there is no /dev/fuse here"
    return None


def hide_mounts():
    """A namespace of our own, so that no mount stays behind, whatever ends us."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or \
            libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise Trouble("mounts cannot be hidden: " +
                      os.strerror(ctypes.get_errno()))


class Disk:
    """The mounted file system; `folder` is its root."""

    def __init__(self, program, folder):
        self.folder = folder
        folder.mkdir()
        before = folder.stat().st_dev
        self.process = subprocess.Popen([str(program), str(folder)])
        end = time.monotonic() + MOUNT_S
        while folder.stat().st_dev == before:
            if self.process.poll() is not None or time.monotonic() > end:
                raise Trouble("the file system did not mount")
            time.sleep(0.005)
        self.control = os.open(folder / ".powercut", os.O_RDWR | os.O_CLOEXEC)
        self.notes_fd = os.open(folder / ".notes", os.O_WRONLY | os.O_CLOEXEC)

    def ask(self, *words):
        data = " ".join(map(str, words)).encode()
        os.pwrite(self.control, data, 0)
        parts, at = [], len(data)
        while part := os.pread(self.control, 1 << 16, at):
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def tell(self, *words):
        os.pwrite(self.control, " ".join(map(str, words)).encode(), 0)

    def note(self, text):
        os.write(self.notes_fd, text.encode() + b"\n")

    def notes(self):
        """Line by line."""
        data, at, result = self.ask("notes"), 0, []
        while at < len(data):
            end = data.index(b"\n", at)
            number, size = map(int, data[at:end].split())
            text = data[end + 1:end + 1 + size].decode(errors="replace")
            result += [Note(number, line) for line in text.splitlines()]
            at = end + 1 + size
        return result

    def log(self):
        """The operations so far: "fsync /state/x", ..."""
        return [line.split(" ", 1)[1]
                for line in self.ask("log").decode().splitlines()]

    def operations(self):
        return int(self.ask("status").split()[1])

    def tree(self):
        """Everything on it, by path."""
        data, at, result = self.ask("tree"), 0, {}
        while at < len(data):
            end = data.index(b"\n", at)
            mode, links, mtime, digest, size, small, path = \
                data[at:end].decode().split(" ", 6)
            at = end + 1
            content = None
            if small == "1":
                content = data[at:at + int(size)]
                at += int(size)
            result[path] = File(int(mode, 8), int(links), int(mtime), digest,
                                int(size), content)
        return result

    def reboot(self, model, seed, operations):
        """The power fails behind so many operations; answers what was lost.

        The first is the number of undecided units, for the model subset.
        """
        reply = self.ask("reboot", model, seed, operations).decode()
        head, *lost = reply.splitlines()
        return int(head.split()[3]), lost

    def close(self):
        os.close(self.control)
        os.close(self.notes_fd)
        subprocess.run(["umount", "-l", str(self.folder)], check=False)
        try:
            self.process.wait(MOUNT_S)
        except subprocess.TimeoutExpired:  # somebody still has a file open
            self.process.kill()
            self.process.wait()
