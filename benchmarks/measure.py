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
import peers  # noqa: E402
import scale  # noqa: E402

RUNS = int(os.environ.get("OTAD_BENCHMARK_RUNS", "5"))
SIZE_BYTES = int(os.environ.get("OTAD_BENCHMARK_MIB", "1024")) << 20
HAND = "curl, then openssl dgst"
OTAD = "otad"
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
    """Bytes that neither compress nor repeat; their url and digest."""
    path = web.files / "artifact"
    say(f"Making an artifact of {SIZE_BYTES >> 20} MiB")
    with open(path, "wb") as file:
        for _ in range(SIZE_BYTES // CHUNK_BYTES):
            file.write(os.urandom(CHUNK_BYTES))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-r", str(path)],
                          check=True, capture_output=True, text=True)
    return f"http://127.0.0.1:{web.port}/artifact", done.stdout.split()[0]


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


def prepare_peers(world, web, url, digest):
    """{name: peer} and {name: why it cannot be measured}"""
    able, unable = {}, {}
    for name, kind in peers.ALL.items():
        try:
            peer = kind(world, web.files / "artifact", url, digest)
            peer.check()
            peer.prepare()
            able[name] = peer
        except (peers.CannotRun, OSError) as why:
            unable[name] = why
    return able, unable


def run_peer(peer, artifact):
    """CPU seconds, seconds, peak MiB; the right bytes are where they belong."""
    cpu, seconds, kib = peers.measured(peer)
    if subprocess.run(["cmp", "-s", artifact, peer.target],
                      check=False).returncode != 0:
        raise peers.CannotRun("the target differs from the artifact")
    peer.clean()
    return cpu, seconds, kib / 1024


def show_costs(rows, unable):
    reference = median(r[0] for r in rows[HAND])
    say(f"A {SIZE_BYTES >> 20} MiB update over loopback; medians of "
        f"{len(rows[HAND])} runs, alternating")
    say(f"  {'':32} {'CPU':>8} {'ratio':>7} {'in all':>8} {'peak memory':>12}")
    for name, runs in sorted(rows.items(),
                             key=lambda item: median(r[0] for r in item[1])):
        cpu, seconds, peak = (median(r[i] for r in runs) for i in range(3))
        # Of each run, since the machine is not the same in all of them.
        ratio = median(r[0] / h[0] for r, h in zip(runs, rows[HAND]))
        say(f"  {name:32} {cpu:6.2f} s {ratio:7.2f} {seconds:6.1f} s "
            f"{peak:8.1f} MiB")
    for name, why in unable.items():
        say(f"  {name:32} not measured: {why}")
    ours = median(r[0] / h[0] for r, h in zip(rows[OTAD], rows[HAND]))
    say(f"  otad: ratio {ours:.2f} (at most 0.95), peak "
        f"{max(r[2] for r in rows[OTAD]):.1f} MiB (at most 16)")
    say(f"  ratio 1 is {reference:.2f} s of user and system time")


def measure_cost(build):
    lab.DEADLINE_S = 600
    with lab.Lab(build) as world:
        web, otad = gateway(world)
        url, digest = make_artifact(web)
        able, unable = prepare_peers(world, web, url, digest)
        if HAND not in able:
            raise lab.Failure(f"{HAND}: {unable[HAND]}")
        rows = {name: [] for name in [OTAD, *able]}
        for run in range(1, RUNS + 1):
            for name, peer in list(able.items()):
                try:
                    rows[name].append(run_peer(peer, web.files / "artifact"))
                except peers.CannotRun as why:
                    if name == HAND:
                        raise
                    del able[name], rows[name]
                    unable[name] = why
            cpu, seconds = by_otad(otad, url, digest, run)
            rows[OTAD].append((cpu, seconds,
                               status_kib(otad.process.pid, "VmHWM") / 1024))
            say(f"  run {run}: " + ", ".join(
                f"{name} {runs[-1][0]:.2f} s" for name, runs in rows.items()))
        show_costs(rows, unable)


def measure_stall(build):
    """The longest turn of the loop, with a broker that is not there.

    Where that is allowed, ahead of other programs: how long they keep it from
    running is no matter of the loop.
    """
    lab.DEADLINE_S = 600
    stalls = []
    with lab.Lab(build) as world:
        web, otad = gateway(world, broker_port=lab.free_port())
        url, digest = make_artifact(web)
        for run in range(1, RUNS + 1):
            if os.geteuid() == 0:
                os.setpriority(os.PRIO_PROCESS, otad.process.pid, -20)
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
    build, wanted = sys.argv[1], sys.argv[2:] or ["cost", "stall", "idle",
                                                "scale"]
    measures = {"cost": measure_cost, "stall": measure_stall,
                "idle": measure_idle, "scale": scale.run}
    for name in wanted:
        if name not in measures:
            sys.exit(f"benchmarks/run: nothing called {name}; there are "
                     f"{', '.join(measures)}")
        measures[name](build)
        say()


if __name__ == "__main__":
    main()
