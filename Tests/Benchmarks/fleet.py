"""The compared proxies and their upstream, started when they are first needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from berth import Berth, Configure
from floor import start_floor
from haproxy import start_haproxy
from harness.tls import Authority
from native import Native
from nginx import start_nginx
from proxies import Proxy, Surroundings
from upstream import Upstream

BERTH = "berth"
PEERS = ("nginx", "haproxy")
FLOOR = "floor"


class Fleet:
    def __init__(self, directory: Path, programs: dict[str, Path]) -> None:
        """`programs`: the builds of Berth by the names they have in the results."""
        self.directory = directory
        self.programs = programs
        self.native = Native(directory)
        authority = Authority(directory)
        self.upstream = Upstream(directory, authority)
        self.around = Surroundings(directory, self.upstream, authority.issue("proxy", "IP:127.0.0.1"), authority.certificate)
        self.names = [*programs, *PEERS]
        self.load = self.native.program("load")
        self._running: dict[tuple[str, bool, bool], Proxy] = {}
        self._numbers = count()

    def get(self, name: str, access_log: bool = False, has_cache: bool = False) -> Proxy:
        """A proxy that all rows share."""
        key = name, access_log, has_cache
        if key not in self._running:
            cache = self.new_directory(f"cache-{name}") if has_cache else None
            self._running[key] = self._start(name, access_log=access_log, cache=cache)
        return self._running[key]

    @contextmanager
    def fresh(self, name: str, configure: Configure | None = None, label: str = "", **changes: Any) -> Iterator[Proxy]:
        """A proxy of its own, for what a process does only once, such as growing.

        `configure` is of Berth, `changes` are of its surroundings; `label` is the name it has then, if not `name`.
        """
        proxy = self._start(name, configure, **changes)
        proxy.name = label or name
        try:
            yield proxy
        finally:
            proxy.stop()

    def _start(self, name: str, configure: Configure | None = None, **changes: Any) -> Proxy:
        directory = self.new_directory(name)
        around = replace(self.around, directory=directory, **changes)
        if name in self.programs:
            return Berth(name, self.programs[name], around, configure)
        starts: dict[str, Callable[[Surroundings], Proxy]] = {
            "nginx": start_nginx,
            "haproxy": start_haproxy,
            FLOOR: lambda around: start_floor(self.native.program("floor"), around),
        }
        return starts[name](around)

    def new_directory(self, name: str) -> Path:
        directory = self.directory / f"{next(self._numbers)}-{name}"
        directory.mkdir()
        return directory

    @contextmanager
    def cache_directory(self) -> Iterator[Path]:
        """For a cache that is large, and only needed in the block."""
        directory = self.new_directory("cache")
        try:
            yield directory
        finally:
            shutil.rmtree(directory)

    def stop(self) -> None:
        for proxy in self._running.values():
            proxy.stop()
        self.upstream.stop()
