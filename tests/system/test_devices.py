"""Devices behind one gateway: many, away, failing, coming and going."""

import json
import os
import shutil
import sys
import tempfile

import alink
import lab
import suite
from suite import expect, expect_equal

# Plays every device. What it is to do stands in files of the device's name.
HANDLER = """#!/bin/sh
cd "{folder}" || exit 1
case $1 in
version) cat "$OTA_DEVICE.version" 2>/dev/null || exit 64 ;;
check) exit 64 ;;
install)
	echo "begin $OTA_DEVICE" >> log
	away=$(cat "$OTA_DEVICE.away" 2>/dev/null || echo 0)
	if [ "$away" -gt 0 ]; then
		echo $((away - 1)) > "$OTA_DEVICE.away"
		echo "away $OTA_DEVICE" >> log
		echo "no answer" >&2
		exit 75
	fi
	echo "progress 40"
	while [ -e "$OTA_DEVICE.hold" ]; do sleep 0.1; done
	cp "$OTA_ARTIFACT" "$OTA_DEVICE.firmware"
	echo "end $OTA_DEVICE" >> log
	if [ -e "$OTA_DEVICE.bad" ]; then echo "broken" >&2; exit 1; fi
	echo "$OTA_VERSION" > "$OTA_DEVICE.version" ;;
health) exit 0 ;;
rollback) exit 0 ;;
esac
"""


def meters(count):
    return [f"meter-{i}" for i in range(1, count + 1)]


class FastState:
    """A state directory in memory: thousands of jobs are as many fsync(2)."""

    def __init__(self, path):
        self.folder = tempfile.mkdtemp(prefix="otad-lab-", dir="/dev/shm")
        path.rmdir()
        path.symlink_to(self.folder)

    def stop(self):
        shutil.rmtree(self.folder)


class Fleet:
    """A gateway, its devices, and what the handler was asked for."""

    def __init__(self, world, names, cloud=lab.HANQI, more="", settings="",
                 fast=False, **kwargs):
        self.names = names
        self.folder = world.folder / "devices"
        self.folder.mkdir()
        handler = world.folder / "flash"
        handler.write_text(HANDLER.format(folder=self.folder))
        handler.chmod(0o755)
        self.broker = world.start_broker(settings)
        self.web = world.start_nginx()
        self.otad = world.otad(lab.base_config(
            self.broker, cloud,
            "[Module default]\nType=self\n"
            f"[Class meter]\nModule=default exec {handler}\n" +
            "".join(f"[Device {name}]\nClass=meter\n" for name in names) +
            more.format(handler=handler), **kwargs))
        if fast:
            world.own(FastState(self.otad.state), start=False)

    def tell(self, name, what, text=""):
        (self.folder / f"{name}.{what}").write_text(text)

    def untell(self, name, what):
        (self.folder / f"{name}.{what}").unlink()

    def log(self):
        path = self.folder / "log"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def firmware(self, name):
        return (self.folder / f"{name}.firmware").read_bytes()

    def start(self):
        self.otad.start()
        for name in [None, *self.names]:
            self.wait_version(name)

    def wait_version(self, name, version=None, since=0):
        def accepts(message):
            body = message.payload
            return message.topic == lab.HANQI_REPORT and \
                body["msgType"] == "heartbeat" and \
                body.get("subDeviceId") == name and \
                version in (None, body["data"]["firmwareVersion"])
        return self.broker.wait(f"version of {name}", accepts, since)

    def offer(self, names, data, version="2.0", **changes):
        """One command for each; where the messages stood before."""
        url = self.web.put(f"fw-{version}", data)
        mark = self.broker.mark()
        lines = []
        for name in names:
            body = lab.hanqi_upgrade(version, url, data, f"{name}-{version}",
                                     **changes)
            body["subDeviceId"] = name
            lines.append(json.dumps(body).encode())
        self.broker.publish_lines(lab.HANQI_COMMAND, lines)
        return mark

    def results(self, since=0):
        """How it ended, by message id: (state, error code, message)."""
        return {m.payload["msgId"]: (m.payload["data"]["state"],
                                     m.payload["data"].get("errorCode"),
                                     m.payload["data"].get("errorMessage"))
                for m in self.broker.messages[since:]
                if m.topic == lab.HANQI_REPORT and
                m.payload["msgType"] == "ota_progress" and
                m.payload["data"]["state"] in ("completed", "failed")}

    def wait_results(self, names, since=0, version="2.0"):
        wanted = {f"{name}-{version}" for name in names}

        def done():
            return wanted <= set(self.results(since))
        try:
            lab.wait_until("all results", done)
        except lab.Failure as failure:
            raise lab.Failure(f"{failure}: without "
                              f"{wanted - set(self.results(since))}") from None
        return self.results(since)

    def job(self, name):
        text = self.otad.ctl("modules", "--device", name, "--json")
        return json.loads(text)["modules"][0].get("job") or {}


def completed(results, names, version="2.0"):
    for name in names:
        expect_equal(results[f"{name}-{version}"][0], "completed",
                     f"{name}: {results[f'{name}-{version}']}")


def test_two_hundred_devices_share_one_download(world):
    names = meters(200)
    fleet = Fleet(world, names, fast=True)
    fleet.start()
    data = os.urandom(200_000)
    mark = fleet.offer(names, data)
    completed(fleet.wait_results(names, mark), names)
    expect_equal(fleet.web.requests(), [("/fw-2.0", 200, len(data))],
                 "requests")
    expect_equal(sorted(fleet.log()), sorted(
        f"{what} {name}" for name in names for what in ("begin", "end")),
        "what the handler did")
    for name in names:
        expect_equal(fleet.firmware(name), data, f"firmware of {name}")
        fleet.wait_version(name, "2.0", mark)
    status = json.loads(fleet.otad.ctl("status", "--json"))
    expect_equal((status["devices"], status["jobs"]), (201, 0), "status")


def test_two_hundred_devices_of_iotgo_share_one_download(world):
    names = meters(200)
    fleet = Fleet(world, names, "Platform=iotgo\nProductKey=pk\nDeviceName=gw",
                  fast=True)
    devices = {name: alink.Device(fleet.broker, f"pk/{name}") for name in names}
    fleet.otad.start()
    for device in devices.values():
        device.wait_version("0")
    data = os.urandom(200_000)
    url = fleet.web.put("fw", data)
    mark = fleet.broker.mark()
    for device in devices.values():
        fleet.broker.publish(device.upgrade, {
            "id": "1", "data": alink.package("2.0", url, data)})
    for device in devices.values():
        device.wait_step(100, mark)
        device.wait_version("2.0", since=mark)
    expect_equal(fleet.web.requests(), [("/fw", 200, len(data))], "requests")
    for name in names:
        expect_equal(fleet.firmware(name), data, f"firmware of {name}")


def test_those_that_are_away_hold_up_nobody(world):
    names = meters(12)
    away, there = names[:6], names[6:]
    fleet = Fleet(world, names, update="WaveSize=2\n")
    for name in away:
        fleet.tell(name, "away", "1000000")
    fleet.start()
    data = os.urandom(100_000)
    mark = fleet.offer(names, data)
    completed(fleet.wait_results(there, mark), there)
    for name in away:
        lab.wait_until(f"{name} is away", lambda n=name:
                       "no answer" in fleet.job(n).get("waiting", ""))
    expect("the device is away" in fleet.otad.ctl("status"), "status")
    expect_equal(len(fleet.results(mark)), len(there), "results by now")

    # Known to the disk, tried again by the next otad, artifact and all.
    fleet.otad.kill()
    fleet.web.stop()
    tries = len(fleet.log())
    fleet.otad.start()
    lab.wait_until("tried again", lambda: all(
        f"away {name}" in fleet.log()[tries:] for name in away))
    for name in away[1:]:
        fleet.untell(name, "away")
    completed(fleet.wait_results(away[1:], mark), away[1:])
    expect_equal(len(fleet.web.requests()), 1, "downloads")
    states = [m.payload["data"]["state"] for m in fleet.broker.messages[mark:]
              if m.topic == lab.HANQI_REPORT and
              m.payload.get("msgId") == f"{away[0]}-2.0"]
    expect(states.count("verifying") <= 1, f"told again and again: {states}")

    fleet.otad.ctl("cancel", "default", "--device", away[0])
    expect_equal(fleet.wait_results(away[:1], mark)[f"{away[0]}-2.0"][:2],
                 ("failed", "CANCELLED"), "the one that never came")


def test_nobody_is_waited_for_for_ever(world):
    fleet = Fleet(world, meters(1), update="AwayTimeout=2s\n")
    fleet.tell("meter-1", "away", "1000000")
    fleet.start()
    mark = fleet.offer(fleet.names, b"new")
    state, code, text = fleet.wait_results(fleet.names, mark)["meter-1-2.0"]
    expect_equal((state, code), ("failed", "BUSY"), text)
    expect("AwayTimeout" in text and "no answer" in text, text)
    expect_equal(fleet.otad.ctl("modules", "--json").count('"waiting"'), 0,
                 "nobody waits")


def at_a_time(log):
    running = highest = 0
    for line in log:
        running += {"begin": 1, "end": -1}.get(line.split()[0], 0)
        highest = max(highest, running)
    return highest


def test_a_wave_is_as_large_as_it_may_be(world):
    names = meters(12)
    fleet = Fleet(world, names, update="WaveSize=3\n")
    for name in names:
        fleet.tell(name, "hold")
    fleet.start()
    mark = fleet.offer(names, b"new")
    lab.wait_until("three begin", lambda: len(fleet.log()) == 3)
    lab.wait_until("nine wait", lambda: fleet.otad.ctl(
        "modules", "--json").count("WaveSize=") == 9)
    first = fleet.log()[0].split()[1]
    lab.wait_until("its progress", lambda:
                   fleet.job(first).get("install_percent") == 40)
    expect("40% installed" in fleet.otad.ctl("status"), "progress in status")
    for name in names:
        fleet.untell(name, "hold")
    completed(fleet.wait_results(names, mark), names)
    expect_equal(at_a_time(fleet.log()), 3, "at a time")


def test_a_wave_stops_after_so_many_failures(world):
    names = meters(8)
    fleet = Fleet(world, names, update="WaveSize=1\nWaveStop=2\n")
    for name in names:
        fleet.tell(name, "bad")
    fleet.start()
    mark = fleet.offer(names[:6], b"new")
    results = fleet.wait_results(names[:6], mark)
    codes = sorted(code for _, code, _ in results.values())
    expect_equal(codes, ["CANCELLED"] * 4 + ["INSTALL_FAILED"] * 2, "results")
    for _, code, text in results.values():
        expect(code != "CANCELLED" or "WaveStop" in text, text)
    expect_equal(len(fleet.log()), 4, "handlers that were run, begin and end")

    # Not forgotten by a restart; another version is another wave.
    fleet.otad.kill()
    fleet.otad.start()
    mark = fleet.offer(names[6:7], b"new")
    expect_equal(fleet.wait_results(names[6:7], mark)["meter-7-2.0"][1],
                 "CANCELLED", "after a restart")
    fleet.untell("meter-7", "bad")
    mark = fleet.offer(names[6:7], b"newer", "2.1")
    completed(fleet.wait_results(names[6:7], mark, "2.1"), names[6:7], "2.1")

    # An operator's own word is a clean slate.
    fleet.untell("meter-8", "bad")
    fleet.otad.ctl("update", "default", "--device", "meter-8", "--url",
                   fleet.web.put("again", b"new"), "--version", "2.0", "--md5",
                   lab.md5(b"new"), "--wait")
    expect_equal(fleet.firmware("meter-8"), b"new", "by hand")


def test_what_was_used_last_is_kept_longest(world):
    names = meters(4)
    fleet = Fleet(world, names, download="CacheSize=250K\n")
    fleet.start()
    versions = {v: os.urandom(100_000) for v in ("2.0", "2.1", "2.2")}

    def install(name, version):
        mark = fleet.offer([name], versions[version], version)
        completed(fleet.wait_results([name], mark, version), [name], version)
        expect_equal(fleet.firmware(name), versions[version], "firmware")

    def cached():
        return {path.name.split("-")[0] for path in
                (fleet.otad.state / "download").iterdir()}

    install("meter-1", "2.0")
    install("meter-1", "2.1")
    install("meter-2", "2.0")
    expect_equal(len(fleet.web.requests()), 2, "the second device needs none")
    install("meter-1", "2.2")
    lab.wait_until("2.1 goes", lambda: cached() == {"2.0", "2.2"})
    install("meter-3", "2.0")
    expect_equal(len(fleet.web.requests()), 3, "2.0 is still there")
    install("meter-3", "2.1")
    expect_equal(len(fleet.web.requests()), 4, "2.1 is not")

    # Not believed, but verified each time.
    for path in (fleet.otad.state / "download").iterdir():
        path.write_bytes(b"x" * 100_000)
    install("meter-4", "2.1")
    expect_equal(len(fleet.web.requests()), 5, "a spoilt one is fetched again")


def test_a_device_that_is_removed_takes_its_job_along(world):
    fleet = Fleet(world, meters(1), update="WaveSize=1\n")
    fleet.tell("meter-1", "hold")
    fleet.start()
    for name in ("new-1", "new-2"):
        fleet.otad.ctl("device", "add", name, "--class", "meter")
        fleet.wait_version(name)
    mark = fleet.offer(["meter-1", "new-1"], b"new")
    lab.wait_until("it waits", lambda: "WaveSize" in
                   fleet.job("new-1").get("waiting", ""))
    fleet.otad.ctl("device", "remove", "new-1")
    state, code, text = fleet.wait_results(["new-1"], mark)["new-1-2.0"]
    expect_equal((state, code), ("failed", "CANCELLED"), text)
    expect("removed" in text, text)
    lab.wait_until("it is gone", lambda: "new-1" not in
                   fleet.otad.ctl("device", "list"))

    # While its handler runs, removing has to wait; the neighbour goes on.
    fleet.tell("new-2", "hold")
    fleet.untell("meter-1", "hold")
    fleet.offer(["new-2"], b"new")
    lab.wait_until("it installs", lambda: "begin new-2" in fleet.log())
    done = fleet.otad.ctl("device", "remove", "new-2", check=False)
    expect_equal(done.returncode, 1, "removing a device that is flashed")
    expect("installing" in done.stderr, done.stderr)
    fleet.untell("new-2", "hold")
    completed(fleet.wait_results(["meter-1", "new-2"], mark),
              ["meter-1", "new-2"])
    fleet.otad.ctl("device", "remove", "new-2")
    expect("new-2" not in fleet.otad.ctl("device", "list"), "gone at once")


def test_devices_come_and_go_while_it_runs(world):
    fleet = Fleet(world, meters(1), "Platform=iotgo\nProductKey=pk\n"
                  "DeviceName=gw", settings="log_type subscribe\n"
                  "log_type unsubscribe\nlog_type information\n")
    fleet.tell("new", "version", "1.5")
    new = alink.Device(fleet.broker, "pk/new")
    old = alink.Device(fleet.broker, "pk/meter-1")
    fleet.otad.start()
    old.wait_version("0")

    def mentioned(topic):
        return (fleet.broker.folder / "mosquitto.log").read_text().count(topic)
    fleet.otad.ctl("device", "add", "new", "--class", "meter")
    new.wait_version("1.5")
    lab.wait_until("subscribed", lambda: mentioned(new.upgrade))
    for words in (("new", "--class", "meter"), ("other", "--class", "none"),
                  ("meter-1", "--class", "meter")):
        expect_equal(fleet.otad.ctl("device", "add", *words,
                                    check=False).returncode, 1, str(words))
    for name in ("none", "meter-1"):
        expect_equal(fleet.otad.ctl("device", "remove", name,
                                    check=False).returncode, 1, name)

    # Durable, and as good as a configured one.
    fleet.otad.kill()
    mark = fleet.broker.mark()
    fleet.otad.start()
    new.wait_version("1.5", since=mark)
    url = fleet.web.put("fw", b"new")
    mark = new.send(new.upgrade, {"id": "1",
                                  "data": alink.package("2.0", url, b"new")})
    new.wait_step(100, mark)
    new.wait_version("2.0", since=mark)

    before = mentioned(new.upgrade)
    fleet.otad.ctl("device", "remove", "new")
    lab.wait_until("unsubscribed", lambda: mentioned(new.upgrade) > before)
    mark = fleet.broker.mark()
    fleet.otad.stop()
    fleet.otad.start()
    old.wait_version("0", since=mark)
    expect_equal(new.said(new.inform, mark), [], "of a removed device")


def test_a_version_has_three_sources(world):
    fleet = Fleet(world, ["asked", "mute"], more="""[Device told]
Class=meter
[Module told/default]
Type=exec
Handler={handler}
Version=1.7
""")
    fleet.tell("asked", "version", "1.6")
    fleet.otad.start()
    fleet.wait_version("asked", "1.6")
    fleet.wait_version("told", "1.7")
    fleet.wait_version("mute", "0")
    mark = fleet.offer(["mute"], b"new")
    fleet.wait_results(["mute"], mark)
    fleet.wait_version("mute", "2.0", mark)

    # Of the last success, when nobody else tells.
    fleet.untell("mute", "version")
    mark = fleet.broker.mark()
    fleet.otad.stop()
    fleet.otad.start()
    fleet.wait_version("mute", "2.0", mark)
    fleet.wait_version("told", "1.7", mark)


def test_strangers_get_an_answer_and_harm_nobody(world):
    fleet = Fleet(world, meters(2))
    fleet.start()
    mark = fleet.offer(["stranger", "meter-1"], b"new")
    completed(fleet.wait_results(["meter-1"], mark), ["meter-1"])
    fleet.broker.wait("an answer", lambda m: m.topic == lab.HANQI_REPORT and
                      m.payload.get("msgId") == "stranger-2.0", mark)
    state, code, text = fleet.results(mark)["stranger-2.0"]
    expect_equal((state, code), ("failed", "PROTOCOL_ERROR"), text)
    expect("unknown-device" in text, text)
    for words in (("--device", "stranger", "default"),
                  ("--device", "meter-2", "stranger")):
        done = fleet.otad.ctl("check", *words, check=False)
        expect_equal(done.returncode, 1, str(words))
        expect("stranger" in done.stderr, done.stderr)


def test_ten_thousand_offers_each_get_an_answer(world):
    names = meters(100)
    fleet = Fleet(world, names, fast=True)
    fleet.start()
    data = b"new"
    url = fleet.web.put("fw", data)
    lines, wanted = [], set()
    for number in range(100):
        for name in names:
            body = lab.hanqi_upgrade(f"2.{number}", url, data,
                                     f"{name}-2.{number}")
            body["subDeviceId"] = name
            wanted.add(body["msgId"])
            lines.append(json.dumps(body).encode())
    mark = fleet.broker.mark()
    fleet.broker.publish_lines(lab.HANQI_COMMAND, lines)
    lab.wait_until("an answer to each",
                   lambda: wanted <= set(fleet.results(mark)), 240)
    results = fleet.results(mark)
    completed(results, names, "2.99")
    others = {result[:2] for key, result in results.items()
              if not key.endswith("-2.99")}
    expect(others <= {("failed", "CANCELLED"), ("completed", None)},
           f"results {others}")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
