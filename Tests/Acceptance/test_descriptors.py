"""File descriptors: with few of them, every client still gets a share, and a shortage is logged and passes."""

from __future__ import annotations

import os
import resource
from contextlib import ExitStack
from pathlib import Path

from conftest import StartGateway
from harness.address import Address
from harness.gateway import PASSWORD, Gateway
from harness.images import blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Connection, basic, request

GOOD = basic("ci", PASSWORD)
FEW = 1024


def limited(berth: Path, directory: Path, option: str) -> Path:
    """The program with a limit of descriptors, as an option of ulimit."""
    script = directory / "berth"
    script.write_text(f'#!/bin/sh\nulimit {option}\nexec "{berth}" "$@"\n')
    script.chmod(0o755)
    return script


def test_a_client_with_idle_connections_leaves_room_for_others(
    berth: Path, own_directory: Path, sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(sandbox, program=limited(berth, own_directory, f"-n {FEW}"))
    gateway.wait_until_ready()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with ExitStack() as held:
        for _ in range(FEW):
            held.enter_context(Connection(gateway.plain, source="127.0.0.2"))
        assert request(gateway.plain, "GET", "/v2/", authorization=GOOD).status == 200
        assert gateway.ready().status == 200
        # Only some get a response with the reason; the others are closed.
        wait_until(lambda: turned_away(gateway) == 503, "a response to the client with too many connections", 20)
    lowered = next(line for line in gateway.log_lines() if "limits.connections is lowered" in line["message"])
    assert int(lowered["descriptors"]) == FEW and int(lowered["connections"]) < FEW / 2


def test_the_soft_limit_is_raised_to_the_hard_limit(berth: Path, own_directory: Path, sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, program=limited(berth, own_directory, f"-Sn {FEW}"))
    soft, hard = resource.prlimit(gateway.program.pid, resource.RLIMIT_NOFILE)
    assert soft == hard > FEW


def test_a_shortage_of_descriptors_is_logged_and_passes(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, workers=1)
    gateway.wait_until_ready()
    pid = gateway.program.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (taken + 1, limits[1]))
    try:
        with ExitStack() as waiting:
            for _ in range(taken + 2):
                waiting.enter_context(Connection(gateway.plain))
            wait_until(lambda: logged(gateway), "a log line about descriptors", 10)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert request(gateway.plain, "GET", "/v2/", authorization=GOOD).status == 200
    assert logged(gateway) == 1, "logged once in a while, not for each connection"


def test_an_exchange_gets_the_descriptor_of_an_idle_connection(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    """After a burst, idle connections to the registry have descriptors that the connections to the storage need."""
    gateway = start_gateway(own_sandbox, program=limited(berth, own_directory, "-n 256"), workers=1)
    gateway.wait_until_ready()
    own_sandbox.create_repositories("team/app")
    image = blob_image(os.urandom(4 << 20))
    with RegistryClient(gateway.plain, "ci", PASSWORD) as client:
        client.push_image("team/app", "v1", image)
    count = 90
    own_sandbox.add_fault(
        where="registry", match={"method": "GET", "path_prefix": "/v2/team/app/manifests"}, kind="stall", seconds=2, times=count)
    with ExitStack() as held:
        clients = [
            held.enter_context(Connection(gateway.plain, receive_buffer=8192, source=f"127.0.0.{2 + number % 4}"))
            for number in range(count)
        ]
        for target in ("/v2/team/app/manifests/v1", f"/v2/team/app/blobs/{digest_of(image.layers[0])}"):
            for each in clients:
                each.send_head("GET", target, {"Authorization": GOOD})
            heads = [each.receive_final_head() for each in clients]
            assert [head.status for head in heads] == [200] * count
            if "manifests" in target:
                for each, head in zip(clients, heads, strict=True):
                    b"".join(each.body(head))


def turned_away(gateway: Gateway) -> int:
    with Connection(gateway.plain, source="127.0.0.2") as connection:
        try:
            return connection.request("GET", "/v2/", authorization=GOOD).status
        except ConnectionError:
            return 0


def logged(gateway: Gateway) -> int:
    return sum("connections cannot be accepted" in line["message"] for line in gateway.log_lines())
