"""Two network namespaces, and a line between them that loses, delays and reorders IP packets, or carries none."""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time

NEAR, FAR, OTHER_FAR = "198.18.0.1", "198.18.0.2", "198.18.0.3"  # of the block for tests of network devices (RFC 2544)
MTU = 9000
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """A network namespace with one end of the line. `with namespace:` what the thread does and starts is in it. It is gone when nothing is."""

    def __init__(self, *addresses: str) -> None:
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        check(LIBC.unshare(CLONE_NEWNET))
        try:
            self._inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            self.end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self.end, TUNSETIFF, struct.pack("16sH", b"line", IFF_TUN | IFF_NO_PI))
            for address in addresses:
                subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "line"], check=True)
            subprocess.run(["ip", "link", "set", "line", "mtu", str(MTU), "up"], check=True)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        finally:
            check(LIBC.setns(self._outside, CLONE_NEWNET))

    def __enter__(self) -> None:
        check(LIBC.setns(self._inside, CLONE_NEWNET))

    def __exit__(self, *_: object) -> None:
        check(LIBC.setns(self._outside, CLONE_NEWNET))

    def close(self) -> None:
        for descriptor in (self.end, self._inside, self._outside):
            os.close(descriptor)


class Link:
    """`loss` and `reordering` are shares of the packets, `delay` is in seconds, one way. A packet that is reordered is not delayed."""

    def __init__(self, seed: int) -> None:
        self.near, self.far = Namespace(NEAR), Namespace(FAR, OTHER_FAR)
        self.loss = self.reordering = self.delay = 0.0
        self.carried = self.lost = 0
        self._cut: set[bytes] = set()
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def cut(self, *addresses: str) -> None:
        """Packets from and to these addresses of the far end vanish."""
        self._cut = {socket.inet_aton(address) for address in addresses}

    def mend(self) -> None:
        self._cut = set()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self.near.close()
        self.far.close()

    def _carry(self) -> None:
        ends = {self.near.end: self.far.end, self.far.end: self.near.end}
        waiting: list[tuple[float, int, int, bytes]] = []
        while not self._stopping.is_set():
            pause = min(0.1, max(0, waiting[0][0] - time.monotonic())) if waiting else 0.1
            for end in select.select(list(ends), [], [], pause)[0]:
                packet = os.read(end, 65536)
                if packet[12:16] in self._cut or packet[16:20] in self._cut or self._random.random() < self.loss:
                    self.lost += 1
                    continue
                self.carried += 1
                delay = 0 if self._random.random() < self.reordering else self.delay
                heapq.heappush(waiting, (time.monotonic() + delay, self.carried, ends[end], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(waiting)
                try:
                    os.write(end, packet)
                except BlockingIOError:
                    self.lost += 1  # as a router with a full queue does
