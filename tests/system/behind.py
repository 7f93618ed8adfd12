"""Devices behind a gateway on sagoo, each with a handler of its own."""

import os

import alink
import lab

CLOUD = "Platform=sagoo\nProductKey=PK\nDeviceKey=gw1\n"


class Gateway:
    """`devices`: {name: (handler, more lines of its module)}."""

    def __init__(self, world, devices, module="mcu", update="", env=None):
        self.module = module
        self.folder = world.folder
        self.broker = world.start_broker()
        self.web = world.start_fault_server()
        config = "".join(
            f"[Device {name}]\n[Module {name}/{module}]\nType=exec\n"
            f"Handler={handler}\n{more}" for name, (handler, more)
            in devices.items())
        self.otad = world.otad(
            lab.base_config(self.broker, CLOUD, config, update=update,
                            download="AllowHttp=yes\n"), env=env)
        self.devices = {name: alink.Device(self.broker, f"PK/{name}")
                        for name in devices}

    def put_config(self, name, text):
        (self.otad.folder / "etc" / name).write_text(text)

    def offer(self, name, version, data):
        """Where the messages stood before."""
        package = alink.package(
            version, self.web.put(f"{self.module}-{version}", data), data,
            module=self.module, signMethod="SHA256", sign=lab.sha256(data))
        device = self.devices[name]
        return device.send(device.upgrade, {
            "code": "200", "data": package, "id": 1, "message": "success"})

    def succeeds(self, name, version, mark):
        self.devices[name].wait_step(100, mark, self.module)
        self.devices[name].wait_version(version, self.module, mark)

    def fails(self, name, mark):
        """(step, description)."""
        told = self.devices[name].wait_failure(mark).payload["params"]
        return told["step"], told["desc"]


def script(folder, name, text, mode=0o755):
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def ends(pid):
    """Whether a process is over; a zombie is."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def read_pid(path):
    text = path.read_text() if os.path.exists(path) else ""
    return int(text) if text.endswith("\n") else 0
