"""Transfers that break on the upstream's side: a client gets the whole blob or a clear failure, never a short or wrong blob."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import StartGateway
from harness.address import Address
from harness.gateway import Gateway
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient, Unexpected
from harness.sandbox import Sandbox
from harness.scripted import ScriptedServer
from harness.tls import Authority
from harness.wire import Connection, basic

REPOSITORY = "faults/app"
STALL_TIMEOUT_SECONDS = 2
BROKEN_AT = MIB
AT_ONCE, PULLS, BREAKS = 16, 5, 150


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


@pytest.mark.parametrize("where", ["s3", "registry"])
@pytest.mark.parametrize("kind", ["reset", "truncate", "stall"])
def test_a_broken_pull_resumes_at_its_byte(
    own_sandbox: Sandbox, gateway: Gateway, stored: Image, kind: str, where: str
) -> None:
    """Twice: the rest breaks as well. The client sees one response."""
    own_sandbox.switch(blob_redirect=where == "s3")
    match = {"method": "GET", "path_prefix": "/" if where == "s3" else f"/v2/{REPOSITORY}/blobs/"}
    own_sandbox.add_fault(where=where, match=match, kind=kind, after_bytes=BROKEN_AT, seconds=60, times=2)
    assert pull(gateway, stored) == stored.layers[0]
    assert gateway.metric("berth_replays_total", reason="resumed") == 2


def test_a_url_that_expires_in_mid_transfer_is_renewed_at_the_byte_it_had_reached(
    own_sandbox: Sandbox, gateway: Gateway, stored: Image
) -> None:
    own_sandbox.add_fault(where="s3", match={"method": "GET"}, kind="reset", after_bytes=BROKEN_AT, times=1)
    own_sandbox.add_fault(where="s3", match={"method": "GET"}, kind="status", status=403, times=1)
    layer = stored.layers[0]
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        fields = {"Range": "bytes=1000-3999999"}
        response = client.expect((206,), "GET", f"/v2/{REPOSITORY}/blobs/{digest_of(layer)}", fields)
    assert response.body == layer[1000:4_000_000] and response.fields["content-range"] == f"bytes 1000-3999999/{len(layer)}"
    assert gateway.metric("berth_replays_total", reason="resumed") == 1
    assert gateway.metric("berth_replays_total", reason="expired_url") == 1


@pytest.mark.parametrize("response", ["200 OK\r\nContent-Length: 3", "206 Partial Content\r\nContent-Range: bytes 0-2/3\r\nContent-Length: 3"])
def test_a_wrong_rest_never_reaches_the_client(
    own_sandbox: Sandbox, start_gateway: StartGateway, gateway: Gateway, stored: Image, authority: Authority, response: str
) -> None:
    """Asked to resume, the storage starts from the beginning. The transfer ends visibly short, and no byte is wrong."""
    bucket = next(name for name in own_sandbox.facts["connect_to"] if name.startswith("*.s3."))
    region = own_sandbox.facts["region"]
    host = f"prod-{region}-starport-layer-bucket{bucket[1:].rpartition(':')[0]}"
    layer = stored.layers[0]
    first = f"HTTP/1.1 200 OK\r\nContent-Length: {len(layer)}\r\nConnection: close\r\n\r\n".encode() + layer[:BROKEN_AT]
    storage = ScriptedServer(authority.issue("storage", f"DNS:{host}"), first, f"HTTP/1.1 {response}\r\n\r\nbad".encode(), closes=True)
    trust = own_sandbox.directory / "both.crt"
    trust.write_text(own_sandbox.ca.read_text() + authority.certificate.read_text())
    connect_to = own_sandbox.facts["connect_to"] | {f"{host}:443": storage.address.authority}
    before = start_gateway(own_sandbox, connect_to=connect_to, ca_file=str(trust))
    before.wait_until_ready()
    try:
        with pytest.raises(ConnectionError):
            pull(before, stored)
    finally:
        storage.stop()
    assert storage.heard.count(b"GET ") > 1 and f"Range: bytes={BROKEN_AT}-{len(layer) - 1}".encode() in storage.heard


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_a_slow_client_has_not_stalled(gateway: Gateway, listener: str) -> None:
    """The kernel calls a socket writable again only when a third of its send buffer is free. A thin line needs longer than the timeout for that much."""
    image = blob_image(os.urandom(64 * MIB))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "slow", image)
    with Connection(getattr(gateway, listener), receive_buffer=256 << 10) as connection:
        fields = {"Authorization": basic(gateway.username, gateway.password)}
        connection.send_head("GET", f"/v2/{REPOSITORY}/blobs/{digest_of(image.layers[0])}", fields)
        assert connection.socket.recv(8 << 10).startswith(b"HTTP/1.1 200")
        end = time.monotonic() + 5 * STALL_TIMEOUT_SECONDS
        while time.monotonic() < end:
            assert connection.socket.recv(8 << 10)
            time.sleep(0.04)  # some 200 KiB a second
    assert not [line for line in gateway.log_lines() if line.get("end") == "client_stalled"]


def test_a_stall_is_logged_with_the_side_that_stalled(own_sandbox: Sandbox, gateway: Gateway, stored: Image) -> None:
    own_sandbox.add_fault(where="s3", match={"method": "GET"}, kind="stall", after_bytes=0, seconds=60, times=-1)
    with pytest.raises((ConnectionError, Unexpected)):
        pull(gateway, stored)
    assert any("upstream" in str(line) for line in gateway.log_lines() if "/blobs/" in str(line))


def test_a_broken_push_fails_visibly_and_can_be_retried(own_sandbox: Sandbox, gateway: Gateway) -> None:
    blob = os.urandom(4 * MIB)
    own_sandbox.add_fault(where="registry", match={"method": "PATCH"}, kind="reset", after_bytes=BROKEN_AT, times=1)
    with pytest.raises((ConnectionError, Unexpected)), RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_blob(REPOSITORY, blob)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_blob(REPOSITORY, blob)


def test_a_dead_pooled_connection_is_not_visible_to_the_client(
    own_sandbox: Sandbox, gateway: Gateway, stored: Image
) -> None:
    """The upstream resets the next request. Requests that are safe to repeat are repeated on a new connection."""
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.pull_manifest(REPOSITORY, "v1")
        own_sandbox.add_fault(where="registry", match={"method": "GET"}, kind="reset", times=1)
        assert client.pull_manifest(REPOSITORY, "v1") == stored.manifest


def test_transfers_that_break_anywhere_never_deliver_wrong_bytes(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """Also not on connections that other requests reuse after a broken transfer. Afterwards nothing remains of the transfers."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox, timeouts={"stall": "1s"})
    gateway.wait_until_ready()
    image = blob_image(*(os.urandom(size) for size in (1, 70_000, 3 * MIB)))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    chance = random.Random()
    whole = Counter[bool]()

    def pulls(address: Address) -> None:
        for _ in range(PULLS):
            for blob in image.blobs:
                try:
                    with RegistryClient(address, gateway.username, gateway.password) as client:
                        whole[client.pull_blob(REPOSITORY, digest_of(blob)) == blob] += 1
                except (ConnectionError, Unexpected) as error:
                    assert not isinstance(error, Unexpected) or error.response.status >= 500, error

    def breaks() -> None:
        for _ in range(BREAKS):
            where = chance.choice(("s3", "registry"))
            match = {"method": "GET", "path_prefix": "/" if where == "s3" else f"/v2/{REPOSITORY}/"}
            kind = chance.choice(("reset", "truncate", "stall", "status"))
            own_sandbox.add_fault(
                where=where, match=match, kind=kind, after_bytes=chance.choice((0, 1, 50_000, MIB)), seconds=3,
                status=chance.choice((403, 500, 503) if where == "s3" else (500, 503)),
            )
            time.sleep(0.02)

    with ThreadPoolExecutor(AT_ONCE + 1) as pool:
        running = [pool.submit(pulls, gateway.tls if number % 2 else gateway.plain) for number in range(AT_ONCE)]
        running.append(pool.submit(breaks))
        for each in running:
            each.result()
    own_sandbox.clear_faults()
    assert whole[False] == 0 and whole[True] > AT_ONCE * PULLS, whole
    wait_until(lambda: gateway.metric("berth_exchanges_in_flight") == 0, "the end of all exchanges", 20)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.pull_image(REPOSITORY, "v1", image)
