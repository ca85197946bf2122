"""`berth serve` with a test's configuration, and its log and metrics."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.address import Address
from harness.processes import Program, only_group, run, wait_until
from harness.tls import Certificate
from harness.wire import Response, request

PASSWORD = "correct horse battery staple"
# Must never be in a log: presigned query keys with a value, and authorization fields.
SECRET_PATTERNS = (
    r"X-Amz-Signature=[0-9a-f]{8}",
    r"X-Amz-Security-Token=[A-Za-z0-9%]",
    r"Basic [A-Za-z0-9+/]{12}",
    r"Signature=[0-9a-f]{16}",
)

# Listeners for `berth check`, which tries its addresses: without these, those of another test or program at ports 5000 and 5001 fail it.
FREE = {"listeners": [{"address": "127.0.0.1:0"}], "admin": {"address": "127.0.0.1:0"}}

EVERYTHING = [{"repositories": ["**"], "actions": ["pull", "push", "delete", "list"]}]


def password_hash(password: str) -> str:
    """A SHA-512 crypt hash made by openssl, so that Berth's verification is not tested with Berth's own hashes."""
    return run("openssl", "passwd", "-6", "-stdin", input=password + "\n").strip()


def user(name: str, *repositories: str, actions: tuple[str, ...] = ("pull", "push"), password: str = PASSWORD) -> dict[str, Any]:
    return {
        "name": name,
        "password_hash": password_hash(password),
        "access": [{"repositories": list(repositories), "actions": list(actions)}],
    }


def clean_environment(extra: dict[str, str]) -> dict[str, str]:
    """The caller's environment without variables that affect Berth or an AWS client."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BERTH_"))}
    kept["AWS_EC2_METADATA_DISABLED"] = "true"
    return kept | extra


class Gateway:
    """A running `berth serve`, listening on free loopback ports."""

    username = "ci"
    password = PASSWORD

    def __init__(
        self,
        berth: Path,
        directory: Path,
        configuration: dict[str, Any],
        environment: dict[str, str],
        certificate: Certificate | None = None,
        ca: Path | None = None,
        listeners: list[dict[str, Any]] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """`configuration` has the upstreams and what else the test needs; listeners, admin, users and log have defaults. `options`: of serve."""
        directory.mkdir(parents=True, exist_ok=True)
        self.ca = ca
        listeners = listeners or default_listeners(certificate)
        defaults: dict[str, Any] = {
            "listeners": listeners,
            "admin": {"address": "127.0.0.1:0"},
            "users": [{"name": self.username, "password_hash": password_hash(self.password), "access": EVERYTHING}],
            "log": {"level": "info", "format": "json"},
            "workers": 2,
        }
        self.configuration_path = directory / "berth.yaml"
        self.write(defaults | configuration)  # JSON is YAML
        self.secrets = {self.password, *(environment.get(key, "") for key in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))} - {""}
        self.program = Program(
            "gateway",
            [berth, "serve", "--config", self.configuration_path, *options],
            directory,
            clean_environment({"RUNTIME_DIRECTORY": str(directory)} | environment),
        )
        self.addresses: dict[tuple[str, bool], Address] = {}
        self.program.wait_ready(lambda: self._find_addresses(len(self.configuration["listeners"]) + 1))

    def write(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration
        self.configuration_path.write_text(json.dumps(configuration, indent=2))

    def _find_addresses(self, expected: int) -> bool:
        listening = [line for line in self.log_lines() if line.get("message") == "listening"]
        for line in listening:
            tls = line["tls"]
            assert isinstance(tls, bool), line
            self.addresses[line["listener"], tls] = Address.parse(line["address"], self.ca if tls else None)
        return len(listening) >= expected

    @property
    def plain(self) -> Address:
        return self.addresses["registry", False]

    @property
    def tls(self) -> Address:
        return self.addresses["registry", True]

    @property
    def admin(self) -> Address:
        return self.addresses["admin", False]

    # Log and metrics.

    def log_lines(self) -> Iterator[dict[str, Any]]:
        for line in self.program.err.splitlines():
            if line.startswith("{"):
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    pass  # the last line, half written

    def access_line(self, response: Response) -> dict[str, Any]:
        """The access line of an exchange, found by the request id in its response."""
        assert response.request_id, f"no Berth-Request-Id in {response.fields}"

        def lines() -> list[dict[str, Any]]:
            return [line for line in self.log_lines() if response.request_id in line.values()]

        found = wait_until(lines, f"an access line of {response.request_id}", 5)
        accesses = [line for line in found if "status" in line]
        assert len(accesses) == 1, found
        return accesses[0]

    def ready(self) -> Response:
        return request(self.admin, "GET", "/readyz")

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.ready().status == 200, "readyz")

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels."""
        total = 0.0
        for line in request(self.admin, "GET", "/metrics").body.decode().splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name and all(f'{key}="{value}"' in (match[2] or "") for key, value in labels.items()):
                total += float(match[3])
        return total

    def resident_kib(self, key: str = "VmRSS") -> int:
        """VmRSS: resident now; VmHWM: the maximum so far."""
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        return int(only_group(rf"{key}:\s+(\d+) kB", status))

    # The end.

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        status = self.program.stop(number)
        self.check_no_secret_was_logged()
        return status

    def check_no_secret_was_logged(self) -> None:
        text = self.program.err + self.program.out
        for secret in self.secrets:
            assert secret not in text, "a secret of the test is in the log"
        for pattern in SECRET_PATTERNS:
            found = re.search(pattern, text)
            assert not found, f"{pattern} is in the log: {text[max(0, found.start() - 200) : found.end()]}"


def default_listeners(certificate: Certificate | None) -> list[dict[str, Any]]:
    """A plain listener, and a TLS listener if there is a certificate."""
    listeners: list[dict[str, Any]] = [{"address": "127.0.0.1:0"}]
    if certificate:
        tls = {"certificate": str(certificate.certificate), "private_key": str(certificate.key)}
        listeners.append({"address": "127.0.0.1:0", "tls": tls})
    return listeners
