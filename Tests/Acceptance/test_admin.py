"""The admin listener, as monitoring and orchestrators use it."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pytest

from conftest import StartGateway
from harness.gateway import Gateway
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
