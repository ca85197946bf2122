"""All configuration errors are reported at once, each with its line, its key and the fix, and nothing starts."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from harness.gateway import Gateway, clean_environment
from harness.processes import attempt
from harness.sandbox import Sandbox

EX_USAGE = 64
EX_UNAVAILABLE, EX_CONFIG = 69, 78

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
# The expected problems, by line and key.
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
def test_every_problem_of_a_file_is_reported_at_once(berth: Path, own_directory: Path, command: str) -> None:
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
    assert "hunter2" not in said, "a misplaced password is printed"


def test_a_missing_file(berth: Path, own_directory: Path) -> None:
    done = serve(berth, "serve", "--config", own_directory / "absent.yaml")
    assert done.returncode == EX_CONFIG, done
    assert "absent.yaml" in done.stderr


def test_a_file_that_is_not_yaml(berth: Path, own_directory: Path) -> None:
    path = own_directory / "berth.yaml"
    path.write_text("listeners: [\n")
    done = serve(berth, "serve", "--config", path)
    assert done.returncode == EX_CONFIG, done
    assert re.search(r"berth\.yaml:\d+", done.stderr), done.stderr


def test_the_environment_alone_is_checked_too(berth: Path) -> None:
    done = serve(berth, "serve", BERTH_REGISTRY="nowhere", BERTH_USERNAME="ci")
    assert done.returncode == EX_CONFIG, done
    assert "BERTH_REGISTRY" in done.stderr and "BERTH_PASSWORD" in done.stderr


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize("with_file", [True, False])
def test_an_unknown_variable_is_rejected(berth: Path, own_directory: Path, command: str, with_file: bool) -> None:
    path = own_directory / "berth.yaml"
    path.write_text("anonymous: {access: [{repositories: [a], actions: [pull]}]}\nupstreams: [{name: main, registry: public.ecr.aws}]\n")
    variables = {"BERTH_REGISTRI": "hunter2"} | ({"BERTH_CONFIG": str(path)} if with_file else {})
    done = serve(berth, command, **variables)
    assert done.returncode == EX_CONFIG, done
    reported = [line for line in done.stderr.splitlines() if line.startswith("environment: BERTH_REGISTRI: ")]
    assert len(reported) == 1 and "BERTH_REGISTRY" in reported[0], done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_variables_without_effect_are_listed_with_the_file(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    idle = {"BERTH_REGISTRY": "public.ecr.aws", "BERTH_PASSWORD": "hunter2"}
    gateway = Gateway(berth, own_directory / "gateway", own_sandbox.upstream, own_sandbox.environment | idle)
    try:
        lines = list(gateway.log_lines())
        path = str(gateway.configuration_path)
        start = [line for line in lines if line.get("message") == "starting"]
        version = serve(berth, "--version").stdout.strip()
        assert [(line["version"], line["configuration"]) for line in start] == [(version, path)], lines
        reported = [line["warning"] for line in lines if line["level"] == "warning"]
        assert len(reported) == 1 and all(name in reported[0] for name in idle) and path in reported[0], lines
        checked = serve(berth, "check", "--config", path, **own_sandbox.environment, **idle)
        assert checked.returncode == 0 and f"warn  configuration: {reported[0]}" in checked.stdout, checked
        report = json.loads(serve(berth, "check", "--json", "--config", path, **own_sandbox.environment, **idle).stdout)
        assert (report["configuration"], report["warnings"], report["ok"]) == (path, reported, True)
    finally:
        gateway.stop()
    assert "hunter2" not in gateway.program.err


@pytest.mark.parametrize("option", ["--account=1", "--account=12345678901a", "--region=europe", "--region=cn-north-1", "--region=eu-west-1.evil", "--listen=localhost", "--listen=127.0.0.1:80", "--quirk=none=on"])
def test_a_sandbox_of_an_impossible_account_or_region_is_rejected(berth: Path, own_directory: Path, option: str) -> None:
    done = attempt(berth, "sandbox", "--data", own_directory / "data", option, env=clean_environment({}), timeout=20)
    assert done.returncode == EX_USAGE, done
    assert option.split("=")[0] in done.stderr and not (own_directory / "data").exists(), done


@pytest.mark.parametrize("listener", ["registry", "admin"])
def test_an_address_used_by_another_berth_is_an_error(berth: Path, own_directory: Path, strict_gateway: Gateway, listener: str) -> None:
    """With SO_REUSEPORT, two processes would silently share its connections."""
    taken = strict_gateway.plain if listener == "registry" else strict_gateway.admin
    free = "127.0.0.1:0"
    configuration = strict_gateway.configuration | {
        "listeners": [{"address": taken.authority if listener == "registry" else free}],
        "admin": {"address": taken.authority if listener == "admin" else free},
    }
    path = own_directory / "berth.yaml"
    path.write_text(json.dumps(configuration))
    done = serve(berth, "serve", "--config", path)
    # The other program may be on its way out, so a service manager is to try again.
    assert done.returncode == EX_UNAVAILABLE, done
    assert f"{taken.authority}: Address already in use" in done.stderr, done.stderr
    assert f"{path}:1: {'listeners[0]' if listener == 'registry' else 'admin'}.address: " in done.stderr, done.stderr


def test_an_address_that_this_machine_lacks_is_a_configuration_error(berth: Path, own_directory: Path, strict_gateway: Gateway) -> None:
    configuration = strict_gateway.configuration | {"listeners": [{"address": "127.0.0.1:0"}, {"address": "192.0.2.1:5000"}]}
    path = own_directory / "berth.yaml"
    path.write_text(json.dumps(configuration))
    done = serve(berth, "serve", "--config", path)
    assert done.returncode == EX_CONFIG, done
    assert f"{path}:1: listeners[1].address: 192.0.2.1:5000: Cannot assign requested address; write an address of this machine" in done.stderr


@pytest.mark.parametrize("arguments", [["serve", "--no-such-option"], ["no-such-command"]])
def test_usage_errors(berth: Path, arguments: list[str]) -> None:
    assert serve(berth, *arguments).returncode == EX_USAGE


def test_the_version(berth: Path) -> None:
    done = serve(berth, "--version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+", done.stdout), done
