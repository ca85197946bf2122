"""What a client is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.address import Address
from harness.images import Image


@dataclass(frozen=True)
class Login:
    """A registry, and the credentials for it."""

    address: Address
    username: str
    password: str


@dataclass(frozen=True)
class Digests:
    """What the client said the pushed image is, and what it found the pulled one to be."""

    pushed: str
    pulled: str


class Client(Protocol):
    def round_trip(self, login: Login, repository: str, image: Image, layout: Path) -> Digests:
        """Logs in, pushes the image (given in memory and as an OCI layout), empties its store, pulls it back."""
        ...

    def stop(self) -> None: ...


def trust_directory(directory: Path, login: Login) -> Path:
    """A directory in docker's certs.d form with the authority of the registry's certificate, if it has one."""
    directory.mkdir(parents=True, exist_ok=True)
    if login.address.ca:
        (directory / "ca.crt").write_bytes(login.address.ca.read_bytes())
    return directory
