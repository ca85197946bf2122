"""W3C Trace Context: a client's trace goes on to the registry and into the log, and never to the storage of blobs.

The upstream records every request, as registry and as storage.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.gateway import PASSWORD, Gateway
from harness.images import digest_of
from harness.recorder import Recorder, Seen, registry, response
from harness.sandbox import Sandbox
from harness.tls import Authority
from harness.wire import Connection, Response, basic, request

MANIFEST = "/v2/team/app/manifests/v1"
BLOB = os.urandom(2000)
STORED = f"/v2/team/app/blobs/{digest_of(BLOB)}"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
GOOD = f"00-{TRACE}-{SPAN}-01"


class Wiring:
    def __init__(self, gateway: Gateway, upstream: Recorder, storage: str) -> None:
        self.gateway, self.upstream, self.storage = gateway, upstream, storage

    def send(self, method: str, target: str, *lines: str, body: bytes = b"") -> tuple[Response, list[Seen]]:
        """The response to a request with these field lines, and what it made Berth send."""
        self.upstream.take()
        head = [f"{method} {target} HTTP/1.1", "Host: registry.test", f"Authorization: {basic('ci', PASSWORD)}", *lines]
        if body:
            head.append(f"Content-Length: {len(body)}")
        with Connection(self.gateway.plain) as connection:
            connection.send(("\r\n".join(head) + "\r\n\r\n").encode() + body)
            answer = connection.receive(method)
        assert answer.status < 400, answer
        return answer, self.upstream.take()


@pytest.fixture(scope="module")
def wiring(berth: Path, directory: Path, sandbox: Sandbox, authority: Authority) -> Iterator[Wiring]:
    region = sandbox.facts["region"]
    storage = f"prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com"

    def respond(seen: Seen) -> bytes:
        if seen.values("host") == [storage]:
            return response(seen, body=BLOB)
        if seen.target == STORED:
            return response(seen, "307 Temporary Redirect", f"Location: https://{storage}/layer?X-Amz-Signature=0")
        return registry(seen)

    upstream = Recorder(authority.issue("traced", f"DNS:{sandbox.registry_host}", f"DNS:{storage}"), respond)
    trust = directory / "traced-ca.crt"
    trust.write_text(sandbox.ca.read_text() + authority.certificate.read_text())
    here = {f"{host}:443": upstream.address.authority for host in (sandbox.registry_host, storage)}
    configuration = sandbox.upstream | {"connect_to": sandbox.facts["connect_to"] | here, "ca_file": str(trust)}
    gateway = Gateway(berth, directory / "traced", configuration, sandbox.environment)
    gateway.wait_until_ready()
    yield Wiring(gateway, upstream, storage)
    assert gateway.stop() == 0
    upstream.stop()
    assert not upstream.violations


def traceparent(seen: Seen) -> tuple[str, str, str]:
    """The trace, the parent and the flags of the only field."""
    [value] = seen.values("traceparent")
    match = TRACEPARENT.fullmatch(value)
    assert match, value
    return match[1], match[2], match[3]


@pytest.mark.parametrize("flags", ["00", "01", "02", "03"])
def test_a_trace_goes_on_with_the_request_id_as_the_parent(wiring: Wiring, flags: str) -> None:
    answer, [seen] = wiring.send("GET", MANIFEST, f"traceparent: 00-{TRACE}-{SPAN}-{flags}", "tracestate: a=1,b=2", "Tracestate: c=3")
    assert traceparent(seen) == (TRACE, answer.request_id, flags)
    assert seen.values("tracestate") == ["a=1,b=2", "c=3"]
    line = wiring.gateway.access_line(answer)
    assert (line["trace_id"], line["parent_id"], line["request_id"]) == (TRACE, SPAN, answer.request_id)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("traceparent: garbage",),
        (f"traceparent: ff-{TRACE}-{SPAN}-01",),
        (f"traceparent: {GOOD}-more",),
        (f"traceparent: {GOOD.upper()}",),
        (f"traceparent: 00-{'0' * 32}-{SPAN}-01",),
        (f"traceparent: {GOOD}", f"Traceparent: {GOOD}"),
    ],
    ids=["none", "garbage", "version ff", "too long", "upper case", "zeros", "two"],
)
def test_without_a_valid_trace_a_new_one_begins(wiring: Wiring, fields: tuple[str, ...]) -> None:
    found = set()
    for _ in range(3):
        answer, [seen] = wiring.send("GET", MANIFEST, *fields, "tracestate: a=1")
        trace, parent, flags = traceparent(seen)
        assert (parent, flags) == (answer.request_id, "00")
        assert seen.values("tracestate") == []
        line = wiring.gateway.access_line(answer)
        assert line["trace_id"] == trace and "parent_id" not in line
        found.add(trace)
    assert len(found) == 3 and TRACE not in found


def test_a_version_to_come_is_read_as_far_as_it_is_known(wiring: Wiring) -> None:
    answer, [seen] = wiring.send("GET", MANIFEST, f"traceparent: 42-{TRACE}-{SPAN}-ff-what-may-come", "tracestate: a=1")
    assert traceparent(seen) == (TRACE, answer.request_id, "01")
    assert seen.values("tracestate") == ["a=1"]


def test_the_storage_of_blobs_gets_no_trace(wiring: Wiring) -> None:
    answer, seen = wiring.send("GET", STORED, f"traceparent: {GOOD}", "tracestate: a=1")
    assert answer.body == BLOB
    to_registry, to_storage = seen
    assert traceparent(to_registry) == (TRACE, answer.request_id, "01")
    assert to_storage.values("host") == [wiring.storage]
    assert not any("trace" in name.lower() for name, _ in to_storage.fields)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("PUT", MANIFEST, b"{}"),
        ("POST", "/v2/team/app/blobs/uploads/", b""),
        ("PATCH", "/v2/team/app/blobs/uploads/session", b"x" * 200_000),
        ("POST", f"/v2/team/app/blobs/uploads/?digest={digest_of(b'x')}", b"x"),
        ("GET", "/v2/team/app/tags/list", b""),
        ("GET", "/v2/_catalog", b""),
    ],
)
def test_all_that_a_request_makes_berth_ask_the_registry_is_of_its_trace(
    wiring: Wiring, method: str, target: str, body: bytes
) -> None:
    answer, seen = wiring.send(method, target, f"traceparent: {GOOD}", body=body)
    assert seen
    for each in seen:
        assert traceparent(each) == (TRACE, answer.request_id, "01")


def test_a_rejected_request_is_logged_with_its_trace(wiring: Wiring) -> None:
    answer = request(wiring.gateway.plain, "GET", MANIFEST, {"traceparent": GOOD}, authorization=basic("ci", "wrong"))
    assert answer.status == 401
    line = wiring.gateway.access_line(answer)
    assert (line["trace_id"], line["parent_id"]) == (TRACE, SPAN)
