"""Configuration errors are told all at once, each with its line, its key and its fix; nothing starts."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from harness.gateway import Gateway, clean_environment
from harness.processes import attempt

EX_USAGE = 64
EX_CONFIG = 78

PROBLEMS = """\
listeners:
  - address: 0.0.0.0:99999
upstreams:
  - name: main
    registry: not-an-ecr-host.example.com
    blobs: sometimes
timeouts:
  connect: 5
limits:
  haed: 32KiB
users:
  - name: rancher
    password_hash: hunter2
    access:
      - repositories: ["team-a/**"]
        actions: [pull, pish]
routes:
  - upstream: mian
log: {level: loud}
"""
# What is wrong, by line and key.
EXPECTED = {
    2: "address",
    5: "registry",
    6: "blobs",
    8: "connect",
    10: "haed",
    13: "password_hash",
    16: "actions",
    18: "upstream",
    19: "level",
}


def serve(berth: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return attempt(berth, *arguments, env=clean_environment(environment), timeout=20)


@pytest.mark.parametrize("command", ["serve", "check"])
def test_every_problem_of_a_file_is_told_at_once(berth: Path, own_directory: Path, command: str) -> None:
    path = own_directory / "berth.yaml"
    path.write_text(PROBLEMS)
    done = serve(berth, command, "--config", path)
    assert done.returncode == EX_CONFIG, done
    said = done.stderr + done.stdout
    found = {int(line): text for line, text in re.findall(r"berth\.yaml:(\d+): (.*)", said)}
    for line, key in EXPECTED.items():
        assert key in found.get(line, ""), f"line {line}, {key}:\n{said}"
        assert ";" in found[line], f"no fix is named: {found[line]}"
    assert "head" in found[10], "the nearest known key is not named"
    assert "hunter2" not in said, "a password that was put in the wrong place is repeated"


def test_a_file_that_is_not_there(berth: Path, own_directory: Path) -> None:
    done = serve(berth, "serve", "--config", own_directory / "absent.yaml")
    assert done.returncode == EX_CONFIG, done
    assert "absent.yaml" in done.stderr


def test_a_file_that_is_no_yaml(berth: Path, own_directory: Path) -> None:
    path = own_directory / "berth.yaml"
    path.write_text("listeners: [\n")
    done = serve(berth, "serve", "--config", path)
    assert done.returncode == EX_CONFIG, done
    assert re.search(r"berth\.yaml:\d+", done.stderr), done.stderr


def test_the_environment_alone_is_checked_too(berth: Path) -> None:
    done = serve(berth, "serve", BERTH_REGISTRY="nowhere", BERTH_USERNAME="ci")
    assert done.returncode == EX_CONFIG, done
    assert "BERTH_REGISTRY" in done.stderr and "BERTH_PASSWORD" in done.stderr


@pytest.mark.parametrize("listener", ["registry", "admin"])
def test_an_address_that_another_berth_has(berth: Path, own_directory: Path, strict_gateway: Gateway, listener: str) -> None:
    """Two with SO_REUSEPORT would share its connections without a word."""
    taken = strict_gateway.plain if listener == "registry" else strict_gateway.admin
    free = "127.0.0.1:0"
    configuration = strict_gateway.configuration | {
        "listeners": [{"address": taken.authority if listener == "registry" else free}],
        "admin": {"address": taken.authority if listener == "admin" else free},
    }
    path = own_directory / "berth.yaml"
    path.write_text(json.dumps(configuration))
    done = serve(berth, "serve", "--config", path)
    assert done.returncode == EX_CONFIG, done
    assert f"{taken.authority}: Address already in use" in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [["serve", "--no-such-option"], ["no-such-command"]])
def test_usage_errors(berth: Path, arguments: list[str]) -> None:
    assert serve(berth, *arguments).returncode == EX_USAGE


def test_the_version(berth: Path) -> None:
    done = serve(berth, "--version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+", done.stdout), done
