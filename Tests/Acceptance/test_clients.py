"""Each real client pushes an image of several layers through Berth and pulls the same one back into an empty store."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from clients.round_trip import Client, Login
from harness.gateway import Gateway
from harness.images import Image
from harness.sandbox import Sandbox


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("upstream", ["sandbox", "moto"])
def test_an_image_comes_back_as_it_was_pushed(
    client: Client, upstream: str, listener: str, image: Image, layout: Path, request: pytest.FixtureRequest
) -> None:
    gateway: Gateway = request.getfixturevalue("gateway" if upstream == "sandbox" else "moto_gateway")
    behind = request.getfixturevalue("sandbox" if upstream == "sandbox" else "moto_registry")
    repository = f"clients/{request.node.callspec.params['client']}-{listener}"
    behind.create_repositories(repository)
    login = Login(getattr(gateway, listener), gateway.username, gateway.password)
    digests = client.round_trip(login, repository, image, layout)
    assert digests.pulled == digests.pushed


def test_the_sandbox_serves_a_real_client_without_berth(
    client: Client, direct_sandbox: Sandbox, image: Image, layout: Path
) -> None:
    """Berth and the sandbox are one program: this shows that the sandbox is a registry by others' understanding too."""
    direct_sandbox.create_repositories("direct/image")
    token = direct_sandbox.ecr().get_authorization_token()["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    digests = client.round_trip(Login(direct_sandbox.address, username, password), "direct/image", image, layout)
    assert digests.pulled == digests.pushed
