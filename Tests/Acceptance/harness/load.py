"""Pulls and pushes that go on while the gateway is changed: none may fail, none may be refused."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.address import Address
from harness.images import MANIFEST_TYPE, blob_image, digest_of
from harness.registry import with_digest
from harness.wire import basic

SECONDS = 120.0  # of any step; far more than it takes
PIECE = 16 << 10
PACE_SECONDS = 0.5  # between two pieces of a held transfer
# For gateways with held pulls. The kernel reports that a socket is writable when a third of its send buffer is free, of up to 4 MiB: at this pace, on
# a busy machine, after a minute.
SLOW_CLIENTS = {"stall": "10m"}
RECEIVE_BUFFER = 32 << 10  # of a held pull, so that the gateway has to wait for it
READ_AHEAD = 1 << 18


@dataclass
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes = b""


class Wire:
    """One connection of a client, kept as long as the server keeps it. After a response that says `Connection: close`, the next request goes over a
    new one; a connection that is closed without such a response is a failure."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authorization: str, address: Address) -> None:
        self.reader, self.writer, self.authorization, self.address = reader, writer, authorization, address
        self.is_over = False

    @classmethod
    async def open(cls, address: Address, authorization: str, receive_buffer: int | None = None) -> Wire:
        """`receive_buffer`: of the socket, and of what is read ahead of the caller."""
        plain = socket.socket(socket.AF_INET)
        plain.setblocking(False)
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(plain, (address.host, address.port))
        except OSError:
            plain.close()
            raise
        context = ssl.create_default_context(cafile=str(address.ca)) if address.tls else None
        name = address.host if context else None
        reader, writer = await asyncio.open_connection(
            sock=plain, ssl=context, server_hostname=name, limit=receive_buffer or READ_AHEAD
        )
        return cls(reader, writer, authorization, address)

    async def send_head(self, method: str, target: str, fields: dict[str, str]) -> None:
        if self.is_over:
            self.close()
            new = await Wire.open(self.address, self.authorization)
            self.reader, self.writer, self.is_over = new.reader, new.writer, False
        lines = [f"{method} {target} HTTP/1.1", "Host: load", f"Authorization: {self.authorization}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self.writer.drain()

    async def head(self) -> Answer:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        answer = Answer(int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs})
        self.is_over = answer.fields.get("connection") == "close"
        return answer

    async def answer(self) -> Answer:
        answer = await self.head()
        answer.body = await self.reader.readexactly(int(answer.fields.get("content-length", "0")))
        return answer

    async def call(self, expected: int, method: str, target: str, fields: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        await self.send_head(method, target, (fields or {}) | ({"Content-Length": str(len(body))} if method != "GET" else {}))
        self.writer.write(body)
        answer = await self.answer()
        if answer.status != expected:
            raise AssertionError(f"{method} {target}: {answer.status} {answer.body[:300]!r}")
        return answer

    def close(self) -> None:
        self.writer.transport.abort()


def target_of(location: str) -> str:
    parts = urlsplit(location)
    return parts.path + (f"?{parts.query}" if parts.query else "")


class Load:
    """Runs in a thread of its own. `failures` has a line for each exchange that did not go as it should.

    `clients` keep pulling and pushing small images, on new connections and on kept ones in turn. Held transfers are begun by `hold` and last
    until `release`, or for as many seconds as `held_size` has pieces of PIECE, times PACE_SECONDS.
    """

    def __init__(
        self, addresses: list[Address], username: str, password: str, repository: str, held_size: int = 2 << 20
    ) -> None:
        self.addresses, self.repository = addresses, repository
        self.authorization = basic(username, password)
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self.in_flight: Counter[str] = Counter()
        self._image = blob_image(os.urandom(20_000))
        self._blob = os.urandom(held_size)
        self._stopping = threading.Event()
        self._released = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._await(self._prepare())

    def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    async def _prepare(self) -> None:
        wire = await Wire.open(self.addresses[0], self.authorization)
        await self._push(wire, "load", self._image)
        await self._push(wire, "held", blob_image(self._blob))  # ECR gives out only blobs that an image has
        wire.close()

    def start(self, clients: int) -> None:
        """Half of the clients pull, the others push and pull."""

        async def begin() -> None:
            for number in range(clients):
                self._run(self._client(number), f"client {number}")

        self._await(begin())

    def hold(self, pulls: int, pushes: int) -> None:
        """Begins transfers; returns when all of them are under way."""

        async def begin() -> None:
            gate = asyncio.Semaphore(32)  # handshakes at once
            for number in range(pulls):
                self._run(self._held_pull(number, gate), f"held pull {number}")
            for number in range(pushes):
                self._run(self._held_push(number, gate), f"held push {number}")
            while self.in_flight["pull"] + self.done["held pull"] < pulls or self.in_flight["push"] + self.done["held push"] < pushes:
                if self.failures:
                    return
                await asyncio.sleep(0.05)

        self._await(begin())

    def release(self) -> None:
        """Lets the held transfers end, and waits for the end of all."""
        self._released.set()
        self._stopping.set()

        async def finish() -> None:
            await asyncio.gather(*self._tasks)

        self._await(finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # whatever a client would have seen
                self.failures.append(f"{name}: {type(error).__name__}: {error}")

        self._tasks.append(self._loop.create_task(guarded()))

    # Clients.

    async def _client(self, number: int) -> None:
        address = self.addresses[number % len(self.addresses)]
        kept: Wire | None = None
        turn = 0
        while not self._stopping.is_set():
            turn += 1
            keeps = turn % 4 != 0
            wire = kept or await Wire.open(address, self.authorization)
            await self._pull(wire)
            self.done["pull"] += 1
            if number % 2:
                await self._push(wire, f"{number}-{turn}", blob_image(os.urandom(5000)))
                self.done["push"] += 1
            kept = wire if keeps else None
            if not keeps:
                wire.close()
            await asyncio.sleep(0.01)
        if kept:
            kept.close()

    async def _pull(self, wire: Wire) -> None:
        manifest = await wire.call(200, "GET", f"/v2/{self.repository}/manifests/load", {"Accept": MANIFEST_TYPE})
        assert manifest.body == self._image.manifest
        for blob in self._image.blobs:
            assert (await wire.call(200, "GET", f"/v2/{self.repository}/blobs/{digest_of(blob)}")).body == blob

    async def _push(self, wire: Wire, tag: str, image: Any) -> None:
        for blob in image.blobs:
            await self._put(wire, blob)
        await wire.call(201, "PUT", f"/v2/{self.repository}/manifests/{tag}", {"Content-Type": MANIFEST_TYPE}, image.manifest)

    async def _session(self, wire: Wire) -> str:
        started = await wire.call(202, "POST", f"/v2/{self.repository}/blobs/uploads/")
        return target_of(started.fields["location"])

    async def _put(self, wire: Wire, blob: bytes) -> None:
        await wire.call(201, "PUT", with_digest(await self._session(wire), digest_of(blob)), body=blob)

    # Held transfers.

    async def _pause(self) -> None:
        if not self._released.is_set():
            await asyncio.sleep(PACE_SECONDS)

    async def _held_pull(self, number: int, gate: asyncio.Semaphore) -> None:
        async with gate:
            wire = await Wire.open(self.addresses[number % len(self.addresses)], self.authorization, RECEIVE_BUFFER)
            await wire.send_head("GET", f"/v2/{self.repository}/blobs/{digest_of(self._blob)}", {})
            head = await wire.head()
            assert head.status == 200, head
        left = int(head.fields["content-length"])
        digest = hashlib.sha256()
        self.in_flight["pull"] += 1
        while left:
            piece = await wire.reader.read(min(PIECE, left))
            if not piece:
                raise ConnectionError(f"closed with {left} bytes to come")
            digest.update(piece)
            left -= len(piece)
            await self._pause()
        self.in_flight["pull"] -= 1
        assert "sha256:" + digest.hexdigest() == digest_of(self._blob)
        self.done["held pull"] += 1
        wire.close()

    async def _held_push(self, number: int, gate: asyncio.Semaphore) -> None:
        blob = os.urandom(256 << 10)
        async with gate:
            wire = await Wire.open(self.addresses[number % len(self.addresses)], self.authorization)
            target = with_digest(await self._session(wire), digest_of(blob))
            await wire.send_head("PUT", target, {"Content-Length": str(len(blob))})
        self.in_flight["push"] += 1
        # The last piece is kept back until the end.
        for start in range(0, len(blob), PIECE):
            while start + PIECE >= len(blob) and not self._released.is_set():
                await asyncio.sleep(PACE_SECONDS)
            wire.writer.write(blob[start : start + PIECE])
            await wire.writer.drain()
            await self._pause()
        answer = await wire.answer()
        self.in_flight["push"] -= 1
        assert answer.status == 201, answer
        self.done["held push"] += 1
        wire.close()
