"""A device on a pseudo-terminal that flash-serial can flash.

It is written after the description of the protocol alone, with framing and
checksums of its own, and is as bad a line as the test wants. Standard library
only.
"""

import os
import pty
import select
import struct
import threading
import tty
import zlib


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def frame(kind, sequence, payload):
    body = bytes([kind, sequence]) + payload
    body += struct.pack(">H", crc16(body))
    body = body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
    return b"\x7e" + body + b"\x7e"


def parse(data):
    body = data.replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")
    if len(body) < 4 or crc16(body[:-2]) != struct.unpack(">H", body[-2:])[0]:
        return None
    return body[0], body[1], body[2:-2]


class Refused(Exception):
    """Answered with the text of it."""


class SerialDevice:
    """Its image is (version, bytes).

    `line(number, data)` sees every frame that it hears and says, by number, and
    returns what is left of it. `starts(image)` tells whether an image runs.
    """

    def __init__(self, version, image=b"factory", room=1 << 20):
        self.running = (version, image)
        self.spare = ("", b"")
        self.room = room
        self.incoming = None  # [version, size, crc, bytes]
        self.kept = False
        self.requests = []
        self.line = lambda number, data: data
        self.starts = lambda image: True
        self._frames = 0
        self._master, self._slave = pty.openpty()
        # Held open: without any, the line would hang up between two handlers.
        self.port = os.ttyname(self._slave)
        tty.setraw(self._slave)
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        os.write(self._stopped, b"x")
        self._thread.join()
        for fd in (self._master, self._slave, self._stop, self._stopped):
            os.close(fd)

    def config(self, name, more="Timeout=0.5\nTries=20\n"):
        return f"[{name}]\nPort={self.port}\n{more}"

    def _pass(self, data):
        self._frames += 1
        return self.line(self._frames, data)

    def _serve(self):
        heard = b""
        while True:
            ready, _, _ = select.select([self._master, self._stop], [], [])
            if self._stop in ready:
                return
            heard += os.read(self._master, 65536)
            *frames, heard = heard.split(b"\x7e")
            for data in filter(None, frames):
                request = parse(self._pass(data))
                if request:
                    self._reply(*request)

    def _reply(self, kind, sequence, payload):
        self.requests.append(chr(kind))
        try:
            answer = frame(kind | 0x80, sequence,
                           self._answer(chr(kind), payload))
        except Refused as why:
            answer = frame(0x7F, sequence, str(why).encode())
        answer = self._pass(answer)
        while answer:
            answer = answer[os.write(self._master, answer):]

    def _answer(self, kind, payload):
        if kind == "I":
            return (f"model=test\nrunning={self.running[0]}\n"
                    f"crc={zlib.crc32(self.running[1]):08x}\n"
                    f"spare={self.spare[0]}\nroom={self.room}\n").encode()
        if kind == "B":
            return self._begin(payload)
        if kind == "D":
            return self._part(payload)
        if kind == "E":
            return self._end()
        if kind == "K":
            self.kept = True
            return b""
        if kind == "R":
            return self._back()
        raise Refused("unknown request")

    def _begin(self, payload):
        size, crc = struct.unpack(">II", payload[:8])
        wanted = [payload[8:].decode(), size, crc]
        if size > self.room:
            raise Refused("too large")
        if not self.incoming or self.incoming[:3] != wanted:
            self.incoming = wanted + [b""]
        return struct.pack(">I", len(self.incoming[3]))

    def _part(self, payload):
        if not self.incoming:
            raise Refused("nothing was begun")
        offset, = struct.unpack(">I", payload[:4])
        # A part that came twice, since its answer was lost, is there already.
        if offset == len(self.incoming[3]):
            self.incoming[3] += payload[4:]
        return struct.pack(">I", len(self.incoming[3]))

    def _end(self):
        if not self.incoming:
            return b""
        version, size, crc, image = self.incoming
        if len(image) != size or zlib.crc32(image) != crc:
            raise Refused("image damaged")
        self.incoming = None
        self.kept = False
        if self.starts((version, image)):
            self.spare, self.running = self.running, (version, image)
        return b""

    def _back(self):
        # Asked twice, it must not come forward again.
        if self.spare[0]:
            self.running, self.spare = self.spare, ("", b"")
        return b""
