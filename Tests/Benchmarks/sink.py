"""Reads and discards uploads; responds 201. It is in this process for all proxies alike."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

BUFFER_SIZE = 1 << 20
LAST_CHUNK = b"\r\n0\r\n\r\n"  # not in what the benchmarks upload: zeros
RESPONSE = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Sink(threading.Thread):
    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()

    def run(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(BUFFER_SIZE)
                if not piece:
                    return
                head += piece
            head, _, body = head.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            if length:
                self._discard(connection, int(length[1]) - len(body))
            else:
                self._discard_chunks(connection, b"\r\n" + body)
            connection.sendall(RESPONSE)

    def _discard(self, connection: socket.socket, left: int) -> None:
        buffer = bytearray(BUFFER_SIZE)
        while left > 0 and (count := connection.recv_into(buffer)):
            left -= count

    def _discard_chunks(self, connection: socket.socket, end: bytes) -> None:
        while not end.endswith(LAST_CHUNK) and (piece := connection.recv(BUFFER_SIZE)):
            end = (end[-len(LAST_CHUNK) :] + piece)[-len(LAST_CHUNK) :]
