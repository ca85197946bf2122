"""A registry client in the words of the distribution spec, strict about what Berth may answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from harness.address import Address
from harness.images import MANIFEST_TYPE, Image, digest_of
from harness.wire import Answer, Connection, basic


class Unexpected(AssertionError):
    """An answer that a client could not go on with."""

    def __init__(self, doing: str, answer: Answer) -> None:
        super().__init__(f"{doing}: {answer.status} {answer.fields} {answer.body[:500]!r}")
        self.answer = answer


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
    ) -> Answer:
        answer = self.connection.request(method, target, fields, body, self.authorization)
        if answer.status not in statuses:
            raise Unexpected(f"{method} {target}", answer)
        return answer

    def location(self, answer: Answer) -> str:
        """The target that a Location means; one that leaves the address the client uses would leave Berth."""
        parts = urlsplit(answer.fields["location"])
        if parts.netloc:
            wanted = (self.address.url.split("://")[0], self.address.authority)
            assert (parts.scheme, parts.netloc) == wanted, f"Location {answer.fields['location']} leaves {self.address.url}"
        return parts.path + (f"?{parts.query}" if parts.query else "")

    # Pushing.

    def start_upload(self, repository: str) -> str:
        return self.location(self.expect((202,), "POST", f"/v2/{repository}/blobs/uploads/", body=b""))

    def finish_upload(self, target: str, digest: str) -> None:
        self.expect((201,), "PUT", with_digest(target, digest), body=b"")

    def push_blob(self, repository: str, data: bytes) -> str:
        """As podman does it: a session, one PATCH, an empty PUT."""
        target = self.start_upload(repository)
        answer = self.expect((201, 202), "PATCH", target, {"Content-Type": "application/octet-stream"}, data)
        self.finish_upload(self.location(answer), digest_of(data))
        return digest_of(data)

    def push_chunked(self, repository: str, pieces: Iterable[bytes], digest: hashlib._Hash) -> str:
        """As docker does it: one PATCH of unknown length. `digest` must have seen every piece once they are sent."""
        target = self.start_upload(repository)
        fields = {"Transfer-Encoding": "chunked", "Authorization": self.authorization}
        self.connection.send_head("PATCH", target, fields)
        self.connection.send_chunks(pieces)
        answer = self.connection.receive()
        if answer.status not in (201, 202):
            raise Unexpected(f"PATCH {target}", answer)
        name = "sha256:" + digest.hexdigest()
        self.finish_upload(self.location(answer), name)
        return name

    def push_sized(self, repository: str, pieces: Iterable[bytes], size: int, digest: str) -> str:
        """As containerd does it: a session and one PUT of known length and digest."""
        target = with_digest(self.start_upload(repository), digest)
        fields = {"Content-Length": str(size), "Authorization": self.authorization, "Content-Type": "application/octet-stream"}
        self.connection.send_head("PUT", target, fields)
        for piece in pieces:
            self.connection.send(piece)
        answer = self.connection.receive()
        if answer.status != 201:
            raise Unexpected(f"PUT {target}", answer)
        return digest

    def push_manifest(self, repository: str, reference: str, manifest: bytes, media_type: str = MANIFEST_TYPE) -> Answer:
        return self.expect((201,), "PUT", f"/v2/{repository}/manifests/{reference}", {"Content-Type": media_type}, manifest)

    def push_image(self, repository: str, tag: str, image: Image) -> str:
        for blob in image.blobs:
            self.push_blob(repository, blob)
        self.push_manifest(repository, tag, image.manifest)
        return image.digest

    # Pulling.

    def pull_manifest(self, repository: str, reference: str) -> bytes:
        answer = self.expect((200,), "GET", f"/v2/{repository}/manifests/{reference}", {"Accept": MANIFEST_TYPE})
        return answer.body

    def pull_blob(self, repository: str, digest: str) -> bytes:
        answer = self.expect((200,), "GET", f"/v2/{repository}/blobs/{digest}")
        assert digest_of(answer.body) == digest
        return answer.body

    def pull_image(self, repository: str, tag: str, image: Image) -> None:
        assert self.pull_manifest(repository, tag) == image.manifest
        for blob in image.blobs:
            assert self.pull_blob(repository, digest_of(blob)) == blob


def with_digest(target: str, digest: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}digest={digest}"
