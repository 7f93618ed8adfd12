"""Every system call, and every allocation, of an update fails once.

Scenarios are whole updates by a cloud, with the real programs, a real broker and
a real web server: otad itself, a program, a configuration file, a handler; each
confirmed and each rolled back. A run under strace(1) tells which calls otad makes;
then each is made to fail, one a run: (call, errno, occurrence). So is each
allocation, by tests/support/fail-malloc.c.

After a fault otad goes on, or ends with a message; it never crashes, never hangs.
Started again without a fault where it has ended, the job ends, the cloud hears of
it, the target is the old version or the new one as the report says, and nothing is
left in jobs/ and outbox/.

    faults.py BUILD [--sample N] [--seed N] [--jobs N] [--call CALL] [SCENARIO...]
    faults.py BUILD --case SCENARIO/CALL:ERRNO:N

Without --sample all there are: days. --call restricts them to one call ("malloc"
among them), and may be repeated. Prints one line a finding, counts at the end.
"""

import argparse
import collections
import concurrent.futures
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
import lab  # pylint: disable=wrong-import-position

# What each call may fail with. Those that are not here cannot fail in a way that
# means anything (getpid), or end by themselves (exit). Nor those by which memory comes:
# before main() they are the loader's, which does not survive them, and afterwards a
# malloc(3) fails, which is tried by itself.
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
    "close_range": ("ENOSYS",),
}
# A job goes on after waits of up to a minute.
END_S = 240
HEALTHY = "HealthPeriod=100ms\n"

Case = collections.namedtuple("Case", "scenario call errno number")


def name_of(case):
    return f"{case.scenario}/{case.call}:{case.errno}:{case.number}"


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
            update="ConfirmTimeout=20s", download="Timeout=10s\nAttempts=5"))
        return otad

    def _folder(self):
        folder = self.lab.folder / f"gateway-{self.count}"
        folder.mkdir()
        return folder


def wrapper_of(case, build):
    if case is None:
        return [], {}
    if case.call == "malloc":
        return [], {"LD_PRELOAD": str(build / "tests/unit/libfail-malloc.so"),
                    "OTAD_FAIL_MALLOC": str(case.number)}
    return ["strace", "-D", "-qqq", "-o", "/dev/null", "-e",
            f"trace={case.call}", "-e",
            f"inject={case.call}:error={case.errno}:when={case.number}"], {}


class Run:
    """One gateway's life with one fault; `trace` sees its calls instead."""

    def __init__(self, world, scenario, case=None, wrapper=None, env=None):
        self.world, self.scenario, self.case = world, scenario, case
        self.otad = world.gateway(scenario)
        own, own_env = wrapper_of(case, world.build)
        self.otad.wrapper = wrapper if wrapper is not None else own
        self.otad.extra_env = env if env is not None else own_env
        self.id = f"m{os.getpid()}-{world.count}"
        self.faulty = True
        self.seen_end = None
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
        if status < 0 and not aborts:
            raise Wrong(f"ended by {signal.Signals(-status).name}")
        if status > 0 and not log.strip():
            raise Wrong(f"ended with {status} and no message")

    def start(self):
        self.log_mark = len(self.otad.log())
        self.otad.start(wait=False)

    def start_again(self):
        """Without the fault: it was one that ends."""
        self.check_exit()
        if self.otad.starts > 12:
            raise Wrong("starts again and again")
        self.otad.wrapper, self.otad.extra_env = [], {}
        self.faulty = False
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
                    time.monotonic() - offered > 5:
                # A cloud repeats what it saw no answer to.
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
            self.check_rest()
            if not self.ended():
                self.stop()
        finally:
            if not self.ended():
                self.otad.kill()
            self.log = self.otad.log()
            if not os.environ.get("OTAD_KEEP"):
                shutil.rmtree(self.otad.folder, ignore_errors=True)
        return self.seen_end


# ---- all of them ----

def traced(world, scenario):
    """How often otad makes each call in a life without a fault."""
    path = world.lab.folder / f"{scenario.name}.trace"
    end = Run(world, scenario,
              wrapper=["strace", "-D", "-qqq", "-o", str(path)], env={})()
    wanted = "completed" if scenario.succeeds else "failed"
    if end["state"] != wanted:
        raise Wrong(f"{scenario.name} without a fault: {end}")
    calls = re.findall(r"^(\w+)\(", path.read_text(errors="replace"), re.M)
    return collections.Counter(calls)


def allocations(world, scenario):
    path = world.lab.folder / f"{scenario.name}.allocations"
    Run(world, scenario, wrapper=[], env={
        "LD_PRELOAD": str(world.build / "tests/unit/libfail-malloc.so"),
        "OTAD_COUNT_MALLOC": str(path)})()
    return int(path.read_text()) if path.exists() else 0


def all_cases(world, names):
    cases = []
    for name in names:
        scenario = Scenario(name)
        for call, count in sorted(traced(world, scenario).items()):
            # The first execve is strace's own.
            first = 2 if call == "execve" else 1
            cases += [Case(name, call, errno, number)
                      for errno in ERRNOS.get(call, ())
                      for number in range(first, count + 1)]
        cases += [Case(name, "malloc", "ENOMEM", number)
                  for number in range(allocations(world, scenario))]
    return cases


def sample(cases, count, seed):
    """As many of each call as of any other: most calls are reads."""
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
    run = None
    try:
        run = Run(worker["world"], Scenario(case.scenario), case)
        return case, run()["state"], None
    except (Wrong, lab.Failure, OSError, ValueError, KeyError) as why:
        log = run.log[-2500:] if run else ""
        return case, None, f"{why}\n{log}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--call", action="append")
    parser.add_argument("--case")
    parser.add_argument("scenarios", nargs="*")
    options = parser.parse_intermixed_args()
    if not shutil.which("strace"):
        print("no strace")
        sys.exit(77)
    began = time.monotonic()
    if options.case:
        scenario, rest = options.case.split("/")
        call, errno, number = rest.split(":")
        cases = [Case(scenario, call, errno, int(number))]
    else:
        world = World(options.build)
        try:
            cases = all_cases(world, options.scenarios or SCENARIOS)
        finally:
            world.close()
    if options.call:
        cases = [case for case in cases if case.call in options.call]
    there = len(cases)
    if options.sample:
        cases = sample(cases, options.sample, options.seed)
    print(f"{there} faults there are, {len(cases)} are tried, seed "
          f"{options.seed}", flush=True)
    ends, findings = collections.Counter(), 0
    with concurrent.futures.ProcessPoolExecutor(
            options.jobs, multiprocessing.get_context("fork"), begin_worker,
            (options.build,)) as pool:
        for case, state, wrong in pool.map(try_case, cases):
            ends[state] += 1
            if wrong:
                findings += 1
                print(f"{name_of(case)}: {wrong}", flush=True)
    print(f"{len(cases)} faults of {len(set(c.call for c in cases))} calls: "
          f"{ends['completed']} completed, {ends['failed']} failed or rolled "
          f"back, {findings} findings; {time.monotonic() - began:.0f} s")
    sys.exit(1 if findings or not cases else 0)


main()
