"""A plot with logarithmic axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 80, 130, 50, 60
COLOURS = ("#0b6e4f", "#d1495b", "#3066be", "#8d6a9f", "#444444", "#c98300")
TICKS = (1, 2, 5)

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    title: str
    low: float
    high: float
    ticks: list[float]
    label: Callable[[float], str]

    def share(self, value: float) -> float:
        return math.log(value / self.low) / math.log(self.high / self.low)


def decades(title: str, values: list[float]) -> Axis:
    """An axis with ticks at 1, 2 and 5 in each decade, around all values."""
    low, high = min(values) * 0.9, max(values) * 1.1
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [tick * 10**power for power in powers for tick in TICKS if low <= tick * 10**power <= high]
    return Axis(title, low, high, ticks, lambda value: f"{value:g}")


def _text(x: float, y: float, text: str, anchor: str = "middle", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(text)}</text>'


def plot(title: str, across: Axis, up: Axis, series: dict[str, Points]) -> str:
    """One line for each series, named at its end."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(value: float) -> float:
        return LEFT + across.share(value) * (right - LEFT)

    def y(value: float) -> float:
        return bottom - up.share(value) * (bottom - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 28, title, "start", 'font-size="16" font-weight="bold"'),
        _text((LEFT + right) / 2, HEIGHT - 16, across.title),
        _text(22, (TOP + bottom) / 2, up.title, extra=f'transform="rotate(-90 22 {(TOP + bottom) / 2:.1f})"'),
    ]
    for tick in across.ticks:
        parts.append(f'<line x1="{x(tick):.1f}" y1="{TOP}" x2="{x(tick):.1f}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(_text(x(tick), bottom + 20, across.label(tick)))
    for tick in up.ticks:
        parts.append(f'<line x1="{LEFT}" y1="{y(tick):.1f}" x2="{right}" y2="{y(tick):.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y(tick) + 4, up.label(tick), "end"))
    parts.append(f'<rect x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}" fill="none" stroke="#888"/>')
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x(value):.1f},{y(cost):.1f}" for value, cost in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x(value):.1f}" cy="{y(cost):.1f}" r="4" fill="{colour}"/>' for value, cost in points]
        legend = TOP + 20 + number * 24
        parts.append(f'<line x1="{right + 14}" y1="{legend}" x2="{right + 42}" y2="{legend}" stroke="{colour}" stroke-width="4"/>')
        parts.append(_text(right + 50, legend + 5, name, "start"))
    return "\n".join([*parts, "</svg>\n"])
