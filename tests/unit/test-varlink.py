#!/usr/bin/env python3
"""The control socket keeps the word of its description.

    test-varlink.py FAKE_OTAD DESCRIPTION...

Reads the descriptions by varlink's grammar (varlink.org/Interface-Definition),
then calls every method of a scripted otad and holds what it takes and what it
answers against them.
"""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

FAKE_OTAD = str(pathlib.Path(sys.argv[1]).resolve())
DESCRIPTIONS = [pathlib.Path(p).read_text(encoding="ascii") for p in sys.argv[2:]]
DEADLINE_S = 20

TOKEN = re.compile(r"""(?:\s|\#[^\n]*\n)*(?:
    (?P<interface>[A-Za-z](?:-*[A-Za-z0-9])*(?:\.[A-Za-z0-9](?:-*[A-Za-z0-9])*)+)
  | (?P<word>[A-Za-z](?:_?[A-Za-z0-9])*)
  | (?P<sign>->|\[string\]|\[\]|[?(),:])
  | (?P<end>\Z))""", re.VERBOSE)
BASIC = {"bool": bool, "int": int, "float": (int, float), "string": str,
         "object": dict}


class Interface:
    """A description: its types, methods and errors by name."""

    def __init__(self, text):
        self.text, self.at = text, 0
        self.types, self.methods, self.errors = {}, {}, {}
        self.expect("interface")
        self.name = self.next("interface")
        while not self.is_next("end"):
            self.member(self.next("word"))

    def peek(self):
        found = TOKEN.match(self.text, self.at)
        if not found:
            raise SyntaxError(f"at {self.text[self.at:self.at + 40]!r}")
        return found.lastgroup, found.group(found.lastgroup), found.end()

    def is_next(self, kind):
        return self.peek()[0] == kind

    def next(self, kind):
        found, value, end = self.peek()
        if found != kind:
            raise SyntaxError(f"{value!r} where a {kind} is expected")
        self.at = end
        return value

    def expect(self, value):
        found = self.peek()
        if found[1] != value:
            raise SyntaxError(f"{found[1]!r} where {value!r} is expected")
        self.at = found[2]

    def take(self, value):
        found = self.peek()
        if found[1] == value:
            self.at = found[2]
        return found[1] == value

    def member(self, keyword):
        name = self.next("word")
        if not re.fullmatch("[A-Z][A-Za-z0-9]*", name):
            raise SyntaxError(f"{name!r} is no name of a member")
        kept = {"type": self.types, "method": self.methods,
                "error": self.errors}[keyword]
        if name in kept:
            raise SyntaxError(f"{name!r} is there twice")
        kept[name] = self.struct()
        if keyword == "method":
            self.expect("->")
            kept[name] = kept[name], self.struct()

    def struct(self):
        fields = {}
        self.expect("(")
        while not self.take(")"):
            if fields:
                self.expect(",")
            name = self.next("word")
            if name in fields:
                raise SyntaxError(f"{name!r} is there twice")
            self.expect(":")
            fields[name] = self.type()
        return fields

    def type(self):
        for sign in ("?", "[]", "[string]"):
            if self.take(sign):
                return sign, self.type()
        if self.peek()[1] == "(":
            return "struct", self.struct()
        return "name", self.next("word")

    def check(self, value, a_type, where):
        """Raises for the first thing that is not as described."""
        kind, inner = a_type
        if kind == "?":
            if value is not None:
                self.check(value, inner, where)
        elif kind == "[]":
            assert isinstance(value, list), f"{where} is no list: {value!r}"
            for i, element in enumerate(value):
                self.check(element, inner, f"{where}[{i}]")
        elif kind == "name" and inner in BASIC:
            good = isinstance(value, BASIC[inner]) and \
                isinstance(value, bool) == (inner == "bool")
            assert good, f"{where} is no {inner}: {value!r}"
        else:
            self.check_struct(value, inner if kind == "struct" else
                              self.types[inner], where)

    def check_struct(self, value, fields, where):
        assert isinstance(value, dict), f"{where} is no object: {value!r}"
        for name in value:
            assert name in fields, f"{where}.{name} is not described"
        for name, a_type in fields.items():
            self.check(value.get(name), a_type, f"{where}.{name}")

    def names_used(self):
        members = list(self.types.values()) + list(self.errors.values())
        for taken, answered in self.methods.values():
            members += [taken, answered]
        for fields in members:
            for kind, inner in fields.values():
                while kind not in ("name", "struct"):
                    kind, inner = inner
                yield inner


OTAD = Interface(DESCRIPTIONS[0])
SERVICE = Interface(DESCRIPTIONS[1])
GOOD = {"device": "self", "module": "default", "url": "https://h/a",
        "version": "1", "size": 1, "sha256": "ab" * 32, "md5": "ab" * 16,
        "force": True, "until_ms": 1 << 50, "reason": "r", "count": 1, "name": "m",
        "class": "c", "interface": "io.otad"}


class GrammarTest(unittest.TestCase):
    def test_the_reader_can_fail(self):
        for bad in ("", "interface io", "interface io.otad method x() -> ()",
                    "interface io.otad method X() ->", "interface io.otad type X",
                    "interface io.otad type X (a_: int)",
                    "interface io.otad type X (a: int,)",
                    "interface io.otad type X (a: int, a: int)",
                    "interface io.otad type X () type X ()",
                    "interface io.otad error X (a: back-ing)"):
            with self.assertRaises((SyntaxError, KeyError)):
                Interface(bad + "\n")

    def test_every_type_is_defined_and_used(self):
        used = set(OTAD.names_used())
        self.assertEqual(used - set(BASIC), set(OTAD.types))

    def test_every_member_is_explained(self):
        lines = DESCRIPTIONS[0].splitlines()
        for i, line in enumerate(lines):
            if re.match("(type|method|error|interface) ", line):
                self.assertTrue(lines[i - 1].startswith("#"), line)


class ControlTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="varlink-")
        path = self.folder + "/io.otad"
        self.otad = subprocess.Popen([FAKE_OTAD, path], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(self.otad.stdout.readline(), "ready\n")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        self.tell("module", device="self", module="default", version="1")
        self.tell("module", device="m", module="mcu", version=None)
        self.tell("job", id="1", device="m", module="mcu", version="2",
                  state="verifying", error="timeout", message="m", waiting="w")
        self.tell("history", job="0", device="self", module="default", version="1",
                  state="failed", error="timeout", message="m")

    def tearDown(self):
        self.stream.close()
        self.socket.close()
        self.otad.stdin.close()
        self.otad.wait(DEADLINE_S)
        self.otad.stdout.close()
        shutil.rmtree(self.folder)

    def tell(self, what, **fields):
        self.otad.stdin.write(json.dumps({"do": what} | fields) + "\n")
        self.otad.stdin.flush()
        while self.otad.stdout.readline() != "ok\n":
            pass

    def receive(self):
        text = b""
        while not text.endswith(b"\0"):
            byte = self.stream.read(1)
            self.assertTrue(byte, "the connection ended")
            text += byte
        return json.loads(text[:-1])

    def call(self, interface, method, parameters, more=False):
        call = {"method": f"{interface.name}.{method}", "parameters": parameters,
                "more": more}
        self.socket.sendall(json.dumps(call).encode() + b"\0")
        return self.receive()

    def check(self, interface, method, reply):
        if "error" not in reply:
            interface.check_struct(reply["parameters"],
                                   interface.methods[method][1], method)
            return
        owner, error = reply["error"].rsplit(".", 1)
        by_name = {i.name: i for i in (OTAD, SERVICE)}
        by_name[owner].check_struct(reply["parameters"],
                                    by_name[owner].errors[error], error)

    def every_method(self):
        for interface in (OTAD, SERVICE):
            for method, (taken, _) in interface.methods.items():
                if method != "Watch":
                    yield interface, method, taken

    def test_what_is_described_is_taken_and_answered(self):
        for interface, method, taken in self.every_method():
            required = {n: GOOD[n] for n, t in taken.items() if t[0] != "?"}
            if method == "Update":
                required["sha256"] = GOOD["sha256"]
            for name in [None, *taken]:
                given = required | ({name: GOOD[name]} if name else {})
                reply = self.call(interface, method, given)
                with self.subTest(method=method, given=given):
                    self.assertNotIn("error", reply)
                    self.check(interface, method, reply)

    def test_what_is_not_described_is_refused(self):
        for interface, method, taken in self.every_method():
            for name in set(GOOD) - set(taken):
                reply = self.call(interface, method, {name: None})
                with self.subTest(method=method, name=name):
                    self.assertEqual(reply, {
                        "error": "org.varlink.service.InvalidParameter",
                        "parameters": {"parameter": name}})

    def test_lists_in_parts_are_as_described(self):
        for method in ("ListModules", "ListDevices"):
            reply = self.call(OTAD, method, {}, more=True)
            self.assertNotIn("error", reply)
            self.check(OTAD, method, reply)

    def test_a_watch_is_as_described(self):
        replies = [self.call(OTAD, "Watch", {}, more=True), self.receive()]
        self.tell("job", id="1", device="m", module="mcu", version="2",
                  state="succeeded", percent=100)
        replies.append(self.receive())
        for reply in replies:
            self.assertTrue(reply["continues"])
            self.check(OTAD, "Watch", reply)
        self.assertEqual(["job" in r["parameters"] for r in replies],
                         [True, False, True])

    def test_errors_are_as_described(self):
        errors = set()
        for kind in ("busy", "not-found"):
            self.tell("refuse", kind=kind, message="m")
            reply = self.call(OTAD, "Cancel", {})
            self.check(OTAD, "Cancel", reply)
            errors.add(reply["error"])
        for name, more in (("Nothing", False), ("Watch", False)):
            reply = self.call(OTAD, name, {}, more)
            self.check(OTAD, name, reply)
            errors.add(reply["error"])
        self.assertEqual(len(errors), 4)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
