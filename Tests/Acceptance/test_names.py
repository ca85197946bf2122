"""DNS: a failed resolver is replaced, a changed resolv.conf is read, an address is not used beyond its TTL, and both `/readyz` and `check` report
the true state."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway, clean_environment
from harness.names import NameServer, with_resolver
from harness.processes import wait_until
from harness.sandbox import Sandbox
from harness.wire import basic, request

GOOD = basic("ci", PASSWORD)
NAME = "registry.berth.test"
NOBODY = "127.0.0.97"


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    running = NameServer("127.0.0.1", life=1)
    yield running
    running.stop()


def named(sandbox: Sandbox) -> dict[str, Any]:
    """The sandbox's registry under a DNS name, like AWS's."""
    registry = f"{sandbox.registry_host}:443"
    port = sandbox.upstream["connect_to"][registry].rpartition(":")[2]
    return sandbox.upstream | {"connect_to": sandbox.upstream["connect_to"] | {registry: f"{NAME}:{port}"}}


def tags(gateway: Gateway) -> int:
    return request(gateway.plain, "GET", "/v2/team/app/tags/list", authorization=GOOD).status


@pytest.mark.parametrize("first", ["", "nameserver 127.0.0.98\n"], ids=["empty", "wrong"])
def test_a_failed_resolver_is_replaced_and_readyz_reports_it(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, start_gateway: StartGateway, name_server: NameServer, first: str
) -> None:
    own_sandbox.create_repositories("team/app")
    program, file = with_resolver(berth, own_directory, first)
    gateway = start_gateway(own_sandbox, program=program, **named(own_sandbox))
    wait_until(lambda: gateway.ready().status == 503 and NAME in gateway.ready().body.decode(), "the failed name in /readyz", 30)
    assert tags(gateway) in (502, 504)
    file.write_text(name_server.line)
    wait_until(lambda: tags(gateway) == 200, "a new resolver", 30)
    wait_until(lambda: gateway.ready().status == 200, "readiness", 30)


def test_an_address_is_not_used_beyond_its_ttl(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, start_gateway: StartGateway, name_server: NameServer
) -> None:
    own_sandbox.create_repositories("team/app")
    name_server.address = NOBODY
    program, _ = with_resolver(berth, own_directory, name_server.line)
    gateway = start_gateway(own_sandbox, program=program, **named(own_sandbox))
    assert tags(gateway) in (502, 503, 504)
    name_server.address = "127.0.0.1"
    time.sleep(2 * name_server.life)
    wait_until(lambda: gateway.ready().status == 200, "a token", 30)
    assert tags(gateway) == 200


def test_check_reports_a_name_that_cannot_be_resolved(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, name_server: NameServer
) -> None:
    program, file = with_resolver(berth, own_directory, "")
    configuration = own_directory / "berth.yaml"
    configuration.write_text(json.dumps(named(own_sandbox) | {"anonymous": {"access": [{"repositories": ["a"], "actions": ["pull"]}]}}))

    def check() -> str:
        done = subprocess.run(
            [program, "check", "--config", configuration], capture_output=True, text=True, timeout=120,
            env=clean_environment(own_sandbox.environment),
        )
        return done.stdout

    assert f"FAIL  names: {NAME}" in check()
    file.write_text(name_server.line)
    assert f"ok    names: {NAME}" in check()
