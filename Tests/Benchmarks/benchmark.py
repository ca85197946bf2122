"""Measures the CPU time of each proxy for a GiB and for a small request, in turn within one run, and prints a table.

Machines are noisy: compare ratios. The order of the proxies changes in every round, and the table has medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.address import Address
from harness.gateway import Gateway
from harness.processes import only_group, run
from harness.tls import Authority
from harness.wire import basic
from proxies import Berth, Proxy, cpu_seconds, start_haproxy, start_nginx
from upstream import BLOB, GIB, MANIFEST, UPLOAD, Upstream

CONNECTIONS = 32
LOAD_THREADS = 2
AUTHORIZATION = f"Authorization: {basic(Gateway.username, Gateway.password)}"


@dataclass(frozen=True)
class Measure:
    title: str
    unit: str
    scale: float
    amount: Callable[[Proxy], float]  # does the work and returns its amount: GiB, or requests


def curl(address: Address, target: str, *options: str | Path) -> None:
    trust = ["--cacert", str(address.ca)] if address.ca else []
    argv = ["curl", "--silent", "--show-error", "--fail", "--http1.1", "-H", AUTHORIZATION, *trust, *options]
    run(*argv, "--output", "/dev/null", address.url + target)


def pull(address: Address, size: int) -> float:
    curl(address, BLOB)
    return size / GIB


def push(address: Address, blob: Path, size: int) -> float:
    curl(address, UPLOAD, "-H", "Expect:", "--upload-file", blob)
    return size / GIB


def small_requests(address: Address, seconds: int) -> float:
    options = [f"-c{CONNECTIONS}", f"-t{LOAD_THREADS}", f"-d{seconds}s", "-H", AUTHORIZATION]
    said = run("wrk", *options, address.url + MANIFEST)
    assert "Non-2xx" not in said and "Socket errors" not in said, said
    return float(only_group(r"(\d+) requests in", said))


def measures(upstream: Upstream, directory: Path, seconds: int) -> list[Measure]:
    size, blob = upstream.size, directory / "blob"
    return [
        Measure("pull, plain client", "CPU s/GiB", 1, lambda proxy: pull(proxy.plain, size)),
        Measure("pull, TLS client", "CPU s/GiB", 1, lambda proxy: pull(proxy.tls, size)),
        Measure("push, plain client", "CPU s/GiB", 1, lambda proxy: push(proxy.plain, blob, size)),
        Measure("push, TLS client", "CPU s/GiB", 1, lambda proxy: push(proxy.tls, blob, size)),
        Measure("small, plain client", "CPU µs/request", 1e6, lambda proxy: small_requests(proxy.plain, seconds)),
        Measure("small, TLS client", "CPU µs/request", 1e6, lambda proxy: small_requests(proxy.tls, seconds)),
    ]


def cost(measure: Measure, proxy: Proxy) -> float:
    before = cpu_seconds(proxy)
    amount = measure.amount(proxy)
    return (cpu_seconds(proxy) - before) * measure.scale / amount


Results = dict[str, dict[str, list[float]]]  # by measure and proxy


def compare(proxies: list[Proxy], todo: list[Measure], rounds: int) -> Results:
    results: Results = {measure.title: {proxy.name: [] for proxy in proxies} for measure in todo}
    for number in range(rounds + 1):
        turn = number % len(proxies)
        for measure in todo:
            for proxy in proxies[turn:] + proxies[:turn]:
                figure = cost(measure, proxy)
                if number:  # the first round warms up
                    results[measure.title][proxy.name].append(figure)
    return results


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def figure(values: list[float]) -> str:
    digits = 2 if statistics.median(values) < 10 else 1
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(results: Results, todo: list[Measure], names: list[str]) -> str:
    peers = [name for name in names if name != "berth"]
    header = ["median (range)", "unit", *names, *(f"berth / {peer}" for peer in peers)]
    lines = [row(header), row(["---"] * len(header))]
    for measure in todo:
        values = results[measure.title]
        # The ratio of each round, because a disturbance of the machine affects both proxies of a round.
        ratios = [
            statistics.median(ours / theirs for ours, theirs in zip(values["berth"], values[peer], strict=True)) for peer in peers
        ]
        figures = [figure(values[name]) for name in names]
        lines.append(row([measure.title, measure.unit, *figures, *(f"{ratio:.2f}" for ratio in ratios)]))
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of small requests, each time")
    parser.add_argument("--gib", type=float, default=1, help="size of the blob")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    directory = Path(tempfile.mkdtemp(prefix="berth-bench-"))
    running: list[Proxy | Upstream] = []
    try:
        authority = Authority(directory)
        ca = authority.certificate
        certificate = authority.issue("proxy", "IP:127.0.0.1")
        upstream = Upstream(directory, authority, options.gib)
        running.append(upstream)
        proxies: list[Proxy] = []
        for start in (
            lambda: Berth(Path(os.environ["BERTH"]), directory, upstream, certificate, ca),
            lambda: start_nginx(directory, upstream, certificate, ca),
            lambda: start_haproxy(directory, upstream, certificate, ca),
        ):
            proxies.append(start())
            running.append(proxies[-1])
        todo = measures(upstream, directory, options.seconds)
        results = compare(proxies, todo, options.rounds)
        print(table(results, todo, [proxy.name for proxy in proxies]))
    finally:
        for program in reversed(running):
            program.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
