"""A TLS upstream that parses as strictly as the RFCs allow and records every request, so that everything a gateway lets through shows.

It is registry and blob storage in one, and responds like a registry that has everything. Each response carries the number of its request, so that a
response to another request shows too.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from harness.address import Address
from harness.tls import Certificate

REQUEST_LINE = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE) (/[!-~]*) HTTP/1\.1")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~\x80-\xff](?:[ -~\t\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*")
LENGTH = re.compile(rb"0|[1-9][0-9]{0,17}")
CHUNK_SIZE = re.compile(rb"[0-9a-f]{1,8}")
SEEN = "x-seen"
EARLY = "-early"  # a target with this suffix gets a response before its body is read, and does not count as received


class Violation(Exception):
    """Bytes that are not a request, or that two parsers could read differently."""


class Ended(Exception):
    """The connection ended."""


@dataclass(frozen=True)
class Seen:
    """A whole request, as received."""

    number: int
    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name]


Respond = Callable[[Seen], bytes]


def response(seen: Seen, status: str = "200 OK", *fields: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"{SEEN}: {seen.number}", *fields]
    if not status.startswith("204"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (b"" if seen.method == "HEAD" else body)


def registry(seen: Seen) -> bytes:
    """The response of a registry that has everything; a manifest's content is its request's target."""
    path = seen.target.partition("?")[0]
    repository, _, kind = path.removeprefix("/v2/").rpartition("/blobs/")
    if path == "/v2/":
        return response(seen, body=b"{}")
    if path.endswith("/tags/list"):
        return response(seen, "200 OK", "Content-Type: application/json", body=json.dumps({"tags": ["v1"]}).encode())
    if path == "/v2/_catalog":
        names = ["other/x", "secret/app", "team/app"]
        return response(seen, "200 OK", "Content-Type: application/json", body=json.dumps({"repositories": names}).encode())
    if "/referrers/" in path:
        return response(seen, body=b'{"schemaVersion":2,"manifests":[]}')
    match seen.method:
        case "POST":
            return response(seen, "202 Accepted", f"Location: /v2/{repository}/blobs/uploads/opened")
        case "PATCH":
            return response(seen, "202 Accepted", f"Location: {path}", f"Range: 0-{max(len(seen.body), 1) - 1}")
        case "PUT":
            return response(seen, "201 Created", f"Location: {path}")
        case "DELETE":
            return response(seen, "202 Accepted")
    digest = "sha256:" + "0" * 64
    return response(seen, "200 OK", f"Docker-Content-Digest: {digest}", body=seen.target.encode())


class Recorder:
    def __init__(self, certificate: Certificate, respond: Respond = registry) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._respond = respond
        self._lock = threading.Lock()
        self._count = 0
        self._taken: list[Seen] = []
        self.violations: list[str] = []
        self.unfinished: list[str] = []  # first lines of requests whose connection ended before they were complete
        self.received = 0  # bytes inside TLS
        self.sent = 0
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def take(self) -> list[Seen]:
        """The complete requests since the last call."""
        with self._lock:
            taken, self._taken = self._taken, []
        return taken

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):  # the peer may have disconnected
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(raw,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        with self._lock:
            self._connections.add(raw)
        stream = raw
        try:
            # An explicit handshake, so that `raw` stays the socket that `stop` shuts down.
            with self._context.wrap_socket(raw.dup(), server_side=True) as stream:
                _Conversation(self, stream).run()
        except OSError:
            pass
        finally:
            with self._lock:
                self._connections.discard(raw)
            raw.close()

    def note(self, method: str, target: str, fields: tuple[tuple[str, str], ...], body: bytes) -> bytes:
        with self._lock:
            self._count += 1
            seen = Seen(self._count, method, target, fields, body)
            self._taken.append(seen)
        return self._respond(seen)

    def count(self, received: int = 0, sent: int = 0) -> None:
        with self._lock:
            self.received += received
            self.sent += sent


class _Conversation:
    """One connection: parses requests strictly, and responds to each."""

    def __init__(self, recorder: Recorder, stream: ssl.SSLSocket) -> None:
        self.recorder, self.stream = recorder, stream
        self.buffer = b""
        self.begun = b""  # of the current request

    def run(self) -> None:
        try:
            while True:
                self.begun = b""
                self._send(self.recorder.note(*self._request()))
        except Violation as violation:
            self.recorder.violations.append(f"{violation}: {(self.begun + self.buffer)[:500]!r}")
        except (Ended, OSError):
            if rest := self.begun + self.buffer:
                self.recorder.unfinished.append(rest.partition(b"\r\n")[0].decode("latin-1"))

    def _request(self) -> tuple[str, str, tuple[tuple[str, str], ...], bytes]:
        line = REQUEST_LINE.fullmatch(self._line())
        if not line:
            raise Violation("no request line")
        fields: list[tuple[str, str]] = []
        while text := self._line():
            field = FIELD_LINE.fullmatch(text)
            if not field:
                raise Violation(f"no field: {text!r}")
            fields.append((field[1].decode(), field[2].decode("latin-1")))
        if line[2].endswith(EARLY.encode()):
            self._send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        return line[1].decode(), line[2].decode(), tuple(fields), self._body(fields)

    def _body(self, fields: list[tuple[str, str]]) -> bytes:
        lengths = [value.encode("latin-1") for name, value in fields if name.lower() == "content-length"]
        codings = [value for name, value in fields if name.lower() == "transfer-encoding"]
        if len(lengths) + len(codings) > 1:
            raise Violation("framed twice")
        if lengths:
            if not LENGTH.fullmatch(lengths[0]):
                raise Violation(f"no length: {lengths[0]!r}")
            return self._exactly(int(lengths[0]))
        if not codings:
            return b""
        if codings != ["chunked"]:
            raise Violation(f"no coding: {codings}")
        body = b""
        while True:
            size = self._line()
            if not CHUNK_SIZE.fullmatch(size):
                raise Violation(f"no chunk size: {size!r}")
            body += self._exactly(int(size, 16))
            if self._line():
                raise Violation("no end of a chunk")
            if int(size, 16) == 0:
                return body

    def _send(self, data: bytes) -> None:
        self.recorder.count(sent=len(data))
        self.stream.sendall(data)

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        self.begun += line + b"\r\n"
        if b"\r" in line or b"\n" in line:
            raise Violation("a bare end of line")
        return line

    def _exactly(self, count: int) -> bytes:
        pieces = []
        while count:
            if not self.buffer:
                self._more()
            piece, self.buffer = self.buffer[:count], self.buffer[count:]
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def _more(self) -> None:
        piece = self.stream.recv(1 << 16)
        if not piece:
            raise Ended
        self.recorder.count(received=len(piece))
        self.buffer += piece
