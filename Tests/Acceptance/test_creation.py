"""Repositories that a push creates: as configured, once, and no others."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clients.docker import Docker
from clients.round_trip import Login
from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway, user
from harness.images import blob_image
from harness.processes import attempt
from harness.registry import RegistryClient, Unexpected
from harness.sandbox import Sandbox

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}
LIFECYCLE = {"rules": [{"rulePriority": 1, "description": "old ones", "selection": {
    "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14}, "action": {"type": "expire"}}]}  # fmt: skip
AT_ONCE = 12


def gateway_that_creates(sandbox: Sandbox, start_gateway: StartGateway, creation: dict[str, Any], **more: Any) -> Gateway:
    gateway = start_gateway(sandbox, upstreams=[sandbox.upstream["upstreams"][0] | {"create_repositories": creation}], **more)
    gateway.wait_until_ready()
    return gateway


def creations(sandbox: Sandbox) -> int:
    return sum(count for kind, count in sandbox.control("GET", "/stats")["requests"].items() if kind.endswith("CreateRepository"))


def test_a_repository_is_created_as_configured(
    own_sandbox: Sandbox, own_directory: Path, start_gateway: StartGateway
) -> None:
    policy, lifecycle = own_directory / "policy.json", own_directory / "lifecycle.json"
    policy.write_text(json.dumps(POLICY))
    lifecycle.write_text(json.dumps(LIFECYCLE))
    gateway = gateway_that_creates(own_sandbox, start_gateway, {
        "match": ["team/**"], "tag_mutability": "IMMUTABLE", "scan_on_push": True, "kms_key": "alias/ecr", "tags": {"owner": "platform"},
        "policy_file": str(policy), "lifecycle_policy_file": str(lifecycle)})  # fmt: skip
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("team/deep/app", "v1", blob_image(b"layer"))
        again = client.expect((400,), "PUT", "/v2/team/deep/app/manifests/v1", {"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
                              moved(client, "team/deep/app"))  # fmt: skip
    assert again.code == "TAG_INVALID" and "immutable" in again.error["message"] and "team/deep/app" in again.error["message"]
    ecr = own_sandbox.ecr()
    made = ecr.describe_repositories(repositoryNames=["team/deep/app"])["repositories"][0]
    assert made["imageTagMutability"] == "IMMUTABLE" and made["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": "alias/ecr"}
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "owner", "Value": "platform"}]
    assert json.loads(ecr.get_repository_policy(repositoryName="team/deep/app")["policyText"]) == POLICY
    assert json.loads(ecr.get_lifecycle_policy(repositoryName="team/deep/app")["lifecyclePolicyText"]) == LIFECYCLE


def moved(client: RegistryClient, repository: str) -> bytes:
    """Another manifest of existing blobs."""
    manifest = json.loads(client.pull_manifest(repository, "v1"))
    return json.dumps(manifest | {"annotations": {"another": "one"}}).encode()


def test_concurrent_layers_create_one_repository(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = gateway_that_creates(own_sandbox, start_gateway, {"match": ["**"]})
    all_at_it = threading.Barrier(AT_ONCE)

    def push(_: int) -> None:
        with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
            all_at_it.wait(30)
            client.push_blob("fresh/app", os.urandom(1000))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(push, range(AT_ONCE)))
    assert creations(own_sandbox) == 1


def test_no_repository_is_created_outside_the_rules(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """Not for a name that does not match, not by a pull, and not for a user who may not push."""
    users = [user("ci", "**"), user("reader", "**", actions=("pull",))]
    gateway = gateway_that_creates(own_sandbox, start_gateway, {"match": ["team/*"]}, users=users)
    with RegistryClient(gateway.plain, "ci", PASSWORD) as client:
        for name in ("other/app", "team/deep/app", "teams/app"):
            rejected = client.expect((404,), "POST", f"/v2/{name}/blobs/uploads/", body=b"")
            assert rejected.code == "NAME_UNKNOWN" and "create_repositories" in rejected.error["message"]
        client.expect((404,), "GET", "/v2/team/app/tags/list")
        client.expect((404,), "GET", "/v2/team/app/manifests/v1")
    with RegistryClient(gateway.plain, "reader", PASSWORD) as client, pytest.raises(Unexpected) as rejected:
        client.start_upload("team/app")
    assert rejected.value.response.status == 403
    assert creations(own_sandbox) == 0


def test_docker_prints_what_to_do(own_sandbox: Sandbox, start_gateway: StartGateway, docker: Docker) -> None:
    """The error message reaches the person who typed the command."""
    gateway = start_gateway(own_sandbox, users=[user("ci", "**"), user("reader", "**", actions=("pull",))])
    gateway.wait_until_ready()
    reference = f"{gateway.plain.authority}/absent/app:v1"
    docker.build(reference, (10,))

    def said(verb: str, name: str, as_user: str = "ci") -> str:
        docker.log_in(Login(gateway.plain, as_user, PASSWORD))
        done = attempt("docker", verb, name, env=docker.environment)
        assert done.returncode != 0, done.stdout
        return done.stderr + done.stdout

    assert "The repository 'absent/app' does not exist; create it in ECR, or have the gateway's operator" in said("push", reference)
    assert "The user 'reader' may not push in 'absent/app'; ask the gateway's operator for access." in said("push", reference, "reader")
    assert "The repository 'absent/app' does not exist." in said("pull", reference)
    own_sandbox.create_repositories("absent/app")
    assert "not found" in said("pull", reference)
    own_sandbox.add_fault(where="registry", match={"method": "PUT", "path_prefix": "/v2/absent/app/manifests"}, kind="status", status=429, times=-1)
    assert "asked too often" in said("push", reference)
    docker.empty()
