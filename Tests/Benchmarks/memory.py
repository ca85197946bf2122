"""What connections cost in private memory of the proxy's processes, and how large the program is. Kernel buffers are a row of their own."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack

from effort import Effort
from fleet import Fleet
from harness.address import Address
from harness.processes import run
from load import AUTHORIZATION, Load, Work
from process_figures import KIB, cpu_seconds, private_bytes
from proxies import Proxy
from results import Round
from small import address
from upstream import GIB, MANIFEST

MIB = 1 << 20
STALLED_BLOB = GIB // 4  # more than what the kernel's buffers take
LARGE_HEAD = 31 * KIB
FIELDS = 5  # of a large head: HAProxy and nginx bound one field as well
WARM_REQUESTS = 500
SETTLE_SECONDS = 20.0

Memory = Callable[[Fleet, Effort, list[str]], Round]


def _large_fields() -> tuple[str, ...]:
    padding = (LARGE_HEAD - 512) // FIELDS
    return (AUTHORIZATION, *(f"X-Padding-{number}: {'x' * (padding - 16)}" for number in range(FIELDS)))


def _settled(proxy: Proxy) -> int:
    """The private memory after the proxy has been at rest for a second, because some memory is given back later."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        before = cpu_seconds(proxy.pids()), private_bytes(proxy.pids())
        time.sleep(1)
        after = cpu_seconds(proxy.pids()), private_bytes(proxy.pids())
        if after[0] - before[0] < 0.005 and after[1] == before[1]:
            break
    return private_bytes(proxy.pids())


def _warm(fleet: Fleet, proxy: Proxy, tls: bool) -> None:
    with Load(
        fleet.load, address(proxy, tls), Work(MANIFEST, connections=4, requests=WARM_REQUESTS, fields=_large_fields())
    ) as load:
        load.run()


def idle_connection(tls: bool) -> Memory:
    """KiB of each idle connection that has had one request with a large head."""

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
        work = Work(MANIFEST, connections=effort.connections, fields=_large_fields(), quiet=True)
        figures = {}
        for name in names:
            with fleet.fresh(name) as proxy:
                _warm(fleet, proxy, tls)
                before = _settled(proxy)
                with Load(fleet.load, address(proxy, tls), work):
                    figures[name] = (_settled(proxy) - before) / effort.connections / KIB
        return figures

    return measure


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
            found := re.search(r"skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f(\d+),w(\d+)", line)
        ):
            total += sum(map(int, found.groups()))
    return total


def stalled_pull(tls: bool) -> Callable[[Fleet, Effort, list[str]], list[Round]]:
    """KiB of each pull whose client has stopped reading: of the process, in the kernel, and of the process after all have ended."""

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> list[Round]:
        target = fleet.upstream.blob(STALLED_BLOB)
        lines: list[Round] = [{}, {}, {}]
        for name in names:
            with fleet.fresh(name) as proxy:
                _warm(fleet, proxy, tls)
                before = _settled(proxy)
                with ExitStack() as stack:
                    for _ in range(effort.stalled):
                        _stall(stack, address(proxy, tls), target)
                    stalled = _settled(proxy) - before
                    kernel = _kernel_bytes(proxy)
                after = _settled(proxy) - before
            for line, size in zip(lines, (stalled, kernel, after), strict=True):
                line[name] = size / effort.stalled / KIB
        return lines

    return measure


def private_idle(fleet: Fleet, _: Effort, names: list[str]) -> Round:
    """MiB of a process that has served nothing yet."""
    figures = {}
    for name in names:
        with fleet.fresh(name) as proxy:
            figures[name] = _settled(proxy) / MIB
    return figures


def program_size(fleet: Fleet, _: Effort, names: list[str]) -> Round:
    """MB of the program without symbols."""
    sizes = {}
    for name in names:
        if name in fleet.programs:
            stripped = fleet.directory / f"{name}.stripped"
            run("strip", "--strip-all", "-o", stripped, fleet.programs[name])
            sizes[name] = stripped.stat().st_size / 1e6
    return sizes
