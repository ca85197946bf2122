"""Anonymous access beside users with more rights: each client gets the rights of its login, or without one those of the anonymous user; and
the tokens of the token service."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.docker import Docker
from clients.round_trip import Client, Login, round_trip
from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway, user
from harness.images import Image
from harness.processes import attempt, require, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Response, basic, raw_exchange, request

OPEN, CLOSED = "public/app", "team/app"


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


def ask(gateway: Gateway, method: str, target: str, authorization: str | None = None) -> Response:
    return request(gateway.plain, method, target, {"Authorization": authorization} if authorization else {})


def token(gateway: Gateway, login: str | None = None) -> str:
    """The value of `Authorization` that a client gets for its login, or without one."""
    given = json.loads(ask(gateway, "GET", "/token?service=Berth&scope=x", login).body)
    assert given["token"] == given["access_token"] and given["expires_in"] == 300
    assert PASSWORD not in bytes.fromhex(given["token"].partition(".")[0]).decode()
    return "Bearer " + given["token"]


def test_challenges_and_tokens_on_the_wire(gateway: Gateway) -> None:
    realm = f'Bearer realm="{gateway.plain.url}/token",service="Berth"'
    challenged = ask(gateway, "GET", "/v2/")
    assert (challenged.status, challenged.fields["www-authenticate"]) == (401, realm)
    right, wrong = basic("ci", PASSWORD), basic("ci", "wrong")
    nobody, bearer = token(gateway), token(gateway, right)
    assert ask(gateway, "GET", "/token", wrong).status == 401
    assert ask(gateway, "GET", "/token", bearer).status == 401, "a token gives no further token"
    assert ask(gateway, "POST", "/token").status == 405
    for login in (nobody, right, bearer):
        assert ask(gateway, "GET", "/v2/", login).status == 200
    for login in (None, nobody, right, bearer):
        assert ask(gateway, "GET", f"/v2/{OPEN}/manifests/v1", login).status == 200
    for login, status in ((None, 401), (nobody, 401), (wrong, 401), ("Bearer " + right.split()[1], 401), (right, 200), (bearer, 200)):
        response = ask(gateway, "GET", f"/v2/{CLOSED}/manifests/v1", login)
        assert response.status == status, login
        assert (response.fields.get("www-authenticate") == realm) == (status == 401)


def test_without_anonymous_access_there_is_no_token_service(sandbox: Sandbox, start_gateway: StartGateway) -> None:
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


def test_each_client_sends_its_login_to_the_token_service(gateway: Gateway, client: Client, layout: Path) -> None:
    pushed, pulled = round_trip(client, Login(gateway.plain, "ci", PASSWORD), f"{CLOSED}:v3", layout)
    assert pulled == pushed


def test_a_missing_login_is_not_a_failed_login(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """Without a login, skopeo sends an empty name and password. That must not lock its address out."""
    gateway = start_gateway(sandbox, limits={"failed_logins_per_minute": 3})
    for _ in range(10):
        response = ask(gateway, "GET", "/v2/", basic("", ""))
        assert response.status == 401 and b"Log in first" in response.body
    assert ask(gateway, "GET", "/v2/", basic(gateway.username, gateway.password)).status == 200


# Tokens.

EVERYBODY = {"access": [{"repositories": ["public/**"], "actions": ["pull"]}]}


class Forger:
    """Makes tokens from the key and a user's credential as the README describes them, without using the program."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / f"token-{secrets.token_hex(2)}.key"
        self.key = secrets.token_hex(24).encode()
        self.file.write_bytes(self.key + b"\n")

    def sign(self, message: bytes) -> bytes:
        return hmac.digest(self.key, message, hashlib.sha256)

    def token(self, name: str, credential: str, seconds: int) -> str:
        claim = f"{name.encode().hex()}.{int(time.time()) + seconds}"
        return f"Bearer {claim}.{self.sign(claim.encode() + bytes(1) + self.sign(credential.encode())).hex()}"


@pytest.fixture
def forger(own_directory: Path) -> Forger:
    return Forger(own_directory)


def ping(gateway: Gateway, authorization: str) -> int:
    return ask(gateway, "GET", "/v2/", authorization).status


def test_a_token_expires_and_is_invalid_without_anonymous_access(sandbox: Sandbox, start_gateway: StartGateway, forger: Forger) -> None:
    ci = user("ci", "**")
    gateway = start_gateway(sandbox, users=[ci], anonymous=EVERYBODY, token_key_file=str(forger.file))
    credential = "h" + ci["password_hash"]
    assert ping(gateway, forger.token("ci", credential, 60)) == 200
    assert ping(gateway, forger.token("ci", credential, -1)) == 401
    assert ping(gateway, forger.token("somebody", credential, 60)) == 401
    assert ping(gateway, forger.token("ci", "p" + PASSWORD, 60)) == 401
    brief = forger.token("ci", credential, 3)
    assert ping(gateway, brief) == 200
    wait_until(lambda: ping(gateway, brief) == 401, "the expiry of a token that was accepted before", 10)
    rejected = ask(gateway, "GET", "/v2/", brief)
    assert "Bearer realm=" in rejected.fields["www-authenticate"] and b"token has expired" in rejected.body
    assert ask(gateway, "GET", "/v2/", "Bearer " + "0" * 2000).status == 401
    assert gateway.metric("berth_login_failures_total", reason="invalid_token") >= 5
    closed = start_gateway(sandbox, users=[ci], token_key_file=str(forger.file))
    assert ping(closed, forger.token("ci", credential, 60)) == 401 and ping(closed, basic("ci", PASSWORD)) == 200


def test_replicas_with_one_key_accept_each_others_tokens(sandbox: Sandbox, start_gateway: StartGateway, forger: Forger) -> None:
    configuration = {"users": [user("ci", "**")], "anonymous": EVERYBODY}
    one, two = (start_gateway(sandbox, **configuration, token_key_file=str(forger.file)) for _ in range(2))
    alone = start_gateway(sandbox, **configuration)
    login = token(one, basic("ci", PASSWORD))
    assert [ping(each, login) for each in (one, two, alone)] == [200, 200, 401]


def test_a_reload_voids_tokens_of_removed_users_and_changed_passwords(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    kept, changed, gone = (user(name, "**") for name in ("kept", "changed", "gone"))
    gateway = start_gateway(sandbox, users=[kept, changed, gone], anonymous=EVERYBODY)
    tokens = [token(gateway, basic(name, PASSWORD)) for name in ("kept", "changed", "gone")] + [token(gateway)]
    assert [ping(gateway, each) for each in tokens] == [200, 200, 200, 200]
    gateway.write(gateway.configuration | {"users": [kept, user("changed", "**", password="another")]})
    gateway.program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in gateway.program.err, "the reload")
    assert [ping(gateway, each) for each in tokens] == [200, 401, 401, 200]


@pytest.mark.parametrize("target", ["/token", "/v2/", "/v2/public/app/manifests/v1", "/elsewhere"])
def test_a_request_with_two_logins_is_rejected(gateway: Gateway, target: str) -> None:
    login = f"Authorization: {basic('ci', PASSWORD)}\r\n"
    response, _ = raw_exchange(gateway.plain, f"GET {target} HTTP/1.1\r\nHost: h\r\n{login}{login}\r\n".encode())
    assert response and (response.status, response.code) == (400, "UNSUPPORTED") and response.request_id


def test_a_short_key_is_a_configuration_error(berth: Path, own_directory: Path, sandbox: Sandbox) -> None:
    key = own_directory / "token.key"
    key.write_text("short\n")
    path = own_directory / "berth.yaml"
    path.write_text(json.dumps(sandbox.upstream | {"anonymous": EVERYBODY, "token_key_file": str(key)}))
    done = attempt(berth, "serve", "--config", path)
    assert done.returncode == 78 and "token_key_file: " in done.stderr and "holds 5 bytes" in done.stderr and "short" not in done.stderr
