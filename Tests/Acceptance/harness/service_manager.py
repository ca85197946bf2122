"""What a service manager does: a socket for notifications, and listening sockets that a program starts with."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

NOTIFY_SECONDS = 30.0

LAUNCHER = """#!{python}
# Starts Berth with listening sockets, as systemd does: they are the descriptors from 3 on.
import os, socket, sys

def listen(address):
    if address.startswith("udp:"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        address = address[4:]
    else:
        sock = socket.socket(socket.AF_INET6 if address.startswith("[") else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    silent = address.startswith("silent:")
    host, _, port = address.removeprefix("silent:").rpartition(":")
    sock.bind((host.strip("[]"), int(port)))
    if sock.type == socket.SOCK_STREAM and not silent:
        sock.listen(64)
    return sock

sockets = [listen(address) for address in {addresses!r}]
moved = [os.dup2(sock.fileno(), 100 + index) for index, sock in enumerate(sockets)]
for index, number in enumerate(moved):
    os.dup2(number, 3 + index, inheritable=True)
    os.close(number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(sockets))
os.environ["LISTEN_FDNAMES"] = ":".join("berth.socket" for _ in sockets)
os.execv({berth!r}, [{berth!r}, *sys.argv[1:]])
"""


def launcher(berth: Path, directory: Path, *addresses: str) -> Path:
    """A program that starts Berth with sockets on addresses; `udp:` before one makes a datagram socket, `silent:` one that does not listen."""
    path = directory / "launcher"
    path.write_text(LAUNCHER.format(python=sys.executable, addresses=list(addresses), berth=str(berth)))
    path.chmod(0o755)
    return path


class NotifySocket:
    """The socket of a service manager. `path` may begin with @ for the abstract namespace."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind("\0" + path[1:] if path.startswith("@") else path)
        self.received: list[tuple[int, dict[str, str]]] = []  # the sender, and its variables

    def __enter__(self) -> NotifySocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def take(self, seconds: float) -> dict[str, str] | None:
        """The next datagram, if one comes in this time."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            text, ancillary, _, _ = self.socket.recvmsg(8192, socket.CMSG_SPACE(12))
        except TimeoutError:
            return None
        sender = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        variables = dict(line.split("=", 1) for line in text.decode().splitlines())
        self.received.append((sender, variables))
        return variables

    def wait_for(self, name: str, value: str | None = None) -> dict[str, str]:
        """The next datagram with a variable; others are dropped."""
        deadline = time.monotonic() + NOTIFY_SECONDS
        while time.monotonic() < deadline:
            variables = self.take(deadline - time.monotonic())
            if variables and name in variables and value in (None, variables[name]):
                return variables
        raise TimeoutError(f"no {name}={value or ''} within {NOTIFY_SECONDS:g} s; came: {self.received}")

    def count(self, name: str, seconds: float) -> int:
        """How many datagrams with a variable come in this time."""
        deadline, found = time.monotonic() + seconds, 0
        while (left := deadline - time.monotonic()) > 0:
            found += name in (self.take(left) or {})
        return found


def socket_inodes(process: int) -> set[str]:
    """The sockets that a process has open."""
    links = set()
    for each in Path(f"/proc/{process}/fd").iterdir():
        try:
            links.add(os.readlink(each))
        except FileNotFoundError:
            pass
    return {link for link in links if link.startswith("socket:")}
