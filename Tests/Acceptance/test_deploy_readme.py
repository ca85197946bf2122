"""deploy/README.md names each way to run Berth, and what it names exists."""

from __future__ import annotations

import re

import yaml

from harness.manifests import DEPLOY, OVERLAYS

README = (DEPLOY / "README.md").read_text()


def test_its_links_lead_to_its_sections() -> None:
    anchors = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in re.findall(r"^## (.*)$", README, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


def test_it_has_each_directory_and_overlay() -> None:
    ways = {path.name for path in DEPLOY.iterdir()} - {"README.md", "lib"}
    assert [way for way in ways if f"`{way}`" not in README] == []
    assert [name for name in OVERLAYS if f"(kubernetes/overlays/{name})" not in README] == []


def test_it_has_each_alert_with_its_severity() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus/berth.rules.yaml").read_text())["groups"][0]["rules"]
    severities: dict[str, str] = {}
    for alerts, words in re.findall(r"^\| ((?:`Berth\w+`(?:, )?)+) \| ([a-z, ]+) \|", README, re.MULTILINE):
        names, levels = re.findall(r"\w+", alerts), words.split(", ")
        severities |= dict(zip(names, levels * len(names) if len(levels) == 1 else levels, strict=False))
    assert severities == {rule["alert"]: rule["labels"]["severity"] for rule in rules}


def test_each_command_names_a_file_that_exists() -> None:
    for name in re.findall(r"file://(\S+?)(?=[\s`]|$)", README):
        assert (DEPLOY / "ecs" / name).exists(), name
