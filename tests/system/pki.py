"""Certificates for one test: an authority, and whom it vouches for.

Made by openssl(1), whose keys of prime256v1 cost no time.
"""

import subprocess


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True,
                   capture_output=True)


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name="ca"):
        self.folder = folder / name
        self.folder.mkdir()
        self.cert = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", f"/CN=test {name}", "-keyout", self.key,
                 "-out", self.cert)

    def issue(self, name, names, days=2):
        """(certificate, key) of who is called `names`: "DNS:x,IP:y"."""
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                 f"/CN={name}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey",
                 self.key, "-CAcreateserial", "-days", days, "-extfile",
                 extensions, "-out", cert)
        return cert, key

    def server(self, name="server", names="IP:127.0.0.1,DNS:localhost"):
        return self.issue(name, names)
