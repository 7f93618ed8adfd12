"""otad-launch alone: which otad it runs, and how it judges trials.

The otads here are small scripts and programs that say what ran and how.
"""

import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import suite
from place import TIMEOUT_S, Place, sha256
from suite import expect, expect_equal, skip

# ---- which otad ----

def test_the_updated_otad_comes_first_then_the_backup_then_the_factory(world):
    place = Place(world)
    place.install()
    place.runs("new")
    place.target.unlink()
    place.runs("old")
    place.backup.unlink()
    place.runs("factory")


def test_without_a_state_directory_the_factory_version_runs(world):
    place = Place(world)
    shutil.rmtree(place.state)
    place.runs("factory")


def test_what_cannot_be_run_is_passed_over(world):
    place = Place(world)
    for data, mode in ((b"just text\n", 0o755), (b"", 0o755),
                       (b"\x7fELF damaged", 0o755),
                       (b"#!/nowhere/sh\n", 0o755),
                       (place.script("new"), 0o644)):
        place.install()
        place.write(place.target, data, mode)
        place.runs("old")
        place.write(place.backup, data, mode)
        place.runs("factory")


def test_no_otad_at_all_is_an_error_that_says_so(world):
    place = Place(world)
    place.factory.unlink()
    result = place.launch()
    expect_equal(result.returncode, 1, "exit status")
    expect("no otad to run" in result.stderr, result.stderr)


def test_arguments_and_process_stay_and_the_environment_tells(world):
    place = Place(world)
    place.install(new=place.script(
        "new", "echo $$ $OTAD_LAUNCH $KEPT"))
    launcher = subprocess.Popen(place.command("--", "--config", "a b", "--"),
                                stdout=subprocess.PIPE, text=True,
                                env=dict(os.environ, KEPT="it is"))
    output, _ = launcher.communicate(timeout=TIMEOUT_S)
    expect_equal(output.splitlines(),
                 ["new --config a b --", f"{launcher.pid} 1 it is"],
                 "output")


def test_unknown_options_are_otads(world):
    place = Place(world)
    expect_equal(place.launch("--check-config", "x").stdout,
                 "factory --check-config x\n", "arguments")


def test_help_and_version_go_to_standard_output(world):
    place = Place(world)
    place.install()
    place.mark()
    for option in ("--help", "--version"):
        result = place.launch(option)
        expect_equal(result.returncode, 0, option)
        expect(re.match(r"otad-launch \d", result.stdout), result.stdout)
        expect("\nUsage: otad-launch " in result.stdout, result.stdout)
    expect_equal(place.marker()["STARTS"], "1", "starts counted")


def test_systemd_tells_the_state_directory(world):
    place = Place(world)
    place.install()
    env = dict(os.environ, STATE_DIRECTORY=f"{place.state}:/nowhere")
    result = place.launch(env=env, command=[str(place.build / "otad-launch"),
                                            "--factory", str(place.factory)])
    expect_equal(result.stdout.strip(), "new", "what ran")


def test_it_needs_no_library(world):
    if b"__asan_init" in (world.build / "otad-launch").read_bytes():
        skip("a sanitizer is linked in")
    # ldd(1) runs a program to ask it; what a static one lacks is a loader.
    result = subprocess.run(["readelf", "-l", world.build / "otad-launch"],
                            capture_output=True, text=True, check=True)
    expect("LOAD" in result.stdout, result.stdout)
    expect("INTERP" not in result.stdout, "otad-launch is linked dynamically")


# ---- counting ----

def test_starts_are_counted_and_synced_before_the_exec(world):
    place = Place(world)
    place.install(new=place.script("new", f"cat '{place.trial}'"))
    place.mark()
    for starts in (2, 3):
        output = place.runs("new").stdout
        expect(f"STARTS={starts}\n" in output, output)
        expect_equal(place.marker()["STARTS"], str(starts), "STARTS")
        expect_equal(place.marker()["JOB"], "a1b2", "JOB")
        expect_equal(place.marker()["BACKUP_SHA256"],
                     sha256(place.backup.read_bytes()), "BACKUP_SHA256")
    expect_equal(list(place.state.glob("*.tmp")), [], "temporary files")


def test_the_marker_names_the_process_that_was_started(world):
    place = Place(world)
    place.install()
    place.mark(PID_STARTED=77)
    launcher = subprocess.Popen(place.command(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
    launcher.wait(TIMEOUT_S)
    expect_equal(place.marker()["PID"], str(launcher.pid), "PID")
    expect("PID_STARTED" not in place.marker(), "of another process")


def test_after_three_failed_starts_the_old_version_is_back(world):
    place = Place(world)
    place.install()
    place.mark()
    place.runs("new")
    place.runs("new")
    result = place.runs("old")
    place.expect_back("started 3 times and never confirmed")
    expect_equal(place.marker(place.ended)["ERROR"], "restart-failed", "ERROR")
    expect_equal(place.marker(place.ended)["JOB"], "a1b2", "JOB")
    expect_equal(place.backup.read_bytes(), place.script("old"), "backup")
    expect_equal(len(result.stderr.splitlines()), 1, "lines for the journal")
    place.runs("old")
    expect(not place.trial.exists(), "a new trial")


def test_other_limits_count_too(world):
    place = Place(world)
    place.install()
    place.mark(MAX_STARTS=1)
    place.runs("old")
    place.install()
    place.mark(MAX_STARTS=2)
    place.runs("new")
    place.runs("old")


def test_absurd_limits_count_as_three(world):
    for limit in ("0", "101", "-1", "1e9", "99999999999999999999", "", "x"):
        shutil.rmtree(world.folder / "state", ignore_errors=True)
        place = Place(world)
        place.install()
        place.mark(MAX_STARTS=limit)
        place.runs("new")
        place.runs("new")
        place.runs("old")


def test_a_version_that_aborts_is_left_after_its_starts(world):
    place = Place(world)
    place.install(new=(world.build /
                       "tests/system/version-that-aborts").read_bytes())
    place.mark()
    for _ in range(2):
        expect_equal(place.launch().returncode, -signal.SIGABRT, "exit status")
    place.runs("old")
    place.expect_back("started 3 times")


def test_whatever_a_new_version_does_the_old_one_is_back_after_its_starts(world):
    place = Place(world)
    children = world.folder / "children"
    bodies = [
        "exit 0", "exit 3", "kill -SEGV $$", "kill -KILL $$",
        f"sleep 1000 >/dev/null 2>&1 & echo $! >> '{children}'",
        "head -c 200000 /dev/urandom; head -c 200000 /dev/urandom >&2; exit 1",
        f"rm -f '{place.target}'",
        f"head -c 5000 /dev/urandom > '{place.state}/trial.tmp'; exit 1",
        f"mkdir -p '{place.state}/trial-ended'; exit 1",
    ]
    for body in bodies:
        place.install(new=place.script("new", body))
        place.mark()
        ran = []
        while not ran or (ran[-1] == "new" and len(ran) < 9):
            output = subprocess.run(place.command(), capture_output=True,
                                    timeout=TIMEOUT_S, check=False).stdout
            ran.append(output.split()[0].decode())
        expect(ran in (["new", "new", "old"], ["new", "old"]), f"{body}: {ran}")
        expect_equal(place.target.read_bytes(), place.script("old"), body)
        expect(not place.trial.exists(), f"{body}: the marker is left")
        if place.ended.is_dir():
            place.ended.rmdir()
    for pid in children.read_text().split():
        os.kill(int(pid), signal.SIGKILL)


def test_a_new_version_that_spoils_the_marker_gets_no_more_starts(world):
    place = Place(world)
    trial = place.trial
    bodies = [
        f"head -c 4096 /dev/urandom > '{trial}'",
        f"head -c 20000000 /dev/urandom > '{trial}'",
        f"head -c 5000 /dev/zero > '{trial}'",
        f": > '{trial}'",
        f"echo STARTS=-7 > '{trial}'; echo MAX_STARTS=-1 >> '{trial}'",
        f"echo STARTS=99999999999999999999 > '{trial}'",
        f"rm '{trial}'; mkdir '{trial}'",
        f"rm '{trial}'; mkdir -p '{trial}/a/b'",
        f"rm '{trial}'; mkfifo '{trial}'",
        f"rm '{trial}'; ln -s /dev/zero '{trial}'",
        f"sed -i s/STARTS=2/STARTS=x/ '{trial}'",
        f"sed -i s/BACKUP_SHA256=/BACKUP_SHA256=0/ '{trial}'",
    ]
    for body in bodies:
        place.install(new=place.script("new", body))
        place.mark()
        ran = [place.launch().stdout.strip() for _ in range(4)]
        expect(ran[:2] in (["new", "new"], ["new", "old"], ["new", "factory"]) and
               ran[2] == ran[3] and ran[2] in ("old", "factory"), f"{body}: {ran}")
        expect(not os.path.lexists(trial), f"{body}: the marker is left")
        if (place.state / "trial.bad").exists():
            shutil.rmtree(place.state / "trial.bad")


def test_a_new_version_that_deletes_its_backup_is_left_for_the_factory(world):
    place = Place(world)
    place.install(new=place.script("new", f"rm -f '{place.backup}'"))
    place.mark()
    place.runs("new")
    place.runs("new")
    place.runs("factory")
    expect(not place.trial.exists(), "the marker is left")


def test_without_a_trial_starts_are_not_counted(world):
    place = Place(world)
    place.install()
    for _ in range(5):
        place.runs("new")
    expect(not place.trial.exists() and not place.ended.exists(), "a trial")


# ---- ending ----

def test_a_new_version_that_cannot_be_run_is_left_at_once(world):
    place = Place(world)
    for data, mode, reason in ((b"text", 0o755, "Exec format error"),
                               (b"", 0o755, "Exec format error"),
                               (b"#!/nowhere/sh\n", 0o755, "No such file"),
                               (place.script("new"), 0o600, "denied"),
                               (None, 0, "No such file")):
        place.install()
        place.mark()
        if data is None:
            place.target.unlink()
        else:
            place.write(place.target, data, mode)
        place.runs("old")
        place.expect_back(f"cannot be executed: .*{reason}")


def test_a_first_update_cut_off_before_its_swap_is_not_judged(world):
    place = Place(world)
    place.install()
    place.mark()
    place.target.rename(place.bin / ".otad.otad-new")
    for _ in range(5):
        place.runs("old")
    expect_equal(place.marker()["STARTS"], "1", "STARTS")
    place.backup.unlink()
    place.runs("factory")


def test_a_damaged_backup_is_never_swapped_in(world):
    place = Place(world)
    place.install()
    place.mark(STARTS=3)
    place.write(place.backup, place.script("damaged"))
    result = place.runs("factory")
    expect("the backup is damaged" in result.stderr, result.stderr)
    expect("the backup is damaged" in place.marker(place.ended)["REASON"],
           "the reason does not tell")
    expect(not place.target.exists() and not place.trial.exists(), "remains")
    place.runs("factory")


def test_backups_of_every_length_are_known_by_their_digest(world):
    place = Place(world)
    script = place.script("old")
    for size in [*range(len(script), len(script) + 70),
                 32767, 32768, 32769, 32823, 32824, 65536, 1000000]:
        place.install(old=script + b"#" * (size - len(script)))
        place.mark(STARTS=3)
        place.runs("old")


def test_a_missing_backup_leads_to_the_factory_version(world):
    place = Place(world)
    place.install()
    place.mark(STARTS=3)
    place.backup.unlink()
    place.runs("factory")
    expect(not place.target.exists(), "the bad version is left")


def test_without_a_factory_version_an_unknown_backup_is_better_than_none(world):
    place = Place(world)
    place.install()
    place.mark(STARTS=3, BACKUP_SHA256=None)
    place.factory.unlink()
    place.runs("old")
    expect("cannot be checked" in place.marker(place.ended)["REASON"], "reason")


def test_with_nothing_to_go_back_to_the_new_version_stays(world):
    place = Place(world)
    place.install()
    place.mark(STARTS=3)
    place.backup.unlink()
    place.factory.unlink()
    place.runs("new")
    expect(not place.trial.exists(), "the marker is left")


def test_an_end_cut_short_is_gone_to_its_end(world):
    place = Place(world)
    # After the rename.
    place.install()
    place.mark(STARTS=3)
    place.write(place.target, place.script("old"))
    place.runs("old")
    place.expect_back("started 3 times")
    # After the backup was used up, where there are no hard links.
    place.install()
    place.mark(STARTS=3)
    place.backup.rename(place.target)
    place.runs("old")
    place.expect_back("started 3 times")
    # With half a way back.
    place.install()
    place.mark(STARTS=3)
    os.link(place.backup, place.bin / ".otad.back")
    place.runs("old")
    place.expect_back("started 3 times")
    # With both names of the way back's rename, and of the swap's before it.
    place.install()
    place.mark(STARTS=3)
    place.target.unlink()
    os.link(place.backup, place.target)
    os.link(place.backup, place.bin / ".otad.back")
    place.runs("old")
    place.expect_back("started 3 times")
    place.install()
    place.mark(STARTS=3)
    os.link(place.target, place.bin / ".otad.otad-new")
    place.runs("old")
    place.expect_back("started 3 times")
    expect_equal(sorted(path.name for path in place.bin.iterdir()),
                 ["otad", "otad.old"], "files left")
    # After trial-ended was written.
    place.mark(STARTS=3)
    place.runs("old")
    place.expect_back("started 3 times")


def test_paths_in_the_marker_are_not_believed(world):
    place = Place(world)
    place.install()
    other = world.folder / "precious"
    place.write(other, b"precious")
    place.mark(STARTS=3, TARGET=other, BACKUP=other)
    place.runs("old")
    expect_equal(other.read_bytes(), b"precious", "another file")


# ---- markers of every kind ----

def test_no_content_of_a_marker_stops_otad(world):
    place = Place(world)
    place.install()
    place.mark()
    good = place.trial.read_bytes()
    contents = [
        b"", b"\n", b"\0", b"\0" * 5000, b"=" * 5000, b"\n" * 100000,
        b"STARTS=", b"STARTS", b"STARTS=\xff\xfe", b"JOB=" + b"x" * 5000,
        b"JOB=%s%n%n\nVERSION=%n\n", b"\xff" * 4096,
        b"STARTS=1\nSTARTS=3\n", b"BACKUP_SHA256=zz\n",
        good + b"X" * 5000, good * 100, good.replace(b"\n", b"\r\n"),
        good.replace(b"\n", b"\0"), os.urandom(4096), os.urandom(100000),
    ] + [good[:size] for size in range(0, len(good), 7)]
    for content in contents:
        place.install()
        place.trial.write_bytes(content)
        for _ in range(6):
            result = place.launch()
            expect_equal(result.returncode, 0, f"exit status for {content[:40]}")
            expect(result.stdout.strip() in ("new", "old", "factory"),
                   f"{result.stdout} for {content[:40]}")
            if not place.trial.exists():
                break
        expect(not place.trial.exists(), f"never over: {content[:40]}")
        expect(place.ended.stat().st_size <= 4096, "trial-ended grew")


def test_what_is_no_file_does_not_stop_otad_either(world):
    place = Place(world)
    makers = [
        lambda: os.mkfifo(place.trial),
        lambda: place.trial.symlink_to("/dev/zero"),
        lambda: place.trial.symlink_to("nowhere"),
        lambda: place.trial.symlink_to("trial"),
        place.trial.mkdir,
        lambda: (place.trial / "a/b").mkdir(parents=True),
    ]
    for make in makers:
        place.install()
        make()
        for _ in range(5):
            result = place.launch()
            expect_equal(result.returncode, 0, "exit status")
            if not os.path.lexists(place.trial):
                break
        expect(not os.path.lexists(place.trial), "never over")


def test_a_start_that_cannot_be_counted_ends_the_trial(world):
    place = Place(world)
    place.install()
    place.mark()
    (place.state / "trial.tmp").mkdir()
    result = place.runs("old")
    expect("cannot be counted" in result.stderr, result.stderr)
    expect_equal(place.target.read_bytes(), place.script("old"), "target")


def in_a_mount(place, options, change, *arguments):
    """otad-launch with its state directory on a tmpfs that `change` spoils."""
    script = (f"mount -t tmpfs -o {options} tmpfs '{place.state}.mount' && "
              f"cp -a '{place.state}/.' '{place.state}.mount/' && "
              f"{change} && exec \"$@\"")
    pathlib.Path(f"{place.state}.mount").mkdir()
    command = [argument.replace(str(place.state), f"{place.state}.mount")
               for argument in place.command(*arguments)]
    return subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *command],
                          capture_output=True, text=True, timeout=TIMEOUT_S,
                          check=False)


def test_a_read_only_state_directory_runs_the_backup_from_its_place(world):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        skip("needs root to mount")
    place = Place(world)
    place.install()
    place.mark()
    result = in_a_mount(place, "size=1m",
                        f"mount -o remount,ro '{place.state}.mount'")
    if re.search(r"^(mount|unshare):", result.stderr, re.M):
        skip(result.stderr)
    expect_equal(result.stdout.strip(), "old", result.stderr)
    expect("cannot end the trial" in result.stderr, result.stderr)


def test_a_damaged_backup_is_not_run_from_its_place_either(world):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        skip("needs root to mount")
    place = Place(world)
    place.install()
    place.mark(BACKUP_SHA256="0" * 64)
    result = in_a_mount(place, "size=1m",
                        f"mount -o remount,ro '{place.state}.mount'")
    if re.search(r"^(mount|unshare):", result.stderr, re.M):
        skip(result.stderr)
    expect_equal(result.stdout.strip(), "factory", result.stderr)


def test_a_full_disk_ends_the_trial(world):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        skip("needs root to mount")
    place = Place(world)
    place.install()
    place.mark()
    result = in_a_mount(
        place, "size=64k",
        f"{{ dd if=/dev/zero of='{place.state}.mount/fill' 2>/dev/null; true; }}")
    if re.search(r"^(mount|unshare):", result.stderr, re.M):
        skip(result.stderr)
    expect_equal(result.stdout.strip(), "old", result.stderr)
    expect("cannot be counted" in result.stderr, result.stderr)


# ---- the deadline ----

class Deadline:
    """otad-launch --deadline, as the path unit starts it."""

    def __init__(self, place):
        self.process = subprocess.Popen(place.command("--deadline"),
                                        stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def wait_armed(self):
        """Until it has read the marker and sleeps."""
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "S":
            expect(self.process.poll() is None, "the deadline has ended")
            select.select([], [], [], 0.01)

    def wait(self):
        _, output = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, output


class Running:
    """An otad that was started by otad-launch and is alive."""

    def __init__(self, place):
        self.process = subprocess.Popen(place.command(),
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        # Its first line, or for the one that says nothing, its own name.
        exe = pathlib.Path(f"/proc/{self.process.pid}/exe")
        while exe.resolve().name == "otad-launch":
            expect(self.process.poll() is None, "otad has ended")
            select.select([], [], [], 0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def test_without_a_marker_the_deadline_has_nothing_to_do(world):
    with Deadline(Place(world)) as deadline:
        expect_equal(deadline.wait(), (0, ""), "end")


def test_a_deadline_before_the_first_swap_leaves_the_staged_file(world):
    place = Place(world)
    place.install()
    place.mark(TIMEOUT=1)
    staged = place.bin / ".otad.otad-new"
    place.target.rename(staged)
    with Deadline(place) as deadline:
        expect_equal(deadline.wait()[0], 0, "end")
    place.expect_back("not confirmed within 1 s")
    expect_equal(staged.read_bytes(), place.script("new"), "staged file")


def test_a_confirmed_trial_ends_the_wait(world):
    place = Place(world)
    place.install()
    place.mark()
    with Deadline(place) as deadline:
        deadline.wait_armed()
        # Rewritten, as each start does, is not ended.
        place.runs("new")
        place.runs("new")
        expect(deadline.process.poll() is None, "did not wait")
        place.trial.unlink()
        expect_equal(deadline.wait(), (0, ""), "end")
    expect_equal(place.target.read_bytes(), place.script("new"), "target")


def test_a_marker_that_is_readable_only_later_sets_the_time(world):
    place = Place(world)
    place.install()
    place.trial.write_text("")
    with Deadline(place) as deadline:
        deadline.wait_armed()
        place.mark(TIMEOUT=1)
        status, output = deadline.wait()
        expect_equal(status, 0, output)
        expect("not confirmed within 1 s" in output, output)
    expect(not place.trial.exists(), "still on trial")


def test_a_version_that_hangs_and_ignores_sigterm_is_ended(world):
    place = Place(world)
    place.install(new=(world.build /
                       "tests/system/version-that-hangs").read_bytes())
    place.mark(TIMEOUT=1)
    with Running(place) as otad, Deadline(place) as deadline:
        status, output = deadline.wait()
        expect_equal(status, 0, output)
        expect_equal(otad.process.wait(TIMEOUT_S), -signal.SIGKILL, "its end")
    place.expect_back("not confirmed within 1 s")
    expect_equal(place.marker(place.ended)["ERROR"], "health-check-failed",
                 "ERROR")
    place.runs("old")


def test_a_version_is_asked_to_end_before_it_is_killed(world):
    place = Place(world)
    place.install(new=(world.build /
                       "tests/system/version-that-stalls").read_bytes())
    place.mark(TIMEOUT=1)
    with Running(place) as otad, Deadline(place) as deadline:
        expect_equal(deadline.wait()[0], 0, "exit status")
        expect_equal(otad.process.wait(TIMEOUT_S), -signal.SIGTERM, "its end")


def test_a_stranger_with_the_pid_of_the_marker_is_left_alone(world):
    place = Place(world)
    place.install()
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        place.mark(TIMEOUT=1, PID=stranger.pid)
        with Deadline(place) as deadline:
            expect_equal(deadline.wait()[0], 0, "exit status")
        place.expect_back("not confirmed")
        expect(stranger.poll() is None, "the stranger was killed")
        stranger.kill()


def test_the_old_version_that_runs_already_is_left_alone(world):
    place = Place(world)
    hangs = (world.build / "tests/system/version-that-hangs").read_bytes()
    place.install(new=hangs, old=hangs)
    place.mark(TIMEOUT=1)
    with Running(place) as otad, Deadline(place) as deadline:
        expect_equal(deadline.wait()[0], 0, "exit status")
        expect(otad.process.poll() is None, "it was killed")
    expect(not place.trial.exists(), "the marker is left")


def test_another_trial_has_a_time_of_its_own(world):
    place = Place(world)
    place.install()
    place.mark(TIMEOUT=1)
    with Deadline(place) as deadline:
        deadline.wait_armed()
        place.mark(TIMEOUT=1000, JOB="c3d4")
        # Longer than the first would have had.
        try:
            deadline.process.wait(5)
            expect(False, "the second trial had the time of the first")
        except subprocess.TimeoutExpired:
            pass
    expect_equal(place.target.read_bytes(), place.script("new"), "target")


def test_a_deadline_without_a_state_directory_fails(world):
    place = Place(world)
    shutil.rmtree(place.state)
    expect_equal(place.launch("--deadline").returncode, 1, "exit status")


# ---- a disk that fails ----

def injected(place, fault, *options):
    """Where one system call fails, as strace(1) says."""
    if b"__asan_init" in (place.build / "otad-launch").read_bytes():
        skip("a sanitizer is linked in")
    result = place.launch(command=["strace", "-qq", "-o", "/dev/null", "-e",
                                   f"inject={fault}",
                                   *place.command(*options)])
    if "ptrace" in result.stderr:
        skip(f"no strace: {result.stderr}")
    return result


def test_a_count_that_is_not_on_the_disk_ends_the_trial(world):
    place = Place(world)
    for fault in ("write:retval=5:when=1", "fsync:error=EIO:when=1",
                  "fsync:error=EIO:when=2", "renameat:error=EIO:when=1"):
        place.install()
        place.mark()
        place.ended.unlink(missing_ok=True)
        result = injected(place, fault)
        expect_equal(result.stdout, "old\n", f"what ran with {fault}")
        place.expect_back("cannot be counted")


def test_an_end_that_is_not_on_the_disk_is_none(world):
    place = Place(world)
    place.install()
    place.mark(STARTS=3)
    result = injected(place, "fsync:error=EIO:when=1")
    expect_equal(result.stdout, "old\n", "what ran")
    expect("cannot end the trial" in result.stderr, result.stderr)
    expect(place.trial.exists(), "the marker is gone")
    place.runs("old")
    place.expect_back("started 3 times")


def test_a_deadline_that_cannot_end_the_trial_fails(world):
    place = Place(world)
    place.install()
    place.mark(TIMEOUT=1)
    expect_equal(injected(place, "renameat:error=EIO", "--deadline").returncode,
                 1, "exit status")
    expect(place.trial.exists(), "the marker is gone")


def test_without_hard_links_the_backup_itself_goes_back(world):
    place = Place(world)
    place.install()
    place.mark(STARTS=3)
    expect_equal(injected(place, "linkat:error=EPERM").stdout, "old\n",
                 "what ran")
    place.expect_back("started 3 times")
    expect(not place.backup.exists(), "the backup is still there")


# ---- the marker once more ----

def test_half_a_digest_is_not_enough(world):
    place = Place(world)
    place.install()
    digest = sha256(place.backup.read_bytes())
    place.mark(STARTS=3, BACKUP_SHA256=digest[:32] + 32 * "0")
    place.runs("factory")


def test_a_link_is_no_marker(world):
    place = Place(world)
    place.install()
    place.mark()
    place.trial.rename(place.state / "elsewhere")
    place.trial.symlink_to("elsewhere")
    # Nothing can be read there: no more starts than the last.
    expect(place.launch().stdout != "new\n", "the new version was started")


def test_anybody_may_read_the_marker(world):
    place = Place(world)
    place.install()
    place.mark()
    subprocess.run(place.command(), check=True, capture_output=True,
                   umask=0o077, timeout=TIMEOUT_S)
    expect_equal(place.trial.stat().st_mode & 0o777, 0o644, "mode")


def test_without_their_folder_the_factory_version_runs(world):
    place = Place(world)
    place.install()
    place.mark(STARTS=3)
    shutil.rmtree(place.bin)
    place.runs("factory")
    expect(not place.trial.exists(), "the marker is left")


def test_what_is_staged_for_the_next_time_hides_no_start(world):
    place = Place(world)
    place.install()
    place.mark()
    place.write(place.bin / ".otad.otad-new", b"next")
    place.runs("new")
    expect_equal(place.marker()["STARTS"], "2", "STARTS")


def test_thousands_of_variables_do_no_harm(world):
    place = Place(world)
    place.install(new=place.script("new", "echo $OTAD_LAUNCH"))
    env = {**{f"V{i}": "x" for i in range(3000)}, "PATH": os.environ["PATH"]}
    expect_equal(place.launch(env=env).stdout, "new\n1\n", "output")


def test_a_stranger_whose_own_file_is_gone_is_left_alone(world):
    place = Place(world)
    place.install()
    program = world.folder / "stranger"
    shutil.copy(world.build / "tests/system/version-that-hangs", program)
    with subprocess.Popen([program]) as stranger:
        program.unlink()
        place.mark(TIMEOUT=1, PID=stranger.pid)
        with Deadline(place) as deadline:
            expect_equal(deadline.wait()[0], 0, "exit status")
        expect(stranger.poll() is None, "the stranger was killed")
        stranger.kill()


def test_otads_own_deadline_comes_first(world):
    place = Place(world)
    place.install()
    place.mark(TIMEOUT=1)
    begun = time.monotonic()
    with Deadline(place) as deadline:
        expect_equal(deadline.wait()[0], 0, "exit status")
    # 3 s, counted in whole ones; later, where the machine is slow.
    expect(time.monotonic() - begun > 2, "it came before otad's own")


def test_watching_for_long_takes_no_more_descriptors(world):
    place = Place(world)
    place.install()
    place.mark(TIMEOUT=5)
    result = subprocess.run(
        ["sh", "-c", "ulimit -n 7 && exec \"$@\"", "sh",
         *place.command("--deadline")], timeout=TIMEOUT_S, check=False,
        stdin=subprocess.DEVNULL, capture_output=True)
    expect_equal(result.returncode, 0, "exit status")
    place.expect_back("not confirmed within 5 s")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
