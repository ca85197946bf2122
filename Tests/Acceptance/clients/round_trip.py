"""The operations of a client. Each client class has the methods for which it has a command; the matrix shows which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.address import Address

TAG = "v1"  # of every image in a layout


@dataclass(frozen=True)
class Login:
    """A registry with credentials for it."""

    address: Address
    username: str
    password: str


class Client(Protocol):
    """`name` is a repository with `:tag` or `@digest`."""

    def push(self, login: Login, name: str, layout: Path) -> str:
        """Pushes the image of an OCI layout, or one that the client makes; returns the digest that the client reports."""
        ...

    def pull(self, login: Login, name: str) -> str:
        """Pulls into an empty store, and empties it again; returns the digest that the client finds."""
        ...

    def stop(self) -> None: ...


@runtime_checkable
class LogsIn(Protocol):
    """Clients that store a login; the others take the credentials with each command."""

    def log_in(self, login: Login) -> None: ...


def round_trip(client: Client, login: Login, name: str, layout: Path) -> tuple[str, str]:
    """Logs in, pushes and pulls; returns the digests of the pushed and of the pulled image."""
    if isinstance(client, LogsIn):
        client.log_in(login)
    return client.push(login, name, layout), client.pull(login, name)


def trust_directory(directory: Path, login: Login) -> Path:
    """A directory in docker's certs.d format with the authority of the registry's certificate, if it has one."""
    directory.mkdir(parents=True, exist_ok=True)
    if login.address.ca:
        (directory / "ca.crt").write_bytes(login.address.ca.read_bytes())
    return directory
