"""binary and config modules, policy and what people ask for by otactl."""

import json
import os
import subprocess
import sys

import lab
import suite
from suite import expect, expect_equal


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def gateway(world, module, update="", version="1.0.0"):
    broker = world.start_broker()
    web = world.start_fault_server()
    otad = world.otad(lab.base_config(
        broker, lab.TENCENT, f"[Module app]\nVersion={version}\n{module}",
        update=update))
    otad.start()
    broker.wait("version", lambda m: m.topic == lab.TENCENT_REPORT and
                m.payload["report"].get("fw_type") == "app")
    return broker, web, otad


def offer(broker, web, data, number="1.0.1", name="app"):
    mark = broker.mark()
    broker.publish(lab.TENCENT_UPDATE, lab.tencent_update(
        number, web.put(name, data), data, fw_type="app"))
    return mark


def failed(broker, mark):
    message = broker.wait("fail", lab.is_tencent_state("fail"), mark)
    return message.payload["report"]["progress"]["result_msg"]


def new_program(world):
    return (world.build / "tests/system/version-that-hangs").read_bytes()


def old_program(folder):
    path = folder / "app"
    path.write_bytes(open("/bin/true", "rb").read())
    path.chmod(0o750)
    return path


def test_binary_is_swapped_restarted_and_confirmed(world):
    path = old_program(world.folder)
    restarted = world.folder / "restarted"
    broker, web, otad = gateway(world, f"Type=binary\nPath={path}\n"
                                f"Restart=touch {restarted}\nHealthPeriod=1s\n"
                                "HealthCheck=test -x \"$OTA_ARTIFACT\"\n")
    before = path.read_bytes()
    mark = offer(broker, web, new_program(world))
    broker.wait("done", lab.is_tencent_state("done"), mark)
    expect(restarted.exists(), "Restart= was not run")
    expect_equal(path.read_bytes(), new_program(world), "the program")
    expect_equal(path.stat().st_mode & 0o7777, 0o750, "its mode")
    expect_equal((world.folder / "app.old").read_bytes(), before, "the backup")


def test_binary_that_is_unhealthy_is_rolled_back(world):
    path = old_program(world.folder)
    before = path.read_bytes()
    check = script(world.folder / "check", f"cmp -s {path} /bin/true\n")
    log = world.folder / "restarts"
    broker, web, otad = gateway(
        world, f"Type=binary\nPath={path}\nRestart=echo x >> {log}\n"
        f"HealthPeriod=1s\nHealthCheck={check}\n", "ConfirmTimeout=3s")
    mark = offer(broker, web, new_program(world))
    failed(broker, mark)
    expect_equal(path.read_bytes(), before, "the program")
    expect_equal(log.read_text(), "x\nx\n", "restarts: new, then old")


def test_binary_whose_restart_fails_is_rolled_back(world):
    path = old_program(world.folder)
    before = path.read_bytes()
    broker, web, otad = gateway(
        world, f"Type=binary\nPath={path}\n"
        f"Restart=echo no luck >&2; cmp -s {path} /bin/true\n")
    mark = offer(broker, web, new_program(world))
    expect("no luck" in failed(broker, mark), "the command's last words")
    expect_equal(path.read_bytes(), before, "the program")


def test_binary_that_never_restarts_goes_back_all_the_same(world):
    """Its restart fails with the old version, too: the file is what counts."""
    path = old_program(world.folder)
    before = path.read_bytes()
    broker, web, otad = gateway(
        world, f"Type=binary\nPath={path}\nRestart=echo no luck >&2; false\n")
    mark = offer(broker, web, new_program(world))
    failed(broker, mark)
    expect_equal(path.read_bytes(), before, "the program")
    job, = (module["job"] for module in json.loads(
        otad.ctl("modules", "--json"))["modules"] if "job" in module)
    expect_equal((job["state"], job["error"]), ("rolled-back", "restart-failed"),
                 "its end")
    expect("1.0.0 is back, but does not start" in job["message"], job["message"])


def test_binary_that_is_no_program_is_refused(world):
    path = old_program(world.folder)
    broker, web, otad = gateway(world, f"Type=binary\nPath={path}\n")
    mark = offer(broker, web, b"#!/bin/sh\n")
    failed(broker, mark)
    expect_equal(path.read_bytes(), open("/bin/true", "rb").read(),
                 "the program")


def config_module(world, more=""):
    real = world.folder / "real.conf"
    real.write_text("old")
    real.chmod(0o640)
    link = world.folder / "app.conf"
    link.symlink_to(real)
    return real, link, f"Type=config\nPath={link}\n{more}"


def test_config_behind_a_symlink_is_checked_and_reloaded(world):
    reloaded = world.folder / "reloaded"
    real, link, module = config_module(
        world, f"Check=grep -q good\nReload=touch {reloaded}\n")
    broker, web, otad = gateway(world, module)
    mark = offer(broker, web, b"good")
    broker.wait("done", lab.is_tencent_state("done"), mark)
    expect_equal(real.read_text(), "good", "the file behind the link")
    expect(link.is_symlink(), "the link was replaced")
    expect_equal(real.stat().st_mode & 0o777, 0o640, "mode")
    expect(reloaded.exists(), "Reload= was not run")
    mark = offer(broker, web, b"bad", "1.0.2")
    failed(broker, mark)
    expect_equal(real.read_text(), "good", "after a failed Check=")


def waiting(otad):
    status = json.loads(otad.ctl("status", "--json"))
    return "available" in json.dumps(status)


def test_auto_off_waits_for_install(world):
    real, _, module = config_module(world)
    broker, web, otad = gateway(world, module, "Auto=no")
    mark = offer(broker, web, b"new")
    lab.wait_until("available", lambda: waiting(otad))
    expect_equal(real.read_text(), "old", "before install")
    expect("otactl install" in otad.ctl("status"), "status says what to do")
    otad.ctl("install", "app")
    broker.wait("done", lab.is_tencent_state("done"), mark)
    expect_equal(real.read_text(), "new", "after install")


def test_file_that_was_not_there_has_no_way_back(world):
    path = world.folder / "new.conf"
    broker, web, otad = gateway(world, f"Type=config\nPath={path}\n")
    mark = offer(broker, web, b"new")
    broker.wait("done", lab.is_tencent_state("done"), mark)
    module, = (module for module in json.loads(
        otad.ctl("modules", "--json"))["modules"] if module["module"] == "app")
    expect_equal(module.get("previous"), None, "a version to go back to")
    expect_equal(otad.ctl("rollback", "app", check=False).returncode, 1,
                 "rollback")
    expect_equal(path.read_text(), "new", "the file")


def test_hold_survives_a_restart_and_release_lets_go(world):
    real, _, module = config_module(world)
    broker, web, otad = gateway(world, module)
    otad.ctl("hold", "inventory")
    mark = offer(broker, web, b"new")
    lab.wait_until("available", lambda: waiting(otad))
    otad.kill()
    otad.start()
    lab.wait_until("available", lambda: waiting(otad))
    expect("inventory" in otad.ctl("status"), "the reason")
    otad.ctl("release")
    broker.wait("done", lab.is_tencent_state("done"), mark)
    expect_equal(real.read_text(), "new", "after release")


def test_hold_that_cannot_be_read_holds_until_release(world):
    real, _, module = config_module(world)
    broker, web, otad = gateway(world, module)
    otad.kill()
    (otad.state / "hold.json").mkdir()
    otad.start()
    mark = offer(broker, web, b"new")
    lab.wait_until("available", lambda: waiting(otad))
    otad.ctl("release")
    broker.wait("done", lab.is_tencent_state("done"), mark)
    expect_equal(real.read_text(), "new", "after release")


def test_cancel_ends_a_download(world):
    real, _, module = config_module(world)
    broker, web, otad = gateway(world, module)
    data = os.urandom(300_000)
    web.put("app", data)
    web.script("app", [{"rate": 30_000}])
    mark = offer(broker, web, data)
    broker.wait("downloading", lab.is_tencent_state("downloading"), mark)
    otad.ctl("cancel", "app")
    expect("cancel" in failed(broker, mark), "the reason")
    expect_equal(real.read_text(), "old", "the file")
    expect_equal(otad.ctl("cancel", "app", check=False).returncode, 1,
                 "nothing left to cancel")


def test_update_by_hand_and_wait_for_its_end(world):
    real, _, module = config_module(world)
    broker, web, otad = gateway(world, module)
    url = web.put("by-hand", b"by hand")
    done = otad.ctl("update", "app", "--url", url, "--version", "2.0",
                    "--sha256", lab.sha256(b"by hand"), "--wait", check=False)
    expect_equal(done.returncode, 0, f"exit status; {done.stderr}")
    expect_equal(real.read_text(), "by hand", "the file")
    done = otad.ctl("update", "app", "--url", url, "--version", "2.1",
                    "--sha256", "0" * 64, "--wait", check=False)
    expect_equal(done.returncode, 1, "exit status of a wrong digest")
    expect("digest" in (done.stderr + done.stdout).lower(), "the reason")
    done = otad.ctl("update", "app", "--url", url, "--version", "1.0",
                    "--sha256", "0" * 64, check=False)
    expect_equal(done.returncode, 1, "exit status of a downgrade")
    history = [json.loads(line) for line in
               otad.ctl("history", "--json").splitlines() if line.strip()]
    text = json.dumps(history)
    expect("2.0" in text and "digest-mismatch" in text, text)


def test_rollback_puts_the_version_before_back(world):
    real, _, module = config_module(world)
    broker, web, otad = gateway(world, module)
    mark = offer(broker, web, b"new")
    broker.wait("done", lab.is_tencent_state("done"), mark)
    otad.ctl("rollback", "app")
    lab.wait_until("the old file", lambda: real.read_text() == "old")
    broker.wait("fail", lab.is_tencent_state("fail", "1.0.1"), mark)
    lab.wait_until("1.0.0 again", lambda: "1.0.0" in otad.ctl("modules"))


def test_three_failures_of_one_artifact_are_enough(world):
    real, _, module = config_module(world, "Check=false\n")
    broker, web, otad = gateway(world, module)
    for _ in range(3):
        mark = offer(broker, web, b"new")
        failed(broker, mark)
    requests = len(web.log())
    mark = offer(broker, web, b"new")
    expect("refused" in failed(broker, mark), "the reason")
    expect_equal(len([r for r in web.log() if r["path"] == "/app"]),
                 len([r for r in web.log()[:requests]
                      if r["path"] == "/app"]), "requests")


def test_a_read_only_target_changes_nothing(world):
    if os.geteuid() != 0:
        suite.skip("needs root to mount")
    folder = world.folder / "readonly"
    folder.mkdir()
    (folder / "app.conf").write_text("old")
    if subprocess.run(["mount", "--bind", "-o", "ro", str(folder), str(folder)],
                      check=False, capture_output=True).returncode != 0:
        suite.skip("cannot mount here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)],
                       check=True)
        broker, web, otad = gateway(
            world, f"Type=config\nPath={folder}/app.conf\n")
        mark = offer(broker, web, b"new")
        failed(broker, mark)
        expect_equal((folder / "app.conf").read_text(), "old", "the file")
        expect_equal([p.name for p in folder.iterdir()], ["app.conf"], "left")
    finally:
        subprocess.run(["umount", str(folder)], check=False)


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
