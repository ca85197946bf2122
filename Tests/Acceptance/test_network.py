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
from harness.link import FAR, Link
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Connection, basic

REPOSITORY = "network/app"
BLACKHOLE_SECONDS = 30


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
