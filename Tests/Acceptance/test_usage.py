"""What Berth tells of the data plane: metrics of upstreams, repositories and users, usage, transfers in progress, the latest errors."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from clients.round_trip import Client, Login, round_trip
from conftest import StartClient
from harness.gateway import PASSWORD, Gateway, password_hash, user
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import require, run, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority, Certificate
from harness.wire import Connection, basic, request

QUOTED = 'o"d\\d'  # a name that a label must escape
REPOSITORY = "team/app"


@pytest.fixture(scope="module")
def faulty(berth: Path, directory: Path) -> Iterator[Sandbox]:
    running = Sandbox(berth, directory / "usage-sandbox")
    running.create_repositories(REPOSITORY, "team/other", "clients/usage")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def counted(berth: Path, directory: Path, faulty: Sandbox, authority: Authority, certificate: Certificate) -> Iterator[Gateway]:
    everything = [{"repositories": ["**"], "actions": ["pull", "push", "delete", "list"]}]
    quoted = {"name": QUOTED, "password_hash": password_hash(PASSWORD), "access": everything}
    # Another account's registry of the same region: it has a token, and its port is closed.
    registry = f"210987654321.dkr.ecr.{faulty.facts['region']}.amazonaws.com"
    nowhere = {"name": "nowhere", "registry": registry, "credentials": {"source": "environment"}}
    configuration = faulty.upstream | {
        "users": [user("ci", "**", actions=("pull", "push", "delete", "list")), user("reader", "team/**", actions=("pull",)), quoted],
        "upstreams": [*faulty.upstream["upstreams"], nowhere],
        "routes": [{"prefix": "nowhere/", "upstream": "nowhere"}]
        + [{"prefix": f"{name}/", "upstream": "main", "upstream_prefix": f"{name}/"} for name in ("team", "clients")],
        "connect_to": faulty.facts["connect_to"] | {f"{registry}:443": "127.0.0.1:1"},
        "limits": {"failed_logins_per_minute": 1000},
    }
    running = Gateway(berth, directory / "usage", configuration, faulty.environment, certificate, authority.certificate)
    running.wait_until_ready()
    yield running
    assert running.stop() == 0


def read(gateway: Gateway, path: str) -> Any:
    response = request(gateway.admin, "GET", path)
    assert response.status == 200, response
    return json.loads(response.body)


def pair(gateway: Gateway, repository: str | None, name: str) -> dict[str, Any] | None:
    pairs = read(gateway, "/api/v1/usage?limit=1000")["pairs"]
    return next((each for each in pairs if each.get("repository") == repository and each["user"] == name), None)


def errors(gateway: Gateway) -> list[dict[str, Any]]:
    return read(gateway, "/api/v1/errors?limit=1000")["errors"]


def push_and_pull(gateway: Gateway, repository: str, image: Image, name: str = "ci") -> None:
    with RegistryClient(gateway.plain, name, PASSWORD) as client:
        client.push_image(repository, "v1", image)
        client.pull_image(repository, "v1", image)


@pytest.mark.parametrize("name", ["ci", QUOTED])
def test_pulls_pushes_and_bytes_are_counted_for_repository_and_user(counted: Gateway, name: str) -> None:
    image = blob_image(os.urandom(3 * MIB), os.urandom(100))
    size = sum(map(len, image.blobs)) + len(image.manifest)
    labels = {"repository": REPOSITORY}
    names = ("berth_repository_pulls_total", "berth_repository_pushes_total", "berth_repository_bytes_total")
    before = [counted.metric(metric, **labels) for metric in names]
    earlier = pair(counted, REPOSITORY, name)
    assert earlier is None
    push_and_pull(counted, REPOSITORY, image, name)
    after = wait_until(
        lambda: (figures := pair(counted, REPOSITORY, name)) and figures["bytes_sent"] >= size and figures, "all is counted"
    )
    assert (after["pulls"], after["pushes"]) == (1, 1)
    assert (after["bytes_sent"], after["bytes_received"]) == (size, size)
    assert after["last_used"]
    assert [counted.metric(metric, **labels) - was for metric, was in zip(names, before)] == [1, 1, 2 * size]


@pytest.mark.parametrize("name", ["docker", "skopeo"])
def test_a_real_clients_push_and_pull_are_counted(counted: Gateway, start_client: StartClient, layout: Path, name: str) -> None:
    client: Client = start_client(name)
    before = pair(counted, "clients/usage", "ci") or {"pulls": 0, "pushes": 0, "bytes_sent": 0, "bytes_received": 0}
    round_trip(client, Login(counted.plain, "ci", PASSWORD), f"clients/usage:{name}", layout)
    after = wait_until(lambda: (now := pair(counted, "clients/usage", "ci")) and now["pulls"] > before["pulls"] and now, "a pull")
    assert after["pushes"] == before["pushes"] + 1
    # Docker pushes an image of its own, of one layer.
    for direction in ("bytes_received", "bytes_sent"):
        assert after[direction] - before[direction] >= MIB


def test_a_users_requests_are_counted_whatever_they_come_to(counted: Gateway) -> None:
    before = counted.metric("berth_user_requests_total", user="reader")
    login = basic("reader", PASSWORD)
    for target in ("/v2/", "/v2/secret/app/manifests/v1", "/v2/team/missing/manifests/v1", "/v2/_catalog"):
        request(counted.plain, "GET", target, authorization=login)
    wait_until(lambda: counted.metric("berth_user_requests_total", user="reader") == before + 4, "all are counted")


def test_made_up_names_get_no_series(counted: Gateway) -> None:
    for number in range(20):
        name = f"team/made-up{number}"
        request(counted.plain, "GET", f"/v2/{name}/manifests/v1", authorization=basic("reader", PASSWORD))
        request(counted.plain, "HEAD", f"/v2/{name}/blobs/{digest_of(b'')}", authorization=basic("reader", PASSWORD))
        request(counted.plain, "PUT", f"/v2/{name}/manifests/v1", {"Content-Type": "a/b"}, b"{}", basic("ci", PASSWORD))
        request(counted.plain, "DELETE", f"/v2/{name}/blobs/uploads/{uuid.uuid4()}", authorization=basic("ci", PASSWORD))
        request(counted.plain, "GET", f"/v2/unrouted/{number}/manifests/v1", authorization=basic("ci", PASSWORD))
        request(counted.plain, "GET", f"/v2/denied/{number}/manifests/v1", authorization=basic("reader", PASSWORD))
        request(counted.plain, "GET", f"/v2/unknown/{number}/manifests/v1", authorization=basic(f"user{number}", "x"))
    text = request(counted.admin, "GET", "/metrics").body.decode()
    assert not re.search(r'="(team/made-up|unrouted/|denied/|unknown/|user\d)', text)
    names = {each.get("repository") for each in read(counted, "/api/v1/usage?limit=1000")["pairs"]}
    assert not any(re.match("(team/made-up|unrouted|denied|unknown)", name or "") for name in names)


def test_responses_of_the_registry_are_counted_with_their_time(counted: Gateway) -> None:
    def figures() -> tuple[float, float, float]:
        return (
            counted.metric("berth_upstream_responses_total", upstream="main", status="200"),
            counted.metric("berth_upstream_responses_total", upstream="main"),
            counted.metric("berth_upstream_request_seconds_count", upstream="main"),
        )

    before = figures()
    assert before[1] == before[2]
    request(counted.plain, "GET", f"/v2/{REPOSITORY}/tags/list", authorization=basic("ci", PASSWORD))
    request(counted.plain, "GET", f"/v2/{REPOSITORY}/manifests/none", authorization=basic("ci", PASSWORD))
    after = figures()
    assert (after[0] - before[0], after[1] - before[1], after[2] - before[2]) == (1, 2, 2)


def test_throttling_by_the_registry_and_by_its_api_is_counted(counted: Gateway, faulty: Sandbox) -> None:
    before = counted.metric("berth_throttled_total", upstream="main", by="registry")
    faulty.add_fault(where="registry", match={"path_prefix": f"/v2/{REPOSITORY}/tags"}, kind="status", status=429)
    request(counted.plain, "GET", f"/v2/{REPOSITORY}/tags/list", authorization=basic("ci", PASSWORD))
    assert counted.metric("berth_throttled_total", upstream="main", by="registry") == before + 1
    faulty.add_fault(where="api", match={}, kind="status", status=429)
    assert request(counted.admin, "POST", "/api/v1/upstreams/main/refresh").status == 200
    assert counted.metric("berth_throttled_total", upstream="main", by="registry") == before + 2


def test_the_end_of_a_listeners_certificate_is_a_metric(counted: Gateway, certificate: Certificate) -> None:
    said = run("openssl", "x509", "-noout", "-enddate", "-dateopt", "rfc_822", "-in", certificate.certificate).partition("=")[2]
    end = parsedate_to_datetime(said.strip()).timestamp()
    listener = counted.tls.authority
    assert counted.metric("berth_certificate_expiry_timestamp_seconds", listener=listener) == end
    assert counted.metric("berth_certificate_expiry_timestamp_seconds") == end, "plain listeners have none"


def test_promtool_accepts_the_metrics(counted: Gateway) -> None:
    require("promtool")
    assert request(counted.plain, "GET", "/v2/", authorization=basic(QUOTED, PASSWORD)).status == 200
    text = request(counted.admin, "GET", "/metrics").body.decode()
    assert r'user="o\"d\\d"' in text
    run("promtool", "check", "metrics", input=text)


# Transfers.


def transfers(gateway: Gateway) -> list[dict[str, Any]]:
    return read(gateway, "/api/v1/transfers?limit=1000")["transfers"]


def test_a_large_pull_is_shown_with_its_progress(counted: Gateway) -> None:
    image = blob_image(blob := os.urandom(24 * MIB))
    with RegistryClient(counted.plain, "ci", PASSWORD) as client:
        client.push_image(REPOSITORY, "large", image)
    wait_until(lambda: not transfers(counted), "no transfer")
    with Connection(counted.plain, receive_buffer=64 << 10) as connection:
        fields = {"Authorization": basic("ci", PASSWORD)}
        connection.send_head("GET", f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}", fields)
        head = connection.receive_final_head()
        [shown] = wait_until(lambda: transfers(counted), "a transfer")
        assert (shown["id"], shown["user"], shown["client"]) == (head.fields["berth-request-id"], "ci", "127.0.0.1")
        assert (shown["operation"], shown["repository"], shown["upstream"]) == ("blob_get", REPOSITORY, "main")
        assert shown["total"] == len(blob) and 0 <= shown["bytes"] < len(blob)
        body = connection.body(head)
        received = 0
        while received < 16 * MIB:
            received += len(next(body))
        [later] = wait_until(lambda: (now := transfers(counted)) and now[0]["bytes"] > shown["bytes"] and now, "progress")
        assert 12 * MIB < later["bytes"] < len(blob) and later["started"] == shown["started"]
        received += sum(map(len, body))
        assert received == len(blob)
    wait_until(lambda: not transfers(counted), "its end")


@pytest.mark.parametrize("is_sized", [True, False], ids=["sized", "chunked"])
def test_a_large_push_is_shown_with_its_progress(counted: Gateway, is_sized: bool) -> None:
    size = 8 * MIB
    with RegistryClient(counted.plain, "ci", PASSWORD) as client:
        target = client.start_upload(REPOSITORY)
        framing = {"Content-Length": str(size)} if is_sized else {"Transfer-Encoding": "chunked"}
        client.connection.send_head("PATCH", target, framing | {"Authorization": client.authorization})
        piece = bytes(2 * MIB)
        frame = piece if is_sized else b"%x\r\n" % len(piece) + piece + b"\r\n"
        client.connection.send(frame)
        [shown] = wait_until(lambda: (now := transfers(counted)) and now[0]["bytes"] >= len(piece) and now, "a transfer")
        assert (shown["operation"], shown.get("total"), shown["bytes"]) == ("upload_chunk", size if is_sized else None, len(frame))
        client.connection.send(frame * 3 + (b"" if is_sized else b"0\r\n\r\n"))
        assert client.connection.receive().status == 202
    wait_until(lambda: not transfers(counted), "its end")


def test_a_transfer_that_the_client_breaks_off_is_no_longer_shown(counted: Gateway) -> None:
    with RegistryClient(counted.plain, "ci", PASSWORD) as client:
        client.connection.send_head("PATCH", client.start_upload(REPOSITORY), {"Content-Length": str(8 * MIB), "Authorization": client.authorization})
        client.connection.send(bytes(MIB))
        wait_until(lambda: transfers(counted), "a transfer")
    wait_until(lambda: not transfers(counted), "its end")
    figures = pair(counted, REPOSITORY, "ci")
    assert figures


# Errors.


def last(gateway: Gateway, **wanted: Any) -> dict[str, Any]:
    def find() -> dict[str, Any] | None:
        return next((each for each in errors(gateway) if all(each.get(key) == value for key, value in wanted.items())), None)

    return wait_until(find, f"an error with {wanted}")


def test_a_failed_request_is_an_error_with_its_fix(counted: Gateway) -> None:
    answer = request(counted.plain, "GET", "/v2/nowhere/app/manifests/v1", authorization=basic("ci", PASSWORD))
    assert answer.status == 502
    error = last(counted, request_id=answer.request_id)
    assert (error["operation"], error["repository"], error["upstream"]) == ("manifest_get", "nowhere/app", "nowhere")
    assert (error["status"], error["end"], error["user"], error["client"]) == (502, "upstream_unreachable", "ci", "127.0.0.1")
    assert "VPC endpoint" in error["fix"] and "127.0.0.1" in error["reason"]
    again = request(counted.plain, "GET", "/v2/nowhere/app/manifests/v1", authorization=basic("ci", PASSWORD))
    assert last(counted, request_id=again.request_id)["count"] == error["count"] + 1


def test_an_error_of_the_storage_shows_no_url(counted: Gateway, faulty: Sandbox) -> None:
    image = blob_image(blob := os.urandom(5000))
    with RegistryClient(counted.plain, "ci", PASSWORD) as client:
        client.push_image(REPOSITORY, "broken", image)
    faulty.add_fault(where="s3", match={"method": "GET"}, kind="status", status=500, times=-1)
    try:
        answer = request(counted.plain, "GET", f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}", authorization=basic("ci", PASSWORD))
    finally:
        faulty.clear_faults()
    assert answer.status == 503
    last(counted, request_id=answer.request_id)
    assert not re.search("X-Amz|Signature|Basic |Bearer ", json.dumps(errors(counted)))


def test_what_belongs_to_every_push_is_no_error(counted: Gateway) -> None:
    before = {(each.get("request_id"), each["count"]) for each in errors(counted)}
    request(counted.plain, "GET", "/v2/")
    request(counted.plain, "HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(b'no such blob')}", authorization=basic("ci", PASSWORD))
    request(counted.plain, "GET", f"/v2/{REPOSITORY}/manifests/none", authorization=basic("ci", PASSWORD))
    push_and_pull(counted, REPOSITORY, blob_image(os.urandom(300)))
    assert {(each.get("request_id"), each["count"]) for each in errors(counted)} == before


def test_a_push_to_a_missing_repository_says_how_to_mend_it(counted: Gateway) -> None:
    answer = request(counted.plain, "POST", "/v2/team/missing/blobs/uploads/", body=b"", authorization=basic("ci", PASSWORD))
    assert answer.status == 404
    assert "create_repositories" in last(counted, request_id=answer.request_id)["fix"]


def test_a_flood_of_rejections_leaves_the_errors(counted: Gateway) -> None:
    answer = request(counted.plain, "GET", "/v2/nowhere/kept/manifests/v1", authorization=basic("ci", PASSWORD))
    with Connection(counted.plain) as connection:
        for number in range(400):
            assert connection.request("GET", f"/v2/secret/a{number}/tags/list", authorization=basic("reader", PASSWORD)).status == 403
    denied = last(counted, operation="tags", status=403)
    assert "access" in denied["fix"]
    assert last(counted, request_id=answer.request_id)["status"] == 502
    assert len(errors(counted)) <= 150


def test_a_token_that_is_not_fetched_and_a_failed_reload_are_errors(counted: Gateway, faulty: Sandbox) -> None:
    faulty.deny_credentials(True)
    try:
        request(counted.admin, "POST", "/api/v1/upstreams/main/refresh")
        error = last(counted, message="token not fetched", upstream="main")
    finally:
        faulty.deny_credentials(False)
    assert error["reason"] and error["time"] >= error["first_time"]
    text = counted.configuration_path.read_text()
    counted.configuration_path.write_text(text.replace('"users"', '"user"'))
    try:
        assert request(counted.admin, "POST", "/api/v1/reload").status == 422
    finally:
        counted.configuration_path.write_text(text)
    assert "user" in last(counted, message="not reloaded: the old configuration stays in use")["reason"]
    assert request(counted.admin, "POST", "/api/v1/reload").status == 200
