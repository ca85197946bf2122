"""Requests without end from processes of their own, for a bounded time, and how many others are served meanwhile."""

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
    """Pipelines `request` on so many connections, without a pause, while the block runs and no longer than `seconds`."""
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
                    # What is left of a request goes first: the next piece begins a new one.
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
    """How often a second `serve` returns, one after the other; one that is still under way at the end counts as what it took."""
    start, served = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        serve()
        served += 1
    return served / (time.monotonic() - start)
