"""`berth health`: what HEALTHCHECK runs."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from harness.address import free_port
from harness.gateway import Gateway, clean_environment, user
from harness.processes import attempt
from harness.sandbox import Sandbox

UPSTREAM = {"upstreams": [{"name": "main", "registry": "123456789012.dkr.ecr.eu-west-1.amazonaws.com"}]}


def health(berth: Path, configuration: Path | None, environment: dict[str, str] | None = None) -> tuple[int, str]:
    options = ["--config", configuration] if configuration else []
    began = time.monotonic()
    done = attempt(berth, "health", *options, env=clean_environment(environment or {}), timeout=20)
    assert time.monotonic() - began < 15
    assert len((done.stdout + done.stderr).splitlines()) == 1, done
    return done.returncode, done.stdout + done.stderr


def write(directory: Path, **changes: Any) -> Path:
    path = directory / "asked.yaml"
    path.write_text(json.dumps(UPSTREAM | {"users": [user("ci", "**")]} | changes))
    return path


def test_a_running_gateway_is_healthy_until_it_ends(berth: Path, own_directory: Path, sandbox: Sandbox) -> None:
    port = free_port()
    # Every address stands for loopback; neither the file's secrets nor AWS matter.
    asked = write(own_directory, admin={"address": f"0.0.0.0:{port}"}, users=[{"name": "ci", "password_file": "/nonexistent"}], ca_file="/nonexistent")
    status, said = health(berth, asked)
    assert status == 1 and f"127.0.0.1:{port}" in said and "is berth serve running" in said, said
    running = Gateway(berth, own_directory / "gateway", sandbox.upstream | {"admin": {"address": f"127.0.0.1:{port}"}}, sandbox.environment)
    try:
        assert health(berth, asked) == (0, f"ok: http://127.0.0.1:{port}/healthz\n")
        assert health(berth, running.configuration_path)[0] == 0
        proxies = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""}
        assert health(berth, asked, proxies)[0] == 0
        from_environment = {"BERTH_ADMIN_LISTEN": f"127.0.0.1:{port}"}
        assert health(berth, None, from_environment)[0] == 0
        running.program.process.send_signal(signal.SIGSTOP)
        status, said = health(berth, asked)
        assert status == 1, said
    finally:
        running.program.process.send_signal(signal.SIGCONT)
        running.stop()


def test_what_is_no_berth_is_not_healthy(berth: Path, own_directory: Path, sandbox: Sandbox) -> None:
    status, said = health(berth, write(own_directory, admin={"address": sandbox.facts["control"].removeprefix("http://")}))
    assert status == 1 and "no berth" in said, said


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("admin: {address: \"127.0.0.1:0\"}", "admin.address has port 0"),
        ("admin: {address: nowhere}", "asked.yaml:1: admin.address: 'nowhere' is not an IP address and a port"),
        ("admin: {address: \"${NOT_SET}\"}", "NOT_SET is not set"),
        ("admin: [", "asked.yaml:2: this is not YAML"),
    ],
)
def test_an_address_that_cannot_be_asked_is_named(berth: Path, own_directory: Path, configuration: str, expected: str) -> None:
    path = own_directory / "asked.yaml"
    path.write_text(configuration + "\n")
    status, said = health(berth, path)
    assert status == 1 and expected in said, said


def test_a_missing_file_is_named(berth: Path, own_directory: Path) -> None:
    status, said = health(berth, own_directory / "none.yaml")
    assert status == 1 and "none.yaml" in said and "no such file" in said, said
