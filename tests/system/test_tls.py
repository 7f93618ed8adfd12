"""otad and a broker that speaks TLS, as it should and as it should not."""

import socket
import ssl
import sys
import threading
import warnings

import lab
import pki
import suite
from suite import expect, skip

LATER_S = 150  # otad waits up to a minute between two tries to connect


def tls_broker(world, cert, key, more=""):
    """A real one; the port of its TLS listener."""
    port = lab.free_port()
    broker = world.start_broker(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n"
        f"certfile {cert}\nkeyfile {key}\n{more}")
    return broker, port


def config(port, mqtt):
    return lab.base_config(lab.Port(port), lab.HANQI, mqtt=mqtt).replace(
        "Tls=no\n", "Tls=yes\n")


def refused(world, port, mqtt, reason):
    """Says why, and takes no other way to that broker."""
    otad = world.otad(config(port, mqtt))
    otad.start()
    line = otad.wait_log(f"Cannot reach 127.0.0.1:{port}: .*").group(0)
    expect(reason in line, f"{reason!r} is not in {line!r}")
    expect("Connected" not in otad.log(), "it connected all the same")
    return otad


def test_a_broker_that_the_authority_vouches_for(world):
    authority = pki.Authority(world.folder)
    broker, port = tls_broker(world, *authority.server())
    otad = world.otad(config(port, f"CaFile={authority.cert}\n"))
    otad.start()
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"))


def test_a_broker_of_another_authority(world):
    ours = pki.Authority(world.folder)
    theirs = pki.Authority(world.folder, "theirs")
    broker, port = tls_broker(world, *theirs.server())
    otad = refused(world, port, f"CaFile={ours.cert}\n",
                   "unable to get local issuer certificate")
    # The right authority, while it runs: no restart is needed.
    otad.write_config(config(port, f"CaFile={theirs.cert}\n"))
    otad.process.send_signal(1)
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"),
                deadline_s=LATER_S)


def test_a_broker_that_vouches_for_itself(world):
    ours = pki.Authority(world.folder)
    alone = pki.Authority(world.folder, "alone")
    _, port = tls_broker(world, alone.cert, alone.key)
    refused(world, port, f"CaFile={ours.cert}\n", "certificate")


def test_a_broker_by_another_name(world):
    authority = pki.Authority(world.folder)
    _, port = tls_broker(world, *authority.server(
        names="DNS:broker.example,IP:127.0.0.2"))
    refused(world, port, f"CaFile={authority.cert}\n", "mismatch")


def test_a_broker_whose_time_is_over(world):
    authority = pki.Authority(world.folder)
    _, port = tls_broker(world, *authority.issue(
        "late", "IP:127.0.0.1", days=-1))
    refused(world, port, f"CaFile={authority.cert}\n", "expired")


def test_a_broker_that_speaks_plain_mqtt(world):
    broker = world.start_broker()
    authority = pki.Authority(world.folder)
    refused(world, broker.port, f"CaFile={authority.cert}\n", "broker")


class OldServer:
    """Speaks no newer TLS than 1.1."""

    def __init__(self, cert, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        # OpenSSL lets TLS 1.0 go on at the lowest of its levels only.
        self.context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():  # that it is old
            warnings.simplefilter("ignore")
            self.context.minimum_version = ssl.TLSVersion.TLSv1
            self.context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.listener = None
        self.port = None
        self.reasons = []

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(client, server_side=True):
                    self.reasons.append("accepted")
            except (OSError, ssl.SSLError) as why:
                self.reasons.append(str(why))

    def stop(self):
        self.listener.close()


def test_a_broker_that_speaks_old_tls_only(world):
    authority = pki.Authority(world.folder)
    try:
        server = world.own(OldServer(*authority.server()))
    except (ssl.SSLError, ValueError) as why:
        skip(f"this python speaks no old TLS: {why}")
    refused(world, server.port, f"CaFile={authority.cert}\n", "protocol")
    expect("accepted" not in server.reasons, "TLS 1.1 was good enough")


def test_a_broker_that_wants_a_certificate(world):
    authority = pki.Authority(world.folder)
    broker, port = tls_broker(
        world, *authority.server(), f"cafile {authority.cert}\n"
        "require_certificate true\nuse_identity_as_username true\n")
    trust = f"CaFile={authority.cert}\n"
    otad = refused(world, port, trust, "broker")
    cert, key = authority.issue("gateway", "DNS:gateway")
    otad.write_config(config(
        port, f"{trust}CertFile={cert}\nKeyFile={key}\n"))
    otad.process.send_signal(1)
    broker.wait("heartbeat", lab.is_hanqi_heartbeat("1.0.0"),
                deadline_s=LATER_S)


def test_a_certificate_without_its_key_is_a_mistake_in_the_file(world):
    authority = pki.Authority(world.folder)
    cert, _ = authority.issue("gateway", "DNS:gateway")
    _, other = authority.issue("other", "DNS:other")
    otad = world.otad(config(8883, f"CaFile={authority.cert}\n"
                                   f"CertFile={cert}\nKeyFile={other}\n"))
    otad.start()
    otad.wait_log("key.*(match|mismatch)|mismatch|do not belong")


if __name__ == "__main__":
    suite.main(sys.modules[__name__], at_once=4)
