"""Replicas of a registry: reads go to the first registry that can serve them, and writes never move."""

from __future__ import annotations

import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway, clean_environment, user
from harness.images import MANIFEST_TYPE, MIB, Image, blob_image, digest_of
from harness.names import NameServer, with_resolver
from harness.processes import attempt, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox, with_replica
from harness.wire import Response, request

REPOSITORY = "team/app"
MAX_READ_SECONDS = 10  # until the first byte


class Regions:
    """A registry, its replica in another region of the same account, and a gateway in front of both."""

    def __init__(self, first: Sandbox, replica: Sandbox, gateway: Gateway) -> None:
        self.first, self.replica, self.gateway = first, replica, gateway

    def client(self) -> RegistryClient:
        return RegistryClient(self.gateway.plain, self.gateway.username, self.gateway.password)

    def get(self, target: str, method: str = "GET", username: str = "ci") -> Response:
        with RegistryClient(self.gateway.plain, username, PASSWORD) as client:
            return client.connection.request(method, target, None, None, client.authorization)

    def state(self, sandbox: Sandbox) -> float:
        return self.gateway.metric("berth_upstream_state", registry=sandbox.registry_host)

    def registry_of(self, response: Response) -> str | None:
        return self.gateway.access_line(response).get("registry")

    def log(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.gateway.log_lines() if line.get("message") == message]


def store(sandbox: Sandbox, image: Image, *tags: str, repository: str = REPOSITORY) -> None:
    sandbox.create_repositories(repository)
    with sandbox.direct() as client:
        for tag in tags:
            client.push_image(repository, tag, image)


@pytest.fixture
def image() -> Image:
    return blob_image(os.urandom(200_000), os.urandom(20_000))


@pytest.fixture
def regions(own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway, image: Image) -> Regions:
    store(own_sandbox, image, "v1")
    store(replica, image, "v1")
    users = [user("ci", "**", actions=("pull", "push", "delete", "list")), user("node", "**", actions=("pull",))]
    gateway = start_gateway(own_sandbox, **with_replica(own_sandbox, replica), users=users)
    gateway.wait_until_ready()
    wait_until(lambda: upstream_status(gateway)["fallbacks"][0]["ready"], "the fallback's token")
    return Regions(own_sandbox, replica, gateway)


def upstream_status(gateway: Gateway) -> dict[str, Any]:
    return json.loads(request(gateway.admin, "GET", "/api/v1/status").body)["upstreams"][0]


# Ways in which the first registry is down.


def refused(regions: Regions) -> None:
    regions.first.stop()


def stalled(regions: Regions) -> None:
    regions.first.add_fault(where="registry", kind="stall", seconds=60, times=-1)


def reset(regions: Regions) -> None:
    regions.first.add_fault(where="registry", kind="reset", times=-1)


def failing(regions: Regions) -> None:
    regions.first.add_fault(where="registry", kind="status", status=503, times=-1)


WAYS = [refused, stalled, reset, failing]


@pytest.mark.parametrize("way", WAYS)
def test_every_read_is_served_by_the_replica(regions: Regions, image: Image, way: Any) -> None:
    way(regions)
    layer = digest_of(image.layers[0])
    for target in (f"manifests/v1", f"manifests/{image.digest}", f"blobs/{layer}"):
        start = time.monotonic()
        response = regions.get(f"/v2/{REPOSITORY}/{target}")
        assert response.status == 200 and digest_of(response.body) == target.split("/")[1] or target.endswith("v1"), response
        assert time.monotonic() - start < MAX_READ_SECONDS
        assert regions.registry_of(response) == regions.replica.registry_host
        head = regions.get(f"/v2/{REPOSITORY}/{target}", "HEAD", username="node")
        assert head.status == 200 and int(head.fields["content-length"]) == len(response.body)
    tags = regions.get(f"/v2/{REPOSITORY}/tags/list")
    assert json.loads(tags.body) == {"name": REPOSITORY, "tags": ["v1"]}
    assert REPOSITORY in json.loads(regions.get("/v2/_catalog").body)["repositories"]
    referrers = regions.get(f"/v2/{REPOSITORY}/referrers/{image.digest}")
    assert referrers.status == 200
    assert regions.gateway.metric("berth_replays_total", reason="failover") >= 1


def test_a_read_that_the_first_registry_serves_names_no_registry(regions: Regions) -> None:
    response = regions.get(f"/v2/{REPOSITORY}/manifests/v1")
    assert response.status == 200 and regions.registry_of(response) is None


def test_without_a_token_reads_go_to_the_replica(
    own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    store(own_sandbox, image, "v1")
    store(replica, image, "v1")
    own_sandbox.add_fault(where="api", kind="status", status=500, times=-1)
    gateway = start_gateway(own_sandbox, **with_replica(own_sandbox, replica))
    gateway.wait_until_ready()
    regions = Regions(own_sandbox, replica, gateway)
    start = time.monotonic()
    response = regions.get(f"/v2/{REPOSITORY}/manifests/v1")
    assert response.status == 200 and regions.registry_of(response) == replica.registry_host
    assert time.monotonic() - start < MAX_READ_SECONDS
    ready = gateway.ready()
    assert ready.status == 200 and ready.body.startswith(f"ready\nmain: {own_sandbox.registry_host}: no valid token".encode()), ready
    assert request(gateway.admin, "GET", "/readyz?all").status == 200


@pytest.mark.parametrize("kind", [{"kind": "status", "status": 503}, {"kind": "reset"}, {"kind": "stall", "seconds": 60}])
def test_a_blob_whose_storage_is_away_comes_from_the_replica(regions: Regions, image: Image, kind: dict[str, Any]) -> None:
    regions.first.add_fault(where="s3", times=-1, **kind)
    layer = image.layers[0]
    response = regions.get(f"/v2/{REPOSITORY}/blobs/{digest_of(layer)}")
    assert response.status == 200 and response.body == layer
    assert regions.registry_of(response) == regions.replica.registry_host
    manifest = regions.get(f"/v2/{REPOSITORY}/manifests/v1")
    assert regions.registry_of(manifest) is None, "only the storage is away"


def test_a_large_blob_goes_on_at_the_replica_at_its_byte(
    own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway
) -> None:
    large = blob_image(os.urandom(16 * MIB))
    store(own_sandbox, large, "v1")
    store(replica, large, "v1")
    gateway = start_gateway(own_sandbox, **with_replica(own_sandbox, replica), timeouts={"stall": "2s"})
    gateway.wait_until_ready()
    regions = Regions(own_sandbox, replica, gateway)
    wait_until(lambda: upstream_status(gateway)["fallbacks"][0]["ready"], "the fallback's token")
    target = f"/v2/{REPOSITORY}/blobs/{digest_of(large.layers[0])}"
    with regions.client() as client:
        client.connection.send_head("GET", target, {"Authorization": client.authorization})
        head = client.connection.receive_head()
        assert head.status == 200
        body = b""
        for piece in client.connection.body(head):
            if not body:
                own_sandbox.stop()
            body += piece
    assert body == large.layers[0]
    assert regions.registry_of(head) == replica.registry_host


def test_a_rest_that_the_first_registry_can_serve_stays_there(regions: Regions, image: Image) -> None:
    regions.first.add_fault(where="s3", match={"method": "GET"}, kind="reset", after_bytes=50_000, times=1)
    layer = image.layers[0]
    response = regions.get(f"/v2/{REPOSITORY}/blobs/{digest_of(layer)}")
    assert response.body == layer and regions.registry_of(response) is None


# What a replica lacks.


def test_what_a_replica_lacks_is_unavailable_and_not_missing(regions: Regions, image: Image) -> None:
    newer = blob_image(os.urandom(1000))
    store(regions.first, newer, "v2")
    failing(regions)
    layer = digest_of(newer.layers[0])
    targets = ("manifests/v2", f"manifests/{newer.digest}", f"blobs/{layer}")
    asked = [(f"/v2/{REPOSITORY}/{target}", method) for target in targets for method in ("GET", "HEAD")]
    with ThreadPoolExecutor(len(asked)) as pool:  # the first is tried again for some seconds
        responses = list(pool.map(lambda each: regions.get(*each), asked))
    for each, response in zip(asked, responses):
        assert response.status == 503 and int(response.fields["retry-after"]) > 0, (each, response)
    regions.first.clear_faults()
    response = regions.get(f"/v2/{REPOSITORY}/manifests/v2")
    assert response.status == 200 and regions.registry_of(response) is None, "asked of the first registry once more"


def test_what_the_first_registry_says_is_missing_is_missing(regions: Regions) -> None:
    for opened in (False, True):
        if opened:
            open_breaker(regions)
            regions.first.clear_faults()
        response = regions.get(f"/v2/{REPOSITORY}/manifests/absent")
        assert response.status == 404 and response.code == "MANIFEST_UNKNOWN", response


# Writes.


def test_writes_never_move(regions: Regions, image: Image) -> None:
    failing(regions)
    writes = [("POST", "blobs/uploads/", b""), ("PUT", "manifests/new", image.manifest), ("DELETE", "manifests/v1", None)]

    def send(write: tuple[str, str, bytes | None]) -> int:
        method, path, body = write
        with regions.client() as client:
            fields = {"Content-Type": MANIFEST_TYPE, "Authorization": client.authorization}
            return client.connection.request(method, f"/v2/{REPOSITORY}/{path}", fields, body).status

    with ThreadPoolExecutor(len(writes)) as pool:  # together, because each is tried for some seconds
        started, pushed, deleted = pool.map(send, writes)
    assert (started, pushed) == (503, 503) and deleted >= 500
    tags = regions.replica.ecr().list_images(repositoryName=REPOSITORY)["imageIds"]
    assert {one.get("imageTag") for one in tags} == {"v1"}


def test_only_the_registry_itself_says_that_a_layer_need_not_be_pushed(regions: Regions, image: Image) -> None:
    """Clients ask before they push a layer. A replica keeps what the registry has deleted."""
    failing(regions)
    target = f"/v2/{REPOSITORY}/blobs/{digest_of(image.layers[0])}"
    response = regions.get(target, "HEAD")
    assert response.status == 503 and int(response.fields["retry-after"]) > 0, response
    assert regions.get(target).status == 200, "a pull of the same user moves"
    regions.first.clear_faults()
    assert regions.get(target, "HEAD").status == 200


# The breaker.


def open_breaker(regions: Regions) -> None:
    failing(regions)
    wait_until(lambda: regions.get(f"/v2/{REPOSITORY}/manifests/v1").status == 200 and regions.state(regions.first) == 0, "open", 30)


def manifests_sent(sandbox: Sandbox) -> int:
    return sandbox.control("GET", "/stats")["requests"].get("registry.manifest_get", 0)


def test_a_breaker_opens_is_seen_and_closes(regions: Regions) -> None:
    assert regions.state(regions.first) == regions.state(regions.replica) == 1
    open_breaker(regions)
    assert regions.state(regions.replica) == 1
    [line] = wait_until(lambda: regions.log("registry failing"), "a line in the log")
    assert line["upstream"] == "main" and line["registry"] == regions.first.registry_host and "503" in line["error"], line
    start = time.monotonic()
    response = regions.get(f"/v2/{REPOSITORY}/manifests/v1")
    assert response.status == 200 and regions.registry_of(response) == regions.replica.registry_host
    assert time.monotonic() - start < 1, "the first registry is not asked"
    ready = regions.gateway.ready()
    assert ready.status == 200 and f"main: {regions.first.registry_host}: failing".encode() in ready.body, ready
    status = upstream_status(regions.gateway)
    assert status["breaker"] == "open" and status["ready"] and not status["registry_ready"], status
    assert status["fallbacks"][0]["breaker"] == "closed" and status["fallbacks"][0]["ready"], status
    regions.first.clear_faults()

    def served_by_the_first() -> bool:
        return regions.registry_of(regions.get(f"/v2/{REPOSITORY}/manifests/v1")) is None

    wait_until(served_by_the_first, "the first registry is tried again", 30)
    assert regions.state(regions.first) == 1
    wait_until(lambda: regions.log("registry tried again") and regions.log("registry responds again"), "lines in the log")
    assert upstream_status(regions.gateway)["registry_ready"]


def test_one_request_at_a_time_tries_a_registry_again(regions: Regions) -> None:
    open_breaker(regions)
    regions.first.clear_faults()
    regions.first.add_fault(where="registry", kind="stall", seconds=1, times=-1)
    before = manifests_sent(regions.first)
    time.sleep(5)  # the pause
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: regions.get(f"/v2/{REPOSITORY}/manifests/v1"), range(8)))
    assert all(response.status == 200 for response in responses)
    by = [regions.registry_of(response) for response in responses]
    assert by.count(None) == 1, by
    assert manifests_sent(regions.first) == before + 1
    assert len(wait_until(lambda: regions.log("registry tried again"), "a line in the log")) == 1


def test_all_registries_away_end_with_the_reason(regions: Regions) -> None:
    failing(regions)
    regions.replica.add_fault(where="registry", kind="status", status=503, times=-1)
    response = regions.get(f"/v2/{REPOSITORY}/manifests/v1")
    assert response.status == 503 and int(response.fields["retry-after"]) > 0 and response.code == "UNAVAILABLE", response


# Addresses of one name.


def test_an_address_that_fails_is_tried_after_the_others(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    """One of the registry's two addresses accepts connections and closes them. It is asked a few times, and not for each new connection."""
    store(own_sandbox, image, "v1")
    registry = f"{own_sandbox.registry_host}:443"
    port = int(own_sandbox.facts["connect_to"][registry].rpartition(":")[2])
    broken = socket.create_server(("127.0.0.96", port))
    asked: list[float] = []

    def close_all() -> None:
        while True:
            try:
                connection, _ = broken.accept()
            except OSError:
                return
            asked.append(time.monotonic())
            connection.close()

    thread = Thread(target=close_all)
    thread.start()
    server = NameServer("127.0.0.96", "127.0.0.1", life=1)
    try:
        program, _ = with_resolver(berth, own_directory, server.line)
        connect_to = own_sandbox.facts["connect_to"] | {registry: f"registry.berth.test:{port}"}
        gateway = start_gateway(own_sandbox, program=program, connect_to=connect_to, workers=1)
        gateway.wait_until_ready()
        target = f"/v2/{REPOSITORY}/manifests/v1"

        def get(_: int) -> int:
            with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
                return client.connection.request("GET", target, None, None, client.authorization).status

        for _ in range(5):
            own_sandbox.add_fault(where="registry", kind="reset", times=1)  # so that a new connection is needed
            with ThreadPoolExecutor(8) as pool:
                assert set(pool.map(get, range(8))) == {200}
        assert 1 <= len(asked) <= 12, asked
    finally:
        server.stop()
        broken.shutdown(socket.SHUT_RDWR)
        broken.close()
        thread.join()


# Configuration.


def test_check_reports_each_fallback(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, replica: Sandbox, regions: Regions
) -> None:
    config = regions.gateway.configuration_path
    environment = clean_environment(own_sandbox.environment)
    said = attempt(berth, "check", "--config", config, env=environment).stdout
    assert f"main: fallback {replica.registry_host}" in said, said
    replica.add_fault(where="registry", kind="status", status=503, times=-1)
    done = attempt(berth, "check", "--config", config, "--json", env=environment)
    report = json.loads(done.stdout)
    assert done.returncode != 0 and not report["ok"]
    assert [(one["name"], one["fallback"]) for one in report["upstreams"]] == [("main", False), ("main", True)]
    [failed] = [step for step in report["upstreams"][1]["steps"] if step["outcome"] == "failed"]
    assert failed["step"] == "registry", failed


def test_a_reload_adds_and_removes_fallbacks(
    own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    store(own_sandbox, image, "v1")
    store(replica, image, "v1")
    with_fallback = with_replica(own_sandbox, replica)
    without = with_fallback | {"upstreams": own_sandbox.upstream["upstreams"]}
    gateway = start_gateway(own_sandbox, **without)
    gateway.wait_until_ready()
    regions = Regions(own_sandbox, replica, gateway)
    tokens = own_sandbox.tokens_fetched()
    assert upstream_status(gateway)["fallbacks"] == []
    gateway.write(gateway.configuration | with_fallback)
    assert request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status == 200
    wait_until(lambda: upstream_status(gateway)["fallbacks"][0]["ready"], "the fallback's token")
    failing(regions)
    response = regions.get(f"/v2/{REPOSITORY}/manifests/v1")
    assert response.status == 200 and regions.registry_of(response) == replica.registry_host
    gateway.write(gateway.configuration | without)
    assert request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status == 200
    assert regions.get(f"/v2/{REPOSITORY}/manifests/v1").status == 503
    assert own_sandbox.tokens_fetched() == tokens, "the first registry's token stays in use"


# What operators see.


def test_a_fallback_without_a_token_shows(own_sandbox: Sandbox, replica: Sandbox, start_gateway: StartGateway, image: Image) -> None:
    store(own_sandbox, image, "v1")
    replica.deny_credentials(True)
    gateway = start_gateway(own_sandbox, **with_replica(own_sandbox, replica))
    gateway.wait_until_ready()
    regions = Regions(own_sandbox, replica, gateway)
    there = replica.registry_host
    wait_until(
        lambda: gateway.metric("berth_token_refreshes_total", registry=there, result="failure") > 0, "a failed fetch for the fallback")
    assert regions.state(replica) == 0 and regions.state(own_sandbox) == 1
    assert gateway.metric("berth_token_expiry_timestamp_seconds", registry=there) == 0
    assert gateway.metric("berth_token_expiry_timestamp_seconds") > time.time()
    refreshed = request(gateway.admin, "POST", "/api/v1/upstreams/main/refresh")
    [own, fallback] = json.loads(refreshed.body)["registries"]
    assert refreshed.status == 502 and own == {"registry": own_sandbox.registry_host, "fetched": True}, refreshed
    assert fallback["registry"] == there and not fallback["fetched"] and "AccessDenied" in fallback["problem"], refreshed
    replica.deny_credentials(False)
    # The first may share a fetch that began before.
    wait_until(lambda: request(gateway.admin, "POST", "/api/v1/upstreams/main/refresh").status == 200, "a token of the fallback")
    assert gateway.metric("berth_token_expiry_timestamp_seconds", registry=there) > time.time()
    assert regions.state(replica) == 1


def test_after_its_pause_a_registry_counts_as_to_be_tried(regions: Regions) -> None:
    """Without requests nobody tries it, however well it may be."""
    open_breaker(regions)
    [line] = wait_until(lambda: regions.log("registry failing"), "a line in the log")
    assert "reads go to another registry" in line["consequence"], line
    wait_until(lambda: regions.state(regions.first) == 0.5, "the pause is over", 10)
    assert upstream_status(regions.gateway)["breaker"] == "half_open"


def test_without_a_fallback_nothing_is_said_of_another_registry(
    own_sandbox: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    store(own_sandbox, image, "v1")
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    regions = Regions(own_sandbox, own_sandbox, gateway)
    reset(regions)

    def lines() -> list[dict[str, Any]]:
        regions.get(f"/v2/{REPOSITORY}/manifests/v1")
        return regions.log("registry failing")

    line = wait_until(lines, "the breaker opens", 60)[0]
    assert "has no fallbacks" in line["consequence"] and "another registry" not in line["consequence"], line


def test_the_configuration_of_a_second_region_has_it_as_fallback(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, replica: Sandbox, image: Image
) -> None:
    """It works as it is, and `check` asks the fallback for the image too."""
    written = replica.directory / "data/berth.yaml"
    text = wait_until(lambda: written.exists() and written.read_text(), "the configuration")
    config = own_directory / "both.yaml"
    config.write_text(text.replace("127.0.0.1:5000", "127.0.0.1:0") + 'admin: {address: "127.0.0.1:0"}\n')
    environment = clean_environment({"AWS_SHARED_CREDENTIALS_FILE": f"{written}.credentials"})
    store(own_sandbox, image, "v1")
    replica.create_repositories(REPOSITORY)

    def check() -> str:
        done = attempt(berth, "check", "--config", config, "--repository", f"{REPOSITORY}:v1", env=environment)
        assert done.returncode == 0, done
        return done.stdout

    said = check()
    assert f"sandbox: fallback {replica.registry_host}" in said, said
    assert f"{replica.registry_host} does not have v1" in said, said
    store(replica, image, "v1")
    said = check()
    assert f"{replica.registry_host} has v1 too" in said, said
