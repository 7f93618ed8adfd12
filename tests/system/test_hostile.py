"""Whatever a cloud says, on every topic that otad listens to: it lives on."""

import json
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "soak"))

import lab  # noqa: E402
import platforms  # noqa: E402
import suite  # noqa: E402
from suite import expect, expect_equal  # noqa: E402

N_MESSAGES = 200
LATER_S = 300  # eztcloud is told of each failure, one every two seconds
VERSIONS = ["../../../../tmp/x", "/etc/passwd", "1.0.1/../../x", "..", ".", "",
            "1.0.1\u0000x", "1.0.1\nX=1", "9" * 5000, "%s%n%x", "$(reboot)",
            "1.0.1; reboot", "\u202e1.0.1", "-1", "1 0", "🙂" * 50]
URLS = ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "http:///x",
        "http://127.0.0.1:99999/x", "http://[::1", "http://a b/c",
        "http://127.0.0.1/\r\nHost: x", "http://u:p@127.0.0.1:1/x", "x",
        "http://127.0.0.1:1/" + "a" * 9000, "gopher://127.0.0.1:1/x", "//x/y",
        "javascript:alert(1)", "http://127.0.0.1:1/%00", "http://\u0000/"]
DIGESTS = ["", "0", "z" * 32, "0" * 31, "0" * 33, "0" * 10_000, None, 7]
NUMBERS = [-1, 0, 1 << 63, 1 << 64, -(1 << 63), 1e308, 1.5, "12x", None, True,
           [], {}, "9" * 400]
JUNK = [None, True, -1, 1e999, [], {}, [[]], "x" * 3000, "\u0000", "\ud800"]


def values(value):
    """The places of a message that can be changed: (container, key)."""
    found = []
    if isinstance(value, dict):
        for key, child in value.items():
            found.append((value, key))
            found += values(child)
    elif isinstance(value, list):
        for i, child in enumerate(value):
            found.append((value, i))
            found += values(child)
    return found


def pool(key):
    name = str(key).lower()
    for words, choices in ((("version",), VERSIONS), (("url",), URLS),
                           (("md5", "sign", "sha"), DIGESTS),
                           (("size", "id", "code", "time"), NUMBERS)):
        if any(word in name for word in words):
            return choices + JUNK
    return JUNK + VERSIONS


def worse(chance, message):
    """A good message with one to three things wrong."""
    message = json.loads(json.dumps(message))
    for _ in range(chance.randrange(1, 4)):
        places = values(message)
        if not places:
            break
        container, key = chance.choice(places)
        if isinstance(container, dict) and chance.random() < 0.2:
            del container[key]
        else:
            container[key] = chance.choice(pool(key))
    text = json.dumps(message).encode()
    kind = chance.random()
    if kind < 0.1:
        text = text[:chance.randrange(len(text))]
    elif kind < 0.2:
        at = chance.randrange(len(text))
        text = text[:at] + chance.randbytes(4) + text[at:]
    elif kind < 0.25:
        text = b"[" * chance.randrange(1, 20_000)
    elif kind < 0.3:
        text = chance.randbytes(chance.randrange(2000))
    return text


def handler(folder):
    path = folder / "handler"
    path.write_text(f"#!/bin/sh\ncase $1 in\nversion) echo 1.0 ;;\n"
                    f"install) cp \"$OTA_ARTIFACT\" {folder}/flashed ;;\nesac\n")
    path.chmod(0o755)
    return path


def play(world, platform):
    broker = world.start_broker()
    web = world.start_fault_server()
    path = world.folder / "file"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, platform.cloud,
        f"[Module {platform.default}]\nType=config\nPath={path}\n"
        f"Version=1.0.0\n[Class thing]\nModule={platform.default} exec "
        f"{handler(world.folder)}\n[Device {platforms.DEVICE_NAME}]\n"
        f"Class=thing\n{platform.device_keys}",
        update="CheckInterval=0", download="AllowHttp=yes\nAttempts=1\n"
        "StallTimeout=2s\n"))
    otad.start()
    broker.wait("the first words", lambda m: m.topic != "lab/ready")
    otad.wait_log("Connected")
    data = os.urandom(50_000)
    web.script("fw", [{"rate": 50_000}])
    chance = random.Random(f"4 {platform.name}")
    before = sorted(p.name for p in world.folder.iterdir())
    topics = {}
    for target in (platforms.SELF, platforms.DEVICE):
        topic, message = platform.offer(
            target, "1.0.1", web.url("none"), data, lab.md5(data))
        topics.setdefault(topic, []).append(message)
    for topic in [*topics, *platform.more_topics]:
        messages = topics.get(topic) or next(iter(topics.values()))
        broker.publish_bytes(topic, [
            worse(chance, chance.choice(messages)) for _ in range(N_MESSAGES)])
    check(world, otad, before, path)

    def is_installed(message):
        return platform.end_of(platforms.SELF, "1.0.2", message)
    # A broker keeps the order: after this one, all of the noise was read.
    mark = broker.mark()
    broker.publish(*platform.offer(platforms.SELF, "1.0.2", web.put("fw", data),
                                   data, lab.md5(data)))
    otad.wait_log("1.0.2 of self: downloading")
    check(world, otad, before, path)
    broker.wait("the end of a good one", is_installed, mark,
                LATER_S)
    expect_equal(path.read_bytes(), data, "the file")
    stats = json.loads(otad.ctl("stats", "--json"))
    expect(stats["rejects"] >= 100 and stats["offers"] >= 1,
           f"nothing was tried: {stats}")


def check(world, otad, before, path):
    """What holds however much of the noise has come in so far."""
    json.loads(otad.ctl("status", "--json"))
    expect(otad.process.poll() is None, "otad is gone")
    expect_equal(path.read_text(), "old", "the file")
    expect_equal(sorted(p.name for p in world.folder.iterdir()), before,
                 "files elsewhere")
    known = {"jobs", "download", "outbox", "devices", "modules", "lock",
             "history.jsonl", "metrics"}
    expect({p.name for p in otad.state.iterdir()} <= known | {"bin"},
           f"in the state: {[p.name for p in otad.state.iterdir()]}")
    log = otad.log()
    expect("u:p@" not in log, "a url's password is in the log")
    expect("\x1b" not in log and "\u202e" not in log and "\x00" not in log,
           "control characters in the log")


def test_iotgo(world):
    play(world, platforms.all_platforms()[0])


def test_tencent(world):
    play(world, platforms.all_platforms()[1])


def test_hanqi(world):
    play(world, platforms.all_platforms()[2])


def test_eztcloud(world):
    play(world, platforms.all_platforms()[3])


def test_sagoo(world):
    play(world, platforms.all_platforms()[4])


if __name__ == "__main__":
    suite.main(sys.modules[__name__], at_once=5)
