"""iotgo, played against a real broker: protocols.md, section 2.4."""

import datetime
import os
import socket
import sys
import threading

import alink
import lab
import suite
import trace
from suite import expect, expect_equal
from trace import One, Some

CLOUD = "Platform=iotgo\nProductKey=PK\nDeviceName=gw1\n"
MODULE = """[Module default]
Type=config
Path={path}
Version=1.0.0
"""
FIRST_CHECK_S = 5
GAP_S = 2
# A busy machine may show the witness the first of two messages late, so much
# closer to the second; without a pace they come in the same instant.
SLACK_S = 1


def gateway(world, modules=None, update="", download="", cloud=CLOUD):
    broker = world.start_broker()
    web = world.start_fault_server()
    path = world.folder / "default.conf"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, cloud, modules or MODULE.format(path=path), update=update,
        download=download))
    device = alink.Device(broker, "PK/gw1")
    otad.start()
    device.wait_version("1.0.0")
    return device, web, otad, path


def push(data):
    return {"code": "1000", "data": data, "id": 1626969597470,
            "message": "success"}


def reply(asked, data):
    return {"code": 200, "data": data, "id": asked.payload["id"]}


def offer(device, web, data=b"new" * 100, version="1.0.7", name="fw", **changes):
    return device.send(device.upgrade, push(alink.package(
        version, web.put(name, data), data, **changes)))


def values(message):
    return {name: body["value"]
            for name, body in message.payload["params"].items()}


def properties(device, since=0):
    return [(v["ota_status"], v["ota_progress"])
            for v in map(values, device.said(device.property, since))]


class Script(alink.Script):
    """Beside each step stand the device's properties."""

    def __init__(self, device, module="default"):
        super().__init__(device, module, numeric=True)

    def properties(self, status, progress, **more):
        return One(self.device.property, {
            "id": trace.an_id, "version": "1.0",
            "method": "thing.event.property.post",
            "params": {name: {"value": value, "time": trace.milliseconds}
                       for name, value in {"ota_status": status,
                                           "ota_progress": progress,
                                           **more}.items()}}, 1)

    def idle(self, number):
        return self.properties("idle", 0, firmware_version=number)

    def begun(self):
        return [self.properties("downloading", 0), self.step(1)]

    def on_the_way(self):
        return [Some(self.properties("downloading", trace.tens),
                     self.step(trace.tens))]

    def loaded(self):
        return [*self.on_the_way(), Some(self.properties("downloading", 90)),
                self.step(90), self.properties("verifying", 95), self.step(95)]

    def prepared(self):
        return [self.properties("updating", 96), self.step(96),
                self.properties("updating", 98), self.step(98)]

    def swapped(self):
        return [self.properties("restarting", 99), self.step(99)]

    def succeeded(self, number):
        return [self.step(100, qos=1), self.properties(
            "idle", 100, firmware_version=number, last_update_time=a_recent_time)]

    def done(self, number):
        return [self.version(number), *self.succeeded(number)]

    def ended(self, step, last, error):
        return [self.failed(step, error), self.properties(
            "failed", last, ota_message=lambda v: v.startswith(error))]


def a_recent_time(value):
    """RFC 3339, with its offset."""
    when = datetime.datetime.fromisoformat(value)
    age = datetime.datetime.now(datetime.timezone.utc) - when
    return abs(age.total_seconds()) < 3600


def check(device, job, before, *expected):
    """From the first version on; `before` is what runs until the update."""
    trace.check(device.broker, [device.upgrade, device.get_reply],
                [job.version(before), job.idle(before), *expected])


def check_property_pace(device, since=0):
    """While it downloads, one message in two seconds."""
    times = [m.at for m in device.said(device.property, since)
             if values(m)["ota_status"] == "downloading"]
    for before, after in zip(times, times[1:]):
        expect(after - before >= GAP_S - SLACK_S,
               f"properties after {after - before:.2f} s")


def test_a_whole_success_is_told_as_in_the_document(world):
    """otad itself, so that the restart of the document is a real one."""
    broker = world.start_broker()
    web = world.start_fault_server()
    otad = world.otad(lab.base_config(broker, CLOUD, update="CheckInterval=1s"))
    device = alink.Device(broker, "PK/gw1")
    otad.start()
    first = device.wait_version("1.0.0")
    asked = device.wait_check()
    expect(asked.at - first.at >= FIRST_CHECK_S - SLACK_S, "an early check")
    mark = device.send(device.get_reply, reply(asked, {}))
    asked = device.wait_check(mark)
    data = (world.build / "tests/system/otad-1.0.1").read_bytes()
    url = web.put("fw", data)
    web.script("fw", [{"rate": len(data) // 5}])
    mark = device.send(device.get_reply,
                       reply(asked, alink.package("1.0.1", url, data)))
    device.wait_step(100, mark)
    broker.wait("idle again", lambda m: m.topic == device.property and
                values(m)["ota_status"] == "idle", mark)

    job = Script(device)
    check(device, job, "1.0.0", job.check(), job.check(), Some(job.check()),
          *job.begun(),
          *job.loaded(), *job.prepared(), *job.swapped(), *job.done("1.0.1"))
    alink.check_steps(device.steps(mark))
    alink.check_ids(device)
    check_property_pace(device, mark)


def failure(world, step, last, error, before, faults=None, module="",
            download="Attempts=2\nStallTimeout=1s", **changes):
    """`before`: names of what the script has before the failure."""
    path = world.folder / "default.conf"
    device, web, otad, path = gateway(
        world, MODULE.format(path=path) + module, download=download,
        update="CheckInterval=0")
    device.broker.wait("idle", lambda m: m.topic == device.property)
    web.put("fw", b"new" * 100)
    if faults:
        web.script("fw", faults)
    mark = offer(device, web, **changes)
    wait_failed(device, mark)
    job = Script(device)
    check(device, job, "1.0.0",
          *(one for name in before.split() for one in getattr(job, name)()),
          *job.ended(step, last, error))
    expect_equal(path.read_text(), "old", "the file")


def wait_failed(device, mark):
    device.broker.wait("failed", lambda m: m.topic == device.property and
                       values(m)["ota_status"] == "failed", mark)


def test_an_unusable_message(world):
    device, web, otad, path = gateway(world)
    quiet = device.broker.wait("idle", lambda m: m.topic == device.property)
    mark = offer(device, web, signMethod="crc32")
    failed = device.wait_failure(mark)
    params = failed.payload["params"]
    expect_equal((params["step"], params["desc"], params["module"]),
                 ("-1", "rejected: unknown-digest-alg", "default"), "reject")
    device.send(device.upgrade, {**push({}), "code": 500})
    mark = offer(device, web)
    device.wait_step(100, mark)
    expect_equal(len([s for s in device.steps() if s < 0]), 1, "failures")
    expect_equal(device.said(device.property)[0], quiet, "property")
    expect(all(s != "failed" for s, _ in properties(device)), "property")


def test_refused_by_policy(world):
    failure(world, -1, 0, "downgrade-refused", "", version="0.9")


def test_no_space(world):
    failure(world, -1, 0, "no-space", "", size=1 << 45,
            download="MaxSize=100T")


def test_not_found(world):
    failure(world, -2, 0, "not-found", "begun", [{"status": 404}])


def test_expired(world):
    failure(world, -2, 0, "url-expired", "begun", [{"status": 403}])


def test_a_server_that_fails(world):
    failure(world, -2, 0, "http-error", "begun", [{"status": 500}] * 9)


def test_a_server_that_stalls(world):
    failure(world, -2, 0, "timeout", "begun", [{"stall_after": 10}] * 9)


def test_a_connection_that_breaks(world):
    device, web, otad, path = gateway(world, download="Attempts=2")
    data = os.urandom(900_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 300_000, "cut_after": 400_000}] +
               [{"cut_after": 0}] * 9)
    mark = offer(device, web, data)
    failed = device.wait_failure(mark).payload["params"]
    expect_equal(failed["step"], "-2", "step")
    expect(failed["desc"].startswith("network"), failed["desc"])
    device.broker.wait("failed", lambda m: m.topic == device.property and
                       values(m)["ota_status"] == "failed", mark)
    reached = max(device.steps(mark))
    expect(10 <= reached <= 40, f"steps {device.steps(mark)}")
    expect_equal(properties(device, mark)[-1], ("failed", reached), "property")


def test_a_wrong_digest(world):
    failure(world, -3, 95, "digest-mismatch", "begun loaded", sign="0" * 32)


def test_a_wrong_size(world):
    failure(world, -3, 0, "size-mismatch", "begun", size=299)


def test_a_check_that_fails(world):
    failure(world, -4, 98, "install-failed", "begun loaded prepared",
            module="Check=false\n")


def test_unhealthy_is_rolled_back(world):
    module, data, path = lab.sick_program(world)
    device, web, otad, _ = gateway(world, "[Module default]\n" + module,
                                   "ConfirmTimeout=1s\nCheckInterval=0")
    device.broker.wait("idle", lambda m: m.topic == device.property)
    wait_failed(device, offer(device, web, data))
    job = Script(device)
    check(device, job, "1.0.0", *job.begun(), *job.loaded(), *job.prepared(),
          *job.swapped(), job.version("1.0.0"),
          *job.ended(-1, 99, "health-check-failed"))
    expect_equal(path.read_bytes(), open("/bin/true", "rb").read(), "the file")


def test_killed_at_a_third_it_asks_and_resumes(world):
    device, web, otad, path = gateway(world)
    data = os.urandom(3_000_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 400_000}, {"rate": 250_000}])
    mark = offer(device, web, data)
    device.broker.wait("a third", lambda m: m.topic == device.progress and
                       int(m.payload["params"]["step"]) >= 30, mark)
    otad.kill()
    reached = max(device.steps(mark))
    again = device.broker.mark()
    otad.start()
    device.wait_version("1.0.0", since=again)
    asked = device.wait_check(again)
    device.send(device.get_reply, reply(asked, alink.package(
        "1.0.7", web.put("renewed", data), data)))
    device.wait_step(100, again)
    device.broker.wait("idle again", lambda m: m.topic == device.property and
                       values(m)["ota_status"] == "idle", again)
    job = Script(device)
    # Its first check may come before the update, too, on a slow machine.
    check(device, job, "1.0.0", Some(job.check()), *job.begun(),
          *job.on_the_way(), job.version("1.0.0"), *job.on_the_way(),
          job.check(), *job.loaded(), *job.prepared(), *job.swapped(),
          *job.done("1.0.7"))
    expect_equal(path.read_bytes(), data, "the file")
    later = device.steps(again)
    expect(later[0] >= reached, f"{reached}, then {later}")
    steps = device.steps(mark)
    expect_equal(steps, sorted(steps), "progress went backwards")
    expect(all(start >= 600_000 for start in alink.ranges(web)) and
           alink.ranges(web), f"ranges {alink.ranges(web)}")
    expect_equal(properties(device, again)[0][0], "downloading",
                 "the first property after the kill")


def test_the_same_push_again_joins_the_running_job(world):
    device, web, otad, path = gateway(world)
    data = os.urandom(300_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 150_000}])
    mark = offer(device, web, data)
    device.wait_step(1, mark)
    offer(device, web, data)
    device.wait_step(100, mark)
    expect_equal(device.steps(mark).count(100), 1, "results")
    expect_equal(len([r for r in web.log() if r["path"] == "/fw"]), 1,
                 "requests")


def test_no_check_while_a_job_runs_and_again_after_it(world):
    device, web, otad, path = gateway(world, update="CheckInterval=1s")
    asked = device.wait_check()
    mark = device.send(device.get_reply, reply(asked, {}))
    device.wait_check(mark)
    data = os.urandom(300_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 100_000}])
    mark = offer(device, web, data)
    device.wait_step(1, mark)
    begun = device.broker.mark()
    end = device.wait_step(100, mark)
    expect_equal([m for m in device.said(device.get, begun) if m.at < end.at],
                 [], "checks during the job")
    device.wait_check(device.broker.mark())


def test_the_version_that_runs_already_is_told_again(world):
    device, web, otad, path = gateway(world)
    mark = offer(device, web, version="1.0.0")
    device.wait_version("1.0.0", since=mark)
    expect_equal([r for r in web.log() if r["path"] == "/fw"], [], "requests")


def test_several_modules_side_by_side(world):
    for name in ("x86", "arm64"):
        (world.folder / name).write_text("old")
    path = world.folder / "default.conf"
    device, web, otad, path = gateway(world, MODULE.format(path=path) + "".join(
        f"[Module {name}]\nType=config\nPath={world.folder}/{name}\n"
        "Version=2.0\n" for name in ("x86", "arm64")))
    for name in ("x86", "arm64"):
        device.wait_version("2.0", name)
    idle = device.broker.wait("idle", lambda m: m.topic == device.property)
    expect_equal(values(idle), {
        "ota_status": "idle", "ota_progress": 0, "firmware_version": "1.0.0"},
                 "properties at rest")
    data = {name: os.urandom(500_000) for name in ("x86", "arm64")}
    mark = device.broker.mark()
    for name, content in data.items():
        web.put(name, content)
        web.script(name, [{"rate": 100_000}])
        offer(device, web, content, "2.1", name, module=name)
    for name, content in data.items():
        device.wait_step(100, mark, name)
        alink.check_steps(device.steps(mark, name))
        expect_equal((world.folder / name).read_bytes(), content, name)
        device.wait_version("2.1", name, mark)
    times = [m.at for m in device.said(device.property, mark)
             if values(m)["ota_status"] == "downloading" and
             values(m)["ota_progress"] > 0]
    for before, after in zip(times, times[1:]):
        expect(after - before >= GAP_S - SLACK_S,
               f"properties after {after - before:.2f} s")
    last = [values(m) for m in device.said(device.property, mark)
            if values(m)["ota_status"] == "idle"]
    expect_equal({v["firmware_version"] for v in last}, {"1.0.0"},
                 "firmware_version is that of the default module")
    # An unknown module is told as the default one's.
    mark = offer(device, web, module="mips")
    expect_equal(device.wait_failure(mark).payload["params"]["desc"],
                 "rejected: unknown-module", "reject")


def test_sub_devices_have_their_own_topics(world):
    path = world.folder / "default.conf"
    device, web, otad, _ = gateway(
        world, MODULE.format(path=path) +
        f"[Class oven]\nModule=default exec {alink.handler(world)}\n"
        "[Device oven-1]\nClass=oven\nProductKey=OVENS\nDeviceName=oven1\n"
        "[Device oven-2]\nClass=oven\n", "CheckInterval=1s")
    oven = alink.Device(device.broker, "OVENS/oven1")
    other = alink.Device(device.broker, "PK/oven-2")
    for one in (oven, other):
        one.wait_version("1.0")
        expect_equal(len(one.said(one.inform)), 1, "versions")
        device.broker.wait("properties", lambda m, one=one:
                           m.topic == one.property and
                           values(m)["firmware_version"] == "1.0")
    mark = offer(oven, web, b"good firmware", "1.1")
    oven.wait_step(100, mark)
    oven.wait_version("1.1", since=mark)
    expect_equal((world.folder / "oven-1.firmware").read_bytes(),
                 b"good firmware", "what was flashed")
    for one in (device, oven, other):
        one.wait_check()
    asked = other.wait_check(device.broker.mark())
    data = b"sick firmware"
    mark = other.send(other.get_reply, reply(asked, alink.package(
        "1.1", web.put("sick", data), data)))
    failed = other.wait_failure(mark)
    expect_equal(failed.payload["params"]["step"], "-1", "step")
    other.wait_version("1.0", since=mark)
    expect_equal(device.steps(), [], "the gateway's own steps")
    expect_equal((world.folder / "oven-2.version").read_text(), "1.0\n",
                 "what runs")
    alink.check_ids(device, oven, other)


class Tap:
    """Between otad and the broker: keeps what otad publishes.

    A broker drops what clients publish below $SYS/, so no witness can see it.
    """

    def __init__(self, port):
        self.broker_port = port
        self.published = []
        self._arrived = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            broker = socket.create_connection(("127.0.0.1", self.broker_port))
            for pair in ((client, broker, self._parse), (broker, client, None)):
                threading.Thread(target=self._pass, args=pair,
                                 daemon=True).start()

    def _pass(self, source, sink, parse):
        pending = b""
        try:
            while data := source.recv(65536):
                sink.sendall(data)
                if parse:
                    pending = parse(pending + data)
        except OSError:
            pass
        for end in (source, sink):
            end.close()

    def _parse(self, data):
        """Whole packets of `data`; returns the rest."""
        while True:
            size, shift, at = 0, 0, 1
            while at < len(data):
                size |= (data[at] & 127) << shift
                shift += 7
                at += 1
                if data[at - 1] < 128:
                    break
            else:
                return data
            if len(data) < at + size:
                return data
            if data[0] >> 4 == 3:
                self._keep(data[0] >> 1 & 3, data[at:at + size])
            data = data[at + size:]

    def _keep(self, qos, body):
        end = 2 + int.from_bytes(body[:2], "big")
        topic, rest = body[2:end].decode(), body[end + (2 if qos else 0):]
        with self._arrived:
            self.published.append((topic, lab.json.loads(rest), qos))
            self._arrived.notify_all()

    def wait(self, what, predicate):
        with self._arrived:
            if not self._arrived.wait_for(
                    lambda: any(map(predicate, self.published)),
                    lab.DEADLINE_S):
                raise lab.Failure(f"no {what}: {self.published}")


def test_properties_in_the_style_of_the_framework(world):
    suite.without_witness("aedes hangs up on whoever publishes below $SYS/")
    broker = world.start_broker()
    web = world.start_fault_server()
    tap = Tap(broker.port)
    path = world.folder / "default.conf"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, CLOUD + "PropertyStyle=framework\n",
        MODULE.format(path=path)).replace(f"Port={broker.port}",
                                          f"Port={tap.port}"))
    device = alink.Device(broker, "PK/gw1")
    otad.start()
    device.wait_version("1.0.0")
    data = os.urandom(400_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 150_000}])
    offer(device, web, data)

    def is_end(message):
        topic, body, _ = message
        return topic == "$SYS/PK/gw1/property/post" and \
            body["params"]["ota_progress"]["value"] == "100"
    tap.wait("end", is_end)
    tap.close()
    messages = [(body, qos) for topic, body, qos in tap.published
                if topic == "$SYS/PK/gw1/property/post"]
    states = []
    for body, qos in messages:
        expect("method" not in body, "a method")
        expect_equal(qos, 0, "qos")
        for name, value in body["params"].items():
            expect(isinstance(value["value"], str), f"{name}: {value}")
            expect(1_600_000_000 < value["time"] < 16_000_000_000,
                   f"time in seconds: {value}")
        states.append((body["params"]["ota_status"]["value"],
                       body["params"]["ota_progress"]["value"]))
    expect_equal(states[:2], [("idle", "0"), ("downloading", "0")], "beginning")
    expect_equal(states[-5:], [
        ("verifying", "95"), ("updating", "96"), ("updating", "98"),
        ("restarting", "99"), ("idle", "100")], "end")


if __name__ == "__main__":
    # Its checks begin five seconds after a connect.
    suite.main(sys.modules[__name__], at_once=4)
