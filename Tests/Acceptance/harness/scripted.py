"""A TLS server that sends given bytes in response to each request, and the last ones to all further requests, including invalid responses."""

from __future__ import annotations

import socket
import ssl
import threading

from harness.address import Address
from harness.tls import Certificate


class ScriptedServer:
    def __init__(self, certificate: Certificate, *responses: bytes, closes: bool = False) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.names: list[str | None] = []  # host names that clients sent, by SNI
        self._responses = list(responses) or [b""]
        self._closes = closes  # after each response
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.2)
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        self.heard = b""
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                raw, _ = self._listener.accept()
            except OSError:
                continue
            thread = threading.Thread(target=self._serve, args=(raw,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        with raw:
            raw.settimeout(5)
            try:
                with self._context.wrap_socket(raw, server_side=True) as stream:
                    stream.settimeout(0.2)
                    self._respond(stream)
            except OSError:
                pass

    def _respond(self, stream: ssl.SSLSocket) -> None:
        head = b""
        while not self._ended.is_set():
            try:
                piece = stream.recv(4096)
            except TimeoutError:
                continue
            if not piece:
                return
            self.heard += piece
            head += piece
            if b"\r\n\r\n" in head:  # a body may have come with it
                head = b""
                stream.sendall(self._responses.pop(0) if len(self._responses) > 1 else self._responses[0])
                if self._closes:
                    return

    def say(self, *responses: bytes) -> None:
        """Replaces the responses."""
        self._responses = list(responses)

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()
