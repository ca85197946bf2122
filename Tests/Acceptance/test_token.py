"""The token's life as clients see it: they never see an expiry, and Berth does not call the ECR API more often than necessary."""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clients.docker import Docker
from clients.round_trip import Login
from conftest import StartGateway
from harness.gateway import Gateway
from harness.images import blob_image, digest_of
from harness.moto_registry import MotoRegistry
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.scripted import ScriptedServer
from harness.tls import Authority

IN_FLIGHT = 200
ROUNDS = 3  # before and after the expiry
REPOSITORY = "token/app"
BARRIER_SECONDS = 60
EXPIRY_SECONDS = 0.1


def client_of(gateway: Gateway) -> RegistryClient:
    return RegistryClient(gateway.plain, gateway.username, gateway.password)


def test_clients_never_see_tokens_that_expire_during_traffic(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """Half of the clients pull and half push while the tokens expire. No response is an error."""
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
            # A session that is open when its token expires.
            blob = os.urandom(20_000)
            session = client.start_upload(REPOSITORY)
            all_at_it.wait()
            response = client.expect((201, 202), "PATCH", session, body=blob)
            client.finish_upload(client.location(response), digest_of(blob))
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
def test_an_upload_too_large_to_repeat_gets_503_so_that_clients_retry(
    own_sandbox: Sandbox, start_gateway: StartGateway, framing: str
) -> None:
    """Its token expires just before the first byte. Berth has not kept the body, so the client must send it again (ECR 7), after 503. But if the
    upstream rejects the token before 64 KiB have been sent, Berth repeats them and continues with the rest."""
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
            pass  # the response came before the end of the body
        response = client.connection.receive()
        if response.status == 202:
            client.finish_upload(client.location(response), digest_of(blob))
            return
    assert response.status == 503 and "retry-after" in response.fields, response
    with client_of(gateway) as client:
        client.push_blob(REPOSITORY, blob)


def test_a_large_upload_does_not_begin_with_a_token_that_a_list_was_rejected_with(
    own_sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    """The upload's session has just proven the token. It ends, a list of Berth's own finds out, and the next token is two seconds away."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox, workers=1)
    gateway.wait_until_ready()
    blob = os.urandom(3 << 20)
    with ThreadPoolExecutor(1) as pool, client_of(gateway) as client, client_of(gateway) as other:
        session = client.start_upload(REPOSITORY)
        own_sandbox.add_fault(where="api", match={}, kind="stall", seconds=2, times=1)
        own_sandbox.expire_tokens()
        listed = pool.submit(other.expect, (200,), "GET", f"/v2/{REPOSITORY}/tags/list")
        wait_until(lambda: own_sandbox.control("GET", "/stats")["expired_token_answers"], "the list's rejection", 5)
        response = client.expect((201, 202), "PATCH", session, body=blob)
        listed.result()
        client.finish_upload(client.location(response), digest_of(blob))


def test_a_list_is_asked_for_again_after_the_400_of_a_malformed_token(
    sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, own_directory: Path
) -> None:
    """ECR 1.1: it has no registry error. `/v2/` gets it too, so it is not the list's."""
    malformed = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    tags = json.dumps({"name": REPOSITORY, "tags": ["v1"]}).encode()
    listed = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(tags), tags)
    host = sandbox.registry_host
    registry = ScriptedServer(authority.issue("registry", f"DNS:{host}"), malformed, malformed, listed)
    trust = own_directory / "both.pem"
    trust.write_bytes(sandbox.ca.read_bytes() + authority.certificate.read_bytes())
    connect_to = sandbox.facts["connect_to"] | {f"{host}:443": registry.address.authority}
    try:
        gateway = start_gateway(sandbox, connect_to=connect_to, ca_file=str(trust))
        gateway.wait_until_ready()
        with client_of(gateway) as client:
            assert json.loads(client.expect((200,), "GET", f"/v2/{REPOSITORY}/tags/list").body)["tags"] == ["v1"]
    finally:
        registry.stop()
    assert [line.split()[1] for line in registry.heard.split(b"\r\n") if line.startswith(b"GET ")][1] == b"/v2/"
    assert gateway.metric("berth_replays_total", reason="token_invalid") == 1


def test_docker_pushes_and_pulls_while_tokens_keep_expiring(own_sandbox: Sandbox, start_gateway: StartGateway, docker: Docker) -> None:
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


def test_expired_blob_urls_are_fetched_again(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(50_000))
    with client_of(gateway) as client:
        client.push_image(REPOSITORY, "v1", image)
        client.pull_image(REPOSITORY, "v1", image)
        own_sandbox.expire_urls()
        client.pull_image(REPOSITORY, "v1", image)


def test_denied_is_not_taken_for_an_expired_token(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """A 403 that a new token cannot fix must not turn a client's retries into calls of the ECR API."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    before = own_sandbox.tokens_fetched()
    own_sandbox.add_fault(where="registry", match={"method": "GET", "path_prefix": "/v2/"}, kind="status", status=403, times=20)
    with client_of(gateway) as client:
        for _ in range(20):
            client.expect((403,), "GET", f"/v2/{REPOSITORY}/manifests/v1")
    assert own_sandbox.tokens_fetched() - before <= 1


# moto's token has an `expiresAt` in 2015.

OBSERVED_SECONDS = 20


def test_a_token_is_used_until_it_is_rejected_and_is_not_fetched_every_minute(
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
def test_a_busy_registry_does_not_delay_an_upload(own_sandbox: Sandbox, start_gateway: StartGateway, status: int) -> None:
    """Berth tests the token before a large upload. A response that does not reject the token does not hold up the upload."""
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    before = own_sandbox.tokens_fetched()
    with client_of(gateway) as client:
        session = client.start_upload(REPOSITORY)
        time.sleep(1.2)  # the gateway tests the token only if it has not been accepted recently
        own_sandbox.add_fault(where="registry", match={"method": "GET", "path_prefix": "/v2/"}, kind="status", status=status, times=-1)
        blob = os.urandom(200_000)
        response = client.expect((201, 202), "PATCH", session, body=blob)
        client.finish_upload(client.location(response), digest_of(blob))
    assert own_sandbox.tokens_fetched() == before


def test_an_expired_presigned_url_is_renewed_and_counted(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(60_000))
    with client_of(gateway) as client:
        client.push_image(REPOSITORY, "v1", image)
        own_sandbox.add_fault(where="s3", match={"method": "GET"}, kind="status", status=403, times=1)
        client.pull_blob(REPOSITORY, digest_of(image.layers[0]))
        rejected = client.expect((416,), "GET", f"/v2/{REPOSITORY}/blobs/{digest_of(image.layers[0])}", {"Range": "bytes=60000-"})
    assert gateway.metric("berth_replays_total", reason="expired_url") == 1
    assert rejected.code == "SIZE_INVALID" and rejected.fields["content-range"] == "bytes */60000"
