"""Whether Berth or the client follows a blob's redirect, and where a redirect may lead."""

from __future__ import annotations

import os

import pytest

from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway
from harness.images import Image, blob_image, digest_of
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Response, basic, request

REPOSITORY = "blobs/app"
PROXY = [{"address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}]


@pytest.fixture
def stored(sandbox: Sandbox, gateway: Gateway) -> Image:
    sandbox.create_repositories(REPOSITORY)
    image = blob_image(os.urandom(8000))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    return image


def get_blob(gateway: Gateway, image: Image, source: str = "127.0.0.1") -> Response:
    target = f"/v2/{REPOSITORY}/blobs/{digest_of(image.layers[0])}"
    return request(gateway.plain, "GET", target, {"X-Forwarded-For": source}, authorization=basic("ci", PASSWORD))


def upstreams(sandbox: Sandbox, **keys: object) -> list[dict[str, object]]:
    return [sandbox.upstream["upstreams"][0] | keys]


def test_only_clients_of_the_listed_networks_follow_a_redirect(
    sandbox: Sandbox, start_gateway: StartGateway, stored: Image
) -> None:
    choice = upstreams(sandbox, blobs="redirect", redirect_clients=["10.0.0.0/8", "fd00::/8"])
    gateway = start_gateway(sandbox, listeners=PROXY, upstreams=choice)
    for inside in ("10.1.2.3", "fd00::7"):
        response = get_blob(gateway, stored, inside)
        assert response.status == 307 and response.fields["location"].startswith("https://prod-"), response
    for outside in ("192.0.2.1", "2001:db8::1"):
        response = get_blob(gateway, stored, outside)
        assert (response.status, response.body) == (200, stored.layers[0])


@pytest.mark.parametrize("blobs", ["stream", "redirect"])
def test_a_redirect_to_an_unlisted_host_is_not_followed(
    sandbox: Sandbox, start_gateway: StartGateway, stored: Image, blobs: str
) -> None:
    gateway = start_gateway(sandbox, upstreams=upstreams(sandbox, blobs=blobs, blob_hosts=["*.example.com", "cdn.example.org"]))
    response = get_blob(gateway, stored)
    assert (response.status, response.code) == (502, "UNAVAILABLE") and b"amazonaws" not in response.body
    reason = gateway.access_line(response)["reason"]
    assert "blob_hosts" in reason and ".s3." in reason and "X-Amz" not in reason


def test_a_redirect_to_a_listed_domain_is_followed(sandbox: Sandbox, start_gateway: StartGateway, stored: Image) -> None:
    domain = f"*.s3.{sandbox.facts['region']}.amazonaws.com"
    gateway = start_gateway(sandbox, upstreams=upstreams(sandbox, blob_hosts=[domain]))
    assert get_blob(gateway, stored).body == stored.layers[0]


def test_a_condition_on_a_blob_reaches_the_storage(gateway: Gateway, stored: Image) -> None:
    target = f"/v2/{REPOSITORY}/blobs/{digest_of(stored.layers[0])}"
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        tag = client.expect((200,), "GET", target).fields["etag"]
        client.expect((304,), "GET", target, {"If-None-Match": tag})
        client.expect((200,), "GET", target, {"If-None-Match": '"another"'})
        rejected = client.expect((412,), "GET", target, {"If-Match": '"another"'})
        assert rejected.code == "UNSUPPORTED" and b"<" not in rejected.body
        client.expect((206,), "GET", target, {"If-Match": tag, "Range": "bytes=0-9"})


@pytest.mark.parametrize("what", ["blobs", "manifests"])
def test_head_of_a_blob_is_sent_upstream_as_head(own_sandbox: Sandbox, start_gateway: StartGateway, what: str) -> None:
    """S3 rejects HEAD on a URL that was presigned for GET, and GET would transfer the blob for nothing."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(8000))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
        before = own_sandbox.control("GET", "/stats")["requests"]
        reference = digest_of(image.layers[0]) if what == "blobs" else "v1"
        client.expect((200,), "HEAD", f"/v2/{REPOSITORY}/{what}/{reference}")
    after = own_sandbox.control("GET", "/stats")["requests"]
    assert {kind: count - before.get(kind, 0) for kind, count in after.items() if count != before.get(kind, 0)} == {
        f"registry.{what.removesuffix('s')}_head": 1
    }
