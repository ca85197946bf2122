"""Who waits for the download of another client, from a registry that does not respond."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.cache import get, result, settings, store, together, wait_until_on
from harness.images import Image, blob_image, digest_of
from harness.sandbox import Sandbox, with_replica

REPOSITORY = "team/app"


@pytest.fixture
def kept(own_directory: Path) -> Path:
    return own_directory / "cache"


@pytest.fixture
def image() -> Image:
    return blob_image(os.urandom(400_000))


def test_a_registry_that_hangs_holds_up_nobody_who_asks_another(
    own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway, kept: Path, image: Image
) -> None:
    for sandbox in (own_sandbox, replica):
        store(sandbox, image, f"{REPOSITORY}:v1")
    main = own_sandbox.upstream["upstreams"][0]
    gateway = start_gateway(
        own_sandbox,
        **with_replica(own_sandbox, replica, upstreams=[main, main | {"name": "other", "registry": replica.registry_host}]),
        routes=[{"upstream": "main"}, {"prefix": "other/", "upstream": "other", "upstream_prefix": ""}],
        cache=settings(kept),
    )
    gateway.wait_until_ready()
    wait_until_on(gateway)
    blob = f"{REPOSITORY}/blobs/{digest_of(image.layers[0])}"
    own_sandbox.add_fault(where="registry", kind="stall", seconds=20, times=-1, match={"method": "GET"})
    with together(2) as begin:
        first = begin(get, gateway, blob)
        time.sleep(1)
        begun = time.monotonic()
        response = get(gateway, f"other/{blob}")
        assert response.body == image.layers[0] and time.monotonic() - begun < 6, response
        assert result(gateway, response) == "miss"
        own_sandbox.clear_faults()
        assert first.result().status in (200, 504)


def test_who_waited_in_vain_tries_as_long_as_others(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image
) -> None:
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    gateway = start_gateway(own_sandbox, workers=1, cache=settings(kept))
    gateway.wait_until_ready()
    wait_until_on(gateway)
    blob = f"{REPOSITORY}/blobs/{digest_of(image.layers[0])}"
    own_sandbox.add_fault(where="registry", kind="reset", times=-1, match={"path_prefix": f"/v2/{blob}"})
    with together(2) as begin:
        first = begin(get, gateway, blob)
        time.sleep(0.2)
        second = begin(get, gateway, blob)
        assert first.result().status >= 500
        time.sleep(4)
        own_sandbox.clear_faults()
        response = second.result()
        assert response.status == 200 and response.body == image.layers[0], response
