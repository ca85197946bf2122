"""The files in deploy/, as the tools that take them see them."""

from __future__ import annotations

import json
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from harness.processes import attempt

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = tuple(sorted(path.name for path in (KUBERNETES / "overlays").iterdir()))

Manifest = dict[str, Any]


def read_json(path: str) -> Any:
    return json.loads((DEPLOY / path).read_text())


def read_yaml(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text())


def kubectl() -> str:
    """The one that pip installed beside this Python: Debian 12 has 1.20, whose kustomize knows no components."""
    beside = Path(sys.executable).parent
    found = shutil.which("kubectl", path=str(beside)) or shutil.which("kubectl")
    assert found, "kubectl is not installed"
    return found


@cache
def _rendered(directory: Path) -> str:
    done = attempt(kubectl(), "kustomize", directory)
    # A deprecated field would be a warning.
    assert (done.returncode, done.stderr) == (0, ""), f"{directory}\n{done.stderr}"
    return done.stdout


def rendered(directory: Path) -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    return [document for document in yaml.safe_load_all(_rendered(directory)) if document]


def overlay(name: str) -> list[Manifest]:
    return rendered(KUBERNETES / "overlays" / name)


def only(documents: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The one manifest of a kind, or of a kind and name."""
    found = [each for each in documents if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def pod(documents: list[Manifest]) -> Manifest:
    """The Deployment's pod."""
    return only(documents, "Deployment")["spec"]["template"]["spec"]


def configuration(documents: list[Manifest]) -> Manifest:
    """berth.yaml as the pod reads it."""
    name = next(each["configMap"]["name"] for each in pod(documents)["volumes"] if "configMap" in each)
    return yaml.safe_load(only(documents, "ConfigMap", name)["data"]["berth.yaml"])
