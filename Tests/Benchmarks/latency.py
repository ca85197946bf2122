"""The latency of a small request at half of the rate at which the slowest proxy is saturated; the rate is the same for all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from effort import Effort
from fleet import Fleet
from load import Load, Outcome, Work
from results import Round
from small import address, lower_quartile
from upstream import MANIFEST

SATURATING_SECONDS = 0.5
SLICE_SECONDS = 0.2


def latency(method: str, tls: bool) -> Callable[[Fleet, Effort, list[str]], list[Round]]:
    """The median and the 99th percentile, in µs."""

    def measure(fleet: Fleet, effort: Effort, names: list[str]) -> list[Round]:
        targets = [(name, address(fleet.get(name), tls)) for name in names]
        with ExitStack() as stack:
            saturating = Work(MANIFEST, method, seconds=SATURATING_SECONDS)
            rates = [stack.enter_context(Load(fleet.load, target, saturating)).run().rate for _, target in targets]
        work = Work(MANIFEST, method, seconds=SLICE_SECONDS, rate=min(rates) / 2)
        taken: dict[str, list[Outcome]] = {name: [] for name in names}
        with ExitStack() as stack:
            loads = [(name, stack.enter_context(Load(fleet.load, target, work))) for name, target in targets]
            for _ in range(round(effort.seconds / SLICE_SECONDS)):
                for name, load in loads:
                    taken[name].append(load.run())
        medians = {name: lower_quartile([outcome.p50 for outcome in outcomes]) for name, outcomes in taken.items()}
        return [medians, {name: lower_quartile([outcome.p99 for outcome in outcomes]) for name, outcomes in taken.items()}]

    return measure
