"""Many otad processes and one mosquitto: when do they come? See benchmarks/fleet.

Every figure is counted, per second of the clock, from what the broker and the web
server log, or from what a subscriber to everything sees.
"""

import calendar
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import subprocess
import sys
import time

import measure  # also makes lab importable
import alink
import lab

COUNT = 500
CONNECT_SPREAD_S = 30
CHECK_S = 30
ROUNDS = 4
OUTAGE_S = 30
ARTIFACT_BYTES = 1 << 20
SETTLE_S = 1200  # of any one wait, on a busy machine

say = measure.say


class Gateway:
    """One otad, all of them from one file: their code is in memory once."""

    def __init__(self, world, build, number, broker):
        self.name = f"gw{number}"
        self.device = alink.Device(broker, f"PK/{self.name}")
        self.folder = world.folder / self.name
        for name in ("etc", "state", "run"):
            (self.folder / name).mkdir(parents=True)
        self.path = self.folder / "default.conf"
        self.path.write_text("old")
        (self.folder / "etc/otad.conf").write_text(lab.base_config(
            broker, f"Platform=iotgo\nProductKey=PK\nDeviceName={self.name}\n",
            f"[Module default]\nType=config\nPath={self.path}\nVersion=1.0\n",
            mqtt=f"ClientId=fleet-{number}\n"
            f"ConnectSpread={CONNECT_SPREAD_S}s\nReconnectSpread=5s\n",
            update=f"CheckInterval={CHECK_S}s\n"))
        self.build = build
        self.process = None

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.build / "otad")], stdout=log, stderr=log,
                env={**os.environ,
                     "STATE_DIRECTORY": str(self.folder / "state"),
                     "RUNTIME_DIRECTORY": str(self.folder / "run"),
                     "CONFIGURATION_DIRECTORY": str(self.folder / "etc")})

    def stop(self):
        lab.stop(self.process)


def peak_of(times):
    """How many came in the fullest second."""
    return max(collections.Counter(int(t) for t in times).values())


def row(what, times):
    """Prints when they came: the fullest second against the average one, and
    the fullest that so many at purely random moments would have."""
    times = [t - min(times) for t in times]
    span = max(*times, 1)
    mean, peak = len(times) / span, peak_of(times)
    chance = measure.median(peak_of(random.uniform(0, span) for _ in times)
                            for _ in range(101))
    say(f"  {what:44} {len(times):6} {span:6.0f} s {mean:7.1f}/s {peak:5}/s "
        f"{peak / mean:5.1f} {chance / mean:8.1f}")


def connects(broker, since=0):
    """{client: when}, of the last connect of each since an offset in the log."""
    with open(broker.folder / "mosquitto.log", encoding="utf-8") as log:
        log.seek(since)
        text = log.read()
    return {m[2]: int(m[1]) for m in re.finditer(
        r"^(\d+): New client connected from .* as (fleet-\d+) ", text, re.M)}


def log_end(broker):
    return (broker.folder / "mosquitto.log").stat().st_size


def all_connected(broker, count, since=0):
    return lab.wait_until("all are connected", lambda: len(
        found := connects(broker, since)) == count and found, SETTLE_S)


def come_first(broker, fleet):
    before_cpu = measure.cpu_s(broker.process.pid)
    before_kib = measure.status_kib(broker.process.pid, "RssAnon")
    started = time.monotonic()
    for gateway in fleet:
        gateway.start()
    took = time.monotonic() - started
    found = all_connected(broker, len(fleet))
    row(f"first connect, ConnectSpread={CONNECT_SPREAD_S}s", found.values())
    lab.wait_until("all have told their versions", lambda: len(
        {m.topic for m in broker.messages if "/inform/" in m.topic}) ==
        len(fleet), SETTLE_S)
    pss = [measure.pss_kib(g.process.pid) for g in fleet]
    return {
        "started in": f"{took:.0f} s",
        "PSS of one otad": f"{measure.median(pss) / 1024:.1f} MiB, "
                           f"all together {sum(pss) / 1024:.0f} MiB",
        "broker, memory of one connection":
            f"{(measure.status_kib(broker.process.pid, 'RssAnon') - before_kib) / len(fleet):.1f} KiB",
        "broker, CPU of one connect with subscriptions and version":
            f"{(measure.cpu_s(broker.process.pid) - before_cpu) / len(fleet) * 1000:.2f} ms",
    }


def is_check(message):
    return message.topic.endswith("/thing/ota/firmware/get")


def watch_checks(broker, fleet, since, what):
    """Round by round: the first check of each, its second, ..."""
    rounds = []

    def seen():
        rounds[:] = [[] for _ in range(ROUNDS)]
        number = collections.Counter()
        for message in broker.messages[since:]:
            if is_check(message):
                number[message.topic] += 1
                if number[message.topic] <= ROUNDS:
                    rounds[number[message.topic] - 1].append(message.at)
        return len(rounds[-1]) == len(fleet)
    lab.wait_until("checks", seen, SETTLE_S)
    for i, times in enumerate(rounds, 1):
        row(f"check {i} after {what}", times)


def come_back(broker, fleet, outage_s):
    broker.kill()
    time.sleep(outage_s)  # the outage
    since = log_end(broker)
    broker.start()
    what = f"back after {outage_s} s" if outage_s else "restarted at once"
    row(f"reconnect, broker {what}",
        all_connected(broker, len(fleet), since).values())


def update_all(world, broker, fleet):
    web = world.start_nginx()
    data = os.urandom(ARTIFACT_BYTES)
    url = web.put("fw", data)
    package = alink.package("1.1", url, data)
    mark = broker.mark()
    web_cpu = measure.cpu_s(web.process.pid)
    cpu = sum(measure.cpu_s(g.process.pid) for g in fleet)
    broker_cpu = measure.cpu_s(broker.process.pid)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda g: g.device.send(g.device.upgrade, {
            "code": "1000", "data": package, "id": 1, "message": "success"}),
            fleet))

    def ended():
        ends = [m.at for m in broker.messages[mark:]
                if "/progress/" in m.topic and
                m.payload["params"]["step"] == "100"]
        return len(ends) == len(fleet) and ends
    ends = lab.wait_until("all are updated", ended, SETTLE_S)
    if any(g.path.read_bytes() != data for g in fleet):
        raise lab.Failure("not all have the new file")
    log = (web.folder / "access.log").read_text()
    asked = [calendar.timegm(time.strptime(m[1], "%d/%b/%Y:%H:%M:%S"))
             for m in re.finditer(r"\[(\S+) [^]]*\] \"GET", log)]
    sent = sum(size for _, _, size in web.requests())
    row("downloads, offered one after the other", asked)
    row("updates that ended", ends)
    said = [m for m in broker.messages[mark:]
            if not is_check(m) and "/upgrade/" not in m.topic]
    worker_cpu = sum(measure.cpu_s(int(p)) for p in pathlib.Path(
        f"/proc/{web.process.pid}/task/{web.process.pid}/children"
    ).read_text().split()) + measure.cpu_s(web.process.pid) - web_cpu
    return {
        "one update, requests to the file server":
            f"{len(asked) / len(fleet):.2f}",
        "one update, bytes sent for one of the artifact":
            f"{sent / ARTIFACT_BYTES / len(fleet):.3f}",
        "one update, messages to the platform": f"{len(said) / len(fleet):.1f}",
        "one update, CPU of otad":
            f"{(sum(measure.cpu_s(g.process.pid) for g in fleet) - cpu) / len(fleet) * 1000:.0f} ms",
        "one update, CPU of the broker (and its log)":
            f"{(measure.cpu_s(broker.process.pid) - broker_cpu) / len(fleet) * 1000:.2f} ms",
        "file server, CPU for 1 GiB":
            f"{worker_cpu * (1 << 30) / sent:.2f} s",
    }


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else COUNT
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with lab.Lab(build) as world:
        broker = world.start_broker()
        fleet = [world.own(Gateway(world, build, n, broker), start=False)
                 for n in range(count)]
        say(f"{count} gateways on one broker, CheckInterval={CHECK_S}s")
        say(f"  {'':44} {'count':>6} {'within':>8} {'mean':>9} {'peak':>7} "
            "peak/mean  (random)")
        mark = broker.mark()
        facts = come_first(broker, fleet)
        watch_checks(broker, fleet, mark, "the first connect")
        mark = broker.mark()
        come_back(broker, fleet, 0)
        watch_checks(broker, fleet, mark, "the restart")
        come_back(broker, fleet, OUTAGE_S)
        facts.update(update_all(world, broker, fleet))
        for gateway in fleet:
            if gateway.process.poll() is not None:
                raise lab.Failure(f"{gateway.name} ended")
        say()
        for what, value in facts.items():
            say(f"  {what:58} {value}")
        for gateway in fleet:
            gateway.process.terminate()


if __name__ == "__main__":
    main()
