"""A TCP tap: passes bytes between a client and a server, and counts them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from harness.address import Address


class Tap:
    def __init__(self, server: Address) -> None:
        self._server = server
        self._lock = threading.Lock()
        self.bytes = {"to_server": 0, "to_client": 0}
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._listener.getsockname()[1])
        self._start(self._accept)

    def stop(self) -> None:
        """Its clients must have disconnected."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((self._server.host, self._server.port))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            passed = threading.Barrier(2)
            self._start(self._pass, client, server, "to_server", passed)
            self._start(self._pass, server, client, "to_client", passed)

    def _pass(self, source: socket.socket, target: socket.socket, direction: str, passed: threading.Barrier) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                with self._lock:
                    self.bytes[direction] += len(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        passed.wait()  # so that no descriptor is closed and reused while the other thread uses it
        source.close()
