"""What may be done without a login, beside users who may do more: each client gets the rights of the login it has, or of nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.docker import Docker
from clients.round_trip import Login
from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway, user
from harness.images import Image, runnable_image
from harness.processes import attempt, require
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Answer, basic, request

OPEN, CLOSED = "public/app", "team/app"


@pytest.fixture
def image() -> Image:
    return runnable_image()


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway, image: Image) -> Iterator[Gateway]:
    own_sandbox.create_repositories(OPEN, CLOSED)
    running = start_gateway(
        own_sandbox, users=[user("ci", "**")], anonymous={"access": [{"repositories": ["public/**"], "actions": ["pull"]}]})
    running.wait_until_ready()
    with RegistryClient(running.plain, "ci", PASSWORD) as client:
        for repository in (OPEN, CLOSED):
            client.push_image(repository, "v1", image)
    yield running


def ask(gateway: Gateway, method: str, target: str, authorization: str | None = None) -> Answer:
    return request(gateway.plain, method, target, {"Authorization": authorization} if authorization else {})


def test_the_wire(gateway: Gateway) -> None:
    realm = f'Bearer realm="{gateway.plain.url}/token",service="Berth"'
    challenged = ask(gateway, "GET", "/v2/")
    assert (challenged.status, challenged.fields["www-authenticate"]) == (401, realm)
    nobody = "Bearer " + json.loads(ask(gateway, "GET", "/token?service=Berth").body)["token"]
    right, wrong = basic("ci", PASSWORD), basic("ci", "wrong")
    bearer = "Bearer " + json.loads(ask(gateway, "GET", "/token?scope=x", right).body)["token"]
    assert ask(gateway, "GET", "/token", wrong).status == 401
    assert ask(gateway, "POST", "/token").status == 405
    for login in (nobody, right, bearer):
        assert ask(gateway, "GET", "/v2/", login).status == 200
    for login in (None, nobody, right, bearer):
        assert ask(gateway, "GET", f"/v2/{OPEN}/manifests/v1", login).status == 200
    for login, status in ((None, 401), (nobody, 401), (wrong, 401), ("Bearer " + wrong.split()[1], 401), (right, 200), (bearer, 200)):
        answer = ask(gateway, "GET", f"/v2/{CLOSED}/manifests/v1", login)
        assert answer.status == status, login
        assert (answer.fields.get("www-authenticate") == realm) == (status == 401)


def test_without_anonymous_there_is_no_token_service(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox)
    assert ask(gateway, "GET", "/v2/").fields["www-authenticate"] == 'Basic realm="Berth"'
    assert ask(gateway, "GET", "/token").status == 404


def test_docker_with_and_without_a_login(gateway: Gateway, docker: Docker) -> None:
    address = gateway.plain.authority
    docker.pull_kept(f"{address}/{OPEN}:v1")
    with pytest.raises(AssertionError, match="unauthorized|denied|no basic auth"):
        docker.pull_kept(f"{address}/{CLOSED}:v1")
    with pytest.raises(AssertionError, match="unauthorized|incorrect"):
        docker.log_in(Login(gateway.plain, "ci", "wrong"))
    docker.log_in(Login(gateway.plain, "ci", PASSWORD))
    docker.build(f"{address}/{CLOSED}:v2")
    docker.push_built(f"{address}/{CLOSED}:v2")
    docker.call("logout", address)


def test_skopeo_with_and_without_a_login(gateway: Gateway, own_directory: Path) -> None:
    require("skopeo")
    address = gateway.plain.authority

    def inspect(repository: str, *options: str) -> int:
        return attempt("skopeo", "inspect", "--raw", "--tls-verify=false", *options, f"docker://{address}/{repository}:v1").returncode

    right, wrong = f"--creds=ci:{PASSWORD}", "--creds=ci:wrong"
    assert [inspect(OPEN, "--no-creds"), inspect(OPEN, right), inspect(CLOSED, right)] == [0, 0, 0]
    assert inspect(CLOSED, "--no-creds") != 0 and inspect(CLOSED, wrong) != 0 and inspect(OPEN, wrong) != 0


def test_no_login_is_not_a_failed_one(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """skopeo sends an empty name and password where it has none: that must not lock an address out."""
    gateway = start_gateway(sandbox, limits={"failed_logins_per_minute": 3})
    for _ in range(10):
        answer = ask(gateway, "GET", "/v2/", basic("", ""))
        assert answer.status == 401 and b"Log in first" in answer.body
    assert ask(gateway, "GET", "/v2/", basic(gateway.username, gateway.password)).status == 200
