"""Berth has no state that another replica lacks: operations that begin on one gateway and continue on another have the same result as the same
requests sent to the registry directly."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.images import MANIFEST_TYPE, MIB, blob_image, digest_of
from harness.registry import RegistryClient, with_digest
from harness.sandbox import Sandbox

REPOSITORIES = ("two/a", "two/b")
STEPS = 120
CHUNK = 10 * MIB


@dataclass
class Upload:
    repository: str
    location: str
    data: bytes
    sent: int = 0


@dataclass
class Story:
    """A random sequence of operations. `choose` picks the client for each step. The same seed gives the same sequence as long as the registry
    behaves
    correctly: choices depend on nothing in the responses but the locations of sessions."""

    seed: int
    choose: Callable[[], RegistryClient]
    chance: random.Random = field(init=False)
    uploads: list[Upload] = field(default_factory=list)
    blobs: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in REPOSITORIES})
    manifests: dict[str, list[bytes]] = field(default_factory=lambda: {name: [] for name in REPOSITORIES})
    tags: dict[str, dict[str, str]] = field(default_factory=lambda: {name: {} for name in REPOSITORIES})

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def tell(self) -> None:
        steps = (self.begin, self.chunk, self.chunk, self.finish, self.finish, self.push, self.mount, self.image, self.image, self.tag,
                 self.untag, self.remove, self.cancel)  # fmt: skip
        for _ in range(STEPS):
            self.chance.choice(steps)()

    def repository(self) -> str:
        return self.chance.choice(REPOSITORIES)

    def bytes(self) -> bytes:
        size = self.chance.choice((1, 1000, 100_000, CHUNK + 5000))
        return self.chance.randbytes(size)

    def begin(self) -> None:
        repository = self.repository()
        self.uploads.append(Upload(repository, self.choose().start_upload(repository), self.bytes()))

    def chunk(self) -> None:
        """One chunk or several; each may go through another gateway."""
        open_ones = [upload for upload in self.uploads if len(upload.data) - upload.sent > CHUNK]
        if not open_ones:
            return
        upload, client = self.chance.choice(open_ones), self.choose()
        place = {"Content-Range": f"{upload.sent}-{upload.sent + CHUNK - 1}"}
        response = client.expect((201, 202), "PATCH", upload.location, place, upload.data[upload.sent : upload.sent + CHUNK])
        upload.location, upload.sent = client.location(response), upload.sent + CHUNK

    def finish(self) -> None:
        if not self.uploads:
            return
        upload = self.uploads.pop(self.chance.randrange(len(self.uploads)))
        rest = upload.data[upload.sent :]
        if self.chance.random() < 0.5:
            client = self.choose()
            upload.location, rest = client.location(client.expect((201, 202), "PATCH", upload.location, body=rest)), b""
        self.choose().expect((201,), "PUT", with_digest(upload.location, digest_of(upload.data)), body=rest)
        self.blobs[upload.repository].append(upload.data)

    def push(self) -> None:
        repository, data = self.repository(), self.bytes()
        self.choose().push_blob(repository, data)
        self.blobs[repository].append(data)

    def mount(self) -> None:
        source, target = self.chance.sample(REPOSITORIES, 2)
        if not self.blobs[source]:
            return
        data, client = self.chance.choice(self.blobs[source]), self.choose()
        target_path = f"/v2/{target}/blobs/uploads/?mount={digest_of(data)}&from={source}"
        response = client.expect((201, 202), "POST", target_path, body=b"")
        if response.status == 202:
            self.choose().expect((201,), "PUT", with_digest(client.location(response), digest_of(data)), body=data)
        self.blobs[target].append(data)

    def image(self) -> None:
        repository = self.repository()
        if not self.blobs[repository]:
            return
        image = blob_image(self.chance.choice(self.blobs[repository]))
        config = b'{"n":%d}' % self.chance.randrange(1 << 30)
        manifest = image.manifest.replace(digest_of(image.config).encode(), digest_of(config).encode()).replace(
            b'"size":%d' % len(image.config), b'"size":%d' % len(config), 1)
        self.choose().push_blob(repository, config)
        self._put(repository, f"t{self.chance.randrange(5)}", manifest)
        self.manifests[repository].append(manifest)

    def tag(self) -> None:
        repository = self.repository()
        if self.manifests[repository]:
            self._put(repository, f"t{self.chance.randrange(5)}", self.chance.choice(self.manifests[repository]))

    def _put(self, repository: str, tag: str, manifest: bytes) -> None:
        self.choose().push_manifest(repository, tag, manifest, MANIFEST_TYPE)
        self.tags[repository][tag] = digest_of(manifest)

    def untag(self) -> None:
        repository = self.repository()
        if self.tags[repository]:
            tag = self.chance.choice(sorted(self.tags[repository]))
            self.choose().expect((202,), "DELETE", f"/v2/{repository}/manifests/{tag}")
            gone = self.tags[repository].pop(tag)
            if gone not in self.tags[repository].values():  # an image is deleted with its last tag (ECR 1.3)
                self.manifests[repository] = [each for each in self.manifests[repository] if digest_of(each) != gone]

    def remove(self) -> None:
        repository = self.repository()
        if self.manifests[repository] and self.chance.random() < 0.5:
            manifest = self.chance.choice(self.manifests[repository])
            self.choose().expect((202,), "DELETE", f"/v2/{repository}/manifests/{digest_of(manifest)}")
            self.manifests[repository] = [each for each in self.manifests[repository] if each != manifest]
            self.tags[repository] = {tag: one for tag, one in self.tags[repository].items() if one != digest_of(manifest)}

    def cancel(self) -> None:
        if self.uploads and self.chance.random() < 0.3:
            upload = self.uploads.pop(self.chance.randrange(len(self.uploads)))
            self.choose().expect((204, 404, 405), "DELETE", upload.location)


def contents(sandbox: Sandbox, story: Story) -> dict[str, object]:
    """The registry's content: images with their tags from boto3, manifests and blobs from the registry itself."""
    ecr, found = sandbox.ecr(), {}
    with sandbox.direct() as client:
        for repository in REPOSITORIES:
            images = ecr.list_images(repositoryName=repository, maxResults=1000)["imageIds"]
            found[repository] = sorted((one["imageDigest"], one.get("imageTag", "")) for one in images)
            for digest in {one["imageDigest"] for one in images}:
                manifest = client.pull_manifest(repository, digest)
                for part in [json.loads(manifest)["config"], *json.loads(manifest)["layers"]]:
                    client.pull_blob(repository, part["digest"])
                found[digest] = manifest
            present = [client.expect((200, 404), "HEAD", f"/v2/{repository}/blobs/{digest_of(data)}").status for data in story.blobs[repository]]
            assert present == [200] * len(present)
            found[f"blobs of {repository}"] = sorted(digest_of(data) for data in story.blobs[repository])
    return found


@pytest.mark.parametrize("seed", [random.SystemRandom().randrange(1 << 32) for _ in range(3)], ids=["first", "second", "third"])
def test_two_gateways_have_the_same_result_as_the_registry_directly(
    berth: Path, own_directory: Path, start_gateway: StartGateway, seed: int
) -> None:
    print(f"seed {seed}")
    with ExitStack() as stack:
        sandboxes = []
        for name in ("told-directly", "behind"):
            sandboxes.append(Sandbox(berth, own_directory / name))
            stack.callback(sandboxes[-1].stop)
            sandboxes[-1].create_repositories(*REPOSITORIES)
            # Deletions, mounts and everything else as in ECR; blobs are served where a direct client can fetch them.
            sandboxes[-1].switch(blob_redirect=False, blob_mounting=True)
        client = stack.enter_context(sandboxes[0].direct())
        alone = Story(seed, lambda: client)
        alone.tell()
        gateways = [start_gateway(sandboxes[1]) for _ in range(2)]
        clients = []
        for gateway in gateways:
            gateway.wait_until_ready()
            clients.append(stack.enter_context(RegistryClient(gateway.plain, gateway.username, gateway.password)))
        which = random.Random(seed + 1)
        shared = Story(seed, lambda: which.choice(clients))
        shared.tell()
        assert shared.tags == alone.tags
        assert contents(sandboxes[1], shared) == contents(sandboxes[0], alone)
