"""The bars of all rows, by the row's key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    limit: float
    peers: tuple[str, ...] = ()  # the limit is of the ratio to the best of these; without: of the value in the row's unit
    is_minimum: bool = False


BEST = ("nginx", "haproxy")

BARS = {
    "get-plain": Bar(1.0, BEST),
    "get-tls": Bar(1.0, BEST),
    "head-plain": Bar(1.0, BEST),
    "head-tls": Bar(1.0, BEST),
    "log-get-plain": Bar(1.0, BEST),
    "log-get-tls": Bar(1.0, BEST),
    "log-head-plain": Bar(1.0, BEST),
    "log-head-tls": Bar(1.0, BEST),
    "p99-get-plain": Bar(1.0, BEST),
    "p99-get-tls": Bar(1.0, BEST),
    "p99-head-plain": Bar(1.0, BEST),
    "p99-head-tls": Bar(1.0, BEST),
    "pull-plain": Bar(1.0, (*BEST, "floor")),
    "pull-tls": Bar(0.95, BEST),
    "push-sized-plain": Bar(0.90, BEST),
    "push-sized-tls": Bar(0.90, BEST),
    "push-chunked-plain": Bar(0.90, BEST),
    "push-chunked-tls": Bar(0.90, BEST),
    "redirect-plain": Bar(0.95, ("nginx",)),
    "redirect-tls": Bar(0.95, ("nginx",)),
    "cache-hit-plain": Bar(1.0, ("nginx",)),
    "cache-hit-tls": Bar(1.0, ("nginx",)),
    "cache-get-plain": Bar(1.0, ("nginx",)),
    "cache-get-tls": Bar(1.0, ("nginx",)),
    "cache-head-plain": Bar(1.0, ("nginx",)),
    "cache-head-tls": Bar(1.0, ("nginx",)),
    "cache-fill-plain": Bar(1.15, ("nginx",)),
    "cache-fill-tls": Bar(1.15, ("nginx",)),
    "cache-slow-relayed-p50": Bar(1.2),
    "cache-slow-relayed-p99": Bar(1.2),
    "cache-slow-held-p50": Bar(1.2),
    "cache-slow-held-p99": Bar(1.2),
    "idle-plain": Bar(4),  # KiB
    "idle-tls": Bar(12),
    "stalled-plain": Bar(96),
    "stalled-tls": Bar(96),
    # KiB of each pull that are not given back: the allocator keeps a page as long as one piece in it is used.
    "stalled-plain-after": Bar(16),
    "stalled-tls-after": Bar(16),
    "allocations-get-plain": Bar(10),
    "allocations-get-tls": Bar(16),  # six more that OpenSSL makes for a record of the client, as for nginx
    "allocations-head-plain": Bar(10),
    "allocations-head-tls": Bar(16),
    "private-idle": Bar(8),  # MiB
    "program-size": Bar(45),  # MB
    "two-workers": Bar(1.8, is_minimum=True),
    "large-configuration": Bar(1.03),
}
