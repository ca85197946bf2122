"""Requests that an upstream fails are sent again: within a budget, for at most ten seconds, and as long as their client waits."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import StartGateway
from harness.gateway import Gateway
from harness.images import MANIFEST_TYPE, Image, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Connection, Response, basic, request

REPOSITORY = "retries/app"
MANIFESTS = f"/v2/{REPOSITORY}/manifests/"
PATIENCE_SECONDS = 10
MIN_RATE = 3  # retries a second, however few requests there are


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway) -> Gateway:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    return gateway


@pytest.fixture
def stored(gateway: Gateway) -> Image:
    image = blob_image(os.urandom(60_000))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    return image


def pull(gateway: Gateway, reference: str = "v1") -> Response:
    return request(gateway.plain, "GET", MANIFESTS + reference, authorization=basic(gateway.username, gateway.password))


def test_a_failing_registry_gets_a_fifth_more_requests_and_a_few(
    own_sandbox: Sandbox, gateway: Gateway, stored: Image
) -> None:
    own_sandbox.add_fault(where="registry", match={"method": "GET", "path_prefix": MANIFESTS}, kind="status", status=503, times=-1)
    start = time.monotonic()

    def hammer(number: int) -> int:
        """Each client has a tag of its own: identical reads would be one."""
        sent = 0
        with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
            while time.monotonic() - start < PATIENCE_SECONDS * 1.5:
                response = client.expect((503,), "GET", f"{MANIFESTS}v{number}")
                assert response.fields["retry-after"] and response.code == "UNKNOWN" or response.code == "UNAVAILABLE", response
                sent += 1
        return sent

    with ThreadPoolExecutor(16) as pool:
        asked = sum(pool.map(hammer, range(16)))
    seconds = time.monotonic() - start
    reached = own_sandbox.control("GET", "/stats")["requests"]["registry.fault"]
    assert asked > 1000, "the clients were held up"
    assert reached <= 1.2 * asked + MIN_RATE * (seconds + PATIENCE_SECONDS), (asked, reached)
    assert reached > asked, "nothing was sent again"


def test_a_read_waits_for_a_registry_that_comes_back(own_sandbox: Sandbox, gateway: Gateway, stored: Image) -> None:
    own_sandbox.add_fault(where="registry", match={"path_prefix": MANIFESTS}, kind="status", status=503, times=-1)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(pull, gateway)
        time.sleep(3)
        own_sandbox.clear_faults()
        response = answer.result()
    assert (response.status, response.body) == (200, stored.manifest)
    line = gateway.access_line(response)
    assert int(line["replays"]) >= 1, line
    assert gateway.metric("berth_replays_total", reason="server_error") == int(line["replays"])


def test_errors_that_stay_reach_the_client_after_ten_seconds_with_their_reason(
    own_sandbox: Sandbox, gateway: Gateway, stored: Image
) -> None:
    """From ECR as they are, from its storage as registry JSON."""
    digest = digest_of(stored.layers[0])
    targets = {429: MANIFESTS + "a", 500: MANIFESTS + "b", 504: MANIFESTS + "c", 503: f"/v2/{REPOSITORY}/blobs/{digest}"}
    for status in (429, 500, 504):
        own_sandbox.add_fault(where="registry", match={"path_prefix": targets[status]}, kind="status", status=status, times=-1)
    own_sandbox.add_fault(where="s3", match={}, kind="status", status=500, times=-1)

    def ask(status: int) -> tuple[int, Response, float]:
        start = time.monotonic()
        return status, request(gateway.plain, "GET", targets[status], authorization=basic(gateway.username, gateway.password)), time.monotonic() - start

    with ThreadPoolExecutor(len(targets)) as pool:
        for status, response, seconds in pool.map(ask, targets):
            assert response.status == status and response.fields["retry-after"] and response.code, response
            assert b"<" not in response.body, "S3's XML reached the client"
            assert seconds < PATIENCE_SECONDS + 2, "longer than all attempts may take"


def test_a_slow_registry_is_awaited_by_those_that_may_not_ask_again(own_sandbox: Sandbox, gateway: Gateway, stored: Image) -> None:
    """Every response takes four seconds. After three, a few requests are sent again; the others go on waiting."""
    own_sandbox.add_fault(where="registry", match={"path_prefix": MANIFESTS}, kind="stall", seconds=4, times=-1)
    with ThreadPoolExecutor(80) as pool:
        answers = Counter(response.status for response in pool.map(lambda number: pull(gateway, f"v{number}"), range(1, 81)))
    assert answers == {200: 1, 404: 79}
    assert 0 < gateway.metric("berth_replays_total", reason="stalled") <= MIN_RATE * PATIENCE_SECONDS
    assert gateway.metric("berth_upstream_state") == 1
    assert not [line for line in gateway.log_lines() if line.get("message") == "registry failing"], "slow is not away"


def test_a_client_that_leaves_ends_its_attempts(own_sandbox: Sandbox, gateway: Gateway, stored: Image) -> None:
    own_sandbox.add_fault(where="registry", match={"path_prefix": MANIFESTS}, kind="status", status=503, times=-1)
    for address in (gateway.plain, gateway.tls):
        connection = Connection(address)
        connection.send_head("GET", MANIFESTS + "v1", {"Authorization": basic(gateway.username, gateway.password)})
        wait_until(lambda: gateway.metric("berth_exchanges_in_flight") == 1, "an exchange", 5)
        time.sleep(1)
        connection.close()
        wait_until(lambda: gateway.metric("berth_exchanges_in_flight") == 0, "the end of the exchange", 4)
    wait_until(
        lambda: [line.get("end") for line in gateway.log_lines() if line.get("operation") == "manifest_get"][-2:] == ["client_gone"] * 2,
        "the lines of both", 5)


def test_a_client_that_has_ended_its_side_gets_its_response_but_is_not_waited_for(
    own_sandbox: Sandbox, gateway: Gateway, stored: Image
) -> None:
    """Its connection looks like one that was closed. As long as the registry responds, that does not matter."""

    def pull_and_end() -> Connection:
        connection = Connection(gateway.plain)
        connection.send_head("GET", MANIFESTS + "v1", {"Authorization": basic(gateway.username, gateway.password)})
        connection.socket.shutdown(socket.SHUT_WR)
        return connection

    own_sandbox.add_fault(where="registry", match={"path_prefix": MANIFESTS}, kind="stall", seconds=1, times=1)
    with pull_and_end() as connection:
        assert connection.receive().body == stored.manifest
    own_sandbox.add_fault(where="registry", match={"path_prefix": MANIFESTS}, kind="status", status=503, times=-1)
    start = time.monotonic()
    with pull_and_end() as connection:
        assert connection.closed_by_peer()
    assert time.monotonic() - start < PATIENCE_SECONDS / 2


def test_a_slow_client_leaves_its_request_all_its_attempts(own_sandbox: Sandbox, gateway: Gateway, stored: Image) -> None:
    """The body of a manifest takes longer to come than all attempts may take."""
    own_sandbox.add_fault(where="registry", match={"method": "PUT"}, kind="status", status=503, times=2)
    fields = {"Content-Type": MANIFEST_TYPE, "Content-Length": str(len(stored.manifest)), "Authorization": basic(gateway.username, gateway.password)}
    with Connection(gateway.plain) as connection:
        connection.send_head("PUT", MANIFESTS + "slow", fields)
        connection.send(stored.manifest[:10])
        time.sleep(PATIENCE_SECONDS)
        connection.send(stored.manifest[10:])
        assert connection.receive().status == 201


def test_a_small_chunk_that_the_registry_may_have_taken_is_not_sent_twice(own_sandbox: Sandbox, gateway: Gateway) -> None:
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        target = client.start_upload(REPOSITORY)
        own_sandbox.add_fault(where="registry", match={"method": "PATCH"}, kind="status", status=503, times=1)
        head = f"PATCH {target} HTTP/1.1\r\nHost: berth\r\nAuthorization: {client.authorization}\r\nContent-Length: 1000\r\n\r\n"
        client.connection.send(head.encode() + os.urandom(1000))  # together: before the registry can respond
        response = client.connection.receive()
    assert response.status == 503 and int(response.fields["retry-after"]) > 0, response
    assert gateway.metric("berth_replays_total") == 0


def test_a_manifest_that_was_taken_although_the_response_was_lost_is_not_an_error(own_sandbox: Sandbox, gateway: Gateway, stored: Image) -> None:
    own_sandbox.add_fault(where="registry", match={"method": "PUT", "path_prefix": MANIFESTS}, kind="reset", times=2)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_manifest(REPOSITORY, "v1", stored.manifest)
    own_sandbox.add_fault(where="registry", match={"method": "PUT", "path_prefix": MANIFESTS}, kind="reset", times=1)
    own_sandbox.add_fault(where="registry", match={"method": "PUT", "path_prefix": MANIFESTS}, kind="status", status=400, times=1)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        response = client.push_manifest(REPOSITORY, "v1", stored.manifest)
    assert response.fields["docker-content-digest"] == stored.digest
    assert response.fields["location"].endswith(f"/v2/{REPOSITORY}/manifests/{stored.digest}")


def test_a_manifest_that_was_taken_is_found_also_when_the_token_has_ended(own_sandbox: Sandbox, gateway: Gateway, stored: Image) -> None:
    """The HEAD that looks for it gets 403 without a body, which does not tell why: `/v2/` does."""
    for method, path, fault in (
        ("PUT", MANIFESTS, {"kind": "reset"}), ("PUT", MANIFESTS, {"kind": "status", "status": 400}),
        ("HEAD", MANIFESTS, {"kind": "status", "status": 403}), ("GET", "/v2/", {"kind": "status", "status": 403}),
    ):  # fmt: skip
        own_sandbox.add_fault(where="registry", match={"method": method, "path_prefix": path}, times=1, **fault)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_manifest(REPOSITORY, "v1", stored.manifest)
    assert gateway.metric("berth_replays_total", reason="token_expired") == 1
