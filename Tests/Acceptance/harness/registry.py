"""A registry client that uses the distribution spec's terms and is strict about Berth's responses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from harness.address import Address
from harness.images import MANIFEST_TYPE, Image, digest_of
from harness.wire import Response, Connection, basic


class Unexpected(AssertionError):
    """A response that a client could not continue after."""

    def __init__(self, doing: str, response: Response) -> None:
        super().__init__(f"{doing}: {response.status} {response.fields} {response.body[:500]!r}")
        self.response = response


class RegistryClient:
    """Pushes and pulls over one keep-alive connection."""

    def __init__(self, address: Address, username: str, password: str, connection: Connection | None = None) -> None:
        self.authorization = basic(username, password)
        self.connection = connection or Connection(address)
        self.address = address

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def expect(
        self, statuses: tuple[int, ...], method: str, target: str, fields: dict[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        response = self.connection.request(method, target, fields, body, self.authorization)
        # Said by a response that came before the whole body was read.
        if response.fields.get("connection", "").lower() == "close":
            self.connection.close()
            self.connection = Connection(self.address)
        if response.status not in statuses:
            raise Unexpected(f"{method} {target}", response)
        return response

    def location(self, response: Response) -> str:
        """The target in a Location. Fails if it leaves the address of Berth."""
        parts = urlsplit(response.fields["location"])
        if parts.netloc:
            wanted = (self.address.url.split("://")[0], self.address.authority)
            assert (parts.scheme, parts.netloc) == wanted, f"Location {response.fields['location']} leaves {self.address.url}"
        return parts.path + (f"?{parts.query}" if parts.query else "")

    # Pushing.

    def start_upload(self, repository: str) -> str:
        return self.location(self.expect((202,), "POST", f"/v2/{repository}/blobs/uploads/", body=b""))

    def finish_upload(self, target: str, digest: str) -> None:
        self.expect((201,), "PUT", with_digest(target, digest), body=b"")

    def push_blob(self, repository: str, data: bytes) -> str:
        """Like podman: a session, one PATCH, an empty PUT."""
        target = self.start_upload(repository)
        response = self.expect((201, 202), "PATCH", target, {"Content-Type": "application/octet-stream"}, data)
        self.finish_upload(self.location(response), digest_of(data))
        return digest_of(data)

    def push_chunked(self, repository: str, pieces: Iterable[bytes], digest: hashlib._Hash) -> str:
        """Like docker: one PATCH of unknown length. `digest` must cover all pieces once they are sent."""
        target = self.start_upload(repository)
        fields = {"Transfer-Encoding": "chunked", "Authorization": self.authorization}
        self.connection.send_head("PATCH", target, fields)
        self.connection.send_chunks(pieces)
        response = self.connection.receive()
        if response.status not in (201, 202):
            raise Unexpected(f"PATCH {target}", response)
        name = "sha256:" + digest.hexdigest()
        self.finish_upload(self.location(response), name)
        return name

    def push_sized(self, repository: str, pieces: Iterable[bytes], size: int, digest: str) -> str:
        """Like containerd: a session and one PUT of known length and digest."""
        target = with_digest(self.start_upload(repository), digest)
        fields = {"Content-Length": str(size), "Authorization": self.authorization, "Content-Type": "application/octet-stream"}
        self.connection.send_head("PUT", target, fields)
        for piece in pieces:
            self.connection.send(piece)
        response = self.connection.receive()
        if response.status != 201:
            raise Unexpected(f"PUT {target}", response)
        return digest

    def push_manifest(self, repository: str, reference: str, manifest: bytes, media_type: str = MANIFEST_TYPE) -> Response:
        return self.expect((201,), "PUT", f"/v2/{repository}/manifests/{reference}", {"Content-Type": media_type}, manifest)

    def push_image(self, repository: str, tag: str, image: Image) -> str:
        for blob in image.blobs:
            self.push_blob(repository, blob)
        self.push_manifest(repository, tag, image.manifest)
        return image.digest

    # Pulling.

    def pull_manifest(self, repository: str, reference: str) -> bytes:
        response = self.expect((200,), "GET", f"/v2/{repository}/manifests/{reference}", {"Accept": MANIFEST_TYPE})
        return response.body

    def pull_blob(self, repository: str, digest: str) -> bytes:
        response = self.expect((200,), "GET", f"/v2/{repository}/blobs/{digest}")
        assert digest_of(response.body) == digest
        return response.body

    def pull_image(self, repository: str, tag: str, image: Image) -> None:
        assert self.pull_manifest(repository, tag) == image.manifest
        for blob in image.blobs:
            assert self.pull_blob(repository, digest_of(blob)) == blob


def with_digest(target: str, digest: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}digest={digest}"
