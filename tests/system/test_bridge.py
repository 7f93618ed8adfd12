"""docs/bridge.md: the gateway's own program and otad behind one client id.

Two real mosquittos: the cloud's, and the gateway's own with the shipped
conf/mosquitto-bridge.conf. The cloud's log is the witness of who connects.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

import alink
import lab
import suite
from suite import expect, expect_equal

CONF = lab.ROOT / "conf/mosquitto-bridge.conf"
CREDENTIALS = lab.ROOT / "scripts/bridge-credentials"
CLIENT_ID = "PRODUCT1DEVICE1"


class Local:
    """The gateway's own mosquitto: the shipped file, filled in as it says."""

    def __init__(self, world, platform, product, device, cloud):
        self.folder = world.folder / "local"
        self.folder.mkdir()
        self.port = lab.free_port()
        self.process = None
        text = CONF.read_text(encoding="utf-8")
        ours = re.search(rf"^# -- {platform}\b.*?(?=^# -- |\Z)", text,
                         re.M | re.S)[0]
        text = text.replace(ours, re.sub(r"^#topic", "topic", ours,
                                         flags=re.M))
        for old, new in (("listener 1883", f"listener {self.port}"),
                         ("BROKER:8883", f"127.0.0.1:{cloud.port}"),
                         ("bridge_cafile", "#bridge_cafile"),
                         ("CLIENTID", CLIENT_ID), ("USERNAME", "user"),
                         ("PASSWORD", "secret"),
                         ("restart_timeout 2 60", "restart_timeout 1 2")):
            expect(old in text, f"{CONF.name} has no {old}")
            text = text.replace(old, new)
        text = re.sub(r"^topic .*", lambda line: line[0].replace(
            "PRODUCT", product).replace("DEVICE", device), text, flags=re.M)
        # What Debian's own mosquitto.conf says in front of it.
        user = "user root\n" if os.geteuid() == 0 else ""
        self.config = self.folder / "mosquitto.conf"
        self.config.write_text(
            f"persistence_location {self.folder}/\n{user}{text}")

    def start(self):
        log = open(self.folder / "mosquitto.log", "ab")
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = subprocess.Popen([binary, "-c", str(self.config)],
                                        stdout=log, stderr=log)

        def listens():
            if self.process.poll() is not None:
                raise lab.Failure("the local mosquitto ended: " +
                                  (self.folder / "mosquitto.log").read_text())
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", self.port)) == 0
        lab.wait_until("the local mosquitto listens", listens)

    def stop(self, signal_number=signal.SIGTERM):
        lab.stop(self.process, signal_number)

    def kept(self):
        """What is on disk, in case of a power cut now."""
        database = self.folder / "mosquitto.db"
        return database.read_bytes() if database.exists() else b""


class App:
    """The gateway's own program: one connection to the local mosquitto."""

    def __init__(self, local, topic):
        self.local, self.topic = local, topic
        self.heard = []
        self.process = None

    def start(self):
        # A persistent session, as a program has that must miss nothing.
        self.process = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.local.port),
             "-i", "app", "-c", "-q", "1", "-t", self.topic],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            bufsize=1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.heard.append(line.strip())

    def say(self, topic, payload):
        subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.local.port),
             "-q", "1", "-t", topic, "-m", json.dumps(payload)],
            check=True, timeout=lab.DEADLINE_S)

    def wait(self, text):
        lab.wait_until(f"{text} at the gateway's own program",
                       lambda: any(text in line for line in self.heard))

    def stop(self):
        lab.stop(self.process)


class Platform:
    """What of a platform the play needs: identity, topics, one offer."""

    def __init__(self, name, cloud, product, device, module, up, down,
                 command_topic, offer, is_version, is_done):
        self.name, self.cloud = name, cloud
        self.product, self.device, self.module = product, device, module
        self.up, self.down = up, down  # of the gateway's own program
        self.command_topic, self.offer = command_topic, offer
        self.is_version, self.is_done = is_version, is_done


def alink_platform(name, keys, code):
    return Platform(
        name, f"Platform={name}\nProductKey=PK\n{keys}", "PK", "gw", "app",
        "/sys/PK/gw/thing/event/property/post",
        "/sys/PK/gw/thing/service/property/set", "/ota/device/upgrade/PK/gw",
        lambda version, url, data: {
            "code": code, "id": 1, "message": "success",
            "data": alink.package(version, url, data, module="app")},
        lambda version: lambda m: m.topic == "/ota/device/inform/PK/gw" and
        m.payload["params"] == {"version": version, "module": "app"},
        lambda version: lambda m: m.topic == "/ota/device/progress/PK/gw" and
        m.payload["params"]["step"] == "100")


TENCENT = Platform(
    "tencent", lab.TENCENT, "PROD1", "gw1", "default",
    "$thing/up/property/PROD1/gw1", "$thing/down/property/PROD1/gw1",
    lab.TENCENT_UPDATE, lab.tencent_update, lab.is_tencent_version,
    lambda version: lab.is_tencent_state("done", version))
HANQI = Platform(
    "hanqi", lab.HANQI, "", "HQ1", "default", lab.HANQI_REPORT,
    lab.HANQI_COMMAND, lab.HANQI_COMMAND, lab.hanqi_upgrade,
    lab.is_hanqi_heartbeat, lambda version: lab.is_hanqi_state("completed", version))
EZTCLOUD = Platform(
    "eztcloud", "Platform=eztcloud\nUsername=DU_1", "", "DU_1", "main",
    "attributes/DU_1", "command_send/DU_1", "command_send/DU_1",
    lambda version, url, data: {
        "method": "otaUpgrade", "id": 7, "command_name": "OTA",
        "params": {"module": "main", "upgrade": True, "version": version,
                   "url": url, "size": len(data), "md5": lab.md5(data)}},
    lambda version: lambda m: m.topic == "attributes/DU_1" and
    m.payload.get("version") == version,
    lambda version: lambda m: m.topic == "attributes/DU_1" and
    m.payload.get("ota_state") == "succeeded")


class Gateway:
    """Cloud, local mosquitto, the gateway's own program, and otad."""

    def __init__(self, world, platform):
        self.world, self.platform = world, platform
        self.broker = world.start_broker()
        self.web = world.start_fault_server()
        self.local = world.own(Local(world, platform.name, platform.product,
                                     platform.device, self.broker))
        self.app = world.own(App(self.local, platform.down))
        self.target = world.folder / "app.conf"
        self.target.write_text("old")
        # As docs/bridge.md has it.
        self.otad = world.otad(
            f"[Cloud]\n{platform.cloud}\n[Mqtt]\nHost=127.0.0.1\n"
            f"Port={self.local.port}\nTls=no\nClientId=otad\nCleanSession=no\n"
            f"[Download]\nAllowHttp=yes\nStallTimeout=2s\n"
            f"[Module {platform.module}]\nType=config\nPath={self.target}\n"
            "Version=1.0.0\n")
        self.otad.start()
        self.broker.wait("the version, at the cloud",
                         platform.is_version("1.0.0"))

    def offer(self, version, data=b"new"):
        mark = self.broker.mark()
        url = self.web.put(f"fw-{version}", data)
        self.broker.publish(self.platform.command_topic,
                            self.platform.offer(version, url, data))
        return mark

    def wait_done(self, version, since):
        self.broker.wait(f"{version} is done, at the cloud",
                         self.platform.is_done(version), since)

    def wait_connected(self, count):
        lab.wait_until(f"connection {count} of the bridge", lambda:
                       connections(self.broker).count(CLIENT_ID) >= count)


def connections(broker):
    """The client ids that connected, in order, but for the lab's own."""
    log = (broker.folder / "mosquitto.log").read_text()
    return [name for name in re.findall(
        r"New client connected from \S+ as (\S+) ", log)
        if not name.startswith("auto-")]


def is_kicked(broker):
    """Somebody came with a client id that was connected."""
    log = (broker.folder / "mosquitto.log").read_text()
    return "already connected, closing old connection" in log


def play(world, platform):
    gateway = Gateway(world, platform)
    broker, app = gateway.broker, gateway.app
    app.say(platform.up, {"temperature": 21})
    broker.wait("what the gateway's own program says",
                lambda m: m.topic == platform.up and
                m.payload == {"temperature": 21})
    broker.publish(platform.down, {"method": "control", "msgType": "lamp",
                                   "lamp": "on"})
    app.wait('"lamp": "on"')
    mark = gateway.offer("1.0.1")
    gateway.wait_done("1.0.1", mark)
    expect_equal(gateway.target.read_text(), "new", "the file")
    # Each message came to the cloud once: nothing goes round.
    seen = [m for m in broker.messages if m.payload == {"temperature": 21}]
    expect_equal(len(seen), 1, "copies of one message")
    expect_equal(connections(broker), [CLIENT_ID], "clients at the cloud")
    expect(not is_kicked(broker), "nobody is kicked off")


def test_tencent(world):
    play(world, TENCENT)


def test_iotgo(world):
    play(world, alink_platform("iotgo", "DeviceName=gw", "1000"))


def test_sagoo(world):
    play(world, alink_platform("sagoo", "DeviceKey=gw", "200"))


def test_hanqi(world):
    play(world, HANQI)


def test_eztcloud(world):
    play(world, EZTCLOUD)


def test_the_witness_sees_two_clients_with_one_id(world):
    """What the bridge is for: without it, this happens."""
    broker = world.start_broker()
    otad = world.otad(lab.base_config(broker, lab.HANQI,
                                      mqtt=f"ClientId={CLIENT_ID}"))
    otad.start()
    broker.wait("the version", lab.is_hanqi_heartbeat("1.0.0"))
    with lab.running(["mosquitto_sub", "-h", "127.0.0.1", "-p", broker.port,
                      "-i", CLIENT_ID, "-t", "x"]):
        lab.wait_until("somebody is kicked off", lambda: is_kicked(broker))
    expect(connections(broker).count(CLIENT_ID) >= 2, connections(broker))


def test_nothing_is_lost_over_restarts(world):
    gateway = Gateway(world, TENCENT)
    broker, local, app = gateway.broker, gateway.local, gateway.app
    # The cloud goes away with an update under way.
    data = os.urandom(100_000)
    gateway.web.script("fw-1.0.1", [{"stall_after": 50_000}])
    mark = gateway.offer("1.0.1", data)
    lab.wait_until("half of it", lambda: any(
        r["sent"] >= 50_000 for r in gateway.web.log("fw-1.0.1")))
    broker.stop()
    app.say(TENCENT.up, {"while": "away"})
    gateway.otad.wait_log(r"1\.0\.1 of self: succeeded")
    lab.wait_until("the local mosquitto has acknowledged all", lambda:
                   json.loads(gateway.otad.ctl("status", "--json"))
                   ["reports_waiting"] == 0)
    # Then the power of the gateway's mosquitto.
    lab.wait_until("both are on disk", lambda: b'"done"' in local.kept() and
                   b'"while": "away"' in local.kept())
    local.stop(signal.SIGKILL)
    local.start()
    broker.start()
    gateway.wait_done("1.0.1", mark)
    broker.wait("what was said meanwhile",
                lambda m: m.payload == {"while": "away"}, mark)
    expect_equal(gateway.target.read_bytes(), data, "the file")

    # Now the other way: what the cloud says while the bridge is down.
    before = connections(broker).count(CLIENT_ID)
    local.stop()
    broker.publish(TENCENT.down, {"lamp": "off"})
    mark = gateway.offer("1.0.2")
    local.start()
    gateway.wait_connected(before + 1)
    gateway.wait_done("1.0.2", mark)
    app.stop()
    app.start()
    app.wait('"lamp": "off"')
    expect_equal(set(connections(broker)), {CLIENT_ID}, "clients at the cloud")
    expect(not is_kicked(broker), "nobody is kicked off")


def test_a_command_waits_for_an_otad_that_is_away(world):
    gateway = Gateway(world, TENCENT)
    gateway.otad.stop()
    mark = gateway.offer("1.0.1")
    gateway.otad.start()
    gateway.wait_done("1.0.1", mark)
    expect_equal(gateway.target.read_text(), "new", "the file")


def credentials(world, *arguments):
    secret = world.folder / "secret"
    secret.write_text("c2VjcmV0LXNlY3JldA==\n")
    text = subprocess.run([CREDENTIALS, *arguments, secret], check=True,
                          capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in text.splitlines())


def test_credentials_for_the_bridge(world):
    told = credentials(world, "tencent", "PROD1", "gw1")
    name = told["remote_username"]
    expect_equal(told["remote_clientid"], "PROD1gw1", "client id")
    expect(re.fullmatch(r"PROD1gw1;21010406;\w{5};2147483647", name), name)
    expect_equal(told["remote_password"], hmac.new(
        base64.b64decode("c2VjcmV0LXNlY3JldA=="), name.encode(),
        hashlib.sha1).hexdigest() + ";hmacsha1", "password")
    told = credentials(world, "iotgo", "PK", "gw")
    parts = re.fullmatch(r"PK\.gw\|timestamp=(\d+),_ss=1,_v=4,securemode=2,"
                         r"signmethod=hmacsha256,ext=3,\d+\|",
                         told["remote_clientid"])
    expect(parts, told)
    expect_equal(told["remote_username"], "gw&PK", "user name")
    expect_equal(told["remote_password"], hmac.new(
        b"c2VjcmV0LXNlY3JldA==", f"clientIdPK.gwdeviceNamegwproductKeyPK"
        f"timestamp{parts[1]}".encode(), hashlib.sha256).hexdigest(), "password")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
