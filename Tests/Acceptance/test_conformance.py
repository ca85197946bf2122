"""The OCI distribution specification 1.1, as far as it binds a registry: one test for each MUST and SHOULD, named by the number of the endpoint
(end-1 to end-13) or section. Each runs directly against the sandbox with ECR's quirks, and through Berth. Whatever passes directly also passes
through Berth, and so does what a quirk breaks directly (`BROKEN_DIRECTLY`). What ECR cannot store at all is at the end.

Here the sandbox serves the blobs itself, because a client without Berth cannot resolve the name of S3.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.gateway import Gateway
from harness.images import CONFIG_TYPE, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, MIB, blob_image, descriptor, digest_of, encode
from harness.registry import RegistryClient, with_digest
from harness.sandbox import Sandbox
from harness.wire import Response, request

REPOSITORY, SECOND, ABSENT = "conformance/app", "conformance/second", "conformance/absent"
NOWHERE = digest_of(b"what nobody has pushed")
CHUNK = 10 * MIB  # the sandbox's OCI-Chunk-Min-Length
KINDS = ("application/vnd.example.signature", "application/vnd.example.sbom")
IMAGE = blob_image(os.urandom(5000), os.urandom(300))

# Requirement -> the quirk of ECR that breaks it (ECR 1.2 to 1.5).
BROKEN_DIRECTLY = {
    "end_3_get_by_tag_names_the_digest": "GET of a manifest has no digest",
    "end_4b_post_with_a_digest_stores_the_blob": "POST ignores digest",
    "end_5_patch_gets_202": "PATCH gets 201",
    "end_5_chunks_get_202_with_location_and_range": "PATCH gets 201",
    "end_5_after_416_an_upload_can_continue": "416 has no Location and Range",
    "end_13_the_status_of_an_upload": "a session has no status",
    "end_7_put_gets_201_with_location": "PUT of a manifest has no Location",
    "end_7_an_invalid_manifest_gets_manifest_invalid": "405 UNSUPPORTED",
    "end_8a_tags_are_in_lexical_order": "tags are unordered",
    "end_8a_the_list_is_json": "tags/list is text/plain",
    "end_8b_last_is_a_tag": "last is an opaque cursor",
    "end_8b_n_may_be_0": "n=0 is an invalid parameter",
    "end_10_delete_of_a_blob_gets_an_error": "404 page not found",
    "a_cancelled_upload_gets_204": "a session cannot be cancelled",
}


@pytest.fixture(scope="module", params=["direct", "berth"])
def side(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def behind(side: str, request: pytest.FixtureRequest) -> Sandbox:
    return request.getfixturevalue("direct_sandbox" if side == "direct" else "sandbox")


@pytest.fixture(scope="module")
def connected(side: str, behind: Sandbox, request: pytest.FixtureRequest) -> Iterator[RegistryClient]:
    behind.create_repositories(REPOSITORY, SECOND)
    if side == "direct":
        reached = behind.direct()
    else:
        gateway: Gateway = request.getfixturevalue("gateway")
        reached = RegistryClient(gateway.plain, gateway.username, gateway.password)
    with reached as client:
        client.push_image(REPOSITORY, "v1", IMAGE)
        yield client


@pytest.fixture
def client(connected: RegistryClient, side: str, request: pytest.FixtureRequest) -> Iterator[RegistryClient]:
    name = request.node.originalname.removeprefix("test_")
    if side == "direct" and name in BROKEN_DIRECTLY:
        request.applymarker(pytest.mark.xfail(strict=True, reason=BROKEN_DIRECTLY[name]))
    # Its own connection, so that leftovers of an earlier test cannot affect it.
    with RegistryClient(connected.address, "", "") as fresh:
        fresh.authorization = connected.authorization
        yield fresh


def manifest_path(reference: str, repository: str = REPOSITORY) -> str:
    return f"/v2/{repository}/manifests/{reference}"


def blob_path(digest: str, repository: str = REPOSITORY) -> str:
    return f"/v2/{repository}/blobs/{digest}"


def is_error(response: Response, *codes: str) -> None:
    """Section "Error Codes": the format of the body, and one of the codes."""
    errors = json.loads(response.body)["errors"]
    assert errors and all(re.fullmatch("[A-Z_]+", error["code"]) for error in errors)
    assert not codes or response.code in codes, response
    assert isinstance(errors[0].get("message", ""), str)


def artifact(subject: bytes | None, kind: str, **more: Any) -> bytes:
    """A manifest that refers to another one."""
    content = json.loads(IMAGE.manifest) | {"artifactType": kind, "annotations": {"org.example.random": os.urandom(6).hex()}} | more
    return encode(content | ({"subject": descriptor(MANIFEST_TYPE, subject)} if subject else {}))


# end-1: determining support.


def test_end_1_a_login_gets_200(client: RegistryClient) -> None:
    client.expect((200,), "GET", "/v2/")


def test_end_1_without_a_login_gets_a_challenge(client: RegistryClient) -> None:
    response = request(client.address, "GET", "/v2/")
    assert response.status == 401 and "www-authenticate" in response.fields


# end-2: blobs.


def test_end_2_get_returns_the_blob(client: RegistryClient) -> None:
    for blob in IMAGE.blobs:
        response = client.expect((200,), "GET", blob_path(digest_of(blob)))
        assert response.body == blob and response.fields.get("docker-content-digest", digest_of(blob)) == digest_of(blob)


def test_end_2_head_returns_the_size(client: RegistryClient) -> None:
    response = client.expect((200,), "HEAD", blob_path(digest_of(IMAGE.layers[0])))
    assert int(response.fields["content-length"]) == len(IMAGE.layers[0])
    assert response.fields.get("docker-content-digest", digest_of(IMAGE.layers[0])) == digest_of(IMAGE.layers[0])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_end_2_a_missing_blob(client: RegistryClient, method: str) -> None:
    response = client.expect((404,), method, blob_path(NOWHERE))
    if method == "GET":
        is_error(response, "BLOB_UNKNOWN")


@pytest.mark.parametrize(("field", "first", "last"), [("0-99", 0, 99), ("4000-", 4000, 4999), ("-10", 4990, 4999), ("10-99999", 10, 4999)])
def test_end_2_a_range_of_a_blob(client: RegistryClient, field: str, first: int, last: int) -> None:
    layer = IMAGE.layers[0]
    response = client.expect((206,), "GET", blob_path(digest_of(layer)), {"Range": f"bytes={field}"})
    assert response.body == layer[first : last + 1] and response.fields["content-range"] == f"bytes {first}-{last}/{len(layer)}"


def test_end_2_a_range_outside_the_blob(client: RegistryClient) -> None:
    client.expect((416,), "GET", blob_path(digest_of(IMAGE.layers[0])), {"Range": "bytes=5000-"})


# end-3: manifests.


@pytest.mark.parametrize("reference", ["v1", IMAGE.digest], ids=["tag", "digest"])
def test_end_3_get_returns_the_manifest_byte_for_byte(client: RegistryClient, reference: str) -> None:
    response = client.expect((200,), "GET", manifest_path(reference), {"Accept": MANIFEST_TYPE})
    assert response.body == IMAGE.manifest and response.fields["content-type"] == MANIFEST_TYPE
    assert response.fields.get("docker-content-digest", IMAGE.digest) == IMAGE.digest


def test_end_3_get_by_tag_names_the_digest(client: RegistryClient) -> None:
    assert client.expect((200,), "GET", manifest_path("v1")).fields["docker-content-digest"] == IMAGE.digest


@pytest.mark.parametrize("reference", ["v1", IMAGE.digest], ids=["tag", "digest"])
def test_end_3_head_returns_size_type_and_digest(client: RegistryClient, reference: str) -> None:
    response = client.expect((200,), "HEAD", manifest_path(reference))
    assert int(response.fields["content-length"]) == len(IMAGE.manifest)
    assert response.fields["content-type"] == MANIFEST_TYPE and response.fields["docker-content-digest"] == IMAGE.digest


@pytest.mark.parametrize("reference", ["absent", NOWHERE])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_end_3_a_missing_manifest(client: RegistryClient, method: str, reference: str) -> None:
    response = client.expect((404,), method, manifest_path(reference))
    if method == "GET":
        is_error(response, "MANIFEST_UNKNOWN")


def test_end_3_a_missing_repository(client: RegistryClient) -> None:
    is_error(client.expect((404,), "GET", manifest_path("v1", ABSENT)), "NAME_UNKNOWN", "MANIFEST_UNKNOWN")


# end-4a and end-6: a session and a PUT.


def test_end_4a_post_gets_202_with_location(client: RegistryClient) -> None:
    first, second = client.start_upload(REPOSITORY), client.start_upload(REPOSITORY)
    assert first != second, "each session has its own name"


def test_end_4a_a_missing_repository(client: RegistryClient) -> None:
    is_error(client.expect((404,), "POST", f"/v2/{ABSENT}/blobs/uploads/", body=b""), "NAME_UNKNOWN")


def test_end_6_put_gets_201_with_a_location_to_pull_from(client: RegistryClient) -> None:
    blob = os.urandom(1000)
    response = client.expect((201,), "PUT", with_digest(client.start_upload(REPOSITORY), digest_of(blob)), body=blob)
    client.expect((200,), "HEAD", client.location(response))


def test_end_6_put_with_a_wrong_digest(client: RegistryClient) -> None:
    target = with_digest(client.start_upload(REPOSITORY), NOWHERE)
    is_error(client.expect((400,), "PUT", target, body=b"other"), "DIGEST_INVALID", "BLOB_UPLOAD_INVALID")
    client.expect((404,), "HEAD", blob_path(NOWHERE))


def test_end_6_put_to_a_missing_session(client: RegistryClient) -> None:
    target = f"/v2/{REPOSITORY}/blobs/uploads/11111111-2222-4333-8444-555555555555?digest={digest_of(b'x')}"
    is_error(client.expect((404,), "PUT", target, body=b"x"), "BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")


def test_end_6_a_blob_that_already_exists(client: RegistryClient) -> None:
    layer = IMAGE.layers[0]
    client.expect((201,), "PUT", with_digest(client.start_upload(REPOSITORY), digest_of(layer)), body=layer)


# end-4b: one POST.


def test_end_4b_post_with_a_digest_gets_201_or_202(client: RegistryClient) -> None:
    blob = os.urandom(500)
    response = client.expect((201, 202), "POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest_of(blob)}", body=blob)
    if response.status == 202:
        client.expect((201,), "PUT", with_digest(client.location(response), digest_of(blob)), body=blob)
    client.expect((200,), "HEAD", blob_path(digest_of(blob)))


def test_end_4b_post_with_a_digest_stores_the_blob(client: RegistryClient) -> None:
    blob = os.urandom(500)
    response = client.expect((201,), "POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest_of(blob)}", body=blob)
    client.expect((200,), "HEAD", client.location(response))


# end-5 and end-13: chunks.


def test_end_4a_the_minimum_chunk_size_is_sent(client: RegistryClient) -> None:
    response = client.expect((202,), "POST", f"/v2/{REPOSITORY}/blobs/uploads/", body=b"")
    assert 0 < int(response.fields["oci-chunk-min-length"]) <= CHUNK


def test_end_5_patch_gets_202(client: RegistryClient) -> None:
    client.expect((202,), "PATCH", client.start_upload(REPOSITORY), body=b"x" * 100)


def test_end_5_a_stream_without_a_length_is_stored(client: RegistryClient) -> None:
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for _ in range(5):
            piece = os.urandom(70_000)
            digest.update(piece)
            yield piece

    client.expect((200,), "HEAD", blob_path(client.push_chunked(REPOSITORY, pieces(), digest)))


def test_end_5_chunks_are_stored_in_order(client: RegistryClient) -> None:
    """Whatever the responses are."""
    blob, location = os.urandom(CHUNK + 100), client.start_upload(REPOSITORY)
    for at in (0, CHUNK):
        piece = blob[at : at + CHUNK]
        response = client.expect((201, 202), "PATCH", location, {"Content-Range": f"{at}-{at + len(piece) - 1}"}, piece)
        location = client.location(response)
    client.finish_upload(location, digest_of(blob))
    client.expect((200,), "HEAD", blob_path(digest_of(blob)))


def test_end_5_chunks_get_202_with_location_and_range(client: RegistryClient) -> None:
    location = client.start_upload(REPOSITORY)
    for at, size in ((0, CHUNK), (CHUNK, 50)):
        response = client.expect((202,), "PATCH", location, {"Content-Range": f"{at}-{at + size - 1}"}, bytes(size))
        location = client.location(response)
        assert response.fields["range"] == f"0-{at + size - 1}"


def test_end_6_the_final_put_may_carry_the_last_chunk(client: RegistryClient) -> None:
    blob, location = os.urandom(CHUNK + 100), client.start_upload(REPOSITORY)
    response = client.expect((201, 202), "PATCH", location, {"Content-Range": f"0-{CHUNK - 1}"}, blob[:CHUNK])
    target = with_digest(client.location(response), digest_of(blob))
    client.expect((201,), "PUT", target, {"Content-Range": f"{CHUNK}-{len(blob) - 1}"}, blob[CHUNK:])


def test_end_5_a_chunk_out_of_order_gets_416(client: RegistryClient) -> None:
    client.expect((416,), "PATCH", client.start_upload(REPOSITORY), {"Content-Range": "10-19"}, b"x" * 10)


def test_end_5_after_416_an_upload_can_continue(client: RegistryClient) -> None:
    blob, location = os.urandom(CHUNK + 10), client.start_upload(REPOSITORY)
    response = client.expect((201, 202), "PATCH", location, {"Content-Range": f"0-{CHUNK - 1}"}, blob[:CHUNK])
    rejected = client.expect((416,), "PATCH", client.location(response), {"Content-Range": f"{CHUNK + 5}-{CHUNK + 9}"}, blob[-5:])
    assert rejected.fields["range"] == f"0-{CHUNK - 1}"
    response = client.expect((201, 202), "PATCH", client.location(rejected), {"Content-Range": f"{CHUNK}-{CHUNK + 9}"}, blob[-10:])
    client.finish_upload(client.location(response), digest_of(blob))


def test_end_13_the_status_of_an_upload(client: RegistryClient) -> None:
    location = client.start_upload(REPOSITORY)
    client.expect((204,), "GET", location)
    response = client.expect((201, 202), "PATCH", location, {"Content-Range": f"0-{CHUNK - 1}"}, bytes(CHUNK))
    status = client.expect((204,), "GET", client.location(response))
    assert status.fields["range"] == f"0-{CHUNK - 1}" and client.location(status)


def test_a_cancelled_upload_gets_204(client: RegistryClient) -> None:
    client.expect((204,), "DELETE", client.start_upload(REPOSITORY))


# end-11: mounts.


def test_end_11_a_mount_gets_201_or_202(client: RegistryClient) -> None:
    layer = IMAGE.layers[1]
    target = f"/v2/{SECOND}/blobs/uploads/?mount={digest_of(layer)}&from={REPOSITORY}"
    response = client.expect((201, 202), "POST", target, body=b"")
    if response.status == 202:
        client.expect((201,), "PUT", with_digest(client.location(response), digest_of(layer)), body=layer)
    client.expect((200,), "HEAD", blob_path(digest_of(layer), SECOND))


@pytest.mark.parametrize("source", [f"&from={SECOND}", f"&from={ABSENT}", ""])
def test_end_11_an_impossible_mount_becomes_a_session(client: RegistryClient, source: str) -> None:
    response = client.expect((202,), "POST", f"/v2/{REPOSITORY}/blobs/uploads/?mount={NOWHERE}{source}", body=b"")
    client.expect((201,), "PUT", with_digest(client.location(response), digest_of(b"y")), body=b"y")


# end-7: pushing manifests.


@pytest.mark.parametrize("reference", ["pushed", None], ids=["tag", "digest"])
def test_end_7_put_gets_201_with_location(client: RegistryClient, reference: str | None) -> None:
    manifest = artifact(None, KINDS[0])
    response = client.push_manifest(REPOSITORY, reference or digest_of(manifest), manifest)
    pulled = client.expect((200,), "GET", client.location(response))
    assert pulled.body == manifest


@pytest.mark.parametrize("tag", ["a", "A.b-c_1", "_x", "t" * 128])
def test_end_7_every_valid_tag_is_accepted(client: RegistryClient, tag: str) -> None:
    client.push_manifest(REPOSITORY, tag, IMAGE.manifest)
    assert client.pull_manifest(REPOSITORY, tag) == IMAGE.manifest


def test_end_7_a_tag_can_be_moved(client: RegistryClient) -> None:
    for _ in range(2):
        manifest = artifact(None, KINDS[0])
        client.push_manifest(REPOSITORY, "moving", manifest)
        assert client.pull_manifest(REPOSITORY, "moving") == manifest


def test_end_7_an_index_is_accepted(client: RegistryClient) -> None:
    index = encode({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [descriptor(MANIFEST_TYPE, IMAGE.manifest)]})
    client.push_manifest(REPOSITORY, "index", index, INDEX_TYPE)
    response = client.expect((200,), "GET", manifest_path("index"), {"Accept": INDEX_TYPE})
    assert response.body == index and response.fields["content-type"] == INDEX_TYPE


def test_end_7_a_manifest_of_almost_4_mib_is_accepted(client: RegistryClient) -> None:
    manifest = artifact(None, KINDS[0], annotations={"filler": "x" * (4 * MIB - 2000)})
    client.push_manifest(REPOSITORY, "large", manifest)
    assert client.pull_manifest(REPOSITORY, "large") == manifest


def test_end_7_a_manifest_with_unknown_blobs_is_rejected(client: RegistryClient) -> None:
    layer = {"mediaType": LAYER_TYPE, "digest": NOWHERE, "size": 4}
    orphan = encode(json.loads(IMAGE.manifest) | {"layers": [layer]})
    response = client.expect((400, 404), "PUT", manifest_path("orphan"), {"Content-Type": MANIFEST_TYPE}, orphan)
    is_error(response, "MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN")
    client.expect((404,), "HEAD", manifest_path("orphan"))


def test_end_7_an_invalid_manifest_gets_manifest_invalid(client: RegistryClient) -> None:
    response = client.expect((400,), "PUT", manifest_path("broken"), {"Content-Type": MANIFEST_TYPE}, b'{"schemaVersion":')
    is_error(response, "MANIFEST_INVALID")


def test_end_7_a_manifest_with_a_wrong_digest_is_rejected(client: RegistryClient) -> None:
    response = client.expect((400,), "PUT", manifest_path(NOWHERE), {"Content-Type": MANIFEST_TYPE}, IMAGE.manifest)
    is_error(response, "DIGEST_INVALID", "MANIFEST_INVALID")


def test_end_7_a_subject_is_confirmed(client: RegistryClient) -> None:
    manifest = artifact(IMAGE.manifest, KINDS[0])
    response = client.push_manifest(REPOSITORY, digest_of(manifest), manifest)
    assert response.fields["oci-subject"] == IMAGE.digest


def test_end_7_a_subject_need_not_exist(client: RegistryClient) -> None:
    manifest = artifact(b"not pushed", KINDS[0])
    client.push_manifest(REPOSITORY, digest_of(manifest), manifest)


# end-8: tags.


@pytest.fixture
def tags(client: RegistryClient, behind: Sandbox) -> list[str]:
    """In their own repository, in the specification's order: case-insensitive, alphanumeric."""
    repository = "conformance/tags"
    behind.create_repositories(repository)
    names = ["a", "B", "c", "D10", "d2", "e.1", "F_x", "g-1"]
    client.push_image(repository, names[0], IMAGE)
    for name in reversed(names[1:]):
        client.push_manifest(repository, name, IMAGE.manifest)
    return names


def tag_list(client: RegistryClient, query: str = "") -> tuple[list[str], Response]:
    response = client.expect((200,), "GET", f"/v2/conformance/tags/tags/list{query}")
    content = json.loads(response.body)
    assert content["name"] == "conformance/tags"
    return content["tags"], response


def next_page(response: Response) -> str | None:
    link = re.fullmatch(r'<(?:https?://[^/]+)?(/v2/[^>]+)>; ?rel="?next"?', response.fields.get("link", ""))
    return link[1] if link else None


def test_end_8a_the_list_is_complete(client: RegistryClient, tags: list[str]) -> None:
    assert sorted(tag_list(client)[0]) == sorted(tags)


def test_end_8a_tags_are_in_lexical_order(client: RegistryClient, tags: list[str]) -> None:
    assert tag_list(client)[0] == tags


def test_end_8a_the_list_is_json(client: RegistryClient, tags: list[str]) -> None:
    assert tag_list(client)[1].fields["content-type"].startswith("application/json")


def test_end_8a_a_missing_repository(client: RegistryClient) -> None:
    is_error(client.expect((404,), "GET", f"/v2/{ABSENT}/tags/list"), "NAME_UNKNOWN")


@pytest.mark.parametrize("n", [1, 3, 8, 100])
def test_end_8b_pages_have_n_tags_and_reach_the_end(client: RegistryClient, tags: list[str], n: int) -> None:
    found, target = [], f"/v2/conformance/tags/tags/list?n={n}"
    while target:
        response = client.expect((200,), "GET", target)
        page, target = json.loads(response.body)["tags"], next_page(response)
        assert len(page) == n or not target
        found += page
    assert sorted(found) == sorted(tags), "each once"


def test_end_8b_last_is_a_tag(client: RegistryClient, tags: list[str]) -> None:
    assert tag_list(client, "?last=c")[0] == tags[3:]
    assert tag_list(client, "?n=2&last=c")[0] == tags[3:5]


def test_end_8b_n_may_be_0(client: RegistryClient, tags: list[str]) -> None:
    page, response = tag_list(client, "?n=0")
    assert page == [] and next_page(response) is None


# end-12: referrers.


def test_end_12a_a_manifest_without_referrers_gets_an_empty_index(client: RegistryClient) -> None:
    response = client.expect((200,), "GET", f"/v2/{REPOSITORY}/referrers/{NOWHERE}")
    index = json.loads(response.body)
    assert index["manifests"] == [] and index["schemaVersion"] == 2 and index["mediaType"] == INDEX_TYPE
    assert response.fields["content-type"] == INDEX_TYPE


def test_end_12a_an_invalid_digest(client: RegistryClient) -> None:
    client.expect((400, 404, 405), "GET", f"/v2/{REPOSITORY}/referrers/sha256:0000")


def test_end_12a_descriptors_have_type_and_annotations(client: RegistryClient) -> None:
    subject = artifact(None, KINDS[0])
    client.push_manifest(REPOSITORY, digest_of(subject), subject)
    named = artifact(subject, KINDS[1])
    by_config = encode({key: value for key, value in json.loads(artifact(subject, "")).items() if key != "artifactType"})
    for manifest in (named, by_config):
        client.push_manifest(REPOSITORY, digest_of(manifest), manifest)
    response = client.expect((200,), "GET", f"/v2/{REPOSITORY}/referrers/{digest_of(subject)}")
    found = {entry["digest"]: entry for entry in json.loads(response.body)["manifests"]}
    for manifest, kind in ((named, KINDS[1]), (by_config, CONFIG_TYPE)):
        entry = found.pop(digest_of(manifest))
        assert (entry["mediaType"], entry["size"], entry["artifactType"]) == (MANIFEST_TYPE, len(manifest), kind)
        assert entry["annotations"] == json.loads(manifest)["annotations"]
    assert not found


def test_end_12b_a_filter_is_applied_and_confirmed(client: RegistryClient) -> None:
    subject = artifact(None, KINDS[0])
    for kind in KINDS:
        manifest = artifact(subject, kind)
        client.push_manifest(REPOSITORY, digest_of(manifest), manifest)
    response = client.expect((200,), "GET", f"/v2/{REPOSITORY}/referrers/{digest_of(subject)}?artifactType={KINDS[1]}")
    assert [entry["artifactType"] for entry in json.loads(response.body)["manifests"]] == [KINDS[1]]
    assert response.fields["oci-filters-applied"] == "artifactType"


def test_end_12a_a_deleted_referrer_is_not_listed(client: RegistryClient) -> None:
    subject = artifact(None, KINDS[0])
    manifest = artifact(subject, KINDS[0])
    client.push_manifest(REPOSITORY, digest_of(manifest), manifest)
    client.expect((202,), "DELETE", manifest_path(digest_of(manifest)))
    response = client.expect((200,), "GET", f"/v2/{REPOSITORY}/referrers/{digest_of(subject)}")
    assert json.loads(response.body)["manifests"] == []


# end-9 and end-10: deleting.


def test_end_9_deleting_a_tag_keeps_the_others(client: RegistryClient) -> None:
    client.push_manifest(REPOSITORY, "deleted", IMAGE.manifest)
    client.expect((202,), "DELETE", manifest_path("deleted"))
    client.expect((404,), "GET", manifest_path("deleted"))
    client.expect((200,), "GET", manifest_path("v1"))


def test_end_9_a_manifest_is_deleted_with_its_tags(client: RegistryClient) -> None:
    manifest = artifact(None, KINDS[0])
    client.push_manifest(REPOSITORY, "doomed", manifest)
    client.expect((202,), "DELETE", manifest_path(digest_of(manifest)))
    for reference in ("doomed", digest_of(manifest)):
        client.expect((404,), "GET", manifest_path(reference))


@pytest.mark.parametrize("reference", ["absent", NOWHERE])
def test_end_9_a_missing_manifest(client: RegistryClient, reference: str) -> None:
    is_error(client.expect((404,), "DELETE", manifest_path(reference)), "MANIFEST_UNKNOWN")


def test_end_9_a_missing_repository(client: RegistryClient) -> None:
    is_error(client.expect((404,), "DELETE", manifest_path("v1", ABSENT)), "NAME_UNKNOWN", "MANIFEST_UNKNOWN")


def test_end_10_delete_of_a_blob_gets_an_error(client: RegistryClient) -> None:
    """Deletion is disabled: 400 or 405, with the error code."""
    is_error(client.expect((400, 405), "DELETE", blob_path(digest_of(IMAGE.layers[0]))), "UNSUPPORTED")


# What ECR cannot store gets a clear error through Berth.


def test_a_blob_without_bytes_is_rejected_with_the_reason(client: RegistryClient) -> None:
    response = client.expect((400,), "PUT", with_digest(client.start_upload(REPOSITORY), digest_of(b"")), body=b"")
    is_error(response, "BLOB_UPLOAD_INVALID")


def test_a_sha512_digest_is_rejected_with_the_reason(client: RegistryClient) -> None:
    target = with_digest(client.start_upload(REPOSITORY), "sha512:" + "0" * 128)
    is_error(client.expect((400, 405), "PUT", target, body=b"x"), "DIGEST_INVALID", "UNSUPPORTED")
