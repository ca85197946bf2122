"""Real clients push and pull while one in five operations of the upstream breaks and its token ends every ten seconds: every image arrives whole.
The same without Berth, for comparison. BERTH_TEST_FAULTY_IMAGES sets the number of images; from 50 on they have up to 200 MiB."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clients.docker import Docker
from clients.round_trip import Client, Login, LogsIn
from conftest import CLIENTS, StartClient, StartGateway, report_line
from harness.images import MIB, runnable_image, write_layout
from harness.processes import commands_within
from harness.sandbox import Sandbox

IMAGES = int(os.environ.get("BERTH_TEST_FAULTY_IMAGES", "3"))
LARGEST = 200 * MIB if IMAGES >= 50 else 24 * MIB
TRIES = 20
TOKEN_SECONDS = 10
STALL_SECONDS = 4
# One that takes longer hangs. Through Berth that is a failure; without it, only one more try, which need not take long.
COMMAND_SECONDS = 60 if IMAGES < 50 else 180
DIRECT_COMMAND_SECONDS = 20 if IMAGES < 50 else 60
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


class NotFinished(Exception):
    """The time for all commands is over."""


class Tries:
    """How often commands had to be repeated. `command_seconds`: one that takes longer hangs. `seconds`: for all of them."""

    def __init__(self, command_seconds: float, seconds: float) -> None:
        self.command_seconds, self.seconds = command_seconds, seconds
        self.end = time.monotonic() + seconds
        self.of: Counter[str] = Counter()
        self.hung: list[str] = []

    def until(self, what: str, command: Callable[[], str]) -> str:
        for _ in range(TRIES):
            left = self.end - time.monotonic()
            if left <= 0:
                raise NotFinished(f"not finished in {self.seconds:g} s; until then {self}")
            self.of[what] += 1
            try:
                with commands_within(min(self.command_seconds, max(1, left))):
                    return command()
            except AssertionError as failure:
                last: Exception = failure
            except subprocess.TimeoutExpired as failure:
                last = failure
                self.hung.append(f"{what}: {failure.cmd[0]} does not end in {failure.timeout:.0f} s")
        raise AssertionError(f"{what} fails {TRIES} times; at last:\n{last}")

    def __str__(self) -> str:
        return f"{self.of['push']} pushes, {self.of['pull']} pulls" + (f", of which {len(self.hung)} hung" if self.hung else "")


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
    try:
        yield
    finally:
        done.set()
        thread.join()
        sandbox.clear_faults()


def sizes() -> list[int]:
    chosen = random.Random(14)
    return [int(MIB * (LARGEST / MIB) ** chosen.random()) for _ in range(IMAGES)]


def all_arrive(tries: Tries, client: Client, login: Callable[[], Login], directory: Path, repository: str) -> None:
    """Pushes and pulls every image. `login`: asked for each command, as people do whose password ends."""
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
    tries = Tries(COMMAND_SECONDS, 80 * IMAGES)
    try:
        with trouble(own_sandbox):
            login = Login(gateway.plain, gateway.username, gateway.password)
            all_arrive(tries, start_client(name), lambda: login, own_directory, repository)
    finally:
        report_line(f"faults: {name}: {IMAGES} images of {sum(sizes()) // MIB} MiB through Berth: {tries}")
    assert not tries.hung, "commands hung with Berth between client and registry"
    assert tries.of["pull"] == IMAGES, "a pull had to be repeated"


@pytest.mark.parametrize("name", ["docker", "ctr", "skopeo", "podman"])
def test_the_same_without_berth(name: str, own_sandbox: Sandbox, own_directory: Path) -> None:
    """The figures to compare with. Each command gets a new token; clients cannot resolve the name of S3, so the registry serves the blobs itself.
    A client of its own, because commands that hang are killed."""
    repository = f"faulty/{name}"
    own_sandbox.create_repositories(repository)
    own_sandbox.switch(blob_redirect=False)
    (own_directory / "client").mkdir()
    client = CLIENTS[name](own_directory / "client")
    tries = Tries(DIRECT_COMMAND_SECONDS, 20 * IMAGES)
    try:
        with trouble(own_sandbox):
            all_arrive(tries, client, lambda: Login(own_sandbox.address, *own_sandbox.login()), own_directory, repository)
        result = str(tries)
    except (AssertionError, NotFinished) as failure:
        result = str(failure).splitlines()[0]
    finally:
        client.stop()
    print(*tries.hung, sep="\n")
    report_line(f"faults: {name}: the same directly: {result}")
