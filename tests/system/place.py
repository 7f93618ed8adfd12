"""A state directory as otad-launch finds it, with small otads in it."""

import hashlib
import re
import subprocess

from suite import expect, expect_equal

TIMEOUT_S = 30


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Place:
    """A state directory, a factory version, and what stands on disk between."""

    def __init__(self, world):
        self.build = world.build
        self.state = world.folder / "state"
        self.bin = self.state / "bin"
        self.bin.mkdir(parents=True, exist_ok=True)
        self.target = self.bin / "otad"
        self.backup = self.bin / "otad.old"
        self.factory = world.folder / "factory"
        self.trial = self.state / "trial"
        self.ended = self.state / "trial-ended"
        self.write(self.factory, self.script("factory"))
        self.process = None

    @staticmethod
    def script(name, body="exit 0"):
        return (f"#!/bin/sh\necho {name} \"$@\"\n{body}\n").encode()

    @staticmethod
    def write(path, data, mode=0o755):
        path.unlink(missing_ok=True)  # the backup may be the same file
        path.write_bytes(data)
        path.chmod(mode)

    def install(self, new=None, old=None):
        """A swap as otad makes it: the new version and the old one's backup."""
        self.write(self.target, self.script("new") if new is None else new)
        self.write(self.backup, self.script("old") if old is None else old)

    def mark(self, **changes):
        lines = {"JOB": "a1b2", "VERSION": "2.0.0", "OLD_VERSION": "1.0.0",
                 "TARGET": str(self.target), "BACKUP": str(self.backup),
                 "BACKUP_SHA256": sha256(self.backup.read_bytes()),
                 "MAX_STARTS": "3", "TIMEOUT": "300", "STARTS": "1",
                 "PID": "1"}
        lines.update({key: str(value) for key, value in changes.items()})
        text = "".join(f"{key}={value}\n" for key, value in lines.items()
                       if value != "None")
        new = self.state / "trial.new"
        new.write_text(text)
        new.replace(self.trial)

    def command(self, *arguments):
        return [str(self.build / "otad-launch"), "--state", str(self.state),
                "--factory", str(self.factory), *arguments]

    def launch(self, *arguments, command=None, env=None):
        return subprocess.run(command or self.command(*arguments),
                              capture_output=True, text=True, env=env,
                              timeout=TIMEOUT_S, check=False)

    def runs(self, name):
        result = self.launch()
        expect_equal((result.stdout.split() or [""])[0], name,
                     f"what ran ({result.stderr.strip()})")
        return result

    def marker(self, path=None):
        text = (path or self.trial).read_text()
        return dict(line.split("=", 1) for line in text.splitlines())

    def expect_back(self, reason):
        expect_equal(self.target.read_bytes(), self.script("old"), "target")
        expect(not self.trial.exists(), "the marker is left")
        expect(re.search(reason, self.marker(self.ended)["REASON"]),
               f"{self.marker(self.ended)['REASON']!r} is not {reason!r}")
