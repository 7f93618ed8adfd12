"""What the Aliyun-style platforms say and hear: protocols.md, 2.3 and 6.3."""

import lab
import trace
from suite import expect, expect_equal
from trace import One, Some


class Device:
    """One device as the platform knows it: its topics, and what it said."""

    def __init__(self, broker, address):
        self.broker = broker
        self.inform = f"/ota/device/inform/{address}"
        self.progress = f"/ota/device/progress/{address}"
        self.upgrade = f"/ota/device/upgrade/{address}"
        self.get = f"/sys/{address}/thing/ota/firmware/get"
        self.get_reply = f"/sys/{address}/thing/ota/firmware/get_reply"
        self.property = f"/sys/{address}/thing/event/property/post"

    def said(self, topic, since=0):
        return [m for m in self.broker.messages[since:] if m.topic == topic]

    def wait_version(self, number, module="default", since=0):
        return self.broker.wait(f"version {number}", lambda m:
                                m.topic == self.inform and m.payload["params"]
                                == {"version": number, "module": module}, since)

    def wait_check(self, since=0):
        return self.broker.wait("check", lambda m: m.topic == self.get, since)

    def wait_step(self, step, since=0, module=None):
        def accepts(message):
            return message.topic == self.progress and \
                message.payload["params"]["step"] == str(step) and \
                module in (None, message.payload["params"]["module"])
        return self.broker.wait(f"step {step}", accepts, since)

    def wait_failure(self, since=0):
        return self.broker.wait("failure", lambda m:
                                m.topic == self.progress and
                                m.payload["params"]["step"].startswith("-"),
                                since)

    def steps(self, since=0, module=None):
        return [int(m.payload["params"]["step"])
                for m in self.said(self.progress, since)
                if module in (None, m.payload["params"]["module"])]

    def send(self, topic, payload):
        mark = self.broker.mark()
        self.broker.publish(topic, payload)
        return mark


def check_steps(steps):
    """Those of a whole success: 1, then tens to 90, then the rest, once."""
    expect_equal(steps[0], 1, "first step")
    expect_equal(steps[-6:], [90, 95, 96, 98, 99, 100], "end")
    tens = [s for s in steps[1:] if s <= 90]
    expect(all(s % 10 == 0 for s in tens), f"steps {steps}")
    expect_equal(tens, sorted(set(tens)), "steps")


def check_ids(*devices):
    """Strings of 32 bit numbers, none twice."""
    ids = [m.payload["id"] for d in devices
           for topic in (d.inform, d.progress, d.get, d.property)
           for m in d.said(topic)]
    expect(all(isinstance(i, str) and 0 <= int(i) < 1 << 32 for i in ids),
           f"ids {ids}")
    expect_equal(len(set(ids)), len(ids), "different ids")


# ---- what the documents have a device say ----

class Script:
    """The messages of one module's job; `more` are members of its progress."""

    def __init__(self, device, module, numeric=False, **more):
        self.device = device
        self.module = module
        self.numeric = numeric
        self.more = more

    def version(self, number):
        return One(self.device.inform, {"id": trace.an_id, "params": {
            "version": number, "module": self.module}}, 1)

    def step(self, number, desc="", qos=0):
        """`number` as it stands in `step`, or what says whether it will do."""
        params = {"step": str(number), "desc": desc, "module": self.module,
                  **self.more}
        if callable(number):
            params["step"] = trace.ten_words
        if self.numeric:
            params["progress"] = number
        return One(self.device.progress, {"id": trace.an_id, "params": params},
                   qos)

    def failed(self, number, desc):
        return self.step(number, trace.text_like(desc), 1)

    def check(self, **more):
        return One(self.device.get, {"id": trace.an_id, "version": "1.0",
                                     "params": {"module": self.module}, **more},
                   1)

    def begun(self):
        return [self.step(1)]

    def on_the_way(self):
        return [Some(self.step(trace.tens))]

    def loaded(self):
        return [*self.on_the_way(), self.step(90), self.step(95)]

    def prepared(self):
        return [self.step(96), self.step(98)]

    def swapped(self):
        return [self.step(99)]

    def done(self, number):
        return [self.version(number), self.step(100, qos=1)]


def package(version, url, data, **changes):
    """The data of an offer."""
    body = {"version": version, "url": url, "size": len(data),
            "sign": lab.md5(data), "signMethod": "Md5"}
    body.update(changes)
    return {k: v for k, v in body.items() if v is not None}


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


def handler(world):
    """One that plays sub-devices; where it is."""
    path = world.folder / "flash"
    path.write_text(HANDLER.format(folder=world.folder))
    path.chmod(0o755)
    return path


def wait_sent(web, name, count):
    """Until that much of a file went out."""
    lab.wait_until(f"{count} bytes of {name}", lambda: any(
        r["path"] == "/" + name and r["sent"] >= count for r in web.log()))


def ranges(web):
    """Where the requests for parts began."""
    return [int(r["headers"]["Range"][6:].split("-")[0]) for r in web.log()
            if "Range" in r["headers"]]
