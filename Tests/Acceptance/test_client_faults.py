"""Real clients push and pull while one in five operations of the upstream breaks and its token ends every ten seconds: every image arrives whole.
The same without Berth, for comparison. BERTH_TEST_FAULTY_IMAGES sets the number of images; from 50 on they have up to 200 MiB."""

from __future__ import annotations

import base64
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clients.docker import Docker
from clients.round_trip import Client, Login, LogsIn
from conftest import StartClient, StartGateway, report_line
from harness.images import MIB, runnable_image, write_layout
from harness.sandbox import Sandbox

IMAGES = int(os.environ.get("BERTH_TEST_FAULTY_IMAGES", "3"))
LARGEST = 200 * MIB if IMAGES >= 50 else 24 * MIB
TRIES = 20
TOKEN_SECONDS = 10
STALL_SECONDS = 4
# At each of the two: about one operation in five.
FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 503, "share": 0.04},
    {"kind": "status", "status": 500, "share": 0.02},
    {"kind": "status", "status": 429, "share": 0.02},
    {"kind": "reset", "share": 0.04},
    {"kind": "reset", "after_bytes": 300_000, "share": 0.04},
    {"kind": "truncate", "after_bytes": 100_000, "share": 0.03},
    {"kind": "stall", "after_bytes": 200_000, "seconds": 60, "share": 0.01},
]


@dataclass
class Tries:
    """How often commands had to be repeated."""

    of: dict[str, int] = field(default_factory=dict)

    def until(self, what: str, command: Callable[[], str]) -> str:
        for number in range(1, TRIES + 1):
            try:
                result = command()
            except AssertionError as failure:
                last = failure
            else:
                self.of[what] = self.of.get(what, 0) + number
                return result
        raise AssertionError(f"{what} fails {TRIES} times; at last:\n{last}")


@contextmanager
def trouble(sandbox: Sandbox) -> Iterator[None]:
    done = threading.Event()

    def end_tokens() -> None:
        while not done.wait(TOKEN_SECONDS):
            sandbox.expire_tokens()

    thread = threading.Thread(target=end_tokens)
    for where in ("registry", "s3"):
        for fault in FAULTS:
            sandbox.add_fault(where=where, times=-1, **fault)
    thread.start()
    yield
    done.set()
    thread.join()
    sandbox.clear_faults()


def sizes() -> list[int]:
    chosen = random.Random(14)
    return [int(MIB * (LARGEST / MIB) ** chosen.random()) for _ in range(IMAGES)]


def all_arrive(client: Client, login: Callable[[], Login], directory: Path, repository: str) -> Tries:
    """Pushes and pulls every image. `login`: asked for each command, as people do whose password ends."""
    tries = Tries()
    for number, size in enumerate(sizes()):
        name = f"{repository}:v{number}"
        if isinstance(client, Docker):
            reference = f"{login().address.authority}/{name}"
            client.build(reference, (1000, size))
            pushed = tries.until("push", lambda: (client.log_in(login()), client.push_built(reference))[1])
            client.empty()
        else:
            layout = write_layout(runnable_image((1000, size)), directory / f"layout-{number}")
            pushed = tries.until("push", lambda: (log_in(client, login()), client.push(login(), name, layout))[1])
        pulled = tries.until("pull", lambda: (log_in(client, login()), client.pull(login(), name))[1])
        assert pulled == pushed, f"{name} of {size} bytes"
    return tries


def log_in(client: Client, login: Login) -> None:
    if isinstance(client, LogsIn):
        client.log_in(login)


@pytest.mark.parametrize("name", ["docker", "ctr", "skopeo", "podman"])
def test_every_image_arrives_whole(
    name: str, start_client: StartClient, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path
) -> None:
    repository = f"faulty/{name}"
    own_sandbox.create_repositories(repository)
    gateway = start_gateway(own_sandbox, timeouts={"stall": f"{STALL_SECONDS}s"})
    gateway.wait_until_ready()
    with trouble(own_sandbox):
        tries = all_arrive(start_client(name), lambda: Login(gateway.plain, gateway.username, gateway.password), own_directory, repository)
    report_line(f"faults: {name}: {IMAGES} images of {sum(sizes()) // MIB} MiB through Berth: {tries.of['push']} pushes, {tries.of['pull']} pulls")
    assert tries.of["pull"] == IMAGES, "a pull had to be repeated"


@pytest.mark.parametrize("name", ["docker", "ctr", "skopeo", "podman"])
def test_the_same_without_berth(name: str, start_client: StartClient, own_sandbox: Sandbox, own_directory: Path) -> None:
    """The figures to compare with. Each command gets a new token; clients cannot resolve the name of S3, so the registry serves the blobs itself."""
    repository = f"faulty/{name}"
    own_sandbox.create_repositories(repository)
    own_sandbox.switch(blob_redirect=False)

    def login() -> Login:
        token = own_sandbox.ecr().get_authorization_token()["authorizationData"][0]["authorizationToken"]
        username, _, password = base64.b64decode(token).decode().partition(":")
        return Login(own_sandbox.address, username, password)

    try:
        with trouble(own_sandbox):
            tries = str(all_arrive(start_client(name), login, own_directory, repository).of)
    except AssertionError as failure:
        tries = str(failure).splitlines()[0]
    report_line(f"faults: {name}: the same directly: {tries}")
