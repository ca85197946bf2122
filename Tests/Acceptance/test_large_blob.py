"""A blob larger than the available memory passes through in both framings, with little memory and without a temporary file.

BERTH_TEST_BLOB_GIB is its size (6). The sandbox keeps it on disk until the test ends; if there is not enough space, the blob is smaller.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.gateway import Gateway
from harness.images import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, descriptor, encode
from harness.registry import RegistryClient
from harness.sandbox import Sandbox

MIB = 1 << 20
GIB = 1 << 30
RESIDENT_LIMIT_KIB = 64 * 1024
SPARE_DISK = 3 * GIB
SMALLEST = GIB // 4
# The kernel counts the bytes that a process caused to be written to storage. A gateway writes only its log.
WRITTEN_LIMIT = 4 * MIB
SAMPLE_SECONDS = 0.1


def blob_size(directory: Path) -> int:
    wanted = int(float(os.environ.get("BERTH_TEST_BLOB_GIB", "6")) * GIB)
    room = shutil.disk_usage(directory).free - SPARE_DISK
    if room < SMALLEST:
        pytest.skip(f"{directory} has no space for a blob")
    if room < wanted:
        print(f"only {room // MIB} MiB of disk are free: the blob shrinks from {wanted // MIB} MiB")
    return min(wanted, room) // MIB * MIB


@dataclass
class Blob:
    """Generates its content anew for each pass and stores only the digest."""

    size: int
    seed: int = field(default_factory=lambda: int.from_bytes(os.urandom(7), "big"))
    filler: bytes = field(default_factory=lambda: os.urandom(16) * (MIB // 16))
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def content(self) -> Iterator[bytes]:
        body = bytearray(self.filler)
        for number in range(self.size // MIB):
            body[:16] = self.seed.to_bytes(8, "big") + number.to_bytes(8, "big")
            yield bytes(body)

    def hashed_content(self) -> Iterator[bytes]:
        for piece in self.content():
            self.hash.update(piece)
            yield piece

    def digest(self) -> str:
        """Valid once the content has been hashed."""
        return "sha256:" + self.hash.hexdigest()


class Watch:
    """Samples a gateway during transfers: its resident memory, and the regular files that it has open for writing."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.proc = Path(f"/proc/{gateway.program.pid}")
        self.own_logs = {os.stat(path).st_ino for path in (gateway.program.out_path, gateway.program.err_path)}
        self.most_kib = 0
        self.files: set[str] = set()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _sample(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            self.most_kib = max(self.most_kib, self.gateway.resident_kib())
            self.files |= self._open_files()

    def _open_files(self) -> set[str]:
        found: set[str] = set()
        for entry in (self.proc / "fd").iterdir():
            try:
                status = entry.stat()
                if stat.S_ISREG(status.st_mode) and status.st_ino not in self.own_logs and self._writable(entry.name):
                    found.add(os.readlink(entry))
            except FileNotFoundError:
                continue
        return found

    def _writable(self, descriptor: str) -> bool:
        flags = (self.proc / "fdinfo" / descriptor).read_text().split("flags:")[1].split()[0]
        return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY

    def written(self) -> int:
        lines = (self.proc / "io").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


def push(client: RegistryClient, framing: str, repository: str, blob: Blob) -> None:
    if framing == "chunked":
        client.push_chunked(repository, blob.hashed_content(), blob.hash)
    else:
        for _ in blob.hashed_content():
            pass  # this framing needs the digest before the content
        client.push_sized(repository, blob.content(), blob.size, blob.digest())


def tag(client: RegistryClient, repository: str, blob: Blob) -> None:
    """ECR serves a blob only after a manifest refers to it (ECR 1.4)."""
    config = encode({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}})
    client.push_blob(repository, config)
    layers = [{"mediaType": LAYER_TYPE, "digest": blob.digest(), "size": blob.size}]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": descriptor(CONFIG_TYPE, config), "layers": layers}
    client.push_manifest(repository, "large", encode(manifest))


def pulled_digest(client: RegistryClient, repository: str, blob: Blob) -> str:
    connection = client.connection
    connection.send_head("GET", f"/v2/{repository}/blobs/{blob.digest()}", {"Authorization": client.authorization})
    head = connection.receive_final_head()
    assert head.status == 200, head
    digest = hashlib.sha256()
    for piece in connection.body(head):
        digest.update(piece)
    return "sha256:" + digest.hexdigest()


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_blob_of_several_gib_needs_little_memory_and_no_file(
    framing: str, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path
) -> None:
    repository = f"large/{framing}"
    own_sandbox.create_repositories(repository)
    blob = Blob(blob_size(own_directory))
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    with Watch(gateway) as watch, RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        push(client, framing, repository, blob)
        tag(client, repository, blob)
        assert pulled_digest(client, repository, blob) == blob.digest()
    peak = max(watch.most_kib, gateway.resident_kib("VmHWM"))
    print(f"{framing}: {blob.size / GIB:g} GiB each way, at most {peak} KiB resident")
    assert peak < RESIDENT_LIMIT_KIB
    assert not watch.files, "files of the gateway's while a blob passed"
    assert watch.written() < WRITTEN_LIMIT
