"""Pushes and deletions through Berth: what may have been done ends what the cache knows, and what has come to nothing leaves it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.cache import STALE, Asked, get, pull_image, result, settings, store, together, wait_until_kept, wait_until_on
from harness.gateway import EVERYTHING, PASSWORD, Gateway, user
from harness.images import MANIFEST_TYPE, Image, blob_image, digest_of
from harness.processes import wait_until
from harness.sandbox import Sandbox
from harness.wire import Response, basic, request

REPOSITORY = "team/app"
USERS = [{"name": "ci", "password_hash": user("ci", "x")["password_hash"], "access": EVERYTHING}]


@pytest.fixture
def kept(own_directory: Path) -> Path:
    return own_directory / "cache"


@pytest.fixture
def image() -> Image:
    return blob_image(os.urandom(100_000), os.urandom(5000))


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image) -> Gateway:
    """Holds the image, which has two tags."""
    store(own_sandbox, image, f"{REPOSITORY}:v1", f"{REPOSITORY}:v2")
    running = start_gateway(own_sandbox, users=USERS, cache=settings(kept))
    running.wait_until_ready()
    wait_until_on(running)
    for tag in ("v1", "v2"):
        pull_image(running, REPOSITORY, tag, image)
    wait_until_kept(running, kept, image.digest, *(digest_of(each) for each in image.blobs))
    return running


def away(sandbox: Sandbox) -> None:
    sandbox.clear_faults()
    for where in ("registry", "s3"):
        sandbox.add_fault(where=where, kind="reset", times=-1)


def delete(gateway: Gateway, target: str) -> Response:
    return get(gateway, f"{REPOSITORY}/{target}", method="DELETE")


def push(gateway: Gateway, tag: str, manifest: bytes) -> Response:
    fields = {"Content-Type": MANIFEST_TYPE}
    target = f"/v2/{REPOSITORY}/manifests/{tag}"
    return request(gateway.plain, "PUT", target, fields, manifest, authorization=basic("ci", PASSWORD))


def check_known(gateway: Gateway, image: Image, *tags: str) -> None:
    """Without a registry, the image is pulled as before."""
    for tag in tags:
        response = get(gateway, f"{REPOSITORY}/manifests/{tag}")
        assert response.status == 200 and response.body == image.manifest and response.fields["warning"] == STALE, (tag, response)
    for target in (f"manifests/{image.digest}", *(f"blobs/{digest_of(each)}" for each in image.blobs)):
        response = get(gateway, f"{REPOSITORY}/{target}")
        assert response.status == 200 and result(gateway, response) == "hit", (target, response)


# What comes to nothing.


def refused(sandbox: Sandbox) -> None:
    """No connection."""
    sandbox.stop()


def denied(sandbox: Sandbox) -> None:
    sandbox.add_fault(where="registry", kind="status", status=403, times=-1, match={"method": "DELETE"})


def throttled(sandbox: Sandbox) -> None:
    sandbox.add_fault(where="registry", kind="status", status=429, times=-1, match={"method": "DELETE"})


def denied_by_the_api(sandbox: Sandbox) -> None:
    """The registry has no DELETE, and the gateway's role may not delete."""
    sandbox.switch(delete_manifest=False)
    sandbox.add_fault(where="api", kind="status", status=400, times=-1)


@pytest.mark.parametrize("way", [refused, denied, throttled, denied_by_the_api])
def test_a_deletion_that_comes_to_nothing_leaves_what_is_known(
    own_sandbox: Sandbox, gateway: Gateway, image: Image, way: Callable[[Sandbox], None]
) -> None:
    way(own_sandbox)
    targets = ("manifests/v1", f"manifests/{image.digest}", f"blobs/{digest_of(image.layers[0])}")
    with together(len(targets)) as begin:
        deletions = [begin(delete, gateway, target) for target in targets]
    assert all(deletion.result().status >= 400 for deletion in deletions)
    if way is not refused:
        away(own_sandbox)
    check_known(gateway, image, "v1", "v2")


def test_a_deletion_without_a_token_leaves_what_is_known(
    own_sandbox: Sandbox, gateway: Gateway, start_gateway: StartGateway, kept: Path, image: Image
) -> None:
    assert gateway.stop() == 0
    own_sandbox.add_fault(where="api", kind="status", status=500, times=-1)
    again = start_gateway(own_sandbox, users=USERS, cache=settings(kept))
    wait_until_on(again)
    for target in ("manifests/v1", f"manifests/{image.digest}"):
        assert delete(again, target).status == 503
    check_known(again, image, "v1", "v2")


def test_a_deletion_of_a_tag_that_is_gone_leaves_its_image(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    own_sandbox.ecr().batch_delete_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": "v1"}])
    assert delete(gateway, "manifests/v1").status == 404
    away(own_sandbox)
    assert get(gateway, f"{REPOSITORY}/manifests/v1").status >= 500
    check_known(gateway, image, "v2")


def test_until_a_deletion_is_done_the_image_is_served(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    target = f"{REPOSITORY}/manifests/{image.digest}"
    own_sandbox.add_fault(where="registry", kind="stall", seconds=2, times=1, match={"method": "DELETE"})
    with together(1) as begin:
        deletion = begin(get, gateway, target, method="DELETE")
        wait_until(lambda: gateway.metric("berth_exchanges_in_flight") == 1, "the deletion's exchange", 5)
        asked = Asked(own_sandbox)
        assert get(gateway, target).status == 200 and asked() == {} and not deletion.done()
        assert deletion.result().status == 202
    assert get(gateway, target).status == 404


def test_a_push_that_comes_to_nothing_leaves_the_tag(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    newer = blob_image(os.urandom(100))
    refused(own_sandbox)
    assert push(gateway, "v1", newer.manifest).status >= 500
    check_known(gateway, image, "v1", "v2")


# What may have been done.


@pytest.mark.parametrize("has_delete", [True, False], ids=["registry", "api"])
def test_a_deletion_finds_out_that_the_image_is_gone(own_sandbox: Sandbox, gateway: Gateway, image: Image, has_delete: bool) -> None:
    own_sandbox.switch(delete_manifest=has_delete)
    own_sandbox.ecr().batch_delete_image(repositoryName=REPOSITORY, imageIds=[{"imageDigest": image.digest}])
    target = f"manifests/{image.digest}"
    assert get(gateway, f"{REPOSITORY}/{target}").status == 200, "nobody has told Berth"
    assert delete(gateway, target).status == 404
    away(own_sandbox)
    for each in (target, "manifests/v1", "manifests/v2"):
        assert get(gateway, f"{REPOSITORY}/{each}").status >= 500, each


@pytest.mark.parametrize("kind", ["reset", "status"])
@pytest.mark.parametrize("reference", ["tag", "digest"])
def test_a_deletion_whose_response_from_the_api_is_lost_is_forgotten(
    own_sandbox: Sandbox, gateway: Gateway, image: Image, kind: str, reference: str
) -> None:
    own_sandbox.switch(delete_manifest=False)
    own_sandbox.add_fault(where="api", kind=kind, status=500, times=-1)
    assert delete(gateway, f"manifests/{image.digest if reference == 'digest' else 'v1'}").status >= 400
    asked = Asked(own_sandbox)
    assert get(gateway, f"{REPOSITORY}/manifests/{image.digest}").status == 200
    assert asked(), "the registry's word is asked for again"


def test_a_push_that_may_have_been_taken_ends_the_last_known_tag(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    """Its first attempt has no response, and the second one is never sent: no token is left."""
    newer = blob_image(os.urandom(100))
    own_sandbox.add_fault(where="registry", kind="reset", times=1, match={"method": "PUT"})
    own_sandbox.add_fault(where="registry", kind="status", status=401, times=-1, match={"method": "PUT"})
    own_sandbox.add_fault(where="api", kind="status", status=500, times=-1)
    assert push(gateway, "v1", newer.manifest).status >= 500
    away(own_sandbox)
    assert get(gateway, f"{REPOSITORY}/manifests/v1").status >= 500
    check_known(gateway, image, "v2")
