"""MetricsFile=: what a real otad counts, over updates, a reload and a restart."""

import re
import sys

import lab
import suite
import varlink
from suite import expect, expect_equal

HANDLER = """#!/bin/sh
case $1 in
version) echo 1.0 ;;
health) [ "$OTA_VERSION" != 6.6 ] || { echo "no answer" >&2; exit 1; } ;;
esac
"""


def samples(text):
    """{(name, labels): value}, read as strictly as Prometheus does."""
    found = {}
    described = None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            expect(len(line.split(" ", 3)) == 4, line)
        elif line.startswith("# TYPE "):
            _, _, described, kind = line.split(" ")
            expect(kind in ("gauge", "counter"), line)
            expect((kind == "counter") == described.endswith("_total"), line)
        else:
            parts = re.fullmatch(
                r'([a-z_]+)(\{((\w+="([^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)', line)
            expect(parts and parts[1] == described, line)
            labels = tuple(sorted(re.findall(
                r'(\w+)="((?:[^"\\]|\\.)*)"', parts[3] or "")))
            expect((parts[1], labels) not in found, f"twice: {line}")
            found[parts[1], labels] = float(parts[6])
    expect(text.endswith("\n"), "the last line ends")
    return found


class Metrics:
    def __init__(self, path):
        self.path = path

    def value(self, name, **labels):
        if not self.path.exists():
            return None
        return samples(self.path.read_text()).get(
            (f"otad_{name}", tuple(sorted(labels.items()))))

    def wait(self, wanted, name, **labels):
        lab.wait_until(f"otad_{name} {labels} {wanted} in {self.path}",
                       lambda: self.value(name, **labels) == wanted)


def gateway(world, path):
    handler = world.folder / "flash"
    handler.write_text(HANDLER)
    handler.chmod(0o755)
    target = world.folder / "app.conf"
    target.write_text("old")
    config = lab.base_config(
        world.start_broker(), lab.TENCENT,
        f"[Paths]\nMetricsFile={path}\n[Module app]\nType=config\n"
        f"Path={target}\nVersion=1.0\n[Class 电表]\nModule=mcu exec {handler}\n"
        "[Device meter-1]\nClass=电表\n")
    otad = world.otad(config)
    otad.start()
    lab.wait_until("the broker's session",
                   lambda: varlink.ask(otad.socket, "GetStatus")["connected"])
    return otad, config


def update(otad, web, module, version, **wrong):
    data = f"{module} {version}".encode()
    done = otad.ctl("update", module, "--url",
                    web.put(f"{version}", data), "--version", version,
                    "--sha256", wrong.get("sha256", lab.sha256(data)), "--wait",
                    check=False)
    return done.returncode


def test_what_happens_is_counted(world):
    web = world.start_fault_server()
    metrics = Metrics(world.folder / "otad.prom")
    otad, config = gateway(world, metrics.path)
    app = {"device": "self", "module": "app"}
    meter = {"device": "meter-1", "module": "mcu"}
    metrics.wait(0, "updates_total", **app, result="succeeded")
    metrics.wait(0, "jobs_total", result="failed")

    expect_equal(update(otad, web, "app", "2.0"), 0, "2.0")
    metrics.wait(1, "updates_total", **app, result="succeeded")
    metrics.wait(1, "module_state", **app, state="succeeded")
    metrics.wait(1, "module_info", **app, type="config", version="2.0")
    metrics.wait(len("app 2.0"), "update_bytes_total", **app)
    expect(metrics.value("update_seconds_total", **app) >= 0, "seconds")
    expect_equal(metrics.value("connected"), 1.0, "connected")

    expect_equal(update(otad, web, "app", "3.0", sha256="0" * 64), 1, "3.0")
    metrics.wait(1, "updates_total", **app, result="failed")
    expect_equal(update(otad, web, "meter-1/mcu", "6.6"), 1, "6.6")
    metrics.wait(1, "updates_total", **meter, result="rolled-back")
    metrics.wait(1, "class_updates_total", **{"class": "电表"}, module="mcu",
                 result="rolled-back")
    metrics.wait(1, "jobs_total", result="rolled-back")

    # Counts of modules, and the sum of them, outlive otad; a kill as well.
    otad.kill()
    metrics.path.unlink()
    otad.start()
    for name, labels in (("updates_total", {**app, "result": "failed"}),
                         ("updates_total", {**meter, "result": "rolled-back"}),
                         ("jobs_total", {"result": "succeeded"})):
        metrics.wait(1, name, **labels)

    # Another place after a reload, and none after the next.
    moved = Metrics(world.folder / "moved.prom")
    otad.write_config(config.replace(str(metrics.path), str(moved.path)))
    otad.process.send_signal(lab.signal.SIGHUP)
    moved.wait(1, "jobs_total", result="failed")
    leftovers = [p.name for p in world.folder.glob("*.prom*")]
    expect_equal(sorted(leftovers), ["moved.prom", "otad.prom"], "files")


def test_a_folder_that_is_not_there_is_said_once(world):
    web = world.start_fault_server()
    otad, _ = gateway(world, world.folder / "nowhere/otad.prom")
    otad.wait_log(r"MetricsFile=.*nowhere")
    expect_equal(update(otad, web, "app", "2.0"), 0, "updates go on")
    expect_equal(otad.log().count("MetricsFile="), 1, "lines about it")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
