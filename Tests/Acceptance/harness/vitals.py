"""What a gateway with a cache takes of the machine, sampled during a long run, and whether it grows."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness.cache import status
from harness.gateway import Gateway

DELETED = " (deleted)"
MAX_WALKS = 20
SOCKET_BYTES = 28 << 10  # as found by regression: most are connections to the registry, with TLS


@dataclass(frozen=True)
class Sample:
    """Sizes in bytes. `requests` counts those of the clients so far, which is the scale on which growth is measured."""

    time: float
    requests: int
    resident: int  # VmRSS
    anonymous: int  # RssAnon: what no file backs
    memory: int  # of the index: small contents that are kept in memory
    threads: int
    sockets: int
    files: int  # open files of the cache, also removed ones
    removed: int  # among them
    removed_bytes: int
    others: int  # other descriptors
    disk: int
    disk_files: int
    partial: int
    held: int  # as the gateway says
    entries: int
    fills: int
    evictions: int
    results: dict[str, int]  # of requests, as the gateway counts them

    @property
    def own(self) -> int:
        """Memory without that of contents and of connections, of which there are more or fewer at the moment."""
        return self.anonymous - self.memory - self.sockets * SOCKET_BYTES

    @property
    def descriptors(self) -> int:
        return self.sockets + self.files + self.others


def sample(gateway: Gateway, directory: Path, requests: int) -> Sample:
    process = Path(f"/proc/{gateway.program.pid}")
    facts = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    kinds, removed_bytes = _descriptors(process, directory)
    disk, disk_files, partial = on_disk(directory)
    cache = status(gateway)
    return Sample(
        time=time.monotonic(), requests=requests, resident=_kib(facts["VmRSS"]), anonymous=_kib(facts["RssAnon"]), memory=cache["memory_bytes"],
        threads=int(facts["Threads"]), sockets=kinds["socket"], files=kinds["file"], removed=kinds["removed"], removed_bytes=removed_bytes,
        others=kinds["other"], disk=disk, disk_files=disk_files, partial=partial, held=cache["bytes"], entries=cache["entries"],
        fills=cache["fills"], evictions=cache["evictions"], results=cache["requests"],
    )  # fmt: skip


def _kib(text: str) -> int:
    return int(text.split()[0]) << 10


def _descriptors(process: Path, directory: Path) -> tuple[Counter[str], int]:
    kinds: Counter[str] = Counter()
    removed_bytes = 0
    for each in os.listdir(process / "fd"):
        path = process / "fd" / each
        try:
            target = os.readlink(path)
            is_removed = target.endswith(DELETED)
            if target.startswith("socket:"):
                kinds["socket"] += 1
            elif target.startswith(f"{directory}/") and (is_removed or not os.path.isdir(path)) and "/lock" not in target:
                kinds["file"] += 1
                kinds["removed"] += is_removed
                removed_bytes += os.stat(path).st_blocks * 512 if is_removed else 0
            else:
                kinds["other"] += 1
        except FileNotFoundError:
            pass  # closed meanwhile
    return kinds, removed_bytes


def on_disk(directory: Path) -> tuple[int, int, int]:
    """As du(1) counts: bytes, with those of directories; files; those among them that have no name yet. Of one moment: what is renamed or removed during
    the walk would be counted twice, so it is walked until nothing has been."""
    before, now = None, _walk(directory)
    for _ in range(MAX_WALKS):
        if before and before.keys() == now.keys():
            break
        before, now = now, _walk(directory)
    partial = sum(1 for path in now if os.path.basename(os.path.dirname(path)) == "partial")
    return sum(size for size, _ in now.values()), sum(is_file for _, is_file in now.values()), partial


def _walk(directory: Path) -> dict[str, tuple[int, bool]]:
    """Each path with its bytes, and whether it is a file."""
    found: dict[str, tuple[int, bool]] = {}
    waiting = [str(directory)]
    while waiting:
        path = waiting.pop()
        try:
            found[path] = (os.stat(path).st_blocks * 512, False)
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        found[entry.path] = (entry.stat(follow_symlinks=False).st_blocks * 512, True)
        except FileNotFoundError:
            continue
    return found


# Growth.


@dataclass(frozen=True)
class Growth:
    """Of one figure. `step`: from the median of the middle third to that of the last one. `slope`: by least squares over both, for each 100 requests."""

    name: str
    begin: float  # medians of the thirds
    middle: float
    end: float
    slope: float
    requests: int  # from the middle of the second third to the middle of the last one
    largest: float

    @property
    def step(self) -> float:
        return self.end - self.middle

    @property
    def drift(self) -> float:
        """What the slope makes of the requests of the step."""
        return self.slope * self.requests / 100

    def exceeds(self, bound: float) -> bool:
        """Both, so that neither one high sample nor one high third is growth."""
        return self.step > bound and self.drift > bound

    def __str__(self) -> str:
        return (
            f"{self.name}: medians of the thirds {self.begin:,.0f} {self.middle:,.0f} {self.end:,.0f}, at most {self.largest:,.0f}; "
            f"slope {self.slope:+.3f} for 100 requests"
        )


def growth(name: str, values: list[tuple[int, float]]) -> Growth:
    """`values`: each with the number of requests when it was taken."""
    third = len(values) // 3
    parts = [values[:third], values[third : 2 * third], values[2 * third :]]
    medians = [statistics.median(value for _, value in part) for part in parts]
    centres = [statistics.median(requests for requests, _ in part) for part in parts]
    late = values[third:]
    slope = statistics.linear_regression(*zip(*late)).slope * 100 if late[0][0] < late[-1][0] else 0.0
    return Growth(name, *medians, slope, int(centres[2] - centres[1]), max(value for _, value in values))


def with_leak(values: list[tuple[int, float]], for_100_requests: float) -> list[tuple[int, float]]:
    """The same figures of a program that loses so much."""
    return [(requests, value + requests / 100 * for_100_requests) for requests, value in values]
