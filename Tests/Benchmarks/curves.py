"""Two curves: what a small request costs at 1 to 1,000 connections, and what a GiB costs in blobs of 1 KiB to 8 GiB."""

from __future__ import annotations

import statistics
from pathlib import Path

from fleet import FLOOR, Fleet
from load import Work
from plot import Axis, Points, decades, plot
from process_figures import KIB
from small import MICROSECONDS, SLICE_SECONDS, costs
from upstream import GIB, MANIFEST

CONNECTIONS = (1, 3, 10, 30, 100, 300, 1000)
SIZES = (KIB, 8 * KIB, 64 * KIB, 512 * KIB, 4 << 20, 32 << 20, 256 << 20, GIB, 8 * GIB)
SLICES = 10
LEAST_BYTES = 64 << 20  # of a figure
MOST_REQUESTS = 4_000

Curves = dict[str, dict[float, list[float]]]  # by proxy, then by connections or size: one value a round


def _add(curves: Curves, at: float, figures: dict[str, float]) -> None:
    for name, figure in figures.items():
        curves.setdefault(name, {}).setdefault(at, []).append(figure)


def against_concurrency(fleet: Fleet, names: list[str], rounds: int) -> Curves:
    """CPU µs a request, plain client."""
    curves: Curves = {}
    proxies = [fleet.get(name) for name in names]
    for number in range(rounds):
        turn = number % len(proxies)
        for count in CONNECTIONS:
            work = Work(MANIFEST, connections=count, seconds=SLICE_SECONDS)
            _add(curves, count, costs(fleet, proxies[turn:] + proxies[:turn], False, work, SLICES))
    return curves


def against_size(fleet: Fleet, names: list[str], rounds: int) -> Curves:
    """CPU seconds a GiB, plain client, one connection."""
    curves: Curves = {}
    proxies = [fleet.get(name) for name in [*names, FLOOR]]
    for number in range(rounds):
        turn = number % len(proxies)
        for size in SIZES:
            if number and size > GIB:
                continue  # it takes long, and a disturbance does not last as long
            requests = max(1, min(MOST_REQUESTS, LEAST_BYTES // size))
            work = Work(fleet.upstream.blob(size), connections=1, requests=requests, cold=size > LEAST_BYTES)
            figures = costs(fleet, proxies[turn:] + proxies[:turn], False, work)
            _add(curves, size, {name: cost / MICROSECONDS * GIB / size for name, cost in figures.items()})
    return curves


def _points(curves: Curves) -> dict[str, Points]:
    order = sorted(curves, key=lambda name: name != "berth")
    return {name: [(at, statistics.median(values)) for at, values in sorted(curves[name].items())] for name in order}


def _size_label(size: float) -> str:
    unit = next((unit for unit in ("GiB", "MiB", "KiB") if size >= {"GiB": GIB, "MiB": 1 << 20, "KiB": KIB}[unit]), "B")
    return f"{size / {'GiB': GIB, 'MiB': 1 << 20, 'KiB': KIB, 'B': 1}[unit]:g} {unit}"


def draw(directory: Path, concurrency: Curves, size: Curves) -> list[Path]:
    by_connections, by_size = _points(concurrency), _points(size)
    costs_of = [[cost for points in series.values() for _, cost in points] for series in (by_connections, by_size)]
    files = directory / "concurrency.svg", directory / "size.svg"
    across = Axis("keep-alive connections", 0.9, 1100, [float(count) for count in CONNECTIONS], lambda count: f"{count:g}")
    up = decades("CPU µs a request", costs_of[0])
    files[0].write_text(plot("A manifest GET, plain client: CPU of the proxy", across, up, by_connections))
    across = Axis("size of the blob", SIZES[0] * 0.8, SIZES[-1] * 1.3, [float(size) for size in SIZES], _size_label)
    up = decades("CPU seconds a GiB", costs_of[1])
    files[1].write_text(plot("A blob's pull, plain client: CPU of the proxy", across, up, by_size))
    return list(files)
