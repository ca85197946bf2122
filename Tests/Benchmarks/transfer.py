"""What a GiB costs: a blob pulled, pushed, or pulled through a redirect that the proxy follows."""

from __future__ import annotations

from collections.abc import Callable

from effort import Effort
from fleet import Fleet
from harness.address import Address
from harness.processes import Word, run
from load import AUTHORIZATION
from process_figures import cpu_seconds
from proxies import Proxy
from results import Round
from small import address
from upstream import GIB, UPLOAD

Transfer = Callable[[Fleet, Effort, list[str]], Round]


def curl_words(address: Address, target: str, *options: Word) -> list[Word]:
    trust = ["--cacert", str(address.ca)] if address.ca else []
    argv = ["curl", "--silent", "--show-error", "--fail", "--http1.1", "-H", AUTHORIZATION, *trust, *options]
    return [*argv, "--output", "/dev/null", address.url + target]


def curl(address: Address, target: str, *options: Word) -> None:
    run(*curl_words(address, target, *options))


def transfer_cost(proxy: Proxy, size: int, transfer: Callable[[], None]) -> float:
    """CPU seconds of the proxy for each GiB."""
    before = cpu_seconds(proxy.pids())
    transfer()
    return (cpu_seconds(proxy.pids()) - before) * GIB / size


def pull_cost(tls: bool, redirected: bool = False) -> Transfer:
    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
        target = fleet.upstream.blob(effort.blob, redirected)
        proxies = [fleet.get(name) for name in names]
        return {proxy.name: transfer_cost(proxy, effort.blob, lambda: curl(address(proxy, tls), target)) for proxy in proxies}

    return measure


def push_cost(tls: bool, chunked: bool) -> Transfer:
    framing = ["-H", "Transfer-Encoding: chunked"] if chunked else []

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
        file = fleet.upstream.file(effort.blob)
        options: list[Word] = [*framing, "-H", "Expect:", "--upload-file", file]
        proxies = [fleet.get(name) for name in names]
        return {proxy.name: transfer_cost(proxy, effort.blob, lambda: curl(address(proxy, tls), UPLOAD, *options)) for proxy in proxies}

    return measure
