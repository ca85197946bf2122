"""Drain and reload: transfers in progress finish, and new requests go elsewhere."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from conftest import StartGateway
from harness.address import Address
from harness.gateway import EVERYTHING, PASSWORD, Gateway, password_hash
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient, with_digest
from harness.sandbox import Sandbox
from harness.wire import Response, Connection, basic, request

REPOSITORY = "drain/app"
BLOB_SIZE = 24 * MIB  # more than all buffers between the sandbox and a client that does not read
SLOW_BUFFER = 64 * 1024


@pytest.fixture
def stored(own_sandbox: Sandbox, start_gateway: StartGateway) -> tuple[Gateway, Image]:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(BLOB_SIZE))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    return gateway, image


def start_slow_pull(gateway: Gateway, address: Address, digest: str) -> tuple[Connection, Response, Iterator[bytes]]:
    connection = Connection(address, receive_buffer=SLOW_BUFFER)
    authorization = basic(gateway.username, gateway.password)
    connection.send_head("GET", f"/v2/{REPOSITORY}/blobs/{digest}", {"Authorization": authorization})
    head = connection.receive_final_head()
    assert head.status == 200, head
    return connection, head, connection.body(head)


def rejects(address: Address) -> bool:
    """Whether no new exchange starts: the connection is not accepted, or the response asks the client to retry elsewhere."""
    try:
        return request(address, "GET", "/v2/").status == 503
    except OSError:
        return True


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_sigterm_finishes_a_pull_in_progress(stored: tuple[Gateway, Image], listener: str) -> None:
    gateway, image = stored
    address: Address = getattr(gateway, listener)
    digest = digest_of(image.layers[0])
    connection, _, body = start_slow_pull(gateway, address, digest)
    received = [next(body)]
    gateway.program.process.send_signal(signal.SIGTERM)
    wait_until(lambda: rejects(gateway.plain), "new requests rejected", 5)
    assert gateway.program.process.poll() is None, "ended with a transfer in progress"
    received.extend(body)
    connection.close()
    assert digest_of(b"".join(received)) == digest
    assert gateway.program.wait() == 0


def test_sigterm_finishes_a_push_in_progress(stored: tuple[Gateway, Image]) -> None:
    gateway, _ = stored
    blob = os.urandom(2 * MIB)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        session = client.start_upload(REPOSITORY)
        fields = {"Authorization": client.authorization, "Content-Length": str(len(blob))}
        client.connection.send_head("PUT", with_digest(session, digest_of(blob)), fields)
        client.connection.send(blob[:MIB])
        time.sleep(0.3)
        gateway.program.process.send_signal(signal.SIGTERM)
        wait_until(lambda: rejects(gateway.plain), "new requests rejected", 5)
        client.connection.send(blob[MIB:])
        assert client.connection.receive().status == 201
        assert client.connection.closed_by_peer()
    assert gateway.program.wait() == 0


def test_sigterm_ends_an_idle_gateway_at_once(stored: tuple[Gateway, Image]) -> None:
    gateway, _ = stored
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as idle:
        idle.pull_manifest(REPOSITORY, "v1")
        started = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - started < 5
        assert idle.connection.closed_by_peer()


def test_signals_and_health_do_not_wait_for_aws(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.add_fault(where="api", match={}, kind="stall", seconds=60, times=-1)
    gateway = start_gateway(own_sandbox)
    gateway.write(gateway.configuration | {"timeouts": {"drain": "7m"}})
    gateway.program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: '"message":"reloaded"' in gateway.program.err, "the reload", 5)
    assert request(gateway.admin, "GET", "/healthz").status == 200
    gateway.program.process.send_signal(signal.SIGTERM)
    assert gateway.program.wait(5) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_drain_at_once(stored: tuple[Gateway, Image], second: signal.Signals) -> None:
    gateway, image = stored
    connection, _, body = start_slow_pull(gateway, gateway.plain, digest_of(image.layers[0]))
    next(body)
    gateway.program.process.send_signal(signal.SIGTERM)
    wait_until(lambda: rejects(gateway.plain), "new requests rejected", 5)
    gateway.program.process.send_signal(signal.SIGHUP)  # has no effect during a drain
    time.sleep(0.5)
    assert gateway.program.process.poll() is None, "ended with a transfer in progress"
    gateway.program.process.send_signal(second)
    assert gateway.program.wait(5) == 0
    connection.close()
    assert [line["end"] for line in gateway.log_lines() if line.get("operation") == "blob_get"][-1] == "drained"
    assert not [line for line in gateway.log_lines() if line["message"] == "reloaded"]


def test_the_drain_timeout_ends_requests_that_wait_for_the_upstream(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox, timeouts={"drain": "1s"})
    gateway.wait_until_ready()
    own_sandbox.add_fault(where="registry", match={"method": "GET"}, kind="stall", seconds=60, times=-1)
    with Connection(gateway.plain) as connection:
        connection.send_head("GET", f"/v2/{REPOSITORY}/tags/list", {"Authorization": basic(gateway.username, gateway.password)})
        wait_until(lambda: gateway.metric("berth_exchanges_in_flight") == 1, "an exchange", 5)
        started = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - started < 20, "as long as the upstream stalls"
    ended = [line for line in gateway.log_lines() if line.get("end") == "drained"]
    assert len(ended) == 1, gateway.program.err


def test_sighup_adds_users_without_dropping_a_transfer(stored: tuple[Gateway, Image]) -> None:
    gateway, image = stored
    newcomer = {"name": "newcomer", "password_hash": password_hash(PASSWORD), "access": EVERYTHING}
    assert request(gateway.plain, "GET", "/v2/", authorization=basic("newcomer", PASSWORD)).status == 401
    digest = digest_of(image.layers[0])
    connection, _, body = start_slow_pull(gateway, gateway.plain, digest)
    received = [next(body)]
    gateway.write(gateway.configuration | {"users": [newcomer]})
    gateway.program.process.send_signal(signal.SIGHUP)

    def taken() -> bool:
        return request(gateway.plain, "GET", "/v2/", authorization=basic("newcomer", PASSWORD)).status == 200

    wait_until(taken, "the new user", 10)
    assert request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, PASSWORD)).status == 401
    received.extend(body)
    connection.close()
    assert digest_of(b"".join(received)) == digest


def test_sighup_with_a_broken_file_keeps_serving(stored: tuple[Gateway, Image]) -> None:
    gateway, _ = stored
    gateway.write(gateway.configuration | {"users": [{"name": "half"}]})
    gateway.program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "users" in gateway.program.err, "a log line with the problem", 10)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.pull_manifest(REPOSITORY, "v1")
