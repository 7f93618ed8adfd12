"""A gateway on a disk that loses power, with a cloud and a file server around.

Real are otad, otad-launch, mosquitto and HTTP. The state directory, the
programs and the files that are updated lie on the disk of disk.py; what is on
no disk of a gateway (the cloud, /run, /etc and the factory version) lies
beside it.
"""

import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests/system"), str(ROOT / "tests/support")]

import http_server
import lab
from disk import Disk
from relay import Relay

# Of one run; a gateway that has not come to rest by then hangs.
DEADLINE_S = 60
# otad-launch is started again that often at most: MaxTrialStarts=, and one
# more for each way that a fault may end it.
STARTS_MAX = 12
CONFIRM = "30s"  # nobody waits for its end but those that say so
# A version that has such a line lets the step fail that looks for it.
REFUSED, STUCK, BROKEN, SICK = (
    f"\nthis version is {word}\n".encode()
    for word in ("refused", "stuck", "broken", "sick"))

CONFIG = """[Cloud]
Platform=tencent
ProductId=PROD1
DeviceName=gw1
[Mqtt]
Host=127.0.0.1
Port={broker}
Tls=no
[Download]
Attempts=10
[Update]
ConfirmTimeout={confirm}
[Module default]
Type=self
[Module app]
Type=binary
Path={disk}/app/app
Version=1.0.0
Restart={etc}/is-not stuck {disk}/app/app
HealthPeriod=0s
HealthCheck={etc}/is-not sick {disk}/app/app
[Module conf]
Type=config
Path={disk}/app/conf
Version=1.0.0
Check={etc}/is-not refused
Reload={etc}/is-not stuck {disk}/app/conf
"""

DEVICE_CONFIG = """[Class light]
Module=default exec {etc}/handler
[Device light1]
Class=light
ProductId=LIGHTS
DeviceName=l1
"""

IS_NOT = """#!/bin/sh
! grep -q "this version is $1" "$2"
"""

# A careful one: each step is whole or not there after a power cut.
HANDLER = """#!/bin/sh
umask 022
cd {disk}/light || exit 1
put() {{
	rm -f new && cp "$1" new && chmod 644 new && sync new && mv new firmware && sync .
}}
case $1 in
version) [ -s version ] && cat version || echo 1.0.0 ;;
install)
	[ -s old ] || {{ cp firmware half && sync half && mv half old && sync .; }} || exit 1
	put "$OTA_ARTIFACT" && {etc}/is-not broken firmware ;;
health) {etc}/is-not sick firmware ;;
check) ;;
rollback) [ ! -s old ] || put old ;;
*) exit 3 ;;
esac
"""


# A gateway that has a history.
EARLIER = json.dumps({
    "job": "0123456789abcdef", "device": "self", "module": "conf",
    "version": "0.9.0", "state": "succeeded", "error": "",
    "started_ms": 1, "ended_ms": 2, "bytes": 3}) + "\n"


class Scenario:
    """One update, of one module, that goes well or has to come back."""

    def __init__(self, name, device, module, target, old, new, good,
                 old_version="1.0.0", new_version="1.0.1", faults=(),
                 confirm=CONFIRM, heard=True, watched=False,
                 cut_short=False):
        self.name, self.device, self.module = name, device, module
        self.target, self.old, self.new, self.good = target, old, new, good
        self.old_version, self.new_version = old_version, new_version
        self.http_faults = faults
        # The time of a trial, and whether the broker lets it be confirmed.
        self.confirm, self.heard = confirm, heard
        self.watched = watched  # by otad-launch --deadline
        # What it syncs for later steps is missed by others only.
        self.cut_short = cut_short

    @property
    def waits(self):
        """Each recovery, for the end of a trial's time."""
        return self.confirm != CONFIRM

    def part_of(self, sample):
        return max(sample // 8, 1) if self.waits else sample

    def topic(self, kind):
        product, name = ("PROD1", "gw1") if self.device == "self" else \
            ("LIGHTS", "l1")
        return f"$ota/{kind}/{product}/{name}"


def scenarios(build, folder):
    """All of them, in the order in which they are told of."""
    def program(name):
        stripped = folder / f"{name}.stripped"
        subprocess.run(["strip", "-o", str(stripped),
                        str(build / "tests/system" / name)], check=True)
        return stripped.read_bytes()

    chance = random.Random(1)
    first, second = program("otad-1.0.1"), program("otad-1.0.2")
    app = program("version-that-hangs")
    # So large that there is a record on the way. The server breaks off once.
    large = app + chance.randbytes(4_500_000)
    cut = [{"cut_after": 4_200_000}]
    conf = b"colour=blue\n"
    light = chance.randbytes(20_000)
    new_self = dict(old_version="1.0.1", new_version="1.0.2")
    me, late = ("self", "default", "/state/bin/otad"), {"confirm": "1s"}
    binary = "self", "app", "/app/app", app
    config = "self", "conf", "/app/conf", conf
    device = "light1", "default", "/light/firmware", light
    return [
        Scenario("self", *me, first, second, True, **new_self),
        Scenario("self-back", *me, first, program("version-that-aborts"),
                 False, **new_self),
        Scenario("self-late", *me, first, second, False, heard=False,
                 **late, **new_self),
        Scenario("self-idle", *me, first, program("version-that-stalls"), False,
                 watched=True, cut_short=True, **late, **new_self),
        Scenario("self-first", *me, None, first, True),
        Scenario("binary", *binary, large, True, faults=cut),
        Scenario("binary-stuck", *binary, app + STUCK, False),
        Scenario("binary-sick", *binary, app + SICK, False, **late),
        Scenario("config", *config, b"colour=green\n", True),
        Scenario("config-stuck", *config, b"colour=red" + STUCK, False),
        Scenario("config-refused", *config, b"colour=red" + REFUSED, False,
                 cut_short=True),
        Scenario("device", *device, light[::-1], True),
        Scenario("device-broken", *device, light[::-1] + BROKEN, False,
                 cut_short=True),
        Scenario("device-sick", *device, light[::-1] + SICK, False),
    ]


class Web:
    """The file server, in a thread; `asked` sees each request as it comes."""

    def __init__(self, folder, asked):
        folder.mkdir()
        self.folder = folder
        book = self.book = http_server.Book()
        enter = book.enter

        def noting(method, path, headers):
            begin = headers.get("Range", "bytes=0-")[6:].split("-")[0]
            asked(path.lstrip("/"), int(begin))
            return enter(method, path, headers)
        book.enter = noting
        handler = type("Handler", (http_server.Handler,),
                       {"book": book, "folder": folder.resolve()})
        self.server = http_server.Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self.server.server_address[1]}/{name}"


class Cloud(lab.Broker):
    """mosquitto; `told` sees each message of otad's as it arrives."""

    def __init__(self, folder, told):
        super().__init__(folder)
        self.told = told
        self.relay = Relay(self.port, self._arrives)

    @staticmethod
    def is_end(data):
        """Whether it is the report of an update's end."""
        report = report_in(data)
        return report is not None and report[0] in ("done", "fail")

    @staticmethod
    def is_version(version):
        """Which message says that it runs."""
        return lambda data: report_in(data) == ("version", version)

    def _watch(self):
        """The relay sees it all."""

    def _arrives(self, topic, data):
        try:
            payload = json.loads(data)
        except ValueError:
            payload = None
        with self._arrived:
            # Noted first: who waits for it may cut the power next.
            self.told(topic, payload)
            self.messages.append(lab.Message(topic, payload, 0, "",
                                             time.monotonic()))
            self._arrived.notify_all()

    def wait_a_moment(self):
        """For a message, or for whatever else may have changed."""
        with self._arrived:
            self._arrived.wait(0.005)


def report_of(payload):
    """("version", number) or (state, number) of a report, or None."""
    if not isinstance(payload, dict) or "report" not in payload:
        return None
    report = payload["report"]
    if payload["type"] == "report_version":
        return "version", report["version"]
    return report["progress"]["state"], report["version"]


def report_in(data):
    try:
        return report_of(json.loads(data))
    except ValueError:
        return None


class Gateway:
    """One disk, one broker, one file server; otad is started on them."""

    def __init__(self, program, build, folder):
        self.build, self.folder = build, folder
        for name in ("etc", "run", "bin"):
            (folder / name).mkdir()
        self.disk = Disk(program, folder / "disk")
        self.factory = folder / "bin/otad"
        subprocess.run(["strip", "-o", str(self.factory),
                        str(build / "otad")], check=True)
        self.launch = build / "otad-launch"
        self.requests = []
        self.web = Web(folder / "www", self._asked)
        self.cloud = Cloud(folder, self._told)
        self.cloud.start()
        self.process = self.watcher = None
        self.watched = False
        self.starts = 0
        self.crashes = []

    def _asked(self, name, begin):
        self.requests.append((name, begin))
        self.disk.note(f"ASKED {begin}")

    def _told(self, topic, payload):
        if topic == "$gateway/operation/PROD1/gw1":
            self.cloud.publish("$gateway/operation/result/PROD1/gw1", {
                "type": payload["type"], "payload": {"devices": [
                    {**device, "result": 0}
                    for device in payload["payload"]["devices"]]}})
        report = report_of(payload)
        if report:
            self.disk.note(f"TOLD {topic} {' '.join(report)}")

    def _write_configuration(self, scenario):
        etc = self.folder / "etc"
        places = {"broker": self.cloud.relay.port, "disk": self.disk.folder,
                  "etc": etc, "confirm": scenario.confirm}
        config = CONFIG
        if scenario.device != "self":
            config += DEVICE_CONFIG
        (etc / "otad.conf").write_text(config.format(**places))
        for name, text in (("is-not", IS_NOT),
                           ("handler", HANDLER.format(**places))):
            (etc / name).write_text(text)
            (etc / name).chmod(0o755)

    # ---- otad ----

    def environment(self):
        kept = {k: v for k, v in os.environ.items()
                if k not in ("JOURNAL_STREAM", "NOTIFY_SOCKET")}
        return {**kept, "STATE_DIRECTORY": str(self.disk.folder / "state"),
                "RUNTIME_DIRECTORY": str(self.folder / "run"),
                "CONFIGURATION_DIRECTORY": str(self.folder / "etc")}

    def launched(self, *options):
        return subprocess.Popen(
            [str(self.launch), "--factory", str(self.factory), *options],
            stdin=subprocess.DEVNULL, stdout=self.disk.notes_fd,
            stderr=self.disk.notes_fd, env=self.environment(),
            umask=0o077)

    def start(self):
        self.starts += 1
        self.process = self.launched()

    def watch(self):
        """As the path unit does: a marker has somebody who watches it."""
        if (self.watcher is None or self.watcher.poll() is not None) and \
                (self.disk.folder / "state/trial").exists():
            self.watcher = self.launched("--deadline")

    def supervise(self):
        """As a service manager does: what has ended is started again."""
        if self.watched:
            self.watch()
        if self.process.poll() is None:
            return
        self.crashes.append(self.process.returncode)
        if self.starts >= STARTS_MAX:
            raise lab.Failure(f"otad ends again and again: {self.crashes}")
        self.disk.note("RESTARTED")
        self.start()

    def stop(self, signal_number=signal.SIGTERM):
        if self.watcher:
            self.watcher.kill()
            self.watcher.wait()
            self.watcher = None
        lab.stop(self.process, signal_number, DEADLINE_S)

    def boot(self):
        self.starts, self.crashes = 0, []
        self.requests.clear()
        mark = self.cloud.mark()
        self.start()
        return mark

    def wait(self, what, condition):
        """Until `condition`, keeping otad running."""
        end = time.monotonic() + DEADLINE_S
        while not condition():
            self.supervise()
            if time.monotonic() > end:
                raise lab.Failure(f"not within {DEADLINE_S} s: {what}")
            self.cloud.wait_a_moment()

    def reports(self, scenario, since):
        topic = scenario.topic("report")
        return [r for r in (report_of(m.payload)
                            for m in self.cloud.messages[since:]
                            if m.topic == topic) if r]

    def names(self, folder):
        try:
            return os.listdir(self.disk.folder / folder)
        except OSError:
            return []

    def is_at_rest(self):
        return not self.names("state/jobs") and \
            not [n for n in self.names("state/outbox") if n.endswith(".json")]

    def is_quiet(self, seen):
        """Nothing was written between this look and the two before it."""
        seen.append(self.disk.operations())
        return len(seen) > 3 and len(set(seen[-3:])) == 1

    # ---- what is played ----

    def furnish(self, scenario):
        """The disk before the update: a gateway that has run before."""
        self._write_configuration(scenario)
        self.watched = scenario.watched
        self.cloud.relay.swallow(
            None if scenario.heard else
            self.cloud.is_version(scenario.new_version))
        self.disk.tell("load", 0)
        disk = self.disk.folder
        for name in ("state", "app", "light"):
            (disk / name).mkdir()
        # The others have their files, too: they are there to be left alone.
        (disk / "app/app").write_bytes(pathlib.Path("/bin/true").read_bytes())
        (disk / "app/conf").write_bytes(b"colour=blue\n")
        (disk / "light/firmware").write_bytes(b"light")
        if scenario.module == "default" and scenario.device == "self" and \
                scenario.old:
            (disk / "state/bin").mkdir()
        if scenario.old:
            (disk / scenario.target[1:]).write_bytes(scenario.old)
        for name in ("app/app", "state/bin/otad"):
            if (disk / name).exists():
                (disk / name).chmod(0o755)
        mark = self.boot()
        self.wait("the first report", lambda: (
            "version", scenario.old_version) in self.reports(scenario, mark))
        self.wait("rest", self.is_at_rest)
        self.stop()
        if scenario.old:
            (disk / "state/history.jsonl").write_text(EARLIER)
        self.disk.tell("reset")
        (self.web.folder / "artifact").write_bytes(scenario.new)

    def offer(self, scenario):
        url = self.web.url("artifact")
        self.cloud.publish(scenario.topic("update"), lab.tencent_update(
            scenario.new_version, url, scenario.new,
            **({"fw_type": scenario.module}
               if scenario.module != "default" else {})))

    def is_online(self, scenario, mark):
        return any(kind == "version"
                   for kind, _ in self.reports(scenario, mark))

    def ends(self, scenario, mark):
        return [kind for kind, version in self.reports(scenario, mark)
                if kind in ("done", "fail") and
                version == scenario.new_version]

    def update(self, scenario, faulty=False):
        """From boot to the end of the update; otad is stopped then."""
        self.web.book.script("/artifact", scenario.http_faults)
        # The report is on its way until otad has done with the job.
        self.cloud.relay.hold(self.cloud.is_end)
        mark = self.boot()
        self.wait("the first report", lambda: self.is_online(scenario, mark))
        self.disk.note("OFFERED")
        self.offer(scenario)
        self.wait("a report of the end", self.cloud.relay.is_holding)
        seen = [0]
        self.wait("the end of the job",
                  lambda: not self.names("state/jobs") and self.is_quiet(seen))
        self.cloud.relay.let_go()
        # A report that a faulty disk keeps is only sent once more.
        self.wait("the end of the update", lambda: self.ends(scenario, mark)
                  and (faulty or self.is_at_rest()))
        self.stop()
        self.web.book.script("/artifact", [])
        return self.ends(scenario, mark)

    def recover(self, scenario, is_delivered, is_known):
        """Boots, and waits for what is left to be done; what was reported."""
        mark = self.boot()
        self.wait("a report after the power cut",
                  lambda: self.is_online(scenario, mark))
        if not is_delivered and not is_known:
            self.offer(scenario)  # the cloud has heard nothing of it
        self.wait("the end of the update", lambda: (
            is_delivered or self.ends(scenario, mark)) and self.is_at_rest())
        self.stop()
        return self.ends(scenario, mark)

    def close(self):
        for process in (self.watcher, self.process):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.cloud.relay.close()
        self.cloud.kill()
        self.web.server.shutdown()
        self.disk.close()
        shutil.rmtree(self.folder, ignore_errors=True)
