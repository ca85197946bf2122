"""Ports for programs that cannot use port 0, or that do not say which port that became."""

from __future__ import annotations

import random
import socket

# Below those that the kernel gives to outgoing connections, of which a benchmark has thousands.
RANGE = range(20_000, 32_000)


def free_port() -> int:
    """A port that nobody listens at. No port is returned twice."""
    while True:
        port = _unused.pop()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


_unused = random.sample(RANGE, len(RANGE))
