"""Other ways to the same end: one artifact over HTTP, verified, in a file.

Each class makes its package of the artifact, once, beside it on the web server,
and runs one update from it; what it costs is measured from outside by
benchmarks/measure.py. `needs` are the commands without which it cannot be
measured. Where one of them is as its makers deliver it, and where not, stands in
docs/benchmarks.md.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import threading
import time

DEADLINE_S = 600
POLL_S = 0.05


class CannotRun(Exception):
    """It cannot be measured here; says why."""


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=DEADLINE_S, check=False, **options)
    if done.returncode != 0:
        raise CannotRun(f"{command[0]}: exit status {done.returncode}: " +
                        done.stdout.strip().rpartition("\n")[2])
    return done.stdout


def make_key(folder, *extra):
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
        "30", "-subj", "/CN=benchmark", "-keyout", folder / "key.pem", "-out",
        folder / "cert.pem", *extra)


class Peer:
    """`target`: where the artifact is after update()."""

    needs = ()
    needs_root = False

    def __init__(self, world, artifact, url, digest):
        """`artifact` is the file that the web server has as `url`."""
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=world.folder))
        self.artifact = artifact
        self.url = url
        self.digest = digest
        self.target = self.folder / "target"

    def check(self):
        missing = [word for word in self.needs if not shutil.which(word)]
        if missing:
            raise CannotRun(f"{', '.join(missing)} not installed")
        if self.needs_root and os.geteuid() != 0:
            raise CannotRun("needs root")

    def served(self, suffix):
        """A file of the web server for the package, and its url."""
        return self.artifact.with_suffix(suffix), self.url + suffix

    def prepare(self):
        """Makes the package."""

    def update(self):
        """One update, whole."""
        raise NotImplementedError

    def clean(self):
        """Back to before the update, for the next one."""
        self.target.unlink(missing_ok=True)


class ByHand(Peer):
    """curl -o FILE, then openssl dgst -sha256 FILE."""

    needs = ("curl", "openssl")

    def update(self):
        run("curl", "-sS", "-f", "-o", self.target, self.url)
        said = run("openssl", "dgst", "-sha256", "-r", self.target)
        if said.split()[0] != self.digest:
            raise CannotRun("wrong digest")


class OnePass(Peer):
    """benchmarks/one-pass.c, through the page cache."""

    mode = "buffered"

    def __init__(self, world, *artifact):
        super().__init__(world, *artifact)
        self.program = world.build.parent / "one-pass"

    def update(self):
        said = run(self.program, self.url, self.target, self.mode)
        if said.strip() != self.digest:
            raise CannotRun("wrong digest")


class OnePassDirect(OnePass):
    """Past the page cache, in blocks of 4 MiB."""

    mode = "direct"


class Swupdate(Peer):
    """A signed .swu, streamed into a file by the handler "raw"."""

    needs = ("swupdate", "cpio", "openssl")

    def prepare(self):
        make_key(self.folder, "-addext", "extendedKeyUsage=emailProtection")
        os.link(self.artifact, self.folder / "image")
        (self.folder / "sw-description").write_text(f"""software =
{{
    version = "1.0";
    hardware-compatibility: [ "1.0" ];
    images: (
        {{
            filename = "image";
            device = "{self.target}";
            type = "raw";
            sha256 = "{self.digest}";
            installed-directly = true;
        }}
    );
}}
""")
        run("openssl", "cms", "-sign", "-binary", "-nosmimecap", "-outform",
            "DER", "-signer", "cert.pem", "-inkey", "key.pem", "-in",
            "sw-description", "-out", "sw-description.sig", cwd=self.folder)
        package, self.url = self.served(".swu")
        run("cpio", "-o", "-H", "crc", "-F", package, cwd=self.folder,
            input="sw-description\nsw-description.sig\nimage\n")
        (self.folder / "image").unlink()

    def update(self):
        # A raw image goes to a device, which is there before.
        self.target.touch()
        os.truncate(self.target, self.artifact.stat().st_size)
        run("swupdate", "-k", self.folder / "cert.pem", "-H", "board:1.0",
            "-m", "-M", "-l", "1", "-d", f"-u {self.url}",
            env={**os.environ, "TMPDIR": str(self.folder)})


class Mender(Peer):
    """An artifact of the update module "single-file", installed and committed."""

    needs = ("mender", "mender-artifact", "unshare", "mount")
    needs_root = True

    def prepare(self):
        for name in ("data/scripts", "etc", "destination"):
            (self.folder / name).mkdir(parents=True)
        os.link(self.artifact, self.folder / "artifact")
        for name, text in {"dest_dir": str(self.folder / "destination"),
                           "filename": "artifact", "permissions": "644",
                           "etc/artifact_info": "artifact_name=old\n",
                           "data/device_type": "device_type=benchmark\n",
                           "mender.conf": '{"ServerURL": "http://127.0.0.1:1"}'
                           }.items():
            (self.folder / name).write_text(text)
        package, self.url = self.served(".mender")
        run("mender-artifact", "write", "module-image", "-T", "single-file",
            "--device-type", "benchmark", "-n", "new", "--compression", "none",
            "-o", package, "-f", "dest_dir", "-f", "filename", "-f",
            "permissions", "-f", "artifact", cwd=self.folder)
        (self.folder / "artifact").unlink()
        self.target = self.folder / "destination/artifact"

    def _mender(self, *words):
        # It looks for its name in /etc/mender and nowhere else.
        run("unshare", "--mount", "sh", "-c",
            'mount --bind "$1/etc" /etc/mender; shift; exec mender "$@"', "sh",
            self.folder, "--no-syslog", "-c", self.folder / "mender.conf",
            "-b", self.folder / "none", "-d", self.folder / "data", *words)

    def update(self):
        self._mender("install", self.url)
        self._mender("commit")

    def clean(self):
        super().clean()
        for path in (self.folder / "data").glob("mender-store*"):
            path.unlink()


class Rauc(Peer):
    """A bundle of the format "plain", installed into the slot that is idle."""

    needs = ("rauc", "mksquashfs", "openssl", "dbus-run-session")
    needs_root = True

    def prepare(self):
        make_key(self.folder)
        content = self.folder / "content"
        content.mkdir()
        (self.folder / "mount").mkdir()
        os.link(self.artifact, content / "image.img")
        (content / "manifest.raucm").write_text(
            "[update]\ncompatible=benchmark\nversion=1\n"
            "[bundle]\nformat=plain\n[image.rootfs]\nfilename=image.img\n")
        (self.folder / "system.conf").write_text(f"""[system]
compatible=benchmark
bootloader=noop
statusfile={self.folder}/status
mountprefix={self.folder}/mount
bundle-formats=plain
max-bundle-download-size={8 << 30}
[keyring]
path={self.folder}/cert.pem
[slot.rootfs.0]
device={self.folder}/running
type=raw
bootname=A
[slot.rootfs.1]
device={self.target}
type=raw
bootname=B
""")
        (self.folder / "running").touch()
        # The service takes the name on the bus once it is ready.
        (self.folder / "install").write_text("""#!/bin/sh
export DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SESSION_BUS_ADDRESS"
rauc -c "$1/system.conf" --override-boot-slot=A service >"$1/log" 2>&1 &
until grep -q 'Using central status file' "$1/log" || ! kill -0 $!; do
    sleep 0.1
done
for try in 1 2 3 4 5; do
    rauc install "$2" && status=0 && break
    status=$? && sleep 0.5
done
kill $!
wait $!
exit $status
""")
        package, self.url = self.served(".raucb")
        package.unlink(missing_ok=True)
        run("rauc", "--cert", self.folder / "cert.pem", "--key",
            self.folder / "key.pem", "bundle",
            content, package)
        shutil.rmtree(content)

    def update(self):
        self.target.touch()
        os.truncate(self.target, self.artifact.stat().st_size)
        run("dbus-run-session", "--", "sh", self.folder / "install",
            self.folder, self.url,
            env={**os.environ, "TMPDIR": str(self.folder)})


ALL = {
    "curl, then openssl dgst": ByHand,
    "one pass, buffered": OnePass,
    "one pass, 4 MiB direct writes": OnePassDirect,
    "SWUpdate": Swupdate,
    "Mender": Mender,
    "RAUC": Rauc,
}


def descendants(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [child] + descendants(child)
    return found


class PeakMemory(threading.Thread):
    """The largest peak of any process below this one.

    Not ru_maxrss: that begins with what the process had before its exec, and so
    with all of python.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.kib = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(POLL_S):
            with contextlib.suppress(OSError):
                for pid in descendants(os.getpid()):
                    self._look(pid)

    def _look(self, pid):
        with contextlib.suppress(OSError):
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            name = re.search(r"^Name:\s+(.*)", text, re.M)[1]
            peak = re.search(r"^VmHWM:\s+(\d+)", text, re.M)
            # Forked by python, and not yet another program.
            if peak and not name.startswith("python"):
                self.kib = max(self.kib, int(peak[1]))


def measured(peer):
    """(CPU seconds, seconds, peak KiB) of one update, of all its processes."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            memory = PeakMemory()
            memory.start()
            started = time.monotonic()
            peer.update()
            seconds = time.monotonic() - started
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            os.write(writing, json.dumps(
                [used.ru_utime + used.ru_stime, seconds, memory.kib]).encode())
            status = 0
        except (CannotRun, subprocess.TimeoutExpired, OSError) as why:
            os.write(writing, str(why).encode())
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, encoding="utf-8", errors="replace") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise CannotRun(said or "it ended")
    return json.loads(said)
