"""A gateway's world in one temporary folder: broker, HTTP server, otad.

Everything is real: mosquitto, nginx (or the scripted fault server), the built
otad, otad-launch and otactl. With $OTAD_WITNESS, the folder that scripts/witness
filled, the broker is aedes and the fault server's files come from express.static:
independent witnesses of the same tests. Nothing sleeps to wait: every wait is
for an event with a deadline. Standard library only.
"""

import collections
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_S = 60  # of one wait; generous, since valgrind and sanitizers are slow
PORTS = random.SystemRandom()  # not the one that a test may have given a seed

WITNESS = os.environ.get("OTAD_WITNESS")


class Failure(Exception):
    """What was expected and did not come."""


class Skip(Exception):
    """Cannot be tried on this machine, or with these servers; says why."""


def free_port():
    """One that no connection of anybody's takes meanwhile: below the ephemeral ones."""
    for port in PORTS.sample(range(10000, 32768), 100):
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port
    raise Failure("no port of 127.0.0.1 is free")


def wait_until(what, condition, deadline_s=DEADLINE_S):
    """Polls `condition` until it is true; the moment it is, goes on."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {deadline_s} s: {what}")
        time.sleep(0.02)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def md5(data):
    return hashlib.md5(data).hexdigest()


def replace(path, data):
    """At once: whoever is reading the file goes on with the old one."""
    half = path.with_name(path.name + ".half")
    half.write_bytes(data)
    half.rename(path)


def stop(process, signal_number=signal.SIGTERM, deadline_s=15):
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal_number)
    try:
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(command, **options):
    """A process that is over when the block is, however that ends."""
    with subprocess.Popen([str(word) for word in command], text=True,
                          **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


# What base_config() needs to know of a broker.
Port = collections.namedtuple("Port", "port")

# `at`: when it came, by time.monotonic().
Message = collections.namedtuple("Message", "topic payload qos text at")


def mqtt_packet(first, body):
    """MQTT 3.1.1, section 2.2."""
    size, left = b"", len(body)
    while True:
        left, digit = left >> 7, left & 127
        size += bytes([digit | (128 if left else 0)])
        if not left:
            return bytes([first]) + size + body


def mqtt_publish(topic, payload, retain=False):
    """A PUBLISH of QoS 0."""
    return mqtt_packet(0x31 if retain else 0x30, len(topic).to_bytes(2, "big") +
                       topic.encode() + payload)


class Broker:
    """mosquitto on a loopback port, and a witness that sees every message.

    `settings` are more lines of mosquitto.conf(5), other listeners above all.
    A `lasting` one can be restarted, and the witness misses nothing of QoS 1.
    """

    def __init__(self, folder, port=None, settings="", lasting=False):
        self.folder = folder / "broker"
        self.folder.mkdir()
        self.port = port or free_port()
        self.settings = settings
        self.lasting = lasting
        self.process = None
        self.witness = None
        self.messages = []
        self._arrived = threading.Condition()

    def start(self):
        config = self.folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        config.write_text(
            "per_listener_settings true\n"
            "persistence true\n"
            f"persistence_location {self.folder}/\n"
            f"autosave_interval 1\nmax_queued_messages 100000\n{user}"
            f"listener {self.port} 127.0.0.1\n"
            "allow_anonymous true\n" + self.settings)
        self._run(config)
        self._watch()

    def _command(self, config):
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        return [binary, "-c", str(config)]

    def _run(self, config):
        with open(self.folder / "mosquitto.log", "ab") as log:
            self.process = subprocess.Popen(self._command(config),
                                            stdout=log, stderr=log)
        wait_until("the broker listens", self._listens)

    def restart(self):
        """Ends as told, which keeps what it has acknowledged, and comes back."""
        stop(self.process)
        self._run(self.folder / "mosquitto.conf")

    def _listens(self):
        if self.process.poll() is not None:
            raise Failure("the broker ended: " +
                          (self.folder / "mosquitto.log").read_text())
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def _watch(self):
        self.witness = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.port),
             "-q", "1", "-F", "%j", "-t", "#", "-t", "$ota/#",
             "-t", "$gateway/#", "-t", "$thing/#",
             *(["-c", "-i", "witness"] if self.lasting else [])],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            errors="replace", bufsize=1)
        threading.Thread(target=self._read, args=(self.witness,),
                         daemon=True).start()

        def sees():
            self.publish("lab/ready", {})
            return any(m.topic == "lab/ready" for m in self.messages[since:])
        since = len(self.messages)
        wait_until("mosquitto_sub sees messages", sees)

    def _read(self, witness):
        for line in witness.stdout:
            try:
                seen = json.loads(line)
            except ValueError:
                continue  # of a test's own noise, as mosquitto_sub shows it
            text = seen.get("payload", "")
            try:
                payload = json.loads(text) if isinstance(text, str) else text
            except (ValueError, RecursionError):
                payload = None
            with self._arrived:
                self.messages.append(Message(seen["topic"], payload,
                                             seen.get("qos", 0), text,
                                             time.monotonic()))
                self._arrived.notify_all()

    def publish(self, topic, payload, qos=1, retain=False):
        text = payload if isinstance(payload, (str, bytes)) else \
            json.dumps(payload, ensure_ascii=False)
        data = text if isinstance(text, bytes) else text.encode()
        subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port),
             "-q", str(qos), "-t", topic, "-s"] + (["-r"] if retain else []),
            input=data, check=True, timeout=DEADLINE_S)

    def publish_surely(self, topic, payload):
        """The same, though the broker may be away for a while."""
        def published():
            try:
                self.publish(topic, payload)
                return True
            except subprocess.CalledProcessError:
                return False
        wait_until(f"{topic} is published", published)

    def publish_bytes(self, topic, payloads):
        """Any bytes, as QoS 0; done when the broker has all of them."""
        with socket.create_connection(("127.0.0.1", self.port),
                                      DEADLINE_S) as s:
            s.sendall(mqtt_packet(0x10, b"\0\4MQTT\4\2\0\0\0\5noise"))
            s.sendall(b"".join(mqtt_publish(topic, payload)
                               for payload in payloads))
            s.sendall(mqtt_packet(0xc0, b""))  # PINGREQ
            answers = b""
            while not answers.endswith(b"\xd0\0"):  # PINGRESP
                answer = s.recv(100)
                if not answer:
                    raise Failure("the broker hung up")
                answers += answer

    def publish_lines(self, topic, lines, qos=1):
        """Many messages, one after the other, over one connection."""
        subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port),
             "-q", str(qos), "-t", topic, "-l"],
            input=b"".join(line + b"\n" for line in lines), check=True,
            timeout=DEADLINE_S)

    def mark(self):
        """Where the messages stand now, to wait for later ones."""
        return len(self.messages)

    def wait(self, what, predicate, since=0, deadline_s=DEADLINE_S):
        """The first message from `since` on that `predicate` accepts."""
        end = time.monotonic() + deadline_s
        with self._arrived:
            while True:
                for message in self.messages[since:]:
                    if predicate(message):
                        return message
                left = end - time.monotonic()
                if left <= 0:
                    raise Failure(f"not within {deadline_s} s: {what}; seen:\n"
                                  + "\n".join(f"  {m.topic} {m.text}"
                                              for m in self.messages[since:]))
                self._arrived.wait(left)

    def stop(self, signal_number=signal.SIGTERM):
        stop(self.process, signal_number)
        stop(self.witness)

    def kill(self):
        self.stop(signal.SIGKILL)


def node(script, *arguments):
    """The command that runs a script of tests/witness/."""
    return ["env", f"NODE_PATH={WITNESS}/node_modules", "node",
            str(ROOT / "tests/witness" / script), *arguments]


class Aedes(Broker):
    """The same, with aedes in mosquitto's place."""

    def __init__(self, folder, port=None, settings="", lasting=False):
        if settings or lasting:
            raise Skip("aedes keeps all in memory and has no settings: "
                       "mosquitto only")
        super().__init__(folder, port)

    def _command(self, config):
        return node("broker.js", str(self.port))

    def restart(self):
        raise Skip("aedes forgets what it has acknowledged: mosquitto only")


class Nginx:
    """nginx serving one folder, as slowly as told.

    `tls` are lines of its server that make it speak TLS.
    """

    def __init__(self, folder, port=None, rate=None, tls=""):
        self.folder = folder / "nginx"
        self.files = self.folder / "files"
        self.files.mkdir(parents=True)
        self.port = port or free_port()
        self.rate = rate
        self.tls = tls
        self.process = None

    def start(self):
        user = "user root;\n" if os.geteuid() == 0 else ""
        rate = f"limit_rate {self.rate};" if self.rate else ""
        config = self.folder / "nginx.conf"
        config.write_text(f"""{user}daemon off;
worker_processes 1;
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {self.folder}/access.log;
  client_body_temp_path {self.folder}/t1; proxy_temp_path {self.folder}/t2;
  fastcgi_temp_path {self.folder}/t3; uwsgi_temp_path {self.folder}/t4;
  scgi_temp_path {self.folder}/t5;
  server {{
    listen 127.0.0.1:{self.port}{" ssl" if self.tls else ""};
    root {self.files};
    {rate}
    {self.tls}
  }}
}}
""")
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            [binary, "-e", str(self.folder / "error.log"), "-c", str(config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        wait_until("nginx listens", self._listens)

    def _listens(self):
        if self.process.poll() is not None:
            raise Failure("nginx ended: " +
                          (self.folder / "error.log").read_text())
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def put(self, name, data):
        replace(self.files / name, data)
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/{name}"

    def requests(self):
        """(path, status, bytes) of every request so far."""
        log = self.folder / "access.log"
        text = log.read_text() if log.exists() else ""
        return [(m[1], int(m[2]), int(m[3])) for m in
                re.finditer(r'"GET (\S+) [^"]*" (\d+) (\d+)', text)]

    def stop(self, signal_number=signal.SIGTERM):
        stop(self.process, signal_number)

    def kill(self):
        """Master and workers at once, as a power cut would."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class FaultServer:
    """tests/support/http_server.py: HTTP with scripted faults."""

    def __init__(self, folder, cert=None, key=None):
        self.files = folder / ("www-tls" if cert else "www")
        self.files.mkdir()
        self.cert, self.key = cert, key
        self.process = None
        self.port = None

    def _command(self, *arguments):
        return [sys.executable, str(ROOT / "tests/support/http_server.py"),
                *arguments]

    def start(self, port=0):
        tls = ["--cert", str(self.cert), "--key", str(self.key)] \
            if self.cert else []
        self.process = subprocess.Popen(
            self._command("--port", str(port or self.port or 0), "--root",
                          str(self.files), *tls),
            stdout=subprocess.PIPE, text=True, bufsize=1)
        line = self.process.stdout.readline()
        self.port = int(re.search(r"\d+", line)[0])

    def url(self, name):
        return f"{'https' if self.cert else 'http'}://127.0.0.1:{self.port}/{name}"

    def put(self, name, data):
        replace(self.files / name, data)
        return self.url(name)

    def _control(self, method, path, body=None):
        if self.cert:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=DEADLINE_S,
                context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                    timeout=DEADLINE_S)
        connection.request(method, path,
                           json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status == 501:
            raise Skip(f"{text.decode()}: the scripted server only")
        if answer.status >= 300:
            raise Failure(f"fault server: {answer.status} {text!r}")
        return json.loads(text) if text.strip() else None

    def script(self, name, faults):
        self._control("POST", "/_script", {"path": "/" + name, "faults": faults})

    def log(self, name=None):
        """The requests so far, of one file or of all."""
        entries = self._control("GET", "/_log")
        return [e for e in entries if name is None or e["path"] == "/" + name]

    def stop(self):
        stop(self.process)

    def kill(self):
        stop(self.process, signal.SIGKILL)


class Express(FaultServer):
    """The same, with express.static serving the files."""

    MODIFIED = 1_770_000_000

    def _command(self, *arguments):
        return node("web.js", *arguments)

    def put(self, name, data):
        # Its ETag is size and time: one artifact has one, under any name. It
        # reads as it sends: a file that is being sent stays what it is.
        fresh = self.files / f".{name}"
        fresh.write_bytes(data)
        os.utime(fresh, (self.MODIFIED, self.MODIFIED))
        fresh.rename(self.files / name)
        return self.url(name)


class Otad:
    """otad (or otad-launch, started again whenever it ends) in its folder."""

    def __init__(self, folder, build, config, launched=False, env=None):
        self.folder = folder
        self.build = pathlib.Path(build)
        self.launched = launched
        self.extra_env = env or {}
        self.wrapper = []  # a command that runs another
        self.process = None
        self.supervised = False
        self.starts = 0
        self.log_path = folder / "otad.log"
        for name in ("etc", "state", "run", "bin"):
            (folder / name).mkdir(exist_ok=True)
        self.binary = folder / "bin" / "otad"
        if not self.binary.exists():
            shutil.copy2(self.build / "otad", self.binary)
        self.write_config(config)

    @property
    def state(self):
        return self.folder / "state"

    @property
    def socket(self):
        return self.folder / "run" / "io.otad"

    @property
    def target(self):
        """The file that an update of otad itself replaces."""
        return self.state / "bin/otad" if self.launched else self.binary

    def write_config(self, text):
        (self.folder / "etc/otad.conf").write_text(text)

    def environment(self):
        return {**os.environ,
                "STATE_DIRECTORY": str(self.folder / "state"),
                "RUNTIME_DIRECTORY": str(self.folder / "run"),
                "CONFIGURATION_DIRECTORY": str(self.folder / "etc"),
                **self.extra_env}

    def _command(self):
        if self.launched:
            return [*self.wrapper, str(self.build / "otad-launch"), "--factory",
                    str(self.binary)]
        return [*self.wrapper, str(self.binary)]

    def start(self, wait=True):
        log = open(self.log_path, "ab")
        self.starts += 1
        if self.launched:  # as ExecStartPre= of otad.service
            subprocess.run([str(self.binary), "--take-over"], stdout=log, stderr=log,
                           env=self.environment(), timeout=DEADLINE_S, check=False)
        self.process = subprocess.Popen(self._command(), stdout=log, stderr=log,
                                        env=self.environment())
        if wait:
            self.wait_ready()
        return self.process.pid

    def supervise(self):
        """Starts it and, until stopped, again whenever it ends."""
        self.supervised = True
        self.start(wait=False)
        threading.Thread(target=self._supervise, daemon=True).start()
        self.wait_ready()

    def _supervise(self):
        while self.supervised:
            self.process.wait()
            if self.supervised:
                self.start(wait=False)

    def wait_ready(self):
        def answers():
            if self.process.poll() is not None and not self.supervised:
                raise Failure("otad ended:\n" + self.log())
            with socket.socket(socket.AF_UNIX) as s:
                return s.connect_ex(str(self.socket)) == 0
        wait_until("otad answers on its control socket", answers)

    def log(self):
        return self.log_path.read_text(errors="replace") \
            if self.log_path.exists() else ""

    def wait_log(self, pattern, deadline_s=DEADLINE_S, start=0):
        def found():
            return re.search(pattern, self.log()[start:])
        try:
            return wait_until(f"/{pattern}/ in the log", found, deadline_s)
        except Failure as failure:
            raise Failure(f"{failure}; the log:\n{self.log()}") from None

    def ctl_command(self, *arguments):
        return [str(self.build / "otactl"), "--socket", str(self.socket),
                *arguments]

    def ctl(self, *arguments, check=True):
        """otactl; its standard output, or the finished process if not check."""
        done = subprocess.run(
            self.ctl_command(*arguments), capture_output=True, text=True, timeout=DEADLINE_S,
            env=self.environment())
        if not check:
            return done
        if done.returncode != 0:
            raise Failure(f"otactl {' '.join(arguments)}: exit "
                          f"{done.returncode}: {done.stderr}")
        return done.stdout

    def stop(self, signal_number=signal.SIGTERM):
        self.supervised = False
        stop(self.process, signal_number)

    def kill(self):
        self.stop(signal.SIGKILL)


def base_config(broker, cloud, modules="", mqtt="", update="", download=""):
    """A whole otad.conf; each part may add keys to its section.

    There is no fleet here that should not come back in step.
    """
    return f"""[Cloud]
{cloud}
[Mqtt]
Host=127.0.0.1
Port={broker.port}
Tls=no
ReconnectSpread=0
{mqtt}
[Download]
{download}
[Update]
{update}
{modules}
"""


HANQI = "Platform=hanqi\nGatewayId=HQ1"
TENCENT = "Platform=tencent\nProductId=PROD1\nDeviceName=gw1"


class Lab(contextlib.AbstractContextManager):
    """Owns the temporary folder and everything started in it."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="otad-lab-"))
        self.started = []
        self.broker = None

    def __exit__(self, kind, value, trace):
        for thing in reversed(self.started):
            thing.stop()
        if kind is not None and os.environ.get("OTAD_KEEP"):
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def own(self, thing, start=True):
        """Starts it, and stops it at the end."""
        if start:
            thing.start()
        self.started.append(thing)
        return thing

    def start_broker(self, settings="", lasting=False):
        kind = Aedes if WITNESS else Broker
        self.broker = self.own(kind(self.folder, settings=settings,
                                    lasting=lasting))
        return self.broker

    def start_nginx(self, rate=None, tls=""):
        if WITNESS:
            raise Skip("nginx is the server of the other run")
        return self.own(Nginx(self.folder, rate=rate, tls=tls))

    def start_fault_server(self, cert=None, key=None):
        kind = Express if WITNESS else FaultServer
        return self.own(kind(self.folder, cert, key))

    def otad(self, config, launched=False, env=None, name="gateway"):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return self.own(Otad(folder, self.build, config, launched, env),
                         start=False)


def sick_program(world, version="1.0.0"):
    """The keys of a module whose new version never gets well; its new version,
    and where it goes. Wants ConfirmTimeout=1s."""
    path = world.folder / "app"
    shutil.copy("/bin/true", path)
    keys = (f"Type=binary\nPath={path}\nVersion={version}\nRestart=true\n"
            "HealthPeriod=0s\nHealthCheck=false\n")
    data = (world.build / "tests/system/version-that-hangs").read_bytes()
    return keys, data, path


# ---- what the clouds say and hear ----

def hanqi_upgrade(version, url, data, msg_id="ota_1", **changes):
    body = {"version": version, "firmwareUrl": url, "md5": md5(data),
            "fileSize": len(data), "forceUpgrade": False}
    body.update(changes)
    return {"msgType": "ota_upgrade", "msgId": msg_id, "uuid": "HQ1",
            "timestamp": int(time.time()), "data": body}


HANQI_COMMAND = "hanqi/gateway/HQ1/command"
HANQI_REPORT = "hanqi/gateway/HQ1/report"


def is_hanqi_state(state, version=None, msg_id=None):
    def accepts(message):
        payload = message.payload
        if message.topic != HANQI_REPORT or not isinstance(payload, dict) or \
                payload.get("msgType") != "ota_progress":
            return False
        body = payload["data"]
        return body["state"] == state and \
            version in (None, body["targetVersion"]) and \
            msg_id in (None, payload["msgId"])
    return accepts


def is_hanqi_heartbeat(version):
    def accepts(message):
        payload = message.payload
        return message.topic == HANQI_REPORT and isinstance(payload, dict) and \
            payload.get("msgType") == "heartbeat" and \
            payload["data"]["firmwareVersion"] == version
    return accepts


def tencent_update(version, url, data, **changes):
    body = {"type": "update_firmware", "version": version, "url": url,
            "md5sum": md5(data), "file_size": len(data)}
    body.update(changes)
    return body


TENCENT_UPDATE = "$ota/update/PROD1/gw1"
TENCENT_REPORT = "$ota/report/PROD1/gw1"


def is_tencent_state(state, version=None):
    def accepts(message):
        payload = message.payload
        if message.topic != TENCENT_REPORT or not isinstance(payload, dict) or \
                payload.get("type") != "report_progress":
            return False
        report = payload["report"]
        return report["progress"]["state"] == state and \
            version in (None, report["version"])
    return accepts


def is_tencent_version(version):
    def accepts(message):
        payload = message.payload
        return message.topic == TENCENT_REPORT and isinstance(payload, dict) and \
            payload.get("type") == "report_version" and \
            payload["report"]["version"] == version
    return accepts
