"""All rows: what is measured, in which unit, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allocations import allocations
from effort import Effort
from fills import fill_cost
from fleet import FLOOR, Fleet
from hits import hit_cost, small_hit_cost
from instructions import instruction_lines
from latency import latency
from line import Line
from memory import idle_connection, private_idle, program_size, stalled_pull
from results import Round
from scaling import large_configuration, two_workers
from slow_disk import latency_on_slow_disk
from small import logged_cost, small_cost
from transfer import pull_cost, push_cost

# One round of the named proxies in this order: what each line of the row shows.
Measure = Callable[[Fleet, Effort, list[str]], list[Round]]


@dataclass(frozen=True)
class Row:
    lines: tuple[Line, ...]
    measure: Measure
    also: tuple[str, ...] = ()  # proxies that take part in this row only
    without: str = ""  # a proxy that cannot do it
    quick: bool = True  # part of --quick
    steady: bool = False  # needs no second round and no other proxy for a verdict: --quick has one round, of Berth only
    once: bool = False  # does not vary: one round

    @property
    def keys(self) -> list[str]:
        return [line.key for line in self.lines]


def row(key: str, title: str, unit: str, measure: Callable[[Fleet, Effort, list[str]], Round], **options: Any) -> Row:
    """A row with one line."""
    return Row((Line(key, title, unit),), lambda *arguments: [measure(*arguments)], **options)


KINDS = [(method, tls) for method in ("GET", "HEAD") for tls in (False, True)]


def _client(tls: bool) -> str:
    return "tls" if tls else "plain"


def _small() -> list[Row]:
    unit = "CPU µs/request"
    rows = []
    for method, tls in KINDS:
        key = f"{method.lower()}-{_client(tls)}"
        rows.append(row(key, f"manifest {method}, {_client(tls)} client", unit, small_cost(method, tls)))
    for method, tls in KINDS:
        key = f"log-{method.lower()}-{_client(tls)}"
        rows.append(
            row(
                key,
                f"manifest {method}, {_client(tls)} client, access log on",
                unit,
                logged_cost(method, tls),
                quick=method == "GET",
            )
        )
    return rows


def _transfers() -> list[Row]:
    unit = "CPU s/GiB"
    rows = []
    for tls in (False, True):
        client = _client(tls)
        rows.append(row(f"pull-{client}", f"pull, {client} client", unit, pull_cost(tls), also=(FLOOR,)))
    for chunked in (False, True):
        for tls in (False, True):
            client, framing = _client(tls), "chunked" if chunked else "sized"
            rows.append(row(f"push-{framing}-{client}", f"push, {framing}, {client} client", unit, push_cost(tls, chunked)))
    for tls in (False, True):
        client = _client(tls)
        rows.append(
            row(
                f"redirect-{client}",
                f"pull, redirect followed, {client} client",
                unit,
                pull_cost(tls, redirected=True),
                without="haproxy",
            )
        )
    return rows


def _cache() -> list[Row]:
    rows = []
    for tls in (False, True):
        client = _client(tls)
        title = f"cache: hit, {client} client"
        rows.append(row(f"cache-hit-{client}", title, "CPU s/GiB", hit_cost(tls), also=(FLOOR,), without="haproxy"))
    for method, tls in KINDS:
        key, title = f"cache-{method.lower()}-{_client(tls)}", f"cache: manifest {method} by digest, {_client(tls)} client"
        measure, quick = small_hit_cost(method, tls), method == "GET" and not tls
        rows.append(row(key, title, "CPU µs/request", measure, without="haproxy", quick=quick))
    for tls in (False, True):
        client = _client(tls)
        lines = tuple(
            Line(f"cache-fill-{client}{key}", f"cache: miss that fills, {client} client{words}", "CPU s/GiB")
            for key, words in (("", ", without SHA-256"), ("-whole", ""), ("-sha256", ": SHA-256 alone"))
        )
        rows.append(Row(lines, fill_cost(tls), without="haproxy", quick=not tls))
    kinds = {"relayed": "relayed HEAD", "held": "cached GET"}
    lines = tuple(
        Line(f"cache-slow-{key}-{percentile}", f"cache: {words}, {percentile} while the disk crawls, of undisturbed", "times")
        for key, words in kinds.items()
        for percentile in ("p50", "p99")
    )
    rows.append(Row(lines, latency_on_slow_disk, without="haproxy", quick=False))
    return rows


def _latencies() -> list[Row]:
    rows = []
    for method, tls in KINDS:
        name, what = f"{method.lower()}-{_client(tls)}", f"manifest {method}, {_client(tls)} client"
        lines = tuple(
            Line(f"{percentile}-{name}", f"{what}, {percentile} at half the saturation rate", "µs") for percentile in ("p50", "p99")
        )
        rows.append(Row(lines, latency(method, tls), quick=False))  # another program's turn on the CPU is longer than a request
    return rows


def _memory() -> list[Row]:
    clients = [_client(tls) for tls in (False, True)]
    idle = [Line(f"idle-{client}", f"idle connection, {client}, after a head of 31 KiB", "KiB") for client in clients]
    parts = {"": "", "-kernel": ": kernel's buffers", "-after": ": kept after its end"}
    stalled = [
        Line(f"stalled-{client}{key}", f"stalled pull, {client} client{words}", "KiB")
        for client in clients
        for key, words in parts.items()
    ]
    rows = [Row(tuple(idle), idle_connection, steady=True), Row(tuple(stalled), stalled_pull, steady=True)]
    rows.append(row("private-idle", "private memory at rest", "MiB", private_idle, steady=True))
    rows.append(row("program-size", "program without symbols", "MB", program_size, once=True))
    return rows


def _allocations() -> list[Row]:
    rows = []
    for method, tls in KINDS:
        key = f"allocations-{method.lower()}-{_client(tls)}"
        rows.append(
            row(
                key,
                f"allocations, manifest {method}, {_client(tls)} client",
                "a request",
                allocations(method, tls),
                once=True,
                steady=True,
            )
        )
    counted = "instructions outside libcrypto", "instructions in libcrypto", "retains", "releases"
    lines = tuple(Line(what.replace(" ", "-"), f"{what}, manifest GET, plain client", "a request") for what in counted)
    rows.append(Row(lines, instruction_lines, quick=False, once=True))
    return rows


LARGE_CONFIGURATION = "10,000 repositories in rules, 1,000 routes, 1,000 users against ten each"

ROWS: list[Row] = [
    *_small(),
    *_latencies(),
    *_transfers(),
    *_cache(),
    *_memory(),
    *_allocations(),
    row("two-workers", "two workers against one", "times", two_workers, steady=True),
    row("large-configuration", LARGE_CONFIGURATION, "times", large_configuration, steady=True),
]
