"""Nights in which the machine is bad: its clock, its disk, its memory."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import lab
import nights
import pki
import suite
from nights import (body, check_alive, check_morning, config, ends_in_log, is_end, lines,
                    offer, otad_program)
from suite import expect, expect_equal, skip

LATER_S = 150  # otad waits up to a minute between two tries
YEAR_S = 365 * 24 * 3600
MIB = 1024 * 1024


def start(world, broker, otad):
    otad.start()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))


def world_of(world, **more):
    """Broker, fault server, otad (not started) and the file to update."""
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    text, path = config(world, broker.port, **more)
    return broker, web, world.otad(text), path


def names_of(folder):
    """All that is there for more than the moment of a write."""
    return sorted(p.name for p in folder.rglob("*") if p.suffix != ".tmp")


def wait_percent(broker, percent, mark):
    broker.wait(f"{percent} %", lambda m: lab.is_hanqi_state("downloading")(m)
                and body(m)["progress"] >= percent, mark)


# ---- the clock ----

def test_a_clock_that_starts_in_1970_and_jumps(world):
    port = lab.free_port()
    authority = pki.Authority(world.folder)
    cert, key = authority.server()
    broker = world.start_broker(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n"
        f"certfile {cert}\nkeyfile {key}\n", lasting=True)
    web = world.start_fault_server()
    text, path = config(world, port, mqtt=f"CaFile={authority.cert}\n")
    clock = nights.Clock(world.folder, world.build)
    clock.set(0)
    otad = world.otad(text.replace("Tls=no", "Tls=yes"),
                      env=clock.environment)
    otad.start()
    otad.wait_log(r"certificate is not yet valid")
    clock.shift(0)  # the time has come over the network
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"),
                deadline_s=LATER_S)
    data = os.urandom(1_000_000)
    url = web.put("fw", data)
    web.script("fw", [{"rate": 250_000}])
    mark = offer(broker, url, data)
    wait_percent(broker, 20, mark)
    clock.shift(10 * YEAR_S)
    wait_percent(broker, 40, mark)
    clock.set(0)
    wait_percent(broker, 60, mark)
    clock.shift(0)
    done = broker.wait("the end", is_end("1.0.1"), mark)
    expect_equal(body(done)["state"], "completed", "the end")
    check_morning(otad, path=path, either=(data,))
    expect_equal(len(web.log()), 1, "requests")


def test_a_clock_that_was_ahead_refuses_nothing_for_years(world):
    """What failed three times is refused for a day, by the clock it had."""
    broker, web, _, path = world_of(world)
    clock = nights.Clock(world.folder, world.build)
    clock.shift(10 * YEAR_S)
    text, _ = config(world, broker.port)
    otad = world.otad(text.replace(f"Path={path}\n",
                                   f"Path={path}\nCheck=false\n"),
                      env=clock.environment)
    start(world, broker, otad)
    data = b"new" * 100
    url = web.put("fw", data)
    for i in range(4):
        mark = offer(broker, url, data, msg_id=f"ota_{i}")
        told = broker.wait("failed", is_end("1.0.1"), mark)
    expect("refused" in body(told)["errorMessage"], f"{told.text}")
    clock.shift(0)
    otad.write_config(text)
    otad.stop()
    otad.start()
    mark = offer(broker, url, data, msg_id="ota_5")
    told = broker.wait("the end", is_end("1.0.1"), mark)
    expect_equal(body(told)["state"], "completed", told.text)
    expect_equal(path.read_bytes(), data, "the file")
    check_alive(otad)


def test_a_trial_while_the_clock_jumps(world):
    """Ten years on, it is not over; in 1970, it does not last for ever."""
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    clock = nights.Clock(world.folder, world.build)
    link = world.own(nights.Link(broker.port))
    otad = world.otad(lab.base_config(
        link, lab.HANQI, mqtt=nights.mqtt_with_secret(world.folder),
        update="ConfirmTimeout=60s"), launched=True, env=clock.environment)
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    new = otad_program(world, "1.0.1")
    url = web.put("otad", new)
    link.mode = "mute"
    mark = offer(broker, url, new)
    otad.wait_log(r"otad 1\.0\.1 started")
    clock.shift(10 * YEAR_S)
    accepted = link.accepted
    lab.wait_until("another try to connect",
                   lambda: link.accepted > accepted)
    clock.set(0)
    link.mode = "open"
    link.cut()
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", done.text)
    expect_equal(otad.starts, 1, "starts")
    check_morning(otad)


# ---- the disk ----

SPARE = 16 * MIB  # what otad leaves to others


def full_disk(world, module="", state_size=SPARE + 8 * MIB):
    """State and target on small disks of their own."""
    broker, web, otad, path = world_of(world)
    state = world.own(nights.Disk(otad.state, state_size))
    target = world.own(nights.Disk(path.parent, "1M"))
    path.write_text("old")
    text, _ = config(world, broker.port)
    otad.write_config(text.replace(f"Path={path}\n", f"Path={path}\n{module}"))
    return broker, web, otad, path, state, target


def check_failed(broker, otad, path, mark, code="NO_SPACE"):
    told = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal((body(told)["state"], body(told)["errorCode"]),
                 ("failed", code), "the end")
    check_morning(otad, path=path, either=(b"old",))


def check_next(broker, web, path):
    """And when there is room again, all is well."""
    data = os.urandom(50_000)
    mark = offer(broker, web.put("fw2", data), data, "1.0.2", "ota_2")
    done = broker.wait("the end", is_end("1.0.2"), mark)
    expect_equal(body(done)["state"], "completed", done.text)
    expect_equal(path.read_bytes(), data, "the file")


def test_a_disk_that_is_full_before_the_offer(world):
    broker, web, otad, path, state, _ = full_disk(world)
    start(world, broker, otad)
    data = os.urandom(50_000)
    state.fill()
    mark = offer(broker, web.put("fw", data), data)
    otad.wait_log("is not told yet")
    expect_equal(path.read_text(), "old", "the file")
    expect("default" in otad.ctl("status"), "status on a full disk")
    state.free()
    check_failed(broker, otad, path, mark)
    expect_equal(len(lines(otad, "is not told yet")), 1, "lines of one cause")
    check_next(broker, web, path)


def test_a_disk_that_fills_up_during_the_download(world):
    broker, web, otad, path, state, _ = full_disk(world)
    start(world, broker, otad)
    data = os.urandom(600_000)
    url = web.put("fw", data)
    web.script("fw", [{"rate": 150_000}])
    mark = offer(broker, url, data)
    wait_percent(broker, 20, mark)
    state.fill()
    # What is given up makes room to tell of it.
    check_failed(broker, otad, path, mark)
    state.free()
    check_next(broker, web, path)


def test_a_disk_without_room_for_what_nobody_announced(world):
    broker, web, otad, path, _, _ = full_disk(world, state_size=SPARE + MIB)
    start(world, broker, otad)
    data = os.urandom(MIB) * 20
    url = web.put("fw", data)
    web.script("fw", [{"length": "chunked", "repeat": True}])
    otad.ctl("update", "default", "--url", f"{url}?sign={nights.TOKEN}",
             "--version", "1.0.1", "--sha256", lab.sha256(data))
    check_failed(broker, otad, path, 0)
    check_next(broker, web, path)


def test_a_target_without_room_for_the_new_version(world):
    broker, web, otad, path, _, target = full_disk(world)
    start(world, broker, otad)
    target.fill()
    data = os.urandom(50_000)
    mark = offer(broker, web.put("fw", data), data)
    check_failed(broker, otad, path, mark)
    target.free()
    check_next(broker, web, path)


def test_a_state_that_cannot_be_recorded_while_installing(world):
    stile = nights.Turnstile(world.folder, "check")
    broker, web, otad, path, state, _ = full_disk(
        world, f"Check={stile.script}\n")
    start(world, broker, otad)
    data = os.urandom(50_000)
    mark = offer(broker, web.put("fw", data), data)
    stile.wait()
    state.fill()
    stile.let_through()
    otad.wait_log("make room, it is tried again")
    expect_equal(len(lines(otad, "make room")), 1, "lines of one cause")
    state.free()
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", done.text)
    check_morning(otad, path=path, either=(data,))


def test_an_end_that_cannot_be_kept_outlives_a_kill(world):
    stile = nights.Turnstile(world.folder, "reload")
    broker, web, otad, path, state, _ = full_disk(
        world, f"Reload={stile.script}\n")
    start(world, broker, otad)
    data = os.urandom(50_000)
    mark = offer(broker, web.put("fw", data), data)
    stile.wait()
    state.fill()
    stile.let_through()
    otad.wait_log("make room|is not told yet")
    otad.kill()
    since = len(otad.log())
    otad.start()
    otad.wait_log("Going on with default 1.0.1", start=since)
    # Killed before it was on disk: the new version is activated once more.
    stile.let_through()
    state.free()
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", done.text)
    check_morning(otad, path=path, either=(data,))


def test_no_room_for_a_new_otad(world):
    """Enough for the download, not for the copy beside the old one."""
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    new = otad_program(world, "1.0.1")
    otad = world.otad(lab.base_config(
        broker, lab.HANQI, mqtt=nights.mqtt_with_secret(world.folder)),
        launched=True)
    world.own(nights.Disk(otad.state, SPARE + 4 * len(new)))
    (otad.state / "bin").mkdir()
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    url = web.put("otad", new)
    web.script("otad", [{"rate": len(new) // 3}])
    mark = offer(broker, url, new)
    wait_percent(broker, 50, mark)
    left = os.statvfs(otad.state)
    (otad.state / "ballast").write_bytes(
        bytes(left.f_bavail * left.f_bsize - 64 * 1024))
    told = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal((body(told)["errorCode"], body(told)["currentVersion"]),
                 ("NO_SPACE", "1.0.0"), told.text)
    check_morning(otad)
    expect_equal(otad.starts, 1, "starts")
    (otad.state / "ballast").unlink()
    mark = offer(broker, web.put("otad", new), new, msg_id="ota_2")
    done = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", done.text)


def test_a_limit_on_the_size_of_files(world):
    """SIGXFSZ would end it, at each of its starts."""
    broker, web, otad, path = world_of(world)
    otad.wrapper = ["prlimit", f"--fsize={MIB}"]
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    data = os.urandom(3 * MIB)
    mark = offer(broker, web.put("fw", data), data)
    told = broker.wait("the end", is_end("1.0.1"), mark, LATER_S)
    expect_equal(body(told)["state"], "failed", told.text)
    check_morning(otad, path=path, either=(b"old",))
    expect_equal(otad.starts, 1, "starts")
    check_next(broker, web, path)


# ---- the parent ----

def updated_under(world, *wrapper):
    """otad, run by `wrapper`, and with commands of its own to run."""
    broker, web, otad, path = world_of(world)
    text, _ = config(world, broker.port)
    otad.write_config(text.replace(f"Path={path}\n",
                                   f"Path={path}\nCheck=true\nReload=true\n"))
    otad.wrapper = wrapper
    start(world, broker, otad)
    data = os.urandom(50_000)
    mark = offer(broker, web.put("fw", data), data)
    done = broker.wait("the end", is_end("1.0.1"), mark)
    expect_equal(body(done)["state"], "completed", done.text)
    expect_equal(path.read_bytes(), data, "the file")
    return otad


def test_a_parent_that_ignores_and_blocks_all_signals(world):
    """An ignored SIGCHLD leaves nobody to wait for."""
    otad = updated_under(world, "env", "--ignore-signal", "--block-signal")
    check_morning(otad)
    otad.process.terminate()
    expect_equal(otad.process.wait(lab.DEADLINE_S), 0, "exit status")


def test_a_parent_that_has_closed_the_standard_descriptors(world):
    """What is opened in their place is no place for a log."""
    otad = updated_under(world, "sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-')
    check_alive(otad)
    expect_equal((otad.state / "lock").read_bytes(), b"", "the lock")
    for line in (otad.state / "history.jsonl").read_text().splitlines():
        json.loads(line)
    for fd in range(3):
        expect_equal(os.readlink(f"/proc/{otad.process.pid}/fd/{fd}"), "/dev/null",
                     f"descriptor {fd}")


# ---- the memory ----

LIMIT = 24 * MIB


class MemoryGroup:
    """A control group of at most LIMIT, its page cache included."""

    def __init__(self, name):
        root = pathlib.Path("/sys/fs/cgroup")
        one = root / "memory"
        self.folder = (one if one.is_dir() else root) / name
        self.limit = "memory.limit_in_bytes" if one.is_dir() else "memory.max"
        self.kills = "memory.oom_control" if one.is_dir() else "memory.events"

    def start(self):
        try:
            self.folder.mkdir()
            (self.folder / self.limit).write_text(str(LIMIT))
        except OSError as why:
            self.stop()
            skip(f"no memory control group: {why}")

    def wrapper(self):
        return ["sh", "-c", f"echo $$ >'{self.folder}/cgroup.procs' && "
                            "exec \"$0\" \"$@\""]

    def was_killed(self):
        return int(re.search(r"oom_kill (\d+)",
                             (self.folder / self.kills).read_text())[1])

    def stop(self):
        if self.folder.is_dir():
            lab.wait_until("the group is empty", lambda: not
                           (self.folder / "cgroup.procs").read_text())
            self.folder.rmdir()


def updates_with_little_memory(world, wrapper):
    """A large file, then otad itself, side by side with a rude broker."""
    broker = world.start_broker(lasting=True)
    web = world.start_fault_server()
    path = world.folder / "large"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, lab.HANQI, f"[Module large]\nType=config\nPath={path}\n"
        "Version=1.0.0\n[Module default]\nType=self\n",
        mqtt=nights.mqtt_with_secret(world.folder)), launched=True)
    otad.wrapper = wrapper
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    large = os.urandom(MIB) * 64
    otad.ctl("update", "large", "--url", web.put("large", large), "--version",
             "1.0.1", "--sha256", lab.sha256(large))
    for size in (1_000, 100_000, 1_000_000):
        broker.publish(lab.HANQI_COMMAND, b"[" * size)
        broker.publish(lab.HANQI_COMMAND,
                       b'{"msgType":"' + b"x" * size + b'"}')
    lab.wait_until("the end of the large one",
                   lambda: ends_in_log(otad, "1.0.1"), LATER_S)
    expect_equal(ends_in_log(otad, "1.0.1"), ["succeeded"], "the large one")
    expect(path.read_bytes() == large, "the large file")
    new = otad_program(world, "1.0.2")
    mark = offer(broker, web.put("otad", new), new, "1.0.2")
    done = broker.wait("the end", is_end("1.0.2"), mark, LATER_S)
    expect_equal(body(done)["state"], "completed", done.text)
    expect_equal(otad.starts, 1, "starts")
    check_morning(otad, "1.0.2")
    status = pathlib.Path(f"/proc/{otad.process.pid}/status").read_text()
    return re.findall(r"Vm(?:HWM|Data):\s+\d+ kB", status)


def test_24_mib_of_memory_by_a_control_group(world):
    group = world.own(MemoryGroup(f"otad-{os.getpid()}"))
    used = updates_with_little_memory(world, group.wrapper())
    expect_equal(group.was_killed(), 0, f"killed for memory; {used}")


def test_24_mib_of_memory_by_a_limit(world):
    updates_with_little_memory(world, ["prlimit", f"--data={LIMIT}"])


# ---- whoever tidies up ----

def test_a_state_directory_that_is_emptied(world):
    """Below an otad that runs, in the middle of a download."""
    broker, web, otad, path = world_of(world)
    start(world, broker, otad)
    data = os.urandom(600_000)
    url = web.put("fw", data)
    web.script("fw", [{"rate": 200_000}])
    mark = offer(broker, url, data)
    wait_percent(broker, 20, mark)
    for part in otad.state.iterdir():
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()
    check_failed(broker, otad, path, mark, "INTERNAL_ERROR")
    check_next(broker, web, path)


# ---- two at once ----

def test_two_otad_on_one_state_directory(world):
    broker, web, otad, path = world_of(world)
    start(world, broker, otad)
    data = os.urandom(600_000)
    url = web.put("fw", data)
    web.script("fw", [{"rate": 200_000}])
    mark = offer(broker, url, data)
    wait_percent(broker, 20, mark)
    state = names_of(otad.state)
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir()
    second = subprocess.run(
        [str(otad.binary)], env={**otad.environment(),
                                 "RUNTIME_DIRECTORY": str(elsewhere)},
        capture_output=True, text=True, timeout=lab.DEADLINE_S)
    expect_equal(second.returncode, 1, "exit status")
    said = second.stderr.splitlines()
    expect(len(said) == 1 and "another otad uses the state directory "
           f"{otad.state}; stop it first" in said[0], second.stderr)
    expect_equal(names_of(otad.state), state, "state")
    expect_equal(list(elsewhere.iterdir()), [], "sockets of the second")
    done = broker.wait("the end", is_end("1.0.1"), mark)
    expect_equal(body(done)["state"], "completed", done.text)
    check_morning(otad, path=path, either=(data,))
    expect_equal(len(web.log()), 1, "requests")


def test_of_eight_otad_that_start_at_once_one_goes_on(world):
    _, _, otad, _ = world_of(world)
    eight = [subprocess.Popen([str(otad.binary)], env=otad.environment(),
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True)
             for _ in range(8)]
    try:
        lab.wait_until("seven have gone", lambda: sum(
            one.poll() is not None for one in eight) >= 7)
        gone = [one for one in eight if one.poll() is not None]
        expect_equal([one.returncode for one in gone], [1] * 7, "exit status")
        for one in gone:
            expect("another otad" in one.stderr.read(), "no reason given")
        otad.process = next(one for one in eight if one.poll() is None)
        otad.wait_ready()
        expect("default" in otad.ctl("status"), "the one that goes on")
    finally:
        for one in eight:
            lab.stop(one)
            one.stderr.close()


if __name__ == "__main__":
    suite.main(sys.modules[__name__], at_once=8)
