"""Whatever dies in between, the job goes on where it was."""

import os
import sys

import lab
import suite
from suite import expect, expect_equal

SIZE = 6_000_000


def gateway(world, download=""):
    broker = world.start_broker()
    web = world.start_nginx(rate=1_500_000)
    path = world.folder / "firmware"
    path.write_text("old")
    otad = world.otad(lab.base_config(
        broker, lab.HANQI,
        f"[Module default]\nType=config\nPath={path}\nVersion=1.0.0\n",
        download="StallTimeout=5s\n" + download))
    otad.start()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    data = os.urandom(SIZE)
    mark = broker.mark()
    broker.publish(lab.HANQI_COMMAND, lab.hanqi_upgrade(
        "1.0.1", web.put("fw", data), data))
    broker.wait("a third", lambda m: lab.is_hanqi_state("downloading")(m) and
                m.payload["data"]["progress"] >= 30, mark)
    return broker, web, otad, path, data, mark


def finish(broker, web, path, data, mark, allowance=2_000_000):
    done = broker.wait("completed", lab.is_hanqi_state("completed"), mark)
    expect_equal(done.payload["msgId"], "ota_1", "msgId")
    expect_equal(path.read_bytes(), data, "the file")
    sent = sum(r[2] for r in web.requests())
    expect(sent <= SIZE + allowance, f"{sent} bytes were sent for {SIZE}")


def test_otad_killed_at_a_third(world):
    broker, web, otad, path, data, mark = gateway(world)
    otad.kill()
    otad.start()
    finish(broker, web, path, data, mark)
    expect([r for r in web.requests() if r[1] == 206], "no Range request")
    expect(list((otad.state / "jobs").iterdir()) == [], "the job's file is left")


def test_otad_killed_again_and_again(world):
    broker, web, otad, path, data, mark = gateway(world)
    for percent in (50, 70):
        otad.kill()
        otad.start()
        broker.wait(f"{percent} %", lambda m:
                    lab.is_hanqi_state("downloading")(m) and
                    m.payload["data"]["progress"] >= percent, mark)
    finish(broker, web, path, data, mark, allowance=4_000_000)
    numbers = [m.payload["data"]["progress"] for m in broker.messages[mark:]
               if m.topic == lab.HANQI_REPORT and
               m.payload["msgType"] == "ota_progress"]
    expect_equal(numbers, sorted(numbers), "progress went backwards")


def test_the_web_server_killed_and_started_again(world):
    broker, web, otad, path, data, mark = gateway(world)
    web.kill()
    web.start()
    finish(broker, web, path, data, mark)


def test_the_broker_killed_and_started_again(world):
    broker, web, otad, path, data, mark = gateway(world)
    broker.kill()
    broker.start()
    mark = 0
    finish(broker, web, path, data, mark)
    expect_equal(len(web.requests()), 1, "requests")


def test_a_stop_in_between(world):
    broker, web, otad, path, data, mark = gateway(world)
    otad.stop()
    otad.start()
    finish(broker, web, path, data, mark, allowance=200_000)


def test_a_partial_file_that_was_tampered_with_is_noticed(world):
    broker, web, otad, path, data, mark = gateway(world)
    otad.kill()
    partial = next(p for p in (otad.state / "download").iterdir()
                   if p.suffix != ".json")
    with open(partial, "r+b") as file:
        file.seek(1000)
        file.write(b"tampered")
    otad.start()
    failed = broker.wait("failed", lab.is_hanqi_state("failed"), mark)
    expect_equal(failed.payload["data"]["errorCode"], "MD5_MISMATCH", "code")
    expect_equal(path.read_text(), "old", "the file")
    expect_equal(list((otad.state / "download").iterdir()), [], "left behind")


def test_hostile_state_files_are_set_aside(world):
    broker, web, otad, path, data, mark = gateway(world)
    otad.kill()
    jobs = otad.state / "jobs"
    job = next(jobs.iterdir())
    (jobs / "empty.json").write_text("")
    (jobs / "garbage.json").write_bytes(os.urandom(500))
    (jobs / "deep.json").write_text("[" * 5000)
    (jobs / "wrong.json").write_text('{"format":1,"job":7,"state":"flying"}')
    (otad.state / "outbox" / "1.json").write_text('{"topic":')
    (otad.state / "history.jsonl").write_text('{"torn')
    (otad.state / "trial").write_bytes(os.urandom(100))
    otad.start()
    finish(broker, web, path, data, mark)
    left = sorted(p.name for p in jobs.iterdir())
    expect_equal(left, ["deep.json.bad", "empty.json.bad", "garbage.json.bad",
                        "wrong.json.bad"], "set aside")
    expect(job.name not in left, "the good job is left")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
