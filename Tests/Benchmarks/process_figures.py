"""What the kernel says of a process: CPU time in nanoseconds, private memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

KIB = 1 << 10


def thread_seconds(pid: int) -> dict[int, float]:
    """User and system time by thread. /proc/PID/stat has it in ticks of 10 ms; this is in nanoseconds."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {int(task.name): int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks}


def cpu_seconds(pids: Iterable[int]) -> float:
    return sum(sum(thread_seconds(pid).values()) for pid in pids)


def private_bytes(pids: Iterable[int]) -> int:
    """Memory that would be free if the processes ended, without the pages of program files, which can be read again."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_Dirty:"):
                total += int(line.split()[1]) * KIB
    return total


def with_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]
