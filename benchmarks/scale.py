"""Thousands of devices behind one gateway: benchmarks/run scale.

All are offered an update at once, by one broker, with a handler that succeeds.
Memory is what the process alone has written (Private_Dirty), per device at rest and
per job that waits; the stall is the longest turn of the loop so far; the time is
from the moment jobs may start to the last result. The state directory lies in memory, so
that the disk's own time is not measured with it.
"""

import json
import os
import pathlib
import re
import shutil
import tempfile
import time

import lab
import varlink

SIZES = [int(n) for n in
         os.environ.get("OTAD_BENCHMARK_DEVICES", "100 1000 10000").split()]
DEADLINE_S = 3600


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kib) for kib in
               re.findall(r"^Private_Dirty:\s+(\d+) kB", text, re.M))


def cpu_s(pid):
    """User and system time of the process alone, without its handlers."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    return sum(int(t) for t in fields.split()[11:13]) / \
        os.sysconf("SC_CLK_TCK")


def stall_ms(otad):
    return json.loads(otad.ctl("stats", "--json"))["longest_stall_us"] / 1000


class Told:
    """What otad has told the cloud so far; each message is looked at once."""

    def __init__(self, broker):
        self.broker = broker
        self.seen = 0
        self.versions = set()  # the devices whose version was told
        self.results = {}      # message id to state, of the jobs that ended

    def look(self):
        messages = self.broker.messages
        while self.seen < len(messages):
            message = messages[self.seen]
            self.seen += 1
            if message.topic == lab.HANQI_REPORT:
                self.take(message.payload)
        return self

    def take(self, payload):
        if payload["msgType"] == "heartbeat":
            self.versions.add(payload.get("subDeviceId"))
        elif payload["data"]["state"] in ("completed", "failed"):
            self.results[payload["msgId"]] = payload["data"]["state"]


def wait_until(what, condition):
    lab.wait_until(what, condition, DEADLINE_S)


def gateway(world, count, state):
    handler = world.folder / "handler"
    shutil.copy2("/bin/true", handler)
    world.start_broker("max_queued_messages 0\nmax_inflight_messages 100\n")
    web = world.start_nginx()
    otad = world.otad(lab.base_config(
        world.broker, lab.HANQI,
        f"[Module default]\nType=self\n[Class meter]\n"
        f"Module=default exec {handler}\n" +
        "".join(f"[Device meter-{i}]\nClass=meter\n" for i in range(count))))
    otad.state.rmdir()
    otad.state.symlink_to(state)
    otad.start()
    return web, otad


def offer_all(world, web, count):
    data = b"new" * 1000
    url = web.put("fw", data)
    lines = []
    for i in range(count):
        body = lab.hanqi_upgrade("2.0", url, data, f"offer-{i}")
        body["subDeviceId"] = f"meter-{i}"
        lines.append(json.dumps(body).encode())
    world.broker.publish_lines(lab.HANQI_COMMAND, lines)


def measure(build, count, state):
    with lab.Lab(build) as world:
        web, otad = gateway(world, count, state)
        pid = otad.process.pid
        told = Told(world.broker)
        wait_until("every version is told",
                   lambda: len(told.look().versions) > count)
        idle_kib = private_kib(pid)
        otad.ctl("hold", "measuring")
        offer_all(world, web, count)
        wait_until("all jobs wait", lambda: varlink.ask(
            otad.socket, "GetStatus")["jobs"] == count)
        waiting_kib = private_kib(pid)
        started = time.monotonic()
        cpu_before_s = cpu_s(pid)
        otad.ctl("release")
        wait_until("all results", lambda: len(told.look().results) == count)
        seconds = time.monotonic() - started
        cpu = cpu_s(pid) - cpu_before_s
        results = list(told.results.values())
        return {"idle": idle_kib, "waiting": waiting_kib, "s": seconds, "cpu": cpu,
                "stall": stall_ms(otad), "requests": len(web.requests()),
                "succeeded": results.count("completed"),
                "lost": count - len(results)}


def run(build, sizes=SIZES):
    folder = tempfile.mkdtemp(prefix="otad-scale-", dir="/dev/shm")
    try:
        base = base_kib(build, new_folder(folder, "base"))
        for count in sizes:
            row = measure(build, count, new_folder(folder, str(count)))
            show(count, row, base)
    finally:
        shutil.rmtree(folder)


def new_folder(folder, name):
    path = pathlib.Path(folder) / name
    path.mkdir()
    return path


def base_kib(build, state):
    """Of a gateway with one device: all code has run, nothing is many."""
    with lab.Lab(build) as world:
        _, otad = gateway(world, 1, state)
        told = Told(world.broker)
        wait_until("both versions are told",
                   lambda: len(told.look().versions) > 1)
        return private_kib(otad.process.pid)


def show(count, row, base):
    print(f"{count} devices, all offered an update at once")
    print(f"  succeeded, lost              {row['succeeded']}, {row['lost']}")
    print(f"  downloads                    {row['requests']}")
    print(f"  per device at rest           "
          f"{(row['idle'] - base) / (count - 1):7.2f} KiB (at most 1)")
    print(f"  per waiting job              "
          f"{(row['waiting'] - row['idle']) / count:7.2f} KiB (at most 4)")
    print(f"  longest turn of the loop     {row['stall']:7.1f} ms (under 50)")
    print(f"  CPU of otad, for each device {1000 * row['cpu'] / count:7.2f} ms")
    print(f"  time, and for each device    {row['s']:7.1f} s, "
          f"{1000 * row['s'] / count:.1f} ms", flush=True)
