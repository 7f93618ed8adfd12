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

OFFER = {
    "device": "self", "module": "app", "version": "1.0.1",
    "url": "https://example.com/app", "size": 1000,
    "md5": "d41d8cd98f00b204e9800998ecf8427e",
    "sha256": "0" * 64, "force": True, "source": "cloud", "msg_id": 7,
    "task_id": "t1", "strategy": 2,
}


def seed(harness, name, data):
    folder = CORPUS / harness
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(data, str):
        data = data.encode()
    if len(data) <= MAX_SEED:
        (folder / re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:60]).write_bytes(data)


def payload(case):
    if "payload_base64" in case:
        return base64.b64decode(case["payload_base64"])
    if "payload_gen" in case or "payload" not in case:
        return None
    text = case["payload"]
    return (text if isinstance(text, str) else
            json.dumps(text, separators=(",", ":"), ensure_ascii=False)).encode()


def clouds():
    for platform in ("iotgo", "tencent", "hanqi", "eztcloud", "sagoo"):
        path = ROOT / "tests/data/vectors" / (platform + ".json")
        seen = set()
        for case in json.loads(path.read_text())["inbound"]:
            data = payload(case)
            expect = case.get("expect", {})
            # One of each kind and each reason on each form of a topic.
            kind = (expect.get("kind"), expect.get("reason"),
                    case["topic"].rsplit("/", 1)[-1])
            if data is None or (kind in seen and kind[0] != "update"):
                continue
            seen.add(kind)
            seed("cloud-" + platform, case.get("name", str(len(seen))),
                 case["topic"].encode() + b"\n" + data)
            if kind[0] == "update":
                seed("json", platform + "-" + case.get("name", "x"), data)


def configs():
    good = sorted((ROOT / "tests/data/config/good").glob("*.conf"))
    examples = sorted((ROOT / "conf/examples").glob("*.conf"))
    bad = sorted((ROOT / "tests/data/config/bad").glob("*.conf"))
    for path in good + examples + bad[::4]:
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
    seed("module-record", "all", json.dumps(record))
    seed("history", "three", history)
    seed("history", "torn", history + "{\"job\":")
    seed("outbox", "result", json.dumps(outbox))
    seed("outbox", "progress", json.dumps(dict(outbox, qos=0,
                                               **{"class": "progress"})))
    seed("trial", "marker", trial)
    seed("trial", "ended", ended)
    seed("trial", "bad-numbers", "JOB=1\nVERSION=1\nSTARTS=101\nMAX_STARTS=0\n"
         "TIMEOUT=0x10\nPID=-1\n")
    seed("install-record", "all", "JOB=0123456789abcdef\nBACKUP=copied\n"
         "OLD=1000 1795248000.5\nBACKUP_SHA256=" + "b" * 64 +
         "\nUNDOING=yes\nINSTALLED=yes\n")
    seed("download-record", "half", json.dumps(download))
    seed("download-record", "unknown", json.dumps(dict(download, size=-1)))

    def folder(**files):
        return "\x1e".join(name.replace("__", "/") + "\n" + text
                           for name, text in files.items())
    for place in ("available", "downloading", "verifying", "backing-up",
                  "installing", "restarting", "confirming", "succeeded",
                  "failed", "rolled-back"):
        for undoing in (False, True):
            seed("state", f"{place}-{undoing}", folder(**{
                "jobs/0123456789abcdef.json":
                    json.dumps(dict(job, state=place, undoing=undoing))}))
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
    for i, text in enumerate(("1.0.0\n1.0.1\n1.0.2", "1.0~rc1\n1.0\n1.0+git",
                              "1.0-1\n1.0^1\n1.0.1", "00a\n0a\na0",
                              "\n~\n-", "9\n10\n010")):
        seed("version", str(i), text)
    for i, text in enumerate(("1min 30s", "5min", "500ms", "100", "2d 3h",
                              "4096", "512K", "2G", "16T", "20%", "yes",
                              "02:00-05:00", "22:00-04:00", "")):
        seed("units", str(i), struct.pack(">Q", 1795248000000) + text.encode())
    for i, text in enumerate((
            "https://h.example.com/a?token=x#y\nhttps://example.com/b",
            "http://[::1]:8080/a\nhttps://example.com", "HTTPS://h:443",
            "https://user:pass@h/a\nhttp://h/", "ftp://h/\nhttp:/h",
            "http://1.2.3.4:65535/\n//example.com")):
        seed("url", str(i), text)
    for i, text in enumerate(("\x40progress 50\nprogress 100\r\n1.0.2\n",
                              "\x03" + "progress 7\n" * 5,
                              "\x10 1.0.2 \nmore\n", "\x20" + "a" * 600 + "\n")):
        seed("handler", str(i), text)
    seed("handler", "bytes", b"\x05\x1b[31mred\x9b\xc3\xa9\x00\xff\n")
    for i, text in enumerate((b"meter-17\0meter-18", b"\x1b[31m\xc2\x9b\xff",
                              "电表升级包\0a".encode(), b"." * 201,
                              b"rolled-back", b"sha256", b"%\0", b"a/b\0a%2Fb",
                              b"0" * 64, b"binary")):
        seed("text", str(i), text)
    for i, text in enumerate((
            "[" * 16 + "]" * 16, "[" * 17 + "]" * 17, "1e400", "\"\\u0000\"",
            "{\"a\":1,\"a\":2}", "{\"a\\u0000\":1}", "\"\\ud83d\\ude00\"",
            "-0.0", "12345678901234567890123", "[1,2.5,-3e-7,true,null]")):
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
    keys()


main()
