"""tencent, played against a real broker: protocols.md, section 3.4."""

import os
import sys

import lab
import suite
from suite import expect, expect_equal

MODULE = """[Module default]
Type=config
Path={path}
Version=0.1
"""


def gateway(world, extra="", download="", **options):
    broker = world.start_broker()
    web = world.start_fault_server()
    path = world.folder / "firmware.conf"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, lab.TENCENT, MODULE.format(path=path) + extra,
        download=download))
    otad.start()
    broker.wait("version", lab.is_tencent_version("0.1"))
    return broker, web, otad, path


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
    told = progress_of(broker, mark)
    expect_equal(told[0], ("downloading", "0"), "first")
    expect_equal([t for t in told if t[0] == "downloading"][-1],
                 ("downloading", "100"), "last download report")
    expect_equal([s for s, _ in told if s != "downloading"],
                 ["burning", "done"], "after the download")
    expect_equal(done.payload["report"]["task_id"], 77, "task id")
    expect_equal(done.payload["report"]["progress"]["result_code"], "0", "code")
    kinds = [m.payload["type"] if m.payload["type"] == "report_version"
             else m.payload["report"]["progress"]["state"]
             for m in broker.messages[mark:] if m.topic == lab.TENCENT_REPORT]
    expect_equal(kinds[-2:], ["report_version", "done"], "the end")
    expect_equal(path.read_bytes(), data, "the file")


def failure(world, code, text, faults=None, download="", **changes):
    broker, web, otad, path = gateway(world, download=download)
    web.put("fw", b"new" * 100)
    if faults:
        web.script("fw", faults)
    mark = offer(broker, web, **changes)
    failed = broker.wait("fail", lab.is_tencent_state("fail"), mark)
    progress = failed.payload["report"]["progress"]
    expect_equal(progress["result_code"], code, "result_code")
    expect(text in progress["result_msg"], progress["result_msg"])
    expect_equal(path.read_text(), "old", "the file")


def test_not_found(world):
    failure(world, "-2", "", [{"status": 404}])


def test_url_expired(world):
    failure(world, "-3", "", [{"status": 403}])


def test_a_server_that_fails(world):
    failure(world, "-1", "", [{"status": 500}] * 10, "Attempts=2")


def test_a_server_that_stalls(world):
    failure(world, "-1", "", [{"stall_after": 50}] * 10,
            "Attempts=2\nStallTimeout=1s")


def test_a_wrong_digest(world):
    failure(world, "-4", "", md5sum="0" * 32)


def test_a_downgrade(world):
    failure(world, "-5", "", number="0.0.1")


def test_an_unusable_message_with_a_readable_version(world):
    failure(world, "-5", "rejected: bad-digest", md5sum="xyz")


def test_a_module_of_its_own(world):
    path = world.folder / "mcu.bin"
    path.write_text("old mcu")
    broker, web, otad, _ = gateway(
        world, f"[Module mcu]\nType=config\nPath={path}\nVersion=7\n")
    mark = offer(broker, web, b"new mcu", "8", fw_type="mcu")
    done = broker.wait("done", lab.is_tencent_state("done", "8"), mark)
    expect_equal(done.payload["report"]["fw_type"], "mcu", "fw_type")
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
    online = broker.wait("online", lambda m: m.topic ==
                         "$gateway/operation/PROD1/gw1" and
                         m.payload["type"] == "online")
    expect_equal(online.payload["payload"]["devices"],
                 [{"product_id": "LIGHTS", "device_name": "l1"}], "devices")
    broker.publish("$gateway/operation/result/PROD1/gw1", {
        "type": "online", "payload": {"devices": [
            {"product_id": "LIGHTS", "device_name": "l1", "result": 0}]}})
    report = "$ota/report/LIGHTS/l1"
    broker.wait("its version", lambda m: m.topic == report and
                m.payload["report"].get("version") == "1.0")
    mark = offer(broker, web, b"light firmware", "1.1",
                 topic="$ota/update/LIGHTS/l1")
    broker.wait("done", lambda m: m.topic == report and
                m.payload["report"].get("progress", {}).get("state") == "done",
                mark)
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
    later = [int(p) for s, p in progress_of(broker, mark2)
             if s == "downloading"]
    expect(not later or later[0] >= seen, f"went back: {seen}, then {later}")
    ranges = [r["headers"].get("Range") for r in web.log()
              if r["path"].startswith("/fw")]
    expect(any(r and r.startswith("bytes=") for r in ranges), f"{ranges}")
    expect_equal(path.read_bytes(), data, "the file")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
