"""A case of the hostile suite: bytes, and what must become of them."""

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
CUT = f"{UPLOADS}cut"  # what ends in the middle goes here; nothing else does
DIGEST = digest_of(b"hello")
BLOB = f"/v2/{REPOSITORY}/blobs/{DIGEST}"
CI = basic("ci", PASSWORD)
READER = basic("reader", PASSWORD)
HELLO = "hello"
NAME_LENGTH = 90  # of a case, about
CHUNKED = "Transfer-Encoding: chunked"


def text(start: str, *lines: str, body: str = "", host: str | None = HOST, login: str | None = CI) -> str:
    """A request, as text of one character a byte. `lines` come last and as they are."""
    head = [start]
    head += [f"Host: {host}"] if host is not None else []
    head += [f"Authorization: {login}"] if login is not None else []
    return "\r\n".join([*head, *lines]) + "\r\n\r\n" + body


GET = f"GET {MANIFEST} HTTP/1.1"
PATCH = f"PATCH {SESSION} HTTP/1.1"
POST = f"POST {UPLOADS} HTTP/1.1"
PUT = f"PUT {MANIFEST} HTTP/1.1"
PATCH_CUT = f"PATCH {CUT} HTTP/1.1"
# Hidden behind a request whose end is in doubt: a gateway that takes it for a request shows itself.
SMUGGLED = text(f"GET /v2/{REPOSITORY}/manifests/smuggled HTTP/1.1")


@dataclass(frozen=True)
class Forwarded:
    """One request reaches the upstream, and its response the client."""

    method: str
    target: str
    fields: tuple[str, ...] = ()  # all of them but the host, the authorization and the framing, in order
    body: str = ""
    status: int | None = None  # of the response; None: any good one


@dataclass(frozen=True)
class Own:
    """The gateway answers itself; nothing reaches the upstream."""

    statuses: tuple[int, ...]
    method: str = "GET"


@dataclass(frozen=True)
class Case:
    name: str
    data: str  # one character a byte
    expected: tuple[Forwarded | Own, ...]  # a response each
    closes: bool | None = None  # None: as the last response says
    may_refuse: bool = False  # or one 4xx, and the end
    asks: tuple[tuple[str, str], ...] | None = None  # what the upstream sees, where it is not simply what `expected` says
    ends: bool = False  # the client sends no more after these bytes
    unanswered: bool = False  # the connection ends without a response

    def __str__(self) -> str:
        return self.name


def brief(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 20]}~{name[-12:]}~{len(name)}"


@dataclass
class Class:
    """Cases of one class, gathered by what must become of them."""

    name: str
    cases: list[Case] = field(default_factory=list)

    def add(self, name: str, data: str, *expected: Forwarded | Own, **more: object) -> None:
        self.cases.append(Case(f"{self.name}: {brief(name)}", data, expected, **more))  # type: ignore[arg-type]

    def refused(self, name: str, data: str, *statuses: int) -> None:
        """An error, and the connection closed: what follows could be read in two ways."""
        self.add(name, data, Own(statuses or (400,)), closes=True)

    def denied(self, name: str, data: str, *statuses: int, method: str = "GET") -> None:
        """An error; the next request on the connection is served."""
        self.add(name, data, Own(statuses, method))

    def forwarded(self, name: str, data: str, method: str, target: str, *fields: str, body: str = "", **more: object) -> None:
        self.add(name, data, Forwarded(method, target, fields, body), **more)
