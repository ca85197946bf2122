"""What openapi.yaml says is what Berth does: schemathesis makes requests of it, good and bad, and checks the responses."""

from __future__ import annotations

import sys
from pathlib import Path

from conftest import StartGateway
from harness.gateway import clean_environment
from harness.processes import attempt
from harness.sandbox import Sandbox
from harness.wire import basic

DOCUMENT = Path(__file__).parents[2] / "openapi.yaml"
TOKEN = "0123456789abcdef-an-operator"


def examine(url: str, directory: Path, *options: str) -> None:
    """Each operation with valid and invalid values of every parameter and field, and with random ones."""
    done = attempt(
        "env", "-C", directory,  # where it leaves its cache
        sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run", DOCUMENT, "--url", url, "--phases", "examples,coverage,fuzzing",
        "--checks", "all", "--max-examples", "60", "--generation-deterministic", "--request-timeout", "30", "--suppress-health-check", "all", "--no-color", *options,
        env=clean_environment({}), timeout=240)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_the_admin_listener_does_what_its_description_says(
    sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path
) -> None:
    path = own_directory / "admin.token"
    path.write_text(TOKEN)
    gateway = start_gateway(sandbox, admin={"address": "127.0.0.1:0", "token_file": str(path)})
    gateway.wait_until_ready()
    # Events have no end; test_admin.py reads them.
    examine(
        gateway.admin.url, own_directory, "--include-tag", "admin", "--exclude-path", "/api/v1/events",
        "--header", f"Authorization: Bearer {TOKEN}")


def test_the_registry_does_what_its_description_says(
    own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path
) -> None:
    own_sandbox.create_repositories("team/app")
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    # Without `anonymous` there is no /token. Random bytes are no manifest and have another digest: valid by the schema, and rejected.
    examine(
        gateway.plain.url, own_directory, "--include-tag", "registry", "--exclude-path", "/token",
        "--exclude-checks", "positive_data_acceptance",
        "--header", f"Authorization: {basic(gateway.username, gateway.password)}")
