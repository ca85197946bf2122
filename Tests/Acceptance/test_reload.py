"""A reload takes effect as a whole or not at all, and the log says which."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness.gateway import EVERYTHING, PASSWORD, Gateway, password_hash
from harness.images import MIB, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority
from harness.wire import Response, Connection, basic, request

OTHER_ACCOUNT = "210987654321"
SUCCESSFUL, SUCCEEDED_AT = "berth_config_last_reload_successful", "berth_config_last_reload_success_timestamp_seconds"


def reload(gateway: Gateway) -> Response:
    return request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"})


def lines(gateway: Gateway, message: str) -> list[dict[str, Any]]:
    return [line for line in gateway.log_lines() if line.get("message", "").startswith(message)]


def hang_up(gateway: Gateway, message: str) -> dict[str, Any]:
    """Sends SIGHUP; the log line with the result."""
    before = len(lines(gateway, message))
    gateway.program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(lines(gateway, message)) > before, message, 10)
    return lines(gateway, message)[-1]


@pytest.fixture
def accounts(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> Iterator[tuple[Sandbox, Sandbox]]:
    other = Sandbox(berth, own_directory / "other", "--account", OTHER_ACCOUNT)
    yield own_sandbox, other
    other.stop()


@pytest.fixture
def gateway(accounts: tuple[Sandbox, Sandbox], own_directory: Path, start_gateway: StartGateway) -> Gateway:
    """A gateway in front of the first account, with the second one reachable."""
    here, there = accounts
    profiles = own_directory / "config"
    profiles.write_text("".join(
        f"[profile {name}]\naws_access_key_id = {box.facts['access_key_id']}\naws_secret_access_key = {box.facts['secret_access_key']}\n"
        # The APIs of both accounts have one host name, so that each upstream's profile selects its endpoint.
        f"endpoint_url = https://{box.facts['api']}\n"
        for name, box in (("here", here), ("there", there))))  # fmt: skip
    trust = own_directory / "ca.pem"
    trust.write_bytes(here.ca.read_bytes() + there.ca.read_bytes())
    running = start_gateway(
        here,
        environment={"AWS_CONFIG_FILE": str(profiles)},
        ca_file=str(trust),
        connect_to=here.facts["connect_to"] | there.facts["connect_to"],
        upstreams=[upstream(here, "here")],
        routes=[{"upstream": "here"}],
    )
    running.wait_until_ready()
    return running


def upstream(box: Sandbox, name: str) -> dict[str, Any]:
    return {"name": name, "registry": box.registry_host, "credentials": {"profile": name}}


def with_there(gateway: Gateway, there: Sandbox) -> dict[str, Any]:
    return gateway.configuration | {
        "upstreams": [*gateway.configuration["upstreams"], upstream(there, "there")],
        "routes": [{"upstream": "here"}, {"prefix": "hub/", "upstream": "there"}],
    }


def test_a_push_by_a_route_to_a_new_upstream_reaches_only_that_upstream(gateway: Gateway, accounts: tuple[Sandbox, Sandbox]) -> None:
    here, there = accounts
    for each in accounts:
        each.create_repositories("hub/app")
    gateway.write(with_there(gateway, there))
    fetched = here.tokens_fetched()
    response = reload(gateway)
    assert response.status == 200, response
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("hub/app", "v1", image)
        assert here.ecr().list_images(repositoryName="hub/app")["imageIds"] == [], "the push went to the other account"
        client.pull_image("hub/app", "v1", image)
    assert [one["imageTag"] for one in there.ecr().list_images(repositoryName="hub/app")["imageIds"]] == ["v1"]
    assert here.tokens_fetched() == fetched, "an upstream that has not changed lost its token"
    assert lines(gateway, "reloaded")[-1]["changed"] == "upstreams: there added; routes"
    assert gateway.metric("berth_token_expiry_timestamp_seconds", upstream="there") > 0


def test_a_removed_upstream_is_removed_only_for_new_exchanges(gateway: Gateway, accounts: tuple[Sandbox, Sandbox]) -> None:
    _, there = accounts
    there.create_repositories("hub/app")
    alone = gateway.configuration
    gateway.write(with_there(gateway, there))
    assert reload(gateway).status == 200
    image = blob_image(os.urandom(24 * MIB))
    digest = digest_of(image.layers[0])
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("hub/app", "v1", image)
    with Connection(gateway.plain, receive_buffer=64 * 1024) as slow:
        slow.send_head("GET", f"/v2/hub/app/blobs/{digest}", {"Authorization": basic(gateway.username, gateway.password)})
        head = slow.receive_final_head()
        body = slow.body(head)
        received = [next(body)]
        gateway.write(alone)
        assert hang_up(gateway, "reloaded")["changed"] == "upstreams: there removed; routes"
        received.extend(body)
        assert digest_of(b"".join(received)) == digest
    authorization = basic(gateway.username, gateway.password)
    assert request(gateway.plain, "GET", "/v2/hub/app/manifests/v1", authorization=authorization).status == 404
    metrics = request(gateway.admin, "GET", "/metrics").body
    assert b'upstream="here"' in metrics and b'upstream="there"' not in metrics


def test_one_key_that_requires_a_restart_rejects_the_whole_file(gateway: Gateway, accounts: tuple[Sandbox, Sandbox]) -> None:
    _, there = accounts
    before = gateway.configuration
    gateway.write(with_there(gateway, there) | {"workers": 1, "users": [], "log": {"level": "debug", "format": "json"}, "anonymous": {"access": []}})
    response = reload(gateway)
    assert response.status == 422 and b"log, workers" in response.body and b"restart" in response.body, response
    assert "log, workers" in hang_up(gateway, "not reloaded")["problem"]
    assert request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, PASSWORD)).status == 200
    assert [one["name"] for one in json.loads(request(gateway.admin, "GET", "/api/v1/status").body)["upstreams"]] == ["here"]
    gateway.write(before)
    assert hang_up(gateway, "reloaded")["changed"] == "nothing"


def test_a_route_to_an_unknown_upstream_is_an_error_and_changes_nothing(gateway: Gateway) -> None:
    gateway.write(gateway.configuration | {"routes": [{"upstream": "here"}, {"prefix": "hub/", "upstream": "there"}]})
    response = reload(gateway)
    assert response.status == 422 and b"no upstream is named 'there'" in response.body


def test_a_broken_certificate_shows_in_the_log_and_the_metric(
    sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, authority: Authority
) -> None:
    issued, other = (authority.issue(f"{own_directory.name}-{name}", "IP:127.0.0.1") for name in ("one", "two"))
    certificate, key = own_directory / "tls.crt", own_directory / "tls.key"
    shutil.copy(issued.certificate, certificate)
    shutil.copy(issued.key, key)
    tls = {"certificate": str(certificate), "private_key": str(key)}
    gateway = start_gateway(sandbox, listeners=[{"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0", "tls": tls}])
    gateway.wait_until_ready()
    started = gateway.metric(SUCCEEDED_AT)
    assert gateway.metric(SUCCESSFUL) == 1 and started > 0
    users = gateway.configuration["users"]
    newcomer = {"name": "newcomer", "password_hash": password_hash(PASSWORD), "access": EVERYTHING}
    gateway.write(gateway.configuration | {"users": [*users, newcomer]})

    shutil.copy(other.certificate, certificate)
    problem = hang_up(gateway, "not reloaded")["problem"]
    assert "listeners[1].tls.private_key" in problem and str(key) in problem
    assert gateway.metric(SUCCESSFUL) == 0 and gateway.metric(SUCCEEDED_AT) == started
    assert request(gateway.plain, "GET", "/v2/", authorization=basic("newcomer", PASSWORD)).status == 401
    assert request(gateway.tls, "GET", "/v2/", authorization=basic(gateway.username, PASSWORD)).status == 200

    shutil.copy(other.key, key)
    assert hang_up(gateway, "reloaded")["changed"] == f"users: newcomer added; certificates: {certificate}"
    assert gateway.metric(SUCCESSFUL) == 1 and gateway.metric(SUCCEEDED_AT) > started
    with Connection(gateway.tls) as connection:
        assert connection.socket.getpeercert(True) and connection.request("GET", "/v2/").status == 401


def test_new_limits_apply_to_new_connections(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox)
    gateway.wait_until_ready()
    authorization = basic(gateway.username, gateway.password)
    large = {"Authorization": authorization, "Padding": "x" * 8000}
    assert request(gateway.plain, "GET", "/v2/", large).status == 200
    gateway.write(gateway.configuration | {"limits": {"head": "4KiB"}, "timeouts": {"idle": "200ms"}})
    assert hang_up(gateway, "reloaded")["changed"] == "limits; timeouts"
    assert request(gateway.plain, "GET", "/v2/", large).status == 431
    with Connection(gateway.plain, timeout=20) as idle:
        assert idle.request("GET", "/v2/", authorization=authorization).status == 200
        assert idle.closed_by_peer()
