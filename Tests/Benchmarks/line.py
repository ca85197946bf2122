"""A line of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    key: str  # also of its bar
    title: str
    unit: str
