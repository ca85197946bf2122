"""HTTP by hand: sends bytes, receives a response. Many tests send what a client library would correct or reject."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from harness.address import Address

TIMEOUT_SECONDS = 60.0
READ_SIZE = 1 << 18
HEAD_LIMIT = 1 << 20
DATE = r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass
class Response:
    status: int
    fields: dict[str, str]  # by lower-case name; of a repeated field the last one
    body: bytes = b""
    error: dict[str, Any] | None = field(init=False, default=None)  # the first error of a registry's errors

    def __post_init__(self) -> None:
        if self.fields.get("content-type", "").startswith("application/json") and self.body:
            errors = json.loads(self.body).get("errors") or [None]
            self.error = errors[0]

    @property
    def code(self) -> str | None:
        return self.error["code"] if self.error else None

    @property
    def request_id(self) -> str | None:
        return self.fields.get("berth-request-id")


class Connection:
    """One TCP or TLS connection, used as long as the server keeps it open."""

    def __init__(
        self, address: Address, receive_buffer: int | None = None, timeout: float = TIMEOUT_SECONDS, source: str | None = None
    ) -> None:
        raw = socket.socket(socket.AF_INET)
        if source:
            raw.bind((source, 0))
        raw.settimeout(timeout)
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.connect((address.host, address.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.tls:
            context = ssl.create_default_context(cafile=str(address.ca))
            raw = context.wrap_socket(raw, server_hostname=address.host)
        self.address = address
        self.socket = raw
        self.buffered = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    # Sending.

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_head(self, method: str, target: str, fields: dict[str, str]) -> None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.address.authority}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def send_chunks(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
        self.send(b"0\r\n\r\n")

    # Receiving.

    def _more(self) -> bytes:
        return self.socket.recv(READ_SIZE)

    def _line(self) -> bytes:
        while b"\n" not in self.buffered:
            piece = self._more()
            if not piece or len(self.buffered) > HEAD_LIMIT:
                raise ConnectionError(f"closed within a line: {self.buffered!r}")
            self.buffered += piece
        line, _, self.buffered = self.buffered.partition(b"\n")
        return line.rstrip(b"\r")

    def receive_head(self) -> Response:
        """The next head, which may be an interim one (1xx)."""
        status = int(self._line().split(b" ")[1])
        fields: dict[str, str] = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.strip().lower()] = value.strip()
        return Response(status, fields)

    def receive_final_head(self) -> Response:
        while (response := self.receive_head()).status < 200:
            pass
        return response

    def body(self, head: Response, method: str = "GET") -> Iterator[bytes]:
        """The pieces of the response's body as they arrive."""
        if method == "HEAD" or head.status in (204, 304):
            return
        if head.fields.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line().split(b";")[0], 16):
                yield from self._exactly(size)
                self._line()
            while self._line():
                pass
        elif "content-length" in head.fields:
            yield from self._exactly(int(head.fields["content-length"]))
        else:
            while piece := self.buffered or self._more():
                self.buffered = b""
                yield piece

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.buffered or self._more()
            if not piece:
                raise ConnectionError(f"closed with {size} bytes of the body to come")
            piece, self.buffered = piece[:size], piece[size:]
            size -= len(piece)
            yield piece

    def receive(self, method: str = "GET") -> Response:
        head = self.receive_final_head()
        return Response(head.status, head.fields, b"".join(self.body(head, method)))

    def closed_by_peer(self) -> bool:
        """Whether the server has closed the connection. Waits up to the timeout."""
        try:
            return not self.buffered and self._more() == b""
        except (ConnectionResetError, ssl.SSLError):
            return True

    # Both.

    def request(
        self,
        method: str,
        target: str,
        fields: dict[str, str] | None = None,
        body: bytes | None = None,
        authorization: str | None = None,
    ) -> Response:
        fields = dict(fields or {})
        if authorization:
            fields["Authorization"] = authorization
        if body is not None:
            fields["Content-Length"] = str(len(body))
        self.send_head(method, target, fields)
        if body:
            self.send(body)
        return self.receive(method)


def request(
    address: Address,
    method: str,
    target: str,
    fields: dict[str, str] | None = None,
    body: bytes | None = None,
    authorization: str | None = None,
) -> Response:
    """One exchange on its own connection."""
    with Connection(address) as connection:
        return connection.request(method, target, fields, body, authorization)


def raw_exchange(address: Address, data: bytes) -> tuple[Response | None, bool]:
    """Sends bytes unchanged: the response, if there was one, and whether the server then closed."""
    with Connection(address, timeout=20) as connection:
        try:
            connection.send(data)
            response = connection.receive()
        except (ConnectionError, ssl.SSLError):
            return None, True
        connection.socket.settimeout(1)
        try:
            return response, connection.closed_by_peer()
        except TimeoutError:
            return response, False


def names_nothing_inside(response: Response) -> None:
    """Checks that a response contains no account, role or host of AWS."""
    text = f"{response.fields} {response.body!r}"
    assert not re.search(r"amazonaws|arn:aws|\b\d{12}\b", text), text
