"""tencent, played against a real broker: protocols.md, section 3.4."""

import os
import sys

import lab
import suite
import trace
from suite import expect, expect_equal
from trace import One, Some

MODULE = """[Module default]
Type=config
Path={path}
Version=0.1
"""


def gateway(world, extra="", download="", update="", module=MODULE):
    broker = world.start_broker()
    web = world.start_fault_server()
    path = world.folder / "firmware.conf"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, lab.TENCENT, module.format(path=path) + extra,
        download=download, update=update))
    otad.start()
    broker.wait("version", lab.is_tencent_version("0.1"))
    return broker, web, otad, path


# ---- what the document has the device say ----

def version(number, topic=lab.TENCENT_REPORT, **more):
    return One(topic, {"type": "report_version",
                       "report": {"version": number, **more}}, 1)


def step(state, percent=None, code="0", text="", topic=lab.TENCENT_REPORT,
         target="0.2", **more):
    progress = {"state": state, "result_code": code, "result_msg": text}
    if percent is not None:
        progress["percent"] = percent
    return One(topic, {"type": "report_progress", "report": {
        "progress": progress, "version": target, **more}},
               0 if state == "downloading" else 1)


def begun(**more):
    return [step("downloading", "0", **more)]


def on_the_way(**more):
    return [Some(*(step("downloading", str(percent), **more)
                   for percent in range(10, 100, 10)))]


def loaded(**more):
    return [*on_the_way(**more), step("downloading", "100", **more)]


def installed(number="0.2", **more):
    return [step("burning", target=number, **more), version(
        number, **{k: v for k, v in more.items() if k != "task_id"}),
            step("done", target=number, **more)]


def check(broker, *expected):
    trace.check(broker, [lab.TENCENT_UPDATE], [version("0.1"), *expected])


def offer(broker, web, data=b"new" * 100, number="0.2", name="fw",
          topic=lab.TENCENT_UPDATE, **changes):
    mark = broker.mark()
    broker.publish(topic, lab.tencent_update(
        number, web.put(name, data), data, **changes))
    return mark


def progress_of(broker, since):
    return [(m.payload["report"]["progress"]["state"],
             m.payload["report"]["progress"].get("percent"))
            for m in broker.messages[since:]
            if m.topic == lab.TENCENT_REPORT and
            m.payload["type"] == "report_progress"]


def test_a_whole_success_is_told_as_in_the_document(world):
    broker, web, otad, path = gateway(world)
    data = os.urandom(2_000_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 1_000_000}])
    mark = offer(broker, web, data, task_id=77)
    done = broker.wait("done", lab.is_tencent_state("done", "0.2"), mark)
    check(broker, *begun(task_id=77), *loaded(task_id=77),
          *installed(task_id=77))
    told = [int(p) for s, p in progress_of(broker, mark) if s == "downloading"]
    expect_equal(told, sorted(set(told)), "steps")
    expect_equal(path.read_bytes(), data, "the file")


def failure(world, code, text, before, faults=None, download="",
            module=MODULE, **changes):
    broker, web, otad, path = gateway(world, download=download, module=module)
    web.put("fw", b"new" * 100)
    if faults:
        web.script("fw", faults)
    mark = offer(broker, web, **changes)
    broker.wait("fail", lab.is_tencent_state("fail"), mark)
    check(broker, *before, step("fail", code=code, text=trace.text_like(text),
                                target=changes.get("number", "0.2")))
    expect_equal(path.read_text(), "old", "the file")


def test_not_found(world):
    failure(world, "-2", "not_found", begun(), [{"status": 404}])


def test_url_expired(world):
    failure(world, "-3", "url_expired", begun(), [{"status": 403}])


def test_a_server_that_fails(world):
    failure(world, "-1", "http_error", begun(), [{"status": 500}] * 10,
            "Attempts=2")


def test_a_server_that_hangs_up(world):
    failure(world, "-1", "network", begun(), [{"cut_after": 0}] * 10,
            "Attempts=2")


def test_a_server_that_stalls(world):
    failure(world, "-1", "time_out", begun(), [{"stall_after": 10}] * 10,
            "Attempts=2\nStallTimeout=1s")


def test_a_wrong_digest(world):
    failure(world, "-4", "digest_mismatch", begun() + loaded(),
            md5sum="0" * 32)


def test_a_wrong_size(world):
    failure(world, "-4", "size_mismatch", begun(), file_size=299)


def test_a_downgrade(world):
    failure(world, "-5", "downgrade_refused", [], number="0.0.1")


def test_no_space(world):
    failure(world, "-5", "no_space", [], download="MaxSize=100T",
            file_size=1 << 45)


def test_a_check_that_fails(world):
    failure(world, "-5", "install_failed",
            [*begun(), *loaded(), step("burning")],
            module=MODULE + "Check=false\n")


def test_an_unusable_message_with_a_readable_version(world):
    failure(world, "-5", "rejected: bad-digest", [], md5sum="xyz")


def test_unhealthy_is_rolled_back(world):
    keys, data, path = lab.sick_program(world, "0.1")
    broker, web, otad, _ = gateway(world, update="ConfirmTimeout=1s",
                                   module="[Module default]\n" + keys)
    mark = offer(broker, web, data)
    broker.wait("fail", lab.is_tencent_state("fail"), mark)
    check(broker, *begun(), *loaded(), step("burning"), version("0.1"),
          step("fail", code="-5", text=trace.text_like("health_check_failed")))
    expect_equal(path.read_bytes(), open("/bin/true", "rb").read(), "the file")


def test_a_module_of_its_own(world):
    path = world.folder / "mcu.bin"
    path.write_text("old mcu")
    broker, web, otad, _ = gateway(
        world, f"[Module mcu]\nType=config\nPath={path}\nVersion=7\n")
    mark = offer(broker, web, b"new mcu", "8", fw_type="mcu")
    broker.wait("done", lab.is_tencent_state("done", "8"), mark)
    check(broker, version("7", fw_type="mcu"),
          *begun(target="8", fw_type="mcu"), *loaded(target="8", fw_type="mcu"),
          *installed("8", fw_type="mcu"))
    expect_equal(path.read_text(), "new mcu", "the file")


HANDLER = """#!/bin/sh
case $1 in
version) cat "$OTA_STATE_DIR/light.version" 2>/dev/null || echo 1.0 ;;
install) cp "$OTA_ARTIFACT" "{folder}/light.firmware" ;;
esac
"""


def test_a_sub_device_is_brought_online_and_updated(world):
    handler = world.folder / "flash"
    handler.write_text(HANDLER.format(folder=world.folder))
    handler.chmod(0o755)
    broker = world.start_broker()
    web = world.start_fault_server()
    path = world.folder / "x"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, lab.TENCENT, MODULE.format(path=path) +
        f"[Class light]\nModule=default exec {handler}\n"
        "[Device light1]\nClass=light\nProductId=LIGHTS\nDeviceName=l1\n"))
    otad.start()
    asks = One("$gateway/operation/PROD1/gw1", {
        "type": "online", "payload": {"devices": [
            {"product_id": "LIGHTS", "device_name": "l1"}]}}, 0)
    broker.wait("online", lambda m: trace.is_one(asks, m))
    answers = "$gateway/operation/result/PROD1/gw1"
    asked = broker.mark()
    # Refused, it asks again; nothing is told of it before.
    broker.publish(answers, {"type": "online", "payload": {"devices": [
        {"product_id": "LIGHTS", "device_name": "l1", "result": -1}]}})
    broker.wait("online again", lambda m: trace.is_one(asks, m), asked)
    broker.publish(answers, {"type": "online", "payload": {"devices": [
        {"product_id": "LIGHTS", "device_name": "l1", "result": 0}]}})
    light = {"topic": "$ota/report/LIGHTS/l1"}
    first = version("1.0", **light)
    broker.wait("its version", lambda m: trace.is_one(first, m))
    mark = offer(broker, web, b"light firmware", "1.1",
                 topic="$ota/update/LIGHTS/l1")
    done = step("done", target="1.1", **light)
    broker.wait("done", lambda m: trace.is_one(done, m), mark)
    trace.check(broker, [answers, "$ota/update/LIGHTS/l1"], [
        version("0.1"), asks, Some(asks), first,
        *begun(target="1.1", **light), *loaded(target="1.1", **light),
        step("burning", target="1.1", **light), version("1.1", **light), done])
    expect_equal((world.folder / "light.firmware").read_bytes(),
                 b"light firmware", "what was flashed")


def test_an_interrupted_download_goes_on_where_it_broke_off(world):
    broker, web, otad, path = gateway(world)
    data = os.urandom(4_000_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 1_000_000}, {"rate": 4_000_000}])
    mark = offer(broker, web, data)
    broker.wait("half", lambda m: lab.is_tencent_state("downloading")(m) and
                int(m.payload["report"]["progress"]["percent"]) >= 50, mark)
    otad.kill()
    seen = max(int(p) for s, p in progress_of(broker, mark)
               if s == "downloading")
    mark2 = broker.mark()
    otad.start()
    broker.wait("version", lab.is_tencent_version("0.1"), mark2)
    broker.publish(lab.TENCENT_UPDATE, lab.tencent_update(
        "0.2", web.put("fw", data) + "?sign=renewed", data))
    broker.wait("done", lab.is_tencent_state("done", "0.2"), mark2)
    check(broker, *begun(), *on_the_way(), version("0.1"), *loaded(),
          *installed())
    later = [int(p) for s, p in progress_of(broker, mark2)
             if s == "downloading"]
    expect(not later or later[0] >= seen, f"went back: {seen}, then {later}")
    ranges = [r["headers"].get("Range") for r in web.log()
              if r["path"].startswith("/fw")]
    expect(any(r and r.startswith("bytes=") for r in ranges), f"{ranges}")
    expect_equal(path.read_bytes(), data, "the file")


if __name__ == "__main__":
    suite.main(sys.modules[__name__], at_once=4)
