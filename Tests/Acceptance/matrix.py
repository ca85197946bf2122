"""The matrix of clients and operations: the table of results."""

from __future__ import annotations

from collections.abc import Iterable

OK, FAILED, SKIPPED, ABSENT = "ok", "FAILED", "skipped", "–"


class Matrix:
    """Filled while the tests run. A cell stays empty if the client has no command for the operation."""

    def __init__(self, upstreams: Iterable[str], operations: Iterable[str], clients: Iterable[str]) -> None:
        self.upstreams, self.operations, self.clients = list(upstreams), list(operations), list(clients)
        self.cells: dict[tuple[str, str, str], str] = {}

    def note(self, upstream: str, operation: str, client: str, outcome: str) -> None:
        key = (upstream, operation, client)
        self.cells[key] = outcome if self.cells.get(key, OK) == OK else self.cells[key]

    def __str__(self) -> str:
        return "\n\n".join(self._table(upstream) for upstream in self.upstreams if any(key[0] == upstream for key in self.cells))

    def _table(self, upstream: str) -> str:
        rows = [[upstream, *self.clients]]
        rows += [[name, *(self.cells.get((upstream, name, client), ABSENT) for client in self.clients)] for name in self.operations]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
