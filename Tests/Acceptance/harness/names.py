"""A DNS server of a test, and a gateway's own /etc/resolv.conf."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path


class NameServer:
    """Answers every A query with `address` and `others`, in this order, and a TTL of `life` seconds, and all other queries with no records."""

    def __init__(self, address: str, *others: str, life: int) -> None:
        self.address, self.others, self.life = address, others, life
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def line(self) -> str:
        """A line for a resolv.conf; evdns accepts a port there."""
        return f"nameserver 127.0.0.1:{self.socket.getsockname()[1]}\n"

    def _serve(self) -> None:
        while True:
            query, sender = self.socket.recvfrom(4096)
            if not query:
                return
            end = query.index(0, 12) + 5  # the name, its type and class
            is_address = query[end - 4 : end - 2] == b"\0\1"
            addresses = (self.address, *self.others) if is_address else ()
            head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(addresses), 0, 0)
            records = (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, self.life, 4) + socket.inet_aton(address) for address in addresses)
            self.socket.sendto(head + query[12:end] + b"".join(records), sender)

    def stop(self) -> None:
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


def with_resolver(berth: Path, directory: Path, resolver: str) -> tuple[Path, Path]:
    """The program in its own mount namespace, where /etc/resolv.conf is the test's file: both."""
    file, program = directory / "resolv.conf", directory / "berth"
    file.write_text(resolver)
    program.write_text(
        f"#!/bin/sh\nexec unshare --mount sh -c 'mount --bind \"{file}\" /etc/resolv.conf && exec \"{berth}\" \"$@\"' sh \"$@\"\n"
    )
    program.chmod(0o755)
    return program, file
