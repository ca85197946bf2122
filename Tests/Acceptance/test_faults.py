"""Transfers that break on the upstream's side: a client gets the whole blob or an unmistakable failure, never a short or wrong one."""

from __future__ import annotations

import os
import time

import pytest

from conftest import StartGateway
from harness.gateway import Gateway
from harness.images import MIB, Image, blob_image, digest_of
from harness.registry import RegistryClient, Unexpected
from harness.sandbox import Sandbox
from harness.wire import Answer

REPOSITORY = "faults/app"
STALL_TIMEOUT_SECONDS = 2
BROKEN_AT = MIB


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway) -> Gateway:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox, timeouts={"stall": f"{STALL_TIMEOUT_SECONDS}s"})
    gateway.wait_until_ready()
    return gateway


@pytest.fixture
def stored(gateway: Gateway) -> Image:
    image = blob_image(os.urandom(4 * MIB))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    return image


def pull(gateway: Gateway, image: Image) -> bytes:
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        return client.pull_blob(REPOSITORY, digest_of(image.layers[0]))


@pytest.mark.parametrize("kind", ["reset", "truncate", "stall"])
def test_a_pull_that_breaks_is_whole_or_visibly_cut(own_sandbox: Sandbox, gateway: Gateway, stored: Image, kind: str) -> None:
    own_sandbox.add_fault(where="s3", match={"method": "GET"}, kind=kind, after_bytes=BROKEN_AT, seconds=60, times=1)
    started = time.monotonic()
    try:
        assert pull(gateway, stored) == stored.layers[0]  # resumed out of sight
    except ConnectionError:
        pass  # cut before the length that was promised
    assert time.monotonic() - started < STALL_TIMEOUT_SECONDS + 8
    assert pull(gateway, stored) == stored.layers[0], "the next pull suffers"


def test_a_stall_is_logged_with_the_side_that_stalled(own_sandbox: Sandbox, gateway: Gateway, stored: Image) -> None:
    own_sandbox.add_fault(where="s3", match={"method": "GET"}, kind="stall", after_bytes=BROKEN_AT, seconds=60, times=-1)
    with pytest.raises((ConnectionError, Unexpected)):
        pull(gateway, stored)
    assert any("upstream" in str(line) for line in gateway.log_lines() if "/blobs/" in str(line))


@pytest.mark.parametrize("status", [500, 503])
def test_an_error_of_s3_is_told_in_the_registrys_json(own_sandbox: Sandbox, gateway: Gateway, stored: Image, status: int) -> None:
    own_sandbox.add_fault(where="s3", match={"method": "GET"}, kind="status", status=status, times=-1)
    with pytest.raises(Unexpected) as refused:
        pull(gateway, stored)
    answer: Answer = refused.value.answer
    assert answer.status >= 500 and answer.code, answer
    assert b"<" not in answer.body, "S3's XML reached the client"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_of_ecr_passes_as_it_is(own_sandbox: Sandbox, gateway: Gateway, stored: Image, status: int) -> None:
    own_sandbox.add_fault(
        where="registry",
        match={"method": "GET", "path_prefix": f"/v2/{REPOSITORY}/manifests/"},
        kind="status",
        status=status,
        times=-1,
    )
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.expect((status,), "GET", f"/v2/{REPOSITORY}/manifests/v1")


def test_a_push_that_breaks_fails_visibly_and_can_be_tried_again(own_sandbox: Sandbox, gateway: Gateway) -> None:
    blob = os.urandom(4 * MIB)
    own_sandbox.add_fault(where="registry", match={"method": "PATCH"}, kind="reset", after_bytes=BROKEN_AT, times=1)
    with pytest.raises((ConnectionError, Unexpected)), RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_blob(REPOSITORY, blob)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_blob(REPOSITORY, blob)


def test_a_connection_that_died_in_the_pool_is_not_the_clients_trouble(
    own_sandbox: Sandbox, gateway: Gateway, stored: Image
) -> None:
    """The upstream resets the next request: what is harmless to repeat is repeated on a fresh connection."""
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.pull_manifest(REPOSITORY, "v1")
        own_sandbox.add_fault(where="registry", match={"method": "GET"}, kind="reset", times=1)
        assert client.pull_manifest(REPOSITORY, "v1") == stored.manifest
