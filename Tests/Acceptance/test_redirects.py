"""Redirects of the registry: only a blob's redirect is followed, only to allowed hosts, and no URL reaches a client or the log."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway
from harness.images import digest_of
from harness.sandbox import Sandbox
from harness.scripted import ScriptedServer
from harness.tls import Authority
from harness.wire import Response, Connection, basic, request

SECRET = "X-Amz-Signature=0123456789abcdef"
DIGEST = digest_of(b"blob")
BLOB = f"/v2/team/app/blobs/{DIGEST}"
StartBehind = Callable[..., tuple[Gateway, ScriptedServer]]


def redirection(location: str, status: int = 307) -> bytes:
    page = f'<a href="{location}">Temporary Redirect</a>.'
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: {len(page)}\r\n\r\n{page}".encode()


def bare(location: str, status: int = 307) -> bytes:
    """A response to HEAD."""
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
def start_behind(
    sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, own_directory: Path
) -> Iterator[StartBehind]:
    """A gateway in front of a registry with given responses."""
    servers: list[ScriptedServer] = []
    trust = own_directory / "both.pem"
    trust.write_bytes(sandbox.ca.read_bytes() + authority.certificate.read_bytes())

    def start(
        *responses: bytes, connect_to: dict[str, str] | None = None, environment: dict[str, str] | None = None, **keys: Any
    ) -> tuple[Gateway, ScriptedServer]:
        registry = ScriptedServer(authority.issue("registry", f"DNS:{sandbox.registry_host}"), *responses)
        servers.append(registry)
        table = sandbox.facts["connect_to"] | {f"{sandbox.registry_host}:443": registry.address.authority} | (connect_to or {})
        upstreams = [sandbox.upstream["upstreams"][0] | keys]
        gateway = start_gateway(sandbox, environment, connect_to=table, ca_file=str(trust), upstreams=upstreams)
        gateway.wait_until_ready()
        return gateway, registry

    yield start
    for server in servers:
        server.stop()


def ask(gateway: Gateway, method: str, target: str, body: bytes | None = None) -> Response:
    return request(gateway.plain, method, target, body=body, authorization=basic("ci", PASSWORD))


def shows_no_url(gateway: Gateway, response: Response) -> None:
    assert "location" not in response.fields and b"Amz" not in response.body and b"example" not in response.body, response
    assert SECRET not in gateway.program.err


OTHERS = (
    ("GET", "/v2/team/app/manifests/v1", None), ("HEAD", "/v2/team/app/manifests/v1", None), ("PUT", "/v2/team/app/manifests/v1", b"{}"),
    ("DELETE", "/v2/team/app/manifests/v1", None), ("DELETE", BLOB, None), ("POST", "/v2/team/app/blobs/uploads/", b""),
    ("POST", f"/v2/team/app/blobs/uploads/?mount={DIGEST}&from=team/tool", b""), ("POST", f"/v2/team/app/blobs/uploads/?digest={DIGEST}", b"blob"),
    ("PATCH", "/v2/team/app/blobs/uploads/u", b"blob"), ("PUT", f"/v2/team/app/blobs/uploads/u?digest={DIGEST}", b"blob"),
    ("GET", "/v2/team/app/blobs/uploads/u", None), ("DELETE", "/v2/team/app/blobs/uploads/u", None),
    ("GET", "/v2/team/app/tags/list", None), ("GET", "/v2/_catalog", None), ("GET", f"/v2/team/app/referrers/{DIGEST}", None),
)  # fmt: skip


@pytest.mark.parametrize("blobs", ["stream", "redirect"])
def test_a_redirect_of_anything_but_a_blob_gets_502(start_behind: StartBehind, blobs: str) -> None:
    gateway, registry = start_behind(redirection("https://x"), blobs=blobs)
    for status in (301, 302, 303, 307, 308, 300):
        for location in (f"https://elsewhere.example/x?{SECRET}", f"/v2/team/other?{SECRET}"):
            for method, target, body in OTHERS:
                registry.say((bare if method == "HEAD" else redirection)(location, status))
                response = ask(gateway, method, target, body)
                assert response.status == 502, (method, target, response)
                assert method == "HEAD" or response.code == "UNAVAILABLE"
                shows_no_url(gateway, response)
    reasons = {line["reason"] for line in gateway.log_lines() if line.get("status") in (502, "502") and "reason" in line}
    assert any("status 307, redirecting to elsewhere.example:443" in reason for reason in reasons), reasons


def test_304_is_not_a_redirect(start_behind: StartBehind) -> None:
    gateway, _ = start_behind(b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n")
    with Connection(gateway.plain) as connection:
        for method in ("GET", "HEAD"):
            response = connection.request(method, "/v2/team/app/manifests/v1", {"If-None-Match": '"a"'}, authorization=basic("ci", PASSWORD))
            assert response.status == 304


@pytest.mark.parametrize("blobs", ["stream", "redirect"])
def test_head_of_a_redirected_blob_returns_its_size(start_behind: StartBehind, authority: Authority, blobs: str) -> None:
    storage = ScriptedServer(
        authority.issue("storage", "DNS:cdn.example"), b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/1234\r\nContent-Length: 1\r\n\r\nb")
    try:
        location = f"https://cdn.example/x?{SECRET}"
        gateway, registry = start_behind(
            bare(location), redirection(location), connect_to={"cdn.example:443": storage.address.authority}, blobs=blobs)
        response = ask(gateway, "HEAD", BLOB)
        assert (response.status, response.fields["content-length"], response.fields["docker-content-digest"]) == (200, "1234", DIGEST)
        shows_no_url(gateway, response)
        assert registry.heard.startswith(b"HEAD ") and b"GET " in registry.heard and b"bytes=0-0" in storage.heard
        assert b"uthorization" not in storage.heard
    finally:
        storage.stop()


def test_when_to_come_back_to_a_busy_storage_reaches_the_client(start_behind: StartBehind, authority: Authority) -> None:
    storage = ScriptedServer(
        authority.issue("storage", "DNS:cdn.example"),
        b"HTTP/1.1 503 Slow Down\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")
    try:
        gateway, _ = start_behind(redirection(f"https://cdn.example/x?{SECRET}"), connect_to={"cdn.example:443": storage.address.authority})
        response = ask(gateway, "GET", BLOB)
        assert (response.status, response.code, response.fields["retry-after"]) == (503, "UNAVAILABLE", "30")
    finally:
        storage.stop()


INSIDE = (
    "127.0.0.1", "10.0.0.1", "169.254.169.254", "169.254.170.2", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "localhost", "2130706433", "0x7f000001", "127.1", "[::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]",
)  # fmt: skip


@pytest.mark.parametrize("blobs", ["stream", "redirect"])
def test_a_blobs_redirect_to_an_internal_address_is_not_followed(start_behind: StartBehind, blobs: str) -> None:
    gateway, registry = start_behind(b"", blobs=blobs)
    for host in INSIDE:
        registry.say(redirection(f"https://{host}/latest/meta-data/?{SECRET}"))
        response = ask(gateway, "GET", BLOB)
        assert (response.status, response.code) == (502, "UNAVAILABLE"), (host, response)
        shows_no_url(gateway, response)
    assert not gateway.program.err.count("Connection refused")


def test_a_name_that_resolves_to_an_internal_address_is_not_connected_to(start_behind: StartBehind) -> None:
    """DNS rebinding does not help: Berth checks the address, and it is this machine's."""
    name = socket.gethostname()
    try:
        inside = socket.gethostbyname(name)
    except OSError:
        inside = ""
    if not inside.startswith("127."):
        pytest.skip("this machine's name is not in /etc/hosts as loopback")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.5)
    port = listener.getsockname()[1]
    try:
        there = redirection(f"https://{name}:{port}/x?{SECRET}")
        gateway, _ = start_behind(there)
        response = ask(gateway, "GET", BLOB)
        assert (response.status, response.code) == (502, "UNAVAILABLE")
        reason = gateway.access_line(response)["reason"]
        assert f"{name.lower()} is at 127." in reason and "not public" in reason and "blob_hosts" in reason, reason
        shows_no_url(gateway, response)
        with pytest.raises(TimeoutError):
            listener.accept()
        allowed, _ = start_behind(there, blob_hosts=[name])
        listener.settimeout(10)
        with Connection(allowed.plain) as connection:
            connection.send_head("GET", BLOB, {"Authorization": basic("ci", PASSWORD)})
            listener.accept()[0].close()  # allowed by the operator
    finally:
        listener.close()


def test_with_a_proxy_names_are_allowed_and_internal_addresses_are_not(
    start_behind: StartBehind, sandbox: Sandbox
) -> None:
    """The proxy gets names that only it can resolve; it does not get an internal address."""
    proxy = socket.create_server(("127.0.0.1", 0))
    proxy.settimeout(10)
    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.getsockname()[1]}"}
    try:
        gateway, registry = start_behind(redirection("https://169.254.169.254/"), environment=environment)
        assert ask(gateway, "GET", BLOB).status == 502
        registry.say(redirection("https://cdn.example/x"))
        with Connection(gateway.plain) as connection:
            connection.send_head("GET", BLOB, {"Authorization": basic("ci", PASSWORD)})
            asked, _ = proxy.accept()
            with asked:
                assert asked.recv(4096).startswith(b"CONNECT cdn.example:443 ")
                asked.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            assert connection.receive().status == 502
    finally:
        proxy.close()
