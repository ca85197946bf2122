"""A build of Berth under valgrind's callgrind, which counts instructions: the figure that the noise of a machine does not touch."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet import Fleet
from harness.processes import run
from load import Load, Work
from paced_upstream import PacedUpstream
from proxies import Proxy

# OpenSSL without what the CPU has beyond AES-NI and AVX, so that it runs the same instructions on every machine (x86-64; ignored elsewhere).
SAME_CPU = {"OPENSSL_ia32cap": ":0"}
# An event that comes while the program works, not after, saves or costs it some instructions: the least of several counts is the same each time.
COUNTS = 4
WARM_REQUESTS = 30
REQUESTS = 50
RATE = 60.0  # a second: the proxy comes to rest before the next request, too


@dataclass
class Profile:
    """What one request costs."""

    instructions: dict[str, float]  # by the file name of the program or library
    calls: dict[str, float]  # by function

    @property
    def total(self) -> float:
        return sum(self.instructions.values())


class Callgrind:
    def __init__(self, fleet: Fleet, proxy: Proxy, output: Path) -> None:
        self.fleet, self.proxy, self.output = fleet, proxy, output
        self.dumps = 0

    def profile(self, tls: bool, work: Work) -> Profile:
        """The cheapest of several counts of the work, for one request. The work has a number of requests, on one connection."""
        profiles = []
        with Load(self.fleet.load, self.proxy.tls if tls else self.proxy.plain, work) as load:
            for _ in range(COUNTS + 1):
                load.run()
                profiles.append(read_profile(self._dump(), work.requests))
        return min(profiles[1:], key=lambda profile: profile.total)  # the first count has what came before

    def control(self, *options: str) -> None:
        run("callgrind_control", *options, str(self.proxy.pids()[0]))

    def _dump(self) -> Path:
        """Writes what has been counted, and starts from zero."""
        self.control("--dump")
        self.dumps += 1
        return self.output.with_name(f"{self.output.name}.{self.dumps}")


@contextmanager
def under_callgrind(fleet: Fleet, name: str) -> Iterator[Callgrind]:
    """Starts the build in its steady state."""
    readable = fleet.directory / f"{name}.symbols"
    run("strip", "--strip-debug", "-o", readable, fleet.programs[name])  # valgrind 3.19 cannot read Swift's debug information
    output = fleet.directory / f"{name}.callgrind"
    before = ("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={output}")
    original, fleet.programs[name] = fleet.programs[name], readable
    try:
        upstream = PacedUpstream(fleet.upstream.certificate, fleet.around.ca, fleet.upstream.api_url)
        with fleet.fresh(name, before=before, environment=SAME_CPU, upstream=upstream) as proxy:
            callgrind = Callgrind(fleet, proxy, output)
            callgrind.control("--instr=on")
            yield callgrind
    finally:
        fleet.programs[name] = original


NAME = re.compile(r"(c?ob|c?fn)=\((\d+)\)(?: (.*))?")


def read_profile(path: Path, requests: int) -> Profile:
    """Parses callgrind's format, in which a name follows its number only once."""
    instructions: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    names: dict[tuple[str, str], str] = {}
    current = {"ob": "", "cfn": ""}
    is_inclusive = False  # the line after `calls=` has the cost of the called function
    with path.open() as lines:
        for line in lines:
            if match := NAME.match(line):
                key = match[1][-2:], match[2]
                if match[3]:
                    names[key] = match[3].strip()
                current[match[1]] = names[key]
            elif line.startswith("calls="):
                calls[current["cfn"]] += int(line[6:].split()[0])
                is_inclusive = True
            elif line[0] in "0123456789+-*":
                if not is_inclusive:
                    instructions[os.path.basename(current["ob"])] += int(line.split()[1])
                is_inclusive = False
    return Profile(*({name: count / requests for name, count in counts.items()} for counts in (instructions, calls)))
