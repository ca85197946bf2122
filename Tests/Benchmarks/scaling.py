"""Whether Berth's cost stays the same: with a second worker, and with a thousand times as much configuration."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from effort import Effort
from fleet import Fleet
from harness.gateway import Gateway
from load import Work
from process_figures import thread_seconds
from results import Round
from small import SLICE_SECONDS, costs
from upstream import MANIFEST, REPOSITORY

# The kernel spreads connections over the workers by a hash: the more there are, the more even.
SPREAD_CONNECTIONS = 512


def two_workers(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
    """How many times the requests two workers can answer, on two free cores, of what one can.

    What bounds them is the CPU time of the busiest worker: the cost of a request and that worker's share are measured. The rate is not, because the
    load, the upstream and the workers would need four cores to leave the workers two.
    """
    ratios = {}
    work = Work(MANIFEST, connections=SPREAD_CONNECTIONS, seconds=SLICE_SECONDS)
    for name in names:
        if name in fleet.programs:
            with ExitStack() as stack:
                proxies = [stack.enter_context(fleet.fresh(name, _workers(count), label=str(count))) for count in (1, 2)]
                before = thread_seconds(proxies[1].pids()[0])
                figures = costs(fleet, proxies, False, work, round(effort.seconds / SLICE_SECONDS))
                after = thread_seconds(proxies[1].pids()[0])
            spent = [seconds - before.get(thread, 0) for thread, seconds in after.items()]
            ratios[name] = figures["1"] / (figures["2"] * max(spent) / sum(spent))
    return ratios


def _workers(count: int) -> Callable[[dict[str, Any]], None]:
    def configure(configuration: dict[str, Any]) -> None:
        configuration["workers"] = count

    return configure


LARGE = {"repositories": 10_000, "routes": 1_000, "users": 1_000}
SMALL = {"repositories": 10, "routes": 10, "users": 10}


def large_configuration(fleet: Fleet, effort: Effort, names: list[str]) -> Round:
    """The cost of a request with a large configuration as a ratio to that with a small one. What the request needs is last in each list."""
    ratios = {}
    work = Work(MANIFEST, seconds=SLICE_SECONDS)
    for name in names:
        if name in fleet.programs:
            with ExitStack() as stack:
                proxies = [
                    stack.enter_context(fleet.fresh(name, _sized(sizes), label=label))
                    for label, sizes in (("large", LARGE), ("small", SMALL))
                ]
                figures = costs(fleet, proxies, False, work, round(effort.seconds / SLICE_SECONDS))
            ratios[name] = figures["large"] / figures["small"]
    return ratios


def _sized(sizes: dict[str, int]) -> Callable[[dict[str, Any]], None]:
    def configure(configuration: dict[str, Any]) -> None:
        user = configuration["users"][0]
        repositories = [f"team-{number}/app-{number}" for number in range(sizes["repositories"] - 1)]
        others = [user | {"name": f"user-{number}"} for number in range(sizes["users"] - 1)]
        configuration["users"] = [*others, user | {"access": [{"repositories": [*repositories, REPOSITORY], "actions": ["pull"]}]}]
        prefixes = [f"team-{number}/" for number in range(sizes["routes"] - 1)]
        configuration["routes"] = [{"prefix": prefix, "upstream": "main"} for prefix in [*prefixes, REPOSITORY.split("/")[0] + "/"]]
        assert user["name"] == Gateway.username

    return configure
