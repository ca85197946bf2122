"""Lists, deletions and referrers as specified, whatever the upstream supports."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.gateway import EVERYTHING, PASSWORD, Gateway, password_hash, user
from harness.images import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, blob_image, descriptor, digest_of, encode
from harness.recorder import Recorder, Seen, response
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority
from harness.wire import basic, request

REPOSITORY = "listing/app"
TAGS = sorted(("b", "A", "c-1", "v1.10", "v1.2", "_x", "Z9", *(f"t{number}" for number in range(20))), key=lambda t: (t.lower(), t))


@pytest.fixture(scope="module")
def filled(sandbox: Sandbox, gateway: Gateway) -> Gateway:
    sandbox.create_repositories(REPOSITORY, "listing/other", "hidden/app")
    image = blob_image(os.urandom(100))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        for tag in TAGS:
            client.push_image(REPOSITORY, tag, image) if tag == TAGS[0] else client.push_manifest(REPOSITORY, tag, image.manifest)
    return gateway


@pytest.fixture
def client(filled: Gateway) -> Iterator[RegistryClient]:
    with RegistryClient(filled.plain, filled.username, filled.password) as client:
        yield client


def pages(client: RegistryClient, target: str, key: str) -> list[list[str]]:
    """All pages, by following each Link."""
    found = []
    while target:
        response = client.expect((200,), "GET", target)
        assert response.fields["content-type"].startswith("application/json")
        found.append(json.loads(response.body)[key])
        link = re.fullmatch(r'<(/v2/[^>]*)>; rel="next"', response.fields.get("link", ""))
        target = link[1] if link else ""
    return found


def test_tags_are_complete_and_in_order(client: RegistryClient) -> None:
    response = client.expect((200,), "GET", f"/v2/{REPOSITORY}/tags/list")
    assert json.loads(response.body) == {"name": REPOSITORY, "tags": TAGS} and "link" not in response.fields


@pytest.mark.parametrize("n", [1, 4, 26, 27, 28, 1001])
def test_pages_of_tags_are_complete(client: RegistryClient, n: int) -> None:
    found = pages(client, f"/v2/{REPOSITORY}/tags/list?n={n}", "tags")
    assert [tag for page in found for tag in page] == TAGS
    assert all(len(page) == n for page in found[:-1]) and 0 < len(found[-1]) <= n


def test_last_may_be_any_name(client: RegistryClient) -> None:
    def after(last: str, more: str = "") -> list[str]:
        return json.loads(client.expect((200,), "GET", f"/v2/{REPOSITORY}/tags/list?last={last}{more}").body)["tags"]

    assert after("b") == TAGS[TAGS.index("b") + 1 :]
    assert after("bb", "&n=2") == TAGS[TAGS.index("b") + 1 :][:2], "a tag that is not there"
    assert after(TAGS[-1]) == [] and after("~") == []


def test_n_0_returns_no_tags(client: RegistryClient) -> None:
    response = client.expect((200,), "GET", f"/v2/{REPOSITORY}/tags/list?n=0")
    assert json.loads(response.body)["tags"] == [] and "link" not in response.fields


@pytest.mark.parametrize("n", ["9999999999", "0" * 30 + "1001", "9" * 40])
def test_a_large_n_is_accepted(client: RegistryClient, n: str) -> None:
    response = client.expect((200,), "GET", f"/v2/{REPOSITORY}/tags/list?n={n}")
    assert json.loads(response.body)["tags"] == TAGS and "link" not in response.fields
    assert REPOSITORY in json.loads(client.expect((200,), "GET", f"/v2/_catalog?n={n}").body)["repositories"]
    referrers = client.expect((200,), "GET", f"/v2/{REPOSITORY}/referrers/{digest_of(b'x')}?n={n}")
    assert json.loads(referrers.body)["manifests"] == []


@pytest.mark.parametrize("n", ["-1", "x", "", "1x"])
def test_an_invalid_n_is_rejected(client: RegistryClient, n: str) -> None:
    assert client.expect((400,), "GET", f"/v2/{REPOSITORY}/tags/list?n={n}").code == "UNSUPPORTED"


def test_more_tags_than_ecr_returns_at_once(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image, tags = blob_image(b"x"), [f"tag-{number:04}" for number in range(1100)]
    with own_sandbox.direct() as client:  # Berth keeps to ECR's quota, ten manifests a second
        client.push_image(REPOSITORY, tags[0], image)
        for tag in tags[1:]:
            client.push_manifest(REPOSITORY, tag, image.manifest)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        assert json.loads(client.expect((200,), "GET", f"/v2/{REPOSITORY}/tags/list").body)["tags"] == tags
        assert sum(pages(client, f"/v2/{REPOSITORY}/tags/list?n=300", "tags"), []) == tags


def test_a_list_of_the_upstream_that_has_no_end_is_an_error(
    sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, own_directory: Path
) -> None:
    """Each page is empty and names another one."""

    def page(seen: Seen) -> bytes:
        link = f'Link: </v2/{REPOSITORY}/tags/list?n=1000&last={seen.number}>; rel="next"'
        return response(seen, "200 OK", "Content-Type: application/json", link, body=b'{"tags":[]}')

    trust = own_directory / "both.pem"
    trust.write_bytes(sandbox.ca.read_bytes() + authority.certificate.read_bytes())
    upstream = Recorder(authority.issue("endless", f"DNS:{sandbox.registry_host}"), page)
    try:
        table = sandbox.facts["connect_to"] | {f"{sandbox.registry_host}:443": upstream.address.authority}
        gateway = start_gateway(sandbox, connect_to=table, ca_file=str(trust))
        gateway.wait_until_ready()
        listed = request(gateway.plain, "GET", f"/v2/{REPOSITORY}/tags/list", authorization=basic("ci", PASSWORD))
        assert listed.status == 502 and b"has no end" in listed.body, listed
        assert len(upstream.take()) == 1000
    finally:
        upstream.stop()


# Repositories.


@pytest.mark.parametrize("has_catalog", [True, False])
def test_the_catalog_has_what_the_user_may_list(
    own_sandbox: Sandbox, start_gateway: StartGateway, has_catalog: bool
) -> None:
    """By the clients' names, also if the upstream lists repositories only through its API."""
    own_sandbox.create_repositories("acme/a", "acme/b", "acme/secret/c", "other/d", "mirror/library/nginx")
    if not has_catalog:
        own_sandbox.add_fault(where="registry", match={"path_prefix": "/v2/_catalog"}, kind="status", status=404, times=-1)
    users = [
        user("some", "team/*", actions=("list",)),
        user("puller", "**"),
        {"name": "all", "password_hash": password_hash(PASSWORD), "access": EVERYTHING},
    ]
    routes = [
        {"prefix": "team/", "upstream": "main", "upstream_prefix": "acme/"},
        {"prefix": "team/hub/", "upstream": "main", "upstream_prefix": "mirror/"},
        {"prefix": "plain/", "upstream": "main", "upstream_prefix": "plain/"},
    ]
    gateway = start_gateway(own_sandbox, users=users, routes=routes)
    gateway.wait_until_ready()

    def listed(name: str, query: str = "") -> list[str]:
        with RegistryClient(gateway.plain, name, PASSWORD) as client:
            return sum(pages(client, f"/v2/_catalog{query}", "repositories"), [])

    everything = ["team/a", "team/b", "team/hub/library/nginx", "team/secret/c"]
    assert listed("all") == everything and listed("all", "?n=1") == everything
    assert listed("all", "?last=team/b") == everything[2:]
    assert listed("some") == ["team/a", "team/b"]
    denied = request(gateway.plain, "GET", "/v2/_catalog", authorization=basic("puller", PASSWORD))
    assert (denied.status, denied.code) == (403, "DENIED")


# Deletions.


@pytest.mark.parametrize("has_endpoint", [True, False])
def test_manifests_are_deleted_by_tag_and_by_digest(
    own_sandbox: Sandbox, start_gateway: StartGateway, has_endpoint: bool
) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    own_sandbox.switch(delete_manifest=has_endpoint)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(10))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
        client.push_manifest(REPOSITORY, "v2", image.manifest)
        manifest = f"/v2/{REPOSITORY}/manifests/"
        client.expect((202,), "DELETE", manifest + "v1")
        client.expect((404,), "GET", manifest + "v1")
        client.expect((200,), "GET", manifest + "v2")
        client.expect((202,), "DELETE", manifest + image.digest)
        client.expect((404,), "GET", manifest + "v2")
        for absent in ("v1", image.digest):
            assert client.expect((404,), "DELETE", manifest + absent).code == "MANIFEST_UNKNOWN"
        blob = client.expect((405,), "DELETE", f"/v2/{REPOSITORY}/blobs/{digest_of(image.layers[0])}")
        assert blob.code == "UNSUPPORTED" and "manifests" in blob.error["message"]


# Referrers.


@pytest.mark.parametrize("has_endpoint", [True, False])
def test_referrers_are_listed_and_filtered(own_sandbox: Sandbox, start_gateway: StartGateway, has_endpoint: bool) -> None:
    """Without the API, they are at the tag where clients store them."""
    own_sandbox.create_repositories(REPOSITORY)
    own_sandbox.switch(referrers=has_endpoint)
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(10))
    subject = descriptor(MANIFEST_TYPE, image.manifest)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
        target = f"/v2/{REPOSITORY}/referrers/{image.digest}"
        empty = client.expect((200,), "GET", target)
        assert json.loads(empty.body)["manifests"] == [] and empty.fields["content-type"] == INDEX_TYPE
        entries = []
        for kind in ("application/vnd.example.signature", "application/vnd.example.sbom"):
            content = json.loads(image.manifest) | {"subject": subject, "artifactType": kind, "annotations": {"made": "by hand"}}
            manifest = encode(content)
            client.push_manifest(REPOSITORY, digest_of(manifest), manifest)
            entries.append(descriptor(MANIFEST_TYPE, manifest) | {"artifactType": kind, "annotations": {"made": "by hand"}})
        if not has_endpoint:
            index = encode({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})
            client.push_manifest(REPOSITORY, image.digest.replace(":", "-"), index, INDEX_TYPE)
        everything = client.expect((200,), "GET", target)
        assert sorted(json.loads(everything.body)["manifests"], key=itemgetter("digest")) == sorted(entries, key=itemgetter("digest"))
        some = client.expect((200,), "GET", target + "?artifactType=application/vnd.example.sbom")
        assert json.loads(some.body)["manifests"] == [entries[1]] and some.fields["oci-filters-applied"] == "artifactType"
        assert some.fields["content-type"] == INDEX_TYPE


# Manifests.


def test_a_manifest_has_its_digest(client: RegistryClient) -> None:
    by_tag = client.expect((200,), "GET", f"/v2/{REPOSITORY}/manifests/b")
    digest = digest_of(by_tag.body)
    assert by_tag.fields["docker-content-digest"] == digest
    by_digest = client.expect((200,), "GET", f"/v2/{REPOSITORY}/manifests/{digest}")
    assert by_digest.fields["docker-content-digest"] == digest and by_digest.body == by_tag.body
    pushed = client.push_manifest(REPOSITORY, "again", by_tag.body)
    assert client.location(pushed) == f"/v2/{REPOSITORY}/manifests/{digest}" and pushed.fields["docker-content-digest"] == digest
    client.expect((202,), "DELETE", f"/v2/{REPOSITORY}/manifests/again")


def test_an_invalid_manifest_is_a_client_error(client: RegistryClient) -> None:
    fields = {"Content-Type": MANIFEST_TYPE}
    response = client.expect((400,), "PUT", f"/v2/{REPOSITORY}/manifests/bad", fields, b"{")
    assert response.code == "MANIFEST_INVALID" and "JSON" in response.error["message"]
    orphan = encode({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": descriptor(CONFIG_TYPE, b"absent"), "layers": []})
    response = client.expect((400, 404), "PUT", f"/v2/{REPOSITORY}/manifests/bad", fields, orphan)
    assert response.code == "MANIFEST_BLOB_UNKNOWN" and REPOSITORY in response.error["message"]
