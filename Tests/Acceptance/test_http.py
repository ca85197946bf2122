"""HTTP according to its RFCs, byte for byte on both sides: what the upstream receives, and what the client receives."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import REPOSITORY, StartGateway
from harness.gateway import PASSWORD, Gateway
from harness.images import MANIFEST_TYPE, Image, digest_of
from harness.sandbox import Sandbox
from harness.scripted import ScriptedServer
from harness.tls import Authority
from harness.wire import DATE, Response, Connection, basic, request
from test_malformed import BAD_CHUNKS

GOOD = basic("ci", PASSWORD)
AUTHORIZATION = f"Authorization: {GOOD}\r\n"
MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"
SCHEMA = b'{"schemaVersion":2}'
EXPIRED = b'{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}\n'

Scripted = Callable[..., tuple[Gateway, ScriptedServer]]


def response(status: str, body: bytes = b"", *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def zipped(status: str, body: bytes) -> bytes:
    return response(status, gzip.compress(body), f"Content-Type: {MANIFEST_TYPE}", "Content-Encoding: gzip")


@pytest.fixture
def scripted(sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, own_directory: Path) -> Iterator[Scripted]:
    """A gateway in front of a registry that sends given bytes; the API is the sandbox's."""
    started: list[ScriptedServer] = []

    def start(*responses: bytes, closes: bool = False, **configuration: object) -> tuple[Gateway, ScriptedServer]:
        bucket = f"bucket.s3.{sandbox.facts['region']}.amazonaws.com"
        names = authority.issue("registry", f"DNS:{sandbox.registry_host}", f"DNS:{bucket}")
        started.append(ScriptedServer(names, *responses, closes=closes))
        both = own_directory / "both.crt"
        both.write_bytes(sandbox.ca.read_bytes() + authority.certificate.read_bytes())
        there = {f"{host}:443": started[-1].address.authority for host in (sandbox.registry_host, bucket)}
        connect_to = {name: address for name, address in sandbox.facts["connect_to"].items() if name not in there}
        gateway = start_gateway(sandbox, connect_to=connect_to | there, ca_file=str(both), **configuration)
        gateway.wait_until_ready()
        return gateway, started[-1]

    yield start
    for server in started:
        server.stop()


def heard(server: ScriptedServer) -> bytes:
    """The bytes that the upstream received, with the token replaced."""
    return re.sub(rb"Authorization: Basic [^\r]+", b"Authorization: T", server.heard)


def get(gateway: Gateway, target: str, *fields: str, method: str = "GET", version: str = "1.1") -> Response:
    with Connection(gateway.plain) as connection:
        lines = [f"{method} {target} HTTP/{version}", f"Host: {gateway.plain.authority}", f"Authorization: {GOOD}", *fields]
        connection.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        return connection.receive(method)


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
def test_an_absolute_target_with_the_listeners_address_reaches_the_upstream_as_a_path(
    scripted: Scripted, sandbox: Sandbox, scheme: str
) -> None:
    gateway, server = scripted(response("200 OK", SCHEMA, "Docker-Content-Digest: d"))
    got = get(gateway, f"{scheme}://{gateway.plain.authority}{MANIFEST}?a=b", "X-End: 1")
    assert (got.status, got.body) == (200, SCHEMA)
    line = gateway.access_line(got)
    assert heard(server) == (
        f"GET {MANIFEST}?a=b HTTP/1.1\r\nHost: {sandbox.registry_host}\r\nAccept-Encoding: identity\r\n"
        f"Authorization: T\r\ntraceparent: 00-{line['trace_id']}-{line['request_id']}-00\r\nX-End: 1\r\n\r\n"
    ).encode()
    assert line["path"] == MANIFEST


def test_a_trailing_dot_of_a_host_is_removed(scripted: Scripted, sandbox: Sandbox) -> None:
    """In the configuration and in a redirect: connect_to matches the host, and Host and SNI have no dot."""
    blob, host = b"blob", f"bucket.s3.{sandbox.facts['region']}.amazonaws.com"
    location = f"Location: https://{host.title()}./k?X-Amz-Signature=s"
    upstream = {"name": "main", "registry": sandbox.registry_host + ".", "credentials": {"source": "environment"}}
    gateway, server = scripted(response("307 Temporary Redirect", b"", location), response("200 OK", blob), upstreams=[upstream])
    got = get(gateway, f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}")
    assert (got.status, got.body) == (200, blob), got
    assert server.names == [sandbox.registry_host, host]
    assert re.findall(rb"Host: ([^\r]*)", server.heard) == [sandbox.registry_host.encode(), host.encode()]


@pytest.mark.parametrize("target", ["/v2/", MANIFEST, "/v2/nowhere"])
def test_an_http_1_0_connection_that_persists_says_so(gateway: Gateway, stored: Image, target: str) -> None:
    """A response of Berth's own, one of the upstream's, and an error."""
    head = f"GET {target} HTTP/1.0\r\n{AUTHORIZATION}"
    with Connection(gateway.plain, timeout=10) as connection:
        for _ in range(2):
            connection.send(f"{head}Connection: keep-alive\r\n\r\n".encode())
            assert connection.receive().fields.get("connection") == "keep-alive"
        connection.send(f"{head}\r\n".encode())
        assert connection.receive().fields.get("connection") == "close"
        assert connection.closed_by_peer()
    with Connection(gateway.plain) as connection:
        connection.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n{AUTHORIZATION}\r\n".encode())
        assert "connection" not in connection.receive().fields


def test_an_http_1_0_body_of_unknown_length_ends_with_the_connection(scripted: Scripted) -> None:
    """A manifest is read whole before, and has a length then."""
    gateway, _ = scripted(b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: d\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    got = get(gateway, f"/v2/{REPOSITORY}/blobs/{digest_of(b'hello')}", "Connection: keep-alive", version="1.0")
    assert (got.body, got.fields.get("connection")) == (b"hello", "close")
    got = get(gateway, MANIFEST, "Connection: keep-alive", version="1.0")
    assert (got.body, got.fields.get("connection")) == (b"hello", "keep-alive")


def test_every_response_has_a_date(gateway: Gateway, stored: Image, scripted: Scripted) -> None:
    layer = f"/v2/{REPOSITORY}/blobs/{digest_of(stored.layers[0])}"
    targets = ["/v2/", MANIFEST, layer, "/v2/nowhere", f"/v2/{REPOSITORY}/tags/list", "/v2/_catalog"]
    responses = [get(gateway, target) for target in targets] + [get(gateway, each, method="HEAD") for each in (MANIFEST, layer)]
    responses += [request(gateway.plain, "GET", "/v2/"), request(gateway.admin, "GET", "/healthz")]
    undated, _ = scripted(response("200 OK", SCHEMA, "Docker-Content-Digest: d"))
    for each in [*responses, get(undated, MANIFEST)]:
        assert re.fullmatch(DATE, each.fields.get("date", "")), each
    dated, _ = scripted(response("200 OK", SCHEMA, "Docker-Content-Digest: d", "Date: Sun, 06 Nov 1994 08:49:37 GMT"))
    assert get(dated, MANIFEST).fields["date"] == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("chunks", [chunks for chunks in BAD_CHUNKS if "hello" in chunks])
def test_a_response_with_malformed_chunks_is_never_passed_on_as_complete(scripted: Scripted, chunks: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: d\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
    gateway, _ = scripted(head + chunks.encode())
    try:
        got = get(gateway, MANIFEST)
    except ConnectionError:
        return
    assert (got.status, got.code) == (502, "UNAVAILABLE")


@pytest.mark.parametrize("length", ["Content-Length: 5\r\n", "Content-Length: 0\r\n", ""])
def test_204_for_a_chunk_becomes_202_without_a_body(scripted: Scripted, length: str) -> None:
    gateway, _ = scripted(f"HTTP/1.1 204 No Content\r\nDate: then\r\n{length}\r\n".encode())
    target = f"/v2/{REPOSITORY}/blobs/uploads/u"
    with Connection(gateway.plain, timeout=10) as connection:
        for _ in range(2):
            connection.send_head("PATCH", target, {"Authorization": GOOD, "Content-Length": "0"})
            got = connection.receive_final_head()
            assert (got.status, got.fields["content-length"]) == (202, "0"), got
        connection.send_head("GET", target, {"Authorization": GOOD})
        got = connection.receive_final_head()
        assert got.status == 204 and "content-length" not in got.fields, got
        assert connection.request("GET", "/v2/", authorization=GOOD).status == 200


def test_an_expired_token_is_replaced_even_if_the_error_is_compressed(scripted: Scripted) -> None:
    """Berth does not decode a compressed error, so only its status counts, and Berth asks the registry whether the token is the reason."""
    good = response("200 OK", SCHEMA, "Docker-Content-Digest: d")
    gateway, server = scripted(zipped("403 Forbidden", EXPIRED), response("403 Forbidden", EXPIRED), good)
    got = get(gateway, MANIFEST, "Accept-Encoding: gzip")
    assert (got.status, got.body) == (200, SCHEMA), got
    assert b"gzip" not in server.heard and server.heard.count(b"Accept-Encoding: identity\r\n") == 3


def test_a_compressed_error_becomes_registry_json(scripted: Scripted) -> None:
    gateway, _ = scripted(zipped("403 Forbidden", b"{}"), response("200 OK"), zipped("404 Not Found", b"{}"))
    for status, code in ((403, "DENIED"), (404, "MANIFEST_UNKNOWN")):
        got = get(gateway, MANIFEST, "Accept-Encoding: gzip")
        assert (got.status, got.code) == (status, code) and "content-encoding" not in got.fields


def test_a_compressed_manifest_gets_no_digest_of_its_compressed_bytes(scripted: Scripted) -> None:
    gateway, _ = scripted(zipped("200 OK", SCHEMA), response("200 OK", SCHEMA))
    coded = get(gateway, MANIFEST, "Accept-Encoding: gzip")
    assert (coded.fields["content-encoding"], gzip.decompress(coded.body)) == ("gzip", SCHEMA)
    assert "docker-content-digest" not in coded.fields
    assert get(gateway, MANIFEST).fields["docker-content-digest"] == digest_of(SCHEMA)


@pytest.mark.parametrize("target", ["tags/list", f"referrers/{digest_of(b'x')}"])
def test_a_compressed_list_is_an_error(scripted: Scripted, target: str) -> None:
    gateway, server = scripted(zipped("200 OK", json.dumps({"tags": ["a"], "manifests": []}).encode()))
    got = get(gateway, f"/v2/{REPOSITORY}/{target}", "Accept-Encoding: gzip")
    assert (got.status, got.code) == (502, "UNAVAILABLE")
    assert b"Accept-Encoding: identity" in server.heard


def test_the_cheaper_of_the_cipher_suites_that_a_client_offers_is_chosen(gateway: Gateway) -> None:
    with Connection(gateway.tls) as connection:
        name, _, _ = connection.socket.cipher()
    assert name == "TLS_AES_128_GCM_SHA256", "the client's own order begins with AES-256"
