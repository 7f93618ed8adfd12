"""otad updates itself: good versions, and every kind of bad one."""

import os
import re
import signal
import subprocess
import sys
import threading

import lab
import nights
import suite
from suite import expect, expect_equal


def version(world, number):
    return (world.build / f"tests/system/otad-{number}").read_bytes()


def program(world, name):
    return (world.build / f"tests/system/{name}").read_bytes()


def gateway(world, launched=True, update="ConfirmTimeout=60s", platform=lab.HANQI,
            supervise=True, modules=""):
    broker = world.start_broker()
    web = world.start_nginx()
    otad = world.otad(lab.base_config(broker, platform, modules, update=update),
                      launched=launched)
    if supervise:
        otad.supervise()
    else:
        otad.start()
    broker.wait("heartbeat of 1.0.0", lab.is_hanqi_heartbeat("1.0.0"))
    return broker, web, otad


def offer(broker, web, number, data, msg_id="ota_1"):
    mark = broker.mark()
    url = web.put(f"otad-{number}", data)
    broker.publish(lab.HANQI_COMMAND,
                   lab.hanqi_upgrade(number, url, data, msg_id))
    return mark


def states(broker, since):
    return [(m.payload["data"]["state"], m.payload["data"]["progress"])
            for m in broker.messages[since:]
            if m.topic == lab.HANQI_REPORT and
            m.payload.get("msgType") == "ota_progress"]


def check_order(broker, since):
    """installing, then the new version's heartbeat, then completed."""
    kinds = [m.payload["data"].get("state") or "heartbeat"
             for m in broker.messages[since:] if m.topic == lab.HANQI_REPORT]
    done = kinds.index("completed")
    expect("heartbeat" in kinds[kinds.index("installing"):done],
           f"no version report before completed: {kinds}")


def test_a_good_version_takes_over_in_the_same_process(world):
    broker, web, otad = gateway(world)
    pid, starts = otad.process.pid, otad.starts
    new = version(world, "1.0.1")
    mark = offer(broker, web, "1.0.1", new)
    done = broker.wait("completed", lab.is_hanqi_state("completed"), mark)
    expect_equal(done.payload["data"]["progress"], 100, "progress")
    expect_equal(done.payload["data"]["currentVersion"], "1.0.1", "version")
    expect_equal((otad.process.pid, otad.starts), (pid, starts), "process")
    expect_equal(otad.target.read_bytes(), new, "the file in place")
    expect_equal((otad.state / "bin/otad.old").read_bytes(),
                 otad.binary.read_bytes(), "the backup")
    expect(not (otad.state / "trial").exists(), "the trial marker is left")
    check_order(broker, mark)
    numbers = [p for _, p in states(broker, mark)]
    expect_equal(numbers, sorted(numbers), "progress went backwards")


def test_a_trial_does_not_wait_for_its_turn_to_connect(world):
    broker, web, otad = gateway(world)
    otad.write_config(lab.base_config(
        broker, lab.HANQI, mqtt="ConnectSpread=1d\nReconnectSpread=1d\n",
        update="ConfirmTimeout=60s"))
    mark = broker.mark()
    otad.process.send_signal(signal.SIGHUP)
    otad.wait_log("read again")
    # What is configured already connects at once.
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"), mark)
    new = version(world, "1.0.1")
    mark = offer(broker, web, "1.0.1", new)
    broker.wait("completed", lab.is_hanqi_state("completed"), mark)
    expect_equal(otad.target.read_bytes(), new, "the file in place")


def test_without_a_launcher_the_started_file_is_replaced(world):
    broker, web, otad = gateway(world, launched=False, supervise=False)
    pid = otad.process.pid
    new = version(world, "1.0.1")
    mark = offer(broker, web, "1.0.1", new)
    broker.wait("completed", lab.is_hanqi_state("completed"), mark)
    expect_equal(otad.binary.read_bytes(), new, "the file in place")
    expect(otad.process.poll() is None and otad.process.pid == pid,
           "another process")


def test_two_updates_in_a_row(world):
    broker, web, otad = gateway(world)
    for number in ("1.0.1", "1.0.2"):
        mark = offer(broker, web, number, version(world, number), "m" + number)
        broker.wait(f"{number} completed",
                    lab.is_hanqi_state("completed", number), mark)
    expect_equal(otad.starts, 1, "starts")


def test_a_version_that_crashes_is_rolled_back_after_three_starts(world):
    broker, web, otad = gateway(world)
    starts = otad.starts
    before = otad.binary.read_bytes()
    mark = offer(broker, web, "1.0.2", program(world, "version-that-aborts"))
    failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.2"), mark)
    expect_equal(failed.payload["data"]["errorCode"], "HEALTH_CHECK_FAILED",
                 "error code")
    expect_equal(failed.payload["data"]["currentVersion"], "1.0.0", "version")
    expect_equal(failed.payload["msgId"], "ota_1", "msgId")
    expect_equal(otad.starts - starts, 3, "starts")
    expect_equal(otad.target.read_bytes(), before, "the file in place")
    broker.wait("heartbeat of the old version",
                lab.is_hanqi_heartbeat("1.0.0"), mark)
    expect(not (otad.state / "trial").exists(), "the trial marker is left")


def test_an_update_after_a_rolled_back_one_succeeds(world):
    broker, web, otad = gateway(world)
    mark = offer(broker, web, "1.0.2", program(world, "version-that-aborts"))
    broker.wait("failed", lab.is_hanqi_state("failed", "1.0.2"), mark)
    mark = offer(broker, web, "1.0.1", version(world, "1.0.1"), "ota_2")
    broker.wait("completed", lab.is_hanqi_state("completed", "1.0.1"), mark)
    expect(otad.process.poll() is None, "otad ended")


def test_a_marker_that_outlives_its_job_is_removed(world):
    broker, web, otad = gateway(world)
    mark = offer(broker, web, "1.0.1", version(world, "1.0.1"))
    broker.wait("completed", lab.is_hanqi_state("completed", "1.0.1"), mark)
    lab.wait_until("the end of the job",
                   lambda: not list((otad.state / "jobs").iterdir()))
    otad.stop()
    # As a power cut brings it back that comes before its removal is synced.
    marker = otad.state / "trial"
    marker.write_text("JOB=0123456789abcdef\nVERSION=1.0.2\nOLD_VERSION=1.0.1\n"
                      "MAX_STARTS=3\nTIMEOUT=300\nSTARTS=1\n")
    otad.supervise()
    otad.wait_log("The marker of a trial that is over is removed")
    expect(not marker.exists(), "the marker is there")
    expect_equal(otad.target.read_bytes(), version(world, "1.0.1"), "otad")


def test_a_version_that_hangs_is_ended_by_the_deadline(world):
    broker, web, otad = gateway(world, update="ConfirmTimeout=2s")
    mark = offer(broker, web, "1.0.2", program(world, "version-that-hangs"))
    marker = otad.state / "trial"
    lab.wait_until("the trial marker", marker.exists)
    otad.wait_log("installing")
    import subprocess
    judge = subprocess.Popen([str(world.build / "otad-launch"), "--deadline"],
                             env=otad.environment())
    try:
        failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.2"),
                             mark)
    finally:
        lab.stop(judge)
    expect_equal(failed.payload["data"]["errorCode"], "HEALTH_CHECK_FAILED",
                 "error code")
    expect_equal(otad.target.read_bytes(), otad.binary.read_bytes(),
                 "the file in place")


def test_a_version_that_never_reaches_the_broker_goes_back_itself(world):
    broker, web, otad = gateway(world, update="ConfirmTimeout=3s")
    good = (otad.folder / "etc/otad.conf").read_text()
    # Read by the next otad that starts: a port where nobody listens.
    otad.write_config(good.replace(f"Port={broker.port}",
                                   f"Port={lab.free_port()}"))
    mark = offer(broker, web, "1.0.1", version(world, "1.0.1"))
    otad.wait_log(r"otad 1\.0\.1 started")
    otad.write_config(good)
    failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.1"), mark)
    expect_equal(failed.payload["data"]["errorCode"], "HEALTH_CHECK_FAILED",
                 "error code")
    expect_equal(otad.target.read_bytes(), otad.binary.read_bytes(),
                 "the file in place")


def test_another_version_than_offered_is_not_installed_for_ever(world):
    """The cloud, which hears of 1.0.1, offers 1.0.2 again and again."""
    broker, web, otad = gateway(world)
    for _ in range(4):
        mark = offer(broker, web, "1.0.2", version(world, "1.0.1"))
        done = broker.wait("completed",
                           lab.is_hanqi_state("completed", "1.0.2"), mark)
        expect_equal(done.payload["data"]["currentVersion"], "1.0.1", "the end")
    otad.wait_log("runs as version 1.0.1, not 1.0.2 as offered")
    mark = offer(broker, web, "1.0.2", version(world, "1.0.1"))
    failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.2"), mark)
    expect("installed once more, 3 times" in
           failed.payload["data"]["errorMessage"], failed.text)


def test_a_version_that_cannot_be_executed_leaves_otad_as_it_was(world):
    """Signals and children too: it reloads, and runs commands."""
    path = world.folder / "file"
    path.write_text("old")
    stile = nights.Turnstile(world.folder, "check")
    modules = f"[Module file]\nType=config\nPath={path}\nCheck=true\n" \
        f"Version=1.0.0\n[Module default]\nType=self\nCheck={stile.script}\n"
    broker, web, otad = gateway(world, modules=modules)
    pid = otad.process.pid
    mark = offer(broker, web, "1.0.1", version(world, "1.0.1"))
    stile.wait()
    # execve(2): ETXTBSY, whatever its name will be.
    with open(next((otad.state / "bin").glob(".*new")), "ab"):
        stile.let_through()
        otad.wait_log("Text file busy")
    failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.1"), mark)
    expect("execute" in failed.payload["data"]["errorMessage"], failed.text)
    expect_equal(otad.target.read_bytes(), otad.binary.read_bytes(),
                 "the file in place")
    url = web.put("new", b"new")
    otad.ctl("update", "file", "--url", url, "--version", "1.0.1", "--sha256",
             lab.sha256(b"new"), "--wait")
    expect_equal(path.read_bytes(), b"new", "the file")
    os.kill(otad.process.pid, signal.SIGHUP)
    otad.wait_log("read again")
    expect_equal((otad.process.pid, otad.starts), (pid, 1), "process")


def refused_before_the_swap(world, data):
    broker, web, otad = gateway(world)
    pid = otad.process.pid
    mark = offer(broker, web, "1.0.2", data)
    failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.2"), mark)
    expect_equal(failed.payload["data"]["errorCode"], "INCOMPATIBLE",
                 "error code")
    expect(not otad.target.exists() or
           otad.target.read_bytes() == otad.binary.read_bytes(),
           "something was changed")
    expect_equal((otad.process.pid, otad.starts), (pid, 1), "process")
    left = [p for p in (otad.state / "bin").iterdir() if "new" in p.name]
    expect_equal(left, [], "left behind")


def test_a_text_is_refused_before_the_swap(world):
    refused_before_the_swap(world, b"#!/bin/sh\nexit 0\n" * 50)


def test_a_program_for_another_machine_is_refused_before_the_swap(world):
    data = bytearray(version(world, "1.0.1"))
    data[18:20] = (40).to_bytes(2, "little")  # e_machine: EM_ARM
    refused_before_the_swap(world, bytes(data))


def test_a_truncated_program_is_refused_before_the_swap(world):
    refused_before_the_swap(world, version(world, "1.0.1")[:40])


def test_a_wrong_digest_changes_nothing(world):
    broker, web, otad = gateway(world)
    data = version(world, "1.0.1")
    mark = broker.mark()
    url = web.put("x", data)
    broker.publish(lab.HANQI_COMMAND,
                   lab.hanqi_upgrade("1.0.1", url, data, md5="0" * 32))
    failed = broker.wait("failed", lab.is_hanqi_state("failed"), mark)
    expect_equal(failed.payload["data"]["errorCode"], "MD5_MISMATCH",
                 "error code")
    expect(not otad.target.exists(), "something was installed")


def test_an_operator_rolls_a_confirmed_version_back(world):
    broker, web, otad = gateway(world)
    mark = offer(broker, web, "1.0.1", version(world, "1.0.1"))
    broker.wait("completed", lab.is_hanqi_state("completed"), mark)
    otad.wait_ready()
    mark = broker.mark()
    otad.ctl("rollback", "default")
    broker.wait("heartbeat of 1.0.0", lab.is_hanqi_heartbeat("1.0.0"), mark)
    failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.1"), mark)
    expect_equal(failed.payload["data"]["errorCode"], "CANCELLED", "error code")
    expect_equal(otad.target.read_bytes(), otad.binary.read_bytes(),
                 "the file in place")


def test_a_second_otad_on_one_state_directory_is_refused(world):
    _, _, otad = gateway(world, launched=False, supervise=False)
    import subprocess
    second = subprocess.run([str(otad.binary)], env=otad.environment(),
                            capture_output=True, text=True,
                            timeout=lab.DEADLINE_S)
    expect_equal(second.returncode, 1, "exit status")
    expect(re.search("another otad", second.stderr), second.stderr)
    expect(otad.process.poll() is None, "the first one ended")


def test_sigterm_ends_it_cleanly_and_sighup_with_a_bad_file_changes_nothing(world):
    broker, _, otad = gateway(world, launched=False, supervise=False)
    good = (otad.folder / "etc/otad.conf").read_text()
    otad.write_config(good + "\n[Nonsense]\nX=1\n")
    os.kill(otad.process.pid, signal.SIGHUP)
    otad.wait_log("stays as it was")
    expect("connected" in otad.ctl("status").lower(), "not connected any more")
    otad.write_config(good)
    mark = broker.mark()
    os.kill(otad.process.pid, signal.SIGHUP)
    otad.wait_log("read again")
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"), mark)
    otad.process.send_signal(signal.SIGTERM)
    expect_equal(otad.process.wait(lab.DEADLINE_S), 0, "exit status")
    expect(not otad.socket.exists(), "the control socket is left")


def test_its_folders_do_not_change_while_it_runs(world):
    broker, _, otad = gateway(world, launched=False, supervise=False)
    lab.stop(otad.process, signal.SIGTERM, lab.DEADLINE_S)
    text = (otad.folder / "etc/otad.conf").read_text()
    folder = world.folder / "own"
    folder.mkdir()
    config = folder / "otad.conf"

    def write(state):
        config.write_text(f"{text}\n[Paths]\nStateDirectory={folder}/{state}\n"
                          f"RuntimeDirectory={folder}/run\n")

    write("state")
    mark = broker.mark()
    # Not by the service manager, which would decide.
    with subprocess.Popen(
            [world.build / "otad", "--config", config], text=True,
            stderr=subprocess.PIPE, env={"PATH": os.environ["PATH"]}) as process:
        late = threading.Timer(lab.DEADLINE_S, process.kill)
        late.start()
        broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"), mark)
        write("elsewhere")
        process.send_signal(signal.SIGHUP)
        expect(any("cannot change while otad runs" in line
                   for line in process.stderr), "it has changed them")
        process.send_signal(signal.SIGTERM)
        expect_equal(process.wait(), 0, "exit status")
        late.cancel()
    expect(not (folder / "elsewhere").exists(), "another folder was made")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
