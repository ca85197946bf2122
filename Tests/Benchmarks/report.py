"""What a run leaves: the table, and results.json with every round and the machine."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from results import Result


def as_json(results: list[Result], machine: dict[str, str | float], curves: dict[str, Any]) -> str:
    lines = {}
    for result in results:
        line: dict[str, Any] = {"title": result.line.title, "unit": result.line.unit}
        line["proxies"] = {
            name: {"median": statistics.median(values), "rounds": values}
            for name in result.names
            if (values := result.values(name))
        }
        if result.bar and (compared := result.compared()):
            line["bar"] = {"limit": result.bar.limit, "is_minimum": result.bar.is_minimum, "peers": result.bar.peers}
            line["bar"] |= {"figure": statistics.median(compared), "met": result.met()}
        lines[result.line.key] = line
    return json.dumps({"machine": machine, "results": lines, "curves": curves}, indent=2) + "\n"


def machine_text(machine: dict[str, str | float]) -> str:
    return "; ".join(f"{name} {value}" for name, value in machine.items())


def write(directory: Path, text: str) -> Path:
    path = directory / "results.json"
    path.write_text(text)
    return path
