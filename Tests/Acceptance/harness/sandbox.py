"""`berth sandbox`, the ECR emulator, with the switches of its control endpoint."""

from __future__ import annotations

import base64
import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import boto3

from harness.address import Address
from harness.gateway import clean_environment
from harness.processes import Program
from harness.registry import RegistryClient


class Sandbox:
    """A running sandbox in its own directory, which is removed with it."""

    def __init__(self, berth: Path, directory: Path, *options: str) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        data = directory / "data"
        self.program = Program("sandbox", [berth, "sandbox", "--data", data, *options], directory, clean_environment({}))
        self.facts: dict[str, Any] = self.program.wait_ready(lambda: read_json(data / "sandbox.json"))
        self.ca = Path(self.facts["ca_file"])
        self.program.wait_ready(Address.parse(self.facts["api"]).accepts)

    def stop(self) -> None:
        self.program.stop()
        shutil.rmtree(self.directory / "data", ignore_errors=True)

    @property
    def registry_host(self) -> str:
        """The host name that clients of ECR would use."""
        return self.facts["registry_host"]

    @property
    def address(self) -> Address:
        """The registry itself, for clients that use it directly."""
        return Address.parse(self.facts["registry"], self.ca)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that give a gateway this sandbox's AWS credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.facts["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.facts["secret_access_key"],
            "AWS_REGION": self.facts["region"],
        }

    @property
    def upstream(self) -> dict[str, Any]:
        """The keys of a Berth configuration that reach this sandbox."""
        return {
            "upstreams": [{"name": "main", "registry": self.registry_host, "credentials": {"source": "environment"}}],
            "connect_to": self.facts["connect_to"],
            "ca_file": str(self.ca),
        }

    def ecr(self) -> Any:
        """boto3, signing for the sandbox's API."""
        return boto3.client(
            "ecr",
            endpoint_url=f"https://{Address.parse(self.facts['api']).authority}",
            verify=str(self.ca),
            region_name=self.facts["region"],
            aws_access_key_id=self.facts["access_key_id"],
            aws_secret_access_key=self.facts["secret_access_key"],
        )

    def login(self) -> tuple[str, str]:
        """The user and password in a new authorization token, for clients that use the registry directly."""
        token = self.ecr().get_authorization_token()["authorizationData"][0]["authorizationToken"]
        username, _, password = base64.b64decode(token).decode().partition(":")
        return username, password

    def direct(self) -> RegistryClient:
        """A client of the registry itself."""
        return RegistryClient(self.address, *self.login())

    def create_repositories(self, *names: str) -> None:
        client = self.ecr()
        for name in names:
            try:
                client.create_repository(repositoryName=name)
            except client.exceptions.RepositoryAlreadyExistsException:
                pass

    # The control endpoint.

    def control(self, method: str, path: str, value: Any = None) -> Any:
        url = f"http://{Address.parse(self.facts['control']).authority}{path}"
        body = None if value is None else json.dumps(value).encode()
        message = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(message, timeout=10) as response:
            text = response.read()
        return json.loads(text) if text.strip() else None

    def tokens_fetched(self) -> int:
        return self.control("GET", "/stats")["authorization_tokens"]

    def expire_tokens(self) -> None:
        self.control("POST", "/tokens/expire", {})

    def expire_urls(self) -> None:
        self.control("POST", "/urls/expire", {})

    def deny_credentials(self, deny: bool) -> None:
        self.control("POST", "/credentials", {"deny": deny})

    def switch(self, **quirks: bool) -> None:
        """Switches quirks of ECR on or off, by the sandbox's names."""
        self.control("POST", "/quirks", quirks)

    def add_fault(self, **fault: Any) -> None:
        self.control("POST", "/faults", fault)

    def clear_faults(self) -> None:
        self.control("DELETE", "/faults")


def with_replica(first: Sandbox, replica: Sandbox, **changes: Any) -> dict[str, Any]:
    """The configuration of a gateway for a registry and its replica."""
    trust = first.directory / "both.pem"
    trust.write_bytes(first.ca.read_bytes() + replica.ca.read_bytes())
    upstream = first.upstream["upstreams"][0] | {"fallbacks": [replica.registry_host]}
    connect_to = first.facts["connect_to"] | replica.facts["connect_to"]
    return {"ca_file": str(trust), "connect_to": connect_to, "upstreams": [upstream]} | changes


def read_json(path: Path) -> dict[str, Any] | None:
    """The file's value, or None while it is missing or half written."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
