"""The policies in deploy/iam: well-formed, with existing actions, covering all calls of Berth, and linked from the README."""

from __future__ import annotations

import json
import re
from pathlib import Path

import botocore.session
import pytest

ROOT = Path(__file__).parents[2]
POLICIES = sorted((ROOT / "deploy/iam").glob("*.json"))
# Permissions that have no API operation (Service Authorization Reference).
WITHOUT_OPERATION = {"ecr:BatchImportUpstreamImage", "sts:GetServiceBearerToken"}
# Permissions that cannot be limited to a repository.
ACCOUNT_WIDE = {"ecr:GetAuthorizationToken", "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"}


def statements(path: Path) -> list[tuple[set[str], str]]:
    """The actions and the resource of each statement."""
    policy = json.loads(path.read_text())
    assert set(policy) == {"Version", "Statement"} and policy["Version"] == "2012-10-17"
    found = []
    for statement in policy["Statement"]:
        assert set(statement) == {"Sid", "Effect", "Action", "Resource"} and statement["Effect"] == "Allow"
        assert re.fullmatch("[A-Za-z0-9]+", statement["Sid"])
        action = statement["Action"]
        found.append(({action} if isinstance(action, str) else set(action), statement["Resource"]))
    return found


ALL = {action for path in POLICIES for actions, _ in statements(path) for action in actions}


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_policy_allows_existing_actions_and_no_more_resources_than_needed(path: Path) -> None:
    session = botocore.session.get_session()
    for actions, resource in statements(path):
        for action in actions - WITHOUT_OPERATION:
            service, operation = action.split(":")
            assert operation in session.get_service_model(service).operation_names, action
        if resource == "*":
            assert actions <= ACCOUNT_WIDE
        else:
            assert not actions & ACCOUNT_WIDE and re.fullmatch(r"arn:aws:ecr:eu-west-1:123456789012:repository/\S*\*", resource)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_the_readme_says_when_to_use_each_policy(path: Path) -> None:
    assert f"({path.relative_to(ROOT)})" in (ROOT / "README.md").read_text()


def test_every_operation_that_berth_calls_is_allowed_by_a_policy() -> None:
    called = set()
    for source in (ROOT / "Sources/AWS/ECR").glob("*.swift"):
        service = "ecr-public" if "SpencerFrontendService" in source.read_text() else "ecr"
        called |= {f"{service}:{name}" for name in re.findall(r'\.call\(\s*"(\w+)"', source.read_text())}
    assert len(called) >= 7 and called <= ALL, called - ALL


def test_pull_through_caches_and_ecr_public_have_their_documented_permissions() -> None:
    assert {"ecr:BatchImportUpstreamImage", "ecr:CreateRepository"} | ACCOUNT_WIDE <= ALL
