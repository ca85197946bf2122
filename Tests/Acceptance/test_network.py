"""Packets that are lost, late and out of order between Berth and its upstream: not only sockets that report an error."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.gateway import Gateway
from harness.images import MIB, Image, blob_image, digest_of
from harness.link import FAR, OTHER_FAR, Link
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox, with_replica
from harness.wire import Connection, basic
from test_failover import Regions, store, upstream_status

REPOSITORY = "network/app"
BLACKHOLE_SECONDS = 30
PULLS = 20


@pytest.fixture
def link() -> Iterator[Link]:
    link = Link(seed=14)
    yield link
    link.stop()


@pytest.fixture
def sandbox_at_the_far_end(link: Link, berth: Path, own_directory: Path) -> Iterator[Sandbox]:
    with link.far:
        sandbox = Sandbox(berth, own_directory / "far", "--listen", FAR)
        sandbox.create_repositories(REPOSITORY)
    yield sandbox
    sandbox.stop()


@pytest.fixture
def gateway(link: Link, sandbox_at_the_far_end: Sandbox, start_gateway: StartGateway) -> Gateway:
    with link.near:
        gateway = start_gateway(sandbox_at_the_far_end)
        gateway.wait_until_ready()
    return gateway


def pushed(gateway: Gateway, *sizes: int) -> Image:
    image = blob_image(*(os.urandom(size) for size in sizes))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    return image


def test_a_line_that_loses_delays_and_reorders(link: Link, gateway: Gateway) -> None:
    """5% of the packets lost each way, 100 ms there and back, one packet in ten overtakes."""
    link.loss, link.delay, link.reordering = 0.05, 0.05, 0.1
    with link.near:
        image = pushed(gateway, MIB, 100_000, 10)
        for address in (gateway.plain, gateway.tls):
            with RegistryClient(address, gateway.username, gateway.password) as client:
                client.pull_image(REPOSITORY, "v1", image)
    assert link.lost > 10, link.lost


def test_a_pull_outlives_a_black_hole(link: Link, gateway: Gateway) -> None:
    """Nobody is told that the line is cut: packets vanish for half a minute in the middle of a blob."""
    with link.near:
        image = pushed(gateway, 32 * MIB)
        digest = digest_of(image.layers[0])
        with Connection(gateway.plain, receive_buffer=64 * 1024, timeout=120) as client:
            client.send_head("GET", f"/v2/{REPOSITORY}/blobs/{digest}", {"Authorization": basic(gateway.username, gateway.password)})
            body = client.body(client.receive_final_head())
            received = [next(body)]
            link.cut(FAR)
            mending = threading.Timer(BLACKHOLE_SECONDS, link.mend)
            mending.start()
            received.extend(body)
            mending.join()
    assert digest_of(b"".join(received)) == digest


# A region whose packets vanish, and a replica of its registry behind another line.


@pytest.fixture
def replica_at_the_far_end(link: Link, berth: Path, own_directory: Path, sandbox_at_the_far_end: Sandbox) -> Iterator[Sandbox]:
    options = ("--listen", OTHER_FAR, "--same-account-as", str(sandbox_at_the_far_end.directory / "data"), "--region", "eu-central-1")
    with link.far:
        sandbox = Sandbox(berth, own_directory / "replica", *options)
    yield sandbox
    sandbox.stop()


def seconds_of_pull(regions: Regions, repository: str, image: Image) -> float:
    start = time.monotonic()
    with regions.client() as client:
        client.pull_image(repository, "small", image)
    return time.monotonic() - start


def test_a_region_that_is_lost_in_mid_pull(
    link: Link, sandbox_at_the_far_end: Sandbox, replica_at_the_far_end: Sandbox, start_gateway: StartGateway
) -> None:
    """A pull goes on at the replica at its byte; new pulls have to wait until the breaker opens, and then no longer."""
    first, replica = sandbox_at_the_far_end, replica_at_the_far_end
    large, small = blob_image(os.urandom(48 * MIB)), blob_image(os.urandom(100_000))
    digest = digest_of(large.layers[0])
    with link.near:
        for sandbox in (first, replica):
            store(sandbox, large, "large", repository=REPOSITORY)
            store(sandbox, small, "small", repository=REPOSITORY)
        gateway = start_gateway(first, **with_replica(first, replica), timeouts={"stall": "2s"})
        gateway.wait_until_ready()
        regions = Regions(first, replica, gateway)
        wait_until(lambda: upstream_status(gateway)["fallbacks"][0]["ready"], "the fallback's token")
        undisturbed = sorted(seconds_of_pull(regions, REPOSITORY, small) for _ in range(PULLS))[PULLS // 2]

        with Connection(gateway.plain, receive_buffer=64 * 1024, timeout=120) as client:
            client.send_head("GET", f"/v2/{REPOSITORY}/blobs/{digest}", {"Authorization": basic(gateway.username, gateway.password)})
            head = client.receive_final_head()
            body = client.body(head)
            received = [next(body)]
            link.cut(FAR)
            rest = threading.Thread(target=lambda: received.extend(body))
            rest.start()
            waiting = [seconds_of_pull(regions, REPOSITORY, small)]
            while regions.state(first) == 1:
                waiting.append(seconds_of_pull(regions, REPOSITORY, small))
            later = sorted(seconds_of_pull(regions, REPOSITORY, small) for _ in range(PULLS))
            rest.join()
        assert digest_of(b"".join(received)) == digest
        assert regions.registry_of(head) == replica.registry_host
        assert link.lost > 0
        # The first ones find out that nothing comes back. Of the later ones, one at a time tries whether the region is back.
        middle = later[PULLS // 2]
        assert middle < max(waiting) / 10, f"{middle} s, before the breaker opened {max(waiting)} s"
        assert middle < undisturbed * 20, f"{middle} s, undisturbed {undisturbed} s"

        link.mend()

        def is_back() -> bool:
            seconds_of_pull(regions, REPOSITORY, small)
            return regions.state(first) == 1

        wait_until(is_back, "the first registry", 90)
        response = regions.get(f"/v2/{REPOSITORY}/manifests/small")
        assert response.status == 200 and regions.registry_of(response) is None
