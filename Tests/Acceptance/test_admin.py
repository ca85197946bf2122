"""The admin listener, as monitoring and orchestrators use it."""

from __future__ import annotations

import json
import multiprocessing
import re
import socket
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness.address import Address
from harness.gateway import EVERYTHING, Gateway, clean_environment
from harness.processes import attempt, wait_until
from harness.sandbox import Sandbox
from harness.wire import Response, Connection, basic, request

# Dashboards and alerts depend on these names.
METRICS = {
    "berth_requests_total": ("operation", "status"),
    "berth_request_seconds_bucket": ("operation", "le"),
    "berth_bytes_total": ("direction",),
    "berth_connections": ("state",),
    "berth_exchanges_in_flight": (),
    "berth_token_expiry_timestamp_seconds": ("upstream",),
    "berth_token_refreshes_total": ("upstream", "result"),
    "berth_upstream_connections": ("upstream", "state"),
    "berth_login_failures_total": ("reason",),
    "berth_config_last_reload_successful": (),
    "berth_config_last_reload_success_timestamp_seconds": (),
    "berth_build_info": ("version",),
    "process_resident_memory_bytes": (),
    "process_cpu_seconds_total": (),
    "process_open_fds": (),
    "process_start_time_seconds": (),
}
DIRECTIONS = ("received_from_client", "sent_to_client", "sent_upstream", "received_upstream")


@pytest.fixture(scope="module")
def exposition(gateway: Gateway) -> str:
    """The metrics after one good and one bad request."""
    request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, gateway.password))
    request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, "wrong"))
    request(gateway.plain, "GET", "/v2/some/app/tags/list", authorization=basic(gateway.username, gateway.password))
    response = request(gateway.admin, "GET", "/metrics")
    assert response.status == 200
    assert response.fields["content-type"].startswith("text/plain; version=0.0.4")
    return response.body.decode()


@pytest.mark.parametrize("name", METRICS)
def test_each_documented_metric_exists_with_its_labels(exposition: str, name: str) -> None:
    samples = re.findall(rf"^{name}(?:\{{(.*)\}})? \S+$", exposition, re.MULTILINE)
    assert samples, f"no sample of {name}"
    for label in METRICS[name]:
        assert f'{label}="' in samples[0]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_bytes_are_counted_in_each_direction(exposition: str, gateway: Gateway, direction: str) -> None:
    assert gateway.metric("berth_bytes_total", direction=direction) > 0


def test_every_line_is_valid_prometheus_text(exposition: str) -> None:
    line = re.compile(r'(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)*\})? [-+]?([0-9.eE+-]+|Inf|NaN))')
    assert [text for text in exposition.splitlines() if not line.fullmatch(text)] == []


def test_a_gateway_with_a_token_is_alive_and_ready(gateway: Gateway) -> None:
    assert request(gateway.admin, "GET", "/healthz").status == 200
    assert gateway.ready().status == 200


def ready(gateway: Gateway, query: str = "") -> Response:
    return request(gateway.admin, "GET", f"/readyz{query}")


def test_one_bad_upstream_leaves_the_gateway_ready(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    broken = {"name": "broken", "registry": "123456789012.dkr.ecr.eu-central-1.amazonaws.com", "credentials": {"source": "web_identity"}}
    gateway = start_gateway(sandbox, upstreams=[*sandbox.upstream["upstreams"], broken])
    gateway.wait_until_ready()
    response = ready(gateway)
    assert response.status == 200 and response.body.startswith(b"ready\nbroken: no valid token"), response
    assert ready(gateway, "?upstream=main").body == b"ready\n"
    assert ready(gateway, "?upstream=broken").status == ready(gateway, "?all").status == 503
    assert ready(gateway, "?upstream=nobody").status == 404
    assert ready(gateway, "?upsteam=main").status == 400


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHo"])
@pytest.mark.parametrize("sources", [("127.0.0.1",), tuple(f"127.0.0.{n}" for n in range(10, 20))])
def test_idle_connections_do_not_block_health_checks(gateway: Gateway, sources: tuple[str, ...], said: bytes) -> None:
    with ExitStack() as stack:
        for number in range(300):
            connection = stack.enter_context(Connection(gateway.admin, source=sources[number % len(sources)]))
            try:
                connection.send(said)
            except ConnectionError:
                pass  # the listener has already closed some to make room
        for _ in range(3):
            with Connection(gateway.admin, timeout=2) as probe:
                assert probe.request("GET", "/healthz").status == 200


def test_the_admin_listener_serves_no_registry_and_the_registry_listener_no_admin_paths(gateway: Gateway) -> None:
    assert request(gateway.admin, "GET", "/v2/").status == 404
    authorization = basic(gateway.username, gateway.password)
    for path in ("/metrics", "/healthz", "/readyz"):
        assert request(gateway.plain, "GET", path, authorization=authorization).status == 404


TOKEN = "0123456789abcdef-an-operator"


@pytest.fixture
def guarded(sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path) -> Gateway:
    """A gateway whose changes need a token."""
    path = own_directory / "admin.token"
    path.write_text(TOKEN + "\n")
    gateway = start_gateway(sandbox, admin={"address": "127.0.0.1:0", "token_file": str(path)})
    gateway.wait_until_ready()
    return gateway


CHANGES = [
    ("POST", "/api/v1/reload", b""), ("POST", "/api/v1/upstreams/main/refresh", b""), ("PUT", "/api/v1/log", b'{"level": "info"}'),
]


@pytest.mark.parametrize("method, path, body", CHANGES)
def test_a_change_needs_the_token_where_one_is_set(guarded: Gateway, method: str, path: str, body: bytes) -> None:
    def change(fields: dict[str, str]) -> Response:
        return request(guarded.admin, method, path, fields, body)

    own, bearer = {"Origin": guarded.admin.url, "Sec-Fetch-Site": "same-origin"}, {"Authorization": f"Bearer {TOKEN}"}
    for fields in ({}, own, {"Authorization": f"Bearer {TOKEN[:-1]}"}, {"Authorization": basic("admin", TOKEN)}):
        response = change(fields)
        assert response.status == 401 and response.fields["www-authenticate"].startswith('Bearer realm="Berth"'), fields
    assert change(bearer | {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}).status == 403
    assert change(bearer | {"Origin": "null"}).status == 403
    assert change(bearer).status == 200
    assert change(bearer | own).status == 200
    assert TOKEN not in guarded.program.err


def test_the_token_is_changed_by_a_reload(guarded: Gateway) -> None:
    other = "another-token-of-an-operator"
    Path(guarded.configuration["admin"]["token_file"]).write_text(other)
    reload = lambda token: request(guarded.admin, "POST", "/api/v1/reload", {"Authorization": f"Bearer {token}"}, b"")  # noqa: E731
    first = reload(TOKEN)
    assert first.status == 401 or json.loads(first.body)["changed"] == "admin.token_file"  # or the file was seen by itself
    assert reload(TOKEN).status == 401 and reload(other).status == 200


@pytest.mark.parametrize("content, problem", [("short", "holds 5 bytes"), ("with a space inside it", "holds a space"), ("", "holds 0 bytes")])
def test_a_token_that_cannot_be_used_is_explained(
    berth: Path, sandbox: Sandbox, own_directory: Path, content: str, problem: str
) -> None:
    path, file = own_directory / "token", own_directory / "berth.yaml"
    path.write_text(content)
    file.write_text(json.dumps(sandbox.upstream | {"admin": {"token_file": str(path)}, "anonymous": {"access": EVERYTHING}}))
    done = attempt(berth, "check", "--config", file, env=clean_environment(sandbox.environment))
    output = done.stdout + done.stderr
    assert done.returncode == 78 and f"admin.token_file: '{path}' {problem}" in output and "openssl rand -base64 48" in output, output
    assert not content or content not in output


def test_the_level_of_the_log_changes_while_berth_runs(gateway: Gateway) -> None:
    def level(name: str) -> Response:
        return request(gateway.admin, "PUT", "/api/v1/log", {"Content-Type": "application/json"}, json.dumps({"level": name}).encode())

    def ping() -> Response:
        return request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, gateway.password))

    try:
        assert level("warning").status == 200
        unseen = ping()
        assert level("info").status == 200
        gateway.access_line(ping())
        assert not [line for line in gateway.log_lines() if line.get("request_id") == unseen.request_id]
        assert level("loud").status == 400
    finally:
        level("info")


def events(connection: Connection, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next events of a stream."""
    found: list[tuple[str, dict[str, Any]]] = []
    text = b""
    while len(found) < count:
        text += b"".join(connection._exactly(int(connection._line(), 16)))
        connection._line()
        *whole, text = text.split(b"\n\n")
        for event in whole:
            fields = dict(line.split(": ", 1) for line in event.decode().splitlines())
            if "event" in fields:
                found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_events_have_the_same_content_as_the_api(gateway: Gateway) -> None:
    request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, gateway.password))
    with Connection(gateway.admin) as stream:
        stream.send_head("GET", "/api/v1/events", {})
        assert stream.receive_final_head().fields["content-type"] == "text/event-stream"
        first = dict(events(stream, 7))
        assert set(first) == {"status", "traffic", "transfers", "errors", "usage", "certificates", "configuration"}
        for name in ("certificates", "configuration"):
            assert json.loads(request(gateway.admin, "GET", f"/api/v1/{name}").body) == first[name]
        assert first["status"]["ready"] and first["traffic"]["bytes"]["sent_to_client"] > 0
        assert "status" in dict(events(stream, 2)), "and again after a second"


def test_listeners_of_events_are_bounded_and_leave_room_for_probes(gateway: Gateway) -> None:
    with ExitStack() as stack:
        heads = []
        for _ in range(17):
            connection = stack.enter_context(Connection(gateway.admin))
            connection.send_head("GET", "/api/v1/events", {})
            heads.append(connection.receive_final_head())
        assert heads[-1].status == 503 and heads[-1].fields["retry-after"]
        # A listener of another test may not have been missed yet.
        assert [head.status for head in heads].count(200) in (15, 16)
        assert request(gateway.admin, "GET", "/healthz").status == 200

    def is_free() -> bool:
        with Connection(gateway.admin) as connection:
            connection.send_head("GET", "/api/v1/events", {})
            return connection.receive_final_head().status == 200

    wait_until(is_free, "room for a listener after others have left")


@pytest.mark.parametrize("sources", [("127.0.0.1",), tuple(f"127.0.0.{number}" for number in range(10, 30))])
def test_a_flood_of_connections_does_not_evict_probes(gateway: Gateway, sources: tuple[str, ...]) -> None:
    context = multiprocessing.get_context("fork")
    over = context.Event()
    opened = context.Value("i", 0)
    flood = context.Process(target=flood_connections, args=(gateway.admin, sources, over, opened), daemon=True)
    flood.start()
    try:
        wait_until(lambda: opened.value > 500, "the flood begins")
        statuses = []
        for _ in range(100):
            with Connection(gateway.admin, timeout=10) as probe:
                statuses.append(probe.request("GET", "/healthz").status)
            time.sleep(0.01)
        assert statuses == [200] * 100 and opened.value > 1000
    finally:
        over.set()
        flood.join(30)


def flood_connections(address: Address, sources: tuple[str, ...], over: Any, opened: Any) -> None:
    """Opens thousands of connections a second, sends nothing, and keeps the last ones open."""
    kept: deque[socket.socket] = deque()
    number = 0
    while not over.is_set():
        flow = socket.socket()
        flow.setblocking(False)
        try:
            flow.bind((sources[number % len(sources)], 0))
            flow.connect((address.host, address.port))
        except BlockingIOError:
            pass
        except OSError:
            flow.close()
            continue
        number += 1
        opened.value = number
        time.sleep(0.0002)
        kept.append(flow)
        if len(kept) > 400:
            kept.popleft().close()
    for flow in kept:
        flow.close()
