#!/usr/bin/python3
"""Makes the seeds of tests/fuzz/corpus/ from the vector files, configurations
and samples of what otad itself writes. Files that are there already stay: a
fuzzer's findings lie among them.

    tests/fuzz/make-seeds.py
"""

import base64
import json
import pathlib
import re
import struct
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/fuzz/corpus"
# Longer ones are alike, and slow.
MAX_SEED = 4096

STATES = ("idle", "available", "downloading", "verifying", "backing-up",
          "installing", "restarting", "confirming", "succeeded", "failed",
          "rolled-back")

OFFER = {
    "device": "self", "module": "app", "version": "1.0.1",
    "url": "https://example.com/app", "size": 1000,
    "md5": "d41d8cd98f00b204e9800998ecf8427e",
    "sha256": "0" * 64, "force": True, "source": "cloud", "msg_id": 7,
    "task_id": "t1", "strategy": 2,
}


def seed(harness, name, data, max_bytes=MAX_SEED):
    folder = CORPUS / harness
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(data, str):
        data = data.encode()
    if len(data) <= max_bytes:
        (folder / re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:60]).write_bytes(data)


def spoilt(document):
    """(name, document) for each member: without it, and with it wrong."""
    for key, value in document.items():
        yield "no-" + key, {k: v for k, v in document.items() if k != key}
        wrong = {"type": []}
        if isinstance(value, str):
            wrong |= {"empty": "", "nul": "a\0b", "blank": " \x7f", "long": "x" * 300}
        elif isinstance(value, int) and not isinstance(value, bool):
            wrong |= {"negative": -2**63, "huge": 2**63 - 1}
        elif isinstance(value, dict):
            wrong = dict(spoilt(value)) | wrong
        for name, what in wrong.items():
            yield f"{key}-{name}", dict(document, **{key: what})


def payload(case):
    if "payload_base64" in case:
        return base64.b64decode(case["payload_base64"])
    if "payload_gen" in case or "payload" not in case:
        return None
    text = case["payload"]
    return (text if isinstance(text, str) else
            json.dumps(text, separators=(",", ":"), ensure_ascii=False)).encode()


def numbers(text):
    """The message with each of its numbers spelt as hardly anybody does."""
    for place, found in enumerate(re.finditer(r"(?<=[:\[ ])\d+(?=[,}\] ])", text)):
        for spelling in ("-1.5e3", "1e400", "1e-400", "1e99999999999",
                         "1e-99999999999", "-0.0", "0.5", "1048576.00000000001",
                         "9223372036854775807.0", "99999999999999999999.5",
                         "1.0e3", "-9e17"):
            yield f"number-{place}-{spelling}", (
                text[:found.start()] + spelling + text[found.end():])


def clouds():
    for platform in ("iotgo", "tencent", "hanqi", "eztcloud", "sagoo"):
        path = ROOT / "tests/data/vectors" / (platform + ".json")
        spelt = False
        for number, case in enumerate(json.loads(path.read_text())["inbound"]):
            data = payload(case)
            if data is None:
                continue
            name = case.get("name", str(number))
            seed("cloud-" + platform, name, case["topic"].encode() + b"\n" + data)
            if case.get("expect", {}).get("kind") == "update":
                if not spelt and platform in ("hanqi", "sagoo"):
                    for wrong, text in numbers(data.decode()):
                        seed("cloud-" + platform, wrong, case["topic"] + "\n" + text)
                spelt = True
                seed("json", platform + "-" + name, data)
    def message(platform, name):
        file = ROOT / "tests/data/vectors" / (platform + ".json")
        return next(case for case in json.loads(file.read_text())["inbound"]
                    if case.get("name") == name)
    push, upgrade = message("sagoo", "push-example"), message("hanqi", "upgrade")
    for number, more in enumerate((
            {"files": []}, {"files": [1]}, {"files": {}}, {"isDiff": False},
            {"isDiff": 0}, {"isDiff": 0.0}, {"isDiff": 1.5}, {"isDiff": "x"},
            {"dProtocol": "HTTPS"}, {"dProtocol": "http"}, {"dProtocol": "ftp"},
            {"sign": "\0" + "a" * 31}, {"module": None}, {"extData": "{"},
            {"extData": "{\"strategy\":1}"}, {"extData": {"strategy": 2**63 - 1}},
            {"extData": {"strategy": -2**63}}, {"url": "http://h/"},
            {"signMethod": "?"}, {"size": 2**40})):
        seed("cloud-sagoo", f"data-{number}", push["topic"] + "\n" + json.dumps(
            dict(push["payload"], data=push["payload"]["data"] | more)))
    for number, more in enumerate((
            {"subDeviceId": ""}, {"subDeviceId": "HQ2026ABC123"},
            {"subDeviceId": "nobody"}, {"uuid": "nobody"}, {"msgId": 7})):
        seed("cloud-hanqi", f"target-{number}", upgrade["topic"] + "\n" + json.dumps(
            upgrade["payload"] | more))
    below = message("eztcloud", "sub-device-path")
    for number, device in enumerate((
            [], [""], ["1,2"], ["1", "2\0"], ["x" * 250, "x" * 250, "x" * 100],
            [str(level) for level in range(40)], [1], "1", {}, ["1", "9"])):
        seed("cloud-eztcloud", f"path-{number}", below["topic"] + "\n" + json.dumps(
            dict(below["payload"], device=device)))
    for case in (push, upgrade):
        seed("cloud-" + ("sagoo" if case is push else "hanqi"), "too-large",
             case["topic"] + "\n" + " " * 65537, 70000)
    # What a gateway is told of the devices that it has logged in.
    topic = "$gateway/operation/result/S3EUVBRJLB/gw_test1"
    light = {"product_id": "E69UADXUYY", "device_name": "light1", "result": 0}
    online = {"type": "online", "payload": {"devices": [light]}}
    for name, wrong in spoilt(light):
        if not name.endswith(("-nul", "-blank")):
            seed("cloud-tencent", "online-" + name, topic + "\n" + json.dumps(
                dict(online, payload={"devices": [wrong, light]})))
    for name, where, what in (
            ("online", topic, online), ("online-type", topic, dict(online, type="x")),
            ("online-none", topic, dict(online, payload={"devices": []})),
            ("online-no-list", topic, dict(online, payload={"devices": {}})),
            ("online-gateway", topic, dict(online, payload={"devices": [dict(
                light, product_id="S3EUVBRJLB", device_name="gw_test1")]})),
            ("online-other-product", topic.replace("S3", "S4"), online),
            ("online-other-topic", topic.replace("/gw", "gw"), online),
            ("online-other-name", topic + "2", online)):
        seed("cloud-tencent", name, where + "\n" + json.dumps(what))


def configs():
    good = sorted((ROOT / "tests/data/config/good").glob("*.conf"))
    examples = sorted((ROOT / "conf/examples").glob("*.conf"))
    bad = sorted((ROOT / "tests/data/config/bad").glob("*.conf"))
    for path in good + examples + bad:
        seed("config", path.stem, path.read_bytes())
    main = ("[Cloud]\nPlatform=iotgo\nProductKey=p\nDeviceName=gw\n"
            "[Mqtt]\nHost=broker.example\n")

    def folder(name, *drop_ins, first=main):
        seed("config", name, "\x1e".join((first, *(
            file + "\n" + text for file, text in drop_ins))))
    folder("drop-in", ("10-site.conf", "[Mqtt]\nHost=other.example\nPort=1883\n"))
    folder("drop-ins", ("5-more.conf", "[Update]\nAuto=no\n[Class meter]\n"
                        "Module=mcu exec /usr/lib/flash\n"),
           ("10-site.conf", "[Update]\nAuto=yes\n[Device m1]\nProductKey=q\n"
            "Class=meter\n[Module m1/aux]\nType=exec\nHandler=/usr/lib/aux\n"),
           ("é.conf", "[Module app]\nType=binary\nPath=/opt/app\n"))
    folder("drop-in-bad", ("5-more.conf", "[Mqtt]\nHots=h\n\nPort=0\n"),
           ("10-site.conf", "nothing\n[Updaet]\n"))
    folder("drop-in-of-a-class", ("10-site.conf", "[Class meter]\n"
                                  "Module=mcu exec /usr/lib/new\n"),
           first=main + "[Class meter]\nModule=mcu exec /usr/lib/old\n")
    folder("drop-in-alone", ("5-more.conf", main), first="")
    for name, more in {
            "command": "[Module app]\nType=binary\nPath=/opt/app\nCheck=a 'b # c' \"d;\\\""
                       " e\" \\# f # g\nRestart=\\\n",
            "module-of-self": "[Module self/app]\nType=config\nPath=/etc/app\n",
            "module-of-nothing": "[Module /]\n[Module a/]\n[Module ]\n[ ]\n[\n",
            "class-types": "[Class a]\nModule=x binary /opt/x\nModule=y nothing /y\n"
                           "Module=z exec z\nModule=z\nModule=z self /z\nOther=1\n",
            "hosts": "[Mqtt]\nHost=[::1]\n[Download]\nAllowedHosts= , \n",
            "hosts-many": "[Download]\nAllowedHosts=a, *.b\nAllowedHosts=c\n",
            "host-bad": "[Mqtt]\nHost=:::\nHost=[a\nHost=" + "x" * 260 + "\n",
            "proxies": "[Download]\nProxy=ftp://h\nProxy=hxxp://h\nProxy=socks5h://h\n",
            "files": "[Mqtt]\nCaFile=/dev/null\nCertFile=/dev/null\nKeyFile=/dev/null\n",
            "file-missing": "[Mqtt]\nCaFile=/no/such/file\nPasswordFile=%d/x\n",
            "keys-none": "[Update]\nRequireSignature=yes\nTrustedKeys=\n",
            "keys-missing": "[Update]\nRequireSignature=yes\nTrustedKeys=/no/such/*\n",
            "keys": "[Update]\nRequireSignature=yes\nTrustedKeys=/dev/null\n",
            "emptied": "[Mqtt]\nUsername=a\nUsername=\n[Update]\nWindow=\n"
                       "[Module app]\nType=exec\nHandler=/h\nVersion=\n",
            "tab": "[Mqtt]\nClientId=a\tb\n", "limits": "[Update]\nProgressStep=0%\n"
                   "[Download]\nChunkSize=1T\nMaxSize=0\n",
            "device-empty": "[Device m1]\nProductKey=\nClass=\nProductKey=q\n",
            "key-longer": "[Update]\n" + "A" * 101 + "=1\n",
            "topic-level": "[Cloud]\nDeviceName=a/b\n[Device m1]\n",
            "many-problems": "x\n" * 120}.items():
        seed("config", name, main + more)
    for platform in ("iotgo", "tencent", "hanqi", "eztcloud", "sagoo"):
        text = (ROOT / f"conf/examples/{platform}.conf").read_text()
        for value in ("x", "yes", "sub", "framework", "30s"):
            seed("config", f"{platform}-{value}", text + "[Cloud]\n" + "".join(
                f"{key}={value}\n" for key in (
                    "ReportProgress", "HeartbeatInterval", "SubdeviceApi",
                    "PropertyStyle")))
    for platform in ("iotgo", "tencent", "hanqi", "eztcloud", "sagoo"):
        seed("config", platform + "-least", f"[Cloud]\nPlatform={platform}\n"
             "[Mqtt]\nHost=h\n[Device m1]\n")
    seed("config", "byte-order-mark", b"\xef\xbb\xbf" + main.encode())
    seed("config", "line-long", main + "#" * 4097 + "\n", 2 * MAX_SEED)
    seed("config", "secret-large", "s" * 4097, 2 * MAX_SEED)
    seed("config", "secret", "s3cret\r\nand more\n")
    seed("config", "secret-nul", b"s3cret\0and more\n")


def control():
    def call(method, **more):
        return json.dumps({"method": method, **more}).encode() + b"\0"
    calls = {
        "info": call("org.varlink.service.GetInfo"),
        "description": call("org.varlink.service.GetInterfaceDescription",
                            parameters={"interface": "io.otad"}),
        "unknown": call("io.otad.Nothing") + call("nothing"),
        "oneway": call("io.otad.Release", oneway=True) * 2,
        "rubbish": b"{]\0",
    }
    offer = {"device": "self", "module": "app", "version": "1.0.2",
             "url": "https://h/app", "size": 1000, "sha256": "0" * 64,
             "md5": "0" * 32, "force": True}
    calls["update"] = call("io.otad.Update", parameters=offer)
    for name, parameters in spoilt(offer):
        if not name.endswith(("-long", "-blank")):
            calls["update-" + name] = call("io.otad.Update", parameters=parameters)
    for name, message in (
            ("no-object", []), ("no-method", {"parameters": {}}),
            ("method-nul", {"method": "io.otad.\0"}),
            ("parameters-type", {"method": "io.otad.GetStatus", "parameters": 1}),
            ("more-type", {"method": "io.otad.GetStatus", "more": 1}),
            ("oneway-more", {"method": "io.otad.GetStatus", "oneway": True,
                             "more": True}),
            ("oneway-type", {"method": "io.otad.GetStatus", "oneway": 1}),
            ("upgrade", {"method": "io.otad.GetStatus", "upgrade": True}),
            ("upgrade-no", {"method": "io.otad.GetStatus", "upgrade": False}),
            ("upgrade-type", {"method": "io.otad.GetStatus", "upgrade": "x"}),
            ("no-such-parameter", {"method": "io.otad.GetStatus",
                                   "parameters": {"a": 1}}),
            ("history-none", {"method": "io.otad.GetHistory",
                              "parameters": {"count": 0}}),
            ("history-many", {"method": "io.otad.GetHistory",
                              "parameters": {"count": 1000000}}),
            ("modules-of-nobody", {"method": "io.otad.ListModules",
                                   "parameters": {"device": "nobody"}}),
            ("watch-module", {"method": "io.otad.Watch", "more": True,
                              "parameters": {"device": "self", "module": "app"}}),
            ("watch-other", {"method": "io.otad.Watch", "more": True,
                             "parameters": {"device": "self", "module": "other"}}),
            ("watch-nobody", {"method": "io.otad.Watch", "more": True,
                              "parameters": {"device": "nobody"}}),
            ("hold-past", {"method": "io.otad.Hold",
                           "parameters": {"until_ms": 1}}),
            ("hold-reason", {"method": "io.otad.Hold", "parameters": {
                "until_ms": 2**62, "reason": "harvest"}}),
            ("hold-reason-long", {"method": "io.otad.Hold", "parameters": {
                "until_ms": 2**62, "reason": "x" * 1000}}),
            ("hold-reason-bytes", {"method": "io.otad.Hold", "parameters": {
                "until_ms": 2**62, "reason": "\x1b"}}),
            ("add-device", {"method": "io.otad.AddDevice", "parameters": {
                "device": "../x", "class": "meter"}})):
        calls[name] = json.dumps(message).encode() + b"\0"
    text = (ROOT / "src/control/io.otad.varlink").read_text()
    values = {"string": "app", "int": 3, "bool": True}
    for name, arguments in re.findall(r"^method (\w+)\((.*?)\)", text,
                                      re.M | re.S):
        parameters = {}
        for key, kind in re.findall(r"(\w+): \??(\w+)", arguments):
            parameters[key] = values.get(kind, "app")
        calls[name] = call("io.otad." + name, parameters=parameters)
        calls[name + "-more"] = call("io.otad." + name, more=True)
    for name, data in calls.items():
        seed("control", name, data)


def otactl():
    """Replies as otad gives them, to each command in each form."""
    job = {
        "id": "0123456789abcdef", "device": "self", "module": "app",
        "version": "1.0.2", "old_version": "1.0.1", "state": "downloading",
        "progress_percent": 42, "download_percent": 50, "received_bytes": 500000,
        "total_bytes": 1000000, "bytes_per_second": 4096,
        "changed_ms": 1795247000000,
    }
    failed = dict(job, id="1123456789abcdef", state="failed", error="network",
                  message="connect to h: Connection refused", device="meter-1",
                  module="mcu")
    installing = dict(job, state="installing", install_percent=30)
    waiting = dict(job, state="available", waiting="outside of Window=")
    done = dict(job, state="succeeded", progress_percent=100)
    entry = {
        "job": job["id"], "device": "self", "module": "app", "version": "1.0.2",
        "old_version": "1.0.1", "state": "rolled-back",
        "error": "health-check-failed", "message": "it was not well",
        "started_ms": 1795246000000, "ended_ms": 1795247000000, "bytes": 1000,
    }
    module = {"device": "self", "module": "app", "type": "binary",
              "version": "1.0.1", "previous": "1.0.0"}
    behind = {"device": "meter-1", "module": "mcu", "type": "exec",
              "class": "meter", "version": "2.0"}
    status = {
        "version": "1.0.0", "platform": "iotgo", "connected": True,
        "connection_changed_ms": 1795240000000, "automatic": True, "held": True,
        "hold_reason": "harvest", "hold_until_ms": 1795250000000, "devices": 2,
        "modules": 2, "jobs": 1, "reports_waiting": 3, "trial": True,
    }
    devices = [{"name": "self", "registered": False, "modules": ["default", "app"]},
               {"name": "meter-1", "class": "meter", "registered": True,
                "modules": ["mcu"]}]
    stats = dict.fromkeys((
        "succeeded", "failed", "rolled_back", "bytes_downloaded", "offers",
        "rejects", "connects", "disconnects", "uptime_ms", "longest_stall_us",
        "reports_sent"), 1795240)

    def reply(more=False, **parameters):
        return json.dumps({"parameters": parameters} |
                          ({"continues": True} if more else {})).encode() + b"\0"

    def refusal(error, **parameters):
        return json.dumps({"error": error, "parameters": parameters}).encode() + b"\0"

    def jobs(*all):
        return b"".join(reply(True, job=one) for one in all)

    END, PAUSE, SILENT = b"\x1e", b"\x1d", b"\x1c"
    listed = reply(True)
    modules = reply(True, modules=[dict(module, job=job)]) + reply(
        modules=[dict(behind, job=failed)])
    history = reply(history=[entry, dict(entry, state="succeeded", error=None)])
    update = reply(outcome="started", job=job["id"])
    queued = reply(outcome="queued", job="2123456789abcdef")
    refused = refusal("io.otad.Refused", kind="busy", message="it installs")
    watched = SILENT + jobs(job, failed) + listed + PAUSE + jobs(installing) + PAUSE
    away = jobs(job) + listed + END
    all = {
        "status": (0, reply(**status) + END + modules),
        "status-many": (0, reply(**dict(status, held=False, automatic=False)) +
                        END + reply(modules=[module] * 12 + [behind] * 12)),
        "modules": (1, modules),
        "history": (2, history),
        "stats": (3, reply(**stats)),
        "watch": (4, watched + jobs(done)),
        "watch-app": (5, watched + refusal("io.otad.TooSlow") + END +
                      jobs(waiting) + listed),
        "watch-away": (4, away + END + SILENT + jobs(waiting) + listed + END +
                       modules + END + history),
        "check-wait": (6, watched + jobs(done, dict(failed, state="rolled-back")) +
                       END + reply()),
        "check-nothing": (6, SILENT + listed + END + reply()),
        "check": (7, reply()),
        "update-wait": (8, watched + jobs(done) + END + update),
        "update-away": (8, away + update + END + SILENT + listed + END + modules +
                        END + history),
        "update-gone": (8, away + update + END + SILENT + listed + END +
                        reply(modules=[]) + END + reply(history=[])),
        "update-queued": (8, SILENT + jobs(dict(job, version="1.0.1")) + listed +
                          PAUSE + jobs(done) + END + queued),
        "update-queued-away": (8, listed + END + queued + END + SILENT + listed +
                               END + modules + END + history),
        "update-queued-renamed": (8, away + queued + END + SILENT + listed + END +
                                  reply(modules=[dict(module, job=dict(
                                      done, version="1.0.9"))]) + END + history),
        "update-refused": (9, refused),
        "install": (10, refusal("org.varlink.service.PermissionDenied")),
        "cancel": (11, refusal("io.otad.NotFound", message="no job runs")),
        "rollback": (12, refusal("org.varlink.service.InvalidParameter",
                                 parameter="module")),
        "hold": (13, reply()),
        "release": (14, refusal("io.otad.Other")),
        "device-list": (15, reply(True, devices=devices[:1]) +
                        reply(devices=devices[1:])),
        "device-add": (16, reply()),
        "device-remove": (17, SILENT),
        "complete-module": (18, reply(devices=devices)),
        "complete-device": (19, reply(devices=devices)),
        "complete-option": (20, reply(devices=devices)),
        "rubbish": (0, b"[]\0"),
        "status-no-object": (0, b'{"parameters": []}\0' + END + modules),
        "modules-long-ago": (1, reply(modules=[dict(module, job=dict(
            failed, changed_ms=-2**63))])),
        "text": (4, SILENT + jobs(job, dict(failed, message="\u202e\ufeff\u2066\u061c"
            "\u200f\t\n\r\x9b\x01\U0001f600電表 " + "x" * 300)) + listed + END),
        "percents": (4, SILENT + jobs(
            dict(job, progress_percent=-1, received_bytes=-1),
            dict(job, progress_percent=400, received_bytes=2 * 10**6),
            dict(job, received_bytes=0, total_bytes=0), dict(installing, install_percent=0),
            waiting) + listed + END),
        "history-times": (2, reply(history=[
            dict(entry, started_ms=1795246000000 - ms) for ms in
            (0, 1, -5, 10**3, 10**5, 10**7, 10**9, 2**60)])),
        "device-list-null": (15, reply(devices=[{"name": "x", "modules": [None]}])),
        "complete-null": (18, reply(devices=[{"name": "x", "modules": [None]}])),
        "nobody": (4, b""),
    }
    plain, bars, narrow, as_json, behind_it = 0, 0x03, 0x21, 0x04, 0x08
    for name, (command, data) in all.items():
        seed("otactl", name, bytes([command, plain]) + data)
        seed("otactl", name + "-bars", bytes([command, bars]) + data)
        seed("otactl", name + "-narrow", bytes([command, narrow | behind_it]) + data)
        seed("otactl", name + "-json", bytes([command, as_json]) + data)


def state():
    job = {
        "format": 1, "job": "0123456789abcdef", "state": "installing",
        "offer": OFFER, "waiting": dict(OFFER, version="1.0.2"),
        "old_version": "1.0.0", "approved": True, "undoing": True,
        "error": "install-failed", "message": "why", "created_ms": 1,
        "changed_ms": 2, "overall_percent": 75, "bytes": 1000,
        "told_percent": 100, "refetches": 1,
    }
    record = {
        "device": "self", "module": "app", "version": "1.0.1",
        "previous": "1.0.0", "installed": OFFER, "updated_ms": 3,
        "last_offer": OFFER, "last_job": "0123456789abcdef",
        "last_state": "failed", "last_error": "network",
        "last_message": "why", "last_percent": 40, "last_changed_ms": 5,
        "strike_key": "1.0.1 " + "0" * 64, "strikes": 2, "struck_ms": 6,
    }
    line = {
        "job": "1123456789abcdef", "device": "self", "module": "app",
        "version": "1.0.1", "old_version": "1.0.0", "state": "succeeded",
        "error": "", "started_ms": 1, "ended_ms": 2, "bytes": 1000,
    }
    gone = {"gone": {"succeeded": 1, "failed": 2, "rolled_back": 3, "bytes": 4}}
    history = "".join(json.dumps(x) + "\n" for x in (gone, line, line))
    outbox = {"topic": "/ota/device/progress/p/gw", "payload": "{\"id\":\"1\"}",
              "qos": 1, "class": "result"}
    hold = {"until_ms": 1795250000000, "reason": "harvest"}
    device = {"device": "meter-2", "class": "meter"}
    trial = ("JOB=0123456789abcdef\nVERSION=1.0.1\nOLD_VERSION=1.0.0\n"
             "TARGET=/opt/otad\nBACKUP=/opt/otad.old\nBACKUP_SHA256=" +
             "a" * 64 + "\nMAX_STARTS=3\nTIMEOUT=300\nSTARTS=1\nPID=1234\n"
             "PID_STARTED=77\n")
    ended = trial + "REASON=never confirmed\nERROR=health-check-failed\n"
    download = {"format": 1, "identity": "1.0.1 x", "url": OFFER["url"],
                "validator": "\"a\"", "size": 1000, "bytes": 500}
    seed("job", "all", json.dumps(job))
    seed("job", "least", json.dumps({
        "format": 1, "job": "0" * 16, "state": "available", "error": "",
        "offer": {"device": "self", "module": "app", "version": "1",
                  "url": "http://h/", "source": "control"}}))
    alone = {key: job[key] for key in job if key != "waiting"}
    for harness, document in (("job", dict(alone, away_attempts=2, away_ms=1000)),
                              ("outbox", dict(outbox, device="meter-1")),
                              ("download-record", download)):
        for name, wrong in spoilt(document):
            seed(harness, name, json.dumps(wrong))
    seed("job", "waiting-bad", json.dumps(dict(job, waiting={})))
    seed("job", "control", json.dumps(dict(job, offer=dict(
        OFFER, source="control", task_id=2**60, msg_id="m"))))
    for kind in ("result", "online", "version", "other"):
        seed("outbox", "class-" + kind, json.dumps(dict(outbox, **{"class": kind})))
    seed("outbox", "topic-wildcard", json.dumps(dict(outbox, topic="a/#")))
    seed("module-record", "all", json.dumps(record))
    seed("module-record", "counts", json.dumps(dict(
        record, succeeded=1, failed=2, rolled_back=3, bytes=4, ms=-5)))
    seed("module-record", "nothing-right", json.dumps(dict(
        record, last_state="?", last_error="?", last_job="?", version="/",
        previous="", last_percent=-1, strikes=-1, last_offer=[], installed={})))
    for key in ("last_offer", "last_message", "installed", "version"):
        seed("module-record", "no-" + key, json.dumps(
            {k: v for k, v in record.items() if k != key}))
    seed("module-record", "no-json", "{")
    for name, wrong in spoilt(line):
        if name.startswith(("no-", "state-", "error-", "job-")):
            seed("history", name, history + json.dumps(wrong) + "\n")
    seed("history", "no-end", history.rstrip())
    seed("history", "nul", history.encode() + b"\0\0\0\0")
    seed("history", "lines", "\n\n[]\n" + history)
    seed("history", "ours", json.dumps(dict(line, job="0123456789abcdef")) + "\n")
    seed("history", "gone-only", json.dumps(gone) + "\n{")
    seed("history", "gone-wrong", json.dumps({"gone": {"failed": -1}}) + "\n")
    seed("history", "empty", "")
    seed("history", "three", history)
    seed("history", "torn", history + "{\"job\":")
    seed("outbox", "result", json.dumps(outbox))
    seed("outbox", "progress", json.dumps(dict(outbox, qos=0,
                                               **{"class": "progress"})))
    seed("trial", "marker", trial)
    seed("trial", "ended", ended)
    for key in ("JOB", "VERSION"):
        seed("trial", "no-" + key, trial.replace(key + "=", "X=", 1))
    seed("trial", "counted-up", trial.replace("STARTS=1\n", "STARTS=3\n"))
    seed("trial", "other-error", ended.replace("health-check-failed", "timeout"))
    seed("trial", "no-error", ended.replace("health-check-failed", "?"))
    seed("trial", "empty-values", re.sub("=.*", "=", trial))
    seed("trial", "empty", "")
    seed("trial", "large", trial + "#" * (MAX_SEED - len(trial)))
    seed("trial", "bad-numbers", "JOB=1\nVERSION=1\nSTARTS=101\nMAX_STARTS=0\n"
         "TIMEOUT=0x10\nPID=-1\n")
    seed("install-record", "all", "JOB=0123456789abcdef\nBACKUP=copied\n"
         "OLD=1000 1795248000.5\nBACKUP_SHA256=" + "b" * 64 +
         "\nUNDOING=yes\nINSTALLED=yes\n")
    for i, (name, value) in enumerate((
            ("BACKUP", "linked"), ("BACKUP", "none"), ("BACKUP", "?"),
            ("OLD", "1000 1795248000.5x"), ("OLD", "1000 1795248000.1000000000"),
            ("OLD", "?"), ("BACKUP_SHA256", "x"), ("UNDOING", "no"),
            ("INSTALLED", "no"), ("JOB", "fedcba9876543210"))):
        seed("install-record", f"{i}-{name}", "JOB=0123456789abcdef\n"
             "BACKUP=copied\n".replace(name + "=", "X=") + f"{name}={value}\n")
    seed("download-record", "half", json.dumps(download))
    seed("download-record", "unknown", json.dumps(dict(download, size=-1)))

    def folder(**files):
        return "\x1e".join(name.replace("__", "/") + "\n" + text
                           for name, text in files.items())
    for place in STATES[1:]:
        for undoing in (False, True):
            seed("state", f"{place}-{undoing}", folder(**{
                "jobs/0123456789abcdef.json":
                    json.dumps(dict(job, state=place, undoing=undoing))}))
    for name, files in {
            "spoilt": {"hold.json": "[]", "history.jsonl": "\n{", "devices/meter-2.json":
                       "{", "modules/self%2Fapp.json": "[1]", "outbox/1.json": "\0",
                       "jobs/0123456789abcdef.json": "{}", "trial": "JOB\n"},
            "left-over": {"jobs/0123456789abcdef.json.tmp": "{", "jobs/notes": "x",
                          "outbox/2.json.tmp": "{", "outbox/1.bad": "x"},
            "hold-past": {"hold.json": json.dumps(dict(hold, until_ms=1))},
            "hold-ever": {"hold.json": json.dumps({"until_ms": 0})},
            "hold-wrong": {"hold.json": json.dumps({"until_ms": "x", "reason": 1})},
            "device-wrong": {"devices/meter-2.json": json.dumps(
                dict(device, **{"class": "none"}))},
            "device-other-name": {"devices/meter-2.json": json.dumps(
                dict(device, device="self"))},
            "two-jobs-of-one": {
                "jobs/0123456789abcdef.json": json.dumps(dict(job, state="available")),
                "jobs/1123456789abcdef.json": json.dumps(
                    dict(job, job="1123456789abcdef", state="downloading"))},
            "job-other-name": {"jobs/1123456789abcdef.json": json.dumps(job)},
            "job-of-nobody": {"jobs/0123456789abcdef.json": json.dumps(
                dict(job, offer=dict(OFFER, device="gone"), waiting=None))},
            "job-of-no-module": {"jobs/0123456789abcdef.json": json.dumps(
                dict(job, offer=dict(OFFER, module="gone"), waiting=None))},
            "job-of-a-meter": {"jobs/0123456789abcdef.json": json.dumps(
                dict(job, offer=dict(OFFER, device="meter-1", module="mcu"),
                     waiting=None))}}.items():
        seed("state", name, folder(**files))
    self_job = dict(job, offer=dict(OFFER, module="default"), waiting=None,
                    state="confirming", undoing=False)
    seed("state", "trial", folder(**{
        "jobs/0123456789abcdef.json": json.dumps(self_job),
        "trial": trial, "trial-ended": ended}))
    seed("state", "all", folder(**{
        "hold.json": json.dumps(hold), "history.jsonl": history,
        "devices/meter-2.json": json.dumps(device),
        "modules/self%2Fapp.json": json.dumps(record),
        "outbox/1.json": json.dumps(outbox),
        "jobs/0123456789abcdef.json": json.dumps(dict(job, state="available"))}))


def small_things():
    for i, lines in enumerate((
            "Content-Range: bytes 500-999/1000\r\nETag: \"a\"\r\n",
            "Content-Range: bytes */1000\r\nContent-Length: 0\r\n",
            "ETag: W/\"weak\"\r\nAccept-Ranges: bytes\r\nContent-Length: 1000\r\n",
            "Retry-After: 120\r\nDate: Sat, 21 Nov 2026 08:00:00 GMT\r\n",
            "Retry-After: Sat, 21 Nov 2026 08:01:00 GMT\r\n",
            "Last-Modified: Fri, 20 Nov 2026 08:00:00 GMT\r\n"
            "Content-Encoding: gzip\r\n")):
        for status in range(4):
            seed("headers", f"{i}-{status}",
                 bytes([status, 0x7f if status == 1 else 0x33]) +
                 lines.encode())
    sizes = (None, 0, 1, 1000, 1 << 20)

    def asked(first, size, tagged=False):
        """The byte of which check_answer() makes that; first None: no range."""
        return next(byte for byte in range(256) if
                    (first is not None) == byte & 1 and
                    (first is None or sizes[1 + (byte >> 1) % 3] == first) and
                    sizes[(byte >> 4) % 5] == size and tagged == bool(byte & 128))
    for i, (status, question, lines) in enumerate((
            (200, asked(None, None), "Content-Length: 1000\n"),
            (200, asked(None, 1000), "Content-Length: 1000\n"),
            (200, asked(None, 1), "Content-Length: 1000\n"),
            (200, asked(None, 1 << 20), "Content-Length: 1000\n"),
            (200, asked(None, None), "Content-Length: 99999999999\n"),
            (206, asked(1, 1000), "Content-Range: bytes 1-999/1000\n"),
            (206, asked(1, 1000), "Content-Range: bytes 1-999/1000\n"
             "Content-Length: 999\n"),
            (206, asked(1, 1000), "Content-Range: bytes 1-999/1000\n"
             "Content-Length: 998\n"),
            (206, asked(1, 1000), "Content-Range: bytes 1-999/1001\n"),
            (206, asked(1, 1000), "Content-Range: bytes 1-999/*\n"),
            (206, asked(1, None), "Content-Range: bytes 1-999/1000\n"),
            (206, asked(0, 1000), "Content-Range: bytes 0-999/1001\n"),
            (206, asked(0, 1000), "Content-Range: bytes 0-99/100\n"),
            (206, asked(0, 1000), "Content-Range: bytes 0-1000/*\n"),
            (206, asked(0, None), "Content-Range: bytes 0-999/*\n"),
            (206, asked(0, None), "Content-Range: bytes 0-999/1000\n"),
            (206, asked(0, None), "Content-Range: bytes 0-9/99999999999\n"),
            (206, asked(1, 1000, True), "Content-Range: bytes 1-999/1000\n"
             "ETag: \"a\"\n"),
            (206, asked(1, 1000, True), "Content-Range: bytes 1-999/1000\n"
             "ETag: \"b\"\n"),
            (206, asked(1, 1000, True), "Content-Range: bytes 1-999/1000\n"),
            (206, asked(1, 1000), "Content-Range: bytes */1000\n"),
            (206, asked(1, 1000), "Content-Range: bytes 1-999/1000\n"
             "Content-Range: bytes 2-999/1000\n"),
            (416, asked(None, 1000), "Content-Range: bytes */1000\n"),
            (416, asked(1000, 1000), "Content-Range: bytes */1000\n"),
            (416, asked(1000, 1000), "Content-Range: bytes */999\n"),
            (416, asked(1000, None), "Content-Range: bytes */1000\n"),
            (416, asked(1, None), ""), (416, asked(0, None), ""))):
        seed("headers", f"asked-{i}", bytes(
            [(200, 206, 416, 503).index(status), question]) + lines.encode())
    for i, value in enumerate((
            "bytes", "octets 0-1/2", "bytes 0-1", "bytes 1-0/2", "bytes 0/2",
            "bytes -1/2", "bytes 0-/2", "bytes 0-1/", "bytes 0-2/2", "bytes */*",
            "bytes */", "bytes 0-1/99999999999999999999", "bytes x-1/2",
            "bytes 0-1/2x", "")):
        seed("headers", f"range-{i}", "\x01\x33Content-Range: " + value + "\n")
    for i, line in enumerate((
            "Retry-After: 99999999999999999", "Retry-After: ", "Retry-After: -1",
            "Retry-After: 1.5", "Retry-After: Sat, 21 Nov 1970 08:01:00 GMT",
            "Retry-After: " + "x" * 200, "Retry-After: a\0b", "ETag: \"", "ETag: a",
            "ETag: \"a", "ETag: \"a\x7fb\"", "ETag: \"a b\"", "ETag: \"a\"b\"",
            "ETag: \"" + "x" * 600 + "\"", "ETag: \"a\"\nETag: \"b\"",
            "Last-Modified: never", "Last-Modified: Fri\0, 20 Nov 2026 08:00:00 GMT",
            "Last-Modified: Fri, 20 Nov 2026 08:00:00 GMT",
            "Date: Fri, 20 Nov 2026 08:00:00 GMT\n"
            "Last-Modified: Fri, 20 Nov 2026 08:00:00 GMT",
            "Date: Sat, 21 Nov 2026 08:00:00 GMT\n"
            "Last-Modified: Fri, 20 Nov 2026 08:00:00 GMT\t",
            "Last-Modified: Fri, 20 Nov 2026 08:00:00 GMT\x7f",
            "Content-Length: 99999999999999999999", "Content-Length: /",
            "Content-Encoding: identity", "Content-Encoding: \t", "no colon",
            ": no name", "Content-Length:")):
        seed("headers", f"line-{i}", "\x00\x33" + line + "\n")
    for i, text in enumerate(("1.0.0\n1.0.1\n1.0.2", "1.0~rc1\n1.0\n1.0+git",
                              "1.0-1\n1.0^1\n1.0.1", "00a\n0a\na0",
                              "\n~\n-", "9\n10\n010", "12\n123\nA.Z_",
                              "1..0\n" + "1" * 65 + "\n/", "1.0a\n1.0b\n1.0")):
        seed("version", str(i), text)
    for i, text in enumerate(("1min 30s", "5min", "500ms", "100", "2d 3h",
                              "4096", "512K", "2G", "16T", "20%", "yes",
                              "02:00-05:00", "22:00-04:00", "", "99999999999999999999",
                              "18446744073709551615", "18446744073709551615h",
                              "9999999999999s", "200000d", "5000000000000min 1h",
                              "18446744073709551615ms 1ms", "99999999999T", "2",
                              "4000000001", "101%", "1e", "maybe", "02:00-02:00",
                              "02:00/05:00", "02:00-5:00", "02:00-05:00x", "24:00-05:00",
                              "02:60-05:00", "0/:00-05:00", "-1", "1 min", "off", "8:00",
                              "08:00-09:00", "07:59-08:00")):
        seed("units", str(i), struct.pack(">Q", 1795248000000) + text.encode())
    for i, text in enumerate((
            "https://h.example.com/a?token=x#y\nhttps://example.com/b",
            "http://[::1]:8080/a\nhttps://example.com", "HTTPS://h:443",
            "https://user:pass@h/a\nhttp://h/", "ftp://h/\nhttp:/h",
            "http://1.2.3.4:65535/\n//example.com", "http://h:65536/", "http://h:/",
            "http://h:1x/", "http://h:000001/", "http://:80/", "http:///", "http://[::1/",
            "http://[]/", "http://[::1]x/", "http://[" + "1" * 60 + "]/", "http;//h/",
            "httpx://h/", "http://h/ ", "http://h/\"", "http://h/\x7f", "http://h:0/",
            "http://[::1]/", "https://a.example.com/x\nhttp://a.example.com/x",
            "http://a.example.com./x\nhttps://b.example.com:8443/?q",
            "https://h/" + "x" * 2100)):
        seed("url", str(i), text)
    for i, text in enumerate(("\x40progress 50\nprogress 100\r\n1.0.2\n",
                              "\x03" + "progress 7\n" * 5,
                              "\x10 1.0.2 \nmore\n", "\x20" + "a" * 600 + "\n")):
        seed("handler", str(i), text)
    for i, data in enumerate((
            b"\xc3", b"\xc3x", b"\xe0\x80\x80", b"\xe0\xa0\x80", b"\xed\xa0\x80",
            b"\xed\x80\x80", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80",
            b"\xf4\x80\x80\x80", b"\xe7\x94", b"\xe7\x94x", b"\xf5", b"\x80", b"\x00",
            b"\xc2", b"\xc2\x9b", b"\xc2\xa0")):
        seed("json", f"utf8-{i}", b"\"" + data + b"\"")
        seed("text", f"utf8-{i}", data)
    seed("handler", "number", b"\x40progress 101\nprogress x\nprogress 7 \n")
    seed("handler", "no-end", b"\x040.1.2\r\n\r\nlast")
    seed("handler", "bytes", b"\x05\x1b[31mred\x9b\xc3\xa9\x00\xff\n")
    for i, text in enumerate((b"meter-17\0meter-18", b"\x1b[31m\xc2\x9b\xff",
                              "电表升级包\0a".encode(), b"." * 201,
                              b"rolled-back", b"sha256", b"%\0", b"a/b\0a%2Fb",
                              b"0" * 64, b"binary", b"md5", b"d" * 64, b"d" * 32, b"A" * 64,
                              b"0" * 63 + b"G", b"0" * 63 + b"/", b"0" * 63 + b"`",
                              b"", b" a", b"a ", b".a", b"a\x7f",
                              *(state.encode() for state in STATES))):
        seed("text", str(i), text)
    for i, text in enumerate((
            "[" * 16 + "]" * 16, "[" * 17 + "]" * 17, "1e400", "\"\\u0000\"",
            "{\"a\":1,\"a\":2}", "{\"a\\u0000\":1}", "\"\\ud83d\\ude00\"",
            "-0.0", "12345678901234567890123", "[1,2.5,-3e-7,true,null]", "-12", "1.", "1.x",
            "1e", "1E+5", "-", "01", "tru", "trux", "[1", "[1,]", "[,1]", "[1 2]", "{\"a\"}",
            "{\"a\":}", "{1:2}", "{\"a\":1,}", "{\"a\":1]", "{\"a\":1 \"b\":2}", "1 2", "}", "]",
            ":", ",", "\"a", "\"\\", "\"\\x\"", "\"\\u12", "\"\\u12G4\"", "\"\\u00e9\"",
            "\"\\uABcd\"", "\"\\ud83d\"", "\"\\ud83dx\"", "\"\\ud83d\\n\"",
            "\"\\ud83d\\u0041\"", "\"\\ud83d\\uffff\"", "\"\\ude00\"", "\"\\uffff\"",
            "\"\\ud83d\\uZ\"", "\"\t\"", "\"é電😀\"", "{\"a\":{},\"b\":[]}", "[]", "{}")):
        seed("json", str(i), text)


def packaged():
    RECORD, INSTALL, UPDATED, BACKUP, MARKER, JOB, KNOWN, NONE = (
        1 << bit for bit in range(8))
    here = RECORD | UPDATED | BACKUP
    record = "PACKAGED=1000.1795248000.5.77\n"
    install = "JOB=0123456789abcdef\nBACKUP_SHA256=" + "b" * 64 + "\n"
    for name, has, ends, output in (
            ("alone", 0, 0, ""),
            ("first", UPDATED, 0, "otad 1.0.0\n"),
            ("known", UPDATED | KNOWN, 0, "otad 1.0.0\n"),
            ("older", here, 0, "otad 1.0.0\nmore\n"),
            ("same", here, 0, "otad 1.0.1\n"),
            ("newer", here, 0, "otad 1.0.10"),
            ("no-version", here, 0, "otad /\notad 1.0.10\n"),
            ("other-name", here, 0, "otactl 1.0.10\n"),
            ("silent", here, 0, ""),
            ("fails", here, 1, "otad 1.0.10\n"),
            ("crashes", here, 2, "otad 1.0.10\n"),
            ("hangs", here, 3, "otad 1.0.10\n"),
            ("cannot-start-missing", here | NONE, 0, ""),
            ("cannot-start-permission", here | NONE, 1, ""),
            ("cannot-start-memory", here | NONE, 3, ""),
            ("cannot-start-format", here | NONE, 2, ""),
            ("on-trial", here | MARKER, 0, "otad 1.0.0\n"),
            ("under-way", here | INSTALL | JOB, 0, "otad 1.0.0\n"),
            ("under-way-alone", INSTALL | JOB, 0, "otad 1.0.0\n"),
            ("left-over", here | INSTALL, 0, "otad 1.0.0\n")):
        seed("packaged", name, bytes([has, ends]) + "\x1e".join(
            (record, install, output)).encode())
    for name, has, record, install in (
            ("record-damaged", here, "PACKAGED=\x01\n", "JOB=\n"),
            ("record-long", here, "PACKAGED=" + "1" * 200 + "\n",
             install.replace("JOB", "job")),
            ("record-too-long", here, "PACKAGED=" + "1" * 128 + "\n", ""),
            ("record-large", here | KNOWN, "#" * (MAX_SEED - 30), "")):
        seed("packaged", name, bytes([has | INSTALL | JOB, 0]) + "\x1e".join(
            (record, install, "otad 1.0.0\n")).encode())


def keys():
    """Public parts of keys of each kind; who has the private ones, nobody knows."""
    if (CORPUS / "keys").exists():
        return
    PEM, DER = b"\0", b"\1"
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/key"
        for name, *options in (
                ("ed25519", "ed25519"), ("x25519", "x25519"),
                ("ec", "EC", "ec_paramgen_curve:P-256"),
                ("ec-short", "EC", "ec_paramgen_curve:secp112r1"),
                ("ec-explicit", "EC", "ec_paramgen_curve:P-256",
                 "ec_param_enc:explicit"),
                ("rsa", "RSA", "rsa_keygen_bits:2048"),
                ("rsa-short", "RSA", "rsa_keygen_bits:1024"),
                ("rsa-pss", "RSA-PSS", "rsa_keygen_bits:2048"),
                ("ed448", "ed448")):
            command = ["openssl", "genpkey", "-algorithm", options[0], "-out", path]
            for option in options[1:]:
                command += ["-pkeyopt", option]
            subprocess.run(command, check=True, capture_output=True)
            public = ["openssl", "pkey", "-in", path, "-pubout"]
            text = subprocess.run(public, check=True, capture_output=True).stdout
            seed("keys", name, PEM + text)
            seed("keys", name + "-der", DER + subprocess.run(
                public + ["-outform", "DER"], check=True,
                capture_output=True).stdout)
            if name == "ed25519":
                seed("keys", "private", PEM + text.replace(b"PUBLIC", b"PRIVATE"))
                first = text
                seed("keys", "private-said", PEM + b"No PRIVATE KEY here:\n" + text)
                seed("keys", "header", PEM + text.replace(
                    b"-----\n", b"-----\nProc-Type: 4,ENCRYPTED\n"
                    b"DEK-Info: AES-256-CBC," + b"00" * 16 +
                    b"\n\n", 1))
                seed("keys", "text-before", PEM + b"The key:\n" + text)
                seed("keys", "nul", PEM + text + b"\0")
    trusted = (ROOT / "tests/fuzz/data/key.pem").read_bytes()
    seed("keys", "trusted", PEM + trusted)
    seed("keys", "two", PEM + first + b"and\n" + trusted + b"\n")
    seed("keys", "cut", PEM + first + trusted[:60])
    seed("keys", "other-block", PEM + first + trusted.replace(b"PUBLIC ", b"OTHER "))
    # One byte more than a key of Ed25519 has, or less.
    der = base64.b64decode(b"".join(first.splitlines()[1:-1]))
    seed("keys", "der-long", DER + der + b"\0")
    seed("keys", "der-cut", DER + der[:-1])
    seed("keys", "nothing", PEM)


def programs():
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "a.S"
        source.write_text(".globl _start\n_start: nop\n"
                          ".section .note.GNU-stack,\"\",@progbits\n")
        out = pathlib.Path(folder) / "a"
        subprocess.run(["gcc", "-nostdlib", "-static", "-s", "-Wl,-n",
                        "-Wl,--build-id=none", "-o", out, source], check=True)
        seed("elf", "static", out.read_bytes()[:MAX_SEED])
    whole = pathlib.Path("/bin/true").read_bytes()
    seed("elf", "dynamic-head", whole[:MAX_SEED])
    LOAD, INTERP, NOTE = 1, 3, 4

    def elf(segments=((LOAD, 0, 64),), tail=b"", order="<", word="Q", ident=(2, 1, 1),
            kind=2, machine=62, entry=64, count=None, entry_bytes=None, at=None,
            sections=(0, 0)):
        wide = word == "Q"
        header, entries = (64, 56) if wide else (52, 32)
        body = b"".join(
            struct.pack("<IIQQQQQQ", which, 4, where, 0, 0, size, size, 8) if wide else
            struct.pack("<IIIIIIII", which, where, 0, 0, size, size, 4, 4)
            for which, where, size in segments)
        return b"\x7fELF" + bytes(ident) + bytes(9) + struct.pack(
            order + "HHI" + 3 * word + "IHHHHHH", kind, machine, 1, entry,
            header if at is None else at, sections[0], 0, header,
            entries if entry_bytes is None else entry_bytes,
            len(segments) if count is None else count, 64, sections[1], 0) + body + tail
    good = elf()
    loader = b"/bin/true\0"
    behind = 64 + 2 * 56

    def needs(loader, size=None):
        return elf(((LOAD, 0, 64), (INTERP, behind, len(loader) if size is None
                                    else size)), tail=loader)
    for name, data in {
            "good": good, "good-shared": elf(kind=3), "object": elf(kind=1),
            "empty": b"", "short": b"\x7fELF", "script": b"#!/bin/sh\nexit 0\n" + bytes(9),
            "text": b"x" * 80, "cut-header": good[:40], "cut-segments": good[:80],
            "version": elf(ident=(2, 1, 2)), "class": elf(ident=(3, 1, 1)),
            "narrow": elf(ident=(1, 1, 1), word="I", machine=40),
            "narrow-cut": elf(ident=(1, 1, 1), word="I", machine=40)[:50],
            "big-endian": elf(ident=(2, 2, 1), order=">", machine=8),
            **{f"machine-{number}": elf(machine=number)
               for number in (3, 8, 20, 21, 40, 183, 243, 999)},
            "no-entry": elf(entry=0), "no-segments": elf(()),
            "many-segments": elf(count=60000), "entry-bytes": elf(entry_bytes=32),
            "segments-far": elf(at=2**63), "segments-at-end": elf(at=len(good)),
            "sections": elf(sections=(64, 0)), "sections-cut": elf(sections=(64, 9)),
            "nothing-loaded": elf(((NOTE, 0, 0),)),
            "load-far": elf(((LOAD, 2**63, 8),)), "load-long": elf(((LOAD, 64, 999),)),
            "loader": needs(loader), "loader-missing": needs(b"/no/such/loader\0"),
            "loader-no-folder": needs(b"/bin/true/x\0"),
            "loader-bytes": needs(b"/\x1b[31m\0"), "loader-relative": needs(b"ld.so\0"),
            "loader-no-end": needs(b"/bin/true"), "loader-empty": needs(loader, 0),
            "loader-long": needs(b"/" + b"x" * 300 + b"\0"),
            "loader-cut": needs(loader, 99)}.items():
        seed("elf", name, data)


def manifests():
    """What reads nearly as a signature file does."""
    right = (CORPUS / "signature/right").read_text()
    zeros = "0" * 64
    for number, (old, new) in enumerate((
            ("manifest: 1", "manifest: 2"), ("module: app", "module: "),
            ("module: app", "module:app"), ("module: app\n", ""),
            ("module: app", "module: a\x1fp"), ("module: app", "module: a\x7fp"),
            ("module: app", "module: " + "x" * 300), ("version: ", "Version: "),
            ("size: 8", "size: 08"), ("size: 8", "size: 0"), ("size: 8", "size: x"),
            ("size: 8", "size: 18446744073709551616"),
            ("size: 8", "size: 18446744073709551615"), ("size: 8\n", ""),
            ("sha256: ", "sha256: 0"), ("sha256: c", "sha256: C"), ("sha256: ", "md5: "),
            ("==\n", "==\nmore\n"), ("==\n", "=="), ("==\n", "=\n"), ("==\n", "=A\n"),
            ("==\n", "\n"), ("==\n", "====\n"), ("signature: ", "signature: /+"),
            ("signature: ", "signature: -+"), ("signature: ", "signature: \t"))):
        seed("signature", f"nearly-{number}", right.replace(old, new, 1))
    head = right.split("signature: ")[0]
    for number, text in enumerate((
            "AAA=", "AAB=", "AA==", "AB==", "zz==", "99==", "++==", "//==", "AA9=",
            "====", "A===", "AAAA", "@@@@", "[[[[", "````", "{{{{", ":AAA", "A" * 3000)):
        seed("signature", f"base64-{number}", f"{head}signature: {text}\n")
    seed("signature", "manifest-alone", head)
    seed("signature", "other-digest", head.replace(head[-65:-1], zeros) +
         "signature: AAAA\n")
    seed("signature", "large", right + "#" * MAX_SEED, 2 * MAX_SEED)


def signatures():
    """A key is made once; what it has signed stays."""
    data = ROOT / "tests/fuzz/data"
    if (data / "key.pem").exists():
        return
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        key, artifact = folder + "/key", folder + "/artifact"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out",
                        key], check=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out",
                        data / "key.pem"], check=True)
        for name, content, *arguments in (
                ("right", b"firmware", "app", "1.0.2"),
                ("other-module", b"firmware", "default", "1.0.2"),
                ("other-version", b"firmware", "app", "1.0.3"),
                ("other-sha256", b"Firmware", "app", "1.0.2")):
            pathlib.Path(artifact).write_bytes(content)
            text = subprocess.run(
                [ROOT / "scripts/sign-artifact", key, *arguments, artifact],
                check=True, capture_output=True).stdout
            seed("signature", name, text)
        text = (CORPUS / "signature/right").read_bytes()
        manifest = text.split(b"signature")[0].replace(b"size: 8", b"size: 9")
        pathlib.Path(artifact).write_bytes(manifest)
        signature = subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in",
             artifact], check=True, capture_output=True).stdout
        seed("signature", "other-size", manifest + b"signature: " +
             base64.b64encode(signature) + b"\n")
        seed("signature", "damaged", text.replace(b"size: 8", b"size: 9"))


def main():
    clouds()
    configs()
    control()
    otactl()
    state()
    small_things()
    packaged()
    programs()
    signatures()
    manifests()
    keys()


main()
