"""An upstream for counting instructions: each response comes in one piece, and only when the proxy has come to rest, so that each request takes the
same way through it: no read finds a response early, or half of it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from pathlib import Path

from harness.address import Address
from harness.tls import Certificate

PACE_SECONDS = 0.006  # Berth comes to rest within 2 ms under valgrind
MANIFEST = b"0123456789abcdef" * 169  # of 2,704 bytes
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: %d\r\n\r\n"


class PacedUpstream(threading.Thread):
    def __init__(self, certificate: Certificate, ca: Path, api_url: str) -> None:
        super().__init__(daemon=True)
        self.api_url = api_url
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.certificate, certificate.key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self.listener.getsockname()[1], ca)
        self.start()

    def run(self) -> None:
        while True:
            accepted, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.context.wrap_socket(accepted, server_side=True) as connection:
                head = b""
                while piece := connection.recv(1 << 16):
                    head += piece
                    if head.endswith(b"\r\n\r\n"):
                        time.sleep(PACE_SECONDS)
                        connection.sendall(HEAD % len(MANIFEST) + (b"" if head.startswith(b"HEAD") else MANIFEST))
                        head = b""
        except OSError:
            pass  # the proxy closed the connection
