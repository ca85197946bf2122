"""What the figures were measured on, and with."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from harness.processes import attempt

REPOSITORY = Path(__file__).resolve().parents[2]
VERSIONS = {
    "nginx": ("nginx", "-v"),
    "haproxy": ("haproxy", "-v"),
    "openssl": ("openssl", "version"),
    "swift": ("swift", "--version"),
    "cc": ("cc", "--version"),
    "valgrind": ("valgrind", "--version"),
}


def version(program: str) -> str:
    return _version(*VERSIONS[program])


def _version(*argv: str) -> str:
    try:
        said = attempt(*argv)
    except FileNotFoundError:
        return "not installed"
    lines = (said.stdout + said.stderr).strip().splitlines()
    return next((line.strip() for line in lines if re.search(r"\d\.\d", line)), "unknown")


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def system() -> str:
    found = re.search(r'^PRETTY_NAME="(.*)"$', Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else platform.system()


def description(program: Path) -> dict[str, str | float]:
    commit = attempt("git", "-C", REPOSITORY, "describe", "--always", "--dirty").stdout.strip()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit or "unknown",
        "berth": _version(str(program), "--version"),
        "cores": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 1),
        "processor": _processor(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30,
        "kernel": platform.release(),
        "system": system(),
        **{name: _version(*argv) for name, argv in VERSIONS.items()},
    }
