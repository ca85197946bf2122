"""Berth. It checks the login and the rules of every request; the other proxies check nothing and add a fixed Authorization."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.address import Address
from harness.cache import settings, wait_until_on
from harness.gateway import EVERYTHING, Gateway, clean_environment, password_hash
from harness.processes import Program
from harness.wire import request
from ports import free_port
from proxies import Surroundings
from upstream import REGION, REGISTRY_HOST, STORAGE_HOST

PULL = [{"repositories": ["**"], "actions": ["pull"]}]
START_SECONDS = 120.0  # also under valgrind
Configure = Callable[[dict[str, Any]], None]


class Berth:
    def __init__(
        self,
        name: str,
        program: Path,
        around: Surroundings,
        configure: Configure | None = None,
    ) -> None:
        """`configure` changes the configuration."""
        ports = free_port(), free_port(), free_port()
        self.name = name
        self.plain = Address("127.0.0.1", ports[0])
        self.tls = Address("127.0.0.1", ports[1], around.ca)
        self.admin = admin = Address("127.0.0.1", ports[2])
        configuration: dict[str, Any] = {
            "listeners": [
                {"address": self.plain.authority},
                {
                    "address": self.tls.authority,
                    "tls": {"certificate": str(around.certificate.certificate), "private_key": str(around.certificate.key)},
                },
            ],
            "admin": {"address": admin.authority},
            "upstreams": [{"name": "main", "registry": REGISTRY_HOST, "credentials": {"source": "environment"}}],
            "users": [{"name": Gateway.username, "password_hash": password_hash(Gateway.password), "access": EVERYTHING}],
            "connect_to": {f"{host}:443": around.upstream.address.authority for host in (REGISTRY_HOST, STORAGE_HOST)},
            "ca_file": str(around.ca),
            "limits": {"connections_per_client": 10_000},
            "timeouts": {"idle": "600s", "stall": "600s"},
            "log": {"level": "info" if around.access_log else "warning", "format": "json"},
            "workers": 1,
        }
        if around.cache:
            configuration["cache"] = settings(around.cache, size="16GiB", stale="24h")
            # For who may push, the registry answers HEAD.
            configuration["users"][0]["access"] = PULL
        if configure:
            configure(configuration)
        directory = around.directory
        (directory / f"{name}.yaml").write_text(json.dumps(configuration))  # JSON is YAML
        variables = {
            "RUNTIME_DIRECTORY": str(directory),
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_ECR": around.upstream.api_url,
        }
        argv = [*around.before, program, "serve", "--config", directory / f"{name}.yaml"]
        self.program = Program(name, argv, directory, clean_environment(variables | around.environment))
        self.program.wait_ready(lambda: admin.accepts() and request(admin, "GET", "/readyz").status == 200, START_SECONDS)
        if around.cache:
            wait_until_on(self, START_SECONDS)

    def pids(self) -> list[int]:
        return [self.program.pid]

    def stop(self) -> None:
        self.program.stop()
