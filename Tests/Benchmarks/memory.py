"""What connections cost in private memory of the proxy's processes, and how large the program is. Kernel buffers are a row of their own."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from effort import Effort
from fleet import Fleet
from harness.address import Address
from harness.processes import run
from load import AUTHORIZATION, Load, Work
from process_figures import KIB, private_bytes
from proxies import Proxy
from results import Round
from small import address
from upstream import GIB, MANIFEST

MIB = 1 << 20
STALLED_BLOB = GIB // 4  # more than what the kernel's buffers take
LARGE_HEAD = 31 * KIB
FIELDS = 5  # of a large head: HAProxy and nginx bound one field as well
WARM_REQUESTS = 500
SETTLE_SECONDS = 11.0  # Berth looks every 5 s whether there is memory to give back,
GIVEN_BACK_SECONDS = 35.0  # and every 30 s at what was still in use when it looked before

Figures = tuple[float, ...]


def _large_fields() -> tuple[str, ...]:
    padding = (LARGE_HEAD - 512) // FIELDS
    return (AUTHORIZATION, *(f"X-Padding-{number}: {'x' * (padding - 16)}" for number in range(FIELDS)))


def _settled(proxy: Proxy, seconds: float = SETTLE_SECONDS) -> int:
    """The private memory once the proxy has had time to give back what it does not need."""
    time.sleep(seconds)
    return private_bytes(proxy.pids())


def _each(names: list[str], measure: Callable[[str, bool], Figures]) -> list[Round]:
    """Measures each proxy with a plain and a TLS client, all at once: memory does not depend on what else runs."""
    kinds = [(name, tls) for tls in (False, True) for name in names]
    with ThreadPoolExecutor(len(kinds)) as pool:
        figures = list(pool.map(lambda kind: measure(*kind), kinds))
    lines: dict[tuple[bool, int], Round] = {}
    for (name, tls), values in zip(kinds, figures, strict=True):
        for number, value in enumerate(values):
            lines.setdefault((tls, number), {})[name] = value
    return list(lines.values())


def _warm(fleet: Fleet, proxy: Proxy, tls: bool) -> None:
    with Load(
        fleet.load, address(proxy, tls), Work(MANIFEST, connections=4, requests=WARM_REQUESTS, fields=_large_fields())
    ) as load:
        load.run()


def idle_connection(fleet: Fleet, effort: Effort, names: list[str]) -> list[Round]:
    """KiB of each idle connection that has had one request with a large head: plain, TLS."""
    work = Work(MANIFEST, connections=effort.connections, fields=_large_fields(), quiet=True)

    def measure(name: str, tls: bool) -> Figures:
        with fleet.fresh(name) as proxy:
            _warm(fleet, proxy, tls)
            before = _settled(proxy)
            with Load(fleet.load, address(proxy, tls), work):
                return ((_settled(proxy) - before) / effort.connections / KIB,)

    return _each(names, measure)


def _stall(stack: ExitStack, address: Address, target: str) -> None:
    """Asks for a blob and reads nothing."""
    connection = stack.enter_context(socket.create_connection((address.host, address.port)))
    if address.ca:
        connection = stack.enter_context(
            ssl.create_default_context(cafile=str(address.ca)).wrap_socket(connection, server_hostname=address.host)
        )
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {address.authority}\r\n{AUTHORIZATION}\r\n\r\n".encode())


def _kernel_bytes(proxy: Proxy) -> int:
    """What the sockets of the proxy hold: received and not read, sent and not acknowledged."""
    total = 0
    for line in run("ss", "--tcp", "--memory", "--processes", "--numeric", "--no-header", "--oneline").splitlines():
        if any(f"pid={pid}," in line for pid in proxy.pids()) and (
            found := re.search(r"skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f\d+,w(\d+)", line)
        ):
            total += sum(map(int, found.groups()))
    return total


def stalled_pull(fleet: Fleet, effort: Effort, names: list[str]) -> list[Round]:
    """KiB of each pull whose client has stopped reading: of the process, in the kernel, of the process after all have ended; plain, then TLS."""
    target = fleet.upstream.blob(STALLED_BLOB)

    def measure(name: str, tls: bool) -> Figures:
        with fleet.fresh(name) as proxy:
            _warm(fleet, proxy, tls)
            before = _settled(proxy)
            with ExitStack() as stack:
                for _ in range(effort.stalled):
                    _stall(stack, address(proxy, tls), target)
                stalled = _settled(proxy) - before
                kernel = _kernel_bytes(proxy)
            after = _settled(proxy, GIVEN_BACK_SECONDS) - before
        return tuple(size / effort.stalled / KIB for size in (stalled, kernel, after))

    return _each(names, measure)


def private_idle(fleet: Fleet, _: Effort, names: list[str]) -> Round:
    """MiB of a process that has served nothing yet."""
    with ExitStack() as stack:
        proxies = [stack.enter_context(fleet.fresh(name)) for name in names]
        time.sleep(SETTLE_SECONDS)
        return {proxy.name: private_bytes(proxy.pids()) / MIB for proxy in proxies}


def program_size(fleet: Fleet, _: Effort, names: list[str]) -> Round:
    """MB of the program without symbols."""
    sizes = {}
    for name in names:
        if name in fleet.programs:
            stripped = fleet.directory / f"{name}.stripped"
            run("strip", "--strip-all", "-o", stripped, fleet.programs[name])
            sizes[name] = stripped.stat().st_size / 1e6
    return sizes
