"""hanqi, played against a real broker: protocols.md, section 4.4."""

import json
import os
import signal
import socket
import sys

import lab
import suite
import trace
from suite import expect, expect_equal
from trace import One, Some, a_text, tens

MODULE = """[Module default]
Type=config
Path={path}
Version=1.0.1
"""


# Those on connect and after an update only: the others come when they come.
CLOUD = lab.HANQI + "\nHeartbeatInterval=0"


def gateway(world, update="", download="", mqtt="", modules=None):
    broker = world.start_broker()
    web = world.start_fault_server()
    path = world.folder / "firmware.conf"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, CLOUD, modules or MODULE.format(path=path), mqtt, update,
        download))
    otad.start()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.1"))
    return broker, web, otad, path


# ---- what the document has the device say ----

def heartbeat(version):
    return One(lab.HANQI_REPORT, {
        "msgType": "heartbeat", "uuid": "HQ1", "timestamp": trace.seconds,
        "data": {"entityType": "gateway", "firmwareVersion": version}}, 1)


def step(state, progress, current="1.0.1", target="1.0.2", msg_id="ota_1",
         **more):
    return One(lab.HANQI_REPORT, {
        "msgType": "ota_progress", "msgId": msg_id, "uuid": "HQ1",
        "timestamp": trace.seconds, "data": {
            "state": state, "progress": progress, "currentVersion": current,
            "targetVersion": target, **more}},
               0 if state == "downloading" else 1)


BEGUN = [step("downloading", 0)]
LOADED = [Some(step("downloading", tens)), step("downloading", 90),
          step("verifying", 95)]
INSTALLED = [step("installing", 96), step("installing", 98),
             step("installing", 99)]
DONE = [heartbeat("1.0.2"), step("completed", 100, current="1.0.2")]


def check(broker, *expected):
    trace.check(broker, [lab.HANQI_COMMAND], [heartbeat("1.0.1"), *expected])


def offer(broker, web, data=b"new" * 100, number="1.0.2", msg_id="ota_1",
          name="fw", **changes):
    mark = broker.mark()
    url = web.put(name, data)
    broker.publish(lab.HANQI_COMMAND,
                   lab.hanqi_upgrade(number, url, data, msg_id, **changes))
    return mark


def progress_of(broker, since):
    return [(m.payload["data"]["state"], m.payload["data"]["progress"])
            for m in broker.messages[since:]
            if m.topic == lab.HANQI_REPORT and
            m.payload["msgType"] == "ota_progress"]


def test_a_whole_success_is_told_as_in_the_document(world):
    broker, web, otad, path = gateway(world)
    data = os.urandom(3_000_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 1_000_000}])
    mark = offer(broker, web, data)
    broker.wait("completed", lab.is_hanqi_state("completed", "1.0.2"), mark)
    check(broker, *BEGUN, *LOADED, *INSTALLED, *DONE)
    steps = [p for s, p in progress_of(broker, mark) if s == "downloading"]
    expect_equal(steps, sorted(set(steps)), "steps")
    expect_equal(path.read_bytes(), data, "the file")


def failure(world, error_code, progress, before, faults=None, changes=None,
            **kwargs):
    broker, web, otad, path = gateway(world, **kwargs)
    web.put("fw", b"new" * 100)
    if faults:
        web.script("fw", faults)
    mark = offer(broker, web, **(changes or {}))
    failed = broker.wait("failed", lab.is_hanqi_state("failed"), mark)
    target = failed.payload["data"]["targetVersion"]
    check(broker, *before, step("failed", progress, target=target,
                                errorCode=error_code, errorMessage=a_text))
    expect_equal(path.read_text(), "old", "the file")
    return broker, web, otad


def test_not_found(world):
    failure(world, "FILE_NOT_FOUND", 0, BEGUN, [{"status": 404}])


def test_url_expired(world):
    failure(world, "URL_EXPIRED", 0, BEGUN, [{"status": 403}])


def test_server_errors_are_retried_and_then_told(world):
    broker, web, otad = failure(
        world, "DOWNLOAD_FAILED", 0, BEGUN, [{"status": 503}] * 10,
        download="Attempts=2")
    expect_equal(len([r for r in web.log() if r["path"] == "/fw"]), 2,
                 "attempts")


def test_a_server_that_stalls(world):
    failure(world, "DOWNLOAD_TIMEOUT", 0, BEGUN, [{"stall_after": 10}] * 10,
            download="Attempts=2\nStallTimeout=1s")


def test_a_wrong_digest(world):
    failure(world, "MD5_MISMATCH", 95, BEGUN + LOADED, changes={"md5": "0" * 32})


def test_a_wrong_size(world):
    failure(world, "SIZE_MISMATCH", 0, BEGUN, changes={"fileSize": 299})


def test_a_downgrade(world):
    failure(world, "DOWNGRADE_REFUSED", 0, [], changes={"number": "1.0.0"})


def test_no_space(world):
    failure(world, "NO_SPACE", 0, [], download="MaxSize=100T",
            changes={"fileSize": 1 << 45})


def test_a_check_that_fails(world):
    path = world.folder / "firmware.conf"
    failure(world, "INSTALL_FAILED", 98, BEGUN + LOADED + INSTALLED[:2],
            modules=MODULE.format(path=path) + "Check=false\n")


def test_unhealthy_is_rolled_back(world):
    keys, data, path = lab.sick_program(world, "1.0.1")
    broker, web, otad, _ = gateway(world, update="ConfirmTimeout=1s",
                                   modules="[Module default]\n" + keys)
    mark = offer(broker, web, data)
    broker.wait("failed", lab.is_hanqi_state("failed"), mark)
    check(broker, *BEGUN, *LOADED, *INSTALLED, heartbeat("1.0.1"),
          step("failed", 99, errorCode="HEALTH_CHECK_FAILED",
               errorMessage=a_text))
    expect_equal(path.read_bytes(), open("/bin/true", "rb").read(), "the file")


def test_killed_at_a_third_it_resumes_by_itself(world):
    broker, web, otad, path = gateway(world)
    data = os.urandom(3_000_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 600_000}, {"rate": 1_000_000}])
    mark = offer(broker, web, data)
    broker.wait("a third", lambda m: lab.is_hanqi_state("downloading")(m) and
                m.payload["data"]["progress"] >= 30, mark)
    otad.kill()
    again = broker.mark()
    otad.start()
    broker.wait("completed", lab.is_hanqi_state("completed", "1.0.2"), again)
    check(broker, *BEGUN, Some(step("downloading", tens)), heartbeat("1.0.1"),
          *LOADED, *INSTALLED, *DONE)
    told = [p for _, p in progress_of(broker, mark)]
    expect_equal(told, sorted(told), "progress went backwards")
    ranges = [r["headers"]["Range"] for r in web.log()
              if "Range" in r["headers"]]
    # What is recorded is a second old, and a sync on a busy machine.
    expect(ranges and all(int(r[6:].split("-")[0]) > 0 for r in ranges),
           f"it did not go on where it was: {ranges}")
    expect_equal(path.read_bytes(), data, "the file")


def test_an_unusable_message_is_told_once_a_minute(world):
    broker, web, otad, path = gateway(world)
    mark = broker.mark()
    for _ in range(3):
        broker.publish(lab.HANQI_COMMAND, lab.hanqi_upgrade(
            "1.0.2", "ftp://x/y", b"x", "ota_9"))
    mark2 = offer(broker, web, msg_id="ota_10")
    broker.wait("completed", lab.is_hanqi_state("completed"), mark2)
    rejects = [m for m in broker.messages[mark:]
               if lab.is_hanqi_state("failed", msg_id="ota_9")(m)]
    expect_equal(len(rejects), 1, "rejects told")
    expect_equal(rejects[0].payload["data"]["errorCode"], "PROTOCOL_ERROR",
                 "code")
    expect_equal(rejects[0].payload["data"]["errorMessage"],
                 "rejected: url-scheme", "message")


def test_the_version_that_runs_already_is_completed_at_once(world):
    broker, web, otad, path = gateway(world)
    mark = offer(broker, web, number="1.0.1", msg_id="ota_5")
    broker.wait("completed", lab.is_hanqi_state("completed", "1.0.1", "ota_5"),
                mark)
    expect_equal([r for r in web.log() if r["path"] == "/fw"], [], "requests")


def test_a_command_while_away_is_kept_by_the_broker(world):
    broker, web, otad, path = gateway(world, mqtt="ClientId=gateway_HQ1")
    otad.stop()
    mark = offer(broker, web)
    otad.start()
    broker.wait("completed", lab.is_hanqi_state("completed"), mark)


class Slow:
    """A broker's side of one connection: it acknowledges when it is told to."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(lab.DEADLINE_S)
        self.port = self.listener.getsockname()[1]

    def accept(self):
        self.peer, _ = self.listener.accept()
        self.peer.settimeout(lab.DEADLINE_S)
        self.stream = self.peer.makefile("rb")

    def read(self):
        """(type and flags, body) of a packet; (0, b"") at the end."""
        first = self.stream.read(1)
        size, shift = 0, 0
        while first:
            digit = self.stream.read(1)[0]
            size |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return first[0], self.stream.read(size)
        return 0, b""

    def write(self, first, body):
        self.peer.sendall(lab.mqtt_packet(first, body))

    def close(self):
        self.stream.close()
        self.peer.close()
        self.listener.close()


def publish_id(first, body):
    """The packet id of a PUBLISH of QoS 1."""
    return body[2 + int.from_bytes(body[:2], "big"):][:2] if first & 6 else b""


def test_a_command_that_comes_as_it_stops_is_kept(world):
    """What it acknowledges will not come again; nothing else may be lost."""
    broker = Slow()
    path = world.folder / "firmware.conf"
    path.write_text("old")
    otad = world.otad(lab.base_config(broker, CLOUD,
                                      MODULE.format(path=path)))
    otad.start()
    broker.accept()
    unacknowledged = b""
    while not unacknowledged:
        first, body = broker.read()
        if first >> 4 == 1:  # CONNECT
            broker.write(0x20, b"\0\0")
        elif first >> 4 == 8:  # SUBSCRIBE
            broker.write(0x90, body[:2] + b"\1")
        elif first >> 4 == 3:
            unacknowledged = publish_id(first, body)
    otad.process.send_signal(signal.SIGTERM)
    otad.wait_log("Stopping")
    command = json.dumps(lab.hanqi_upgrade("1.0.2", "http://127.0.0.1:9/fw",
                                           b"new")).encode()
    topic = lab.HANQI_COMMAND.encode()
    broker.write(0x32, len(topic).to_bytes(2, "big") + topic + b"\0\7" + command)
    try:
        first, body = broker.read()
        acknowledged = first >> 4 == 4 and body == b"\0\7"
        broker.write(0x40, unacknowledged)
    except OSError:
        acknowledged = False
    otad.process.wait(lab.DEADLINE_S)
    broker.close()
    expect(not acknowledged or list((otad.state / "jobs").iterdir()),
           "it acknowledged a command and forgot it")


def test_a_newer_offer_supersedes_a_download(world):
    broker, web, otad, path = gateway(world)
    data = os.urandom(500_000)
    web.put("slow", data)
    web.script("slow", [{"rate": 50_000}])
    mark = offer(broker, web, data, "1.0.2", "ota_1", name="slow")
    broker.wait("downloading", lab.is_hanqi_state("downloading", "1.0.2"), mark)
    offer(broker, web, b"newest", "1.0.3", "ota_2", name="fast")
    failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.2"), mark)
    expect_equal(failed.payload["data"]["errorCode"], "CANCELLED", "code")
    expect("superseded by 1.0.3" in failed.payload["data"]["errorMessage"],
           "message")
    broker.wait("completed", lab.is_hanqi_state("completed", "1.0.3"), mark)
    expect_equal(path.read_text(), "newest", "the file")


def test_the_same_command_again_joins_the_running_job(world):
    broker, web, otad, path = gateway(world)
    data = os.urandom(400_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 200_000}])
    mark = offer(broker, web, data)
    broker.wait("downloading", lab.is_hanqi_state("downloading"), mark)
    offer(broker, web, data, msg_id="ota_2")
    done = broker.wait("completed", lab.is_hanqi_state("completed"), mark)
    expect_equal(done.payload["msgId"], "ota_2", "the newest id")
    expect_equal(path.read_bytes(), data, "the file")
    completed = [m for m in broker.messages[mark:]
                 if lab.is_hanqi_state("completed")(m)]
    expect_equal(len(completed), 1, "completed")


def test_results_survive_a_dead_broker_and_a_kill(world):
    broker, web, otad, path = gateway(world)
    data = os.urandom(300_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 150_000}])
    mark = offer(broker, web, data)
    broker.wait("downloading", lab.is_hanqi_state("downloading"), mark)
    broker.kill()
    otad.wait_log("succeeded")
    lab.wait_until("the result in the outbox",
                   lambda: list((otad.state / "outbox").glob("*.json")))
    otad.kill()
    mark = broker.mark()
    # The broker first: what arrives before the witness is there is not seen.
    broker.start()
    otad.start()
    done = broker.wait("completed", lab.is_hanqi_state("completed"), mark)
    expect_equal(done.payload["msgId"], "ota_1", "msgId")
    lab.wait_until("an empty outbox", lambda: not list(
        (otad.state / "outbox").glob("*.json")))


def test_heartbeats_go_on(world):
    broker = world.start_broker()
    otad = world.otad(lab.base_config(
        broker, lab.HANQI + "\nHeartbeatInterval=1s"))
    otad.start()
    for _ in range(3):
        mark = broker.mark()
        broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"), mark)


if __name__ == "__main__":
    suite.main(sys.modules[__name__], at_once=4)
