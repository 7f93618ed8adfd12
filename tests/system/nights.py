"""What makes a night bad: links, name servers, disks, clocks; and the morning.

The bad things stand between otad and the real broker and servers of lab.py.
Standard library only.
"""

import collections
import contextlib
import json
import os
import pathlib
import random
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

import lab
from suite import expect, expect_equal, skip

PASSWORD = "pass-word-of-the-broker"
TOKEN = "token-of-the-url"


# ---- links ----

class Budget:
    """So many bytes a second for all who share it."""

    def __init__(self, rate):
        self.rate = rate
        self.free_at = time.monotonic()
        self.lock = threading.Lock()

    def spend(self, count):
        with self.lock:
            begin = max(self.free_at, time.monotonic())
            self.free_at = begin + count / self.rate
        time.sleep(max(0, self.free_at - time.monotonic()))


CONNACK_BYTES = 4


class Link:
    """A TCP link from a port of its own to one of 127.0.0.1.

    `mode`: "open" passes everything on, "mute" accepts and never answers,
    "deaf" lets through that a broker accepts, and no other answer, "closed"
    hangs up at once. What was connected before, or is about to be, stays
    as it was until cut().
    """

    BLOCK = 128  # small: a slow link brings a little, often

    def __init__(self, port, budget=None, mode="open", inject=None):
        self.target = port
        self.budget = budget
        self.mode = mode
        self.inject = inject
        self.accepted = 0
        self.passed = 0  # bytes towards otad
        self.listener = None
        self.port = None
        self.sockets = set()
        self.cuts = 0
        self.lock = threading.Lock()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                cuts, mode = self.cuts, self.mode
            threading.Thread(target=self._serve, args=(client, mode, cuts),
                             daemon=True).start()

    def _serve(self, client, mode, cuts):
        if mode == "closed":
            client.close()
            return
        if mode == "mute":
            self._keep(cuts, client)
            while self._read(client):
                pass
            self._forget(client)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        self._keep(cuts, client, server)
        threading.Thread(target=self._pump, args=(client, server, None),
                         daemon=True).start()
        self._pump(server, client, self.inject,
                   CONNACK_BYTES if mode == "deaf" else None)
        self._forget(client, server)

    def _read(self, source):
        try:
            return source.recv(self.BLOCK if self.budget else 65536)
        except OSError:
            return b""

    def _pump(self, source, sink, inject, passes=None):
        seen = b""
        while True:
            data = self._read(source)
            if not data:
                break
            if passes is not None:
                data, passes = data[:passes], passes - len(data[:passes])
            if self.budget:
                self.budget.spend(len(data))
            try:
                sink.sendall(data)
                if inject:
                    seen += data
                    if b"\x90" in seen:  # SUBACK: subscribed
                        sink.sendall(inject)
                        inject = None
            except OSError:
                break
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def _keep(self, cuts, *sockets):
        with self.lock:
            self.sockets.update(sockets)
            if cuts != self.cuts:  # accepted before a cut that did not see it
                self._shut(sockets)

    @staticmethod
    def _shut(sockets):
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _forget(self, *sockets):
        with self.lock:
            self.sockets.difference_update(sockets)
        for one in sockets:
            one.close()

    def cut(self):
        """Whoever is connected is so no longer."""
        with self.lock:
            self.cuts += 1
            self._shut(self.sockets)

    def stop(self):
        self.listener.close()
        self.cut()


class Every:
    """Does something every so many seconds until the block is over."""

    def __init__(self, seconds, action):
        self.seconds = seconds
        self.action = action
        self.count = 0
        self.failure = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._over.wait(self.seconds):
            try:
                self.action()
            except Exception as failure:  # pylint: disable=broad-except
                self.failure = failure
                return
            self.count += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self._over.set()
        self._thread.join()
        if self.failure and kind is None:
            raise self.failure


# ---- names ----

class NameServer:
    """DNS on an address of its own in 127/8: hangs, or knows 127.0.0.1.

    `files` are /etc/resolv.conf and /etc/nsswitch.conf that lead to it.
    """

    PORT = 53

    def __init__(self, folder):
        self.folder = folder
        self.answers = False
        self.questions = []
        self.socket = None

    def start(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = ".".join(["127", *(str(random.randrange(1, 255))
                                     for _ in range(3))])
        try:
            self.socket.bind((address, self.PORT))
        except PermissionError:
            skip("only root may listen on port 53")
        # One question in half a minute: whoever waits for it is stuck.
        (self.folder / "resolv.conf").write_text(
            f"nameserver {address}\noptions timeout:30 attempts:1\n")
        (self.folder / "nsswitch.conf").write_text("hosts: files dns\n")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            end = question.index(b"\0", 12) + 5
            self.questions.append(question[12:end])
            if self.answers:
                is_a = question[end - 4:end] == b"\0\1\0\1"
                head = question[:2] + b"\x81\x80\0\1" + \
                    struct.pack(">HHH", is_a, 0, 0)
                answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" \
                    if is_a else b""
                self.socket.sendto(head + question[12:end] + answer, peer)

    def wrapper(self):
        """Before a command: it sees no other name server."""
        binds = " && ".join(
            f"mount --bind '{self.folder}/{name}' /etc/{name}"
            for name in ("resolv.conf", "nsswitch.conf"))
        return ["unshare", "-m", "--propagation", "private", "sh", "-c",
                f"{binds} && exec \"$0\" \"$@\""]

    def stop(self):
        self.socket.close()


def need_mounts(folder):
    """Skips where this machine lets nobody mount."""
    if os.geteuid() != 0:
        skip("mounts need root")
    tried = subprocess.run(["unshare", "-m", "--propagation", "private",
                            "mount", "-t", "tmpfs", "none", str(folder)],
                           capture_output=True, text=True)
    if tried.returncode != 0:
        skip(f"no mounts here: {tried.stderr.strip()}")


# ---- disks ----

class Disk:
    """A small file system of its own over a folder."""

    def __init__(self, place, size):
        self.place = place
        self.size = size
        self.filler = place / "filler"

    def start(self):
        need_mounts(self.place)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}",
                        "none", str(self.place)], check=True)

    def fill(self):
        with open(self.filler, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self):
        self.filler.unlink()

    def stop(self):
        # Lazily: whoever still writes there is on the way out.
        subprocess.run(["umount", "-l", str(self.place)], check=False)


class Turnstile:
    """A command of otad's that waits in the middle until it is let through."""

    def __init__(self, folder, name):
        self.came = folder / f"{name}-came"
        self.go = folder / f"{name}-go"
        for fifo in (self.came, self.go):
            os.mkfifo(fifo)
        # Both ends, so that no open() waits for the other side.
        self.came_fd = os.open(self.came, os.O_RDWR | os.O_NONBLOCK)
        self.go_fd = os.open(self.go, os.O_RDWR)
        self.script = folder / name
        self.script.write_text(f"#!/bin/sh\necho came > {self.came}\n"
                               f"read line < {self.go}\n")
        self.script.chmod(0o755)

    def wait(self):
        """Until somebody stands in it."""
        ready, _, _ = select.select([self.came_fd], [], [], lab.DEADLINE_S)
        expect(ready, f"nobody ran {self.script.name}")
        os.read(self.came_fd, 100)

    def let_through(self):
        os.write(self.go_fd, b"go\n")


# ---- clocks ----

class Clock:
    """The wall clock of who runs with `environment`; others keep theirs."""

    def __init__(self, folder, build):
        self.library = build / "tests/system/clock-shim.so"
        self.file = folder / "clock"
        self.shift(0)

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library),
                "OTAD_TEST_CLOCK": str(self.file)}

    def shift(self, seconds):
        with open(self.file, "r+b" if self.file.exists() else "w+b") as file:
            file.write(struct.pack("=q", int(seconds)))

    def set(self, unix_time):
        self.shift(unix_time - time.time())


# ---- the world, and the morning after ----

MODULE = """[Module default]
Type=config
Path={path}
Version=1.0.0
"""

Gateway = collections.namedtuple("Gateway", "broker web otad path")


def mqtt_with_secret(folder):
    (folder / "password").write_text(PASSWORD + "\n")
    return f"Username=gateway\nPasswordFile={folder}/password\n"


def config(world, port, mqtt="", update="", download="", module=""):
    """hanqi with one file to update, the broker behind `port`."""
    path = world.folder / "target" / "firmware.conf"
    if not path.parent.is_dir():
        path.parent.mkdir()
    if not path.exists():
        path.write_text("old")
    text = lab.base_config(
        lab.Port(port), lab.HANQI, MODULE.format(path=path) + module,
        mqtt_with_secret(world.folder) + mqtt, update, download)
    return text, path


def offer(broker, url, data, number="1.0.1", msg_id="ota_1", **changes):
    """Published; where the messages stood before."""
    mark = broker.mark()
    broker.publish(lab.HANQI_COMMAND, lab.hanqi_upgrade(
        number, f"{url}?sign={TOKEN}", data, msg_id, **changes))
    return mark


def is_end(number=None):
    states = [lab.is_hanqi_state(state, number)
              for state in ("completed", "failed")]
    return lambda message: any(accepts(message) for accepts in states)


def body(message):
    return message.payload["data"]


def wait_told(otad):
    """Nothing is left to do, and nothing to tell."""
    def is_done():
        return not any(p.suffix == ".json" for name in ("jobs", "outbox")
                       for p in (otad.state / name).iterdir())
    lab.wait_until("job and report are gone from the disk", is_done)


def ends_in_log(otad, number):
    return re.findall(rf"^\w+: \S+ {re.escape(number)} of \S+: "
                      r"(succeeded|failed|rolled-back)\b.*$",
                      otad.log(), re.MULTILINE)


def check_alive(otad):
    """After any night: nothing is left to do, and it answers."""
    wait_told(otad)
    expect(otad.process.poll() is None, "otad is gone")
    expect_equal(json.loads(otad.ctl("status", "--json"))["version"] != "",
                 True, "status")
    for secret in (PASSWORD, TOKEN):
        expect(secret not in otad.log(), f"{secret} is in the log")


def check_nothing_beside(folder, names):
    left = [p.name for p in folder.iterdir() if p.name not in names and
            p.name != "filler" and not p.name.endswith(".old")]
    expect_equal(left, [], "left behind at the target")


def check_morning(otad, number="1.0.1", path=None, either=()):
    """What holds after a night of one update: see docs/reliability.md."""
    check_alive(otad)
    expect_equal(len(ends_in_log(otad, number)), 1,
                 f"lines that tell the end of {number}")
    if path:
        expect(path.read_bytes() in either, "neither old nor new")
        check_nothing_beside(path.parent, [path.name])


def lines(otad, pattern):
    return re.findall(pattern, otad.log(), re.MULTILINE)


def otad_program(world, number):
    return (world.build / f"tests/system/otad-{number}").read_bytes()
