"""Where a server listens, and how a client is to reach it."""

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
        """Takes `host:port`, with or without a scheme."""
        host, _, port = text.split("://")[-1].rstrip("/").rpartition(":")
        return cls(host, int(port), ca)

    def accepts(self) -> bool:
        """Whether a connection can be made right now."""
        try:
            socket.create_connection((self.host, self.port), timeout=2).close()
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port for a program that cannot take port 0. Another may take it first; the program then fails and says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
