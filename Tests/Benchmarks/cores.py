"""Where the programs of a measurement run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def _run(pids: Iterable[int], cores: set[int]) -> None:
    """Puts all threads of the processes on the cores. Those that they start later follow them, and some may have ended."""
    for pid in pids:
        for task in Path("/proc").glob(f"{pid}/task/*"):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), cores)


@contextmanager
def apart(pids: Iterable[int]) -> Iterator[None]:
    """The processes on one core, and what this process starts meanwhile on another, if there are two."""
    pids, cores = list(pids), os.sched_getaffinity(0)
    ours, theirs = min(cores), max(cores)
    _run(pids, {theirs})
    os.sched_setaffinity(0, {ours})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        _run(pids, cores)
