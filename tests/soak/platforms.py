"""The five platforms as the soak needs them: how each offers, how it is told.

A target is one of TARGETS: otad itself, a program, a file, a sub-device. Every
platform but hanqi, whose gateway is one module, can be offered all of them.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import lab  # noqa: E402  pylint: disable=wrong-import-position

SELF, APP, CONF, DEVICE = "self", "app", "conf", "device"
TARGETS = (SELF, APP, CONF, DEVICE)
DEVICE_NAME = "dev1"


class Platform:
    """What they share. `default` is the name of the gateway's own module."""

    name = cloud = ""
    default = "default"
    device_keys = ""
    targets = TARGETS
    # Whether it says again what was said to a gateway that was away.
    repeats = True
    # What a gateway listens to besides offers.
    more_topics = ()

    def module_of(self, target):
        return self.default if target in (SELF, DEVICE) else target

    def device_of(self, target):
        return DEVICE_NAME if target == DEVICE else "self"

    def answer(self, broker):
        """What the platform has to say before a device may speak."""


class Alink(Platform):
    """iotgo and sagoo."""

    def __init__(self, name, device_key, code):
        self.name = name
        self.cloud = f"Platform={name}\nProductKey=PK\n{device_key}=gw1\n"
        self.code = code
        self.more_topics = tuple(
            f"/sys/PK/{name}/thing/ota/firmware/get_reply"
            for name in ("gw1", DEVICE_NAME))

    @staticmethod
    def _address(target):
        return f"PK/{DEVICE_NAME if target == DEVICE else 'gw1'}"

    def offer(self, target, version, url, data, digest):
        package = {"version": version, "url": url, "size": len(data),
                   "sign": digest, "signMethod": "Md5"}
        if target in (APP, CONF):
            package["module"] = target
        return f"/ota/device/upgrade/{self._address(target)}", {
            "code": self.code, "data": package, "id": 1626969597470,
            "message": "success"}

    def end_of(self, target, version, message):
        """True: installed; False: not; None: no end of that."""
        if message.topic != f"/ota/device/progress/{self._address(target)}":
            return None
        params = message.payload["params"]
        step = int(params["step"])
        if params["module"] != self.module_of(target) or 0 <= step < 100:
            return None
        return step == 100


class Tencent(Platform):
    name = "tencent"
    more_topics = ("$gateway/operation/result/PROD1/gw1",)
    cloud = lab.TENCENT
    device_keys = f"ProductId=PROD1\nDeviceName={DEVICE_NAME}\n"

    @staticmethod
    def _address(target):
        return f"PROD1/{DEVICE_NAME if target == DEVICE else 'gw1'}"

    def offer(self, target, version, url, data, digest):
        more = {"fw_type": target} if target in (APP, CONF) else {}
        return f"$ota/update/{self._address(target)}", lab.tencent_update(
            version, url, data, md5sum=digest, **more)

    def end_of(self, target, version, message):
        if message.topic != f"$ota/report/{self._address(target)}":
            return None
        report = message.payload["report"]
        state = report.get("progress", {}).get("state")
        if state not in ("done", "fail") or report["version"] != version:
            return None
        return state == "done"

    def answer(self, broker):
        devices = [{"product_id": "PROD1", "device_name": DEVICE_NAME,
                    "result": 0}]
        seen = 0
        while True:
            try:
                broker.wait("online", lambda m: m.topic ==
                            "$gateway/operation/PROD1/gw1" and
                            m.payload["type"] == "online", seen, 3600)
            except lab.Failure:
                continue
            seen = broker.mark()
            broker.publish_surely("$gateway/operation/result/PROD1/gw1", {
                "type": "online", "payload": {"devices": devices}})


class Hanqi(Platform):
    name = "hanqi"
    cloud = lab.HANQI
    repeats = False  # the broker keeps it
    targets = (SELF, DEVICE)

    def offer(self, target, version, url, data, digest):
        message = lab.hanqi_upgrade(version, url, data, f"ota_{version}",
                                    md5=digest)
        if target == DEVICE:
            message["subDeviceId"] = DEVICE_NAME
        return lab.HANQI_COMMAND, message

    def end_of(self, target, version, message):
        if not isinstance(message.payload, dict) or \
                (message.payload.get("subDeviceId") or "") != \
                (DEVICE_NAME if target == DEVICE else ""):
            return None
        for state in ("completed", "failed"):
            if lab.is_hanqi_state(state, version)(message):
                return state == "completed"
        return None


class Eztcloud(Platform):
    name = "eztcloud"
    cloud = "Platform=eztcloud\nUsername=DU_1\n"
    # Without the states of jobs, which come no faster than every two seconds.
    quiet = cloud + "ReportProgress=no\n"
    default = "main"
    repeats = False
    more_topics = ("sub_command_send/DU_1", "attributes_push/DU_1")

    def offer(self, target, version, url, data, digest):
        command = {"method": "otaUpgrade", "params": {
            "module": self.module_of(target), "upgrade": True,
            "version": version, "url": url, "size": len(data), "md5": digest},
            "id": 7}
        if target == DEVICE:
            return "gateway_command_send/DU_1", {"device": DEVICE_NAME,
                                                 "command": command}
        return "command_send/DU_1", command

    def end_of(self, target, version, message):
        body = message.payload
        topic = "gateway_attributes" if target == DEVICE else "attributes"
        if message.topic != f"{topic}/DU_1":
            return None
        if target == DEVICE:
            body = body.get(DEVICE_NAME, {})
        prefix = f"{target}_" if target in (APP, CONF) else ""
        state = body.get(f"{prefix}ota_state")
        if state not in ("succeeded", "failed", "rolled-back"):
            return None
        return state == "succeeded"


def all_platforms():
    return [Alink("iotgo", "DeviceName", "1000"), Tencent(), Hanqi(),
            Eztcloud(), Alink("sagoo", "DeviceKey", "200")]
