"""deploy/image/Dockerfile: the image that its last stage makes of the program under test, on this machine's release of Debian."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import StartClient

from clients.docker import Docker
from harness.address import Address, free_port
from harness.debian import Debian
from harness.gateway import EVERYTHING, PASSWORD, password_hash
from harness.images import blob_image
from harness.processes import attempt, run, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import request

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/image/Dockerfile"
NAME = "berth-under-test"


@dataclass
class Built:
    docker: Docker

    @property
    def facts(self) -> dict[str, Any]:
        return json.loads(self.docker.call("image", "inspect", NAME))[0]

    @property
    def configuration(self) -> dict[str, Any]:
        return self.facts["Config"]


@pytest.fixture(scope="module")
def built(berth: Path, minimal_debian: Debian, start_client: StartClient, directory: Path) -> Iterator[Built]:
    """The last stage as it is written. The one before compiles for minutes what `berth` already is."""
    docker = start_client("docker")
    assert isinstance(docker, Docker)
    *_, base = (line.split()[1] for line in DOCKERFILE.read_text().splitlines() if line.startswith("FROM "))
    archive = directory / "base.tar"
    run("tar", "--create", "--file", archive, "--directory", minimal_debian.root, ".")
    docker.call("import", archive, base)
    archive.unlink()
    context = directory / "context"
    context.mkdir()
    run("strip", "-o", context / "berth", berth)
    last = DOCKERFILE.read_text().rpartition("\nFROM ")[2]
    (context / "Dockerfile").write_text(f"FROM scratch AS build\nCOPY berth /src/.build/release/berth\n\nFROM {last}")
    docker.call("build", "--quiet", "--network", "host", "--tag", NAME, context)
    shutil.rmtree(context)
    yield Built(docker)
    docker.empty()


def test_the_image_has_its_labels_and_an_unprivileged_user(built: Built, berth: Path) -> None:
    configuration = built.configuration
    version = run(berth, "--version").strip()
    assert configuration["Labels"]["org.opencontainers.image.version"] == version
    assert configuration["User"] == "65532:65532" and configuration["StopSignal"] == "SIGTERM"
    assert configuration["Entrypoint"] == ["/usr/bin/berth"] and configuration["Cmd"] == ["serve"]
    # Exec form: the program needs no shell.
    assert configuration["Healthcheck"]["Test"] == ["CMD", "/usr/bin/berth", "health"]
    assert {variable.partition("=")[0] for variable in configuration["Env"]} <= {"PATH"}
    assert built.docker.call("run", "--rm", "--network", "none", NAME, "--version").strip() == version


def test_a_container_with_nothing_writable_is_healthy_and_serves(built: Built, sandbox: Sandbox, own_directory: Path) -> None:
    docker = built.docker
    address, admin = Address("127.0.0.1", free_port()), Address("127.0.0.1", free_port())
    own_directory.chmod(0o755)
    configuration = sandbox.upstream | {
        "listeners": [{"address": address.authority}],
        "admin": {"address": admin.authority},
        "users": [{"name": "ci", "password_hash": password_hash(PASSWORD), "access": EVERYTHING}],
        "ca_file": "/etc/berth/ca.pem",
    }
    mounted = own_directory / "etc"
    mounted.mkdir()
    (mounted / "berth.yaml").write_text(json.dumps(configuration))
    shutil.copy(sandbox.ca, mounted / "ca.pem")
    for path in (mounted, *mounted.iterdir()):
        path.chmod(0o755)
    variables = [option for name, value in sandbox.environment.items() for option in ("--env", f"{name}={value}")]
    identifier = docker.call(
        "run", "--detach", "--network", "host", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
        "--health-interval", "1s", "--health-start-period", "0s", "--volume", f"{mounted}:/etc/berth:ro", *variables, NAME,
    ).strip()  # fmt: skip
    try:
        state = lambda: json.loads(docker.call("inspect", identifier))[0]["State"]  # noqa: E731
        wait_until(lambda: state()["Health"]["Status"] == "healthy", "a healthy container")
        wait_until(lambda: request(admin, "GET", "/readyz").status == 200, "readyz")
        sandbox.create_repositories("team/image")
        image = blob_image(b"in a container")
        with RegistryClient(address, "ci", PASSWORD) as client:
            client.push_image("team/image", "v1", image)
            client.pull_image("team/image", "v1", image)
        docker.call("stop", "--time", "20", identifier)
        assert state()["ExitCode"] == 0, docker.call("logs", identifier)
    except BaseException:
        print(attempt("docker", "logs", identifier, env=docker.environment))
        raise
    finally:
        docker.call("rm", "--force", "--volumes", identifier)


def test_no_architecture_is_named_in_the_dockerfile() -> None:
    """So that it builds for each platform that its base images exist for."""
    text = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    for word in ("amd64", "arm64", "x86_64", "aarch64"):
        assert word not in text
