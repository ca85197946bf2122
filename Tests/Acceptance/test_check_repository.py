"""`berth check --repository`: pulls and pushes for real, and says what is wrong; `--as`: which rule decides."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness.gateway import FREE, clean_environment, user
from harness.images import blob_image, encode
from harness.processes import Program, attempt, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox

EX_UNAVAILABLE, EX_CONFIG, EX_USAGE = 69, 78, 64
INDEX = "application/vnd.oci.image.index.v1+json"


def configuration(directory: Path, sandbox: Sandbox, **changes: Any) -> Path:
    path = directory / "berth.yaml"
    path.write_text(json.dumps(sandbox.upstream | FREE | {"users": [user("ci", "**")]} | changes, indent=1))
    return path


def check(berth: Path, path: Path, sandbox: Sandbox, *options: str) -> tuple[int, str]:
    done = attempt(berth, "check", "--config", path, *options, env=clean_environment(sandbox.environment))
    assert sandbox.facts["secret_access_key"] not in done.stdout + done.stderr and "X-Amz-Signature" not in done.stdout
    return done.returncode, done.stdout + done.stderr


def upstream(sandbox: Sandbox, **keys: Any) -> list[dict[str, Any]]:
    return [sandbox.upstream["upstreams"][0] | keys]


@pytest.fixture
def image(own_sandbox: Sandbox, start_gateway: StartGateway) -> Sandbox:
    """A sandbox with `acme/app:v1`, and `acme/app:multi`, an index of it."""
    own_sandbox.create_repositories("acme/app")
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        one = blob_image(b"a layer" * 1000)
        client.push_image("acme/app", "v1", one)
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {"mediaType": json.loads(one.manifest)["mediaType"], "digest": one.digest, "size": len(one.manifest),
                 "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}],
        }  # fmt: skip
        client.expect((201,), "PUT", "/v2/acme/app/manifests/multi", {"Content-Type": INDEX}, encode(index))
    return own_sandbox


def tags(sandbox: Sandbox, repository: str) -> list[str]:
    return [image["imageTag"] for image in sandbox.ecr().list_images(repositoryName=repository)["imageIds"] if "imageTag" in image]


def test_an_image_is_pulled_along_its_route(berth: Path, own_directory: Path, image: Sandbox) -> None:
    routes = [{"host": "registry.example.com", "prefix": "team/", "upstream": "main", "upstream_prefix": "acme/"}]
    path = configuration(own_directory, image, routes=routes, anonymous={"access": []})
    status, said = check(berth, path, image, "--repository", "team/app:v1", "--host", "registry.example.com")
    assert status == 0 and "ok    route: to upstream main, where it is acme/app" in said, said
    assert "manifest: v1: an image" in said and "blobs: a byte of each of 2 read" in said, said
    status, said = check(berth, path, image, "--repository", "team/app:multi", "--host", "registry.example.com")
    assert status == 0 and "an index of 1 manifests" in said and "platforms: linux/arm64/v8" in said and "each of 2 read" in said, said
    status, said = check(berth, path, image, "--repository", "team/app:v1")
    assert status == EX_UNAVAILABLE and "no route has the repository team/app here" in said, said


def test_without_a_tag_one_that_exists_is_pulled(berth: Path, own_directory: Path, image: Sandbox) -> None:
    path = configuration(own_directory, image)
    status, said = check(berth, path, image, "--repository", "acme/app")
    assert status == 0 and "blobs: a byte of each of 2" in said, said
    image.create_repositories("empty")
    status, said = check(berth, path, image, "--repository", "empty")
    assert status == 0 and "no tags yet" in said, said


def test_clients_that_are_redirected_are_followed(berth: Path, own_directory: Path, image: Sandbox) -> None:
    path = configuration(own_directory, image, upstreams=upstream(image, blobs="redirect"))
    status, said = check(berth, path, image, "--repository", "acme/app:v1")
    assert status == 0 and "clients are redirected to prod-eu-west-1-starport-layer-bucket.s3" in said, said


def test_what_is_missing_is_said_with_the_fix(berth: Path, own_directory: Path, image: Sandbox) -> None:
    path = configuration(own_directory, image)
    status, said = check(berth, path, image, "--repository", "acme/app:v2")
    assert status == EX_UNAVAILABLE and "MANIFEST_UNKNOWN" in said and "name a tag that is there" in said, said
    status, said = check(berth, path, image, "--repository", "acme/absent:v1")
    assert status == EX_UNAVAILABLE and "the repository acme/absent does not exist at 123456789012.dkr.ecr" in said, said
    assert "aws ecr create-repository --region eu-west-1 --registry-id 123456789012 --repository-name acme/absent" in said
    assert 'create_repositories: {match: ["acme/absent"]}' in said, said


def test_a_denied_permission_is_printed_as_a_statement(berth: Path, own_directory: Path, image: Sandbox) -> None:
    image.control("POST", "/credentials", {"deny_registry": True})
    status, said = check(berth, configuration(own_directory, image), image, "--repository", "acme/app:v1")
    assert status == EX_UNAVAILABLE, said
    printed = said[said.index('{"Effect"') :].splitlines()[0]
    assert json.loads(printed) == {
        "Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "arn:aws:ecr:eu-west-1:123456789012:repository/acme/app"}  # fmt: skip
    status, said = check(berth, configuration(own_directory, image), image, "--repository", "acme/app", "--push")
    assert status == EX_UNAVAILABLE and '"ecr:InitiateLayerUpload"' in said and '"ecr:CompleteLayerUpload"' in said, said


def test_storage_that_cannot_be_reached(berth: Path, own_directory: Path, image: Sandbox) -> None:
    reached = {name: "127.0.0.1:1" if ".s3." in name else address for name, address in image.facts["connect_to"].items()}
    status, said = check(berth, configuration(own_directory, image, connect_to=reached), image, "--repository", "acme/app:v1")
    assert status == EX_UNAVAILABLE and "the blob cannot be read" in said and "a gateway endpoint for S3" in said, said


def test_a_push_leaves_nothing_behind(berth: Path, own_directory: Path, image: Sandbox) -> None:
    image.ecr().create_repository(repositoryName="fixed", imageTagMutability="IMMUTABLE")
    path = configuration(own_directory, image)
    for name in ("acme/app", "fixed", "fixed"):
        before = sorted(tags(image, name))
        status, said = check(berth, path, image, "--repository", name, "--push")
        assert status == 0 and "was pushed and read back" in said and "was deleted again" in said, said
        assert sorted(tags(image, name)) == before
    status, said = check(berth, path, image, "--repository", "acme/app:v1", "--push", "--json")
    steps = [step["step"] for step in json.loads(said)["repository"]["steps"]]
    assert status == 0 and steps == ["route", "manifest", "blobs", "push", "delete"], said


def test_a_push_creates_the_repository_where_that_is_configured(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    path = configuration(own_directory, own_sandbox, upstreams=upstream(own_sandbox, create_repositories={"match": ["new/*"]}))
    status, said = check(berth, path, own_sandbox, "--repository", "other/app", "--push")
    assert status == EX_UNAVAILABLE and 'add "other/app" to create_repositories.match' in said, said
    status, said = check(berth, path, own_sandbox, "--repository", "new/app", "--push")
    assert status == 0 and "this push has created the repository new/app" in said and tags(own_sandbox, "new/app") == [], said
    status, said = check(berth, path, own_sandbox, "--repository", "new/app", "--push")
    assert status == 0 and "has created" not in said, said


def test_a_push_that_fails_half_way_is_deleted(berth: Path, own_directory: Path, image: Sandbox) -> None:
    before = sorted(tags(image, "acme/app"))
    # After the manifest is there.
    image.add_fault(where="s3", match={"method": "GET"}, kind="status", status=403, times=-1)
    status, said = check(berth, configuration(own_directory, image), image, "--repository", "acme/app", "--push")
    assert status == EX_UNAVAILABLE and "was deleted again" in said, said
    assert sorted(tags(image, "acme/app")) == before


def test_an_interrupted_push_is_deleted(berth: Path, own_directory: Path, image: Sandbox) -> None:
    before = sorted(tags(image, "acme/app"))
    image.add_fault(where="registry", match={"method": "GET", "path_prefix": "/v2/acme/app/blobs"}, kind="stall", seconds=2, times=1)
    argv = [berth, "check", "--config", configuration(own_directory, image), "--repository", "acme/app", "--push"]
    program = Program("check", argv, own_directory, clean_environment(image.environment))
    wait_until(lambda: len(tags(image, "acme/app")) > len(before), "the pushed tag")
    program.process.send_signal(signal.SIGINT)
    assert program.wait() != 0
    assert sorted(tags(image, "acme/app")) == before, program.out


def test_a_tag_that_cannot_be_deleted_is_named(berth: Path, own_directory: Path, image: Sandbox) -> None:
    before = sorted(tags(image, "acme/app"))
    image.add_fault(where="registry", match={"method": "DELETE"}, kind="status", status=403, times=-1)
    status, said = check(berth, configuration(own_directory, image), image, "--repository", "acme/app", "--push")
    assert status == 0 and "was pushed and read back" in said and "warn  delete: the tag cannot be deleted" in said, said
    printed = said[said.index('{"Effect"') :].splitlines()[0]
    assert json.loads(printed)["Action"] == "ecr:BatchDeleteImage", said
    left = set(tags(image, "acme/app")) - set(before)
    assert len(left) == 1 and f"--repository-name acme/app --image-ids imageTag={left.pop()}" in said, said


RULES = """\
upstreams:
  - {name: main, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}
users:
  - name: builder
    password_hash: "$6$saltstring$HASH"
    access:
      - {repositories: ["base/*"], actions: [pull]}
      - {repositories: ["team/**"], actions: [pull, push]}
  - name: reader
    password_hash: "$6$saltstring$HASH"
routes:
  - {prefix: team/, upstream: main, upstream_prefix: acme/}
  - {prefix: base/, upstream: main}
access_default:
  - {repositories: ["hub/**"], actions: [pull], host: hub.example.com, namespace: docker.io}
  - {repositories: ["base/**"], actions: [pull]}
anonymous:
  access:
    - {repositories: ["open/*"], actions: [pull]}
""".replace("HASH", "a" * 86)


@pytest.mark.parametrize(
    ("who", "action", "repository", "options", "expected"),
    [
        ("builder", "push", "team/a/b", [], ["ok    builder may push in team/a/b", "berth.yaml:8: users[0].access[1]: pull, push in team/**",
                                             "upstream main, where the repository is acme/a/b"]),
        ("builder", "pull", "base/x", [], ["berth.yaml:7: users[0].access[0]"]),
        ("builder", "delete", "team/a", [], ["FAIL  builder may not delete in team/a", "users[0].access[1]", "does not cover the action delete"]),
        ("builder", "push", "other/a", [], ["FAIL", "does not cover the repository other/a", "no route has this repository"]),
        ("reader", "pull", "base/x/y", [], ["ok    reader", "berth.yaml:16: access_default[1]"]),
        ("reader", "pull", "hub/x", [], ["FAIL", "access_default[0]", "does not cover this host", "does not cover this namespace"]),
        ("reader", "pull", "hub/x", ["--host", "hub.example.com", "--namespace", "docker.io"], ["ok    reader may pull in hub/x"]),
        ("anonymous", "pull", "open/x", [], ["ok    anonymous may pull in open/x", "berth.yaml:19: anonymous.access[0]"]),
        ("anonymous", "pull", "base/x", [], ["FAIL  anonymous may not pull"]),
    ],
)  # fmt: skip
def test_the_rule_that_decides_is_named(
    berth: Path, own_directory: Path, who: str, action: str, repository: str, options: list[str], expected: list[str]
) -> None:
    path = own_directory / "berth.yaml"
    path.write_text(RULES)
    argv = ["check", "--config", path, "--as", who, "--action", action, "--repository", repository, *options]
    # Without AWS: no credentials, and nothing can be reached.
    done = attempt(berth, *argv, env=clean_environment({"HTTPS_PROXY": "http://127.0.0.1:1"}), timeout=20)
    for text in expected:
        assert text in done.stdout, done
    allowed = done.stdout.startswith("ok")
    assert done.returncode == (0 if allowed else 1), done
    as_json = json.loads(attempt(berth, *argv, "--json", env=clean_environment({})).stdout)
    assert as_json["allowed"] is allowed and (as_json["misses"] == []) is allowed, as_json


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--as", "bulider", "--action", "pull", "--repository", "a"], "no user has this name; did you mean builder?"),
        (["--as", "somebody-else", "--action", "pull", "--repository", "a"], "no user has this name; there are 2 users"),
        (["--as", "builder", "--action", "pul", "--repository", "a"], "write one of pull, push, delete, list"),
        (["--as", "builder", "--repository", "a"], "--as and --action go together"),
        (["--repository", "registry.example.com:5000/a"], "--repository registry.example.com:5000/a: write NAME, NAME:TAG or NAME@DIGEST"),
        (["--repository", "A"], "without the gateway's address"),
        (["--push"], "--push needs --repository NAME"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_usage_error(berth: Path, own_directory: Path, options: list[str], expected: str) -> None:
    path = own_directory / "berth.yaml"
    path.write_text(RULES)
    done = attempt(berth, "check", "--config", path, *options, env=clean_environment({}))
    assert done.returncode == EX_USAGE and expected in done.stderr, done
