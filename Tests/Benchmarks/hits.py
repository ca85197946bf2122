"""What a hit of the cache costs: a blob, and a manifest that is asked for by digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from effort import Effort
from fleet import Fleet
from load import Work
from proxies import Proxy
from results import Round
from small import SLICE_SECONDS, address, costs, lower_quartile
from transfer import curl, transfer_cost
from upstream import Upstream

# Berth may ask for a token or whether the registry is there; one request is the question how many there were.
OWN_REQUESTS = 3
PULLS_A_SECOND = 4  # of the time that a figure of small requests takes

Measure = Callable[[Fleet, Effort, list[str]], Round]


def holding(fleet: Fleet, names: list[str], target: str) -> list[Proxy]:
    """The proxies, with what the target leads to in their caches."""
    proxies = [fleet.get(name, has_cache=True) for name in names]
    for proxy in proxies:
        for _ in range(2):
            curl(proxy.plain, target)
    return proxies


@contextmanager
def without_upstream(upstream: Upstream) -> Iterator[None]:
    """Fails if the upstream is asked: something was no hit."""
    before = upstream.requests()
    yield
    asked = upstream.requests() - before
    assert asked <= OWN_REQUESTS, f"the upstream had {asked} requests while all was in the caches"


def hit_cost(tls: bool) -> Measure:
    """CPU seconds a GiB. Of several pulls in turn: without TLS one takes a tenth of a second, of which the kernel's choice who runs where is a half."""

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
        target = fleet.upstream.content(effort.blob)
        proxies = holding(fleet, names, target)
        taken: dict[str, list[float]] = {proxy.name: [] for proxy in proxies}
        with without_upstream(fleet.upstream):
            for pull in range(max(1, round(effort.seconds * PULLS_A_SECOND))):
                first = pull % len(proxies)
                for proxy in proxies[first:] + proxies[:first]:
                    cost = transfer_cost(proxy, effort.blob, lambda: curl(address(proxy, tls), target))
                    taken[proxy.name].append(cost)
        return {name: lower_quartile(values) for name, values in taken.items()}

    return measure


def small_hit_cost(method: str, tls: bool) -> Measure:
    """CPU µs a request."""

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
        target = fleet.upstream.held_manifest
        proxies = holding(fleet, names, target)
        with without_upstream(fleet.upstream):
            return costs(fleet, proxies, tls, Work(target, method, seconds=SLICE_SECONDS), round(effort.seconds / SLICE_SECONDS))

    return measure
