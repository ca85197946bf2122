"""Berth's own surroundings fail: a full disk under the log, a clock that steps, a memory limit, kill -9 in the middle of a push. The others are in
test_descriptors, test_names, test_reload and test_renewal; ARCHITECTURE.md has the list."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.address import free_port
from harness.gateway import Gateway
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import require, require_root, run, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Connection, basic, request

REPOSITORY = "own/app"
HOUR = 3600


@pytest.fixture
def upstream(own_sandbox: Sandbox) -> Sandbox:
    own_sandbox.create_repositories(REPOSITORY)
    return own_sandbox


def client_of(gateway: Gateway) -> RegistryClient:
    return RegistryClient(gateway.plain, gateway.username, gateway.password)


def pushed(gateway: Gateway, size: int = 100_000, tag: str = "v1") -> Image:
    image = blob_image(os.urandom(size))
    with client_of(gateway) as client:
        client.push_image(REPOSITORY, tag, image)
    return image


def pulled(gateway: Gateway, image: Image, tag: str = "v1") -> None:
    with client_of(gateway) as client:
        client.pull_image(REPOSITORY, tag, image)


def wrapped(directory: Path, *words: object) -> Path:
    """A program that does what the words say, of which the last ones become Berth."""
    program = directory / "wrapped"
    program.write_text(f'#!/bin/sh\n{" ".join(map(str, words))} "$@"\n')
    program.chmod(0o755)
    return program


# A full disk.


@pytest.fixture
def small_disk(own_directory: Path) -> Iterator[Path]:
    require_root()
    disk = own_directory / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk)
    yield disk
    run("umount", "-l", disk)


def test_a_full_disk_under_the_log_stops_nothing(berth: Path, small_disk: Path, upstream: Sandbox) -> None:
    """Lines are lost while there is no room, and written again when there is."""
    gateway = Gateway(
        berth, small_disk, upstream.upstream, upstream.environment, listeners=[{"address": "127.0.0.1:0"}]
    )
    try:
        gateway.wait_until_ready()
        image = pushed(gateway)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096 if file.tell() < 200_000 else 1))
        for _ in range(200):
            pulled(gateway, image)
        assert gateway.ready().status == 200
        filler.unlink()
        wait_until(lambda: (pulled(gateway, image), "manifest_get" in gateway.program.err[-2000:])[1], "lines of the log", 10)
    finally:
        assert gateway.stop() == 0


# A clock that steps.


@pytest.mark.parametrize("seconds", [13 * HOUR, 600, -600, -3000])
def test_a_clock_that_steps_is_noticed_by_no_client(
    berth: Path, own_directory: Path, upstream: Sandbox, start_gateway: StartGateway, seconds: int
) -> None:
    """A token has twelve hours, and AWS rejects signatures that are five minutes off. (Further back, the sandbox's certificate would not be valid yet.)"""
    require("cc")
    offset, library = own_directory / "offset", own_directory / "clock.so"
    offset.write_text("0")
    run("cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, Path(__file__).parent / "harness" / "clock.c")
    program = wrapped(own_directory, f"CLOCK_OFFSET_FILE={offset} LD_PRELOAD={library} exec", berth)
    gateway = start_gateway(upstream, program=program)
    gateway.wait_until_ready()
    image = pushed(gateway)
    fetched = upstream.tokens_fetched()
    offset.write_text(str(seconds))
    for number in range(30):
        pulled(gateway, image)
        pushed(gateway, tag=f"after-{number}")
        time.sleep(0.1)
    upstream.expire_tokens()
    pulled(gateway, image)
    gateway.wait_until_ready()
    assert upstream.tokens_fetched() - fetched <= 4, "the clock makes it fetch tokens over and over"


# A memory limit.


@contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """A control group with a memory limit, of version 1 or 2."""
    require_root()
    first, second = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    root, file = (first, "memory.limit_in_bytes") if first.exists() else (second, "memory.max")
    group = root / f"berth-test-{secrets.token_hex(4)}"
    try:
        group.mkdir()
        (group / file).write_text(str(limit))
    except OSError as error:
        pytest.skip(f"no memory limit can be set here: {error}")
    yield group
    wait_until(lambda: not (group / "cgroup.procs").read_text().split(), "the end of the group's processes", 20)
    group.rmdir()


def test_many_slow_clients_stay_within_a_memory_limit(berth: Path, own_directory: Path, upstream: Sandbox, start_gateway: StartGateway) -> None:
    """The kernel would end the process: 300 pulls that nobody reads, and a push of 200 MiB, in 96 MiB."""
    with memory_group(96 * MIB) as group:
        gateway = start_gateway(upstream, program=wrapped(own_directory, f"echo $$ > {group}/cgroup.procs; exec", berth))
        gateway.wait_until_ready()
        image = pushed(gateway, 8 * MIB)
        digest = digest_of(image.layers[0])
        authorization = {"Authorization": basic(gateway.username, gateway.password)}
        stalled = [Connection(gateway.plain, receive_buffer=4096) for _ in range(300)]
        try:
            for connection in stalled:
                connection.send_head("GET", f"/v2/{REPOSITORY}/blobs/{digest}", authorization)
                assert connection.receive_head().status == 200  # one after the other: this is no test of many TLS handshakes at once
            pieces = [os.urandom(MIB)] * 200
            with client_of(gateway) as client:
                client.push_sized(REPOSITORY, iter(pieces), 200 * MIB, digest_of(b"".join(pieces)))
            pulled(gateway, image)
        finally:
            for connection in stalled:
                connection.close()
        assert gateway.stop() == 0


# kill -9.


def test_a_push_goes_on_after_kill_9(upstream: Sandbox, start_gateway: StartGateway) -> None:
    """Berth keeps nothing of an upload: after a new start a session goes on at the byte that the registry has. The one that was in mid-request
    may have ended with the connection (the sandbox ends it); a new one works."""
    listeners = [{"address": f"127.0.0.1:{free_port()}"}]
    first = start_gateway(upstream, listeners=listeners)
    first.wait_until_ready()
    blob = os.urandom(24 * MIB)
    taken = 8 * MIB
    with client_of(first) as client:
        session, cut_session = (
            client.location(client.expect((202,), "PATCH", client.start_upload(REPOSITORY), body=blob[:taken])) for _ in range(2)
        )
    authorization = basic(first.username, first.password)
    with Connection(first.plain) as cut:
        cut.send_head("PATCH", cut_session, {"Authorization": authorization, "Content-Length": str(len(blob) - taken)})
        cut.send(blob[taken : taken + MIB])
        first.program.process.send_signal(signal.SIGKILL)
        assert first.program.wait() == -signal.SIGKILL
    second = start_gateway(upstream, listeners=listeners)
    second.wait_until_ready()
    with client_of(second) as client:
        status = request(second.plain, "GET", session, authorization=authorization)
        assert status.status == 204, status
        offset = int(status.fields["range"].removeprefix("0-")) + 1
        assert offset == taken
        answer = client.expect((202,), "PATCH", session, body=blob[offset:])
        client.finish_upload(client.location(answer), digest_of(blob))
        client.push_blob(REPOSITORY, os.urandom(MIB))
    pulled(second, pushed(second, MIB))
