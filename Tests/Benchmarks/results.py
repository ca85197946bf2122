"""The figures of a run: by row and proxy, one value a round; medians, spread, and whether a bar is met."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from bars import Bar
from fleet import BERTH, FLOOR, PEERS
from line import Line

Round = dict[str, float]  # by proxy


@dataclass
class Result:
    line: Line
    bar: Bar | None
    rounds: list[Round] = field(default_factory=list)

    def values(self, name: str) -> list[float]:
        return [values[name] for values in self.rounds if name in values]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for values in self.rounds for name in values))

    def compared(self, name: str = BERTH) -> list[float]:
        """What the bar bounds, for each round: the ratio to the best peer of that round, since a disturbance affects all of a round; or the value."""
        assert self.bar
        if not self.bar.peers:
            return self.values(name)
        ratios = []
        for values in self.rounds:
            peers = [values[peer] for peer in self.bar.peers if peer in values]
            if name in values and peers:
                ratios.append(values[name] / min(peers))
        return ratios

    def met(self, tolerance: float = 1) -> bool:
        """Whether the median is within the bar. `tolerance`: a factor that the bar is missed by at most."""
        assert self.bar
        figure = statistics.median(self.compared())
        if self.bar.is_minimum:
            return figure >= self.bar.limit / tolerance
        return figure <= self.bar.limit * tolerance

    @property
    def verdict(self) -> str:
        if not self.bar or not self.compared():
            return ""
        figure = statistics.median(self.compared())
        wanted = f"{'≥' if self.bar.is_minimum else '≤'} {self.bar.limit:g}"
        return f"{'met' if self.met() else 'MISSED'}: {shown([figure])} {wanted}"


def shown(values: list[float]) -> str:
    """The median, and the range if there are several values."""
    if not values:
        return "–"
    median = statistics.median(values)
    digits = 3 if median < 1 else 2 if median < 20 else 1 if median < 1000 else 0
    spread = f" ({min(values):.{digits}f}–{max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{median:.{digits}f}{spread}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def table(results: list[Result]) -> str:
    present = {name for result in results for name in result.names}
    others = sorted(present - {BERTH, FLOOR, *PEERS})
    names = [name for name in (BERTH, *others, *PEERS, FLOOR) if name in present]
    header = ["median (range)", "unit", *names, *(f"{BERTH} / {name}" for name in others), "bar"]
    lines = [_line(header), _line(["---"] * len(header))]
    for result in results:
        figures = [shown(result.values(name)) for name in names]
        ratios = [_ratio(result, name) for name in others]
        lines.append(_line([result.line.title, result.line.unit, *figures, *ratios, result.verdict]))
    return "\n".join(lines)


def _ratio(result: Result, other: str) -> str:
    ratios = [values[BERTH] / values[other] for values in result.rounds if BERTH in values and values.get(other)]
    return f"{statistics.median(ratios):.3f}" if ratios else "–"
