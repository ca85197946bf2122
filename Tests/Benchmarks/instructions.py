"""The instructions of a small request, and what they must not exceed: instructions.json."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import machine
from callgrind import RATE, REQUESTS, WARM_REQUESTS, Profile, under_callgrind
from effort import Effort
from fleet import BERTH, Fleet
from load import Load, Work
from results import Round
from small import address
from upstream import MANIFEST

RECORD = Path(__file__).with_name("instructions.json")
TOLERANCE = 1.05
COMMAND = "Tests/Benchmarks/run --record-instructions"
SCRIPT = {"GET, plain client": ("GET", False), "GET, TLS client": ("GET", True), "HEAD, plain client": ("HEAD", False)}

Figures = dict[str, dict[str, int]]  # by request, then by part


def profiles(fleet: Fleet, name: str = BERTH) -> dict[str, Profile]:
    """By request of the script: a manifest, with a login."""
    measured = {}
    with under_callgrind(fleet, name) as callgrind:
        for request, (method, tls) in SCRIPT.items():
            with Load(fleet.load, address(callgrind.proxy, tls), Work(MANIFEST, method, 1, WARM_REQUESTS)) as load:
                load.run()
            measured[request] = callgrind.profile(tls, Work(MANIFEST, method, 1, REQUESTS, rate=RATE))
    return measured


def figures(measured: dict[str, Profile]) -> Figures:
    """libcrypto is apart, because its version decides on its part."""
    parts: Figures = {}
    for request, profile in measured.items():
        crypto = sum(count for file, count in profile.instructions.items() if file.startswith("libcrypto"))
        parts[request] = {"outside libcrypto": round(profile.total - crypto), "libcrypto": round(crypto)}
    return parts


def _made_with() -> dict[str, str]:
    """What decides on the instructions besides the source."""
    return {"machine": platform.machine(), "system": machine.system(), "swift": machine.version("swift")}


def record(fleet: Fleet) -> None:
    RECORD.write_text(json.dumps(_made_with() | {"instructions": figures(profiles(fleet))}, indent=2) + "\n")
    print(RECORD.read_text(), end="")


def check(fleet: Fleet) -> bool:
    """Prints the figures next to the recorded ones. Returns whether none is more than 5% larger, or the record is of another machine."""
    recorded = json.loads(RECORD.read_text())
    others = [f"{recorded[key]}, not {value}" for key, value in _made_with().items() if recorded[key] != value]
    ratios = []
    for request, parts in figures(profiles(fleet)).items():
        for part, count in parts.items():
            before = recorded["instructions"][request][part]
            ratios.append(count / before)
            print(f"{request}, {part}: {count} instructions a request, recorded {before} ({count / before - 1:+.1%})")
    if others:
        print(f"Not judged: recorded with {'; '.join(others)}.")
    elif max(ratios) > TOLERANCE:
        print(
            f"A small request has become more expensive. If the change is worth it, record the new figures and commit them: {COMMAND}"
        )
    elif min(ratios) < 1 / TOLERANCE:
        print(f"A small request has become cheaper. Record the new figures, so that it stays so: {COMMAND}")
    return bool(others) or max(ratios) <= TOLERANCE


def instruction_lines(fleet: Fleet, _: Effort, names: list[str]) -> list[Round]:
    """Of a GET with a plain client: instructions outside libcrypto and in it, retains, releases."""
    lines: list[Round] = [{}, {}, {}, {}]
    for name in names:
        if name in fleet.programs:
            measured = profiles(fleet, name)["GET, plain client"]
            parts = figures({"": measured})[""]
            values = [*parts.values(), _calls(measured, "swift_retain"), _calls(measured, "swift_release")]
            for line, value in zip(lines, values, strict=True):
                line[name] = value
    return lines


def _calls(profile: Profile, function: str) -> float:
    """Calls of the function and of its variant for several counts. A recursive call has the name with an appendix."""
    return sum(count for name, count in profile.calls.items() if name.split("'")[0] in (function, f"{function}_n"))
