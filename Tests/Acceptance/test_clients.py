"""Each real client pushes an image of several layers through Berth, and pulls the same image back into an empty store."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients.round_trip import Client, Login, round_trip
from harness.gateway import Gateway
from harness.sandbox import Sandbox


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("upstream", ["sandbox", "moto"])
def test_a_pulled_image_equals_the_pushed_one(
    client: Client, upstream: str, listener: str, layout: Path, request: pytest.FixtureRequest
) -> None:
    gateway: Gateway = request.getfixturevalue("gateway" if upstream == "sandbox" else "moto_gateway")
    behind = request.getfixturevalue("sandbox" if upstream == "sandbox" else "moto_registry")
    repository = f"clients/{request.node.callspec.params['client']}-{listener}"
    behind.create_repositories(repository)
    login = Login(getattr(gateway, listener), gateway.username, gateway.password)
    pushed, pulled = round_trip(client, login, f"{repository}:v1", layout)
    assert pulled == pushed


def test_the_sandbox_serves_a_real_client_without_berth(
    client: Client, direct_sandbox: Sandbox, layout: Path
) -> None:
    """Berth and the sandbox are one program. This test shows that the sandbox is a registry for independent clients too."""
    direct_sandbox.create_repositories("direct/image")
    pushed, pulled = round_trip(client, Login(direct_sandbox.address, *direct_sandbox.login()), "direct/image:v1", layout)
    assert pulled == pushed
