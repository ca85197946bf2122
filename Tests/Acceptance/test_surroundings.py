"""Berth's surroundings fail: clients get a response that they can retry on, the log has the reason, and Berth recovers by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import REPOSITORY, StartGateway
from harness.address import free_port
from harness.gateway import Gateway
from harness.sandbox import Sandbox
from harness.scripted import ScriptedServer
from harness.tls import Authority
from harness.wire import Response, Connection, basic, names_nothing_inside, request

MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"


def pull(gateway: Gateway) -> Response:
    return request(gateway.plain, "GET", MANIFEST, authorization=basic(gateway.username, gateway.password))


def unavailable(gateway: Gateway, response: Response, statuses: tuple[int, ...]) -> None:
    assert response.status in statuses, response
    assert response.code == "UNAVAILABLE"
    assert int(response.fields["retry-after"]) >= 1
    names_nothing_inside(response)
    assert int(gateway.access_line(response)["status"]) == response.status


def test_an_unreachable_upstream(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    connect_to = sandbox.facts["connect_to"] | {f"{sandbox.registry_host}:443": f"127.0.0.1:{free_port()}"}
    gateway = start_gateway(sandbox, connect_to=connect_to)
    response = pull(gateway)
    unavailable(gateway, response, (502, 503))


@pytest.fixture
def trusting_both(sandbox: Sandbox, authority: Authority, own_directory: Path) -> Path:
    """A CA file with which Berth trusts both the sandbox and a `ScriptedServer`."""
    both = own_directory / "both.crt"
    both.write_bytes(sandbox.ca.read_bytes() + authority.certificate.read_bytes())
    return both


def test_an_upstream_certificate_for_another_name(
    sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, trusting_both: Path
) -> None:
    server = ScriptedServer(authority.issue("other", "DNS:other.example.test"))
    try:
        connect_to = sandbox.facts["connect_to"] | {f"{sandbox.registry_host}:443": server.address.authority}
        gateway = start_gateway(sandbox, connect_to=connect_to, ca_file=str(trusting_both))
        response = pull(gateway)
        unavailable(gateway, response, (502, 503))
        assert re.search(r"certificate", gateway.program.err, re.IGNORECASE), "the log does not name the error"
    finally:
        server.stop()
    assert server.heard == b"", "the token was sent to a server of another name"


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("chunks", "body"),
    [
        (b"7\r\n{\"a\":1}\r\n0\r\n\r\n", b'{"a":1}'),
        (b"3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nDropped: trailer\r\n\r\n", b'{"a":1}'),
        (b"0\r\n\r\n", b""),
    ],
)
def test_after_a_complete_chunked_response_the_connection_is_reused(
    sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, trusting_both: Path, chunks: bytes, body: bytes
) -> None:
    server = ScriptedServer(authority.issue("registry", f"DNS:{sandbox.registry_host}"), CHUNKED + chunks)
    try:
        connect_to = sandbox.facts["connect_to"] | {f"{sandbox.registry_host}:443": server.address.authority}
        gateway = start_gateway(sandbox, connect_to=connect_to, ca_file=str(trusting_both))
        fields = {"Authorization": basic(gateway.username, gateway.password)}
        with Connection(gateway.plain) as connection:
            for _ in range(3):
                connection.send_head("GET", MANIFEST, fields)
                response = connection.receive_final_head()
                assert (response.status, b"".join(connection.body(response))) == (200, body)
    finally:
        server.stop()


def test_keys_that_aws_rejects(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, environment={"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"})
    response = pull(gateway)
    unavailable(gateway, response, (503,))
    assert gateway.ready().status == 503
    assert b"main" in gateway.ready().body
    assert request(gateway.admin, "GET", "/healthz").status == 200
    assert re.search(r"InvalidSignature|UnrecognizedClient|SignatureDoesNotMatch", gateway.program.err), "the log does not say why"


def test_a_gateway_becomes_ready_when_its_keys_work_again(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.deny_credentials(True)
    gateway = start_gateway(own_sandbox)
    assert gateway.ready().status == 503
    own_sandbox.deny_credentials(False)
    gateway.wait_until_ready()
