"""What otad costs, beside what one would do by hand. See benchmarks/run.

Everything is measured in one run on one machine, the rivals in turn, and given
as medians of five runs and as ratios.
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/system"))

import lab  # noqa: E402

RUNS = 5
SIZE_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def say(text=""):
    print(text, flush=True)


def cpu_s(pid):
    """User and system time of a process and of its ended children."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    return sum(int(t) for t in fields.split()[11:15]) * TICK_S


def status_kib(pid, key):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M)[1])


def pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1])


def wakeups(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])


def median(values):
    return statistics.median(values)


def make_artifact(web):
    """1 GiB that neither compresses nor repeats, and its digest."""
    path = web.files / "artifact"
    say("Making an artifact of 1 GiB")
    with open(path, "wb") as file:
        for _ in range(SIZE_BYTES // CHUNK_BYTES):
            file.write(os.urandom(CHUNK_BYTES))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-r", str(path)],
                          check=True, capture_output=True, text=True)
    return f"http://127.0.0.1:{web.port}/artifact", done.stdout.split()[0]


def by_hand(world, url):
    """curl -o FILE, then openssl dgst: CPU seconds of both."""
    target = world.folder / "by-hand"
    before = os.times()
    subprocess.run(["curl", "-s", "-o", str(target), url], check=True)
    subprocess.run(["openssl", "dgst", "-sha256", str(target)], check=True,
                   stdout=subprocess.DEVNULL)
    after = os.times()
    target.unlink()
    return (after.children_user - before.children_user +
            after.children_system - before.children_system)


def by_otad(otad, url, digest, number):
    before = cpu_s(otad.process.pid)
    started = time.monotonic()
    done = otad.ctl("update", "big", "--url", url, "--version",
                    f"{number}", "--sha256", digest, "--wait", check=False)
    if done.returncode != 0:
        raise lab.Failure(f"the update failed: {done.stderr}\n{otad.log()}")
    return cpu_s(otad.process.pid) - before, time.monotonic() - started


def gateway(world, broker_port=None):
    broker = world.start_broker()
    web = world.start_nginx()
    if broker_port:
        broker.port = broker_port
    path = world.folder / "big"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, lab.HANQI, f"[Module big]\nType=config\nPath={path}\n"
        "Version=0\n[Module default]\nType=self\n",
        download="MaxSize=4G"))
    otad.start()
    return web, otad


def measure_cost(build):
    lab.DEADLINE_S = 600
    with lab.Lab(build) as world:
        web, otad = gateway(world)
        url, digest = make_artifact(web)
        rows = []
        for run in range(1, RUNS + 1):
            hand = by_hand(world, url)
            ours, seconds = by_otad(otad, url, digest, run)
            rows.append((hand, ours, ours / hand, seconds))
            say(f"  run {run}: curl + openssl {hand:.2f} s CPU, otad "
                f"{ours:.2f} s CPU, ratio {ours / hand:.2f}, "
                f"{seconds:.1f} s in all")
        peak = status_kib(otad.process.pid, "VmHWM") / 1024
        say("A 1 GiB update over loopback, from offer to succeeded")
        say(f"  CPU, curl -o + openssl dgst  {median(r[0] for r in rows):6.2f} s")
        say(f"  CPU, otad                    {median(r[1] for r in rows):6.2f} s")
        say(f"  ratio (at most 0.95)         {median(r[2] for r in rows):6.2f}")
        say(f"  peak RSS (at most 16 MiB)    {peak:6.1f} MiB")


def measure_stall(build):
    """The longest turn of the loop, with a broker that is not there."""
    lab.DEADLINE_S = 600
    stalls = []
    with lab.Lab(build) as world:
        web, otad = gateway(world, broker_port=lab.free_port())
        url, digest = make_artifact(web)
        for run in range(1, RUNS + 1):
            by_otad(otad, url, digest, run)
            stats = json.loads(otad.ctl("stats", "--json"))
            stalls.append(stats["longest_stall_us"] / 1000)
            say(f"  after run {run}: {stalls[-1]:.1f} ms")
            otad.stop()
            (world.folder / "big").write_text("old")
            shutil.rmtree(otad.state)
            otad.state.mkdir()
            otad.start()
    say("The longest turn of the loop during a 1 GiB update, broker unreachable")
    say(f"  median of {RUNS} (under 50 ms)     {median(stalls):6.1f} ms")
    say(f"  worst                        {max(stalls):6.1f} ms")


def measure_idle(build):
    seconds = 60
    with lab.Lab(build) as world:
        web, otad = gateway(world)
        pid = otad.process.pid
        world.broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
        say(f"At rest for {seconds} s, connected")
        before = wakeups(pid)
        time.sleep(seconds)  # the measurement itself, not a wait
        rate = (wakeups(pid) - before) / seconds
        say("Idle and connected")
        say(f"  PSS (at most 6 MiB)          {pss_kib(pid) / 1024:6.1f} MiB")
        say(f"  RSS                          {status_kib(pid, 'VmRSS') / 1024:6.1f} MiB")
        say(f"  wakeups in 5 s (at most 1)   {rate * 5:6.2f}")


def main():
    build, wanted = sys.argv[1], sys.argv[2:] or ["cost", "stall", "idle"]
    measures = {"cost": measure_cost, "stall": measure_stall,
                "idle": measure_idle}
    for name in wanted:
        if name not in measures:
            sys.exit(f"benchmarks/run: nothing called {name}; there are "
                     f"{', '.join(measures)}")
        measures[name](build)
        say()


if __name__ == "__main__":
    main()
