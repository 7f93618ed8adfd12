"""A Debian 12 with systemd as its process 1, in a container of its own.

Made with mmdebstrap out of the Debian sources that this machine uses, booted
with systemd-nspawn, which needs neither a systemd nor a bus on this machine.
Nothing sleeps to wait: every wait is for an event, with a deadline.
"""

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

import lab

RELEASE = "bookworm"
# Beside the package's own dependencies: what the scenarios are played with.
PACKAGES = ["systemd", "systemd-sysv", "dbus", "mosquitto", "mosquitto-clients",
            "nginx-light", "procps", "man-db"]
BOOT_S = 120


class Impossible(Exception):
    """This machine does not allow it; says why."""


def read(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


# ---- the tree ----

def _debian_stanza(text):
    """Of a deb822 .sources stanza: whether it is of Debian 12 itself."""
    fields = dict(re.findall(r"(?m)^([A-Za-z-]+):\s*(.*)$", text))
    return (RELEASE in fields.get("Suites", "").replace("-", " ").split() and
            "main" in fields.get("Components", "").split() and
            "deb" in fields.get("Types", "").split() and
            fields.get("Enabled", "yes") != "no")


def debian_sources():
    """This machine's sources of Debian 12, as (suffix, text)."""
    one_line, stanzas = [], []
    places = [pathlib.Path("/etc/apt/sources.list"),
              *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    for path in places:
        text = read(path)
        if path.suffix == ".list":
            one_line += [line for line in text.splitlines() if re.match(
                rf"deb\s+(\[[^]]*\]\s+)?\S+\s+{RELEASE}\S*\s.*\bmain\b", line)]
        elif path.suffix == ".sources":
            stanzas += [stanza for stanza in re.split(r"\n\s*\n", text)
                        if _debian_stanza(stanza)]
    return "\n".join(one_line), "\n\n".join(stanzas)


def make_tree(folder, depends):
    """A minimal Debian 12 with what otad and the scenarios need."""
    one_line, stanzas = debian_sources()
    sources = []
    for text, suffix in ((one_line, "list"), (stanzas, "sources")):
        if text:
            path = folder.parent / f"debian.{suffix}"
            path.write_text(text + "\n")
            sources.append(str(path))
    if not sources:
        raise Impossible(f"no apt source of Debian's {RELEASE} in /etc/apt")
    # No package starts anything here: the tree is a folder yet.
    done = subprocess.run(
        ["mmdebstrap", "--variant=minbase", "--quiet",
         "--include=" + ",".join(PACKAGES + depends), RELEASE, str(folder),
         *sources],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Impossible("mmdebstrap cannot make a Debian 12: " +
                         (done.stderr.strip().splitlines() or ["?"])[-1])
    (folder / "etc/hostname").write_text("gateway\n")


# ---- the machine ----

def kill(pid, signal_number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal_number)


def namespace(pid):
    """Of process ids; None: the process is gone."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")
    return None


BOOT = """mount --make-rprivate / &&
mount -t tmpfs tmpfs /run &&
exec systemd-nspawn --quiet -D {root} --boot --register=no --keep-unit \
--private-network --console=interactive -M {name} systemd.setenv={token}"""


class Machine:
    """Boots a tree, runs commands in it, and takes its power away."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.boots = 0
        self.console = None
        self.leader = None
        self.name = f"otad-{os.getpid()}"

    # -- power --

    def boot(self, wait=True):
        """Up to where all that starts at the boot has been started."""
        self.boots += 1
        token = f"OTAD_TEST={self.name}.{self.boots}"
        inner = BOOT.format(root=shlex.quote(str(self.root)), name=self.name,
                            token=token)
        command = f"unshare -m sh -c {shlex.quote(inner)}"
        log = tempfile.TemporaryFile()
        self.console = subprocess.Popen(
            ["setsid", "--wait", "script", "-qfc", command, "/dev/null"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.leader = lab.wait_until("the container's systemd",
                                         lambda: self._find(token), BOOT_S)
            lab.wait_until("systemctl answers", self._is_up, BOOT_S)
        except lab.Failure as failure:
            log.seek(0)
            tail = log.read().decode(errors="replace").strip()[-400:]
            self.cut()
            raise lab.Failure(f"{failure}; its console: {tail}") from None
        if wait:
            self.run("systemctl", "is-system-running", "--wait", check=False)

    def _find(self, token):
        if self.console.poll() is not None:
            raise lab.Failure("systemd-nspawn ended")
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            words = read(entry / "cmdline").split("\0")
            if f"systemd.setenv={token}" in words and \
                    os.path.basename(words[0]) in ("init", "systemd"):
                return int(entry.name)
        return None

    def _is_up(self):
        if self.console.poll() is not None:
            raise lab.Failure("systemd-nspawn ended")
        return self.run("systemctl", "show", "--property=Version",
                        check=False).returncode == 0

    def cut(self):
        """The power is gone, for every process at once."""
        if self.leader:
            # With its systemd gone first, otad would see that its commands fail
            # and act on it, which no power cut lets it do.
            others = [pid for pid in self._members() if pid != self.leader]
            kill(self.leader, signal.SIGSTOP)
            for pid in others:
                kill(pid, signal.SIGSTOP)
            for pid in others:
                kill(pid, signal.SIGKILL)
            kill(self.leader, signal.SIGKILL)
        elif self.console and self.console.poll() is None:
            self.console.kill()
        if self.console:
            self.console.wait(BOOT_S)
        self.leader = self.console = None

    def _members(self):
        """The processes of the container: those of its pid namespace."""
        mine = namespace(self.leader)
        return [int(entry.name) for entry in pathlib.Path("/proc").iterdir()
                if entry.name.isdigit() and mine and
                namespace(entry.name) == mine]

    def shut_down(self):
        if self.leader:
            try:
                os.kill(self.leader, signal.SIGRTMIN + 4)
                self.console.wait(BOOT_S)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.cut()

    # -- inside --

    def words(self, *command):
        return ["nsenter", "-t", str(self.leader), "-a", "--", "env", "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                "SYSTEMD_PAGER=", *map(str, command)]

    def run(self, *command, check=True, deadline_s=300, data=None):
        done = subprocess.run(self.words(*command), capture_output=True,
                              text=True, check=False, timeout=deadline_s,
                              input=data,
                              stdin=subprocess.DEVNULL if data is None else None)
        if check and done.returncode != 0:
            raise lab.Failure(f"{' '.join(map(str, command))}: exit "
                              f"{done.returncode}: {done.stdout}{done.stderr}")
        return done

    def show(self, unit, *names):
        """Properties of a unit, by name."""
        text = self.run("systemctl", "show", unit,
                        "--property=" + ",".join(names)).stdout
        return dict(line.split("=", 1) for line in text.splitlines()
                    if "=" in line)

    def wait(self, what, condition, deadline_s=lab.DEADLINE_S):
        try:
            return lab.wait_until(what, condition, deadline_s)
        except lab.Failure as failure:
            raise lab.Failure(f"{failure}\n{self.tell()}") from None

    def tell(self, lines=60):
        """What there is to know when something went wrong."""
        done = self.run("systemctl", "status", "--no-pager", "--lines",
                        str(lines), "otad.service", "otad-deadline.service",
                        check=False)
        return done.stdout + done.stderr

    # -- files --

    def path(self, name):
        return self.root / name.lstrip("/")

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, str):
            text = text.encode()
        path.write_bytes(text)
        path.chmod(mode)

    def remove(self):
        self.cut()
        shutil.rmtree(self.root, ignore_errors=True)


def can_boot(root):
    """Raises Impossible, with the reason, where no container can be booted."""
    if os.geteuid() != 0:
        raise Impossible("not root")
    done = subprocess.run(["unshare", "-m", "sh", "-c",
                           "mount --make-rprivate / && mount -t tmpfs tmpfs /run"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Impossible("mounting is not allowed: " + done.stderr.strip())
    machine = Machine(root)
    machine_id = root / "etc/machine-id"
    machine_id.write_text("")
    try:
        machine.boot(wait=False)
        machine.shut_down()
    except lab.Failure as failure:
        raise Impossible(f"systemd does not boot in a container here: {failure}") \
            from None
    finally:
        machine.cut()
        machine_id.write_text("")
