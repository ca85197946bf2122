"""The files of a release, made by deploy/release from the program under test."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from harness.images import ARCHITECTURE
from harness.processes import only_group, require, run

ROOT = Path(__file__).parents[3]
SECONDS = 300.0  # most of it compresses


@dataclass
class Release:
    directory: Path

    @property
    def version(self) -> str:
        """As the source has it."""
        return only_group(r'static let text = "(.*)"', (ROOT / "Sources/berth/ProgramVersion.swift").read_text())

    @property
    def name(self) -> str:
        return f"berth-{self.version}-linux-{ARCHITECTURE}"

    @property
    def package(self) -> Path:
        return self.directory / f"berth_{self.version}_{ARCHITECTURE}.deb"

    @property
    def archive(self) -> Path:
        return self.directory / f"{self.name}.tar.gz"

    @property
    def bill(self) -> Path:
        """The bill of materials."""
        return self.directory / f"{self.name}.spdx.json"

    def field(self, name: str) -> str:
        """A field of the package's control file."""
        return run("dpkg-deb", "--field", self.package, name).strip()

    def digests(self) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(self.directory.iterdir())}


def make_release(berth: Path, directory: Path, source: Path = ROOT, **variables: str) -> Release:
    require("dpkg-deb", "dpkg-shlibdeps", "swift")
    run(source / "deploy/release", directory, env=os.environ | {"BERTH_BINARY": str(berth)} | variables, timeout=SECONDS)
    return Release(directory)
