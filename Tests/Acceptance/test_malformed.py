"""Requests that two parsers could read differently are rejected and the connection is closed; other clients are not affected."""

from __future__ import annotations

import re
from typing import Any

import pytest

from conftest import REPOSITORY, StartGateway
from harness.address import Address
from harness.gateway import PASSWORD, Gateway
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import DATE, Response, Connection, basic, raw_exchange, request

pytestmark = pytest.mark.usefixtures("nothing_else_is_harmed")

HOST = "Host: registry.example.test\r\n"
AUTHORIZATION = f"Authorization: {basic('ci', PASSWORD)}\r\n"
UPLOAD = f"POST /v2/{REPOSITORY}/blobs/uploads/ HTTP/1.1\r\n{HOST}{AUTHORIZATION}"
PULL = f"GET /v2/{REPOSITORY}/manifests/v1 HTTP/1.1\r\n{HOST}{AUTHORIZATION}"

MALFORMED: dict[str, tuple[str, tuple[int, ...]]] = {
    "oversized head": (f"{PULL}X-Filler: {'x' * 40_000}\r\n\r\n", (431,)),
    "too many fields": (PULL + "".join(f"X-{n}: 1\r\n" for n in range(150)) + "\r\n", (431,)),
    "length and chunked": (f"{UPLOAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
    "two lengths": (f"{UPLOAD}Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", (400,)),
    "length that is no number": (f"{UPLOAD}Content-Length: +5\r\n\r\nhello", (400,)),
    "length beyond any integer": (f"{UPLOAD}Content-Length: 99999999999999999999\r\n\r\n", (400, 413)),
    "unknown transfer coding": (f"{UPLOAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", (400, 501)),
    "chunked not last": (f"{UPLOAD}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", (400, 501)),
    "bare line feeds": (PULL.replace("\r\n", "\n") + "\n", (400,)),
    "folded field": (f"{PULL}X-Folded: one\r\n two\r\n\r\n", (400,)),
    "space before the colon": (f"{PULL}X-Spaced : one\r\n\r\n", (400,)),
    "no colon": (f"{PULL}nonsense\r\n\r\n", (400,)),
    "null in a field": (f"{PULL}X-Null: a\0b\r\n\r\n", (400,)),
    "no host": (f"GET /v2/ HTTP/1.1\r\n{AUTHORIZATION}\r\n", (400,)),
    "two hosts": (f"GET /v2/ HTTP/1.1\r\n{HOST}{HOST}{AUTHORIZATION}\r\n", (400,)),
    "http 2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "unknown version": (f"GET /v2/ HTTP/3.7\r\n{HOST}\r\n", (400, 505)),
    "another host than Host": (f"GET http://other.test/v2/ HTTP/1.1\r\n{HOST}{AUTHORIZATION}\r\n", (400,)),
    "another port than Host": (f"GET http://registry.example.test:81/v2/ HTTP/1.1\r\n{HOST}{AUTHORIZATION}\r\n", (400,)),
    "user in the target": (f"GET http://ci@registry.example.test/v2/ HTTP/1.1\r\n{HOST}{AUTHORIZATION}\r\n", (400,)),
    "another scheme": (f"GET ftp://registry.example.test/v2/ HTTP/1.1\r\n{HOST}{AUTHORIZATION}\r\n", (400,)),
    "connect": (f"CONNECT registry.example.test:443 HTTP/1.1\r\n{HOST}{AUTHORIZATION}\r\n", (400,)),
    "invalid host": (f"GET /v2/ HTTP/1.1\r\nHost: a:b:c\r\n{AUTHORIZATION}\r\n", (400,)),
    "thousands of options": (f"{PULL}Connection: {'a,' * 15_000}\r\n\r\n", (431,)),
    "garbage": ("\x80\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_an_ambiguous_request_is_rejected_and_the_connection_closed(strict_gateway: Gateway, name: str) -> None:
    text, statuses = MALFORMED[name]
    response, closed = raw_exchange(strict_gateway.plain, text.encode("latin-1"))
    assert response is not None, "closed without a response"
    assert response.status in statuses, response
    assert closed, "the connection stayed open, and the rest could be read as another request"
    rejected(strict_gateway, response)


def rejected(gateway: Gateway, response: Response) -> dict[str, Any]:
    """With a date, and with one request id in the response, its body and the log."""
    assert re.fullmatch(DATE, response.fields["date"]), response
    assert response.error and response.error["detail"] == {"request_id": response.request_id}, response
    line = gateway.access_line(response)
    assert (int(line["status"]), line["end"]) == (response.status, "malformed")
    return line


def test_tls_to_a_plain_listener_gets_an_explanation_and_is_logged(strict_gateway: Gateway) -> None:
    """docker and podman try TLS first, with every command."""
    response, closed = raw_exchange(strict_gateway.plain, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    assert response is not None and response.status == 400 and b"began a TLS handshake" in response.body and closed
    assert "began a TLS handshake" in rejected(strict_gateway, response)["reason"]
    # A client that works does so all the time: it would fill the list of errors.
    errors = request(strict_gateway.admin, "GET", "/api/v1/errors").body
    assert b"began a TLS handshake" not in errors


def test_plain_http_to_a_tls_listener_gets_an_explanation_and_is_logged(strict_gateway: Gateway) -> None:
    plain = Address(strict_gateway.tls.host, strict_gateway.tls.port)
    response, closed = raw_exchange(plain, f"GET /v2/ HTTP/1.1\r\n{HOST}\r\n".encode())
    assert response is not None and response.status == 400 and b"This port speaks TLS" in response.body and closed
    assert "This port speaks TLS" in rejected(strict_gateway, response)["reason"]


def test_a_failed_handshake_is_logged(strict_gateway: Gateway) -> None:
    with Connection(Address(strict_gateway.tls.host, strict_gateway.tls.port)) as connection:
        connection.send(b"\x16\x03\x01\x00\x05hello")
        connection.closed_by_peer()
    wait_until(lambda: any(line["message"] == "handshake failed" and "SSL_do_handshake" in line["reason"]
                           for line in strict_gateway.log_lines()), "a log line", 5)  # fmt: skip


def test_a_head_that_does_not_arrive_gets_an_explanation(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, timeouts={"head": "200ms"})
    response, closed = raw_exchange(gateway.plain, b"GET /v2/ HT")
    assert response is not None and response.status == 408 and closed
    rejected(gateway, response)


BAD_CHUNKS = (
    "zz\r\nhello\r\n", "5;\r\nhelloXX0\r\n\r\n", "-5\r\nhello\r\n", "FFFFFFFFFFFFFFFFF\r\n", "5 \r\nhello\r\n0\r\n\r\n",
    "5\t;a\r\nhello\r\n0\r\n\r\n", "5; a=b\r\nhello\r\n0\r\n\r\n", "5;a=\r\nhello\r\n0\r\n\r\n", "5;a@b\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0 \r\n\r\n", "5\r\nhello\r\n0\r\nno field\r\n\r\n", "5\r\nhello\r\n0\r\nA : b\r\n\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n", "5\r\nhello\r\n0\r\nGET /v2/ HTTP/1.1\r\n\r\n",
)  # fmt: skip


@pytest.mark.parametrize("chunk", BAD_CHUNKS)
def test_a_bad_chunk_is_rejected(strict_gateway: Gateway, chunk: str) -> None:
    with RegistryClient(strict_gateway.plain, "ci", PASSWORD) as client:
        session = client.start_upload(REPOSITORY)
    head = f"PATCH {session} HTTP/1.1\r\n{HOST}{AUTHORIZATION}Transfer-Encoding: chunked\r\n\r\n"
    response, closed = raw_exchange(strict_gateway.plain, (head + chunk).encode())
    assert response is not None and response.status == 400, response
    assert closed


def test_no_interim_response_follows_the_final_one(strict_gateway: Gateway) -> None:
    """A client that stopped waiting for 100 Continue and sends its body would take it for its next response."""
    head = f"PUT /v2/{REPOSITORY}/nothing HTTP/1.1\r\n{HOST}{AUTHORIZATION}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with Connection(strict_gateway.plain) as connection:
        connection.send(head.encode() + b"h")
        assert connection.receive().status == 404
        connection.send(b"ello" + PULL.encode() + b"\r\n")
        assert connection.receive_head().status == 200
