"""conf/handlers/flash-serial, and a device at the other end of a bad line."""

import contextlib
import os
import subprocess
import sys
import zlib

import lab
import suite
from behind import Gateway
from suite import expect, expect_equal

sys.path.insert(0, str(lab.ROOT / "tests/support"))

from serial_device import SerialDevice, frame, parse  # noqa: E402

HANDLER = lab.ROOT / "conf/handlers/flash-serial"
EX_TEMPFAIL = 75
# Neither a whole number of parts nor free of bytes that need an escape.
IMAGE = bytes(range(256)) * 9 + b"\x7e\x7d\x7d\x5e" * 5 + b"end"


@contextlib.contextmanager
def device(*arguments, **options):
    one = SerialDevice(*arguments, **options)
    one.start()
    try:
        yield one
    finally:
        one.stop()


def prepare(world, config, image=IMAGE):
    (world.folder / "flash-serial.conf").write_text(config)
    (world.folder / "image").write_bytes(image)


def environment(world, version="2.0", old="1.0"):
    return {**os.environ, "OTA_DEVICE": "meter", "OTA_MODULE": "mcu",
            "OTA_VERSION": version, "OTA_OLD_VERSION": old,
            "OTA_ARTIFACT": str(world.folder / "image"),
            "OTA_SHA256": "", "OTA_STATE_DIR": str(world.folder),
            "CONFIGURATION_DIRECTORY": str(world.folder)}


def run(world, action, **versions):
    return subprocess.run([str(HANDLER), action], text=True,
                          env=environment(world, **versions),
                          capture_output=True, timeout=lab.DEADLINE_S,
                          check=False)


def works(world, action, **versions):
    done = run(world, action, **versions)
    expect_equal((done.returncode, done.stderr), (0, ""), action)
    return done.stdout


def fails(world, action, status, text, **versions):
    done = run(world, action, **versions)
    expect_equal(done.returncode, status, f"{action}: {done.stderr}")
    expect(text in done.stderr, f"{done.stderr!r} does not say {text!r}")
    expect_equal(len(done.stderr.splitlines()), 1, f"lines: {done.stderr}")


def test_an_update_from_version_to_kept(world):
    with device("1.0") as meter:
        prepare(world, meter.config("meter"))
        expect_equal(works(world, "version"), "1.0\n", "version")
        works(world, "check")
        said = works(world, "install").splitlines()
        expect(all(line.startswith("progress ") for line in said), str(said))
        shown = [int(line.split()[1]) for line in said]
        expect_equal(shown, sorted(set(shown)), "progress")
        expect_equal((shown[0], shown[-1]), (0, 100), "its ends")
        expect_equal(meter.running, ("2.0", IMAGE), "what runs")
        expect(not meter.kept, "kept before it was found healthy")
        works(world, "health")
        expect(meter.kept, "not kept")
        # Once more, as after a power cut: nothing is sent.
        before = len(meter.requests)
        works(world, "install")
        expect_equal(meter.requests[before:], ["I"], "requests")


def lossy(number, data):
    """Of seven frames one is lost, one damaged, and one comes in halves."""
    if number % 7 == 2:
        return b""
    if number % 7 == 4:
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1:]
    if number % 7 == 6:
        return b"\x00\xff\x7e" + data[len(data) // 2:]
    return data


def test_a_line_that_loses_and_damages_frames(world):
    with device("1.0") as meter:
        prepare(world, meter.config("meter", "Timeout=0.1\nTries=50\n"))
        meter.line = lossy
        for action in ("version", "check", "install", "health"):
            works(world, action)
        expect_equal(meter.running, ("2.0", IMAGE), "what runs")
        expect(meter.kept, "not kept")
        works(world, "rollback")
        expect_equal(meter.running, ("1.0", b"factory"), "after the way back")


def test_answers_that_come_late_are_not_taken_for_others(world):
    with device("1.0") as meter:
        prepare(world, meter.config("meter"))

        def late(number, data):
            """Before each answer one to the request before it."""
            kind, sequence, payload = parse(data.strip(b"\x7e"))
            if kind < 0x80:
                return data
            payload = payload.replace(b"=1.0", b"=0.9") if b"=" in payload \
                else bytes(len(payload))
            return frame(kind, sequence - 1 & 0xFF, payload) + data
        meter.line = late
        expect_equal(works(world, "version"), "1.0\n", "version")
        works(world, "install")
        expect_equal(meter.running, ("2.0", IMAGE), "what runs")
        parts = -(-len(IMAGE) // 256)
        expect_equal(meter.requests.count("D"), parts, "parts sent")


def test_a_transfer_that_broke_off_goes_on(world):
    with device("1.0") as meter:
        prepare(world, meter.config("meter", "Timeout=0.2\nTries=2\n"))
        meter.line = lambda number, data: data if number < 13 else b""
        fails(world, "install", EX_TEMPFAIL, "no answer")
        there = len(meter.incoming[3])
        expect(0 < there < len(IMAGE), f"{there} bytes are there")
        expect_equal(meter.running[0], "1.0", "what runs")
        meter.line = lambda number, data: data
        before = len(meter.requests)
        works(world, "install")
        expect_equal(meter.running, ("2.0", IMAGE), "what runs")
        left = -(-(len(IMAGE) - there) // 256)
        expect_equal(meter.requests[before:].count("D"), left, "parts")
        # Of another image, nothing there is of use.
        meter.incoming = ["3.0", len(IMAGE), 4711, b"x" * 100]
        works(world, "install", version="3.0", old="2.0")
        expect_equal(meter.running, ("3.0", IMAGE), "what runs")


def test_a_line_that_breaks_at_the_very_end_leads_back(world):
    with device("1.0") as meter:
        prepare(world, meter.config("meter", "Timeout=0.2\nTries=2\n"))
        meter.line = lambda number, data: \
            b"" if "E" in meter.requests else data
        fails(world, "install", 1, "whether it took the image is not known")
        expect_equal(meter.running[0], "2.0", "what runs")
        fails(world, "rollback", EX_TEMPFAIL, "no answer")
        meter.line = lambda number, data: data
        works(world, "rollback")
        expect_equal(meter.running[0], "1.0", "after the way back")


def test_an_image_that_does_not_run_is_told(world):
    with device("1.0") as meter:
        prepare(world, meter.config("meter"))
        meter.starts = lambda image: False
        works(world, "install")
        meter.running = ("0.1-recovery", b"")
        source = HANDLER.read_text()
        short = world.folder / "flash"
        short.write_text(source.replace("START_S = 10", "START_S = 0.2"))
        short.chmod(0o755)
        expect(short.read_text() != source, "START_S is another")
        done = subprocess.run([str(short), "health"], text=True, check=False,
                              env=environment(world), capture_output=True,
                              timeout=lab.DEADLINE_S)
        expect_equal((done.returncode, done.stderr),
                     (1, "the device runs 0.1-recovery, not 2.0\n"), "health")


def test_the_way_back(world):
    with device("1.0") as meter:
        prepare(world, meter.config("meter"))
        # Nothing was installed yet.
        works(world, "rollback")
        expect_equal(meter.requests, ["I"], "requests")
        works(world, "install")
        works(world, "rollback")
        expect_equal(meter.running[0], "1.0", "what runs")
        works(world, "rollback")
        expect_equal(meter.running[0], "1.0", "the second time")
        works(world, "install")
        works(world, "rollback", old="")
        expect_equal(meter.running[0], "1.0", "without knowing what was")


def test_what_cannot_be_is_said(world):
    with device("1.0", room=1000) as meter:
        prepare(world, meter.config("meter"))
        fails(world, "check", 1, f"an image of {len(IMAGE)} bytes")
        fails(world, "install", 1, "the device refuses: too large")
        prepare(world, meter.config("meter"), b"")
        fails(world, "check", 1, "an image of 0 bytes")
        prepare(world, meter.config("lamp"))
        fails(world, "check", 1, "no Port= in a section [meter]")
        prepare(world, meter.config("meter", "Baud=fast\n"))
        fails(world, "check", 1, "Baud=fast of [meter] is no speed")
        prepare(world, "[meter\n")
        fails(world, "check", 1, "flash-serial.conf")
        prepare(world, "[meter]\nPort=/nowhere\n")
        fails(world, "version", EX_TEMPFAIL, "/nowhere")
        prepare(world, f"[meter]\nPort={world.folder}/image\n")
        fails(world, "version", 1, "")
        fails(world, "format", 64, "usage")
        with subprocess.Popen(
                [sys.executable, "-c", "import fcntl, os, sys\n"
                 "fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)\n"
                 "fcntl.flock(fd, fcntl.LOCK_EX)\nprint('locked', flush=True)\n"
                 "sys.stdin.read()", meter.port], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True) as other:
            other.stdout.readline()
            prepare(world, meter.config("meter"))
            fails(world, "version", EX_TEMPFAIL, "is in use")


def test_through_otad_from_offer_to_kept_and_back(world):
    with device("1.0") as good, device("1.0") as sick:
        gateway = Gateway(world, {"good": (HANDLER, ""), "sick": (HANDLER, "")},
                          update="ConfirmTimeout=1min")
        gateway.put_config("flash-serial.conf", good.config("good") +
                           sick.config("sick"))
        good.line = lambda number, data: b"" if number % 9 == 5 else data
        # What its bootloader does with an image that it cannot start.
        sick.starts = lambda image: False
        gateway.otad.start()
        for one in gateway.devices.values():
            one.wait_version("1.0", "mcu")
        mark = gateway.broker.mark()
        gateway.offer("good", "1.1", IMAGE)
        gateway.offer("sick", "1.1", IMAGE)
        gateway.succeeds("good", "1.1", mark)
        expect_equal(good.running, ("1.1", IMAGE), "what runs")
        expect(good.kept, "not kept")
        _, text = gateway.fails("sick", mark)
        expect("the device runs 1.0, not 1.1" in text, text)
        gateway.devices["sick"].wait_version("1.0", "mcu", mark)
        expect_equal(sick.running, ("1.0", b"factory"), "what runs")
        expect_equal(zlib.crc32(good.running[1]), zlib.crc32(IMAGE), "crc")


if __name__ == "__main__":
    suite.main(sys.modules[__name__], at_once=4)
