"""A Varlink client that does as it is told, right or wrong.

One message is JSON and a NUL byte (varlink.org); everything has a deadline.
"""

import json
import socket

import lab


class Closed(lab.Failure):
    """The other side ended the connection."""


class Client:
    """One connection to a control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        # Blocking: with a timeout, a full backlog would be an error at once.
        self.socket.connect(str(path))
        self.socket.settimeout(lab.DEADLINE_S)
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, method, parameters=None, **flags):
        """`flags`: more=True, oneway=True."""
        message = {"method": method, "parameters": parameters or {}, **flags}
        self.send_bytes(json.dumps(message).encode() + b"\0")

    def receive(self):
        """The next reply, whole."""
        while b"\0" not in self._received:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            except TimeoutError:
                raise lab.Failure("no reply; so far: "
                                  f"{self._received!r}") from None
            if not data:
                raise Closed(f"closed after {self._received!r}")
            self._received += data
        message, _, self._received = self._received.partition(b"\0")
        return json.loads(message)

    def call(self, method, parameters=None, **flags):
        """The reply as it came, an error or not."""
        self.send(method if "." in method else "io.otad." + method,
                  parameters, **flags)
        return self.receive()

    def ask(self, method, parameters=None, **flags):
        """The parameters of a reply that is no error."""
        reply = self.call(method, parameters, **flags)
        if "error" in reply:
            raise lab.Failure(f"{method}: {reply}")
        return reply["parameters"]

    def wait_closed(self):
        """Everything that comes before the end."""
        replies = []
        while True:
            try:
                replies.append(self.receive())
            except Closed:
                return replies


def ask(path, method, parameters=None):
    """One call over a connection of its own."""
    with Client(path) as client:
        return client.ask(method, parameters)
