"""A case of the hostile suite: bytes, and the expected result."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.gateway import PASSWORD
from harness.images import digest_of
from harness.wire import basic

HOST = "registry.test"
OTHER_HOST = "other.test"  # routed to repositories under `other/`
OTHER_NAMESPACE = "mirror.test"  # routed to repositories under `mirror/`
REPOSITORY = "team/app"
MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
SESSION = f"{UPLOADS}session"
CUT = f"{UPLOADS}cut"  # for requests that end in the middle, and for nothing else
DIGEST = digest_of(b"hello")
BLOB = f"/v2/{REPOSITORY}/blobs/{DIGEST}"
CI = basic("ci", PASSWORD)
READER = basic("reader", PASSWORD)
HELLO = "hello"
NAME_LENGTH = 90  # approximate size of a case
CHUNKED = "Transfer-Encoding: chunked"


def text(start: str, *lines: str, body: str = "", host: str | None = HOST, login: str | None = CI) -> str:
    """A request, as text with one character for each byte. `lines` come last and unchanged."""
    head = [start]
    head += [f"Host: {host}"] if host is not None else []
    head += [f"Authorization: {login}"] if login is not None else []
    return "\r\n".join([*head, *lines]) + "\r\n\r\n" + body


GET = f"GET {MANIFEST} HTTP/1.1"
PATCH = f"PATCH {SESSION} HTTP/1.1"
POST = f"POST {UPLOADS} HTTP/1.1"
PUT = f"PUT {MANIFEST} HTTP/1.1"
PATCH_CUT = f"PATCH {CUT} HTTP/1.1"
# Hidden behind a request whose end is ambiguous. A gateway that takes it for a request is detected.
SMUGGLED = text(f"GET /v2/{REPOSITORY}/manifests/smuggled HTTP/1.1")


@dataclass(frozen=True)
class Forwarded:
    """One request reaches the upstream, and its response reaches the client."""

    method: str
    target: str
    fields: tuple[str, ...] = ()  # all except host, authorization and framing, in order
    body: str = ""
    status: int | None = None  # of the response; None: any 2xx


@dataclass(frozen=True)
class Own:
    """The gateway responds itself; nothing reaches the upstream."""

    statuses: tuple[int, ...]
    method: str = "GET"


@dataclass(frozen=True)
class Case:
    name: str
    data: str  # one character for each byte
    expected: tuple[Forwarded | Own, ...]  # one for each response
    closes: bool | None = None  # None: as the last response says
    may_reject: bool = False  # or one 4xx, and the connection ends
    asks: tuple[tuple[str, str], ...] | None = None  # the upstream's requests, if they differ from `expected`
    ends: bool = False  # the client sends nothing after these bytes
    no_response: bool = False  # the connection ends without a response

    def __str__(self) -> str:
        return self.name


def brief(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 20]}~{name[-12:]}~{len(name)}"


@dataclass
class Class:
    """Cases of one class, collected by their expected result."""

    name: str
    cases: list[Case] = field(default_factory=list)

    def add(self, name: str, data: str, *expected: Forwarded | Own, **more: object) -> None:
        self.cases.append(Case(f"{self.name}: {brief(name)}", data, expected, **more))  # type: ignore[arg-type]

    def rejected(self, name: str, data: str, *statuses: int) -> None:
        """An error, and the connection is closed, because the rest could be read in two ways."""
        self.add(name, data, Own(statuses or (400,)), closes=True)

    def denied(self, name: str, data: str, *statuses: int, method: str = "GET") -> None:
        """An error; the next request on the connection is served."""
        self.add(name, data, Own(statuses, method))

    def forwarded(self, name: str, data: str, method: str, target: str, *fields: str, body: str = "", **more: object) -> None:
        self.add(name, data, Forwarded(method, target, fields, body), **more)
