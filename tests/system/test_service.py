"""otad as a service manager sees it: what it tells, and what it exits with.

The service manager is a socket here; tests/systemd has the real one.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import lab
import suite
from suite import expect, expect_equal

MODULE = "[Module default]\nType=self\n"


class Manager:
    """Hears what sd_notify(3) says, in order."""

    def __init__(self, folder):
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.lines = []
        self.arrived = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            text = self.socket.recv(65536).decode()
            with self.arrived:
                self.lines += text.splitlines()
                self.arrived.notify_all()

    def wait(self, what, predicate, since=0):
        end = time.monotonic() + lab.DEADLINE_S
        with self.arrived:
            while True:
                for line in self.lines[since:]:
                    if predicate(line):
                        return line
                left = end - time.monotonic()
                if left <= 0:
                    raise lab.Failure(f"not told: {what}; told: {self.lines}")
                self.arrived.wait(left)

    def status(self, text, since=0):
        return self.wait(f"a status with {text!r}",
                         lambda line: line.startswith("STATUS=") and text in line,
                         since)

    def mark(self):
        return len(self.lines)


def gateway(world, config, launched=True):
    manager = Manager(world.folder)
    otad = world.otad(config, launched=launched,
                      env={"NOTIFY_SOCKET": str(manager.path)})
    return manager, otad


def test_without_a_configuration_it_waits_until_there_is_one(world):
    broker = world.start_broker()
    manager, otad = gateway(world, "[Cloud]\n[Mqtt]\n" + MODULE)
    otad.start(wait=False)
    manager.wait("ready", lambda line: line == "READY=1")
    manager.status("Not configured yet")
    expect(not otad.socket.exists(), "it serves without a configuration")
    # Still nothing, and then something that is wrong: no reason to end.
    for text in ("[Cloud]\n[Mqtt]\n", "[Cloud]\nPlatform=none-such\n"):
        otad.write_config(text + MODULE)
        since = manager.mark()
        otad.process.send_signal(signal.SIGHUP)
        manager.wait("ready again", lambda line: line == "READY=1", since)
    otad.write_config(lab.base_config(broker, lab.HANQI, MODULE))
    otad.process.send_signal(signal.SIGHUP)
    otad.wait_ready()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    manager.status("Connected to hanqi")


def test_while_it_waits_for_a_configuration_it_can_be_stopped(world):
    manager, otad = gateway(world, MODULE)
    otad.start(wait=False)
    manager.status("Not configured yet")
    otad.process.send_signal(signal.SIGTERM)
    expect_equal(otad.process.wait(lab.DEADLINE_S), 0, "exit status")
    manager.status("Stopped")


def exit_status(otad):
    otad.start(wait=False)
    return otad.process.wait(lab.DEADLINE_S)


def test_a_bad_configuration_ends_it_for_good(world):
    manager, otad = gateway(
        world, "[Cloud]\nPlatform=none-such\n[Mqtt]\nHost=127.0.0.1\n" + MODULE)
    expect_equal(exit_status(otad), 78, "exit status under otad-launch")
    manager.status("Configuration refused: ")
    manager.status("none-such: not known")
    otad.launched = False
    expect_equal(exit_status(otad), 2, "exit status alone")


def test_every_complaint_about_a_configuration_names_a_line(world):
    otad = world.otad("[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n")
    for drop_in, expected in (
            ("", r"otad\.conf:1: the section \[Mqtt\] is missing"),
            ("[Mqtt]\nPort=x\n", r"otad\.conf\.d/a\.conf:2: Port=x: "),
            (None, r"otad\.conf:1: cannot be read: .*create it")):
        folder = otad.folder / "etc" / "otad.conf.d"
        folder.mkdir(exist_ok=True)
        if drop_in is None:
            (otad.folder / "etc" / "otad.conf").unlink()
        (folder / "a.conf").write_text(drop_in or "")
        done = subprocess.run([str(otad.binary), "--check-config"],
                              env=otad.environment(), capture_output=True,
                              text=True, check=False, timeout=lab.DEADLINE_S)
        expect_equal(done.returncode, 2, f"exit status; {done.stderr}")
        expect(re.search(expected, done.stderr), done.stderr)
        for line in done.stderr.splitlines():
            expect(re.match(r"/\S+:[1-9]\d*: .", line), line)


def test_a_check_by_hand_knows_the_secrets_of_the_service(world):
    otad = world.otad(lab.base_config(
        world.start_broker(), lab.HANQI, MODULE,
        mqtt="PasswordFile=%d/mqtt-password"))

    def check(before):
        """--check-config where /run is empty but for what `before` makes."""
        environment = otad.environment()
        environment.pop("CREDENTIALS_DIRECTORY", None)
        return subprocess.run(
            ["unshare", "--mount", "sh", "-ec",
             "mount -t tmpfs tmpfs /run; secrets=/run/credentials/otad.service\n"
             f"{before}\nexec {otad.binary} --check-config"],
            env=environment, capture_output=True, text=True, check=False,
            timeout=lab.DEADLINE_S)

    if subprocess.run(["unshare", "--mount", "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        suite.skip("only root may have a /run of its own")
    done = check("")
    expect_equal(done.returncode, 2, "without the service")
    expect("CREDENTIALS_DIRECTORY" in done.stderr, done.stderr)
    done = check("mkdir -p $secrets; echo x >$secrets/mqtt-password")
    expect_equal((done.returncode, done.stderr), (0, ""), "with the secret")
    done = check("mkdir -p $secrets")
    expect_equal(done.returncode, 2, "without the secret")
    expect("mqtt-password" in done.stderr, done.stderr)


def test_a_folder_that_the_sandbox_closes_is_named(world):
    if subprocess.run(["unshare", "--mount", "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        suite.skip("only root may close a folder")
    web = world.start_fault_server()
    folder = world.folder / "closed"
    folder.mkdir()
    (folder / "app.conf").write_text("old")
    otad = world.otad(lab.base_config(
        world.start_broker(), lab.HANQI, MODULE + "[Module app]\nType=config\n"
        f"Path={folder}/app.conf\nVersion=1.0\n"))
    otad._command = lambda: [  # pylint: disable=protected-access
        "unshare", "--mount", "sh", "-ec",
        f"mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}\n"
        f"exec {otad.binary}"]
    otad.start()
    data = b"new"
    done = otad.ctl("update", "app", "--url", web.put("app", data), "--version",
                    "2.0", "--sha256", lab.sha256(data), "--wait", check=False)
    expect_equal(done.returncode, 1, done.stdout)
    expect(f"permission: {folder}/app.conf is read-only" in done.stderr and
           "ReadWritePaths=" in done.stderr, done.stderr)


def test_in_a_trial_a_bad_configuration_is_a_bad_start(world):
    _, otad = gateway(world, "[Cloud]\nPlatform=none-such\n" + MODULE)
    (otad.state / "bin").mkdir()
    otad.target.write_bytes(otad.binary.read_bytes())
    otad.target.chmod(0o755)
    (otad.state / "trial").write_text("JOB=1\nVERSION=1.0.0\nSTARTS=1\n")
    expect_equal(exit_status(otad), 2, "exit status in a trial")


def test_what_it_does_is_told_with_progress(world):
    broker = world.start_broker()
    web = world.start_nginx(rate="200k")
    manager, otad = gateway(world, lab.base_config(broker, lab.HANQI, MODULE))
    otad.supervise()
    manager.status("otad 1.0.0. Connected to hanqi")
    data = (world.build / "tests/system/otad-1.0.1").read_bytes() + \
        bytes(600 * 1024)
    since = manager.mark()
    broker.publish(lab.HANQI_COMMAND,
                   lab.hanqi_upgrade("1.0.1", web.put("otad", data), data))
    manager.status("; default 1.0.1: downloading", since)
    manager.status("left", since)
    manager.status("otad 1.0.1 on trial", since)
    manager.status("last: default 1.0.1 succeeded", since)
    since = manager.mark()
    otad.ctl("hold", "--until", "23:59", "inventory")
    manager.status("updates are held", since)
    since = manager.mark()
    broker.kill()
    manager.status("Not connected to hanqi", since)
    since = manager.mark()
    otad.supervised = False
    otad.process.send_signal(signal.SIGTERM)
    manager.wait("stopping", lambda line: line == "STOPPING=1", since)
    manager.status("Stopped", since)


# ---- a package brings another otad ----

def self_updated(world, rate=None):
    """A gateway that has updated itself to 1.0.1; the package is 1.0.0."""
    broker = world.start_broker()
    web = world.start_nginx(rate=rate)
    otad = world.otad(lab.base_config(broker, lab.HANQI, MODULE), launched=True)
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))
    return broker, web, otad


def offer(world, broker, web, number, more=b""):
    data = (world.build / f"tests/system/otad-{number}").read_bytes() + more
    mark = broker.mark()
    broker.publish(lab.HANQI_COMMAND, lab.hanqi_upgrade(
        number, web.put(f"otad-{number}", data), data))
    return mark


def install_package(world, otad, number):
    """What dpkg does: another file under the name."""
    new = otad.binary.with_suffix(".dpkg-new")
    new.write_bytes((world.build / f"tests/system/otad-{number}").read_bytes())
    new.chmod(0o755)
    os.replace(new, otad.binary)


def test_a_newer_package_takes_the_place_of_the_self_updated_otad(world):
    broker, web, otad = self_updated(world)
    mark = offer(world, broker, web, "1.0.1")
    broker.wait("completed", lab.is_hanqi_state("completed", "1.0.1"), mark)
    otad.stop()
    install_package(world, otad, "1.0.2")
    mark = broker.mark()
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.2"), mark)
    expect_equal(sorted(os.listdir(otad.state / "bin")), [], "what is left")
    otad.stop()
    mark = broker.mark()
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.2"), mark)


def test_an_older_package_leaves_the_self_updated_otad(world):
    broker, web, otad = self_updated(world)
    mark = offer(world, broker, web, "1.0.2")
    broker.wait("completed", lab.is_hanqi_state("completed", "1.0.2"), mark)
    otad.stop()
    install_package(world, otad, "1.0.1")
    mark = broker.mark()
    otad.supervise()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.2"), mark)
    expect(otad.target.exists() and otad.target.with_suffix(".old").exists(),
           "the self-updated otad or its backup is gone")


def test_a_package_newer_than_an_offer_under_way_ends_it(world):
    broker, web, otad = self_updated(world, rate="50k")
    mark = offer(world, broker, web, "1.0.1", bytes(2 * 1024 * 1024))
    broker.wait("downloading", lab.is_hanqi_state("downloading", "1.0.1"), mark)
    otad.stop()
    install_package(world, otad, "1.0.2")
    otad.supervise()
    failed = broker.wait("failed", lab.is_hanqi_state("failed", "1.0.1"), mark)
    expect_equal(failed.payload["data"]["currentVersion"], "1.0.2", "version")
    expect("package" in otad.log(), otad.log())


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
