"""conf/handlers/install-deb, with packages and a system of its own."""

import os
import shutil
import subprocess
import sys

import lab
import suite
from behind import Gateway, script
from suite import expect, expect_equal

HANDLER = lab.ROOT / "conf/handlers/install-deb"
PACKAGE = "gateway-app"


class System:
    """Another root for dpkg; the machine's own packages stay as they are."""

    def __init__(self, world):
        if os.geteuid() != 0:
            suite.skip("dpkg wants root")
        if not shutil.which("dpkg-repack"):
            suite.skip("dpkg-repack is not there")
        self.world = world
        self.root = world.folder / "root"
        for name in ("info", "updates"):
            (self.root / "var/lib/dpkg" / name).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        (self.root / "tmp").mkdir()
        self.env = {"DPKG_ROOT": str(self.root)}

    def build(self, version, depends="", architecture="all", name=PACKAGE,
              files=None, conffile=""):
        """A .deb, and where it is; its only program is called like it."""
        folder = self.world.folder / "package"
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in {f"usr/bin/{name}": f"app {version}\n", **(files or {}),
                           **({"etc/app.conf": conffile} if conffile else {})
                           }.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        (folder / "DEBIAN").mkdir()
        (folder / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: {version}\n"
            f"Architecture: {architecture}\n" +
            (f"Depends: {depends}\n" if depends else "") +
            "Maintainer: Nobody <nobody@example.org>\nDescription: an app\n")
        if conffile:
            (folder / "DEBIAN/conffiles").write_text("/etc/app.conf\n")
        deb = self.world.folder / f"{name}-{version.replace(':', '-')}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build",
                        str(folder), str(deb)], check=True,
                       capture_output=True)
        return deb

    def dpkg(self, *arguments):
        subprocess.run(["dpkg", *map(str, arguments)], check=True,
                       capture_output=True, env={**os.environ, **self.env})

    def installed(self, name=PACKAGE):
        done = subprocess.run(
            ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", name],
            text=True, capture_output=True, check=False,
            env={**os.environ, **self.env})
        return done.stdout.replace("ii ", "")

    def app(self):
        path = self.root / "usr/bin" / PACKAGE
        return path.read_text() if path.exists() else None

    def run(self, action, version="", old="", artifact="", path=""):
        return subprocess.run(
            [str(HANDLER), action], text=True, check=False,
            capture_output=True, timeout=lab.DEADLINE_S, env={
                **os.environ, **self.env,
                "PATH": f"{path}:{os.environ['PATH']}" if path else
                os.environ["PATH"],
                "OTA_DEVICE": "self", "OTA_MODULE": PACKAGE,
                "OTA_VERSION": version, "OTA_OLD_VERSION": old,
                "OTA_ARTIFACT": str(artifact), "OTA_SHA256": "",
                "OTA_STATE_DIR": str(self.world.folder)})

    def works(self, action, *arguments, **options):
        done = self.run(action, *arguments, **options)
        expect_equal(done.returncode, 0, f"{action}: {done.stderr}")
        return done.stdout

    def fails(self, action, text, *arguments, **options):
        done = self.run(action, *arguments, **options)
        expect_equal(done.returncode, 1, f"{action}: {done.stderr}")
        last = done.stderr.rstrip("\n").rpartition("\n")[2]
        expect(text in last, f"{last!r} does not say {text!r}")


def test_an_update_and_the_way_back(world):
    system = System(world)
    old = system.build("1:1.0-1", conffile="a=1\n")
    new = system.build("1:1.1-1", conffile="a=2\n")
    system.dpkg("--install", old)
    old.unlink()
    (system.root / "etc/app.conf").write_text("mine\n")
    expect_equal(system.works("version"), "1.0-1\n", "version")
    system.works("check", "1.1-1", "1.0-1", new)
    said = system.works("install", "1.1-1", "1.0-1", new)
    expect_equal(said, "progress 20\nprogress 40\nprogress 100\n", "progress")
    expect_equal(system.installed(), "1:1.1-1", "installed")
    # Once more, as after a power cut.
    system.works("install", "1.1-1", "1.0-1", new)
    system.works("health", "1.1-1", "1.0-1")
    expect_equal((system.root / "etc/app.conf").read_text(), "mine\n",
                 "what the administrator changed")
    system.works("rollback", "1.1-1", "1.0-1")
    expect_equal(system.installed(), "1:1.0-1", "installed")
    expect_equal(system.app(), "app 1:1.0-1\n", "the program")
    system.works("rollback", "1.1-1", "1.0-1")
    expect_equal(system.installed(), "1:1.0-1", "the second time")


def test_the_deb_that_came_is_the_way_back_of_the_next(world):
    system = System(world)
    for version, old in (("1.0", ""), ("1.1", "1.0"), ("1.2", "1.1")):
        deb = system.build(version)
        system.works("check", version, old, deb)
        system.works("install", version, old, deb)
        deb.unlink()
    kept = world.folder / "install-deb" / f"{PACKAGE}.old.deb"
    before = kept.read_bytes()
    expect_equal(sorted(p.name for p in kept.parent.iterdir()),
                 [f"{PACKAGE}.new.deb", kept.name], "kept")
    system.works("rollback", "1.2", "1.1")
    expect_equal(system.installed(), "1.1", "installed")
    expect_equal(kept.read_bytes(), before, "what was kept")


def test_what_was_not_installed_goes_again(world):
    system = System(world)
    deb = system.build("1.0")
    system.fails("version", "is not installed")
    system.works("check", "1.0", "", deb)
    system.works("install", "1.0", "", deb)
    expect_equal(system.works("version"), "1.0\n", "version")
    system.works("rollback", "1.0", "")
    expect_equal(system.app(), None, "the program")


def test_without_the_old_deb_there_is_no_way_back(world):
    system = System(world)
    deb = system.build("1.1")
    # otad thinks so, but somebody has removed it.
    system.works("install", "1.1", "1.0", deb)
    done = system.run("rollback", "1.1", "1.0")
    expect_equal((done.returncode, done.stderr),
                 (64, "there is no .deb of gateway-app 1.0\n"), "rollback")
    expect_equal(system.installed(), "1.1", "installed")


def test_the_wrong_package_is_refused(world):
    system = System(world)
    system.fails("check", "no Debian package", "1.0", "", "/etc/passwd")
    system.fails("check", "is the package other, not gateway-app", "1.0", "",
                 system.build("1.0", name="other"))
    system.fails("check", "is gateway-app 1.0, not 2.0", "2.0", "",
                 system.build("1.0"))
    system.fails("check", "is for hurd-i386", "1.0", "",
                 system.build("1.0", architecture="hurd-i386"))
    expect_equal(system.installed(), "", "installed")


def test_dependencies_have_to_be_there(world):
    system = System(world)
    deb = system.build("1.0", depends="liberty (>= 2), nothing")
    system.fails("check", "Depends: liberty (>= 2)", "1.0", "", deb)
    system.dpkg("--install", system.build("1.9", name="liberty"))
    system.fails("check", "Depends: liberty (>= 2)", "1.0", "", deb)
    # What is forced in all the same, dpkg does not configure.
    system.fails("install", "dependency problems", "1.0", "", deb)
    system.fails("health", "unpacked", "1.0", "")
    system.works("rollback", "1.0", "")
    expect_equal(system.app(), None, "the program")


def test_dependencies_that_are_there_are_enough(world):
    system = System(world)
    system.dpkg("--install", system.build("2.1", name="liberty"))
    deb = system.build("1.0", depends="liberty (>= 2)")
    done = system.run("check", "1.0", "", deb)
    expect_equal((done.returncode, done.stderr), (0, ""), "check")


def test_a_damaged_or_failed_program_is_not_healthy(world):
    system = System(world)
    deb = system.build("1.0", files={
        "usr/lib/systemd/system/app.service": "[Service]\n"})
    system.works("install", "1.0", "", deb)
    asked = world.folder / "asked"
    tools = world.folder / "tools"
    tools.mkdir()
    script(tools, "systemctl", f"#!/bin/sh\necho \"$@\" >> {asked}\nexit 1\n")
    system.works("health", "1.0", "", path=tools)
    expect_equal(asked.read_text(), "is-failed --quiet app.service\n", "asked")
    script(tools, "systemctl", "#!/bin/sh\nexit 0\n")
    system.fails("health", "a service of gateway-app has failed", "1.0", "",
                 path=tools)
    (system.root / f"usr/bin/{PACKAGE}").write_text("other")
    system.fails("health", f"usr/bin/{PACKAGE}", "1.0", "")
    system.fails("health", "is at 1.0", "1.1", "")


def test_an_unknown_action(world):
    system = System(world)
    expect_equal(system.run("format").returncode, 64, "exit status")


def test_through_otad_and_back_by_hand(world):
    system = System(world)
    system.dpkg("--install", system.build("1.0"))
    gateway = Gateway(world, {"box": (HANDLER, "")}, PACKAGE, env=system.env)
    gateway.otad.start()
    box = gateway.devices["box"]
    box.wait_version("1.0", PACKAGE)
    bad = system.build("1.1", depends="liberty").read_bytes()
    mark = gateway.offer("box", "1.1", bad)
    step, text = gateway.fails("box", mark)
    expect_equal(step, "-4", "step")
    expect("status 1: Depends: liberty but it" in text, text)
    mark = gateway.offer("box", "1.2", system.build("1.2").read_bytes())
    gateway.succeeds("box", "1.2", mark)
    expect_equal(system.app(), "app 1.2\n", "the program")
    gateway.otad.ctl("--device", "box", "rollback", PACKAGE)
    box.wait_version("1.0", PACKAGE, mark)
    expect_equal(system.app(), "app 1.0\n", "the program")


if __name__ == "__main__":
    suite.main(sys.modules[__name__])
