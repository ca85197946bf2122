"""The registry and its storage are away: what is held is pulled as always, and what is not gets 503 with the reason, soon."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.cache import STALE, get, pull_image, result, settings, store, wait_until_kept, wait_until_on
from harness.gateway import Gateway
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import wait_until
from harness.sandbox import Sandbox, with_replica
from harness.wire import Response

REPOSITORY = "team/app"
SLOWER_SECONDS = 1.0  # than with a registry that answers, at most


def refused(sandbox: Sandbox) -> None:
    sandbox.stop()


def reset(sandbox: Sandbox) -> None:
    for where in ("registry", "s3", "api"):
        sandbox.add_fault(where=where, kind="reset", times=-1)


def stalled(sandbox: Sandbox) -> None:
    for where in ("registry", "s3", "api"):
        sandbox.add_fault(where=where, kind="stall", seconds=60, times=-1)


def failing(sandbox: Sandbox) -> None:
    for where in ("registry", "s3", "api"):
        sandbox.add_fault(where=where, kind="status", status=503, times=-1)


WAYS = [refused, reset, stalled, failing]


@pytest.fixture
def kept(own_directory: Path) -> Path:
    return own_directory / "cache"


@pytest.fixture
def image() -> Image:
    return blob_image(os.urandom(4 * MIB), os.urandom(5000))


@pytest.fixture
def unknown(own_sandbox: Sandbox) -> Image:
    """In the registry, and never pulled."""
    image = blob_image(os.urandom(100_000))
    store(own_sandbox, image, f"{REPOSITORY}:unknown")
    return image


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image, unknown: Image) -> Gateway:
    """Holds the image."""
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    running = start_gateway(own_sandbox, cache=settings(kept))
    running.wait_until_ready()
    wait_until_on(running)
    pull_image(running, REPOSITORY, "v1", image)
    wait_until_kept(running, kept, image.digest, *(digest_of(each) for each in image.blobs))
    return running


def timed(call: Callable[[], Response]) -> tuple[Response, float]:
    begun = time.monotonic()
    response = call()
    return response, time.monotonic() - begun


def wait_until_noticed(gateway: Gateway, sandbox: Sandbox) -> None:
    """The first requests find out that the registry is away."""

    def is_noticed() -> bool:
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1"))
        is_open = gateway.metric("berth_upstream_state", registry=sandbox.registry_host) == 0
        return is_open and response.fields.get("warning") == STALE and seconds < SLOWER_SECONDS

    wait_until(is_noticed, "an open breaker", 60)


@pytest.mark.parametrize("way", WAYS)
def test_known_images_are_pulled_without_a_registry(
    own_sandbox: Sandbox, gateway: Gateway, image: Image, way: Callable[[Sandbox], None]
) -> None:
    _, usual = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1"))
    way(own_sandbox)
    for target in (f"manifests/{image.digest}", *(f"blobs/{digest_of(each)}" for each in image.blobs)):
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/{target}"))
        assert response.status == 200 and digest_of(response.body) == target.split("/")[1]
        assert result(gateway, response) == "hit" and seconds < SLOWER_SECONDS, (target, seconds)
    begun = time.monotonic()
    assert get(gateway, f"{REPOSITORY}/manifests/v1").body == image.manifest, "also the first one, which finds out"
    assert time.monotonic() - begun < 15
    wait_until_noticed(gateway, own_sandbox)
    for _ in range(10):
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1"))
        assert response.status == 200 and response.body == image.manifest and response.fields["warning"] == STALE
        assert seconds < usual + SLOWER_SECONDS, seconds
    reason = gateway.access_line(response)["reason"]
    assert reason.startswith("no registry answers") and "does not have this" not in reason, reason
    pull_image(gateway, REPOSITORY, "v1", image)


@pytest.mark.parametrize("way", WAYS)
def test_unknown_images_get_503_with_the_reason_soon(
    own_sandbox: Sandbox, gateway: Gateway, unknown: Image, way: Callable[[Sandbox], None]
) -> None:
    way(own_sandbox)
    wait_until_noticed(gateway, own_sandbox)
    for target in ("manifests/unknown", f"manifests/{unknown.digest}", f"blobs/{digest_of(unknown.layers[0])}", "manifests/absent"):
        for method in ("GET", "HEAD"):
            response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/{target}", method=method))
            assert response.status == 503 and int(response.fields["retry-after"]) > 0, (target, response)
            assert seconds < SLOWER_SECONDS, (method, target, seconds)
            if method == "GET":
                assert response.code == "UNAVAILABLE" and response.error and response.error["message"]
            assert gateway.access_line(response)["reason"]


def test_a_repository_that_fails_leaves_the_others_alone(own_sandbox: Sandbox, gateway: Gateway, unknown: Image) -> None:
    """Its requests open the registry's breaker, and the registry is there."""
    own_sandbox.add_fault(where="registry", kind="status", status=500, times=-1, match={"path_prefix": "/v2/broken/"})
    for _ in range(3):
        assert get(gateway, "broken/manifests/v1").status == 500
        for target in (f"manifests/{unknown.digest}", "manifests/unknown", f"blobs/{digest_of(unknown.layers[0])}"):
            response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/{target}"))
            assert response.status == 200 and seconds < SLOWER_SECONDS, (response, seconds)
    assert any(line.get("message") == "registry failing" for line in gateway.log_lines()), "the breaker has opened"


def test_unknown_images_get_503_soon_where_all_replicas_are_away_too(
    own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway, kept: Path, image: Image
) -> None:
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    gateway = start_gateway(own_sandbox, **with_replica(own_sandbox, replica), cache=settings(kept))
    gateway.wait_until_ready()
    wait_until_on(gateway)
    pull_image(gateway, REPOSITORY, "v1", image)
    wait_until_kept(gateway, kept, image.digest, *(digest_of(each) for each in image.blobs))
    reset(own_sandbox)
    reset(replica)
    wait_until_noticed(gateway, own_sandbox)
    for target in ("manifests/unknown", f"blobs/{digest_of(os.urandom(8))}"):
        wait_until(lambda: timed(lambda: get(gateway, f"{REPOSITORY}/{target}"))[1] < SLOWER_SECONDS, "a breaker of each", 60)
        for method in ("GET", "HEAD"):
            response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/{target}", method=method))
            assert response.status == 503 and seconds < SLOWER_SECONDS, (method, target, seconds, response)
    pull_image(gateway, REPOSITORY, "v1", image)
    own_sandbox.clear_faults()
    wait_until(lambda: "warning" not in get(gateway, f"{REPOSITORY}/manifests/v1").fields, "the registry's word", 70)
    assert get(gateway, f"{REPOSITORY}/manifests/unknown").status == 404


def test_pulls_go_on_through_a_whole_outage(own_sandbox: Sandbox, gateway: Gateway, image: Image) -> None:
    """Without a failure: before it, while it begins, in it, while it ends, and after it."""
    statuses: list[int] = []
    slowest = 0.0
    for moment in range(60):
        if moment == 10:
            reset(own_sandbox)
        if moment == 40:
            own_sandbox.clear_faults()
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1"))
        statuses.append(response.status)
        slowest = max(slowest, seconds)
        assert get(gateway, f"{REPOSITORY}/blobs/{digest_of(image.layers[1])}").body == image.layers[1]
        time.sleep(0.05)
    assert set(statuses) == {200} and slowest < 12, (statuses, slowest)
    wait_until(lambda: "warning" not in get(gateway, f"{REPOSITORY}/manifests/v1").fields, "the registry's word", 70)


def test_an_outage_of_the_storage_alone_keeps_what_is_held(own_sandbox: Sandbox, gateway: Gateway, image: Image, unknown: Image) -> None:
    own_sandbox.add_fault(where="s3", kind="status", status=503, times=-1)
    pull_image(gateway, REPOSITORY, "v1", image)
    assert "warning" not in get(gateway, f"{REPOSITORY}/manifests/v1").fields
    response = get(gateway, f"{REPOSITORY}/blobs/{digest_of(unknown.layers[0])}")
    assert response.status == 503, response


def test_a_push_while_the_registry_is_away_fails(own_sandbox: Sandbox, gateway: Gateway) -> None:
    reset(own_sandbox)
    response = get(gateway, f"{REPOSITORY}/blobs/uploads/", {"Content-Length": "0"}, method="POST")
    assert response.status >= 500, response
