"""HTTP as its RFCs have it, byte for byte on both sides: what reaches the upstream, and what the client is told."""

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
from harness.wire import DATE, Answer, Connection, basic, request
from test_malformed import BAD_CHUNKS

GOOD = basic("ci", PASSWORD)
AUTHORIZATION = f"Authorization: {GOOD}\r\n"
MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"
SCHEMA = b'{"schemaVersion":2}'
EXPIRED = b'{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}\n'

Scripted = Callable[..., tuple[Gateway, ScriptedServer]]


def answer(status: str, body: bytes = b"", *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def zipped(status: str, body: bytes) -> bytes:
    return answer(status, gzip.compress(body), f"Content-Type: {MANIFEST_TYPE}", "Content-Encoding: gzip")


@pytest.fixture
def scripted(sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, own_directory: Path) -> Iterator[Scripted]:
    """A gateway before a registry that says given bytes, and the sandbox's API."""
    started: list[ScriptedServer] = []

    def start(*answers: bytes, closes: bool = False, **configuration: object) -> tuple[Gateway, ScriptedServer]:
        bucket = f"bucket.s3.{sandbox.facts['region']}.amazonaws.com"
        names = authority.issue("registry", f"DNS:{sandbox.registry_host}", f"DNS:{bucket}")
        started.append(ScriptedServer(names, *answers, closes=closes))
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
    """What the upstream was sent, less its token."""
    return re.sub(rb"Authorization: Basic [^\r]+", b"Authorization: T", server.heard)


def get(gateway: Gateway, target: str, *fields: str, method: str = "GET", version: str = "1.1") -> Answer:
    with Connection(gateway.plain) as connection:
        lines = [f"{method} {target} HTTP/{version}", f"Host: {gateway.plain.authority}", f"Authorization: {GOOD}", *fields]
        connection.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        return connection.receive(method)


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
def test_an_absolute_target_of_the_listeners_own_reaches_the_upstream_as_its_path(
    scripted: Scripted, sandbox: Sandbox, scheme: str
) -> None:
    gateway, server = scripted(answer("200 OK", SCHEMA, "Docker-Content-Digest: d"))
    got = get(gateway, f"{scheme}://{gateway.plain.authority}{MANIFEST}?a=b", "X-End: 1")
    assert (got.status, got.body) == (200, SCHEMA)
    assert heard(server) == (
        f"GET {MANIFEST}?a=b HTTP/1.1\r\nHost: {sandbox.registry_host}\r\nAccept-Encoding: identity\r\n"
        "Authorization: T\r\nX-End: 1\r\n\r\n"
    ).encode()
    assert gateway.access_line(got)["path"] == MANIFEST


def test_a_host_with_a_trailing_dot_is_called_without_it(scripted: Scripted, sandbox: Sandbox) -> None:
    """By configuration and by redirect: connect_to finds it, and neither Host nor SNI have it."""
    blob, host = b"blob", f"bucket.s3.{sandbox.facts['region']}.amazonaws.com"
    location = f"Location: https://{host.title()}./k?X-Amz-Signature=s"
    upstream = {"name": "main", "registry": sandbox.registry_host + ".", "credentials": {"source": "environment"}}
    gateway, server = scripted(answer("307 Temporary Redirect", b"", location), answer("200 OK", blob), upstreams=[upstream])
    got = get(gateway, f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}")
    assert (got.status, got.body) == (200, blob), got
    assert server.names == [sandbox.registry_host, host]
    assert re.findall(rb"Host: ([^\r]*)", server.heard) == [sandbox.registry_host.encode(), host.encode()]


@pytest.mark.parametrize("target", ["/v2/", MANIFEST, "/v2/nowhere"])
def test_to_http_1_0_what_persists_says_so_or_closes(gateway: Gateway, stored: Image, target: str) -> None:
    """A response of Berth's own, one of the upstream's, and a refusal."""
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


def test_to_http_1_0_a_body_of_unknown_length_ends_with_the_connection(scripted: Scripted) -> None:
    gateway, _ = scripted(b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: d\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    got = get(gateway, MANIFEST, "Connection: keep-alive", version="1.0")
    assert (got.body, got.fields.get("connection")) == (b"hello", "close")


def test_every_response_has_a_date(gateway: Gateway, stored: Image, scripted: Scripted) -> None:
    layer = f"/v2/{REPOSITORY}/blobs/{digest_of(stored.layers[0])}"
    targets = ["/v2/", MANIFEST, layer, "/v2/nowhere", f"/v2/{REPOSITORY}/tags/list", "/v2/_catalog"]
    answers = [get(gateway, target) for target in targets] + [get(gateway, each, method="HEAD") for each in (MANIFEST, layer)]
    answers += [request(gateway.plain, "GET", "/v2/"), request(gateway.admin, "GET", "/healthz")]
    undated, _ = scripted(answer("200 OK", SCHEMA, "Docker-Content-Digest: d"))
    for each in [*answers, get(undated, MANIFEST)]:
        assert re.fullmatch(DATE, each.fields.get("date", "")), each
    dated, _ = scripted(answer("200 OK", SCHEMA, "Docker-Content-Digest: d", "Date: Sun, 06 Nov 1994 08:49:37 GMT"))
    assert get(dated, MANIFEST).fields["date"] == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("chunks", [chunks for chunks in BAD_CHUNKS if "hello" in chunks])
def test_a_chunked_answer_of_no_grammar_is_never_passed_as_whole(scripted: Scripted, chunks: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: d\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
    gateway, _ = scripted(head + chunks.encode())
    try:
        got = get(gateway, MANIFEST)
    except ConnectionError:
        return
    assert (got.status, got.code) == (502, "UNAVAILABLE")


@pytest.mark.parametrize("length", ["Content-Length: 5\r\n", "Content-Length: 0\r\n", ""])
def test_a_204_to_a_chunk_becomes_a_202_that_ends_with_its_head(scripted: Scripted, length: str) -> None:
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


def test_an_expired_token_is_healed_however_the_registry_says_it(scripted: Scripted) -> None:
    """Coded all the same, it is no more than a status: the registry is asked whether it is the token."""
    good = answer("200 OK", SCHEMA, "Docker-Content-Digest: d")
    gateway, server = scripted(zipped("403 Forbidden", EXPIRED), answer("403 Forbidden", EXPIRED), good)
    got = get(gateway, MANIFEST, "Accept-Encoding: gzip")
    assert (got.status, got.body) == (200, SCHEMA), got
    assert b"gzip" not in server.heard and server.heard.count(b"Accept-Encoding: identity\r\n") == 3


def test_an_error_that_came_coded_is_told_in_the_registrys_json(scripted: Scripted) -> None:
    gateway, _ = scripted(zipped("403 Forbidden", b"{}"), answer("200 OK"), zipped("404 Not Found", b"{}"))
    for status, code in ((403, "DENIED"), (404, "MANIFEST_UNKNOWN")):
        got = get(gateway, MANIFEST, "Accept-Encoding: gzip")
        assert (got.status, got.code) == (status, code) and "content-encoding" not in got.fields


def test_a_manifest_that_came_coded_is_not_named_by_its_coded_bytes(scripted: Scripted) -> None:
    gateway, _ = scripted(zipped("200 OK", SCHEMA), answer("200 OK", SCHEMA))
    coded = get(gateway, MANIFEST, "Accept-Encoding: gzip")
    assert (coded.fields["content-encoding"], gzip.decompress(coded.body)) == ("gzip", SCHEMA)
    assert "docker-content-digest" not in coded.fields
    assert get(gateway, MANIFEST).fields["docker-content-digest"] == digest_of(SCHEMA)


@pytest.mark.parametrize("target", ["tags/list", f"referrers/{digest_of(b'x')}"])
def test_a_list_that_came_coded_is_no_list(scripted: Scripted, target: str) -> None:
    gateway, server = scripted(zipped("200 OK", json.dumps({"tags": ["a"], "manifests": []}).encode()))
    got = get(gateway, f"/v2/{REPOSITORY}/{target}", "Accept-Encoding: gzip")
    assert (got.status, got.code) == (502, "UNAVAILABLE")
    assert b"Accept-Encoding: identity" in server.heard
