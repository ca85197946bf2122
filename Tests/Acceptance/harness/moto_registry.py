"""An upstream written independently of Berth: moto's server as the ECR API, Debian's docker-registry over TLS as the registry.

moto checks signatures after INITIAL_NO_AUTH_ACTION_COUNT calls, which create a user and its key. Its token never changes, and its `expiresAt` is in
2015.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import boto3

from harness.address import Address, free_port
from harness.gateway import clean_environment
from harness.processes import Program, run
from harness.tls import Authority

ACCOUNT = "123456789012"
REGION = "eu-west-1"
REGISTRY_HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
TOKEN_PASSWORD = f"{ACCOUNT}-auth-token"  # the password in moto's token
UNCHECKED_ACTIONS = 3  # create a user, allow it everything, give it a key


class MotoRegistry:
    def __init__(self, directory: Path, authority: Authority) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.authority = authority
        self.moto, self.api = self._start_moto(directory)
        self.access_key_id, self.secret_access_key = self._make_key()
        self.registry, self.address = self._start_registry(directory)
        self.ca = authority.certificate
        self.calls_while_starting = self._calls()

    def stop(self) -> None:
        self.registry.stop()
        self.moto.stop()

    def _start_moto(self, directory: Path) -> tuple[Program, Address]:
        address = Address("127.0.0.1", free_port())
        environment = clean_environment({"INITIAL_NO_AUTH_ACTION_COUNT": str(UNCHECKED_ACTIONS), "PYTHONUNBUFFERED": "1"})
        argv = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", address.host, "-p", str(address.port)]
        program = Program("moto", argv, directory, environment)
        program.wait_ready(address.accepts)
        return program, address

    def _make_key(self) -> tuple[str, str]:
        keys = {"aws_access_key_id": "unchecked", "aws_secret_access_key": "unchecked"}
        iam = boto3.client("iam", endpoint_url=self.api.url, region_name=REGION, **keys)
        iam.create_user(UserName="berth")
        policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"*"}]}'
        iam.put_user_policy(UserName="berth", PolicyName="ecr", PolicyDocument=policy)
        key = iam.create_access_key(UserName="berth")["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def _start_registry(self, directory: Path) -> tuple[Program, Address]:
        certificate = self.authority.issue("docker-registry", f"DNS:{REGISTRY_HOST}", "IP:127.0.0.1")
        passwords = directory / "htpasswd"
        passwords.write_text(run("htpasswd", "-Bbn", "AWS", TOKEN_PASSWORD))
        address = Address("127.0.0.1", free_port(), self.authority.certificate)
        configuration = directory / "registry.yml"
        configuration.write_text(
            f"""\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {directory / "registry"}}}, delete: {{enabled: true}}}}
http:
  addr: {address.authority}
  tls: {{certificate: {certificate.certificate}, key: {certificate.key}}}
auth: {{htpasswd: {{realm: docker-registry, path: {passwords}}}}}
"""
        )
        # Only its systemd unit makes Debian's program log to the journal; here it logs to the file.
        program = Program("docker-registry", ["docker-registry", "serve", configuration], directory, {"PATH": os.environ["PATH"]})
        program.wait_ready(address.accepts)
        return program, address

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_ECR": self.api.url,
        }

    @property
    def upstream(self) -> dict[str, Any]:
        """The keys of a Berth configuration that reach this registry."""
        return {
            "upstreams": [{"name": "main", "registry": REGISTRY_HOST, "credentials": {"source": "environment"}}],
            "connect_to": {f"{REGISTRY_HOST}:443": self.address.authority},
            "ca_file": str(self.ca),
        }

    def create_repositories(self, *names: str) -> None:
        """docker-registry creates repositories by itself."""

    def _calls(self) -> int:
        return len(re.findall(r'"POST / HTTP/1\.1"', self.moto.err))

    def tokens_fetched(self) -> int:
        """The ECR API calls in moto's log. GetAuthorizationToken is the only one that a gateway makes on its own."""
        return self._calls() - self.calls_while_starting
