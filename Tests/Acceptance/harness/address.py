"""The address of a server, and how a client connects to it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    ca: Path | None = None  # the authority of its certificate; None: plain HTTP

    @property
    def tls(self) -> bool:
        return self.ca is not None

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @classmethod
    def parse(cls, text: str, ca: Path | None = None) -> Address:
        """Parses `host:port`, with or without a scheme."""
        host, _, port = text.split("://")[-1].rstrip("/").rpartition(":")
        return cls(host, int(port), ca)

    def accepts(self) -> bool:
        """Whether a connection can be opened now."""
        try:
            socket.create_connection((self.host, self.port), timeout=2).close()
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port for a program that cannot use port 0. If another program takes it first, the program fails and reports it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
