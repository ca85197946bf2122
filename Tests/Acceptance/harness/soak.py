"""Clients of every kind that pull through a cache for a long time, and that check each byte."""

from __future__ import annotations

import hashlib
import math
import random
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.address import Address
from harness.cache import STALE
from harness.images import MANIFEST_TYPE, Image, digest_of
from harness.wire import Connection, Response, basic

# How long after a tag has moved the image before may still be what a request of before has found.
GRACE_SECONDS = 2.0
# Within which a fault that changes a byte may be met.
CORRUPTION_SECONDS = 60.0
MAX_FAILURES = 30


@dataclass
class Version:
    """An image at a tag: since the push has begun, and until the push of the next one has ended."""

    image: Image
    since: float
    until: float = math.inf

    def __post_init__(self) -> None:
        self.blobs = {digest_of(blob): blob for blob in self.image.blobs}


@dataclass
class Place:
    """A tag in one or two repositories. Those that move are in one."""

    repositories: tuple[str, ...]
    tag: str
    versions: list[Version]

    @property
    def current(self) -> Version:
        """The last one whose push has ended."""
        return next(version for version in self.versions if version.until == math.inf)

    def possible(self, begun: float) -> list[Version]:
        return [version for version in self.versions if version.until + GRACE_SECONDS >= begun]


@dataclass
class Weather:
    """What the upstream does at the moment."""

    away_since: float | None = None
    away_until: float = -math.inf
    corruptions: list[float] = field(default_factory=list)

    def was_away(self, begun: float) -> bool:
        """In some part of the time since then."""
        return self.away_since is not None or self.away_until >= begun

    def has_corrupted(self) -> bool:
        return bool(self.corruptions) and time.monotonic() - self.corruptions[-1] < CORRUPTION_SECONDS


class Wrong(AssertionError):
    """What no client should see."""


class Cut(Exception):
    """The connection ended before the body did."""


class Clients:
    """Threads with one connection each, which they keep for a while. `failures` has a line for what should not have been."""

    def __init__(
        self, plain: Address, tls: Address, users: dict[str, str], places: list[Place], weather: Weather, count: int, pause: float
    ) -> None:
        self.addresses, self.users, self.places, self.weather = (plain, tls), users, places, weather
        self.count, self.pause = count, pause
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def requests(self) -> int:
        return self.done["requests"]

    def count_one(self, name: str) -> None:
        with self._lock:
            self.done[name] += 1

    def fail(self, text: str) -> None:
        with self._lock:
            self.done["failures"] += 1
            if len(self.failures) < MAX_FAILURES:
                self.failures.append(text)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._stopping.clear()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join(120)
                if thread.is_alive():
                    self.fail("a client hangs")

    def wait(self, seconds: float) -> bool:
        """Whether it is over."""
        return self._stopping.wait(seconds)

    def _run(self, number: int) -> None:
        client = Client(self, number)
        while not self.wait(client.chance.expovariate(1 / self.pause)):
            begun = time.monotonic()
            try:
                client.act()
            except Cut as cut:
                if self.weather.was_away(begun):
                    self.count_one("cut while the upstream was away")
                elif self.weather.has_corrupted():
                    self.count_one("cut after a corruption")
                else:
                    self.fail(f"client {number}: cut: {cut}")
                client.leave()
            except Exception as error:  # whatever a client would have seen
                self.fail(f"client {number} at {begun:.1f}: {client.doing}: {type(error).__name__}: {error}")
                client.leave()
        client.leave()


class Client:
    """One of them. The first two read slowly, the next two leave in the middle."""

    def __init__(self, clients: Clients, number: int) -> None:
        self.clients, self.number = clients, number
        self.chance = random.Random(number)
        self.address = clients.addresses[number % 2]
        self.connection: Connection | None = None
        self.doing = ""
        self.begun = 0.0
        kinds = {0: (self._reads_slowly,), 1: (self._reads_slowly,), 2: (self._aborts,), 3: (self._aborts,)}
        self.actions: tuple[Callable[[], None], ...] = kinds.get(
            number, (self._whole, self._whole, self._part, self._part, self._head, self._manifest, self._manifest, self._by_tag, self._condition)
        )

    def act(self) -> None:
        self.begun = time.monotonic()
        if self.chance.random() < 0.1:
            self.leave()
        self.chance.choice(self.actions)()

    def leave(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None

    # What to ask for.

    def _place(self) -> Place:
        """Some are asked for often, most are not."""
        return self.clients.places[int(len(self.clients.places) * self.chance.random() ** 2)]

    def _blob(self) -> tuple[str, bytes, Version]:
        place = self._place()
        version = place.current
        digest = self.chance.choice(list(version.blobs))
        return f"{self.chance.choice(place.repositories)}/blobs/{digest}", version.blobs[digest], version

    # One exchange.

    def _begin(self, method: str, target: str, fields: dict[str, str] | None = None, buffer: int | None = None) -> Response:
        """A kept connection that the gateway has closed meanwhile is replaced, as any client does."""
        name = self.chance.choice(list(self.clients.users))
        fields = {"Authorization": basic(name, self.clients.users[name])} | (fields or {})
        self.doing = f"{method} {target} {fields.get('Range', '')}"
        self.clients.count_one("requests")
        while True:
            is_new = self.connection is None
            self.connection = self.connection or Connection(self.address, receive_buffer=buffer)
            try:
                self.connection.send_head(method, f"/v2/{target}", fields)
                return self.connection.receive_final_head()
            except TimeoutError:
                raise
            except (ConnectionError, ssl.SSLError):
                self.leave()
                if is_new:
                    raise

    def _end(self, head: Response, method: str = "GET") -> Response:
        assert self.connection
        pieces = []
        try:
            for piece in self.connection.body(head, method):
                pieces.append(piece)
        except TimeoutError:
            raise
        except (ConnectionError, ssl.SSLError) as error:
            raise Cut(f"{self.doing}: {head.status}, {sum(map(len, pieces))} bytes of {head.fields.get('content-length')}: {error}") from error
        if head.fields.get("connection") == "close":
            self.leave()
        return Response(head.status, head.fields, b"".join(pieces))

    def _ask(self, method: str, target: str, fields: dict[str, str] | None = None) -> Response:
        return self._end(self._begin(method, target, fields), method)

    # Actions.

    def _whole(self) -> None:
        target, blob, version = self._blob()
        response = self._ask("GET", target)
        if self._has(response, version, 200):
            self._check(digest_of(response.body) == target.rpartition("/")[2], response, "other bytes")

    def _part(self) -> None:
        target, blob, version = self._blob()
        first = self.chance.randrange(len(blob))
        last = min(first + self.chance.choice((1, 5000, 300_000, 10_000_000)), len(blob)) - 1
        kind = self.chance.random()
        text = f"{first}-{last}" if kind < 0.6 else f"{first}-" if kind < 0.8 else f"-{last - first + 1}"
        if kind >= 0.6:
            last = len(blob) - 1
        if kind >= 0.8:
            first = len(blob) - int(text[1:])
        response = self._ask("GET", target, {"Range": f"bytes={text}"})
        if not self._has(response, version, 206):
            return
        wanted = blob[first : last + 1]
        self._check(response.fields.get("content-range") == f"bytes {first}-{last}/{len(blob)}", response, "another range")
        if response.body != wanted and self.clients.weather.has_corrupted() and _is_one_byte_off(response.body, wanted):
            return self.clients.count_one("parts with the changed byte")  # of a blob whose digest was not known to be wrong yet
        self._check(response.body == wanted, response, "other bytes")

    def _head(self) -> None:
        target, blob, version = self._blob()
        response = self._ask("HEAD", target)
        if self._has(response, version, 200):
            self._check(response.fields.get("content-length") == str(len(blob)), response, "another length")

    def _condition(self) -> None:
        target, blob, version = self._blob()
        digest = target.rpartition("/")[2]
        response = self._ask("GET", target, {"If-None-Match": f'"{digest}"'})
        if response.status == 200:  # passed on from the storage, which names it otherwise; what has a condition is not kept
            if self.clients.weather.has_corrupted() and _is_one_byte_off(response.body, blob):
                return self.clients.count_one("passed on with the changed byte")
            return self._check(response.body == blob, response, "other bytes")
        self._has(response, version, 304)

    def _manifest(self) -> None:
        place = self._place()
        version = place.current
        method = self.chance.choice(("GET", "GET", "HEAD"))
        digest = version.image.digest
        response = self._ask(method, f"{self.chance.choice(place.repositories)}/manifests/{digest}", {"Accept": MANIFEST_TYPE})
        if self._has(response, version, 200):
            self._check(method == "HEAD" or response.body == version.image.manifest, response, "other bytes")
            self._check(response.fields.get("docker-content-digest") == digest, response, "another digest")

    def _by_tag(self) -> None:
        place = self._place()
        response = self._ask("GET", f"{self.chance.choice(place.repositories)}/manifests/{place.tag}", {"Accept": MANIFEST_TYPE})
        if not self._has(response, None, 200):
            return
        is_stale = response.fields.get("warning") == STALE
        self._check(not is_stale or self.clients.weather.was_away(self.begun), response, "stale without a reason")
        versions = place.versions if is_stale else place.possible(self.begun)
        self._check(any(response.body == version.image.manifest for version in versions), response, "another image than the tag's")

    def _reads_slowly(self) -> None:
        """A large blob, for some seconds."""
        self.leave()
        target, blob, version = max((self._blob() for _ in range(4)), key=lambda found: len(found[1]))
        head = self._begin("GET", target, buffer=16 << 10)
        if head.status != 200:
            self._has(self._end(head), version, 200)
            return self.leave()
        assert self.connection
        hashed, pace = hashlib.sha256(), self.chance.choice((0.002, 0.02))
        try:
            for piece in self.connection.body(head):
                hashed.update(piece)
                if not self.clients.wait(0):
                    time.sleep(pace)
        except TimeoutError:
            raise
        except (ConnectionError, ssl.SSLError) as error:
            raise Cut(f"{self.doing}: {error}") from error
        self._check(f"sha256:{hashed.hexdigest()}" == target.rpartition("/")[2], head, "other bytes, read slowly")
        self.clients.count_one("read slowly")
        self.leave()

    def _aborts(self) -> None:
        target, blob, version = self._blob()
        head = self._begin("GET", target, self.chance.choice(({}, {"Range": f"bytes={len(blob) // 2}-"})))
        assert self.connection
        if head.status not in (200, 206):
            self._has(self._end(head), version, 200)
            return
        left = self.chance.choice((0, 1, len(blob) // 3, len(blob) - 1))
        try:
            for piece in self.connection.body(head):
                left -= len(piece)
                if left <= 0:
                    break
        except OSError:
            pass
        if self.chance.random() < 0.5:  # with a reset
            self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.leave()
        self.clients.count_one("aborted")

    # Judgement.

    def _has(self, response: Response, version: Version | None, wanted: int) -> bool:
        """Whether the status is the one wanted. Others are wrong, but for reasons of which the client knows."""
        if response.status == wanted:
            return True
        if response.status >= 500 and self.clients.weather.was_away(self.begun):
            self.clients.count_one("5xx while the upstream was away")
            return False
        if response.status == 502 and b"are not those of the blob's digest" in response.body and self.clients.weather.has_corrupted():
            self.clients.count_one("502 after a corruption")  # of a blob of which nothing had been sent
            return False
        if response.status == 404 and version and version.until < math.inf:
            self.clients.count_one("404 of what was deleted")
            return False
        self._check(False, response, f"not {wanted}")
        return False

    def _check(self, is_right: bool, response: Response, what: str) -> None:
        if not is_right:
            raise Wrong(f"{what}: {response.status} {response.fields} {response.body[:200]!r}")


def _is_one_byte_off(found: bytes, wanted: bytes) -> bool:
    return len(found) == len(wanted) and sum(one != other for one, other in zip(found, wanted, strict=True)) == 1
