"""What a small request costs: a manifest, over 32 keep-alive connections."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack

from effort import Effort
from fleet import Fleet
from harness.address import Address
from load import Load, Work
from process_figures import cpu_seconds
from proxies import Proxy
from results import Round
from upstream import MANIFEST

MICROSECONDS = 1e6
SLICE_SECONDS = 0.1


def address(proxy: Proxy, tls: bool) -> Address:
    return proxy.tls if tls else proxy.plain


def lower_quartile(values: list[float]) -> float:
    return statistics.quantiles(values, method="inclusive")[0] if len(values) > 1 else values[0]


def costs(fleet: Fleet, proxies: list[Proxy], tls: bool, work: Work, slices: int = 1) -> Round:
    """CPU µs of each proxy for each request, in a steady state.

    The proxies take turns in short slices. A disturbance of the machine only adds to a slice, so the lower quartile is the figure.
    """
    taken: dict[str, list[float]] = {proxy.name: [] for proxy in proxies}
    with ExitStack() as stack:
        loads = [(proxy, stack.enter_context(Load(fleet.load, address(proxy, tls), work))) for proxy in proxies]
        for _ in range(slices):
            for proxy, load in loads:
                before = cpu_seconds(proxy.pids())
                done = load.run()
                taken[proxy.name].append((cpu_seconds(proxy.pids()) - before) * MICROSECONDS / done.requests)
    return {name: lower_quartile(values) for name, values in taken.items()}


def small_cost(method: str, tls: bool, access_log: bool = False) -> Callable[[Fleet, Effort, list[str]], Round]:
    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
        work = Work(MANIFEST, method, seconds=SLICE_SECONDS)
        proxies = [fleet.get(name, access_log) for name in names]
        return costs(fleet, proxies, tls, work, round(effort.seconds / SLICE_SECONDS))

    return measure


def logged_cost(method: str, tls: bool) -> Callable[[Fleet, Effort, list[str]], Round]:
    return small_cost(method, tls, access_log=True)
