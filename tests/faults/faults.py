"""Every system call, and every allocation, of an update fails once.

Scenarios are whole updates by a cloud, with the real programs, a real broker and
a real web server: otad itself, a program, a configuration file, a handler; each
confirmed and each rolled back. A run with inject.c preloaded records the sites:
the paths of calls that lead to a system call or an allocation, those of libraries
and those between vfork(2) and execve(2) among them. Then each site is made to fail,
one a run, for each errno, in the first scenario that has the path (--everywhere: in each):
the first time it is reached, and the last; an allocation the first time. strace(1) sees the same
updates, and tells which calls the recording missed.

After a fault otad goes on, or ends with a message that names it; it never crashes,
never hangs. (Where a library does not survive that its own allocation fails, that is
counted by itself.) Started again without a fault where it has ended, the job ends, the
cloud hears of it, the target is the old version or the new one as the report says,
and nothing is left in jobs/ and outbox/.

    faults.py BUILD [--sample N] [--seed N] [--jobs N] [--call CALL] [--everywhere]
              [SCENARIO...]
    faults.py BUILD --case SCENARIO/CALL:ERRNO:SITE:N

--call restricts them to one call ("malloc" among them), and may be repeated. Prints
one line a finding, counts at the end.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import errno
import multiprocessing
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import lab  # pylint: disable=wrong-import-position
import sites  # pylint: disable=wrong-import-position

# What each call may fail with. Those that are not here cannot fail in a way that
# means anything (getpid), or end by themselves (exit).
ERRNOS = {
    "openat": ("EMFILE", "EIO", "ENOMEM"), "open": ("EMFILE",),
    "read": ("EIO", "EINTR"), "pread64": ("EIO",),
    "write": ("ENOSPC", "EIO"), "writev": ("EIO",),
    "pwrite64": ("ENOSPC", "EIO"), "pwritev": ("ENOSPC",),
    "fsync": ("EIO", "ENOSPC"), "fdatasync": ("EIO", "ENOSPC"),
    "sync_file_range": ("EIO",), "fallocate": ("ENOSPC", "EOPNOTSUPP"),
    "ftruncate": ("EIO", "ENOSPC"), "lseek": ("EINVAL",),
    "rename": ("EIO", "ENOSPC"), "renameat": ("EIO", "ENOSPC"),
    "renameat2": ("EIO", "ENOSPC"),
    "unlink": ("EIO", "EROFS"), "unlinkat": ("EIO", "EROFS"),
    "link": ("EPERM", "EIO", "EMLINK"), "linkat": ("EPERM", "EIO"),
    "mkdir": ("ENOSPC", "EACCES"), "mkdirat": ("ENOSPC",),
    "newfstatat": ("EIO", "EACCES"), "fstat": ("EIO",), "lstat": ("EIO",),
    "statx": ("EIO",), "statfs": ("EIO",), "access": ("EIO",),
    "readlink": ("EIO",), "getdents64": ("EIO",),
    "fchmod": ("EPERM",), "fchown": ("EPERM",), "chmod": ("EPERM",),
    "llistxattr": ("EIO",), "lgetxattr": ("EIO",), "fsetxattr": ("ENOSPC",),
    "flistxattr": ("EIO",), "fgetxattr": ("EIO",), "listxattr": ("EIO",),
    "flock": ("ENOLCK", "EWOULDBLOCK"), "copy_file_range": ("EIO", "EXDEV"),
    "ioctl": ("ENOTTY",), "fcntl": ("EINVAL",), "dup2": ("EMFILE",),
    "pipe": ("EMFILE",), "pipe2": ("EMFILE",), "eventfd2": ("EMFILE",),
    "clone": ("EAGAIN",), "clone3": ("EAGAIN", "ENOMEM"), "vfork": ("EAGAIN",),
    "fork": ("EAGAIN",), "execve": ("ENOEXEC", "ENOMEM"),
    "kill": ("EPERM",),
    "pidfd_open": ("EMFILE",), "pidfd_send_signal": ("EPERM",),
    "socket": ("EMFILE", "ENOBUFS"), "socketpair": ("EMFILE",),
    "connect": ("ECONNREFUSED", "ENETUNREACH"), "bind": ("EACCES",),
    "listen": ("EADDRINUSE",), "accept4": ("EMFILE", "ECONNABORTED"),
    "sendto": ("ECONNRESET", "ENOBUFS"), "recvfrom": ("ECONNRESET",),
    "sendmsg": ("ECONNRESET",), "recvmsg": ("ECONNRESET",),
    "setsockopt": ("ENOPROTOOPT",), "getsockopt": ("ENOBUFS",),
    "getsockname": ("ENOBUFS",), "getpeername": ("ENOTCONN",),
    "shutdown": ("ENOTCONN",), "poll": ("ENOMEM", "EINTR"),
    "epoll_create1": ("EMFILE",), "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR",), "epoll_pwait2": ("EINTR",),
    "timerfd_create": ("EMFILE",), "timerfd_settime": ("EINVAL",),
    "signalfd4": ("EMFILE",), "inotify_init1": ("EMFILE",),
    "io_setup": ("EAGAIN", "ENOSYS"), "io_submit": ("EAGAIN",),
    "io_getevents": ("EINTR",),
    "getrandom": ("EAGAIN",), "mremap": ("ENOMEM",),
    "close_range": ("ENOSYS",), "close": ("EIO",),
    "fremovexattr": ("EIO",), "utimensat": ("EPERM",),
    "setpgid": ("EPERM",), "prctl": ("EINVAL",), "mmap": ("ENOMEM",),
    "munmap": ("ENOMEM",), "brk": ("ENOMEM",), "pthread_create": ("EAGAIN",),
    **{name: ("ENOMEM",) for name in sites.ALLOCATIONS},
}
# A job goes on after waits of up to a minute.
END_S = 240
# With these a service manager does not start otad again: somebody has to mend the
# configuration, or who may read it.
FOR_GOOD = (2, 78)
# A cloud repeats what it saw no answer to.
AGAIN_S = 2
HEALTHY = "HealthPeriod=100ms\n"

# site: its hash; number: 1, the first time that it is reached, and so on.
Case = collections.namedtuple("Case", "scenario call errno site number frames",
                              defaults=((),))


def name_of(case):
    return (f"{case.scenario}/{case.call}:{case.errno}:{case.site:016x}:"
            f"{case.number}")


def case_of(name):
    scenario, rest = name.split("/")
    call, error, site, number = rest.split(":")
    return Case(scenario, call, error, int(site, 16), int(number))


class Wrong(Exception):
    """What may not be after a fault."""


# ---- what is updated ----

class Scenario:
    """One update of [Module default], from an old file to a new one."""

    def __init__(self, name):
        self.name = name
        self.kind, self.way = name.split("-")
        self.succeeds = self.way == "confirmed"

    @property
    def confirm(self):
        return "ConfirmTimeout=" + (
            "1s" if self.name == "binary-rolledback" else "20s")

    @property
    def launched(self):
        return self.kind == "self"

    def module(self, folder):
        target = folder / "target"
        bad = "" if self.succeeds else f"HealthCheck=cmp -s {target} /bin/true\n"
        if self.kind == "self":
            return "Type=self\n"
        if self.kind == "binary":
            return f"Type=binary\nPath={target}\nRestart=true\n{HEALTHY}{bad}"
        if self.kind == "config":
            reload = "true" if self.succeeds else f"grep -q old {target}"
            return (f"Type=config\nPath={target}\nCheck=grep -q .\n"
                    f"Reload={reload}\n")
        return f"Type=exec\nHandler={folder / 'handler'}\n"

    def old(self, build):
        if self.kind == "self":
            return (build / "otad").read_bytes()
        return b"old\n" if self.kind != "binary" else \
            pathlib.Path("/bin/true").read_bytes()

    def new(self, build):
        if self.kind == "self":
            return (build / "tests/system" / (
                "otad-1.0.1" if self.succeeds else
                "version-that-aborts")).read_bytes()
        return b"new\n" if self.kind != "binary" else \
            (build / "tests/system/version-that-hangs").read_bytes()

    def prepare(self, folder, build):
        if self.kind == "self":
            return
        target = folder / "target"
        target.write_bytes(self.old(build))
        target.chmod(0o755)
        if self.kind == "exec":
            healthy = "true" if self.succeeds else "false"
            handler = folder / "handler"
            handler.write_text(f"""#!/bin/sh
set -e
case $1 in
version) [ -s {folder}/version ] && cat {folder}/version || echo 1.0.0 ;;
check) true ;;
install) cp "$OTA_ARTIFACT" {target}.half; sync {target}.half
	mv {target}.half {target}; echo "$OTA_VERSION" >{folder}/version ;;
health) {healthy} ;;
rollback) echo old >{target}; echo 1.0.0 >{folder}/version ;;
esac
""")
            handler.chmod(0o755)


KINDS = ("self", "binary", "config", "exec")
SCENARIOS = [f"{kind}-{way}" for kind in KINDS
             for way in ("confirmed", "rolledback")]


# ---- one update with a fault in it ----

class World:
    """Broker and web server of one worker; a gateway for each case."""

    def __init__(self, build):
        self.lab = lab.Lab(build)
        self.build = self.lab.build
        self.broker = self.lab.start_broker()
        self.web = self.lab.start_nginx()
        self.count = 0

    def close(self):
        self.lab.__exit__(None, None, None)

    def gateway(self, scenario):
        self.count += 1
        otad = lab.Otad(self._folder(), self.build, "", scenario.launched)
        scenario.prepare(otad.folder, self.build)
        otad.write_config(lab.base_config(
            self.broker, lab.HANQI,
            "[Module default]\n" +
            ("" if scenario.kind == "self" else "Version=1.0.0\n") +
            scenario.module(otad.folder),
            update=scenario.confirm, download="Timeout=10s\nAttempts=5"))
        return otad

    def _folder(self):
        folder = self.lab.folder / f"gateway-{self.count}"
        folder.mkdir()
        return folder


class Run:
    """One gateway's life: with one fault, or seen by a recording or a wrapper."""

    def __init__(self, world, scenario, case=None, wrapper=()):
        self.world, self.scenario, self.case = world, scenario, case
        self.otad = world.gateway(scenario)
        self.otad.wrapper = list(wrapper)
        self.shared = self.otad.folder / "faults"
        if case:
            sites.prepare(self.shared, case.site, case.number,
                          getattr(errno, case.errno))
        else:
            sites.prepare(self.shared)
        self.otad.extra_env = {
            "LD_PRELOAD": str(world.build / "tests/faults/inject.so"),
            "OTAD_FAULTS": str(self.shared)}
        self.id = f"m{os.getpid()}-{world.count}"
        self.seen_end = None
        self.injected = False
        self.crashed = ""
        self.started_again = False
        self.sites = []
        self.log = ""

    # -- what the broker has heard

    def _reports(self):
        return [m.payload["data"] for m in self.world.broker.messages[self.mark:]
                if isinstance(m.payload, dict) and
                m.payload.get("msgType") == "ota_progress" and
                m.payload.get("msgId") == self.id]

    def end(self):
        for report in self._reports():
            if report["state"] in ("completed", "failed"):
                self.seen_end = report
                return report
        return None

    def begun(self):
        jobs = self.otad.state / "jobs"
        return bool(self._reports()) or \
            (jobs.is_dir() and any(jobs.glob("*.json")))

    # -- otad, which may end at any moment

    def ended(self):
        return self.otad.process.poll() is not None

    def check_exit(self):
        status = self.otad.process.returncode
        log = self.otad.log()[self.log_mark:]
        aborts = self.scenario.name == "self-rolledback" and \
            status == -signal.SIGABRT
        library = sites.crashed_in(self.shared)
        if status < 0 and library and self.case.call in sites.ALLOCATIONS:
            self.crashed = library
        elif status < 0 and not aborts:
            raise Wrong(f"ended by {signal.Signals(-status).name}")
        if status in FOR_GOOD and self.case.errno != "EACCES":
            raise Wrong(f"ended with {status}, and nobody starts it again")
        if status > 0 and not self.explains(log):
            raise Wrong(f"ended with {status} and no message that says why")

    def explains(self, log):
        """Whether a line says what failed, as errno or as its kind."""
        words = [os.strerror(getattr(errno, self.case.errno))]
        if self.case.errno == "ENOMEM":
            words += ["memory"]
        if self.case.call == "flock":
            words += ["another otad"]
        return any(word.lower() in log.lower() for word in words)

    def start(self):
        self.log_mark = len(self.otad.log())
        self.otad.start(wait=False)

    def start_again(self):
        """Without the fault: it was one that ends."""
        self.check_exit()
        self.started_again = True
        if self.otad.starts > 12:
            raise Wrong("starts again and again")
        self.otad.extra_env = {}
        self.start()

    def ready(self):
        """True when it listens, or False when it has ended."""
        def looks():
            if self.ended():
                return "ended"
            return "ready" if self.otad.socket.exists() and \
                self.heartbeat() else None
        return lab.wait_until("otad is ready, or ends", looks,
                              END_S) == "ready"

    def heartbeat(self):
        return any(isinstance(m.payload, dict) and
                   m.payload.get("msgType") == "heartbeat"
                   for m in self.world.broker.messages[self.start_mark:])

    def offer(self):
        new = self.scenario.new(self.world.build)
        url = self.world.web.put(f"{self.scenario.name}-{os.getpid()}", new)
        self.world.broker.publish(lab.HANQI_COMMAND, lab.hanqi_upgrade(
            "1.0.1", url, new, self.id))

    # -- the whole of it

    def until_end(self):
        """Ends, starts and offers, as a supervisor and a cloud would."""
        offered = 0.0
        while not self.end():
            if self.ended():
                self.start_mark = self.world.broker.mark()
                self.start_again()
                offered = 0.0
            elif time.monotonic() > self.deadline:
                raise Wrong("no end of the job within "
                            f"{END_S} s" + (" after it had begun"
                                            if self.begun() else ""))
            elif not self.begun() and self.heartbeat() and \
                    time.monotonic() - offered > AGAIN_S:
                self.offer()
                offered = time.monotonic()
            else:
                time.sleep(0.02)

    def check_target(self):
        old = self.scenario.old(self.world.build)
        new = self.scenario.new(self.world.build)
        target = self.otad.target if self.scenario.kind == "self" else \
            self.otad.folder / "target"
        done = self.seen_end["state"] == "completed"
        if not target.exists() and not done and self.scenario.launched:
            return  # the factory version, beside it
        found = target.read_bytes()
        if found not in (old, new):
            raise Wrong("the target is neither old nor new")
        if (found == new) != done:
            raise Wrong(f"reported {self.seen_end}, but the "
                        f"{'new' if found == new else 'old'} version is there")

    def check_told(self):
        """A fault that spoils an update is named, to people and to the cloud."""
        if self.seen_end["state"] == "completed" or not self.scenario.succeeds:
            return
        if not self.explains(self.otad.log()):
            raise Wrong("failed, and no line says what of")
        if not self.explains(self.seen_end.get("errorMessage", "")):
            raise Wrong(f"the cloud is not told what failed: {self.seen_end}")

    def check_rest(self):
        def is_clean():
            if self.ended():
                self.start_mark = self.world.broker.mark()
                self.start_again()
            return not any(any((self.otad.state / d).glob("*.json"))
                           for d in ("jobs", "outbox")
                           if (self.otad.state / d).is_dir())
        try:
            lab.wait_until("clean", is_clean, 70)
        except lab.Failure:
            # The file of a report that could not be removed: the next start
            # sends it once more.
            self.stop()
        try:
            lab.wait_until("clean", is_clean, END_S)
        except lab.Failure:
            left = [p.name for d in ("jobs", "outbox")
                    for p in (self.otad.state / d).glob("*.json")]
            raise Wrong(f"left: {' '.join(left)}") from None
        if any(self.otad.state.rglob("*.bad")):
            raise Wrong("a state file was set aside")

    def stop(self):
        self.otad.process.send_signal(signal.SIGTERM)
        try:
            self.otad.process.wait(60)
        except Exception:
            raise Wrong("does not stop") from None
        if self.otad.process.returncode != 0 and \
                self.otad.process.returncode != -signal.SIGTERM:
            self.check_exit()

    def __call__(self):
        self.mark = self.start_mark = self.world.broker.mark()
        self.deadline = time.monotonic() + END_S
        try:
            self.start()
            self.until_end()
            self.check_target()
            if self.case:
                self.check_told()
            self.check_rest()
            if not self.ended():
                self.stop()
        finally:
            if not self.ended():
                self.otad.kill()
            self.log = self.otad.log()
            if self.case:
                self.injected = sites.was_injected(self.shared)
            else:
                self.sites = sites.read(self.shared)
            if not os.environ.get("OTAD_KEEP"):
                shutil.rmtree(self.otad.folder, ignore_errors=True)
        return self.seen_end


# ---- all of them ----

def undisturbed(world, scenario, wrapper=()):
    run = Run(world, scenario, wrapper=wrapper)
    end = run()
    wanted = "completed" if scenario.succeeds else "failed"
    if end["state"] != wanted:
        raise Wrong(f"{scenario.name} without a fault: {end}")
    return run


def undispatched(text):
    """The calls in a trace of otad that came past inject.so."""
    dispatched, announced, past = False, None, set()
    for line in text.splitlines():
        signal_ = re.match(r"--- SIGSYS .*si_syscall=__NR_(\w+)", line)
        call = re.match(r"(\w+)\(", line)
        if signal_:
            announced = signal_[1]
        elif call and call[1] == "execve":
            dispatched = False
        elif call and "PR_SET_SYSCALL_USER_DISPATCH" in line:
            dispatched = True
        elif call and dispatched and \
                call[1] not in (announced, "rt_sigreturn"):
            past.add(call[1])
    return past


def witness(world, scenario):
    """strace(1) sees each call of otad; the recording must have seen it, too."""
    path = world.lab.folder / "trace"
    undisturbed(world, scenario, ["strace", "-D", "-q", "-o", str(path)])
    past = undispatched(path.read_text(errors="replace"))
    if past:
        raise Wrong(f"{scenario.name}: not seen: {' '.join(sorted(past))}")


def numbers_of(site):
    """Which times of a site: what comes in between is as the first or the last."""
    return (1, site.count) if site.count > 1 and \
        site.call not in sites.ALLOCATIONS else (1,)


def all_cases(world, names, everywhere):
    cases, known = [], set()
    for name in names:
        recorded = undisturbed(world, Scenario(name)).sites
        witness(world, Scenario(name))
        recorded = [site for site in recorded if site.hash not in known]
        if not everywhere:
            known |= {site.hash for site in recorded}
        cases += [Case(name, site.call, error, site.hash, number, site.frames)
                  for site in sorted(recorded, key=lambda site: site.frames)
                  for error in ERRNOS.get(site.call, ())
                  for number in numbers_of(site)]
        print(f"{name}: {len(recorded)} sites", flush=True)
    return cases


def sample(cases, count, seed):
    """As many of each call as of any other: most are allocations."""
    order = random.Random(seed)
    by_call = collections.defaultdict(list)
    for case in cases:
        by_call[case.call].append(case)
    for each in by_call.values():
        order.shuffle(each)
    chosen = []
    while len(chosen) < count and by_call:
        for call in sorted(by_call):
            chosen.append(by_call[call].pop())
            if not by_call[call]:
                del by_call[call]
    # Half of them anywhere, so that the common calls have their share.
    order.shuffle(chosen)
    return chosen[:count]


worker = {}


def begin_worker(build):
    worker["world"] = World(build)
    multiprocessing.util.Finalize(None, worker["world"].close, exitpriority=10)


def try_case(case):
    """How it ended, and what was wrong about it."""
    run = None
    try:
        run = Run(worker["world"], Scenario(case.scenario), case)
        state = run()["state"]
        if not run.injected:
            return "not met", None
        if run.crashed:
            return f"{state} after a crash in {run.crashed}", None
        return f"{state}, started again" \
            if run.started_again else state, None
    except (Wrong, lab.Failure, OSError, ValueError, KeyError) as why:
        return "wrong", f"{why}\n{run.log[-2500:] if run else ''}"


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    # They wait more than they work.
    parser.add_argument("--jobs", type=int, default=4 * os.cpu_count())
    parser.add_argument("--call", action="append")
    parser.add_argument("--everywhere", action="store_true")
    parser.add_argument("--case")
    parser.add_argument("scenarios", nargs="*")
    return parser.parse_intermixed_args()


def choose(options):
    if options.case:
        return [case_of(options.case)]
    with contextlib.closing(World(options.build)) as world:
        cases = all_cases(world, options.scenarios or SCENARIOS,
                          options.everywhere)
    if options.call:
        cases = [case for case in cases if case.call in options.call]
    there = (f"{len(cases)} faults at {len({case.site for case in cases})} "
             "sites")
    if options.sample:
        cases = sample(cases, options.sample, options.seed)
    print(f"{there}, {len(cases)} are tried, seed {options.seed}", flush=True)
    return cases


def main():
    options = arguments()
    if platform.machine() != "x86_64":
        print("system calls are dispatched on x86_64 only")
        sys.exit(77)
    began = time.monotonic()
    cases = choose(options)
    ends, findings = collections.Counter(), 0
    program = pathlib.Path(options.build) / "otad"
    with concurrent.futures.ProcessPoolExecutor(
            options.jobs, multiprocessing.get_context("fork"), begin_worker,
            (options.build,)) as pool:
        tried = {pool.submit(try_case, case): case for case in cases}
        for one in concurrent.futures.as_completed(tried):
            case, (end, wrong) = tried[one], one.result()
            ends[end] += 1
            if sum(ends.values()) % 1000 == 0:
                print(f"{sum(ends.values())} tried, "
                      f"{time.monotonic() - began:.0f} s", flush=True)
            if "crash" in end:
                print(f"{name_of(case)}: {end}", flush=True)
            if wrong:
                findings += 1
                print(f"{name_of(case)}: {wrong}\n  at "
                      f"{sites.describe(case.frames, program)}", flush=True)
    print(f"{len(cases)} faults of {len(set(c.call for c in cases))} calls: " +
          ", ".join(f"{count} {end}" for end, count in sorted(ends.items())) +
          f"; {findings} findings; {time.monotonic() - began:.0f} s")
    sys.exit(1 if findings or not cases else 0)


if __name__ == "__main__":
    main()
