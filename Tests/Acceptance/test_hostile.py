"""Bytes from an attacker: each request is rejected, or reaches the upstream exactly as it was authorized.

The upstream parses strictly and records all requests. After every case a well-behaved request goes over the same connection, or over a new one
if that was closed, and must get its own response. A byte too many or too few would show.
"""

from __future__ import annotations

import itertools
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway, user
from harness.moto_registry import MotoRegistry
from harness.recorder import SEEN, Recorder, Seen
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority
from harness.wire import Response, Connection, request
from hostile import chunks, fields, framing, logins, queries, sequences, targets
from hostile.case import CI, CUT, DIGEST, HOST, OTHER_HOST, OTHER_NAMESPACE, REPOSITORY, UPLOADS, Case, Forwarded, Own

CASES = [case for module in (framing, chunks, targets, fields, queries, logins, sequences) for case in module.cases()]
# Berth asks for bodies that it reads itself without content coding.
MADE_HERE = ("host", "authorization", "content-length", "transfer-encoding", "accept-encoding", "traceparent")
HOSTS_OF_REGISTRY = "dkr.ecr"
TIMEOUT_SECONDS = 20.0
PIECES = 100  # maximum pause of a request that is sent in pieces
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def recorder(sandbox: Sandbox, authority: Authority) -> Iterator[Recorder]:
    running = Recorder(authority.issue("recorder", f"DNS:{sandbox.registry_host}"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def hostile_gateway(berth: Path, directory: Path, sandbox: Sandbox, authority: Authority, recorder: Recorder) -> Iterator[Gateway]:
    """One worker, so that all cases share its connections to the upstream."""
    trust = directory / "hostile-ca.crt"
    trust.write_text(sandbox.ca.read_text() + authority.certificate.read_text())
    configuration = sandbox.upstream | {
        "connect_to": sandbox.facts["connect_to"] | {f"{sandbox.registry_host}:443": recorder.address.authority},
        "ca_file": str(trust),
        "routes": [
            {"prefix": "", "upstream": "main"},
            {"host": OTHER_HOST, "prefix": "", "upstream": "main", "upstream_prefix": "other/"},
            {"namespace": OTHER_NAMESPACE, "prefix": "", "upstream": "main", "upstream_prefix": "mirror/"},
        ],
        "users": [user("ci", "team/**", actions=("pull", "push", "delete", "list")), user("reader", "team/**", actions=("pull", "list"))],
        "limits": {"failed_logins_per_minute": 100_000},
        "workers": 1,
    }
    running = Gateway(berth, directory / "hostile", configuration, sandbox.environment)
    running.wait_until_ready()
    serve(running, None)  # so that the token is proven; otherwise Berth asks the upstream first
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hostile(hostile_gateway: Gateway, recorder: Recorder, case: Case) -> None:
    data = case.data.encode("latin-1")
    recorder.take()
    for pieces in ([data], in_pieces(data)):
        with Connection(hostile_gateway.plain, timeout=TIMEOUT_SECONDS) as connection:
            send(connection, pieces, case.ends)
            responses, ended = converse(connection, case)
            canary = serve(hostile_gateway, None if ended else connection)
        check(case, responses, recorder.take(), canary)
        assert not recorder.violations, recorder.violations
        assert not (stray := [line for line in recorder.unfinished if f" {CUT}" not in line]), stray


def test_the_table_is_large_and_has_no_duplicate_names() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 300
    assert len({case.data for case in CASES}) >= 300


def in_pieces(data: bytes) -> list[bytes]:
    """Pieces cut after each carriage return, where a reader that looks for line ends could lose its position."""
    ends = [match.end() for match in itertools.islice(re.finditer(b"\r", data), PIECES)]
    return [data[start:end] for start, end in itertools.pairwise([0, *ends, len(data)])]


def send(connection: Connection, pieces: list[bytes], ends: bool) -> None:
    try:
        for piece in pieces:
            connection.send(piece)
        if ends:
            connection.socket.shutdown(1)
    except OSError:
        pass  # closed before it had received everything; the response says why


def converse(connection: Connection, case: Case) -> tuple[list[Response], bool]:
    """The responses, and whether the connection has ended."""
    responses: list[Response] = []
    if case.no_response:
        rest = read_to_end(connection).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert rest == b"" or re.match(rb"HTTP/1\.1 4\d\d ", rest) and rest.count(b"HTTP/1.1 ") == 1, rest
        return responses, True
    for expected in case.expected:
        responses.append(connection.receive(expected.method))
        if case.may_reject and responses[-1].status >= 400:
            break
    last = responses[-1]
    says_close = "close" in last.fields.get("connection", "").lower()
    assert case.closes is None or says_close == case.closes or case.ends, f"{last}: closes is not {case.closes}"
    if says_close or case.ends:
        assert read_to_end(connection) == b"", "more than one response to a request, or one after the last"
    return responses, says_close or case.ends


def read_to_end(connection: Connection) -> bytes:
    data = connection.buffered
    try:
        while piece := connection.socket.recv(1 << 16):
            data += piece
    except ConnectionResetError:
        pass
    return data


def serve(gateway: Gateway, connection: Connection | None) -> tuple[str, Response]:
    """Sends an ordinary request on the connection, or on a new one: its target and response."""
    if connection is None:
        with Connection(gateway.plain, timeout=TIMEOUT_SECONDS) as new:
            return serve(gateway, new)
    assert not connection.buffered, connection.buffered
    target = f"/v2/{REPOSITORY}/manifests/canary-{next(NUMBERS)}"
    connection.send(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {CI}\r\n\r\n".encode())
    return target, connection.receive()


def check(case: Case, responses: list[Response], seen: list[Seen], canary: tuple[str, Response]) -> None:
    target, response = canary
    assert seen, "the upstream received nothing, not even the expected request"
    *requests, last = seen
    check_request(last, Forwarded("GET", target), response)
    assert response.body.decode() == target
    whats = [(each.method, each.target) for each in requests]
    if case.may_reject and responses[-1].status >= 400:
        assert not requests, whats
        return
    forwarded = [(each, response) for each, response in zip(case.expected, responses) if isinstance(each, Forwarded)]
    assert whats == list(case.asks if case.asks is not None else [(each.method, each.target) for each, _ in forwarded])
    for expected, response in zip(case.expected, responses):
        if isinstance(expected, Own):
            assert response.status in expected.statuses and SEEN not in response.fields, response
    # The last upstream request that one request caused is that request itself.
    for request, (expected, response) in zip(reversed(requests), reversed(forwarded)):
        check_request(request, expected, response)


def check_request(request: Seen, expected: Forwarded, response: Response) -> None:
    assert 200 <= response.status < 300 and response.fields.get(SEEN) == str(request.number), response
    assert (request.method, request.target, request.body) == (expected.method, expected.target, expected.body.encode("latin-1"))
    assert [f"{name}: {value}" for name, value in request.fields if name.lower() not in MADE_HERE] == list(expected.fields)
    [host], [login], [trace] = (request.values(name) for name in ("host", "authorization", "traceparent"))
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace)
    assert HOSTS_OF_REGISTRY in host
    assert set(request.values("accept-encoding")) <= {"identity"}
    assert b64decode(login.removeprefix("Basic ")).startswith(b"AWS:")


def test_form_parameters_do_not_mount(moto_registry: MotoRegistry, start_gateway: StartGateway) -> None:
    """docker's own registry also reads a mount's parameters from a form, and prefers them to the query."""
    blob = b"nobody else's"
    users = [user("ci", "team/**"), user("owner", "secret/**")]
    gateway = start_gateway(moto_registry, users=users)
    with RegistryClient(gateway.plain, "owner", PASSWORD) as owner:
        digest = owner.push_blob("secret/app", blob)
    form = f"mount={digest}&from=secret/app".encode()
    for query in ("", f"?mount={DIGEST}&from=team/base"):
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        request(gateway.plain, "POST", UPLOADS + query, fields, form, CI)
        assert request(gateway.plain, "HEAD", f"/v2/{REPOSITORY}/blobs/{digest}", authorization=CI).status == 404
