"""Every fault of an upstream at every operation: what each cell does, what it must come to, and the table of results."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from harness.address import Address
from harness.faulty import CONNECTING, Faulty
from harness.images import MANIFEST_TYPE, Image, blob_image, digest_of
from harness.registry import RegistryClient, Unexpected, with_digest
from harness.sandbox import Sandbox
from harness.tls import Authority
from harness.wire import Response

# What a cell may come to.
HEALS = "heals"  # the client sees nothing of the fault
AGAIN = "again"  # 5xx or 429 with Retry-After, and the same request in the same upload session then succeeds
ANEW = "anew"  # the same, in a new session, as after a chunk that the registry may have taken
DIFFERS = "differs"  # the client sees that the digest is another one
NONE = "–"  # the fault cannot happen to this operation

STATUSES = ("500", "502", "503", "504", "429")
ENDINGS = ("reset after head", "stall in body", "truncated", "truncated chunks", "truncated at the end")
FAULTS = (
    *CONNECTING, "reset before head", "response lost", "reset in head", "two resets", "stall before head", "stall in head", *ENDINGS,
    *STATUSES, "expired", "invalid", "corrupt byte", "1 KB/s",
)

LAYER_BYTES = 100_000
CHUNK_BYTES = 200_000  # more than is held for another attempt
RANGE = (1000, 60_000)
MAX_REPEATED = 20  # cells that may fail at first: retries are bounded for each upstream, and cells follow each other quickly
BUDGET_SECONDS = 12  # until an upstream's retries and rates are as in the beginning
MAX_SECONDS = 15  # for any cell: the ten seconds of all attempts, and what is slow about the fault


@dataclass
class Slot:
    """An upstream with faulty servers of its own, for one cell at a time."""

    number: int
    registry: Faulty
    storage: Faulty
    image: Image = field(default_factory=lambda: blob_image(os.urandom(LAYER_BYTES)))

    @property
    def repository(self) -> str:
        return f"slot-{self.number}/app"

    @property
    def layer(self) -> bytes:
        return self.image.layers[0]


@dataclass(frozen=True)
class Operation:
    """One request of a client. `run` sends it and checks the response; what it raises is a response that is no success."""

    name: str
    method: str
    run: Callable[[RegistryClient, Slot], object]
    path: str = ""  # where the request goes at the registry, after the repository; empty: nowhere, Berth responds itself
    is_read: bool = True
    has_body: bool = True  # the response
    is_direct: bool = False
    reaches_storage: bool = False
    corrupts: bool = False  # the client can tell a wrong byte
    prepare: Callable[[RegistryClient, Slot], object] | None = None


class Upload:
    """An upload of which one request meets the fault."""

    def __init__(self, client: RegistryClient, slot: Slot) -> None:
        self.client, self.slot = client, slot
        self.data = os.urandom(CHUNK_BYTES)
        self.digest = digest_of(self.data)
        self.target = client.start_upload(slot.repository)

    def patch(self, is_sized: bool) -> None:
        if is_sized:
            response = self.client.expect((202,), "PATCH", self.target, body=self.data)
        else:
            fields = {"Transfer-Encoding": "chunked", "Authorization": self.client.authorization}
            self.client.connection.send_head("PATCH", self.target, fields)
            try:
                self.client.connection.send_chunks(self.data[start : start + 30_000] for start in range(0, CHUNK_BYTES, 30_000))
            except OSError:
                pass  # the response came before
            response = self.client.connection.receive()
            if response.fields.get("connection", "").lower() == "close":
                self.client.connection.close()
                self.client = RegistryClient(self.client.address, "ci", self.client_password)
            if response.status != 202:
                raise Unexpected("PATCH", response)
        self.target = self.client.location(response)

    client_password = ""

    def put(self, has_body: bool) -> None:
        target = with_digest(self.target, self.digest)
        response = self.client.expect((201,), "PUT", target, body=self.data if has_body else b"")
        assert response.fields["docker-content-digest"] == self.digest

    def check(self) -> None:
        response = self.client.expect((200,), "HEAD", f"/v2/{self.slot.repository}/blobs/{self.digest}")
        assert int(response.fields["content-length"]) == CHUNK_BYTES


class Wrong(AssertionError):
    """A success that is none."""


def same(response: Response, body: bytes) -> None:
    if response.body != body:
        raise Wrong(f"{len(response.body)} bytes {hashlib.sha256(response.body).hexdigest()[:8]}, not the {len(body)} expected")


def manifest(client: RegistryClient, slot: Slot) -> None:
    same(client.expect((200,), "GET", f"/v2/{slot.repository}/manifests/v1", {"Accept": MANIFEST_TYPE}), slot.image.manifest)


def manifest_by_digest(client: RegistryClient, slot: Slot) -> None:
    same(client.expect((200,), "GET", f"/v2/{slot.repository}/manifests/{slot.image.digest}"), slot.image.manifest)


def manifest_head(client: RegistryClient, slot: Slot) -> None:
    response = client.expect((200,), "HEAD", f"/v2/{slot.repository}/manifests/v1")
    assert response.fields["docker-content-digest"] == slot.image.digest


def manifest_put(client: RegistryClient, slot: Slot) -> None:
    response = client.push_manifest(slot.repository, "v1", slot.image.manifest)
    assert response.fields["docker-content-digest"] == slot.image.digest


def tags(client: RegistryClient, slot: Slot) -> None:
    assert b'"v1"' in client.expect((200,), "GET", f"/v2/{slot.repository}/tags/list").body


def blob(client: RegistryClient, slot: Slot) -> None:
    same(client.expect((200,), "GET", f"/v2/{slot.repository}/blobs/{digest_of(slot.layer)}"), slot.layer)


def blob_range(client: RegistryClient, slot: Slot) -> None:
    first, last = RANGE
    fields = {"Range": f"bytes={first}-{last}"}
    response = client.expect((206,), "GET", f"/v2/{slot.repository}/blobs/{digest_of(slot.layer)}", fields)
    same(response, slot.layer[first : last + 1])
    assert response.fields["content-range"] == f"bytes {first}-{last}/{LAYER_BYTES}"


def blob_head(client: RegistryClient, slot: Slot) -> None:
    response = client.expect((200,), "HEAD", f"/v2/{slot.repository}/blobs/{digest_of(slot.layer)}")
    assert int(response.fields["content-length"]) == LAYER_BYTES


def post(client: RegistryClient, slot: Slot) -> None:
    client.start_upload(slot.repository)


def ping(client: RegistryClient, _slot: Slot) -> None:
    client.expect((200,), "GET", "/v2/")


OPERATIONS = (
    Operation("ping", "GET", ping),
    Operation("manifest", "GET", manifest, "manifests/v1", corrupts=False),
    Operation("by digest", "GET", manifest_by_digest, "manifests/sha256", corrupts=True),
    Operation("HEAD", "HEAD", manifest_head, "manifests/", has_body=False),
    Operation("tags", "GET", tags, "tags/list"),
    Operation("blob HEAD", "HEAD", blob_head, "blobs/", has_body=False),
    Operation("blob", "GET", blob, "blobs/", has_body=False, reaches_storage=True, corrupts=True),
    Operation("range", "GET", blob_range, "blobs/", has_body=False, reaches_storage=True, corrupts=True),
    Operation("direct", "GET", blob, "blobs/", is_direct=True, corrupts=True),
    Operation("direct range", "GET", blob_range, "blobs/", is_direct=True, corrupts=True),
    Operation("POST", "POST", post, "blobs/uploads/", has_body=False),
    Operation("PUT manifest", "PUT", manifest_put, "manifests/", has_body=False),
    Operation("PUT", "PUT", lambda *_: None, "blobs/uploads/", has_body=False, is_read=False),
    Operation("PUT body", "PUT", lambda *_: None, "blobs/uploads/", has_body=False, is_read=False),
    Operation("PATCH", "PATCH", lambda *_: None, "blobs/uploads/", has_body=False, is_read=False),
    Operation("PATCH sized", "PATCH", lambda *_: None, "blobs/uploads/", has_body=False, is_read=False),
)


@dataclass(frozen=True)
class Cell:
    side: str  # registry or storage
    fault: str
    operation: Operation
    is_reused: bool

    @property
    def is_possible(self) -> bool:
        has_body = self.operation.has_body or self.side == "storage"
        if self.fault == "corrupt byte":
            return self.operation.corrupts and has_body
        return has_body or self.fault not in ENDINGS

    @property
    def allowed(self) -> tuple[str, ...]:
        """What it may come to, by section 12 of the design."""
        if not self.operation.path:
            return (HEALS,)
        if not self.is_possible:
            return (NONE,)
        if self.fault == "corrupt byte":
            return (DIFFERS,)
        if self.operation.is_read or self.operation.name == "PUT" or self.fault == "1 KB/s":
            return (HEALS,)
        if self.fault in CONNECTING and not self.is_reused:
            return (HEALS,)
        # The body is not held: the client sends it again.
        return (ANEW,) if self.fault in ("response lost", "reset in head", "stall in head") else (AGAIN, ANEW)


def cells() -> list[Cell]:
    """Rejected tokens first: tokens are renewed at most every few seconds, for all cells together."""
    all_of_them = [
        Cell(side, fault, operation, is_reused)
        for fault in sorted(FAULTS, key=lambda fault: fault not in ("expired", "invalid"))
        for side in ("registry", "storage")
        for operation in OPERATIONS
        for is_reused in (False, True)
        if side == "registry" or operation.reaches_storage
    ]
    return all_of_them


class FaultMatrix:
    """Runs the cells, each slot one at a time, and keeps what they came to."""

    def __init__(self) -> None:
        self.outcomes: dict[Cell, str] = {}
        self._problems: dict[Cell, str] = {}

    @property
    def problems(self) -> list[str]:
        return list(self._problems.values())

    def run(self, slots: list[Slot], address: Address, password: str) -> None:
        """Runs all cells, and those that fail once more, when the upstreams have had time."""
        possible = [cell for cell in cells() if cell.is_possible]
        self.outcomes = {cell: NONE for cell in cells() if not cell.is_possible}
        self._run(possible, slots, address, password)
        failed = list(self._problems)
        if 0 < len(failed) <= MAX_REPEATED:
            print("once more:", *self.problems, sep="\n")
            time.sleep(BUDGET_SECONDS)
            self._problems.clear()
            self._run(failed, slots, address, password)

    def _run(self, chosen: list[Cell], slots: list[Slot], address: Address, password: str) -> None:
        queue: SimpleQueue[Cell] = SimpleQueue()
        for cell in chosen:
            queue.put(cell)

        def work(slot: Slot) -> None:
            while True:
                try:
                    cell = queue.get_nowait()
                except Empty:
                    return
                self._note(cell, slot, address, password)

        threads = [Thread(target=work, args=(slot,)) for slot in slots]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _note(self, cell: Cell, slot: Slot, address: Address, password: str) -> None:
        start = time.monotonic()
        try:
            outcome = run_cell(cell, slot, address, password)
            detail = ""
        except (AssertionError, OSError, ValueError, KeyError) as error:
            outcome, detail = "FAILED", f"{type(error).__name__}: {error}"
        finally:
            slot.registry.disarm()
            slot.storage.disarm()
        taken = time.monotonic() - start
        self.outcomes[cell] = outcome
        where = f"{cell.side}, {cell.fault}, {cell.operation.name}, {'reused' if cell.is_reused else 'first'} connection"
        if outcome not in cell.allowed:
            self._problems[cell] = f"{where}: {outcome}, not {' or '.join(cell.allowed)} {detail}"
        elif taken > MAX_SECONDS:
            self._problems[cell] = f"{where}: took {taken:.1f} s"

    def __str__(self) -> str:
        return "\n\n".join(self._table(side) for side in ("registry", "storage"))

    def _table(self, side: str) -> str:
        operations = [each for each in OPERATIONS if side == "registry" or each.reaches_storage]
        rows = [[f"fault of the {side}", *(each.name for each in operations)]]
        rows += [[fault, *(self._cell(side, fault, each) for each in operations)] for fault in FAULTS]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])

    def _cell(self, side: str, fault: str, operation: Operation) -> str:
        first, reused = (self.outcomes.get(Cell(side, fault, operation, is_reused), "") for is_reused in (False, True))
        return first if first == reused else f"{first}/{reused}"


def run_cell(cell: Cell, slot: Slot, address: Address, password: str) -> str:
    operation, faulty = cell.operation, slot.registry if cell.side == "registry" else slot.storage
    Upload.client_password = password
    with RegistryClient(address, "ci", password) as client:
        slot.registry.serves_blobs = operation.is_direct
        upload = None if operation.is_read else Upload(client, slot)
        if operation.name == "PUT":
            upload.patch(is_sized=True)
        if cell.is_reused:
            manifest(client, slot)
            blob(client, slot)
        else:
            slot.registry.drop_connections()
            slot.storage.drop_connections()
            time.sleep(0.03)
        prefix = f"/v2/{slot.repository}/{operation.path}" if cell.side == "registry" else "/"
        if operation.path:
            faulty.arm(cell.fault, operation.method, prefix, cell.is_reused)
        try:
            send(operation, client, slot, upload)
        except Wrong:
            if cell.fault == "corrupt byte":
                return DIFFERS
            raise
        except Unexpected as error:
            if upload is None:
                raise
            return repeated(operation, upload, error.response)
        if upload is not None:
            if operation.method == "PATCH":
                upload.put(has_body=False)
            upload.check()
        return HEALS


def send(operation: Operation, client: RegistryClient, slot: Slot, upload: Upload | None) -> None:
    if upload is None:
        operation.run(client, slot)
    elif operation.method == "PATCH":
        upload.patch(is_sized=operation.name == "PATCH sized")
    else:
        upload.put(has_body=operation.name == "PUT body")


def repeated(operation: Operation, upload: Upload, response: Response) -> str:
    """What a client does that may send a part of an image again."""
    assert response.status == 429 or response.status >= 500, f"{response.status} {response.body!r}"
    assert response.fields.get("retry-after"), response.fields
    upload.slot.registry.disarm()
    try:
        send(operation, upload.client, upload.slot, upload)
        if operation.method == "PATCH":
            upload.put(has_body=False)
        upload.check()
        return AGAIN
    except (Unexpected, ConnectionError):
        with RegistryClient(upload.client.address, "ci", upload.client_password) as client:
            anew = Upload(client, upload.slot)
            if operation.method == "PATCH":
                send(operation, client, upload.slot, anew)
                anew.put(has_body=False)
            else:
                anew.put(has_body=True)
            anew.check()
        return ANEW


def make_slots(count: int, sandbox: Sandbox, authority: Authority) -> list[Slot]:
    """Each has a registry's name and a bucket's name of its own, which lead to its faulty servers."""
    bucket, region = bucket_host(sandbox), sandbox.facts["region"]
    names = [(f"{200000000000 + number}.dkr.ecr.{region}.amazonaws.com", f"slot-{number}.{bucket}") for number in range(count)]
    certificate = authority.issue("faulty", *(f"DNS:{name}" for pair in names for name in pair))
    behind = Address.parse(sandbox.facts["connect_to"][f"*.{bucket.split('.', 1)[1]}:443"])
    slots = []
    for number, (_, storage_host) in enumerate(names):
        storage = Faulty(certificate, behind, inward=replacing(storage_host, bucket))
        registry = Faulty(certificate, sandbox.address, outward=replacing(f"//{bucket}", f"//{storage_host}"), storage=storage)
        slots.append(Slot(number, registry, storage))
    return slots


def replacing(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda head: head.replace(old.encode(), new.encode())


def bucket_host(sandbox: Sandbox) -> str:
    pattern = next(name for name in sandbox.facts["connect_to"] if name.startswith("*.s3."))
    return f"prod-{sandbox.facts['region']}-starport-layer-bucket{pattern[1:].rpartition(':')[0]}"


def configuration(slots: list[Slot], sandbox: Sandbox) -> dict[str, object]:
    """Of a gateway in front of the slots."""
    bucket, region = bucket_host(sandbox), sandbox.facts["region"]
    connect_to = dict(sandbox.facts["connect_to"])
    for slot in slots:
        connect_to[f"{200000000000 + slot.number}.dkr.ecr.{region}.amazonaws.com:443"] = slot.registry.address.authority
        connect_to[f"slot-{slot.number}.{bucket}:443"] = slot.storage.address.authority
    return {
        "upstreams": [
            {
                "name": f"slot-{slot.number}",
                "registry": f"{200000000000 + slot.number}.dkr.ecr.{region}.amazonaws.com",
                "credentials": {"source": "environment"},
            }
            for slot in slots
        ],
        "routes": [{"prefix": f"slot-{slot.number}/", "upstream": f"slot-{slot.number}"} for slot in slots],
        "connect_to": connect_to,
    }
