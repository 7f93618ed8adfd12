"""eztcloud, played against a real broker: protocols.md, sections 5.4 and 5.5."""

import os
import sys

import lab
import suite
import trace
from suite import expect, expect_equal
from trace import One, Some, tens

USER = "DU_test01"
CLOUD = f"Platform=eztcloud\nUsername={USER}\n"
# As told to the platform, the console shows nothing of a job.
QUIET = CLOUD + "ReportProgress=no\n"
MAIN = """[Module main]
Type=config
Path={path}
Version=1.0.0
"""
GAP_S = 2
# A busy machine may show the witness the first of two messages late, so much
# closer to the second; without a pace they come in the same instant.
SLACK_S = 1


def sent(topic):
    """Whether a message went out on that topic of ours."""
    return lambda message: message.topic == f"{topic}/{USER}"


def has(topic, **values):
    """A message on `topic` with at least those members."""
    def accepts(message):
        return sent(topic)(message) and isinstance(message.payload, dict) and \
            values.items() <= message.payload.items()
    return accepts


def seen(broker, topic, since=0):
    return [m for m in broker.messages[since:] if sent(topic)(m)]


def is_version(number):
    return has("attributes", version=number)


def is_state(state):
    return has("attributes", ota_state=state)


def is_reply(number):
    def accepts(message):
        return sent("command_reply")(message) and \
            message.payload.get("id") == number
    return accepts


def upgrade(version, url, data, number=7, **changes):
    params = {"module": "main", "upgrade": True, "version": version,
              "url": url, "size": len(data), "md5": lab.md5(data)}
    params.update(changes)
    return {"method": "otaUpgrade", "params": params,
            "command_name": "OTA升级", "id": number}


def nothing_new(number=1):
    return {"method": "otaUpgrade", "params": {"upgrade": False}, "id": number}


def gateway(world, cloud=CLOUD, update="CheckInterval=0", modules=None,
            download=""):
    broker = world.start_broker()
    web = world.start_fault_server()
    path = world.folder / "main.conf"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, cloud, modules or MAIN.format(path=path), update=update,
        download=download))
    otad.start()
    broker.wait("version", is_version("1.0.0"))
    return broker, web, otad, path


def command(broker, payload, topic="command_send"):
    mark = broker.mark()
    broker.publish(f"{topic}/{USER}", payload)
    return mark


def offer(broker, web, data=b"new" * 100, version="1.0.1", number=7,
          name="fw", **changes):
    return command(broker, upgrade(version, web.put(name, data), data, number,
                                   **changes))


# ---- what the document has the device say ----

HEARD = [f"{topic}/{USER}" for topic in (
    "command_send", "gateway_command_send", "sub_command_send")]
CHECK = One(f"event_report/{USER}", {"method": "otaCheck", "params": {}}, 1)


def version(number):
    return One(f"attributes/{USER}", {"version": number}, 1)


def reply(result, number=7, target="1.0.1", text=""):
    return One(f"command_reply/{USER}", {
        "method": "otaUpgrade", "id": number, "params": {
            "module": "main", "version": target, "result": result,
            "message": text}}, 1)


def step(state, progress, qos=0, **more):
    return One(f"attributes/{USER}", {
        "ota_state": state, "ota_progress": progress, **more}, qos)


def ended(state, progress, error):
    return step(state, progress, 1, ota_message=lambda v: v.startswith(error))


BEGUN = [reply("accepted"), step("downloading", 0)]
ON_THE_WAY = [Some(step("downloading", tens))]
LOADED = [*ON_THE_WAY, step("downloading", 90), step("verifying", 95)]
INSTALLED = [step("installing", 98), step("restarting", 99)]


def check(broker, *expected):
    trace.check(broker, HEARD, [version("1.0.0"), *expected])


def check_pace(broker, since=0):
    """At most one attribute message in two seconds about a device."""
    last = {}
    for m in broker.messages[since:]:
        if not m.topic.split("/")[0].endswith("attributes"):
            continue
        # Behind the gateway one level deep, or nested below this one.
        about = "" if m.topic == f"attributes/{USER}" else next(iter(m.payload))
        if about == "1" and "sub" in m.payload["1"]:
            about = "1/" + next(iter(m.payload["1"]["sub"]))
        before, first = last.get(about, (0, ""))
        expect(m.at - before >= GAP_S - SLACK_S,
               f"{m.text} {m.at - before:.2f} s after {first}")
        last[about] = m.at, m.text


def states_of(broker, since):
    """ota_state and ota_progress of the module main, in order."""
    return [(m.payload["ota_state"], m.payload["ota_progress"])
            for m in seen(broker, "attributes", since)
            if "ota_state" in m.payload]


def checks_of(broker, since):
    return [m.payload["method"] for m in seen(broker, "event_report", since)]


def test_a_whole_success_by_polling_is_told_as_in_the_document(world):
    """otad itself, so that the restart of the document is a real one."""
    broker = world.start_broker()
    web = world.start_fault_server()
    otad = world.otad(lab.base_config(broker, CLOUD, update="CheckInterval=1s"))
    otad.start()
    answered = 0
    for _ in range(2):
        broker.wait("check", sent("event_report"), answered)
        answered = command(broker, nothing_new())
    broker.wait("check", sent("event_report"), answered)
    data = (world.build / "tests/system/otad-1.0.1").read_bytes()
    web.put("fw", data)
    web.script("fw", [{"rate": len(data) // 5}])
    mark = offer(broker, web, data)
    broker.wait("succeeded", is_state("succeeded"), mark)

    # Its versions are told, so it may be asked for another before it is told
    # that all went well: the pauses are long, and the checks are not.
    check(broker, CHECK, CHECK, Some(CHECK), *BEGUN, *LOADED, *INSTALLED,
          version("1.0.1"), Some(CHECK), step("succeeded", 100, 1), Some(CHECK))
    loading = [p for s, p in states_of(broker, mark) if s == "downloading"]
    expect_equal(loading, sorted(set(loading)), "downloading")
    check_pace(broker)


def test_no_check_while_a_job_runs_and_again_after_it(world):
    broker, web, otad, path = gateway(world, QUIET, "CheckInterval=1s")
    broker.wait("check", sent("event_report"))
    data = os.urandom(60_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 20_000}])
    mark = offer(broker, web, data)
    broker.wait("reply", is_reply(7), mark)
    begun = broker.mark()
    during = []

    def is_over():
        # What was seen before the log told of the end came before the end.
        nonlocal during
        checks = checks_of(broker, begun)
        if "backing-up" in otad.log():
            return True
        during = checks
        return False
    lab.wait_until("the download is over", is_over)
    expect_equal(during, [], "checks during the job")
    broker.wait("check after it", sent("event_report"), begun)
    expect_equal(path.read_bytes(), data, "the file")


def test_push_only_never_asks(world):
    broker, web, otad, path = gateway(world, QUIET)
    mark = offer(broker, web)
    broker.wait("version", is_version("1.0.1"), mark)
    expect_equal(seen(broker, "event_report"), [], "checks")


def failure(world, error, progress, before, faults=None, module="",
            download="", **changes):
    path = world.folder / "main.conf"
    broker, web, otad, path = gateway(
        world, modules=MAIN.format(path=path) + module, download=download)
    web.put("fw", b"new" * 100)
    if faults:
        web.script("fw", faults)
    mark = offer(broker, web, **changes)
    broker.wait("failed", is_state("failed"), mark)
    check(broker, *before, ended("failed", progress, error))
    expect_equal(path.read_text(), "old", "the file")
    check_pace(broker)


def test_an_unusable_message(world):
    broker, web, otad, path = gateway(world)
    mark = offer(broker, web, md5="xyz")
    broker.wait("reply", sent("command_reply"), mark)
    check(broker, reply("rejected", text="bad-digest"))


def test_refused_by_policy(world):
    failure(world, "downgrade-refused", 0, [reply("accepted", target="0.9.9")],
            version="0.9.9")


def test_no_space(world):
    failure(world, "no-space", 0, [reply("accepted")],
            download="MaxSize=100T", size=1 << 45)


def test_not_found(world):
    failure(world, "not-found", 0, BEGUN, [{"status": 404}])


def test_expired(world):
    failure(world, "url-expired", 0, BEGUN, [{"status": 403}])


def test_a_server_that_fails(world):
    failure(world, "http-error", 0, BEGUN, [{"status": 500}] * 9,
            download="Attempts=2")


def test_a_server_that_stalls(world):
    failure(world, "timeout", 0, BEGUN, [{"stall_after": 10}] * 9,
            download="Attempts=2\nStallTimeout=1s")


def test_a_wrong_digest(world):
    failure(world, "digest-mismatch", 95, BEGUN + LOADED, md5="0" * 32)


def test_a_wrong_size(world):
    failure(world, "size-mismatch", 0, BEGUN, size=299)


def test_a_check_that_fails(world):
    failure(world, "install-failed", 98, BEGUN + LOADED + INSTALLED[:1],
            module="Check=false\n")


def test_unhealthy_is_rolled_back(world):
    """A program whose health check fails."""
    keys, data, path = lab.sick_program(world)
    broker, web, otad, _ = gateway(
        world, update="CheckInterval=0\nConfirmTimeout=1s",
        modules="[Module main]\n" + keys)
    mark = offer(broker, web, data)
    broker.wait("rolled-back", is_state("rolled-back"), mark)
    expect_equal(path.read_bytes(), open("/bin/true", "rb").read(), "the file")
    check(broker, *BEGUN, *LOADED, *INSTALLED, version("1.0.0"),
          ended("rolled-back", 99, "health-check-failed"))
    check_pace(broker)


def test_replies(world):
    """Accepted, rejected; the id keeps its type; none without an id."""
    broker, web, otad, path = gateway(world, QUIET)

    def answer(payload, topic="command_send"):
        mark = command(broker, payload, topic)
        return broker.wait("reply", sent("command_reply"), mark).payload

    data = b"new" * 100
    url = web.put("fw", data)
    mark = broker.mark()
    silent = upgrade("1.0.1", url, data)
    del silent["id"]
    command(broker, silent)
    broker.wait("version", is_version("1.0.1"), mark)
    command(broker, nothing_new(3))
    bad = upgrade("1.0.2", "ftp://x/y", data, "text-id")
    got = answer(bad)
    expect_equal(seen(broker, "command_reply", mark)[0].payload, got,
                 "an answer to a command without an id")
    expect_equal(got["id"], "text-id", "id")
    expect_equal(got["params"], {
        "module": "main", "version": "1.0.2", "result": "rejected",
        "message": "url-scheme"}, "rejected")
    got = answer(upgrade("1.0.2", url, data, 98310))
    expect_equal(got["id"], 98310, "id")
    expect(isinstance(got["id"], int), "the id's type")
    expect_equal(got["params"]["result"], "accepted", "result")
    got = answer(upgrade("1.0.2", url, data, "98311"))
    expect_equal(got["id"], "98311", "id")
    broker.wait("version", is_version("1.0.2"), mark)


def test_the_version_that_runs_already_is_told_again(world):
    broker, web, otad, path = gateway(world, QUIET)
    mark = offer(broker, web, version="1.0.0")
    broker.wait("version", is_version("1.0.0"), mark)
    expect_equal([r for r in web.log() if r["path"] == "/fw"], [], "requests")
    check_pace(broker)


MODULES = """{main}[Module mcu]
Type=config
Path={folder}/mcu.conf
Version=2.0
VersionAttribute=mcu_version
CheckEvent=mcuCheck

[Module aux]
Type=config
Path={folder}/aux.conf
Version=3.0
"""


def test_several_modules_each_have_their_own_names(world):
    path = world.folder / "main.conf"
    for name in ("mcu", "aux"):
        (world.folder / f"{name}.conf").write_text("old")
    broker, web, otad, path = gateway(world, update="", modules=MODULES.format(
        main=MAIN.format(path=path), folder=world.folder))
    for event in ("otaCheck", "mcuCheck", "otaCheck_aux"):
        broker.wait(event, has("event_report", method=event))
    versions = [m.payload for m in seen(broker, "attributes")]
    expect_equal(versions, [{"version": "1.0.0"}, {"mcu_version": "2.0"},
                            {"aux_version": "3.0"}], "versions")
    kinds = [m.topic.split("/")[0] for m in broker.messages
             if m.topic.endswith(USER)]
    expect_equal(kinds, ["attributes"] * 3 + ["event_report"] * 3,
                 "versions before checks")
    mark = offer(broker, web, version="1.9", module="mcu")
    failed = broker.wait("failed", has("attributes", mcu_ota_state="failed"),
                         mark)
    expect_equal(failed.payload["mcu_ota_progress"], 0, "progress")
    expect("mcu_ota_message" in failed.payload, failed.text)
    check_pace(broker)


def test_killed_at_a_third_it_asks_at_once_and_resumes(world):
    broker, web, otad, path = gateway(world, update="")
    data = os.urandom(1_200_000)
    web.put("fw", data)
    web.script("fw", [{"rate": 200_000}, {"rate": 200_000}])
    mark = offer(broker, web, data)

    def a_third():
        return any(r["path"] == "/fw" and r["sent"] > 400_000
                   for r in web.log())
    lab.wait_until("a third", a_third)
    otad.kill()
    again = broker.mark()
    otad.start()
    broker.wait("check", sent("event_report"), again)
    offer(broker, web, data, number=8, name="fw-renewed")
    broker.wait("succeeded", is_state("succeeded"), again)
    expect_equal(path.read_bytes(), data, "the file")
    # The reply to the second command comes while the download goes on.
    check(broker, Some(CHECK), *BEGUN, *ON_THE_WAY, version("1.0.0"), CHECK,
          Some(step("downloading", tens), reply("accepted", 8)),
          step("downloading", 90), step("verifying", 95), *INSTALLED,
          version("1.0.1"), step("succeeded", 100, 1), Some(CHECK))
    ranges = [r["headers"]["Range"] for r in web.log()
              if "Range" in r["headers"]]
    # What the server has sent may have been on its way when the kill came.
    expect(ranges and all(int(r[6:].split("-")[0]) > 0 for r in ranges),
           f"it did not go on where it was: {ranges}")
    numbers = [p for _, p in states_of(broker, mark)]
    expect_equal(numbers, sorted(numbers), "progress went backwards")


def test_states_that_wait_for_their_turn_outlive_a_lost_broker(world):
    broker, web, otad, path = gateway(world)
    mark = offer(broker, web)
    broker.wait("downloading", is_state("downloading"), mark)
    otad.wait_log("succeeded")
    broker.kill()
    told = states_of(broker, mark)
    mark = broker.mark()
    broker.start()
    broker.wait("succeeded", is_state("succeeded"), mark)
    told += states_of(broker, mark)
    expect_equal([s for s, _ in told if s != "downloading"],
                 ["verifying", "installing", "restarting", "succeeded"],
                 "states")


HANDLER = """#!/bin/sh
cd "{folder}" || exit 1
case $1 in
version) cat "$OTA_DEVICE.version" 2>/dev/null || echo 1.0 ;;
install)
	echo "progress 50"
	cp "$OTA_ARTIFACT" "$OTA_DEVICE.firmware" &&
		echo "$OTA_VERSION" > "$OTA_DEVICE.version" ;;
health) ! grep -q sick "$OTA_DEVICE.firmware" ;;
rollback) echo "$OTA_OLD_VERSION" > "$OTA_DEVICE.version" ;;
esac
"""


def with_devices(world, cloud, devices):
    handler = world.folder / "flash"
    handler.write_text(HANDLER.format(folder=world.folder))
    handler.chmod(0o755)
    path = world.folder / "main.conf"
    return gateway(world, cloud, modules=MAIN.format(path=path) +
                   f"[Class probe]\nModule=main exec {handler}\n" + devices)


def to_device(device, payload, **beside):
    return {"device": device, "command": payload, **beside}


def test_a_sub_device_through_the_gateway_api(world):
    broker, web, otad, _ = with_devices(
        world, QUIET, "[Device DEVICE1]\nClass=probe\n")
    told = broker.wait("its version", sent("gateway_attributes"))
    expect_equal(told.payload, {"DEVICE1": {"version": "1.0"}}, "version")
    data = b"good firmware"
    body = upgrade("1.1", web.put("probe", data), data, 98518)
    mark = command(broker, to_device("DEVICE1", body), "gateway_command_send")
    answer = broker.wait("reply", sent("gateway_command_reply"), mark)
    expect_equal(answer.payload, {"device": "DEVICE1", "command": {
        "method": "otaUpgrade", "id": 98518,
        "params": {"module": "main", "version": "1.1", "result": "accepted",
                   "message": ""}}}, "reply")
    told = broker.wait("its new version", sent("gateway_attributes"), mark)
    expect_equal(told.payload, {"DEVICE1": {"version": "1.1"}}, "version")
    expect_equal((world.folder / "DEVICE1.firmware").read_bytes(), data,
                 "what was flashed")
    # Its id beside the device; the other family of topics works as well.
    data = b"sick firmware"
    body = upgrade("1.2", web.put("probe", data), data)
    del body["id"]
    mark = command(broker, to_device("DEVICE1", body, id="beside"),
                   "sub_command_send")
    answer = broker.wait("reply", sent("gateway_command_reply"), mark)
    expect_equal(answer.payload["command"]["id"], "beside", "id")
    told = broker.wait("the old version", sent("gateway_attributes"), mark)
    expect_equal(told.payload, {"DEVICE1": {"version": "1.1"}}, "version")
    otad.wait_log("rolled-back")
    mark = command(broker, to_device("NOBODY", body, id=5),
                   "gateway_command_send")
    broker.publish(f"gateway_command_send/{USER}", to_device("DEVICE1", {
        "method": "reboot", "params": {}, "id": 6}))
    check_pace(broker)


def test_checks_of_sub_devices(world):
    """Each api in its own form, after the versions."""
    handler = world.folder / "flash"
    handler.write_text(HANDLER.format(folder=world.folder))
    handler.chmod(0o755)
    path = world.folder / "main.conf"
    broker, web, otad, _ = gateway(
        world, update="", modules=MAIN.format(path=path) +
        f"[Class probe]\nModule=main exec {handler}\n"
        "[Device DEVICE1]\nClass=probe\n"
        "[Device leaf]\nClass=probe\nAddress=1,2\n")
    near = broker.wait("check", sent("gateway_event_report"))
    far = broker.wait("check", sent("sub_event_report"))
    for check, device in ((near, "DEVICE1"), (far, ["1", "2"])):
        number = check.payload["event"].pop("id")
        expect(isinstance(number, int), "the event's id")
        expect_equal(check.payload, {"device": device, "event": {
            "method": "otaCheck", "params": {}}}, "check")
    expect_equal([m.payload for m in seen(broker, "gateway_attributes")],
                 [{"DEVICE1": {"version": "1.0"}}], "one level")
    expect_equal([m.payload for m in seen(broker, "sub_attributes")],
                 [{"1": {"sub": {"2": {"attributes": {"version": "1.0"}}}}}],
                 "two levels")
    check_pace(broker)


def test_nested_sub_devices_through_the_sub_api(world):
    broker, web, otad, _ = with_devices(
        world, QUIET + "SubdeviceApi=sub\n",
        "[Device DEVICE1]\nClass=probe\n"
        "[Device leaf]\nClass=probe\nAddress=1, 2\n")
    broker.wait("version", lambda m: sent("sub_attributes")(m) and m.payload ==
                {"DEVICE1": {"attributes": {"version": "1.0"}}})
    leaf = "{\"1\":{\"sub\":{\"2\":{\"attributes\":{\"version\":\"%s\"}}}}}"
    broker.wait("version of the leaf", lambda m: sent("sub_attributes")(m) and
                m.text == leaf % "1.0")
    data = b"good firmware"
    url = web.put("probe", data)
    mark = command(broker, to_device(["1", "2"], upgrade("1.1", url, data, 1)),
                   "sub_command_send")
    answer = broker.wait("reply", sent("sub_command_reply"), mark)
    expect_equal((answer.payload["device"], answer.payload["command"]["id"]),
                 (["1", "2"], 1), "reply")
    mark2 = command(broker, to_device(["DEVICE1"],
                                      upgrade("1.1", url, data, 2)),
                    "sub_command_send")
    answer = broker.wait("reply", sent("sub_command_reply"), mark2)
    expect_equal((answer.payload["device"], answer.payload["command"]["id"]),
                 ("DEVICE1", 2), "reply")
    broker.wait("new version of the leaf", lambda m:
                sent("sub_attributes")(m) and m.text == leaf % "1.1", mark)
    for name in ("leaf", "DEVICE1"):
        expect_equal((world.folder / f"{name}.firmware").read_bytes(), data,
                     f"what was flashed into {name}")
    check_pace(broker)


if __name__ == "__main__":
    # Its pauses of two seconds are most of the time.
    suite.main(sys.modules[__name__], at_once=4)
