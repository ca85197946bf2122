"""Compares Berth with tuned nginx, HAProxy and a C program that does the least, in turn within one run; prints a table with verdicts.

Machines are noisy: compare ratios. The order of the proxies changes in every round, ratios are of one round, and the table has medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import curves
import instructions
import machine
import report
from bars import BARS
from effort import Effort
from fleet import BERTH, Fleet
from results import Result, table
from rows import ROWS, Row
from upstream import GIB

FULL = Effort(rounds=7, seconds=2, blob=GIB, connections=2000, stalled=200)
QUICK = Effort(rounds=3, seconds=0.6, blob=GIB // 4, connections=2000, stalled=200)
CURVE_ROUNDS = 3
OUTPUT = machine.REPOSITORY / ".build" / "benchmarks"
QUICK_TOLERANCE = 1.5  # machines are shared


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(fleet: Fleet, effort: Effort, rows: list[Row], names: list[str], is_quick: bool) -> list[Result]:
    results = [[Result(line, BARS.get(line.key)) for line in row.lines] for row in rows]
    for number in range(effort.rounds):
        for row, lines in zip(rows, results, strict=True):
            is_short = is_quick and row.steady
            if number and (row.once or is_short):
                continue
            started = time.monotonic()
            chosen = [name for name in names if name != row.without and (name in fleet.programs or not is_short)] + [*row.also]
            turn = number % len(chosen)
            for result, values in zip(lines, row.measure(fleet, effort, chosen[turn:] + chosen[:turn]), strict=True):
                result.rounds.append(values)
                shown = ", ".join(f"{name} {value:.4g}" for name, value in sorted(values.items()))
                say(f"round {number + 1} of {effort.rounds}: {result.line.key}: {shown} ({time.monotonic() - started:.1f} s)")
    return [result for lines in results for result in lines]


def chosen_rows(only: list[str], is_quick: bool) -> list[Row]:
    """All rows, or those with a line whose key is a word of `only`; if there is none, those whose key contains it."""
    if not only:
        return [row for row in ROWS if row.quick or not is_quick]
    chosen: list[Row] = []
    for word in only:
        found = [row for row in ROWS if word in row.keys] or [row for row in ROWS if any(word in key for key in row.keys)]
        if not found:
            sys.exit(f"no such row: {word}; rows: {', '.join(key for row in ROWS for key in row.keys)}")
        chosen += [row for row in found if row not in chosen]
    return chosen


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two minutes; exits with 1 if a figure is past 1.5 times its bar")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ROW",
        help="the row with this key, or those whose key contains it; may be repeated",
    )
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of small requests, for each figure")
    parser.add_argument(
        "--against", action="append", default=[], type=Path, metavar="PROGRAM", help="another build of Berth to compare with"
    )
    parser.add_argument(
        "--instructions", action="store_true", help="only count instructions; exits with 1 if they are 5%% more than recorded"
    )
    parser.add_argument("--record-instructions", action="store_true", help="write the counted instructions into instructions.json")
    parser.add_argument("--plots", action="store_true", help="draw the curves also with --only or --quick")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="directory of results.json and the plots")
    parser.add_argument("--no-peers", action="store_true", help="builds of Berth only")
    return parser.parse_args()


def builds(options: argparse.Namespace) -> dict[str, Path]:
    programs = {BERTH: Path(os.environ["BERTH"]).resolve()}
    for number, path in enumerate(options.against, 1):
        programs["other" if len(options.against) == 1 else f"other{number}"] = path.resolve()
    return programs


def main() -> None:
    options = arguments()
    effort = QUICK if options.quick else FULL
    effort = Effort(
        **(vars(effort) | {key: value for key in ("rounds", "seconds") if (value := getattr(options, key)) is not None})
    )
    directory = Path(tempfile.mkdtemp(prefix="berth-bench-"))
    fleet = None
    try:
        fleet = Fleet(directory, builds(options))
        if options.record_instructions:
            instructions.record(fleet)
        elif options.instructions:
            sys.exit(0 if instructions.check(fleet) else 1)
        else:
            compare(fleet, effort, options)
    finally:
        if fleet:
            fleet.stop()
        shutil.rmtree(directory, ignore_errors=True)


def compare(fleet: Fleet, effort: Effort, options: argparse.Namespace) -> None:
    names = list(fleet.programs) if options.no_peers else fleet.names
    described = machine.description(fleet.programs[BERTH])
    results = measure(fleet, effort, chosen_rows(options.only, options.quick), names, options.quick)
    drawn: dict[str, curves.Curves] = {}
    options.output.mkdir(parents=True, exist_ok=True)
    if options.plots or not (options.only or options.quick):
        drawn = {
            "concurrency": curves.against_concurrency(fleet, names, CURVE_ROUNDS),
            "size": curves.against_size(fleet, names, CURVE_ROUNDS),
        }
        for file in curves.draw(options.output, **drawn):
            say(f"wrote {file}")
    say(f"wrote {report.write(options.output, report.as_json(results, described, drawn))}")
    print(report.machine_text(described), table(results), sep="\n\n")
    past = [result.line.key for result in results if result.bar and result.compared() and not result.met(QUICK_TOLERANCE)]
    if options.quick and past:
        sys.exit(f"past {QUICK_TOLERANCE} times the bar: {', '.join(past)}")


if __name__ == "__main__":
    main()
