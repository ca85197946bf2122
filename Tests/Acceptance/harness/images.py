"""Images of random bytes: as an OCI layout for clients that read one, and as blobs and a manifest for tests that upload by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1 << 20
# One layer of a few bytes, two of medium size, one larger than any buffer on the way.
LAYER_SIZES = (200, MIB, 6 * MIB, 30 * MIB)

ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), "amd64")  # the architecture as images name it

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


@dataclass(frozen=True)
class Image:
    config: bytes
    layers: tuple[bytes, ...]
    manifest: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    @property
    def blobs(self) -> tuple[bytes, ...]:
        return (self.config, *self.layers)


def manifest_for(config: bytes, layers: tuple[bytes, ...]) -> bytes:
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": descriptor(CONFIG_TYPE, config),
            "layers": [descriptor(LAYER_TYPE, layer) for layer in layers],
        }
    )


def blob_image(*blobs: bytes) -> Image:
    """A manifest over arbitrary bytes: enough for a registry, not runnable."""
    config = encode(
        {"architecture": ARCHITECTURE, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "nonce": os.urandom(8).hex()}
    )
    return Image(config, blobs, manifest_for(config, blobs))


def layer(size: int, number: int) -> tuple[bytes, str]:
    """A gzipped tar with one random file, and the digest of the uncompressed tar."""
    tar_bytes = io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w") as tar:
        entry = tarfile.TarInfo(f"layer-{number}")
        entry.size = size
        tar.addfile(entry, io.BytesIO(os.urandom(size)))
    return gzip.compress(tar_bytes.getvalue(), compresslevel=1, mtime=0), digest_of(tar_bytes.getvalue())


def runnable_image(sizes: tuple[int, ...] = LAYER_SIZES) -> Image:
    """An image that every client can unpack."""
    made = [layer(size, number) for number, size in enumerate(sizes)]
    config = encode(
        {
            "architecture": ARCHITECTURE,
            "os": "linux",
            "config": {"Cmd": ["/layer-0"]},
            "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in made]},
        }
    )
    layers = tuple(data for data, _ in made)
    return Image(config, layers, manifest_for(config, layers))


def write_layout(image: Image, directory: Path, tag: str = "v1") -> Path:
    """Writes the image as an OCI layout directory."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for data in (*image.blobs, image.manifest):
        (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
    entry = descriptor(MANIFEST_TYPE, image.manifest)
    entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (directory / "index.json").write_bytes(encode({"schemaVersion": 2, "manifests": [entry]}))
    return directory


def layout_digests(directory: Path) -> dict[str, str]:
    """The blobs of a layout: each name, and the digest of its bytes."""
    return {blob.name: digest_of(blob.read_bytes()) for blob in (directory / "blobs" / "sha256").iterdir()}
