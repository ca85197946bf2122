"""Requests that two parsers could read differently are refused and the connection is closed; nothing else is harmed."""

from __future__ import annotations

import pytest

from conftest import REPOSITORY
from harness.address import Address
from harness.gateway import PASSWORD, Gateway
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.wire import Connection, basic, raw_exchange

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
    "garbage": ("\x80\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (400,)),
}


def refusals_logged(gateway: Gateway) -> int:
    return sum(1 for line in gateway.log_lines() if line.get("message") == "access" and 400 <= int(line.get("status", 0)) < 600)


@pytest.mark.parametrize("name", MALFORMED)
def test_an_ambiguous_request_is_refused_and_the_connection_closed(strict_gateway: Gateway, name: str) -> None:
    text, statuses = MALFORMED[name]
    logged = refusals_logged(strict_gateway)
    answer, closed = raw_exchange(strict_gateway.plain, text.encode("latin-1"))
    assert answer is not None, "closed without a word"
    assert answer.status in statuses, answer
    assert closed, "the connection was kept, and what follows could be read as another request"
    wait_until(lambda: refusals_logged(strict_gateway) > logged, "an access line", 5)


def test_tls_to_a_plain_listener_is_no_news(strict_gateway: Gateway) -> None:
    """docker and podman try TLS first, at every command."""
    logged = refusals_logged(strict_gateway)
    answer, closed = raw_exchange(strict_gateway.plain, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    assert answer is not None and answer.status == 400 and b"TLS was spoken" in answer.body and closed
    assert refusals_logged(strict_gateway) == logged


def test_plain_http_to_a_tls_listener_is_told_so(strict_gateway: Gateway) -> None:
    plain = Address(strict_gateway.tls.host, strict_gateway.tls.port)
    answer, closed = raw_exchange(plain, f"GET /v2/ HTTP/1.1\r\n{HOST}\r\n".encode())
    assert answer is not None and answer.status == 400 and b"This port speaks TLS" in answer.body and closed
    wait_until(lambda: "something else than TLS" in strict_gateway.program.err, "a log line", 5)


@pytest.mark.parametrize("chunk", ["zz\r\nhello\r\n", "5;\r\nhelloXX0\r\n\r\n", "-5\r\nhello\r\n", "FFFFFFFFFFFFFFFFF\r\n"])
def test_a_bad_chunk_is_refused(strict_gateway: Gateway, chunk: str) -> None:
    with RegistryClient(strict_gateway.plain, "ci", PASSWORD) as client:
        session = client.start_upload(REPOSITORY)
    head = f"PATCH {session} HTTP/1.1\r\n{HOST}{AUTHORIZATION}Transfer-Encoding: chunked\r\n\r\n"
    answer, closed = raw_exchange(strict_gateway.plain, (head + chunk).encode())
    assert answer is not None and answer.status == 400, answer
    assert closed


def test_no_interim_answer_follows_the_final_one(strict_gateway: Gateway) -> None:
    """A client that gave up waiting for 100 Continue and sends its body all the same would take one for its next answer."""
    head = f"PUT /v2/{REPOSITORY}/nothing HTTP/1.1\r\n{HOST}{AUTHORIZATION}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with Connection(strict_gateway.plain) as connection:
        connection.send(head.encode() + b"h")
        assert connection.receive().status == 404
        connection.send(b"ello" + PULL.encode() + b"\r\n")
        assert connection.receive_head().status == 200
