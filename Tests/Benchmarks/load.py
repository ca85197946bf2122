"""Requests of load.c to a proxy."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from harness.address import Address
from harness.gateway import Gateway
from harness.wire import basic

AUTHORIZATION = f"Authorization: {basic(Gateway.username, Gateway.password)}"


@dataclass(frozen=True)
class Work:
    """What load.c sends: `requests` of them, or as many as `seconds` allow; at `rate` a second, or as fast as they are answered."""

    target: str
    method: str = "GET"
    connections: int = 32
    requests: int = 0
    seconds: float = 0
    rate: float = 0
    quiet: bool = False  # the first request of each connection is sent when the one before it is answered
    cold: bool = False  # no first request of each connection, before what is measured
    fields: tuple[str, ...] = (AUTHORIZATION,)

    def options(self, address: Address) -> list[str]:
        options: list[str | int | float] = ["-c", self.connections, "-n", self.requests, "-d", self.seconds, "-r", self.rate]
        for field in self.fields:
            options += ["-H", field]
        flags = {"-s": address.tls, "-q": self.quiet, "-x": self.cold}
        options += [flag for flag, is_set in flags.items() if is_set]
        return [address.host, str(address.port), self.method, self.target, *map(str, options)]


@dataclass(frozen=True)
class Outcome:
    requests: int
    bytes: int
    seconds: float
    p50: float  # µs, as the other percentiles
    p90: float
    p99: float
    p999: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class Load:
    """A load generator that has connected and sent one request on each connection. It keeps the connections until the end of the block."""

    def __init__(self, program: Path, address: Address, work: Work) -> None:
        self.argv = [str(program), *work.options(address)]
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._expect("ready\n")

    def __enter__(self) -> Load:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill() if error else None
        self.process.communicate()

    def _expect(self, wanted: str | None = None) -> str:
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        if not line or (wanted and line != wanted):
            self.process.kill()
            raise AssertionError(f"{' '.join(self.argv)}: {line}{self.process.stderr.read()}")
        return line

    def run(self) -> Outcome:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return Outcome(**json.loads(self._expect()))
