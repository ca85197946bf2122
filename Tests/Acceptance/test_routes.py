"""Repositories of several accounts under one address: by host, by containerd's namespace, and by prefix."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway
from harness.images import blob_image, digest_of
from harness.registry import RegistryClient, with_digest
from harness.sandbox import Sandbox
from harness.wire import Response, Connection, basic, request

OTHER_ACCOUNT, OTHER_REGION = "210987654321", "us-east-1"
GOOD = basic("ci", PASSWORD)


@pytest.fixture
def two(berth: Path, own_directory: Path, own_sandbox: Sandbox, start_gateway: StartGateway) -> Iterator[tuple[Gateway, Sandbox, Sandbox]]:
    """A gateway in front of two accounts."""
    other = Sandbox(berth, own_directory / "other", "--account", OTHER_ACCOUNT, "--region", OTHER_REGION)
    try:
        profiles = own_directory / "config"
        profiles.write_text("".join(
            f"[profile {name}]\naws_access_key_id = {box.facts['access_key_id']}\naws_secret_access_key = {box.facts['secret_access_key']}\n"
            for name, box in (("here", own_sandbox), ("there", other))))  # fmt: skip
        trust = own_directory / "ca.pem"
        trust.write_bytes(own_sandbox.ca.read_bytes() + other.ca.read_bytes())
        gateway = start_gateway(
            own_sandbox,
            environment={"AWS_CONFIG_FILE": str(profiles)},
            ca_file=str(trust),
            connect_to=own_sandbox.facts["connect_to"] | other.facts["connect_to"],
            upstreams=[
                {"name": "here", "registry": own_sandbox.registry_host, "credentials": {"profile": "here"}},
                {"name": "there", "registry": other.registry_host, "credentials": {"profile": "there"}},
            ],
            routes=[
                {"prefix": "team/", "upstream": "here", "upstream_prefix": "acme/team/"},
                {"prefix": "there/", "upstream": "there", "upstream_prefix": ""},
                {"host": "mirror.example.com", "upstream": "there", "upstream_prefix": "hub/"},
                {"namespace": "quay.io", "upstream": "here", "upstream_prefix": "quay/"},
                {"namespace": "docker.io", "upstream": "there", "upstream_prefix": "hub/"},
            ],
        )
        gateway.wait_until_ready()
        own_sandbox.create_repositories("acme/team/app", "acme/team/tool", "quay/org/tool")
        other.create_repositories("app", "hub/library/nginx")
        yield gateway, own_sandbox, other
    finally:
        other.stop()


def get(gateway: Gateway, target: str, host: str | None = None) -> Response:
    """A client that sends another `Host` than the address."""
    with Connection(gateway.plain) as connection:
        name = host or gateway.plain.authority
        connection.send(f"GET {target} HTTP/1.1\r\nHost: {name}\r\nAuthorization: {GOOD}\r\n\r\n".encode())
        return connection.receive()


def client_of(gateway: Gateway) -> RegistryClient:
    return RegistryClient(gateway.plain, "ci", PASSWORD)


def test_every_response_uses_the_clients_name_of_a_repository(two: tuple[Gateway, Sandbox, Sandbox]) -> None:
    gateway, here, _ = two
    image = blob_image(os.urandom(1000))
    with client_of(gateway) as client:
        assert client.start_upload("team/app").startswith("/v2/team/app/blobs/uploads/")
        client.push_image("team/app", "v1", image)
        client.push_manifest("team/app", "v2", image.manifest)
        client.pull_image("team/app", "v1", image)
        tags = client.expect((200,), "GET", "/v2/team/app/tags/list?n=1")
        assert json.loads(tags.body) == {"name": "team/app", "tags": ["v1"]}
        assert tags.fields["link"].startswith("</v2/team/app/tags/list?")
        catalog = json.loads(client.expect((200,), "GET", "/v2/_catalog").body)["repositories"]
        assert catalog == ["team/app", "team/tool", "there/app", "there/hub/library/nginx"]
        for target in ("/v2/team/absent/manifests/v1", "/v2/team/app/manifests/absent", "/v2/team/absent/tags/list"):
            rejected = client.expect((404,), "GET", target)
            assert b"acme" not in rejected.body, rejected
    stored = here.ecr().list_images(repositoryName="acme/team/app")["imageIds"]
    assert {one["imageTag"] for one in stored} == {"v1", "v2"}


def test_a_mount_within_an_account_uses_the_upstream_names(two: tuple[Gateway, Sandbox, Sandbox]) -> None:
    gateway, here, _ = two
    here.switch(blob_mounting=True)
    image = blob_image(os.urandom(1000))
    digest = digest_of(image.layers[0])
    with client_of(gateway) as client:
        client.push_image("team/app", "v1", image)
        response = client.expect((201,), "POST", f"/v2/team/tool/blobs/uploads/?mount={digest}&from=team/app", body=b"")
        assert client.location(response) == f"/v2/team/tool/blobs/{digest}"
        client.expect((200,), "HEAD", client.location(response))


def test_a_mount_across_accounts_becomes_a_session(two: tuple[Gateway, Sandbox, Sandbox]) -> None:
    gateway, here, there = two
    for each in (here, there):
        each.switch(blob_mounting=True)
    image = blob_image(os.urandom(1000))
    digest = digest_of(image.layers[0])
    with client_of(gateway) as client:
        client.push_image("team/app", "v1", image)
        response = client.expect((202,), "POST", f"/v2/there/app/blobs/uploads/?mount={digest}&from=team/app", body=b"")
        client.expect((201,), "PUT", with_digest(client.location(response), digest), body=image.layers[0])


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("/v2/library/nginx/manifests/v1?ns=docker.io", None),
        ("/v2/library/nginx/manifests/v1", "mirror.example.com"),
        ("/v2/library/nginx/manifests/v1", "MIRROR.example.com:5000"),
        ("/v2/library/nginx/manifests/v1", "mirror.example.com."),
        ("/v2/library/nginx/manifests/v1", "Mirror.Example.Com.:5000"),
        ("/v2/library/nginx/manifests/v1?ns=Docker.io.", None),
        ("/v2/library/nginx/manifests/v1?ns=docker.io:443", None),
        ("/v2/there/hub/library/nginx/manifests/v1", None),
    ],
)
def test_one_image_through_several_routes(two: tuple[Gateway, Sandbox, Sandbox], target: str, host: str | None) -> None:
    gateway, _, _ = two
    image = blob_image(os.urandom(100))
    with client_of(gateway) as client:
        client.push_image("there/hub/library/nginx", "v1", image)
    response = get(gateway, target, host)
    assert (response.status, response.body) == (200, image.manifest)
    blob = get(gateway, target.replace("manifests/v1", f"blobs/{digest_of(image.layers[0])}"), host)
    assert (blob.status, blob.body) == (200, image.layers[0])


@pytest.mark.parametrize("namespace", ["evil.example", "169.254.169.254", "localhost:22", "docker.io.evil.example", "docker.io%00", ""])
def test_a_namespace_without_a_route_gets_an_error(two: tuple[Gateway, Sandbox, Sandbox], namespace: str) -> None:
    """A namespace selects a route. Berth never connects to it."""
    gateway, _, _ = two
    response = get(gateway, f"/v2/library/nginx/manifests/v1?ns={namespace}")
    assert (response.status, response.code) == (404, "NAME_UNKNOWN")


def test_two_namespaces_are_rejected(two: tuple[Gateway, Sandbox, Sandbox]) -> None:
    gateway, _, _ = two
    assert get(gateway, "/v2/library/nginx/manifests/v1?ns=docker.io&ns=quay.io").status == 400


def test_a_name_that_is_too_long_upstream_gets_an_error(two: tuple[Gateway, Sandbox, Sandbox]) -> None:
    gateway, _, _ = two
    name = "team/" + "a" * 250
    assert request(gateway.plain, "GET", f"/v2/{name}/manifests/v1?ns=quay.io", authorization=GOOD).code == "NAME_UNKNOWN"
