"""What a hit of the cache costs: a blob, and a manifest that is asked for by digest."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection

from cores import apart
from effort import Effort
from fleet import Fleet
from harness.address import Address
from load import AUTHORIZATION, Work
from proxies import Proxy
from results import Round
from small import SLICE_SECONDS, address, costs, lower_quartile
from transfer import curl, transfer_cost
from upstream import Upstream

# Berth may ask for a token or whether the registry is there; one request is the question how many there were.
OWN_REQUESTS = 3
PULLS_A_SECOND = 4  # of the time that a figure of small requests takes
READ_BYTES = 256 << 10

Measure = Callable[[Fleet, Effort, list[str]], Round]


def hold(proxy: Proxy, target: str) -> None:
    """Has the proxy keep what the target leads to."""
    for _ in range(2):
        curl(proxy.plain, target)


@contextmanager
def without_upstream(upstream: Upstream) -> Iterator[None]:
    """Fails if the upstream is asked: something was no hit."""
    before = upstream.requests()
    yield
    asked = upstream.requests() - before
    assert asked <= OWN_REQUESTS, f"the upstream had {asked} requests while all was in the caches"


def pull_checked(address: Address, target: str) -> None:
    """Pulls a blob and checks its digest, as docker and containerd do. A client that only takes the bytes is so fast that it sleeps between them, and
    what waking it takes of the proxy, by chance, is more than all else."""
    fields = {"Authorization": AUTHORIZATION.removeprefix("Authorization: ")}
    if address.ca:
        context = ssl.create_default_context(cafile=address.ca)
        connection: HTTPConnection = HTTPSConnection(address.host, address.port, context=context)
    else:
        connection = HTTPConnection(address.host, address.port)
    buffer = memoryview(bytearray(READ_BYTES))
    digest = hashlib.sha256()
    with closing(connection):
        connection.request("GET", target, headers=fields)
        response = connection.getresponse()
        while count := response.readinto(buffer):
            digest.update(buffer[:count])
    assert target.endswith(digest.hexdigest()), f"{response.status} {response.reason}"


def hit_cost(tls: bool) -> Measure:
    """CPU seconds a GiB, of several pulls in turn, with the client on a core of its own. The proxies have just started and filled their caches: where
    the pages of a process and of its file lie is a tenth of the figure."""

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
        target = fleet.upstream.content(effort.blob)
        taken: dict[str, list[float]] = {name: [] for name in names}
        with ExitStack() as stack:
            proxies = [stack.enter_context(fleet.fresh(name, cache=stack.enter_context(fleet.cache_directory()))) for name in names]
            for proxy in proxies:
                hold(proxy, target)
            stack.enter_context(without_upstream(fleet.upstream))
            stack.enter_context(apart(pid for proxy in proxies for pid in proxy.pids()))
            for pull in range(max(1, round(effort.seconds * PULLS_A_SECOND))):
                first = pull % len(proxies)
                for proxy in proxies[first:] + proxies[:first]:
                    cost = transfer_cost(proxy, effort.blob, lambda: pull_checked(address(proxy, tls), target))
                    taken[proxy.name].append(cost)
        return {name: lower_quartile(values) for name, values in taken.items()}

    return measure


def small_hit_cost(method: str, tls: bool) -> Measure:
    """CPU µs a request."""

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
        target = fleet.upstream.held_manifest
        proxies = [fleet.get(name, has_cache=True) for name in names]
        for proxy in proxies:
            hold(proxy, target)
        with without_upstream(fleet.upstream):
            return costs(fleet, proxies, tls, Work(target, method, seconds=SLICE_SECONDS), round(effort.seconds / SLICE_SECONDS))

    return measure
