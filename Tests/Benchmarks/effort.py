"""How much a run does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    rounds: int
    seconds: float  # of small requests, for each figure
    blob: int  # bytes of a pull or push
    connections: int  # whose memory is compared
    stalled: int  # pulls whose memory is compared
