"""otad updated for hours, on every platform at once, while things break.

    soak.py BUILD-FOLDER [--minutes N | --updates N] [--seed S]

Five gateways, each with a platform, a broker and a file server of its own. An
update goes to otad itself, a program, a file or a sub-device; a third of them in
peace, the others with one or two faults, all chosen by the seed. Each update is
over when otad's history and the cloud say the same, nothing is left to do or to
tell, and what is in place is what they say.

Then each gateway is measured: the same process, without a restart, takes a round
of updates again and again; the memory it keeps and the descriptors it holds may
not grow. Standard library only.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import random
import re
import statistics
import sys
import threading
import time
import traceback

import platforms
from platforms import APP, CONF, DEVICE, SELF

import lab
import nights

DEFAULT_MINUTES = 10
PATIENCE_S = 240  # for an end, and then for its report
REPEAT_S = 10
STATES = ("downloading", "verifying", "installing", "confirming")
STATE_DISK = 64 * 1024 * 1024
WASTE_LIMIT = 0.05  # of the bytes of all artifacts
GROWTH_UPDATES = 120  # to warm up, and then twice as many to compare
GROWTH_UPDATES_PACED = 45  # where a version is told every two seconds
# malloc's own unrest: over 900 updates of one process it moved up and down by
# up to 24, and ended below where it began.
NOISE_KIB = 48
FEW = 3  # open files, counted after so many execv and as many others

HANDLER = """#!/bin/sh
cd "{folder}" || exit 1
case $1 in
version) cat device.version 2>/dev/null || echo 1.0 ;;
install)
	echo "progress 50"
	cp "$OTA_ARTIFACT" device.firmware && echo "$OTA_VERSION" >device.version ;;
health) ! grep -q SICK device.firmware ;;
rollback)
	echo "$OTA_OLD_VERSION" >device.version
	cp device.good device.firmware ;;
esac
"""

MODULES = """[Module {default}]
Type=self
{app}
[Class thing]
Module={default} exec {folder}/handler
[Device dev1]
Class=thing
{device_keys}
"""

MORE_MODULES = """[Module app]
Type=binary
Path={folder}/app
Version=1.0
Restart=true
HealthPeriod=0s
HealthCheck=sh -c '! grep -q SICK {folder}/app'

[Module conf]
Type=config
Path={folder}/conf
Version=1.0
"""


class Loss(Exception):
    """What must never be: the promise that was broken."""


class Update:
    """One update: what is offered, and what may come of it."""

    def __init__(self, target, version, data):
        self.target = target
        self.version = version
        self.data = data
        self.digest = lab.md5(data)
        self.may_succeed = True
        self.may_fail = False
        self.faults = []
        self.web_script = []


# ---- faults ----
#
# A fault prepares the update; what it returns is done once it runs.

def at_a_state(chance, update, action):
    state = chance.choice(STATES)
    if state == "downloading":  # which must last, to be met
        update.web_script.append({"rate": max(len(update.data) // 2, 1000)})

    def later(gateway, update, since):
        gateway.wait_state(update, since, state)
        action(gateway, update)
    return later


def kill(chance, update, gateway):
    # Of a trial, a start more may be one too many.
    update.may_fail = update.may_fail or update.target == SELF
    return at_a_state(chance, update, lambda g, u: g.kill())


def broker_restart(chance, update, gateway):
    return at_a_state(chance, update, lambda g, u: g.broker.restart())


def broker_restarts(chance, update, gateway):
    def action(gateway, _):
        for _ in range(4):
            gateway.broker.restart()
    return at_a_state(chance, update, action)


def silence(chance, update, gateway):
    def action(gateway, _):
        gateway.link.mode = "mute"
        gateway.link.cut()
        accepted = gateway.link.accepted
        lab.wait_until("a try to connect",
                       lambda: gateway.link.accepted > accepted, PATIENCE_S)
        gateway.link.mode = "open"
        gateway.link.cut()
    return at_a_state(chance, update, action)


def kill_before_told(chance, update, gateway):
    """Ended, but the broker does not hear of it before otad dies."""
    if update.target == SELF:  # which nothing ends as long as it is mute
        return kill(chance, update, gateway)

    def action(gateway, update, since):
        gateway.wait_state(update, since, "downloading")
        gateway.link.mode = "mute"
        gateway.link.cut()
        try:
            gateway.wait_state(update, since, "ended")
            gateway.kill()
        finally:
            gateway.link.mode = "open"
            gateway.link.cut()
    # Lest it be told before the link is mute.
    update.web_script.append({"rate": max(len(update.data) // 2, 1000)})
    return action


def cuts(chance, update, gateway):
    update.web_script += [{"cut_after": chance.randrange(len(update.data))}
                          for _ in range(chance.randrange(1, 4))]


def slow(chance, update, gateway):
    update.web_script.append({"rate": max(len(update.data) // 3, 1000)})


def stall(chance, update, gateway):
    update.web_script.append(
        {"stall_after": chance.randrange(len(update.data))})


def server_errors(chance, update, gateway):
    update.web_script += [{"status": chance.choice((500, 502, 503))}
                          for _ in range(chance.randrange(1, 3))]


def gone(chance, update, gateway):
    update.web_script = [{"status": 404, "repeat": True}]
    update.may_succeed, update.may_fail = False, True


def lies(chance, update, gateway):
    update.web_script.append(dict(chance.choice(LIES)))
    update.may_fail = True


def wrong_digest(chance, update, gateway):
    update.digest = lab.md5(update.data + b"!")
    update.may_succeed, update.may_fail = False, True


def sick_version(chance, update, gateway):
    update.data = gateway.sick(update.target)
    update.digest = lab.md5(update.data)
    update.may_succeed, update.may_fail = False, True
    # A file has nothing to be sick with: its digest is wrong instead.
    if update.target == CONF:
        wrong_digest(chance, update, gateway)


def full_disk(chance, update, gateway):
    update.may_fail = True

    def action(gateway, update):
        gateway.disk.fill()
        time.sleep(chance.random() * 3)  # the fault lasts so long
        gateway.disk.free()
    return at_a_state(chance, update, action)


def clock_jump(chance, update, gateway):
    def action(gateway, _):
        gateway.clock.shift(chance.choice((0, 1, -1)) *
                            chance.randrange(20 * 365 * 24 * 3600))
    return at_a_state(chance, update, action)


LIES = [
    {"range_shift": 7}, {"range_total": 10}, {"content_range": "lies"},
    {"no_content_range": True}, {"unsatisfiable": True}, {"announce": 10},
    {"extra": 500}, {"length": "none"}, {"length": "chunked"},
    {"encoding": "gzip"}, {"etag": ""}, {"content": "lies", "times": 4000},
    {"header_bytes": 60_000}, {"cut_head": True},
]
FAULTS = (kill, kill_before_told, broker_restart, broker_restarts, silence,
          cuts, slow, stall, server_errors, gone, lies, wrong_digest,
          sick_version, full_disk, clock_jump)
PLAN_FAULTS = (gone, wrong_digest, sick_version)  # what they say comes last


# ---- one gateway ----

class Counts(collections.Counter):
    """What one gateway went through."""


class Gateway:
    """One platform's broker, file server and otad, updated again and again."""

    def __init__(self, world, platform, seed):
        self.world = world
        self.platform = platform
        self.chance = random.Random(f"{seed} {platform.name}")
        self.counts = Counts()
        self.faults = Counts()
        self.number = 0
        self.started = 0
        self.running_self = "1.0.0"
        self.descriptors = []
        self.growth = None
        self.losses = []
        self.jobs_seen = set()
        self.disk = None

    # -- set up --

    def start(self):
        world, platform = self.world, self.platform
        self.broker = world.start_broker(lasting=True)
        self.web = world.start_fault_server()
        self.link = world.own(nights.Link(self.broker.port))
        self.clock = nights.Clock(world.folder, world.build)
        folder = world.folder / "things"
        folder.mkdir()
        self.folder = folder
        for name in ("app", "conf", "device.firmware", "device.good"):
            (folder / name).write_text("old")
        (folder / "app").write_bytes(pathlib.Path("/bin/true").read_bytes())
        (folder / "app").chmod(0o755)
        (folder / "handler").write_text(HANDLER.format(folder=folder))
        (folder / "handler").chmod(0o755)
        modules = MODULES.format(
            default=platform.default, folder=folder,
            device_keys=platform.device_keys,
            app=MORE_MODULES.format(folder=folder)
            if APP in platform.targets else "")
        self.config = lab.base_config(
            self.link, "{cloud}", modules,
            mqtt=nights.mqtt_with_secret(world.folder),
            update="AllowDowngrade=yes\nConfirmTimeout=2min\nCheckInterval=0\n",
            download="AllowHttp=yes\nStallTimeout=2s\n")
        self.otad = world.otad(self.config.format(cloud=platform.cloud),
                               launched=True, env=self.clock.environment)
        if os.geteuid() == 0:
            self.disk = world.own(nights.Disk(self.otad.state, STATE_DISK))
        threading.Thread(target=platform.answer, args=(self.broker,),
                         daemon=True).start()
        self.otad.supervise()
        self.broker.wait("the first words", lambda m:
                         m.topic != "lab/ready", deadline_s=PATIENCE_S)
        self.content = {target: self.installed(target)
                        for target in platform.targets}

    def installed(self, target):
        path = {SELF: self.otad.target, APP: self.folder / "app",
                CONF: self.folder / "conf",
                DEVICE: self.folder / "device.firmware"}[target]
        # Before the first update of itself the factory version runs.
        if target == SELF and not path.exists():
            path = self.otad.binary
        return path.read_bytes()

    # -- what is offered --

    def good(self, target):
        tail = self.chance.randbytes(self.chance.randrange(1000, 200_000))
        if target == SELF:
            version = "1.0.2" if self.running_self == "1.0.1" else "1.0.1"
            # What stands behind an ELF belongs to nobody.
            return version, nights.otad_program(self.world, version) + tail
        head = pathlib.Path("/bin/true").read_bytes() if target == APP else b""
        self.number += 1
        return f"1.0.{self.number + 10}", head + tail

    def sick(self, target):
        head = b""
        if target == SELF:
            head = (self.world.build /
                    "tests/system/version-that-aborts").read_bytes()
        elif target == APP:
            head = pathlib.Path("/bin/true").read_bytes()
        return head + b"SICK" + self.chance.randbytes(1000)

    def plan(self, calm=None):
        chance = self.chance
        target = calm or chance.choice(self.platform.targets)
        update = Update(target, *self.good(target))
        actions = []
        if calm is None and chance.random() < 2 / 3:
            chosen = set(chance.sample(FAULTS, chance.choice((1, 1, 2))))
            if not self.disk:
                chosen.discard(full_disk)
            for fault in sorted(chosen, key=lambda f: (f in PLAN_FAULTS,
                                                       f.__name__)):
                update.faults.append(fault.__name__)
                self.faults[fault.__name__] += 1
                action = fault(chance, update, self)
                if action:
                    actions.append(action)
        if update.target == SELF and "sick_version" in update.faults:
            update.version = "1.0.9"
        return update, actions

    # -- what happens --

    def kill(self):
        self.otad.process.kill()
        self.counts["kills"] += 1

    def wait_state(self, update, since, state):
        """Until the job is there, or has ended before."""
        name = re.escape(f"{update.version} of ")
        self.otad.wait_log(rf"{name}\S+: ({state}|succeeded|failed|rolled-back)",
                           PATIENCE_S, since)

    def offer(self, update, url, since):
        """Until it arrives: who starts again has no subscription yet."""
        name = re.escape(f"{update.version} of ")
        while True:
            self.broker.publish_surely(*self.platform.offer(
                update.target, update.version, url, update.data,
                update.digest))
            if not self.platform.repeats:
                return
            try:
                self.otad.wait_log(name, REPEAT_S, since)
                return
            except lab.Failure:
                self.counts["offers repeated"] += 1
                if self.counts["offers repeated"] > self.started + 20:
                    raise Loss(f"{self.describe(update)}: no offer arrives") \
                        from None

    def history_end(self, update):
        path = self.otad.state / "history.jsonl"
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if entry.get("version") == update.version and \
                    entry["job"] not in self.jobs_seen and \
                    entry["module"] == self.platform.module_of(update.target) \
                    and entry["device"] == self.platform.device_of(
                        update.target):
                return entry
        return None

    def is_at_rest(self):
        return not any(p.suffix == ".json" for name in ("jobs", "outbox")
                       for p in (self.otad.state / name).iterdir())

    def wait_for(self, what, condition):
        try:
            return lab.wait_until(what, condition, PATIENCE_S)
        except lab.Failure as failure:
            raise Loss(str(failure)) from None

    def one(self, calm=None, told=True):
        update, actions = self.plan(calm)
        name = f"{self.platform.name}-{self.number}-{len(self.jobs_seen)}"
        url = self.web.put(name, update.data)
        if update.web_script:
            self.web.script(name, update.web_script)
        mark, since = self.broker.mark(), len(self.otad.log())
        self.offer(update, url, since)
        try:
            for action in actions:
                action(self, update, since)
        except lab.Failure as failure:
            raise Loss(f"{self.describe(update)}: {failure}") from None
        entry = self.wait_for(f"{self.describe(update)}: an end in history",
                              lambda: self.history_end(update))
        self.jobs_seen.add(entry["job"])
        succeeded = entry["state"] == "succeeded"
        self.started += 1
        self.counts["updates"] += 1
        self.counts[entry["state"]] += 1
        self.check_end(update, entry, succeeded)
        if told:
            self.check_told(update, mark, succeeded)
        self.wait_for(f"{self.describe(update)}: nothing left to do or tell",
                      self.is_at_rest)
        self.count_bytes(name, update)
        (self.web.files / name).unlink()
        self.clock.shift(0)

    def describe(self, update):
        faults = ", ".join(update.faults) or "no fault"
        return f"{self.platform.name}: {update.target} {update.version} " \
               f"({faults})"

    def check_end(self, update, entry, succeeded):
        if not (update.may_succeed if succeeded else update.may_fail):
            raise Loss(f"{self.describe(update)} {entry['state']}: "
                       f"{entry.get('message')}")
        wanted = update.data if succeeded else self.content[update.target]
        if self.installed(update.target) != wanted:
            raise Loss(f"{self.describe(update)} {entry['state']}: "
                       "what is in place is something else")
        if succeeded:
            self.content[update.target] = update.data
            if update.target == SELF:
                self.running_self = update.version
            if update.target == DEVICE:
                (self.folder / "device.good").write_bytes(update.data)

    def check_told(self, update, mark, succeeded):
        try:
            self.broker.wait("the report", lambda m: self.platform.end_of(
                update.target, update.version, m) is succeeded, mark,
                PATIENCE_S)
        except lab.Failure:
            self.counts["reports lost"] += 1
            raise Loss(f"{self.describe(update)}: the cloud never heard "
                       f"that it {'succeeded' if succeeded else 'failed'}") \
                from None

    def count_bytes(self, name, update):
        # Who was lied to may well have to start over.
        if "lies" not in update.faults:
            sent = sum(r["sent"] for r in self.web.log(name))
            self.counts["bytes"] += len(update.data)
            self.counts["wasted"] += max(0, sent - len(update.data))
        if update.target == SELF:
            # One that was killed before it was heard starts again just now.
            with contextlib.suppress(FileNotFoundError):
                self.descriptors.append(self.plain_descriptors())

    # -- what it holds --

    def proc(self, name):
        return pathlib.Path(f"/proc/{self.otad.process.pid}/{name}")

    def plain_descriptors(self):
        """All but sockets: connections are kept or not, as curl likes."""
        links = []
        for link in self.proc("fd").iterdir():
            try:
                links.append(os.readlink(link))
            except FileNotFoundError:
                pass
        return sum(not link.startswith("socket:") for link in links)

    def sockets(self):
        return len(list(self.proc("fd").iterdir())) - self.plain_descriptors()

    def dirty_kib(self):
        text = self.proc("smaps_rollup").read_text()
        return int(re.search(r"Private_Dirty:\s+(\d+)", text)[1])

    def measure_growth(self):
        """The same process, over and over the same: A, then B."""
        quiet = getattr(self.platform, "quiet", None)
        if quiet:
            self.otad.write_config(self.config.format(cloud=quiet))
            self.otad.process.send_signal(1)
            self.otad.wait_log("Configuration read again", PATIENCE_S)
        targets = [t for t in self.platform.targets if t != SELF]
        start = (self.otad.process.pid, self.otad.starts)
        samples = []
        rounds = (GROWTH_UPDATES_PACED if quiet else GROWTH_UPDATES) // \
            len(targets)
        for _ in range(3 * rounds):
            for target in targets:
                self.one(calm=target, told=not quiet)
            samples.append((self.dirty_kib(), self.plain_descriptors(),
                            self.sockets()))
        if start != (self.otad.process.pid, self.otad.starts):
            raise Loss(f"{self.platform.name}: another process")
        parts = [samples[i * rounds:(i + 1) * rounds]
                 for i in (1, 2)]
        self.growth = [[statistics.median(column) for column in zip(*part)]
                       for part in parts]

    def excess(self):
        """What is more than it may be, in words."""
        words = []
        if self.counts["wasted"] > WASTE_LIMIT * self.counts["bytes"]:
            words.append(f"{self.counts['wasted']} bytes came twice")
        if self.growth:
            (dirty_a, fds_a, _), (dirty_b, fds_b, _) = self.growth
            if dirty_b - dirty_a > NOISE_KIB:
                words.append(f"memory grew by {dirty_b - dirty_a:.0f} KiB")
            if fds_b > fds_a:
                words.append(f"descriptors grew from {fds_a} to {fds_b}")
        # The least of a few: at any one moment a child or a file may be open.
        half = len(self.descriptors) // 2
        if half >= FEW and min(self.descriptors[half:]) > min(self.descriptors[:half]):
            words.append(f"descriptors grew over execv: {self.descriptors}")
        return words


# ---- all of them ----

class Soak:
    """The gateways side by side, until enough was done."""

    def __init__(self, build, seed, updates, minutes):
        self.build = build
        self.seed = seed
        self.updates = updates
        self.end_at = time.monotonic() + minutes * 60 if minutes else None
        self.started = 0
        self.lock = threading.Lock()
        self.gateways = []
        self.broken = threading.Event()

    def take_one(self):
        with self.lock:
            if self.broken.is_set():
                return False
            if self.end_at and time.monotonic() > self.end_at:
                return False
            if self.updates and self.started >= self.updates:
                return False
            self.started += 1
            if self.started % 20 == 0:
                print(f"  {self.started} updates", flush=True)
            return True

    def run_one(self, platform):
        with lab.Lab(self.build) as world:
            gateway = Gateway(world, platform, self.seed)
            with self.lock:
                self.gateways.append(gateway)
            try:
                gateway.start()
                while self.take_one():
                    gateway.one()
                if not self.broken.is_set():
                    gateway.measure_growth()
            except Exception as failure:  # pylint: disable=broad-except
                self.broken.set()
                text = str(failure) if isinstance(failure, Loss) else \
                    traceback.format_exc()
                gateway.losses.append(text)
                keep_log(world, platform)

    def run(self):
        threads = [threading.Thread(target=self.run_one, args=(platform,))
                   for platform in platforms.all_platforms()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.gateways

    def is_good(self):
        return all(not g.losses and not g.excess() for g in self.gateways)


def keep_log(world, platform):
    place = world.build / f"soak-{platform.name}.log"
    log = world.folder / "gateway/otad.log"
    if log.exists():
        place.write_text(log.read_text(errors="replace"))
        print(f"  the log of that otad: {place}", flush=True)


COLUMNS = ("updates", "succeeded", "failed", "rolled-back", "kills",
           "reports lost")


def show(soak):
    print(f"\n{'platform':10}" + "".join(f"{c:>13}" for c in COLUMNS) +
          f"{'MB':>8}{'wasted':>8}  dirty KiB      descriptors")
    total = Counts()
    for gateway in sorted(soak.gateways, key=lambda g: g.platform.name):
        total.update(gateway.counts)
        print(row(gateway.platform.name, gateway.counts) + growth_of(gateway))
    print(row("all", total))
    faults = Counts()
    for gateway in soak.gateways:
        faults.update(gateway.faults)
    print("\nfaults: " + ", ".join(f"{name} {count}" for name, count in
                                   sorted(faults.items())))
    for gateway in soak.gateways:
        for words in gateway.losses + gateway.excess():
            print(f"LOSS {gateway.platform.name}: {words}")


def row(name, counts):
    share = counts["wasted"] / counts["bytes"] if counts["bytes"] else 0
    return f"{name:10}" + "".join(f"{counts[c]:>13}" for c in COLUMNS) + \
        f"{counts['bytes'] / 1e6:>8.1f}{share:>8.1%}"


def growth_of(gateway):
    if not gateway.growth:
        return ""
    (dirty_a, fds_a, _), (dirty_b, fds_b, _) = gateway.growth
    return f"  {dirty_a:.0f} -> {dirty_b:.0f}   {fds_a:.0f} -> {fds_b:.0f}"


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak")
    parser.add_argument("build", type=pathlib.Path)
    long = parser.add_mutually_exclusive_group()
    long.add_argument("--minutes", type=float)
    long.add_argument("--updates", type=int)
    parser.add_argument("--seed", type=int,
                        default=random.SystemRandom().randrange(1_000_000))
    args = parser.parse_args()
    minutes = args.minutes
    if not minutes and not args.updates:
        minutes = DEFAULT_MINUTES
    print(f"soak: seed {args.seed}, "
          f"{f'{minutes:g} minutes' if minutes else f'{args.updates} updates'}"
          f"{'' if os.geteuid() == 0 else '; not root: no full disks'}",
          flush=True)
    began = time.monotonic()
    soak = Soak(args.build.resolve(), args.seed, args.updates, minutes)
    soak.run()
    show(soak)
    good = soak.is_good()
    print(f"\n{'nothing lost' if good else 'LOST'}, "
          f"{time.monotonic() - began:.0f} s, seed {args.seed}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
