"""Endless requests from separate processes for a limited time, and the rate at which others are served meanwhile."""

from __future__ import annotations

import multiprocessing
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.address import Address

PIECE = 1 << 18


@contextmanager
def flood(address: Address, request: bytes, connections: int, seconds: float) -> Iterator[None]:
    """Pipelines `request` on this many connections without a pause, while the block runs but for at most `seconds`."""
    context = multiprocessing.get_context("fork")
    started, over = context.Event(), context.Event()
    process = context.Process(target=_send, args=(address, request, connections, seconds, started, over), daemon=True)
    process.start()
    try:
        assert started.wait(30), "the flood did not begin"
        yield
    finally:
        over.set()
        process.join(30)
        if process.is_alive():
            process.kill()
            process.join()


def _send(address: Address, request: bytes, connections: int, seconds: float, started, over) -> None:  # type: ignore[no-untyped-def]
    piece = request * (PIECE // len(request) + 1)
    flows = [_connect(address) for _ in range(connections)]
    rest = {flow: memoryview(piece) for flow in flows}
    end = time.monotonic() + seconds
    started.set()
    while flows and time.monotonic() < end and not over.is_set():
        readable, writable, _ = select.select(flows, flows, [], 0.1)
        for flow in {*readable, *writable}:
            try:
                _drain(flow)
                if flow in writable:
                    sent = flow.send(rest[flow])
                    # The rest of a partly sent request goes first, then a new one starts.
                    rest[flow] = rest[flow][sent:] or memoryview(piece)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                continue
            except OSError:
                flows.remove(flow)
    for flow in flows:
        flow.close()


def _drain(flow: socket.socket) -> None:
    try:
        while True:
            if not flow.recv(PIECE):
                raise ConnectionError
    except (BlockingIOError, ssl.SSLWantReadError):
        return


def _connect(address: Address) -> socket.socket:
    flow = socket.create_connection((address.host, address.port), timeout=30)
    if address.tls:
        flow = ssl.create_default_context(cafile=str(address.ca)).wrap_socket(flow, server_hostname=address.host)
    flow.setblocking(False)
    return flow


def rate(serve: Callable[[], object], seconds: float) -> float:
    """How often per second `serve` returns when called in a loop. A call in progress at the end counts with the time that it took."""
    start, served = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        serve()
        served += 1
    return served / (time.monotonic() - start)
