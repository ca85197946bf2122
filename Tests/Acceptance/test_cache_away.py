"""The registry and its storage are away: what is held is pulled as always, and what is not gets 503 with the reason, soon."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients.round_trip import Login
from conftest import StartClient, StartGateway
from harness.cache import STALE, get, pull_image, result, settings, status, store, together, wait_until_kept, wait_until_on
from harness.gateway import EVERYTHING, PASSWORD, Gateway, user
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox, with_replica
from harness.wire import Response

REPOSITORY = "team/app"
USERS = [
    {"name": "ci", "password_hash": user("ci", "x")["password_hash"], "access": EVERYTHING},
    user("reader", "team/**", actions=("pull",)),
]
SLOWER_SECONDS = 1.0  # than with a registry that answers, at most


def refused(sandbox: Sandbox) -> None:
    sandbox.stop()


def reset(sandbox: Sandbox) -> None:
    for where in ("registry", "s3", "api"):
        sandbox.add_fault(where=where, kind="reset", times=-1)


def stalled(sandbox: Sandbox) -> None:
    for where in ("registry", "s3", "api"):
        sandbox.add_fault(where=where, kind="stall", seconds=60, times=-1)


def failing(sandbox: Sandbox) -> None:
    for where in ("registry", "s3", "api"):
        sandbox.add_fault(where=where, kind="status", status=503, times=-1)


WAYS = [refused, reset, stalled, failing]


@pytest.fixture
def kept(own_directory: Path) -> Path:
    return own_directory / "cache"


@pytest.fixture
def held() -> Image:
    return blob_image(os.urandom(4 * MIB), os.urandom(5000))


@pytest.fixture
def unknown(own_sandbox: Sandbox) -> Image:
    """In the registry, and never pulled."""
    image = blob_image(os.urandom(100_000))
    store(own_sandbox, image, f"{REPOSITORY}:unknown")
    return image


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, held: Image, unknown: Image) -> Gateway:
    """Holds the image."""
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    running = start_gateway(own_sandbox, users=USERS, cache=settings(kept))
    warm(running, kept, held)
    return running


def warm(gateway: Gateway, kept: Path, held: Image) -> None:
    gateway.wait_until_ready()
    wait_until_on(gateway)
    pull_image(gateway, REPOSITORY, "v1", held)
    wait_until_kept(gateway, kept, held.digest, *(digest_of(each) for each in held.blobs))


def timed(call: Callable[[], Response]) -> tuple[Response, float]:
    begun = time.monotonic()
    response = call()
    return response, time.monotonic() - begun


def check_stale(gateway: Gateway, response: Response, held: Image) -> None:
    assert response.status == 200 and response.fields.get("warning") == STALE, response
    assert response.fields["docker-content-digest"] == held.digest and result(gateway, response) == "stale"
    assert int(response.fields["content-length"]) == len(held.manifest) and response.body in (b"", held.manifest)


def wait_until_noticed(gateway: Gateway, sandbox: Sandbox) -> None:
    """The first requests find out that the registry is away."""

    def is_noticed() -> bool:
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1"))
        is_open = gateway.metric("berth_upstream_state", registry=sandbox.registry_host) == 0
        return is_open and response.fields.get("warning") == STALE and seconds < SLOWER_SECONDS

    wait_until(is_noticed, "an open breaker", 60)


@pytest.mark.parametrize("way", WAYS)
def test_known_images_are_pulled_without_a_registry(
    own_sandbox: Sandbox, gateway: Gateway, held: Image, way: Callable[[Sandbox], None]
) -> None:
    _, usual = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1"))
    way(own_sandbox)
    for target in (f"manifests/{held.digest}", *(f"blobs/{digest_of(each)}" for each in held.blobs)):
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/{target}"))
        assert response.status == 200 and digest_of(response.body) == target.split("/")[1]
        assert result(gateway, response) == "hit" and seconds < SLOWER_SECONDS, (target, seconds)
    for method in ("HEAD", "GET"):
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1", method=method))
        check_stale(gateway, response, held)
        assert seconds < 15, "also the first one, which finds out"
    check_stale(gateway, get(gateway, f"{REPOSITORY}/manifests/{held.digest}", method="HEAD"), held)
    wait_until_noticed(gateway, own_sandbox)
    for method in ("HEAD", "GET") * 5:
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1", method=method))
        check_stale(gateway, response, held)
        assert seconds < usual + SLOWER_SECONDS, seconds
    reason = gateway.access_line(response)["reason"]
    assert reason.startswith("no registry answers") and "does not have this" not in reason, reason
    pull_image(gateway, REPOSITORY, "v1", held)


@pytest.mark.parametrize("way", WAYS)
def test_unknown_images_get_503_with_the_reason_soon(
    own_sandbox: Sandbox, gateway: Gateway, unknown: Image, way: Callable[[Sandbox], None]
) -> None:
    way(own_sandbox)
    wait_until_noticed(gateway, own_sandbox)
    for target in ("manifests/unknown", f"manifests/{unknown.digest}", f"blobs/{digest_of(unknown.layers[0])}", "manifests/absent"):
        for method in ("GET", "HEAD"):
            response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/{target}", method=method))
            assert response.status == 503 and int(response.fields["retry-after"]) > 0, (target, response)
            assert seconds < SLOWER_SECONDS, (method, target, seconds)
            if method == "GET":
                assert response.code == "UNAVAILABLE" and response.error and response.error["message"]
            assert gateway.access_line(response)["reason"]


def test_a_repository_that_fails_leaves_the_others_alone(own_sandbox: Sandbox, gateway: Gateway, unknown: Image) -> None:
    """Its requests open the registry's breaker, and the registry is there."""
    own_sandbox.add_fault(where="registry", kind="status", status=500, times=-1, match={"path_prefix": "/v2/broken/"})
    for _ in range(3):
        assert get(gateway, "broken/manifests/v1").status == 500
        for target in (f"manifests/{unknown.digest}", "manifests/unknown", f"blobs/{digest_of(unknown.layers[0])}"):
            response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/{target}"))
            assert response.status == 200 and seconds < SLOWER_SECONDS, (response, seconds)
    assert any(line.get("message") == "registry failing" for line in gateway.log_lines()), "the breaker has opened"


@contextmanager
def others_at_work(gateway: Gateway) -> Iterator[None]:
    """The registry answers requests for another repository all the time."""
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.02):
            assert get(gateway, "team/other/manifests/v1").status == 404

    with together(1) as begin:
        asking = begin(ask)
        try:
            yield
        finally:
            done.set()
        asking.result()


def test_a_known_image_of_a_repository_that_fails_is_served_while_others_work(
    own_sandbox: Sandbox, gateway: Gateway, held: Image
) -> None:
    own_sandbox.add_fault(where="registry", kind="status", status=503, times=-1, match={"path_prefix": f"/v2/{REPOSITORY}/"})
    with others_at_work(gateway):
        for reference in ("v1", held.digest):
            check_stale(gateway, get(gateway, f"{REPOSITORY}/manifests/{reference}", method="HEAD"), held)
        pull_image(gateway, REPOSITORY, "v1", held)
    assert not any(line.get("message") == "registry failing" for line in gateway.log_lines()), "the breaker stays closed"


def test_a_throttled_pull_gets_the_last_known_image_and_a_push_the_truth(
    own_sandbox: Sandbox, gateway: Gateway, held: Image
) -> None:
    """A push that is told that its image is there leaves out its PUT."""
    own_sandbox.add_fault(where="registry", kind="status", status=429, times=-1, match={"path_prefix": f"/v2/{REPOSITORY}/"})
    target = f"{REPOSITORY}/manifests/v1"
    with together(3) as begin:
        pulls = [begin(get, gateway, target), begin(get, gateway, target, method="HEAD", user="reader")]
        push = begin(get, gateway, target, method="HEAD")
        for pull in pulls:
            check_stale(gateway, pull.result(), held)
    assert push.result().status in (429, 503) and "warning" not in push.result().fields
    assert int(push.result().fields["retry-after"]) > 0


def test_so_does_a_pull_that_waits_in_line_for_too_long(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    upstream = own_sandbox.upstream["upstreams"][0] | {"limits": {"concurrent": 1}}
    gateway = start_gateway(own_sandbox, users=USERS, upstreams=[upstream], cache=settings(kept))
    warm(gateway, kept, held)
    body, target = os.urandom(MIB), f"{REPOSITORY}/manifests/v1"
    with RegistryClient(gateway.plain, "ci", PASSWORD) as client:
        upload = client.start_upload(REPOSITORY)
        client.connection.send_head("PATCH", upload, {"Content-Length": str(len(body)), "Authorization": client.authorization})
        client.connection.send(body[: MIB // 2])
        wait_until(lambda: gateway.metric("berth_upstream_connections", state="active") > 0, "the upload's turn", 15)
        with together(3) as begin:
            pulls = [begin(get, gateway, target), begin(get, gateway, target, method="HEAD", user="reader")]
            push = begin(get, gateway, target, method="HEAD").result()
            for pull in pulls:
                check_stale(gateway, pull.result(), held)
                assert gateway.access_line(pull.result())["end"] == "complete"
        assert push.status == 503 and gateway.access_line(push)["end"] == "shed"
        client.connection.send(body[MIB // 2 :])
        assert client.connection.receive().status == 202


@pytest.mark.parametrize("way", WAYS)
def test_containerd_pulls_known_images_without_a_registry(
    own_sandbox: Sandbox, gateway: Gateway, start_client: StartClient, layout: Path, way: Callable[[Sandbox], None]
) -> None:
    client, login = start_client("ctr"), Login(gateway.plain, "ci", PASSWORD)
    pushed = client.push(login, f"{REPOSITORY}:real", layout)
    assert client.pull(login, f"{REPOSITORY}:real") == pushed
    wait_until(lambda: status(gateway)["fills"] == 0, "the end of all downloads", 20)
    way(own_sandbox)
    assert client.pull(login, f"{REPOSITORY}:real") == pushed


def test_unknown_images_get_503_soon_where_all_replicas_are_away_too(
    own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway, kept: Path, held: Image
) -> None:
    store(own_sandbox, held, f"{REPOSITORY}:v1")
    gateway = start_gateway(own_sandbox, **with_replica(own_sandbox, replica), cache=settings(kept))
    warm(gateway, kept, held)
    reset(own_sandbox)
    reset(replica)
    wait_until_noticed(gateway, own_sandbox)
    for target in ("manifests/unknown", f"blobs/{digest_of(os.urandom(8))}"):
        wait_until(lambda: timed(lambda: get(gateway, f"{REPOSITORY}/{target}"))[1] < SLOWER_SECONDS, "a breaker of each", 60)
        for method in ("GET", "HEAD"):
            response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/{target}", method=method))
            assert response.status == 503 and seconds < SLOWER_SECONDS, (method, target, seconds, response)
    pull_image(gateway, REPOSITORY, "v1", held)
    own_sandbox.clear_faults()
    wait_until(lambda: "warning" not in get(gateway, f"{REPOSITORY}/manifests/v1").fields, "the registry's word", 70)
    assert get(gateway, f"{REPOSITORY}/manifests/unknown").status == 404


def test_pulls_go_on_through_a_whole_outage(own_sandbox: Sandbox, gateway: Gateway, held: Image) -> None:
    """Without a failure: before it, while it begins, in it, while it ends, and after it."""
    statuses: list[int] = []
    slowest = 0.0
    for moment in range(60):
        if moment == 10:
            reset(own_sandbox)
        if moment == 40:
            own_sandbox.clear_faults()
        response, seconds = timed(lambda: get(gateway, f"{REPOSITORY}/manifests/v1"))
        statuses.append(response.status)
        slowest = max(slowest, seconds)
        assert get(gateway, f"{REPOSITORY}/blobs/{digest_of(held.layers[1])}").body == held.layers[1]
        time.sleep(0.05)
    assert set(statuses) == {200} and slowest < 12, (statuses, slowest)
    wait_until(lambda: "warning" not in get(gateway, f"{REPOSITORY}/manifests/v1").fields, "the registry's word", 70)


def test_an_outage_of_the_storage_alone_keeps_what_is_held(own_sandbox: Sandbox, gateway: Gateway, held: Image, unknown: Image) -> None:
    own_sandbox.add_fault(where="s3", kind="status", status=503, times=-1)
    pull_image(gateway, REPOSITORY, "v1", held)
    assert "warning" not in get(gateway, f"{REPOSITORY}/manifests/v1").fields
    response = get(gateway, f"{REPOSITORY}/blobs/{digest_of(unknown.layers[0])}")
    assert response.status == 503, response


def test_a_push_while_the_registry_is_away_fails(own_sandbox: Sandbox, gateway: Gateway) -> None:
    reset(own_sandbox)
    response = get(gateway, f"{REPOSITORY}/blobs/uploads/", {"Content-Length": "0"}, method="POST")
    assert response.status >= 500, response
