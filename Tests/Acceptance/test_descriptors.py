"""File descriptors: with few of them, every client still gets a share, and a shortage is logged and passes."""

from __future__ import annotations

import resource
from contextlib import ExitStack
from pathlib import Path

from conftest import StartGateway
from harness.address import Address
from harness.gateway import PASSWORD, Gateway
from harness.processes import wait_until
from harness.sandbox import Sandbox
from harness.wire import Connection, basic, request

GOOD = basic("ci", PASSWORD)
FEW = 1024


def test_a_client_with_idle_connections_leaves_room_for_others(
    berth: Path, own_directory: Path, sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    limited = own_directory / "berth"
    limited.write_text(f'#!/bin/sh\nulimit -n {FEW}\nexec "{berth}" "$@"\n')
    limited.chmod(0o755)
    gateway = start_gateway(sandbox, program=limited)
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
    limited = own_directory / "berth"
    limited.write_text(f'#!/bin/sh\nulimit -Sn {FEW}\nexec "{berth}" "$@"\n')
    limited.chmod(0o755)
    gateway = start_gateway(sandbox, program=limited)
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


def turned_away(gateway: Gateway) -> int:
    with Connection(gateway.plain, source="127.0.0.2") as connection:
        try:
            return connection.request("GET", "/v2/", authorization=GOOD).status
        except ConnectionError:
            return 0


def logged(gateway: Gateway) -> int:
    return sum("connections cannot be accepted" in line["message"] for line in gateway.log_lines())
