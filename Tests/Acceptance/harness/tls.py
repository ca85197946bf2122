"""A certificate authority for one test run, made with the openssl program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.processes import run


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


class Authority:
    """Issues certificates that are valid for a day."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.certificate = directory / "ca.crt"
        self.key = directory / "ca.key"
        run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=Berth acceptance tests",
            "-keyout",
            self.key,
            "-out",
            self.certificate,
        )

    def issue(self, name: str, *alternatives: str) -> Certificate:
        """A certificate for the alternative names, in openssl's form: `DNS:host` or `IP:address`."""
        issued = Certificate(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        request = self.directory / f"{name}.csr"
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(alternatives)}\n")
        run(
            "openssl",
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            issued.key,
            "-out",
            request,
        )
        run(
            "openssl",
            "x509",
            "-req",
            "-days",
            "1",
            "-in",
            request,
            "-CA",
            self.certificate,
            "-CAkey",
            self.key,
            "-CAcreateserial",
            "-extfile",
            extensions,
            "-out",
            issued.certificate,
        )
        return issued
