"""The address of a server, and how a client connects to it."""

from __future__ import annotations

import os
import random
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


# Ports that the kernel gives nobody by itself, so that no other socket gets one while nobody listens at it. harness/faulty.py has those above.
_processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
PORTS_OF_A_PROCESS = 5000 // _processes
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _processes
_ports = range(10_000 + _worker * PORTS_OF_A_PROCESS, 10_000 + (_worker + 1) * PORTS_OF_A_PROCESS)
_next = random.randrange(PORTS_OF_A_PROCESS)


def free_port() -> int:
    """A port for a program that cannot use port 0. No test gets the same one soon again. If another program takes it first, the program fails and
    reports it."""
    global _next
    while True:
        port = _ports[_next % PORTS_OF_A_PROCESS]
        _next += 1
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))  # at every address
            except OSError:
                continue
            return port
