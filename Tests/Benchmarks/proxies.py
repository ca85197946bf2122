"""What the benchmarks know of a proxy, and what all proxies are started with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.address import Address
from harness.processes import Program, Word
from harness.tls import Certificate
from process_figures import with_children
from upstream import Upstream


@dataclass(frozen=True)
class Surroundings:
    """What is around a proxy. Each has a directory of its own."""

    directory: Path
    upstream: Upstream
    certificate: Certificate
    ca: Path
    access_log: bool = False
    cache: Path | None = None  # where contents are kept; None: nowhere
    before: tuple[Word, ...] = ()  # words of the command line before the program's
    environment: dict[str, str] = field(default_factory=dict)  # in addition


class Proxy(Protocol):
    name: str
    plain: Address
    tls: Address

    def pids(self) -> list[int]: ...
    def stop(self) -> None: ...


class Peer:
    """A program at two fixed ports."""

    def __init__(self, name: str, argv: list[Word], around: Surroundings, ports: tuple[int, int]) -> None:
        self.name = name
        self.plain = Address("127.0.0.1", ports[0])
        self.tls = Address("127.0.0.1", ports[1], around.ca)
        self.program = Program(name, [*around.before, *argv], around.directory, os.environ | around.environment)
        self.program.wait_ready(lambda: self.plain.accepts() and self.tls.accepts())

    def pids(self) -> list[int]:
        return with_children(self.program.pid)

    def stop(self) -> None:
        self.program.stop()
