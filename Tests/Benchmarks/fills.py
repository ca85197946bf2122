"""What a miss costs that fills the cache: a blob that the client gets while it is kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from effort import Effort
from fleet import Fleet
from results import Round
from small import address
from transfer import curl, transfer_cost
from upstream import GIB

SETTLE_SECONDS = 0.3  # until a file has its name
# Of which the cheapest counts: memory that the host of a virtual machine has taken back meanwhile costs 0.7 s for each GiB written to it.
FILLS = 3
PIECE = 128 << 10  # as Berth hashes


def sha256_seconds(size: int) -> float:
    """CPU seconds of OpenSSL for a GiB, which is in the core's cache."""
    piece = bytes(PIECE)
    before = time.thread_time()
    state = hashlib.sha256()
    for _ in range(size // PIECE):
        state.update(piece)
    state.digest()
    return (time.thread_time() - before) * GIB / size


def one_fill(fleet: Fleet, name: str, tls: bool, target: str, size: int) -> float:
    with fleet.cache_directory() as cache, fleet.fresh(name, cache=cache) as proxy:

        def pull() -> None:
            curl(address(proxy, tls), target)
            time.sleep(SETTLE_SECONDS)

        return transfer_cost(proxy, size, pull)


def fill_cost(tls: bool) -> Callable[[Fleet, Effort, list[str]], list[Round]]:
    """CPU seconds a GiB of a proxy that has just started: without Berth's SHA-256, with it, and SHA-256 alone."""

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> list[Round]:
        target = fleet.upstream.content(effort.blob)
        whole: Round = {}
        hashed: Round = {}
        for name in names:
            whole[name] = min(one_fill(fleet, name, tls, target, effort.blob) for _ in range(FILLS))
            if name in fleet.programs:
                hashed[name] = sha256_seconds(effort.blob)
        return [{name: cost - hashed.get(name, 0) for name, cost in whole.items()}, whole, hashed]

    return measure
