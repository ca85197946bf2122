"""The cache: what is held is served without the storage, to those whose registry has said that their repository has it, and to nobody else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.round_trip import Login, LogsIn
from conftest import StartClient, StartGateway
from harness.cache import (
    STALE, Asked, contents, direct, file_of, get, pull_image, result, settings, status, store, together, wait_until_kept, wait_until_on,
)  # fmt: skip
from harness.gateway import EVERYTHING, PASSWORD, Gateway, clean_environment, user
from harness.images import INDEX_TYPE, MANIFEST_TYPE, MIB, Image, blob_image, digest_of, manifest_for
from harness.processes import attempt, wait_until
from harness.registry import RegistryClient, Unexpected
from harness.sandbox import Sandbox
from harness.succession import runtime
from harness.wire import Connection, Response, basic, request

REPOSITORY, OTHER, SECRET = "team/app", "team/other", "secret/app"
USERS = [
    {"name": "ci", "password_hash": user("ci", "x")["password_hash"], "access": EVERYTHING},
    user("reader", "team/**", actions=("pull",)),
]
SIZE = 3 * MIB


@pytest.fixture
def kept(own_directory: Path) -> Path:
    return own_directory / "cache"


@pytest.fixture
def held() -> Image:
    """A small layer, and one larger than any buffer on the way."""
    return blob_image(os.urandom(SIZE), os.urandom(5000))


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, held: Image) -> Gateway:
    """With the image in REPOSITORY, which nobody has pulled."""
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    running = start_gateway(own_sandbox, users=USERS, cache=settings(kept))
    running.wait_until_ready()
    wait_until_on(running)
    return running


def layer(held: Image, number: int = 0) -> str:
    return digest_of(held.layers[number])


def blob(held: Image, repository: str = REPOSITORY) -> str:
    return f"{repository}/blobs/{layer(held)}"


def warm(gateway: Gateway, kept: Path, held: Image, repository: str = REPOSITORY) -> None:
    """Pulls all that the image has."""
    pull_image(gateway, repository, "v1", held)
    wait_until_kept(gateway, kept, held.digest, *(digest_of(each) for each in held.blobs))


def away(sandbox: Sandbox) -> None:
    """Neither the registry nor the storage answers."""
    for where in ("registry", "s3"):
        sandbox.add_fault(where=where, kind="reset", times=-1)


# One after another.


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_a_second_pull_asks_the_storage_nothing(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image, listener: str
) -> None:
    address = getattr(gateway, listener)
    for number, wanted in ((0, "miss"), (1, "hit"), (2, "hit")):
        asked = Asked(own_sandbox)
        for target in (f"manifests/{held.digest}", *(f"blobs/{digest_of(each)}" for each in held.blobs)):
            response = get(gateway, f"{REPOSITORY}/{target}", address=address)
            assert response.status == 200 and digest_of(response.body) == target.split("/")[1], response
            assert response.fields["docker-content-digest"] == target.split("/")[1]
            assert int(response.fields["content-length"]) == len(response.body)
            assert result(gateway, response) == wanted, (number, target)
        if number:
            assert asked() == {}
        else:
            wait_until_kept(gateway, kept, held.digest, *(digest_of(each) for each in held.blobs))
    assert gateway.metric("berth_cache_requests_total", result="miss") == 4
    assert gateway.metric("berth_cache_requests_total", result="hit") == 8
    assert gateway.metric("berth_cache_bytes") >= SIZE


def test_a_response_from_the_cache_looks_like_the_registry_s(gateway: Gateway, kept: Path, held: Image) -> None:
    for target in (f"manifests/{held.digest}", "manifests/v1", f"blobs/{layer(held)}", f"blobs/{layer(held, 1)}"):
        first = get(gateway, f"{REPOSITORY}/{target}")
        wait_until_kept(gateway, kept, first.fields["docker-content-digest"])
        second = get(gateway, f"{REPOSITORY}/{target}")
        assert result(gateway, second) == "hit" and second.body == first.body
        for name in ("content-type", "content-length", "docker-content-digest", "docker-distribution-api-version"):
            assert second.fields.get(name) == first.fields.get(name), (target, name)
        assert "warning" not in second.fields


def test_a_push_and_its_pull_are_the_same(gateway: Gateway, kept: Path) -> None:
    held = blob_image(os.urandom(100_000))
    with RegistryClient(gateway.plain, "ci", PASSWORD) as client:
        client.push_image(REPOSITORY, "new", held)
        for _ in range(2):
            client.pull_image(REPOSITORY, "new", held)


def test_a_restart_keeps_what_is_held(
    own_sandbox: Sandbox, gateway: Gateway, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    assert gateway.stop() == 0
    again = start_gateway(own_sandbox, users=USERS, cache=settings(kept))
    again.wait_until_ready()
    wait_until_on(again)
    asked = Asked(own_sandbox)
    for each in held.blobs:
        response = get(again, f"{REPOSITORY}/blobs/{digest_of(each)}")
        assert response.body == each and result(again, response) == "hit"
    assert get(again, f"{REPOSITORY}/manifests/{held.digest}").body == held.manifest
    assert asked() == {}


# Who may have it.


def test_what_another_repository_has_is_served_after_the_registry_s_word(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    store(own_sandbox, held, f"{OTHER}:v1")
    asked = Asked(own_sandbox)
    response = get(gateway, blob(held, OTHER))
    assert response.status == 200 and response.body == held.layers[0]
    assert asked() == {"registry.blob_head": 1}, "whether the repository has it, and nothing of the storage"
    asked = Asked(own_sandbox)
    assert get(gateway, blob(held, OTHER)).body == held.layers[0]
    assert asked() == {}
    asked = Asked(own_sandbox)
    assert get(gateway, f"{OTHER}/manifests/{held.digest}").body == held.manifest
    assert "registry.manifest_get" not in asked()


def test_a_digest_of_one_repository_opens_nothing_in_another(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    own_sandbox.create_repositories(OTHER)
    for method in ("GET", "HEAD"):
        for _ in range(2):
            for target in (blob(held, OTHER), f"{OTHER}/manifests/{held.digest}", f"team/absent/blobs/{layer(held)}"):
                assert get(gateway, target, method=method).status == 404, target
    away(own_sandbox)
    for target in (blob(held, OTHER), f"{OTHER}/manifests/{held.digest}"):
        response = get(gateway, target)
        assert response.status >= 500 and held.layers[0][:100] not in response.body, response


def test_what_a_user_may_not_pull_is_forbidden_although_it_is_held(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    store(own_sandbox, held, f"{SECRET}:v1")
    warm(gateway, kept, held, SECRET)
    asked = Asked(own_sandbox)
    for target in (blob(held, SECRET), f"{SECRET}/manifests/{held.digest}", f"{SECRET}/manifests/v1"):
        for method in ("GET", "HEAD"):
            assert get(gateway, target, method=method, user="reader").status == 403
        assert request(gateway.plain, "GET", f"/v2/{target}").status == 401
        assert get(gateway, target, {"Range": "bytes=0-9"}, user="reader").status == 403
    assert asked() == {}


@pytest.fixture
def other_sandbox(berth: Path, own_directory: Path) -> Iterator[Sandbox]:
    running = Sandbox(berth, own_directory / "other", "--account", "210987654321")
    yield running
    running.stop()


@pytest.mark.parametrize("status", [403, 404])
def test_what_head_does_not_confirm_is_asked_of_the_registry(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image, status: int
) -> None:
    """HEAD takes a permission of its own, and does not find what a pull-through cache has yet to fetch."""
    store(own_sandbox, held, f"{OTHER}:v1")
    warm(gateway, kept, held)
    own_sandbox.add_fault(where="registry", kind="status", status=status, times=-1, match={"method": "HEAD"})
    for target in (f"blobs/{layer(held)}", f"manifests/{held.digest}", "manifests/v1"):
        response = get(gateway, f"{OTHER}/{target}")
        assert response.status == 200 and result(gateway, response) == "miss", (target, response)
    own_sandbox.clear_faults()
    own_sandbox.add_fault(where="registry", kind="status", status=status, times=-1, match={"path_prefix": "/v2/team/none/"})
    for target in (f"blobs/{layer(held)}", f"manifests/{held.digest}"):
        assert get(gateway, f"team/none/{target}").status == status, "the registry's own error"


def test_a_redirect_alone_confirms_nothing(own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image) -> None:
    """A registry may redirect for what it has not, as one in front of a cache of its own does."""
    store(own_sandbox, held, f"{OTHER}:v1")
    warm(gateway, kept, held)
    own_sandbox.add_fault(where="registry", kind="status", status=404, times=-1, match={"method": "HEAD"})
    own_sandbox.add_fault(where="s3", kind="status", status=404, times=-1)
    for _ in range(2):
        assert get(gateway, blob(held, OTHER)).status == 404


def test_a_manifest_that_was_pulled_as_a_blob_is_served_as_a_manifest(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    """Somebody may push the bytes of another one's manifest as a layer."""
    own_sandbox.create_repositories(SECRET)
    as_layer = Image(held.config, (held.manifest,), manifest_for(held.config, (held.manifest,)))
    store(own_sandbox, as_layer, f"{SECRET}:v1")
    first = get(gateway, f"{SECRET}/blobs/{held.digest}")
    assert first.status == 200 and first.fields["content-type"] == "application/octet-stream"
    wait_until_kept(gateway, kept, held.digest)
    target = f"{REPOSITORY}/manifests/{held.digest}"
    for method in ("HEAD", "GET", "HEAD", "GET"):
        response = get(gateway, target, {"Accept": f"{MANIFEST_TYPE}, */*"}, method=method)
        assert response.status == 200 and response.fields["content-type"] == MANIFEST_TYPE, (method, response)
    wait_until(lambda: result(gateway, get(gateway, target)) == "hit", "a manifest in the cache")
    again = get(gateway, f"{SECRET}/blobs/{held.digest}")
    assert again.body == held.manifest and again.fields["content-type"] == "application/octet-stream"
    assert get(gateway, f"{REPOSITORY}/manifests/{layer(held)}").status == 404, "a layer is no manifest"


def test_a_digest_of_one_upstream_opens_nothing_in_another(
    own_sandbox: Sandbox, other_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, kept: Path, held: Image
) -> None:
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    other_sandbox.create_repositories(REPOSITORY)
    trust = own_directory / "both.pem"
    trust.write_bytes(own_sandbox.ca.read_bytes() + other_sandbox.ca.read_bytes())
    profile = own_directory / "credentials"
    profile.write_text(
        f"[other]\naws_access_key_id = {other_sandbox.facts['access_key_id']}\n"
        f"aws_secret_access_key = {other_sandbox.facts['secret_access_key']}\n"
    )
    other = {"name": "other", "registry": other_sandbox.registry_host, "credentials": {"source": "profile", "profile": "other"}}
    gateway = start_gateway(
        own_sandbox,
        environment={"AWS_SHARED_CREDENTIALS_FILE": str(profile)},
        upstreams=[own_sandbox.upstream["upstreams"][0], other],
        ca_file=str(trust),
        # The API of both is the same name, so the accounts need different keys for it: each sandbox knows its own only.
        connect_to=own_sandbox.facts["connect_to"]
        | {name: at for name, at in other_sandbox.facts["connect_to"].items() if name not in own_sandbox.facts["connect_to"]},
        routes=[{"upstream": "main"}, {"prefix": "other/", "upstream": "other", "upstream_prefix": ""}],
        cache=settings(kept),
    )
    wait_until_on(gateway)
    warm(gateway, kept, held)
    for target in (f"other/{blob(held)}", f"other/{REPOSITORY}/manifests/{held.digest}"):
        response = get(gateway, target)
        assert response.status in (404, 503) and held.layers[0][:100] not in response.body, response


# At the same time.


def slow_storage(sandbox: Sandbox, after: int = MIB, seconds: float = 1.5, times: int = -1) -> None:
    sandbox.add_fault(where="s3", kind="stall", after_bytes=after, seconds=seconds, times=times)


@pytest.mark.parametrize("listener", ["plain", "tls"])
@pytest.mark.parametrize("workers", [1, 4])
def test_sixteen_clients_at_once_are_one_download(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, held: Image, workers: int, listener: str
) -> None:
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    gateway = start_gateway(own_sandbox, users=USERS, cache=settings(kept), workers=workers)
    gateway.wait_until_ready()
    wait_until_on(gateway)
    slow_storage(own_sandbox)
    asked = Asked(own_sandbox)
    with together(16) as begin:
        pulls = [begin(get, gateway, blob(held), address=getattr(gateway, listener)) for _ in range(16)]
    assert all(pull.result().body == held.layers[0] for pull in pulls)
    assert asked()["s3.get"] == 1
    results = [result(gateway, pull.result()) for pull in pulls]
    assert results.count("miss") == 1 and set(results) <= {"miss", "shared", "hit"}, results


def test_sixteen_clients_of_two_repositories_are_one_download(
    own_sandbox: Sandbox, gateway: Gateway, held: Image
) -> None:
    store(own_sandbox, held, f"{OTHER}:v1")
    slow_storage(own_sandbox)
    asked = Asked(own_sandbox)
    with together(16) as begin:
        pulls = [begin(get, gateway, blob(held, (REPOSITORY, OTHER)[number % 2])) for number in range(16)]
    assert all(pull.result().body == held.layers[0] for pull in pulls)
    assert asked()["s3.get"] <= 2


def test_if_the_first_client_leaves_the_download_goes_on(own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image) -> None:
    slow_storage(own_sandbox)
    asked = Asked(own_sandbox)
    first = Connection(gateway.plain)
    first.send_head("GET", f"/v2/{blob(held)}", {"Authorization": basic("ci", PASSWORD)})
    assert first.receive_final_head().status == 200
    with together(15) as begin:
        pulls = [begin(get, gateway, blob(held)) for _ in range(15)]
        time.sleep(0.3)
        first.close()
    assert all(pull.result().body == held.layers[0] for pull in pulls)
    assert asked()["s3.get"] == 1


def test_a_download_that_nobody_waits_for_any_more_is_finished(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    slow_storage(own_sandbox)
    with Connection(gateway.plain) as only:
        only.send_head("GET", f"/v2/{blob(held)}", {"Authorization": basic("ci", PASSWORD)})
        assert only.receive_final_head().status == 200
    wait_until_kept(gateway, kept, layer(held))
    asked = Asked(own_sandbox)
    assert get(gateway, blob(held)).body == held.layers[0]
    assert asked() == {}


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_a_download_that_breaks_off_goes_on_at_its_byte_for_all(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image, kind: str
) -> None:
    slow_storage(own_sandbox, after=MIB // 2, seconds=1, times=1)
    own_sandbox.add_fault(where="s3", kind=kind, after_bytes=2 * MIB, times=1)
    asked = Asked(own_sandbox)
    with together(16) as begin:
        pulls = [begin(get, gateway, blob(held)) for _ in range(16)]
    assert all(pull.result().body == held.layers[0] for pull in pulls)
    assert asked()["s3.get"] <= 3
    wait_until_kept(gateway, kept, layer(held))


def test_a_download_may_break_off_more_often_than_a_fill_has_buffers(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path
) -> None:
    large = blob_image(os.urandom(16 * MIB))
    store(own_sandbox, large, f"{REPOSITORY}:large")
    own_sandbox.add_fault(where="s3", kind="truncate", after_bytes=2 * MIB, times=7)
    assert get(gateway, blob(large)).body == large.layers[0]
    wait_until_kept(gateway, kept, layer(large))


def test_a_slow_client_does_not_hold_up_the_others(own_sandbox: Sandbox, gateway: Gateway, kept: Path) -> None:
    large = blob_image(os.urandom(16 * MIB))
    store(own_sandbox, large, f"{REPOSITORY}:large")
    slow = Connection(gateway.plain, receive_buffer=1 << 14)
    slow.send_head("GET", f"/v2/{blob(large)}", {"Authorization": basic("ci", PASSWORD)})
    head = slow.receive_final_head()
    begun = time.monotonic()
    assert get(gateway, blob(large)).body == large.layers[0]
    assert time.monotonic() - begun < 10
    assert b"".join(slow.body(head)) == large.layers[0]
    slow.close()


# Parts, heads and conditions.


RANGES = [
    "bytes=0-0", "bytes=5-", "bytes=-7", "bytes=0-", f"bytes=0-{SIZE - 1}", f"bytes=0-{SIZE + 5}", f"bytes={SIZE - 1}-", f"bytes={MIB}-{MIB + 70_000}",
    f"bytes={SIZE}-", "bytes=999999999-", "bytes=10-5", "bytes=-0", "bytes=x-y", "items=0-1", f"bytes=-{SIZE + 1}",
]  # fmt: skip


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_a_range_is_as_without_a_cache(
    own_sandbox: Sandbox, gateway: Gateway, start_gateway: StartGateway, kept: Path, held: Image, listener: str
) -> None:
    without = start_gateway(own_sandbox, users=USERS)
    without.wait_until_ready()
    warm(gateway, kept, held)
    asked = Asked(own_sandbox)
    responses = [get(gateway, blob(held), {"Range": text}, address=getattr(gateway, listener)) for text in RANGES]
    assert asked() == {}
    for text, response in zip(RANGES, responses, strict=True):
        wanted = get(without, blob(held), {"Range": text})
        assert response.status == wanted.status, (text, response.status, wanted.status)
        if wanted.status < 300:
            assert response.body == wanted.body, text
        for name in ("content-range", "content-length") if wanted.status < 300 else ("content-range",):
            assert response.fields.get(name) == wanted.fields.get(name), (text, name)


def test_a_range_is_served_while_the_blob_is_downloaded(own_sandbox: Sandbox, gateway: Gateway, held: Image) -> None:
    slow_storage(own_sandbox)
    asked = Asked(own_sandbox)
    with together(4) as begin:
        whole = begin(get, gateway, blob(held))
        wait_until(lambda: asked().get("s3.get") == 1, "a download")
        ranges = [(0, 9), (MIB // 2, MIB), (SIZE - 10, SIZE - 1)]
        parts = [begin(get, gateway, blob(held), {"Range": f"bytes={first}-{last}"}) for first, last in ranges]
    assert whole.result().body == held.layers[0]
    for part, (first, last) in zip(parts, ranges, strict=True):
        assert (part.result().status, part.result().body) == (206, held.layers[0][first : last + 1])


def test_a_range_of_what_is_not_held_is_right(own_sandbox: Sandbox, gateway: Gateway, held: Image) -> None:
    for first, last in ((MIB, MIB + 9), (SIZE - 5, SIZE - 1), (0, 0)):
        response = get(gateway, blob(held), {"Range": f"bytes={first}-{last}"})
        assert (response.status, response.body) == (206, held.layers[0][first : last + 1])
        assert response.fields["content-range"] == f"bytes {first}-{last}/{SIZE}"


def test_head_of_a_user_who_only_pulls_is_served_from_the_cache(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    asked = Asked(own_sandbox)
    for target, content in ((blob(held), held.layers[0]), (f"{REPOSITORY}/manifests/{held.digest}", held.manifest)):
        response = get(gateway, target, method="HEAD", user="reader")
        assert response.status == 200 and int(response.fields["content-length"]) == len(content)
        assert response.fields["docker-content-digest"] == digest_of(content) and result(gateway, response) == "hit"
    assert asked() == {}


def test_head_of_a_user_who_may_push_asks_the_registry(own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image) -> None:
    """A push asks by HEAD which layers are there. A lifecycle policy may have removed one meanwhile."""
    warm(gateway, kept, held)
    asked = Asked(own_sandbox)
    assert get(gateway, blob(held), method="HEAD").status == 200
    assert asked() == {"registry.blob_head": 1}
    away(own_sandbox)
    assert get(gateway, blob(held), method="HEAD").status >= 500, "when no registry answers, nobody can say it"
    assert get(gateway, f"{REPOSITORY}/manifests/{held.digest}", method="HEAD").status == 200, "with which pulls begin"


def test_a_condition_on_a_held_blob(gateway: Gateway, kept: Path, held: Image) -> None:
    warm(gateway, kept, held)
    tag = get(gateway, blob(held)).fields["etag"]
    assert get(gateway, blob(held), {"If-None-Match": tag}).status == 304
    assert get(gateway, blob(held), {"If-None-Match": '"another"'}).status == 200
    assert get(gateway, blob(held), {"If-Match": '"another"'}).status == 412
    part = get(gateway, blob(held), {"If-Match": tag, "Range": "bytes=0-9"})
    assert (part.status, part.body) == (206, held.layers[0][:10])
    assert get(gateway, blob(held), {"If-Range": '"another"', "Range": "bytes=0-9"}).status == 200


def test_a_condition_on_a_blob_that_is_not_held_fills_nothing(gateway: Gateway, kept: Path, held: Image) -> None:
    assert get(gateway, blob(held), {"If-Match": '"another"'}).status == 412
    response = get(gateway, blob(held), {"If-None-Match": '"another"'})
    assert response.body == held.layers[0] and result(gateway, response) == "miss"
    assert contents(kept) == {} and status(gateway)["entries"] == 0
    assert get(gateway, blob(held)).body == held.layers[0]


def test_a_client_that_does_not_take_the_held_media_type_is_answered_by_the_registry(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    for reference in (held.digest, "v1"):
        asked = Asked(own_sandbox)
        get(gateway, f"{REPOSITORY}/manifests/{reference}", {"Accept": INDEX_TYPE})
        assert asked().get("registry.manifest_get") == 1, reference


def test_clients_that_follow_the_redirect_themselves_get_it(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    upstream = own_sandbox.upstream["upstreams"][0] | {"blobs": "redirect"}
    gateway = start_gateway(own_sandbox, users=USERS, upstreams=[upstream], cache=settings(kept))
    gateway.wait_until_ready()
    for _ in range(2):
        assert get(gateway, blob(held)).status == 307


# Tags.


def test_a_tag_is_asked_of_the_registry_and_its_content_comes_from_the_cache(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    asked = Asked(own_sandbox)
    response = get(gateway, f"{REPOSITORY}/manifests/v1")
    assert response.body == held.manifest and "warning" not in response.fields
    assert asked() == {"registry.manifest_head": 1}
    newer = blob_image(os.urandom(100))
    store(own_sandbox, newer, f"{REPOSITORY}:v1")
    assert get(gateway, f"{REPOSITORY}/manifests/v1").body == newer.manifest, "a change past Berth is seen at once"
    assert get(gateway, f"{REPOSITORY}/manifests/{held.digest}").body == held.manifest


def test_pulls_of_one_tag_at_the_same_time_ask_the_registry_once(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    gateway = start_gateway(own_sandbox, users=USERS, cache=settings(kept), workers=1)
    gateway.wait_until_ready()
    wait_until_on(gateway)
    warm(gateway, kept, held)
    own_sandbox.add_fault(where="registry", match={"method": "HEAD"}, kind="stall", seconds=1, times=1)
    asked = Asked(own_sandbox)
    with together(16) as begin:
        pulls = [begin(get, gateway, f"{REPOSITORY}/manifests/v1") for _ in range(16)]
    assert all(pull.result().body == held.manifest for pull in pulls)
    assert asked()["registry.manifest_head"] <= 2, "one, and one of those that came after its response"


def test_a_tag_that_is_removed_at_the_registry_is_gone_at_once(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    own_sandbox.ecr().batch_delete_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": "v1"}])
    assert get(gateway, f"{REPOSITORY}/manifests/v1").status == 404
    away(own_sandbox)
    assert get(gateway, f"{REPOSITORY}/manifests/v1").status != 200, "it is not remembered either"


def test_while_the_registry_is_away_the_last_known_tag_is_served_with_a_warning(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    away(own_sandbox)
    for method in ("GET", "HEAD"):
        response = get(gateway, f"{REPOSITORY}/manifests/v1", method=method)
        assert response.status == 200 and response.fields["warning"] == STALE, response
        assert response.fields["docker-content-digest"] == held.digest and result(gateway, response) == "stale"
    assert gateway.metric("berth_cache_requests_total", result="stale") >= 2
    pull_image(gateway, REPOSITORY, "v1", held, user="reader")
    own_sandbox.clear_faults()

    def is_fresh() -> bool:
        response = get(gateway, f"{REPOSITORY}/manifests/v1")
        return response.status == 200 and "warning" not in response.fields

    wait_until(is_fresh, "the registry's word", 30)


def test_a_tag_is_not_served_for_longer_than_stale(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    gateway = start_gateway(own_sandbox, users=USERS, cache=settings(kept, stale="2s"))
    gateway.wait_until_ready()
    wait_until_on(gateway)
    warm(gateway, kept, held)
    away(own_sandbox)
    time.sleep(3)
    for target in (f"{REPOSITORY}/manifests/v1", f"{REPOSITORY}/manifests/{held.digest}", blob(held)):
        response = get(gateway, target)
        assert response.status >= 500 and response.code == "UNAVAILABLE", (target, response)


def test_a_push_changes_the_last_known_tag_at_once(own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image) -> None:
    warm(gateway, kept, held)
    newer = blob_image(os.urandom(100))
    with RegistryClient(gateway.plain, "ci", PASSWORD) as client:
        client.push_image(REPOSITORY, "v1", newer)
    away(own_sandbox)
    response = get(gateway, f"{REPOSITORY}/manifests/v1")
    assert response.body == newer.manifest if response.status == 200 else response.status >= 500, response


@pytest.mark.parametrize("reference", ["tag", "digest"])
def test_a_delete_is_forgotten_at_once(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image, reference: str
) -> None:
    warm(gateway, kept, held)
    target = f"{REPOSITORY}/manifests/{held.digest if reference == 'digest' else 'v1'}"
    assert get(gateway, target, method="DELETE").status == 202
    assert get(gateway, target).status == 404
    away(own_sandbox)
    for each in {target, f"{REPOSITORY}/manifests/v1"}:
        assert get(gateway, each).status != 200, each


@pytest.mark.parametrize("kind", ["reset", "status"])
def test_a_delete_whose_response_is_lost_is_forgotten(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image, kind: str
) -> None:
    """It may have been taken."""
    warm(gateway, kept, held)
    target = f"{REPOSITORY}/manifests/{held.digest}"
    own_sandbox.add_fault(where="registry", kind=kind, status=500, times=-1, match={"method": "DELETE"})
    assert get(gateway, target, method="DELETE").status >= 500
    own_sandbox.clear_faults()
    asked = Asked(own_sandbox)
    get(gateway, target)
    assert asked(), "the registry's word is asked for again"


def test_a_delete_by_a_tag_that_nobody_has_pulled_ends_the_image(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    target = f"{REPOSITORY}/manifests/{held.digest}"
    get(gateway, target)
    wait_until_kept(gateway, kept, held.digest)
    assert get(gateway, f"{REPOSITORY}/manifests/v1", method="DELETE").status == 202
    assert get(gateway, target).status == 404


def test_after_a_start_without_a_token_what_is_held_is_served(
    own_sandbox: Sandbox, gateway: Gateway, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    assert gateway.stop() == 0
    own_sandbox.add_fault(where="api", kind="status", status=500, times=-1)
    away(own_sandbox)
    again = start_gateway(own_sandbox, users=USERS, cache=settings(kept))
    wait_until_on(again)
    assert again.ready().status == 503
    pull_image(again, REPOSITORY, "v1", held)
    response = get(again, f"{REPOSITORY}/manifests/v1")
    assert response.fields["warning"] == STALE
    assert get(again, f"{REPOSITORY}/manifests/v2").status == 503


# Real clients.


@pytest.mark.parametrize("name", ["docker", "ctr", "podman", "skopeo", "buildah"])
@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_clients_pull_from_the_cache_also_while_the_registry_is_away(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, start_client: StartClient, layout: Path, name: str, listener: str
) -> None:
    client = start_client(name)
    login = Login(getattr(gateway, listener), "ci", PASSWORD)
    if isinstance(client, LogsIn):
        client.log_in(login)
    pushed = client.push(login, f"{REPOSITORY}:real", layout)
    assert client.pull(login, f"{REPOSITORY}:real") == pushed
    wait_until(lambda: status(gateway)["fills"] == 0, "the end of all downloads", 20)
    asked = Asked(own_sandbox)
    assert client.pull(login, f"{REPOSITORY}:real") == pushed
    assert "s3.get" not in asked() and "registry.blob_get" not in asked(), asked()
    away(own_sandbox)
    assert client.pull(login, f"{REPOSITORY}:real") == pushed


# The operator.


def test_the_cache_can_be_emptied(own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image) -> None:
    warm(gateway, kept, held)
    before = status(gateway)
    assert before["entries"] == 4 and before["bytes"] >= SIZE and before["oldest"] and 0 <= before["hit_rate"] <= 1, before
    response = request(gateway.admin, "DELETE", "/api/v1/cache")
    assert response.status == 200 and b"Removed 4 entries" in response.body, response
    lines = wait_until(lambda: [line for line in gateway.log_lines() if line.get("message") == "cache emptied"], "the line in the log", 5)
    assert lines[0]["entries"] == 4, lines
    assert contents(kept) == {} and status(gateway)["entries"] == 0
    pull_image(gateway, REPOSITORY, "v1", held)


def test_without_a_cache_there_is_nothing_to_empty(gateway: Gateway, own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    without = start_gateway(own_sandbox)
    assert request(without.admin, "DELETE", "/api/v1/cache").status == 404
    assert "cache" not in json.loads(request(without.admin, "GET", "/api/v1/status").body)
    assert b"berth_cache" not in request(without.admin, "GET", "/metrics").body


def test_only_the_operator_s_token_empties_it(
    own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, kept: Path
) -> None:
    token = own_directory / "admin.token"
    token.write_text("0123456789abcdef-an-operator\n")
    gateway = start_gateway(own_sandbox, admin={"address": "127.0.0.1:0", "token_file": str(token)}, cache=settings(kept))
    wait_until_on(gateway)
    assert request(gateway.admin, "DELETE", "/api/v1/cache").status == 401
    allowed = {"Authorization": "Bearer 0123456789abcdef-an-operator"}
    assert request(gateway.admin, "DELETE", "/api/v1/cache", allowed).status == 200
    foreign = allowed | {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert request(gateway.admin, "DELETE", "/api/v1/cache", foreign).status == 403


def reload(gateway: Gateway, **changes: Any) -> Response:
    gateway.write({key: value for key, value in (gateway.configuration | changes).items() if value is not None})
    return request(gateway.admin, "POST", "/api/v1/reload")


def test_a_reload_changes_size_directory_and_removes_the_cache(
    own_sandbox: Sandbox, gateway: Gateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    assert b'"changed" : "cache"' in reload(gateway, cache=settings(kept, size="16MiB", stale="30m")).body
    assert (status(gateway)["size"], status(gateway)["stale_seconds"], status(gateway)["entries"]) == (16 * MIB, 1800, 4)
    elsewhere = kept.with_name("elsewhere")
    assert reload(gateway, cache=settings(elsewhere)).status == 200
    wait_until_on(gateway)
    assert status(gateway)["entries"] == 0
    warm(gateway, elsewhere, held)
    assert reload(gateway, cache=None).status == 200
    assert "cache" not in json.loads(request(gateway.admin, "GET", "/api/v1/status").body)
    pull_image(gateway, REPOSITORY, "v1", held)
    assert reload(gateway, cache=settings(kept)).status == 200
    wait_until_on(gateway)
    assert status(gateway)["entries"] == 4, "what the first directory had"


def test_a_process_that_takes_over_uses_the_directory(
    own_sandbox: Sandbox, gateway: Gateway, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    gateway.write(gateway.configuration | {"timeouts": {"drain": "5s"}})
    new = start_gateway(
        own_sandbox, environment={"RUNTIME_DIRECTORY": str(runtime(gateway))}, options=["--take-over"], **gateway.configuration
    )
    pull_image(new, REPOSITORY, "v1", held)
    wait_until_on(new, 20)
    asked = Asked(own_sandbox)
    pull_image(new, REPOSITORY, "v1", held)
    assert "s3.get" not in asked()


def test_a_second_berth_at_the_same_directory_serves_without_a_cache(
    own_sandbox: Sandbox, gateway: Gateway, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)
    second = start_gateway(own_sandbox, users=USERS, cache=settings(kept))
    second.wait_until_ready()
    assert status(second)["state"] == "waiting"
    response = request(second.admin, "DELETE", "/api/v1/cache")
    assert response.status == 409 and b"another process" in response.body, response
    pull_image(second, REPOSITORY, "v1", held)
    pull_image(gateway, REPOSITORY, "v1", held)
    assert gateway.stop() == 0
    wait_until_on(second, 10)
    asked = Asked(own_sandbox)
    pull_image(second, REPOSITORY, "v1", held)
    assert "s3.get" not in asked()


def test_a_directory_with_other_files_is_left_alone(
    berth: Path, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, kept: Path, held: Image
) -> None:
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    kept.mkdir()
    (kept / "thesis.txt").write_text("years of work")
    gateway = start_gateway(own_sandbox, users=USERS, cache=settings(kept))
    gateway.wait_until_ready()
    wait_until(lambda: status(gateway)["state"] == "off", "a cache that is off", 10)
    assert "thesis.txt" in status(gateway)["problem"]
    assert gateway.metric("berth_cache_off") == 1
    pull_image(gateway, REPOSITORY, "v1", held)
    response = request(gateway.admin, "DELETE", "/api/v1/cache")
    assert response.status == 202 and b"removed when it is" in response.body, response
    assert [path.name for path in kept.iterdir()] == ["thesis.txt"]
    said = attempt(berth, "check", "--config", gateway.configuration_path, env=clean_environment(own_sandbox.environment)).stdout
    assert "FAIL  directory: " in said and "thesis.txt" in said, said


def test_check_says_whether_the_directory_can_be_used(
    berth: Path, own_sandbox: Sandbox, gateway: Gateway, own_directory: Path, kept: Path, held: Image
) -> None:
    warm(gateway, kept, held)

    def said(cache: Path, changes: dict[str, Any] | None = None, **options: str) -> str:
        path = own_directory / "check.yaml"
        path.write_text(json.dumps(gateway.configuration | {"cache": settings(cache, **options)} | (changes or {})))
        return attempt(berth, "check", "--config", path, env=clean_environment(own_sandbox.environment)).stdout

    found = said(kept)
    assert f"warn  directory: {kept} can be written, but another process uses it" in found, found
    assert "it holds 4 entries of 3" in found, found
    running = {"admin": {"address": f"{gateway.admin.host}:{gateway.admin.port}"}}
    assert f"ok    directory: {kept} can be written, and is in use by the running berth" in said(kept, running)
    new = said(kept.with_name("new"), size="16MiB")
    assert "it is made at the start" in new and "ok    size: 16.0 MiB fits; " in new, new
    assert "does not exist; make that" in said(Path("/nonexistent/cache"))
    assert "warn  size: 1024.0 TiB does not fit: the cache will use at most " in said(kept, size="1024TiB")
    file = own_directory / "a-file"
    file.write_text("")
    assert "is no directory" in said(file)
    assert gateway.ready().status == 200 and status(gateway)["state"] == "on", "the running one has noticed nothing"
