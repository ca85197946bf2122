"""deploy/compose: read by a parser of the compose specification and by docker, and compared with what it replaces."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml
from compose_spec import PyCompose

from harness.manifests import DEPLOY
from harness.processes import require, run

COMPOSE = DEPLOY / "compose/compose.yaml"
# Of rancher-ecr-credentials: users keep them.
REPLACED = {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def is_locked_down(service: dict[str, Any]) -> bool:
    return service["read_only"] is True and service["cap_drop"] == ["ALL"] and "privileged" not in service


def test_the_compose_file_follows_the_specification() -> None:
    parsed = PyCompose.from_yaml(COMPOSE.read_text())
    assert parsed.service_names() == ["berth"]


def test_the_compose_file_s_container_is_checked_and_has_no_privileges() -> None:
    service = yaml.safe_load(COMPOSE.read_text())["services"]["berth"]
    assert is_locked_down(service) and service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"] == ["CMD", "/usr/bin/berth", "health"]
    assert REPLACED <= set(service["environment"])
    assert "127.0.0.1:5001:5001" in service["ports"], "the admin port has no login"
    assert any(label.startswith("io.rancher.scheduler.affinity") for label in service["labels"])


def test_docker_reads_the_stack_and_its_files_are_named(own_directory: Path) -> None:
    require("docker")
    for name in ("stack.yaml", "berth.yaml"):
        shutil.copy(DEPLOY / "compose" / name, own_directory)
    (own_directory / "tls.crt").touch()
    stack = yaml.safe_load(run("docker", "stack", "config", "-c", own_directory / "stack.yaml"))
    service = stack["services"]["berth"]
    assert is_locked_down(service) and service["healthcheck"]["test"] == ["CMD", "/usr/bin/berth", "health"]
    assert [port["mode"] for port in service["ports"]] == ["host"]
    settings = yaml.safe_load((DEPLOY / "compose/berth.yaml").read_text())
    mounted = {f"/run/secrets/{each['source']}" for each in service["secrets"]} | {each["target"] for each in service["configs"]}
    used = {user["password_file"] for user in settings["users"]} | set(settings["listeners"][0]["tls"].values())
    assert used | {"/etc/berth/berth.yaml"} == mounted
    assert {each["source"] for each in service["secrets"]} == set(stack["secrets"])
