"""The token's life as clients live it: they never see an expiry, and ECR's API is asked no more than it must be."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from clients.docker import Docker
from clients.round_trip import Login
from conftest import StartGateway
from harness.gateway import Gateway
from harness.images import blob_image, digest_of
from harness.moto_registry import MotoRegistry
from harness.registry import RegistryClient
from harness.sandbox import Sandbox

IN_FLIGHT = 200
ROUNDS = 3  # before and after the expiry
REPOSITORY = "token/app"
BARRIER_SECONDS = 60
EXPIRY_SECONDS = 0.1


def client_of(gateway: Gateway) -> RegistryClient:
    return RegistryClient(gateway.plain, gateway.username, gateway.password)


def test_tokens_expired_in_mid_traffic_are_never_seen(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """Half of the clients pull and half push; the tokens expire while all are at it. No answer is a failure."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(60_000), os.urandom(3_000))
    with client_of(gateway) as client:
        client.push_image(REPOSITORY, "v1", image)
    before = own_sandbox.tokens_fetched()
    all_at_it = threading.Barrier(IN_FLIGHT + 1, timeout=BARRIER_SECONDS)

    def pulls(number: int) -> None:
        with client_of(gateway) as client:
            for _ in range(ROUNDS):
                client.pull_image(REPOSITORY, "v1", image)
            all_at_it.wait()
            for _ in range(ROUNDS):
                client.pull_image(REPOSITORY, "v1", image)

    def pushes(number: int) -> None:
        with client_of(gateway) as client:
            client.push_image(REPOSITORY, f"before-{number}", blob_image(os.urandom(5_000)))
            # A session that is open while its token dies.
            blob = os.urandom(20_000)
            session = client.start_upload(REPOSITORY)
            all_at_it.wait()
            answer = client.expect((201, 202), "PATCH", session, body=blob)
            client.finish_upload(client.location(answer), digest_of(blob))
            client.push_image(REPOSITORY, f"after-{number}", blob_image(blob))

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        work = [pool.submit(pulls if number % 2 else pushes, number) for number in range(IN_FLIGHT)]
        all_at_it.wait()
        own_sandbox.expire_tokens()
        failures = [error for error in (done.exception() for done in work) if error]
    assert not failures, f"{len(failures)} of {IN_FLIGHT} failed, the first: {failures[0]}"
    assert own_sandbox.tokens_fetched() - before == 1
    assert gateway.metric("berth_replays_total") >= 1


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_an_upload_too_large_to_repeat_is_refused_so_that_clients_try_again(
    own_sandbox: Sandbox, start_gateway: StartGateway, framing: str
) -> None:
    """Its token dies just before the first byte: nobody has kept the body, so the client must send it again (wire 7), on 503. Unless the
    upstream has said so before 64 KiB had gone out: those are sent once more, and the rest follows."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    blob = os.urandom(3 << 20)
    parts = [blob[start : start + 65_536] for start in range(0, len(blob), 65_536)]
    with client_of(gateway) as client:
        session = client.start_upload(REPOSITORY)
        own_sandbox.expire_tokens()
        fields = {"Authorization": client.authorization}
        fields |= {"Transfer-Encoding": "chunked"} if framing == "chunked" else {"Content-Length": str(len(blob))}
        client.connection.send_head("PATCH", session, fields)
        try:
            if framing == "chunked":
                client.connection.send_chunks(parts)
            else:
                client.connection.send(blob)
        except ConnectionError:
            pass  # the answer came before the body's end
        answer = client.connection.receive()
        if answer.status == 202:
            client.finish_upload(client.location(answer), digest_of(blob))
            return
    assert answer.status == 503 and "retry-after" in answer.fields, answer
    with client_of(gateway) as client:
        client.push_blob(REPOSITORY, blob)


def test_docker_pushes_and_pulls_while_tokens_keep_dying(own_sandbox: Sandbox, start_gateway: StartGateway, docker: Docker) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    reference = f"{gateway.plain.authority}/{REPOSITORY}:v1"
    docker.log_in(Login(gateway.plain, gateway.username, gateway.password))
    docker.build(reference)
    built = docker.image_id(reference)
    over = threading.Event()

    def expire() -> None:
        while not over.wait(EXPIRY_SECONDS):
            own_sandbox.expire_tokens()

    killer = threading.Thread(target=expire)
    killer.start()
    try:
        pushed = docker.push_built(reference)
        docker.empty()
        assert docker.pull_kept(reference) == pushed
    finally:
        over.set()
        killer.join()
    assert docker.image_id(reference) == built
    docker.empty()


def test_blob_addresses_that_expired_are_fetched_anew(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(50_000))
    with client_of(gateway) as client:
        client.push_image(REPOSITORY, "v1", image)
        client.pull_image(REPOSITORY, "v1", image)
        own_sandbox.expire_urls()
        client.pull_image(REPOSITORY, "v1", image)


def test_an_answer_of_denied_is_not_taken_for_an_expiry(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """A 403 that a new token cannot heal must not make a client's retries into calls of ECR's API."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    before = own_sandbox.tokens_fetched()
    own_sandbox.add_fault(where="registry", match={"method": "GET", "path_prefix": "/v2/"}, kind="status", status=403, times=20)
    with client_of(gateway) as client:
        for _ in range(20):
            client.expect((403,), "GET", f"/v2/{REPOSITORY}/manifests/v1")
    assert own_sandbox.tokens_fetched() - before <= 1


# Moto's token, which by its own word expired in 2015.

OBSERVED_SECONDS = 20


def test_a_token_serves_until_it_is_refused_and_is_not_fetched_each_minute(
    moto_registry: MotoRegistry, start_gateway: StartGateway
) -> None:
    fetched_before = moto_registry.tokens_fetched()
    gateway = start_gateway(moto_registry)
    image = blob_image(os.urandom(10_000))
    with client_of(gateway) as client:
        client.push_image(REPOSITORY, "v1", image)
        deadline = time.monotonic() + OBSERVED_SECONDS
        while time.monotonic() < deadline:
            client.pull_image(REPOSITORY, "v1", image)
            time.sleep(0.2)
    assert moto_registry.tokens_fetched() - fetched_before == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_registry_says_nothing_of_the_token(own_sandbox: Sandbox, start_gateway: StartGateway, status: int) -> None:
    """The token is asked about before a large upload: an answer that is no refusal does not hold the upload up."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    before = own_sandbox.tokens_fetched()
    with client_of(gateway) as client:
        session = client.start_upload(REPOSITORY)
        time.sleep(1.2)  # the gateway asks only when the token has not just been taken
        own_sandbox.add_fault(where="registry", match={"method": "GET", "path_prefix": "/v2/"}, kind="status", status=status, times=-1)
        blob = os.urandom(200_000)
        answer = client.expect((201, 202), "PATCH", session, body=blob)
        client.finish_upload(client.location(answer), digest_of(blob))
    assert own_sandbox.tokens_fetched() == before


def test_a_presigned_url_that_expired_is_renewed_and_counted(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(60_000))
    with client_of(gateway) as client:
        client.push_image(REPOSITORY, "v1", image)
        own_sandbox.add_fault(where="s3", match={"method": "GET"}, kind="status", status=403, times=1)
        client.pull_blob(REPOSITORY, digest_of(image.layers[0]))
        refused = client.expect((416,), "GET", f"/v2/{REPOSITORY}/blobs/{digest_of(image.layers[0])}", {"Range": "bytes=60000-"})
    assert gateway.metric("berth_replays_total", reason="expired_url") == 1
    assert refused.code == "SIZE_INVALID" and refused.fields["content-range"] == "bytes */60000"
