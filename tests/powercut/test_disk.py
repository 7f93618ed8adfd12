#!/usr/bin/python3
"""What powercut.c promises: of single operations, and of small updaters.

    test_disk.py BUILD-FOLDER [FUNCTION...]

An updater that is right survives every cut in every model; one with a known
mistake is found by the models that lose what it relies on, and behind the
operations after which it matters. Prints TAP.
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import traceback

import disk

EMPTY, BEFORE, CRASHED = range(3)  # slots of the disk
NOREPLACE, EXCHANGE = 1, 2
OFD_SETLK = 37
OLD = b"old" * 5000
LIBC = ctypes.CDLL(None, use_errno=True)


class World:
    """Folders a and b, and a lasting file a/old."""

    def __init__(self, device):
        self.disk, self.root = device, device.folder
        self.a, self.b, self.old = (self.root / p for p in ("a", "b", "a/old"))
        device.tell("load", EMPTY)
        self.a.mkdir()
        self.b.mkdir()
        self.old.write_bytes(OLD)
        device.tell("reset")
        device.tell("save", BEFORE)

    @contextlib.contextmanager
    def cut(self, model="strict", seed=0):
        """What is left; afterwards the power has not failed."""
        self.disk.tell("save", CRASHED)
        yield self.disk.reboot(model, seed, 1 << 30)
        self.disk.tell("load", CRASHED)

    def start_over(self):
        self.disk.tell("load", BEFORE)


def put(path, data, flags=os.O_CREAT | os.O_TRUNC, sync=False):
    fd = os.open(path, os.O_WRONLY | flags, 0o644)
    try:
        os.write(fd, data)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)


def get(path):
    return path.read_bytes() if path.exists() else None


def sync(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def failing(code):
    try:
        yield
    except OSError as error:
        assert error.errno == code, error
    else:
        raise AssertionError(f"no {errno.errorcode[code]}")


def rename_as(source, target, flags):
    if LIBC.renameat2(-100, bytes(source), -100, bytes(target), flags):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


# ---- files and names ----

def test_data_needs_a_sync(w):
    put(w.old, b"new", os.O_TRUNC)
    with w.cut():
        assert get(w.old) == OLD
    sync(w.old)
    with w.cut():
        assert get(w.old) == b"new"


def test_corners_keep_all_data_or_none(w):
    put(w.old, b"NEW", 0)
    for model in ("ordered", "torn", "stale"):
        for seed, kept in enumerate((b"old", b"old", b"NEW", b"NEW")):
            with w.cut(model, seed):
                assert get(w.old)[:3] == kept, (model, seed)


def test_a_synced_file_needs_its_folder(w):
    new = w.a / "new"
    put(new, b"x", sync=True)
    with w.cut("strict"):
        assert get(new) is None
    with w.cut("ordered"):  # as ext4 does it: the sync commits the journal
        assert get(new) == b"x"
    sync(w.a)
    with w.cut("strict"):
        assert get(new) == b"x"


def test_a_name_without_data_is_an_empty_file(w):
    put(w.a / "new", b"x")
    sync(w.a)
    with w.cut():
        assert get(w.a / "new") == b""


def test_a_mode_needs_fsync_and_not_fdatasync(w):
    fd = os.open(w.old, os.O_RDWR)
    os.fchmod(fd, 0o755)
    os.pwrite(fd, b"N", 0)
    os.fdatasync(fd)
    for model in ("strict", "ordered"):
        with w.cut(model):
            assert w.old.stat().st_mode & 0o777 == 0o644
            assert get(w.old)[:2] == b"Nl"
    fd = os.open(w.old, os.O_RDWR)
    os.fsync(fd)
    with w.cut():
        assert w.old.stat().st_mode & 0o777 == 0o755
        with failing(errno.EIO):  # opened before the power failed
            os.pwrite(fd, b"x", 0)
    os.close(fd)


def test_a_rename_over_a_file_is_one_change(w):
    new = w.a / "new"
    put(new, b"new", sync=True)
    sync(w.a)
    new.rename(w.old)
    for model in disk.MODELS:
        with w.cut(model, 0):
            assert (get(w.old), get(new)) == (OLD, b"new"), model
    for model in disk.MODELS[1:]:
        with w.cut(model, 1):
            left = b"new" if model == "loose" else None
            assert (get(w.old), get(new)) == (b"new", left), model


def test_a_rename_across_folders_may_leave_both_or_none(w):
    w.old.rename(w.b / "old")
    sync(w.b)
    with w.cut("strict"):
        assert get(w.old) == get(w.b / "old") == OLD
    with w.cut("torn", 0):  # a journal has both changes, or none
        assert (get(w.old), get(w.b / "old")) == (None, OLD)
    w.start_over()
    w.old.rename(w.b / "old")
    sync(w.a)
    with w.cut("strict"):
        assert get(w.old) is get(w.b / "old") is None


def test_exchange_and_noreplace(w):
    new = w.a / "new"
    put(new, b"new", sync=True)
    sync(w.a)
    with failing(errno.EEXIST):
        rename_as(new, w.old, NOREPLACE)
    rename_as(new, w.old, EXCHANGE)
    assert (get(w.old), get(new)) == (b"new", OLD)
    with w.cut():
        assert (get(w.old), get(new)) == (OLD, b"new")
    sync(w.a)
    with w.cut():
        assert (get(w.old), get(new)) == (b"new", OLD)


def test_links_and_folders(w):
    os.link(w.old, w.b / "link")
    (w.b / "symlink").symlink_to("../a/old")
    (w.b / "folder").mkdir()
    put(w.b / "folder/file", b"f", sync=True)
    sync(w.b / "folder")
    with w.cut():
        assert os.listdir(w.b) == []
    sync(w.b)
    w.old.unlink()
    with w.cut():
        assert sorted(os.listdir(w.b)) == ["folder", "link", "symlink"]
        assert get(w.b / "symlink") == get(w.b / "link") == get(w.old) == OLD
        assert get(w.b / "folder/file") == b"f"
        with failing(errno.ENOTEMPTY):
            (w.b / "folder").rmdir()
    sync(w.a)
    with w.cut():
        assert get(w.old) is None and (w.b / "link").stat().st_nlink == 1


def test_an_unlinked_file_lives_until_it_is_closed(w):
    fd = os.open(w.old, os.O_RDWR)
    w.old.unlink()
    assert os.pread(fd, 3, 0) == b"old"
    os.close(fd)


def test_mapped_pages_need_msync(w):
    fd = os.open(w.old, os.O_RDWR)
    with mmap.mmap(fd, 0) as pages:
        pages[0:3] = b"NEW"
        with w.cut():
            assert get(w.old)[:3] == b"old"
    with contextlib.suppress(OSError):  # the kernel may still have had them
        os.close(fd)
    with open(w.old, "r+b") as file, mmap.mmap(file.fileno(), 0) as pages:
        pages[0:3] = b"NEW"
        pages.flush()
        with w.cut():
            assert get(w.old)[:3] == b"NEW"


def test_a_write_that_is_synchronous_lasts(w):
    for flag in (os.O_SYNC, os.O_DSYNC):
        put(w.old, b"%03d" % (flag % 1000), flag)
        with w.cut():
            assert get(w.old)[:3] == b"%03d" % (flag % 1000)


def test_extended_attributes(w):
    os.setxattr(w.old, "user.one", b"1")
    os.setxattr(w.old, "user.two", b"22")
    assert os.listxattr(w.old) == ["user.one", "user.two"]
    os.removexattr(w.old, "user.one")
    with failing(errno.ENODATA):
        os.getxattr(w.old, "user.one")
    with w.cut():
        assert os.listxattr(w.old) == []
    sync(w.old)
    with w.cut():
        assert os.getxattr(w.old, "user.two") == b"22"


def test_programs_run_from_it(w):
    program = w.a / "program"
    shutil.copy("/bin/cat", program)
    with subprocess.Popen([program], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:
        child.stdin.write(b"x\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"x\n"  # it has started
        with failing(errno.ETXTBSY):
            os.open(program, os.O_WRONLY)
        program.rename(w.a / "program.old")
        child.stdin.close()
        assert child.wait() == 0


def test_locks(w):
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, 0, 0)
    one, two = (os.open(w.old, os.O_RDWR) for _ in range(2))
    fcntl.flock(one, fcntl.LOCK_EX)
    with failing(errno.EWOULDBLOCK):
        fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.fcntl(one, OFD_SETLK, lock)
    with failing(errno.EAGAIN):
        fcntl.fcntl(two, OFD_SETLK, lock)
    os.close(one)
    os.close(two)


# ---- the models ----

def test_torn_writes_fall_apart_at_sectors(w):
    put(w.old, b"N" * len(OLD), 0)
    for grain in (512, 4096):
        w.disk.tell("sector", grain)
        seen = set()
        for seed in range(4, 20):
            with w.cut("torn", seed):
                data = get(w.old)
            pieces = [data[i:i + grain] for i in range(0, len(OLD), grain)]
            assert len(data) == len(OLD)
            assert all(set(p) == {ord("N")} or ord("N") not in p
                       for p in pieces), (grain, seed)
            seen.add(data)
        assert len(seen) > 8
    w.disk.tell("sector", 0)


def test_ordered_keeps_a_prefix(w):
    for i in range(8):
        (w.a / str(i)).mkdir()
    seen = set()
    for seed in range(4, 40):
        with w.cut("ordered", seed):
            there = sorted(os.listdir(w.a))
        assert there == [*map(str, range(len(there) - 1)), "old"]
        seen.add(len(there))
    assert len(seen) > 5


def test_stale_gives_a_size_without_its_bytes(w):
    new = w.a / "new"
    put(new, b"n" * 9000)
    with w.cut("stale", 0):
        assert get(new) is None
    with w.cut("stale", 1):
        data = get(new)
        assert len(data) == 9000 and b"n" * 9 not in data
    with w.cut("stale", 3):
        assert get(new) == b"n" * 9000
    pieces = set()
    for seed in range(4, 40):
        with w.cut("stale", seed):
            data = get(new) or b""
            pieces |= {data[i:i + 4096] == b"n" * len(data[i:i + 4096])
                       for i in range(0, len(data), 4096)}
    assert pieces == {True, False}
    sync(new)
    with w.cut("stale", 1):
        assert get(new) == b"n" * 9000


def test_stale_blocks_are_new_ones_alone(w):
    put(w.old, b"N" * 1000, 0)
    with w.cut("stale", 1):
        assert get(w.old) == OLD
    put(w.old, b"N", os.O_APPEND)
    with w.cut("stale", 1):
        assert get(w.old)[:-1] == OLD and len(get(w.old)) == len(OLD) + 1


def test_loose_may_leave_both_names_of_a_rename(w):
    new = w.b / "new"
    w.old.rename(new)
    seen = set()
    for seed in range(40):
        with w.cut("loose", seed):
            seen.add((get(w.old), get(new)))
    assert seen == {(OLD, None), (None, OLD), (OLD, OLD)}, len(seen)
    with w.cut("loose", 1):
        assert w.old.stat().st_ino == new.stat().st_ino
        assert w.old.stat().st_nlink == 2
    sync(w.b)
    sync(w.a)
    for seed in range(40):
        with w.cut("loose", seed):
            assert (get(w.old), get(new)) == (None, OLD)


def test_loose_brings_back_what_was_removed(w):
    w.old.unlink()
    put(w.a / "new", b"new")
    with w.cut("loose", 3):
        assert (get(w.old), get(w.a / "new")) == (OLD, b"new")
    with w.cut("loose", 1):  # of its full size, and empty
        assert (get(w.old), get(w.a / "new")) == (None, bytes(3))


def test_loose_writes_times_with_fsync_alone(w):
    before = w.old.stat().st_mtime_ns
    fd = os.open(w.old, os.O_WRONLY)
    os.write(fd, b"NEW")
    os.fdatasync(fd)
    os.close(fd)
    after = w.old.stat().st_mtime_ns
    with w.cut("loose", 3):
        assert get(w.old)[:3] == b"NEW" and w.old.stat().st_mtime_ns == before
    with w.cut("strict"):
        assert w.old.stat().st_mtime_ns == after
    sync(w.old)
    with w.cut("loose", 0):
        assert w.old.stat().st_mtime_ns == after != before


def test_subset_has_every_subset(w):
    for i in range(4):
        (w.a / str(i)).mkdir()
    with w.cut("subset", 0) as (units, _):
        assert units == 4
    seen = set()
    for seed in range(1 << units):
        with w.cut("subset", seed):
            seen.add(tuple(sorted(os.listdir(w.a))))
    assert len(seen) == 16


def test_a_cut_behind_each_operation(w):
    for i in range(3):
        (w.a / str(i)).mkdir()
        sync(w.a)
    w.disk.tell("save", CRASHED)
    for count in range(7):
        w.disk.tell("load", CRASHED)
        w.disk.reboot("strict", 0, count)
        assert sorted(os.listdir(w.a)) == \
            [*map(str, range(count // 2)), "old"]


# ---- faults ----

def test_a_failed_sync_loses_the_pages_for_good(w):
    fd = os.open(w.old, os.O_RDWR)
    os.pwrite(fd, b"NEW", 0)
    w.disk.tell("fail", 2, "EIO")
    with failing(errno.EIO):
        os.fsync(fd)
    os.fsync(fd)  # goes well, and nothing is written
    os.close(fd)
    for model, seed in (("strict", 0), ("ordered", 3), ("torn", 3)):
        with w.cut(model, seed):
            assert get(w.old)[:3] == b"old", model


def test_faults_by_number(w):
    w.disk.tell("fail", 2, "ENOSPC", 2)
    put(w.a / "x", b"", os.O_CREAT)
    with failing(errno.ENOSPC):
        (w.a / "y").mkdir()
    with failing(errno.ENOSPC):
        (w.a / "x").unlink()
    (w.a / "x").unlink()
    w.disk.tell("fail", 5, "EROFS")
    with failing(errno.EROFS):
        w.old.rename(w.b / "old")
    assert w.disk.log() == [
        "create /a/x", "mkdir /a/y = ENOSPC", "unlink /a/x = ENOSPC",
        "unlink /a/x", "rename /a/old -> /b/old = EROFS"]


def test_space_runs_out(w):
    w.disk.tell("space", 40960)
    try:
        assert os.statvfs(w.root).f_bavail == 6
        fd = os.open(w.a / "big", os.O_CREAT | os.O_WRONLY)
        assert os.write(fd, b"x" * 30000) == 6 * 4096
        with failing(errno.ENOSPC):
            os.write(fd, b"x")
        os.close(fd)
        (w.a / "big").unlink()
        fd = os.open(w.a / "big", os.O_CREAT | os.O_WRONLY)
        os.posix_fallocate(fd, 0, 20000)
        assert os.statvfs(w.root).f_bavail == 1
        with failing(errno.ENOSPC):
            os.posix_fallocate(fd, 0, 30000)
        os.close(fd)
    finally:
        w.disk.tell("space", 1 << 30)


def test_without_power_nothing_works(w):
    fd = os.open(w.old, os.O_RDWR)
    w.disk.tell("cut", 1)
    os.pwrite(fd, b"1", 0)
    with failing(errno.EIO):
        os.pwrite(fd, b"2", 0)
    with failing(errno.EIO):
        w.old.stat()
    assert w.disk.log() == ["write /a/old 0+1"]
    w.disk.reboot("torn", 3, 1)
    assert get(w.old)[:2] == b"1l"
    os.close(fd)


# ---- small updaters ----

NEW = b"new" * 6000
TEXTS = {b"idle\n": "idle", b"installing\n": "installing",
         b"installed\n": "installed"}


class Updater:
    """Replaces bin/app and tells so in state/status; `flaw` is its mistake."""

    def __init__(self, root, flaw=None):
        self.bin, self.state, self.flaw = root / "bin", root / "state", flaw
        self.app, self.status = self.bin / "app", self.state / "status"

    def furnish(self):
        self.bin.mkdir()
        self.state.mkdir()
        self.app.write_bytes(OLD)
        self.status.write_bytes(b"idle\n")

    def tell(self, text):
        if self.flaw == "status in place":
            put(self.status, text, sync=True)
            return
        new = self.state / "status.new"
        put(new, text, sync=True)
        new.rename(self.status)
        sync(self.state)

    def run(self):
        if get(self.status) == b"installed\n":
            return
        if self.flaw == "told before it is done":
            self.tell(b"installed\n")
        else:
            self.tell(b"installing\n")
        new, backup = self.bin / "app.new", self.bin / "app.old"
        new.unlink(missing_ok=True)  # it may be a second name of the program
        put(new, NEW, sync=self.flaw != "file not synced")
        backup.unlink(missing_ok=True)
        os.link(self.app, backup)
        if self.flaw != "folder not synced":
            sync(self.bin)
        if self.flaw == "gap":
            self.app.unlink()
        new.rename(self.app)
        if self.flaw != "folder not synced":
            sync(self.bin)
        self.tell(b"installed\n")

    def complaint(self):
        """Of what is left after a cut; None when all is well."""
        app, status = get(self.app), TEXTS.get(get(self.status))
        if app is None:
            return "the program is gone"
        if app not in (OLD, NEW):
            return "the program is neither old nor new"
        if status is None:
            return "the status cannot be read"
        if status == "installed" and app == OLD:
            return "told that it is installed, and it is not"
        return None


def explore(w, flaw):
    """{(model, complaint, the operation before the cut)} and the operations."""
    updater = Updater(w.root, flaw)
    w.disk.tell("load", EMPTY)
    updater.furnish()
    w.disk.tell("reset")
    updater.run()
    w.disk.tell("save", CRASHED)
    log, found = w.disk.log(), set()
    for count in range(len(log) + 1):
        for model in disk.MODELS:
            units = 0
            for seed in range(1 if model == "strict" else 24):
                if model == "subset" and seed and seed >= 1 << units:
                    break
                w.disk.tell("load", CRASHED)
                units, _ = w.disk.reboot(model, seed, count)
                bad = updater.complaint()
                if bad:
                    found.add((model, bad, log[count - 1]))
                    continue
                updater.run()  # goes on without help
                assert (get(updater.app), get(updater.status)) == \
                    (NEW, b"installed\n"), (model, seed, log[count - 1])
    return found, log


def expect_found(w, flaw, models, complaint, behind):
    found, _ = explore(w, flaw)
    assert {model for model, _, _ in found} == set(models), found
    assert complaint in {bad for _, bad, _ in found}, found
    places = {" ".join(place.split()[:2]) for _, _, place in found}
    assert places == set(behind), places


def test_the_right_updater_passes(w):
    found, log = explore(w, None)
    assert not found, found
    assert sum(line.split()[0] in disk.SYNCS for line in log) == 7


def test_a_file_that_is_not_synced_is_missed(w):
    expect_found(w, "file not synced", disk.MODELS,
                 "the program is neither old nor new",
                 ["rename /bin/app.new", "fsyncdir /bin",
                  "create /state/status.new", "write /state/status.new",
                  "fsync /state/status.new", "rename /state/status.new",
                  "fsyncdir /state"])


def test_a_folder_that_is_not_synced_is_missed(w):
    expect_found(w, "folder not synced", ["strict", "torn", "subset", "loose"],
                 "told that it is installed, and it is not",
                 ["rename /state/status.new", "fsyncdir /state"])


def test_a_gap_between_old_and_new_is_missed(w):
    expect_found(w, "gap", ["ordered", "torn", "subset", "stale", "loose"],
                 "the program is gone",
                 ["unlink /bin/app", "rename /bin/app.new"])


def test_a_status_written_in_place_is_missed(w):
    expect_found(w, "status in place", ["ordered", "torn", "subset", "stale", "loose"],
                 "the status cannot be read",
                 ["truncate /state/status", "write /state/status"])


def test_what_is_told_before_it_is_done_is_missed(w):
    found, _ = explore(w, "told before it is done")
    assert {model for model, _, _ in found} == set(disk.MODELS), found
    assert {bad for _, bad, _ in found} == \
        {"told that it is installed, and it is not"}, found


# ---- all of them ----

def run(tests, device):
    good = bool(tests)
    print(f"1..{len(tests)}", flush=True)
    for number, (name, function) in enumerate(tests, 1):
        try:
            function(World(device))
            print(f"ok {number} - {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            good = False
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in
                          traceback.format_exc().splitlines()), flush=True)
    return good


def main():
    program = pathlib.Path(sys.argv[1]).resolve() / "tests/powercut/powercut"
    reason = disk.why_not(program)
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    tests = [(name, function) for name, function in globals().items()
             if name.startswith("test_") and
             (not sys.argv[2:] or name in sys.argv[2:])]
    with tempfile.TemporaryDirectory(prefix="otad-powercut-") as folder:
        disk.hide_mounts()
        device = disk.Disk(program, pathlib.Path(folder) / "disk")
        try:
            device.tell("save", EMPTY)
            return 0 if run(tests, device) else 1
        finally:
            device.close()


if __name__ == "__main__":
    sys.exit(main())
