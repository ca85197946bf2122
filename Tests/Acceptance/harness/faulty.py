"""A TLS server between Berth and the sandbox that does to one request what broken networks and servers do, byte by byte."""

from __future__ import annotations

import random
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from harness.address import Address
from harness.tls import Certificate

EXPIRED = b'{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}\n'
INVALID = b'{"errors":[{"code":"DENIED","message":"Your Authorization Token is invalid."}]}\n'
URL_EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
URL_INVALID = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"

# Seconds for which no connection can be made: longer than the connect timeout of the gateway under test.
OUTAGE = 0.7
# Bytes a second of a slow transfer, and for how many seconds it is slow.
SLOW_RATE, SLOW_SECONDS = 1024, 2


class Broken(Exception):
    """The fault has ended the connection."""


@dataclass
class Message:
    """A request or a response: its head as it came, and its body without framing."""

    head: bytes
    body: bytes = b""

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode()

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def field(self, name: str) -> str | None:
        found = re.search(rb"(?im)^" + name.encode() + rb": *(.*?)\r$", self.head)
        return found[1].decode() if found else None


@dataclass
class Faulty:
    """Listens for Berth. `behind` is the sandbox's server; heads are rewritten by `outward` on the way to Berth and by `inward` to the sandbox."""

    certificate: Certificate
    behind: Address
    inward: Callable[[bytes], bytes] = lambda head: head
    outward: Callable[[bytes], bytes] = lambda head: head
    storage: Faulty | None = None  # of a registry
    serves_blobs: bool = False  # follows the redirects of its own responses
    address: Address = field(init=False)

    def __post_init__(self) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        self._inner = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._inner.check_hostname, self._inner.verify_mode = False, ssl.CERT_NONE
        self._lock = threading.Lock()
        self._fault: tuple[str, str, str, int] | None = None
        self._dead_tokens: dict[str | None, bytes] = {}
        self._tls_faults: list[str] = []
        self._open: set[socket.socket] = set()
        self._ended = False
        self._is_accepting = threading.Event()
        self._is_accepting.set()
        self.requests: list[str] = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A port that the kernel chose would be given up while connections are refused.
        self._bind()
        self._listener.listen(128)
        self._listener.settimeout(0.05)
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    # Control.

    def arm(self, fault: str, method: str, prefix: str, is_reused: bool) -> None:
        """The next request of this kind meets the fault. A fault of connecting comes at once, or after a reset where a connection is reused."""
        times = 2 if fault == "two resets" else 1
        if fault in CONNECTING and not is_reused:
            return self._begin_outage(fault)
        with self._lock:
            self._fault = (fault, method, prefix, times)

    def disarm(self) -> None:
        with self._lock:
            self._fault = None
            self._tls_faults.clear()

    def drop_connections(self) -> None:
        with self._lock:
            streams = list(self._open)
        for stream in streams:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self) -> None:
        self._ended = True
        self._is_accepting.set()
        self._thread.join()
        self.drop_connections()
        self._listener.close()

    def _bind(self) -> None:
        """To a free port that the kernel gives nobody by itself: while this one does not listen, another socket could get it."""
        while True:
            try:
                return self._listener.bind(("127.0.0.1", random.randrange(15_000, 32_000)))
            except OSError:
                continue

    def _begin_outage(self, fault: str) -> None:
        if fault in ("TLS failure", "TLS stall"):
            with self._lock:
                self._tls_faults.append(fault)
        elif fault == "connect refused":
            self._is_accepting.clear()
            with suppress(OSError):  # the one before has not ended yet
                self._listener.shutdown(socket.SHUT_RDWR)  # the port stays ours
            threading.Timer(OUTAGE, self._end_refusal).start()
        else:
            self._is_accepting.clear()
            time.sleep(0.1)  # until the last accept() has returned
            # With a backlog of none that is full, the kernel drops what asks for a connection.
            self._listener.listen(0)
            fillers = []
            for _ in range(3):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", self.address.port))
                fillers.append(filler)
            threading.Timer(OUTAGE, self._end_stall, [fillers]).start()

    def _end_refusal(self) -> None:
        while not self._ended:
            try:
                self._listener.listen(128)
                break
            except OSError:
                time.sleep(0.01)  # a connection of another program has the port as its own for a moment
        self._is_accepting.set()

    def _end_stall(self, fillers: list[socket.socket]) -> None:
        for filler in fillers:
            filler.close()
        self._end_refusal()

    # Connections.

    def _accept(self) -> None:
        while not self._ended:
            self._is_accepting.wait()
            try:
                raw, _ = self._listener.accept()
            except OSError:
                time.sleep(0.005)
                continue
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(30)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            tls_fault = self._tls_faults.pop(0) if self._tls_faults else None
            self._open.add(raw)
        stream: socket.socket = raw
        inner: ssl.SSLSocket | None = None
        try:
            if tls_fault == "TLS failure":
                raw.recv(4096)
                raw.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            if tls_fault == "TLS stall":
                while raw.recv(4096):
                    pass
                return
            stream = self._context.wrap_socket(raw, server_side=True)
            with self._lock:
                self._open.discard(raw)
                self._open.add(stream)
            inner = self._inner.wrap_socket(socket.create_connection((self.behind.host, self.behind.port)))
            buffered = b""
            while True:
                request, buffered = self._receive(stream, buffered, self._slows(stream))
                if request is None:
                    return
                self._respond(stream, inner, request)
        except (OSError, Broken, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(stream)
                self._open.discard(raw)
            stream.close()
            if inner:
                inner.close()

    def _slows(self, stream: socket.socket) -> bool:
        with self._lock:
            return self._fault is not None and self._fault[0] == "1 KB/s" and self._fault[1] in ("PATCH", "PUT")

    def _receive(self, stream: socket.socket, buffered: bytes, slowly: bool) -> tuple[Message | None, bytes]:
        while b"\r\n\r\n" not in buffered:
            piece = stream.recv(65536)
            if not piece:
                return None, b""
            buffered += piece
        head, _, rest = buffered.partition(b"\r\n\r\n")
        message = Message(head + b"\r\n\r\n")
        start = time.monotonic()

        def more() -> bytes:
            # A receiver this slow leaves what it does not take in the sender's buffers.
            is_slow = slowly and time.monotonic() - start < SLOW_SECONDS and message.method in ("PATCH", "PUT")
            if is_slow:
                time.sleep(0.25)
            piece = stream.recv(SLOW_RATE // 4 if is_slow else 65536)
            if not piece:
                raise Broken
            return piece

        if (message.field("transfer-encoding") or "").lower() == "chunked":
            while True:
                while b"\r\n" not in rest:
                    rest += more()
                line, _, rest = rest.partition(b"\r\n")
                size = int(line, 16)
                while len(rest) < size + 2:
                    rest += more()
                message.body += rest[:size]
                rest = rest[size + 2 :]
                if size == 0:
                    return message, rest
        length = int(message.field("content-length") or 0)
        while len(rest) < length:
            rest += more()
        message.body = rest[:length]
        return message, rest[length:]

    # Exchanges.

    def _take(self, request: Message) -> str | None:
        with self._lock:
            self.requests.append(f"{request.method} {request.target}")
            if self._fault is None:
                return None
            fault, method, prefix, times = self._fault
            if request.method != method or not request.target.startswith(prefix):
                return None
            self._fault = (fault, method, prefix, times - 1) if times > 1 else None
            return fault

    def _respond(self, stream: socket.socket, inner: ssl.SSLSocket, request: Message) -> None:
        fault = self._take(request)
        token = request.field("authorization")
        if fault in ("expired", "invalid"):
            if token is None:
                status, body = (403, URL_EXPIRED) if fault == "expired" else (400, URL_INVALID)
                return self._say(stream, request, status, body, "application/xml")
            self._dead_tokens[token] = EXPIRED if fault == "expired" else INVALID
        if token in self._dead_tokens:
            body = self._dead_tokens[token]
            return self._say(stream, request, 403 if body is EXPIRED else 400, body, "application/json")
        if fault and fault.isdigit():
            body = b'{"errors":[{"code":"UNKNOWN","message":"Fault on demand"}]}'
            return self._say(stream, request, int(fault), body, "application/json")
        if fault in ("reset before head", "two resets"):
            return self._reset(stream)
        if fault in CONNECTING:
            self._begin_outage(fault)
            return self._reset(stream)
        if fault == "stall before head":
            return self._stall(stream)
        response = self._forward(inner, request)
        head, body = self.outward(response.head), response.body
        if fault == "response lost":
            return self._reset(stream)
        if fault in ("reset in head", "stall in head"):
            stream.sendall(head[: len(head) // 2])
            return self._reset(stream) if fault == "reset in head" else self._stall(stream)
        if fault in ("reset after head", "stall in body", "truncated", "truncated chunks", "truncated at the end") and body:
            half = body[: len(body) // 2]
            if fault in ("truncated chunks", "truncated at the end"):
                head = re.sub(rb"(?im)^content-length:.*\r\n", b"", head)
                is_chunked = fault == "truncated chunks"
                head = head[:-2] + (b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else b"Connection: close\r\n\r\n")
                half = b"%x\r\n" % len(half) + half + b"\r\n" if is_chunked else half
            stream.sendall(head if fault == "reset after head" else head + half)
            if fault == "stall in body":
                return self._stall(stream)
            return self._reset(stream) if fault == "reset after head" else self._close(stream, fault != "truncated at the end")
        if fault == "corrupt byte" and body:
            body = body[:100] + bytes([body[100] ^ 0x55]) + body[101:]
        if fault == "1 KB/s":
            return self._send_slowly(stream, head, body)
        stream.sendall(head + body)

    def _say(self, stream: socket.socket, request: Message, status: int, body: bytes, kind: str) -> None:
        head = f"HTTP/1.1 {status} Fault\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        stream.sendall(head + (b"" if request.method == "HEAD" else body))

    def _forward(self, inner: ssl.SSLSocket, request: Message) -> Message:
        head = self.inward(request.head)
        if request.field("transfer-encoding"):
            head = re.sub(rb"(?im)^transfer-encoding:.*\r\n", b"Content-Length: %d\r\n" % len(request.body), head)
        response = exchange(inner, head + request.body, request.method)
        if self.serves_blobs and self.storage and response.status == 307:
            target = (response.field("location") or "").split("//", 1)[1]
            host, _, path = target.partition("/")
            fields = f"Range: {request.field('range')}\r\n" if request.field("range") else ""
            behind = self.storage.behind
            with self._inner.wrap_socket(socket.create_connection((behind.host, behind.port))) as far:
                return exchange(far, f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode(), "GET")
        return response

    # What faults do.

    def _reset(self, stream: socket.socket) -> None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Broken

    def _close(self, stream: socket.socket, in_order: bool) -> None:
        if in_order and isinstance(stream, ssl.SSLSocket):
            stream.settimeout(0.2)
            try:
                stream.unwrap()
            except OSError:
                pass
        raise Broken

    def _stall(self, stream: socket.socket) -> None:
        """Until Berth gives up."""
        while stream.recv(4096):
            pass
        raise Broken

    def _send_slowly(self, stream: socket.socket, head: bytes, body: bytes) -> None:
        data = head + body
        for _ in range(SLOW_SECONDS * 4):
            piece, data = data[: SLOW_RATE // 4], data[SLOW_RATE // 4 :]
            stream.sendall(piece)
            time.sleep(0.25)
        stream.sendall(data)


CONNECTING = ("connect refused", "connect stall", "TLS failure", "TLS stall")


def exchange(stream: ssl.SSLSocket, request: bytes, method: str) -> Message:
    """Sends a request to the sandbox, whose responses have a length."""
    stream.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(65536)
        if not piece:
            raise Broken
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    response = Message(head + b"\r\n\r\n")
    length = 0 if method == "HEAD" or response.status == 304 else int(response.field("content-length") or 0)
    while len(body) < length:
        piece = stream.recv(65536)
        if not piece:
            raise Broken
        body += piece
    response.body = body
    return response
