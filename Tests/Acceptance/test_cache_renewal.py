"""What clients use is confirmed again while the registry answers, so that nearly all of `stale` is left when it goes away."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.cache import Asked, direct, get, pull_image, result, settings, store, wait_until_kept, wait_until_on
from harness.gateway import Gateway, user
from harness.images import INDEX_TYPE, MANIFEST_TYPE, Image, blob_image, descriptor, digest_of, encode
from harness.processes import wait_until
from harness.sandbox import Sandbox, with_replica

REPOSITORY, OTHER = "team/app", "team/other"
READER = "reader"
STALE_SECONDS = 20
OLD_SECONDS = 3.1  # more than a tenth of it


@pytest.fixture
def kept(own_directory: Path) -> Path:
    return own_directory / "cache"


@pytest.fixture
def image() -> Image:
    """A layer in a file, and a small one in memory."""
    return blob_image(os.urandom(400_000), os.urandom(5000))


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image) -> Gateway:
    """Holds the image."""
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    users = [user("ci", "**", actions=("pull", "push", "delete")), user(READER, "**", actions=("pull",))]
    running = start_gateway(own_sandbox, workers=4, users=users, cache=settings(kept, stale=f"{STALE_SECONDS}s"))
    warm(running, kept, image)
    return running


def warm(gateway: Gateway, kept: Path, image: Image, repository: str = REPOSITORY) -> None:
    gateway.wait_until_ready()
    wait_until_on(gateway)
    pull_image(gateway, repository, "v1", image)
    wait_until_kept(gateway, kept, image.digest, *(digest_of(each) for each in image.blobs))


def away(sandbox: Sandbox) -> None:
    for where in ("registry", "s3"):
        sandbox.add_fault(where=where, kind="reset", times=-1)


def layer(image: Image) -> str:
    return f"{REPOSITORY}/blobs/{digest_of(image.layers[0])}"


def check_held(gateway: Gateway, image: Image, repository: str = REPOSITORY) -> None:
    """All of the image is there without the registry."""
    for target in (f"manifests/{image.digest}", *(f"blobs/{digest_of(each)}" for each in image.blobs)):
        response = get(gateway, f"{repository}/{target}")
        assert response.status == 200 and result(gateway, response) == "hit", (target, response)


def test_a_hit_has_an_old_confirmation_renewed_once(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    asked = Asked(own_sandbox)
    assert result(gateway, get(gateway, layer(image))) == "hit"
    assert asked() == {}, "it is not old"
    time.sleep(OLD_SECONDS)
    for _ in range(10):
        assert result(gateway, get(gateway, layer(image))) == "hit"
    wait_until(lambda: asked() == {"registry.blob_head": 1}, "the question")
    time.sleep(OLD_SECONDS)
    response = get(gateway, f"{REPOSITORY}/manifests/{image.digest}")
    assert result(gateway, response) == "hit"
    wait_until(lambda: asked().get("registry.manifest_head") == 1, "the question")
    # With it what the manifest refers to: the configuration and both layers.
    wait_until(lambda: asked() == {"registry.blob_head": 4, "registry.manifest_head": 1}, "the questions")


def test_a_head_that_the_cache_answers_has_it_renewed_too(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    """As nodes ask that have an image, by its digest."""
    time.sleep(OLD_SECONDS)
    asked = Asked(own_sandbox)
    manifest = f"{REPOSITORY}/manifests/{image.digest}"
    assert result(gateway, get(gateway, manifest, {"Accept": MANIFEST_TYPE}, method="HEAD", user=READER)) == "hit"
    wait_until(lambda: asked() == {"registry.blob_head": 3, "registry.manifest_head": 1}, "the questions")
    time.sleep(OLD_SECONDS)
    assert result(gateway, get(gateway, layer(image), method="HEAD", user=READER)) == "hit"
    wait_until(lambda: asked() == {"registry.blob_head": 4, "registry.manifest_head": 1}, "the question")


def test_no_hit_waits_for_the_question(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    time.sleep(OLD_SECONDS)
    own_sandbox.add_fault(where="registry", kind="stall", seconds=2, times=-1)
    for _ in range(5):
        begun = time.monotonic()
        assert result(gateway, get(gateway, layer(image))) == "hit"
        assert time.monotonic() - begun < 1


def test_an_image_of_which_only_the_tag_is_asked_for_outlives_its_last_pull(
    own_sandbox: Sandbox, gateway: Gateway, image: Image
) -> None:
    """As nodes do that have its layers."""
    end = time.monotonic() + STALE_SECONDS + 2
    while time.monotonic() < end:
        assert get(gateway, f"{REPOSITORY}/manifests/v1", {"Accept": MANIFEST_TYPE}, method="HEAD").status == 200
        time.sleep(0.5)
    time.sleep(1)
    away(own_sandbox)
    check_held(gateway, image)
    response = get(gateway, f"{REPOSITORY}/manifests/v1")
    assert response.status == 200 and result(gateway, response) == "stale"


def test_what_the_index_of_a_tag_leads_to_is_confirmed_with_it(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, image: Image
) -> None:
    index = encode({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [descriptor(MANIFEST_TYPE, image.manifest)]})
    with direct(own_sandbox) as registry:
        registry.push_manifest(REPOSITORY, "multi", index, INDEX_TYPE)
    accept = {"Accept": f"{INDEX_TYPE}, {MANIFEST_TYPE}"}
    assert get(gateway, f"{REPOSITORY}/manifests/multi", accept).body == index
    wait_until_kept(gateway, kept, digest_of(index))
    end = time.monotonic() + STALE_SECONDS + 2
    while time.monotonic() < end:
        assert get(gateway, f"{REPOSITORY}/manifests/multi", accept).body == index
        time.sleep(0.5)
    time.sleep(1)
    away(own_sandbox)
    check_held(gateway, image)


def test_layers_that_another_repository_has_brought_are_confirmed_too(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, image: Image
) -> None:
    """The nodes of the other repository had them already, and never asked for them there."""
    store(own_sandbox, image, f"{OTHER}:v1")
    for _ in range(2):
        assert get(gateway, f"{OTHER}/manifests/v1").status == 200
        time.sleep(OLD_SECONDS)
    away(own_sandbox)
    check_held(gateway, image, OTHER)


def test_what_the_registry_has_no_more_is_forgotten(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    own_sandbox.ecr().batch_delete_image(repositoryName=REPOSITORY, imageIds=[{"imageDigest": image.digest}])
    time.sleep(OLD_SECONDS)
    assert get(gateway, f"{REPOSITORY}/manifests/{image.digest}").status == 200, "it is served once more"
    wait_until(lambda: get(gateway, f"{REPOSITORY}/manifests/{image.digest}").status == 404, "the registry's word", 5)
    away(own_sandbox)
    assert get(gateway, f"{REPOSITORY}/manifests/{image.digest}").status != 200


def test_a_deletion_meanwhile_wins(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    time.sleep(OLD_SECONDS)
    target = f"{REPOSITORY}/manifests/{image.digest}"
    # The response of before the deletion comes after it.
    own_sandbox.add_fault(where="registry", kind="stall", after_bytes=0, seconds=2, times=1, match={"method": "HEAD"})
    assert result(gateway, get(gateway, target)) == "hit"
    time.sleep(0.2)
    assert get(gateway, target, method="DELETE").status == 202
    time.sleep(2.5)
    away(own_sandbox)
    assert get(gateway, target).status != 200


def test_a_registry_that_fails_is_not_asked(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    own_sandbox.add_fault(where="registry", kind="reset", times=-1)
    for _ in range(6):
        get(gateway, f"{REPOSITORY}/manifests/absent")
    wait_until(lambda: gateway.metric("berth_upstream_state", registry=own_sandbox.registry_host) == 0, "an open breaker", 30)
    time.sleep(OLD_SECONDS)
    asked = Asked(own_sandbox)
    before = asked()
    for _ in range(10):
        assert result(gateway, get(gateway, layer(image))) == "hit"
    time.sleep(0.5)
    assert asked() == before


def test_a_replica_confirms_nothing(
    own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway, kept: Path, image: Image
) -> None:
    for sandbox in (own_sandbox, replica):
        store(sandbox, image, f"{REPOSITORY}:v1")
    gateway = start_gateway(own_sandbox, **with_replica(own_sandbox, replica), cache=settings(kept, stale=f"{STALE_SECONDS}s"))
    warm(gateway, kept, image)
    own_sandbox.add_fault(where="registry", kind="reset", times=-1)
    time.sleep(OLD_SECONDS)
    asked = Asked(replica)
    for _ in range(5):
        assert result(gateway, get(gateway, layer(image))) == "hit"
    time.sleep(1)
    assert asked().get("registry.blob_head") is None
