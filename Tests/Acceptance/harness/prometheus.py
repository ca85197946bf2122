"""A Prometheus server that scrapes gateways and evaluates rules."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from harness.address import Address, free_port
from harness.processes import Program, wait_until

SCRAPES_EVERY = "500ms"


class Prometheus:
    def __init__(self, directory: Path, rules: Path, targets: dict[str, Address]) -> None:
        """`targets`: the admin listeners, by the value of the label `instance`."""
        directory.mkdir()
        configuration = {
            "global": {"scrape_interval": SCRAPES_EVERY, "scrape_timeout": SCRAPES_EVERY, "evaluation_interval": SCRAPES_EVERY},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {
                    "job_name": "berth",
                    "static_configs": [
                        {"targets": [address.authority], "labels": {"instance": name}} for name, address in targets.items()
                    ],
                }
            ],
        }
        path = directory / "prometheus.yml"
        path.write_text(yaml.safe_dump(configuration))
        self.address = Address("127.0.0.1", free_port())
        self.program = Program(
            "prometheus",
            [
                "prometheus",
                f"--config.file={path}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self.address.authority}",
                "--web.max-connections=8",
            ],
            directory,
        )
        self.program.wait_ready(lambda: self.address.accepts() and self._is_ready())

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address.url}/-/ready", timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"{self.address.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as response:
                return json.loads(response.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now."""
        found = self._get("query", query=expression)
        assert found["resultType"] in ("vector", "scalar"), found
        return found["result"] if found["resultType"] == "vector" else [{"metric": {}, "value": found["result"]}]

    def wait_for_scrapes(self, count: int, instances: int) -> None:
        """Until each target was scraped that often."""
        expression = f"count(count_over_time(up[10m]) >= {count})"
        wait_until(lambda: self.query(expression) and float(self.query(expression)[0]["value"][1]) >= instances, f"{count} scrapes")

    def alerts(self) -> dict[tuple[str, str], str]:
        """The state, pending or firing, of each alert, by name and instance."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("instance", "")): alert["state"] for alert in self._get("alerts")["alerts"]
        }

    def annotations(self) -> list[str]:
        """The texts of all alerts, as they would be sent."""
        return [text for alert in self._get("alerts")["alerts"] for text in alert["annotations"].values()]

    def stop(self) -> None:
        self.program.stop()
