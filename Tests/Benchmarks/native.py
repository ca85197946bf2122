"""The C programs of the benchmarks, compiled when they are first needed."""

from __future__ import annotations

from pathlib import Path

from harness.processes import run

SOURCES = Path(__file__).parent
OPTIONS = ("-O2", "-Wall", "-Wextra", "-Werror")


class Native:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def program(self, name: str) -> Path:
        """Compiles NAME.c, which may use OpenSSL."""
        return self._compile(name, name, "-lssl", "-lcrypto")

    def library(self, name: str, sources: Path = SOURCES) -> Path:
        return self._compile(name, f"{name}.so", "-shared", "-fPIC", "-ldl", sources=sources)

    def _compile(self, name: str, output: str, *options: str, sources: Path = SOURCES) -> Path:
        target = self.directory / output
        if not target.exists():
            run("cc", *OPTIONS, sources / f"{name}.c", "-o", target, *options)
        return target
