"""Between otad and the broker: sees what is acknowledged before otad does.

So what was told is noted in the exact order: nothing that otad does once its
report is acknowledged comes before the note.
"""

import socket
import threading

PUBLISH, PUBACK = 3, 4
PATIENCE_S = 60  # should nobody let a message go


def packets(connection):
    """(first byte, body, the whole) of each MQTT packet until the end."""
    data = bytearray()

    def fill(size):
        while len(data) < size:
            part = connection.recv(1 << 16)
            if not part:
                raise EOFError
            data.extend(part)
    try:
        while True:
            at, size, shift = 1, 0, 0
            while True:
                fill(at + 1)
                size |= (data[at] & 0x7f) << shift
                at, shift = at + 1, shift + 7
                if not data[at - 1] & 0x80:
                    break
            fill(at + size)
            yield data[0], bytes(data[at:at + size]), bytes(data[:at + size])
            del data[:at + size]
    except (EOFError, OSError):
        return


class Relay:
    """Listens; `told(topic, payload)` runs for each message that arrived."""

    def __init__(self, broker_port, told):
        self.broker_port, self.told = broker_port, told
        self._held = self._swallowed = None
        self._free = threading.Event()
        self._holding = threading.Event()
        self._free.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, which):
        """The next message that `which(payload)` accepts waits for let_go()."""
        self._held = which
        self._holding.clear()
        self._free.clear()

    def swallow(self, which):
        """Whatever `which(payload)` accepts never arrives; None: all does."""
        self._swallowed = which

    def is_holding(self):
        return self._holding.is_set()

    def let_go(self):
        self._held = None
        self._free.set()

    def _accept(self):
        while True:
            try:
                device, _ = self.listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(
                    ("127.0.0.1", self.broker_port))
            except OSError:
                device.close()
                continue
            for end in (device, broker):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            waiting = {}
            for ends in ((device, broker, self._sent),
                         (broker, device, self._answered)):
                threading.Thread(target=self._pass, args=(*ends, waiting),
                                 daemon=True).start()

    @staticmethod
    def _pass(source, sink, look, waiting):
        for first, body, whole in packets(source):
            # What `look` refuses does not go on.
            if not look(first, body, waiting):
                continue
            try:
                sink.sendall(whole)
            except OSError:
                break
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _sent(self, first, body, waiting):
        if first >> 4 != PUBLISH:
            return True
        size = int.from_bytes(body[:2], "big")
        topic, rest = body[2:2 + size].decode(), body[2 + size:]
        payload = rest[2:] if first & 6 else rest
        swallowed, held = self._swallowed, self._held
        if swallowed and swallowed(payload):
            return False
        if held and held(payload):
            self._holding.set()
            self._free.wait(PATIENCE_S)
        if first & 6:
            waiting[rest[:2]] = topic, payload
        else:
            self.told(topic, payload)
        return True

    def _answered(self, first, body, waiting):
        if first >> 4 == PUBACK and body[:2] in waiting:
            self.told(*waiting.pop(body[:2]))
        return True

    def close(self):
        self.listener.close()
