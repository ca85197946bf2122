"""The alerts and the dashboard, with promtool and a real Prometheus that scrapes running gateways."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import StartGateway
from harness.address import Address, free_port
from harness.cache import settings
from harness.gateway import Gateway
from harness.images import blob_image
from harness.manifests import DEPLOY, read_json, read_yaml
from harness.processes import require, run, wait_until
from harness.prometheus import Prometheus
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority, Certificate
from harness.wire import basic, request

RULES = DEPLOY / "prometheus/berth.rules.yaml"
ALERTS = {rule["alert"]: rule for rule in read_yaml("prometheus/berth.rules.yaml")["groups"][0]["rules"]}
DASHBOARD = read_json("grafana/berth.json")
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$__range": "10m", "$job": "berth", "$instance": ".*", "$upstream": ".*"}
METRIC = re.compile(r"\b(?:berth|process)_[a-z0-9_]+|\bup\b")
# Nothing that a healthy gateway has.
MAY_BE_EMPTY = {"Throttled"}


def substituted(expression: str) -> str:
    for name, value in sorted(VARIABLES.items(), key=lambda each: -len(each[0])):
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def expressions(panel: dict[str, Any]) -> list[str]:
    return [substituted(target["expr"]) for target in panel["targets"]]


# Without a server.


def test_promtool_accepts_the_rules() -> None:
    require("promtool")
    assert f"{len(ALERTS)} rules found" in run("promtool", "check", "rules", RULES)


def test_every_alert_fires_when_it_must_and_not_otherwise() -> None:
    require("promtool")
    tests = DEPLOY / "prometheus/berth.rules.test.yaml"
    run("promtool", "test", "rules", tests)
    assert set(re.findall(r'alertname="(\w+)", alertstate="firing"', tests.read_text())) == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert set(rule["annotations"]) == {"summary", "description"}
    assert len(rule["annotations"]["summary"]) < 120 and len(rule["annotations"]["description"]) > 100


def test_promtool_accepts_every_expression_of_the_dashboard(own_directory: Path) -> None:
    require("promtool")
    rules = [{"record": f"panel:{panel['id']}:{number}", "expr": expression}
             for panel in PANELS for number, expression in enumerate(expressions(panel))]  # fmt: skip
    path = own_directory / "dashboard.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", path)


def test_the_dashboard_is_well_formed() -> None:
    assert DASHBOARD["schemaVersion"] >= 39 and DASHBOARD["uid"] == "berth"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids) and len({panel["title"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert panel["datasource"] == source and all(target["datasource"] == source for target in panel["targets"])
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "job", "instance", "upstream"]
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Health and tokens", "Traffic", "Latency", "Errors", "Repositories and users", "Cache", "Resources"]


# With a server.


@pytest.fixture(scope="module")
def busy(
    berth: Path, directory: Path, sandbox: Sandbox, authority: Authority, certificate: Certificate
) -> Iterator[Gateway]:
    """A gateway with a cache, after pushes, pulls, a wrong login, a missing repository and a reload."""
    configuration = sandbox.upstream | {"cache": settings(directory / "busy-cache")}
    gateway = Gateway(berth, directory / "busy", configuration, sandbox.environment, certificate, authority.certificate)
    gateway.wait_until_ready()
    sandbox.create_repositories("seen/app")
    image = blob_image(os.urandom(300_000))
    with RegistryClient(gateway.tls, gateway.username, gateway.password) as client:
        client.push_image("seen/app", "v1", image)
        client.pull_image("seen/app", "v1", image)
        client.expect((404,), "GET", "/v2/seen/nothing/manifests/v1")
    request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, "wrong"))
    assert request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status == 200
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(scope="module")
def prometheus(directory: Path, busy: Gateway) -> Iterator[Prometheus]:
    require("prometheus")
    server = Prometheus(directory / "prometheus", RULES, {"berth-1": busy.admin})
    server.wait_for_scrapes(2, 1)
    # Between two scrapes, so that rates are not 0.
    with RegistryClient(busy.tls, busy.username, busy.password) as client:
        for _ in range(3):
            client.pull_manifest("seen/app", "v1")
            client.push_image("seen/app", "v2", blob_image(os.urandom(1000)))
            client.expect((404,), "GET", "/v2/seen/nothing/manifests/v1")
    server.wait_for_scrapes(int(server.query("count_over_time(up[10m])")[0]["value"][1]) + 3, 1)
    yield server
    server.stop()


def test_every_metric_of_the_alerts_and_the_dashboard_is_served(busy: Gateway) -> None:
    text = request(busy.admin, "GET", "/metrics").body.decode()
    served = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)) | {"up"}
    used = [expression for panel in PANELS for expression in expressions(panel)] + [rule["expr"] for rule in ALERTS.values()]
    used += [note["expr"] for note in DASHBOARD["annotations"]["list"]]
    used += [variable["definition"] for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for each in used for name in METRIC.findall(each)}
    assert len(names) > 20
    assert names - served == set()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_shows_what_the_gateway_does(prometheus: Prometheus, panel: dict[str, Any]) -> None:
    for expression, target in zip(expressions(panel), panel["targets"], strict=True):
        samples = prometheus.query(expression)
        assert samples or panel["title"] in MAY_BE_EMPTY, expression
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert all(label in sample["metric"] for sample in samples), f"no {label} in {samples}"


def test_the_dashboard_s_variables_and_annotations_have_values(prometheus: Prometheus) -> None:
    for variable in DASHBOARD["templating"]["list"][1:]:
        metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", substituted(variable["definition"])).groups()
        assert any(label in sample["metric"] for sample in prometheus.query(metric)), variable["name"]
    for note in DASHBOARD["annotations"]["list"]:
        prometheus.query(substituted(note["expr"]))


def test_a_healthy_gateway_raises_no_alert_but_that_of_a_certificate_of_one_day(prometheus: Prometheus) -> None:
    assert set(prometheus.alerts()) <= {("BerthCertificateExpires", "berth-1"), ("BerthCertificateExpiresNow", "berth-1")}


def test_real_faults_raise_their_alerts(
    berth: Path, own_directory: Path, sandbox: Sandbox, own_sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    require("prometheus")
    tokenless_sandbox = own_sandbox
    tokenless_sandbox.deny_credentials(True)
    tokenless, misconfigured = start_gateway(tokenless_sandbox), start_gateway(sandbox)
    misconfigured.wait_until_ready()
    text = misconfigured.configuration_path.read_text()
    misconfigured.configuration_path.write_text(text.replace('"limits"', '"limitz"') if '"limits"' in text else text.rstrip()[:-1] + ', "limitz": 1}')
    assert request(misconfigured.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status != 200
    targets = {"tokenless": tokenless.admin, "misconfigured": misconfigured.admin, "down": Address("127.0.0.1", free_port())}
    server = Prometheus(own_directory / "prometheus", RULES, targets)
    try:
        wanted = {
            ("BerthNoToken", "tokenless"),
            ("BerthTokenRefreshFailing", "tokenless"),
            ("BerthReloadFailed", "misconfigured"),
            ("BerthCertificateExpires", "misconfigured"),
            ("BerthCertificateExpiresNow", "misconfigured"),
            ("BerthDown", "down"),
        }
        wait_until(lambda: wanted <= set(server.alerts()), f"alerts {wanted}")
        assert not {each for each in server.alerts() if each[0] in ("BerthNoToken", "BerthReloadFailed", "BerthDown")} - wanted
        assert not [text for text in server.annotations() if "error" in text and "expanding" in text or "<no value>" in text]
    finally:
        server.stop()
