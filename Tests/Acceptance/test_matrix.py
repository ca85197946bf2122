"""Operations of real clients through Berth: in front of the sandbox with all quirks, and in front of moto with docker-registry."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clients.round_trip import Client, Login
from conftest import CLIENTS, LIBRARIES, StartClient, Upstream
from harness.gateway import Gateway
from harness.images import (
    ARCHITECTURE, CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, MIB, Image, descriptor, digest_of, encode, runnable_image, write_layout,
)  # fmt: skip
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority, Certificate

UPSTREAMS = {"sandbox": "gateway", "moto": "moto_gateway"}  # and the gateway in front of it
SIZES = (200, MIB)
BROKEN_AT = 100_000  # bytes of a layer


@dataclass
class World:
    """Everything that an operation uses."""

    upstream: Upstream
    login: Login
    mirror: Login  # a gateway that is configured as a mirror of docker.io
    repository: str  # used by this cell only
    layout: Path
    index_layout: Path

    def registry(self) -> RegistryClient:
        """A connection of the test's own, to check what a client has done."""
        return RegistryClient(self.login.address, self.login.username, self.login.password)

    def digest(self, name: str) -> str:
        repository, _, reference = name.replace("@", ":", 1).partition(":")
        with self.registry() as client:
            accept = {"Accept": f"{MANIFEST_TYPE}, {INDEX_TYPE}, application/vnd.docker.distribution.manifest.v2+json, "
                                "application/vnd.docker.distribution.manifest.list.v2+json"}  # fmt: skip
            return digest_of(client.expect((200,), "GET", f"/v2/{repository}/manifests/{reference}", accept).body)

    def create(self, *repositories: str) -> None:
        self.upstream.create_repositories(*repositories)


# The operations. Each runs the client, and then checks the result at the registry.


def log_in(client: Any, world: World) -> None:
    client.log_in(world.login)


def push(client: Client, world: World) -> None:
    assert client.push(world.login, f"{world.repository}:v1", world.layout) == world.digest(f"{world.repository}:v1")


def pull_by_tag(client: Client, world: World) -> None:
    pushed = client.push(world.login, f"{world.repository}:v1", world.layout)
    assert client.pull(world.login, f"{world.repository}:v1") == pushed


def pull_by_digest(client: Client, world: World) -> None:
    pushed = client.push(world.login, f"{world.repository}:v1", world.layout)
    assert client.pull(world.login, f"{world.repository}@{pushed}") == pushed


def push_index(client: Any, world: World) -> None:
    name = f"{world.repository}:v1"
    assert client.push_index(world.login, name, world.index_layout) == world.digest(name)
    with world.registry() as registry:
        accept = {"Accept": f"{INDEX_TYPE}, application/vnd.docker.distribution.manifest.list.v2+json"}
        response = registry.expect((200,), "GET", f"/v2/{world.repository}/manifests/v1", accept)
        for entry in json.loads(response.body)["manifests"]:
            accept = {"Accept": entry["mediaType"]}
            registry.expect((200,), "HEAD", f"/v2/{world.repository}/manifests/{entry['digest']}", accept)


def pull_index(client: Any, world: World) -> None:
    with world.registry() as registry:
        digest = push_layout(registry, world.repository, "v1", world.index_layout)
        children = [entry["digest"] for entry in json.loads(layout_blob(world.index_layout, digest))["manifests"]]
    # podman and buildah report the image of their own platform.
    assert client.pull_index(world.login, f"{world.repository}:v1") in [digest, *children]


def push_to_a_second_repository(client: Client, world: World) -> None:
    """Clients try a mount here, because the layers are in the first repository."""
    other = f"{world.repository}-2"
    world.create(other)
    client.push(world.login, f"{world.repository}:v1", world.layout)
    pushed = client.push(world.login, f"{other}:v1", world.layout)
    assert client.pull(world.login, f"{other}:v1") == pushed


def interrupted_pull(client: Client, world: World) -> None:
    assert isinstance(world.upstream, Sandbox)
    pushed = client.push(world.login, f"{world.repository}:v1", world.layout)
    world.upstream.add_fault(where="s3", match={"method": "GET"}, kind="reset", after_bytes=BROKEN_AT, times=2)
    try:
        assert client.pull(world.login, f"{world.repository}:v1") == pushed
    finally:
        world.upstream.clear_faults()


def interrupted_push(client: Client, world: World) -> None:
    """Some clients retry by themselves; for the others, the user does."""
    assert isinstance(world.upstream, Sandbox)
    for method in ("PATCH", "PUT"):
        match = {"method": method, "path_prefix": f"/v2/{world.repository}/blobs/"}
        world.upstream.add_fault(where="registry", match=match, kind="reset", after_bytes=BROKEN_AT, times=1)
    try:
        for trial in range(3):
            try:
                pushed = client.push(world.login, f"{world.repository}:v1", world.layout)
                break
            except AssertionError:
                assert trial < 2, "a push that was interrupted twice fails the third time"
    finally:
        world.upstream.clear_faults()
    assert client.pull(world.login, f"{world.repository}:v1") == pushed


def list_tags(client: Any, world: World) -> None:
    client.push(world.login, f"{world.repository}:v1", world.layout)
    with world.registry() as registry:
        manifest = registry.pull_manifest(world.repository, "v1")
        media_type = json.loads(manifest)["mediaType"]
        for tag in ("b", "a-2"):
            registry.push_manifest(world.repository, tag, manifest, media_type)
    assert client.list_tags(world.login, world.repository) == ["a-2", "b", "v1"]


def inspect(client: Any, world: World) -> None:
    pushed = client.push(world.login, f"{world.repository}:v1", world.layout)
    assert client.inspect(world.login, f"{world.repository}:v1") == pushed


def sync(client: Any, world: World) -> None:
    for tag in ("v1", "v2"):
        client.push(world.login, f"{world.repository}:{tag}", world.layout)
    assert client.sync(world.login, world.repository) == ["v1", "v2"]


def delete(client: Any, world: World) -> None:
    client.push(world.login, f"{world.repository}:v1", world.layout)
    client.delete(world.login, f"{world.repository}:v1")
    with world.registry() as registry:
        registry.expect((404,), "GET", f"/v2/{world.repository}/manifests/v1")


def push_in_chunks(client: Any, world: World) -> None:
    assert client.push_chunked(world.login, f"{world.repository}:v1") == world.digest(f"{world.repository}:v1")


def artifact_with_subject(client: Any, world: World) -> None:
    client.push(world.login, f"{world.repository}:v1", world.layout)
    with world.registry() as registry:
        subject = registry.pull_manifest(world.repository, "v1")
        media_type = json.loads(subject)["mediaType"]
        pushed = client.push_referrer(world.login, f"{world.repository}:signature", (media_type, digest_of(subject), len(subject)))
        response = registry.expect((200,), "GET", f"/v2/{world.repository}/referrers/{digest_of(subject)}")
    if isinstance(world.upstream, Sandbox):  # docker-registry has no referrers API, and this client writes no fallback tag
        assert [entry["digest"] for entry in json.loads(response.body)["manifests"]] == [pushed]


def copy_of_an_artifact(client: Any, world: World) -> None:
    """Its manifest is unchanged, including the subject."""
    with world.registry() as registry:
        subject = layout_blob(world.layout, push_layout(registry, world.repository, "v1", world.layout))
        pushed = client.push_artifact(world.login, f"{world.repository}:sbom", artifact_layout(subject, world.layout.parent / "artifact"))
        response = registry.expect((200,), "GET", f"/v2/{world.repository}/referrers/{digest_of(subject)}")
    if isinstance(world.upstream, Sandbox):
        assert [entry["digest"] for entry in json.loads(response.body)["manifests"]] == [pushed]


def mirror(client: Any, world: World) -> None:
    """`docker pull name` for a name of docker.io, through a gateway that has it in a repository of another name."""
    name = world.repository.replace("/", "-")
    world.create(f"docker-hub/library/{name}")
    with RegistryClient(world.login.address, world.login.username, world.login.password) as registry:
        digest = push_layout(registry, f"docker-hub/library/{name}", "v1", world.layout)
    assert client.pull_mirrored(world.mirror, f"library/{name}:v1") == digest


OPERATIONS: dict[str, tuple[Callable[[Any, World], None], str]] = {
    "login": (log_in, "log_in"),
    "push": (push, "push"),
    "pull by tag": (pull_by_tag, "pull"),
    "pull by digest": (pull_by_digest, "pull"),
    "push in chunks": (push_in_chunks, "push_chunked"),
    "push an index": (push_index, "push_index"),
    "pull an index": (pull_index, "pull_index"),
    "artifact with subject": (artifact_with_subject, "push_referrer"),
    "copy of an artifact": (copy_of_an_artifact, "push_artifact"),
    "second repository, mount": (push_to_a_second_repository, "push"),
    "interrupted pull": (interrupted_pull, "pull"),
    "interrupted push": (interrupted_push, "push"),
    "list tags": (list_tags, "list_tags"),
    "inspect": (inspect, "inspect"),
    "sync": (sync, "sync"),
    "delete": (delete, "delete"),
    "mirror of docker.io": (mirror, "pull_mirrored"),
}
FAULTS = {"interrupted pull", "interrupted push"}  # only the sandbox can inject them

CELLS = [
    (upstream, operation, client)
    for client, kind in (CLIENTS | LIBRARIES).items()
    for upstream in UPSTREAMS
    for operation, (_, method) in OPERATIONS.items()
    if hasattr(kind, method) and not (operation in FAULTS and upstream != "sandbox")
]


def push_layout(registry: RegistryClient, repository: str, tag: str, layout: Path) -> str:
    """Pushes everything that an OCI layout's index refers to; returns the digest of the index's entry."""
    entry = json.loads((layout / "index.json").read_text())["manifests"][0]

    def push_manifest(entry: dict[str, Any], reference: str) -> None:
        content = layout_blob(layout, entry["digest"])
        manifest = json.loads(content)
        for child in manifest.get("manifests", []):
            push_manifest(child, child["digest"])
        for part in [*([manifest["config"]] if "config" in manifest else []), *manifest.get("layers", [])]:
            registry.push_blob(repository, layout_blob(layout, part["digest"]))
        registry.push_manifest(repository, reference, content, entry["mediaType"])

    push_manifest(entry, tag)
    return entry["digest"]


def layout_blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def write_index_layout(images: dict[str, Image], directory: Path) -> Path:
    """An index with one image for each architecture, as an OCI layout."""
    entries = []
    for number, (architecture, image) in enumerate(images.items()):
        write_layout(image, directory / str(number))
        entries.append(descriptor(MANIFEST_TYPE, image.manifest) | {"platform": {"os": "linux", "architecture": architecture}})
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for number in range(len(images)):
        for blob in (directory / str(number) / "blobs" / "sha256").iterdir():
            (blobs / blob.name).write_bytes(blob.read_bytes())
    index = encode({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})
    (blobs / digest_of(index).removeprefix("sha256:")).write_bytes(index)
    entry = descriptor(INDEX_TYPE, index) | {"annotations": {"org.opencontainers.image.ref.name": "v1"}}
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (directory / "index.json").write_bytes(encode({"schemaVersion": 2, "manifests": [entry]}))
    return directory


def artifact_layout(subject: bytes, directory: Path) -> Path:
    """An artifact that refers to a manifest, as an OCI layout."""
    image = runnable_image((500,))
    content = json.loads(image.manifest) | {
        "subject": descriptor(MANIFEST_TYPE, subject),
        "annotations": {"org.opencontainers.image.description": digest_of(subject)},
    }
    shutil.rmtree(directory, ignore_errors=True)
    return write_layout(Image(image.config, image.layers, encode(content)), directory)


def image_of(architecture: str) -> Image:
    image = runnable_image(SIZES)
    config = encode(json.loads(image.config) | {"architecture": architecture})
    manifest = encode(json.loads(image.manifest) | {"config": descriptor(CONFIG_TYPE, config)})
    return Image(config, image.layers, manifest)


@pytest.fixture(scope="session")
def layouts(directory: Path) -> tuple[Path, Path]:
    """The layouts of an image and of an index."""
    images = {architecture: image_of(architecture) for architecture in (ARCHITECTURE, "s390x")}
    return write_layout(runnable_image(SIZES), directory / "small"), write_index_layout(images, directory / "index")


@pytest.fixture(scope="session")
def mirrors(berth: Path, directory: Path, authority: Authority, certificate: Certificate) -> Iterator[Callable[[str, Upstream], Gateway]]:
    """Gateways that mirror docker.io: docker asks for names under library/, containerd sends the registry that it means."""
    started: dict[str, Gateway] = {}

    def start(name: str, upstream: Upstream) -> Gateway:
        if name not in started:
            configuration = upstream.upstream | {
                "routes": [
                    {"upstream": "main"},
                    {"namespace": "docker.io", "upstream": "main", "upstream_prefix": "docker-hub/"},
                    {"prefix": "library/", "upstream": "main", "upstream_prefix": "docker-hub/library/"},
                ],
                "anonymous": {"access": [{"repositories": ["library/**"], "actions": ["pull"]}]},
            }
            started[name] = Gateway(
                berth, directory / f"mirror-{name}", configuration, upstream.environment, certificate, authority.certificate)
            wait_until(lambda: started[name].plain.accepts(), "the mirror", 10)
        return started[name]

    yield start
    for gateway in started.values():
        gateway.stop()


@pytest.mark.parametrize(("upstream", "operation", "client"), CELLS, ids=["-".join(cell) for cell in CELLS])
def test_matrix(
    upstream: str, operation: str, client: str, start_client: StartClient, layouts: tuple[Path, Path],
    mirrors: Callable[[str, Upstream], Gateway], request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    behind: Upstream = request.getfixturevalue("sandbox" if upstream == "sandbox" else "moto_registry")
    gateway: Gateway = request.getfixturevalue(UPSTREAMS[upstream])
    mirror = mirrors(upstream, behind) if operation.startswith("mirror") else gateway
    world = World(
        behind,
        Login(gateway.plain, gateway.username, gateway.password),
        Login(mirror.plain, mirror.username, mirror.password),
        f"matrix/{os.urandom(6).hex()}",
        *layouts,
    )
    world.create(world.repository)
    running = start_client(client)
    if operation != "login" and hasattr(running, "log_in"):
        running.log_in(world.login)
    OPERATIONS[operation][0](running, world)
