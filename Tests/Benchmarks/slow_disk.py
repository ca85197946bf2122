"""How long others wait while the cache's disk is slow: contents are written to it and read from it, and each call takes a long time."""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import harness
from effort import Effort
from fleet import Fleet
from harness.cache import contents
from load import Load, Outcome, Work
from proxies import Proxy
from results import Round
from transfer import curl, curl_words
from upstream import MANIFEST

MIB = 1 << 20
CALL_MS = 50
# Four disk threads write or read 128 KiB in a call: ten MiB a second. None of these ends before the figures are taken.
FILLED = tuple((192 + number) * MIB for number in range(4))
COLD = tuple((128 + number) * MIB for number in range(4))
RATE = 1000  # small requests a second
SLICE_SECONDS = 0.25
LIBRARY = Path(harness.__path__[0])


def latency_on_slow_disk(fleet: Fleet, effort: Effort, names: list[str]) -> list[Round]:
    """Of a request that is relayed, and of one that is answered from memory: the median and the 99th percentile while the disk is slow and busy, each as
    a ratio to those of a second Berth in the same seconds, which has the same disk and no transfers: what the clients and the upstream of the transfers
    take of the cores, they take from both."""
    slow = {
        "LD_PRELOAD": str(fleet.native.library("slow_disk", LIBRARY)),
        "SLOW_DISK": str(fleet.directory),
        "SLOW_DISK_MS": str(CALL_MS),
    }
    works = [Work(MANIFEST, "HEAD", seconds=SLICE_SECONDS, rate=RATE), Work(fleet.upstream.held_manifest, seconds=SLICE_SECONDS, rate=RATE)]
    slices = max(4, round(effort.seconds / SLICE_SECONDS))
    lines: list[Round] = [{}, {}, {}, {}]
    for name in names:
        if name in fleet.programs:
            with ExitStack() as stack:
                caches = [stack.enter_context(fleet.cache_directory()) for _ in range(2)]
                with fleet.fresh(name, cache=caches[0]) as proxy:
                    for target in map(fleet.upstream.content, COLD):
                        curl(proxy.plain, target)
                _forget(caches[0])
                busy, calm = (stack.enter_context(fleet.fresh(name, cache=cache, environment=slow)) for cache in caches)
                for proxy in (busy, calm):
                    curl(proxy.plain, fleet.upstream.held_manifest)
                stack.enter_context(_pulls(fleet, busy))
                figures = [figure for work in works for figure in _compare(fleet, busy, calm, work, slices)]
            for line, figure in zip(lines, figures, strict=True):
                line[name] = figure
    return lines


def _forget(cache: Path) -> None:
    """The kernel has nothing of the files in memory."""
    for path in contents(cache).values():
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _compare(fleet: Fleet, busy: Proxy, calm: Proxy, work: Work, slices: int) -> list[float]:
    """The median and the 99th percentile of one as a ratio to the other's. Medians of slices: what happens in one of four must show."""
    taken: list[list[Outcome]] = [[], []]
    with ExitStack() as stack:
        loads = [stack.enter_context(Load(fleet.load, proxy.plain, work)) for proxy in (busy, calm)]
        for _ in range(slices):
            for outcomes, load in zip(taken, loads, strict=True):
                outcomes.append(load.run())
    p50, p99 = ([statistics.median(getattr(outcome, name) for outcome in outcomes) for outcomes in taken] for name in ("p50", "p99"))
    return [p50[0] / p50[1], p99[0] / p99[1]]


@contextmanager
def _pulls(fleet: Fleet, proxy: Proxy) -> Iterator[None]:
    """Clients that wait for the disk, for as long as the block takes."""
    targets = [fleet.upstream.content(size) for size in (*FILLED, *COLD)]
    clients = [subprocess.Popen(curl_words(proxy.plain, target), stdin=subprocess.DEVNULL) for target in targets]
    try:
        yield
        ended = [target for target, client in zip(targets, clients, strict=True) if client.poll() is not None]
        assert not ended, f"the disk was not slow: {ended}"
    finally:
        for client in clients:
            client.kill()
            client.wait()
