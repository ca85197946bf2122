"""Every form of upload that a client may choose, in front of an ECR emulator with all quirks."""

from __future__ import annotations

import os

import pytest

from conftest import StartGateway
from harness.gateway import Gateway
from harness.images import MIB, blob_image, digest_of
from harness.registry import RegistryClient, with_digest
from harness.sandbox import Sandbox
from harness.wire import Response

REPOSITORY = "uploads/app"
CHUNK = 5 * MIB  # ECR's minimum part size


@pytest.fixture
def client(sandbox: Sandbox, gateway: Gateway) -> RegistryClient:
    sandbox.create_repositories(REPOSITORY, "uploads/other")
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        yield client


def send_chunk(client: RegistryClient, location: str, data: bytes, at: int, statuses: tuple[int, ...] = (202,)) -> Response:
    return client.expect(statuses, "PATCH", location, {"Content-Range": f"{at}-{at + len(data) - 1}"}, data)


def is_there(client: RegistryClient, blob: bytes) -> bool:
    response = client.expect((200, 404), "HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}")
    return response.status == 200 and int(response.fields["content-length"]) == len(blob)


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("sizes", [(CHUNK, CHUNK, 100), (12 * MIB, 5 * MIB), (7 * MIB,), (300,)], ids=str)
def test_chunks_of_any_size_that_ecr_can_store(
    own_sandbox: Sandbox, start_gateway: StartGateway, sizes: tuple[int, ...], stale: bool
) -> None:
    """Also chunks that ECR resets if they have a Content-Range, and when ECR's Range stays at the first chunk's."""
    own_sandbox.create_repositories(REPOSITORY)
    own_sandbox.switch(stale_range=stale)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    blob = os.urandom(sum(sizes))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        begun = client.expect((202,), "POST", f"/v2/{REPOSITORY}/blobs/uploads/", body=b"")
        assert int(begun.fields["oci-chunk-min-length"]) >= CHUNK and begun.fields["docker-upload-uuid"]
        location, at = client.location(begun), 0
        for size in sizes:
            response = send_chunk(client, location, blob[at : at + size], at)
            at += size
            location = client.location(response)
            assert response.fields["range"] == f"0-{at - 1}"
            status = client.expect((204,), "GET", location)
            assert status.fields["range"] == f"0-{at - 1}" and client.location(status) == location
        ended = client.expect((201,), "PUT", with_digest(location, digest_of(blob)), body=b"")
        assert client.location(ended) == f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}"
        assert ended.fields["docker-content-digest"] == digest_of(blob)
        assert is_there(client, blob)


def test_the_final_put_may_carry_the_last_chunk(client: RegistryClient) -> None:
    blob = os.urandom(CHUNK + 1000)
    response = send_chunk(client, client.start_upload(REPOSITORY), blob[:CHUNK], 0)
    target = with_digest(client.location(response), digest_of(blob))
    client.expect((201,), "PUT", target, {"Content-Range": f"{CHUNK}-{len(blob) - 1}"}, blob[CHUNK:])
    assert is_there(client, blob)


def test_chunks_without_content_range_are_counted(client: RegistryClient) -> None:
    first = client.expect((202,), "PATCH", client.start_upload(REPOSITORY), body=bytes(CHUNK))
    assert first.fields["range"] == f"0-{CHUNK - 1}"
    client.connection.send_head(
        "PATCH", client.location(first), {"Transfer-Encoding": "chunked", "Authorization": client.authorization}
    )
    client.connection.send_chunks([bytes(MIB)] * 3 + [b"end"])
    assert client.connection.receive().fields["range"] == f"0-{CHUNK + 3 * MIB + 2}"


@pytest.mark.parametrize("at", [0, CHUNK + 1])
def test_a_chunk_out_of_order_gets_the_position_to_continue_from(client: RegistryClient, at: int) -> None:
    blob = os.urandom(CHUNK + 10)
    location = client.location(send_chunk(client, client.start_upload(REPOSITORY), blob[:CHUNK], 0))
    rejected = send_chunk(client, location, b"x" * 10, at, (416,))
    assert rejected.code == "BLOB_UPLOAD_INVALID" and rejected.fields["range"] == f"0-{CHUNK - 1}"
    response = send_chunk(client, client.location(rejected), blob[CHUNK:], CHUNK)
    client.finish_upload(client.location(response), digest_of(blob))


def test_a_repeated_chunk_gets_the_position_to_continue_from(client: RegistryClient) -> None:
    """Its response was lost, so the client continues with its old Location, and ECR has more than that."""
    blob = os.urandom(CHUNK + 10)
    start = client.start_upload(REPOSITORY)
    send_chunk(client, start, blob[:CHUNK], 0)
    rejected = send_chunk(client, start, blob[:CHUNK], 0, (416,))
    assert rejected.fields["range"] == f"0-{CHUNK - 1}"
    response = send_chunk(client, client.location(rejected), blob[CHUNK:], CHUNK)
    client.finish_upload(client.location(response), digest_of(blob))


def test_a_part_that_ecr_would_reject_at_the_end_is_rejected_at_once(client: RegistryClient) -> None:
    location = client.location(send_chunk(client, client.start_upload(REPOSITORY), b"x" * 1000, 0))
    rejected = send_chunk(client, location, b"y" * 1000, 1000, (400,))
    assert rejected.code == "BLOB_UPLOAD_INVALID" and str(CHUNK) in rejected.error["message"]


@pytest.mark.parametrize("place", ["x", "5-1", "0-99", "0"])
def test_an_invalid_content_range_is_rejected(client: RegistryClient, place: str) -> None:
    rejected = client.expect((400,), "PATCH", client.start_upload(REPOSITORY), {"Content-Range": place}, b"x" * 10)
    assert rejected.code in ("BLOB_UPLOAD_INVALID", "SIZE_INVALID")


@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_blob_in_one_post(client: RegistryClient, size: int) -> None:
    blob = os.urandom(size)
    response = client.expect((201,), "POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest_of(blob)}", body=blob)
    assert client.location(response) == f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}"
    assert is_there(client, blob)


def test_a_blob_in_one_post_creates_its_repository(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    upstream = sandbox.upstream["upstreams"][0] | {"create_repositories": {"match": ["made/*"]}}
    gateway = start_gateway(sandbox, upstreams=[upstream])
    gateway.wait_until_ready()
    name = f"made/{os.urandom(4).hex()}"
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.expect((201,), "POST", f"/v2/{name}/blobs/uploads/?digest={digest_of(b'blob')}", body=b"blob")
        absent = client.expect((404,), "POST", f"/v2/absent/app/blobs/uploads/?digest={digest_of(b'blob')}", body=b"blob")
    assert absent.code == "NAME_UNKNOWN" and "create_repositories" in absent.error["message"]


def test_a_cancelled_upload(client: RegistryClient) -> None:
    client.expect((204,), "DELETE", client.start_upload(REPOSITORY))


@pytest.mark.parametrize("mounting", [False, True])
def test_a_mount_succeeds_or_becomes_a_session(own_sandbox: Sandbox, start_gateway: StartGateway, mounting: bool) -> None:
    own_sandbox.create_repositories(REPOSITORY, "uploads/other")
    own_sandbox.switch(blob_mounting=mounting)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(1000))
    digest = digest_of(image.layers[0])
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("uploads/other", "v1", image)
        target = f"/v2/{REPOSITORY}/blobs/uploads/?mount={digest}&from=uploads/other"
        response = client.expect((201 if mounting else 202,), "POST", target, body=b"")
        if mounting:
            assert client.location(response) == f"/v2/{REPOSITORY}/blobs/{digest}"
            assert response.fields["docker-content-digest"] == digest
        else:
            client.expect((201,), "PUT", with_digest(client.location(response), digest), body=image.layers[0])


def test_uploads_that_ecr_cannot_store_get_the_reason(client: RegistryClient) -> None:
    empty = client.expect((400,), "PUT", with_digest(client.start_upload(REPOSITORY), digest_of(b"")), body=b"")
    assert empty.error["message"] == "ECR cannot hold a blob without any bytes."
    foreign = client.expect((400,), "PUT", with_digest(client.start_upload(REPOSITORY), "sha512:" + "0" * 128), body=b"x")
    assert foreign.code == "DIGEST_INVALID" and "sha256" in foreign.error["message"]
    wrong = client.expect((400,), "PUT", with_digest(client.start_upload(REPOSITORY), digest_of(b"y")), body=b"x")
    assert wrong.code in ("BLOB_UPLOAD_INVALID", "DIGEST_INVALID")
    nameless = client.expect((400,), "PUT", client.start_upload(REPOSITORY), body=b"x")
    assert nameless.code == "DIGEST_INVALID"


@pytest.mark.parametrize("digest", ["x", "sha256:00", f"{digest_of(b'x')}%0d%0aX-Evil:%201", f"{digest_of(b'x')}%20HTTP/1.1%0d%0a%0d%0a"])
def test_an_invalid_digest_is_not_sent_upstream(client: RegistryClient, digest: str) -> None:
    """It would be part of a request head that Berth builds."""
    for method, target in (("POST", f"/v2/{REPOSITORY}/blobs/uploads/"), ("PUT", client.start_upload(REPOSITORY))):
        rejected = client.expect((400,), method, with_digest(target, digest), body=b"x")
        assert rejected.code == "DIGEST_INVALID"
    mount = client.expect((202,), "POST", f"/v2/{REPOSITORY}/blobs/uploads/?mount={digest}&from=uploads/other", body=b"")
    assert "x-evil" not in mount.fields


def test_a_client_may_append_its_own_query_to_a_location(client: RegistryClient) -> None:
    """ECR's Location has no query, so a script may simply append one."""
    blob = os.urandom(1000)
    client.expect((201,), "PUT", f"{client.start_upload(REPOSITORY)}?digest={digest_of(blob)}", body=blob)
    assert is_there(client, blob)
