"""What Berth asks of a registry at most: requests at the same time, and AWS's rates. The rest waits in line, users in turn and small requests first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway, user
from harness.images import MANIFEST_TYPE, MIB, blob_image
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Connection, Response, basic, request

REPOSITORY = "shield/app"
USERS = [user(name, "**", actions=("pull", "push")) for name in ("a", "b")]
MANY = 300


def start(sandbox: Sandbox, start_gateway: StartGateway, **configuration: Any) -> Gateway:
    """A gateway with these limits of its upstream, and two users."""
    sandbox.create_repositories(REPOSITORY)
    upstream = sandbox.upstream["upstreams"][0] | {"limits": configuration.pop("upstream_limits", {})}
    gateway = start_gateway(sandbox, users=USERS, upstreams=[upstream], **configuration)
    gateway.wait_until_ready()
    return gateway


def get(gateway: Gateway, name: str, target: str) -> Response:
    return request(gateway.plain, "GET", f"/v2/{REPOSITORY}/{target}", authorization=basic(name, PASSWORD))


def slow(sandbox: Sandbox, seconds: float) -> None:
    """Every read at the registry takes that long."""
    sandbox.add_fault(where="registry", match={"method": "GET", "path_prefix": "/v2/"}, kind="stall", seconds=seconds, times=-1)


@contextmanager
def together(number: int) -> Iterator[Callable[..., Future[Any]]]:
    with ThreadPoolExecutor(number) as pool:
        yield pool.submit


@contextmanager
def upload_in_progress(gateway: Gateway, name: str = "a") -> Iterator[Callable[[], Response]]:
    """A large upload that has its turn at the registry, and a call that ends it."""
    body = os.urandom(MIB)
    with RegistryClient(gateway.plain, name, PASSWORD) as client:
        target = client.start_upload(REPOSITORY)
        client.connection.send_head("PATCH", target, {"Content-Length": str(len(body)), "Authorization": client.authorization})
        client.connection.send(body[: MIB // 2])
        wait_until(lambda: gateway.metric("berth_upstream_connections", state="active") > 0, "the upload's turn", 15)

        def finish() -> Response:
            client.connection.send(body[MIB // 2 :])
            return client.connection.receive()

        yield finish


def test_no_more_requests_than_the_bound_are_at_the_registry_at_once(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"concurrent": 8})
    slow(own_sandbox, 0.1)
    with together(100) as begin:
        pulls = [begin(get, gateway, "a", f"manifests/v{number}") for number in range(100)]
    assert {pull.result().status for pull in pulls} == {404}, "each had its turn"
    assert own_sandbox.control("GET", "/stats")["most_registry_requests_at_once"] == 8
    assert gateway.metric("berth_throttled_total", by="gateway") > 50


def test_many_requests_of_one_user_do_not_delay_those_of_another(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"concurrent": 4})
    slow(own_sandbox, 0.05)
    with together(MANY + 1) as begin:
        many = [begin(get, gateway, "a", f"manifests/v{number}") for number in range(MANY)]
        wait_until(lambda: gateway.metric("berth_throttled_total", by="gateway") > MANY / 2, "a line", 15)
        for number in range(5):
            assert get(gateway, "b", f"manifests/w{number}").status == 404
        left = sum(not one.done() for one in many)
        assert left > MANY / 4, f"{left} of {MANY} are left: the few had to wait for the many"
    assert {one.result().status for one in many} <= {404, 503}


def test_small_requests_go_before_large_ones(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"concurrent": 2})
    slow(own_sandbox, 0.1)
    with together(50) as begin:
        layers = [begin(get, gateway, "a", f"blobs/sha256:{number:064}") for number in range(50)]
        wait_until(lambda: gateway.metric("berth_throttled_total", by="gateway") > 30, "a line", 15)
        assert get(gateway, "a", "manifests/v1").status == 404
        assert sum(not layer.done() for layer in layers) > 20
    assert {layer.result().status for layer in layers} == {404}


def test_a_request_whose_turn_does_not_come_gets_503_and_when_to_come_back(
    own_sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"concurrent": 1})
    with upload_in_progress(gateway) as finish:
        response = get(gateway, "b", "manifests/v1")
        assert (response.status, response.code) == (503, "UNAVAILABLE")
        assert int(response.fields["retry-after"]) > 0
        assert gateway.access_line(response)["end"] == "shed"
        assert finish().status == 202
    assert get(gateway, "b", "manifests/v1").status == 404


def test_a_client_that_leaves_the_line_frees_its_place(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"concurrent": 1})
    with upload_in_progress(gateway) as finish:
        waiting = [Connection(gateway.plain) for _ in range(5)]
        for number, connection in enumerate(waiting):
            fields = {"Authorization": basic("a", PASSWORD)}
            connection.send_head("GET", f"/v2/{REPOSITORY}/manifests/v{number}", fields)
        wait_until(lambda: gateway.metric("berth_throttled_total", by="gateway") == len(waiting), "a line", 5)
        for connection in waiting:
            connection.close()

        def gone() -> bool:
            return sum(line.get("end") == "client_gone" for line in gateway.log_lines()) == len(waiting)

        wait_until(gone, "the clients' access lines", 5)
        assert finish().status == 202
    assert get(gateway, "b", "manifests/v1").status == 404
    assert own_sandbox.control("GET", "/stats")["requests"].get("registry.manifest_get", 0) == 1


def test_a_burst_of_pushed_manifests_keeps_to_the_quota(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """ECR 1.8: ten a second. Each of these would be 429 without Berth."""
    gateway = start(own_sandbox, start_gateway)
    own_sandbox.switch(put_image_rate=True)
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "v", image)

    def push(number: int) -> int:
        fields = {"Content-Type": MANIFEST_TYPE}
        target = f"/v2/{REPOSITORY}/manifests/v{number}"
        return request(gateway.plain, "PUT", target, fields, image.manifest, basic("ab"[number % 2], PASSWORD)).status

    with together(30) as begin:
        pushes = [begin(push, number) for number in range(30)]
    assert {each.result() for each in pushes} == {201}
    assert gateway.metric("berth_throttled_total", by="registry") == 0
    assert gateway.metric("berth_throttled_total", by="gateway") >= 25


def test_after_a_429_that_api_is_asked_more_slowly(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway)
    image = blob_image(os.urandom(1000))

    def push_some() -> float:
        begun = time.monotonic()
        for number in range(8):
            client.push_manifest(REPOSITORY, f"v{number}", image.manifest)
        return time.monotonic() - begun

    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "v", image)
        before = push_some()
        own_sandbox.add_fault(where="registry", match={"method": "PUT"}, kind="status", status=429, times=1)
        request(gateway.plain, "PUT", f"/v2/{REPOSITORY}/manifests/v", {"Content-Type": MANIFEST_TYPE}, image.manifest, basic("b", PASSWORD))
        assert push_some() > 1.4 * before
    assert gateway.metric("berth_throttled_total", by="registry") == 1


def test_requests_of_all_kinds_keep_to_requests_per_second(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"requests_per_second": 20})
    begun = time.monotonic()
    with together(40) as begin:
        pulls = [begin(get, gateway, "a", f"manifests/v{number}") for number in range(40)]
    assert {pull.result().status for pull in pulls} == {404}
    assert time.monotonic() - begun > 1.5


def test_a_reload_changes_the_bounds(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"concurrent": 1})
    with upload_in_progress(gateway) as finish:
        with together(1) as begin:
            waiting = begin(get, gateway, "b", "manifests/v1")
            wait_until(lambda: gateway.metric("berth_throttled_total", by="gateway") == 1, "a line", 5)
            upstream = gateway.configuration["upstreams"][0] | {"limits": {"concurrent": 2}}
            gateway.write(gateway.configuration | {"upstreams": [upstream]})
            assert request(gateway.admin, "POST", "/api/v1/reload").status == 200
            assert waiting.result().status == 404, "the reload let it go"
        assert finish().status == 202


# Identical reads.


def test_identical_reads_at_the_same_time_are_one_request_of_each_worker(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway)
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "v", image)
    slow(own_sandbox, 1)
    with together(50) as begin:
        pulls = [begin(get, gateway, "ab"[number % 2], "manifests/v") for number in range(50)]
    for pull in pulls:
        response = pull.result()
        assert (response.status, response.body) == (200, image.manifest)
        assert response.fields["docker-content-digest"] == image.digest
    assert 1 <= own_sandbox.control("GET", "/stats")["requests"]["registry.manifest_get"] <= 2
    assert len({pull.result().request_id for pull in pulls}) == 50, "each has its own id"
    assert gateway.metric("berth_repository_pulls_total") == 50


def test_reads_that_differ_are_not_shared(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, workers=1)
    slow(own_sandbox, 1)

    def read(accept: str) -> int:
        fields = {"Accept": accept}
        return request(gateway.plain, "GET", f"/v2/{REPOSITORY}/manifests/v", fields, authorization=basic("a", PASSWORD)).status

    with together(4) as begin:
        reads = [begin(read, accept) for accept in ("text/a", "text/a", "text/b", "text/b")]
    assert [each.result() for each in reads] == [404] * 4
    assert own_sandbox.control("GET", "/stats")["requests"]["registry.manifest_get"] >= 2


def test_whoever_may_not_read_gets_nothing_of_a_shared_response(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox, workers=1, users=[USERS[0], user("b", "other/**", actions=("pull",))])
    gateway.wait_until_ready()
    slow(own_sandbox, 1)
    with together(2) as begin:
        reads = [begin(get, gateway, name, "manifests/v") for name in "ab"]
    assert [each.result().status for each in reads] == [404, 403]


def test_when_the_first_read_fails_the_others_go_on(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, workers=1)
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "v", image)
    own_sandbox.add_fault(where="registry", match={"method": "GET"}, kind="reset", times=1)
    own_sandbox.add_fault(where="registry", match={"method": "GET"}, kind="stall", seconds=1, times=-1)
    with together(10) as begin:
        pulls = [begin(get, gateway, "a", "manifests/v") for _ in range(10)]
    assert sum(pull.result().status == 200 for pull in pulls) >= 9, "the reset one at most has failed"


def test_a_read_does_not_wait_for_another_one_for_longer_than_its_own_would_be_tried(
    own_sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    gateway = start(own_sandbox, start_gateway, workers=1)
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "v", image)
    own_sandbox.add_fault(where="registry", match={"method": "GET"}, kind="stall", seconds=30, times=2)  # the first read's two attempts
    with together(2) as begin:
        begun = time.monotonic()
        first = begin(get, gateway, "a", "manifests/v")
        time.sleep(0.5)
        second = begin(get, gateway, "b", "manifests/v").result()
        assert (second.status, second.body) == (200, image.manifest)
        assert time.monotonic() - begun < 20 and not first.done()
        assert first.result().status == 200


def test_a_client_that_is_slow_to_take_a_manifest_keeps_no_turn(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"concurrent": 1})
    image = blob_image(os.urandom(1000))
    padding = b" " * (3 * MIB)  # more than sockets take
    manifest = image.manifest[:-1] + padding + image.manifest[-1:]
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "v", image)
        client.push_manifest(REPOSITORY, "large", manifest)
    before = gateway.metric("berth_throttled_total", by="gateway")
    slow_clients = [Connection(gateway.plain, receive_buffer=2048) for _ in range(3)]
    for connection in slow_clients:
        connection.send_head("GET", f"/v2/{REPOSITORY}/manifests/large", {"Authorization": basic("a", PASSWORD)})
        assert connection.receive_head().status == 200
        assert gateway.metric("berth_exchanges_in_flight") > 0, "the client holds up its response"
    assert get(gateway, "b", "manifests/v").status == 200
    assert gateway.metric("berth_throttled_total", by="gateway") == before, "nobody had to wait"
    for connection in slow_clients:
        connection.close()


def test_asking_whether_a_manifest_was_pushed_is_a_read(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """It takes nothing of the quota of pushes."""
    gateway = start(own_sandbox, start_gateway, upstream_limits={"quotas": {"PutImage": 1}})
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "v", image)
    own_sandbox.add_fault(where="registry", match={"method": "PUT"}, kind="reset", times=1)
    own_sandbox.add_fault(where="registry", match={"method": "PUT"}, kind="status", status=400, times=1)
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_manifest(REPOSITORY, "v", image.manifest)
        before = gateway.metric("berth_throttled_total", by="gateway")
        client.push_manifest(REPOSITORY, "w", image.manifest)
    assert gateway.metric("berth_throttled_total", by="gateway") <= before + 2, "only the two pushes waited"


def test_a_raised_quota_lets_more_manifests_be_pushed(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"quotas": {"PutImage": 1000}})
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "v", image)
        for number in range(30):
            client.push_manifest(REPOSITORY, f"v{number}", image.manifest)
    assert gateway.metric("berth_throttled_total", by="gateway") == 0
