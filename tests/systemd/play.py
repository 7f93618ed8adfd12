#!/usr/bin/python3
"""otad as a package on a real systemd, from the first start to the purge.

    play.py BUILD-FOLDER PACKAGE.deb WORK-FOLDER [SCENARIO...]

Exit status 77, and why: this machine cannot boot a container.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import lab  # noqa: E402 pylint: disable=wrong-import-position
import machine  # noqa: E402 pylint: disable=wrong-import-position
from suite import expect, expect_equal  # noqa: E402 pylint: disable=wrong-import-position

UNIT = "otad.service"
SKIPPED = 77

# ---- the gateway: a broker, a file server, an application, a witness ----

def hold(name):
    """A program that does not end as long as there is a file of that name."""
    return f"#!/bin/sh\nwhile test -e /opt/app/{name}; do sleep 0.1; done\n"


FILES = {
    # As fast as it goes at 80, and slowly at 8081.
    "/etc/nginx/conf.d/slow.conf":
        "server { listen 127.0.0.1:8081; root /var/www/html; limit_rate 100k; }\n",
    "/etc/systemd/system/witness.service": """[Unit]
After=mosquitto.service
[Service]
ExecStart=mosquitto_sub -h 127.0.0.1 -i witness -c -q 1 -F %%j -t hanqi/#
StandardOutput=append:/var/lib/witness.log
Restart=always
RestartSec=100ms
StartLimitIntervalSec=0
[Install]
WantedBy=multi-user.target
""",
    # Files in /opt/app hold it up where a scenario wants to look, or cut.
    "/etc/systemd/system/app.service": """[Service]
ExecStartPre=/opt/app/start
ExecStart=/opt/app/bin/app infinity
[Install]
WantedBy=multi-user.target
""",
}
PROGRAMS = {
    "/opt/app/check": hold("hold-check"),
    "/opt/app/start": hold("hold-start"),
    "/opt/app/health": hold("hold-health") + "test ! -e /opt/app/sick\n",
}

CONFIG = """[Cloud]
Platform=hanqi
GatewayId=HQ1

[Mqtt]
Host=127.0.0.1
Port=1883

[Update]
ConfirmTimeout={confirm}

[Module default]
Type=self

[Module app]
Type=binary
Path=/opt/app/bin/app
Service=app.service
Version=1
HealthPeriod=1s
Check=/opt/app/check
HealthCheck=/opt/app/health
"""

# Sooner than in the field, so that it can be waited for.
IMPATIENT = "[Service]\nWatchdogSec=5s\nTimeoutStartSec=10s\nTimeoutAbortSec=3s\n"
DROP_IN = "/etc/systemd/system/otad.service.d/impatient.conf"


class Gateway:
    """The machine with the package, and what people and the cloud see of it."""

    def __init__(self, build, package, work):
        self.build = pathlib.Path(build).resolve()
        self.package = pathlib.Path(package).resolve()
        self.work = pathlib.Path(work).resolve()
        self.machine = None
        self.sleep = b""
        self.apps = 1

    def make_tree(self, root):
        """Anew, or out of the one that was kept."""
        kept = os.environ.get("OTAD_TEST_TREE")
        tree = pathlib.Path(kept) if kept else root
        if not tree.exists():
            machine.make_tree(tree, depends_of(self.package))
            machine.can_boot(tree)
        if kept:
            subprocess.run(["cp", "-a", kept, str(root)], check=True)

    def boot(self):
        root = self.work / "root"
        self.make_tree(root)
        self.sleep = (root / "bin/sleep").read_bytes()
        self.machine = machine.Machine(root)
        for name, text in FILES.items():
            self.machine.write(name, text)
        for name, text in PROGRAMS.items():
            self.machine.write(name, text, 0o755)
        self.machine.write("/opt/app/bin/app", self.app(1), 0o755)
        self.machine.boot()
        self.machine.run("systemctl", "enable", "--now", "witness", "app",
                         "mosquitto", "nginx")

    # -- the service --

    def show(self, *names):
        return self.machine.show(UNIT, *names)

    def pid(self):
        return int(self.show("MainPID")["MainPID"])

    def status(self):
        return self.show("StatusText")["StatusText"]

    def wait_status(self, text, deadline_s=lab.DEADLINE_S):
        seen = []

        def has_it():
            seen.append(self.status())
            return text in seen[-1]
        try:
            lab.wait_until(f"a status with {text!r}", has_it, deadline_s)
        except lab.Failure as failure:
            raise lab.Failure(f"{failure}; the last one: {seen[-1]!r}\n"
                              f"{self.machine.tell()}") from None
        return seen[-1]

    def connected(self):
        self.wait_status("Connected to hanqi")

    def journal(self, *matches):
        return self.machine.run("journalctl", "--no-pager", "-o", "cat", "-u",
                                UNIT, *matches).stdout

    def configure(self, text=None, confirm="5min", apply="reload"):
        self.machine.write("/etc/otad/otad.conf",
                           text or CONFIG.format(confirm=confirm))
        if apply:
            self.machine.run("systemctl", apply, UNIT)

    @contextlib.contextmanager
    def impatient(self):
        self.machine.write(DROP_IN, IMPATIENT)
        self.machine.run("systemctl", "daemon-reload")
        try:
            yield
        finally:
            self.machine.path(DROP_IN).unlink()
            self.machine.run("systemctl", "daemon-reload")

    def cut(self, drop=()):
        """The power goes and comes back; what held the application is gone."""
        self.machine.cut()
        for name in drop:
            self.machine.path(f"/opt/app/{name}").unlink(missing_ok=True)
        self.machine.boot()

    # -- updates --

    def app(self, number):
        """/bin/sleep, with something behind its end: another file, as good."""
        return self.sleep + f"version {number}\n".encode() + bytes(300 * 1024)

    def offer_app(self, port=80, wait=False, check=True):
        """The next version of the application, asked for by an operator."""
        self.apps += 1
        data = self.app(self.apps)
        self.machine.write(f"/var/www/html/app-{self.apps}", data)
        self.machine.run(
            "otactl", "update", "app",
            "--url", f"http://127.0.0.1:{port}/app-{self.apps}",
            "--version", str(self.apps), "--sha256", lab.sha256(data),
            *(["--wait"] if wait else []), check=check)
        return str(self.apps)

    def version(self, number):
        return (self.build / f"tests/system/otad-{number}").read_bytes()

    def program(self, name):
        return (self.build / f"tests/system/{name}").read_bytes()

    def offer_self(self, number, data, port=80):
        """By the cloud. Returns where the messages stood."""
        since = len(self.messages())
        name = f"otad-{number}-{since}"
        self.machine.write(f"/var/www/html/{name}", data)
        upgrade = lab.hanqi_upgrade(number, f"http://127.0.0.1:{port}/{name}",
                                    data, f"ota_{since}")
        self.machine.run("mosquitto_pub", "-h", "127.0.0.1", "-q", "1",
                         "-t", lab.HANQI_COMMAND, "-s", data=json.dumps(upgrade))
        return since

    def messages(self):
        """What the cloud has heard, over all power cuts."""
        seen = []
        for line in machine.read(
                self.machine.path("/var/lib/witness.log")).splitlines():
            with contextlib.suppress(ValueError, KeyError):
                message = json.loads(line)
                payload = message["payload"]
                if isinstance(payload, str):
                    payload = json.loads(payload)
                seen.append(lab.Message(message["topic"], payload, 1, line, 0))
        return seen

    def told(self, what, predicate, since):
        return self.machine.wait(
            f"the cloud hears: {what}",
            lambda: next(filter(predicate, self.messages()[since:]), None), 120)

    def completed(self, number, since):
        self.told(f"{number} completed",
                  lab.is_hanqi_state("completed", number), since)

    def rolled_back(self, number, since):
        """Told as failed; the version before it runs and says so."""
        told = self.told(f"{number} failed",
                         lab.is_hanqi_state("failed", number), since)
        expect_equal(told.payload["data"]["errorCode"], "HEALTH_CHECK_FAILED",
                     "error code")
        self.connected()
        expect(not self.machine.path("/var/lib/otad/trial").exists(),
               "the trial marker is left")

    def job(self):
        """The state of the job there is, and its bytes; (None, 0): none."""
        for path in self.machine.path("/var/lib/otad/jobs").glob("*.json"):
            with contextlib.suppress(ValueError, OSError):
                document = json.loads(path.read_text())
                return document["state"], document
        return None, {}

    def wait_job(self, *states, deadline_s=lab.DEADLINE_S):
        """Sees a state that lasts for milliseconds: looks all the time."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            state = self.job()[0]
            if state in states:
                return state
        raise lab.Failure(f"no job in {states}: {self.machine.tell()}")

    def history(self, module):
        text = self.machine.run("otactl", "--json", "history", "-n", "50").stdout
        entries = json.loads(text)["history"]
        return [entry for entry in entries if entry["module"] == module]

    def app_is(self, number):
        expect_equal(self.machine.path("/opt/app/bin/app").read_bytes(),
                     self.app(int(number)), "the application in place")
        expect_equal(self.machine.show("app.service", "ActiveState"),
                     {"ActiveState": "active"}, "the application")


def depends_of(package):
    """Names of the packages that it depends on."""
    text = subprocess.run(["dpkg-deb", "--field", str(package), "Depends"],
                          check=True, capture_output=True, text=True).stdout
    return [re.match(r"[a-z0-9.+-]+", part.strip())[0]
            for part in text.split(",") if part.strip()]


# ---- the scenarios, in this order ----

def install(gateway):
    """apt install, and nothing configured: it waits, and says for what."""
    shutil.copy(gateway.package, gateway.machine.path("/root/otad.deb"))
    gateway.machine.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get",
                        "install", "-y", "--no-install-recommends",
                        "/root/otad.deb")
    gateway.wait_status("Not configured yet")
    expect_equal(gateway.show("ActiveState", "NRestarts"),
                 {"ActiveState": "active", "NRestarts": "0"}, "the service")
    for path in sorted((lab.ROOT / "debian/tests").iterdir()):
        if path.name == "first-start":
            gateway.machine.write("/root/test", path.read_bytes(), 0o755)
            gateway.machine.run("/root/test")
    no_unit_has_failed(gateway)


def no_unit_has_failed(gateway):
    """Of ours; what else a container cannot run is not the question."""
    failed = gateway.machine.run("systemctl", "--failed", "--plain",
                                 "--no-legend").stdout
    expect("otad" not in failed and "app.service" not in failed, failed)


def bad_configuration(gateway):
    """A start with a bad file fails once, and the status has the line."""
    gateway.configure("[Cloud]\nPlatform=none-such\n[Mqtt]\nHost=127.0.0.1\n",
                      apply=None)
    done = gateway.machine.run("systemctl", "restart", UNIT, check=False)
    expect(done.returncode != 0, "the start went well")
    state = gateway.show("ActiveState", "NRestarts", "StatusText")
    expect_equal((state["ActiveState"], state["NRestarts"]), ("failed", "0"),
                 "the service")
    expect("otad.conf:2: Platform=none-such" in state["StatusText"],
           state["StatusText"])


def configured(gateway):
    """Corrected, it starts, connects and says so."""
    gateway.configure(apply="restart")
    gateway.connected()
    gateway.told("heartbeat", lab.is_hanqi_heartbeat("1.0.0"), 0)


def reload_with_a_bad_file(gateway):
    """Fails, names the line, and changes nothing; a good one is taken."""
    pid = gateway.pid()
    good = CONFIG.format(confirm="5min")
    gateway.configure(good + "\n[Nonsense]\nX=1\n", apply=None)
    done = gateway.machine.run("systemctl", "reload", UNIT, check=False)
    expect(done.returncode != 0, "the reload went well")
    expect("Nonsense" in gateway.journal(), "the journal does not say why")
    # A signal past systemctl is refused by otad itself.
    gateway.machine.run("systemctl", "kill", "--kill-who=main", "-s", "HUP", UNIT)
    gateway.machine.wait("the refusal", lambda: "stays as it was" in
                         gateway.journal())
    gateway.connected()
    gateway.configure(good)
    gateway.machine.wait("read again", lambda: "Configuration read again" in
                         gateway.journal())
    gateway.connected()
    expect_equal((gateway.pid(), gateway.show("ActiveState")["ActiveState"]),
                 (pid, "active"), "the service")


def application(gateway):
    """An update with a health check; one that is sick goes back."""
    number = gateway.offer_app(wait=True)
    gateway.app_is(number)
    gateway.wait_status(f"last: app {number} succeeded")
    gateway.configure(confirm="5s")
    gateway.connected()
    gateway.machine.write("/opt/app/sick", "")
    sick = gateway.offer_app(wait=True, check=False)
    gateway.machine.path("/opt/app/sick").unlink()
    gateway.app_is(number)
    gateway.wait_status(f"last: app {sick} rolled-back")
    expect_equal([entry["state"] for entry in gateway.history("app")][-2:],
                 ["succeeded", "rolled-back"], "history")
    gateway.configure()
    gateway.connected()


def autopkgtest(gateway):
    """debian/tests/application, in the place where it is meant to run."""
    test = (lab.ROOT / "debian/tests/application").read_bytes()
    gateway.machine.write("/root/test", test, 0o755)
    gateway.machine.run("/root/test")
    gateway.connected()


def stopped_killed_and_hung(gateway):
    """Each leaves the right state, and the job goes on from where it was."""
    number = gateway.offer_app(port=8081)
    gateway.wait_status(f"app {number}: downloading")
    status = gateway.wait_status("% of ")
    expect(re.search(r"\d+% of [\d.]+ [KM]iB", status), status)
    gateway.machine.run("systemctl", "stop", UNIT)
    state = gateway.show("ActiveState", "Result", "StatusText")
    expect_equal((state["ActiveState"], state["Result"]), ("inactive", "success"),
                 "the stopped service")
    expect(state["StatusText"].startswith("Stopped"), state["StatusText"])
    expect(not gateway.machine.path("/run/otad/io.otad").exists(),
           "the control socket is left")
    gateway.machine.run("systemctl", "start", UNIT)
    gateway.wait_status(f"app {number}: downloading")

    pid = gateway.pid()
    gateway.machine.run("systemctl", "kill", "--kill-who=main", "-s", "KILL", UNIT)
    gateway.machine.wait("another process", lambda: gateway.pid() not in (0, pid))
    gateway.wait_status(f"app {number}")
    expect_equal(gateway.show("NRestarts"), {"NRestarts": "1"}, "killed once")

    with gateway.impatient():
        gateway.machine.run("systemctl", "restart", UNIT)
        gateway.connected()
        pid = gateway.pid()
        gateway.machine.run("systemctl", "kill", "--kill-who=main", "-s", "STOP",
                            UNIT)
        gateway.machine.wait("another process",
                             lambda: gateway.pid() not in (0, pid))
        expect("Watchdog timeout" in gateway.journal(), gateway.machine.tell())
        gateway.connected()
    gateway.machine.wait("the end of the job", lambda: not gateway.job()[0])
    gateway.app_is(number)
    gateway.machine.run("systemctl", "restart", UNIT)
    gateway.connected()


def self_update(gateway):
    """In the same process, under the unit; confirmed by the cloud."""
    pid = gateway.pid()
    since = gateway.offer_self("1.0.1", gateway.version("1.0.1"))
    gateway.completed("1.0.1", since)
    gateway.wait_status("otad 1.0.1. Connected to hanqi; last: default 1.0.1 "
                        "succeeded")
    expect_equal((gateway.pid(), gateway.show("ActiveState", "NRestarts")),
                 (pid, {"ActiveState": "active", "NRestarts": "0"}),
                 "the service")


def version_that_crashes(gateway):
    since = gateway.offer_self("1.0.2", gateway.program("version-that-aborts"))
    gateway.rolled_back("1.0.2", since)
    expect("otad 1.0.1." in gateway.status(), gateway.status())


def version_that_hangs(gateway):
    """Ready, and then nothing: the watchdog, three times."""
    with gateway.impatient():
        gateway.machine.run("systemctl", "restart", UNIT)
        gateway.connected()
        since = gateway.offer_self("1.0.3", gateway.program("version-that-stalls"))
        gateway.wait_status("Nothing is the matter")
        gateway.rolled_back("1.0.3", since)
        expect("otad 1.0.1." in gateway.status(), gateway.status())
    gateway.machine.run("systemctl", "restart", UNIT)
    gateway.connected()


def version_that_never_gets_there(gateway):
    """Ready, and its watchdog happy: only the deadline ends it."""
    gateway.configure(confirm="5s")
    gateway.connected()
    since = gateway.offer_self("1.0.4", gateway.program("version-that-idles"))
    gateway.wait_status("Nothing is the matter")
    gateway.rolled_back("1.0.4", since)
    done = gateway.machine.run("journalctl", "--no-pager", "-o", "cat", "-u",
                               "otad-deadline.service").stdout
    expect("not confirmed within 5 s" in done, done)
    expect("otad 1.0.1." in gateway.status(), gateway.status())
    gateway.configure()
    gateway.connected()


def version_that_ends_for_good(gateway):
    """With the exit status that systemd does not try again."""
    gateway.configure(confirm="5s")
    gateway.connected()
    since = gateway.offer_self("1.0.5", gateway.program("version-that-gives-up"))
    gateway.rolled_back("1.0.5", since)
    expect("otad 1.0.1." in gateway.status(), gateway.status())
    gateway.configure()
    gateway.connected()


APP_STATES = [
    # state, what holds it there, the port of the artifact
    ("downloading", None, 8081),
    ("verifying", None, 80),
    ("backing-up", None, 80),
    ("installing", "hold-check", 80),
    ("restarting", "hold-start", 80),
    ("confirming", "hold-health", 80),
]
ORDER = [state for state, _, _ in APP_STATES]


def from_on(state):
    return ORDER[ORDER.index(state):]


def power_cut_during_an_application(gateway):
    """At each state: the update goes on after the boot, and ends once."""
    for state, held, port in APP_STATES:
        if held:
            gateway.machine.write(f"/opt/app/{held}", "")
        number = gateway.offer_app(port=port)
        seen = gateway.wait_job(*from_on(state))
        gateway.cut(drop=[held] if held else [])
        say(f"    cut at {seen}")
        gateway.machine.wait(f"the end of {number}, cut at {seen}",
                             lambda: not gateway.job()[0])
        gateway.app_is(number)
        ends = [entry["state"] for entry in gateway.history("app")
                if entry["version"] == number]
        expect_equal(ends, ["succeeded"], f"the end of {number}, cut at {seen}")
        left = [name for name in
                os.listdir(gateway.machine.path("/opt/app/bin"))
                if "otad-new" in name]
        expect_equal(left, [], f"left behind, cut at {seen}")


def power_cut_during_a_self_update(gateway):
    """The same for otad itself; the cloud hears of the end."""
    numbers = iter(("1.0.2", "1.0.1") * 3)
    gateway.configure(CONFIG.format(confirm="5min").replace(
        "[Update]", "[Update]\nAllowDowngrade=yes"))
    gateway.connected()
    for state in ORDER:
        number = next(numbers)
        slow = state in ("downloading", "confirming")
        since = gateway.offer_self(number, gateway.version(number),
                                   8081 if slow else 80)
        if state == "confirming":
            # Without a broker nobody confirms it.
            gateway.wait_job("downloading")
            gateway.machine.run("systemctl", "stop", "mosquitto")
        seen = gateway.wait_job(*from_on(state), deadline_s=120)
        gateway.cut()
        say(f"    cut at {seen}")
        gateway.completed(number, since)
        gateway.wait_status(f"otad {number}. Connected to hanqi")
    gateway.configure()
    gateway.connected()


def repack(gateway, number):
    """The package as it would be with another version of otad."""
    tree = gateway.work / f"package-{number}"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", str(gateway.package), str(tree)],
                   check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {number}",
                              control.read_text()))
    binary = tree / "usr/sbin/otad"
    binary.write_bytes(gateway.version(number))
    sums = tree / "DEBIAN/md5sums"
    sums.write_text("".join(
        f"{lab.md5(binary.read_bytes())}  usr/sbin/otad\n"
        if line.endswith(" usr/sbin/otad\n") else line
        for line in sums.read_text().splitlines(keepends=True)))
    target = gateway.machine.path(f"/root/otad-{number}.deb")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree),
                    str(target)], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return f"/root/otad-{number}.deb"


def apt_install(gateway, name):
    return gateway.machine.run(
        "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y",
        "--allow-downgrades", "--no-install-recommends", name).stdout


def upgrades(gateway):
    """The newer of packaged and self-updated runs, and it is said which."""
    # Self-updated: 1.0.1, by the scenarios before.
    gateway.wait_status("otad 1.0.1. Connected")
    config = gateway.machine.path("/etc/otad/otad.conf").read_text()
    apps = len(gateway.history("app"))

    said = apt_install(gateway, repack(gateway, "1.0.2"))
    expect("/usr/sbin/otad 1.0.2 (packaged; self-updated: 1.0.1)" in said, said)
    gateway.wait_status("otad 1.0.2. Connected")
    expect(not gateway.machine.path("/var/lib/otad/bin/otad").exists(),
           "the older self-updated otad is still there")
    expect_equal(gateway.machine.path("/etc/otad/otad.conf").read_text(), config,
                 "the configuration")
    expect_equal(len(gateway.history("app")), apps, "the history")

    said = apt_install(gateway, "/root/otad.deb")
    expect("downgrade from 1.0.2 to 1.0.0" in said, said)
    gateway.wait_status("otad 1.0.0. Connected")

    since = gateway.offer_self("1.0.2", gateway.version("1.0.2"))
    gateway.completed("1.0.2", since)
    said = apt_install(gateway, repack(gateway, "1.0.1"))
    expect("otad 1.0.2 (self-updated; packaged: 1.0.1)" in said, said)
    gateway.wait_status("otad 1.0.2. Connected")


def secrets(gateway):
    """From /etc/credstore, without another word in the unit."""
    gateway.machine.write("/etc/credstore/otad.mqtt-password", "secret\n", 0o600)
    gateway.configure(CONFIG.format(confirm="5min").replace(
        "[Mqtt]", "[Mqtt]\nUsername=gateway\nPasswordFile=%d/mqtt-password"),
        apply="restart")
    gateway.connected()
    expect("secret" not in gateway.journal(), "the secret is in the journal")
    # Who looks at the configuration finds the secret, too.
    gateway.machine.run("systemctl", "reload", UNIT)
    gateway.machine.run("otad", "--check-config")


def purge(gateway):
    """Removed it keeps its state; purged there is nothing left of it."""
    gateway.machine.run("apt-get", "remove", "-y", "otad")
    for name in ("/etc/otad/otad.conf", "/var/lib/otad/packaged"):
        expect(gateway.machine.path(name).exists(), f"remove has taken {name}")
    gateway.machine.run("apt-get", "purge", "-y", "otad")
    for path in gateway.machine.path("/root").glob("otad*"):
        path.unlink()
    shutil.rmtree(gateway.machine.path(DROP_IN).parent, ignore_errors=True)
    left = gateway.machine.run(
        "find", "/", "/run", "-xdev", "-name", "*otad*", "-not", "-path",
        "/proc/*", "-not", "-path", "/sys/*",
        # What the scenarios offered, and what man(1) remembers of its pages.
        "-not", "-path", "/var/www/*", "-not", "-path", "/var/cache/man/*").stdout
    expect_equal(left, "", "what the purge has left")
    for name in ("/etc/group", "/etc/gshadow"):
        expect("otad" not in gateway.machine.path(name).read_text(),
               f"otad is still in {name}")
    no_unit_has_failed(gateway)
    gateway.machine.run("systemctl", "is-active", "app")


SCENARIOS = [
    install, bad_configuration, configured, reload_with_a_bad_file, application,
    autopkgtest, stopped_killed_and_hung, self_update, version_that_crashes,
    version_that_hangs, version_that_never_gets_there, version_that_ends_for_good,
    power_cut_during_an_application, power_cut_during_a_self_update, upgrades,
    secrets, purge,
]


def say(text):
    print(text, flush=True)


def play(gateway, wanted):
    for number, scenario in enumerate(SCENARIOS, 1):
        name = scenario.__name__.replace("_", " ")
        if wanted and scenario.__name__ not in wanted:
            continue
        started = time.monotonic()
        try:
            scenario(gateway)
        except Exception:  # pylint: disable=broad-except
            say(traceback.format_exc())
            with contextlib.suppress(Exception):
                say(gateway.machine.tell(100))
            say(f"not ok {number} - {name}")
            return 1
        say(f"ok {number} - {name} # {time.monotonic() - started:.1f} s")
    return 0


def main():
    build, package, work, *wanted = sys.argv[1:]
    gateway = Gateway(build, package, work)
    try:
        started = time.monotonic()
        gateway.boot()
        say(f"# a Debian 12 has booted after {time.monotonic() - started:.1f} s")
        return play(gateway, wanted)
    except machine.Impossible as why:
        say(f"skipped: {why}")
        return SKIPPED
    finally:
        if gateway.machine:
            gateway.machine.remove()


if __name__ == "__main__":
    sys.exit(main())
