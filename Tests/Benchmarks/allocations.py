"""How many allocations a small request makes in a steady state: calls of malloc, calloc, realloc and the aligned ones, counted by counter.c."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from effort import Effort
from fleet import Fleet
from load import Load, Work
from results import Round
from small import address
from upstream import MANIFEST

REQUESTS = 2_000
CONNECTIONS = 8
ALLOCATING = 4  # of the counters; the next one counts what is freed


def allocations(method: str, tls: bool) -> Callable[[Fleet, Effort, list[str]], Round]:
    def measure(fleet: Fleet, _: Effort, names: list[str]) -> Round:
        return {name: _count(fleet, name, method, tls) for name in names}

    return measure


def _count(fleet: Fleet, name: str, method: str, tls: bool) -> float:
    file = fleet.directory / f"allocations-{name}-{method}-{tls}"
    environment = {"LD_PRELOAD": str(fleet.native.library("counter")), "ALLOCATION_COUNTS": str(file)}
    with fleet.fresh(name, environment=environment) as proxy:
        with Load(fleet.load, address(proxy, tls), Work(MANIFEST, method, CONNECTIONS, requests=REQUESTS)) as load:
            load.run()  # so that pools and caches are filled
            before = _read(file)
            load.run()
            return (_read(file) - before) / REQUESTS


def _read(file: Path) -> int:
    return sum(struct.unpack(f"={ALLOCATING}Q", file.read_bytes()[: 8 * ALLOCATING]))
