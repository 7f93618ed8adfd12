"""A scripted HTTP/1.1 server with faults, for tests of downloads.

    http_server.py --root FOLDER [--port N]
        [--cert FILE --key FILE [--client-ca FILE]]

Serves the files of FOLDER on 127.0.0.1 with Range, If-Range, ETag,
Last-Modified and HEAD, over TLS when a certificate is given: to those alone
whose own certificate the --client-ca has signed. Prints its port on standard
output once it listens, and ends by a signal.

Control requests:

    POST /_script {"path": "/fw.bin", "faults": [FAULT, ...]}
        The next GET of that path gets the first fault, the one after it the
        second, and so on; later ones are served well. {} is no fault.
        A fault with "repeat": N is used N times, with "repeat": true for ever.
    POST /_reset    forgets scripts and log
    GET /_log       the requests in order, as a JSON list of
        {"method", "path", "headers" (names as sent), "status",
         "sent" (bytes of body), "done" (the answer is over)}

A FAULT is an object; its members combine where that makes sense:

    cut_after: N      close the connection after N bytes of body
    cut_head: true    close it instead of answering
    stall_after: N    after N bytes of body send nothing until the client goes
    stall_head: true  the same instead of answering
    raw: TEXT         send that instead of an answer, and close
    rate: N           N bytes a second
    status: CODE      answer that, without content
    retry_after: TEXT its Retry-After
    redirect: URL     answer 302 (or `status`) with that Location
    redirect_body: N  with so many bytes of body
    ignore_range: true      answer 200 with everything
    part_bytes: N           a 206 with at most so many bytes
    part_to_end: true       a 206 to the end, whatever end was asked for
    force_part: true        a 206 with everything, though no range was asked for
    range_shift: N          serve, and say, a range that begins N bytes later
    range_total: N          say another total in Content-Range ("*": that)
    content_range: TEXT     say exactly that
    no_content_range: true  leave it out
    unsatisfiable: true     answer 416, with `range_total` if given
    content: TEXT     serve that instead of the file, repeated `times` times
    file: NAME        serve another file of FOLDER
    etag: TEXT        instead of the one made of the content ("": none)
    last_modified: TEXT     instead of the file's ("": none)
    encoding: TEXT    say that Content-Encoding
    length: "none"    no Content-Length, the body ends with the connection
    length: "chunked" no Content-Length, chunks of 10000 bytes
    announce: N       say that Content-Length
    extra: N          send N bytes more than the range or file has
    headers: {..}     more headers
    header_bytes: N   one more header of so many bytes
    trailer_bytes: N  after a chunked body, so many bytes of trailers
    interim: CODE     an answer of that status before the real one
    interim_headers: {..}   with these headers

Standard library only.
"""

import argparse
import email.utils
import hashlib
import http.server
import json
import pathlib
import re
import select
import ssl
import sys
import threading
import time

BLOCK = 16 * 1024
CHUNK = 10_000
PATIENCE_S = 120  # of a stalled answer, should a client never go


class Gone(Exception):
    """The answer ends here."""


class Book:
    """What to do, and what was done."""

    def __init__(self):
        self.lock = threading.Lock()
        self.scripts = {}
        self.log = []

    def reset(self):
        with self.lock:
            self.scripts = {}
            self.log = []

    def script(self, path, faults):
        with self.lock:
            self.scripts[path] = [dict(fault) for fault in faults]

    def next_fault(self, path):
        with self.lock:
            faults = self.scripts.get(path)
            if not faults:
                return {}
            repeat = faults[0].get("repeat", 1)
            if repeat is True:
                return faults[0]
            if repeat > 1:
                faults[0]["repeat"] = repeat - 1
                return faults[0]
            return faults.pop(0)

    def enter(self, method, path, headers):
        entry = {"method": method, "path": path, "status": 0, "sent": 0,
                 "headers": dict(headers.items()),
                 "done": False}
        with self.lock:
            self.log.append(entry)
        return entry

    def as_json(self):
        with self.lock:
            return json.dumps(self.log).encode()


class Content:
    """The bytes to serve, and what HTTP says about them."""

    def __init__(self, folder, path, fault):
        name = fault.get("file", path.split("?")[0].lstrip("/"))
        file = folder / name
        self.modified = None
        if "content" in fault:
            self.data = fault["content"].encode() * fault.get("times", 1)
        elif file.is_file() and folder in file.resolve().parents:
            self.data = file.read_bytes()
            self.modified = email.utils.formatdate(file.stat().st_mtime,
                                                   usegmt=True)
        else:
            self.data = None
            return
        self.etag = '"%s"' % hashlib.sha1(self.data).hexdigest()[:16]
        self.etag = fault.get("etag", self.etag)
        self.modified = fault.get("last_modified", self.modified)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    book = None
    folder = None

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (Gone, ConnectionError, ssl.SSLError, TimeoutError):
            pass

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        wish = json.loads(self.rfile.read(size) or b"{}")
        if self.path == "/_script":
            self.book.script(wish["path"], wish["faults"])
        elif self.path == "/_reset":
            self.book.reset()
        self.plain(200 if self.path in ("/_script", "/_reset") else 404, b"")

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if self.path == "/_log":
            self.plain(200, self.book.as_json())
            return
        fault = {}
        if self.command == "GET":
            fault = self.book.next_fault(self.path.split("?")[0])
        self.entry = self.book.enter(self.command, self.path, self.headers)
        try:
            self.answer(fault)
        finally:
            self.entry["done"] = True

    def plain(self, status, body):
        self.head(status, {"Content-Length": len(body)})
        self.wfile.write(body)

    def head(self, status, headers):
        self.send_response_only(status)
        self.send_header("Date", self.date_time_string())
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def answer(self, fault):
        if fault.get("cut_head"):
            self.hang_up()
        if fault.get("stall_head"):
            self.stall()
        if "raw" in fault:
            self.wfile.write(fault["raw"].encode())
            self.hang_up()
        if "interim" in fault:
            self.send_response_only(fault["interim"])
            for name, value in fault.get("interim_headers", {}).items():
                self.send_header(name, value)
            self.end_headers()
        if "redirect" in fault:
            self.redirect(fault)
            return
        if "status" in fault:
            self.refuse(fault["status"], fault)
            return
        content = Content(self.folder, self.path, fault)
        if content.data is None:
            self.refuse(404, fault)
            return
        self.serve(content, fault)

    def refuse(self, status, fault):
        self.entry["status"] = status
        headers = {"Content-Length": 0, **fault.get("headers", {})}
        if "retry_after" in fault:
            headers["Retry-After"] = fault["retry_after"]
        self.head(status, headers)

    def redirect(self, fault):
        status = self.entry["status"] = fault.get("status", 302)
        body = b"x" * fault.get("redirect_body", 0)
        headers = {"Content-Length": len(body), **fault.get("headers", {})}
        if fault["redirect"] is not None:
            headers["Location"] = fault["redirect"]
        self.head(status, headers)
        self.send(body, {})

    def wanted(self, content, fault):
        """First and last byte of the range asked for, or None for all."""
        if fault.get("ignore_range"):
            return None
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)",
                             self.headers.get("Range", ""))
        if not asked and fault.get("force_part"):
            return 0, len(content.data) - 1
        if not asked:
            return None
        condition = self.headers.get("If-Range")
        if condition and condition not in (content.etag, content.modified):
            return None
        last = len(content.data) - 1
        if asked[2] and not fault.get("part_to_end"):
            last = min(last, int(asked[2]))
        return int(asked[1]), last

    def serve(self, content, fault):
        data, status = content.data, 200
        headers = {"Accept-Ranges": "bytes"}
        wanted = self.wanted(content, fault)
        total = fault.get("range_total", len(data))
        if fault.get("unsatisfiable") or (wanted and wanted[0] >= len(data)):
            status, data = 416, b""
            headers["Content-Range"] = f"bytes */{total}"
        elif wanted:
            first, last = (n + fault.get("range_shift", 0) for n in wanted)
            last = min(last, len(data) - 1,
                       first + fault.get("part_bytes", len(data)) - 1)
            status, data = 206, data[first:last + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{total}"
        if "content_range" in fault:
            headers["Content-Range"] = fault["content_range"]
        if fault.get("no_content_range"):
            headers.pop("Content-Range", None)
        if content.etag:
            headers["ETag"] = content.etag
        if content.modified:
            headers["Last-Modified"] = content.modified
        if "encoding" in fault:
            headers["Content-Encoding"] = fault["encoding"]
        if "header_bytes" in fault:
            headers["X-Padding"] = "x" * fault["header_bytes"]
        headers.update(fault.get("headers", {}))
        data += b"+" * fault.get("extra", 0)
        self.frame(headers, data, fault)
        self.entry["status"] = status
        self.head(status, headers)
        if self.command == "HEAD":
            return
        self.send(data, fault)
        if fault.get("length") == "none" or \
           fault.get("announce", len(data)) != len(data):
            self.hang_up()

    def frame(self, headers, data, fault):
        if fault.get("length") == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        elif fault.get("length") == "none":
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = fault.get("announce", len(data))

    def send(self, data, fault):
        chunked = fault.get("length") == "chunked"
        block = CHUNK if chunked else BLOCK
        stops = [fault[k] for k in ("cut_after", "stall_after") if k in fault]
        stop = min(stops, default=len(data))
        speed = fault.get("rate")
        if speed:
            block = max(1, min(block, speed // 20))
        at = 0
        while at < min(stop, len(data)):
            part = data[at:min(at + block, stop)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part)
                             if chunked else part)
            at += len(part)
            self.entry["sent"] = at
            if speed:
                time.sleep(len(part) / speed)
        if "stall_after" in fault:
            self.stall()
        if "cut_after" in fault:
            self.hang_up()
        if chunked:
            line = b"X-Padding: " + b"x" * 987 + b"\r\n"
            lines = fault.get("trailer_bytes", 0) // len(line)
            self.wfile.write(b"0\r\n" + line * lines + b"\r\n")

    def stall(self):
        """Until the client closes; what it may send meanwhile is dropped."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if select.select([self.connection], [], [], 1)[0] and \
               not self.connection.recv(4096):
                break
        self.hang_up()

    def hang_up(self):
        self.close_connection = True
        raise Gone


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    tls = None

    def finish_request(self, request, client_address):
        # Here, and not at accept(): a slow handshake must block nobody else.
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)
        try:
            super().finish_request(request, client_address)
        finally:
            request.close()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def make_tls(args):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(args.cert, args.key)
    if args.client_ca:
        tls.load_verify_locations(args.client_ca)
        tls.verify_mode = ssl.CERT_REQUIRED
    return tls


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--client-ca")
    args = parser.parse_args()

    Handler.book = Book()
    Handler.folder = args.root.resolve()
    server = Server(("127.0.0.1", args.port), Handler)
    if args.cert:
        server.tls = make_tls(args)
    # One write: who waits for the line gets all of it.
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
