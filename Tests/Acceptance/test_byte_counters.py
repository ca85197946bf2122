"""`berth_bytes_total` counts the bytes that crossed the sockets: heads and bodies, in both directions, whatever the request's result.

A tap between client and Berth counts on one side; on the other, the upstream counts above TLS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.gateway import PASSWORD, Gateway, user
from harness.images import MIB, digest_of
from harness.processes import wait_until
from harness.recorder import Recorder, Seen, registry, response
from harness.sandbox import Sandbox
from harness.tap import Tap
from harness.tls import Authority
from harness.wire import Connection, basic

REPOSITORY = "team/app"
MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
SESSION = f"{UPLOADS}session"
BLOB = os.urandom(3 * MIB)
DIGEST = digest_of(BLOB)
STORED = f"/v2/{REPOSITORY}/blobs/{DIGEST}"  # served after a redirect
SERVED = f"/v2/{REPOSITORY}/blobs/sha256:{'0' * 64}"  # served by the registry itself, in chunks
HEAD = f"Host: registry.test\r\nAuthorization: {basic('ci', PASSWORD)}\r\n"
EXPIRED = b'{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}'
SMALL = b"hello"
DIRECTIONS = ("received_from_client", "sent_to_client", "sent_upstream", "received_upstream")


class Registry:
    """The upstream's responses. Redirects lead to `storage`, which is the same server under another name."""

    def __init__(self, storage: str) -> None:
        self.storage = storage
        self.rejects_token = False

    def __call__(self, seen: Seen) -> bytes:
        if self.rejects_token:
            self.rejects_token = False
            return response(seen, "403 Forbidden", "Content-Type: application/json", body=EXPIRED)
        path = seen.target.partition("?")[0]
        if seen.values("host") == [self.storage]:
            if seen.values("range"):
                return response(seen, "206 Partial Content", f"Content-Range: bytes 0-99999/{len(BLOB)}", body=BLOB[:100_000])
            return response(seen, body=BLOB)
        if path == STORED and seen.method == "GET":
            return response(seen, "307 Temporary Redirect", f"Location: https://{self.storage}/layer?X-Amz-Signature=0", body=b"elsewhere")
        if path == SERVED and seen.method == "GET":
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (BLOB[:1], BLOB[1:70_000], BLOB[70_000:]))
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        if path.endswith("/broken"):
            return response(seen, "500 Internal Server Error", body=b"no" * 1000)
        return registry(seen)


class Wiring:
    """A gateway between two counters."""

    def __init__(self, gateway: Gateway, tap: Tap, upstream: Recorder, registry: Registry) -> None:
        self.gateway, self.tap, self.upstream, self.registry = gateway, tap, upstream, registry

    def counted(self) -> dict[str, int]:
        """The bytes counted by the taps."""
        figures = (self.tap.bytes["to_server"], self.tap.bytes["to_client"], self.upstream.received, self.upstream.sent)
        return dict(zip(DIRECTIONS, figures))

    def said(self) -> dict[str, int]:
        """The bytes counted by Berth, once no request is in progress."""
        wait_until(lambda: self.gateway.metric("berth_connections") == 0, "no connection", 10)
        return {direction: int(self.gateway.metric("berth_bytes_total", direction=direction)) for direction in DIRECTIONS}


@pytest.fixture(scope="module")
def wiring(berth: Path, directory: Path, sandbox: Sandbox, authority: Authority) -> Iterator[Wiring]:
    region = sandbox.facts["region"]
    storage = f"prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com"
    registry = Registry(storage)
    upstream = Recorder(authority.issue("counted", f"DNS:{sandbox.registry_host}", f"DNS:{storage}"), registry)
    trust = directory / "counted-ca.crt"
    trust.write_text(sandbox.ca.read_text() + authority.certificate.read_text())
    here = {f"{host}:443": upstream.address.authority for host in (sandbox.registry_host, storage)}
    configuration = sandbox.upstream | {
        "connect_to": sandbox.facts["connect_to"] | here,
        "ca_file": str(trust),
        "users": [user("ci", "team/**", actions=("pull", "push", "delete", "list"))],
        "limits": {"failed_logins_per_minute": 1000},
    }
    gateway = Gateway(berth, directory / "counted", configuration, sandbox.environment)
    gateway.wait_until_ready()
    tap = Tap(gateway.plain)
    yield Wiring(gateway, tap, upstream, registry)
    assert gateway.stop() == 0
    tap.stop()
    upstream.stop()
    assert not upstream.violations


def one(start: str, *lines: str, body: bytes = b"", head: str = HEAD) -> bytes:
    return f"{start} HTTP/1.1\r\n{head}{''.join(line + chr(13) + chr(10) for line in lines)}\r\n".encode() + body


def sized(start: str, body: bytes, *lines: str) -> bytes:
    return one(start, f"Content-Length: {len(body)}", *lines, body=body)


def chunked(start: str, *pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return one(start, "Transfer-Encoding: chunked", body=body + end)


def cut(data: bytes) -> tuple[bytes, bytes]:
    """Sends head and body separately."""
    end = data.index(b"\r\n\r\n") + 4
    return data[:end], data[end:]


Step = tuple[tuple[bytes, ...], tuple[str, ...]]  # the pieces to send, and the methods of the requests that then get a response


def step(*data: bytes, of: str = "GET") -> Step:
    return data, (of,)


def together(*requests: bytes) -> Step:
    return (b"".join(requests),), tuple(request.partition(b" ")[0].decode() for request in requests)


PING = one("GET /v2/")
CHUNKS = (BLOB[:MIB], BLOB[MIB : MIB + 5], BLOB[MIB + 5 :])
# For each case: what is sent on one connection, step by step.
SCENARIOS: dict[str, list[Step]] = {
    "ping": [step(PING)],
    "three pings": [step(PING)] * 3,
    "ping in pieces": [step(PING[:5], PING[5:40], PING[40:])],
    "HEAD of a ping": [step(one("HEAD /v2/"), of="HEAD")],
    "HTTP/1.0": [step(PING.replace(b"1.1", b"1.0"))],
    "closed after": [step(one("GET /v2/", "Connection: close"))],
    "no login": [step(one("GET /v2/", head="Host: registry.test\r\n"))] * 2,
    "a wrong login": [step(one("GET /v2/", head="Host: registry.test\r\nAuthorization: Basic Y2k6eA==\r\n"))],
    "no endpoint": [step(one("GET /v2/nothing"))] * 2,
    "not allowed": [step(one("GET /v2/secret/app/manifests/v1"))],
    "not allowed, HEAD": [step(one("HEAD /v2/secret/app/manifests/v1"), of="HEAD")],
    "not allowed, with a body": [step(sized("PUT /v2/secret/app/manifests/v1", SMALL)), step(PING)],
    "not allowed, with a body apart": [step(*cut(sized("PUT /v2/secret/app/manifests/v1", SMALL))), step(PING)],
    "not allowed, with chunks": [step(chunked("PUT /v2/secret/app/manifests/v1", SMALL))],
    "a method's body": [step(sized("GET /v2/", SMALL)), step(PING)],
    "malformed request line": [step(b"nonsense\r\n\r\n")],
    "malformed field": [step(one("GET /v2/", "X : y"))],
    "malformed framing": [step(one(f"PUT {MANIFEST}", "Content-Length: 5", "Transfer-Encoding: chunked"))],
    "malformed, after a good one": [step(PING), step(one("GET /v2/", "X : y"))],
    "malformed chunk": [step(one(f"PUT {MANIFEST}", "Transfer-Encoding: chunked", body=b"x\r\n"))],
    "an empty line before it": [step(b"\r\n" + PING)],
    "manifest": [step(one(f"GET {MANIFEST}"))] * 3,
    "manifest, HEAD": [step(one(f"HEAD {MANIFEST}"), of="HEAD")] * 2,
    "manifest, to HTTP/1.0": [step(one(f"GET {MANIFEST}").replace(b"1.1", b"1.0"))],
    "manifest pushed": [step(sized(f"PUT {MANIFEST}", SMALL))] * 2,
    "manifest pushed, apart": [step(*cut(sized(f"PUT {MANIFEST}", BLOB[:100_000])))],
    "manifest pushed, of some size": [step(sized(f"PUT {MANIFEST}", BLOB[:100_000]))],
    "manifest pushed in chunks": [step(chunked(f"PUT {MANIFEST}", SMALL, BLOB[:70_000]))],
    "manifest deleted": [step(one(f"DELETE {MANIFEST}"))],
    "tags": [step(one(f"GET /v2/{REPOSITORY}/tags/list"))],
    "catalog": [step(one("GET /v2/_catalog"))],
    "referrers": [step(one(f"GET /v2/{REPOSITORY}/referrers/{DIGEST}"))],
    "an error of the upstream's": [step(one(f"GET /v2/{REPOSITORY}/manifests/broken"))] * 2,
    "blob": [step(one(f"GET {STORED}"))] * 2,
    "blob, its first bytes": [step(one(f"GET {STORED}", "Range: bytes=0-99999"))],
    "blob in chunks": [step(one(f"GET {SERVED}"))] * 2,
    "blob in chunks, to HTTP/1.0": [step(one(f"GET {SERVED}").replace(b"1.1", b"1.0"))],
    "blob, HEAD": [step(one(f"HEAD {SERVED}"), of="HEAD")],
    "upload begun": [step(sized(f"POST {UPLOADS}", b""))] * 2,
    "upload asked for": [step(one(f"GET {SESSION}?_berth=5"))],
    "chunk": [step(sized(f"PATCH {SESSION}", SMALL))] * 2,
    "chunk, apart": [step(*cut(sized(f"PATCH {SESSION}", SMALL)))],
    "chunk of some size": [step(sized(f"PATCH {SESSION}", BLOB))] * 2,
    "chunk of some size, apart": [step(*cut(sized(f"PATCH {SESSION}", BLOB)))],
    "chunk of unknown size": [step(chunked(f"PATCH {SESSION}", *CHUNKS))] * 2,
    "chunk of unknown size, apart": [step(*cut(chunked(f"PATCH {SESSION}", *CHUNKS)))],
    "chunk with a trailer": [step(chunked(f"PATCH {SESSION}", SMALL, end=b"0\r\nX: y\r\n\r\n"))],
    "chunk with extensions": [step(one(f"PATCH {SESSION}", "Transfer-Encoding: chunked", body=b"5;a=b\r\nhello\r\n0;c\r\n\r\n"))],
    "chunk that is waited for": [step(sized(f"PATCH {SESSION}", SMALL, "Expect: 100-continue"))],
    "upload ended": [step(sized(f"PUT {SESSION}?digest={DIGEST}", b""))],
    "upload in one go": [step(sized(f"PUT {SESSION}?digest={DIGEST}", BLOB))],
    "upload in one request": [step(sized(f"POST {UPLOADS}?digest={DIGEST}", BLOB))],
    "mount": [step(one(f"POST {UPLOADS}?mount={DIGEST}&from=team/base", "Content-Length: 0"))],
    "pipelined pings": [together(*[PING] * 5)],
    "pipelined manifests": [together(*[one(f"GET {MANIFEST}")] * 5)],
    "pipelined pushes": [together(*[sized(f"PUT {MANIFEST}", SMALL), sized(f"PATCH {SESSION}", SMALL)] * 3)],
    "pipelined errors": [together(one("GET /v2/nothing"), sized("PUT /v2/nothing", SMALL), PING, one("HEAD /v2/x"))],
    "pipelined, the last one malformed": [together(PING, one(f"GET {MANIFEST}"), one("GET /v2/", "X : y"))],
    "half a head": [((b"GET /v2/ HT",), ())],
    "half a head after a ping": [((PING + b"GET /v2/ HT",), ("GET",))],
    "half a body": [((sized(f"PUT {MANIFEST}", SMALL)[:-2],), ())],
    "nothing": [],
}  # fmt: skip


def run(wiring: Wiring, steps: list[Step]) -> None:
    with Connection(wiring.tap.address) as connection:
        for data, methods in steps:
            for piece in data:
                connection.send(piece)
            for method in methods:
                connection.receive(method)
        connection.socket.shutdown(1)
        while connection.socket.recv(1 << 16):
            pass


def compare(wiring: Wiring, exchange: Callable[[], None]) -> None:
    counted, said = wiring.counted(), wiring.said()
    exchange()
    after = wiring.said()
    differences = {direction: wiring.counted()[direction] - counted[direction] for direction in DIRECTIONS}
    assert {direction: after[direction] - said[direction] for direction in DIRECTIONS} == differences


@pytest.mark.parametrize("name", SCENARIOS)
def test_bytes_are_counted_as_they_cross_the_socket(wiring: Wiring, name: str) -> None:
    compare(wiring, lambda: run(wiring, SCENARIOS[name]))


def test_bytes_that_are_sent_again_are_counted_again(wiring: Wiring) -> None:
    for request in (one(f"GET {MANIFEST}"), sized(f"PUT {MANIFEST}", SMALL), sized(f"PATCH {SESSION}", SMALL)):
        wiring.registry.rejects_token = True
        compare(wiring, lambda: run(wiring, [step(request)]))
        assert not wiring.registry.rejects_token


def test_a_client_that_waits_for_100_continue_gets_it(wiring: Wiring) -> None:
    def exchange() -> None:
        with Connection(wiring.tap.address) as connection:
            head, body = cut(sized(f"PATCH {SESSION}", SMALL, "Expect: 100-continue"))
            connection.send(head)
            assert connection.receive_head().status == 100
            connection.send(body)
            assert connection.receive().status == 202

    compare(wiring, exchange)
