"""The real otad, otad-launch, and new versions that do everything wrong.

Each is offered by the cloud and does in each of its starts what its script says:
after MaxTrialStarts= starts at most the old version runs again and reports.
"""

import os
import signal
import subprocess
import sys

import lab
import nights
import suite
from suite import expect, expect_equal

MAX_STARTS = 3


def bad_version(world, script):
    """Says in a file of its own that it was started."""
    return (world.build / "tests/system/version-that-obeys").read_bytes() + \
        f"\n#!appended\necho >>'{world.folder}/starts'\n{script}\n".encode()


def starts(world):
    path = world.folder / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


class Trial:
    """A gateway with 1.0.0 that is offered bad versions, one after the other."""

    def __init__(self, world, update="ConfirmTimeout=60s", folder=None):
        self.world = world
        self.broker, self.web = world.start_broker(), world.start_nginx()
        config = lab.base_config(self.broker, lab.HANQI, update=update)
        self.otad = world.otad(config, launched=True)
        if folder:
            (self.otad.folder / "state").rmdir()
            (self.otad.folder / "state").symlink_to(folder)
        self.otad.supervise()
        self.broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
        self.offers = 0

    def offer(self, script):
        (self.world.folder / "starts").unlink(missing_ok=True)
        self.offers += 1
        data = bad_version(self.world, script)
        url = self.web.put(f"otad-{self.offers}", data)
        mark = self.broker.mark()
        self.broker.publish(lab.HANQI_COMMAND, lab.hanqi_upgrade(
            "1.0.2", url, data, f"ota_{self.offers}"))
        return mark

    def expect_old(self, script, mark):
        """The old version runs, has reported, and is in place."""
        failed = self.broker.wait(
            f"failed: {script}",
            lab.is_hanqi_state("failed", "1.0.2", f"ota_{self.offers}"), mark)
        expect_equal(failed.payload["data"]["currentVersion"], "1.0.0", script)
        self.broker.wait(f"heartbeat: {script}", lab.is_hanqi_heartbeat("1.0.0"),
                         mark)
        count = starts(self.world)
        expect(1 <= count <= MAX_STARTS, f"{script}: {count} starts")
        if self.otad.target.exists():  # else the factory version, the same
            expect_equal(self.otad.target.read_bytes(),
                         self.otad.binary.read_bytes(), f"{script}: target")
        lab.wait_until("no trial", lambda: not os.path.lexists(
            self.otad.state / "trial"))
        return failed

    def play(self, scripts):
        for script in scripts:
            self.expect_old(script, self.offer(script))


def test_versions_that_end(world):
    Trial(world).play(["exit 0", "exit 1", "kill -ABRT $$", "kill -SEGV $$",
                       "kill -KILL $PPID; sleep 1000"])


def test_versions_that_print_garbage(world):
    Trial(world).play([
        "head -c 3000000 /dev/urandom; head -c 3000000 /dev/urandom >&2; exit 1",
        "head -c 300000 /dev/zero >&2; echo 'otad-launch: ' >&2; exit 1"])


def test_versions_that_fork(world):
    children = world.folder / "children"
    try:
        Trial(world).play([
            f"for i in 1 2 3; do setsid sh -c 'echo $$ >>{children}; exec sleep 1000' &"
            " done; exit 1",
            "(exit 1) & (kill -ABRT $$) & wait; exit 1"])
    finally:
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def test_versions_that_delete_what_they_need(world):
    Trial(world).play([
        'rm -f "$STATE_DIRECTORY/bin/otad.old"; exit 1',
        'rm -f "$STATE_DIRECTORY/bin/otad"; exit 1',
        'rm -rf "$STATE_DIRECTORY/bin"; exit 1',
        'echo x >"$STATE_DIRECTORY/bin/.otad.back"; exit 1',
        'truncate -s 4T "$STATE_DIRECTORY/bin/otad.old"; exit 1',
        'printf x | dd of="$STATE_DIRECTORY/bin/otad.old" bs=1 seek=2000 conv=notrunc; exit 1'])


def test_a_first_version_whose_backup_cannot_be_linked(world):
    """As on a file system without hard links: moved back, it is gone."""
    Trial(world).play(['mkdir -p "$STATE_DIRECTORY/bin/.otad.back/x"; exit 1'])


def test_versions_that_spoil_the_marker(world):
    Trial(world).play([
        'head -c 4096 /dev/urandom >"$STATE_DIRECTORY/trial"; exit 1',
        'head -c 9000000 /dev/zero >"$STATE_DIRECTORY/trial"; exit 1',
        'echo STARTS=-1 >"$STATE_DIRECTORY/trial"; exit 1',
        'rm "$STATE_DIRECTORY/trial"; mkdir "$STATE_DIRECTORY/trial"; exit 1',
        'rm "$STATE_DIRECTORY/trial"; mkfifo "$STATE_DIRECTORY/trial"; exit 1',
        'mkfifo "$STATE_DIRECTORY/trial.tmp"; exit 1',
        'ln "$STATE_DIRECTORY/bin/otad.old" "$STATE_DIRECTORY/trial.tmp"; exit 1'])


def test_a_version_that_fills_the_disk(world):
    disk = world.folder / "disk"
    disk.mkdir()
    nights.need_mounts(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", disk], check=True)
    try:
        trial = Trial(world, folder=disk)
        script = 'dd if=/dev/zero of="$STATE_DIRECTORY/fill" bs=64k 2>/dev/null; exit 1'
        mark = trial.offer(script)
        trial.otad.wait_log("cannot be counted: No space left")
        # Back, and running; what it reports needs room of the disk.
        trial.broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"), mark)
        expect_equal(starts(world), 1, "starts")
        (disk / "fill").unlink()
        trial.expect_old(script, mark)
        trial.otad.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


CONNECTS = """exec python3 -c '
import socket, time
def packet(kind, body):
    size = len(body)
    return bytes([kind, size]) if size < 128 else bytes([kind, size % 128 | 128, size // 128])
def text(value):
    return len(value).to_bytes(2, "big") + value
def send(kind, body):
    link.sendall(packet(kind, body) + body)
link = socket.create_connection(("127.0.0.1", {port}))
send(0x10, text(b"MQTT") + bytes([4, 2, 0, 60]) + text(b"HQ1"))
link.recv(4)
send(0x82, bytes([0, 1]) + text(b"{command}") + bytes([1]))
link.recv(5)
send(0x32, text(b"{report}") + bytes([0, 2]) + b"{payload}")
time.sleep(1000)
'"""


def test_a_version_that_hangs_before_or_after_it_has_connected(world):
    trial = Trial(world, update="ConfirmTimeout=2s")
    payload = ('{"msgType": "heartbeat", "msgId": "1", "timestamp": 1, "data": '
               '{"firmwareVersion": "1.0.2"}}').replace('"', '\\"')
    connects = CONNECTS.format(
        port=trial.broker.port, command=lab.HANQI_COMMAND, report=lab.HANQI_REPORT,
        payload=payload)
    for script in ("exec sleep 1000", "trap '' TERM; exec sleep 1000",
                   connects):
        mark = trial.offer(script)
        lab.wait_until(f"a start: {script}", lambda: starts(world) == 1)
        if script == connects:
            trial.broker.wait("its report", lab.is_hanqi_heartbeat("1.0.2"), mark)
        judge = subprocess.Popen([str(world.build / "otad-launch"), "--deadline"],
                                 env=trial.otad.environment())
        try:
            failed = trial.expect_old(script, mark)
        finally:
            lab.stop(judge)
        expect_equal(failed.payload["data"]["errorCode"], "HEALTH_CHECK_FAILED",
                     script)
        expect_equal(starts(world), 1, script)


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
