"""ECR Public as an upstream: its own API, the registry's token service, bearers, and HEAD of blobs that it refuses (wire 2.2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import StartGateway
from harness.gateway import Gateway, clean_environment, user
from harness.images import Image, blob_image, digest_of
from harness.processes import attempt, require
from harness.registry import RegistryClient
from harness.sandbox import Sandbox

REPOSITORY = "alias/app"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}


def upstream(**credentials: str) -> dict[str, object]:
    return {"name": "public", "registry": "public.ecr.aws"} | ({"credentials": credentials} if credentials else {})


@pytest.fixture
def image(own_sandbox: Sandbox, start_gateway: StartGateway) -> Image:
    """In the sandbox, by its private door."""
    own_sandbox.create_repositories(REPOSITORY)
    pushing = start_gateway(own_sandbox)
    image = blob_image(b"x" * 50_000, b"y" * 3_000)
    with RegistryClient(pushing.plain, pushing.username, pushing.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    return image


def client_of(gateway: Gateway) -> RegistryClient:
    return RegistryClient(gateway.plain, gateway.username, gateway.password)


@pytest.mark.parametrize("keys", [True, False], ids=["with credentials", "as anybody"])
def test_pulls_from_ecr_public_and_expired_bearers_are_healed(
    keys: bool, own_sandbox: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    gateway = start_gateway(own_sandbox, environment={} if keys else NO_KEYS, upstreams=[upstream()])
    gateway.wait_until_ready()
    with client_of(gateway) as client:
        client.pull_image(REPOSITORY, "v1", image)
        own_sandbox.expire_tokens()
        client.pull_image(REPOSITORY, "v1", image)
    stats = own_sandbox.control("GET", "/stats")
    assert (stats["requests"].get("api.PublicGetAuthorizationToken", 0) > 0) == keys
    assert gateway.metric("berth_replays_total", upstream="public", reason="token_invalid") == 1


def test_the_size_of_a_blob_is_told_though_ecr_public_refuses_head(
    own_sandbox: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    gateway = start_gateway(own_sandbox, upstreams=[upstream()])
    gateway.wait_until_ready()
    with client_of(gateway) as client:
        for blob in image.blobs:
            answer = client.expect((200,), "HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}")
            assert int(answer.fields["content-length"]) == len(blob)
            assert answer.fields["docker-content-digest"] == digest_of(blob)
        missing = client.expect((404,), "HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(b'missing')}")
        assert not missing.body
        client.pull_image(REPOSITORY, "v1", image)  # on the same connection
    assert gateway.metric("berth_replays_total", upstream="public") == 0


def test_skopeo_copies_from_ecr_public(
    own_sandbox: Sandbox, start_gateway: StartGateway, image: Image, own_directory: Path
) -> None:
    require("skopeo")
    gateway = start_gateway(own_sandbox, upstreams=[upstream()])
    gateway.wait_until_ready()
    source = f"docker://{gateway.plain.authority}/{REPOSITORY}:v1"
    login = f"{gateway.username}:{gateway.password}"
    argv = ["skopeo", "copy", "--src-tls-verify=false", "--src-creds", login, source, f"dir:{own_directory / 'copy'}"]
    done = attempt(*argv)
    assert done.returncode == 0, done.stderr
    assert (own_directory / "copy/manifest.json").read_bytes() == image.manifest


@pytest.mark.parametrize("keys", [True, False], ids=["with credentials", "as anybody"])
def test_check_tells_who_reads_ecr_public(keys: bool, berth: Path, own_sandbox: Sandbox, own_directory: Path) -> None:
    path = own_directory / "berth.yaml"
    path.write_text(json.dumps(own_sandbox.upstream | {"upstreams": [upstream()], "users": [user("ci", "**")]}))
    environment = clean_environment(own_sandbox.environment if keys else NO_KEYS)
    done = attempt(berth, "check", "--json", "--config", path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = {step["step"]: step["outcome"] for step in json.loads(done.stdout)["upstreams"][0]["steps"]}
    assert steps["credentials"] == ("ok" if keys else "warning")
    assert steps["token"] == steps["api"] == steps["registry"] == "ok"


def test_named_credentials_that_are_missing_do_not_become_anybodys(
    berth: Path, own_sandbox: Sandbox, own_directory: Path
) -> None:
    path = own_directory / "berth.yaml"
    configuration = own_sandbox.upstream | {"upstreams": [upstream(source="environment")], "users": [user("ci", "**")]}
    path.write_text(json.dumps(configuration))
    done = attempt(berth, "check", "--config", path, env=clean_environment(NO_KEYS))
    assert done.returncode == 69 and "AWS_ACCESS_KEY_ID" in done.stdout
