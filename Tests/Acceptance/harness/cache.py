"""A gateway with a cache in front of a sandbox: what it holds, and what the sandbox was asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from harness.address import Address
from harness.gateway import Gateway
from harness.images import Image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Connection, Response, basic, request

Result = TypeVar("Result")
STALE = '110 - "Response is Stale"'


def settings(directory: Path, size: str = "1GiB", stale: str = "1h") -> dict[str, Any]:
    return {"directory": str(directory), "size": size, "stale": stale}


def direct(sandbox: Sandbox) -> RegistryClient:
    """A client of the registry itself."""
    token = sandbox.ecr().get_authorization_token()["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    return RegistryClient(sandbox.address, username, password)


def store(sandbox: Sandbox, image: Image, *names: str) -> None:
    """Puts an image into the registry, past the gateway: `repository:tag`."""
    repositories = [name.split(":")[0] for name in names]
    sandbox.create_repositories(*repositories)
    with direct(sandbox) as client:
        for repository, name in zip(repositories, names, strict=True):
            client.push_image(repository, name.split(":")[1], image)


# What the registry was asked for.


class Asked:
    """Requests to the sandbox in a block, by kind: `registry.blob_get`, `registry.manifest_head`, `s3.get`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.before = self._now()

    def _now(self) -> dict[str, int]:
        return self.sandbox.control("GET", "/stats")["requests"]

    def __call__(self) -> dict[str, int]:
        """Since this was made. Requests of the API, for tokens, do not count."""
        return {
            kind: count - self.before.get(kind, 0)
            for kind, count in self._now().items()
            if count != self.before.get(kind, 0) and kind.startswith(("registry.", "s3."))
        }


# What a client gets.


def get(
    gateway: Gateway,
    target: str,
    fields: dict[str, str] | None = None,
    method: str = "GET",
    user: str | None = None,
    address: Address | None = None,
) -> Response:
    """One request of one connection; `target` is without `/v2/`."""
    authorization = basic(user or gateway.username, gateway.password)
    return request(address or gateway.plain, method, f"/v2/{target}", fields, authorization=authorization)


def get_cut(gateway: Gateway, target: str, fields: dict[str, str] | None = None) -> tuple[Response, bytes, bool]:
    """The head of a response, what came of its body, and whether that was all."""
    with Connection(gateway.plain) as connection:
        authorization = {"Authorization": basic(gateway.username, gateway.password)}
        connection.send_head("GET", f"/v2/{target}", authorization | (fields or {}))
        head, body = connection.receive_final_head(), b""
        try:
            for piece in connection.body(head):
                body += piece
        except ConnectionError:
            return head, body, False
        return head, body, True


def result(gateway: Gateway, response: Response) -> str | None:
    """What the access line says of the cache."""
    return gateway.access_line(response).get("cache")


@contextmanager
def together(count: int) -> Iterator[Callable[..., Any]]:
    """Runs calls at the same time: begin(function, arguments…) returns a future."""
    with ThreadPoolExecutor(count) as pool:
        yield pool.submit


def pull_image(gateway: Gateway, repository: str, tag: str, image: Image, user: str | None = None) -> None:
    with RegistryClient(gateway.plain, user or gateway.username, gateway.password) as client:
        client.pull_image(repository, tag, image)


# What the gateway holds.


class Running(Protocol):
    """A gateway of a test, or of a benchmark."""

    admin: Address


def status(gateway: Running) -> dict[str, Any]:
    return json.loads(request(gateway.admin, "GET", "/api/v1/status").body)["cache"]


def wait_until_on(gateway: Running, seconds: float = 20) -> None:
    wait_until(lambda: status(gateway)["state"] == "on", "a cache in use", seconds)


def wait_until_kept(gateway: Gateway, directory: Path, *digests: str) -> None:
    """A file gets its name after the last client has its bytes."""
    wait_until(lambda: all(file_of(directory, digest).exists() for digest in digests), "files of the cache", 10)
    wait_until(lambda: status(gateway)["fills"] == 0, "the end of all downloads", 10)


def file_of(directory: Path, digest: str) -> Path:
    algorithm, _, name = digest.partition(":")
    return directory / algorithm / name[:2] / name


def contents(directory: Path) -> dict[str, Path]:
    """The files of contents, by digest."""
    return {
        f"{algorithm}:{path.name}": path
        for algorithm in ("sha256", "sha512")
        for path in (directory / algorithm).glob("*/*")
        if path.suffix != ".info"
    }


def check_contents(directory: Path) -> int:
    """Checks that each file has the bytes that its name says; returns how many there are."""
    found = contents(directory)
    for digest, path in found.items():
        assert digest_of(path.read_bytes()) == digest, f"{path} has other bytes"
    return len(found)


def bytes_on_disk(directory: Path) -> int:
    """Of all files, as the file system counts them, that were there at one moment: a look takes as long as many files come and go."""
    before, after = _bytes_by_file(directory), _bytes_by_file(directory)
    return sum(before[file] for file in before.keys() & after.keys())


def _bytes_by_file(directory: Path) -> dict[tuple[Path, int], int]:
    found: dict[tuple[Path, int], int] = {}
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            found[path, status.st_ino] = status.st_blocks * 512
    return found
