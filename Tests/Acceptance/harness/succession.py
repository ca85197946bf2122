"""Processes that take over from a running gateway."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.gateway import Gateway
from harness.processes import wait_until

SOCKET = "take-over"


def runtime(gateway: Gateway) -> Path:
    """The directory in which a gateway offers its sockets."""
    return gateway.configuration_path.parent


def lines(gateway: Gateway, message: str) -> list[dict[str, Any]]:
    return [line for line in gateway.log_lines() if line.get("message", "").startswith(message)]


def has_ended(gateway: Gateway) -> bool:
    return gateway.program.process.poll() is not None


def is_alive(process: int) -> bool:
    """Whether a process that is no child of the test runs."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def ended_afterwards(gateway: Gateway) -> Iterator[None]:
    """Ends the processes that a gateway has started by SIGUSR2, which log into its file."""
    try:
        yield
    finally:
        for line in lines(gateway, "a new process starts to take over"):
            process = int(line["process"])
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
            wait_until(lambda: not is_alive(process), f"the end of process {process}", 20)
