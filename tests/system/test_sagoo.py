"""sagoo, played against a real broker: protocols.md, section 6.4."""

import json
import os
import sys

import alink
import lab
import pki
import suite
import trace
from suite import expect, expect_equal

CLOUD = "Platform=sagoo\nProductKey=PK\nDeviceKey=gw1\n"
MODULE = """[Module MCU]
Type=config
Path={path}
Version=1.0.1
"""
STRATEGY = 4711


def gateway(world, modules=None, update="", download="AllowHttp=yes\n",
            tls=None):
    broker = world.start_broker()
    web = world.start_fault_server(*(tls or ()))
    path = world.folder / "mcu.conf"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, CLOUD, modules or MODULE.format(path=path), update=update,
        download=download))
    device = alink.Device(broker, "PK/gw1")
    otad.start()
    device.wait_version("1.0.1", "MCU")
    return device, web, otad, path


def check(device, script, before, *expected):
    """From the first version on; `before` is what runs until the update."""
    trace.check(device.broker, [device.upgrade, device.get_reply],
                [script.version(before), *expected])


def push(data, number=1626969597470):
    return {"code": "200", "data": data, "id": number, "message": "success"}


def offer(device, web, data=b"new" * 100, version="2.0.0", name="fw",
          **changes):
    return device.send(device.upgrade, push(alink.package(
        version, web.put(name, data), data, **{"module": "MCU", **changes})))


def params(message):
    return message.payload["params"]


def test_a_whole_success_is_told_as_in_the_document(world):
    """otad itself, over https: files are offered in no other way."""
    broker = world.start_broker()
    authority = pki.Authority(world.folder)
    web = world.start_fault_server(*authority.server())
    otad = world.otad(lab.base_config(broker, CLOUD,
                                      download=f"CaFile={authority.cert}\n"))
    device = alink.Device(broker, "PK/gw1")
    otad.start()
    device.wait_version("1.0.0")
    data = (world.build / "tests/system/otad-1.0.1").read_bytes()
    url = web.put("fw", data)
    expect(url.startswith("https:"), url)
    web.script("fw", [{"rate": len(data) // 3}])
    mark = offer(device, web, data, "1.0.1", module=None, signMethod="SHA256",
                 sign=lab.sha256(data), size=None,
                 extData={"key1": "value1", "strategy": STRATEGY})
    device.wait_step(100, mark)
    job = alink.Script(device, "default", strategy=STRATEGY)
    check(device, job, "1.0.0", *job.begun(), *job.loaded(), *job.prepared(),
          *job.swapped(), *job.done("1.0.1"))
    alink.check_steps(device.steps(mark))
    alink.check_ids(device)


def test_plain_http_is_refused(world):
    device, web, otad, path = gateway(world, download="")
    mark = offer(device, web)
    failed = device.wait_failure(mark)
    expect_equal(params(failed), {"step": "-1", "desc": "rejected: url-scheme",
                                  "module": "MCU"}, "failure")
    expect_equal(web.log(), [], "requests")


def test_a_certificate_nobody_vouches_for_is_refused(world):
    authority = pki.Authority(world.folder)
    device, web, otad, path = gateway(world, download="Attempts=1",
                                      tls=authority.server())
    mark = offer(device, web)
    failed = device.wait_failure(mark)
    expect_equal(params(failed)["step"], "-2", "step")
    expect(params(failed)["desc"].startswith("network"), failed.text)
    expect_equal(path.read_text(), "old", "the file")


def test_the_strategy_is_echoed_however_it_is_packed(world):
    device, web, otad, path = gateway(world)
    for version, ext, echo in (
            ("2.0.1", {"strategy": STRATEGY}, STRATEGY),
            ("2.0.2", json.dumps({"strategy": 12}), 12),
            ("2.0.3", {"strategy": "text"}, None),
            ("2.0.4", "no json", None),
            ("2.0.5", None, None)):
        mark = offer(device, web, version=version, extData=ext)
        done = device.wait_step(100, mark)
        expect_equal(params(done).get("strategy"), echo, f"{ext!r}")
    mark = offer(device, web, version="1.0", extData={"strategy": STRATEGY})
    failed = device.wait_failure(mark)
    expect_equal(params(failed)["strategy"], STRATEGY, "of a refusal")


def failure(world, step, error, before, faults=None, module="",
            download="AllowHttp=yes\nAttempts=2\nStallTimeout=1s\n", **changes):
    """`before`: names of what the script has before the failure."""
    path = world.folder / "mcu.conf"
    device, web, otad, path = gateway(
        world, MODULE.format(path=path) + module, download=download)
    web.put("fw", b"new" * 100)
    if faults:
        web.script("fw", faults)
    mark = offer(device, web, **changes)
    device.wait_failure(mark)
    job = alink.Script(device, "MCU")
    check(device, job, "1.0.1",
          *(one for name in before.split() for one in getattr(job, name)()),
          job.failed(step, error))
    expect_equal(path.read_text(), "old", "the file")


def test_an_unusable_message(world):
    device, web, otad, path = gateway(world)
    mark = offer(device, web, signMethod=None)
    expect_equal(params(device.wait_failure(mark))["desc"],
                 "rejected: missing-field", "reject")
    # Codes other than 200 are another's affair: not even a failure.
    device.send(device.upgrade, {**push({}), "code": "1000"})
    mark = offer(device, web)
    device.wait_step(100, mark)
    expect_equal(len([s for s in device.steps() if s < 0]), 1, "failures")


def test_refused_by_policy(world):
    failure(world, -1, "downgrade-refused", "", version="1.0.0")


def test_no_space(world):
    failure(world, -1, "no-space", "", size=1 << 45,
            download="AllowHttp=yes\nMaxSize=100T\n")


def test_not_found(world):
    failure(world, -2, "not-found", "begun", [{"status": 404}])


def test_expired(world):
    failure(world, -2, "url-expired", "begun", [{"status": 401}])


def test_a_server_that_fails(world):
    failure(world, -2, "http-error", "begun", [{"status": 503}] * 4)


def test_a_server_that_hangs_up(world):
    failure(world, -2, "network", "begun", [{"cut_after": 0}] * 4)


def test_a_server_that_stalls(world):
    failure(world, -2, "timeout", "begun", [{"stall_after": 10}] * 4)


def test_a_wrong_digest(world):
    failure(world, -3, "digest-mismatch", "begun loaded", sign="0" * 32)


def test_a_wrong_size(world):
    failure(world, -3, "size-mismatch", "begun", size=299)


def test_a_check_that_fails(world):
    failure(world, -4, "install-failed", "begun loaded prepared",
            module="Check=echo 不 >&2; false\n")


def test_unhealthy_is_rolled_back(world):
    module, data, path = lab.sick_program(world, "1.0.1")
    device, web, otad, _ = gateway(world, "[Module MCU]\n" + module,
                                   "ConfirmTimeout=1s")
    device.wait_failure(offer(device, web, data))
    job = alink.Script(device, "MCU")
    check(device, job, "1.0.1", *job.begun(), *job.loaded(), *job.prepared(),
          *job.swapped(), job.version("1.0.1"),
          job.failed(-1, "health-check-failed"))
    expect_equal(path.read_bytes(), open("/bin/true", "rb").read(), "the file")


def test_killed_at_a_third_it_resumes_by_itself(world):
    device, web, otad, path = gateway(world)
    data = os.urandom(3_000_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 600_000}, {"rate": 1_000_000}])
    mark = offer(device, web, data, extData={"strategy": STRATEGY})
    device.broker.wait("a third", lambda m: m.topic == device.progress and
                       int(params(m)["step"]) >= 30, mark)
    otad.kill()
    reached = max(device.steps(mark))
    again = device.broker.mark()
    otad.start()
    device.wait_step(100, again)
    job = alink.Script(device, "MCU", strategy=STRATEGY)
    check(device, job, "1.0.1", *job.begun(), *job.on_the_way(),
          job.version("1.0.1"), *job.loaded(), *job.prepared(), *job.swapped(),
          *job.done("2.0.0"))
    expect(device.steps(again)[0] >= reached, f"{reached}, then "
           f"{device.steps(again)}")
    expect(alink.ranges(web) and min(alink.ranges(web)) >= 600_000,
           f"ranges {alink.ranges(web)}")
    expect_equal(path.read_bytes(), data, "the file")


def test_a_broker_lost_meanwhile_gets_the_result_later(world):
    device, web, otad, path = gateway(world)
    data = os.urandom(300_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 150_000}])
    mark = offer(device, web, data)
    device.wait_step(1, mark)
    device.broker.kill()
    otad.wait_log("succeeded")
    mark = device.broker.mark()
    device.broker.start()
    device.wait_step(100, mark)
    said = [m.topic for m in device.broker.messages[mark:]
            if m.topic.startswith("/ota/")]
    expect_equal(said[0], device.inform, "the first message")


def test_a_push_again_joins_and_its_strategy_counts(world):
    device, web, otad, path = gateway(world)
    data = os.urandom(300_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 150_000}])
    mark = offer(device, web, data, extData={"strategy": 1})
    device.wait_step(1, mark)
    offer(device, web, data, extData={"strategy": 2})
    done = device.wait_step(100, mark)
    expect_equal(params(done)["strategy"], 2, "strategy")
    expect_equal(len([r for r in web.log() if r["path"] == "/fw"]), 1,
                 "requests")


def test_checks_when_configured(world):
    device, web, otad, path = gateway(world, update="CheckInterval=1s")
    check = device.wait_check()
    expect_equal({k: v for k, v in check.payload.items() if k != "id"}, {
        "version": "1.0", "params": {"module": "MCU"},
        "method": "thing.ota.firmware.get"}, "check")
    mark = device.send(device.get_reply, {**push({}), "data": {}})
    device.wait_check(mark)
    data = b"new" * 100
    mark = device.send(device.get_reply, push(alink.package(
        "2.0.0", web.put("fw", data), data, module="MCU")))
    device.wait_step(100, mark)
    device.wait_version("2.0.0", "MCU", mark)


def test_modules_and_sub_devices(world):
    path = world.folder / "mcu.conf"
    battery = world.folder / "battery"
    battery.write_text("old")
    device, web, otad, path = gateway(
        world, MODULE.format(path=path) +
        f"[Module 电表升级包]\nType=config\nPath={battery}\nVersion=3\n"
        f"[Class meter]\nModule=default exec {alink.handler(world)}\n"
        "[Device meter-1]\nClass=meter\nProductKey=METERS\nDeviceKey=m1\n"
        "[Device meter-2]\nClass=meter\n")
    device.wait_version("3", "电表升级包")
    near = alink.Device(device.broker, "METERS/m1")
    far = alink.Device(device.broker, "PK/meter-2")
    for one in (near, far):
        one.wait_version("1.0")
        expect_equal(len(one.said(one.inform)), 1, "versions")
    mark = offer(device, web, b"meter package", "4", module="电表升级包")
    device.wait_step(100, mark, "电表升级包")
    expect_equal(battery.read_text(), "meter package", "the file")
    mark = offer(near, web, b"good firmware", "1.1", module=None)
    near.wait_step(100, mark, "default")
    near.wait_version("1.1", since=mark)
    expect_equal((world.folder / "meter-1.firmware").read_bytes(),
                 b"good firmware", "what was flashed")
    mark = offer(far, web, b"sick firmware", "1.1", module=None)
    expect_equal(params(far.wait_failure(mark))["step"], "-1", "step")
    far.wait_version("1.0", since=mark)
    mark = offer(far, web, b"x", "1.2", module="MCU")
    expect_equal(params(far.wait_failure(mark))["desc"],
                 "rejected: unknown-module", "a module it has not")


if __name__ == "__main__":
    suite.main(sys.modules[__name__], at_once=4)
