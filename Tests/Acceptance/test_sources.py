"""Each credential source against live endpoints: the sandbox's STS, container agent and instance metadata, and moto's STS with signature checks.
`berth check` reports the result. A gateway with a broken source keeps serving its other upstreams."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from conftest import REPOSITORY, StartGateway
from harness.address import Address, free_port
from harness.gateway import FREE, clean_environment, user
from harness.images import blob_image
from harness.processes import Program, attempt, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness import wire
from harness.wire import basic

ROLE = "arn:aws:iam::123456789012:role/"
SESSION = "arn:aws:sts::123456789012:assumed-role/"


@dataclass
class Source:
    """The configuration, environment and files of a source, and the expected identity."""

    arn: str
    credentials: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    config: str = ""
    files: dict[str, str] = field(default_factory=dict)


def sources(sandbox: Sandbox, directory: Path) -> dict[str, Source]:
    facts = sandbox.facts
    keys = f"aws_access_key_id = {facts['access_key_id']}\naws_secret_access_key = {facts['secret_access_key']}\n"
    base = {key: sandbox.environment[key] for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    chain = "".join(f"[profile {a}]\nrole_arn = {ROLE}{a}\nsource_profile = {b}\n" for a, b in ("cb", "ba", "ak")) + f"[profile k]\n{keys}"
    output = {"Version": 1, "AccessKeyId": facts["access_key_id"], "SecretAccessKey": facts["secret_access_key"]}
    metadata = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": facts["metadata"], "AWS_EC2_METADATA_DISABLED": "false"}
    container = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": facts["container"],
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(directory / "agent"),
    }
    agent = {"agent": facts["container_token"]}
    web = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(directory / "token"), "AWS_ROLE_ARN": ROLE + "pod", "AWS_ROLE_SESSION_NAME": "pod-1"}
    me = "arn:aws:iam::123456789012:user/sandbox"
    role = {"assume_role": {"arn": ROLE + "pull", "external_id": "x-1", "session_name": "me", "duration": "15m"}}
    return {
        "environment": Source(me, {"source": "environment"}, base),
        "profile": Source(me, {"profile": "k"}, config=f"[profile k]\n{keys}"),
        "three roles": Source(SESSION + "c/berth", {"source": "profile", "profile": "c"}, config=chain),
        "web identity": Source(SESSION + "pod/pod-1", {}, web, files={"token": "a.b.c"}),
        "container": Source(SESSION + "sandbox-container/pod", {}, container, files=agent),
        "instance": Source(SESSION + "sandbox-instance/i-0123456789abcdef0", {}, metadata),
        "process": Source(
            me, {"source": "process"}, config=f"[default]\ncredential_process = /bin/cat {directory}/out\n", files={"out": json.dumps(output)}),
        "role by environment": Source(SESSION + "pull/me", {"source": "environment"} | role, base),
        "role by container": Source(SESSION + "pull/me", {"source": "container"} | role, container, files=agent),
        "role by instance": Source(SESSION + "pull/me", {"source": "instance"} | role, metadata),
        "role by web identity": Source(SESSION + "pull/me", {"source": "web_identity"} | role, web, files={"token": "a.b.c"}),
        "role by three roles": Source(SESSION + "pull/me", {"source": "profile", "profile": "c"} | role, config=chain),
    }


def prepare(source: Source, directory: Path) -> dict[str, str]:
    for name, text in source.files.items():
        (directory / name).write_text(text)
    (directory / "config").write_text(source.config)
    return clean_environment({
        "HOME": str(directory), "AWS_CONFIG_FILE": str(directory / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(directory / "none"),
    } | source.environment)


def check(berth: Path, directory: Path, configuration: dict[str, Any], environment: dict[str, str]) -> tuple[int, dict[str, Any], str]:
    path = directory / "check.yaml"
    path.write_text(json.dumps(configuration | FREE | {"users": [user("ci", "**")]}))
    done = attempt(berth, "check", "--json", "--config", path, env=environment)
    steps = {step["step"]: step for step in json.loads(done.stdout)["upstreams"][0]["steps"]}
    return done.returncode, steps, done.stdout + done.stderr


@pytest.mark.parametrize("name", [
    "environment", "profile", "three roles", "web identity", "container", "instance", "process", "role by environment",
    "role by container", "role by instance", "role by web identity", "role by three roles",
])  # fmt: skip
def test_each_source_gives_the_expected_identity(name: str, berth: Path, sandbox: Sandbox, own_directory: Path) -> None:
    source = sources(sandbox, own_directory)[name]
    environment = prepare(source, own_directory)
    upstream = {"name": "main", "registry": sandbox.registry_host, "credentials": source.credentials}
    status, steps, said = check(berth, own_directory, sandbox.upstream | {"upstreams": [upstream]}, environment)
    assert status == 0, said
    assert steps["identity"]["facts"]["arn"] == source.arn
    assert {step["outcome"] for step in steps.values()} == {"ok"}
    assert list(steps) == ["credentials", "identity", "api", "token", "registry", "storage"]
    for step in ("api", "registry", "storage"):
        assert "issued by CN = Berth sandbox" in steps[step]["notes"][0]
    for secret in (sandbox.facts["secret_access_key"], sandbox.facts["container_token"], "a.b.c"):
        assert secret not in said


@pytest.mark.parametrize("name", ["web identity", "container", "instance", "role by three roles"])
def test_a_gateway_serves_with_each_source(
    name: str, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path
) -> None:
    """Expired sessions are renewed, and a rotated token is read again."""
    source = sources(own_sandbox, own_directory)[name]
    environment = prepare(source, own_directory) | {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""} | source.environment
    upstream = {"name": "main", "registry": own_sandbox.registry_host, "credentials": source.credentials}
    gateway = start_gateway(own_sandbox, environment=environment, upstreams=[upstream])
    gateway.wait_until_ready()
    if "token" in source.files:
        (own_directory / "token").write_text("d.e.f")
    own_sandbox.control("POST", "/credentials", {"expire": True})
    refreshed = wire.request(gateway.admin, "POST", "/api/v1/upstreams/main/refresh")
    assert refreshed.status == 200, gateway.program.err
    assert gateway.ready().status == 200


# moto: an STS written independently of Berth.


class MotoAccount:
    """A user and three roles in moto. moto checks signatures and policies from a given moment on, or never; it cannot check an unsigned call, as web
    identity makes it."""

    def __init__(self, directory: Path, checks: bool = True) -> None:
        directory.mkdir()
        self.address = Address("127.0.0.1", free_port())
        environment = clean_environment({"INITIAL_NO_AUTH_ACTION_COUNT": "9" if checks else "inf", "PYTHONUNBUFFERED": "1"})
        argv = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", self.address.host, "-p", str(self.address.port)]
        self.program = Program("moto", argv, directory, environment)
        self.program.wait_ready(self.address.accepts)
        unchecked = {"aws_access_key_id": "unchecked", "aws_secret_access_key": "unchecked"}
        iam = boto3.client("iam", endpoint_url=self.address.url, region_name="eu-west-1", **unchecked)
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
        for role in "abc":
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=policy)
            iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=policy)
        iam.create_user(UserName="berth")
        iam.put_user_policy(UserName="berth", PolicyName="all", PolicyDocument=policy)
        key = iam.create_access_key(UserName="berth")["AccessKey"]
        self.keys = f"aws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"

    def check(self, berth: Path, directory: Path, config: str, more: dict[str, str], profile: str | None) -> dict[str, Any]:
        (directory / "config").write_text(config)
        environment = clean_environment({
            "HOME": str(directory), "AWS_CONFIG_FILE": str(directory / "config"), "AWS_ENDPOINT_URL": self.address.url,
        } | more)
        credentials = {"profile": profile} if profile else {}
        upstream = {"name": "main", "registry": "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "credentials": credentials}
        nowhere = {"*.amazonaws.com:443": "127.0.0.1:1"}
        _, steps, said = check(berth, directory, {"upstreams": [upstream], "connect_to": nowhere}, environment)
        for step in ("credentials", "identity", "token"):
            assert steps[step]["outcome"] == "ok", said
        return steps


@pytest.fixture
def moto_account(own_directory: Path, request: pytest.FixtureRequest) -> Iterator[MotoAccount]:
    running = MotoAccount(own_directory / "moto", checks=getattr(request, "param", True))
    yield running
    running.program.stop()


def test_a_chain_of_three_roles_in_moto(berth: Path, own_directory: Path, moto_account: MotoAccount) -> None:
    chain = "".join(f"[profile {a}]\nrole_arn = {ROLE}{a}\nsource_profile = {b}\n" for a, b in ("cb", "ba", "ak"))
    steps = moto_account.check(berth, own_directory, chain + f"[profile k]\n{moto_account.keys}", {}, "c")
    assert steps["identity"]["facts"]["arn"] == SESSION + "c/berth"


@pytest.mark.parametrize("moto_account", [False], indirect=True)
def test_web_identity_in_moto(berth: Path, own_directory: Path, moto_account: MotoAccount) -> None:
    token = own_directory / "token"
    for text in ("first.web.token", "second.web.token"):
        token.write_text(text)
        steps = moto_account.check(
            berth, own_directory, "", {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": ROLE + "a"}, None)
        assert steps["credentials"]["facts"]["source"] == f"role {ROLE}a, by the token in {token}"


# A broken source is reported and affects no other upstream.


def stalled_metadata(sandbox: Sandbox, _: Path) -> tuple[dict[str, Any], dict[str, str], str]:
    sandbox.control("POST", "/faults", {"where": "metadata", "match": {}, "kind": "stall", "seconds": 3600, "times": 1000})
    metadata = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": sandbox.facts["metadata"], "AWS_EC2_METADATA_DISABLED": "false"}
    return {"source": "instance"}, metadata, "hop limit"


def no_such_region(sandbox: Sandbox, _: Path) -> tuple[dict[str, Any], dict[str, str], str]:
    return {"source": "environment"}, {}, "eu-west-99"


def profile_of(text: str, words: str) -> Callable[[Sandbox, Path], tuple[dict[str, Any], dict[str, str], str]]:
    def broken(_: Sandbox, directory: Path) -> tuple[dict[str, Any], dict[str, str], str]:
        path = directory / "config"
        path.write_text(text)
        return {"profile": "x"}, {"AWS_CONFIG_FILE": str(path)}, words

    return broken


BROKEN = {
    "metadata that stalls": stalled_metadata,
    "a region that does not exist": no_such_region,
    "a profile in a circle": profile_of(
        "[profile x]\nrole_arn = a\nsource_profile = y\n[profile y]\nrole_arn = b\nsource_profile = x\n", "circle"),
    "a process that exits 1": profile_of("[profile x]\ncredential_process = /bin/false\n", "ended with"),
    "a process that prints garbage": profile_of("[profile x]\ncredential_process = /bin/echo garbage\n", "not JSON"),
    "a process that hangs": profile_of("[profile x]\ncredential_process = /bin/sleep 3600\n", ""),
    "a half-written file": profile_of("[profile x]\naws_access_key_id = AK\naws_secr", "config:3"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_source_is_reported_and_the_other_upstream_serves(
    name: str, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path
) -> None:
    credentials, environment, words = BROKEN[name](own_sandbox, own_directory)
    own_sandbox.create_repositories(REPOSITORY)
    upstreams = [
        {"name": "good", "registry": own_sandbox.registry_host, "credentials": {"source": "environment"}},
        {"name": "bad", "registry": "210987654321.dkr.ecr.eu-west-99.amazonaws.com", "credentials": credentials},
    ]
    routes = [{"prefix": "", "upstream": "good"}, {"prefix": "bad/", "upstream": "bad"}]
    gateway = start_gateway(own_sandbox, environment=environment, upstreams=upstreams, routes=routes)
    login = {"Authorization": basic(gateway.username, gateway.password)}

    def tags(repository: str) -> int:
        return wire.request(gateway.plain, "GET", f"/v2/{repository}/tags/list", login).status

    wait_until(lambda: tags(REPOSITORY) == 200, "the good upstream")
    began = time.monotonic()
    assert tags("bad/app") == 503
    waited = time.monotonic() - began
    assert tags(REPOSITORY) == 200
    began = time.monotonic()
    assert tags(REPOSITORY) == 200
    assert time.monotonic() - began < waited, "the good upstream is as slow as the bad one"
    for query, status in (("", 200), ("?all", 503), ("?upstream=bad", 503)):
        ready = wire.request(gateway.admin, "GET", f"/readyz{query}")
        assert ready.status == status and b"bad: no valid token" in ready.body and b"good" not in ready.body
    if words:
        wait_until(lambda: words in gateway.program.err, words)


def test_unreadable_shared_files_are_reported_even_if_the_keys_are_elsewhere(
    own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path
) -> None:
    path = own_directory / "config"
    path.write_text("[default]\nuse_fips_endpoint = true\n[default]\n")
    gateway = start_gateway(own_sandbox, environment={"AWS_CONFIG_FILE": str(path)})
    gateway.wait_until_ready()
    wait_until(lambda: "config:3: there is a section [default] already" in gateway.program.err, "the file and the line")


def test_two_accounts_in_two_partitions(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    """Each upstream has its own credentials and token; repositories of one are not in the other."""
    other = Sandbox(berth, own_directory / "gov", "--account", "210987654321", "--region", "us-gov-west-1")
    try:
        here, there = own_sandbox, other
        config = own_directory / "config"
        config.write_text("".join(
            f"[profile {name}]\naws_access_key_id = {box.facts['access_key_id']}\n"
            f"aws_secret_access_key = {box.facts['secret_access_key']}\n" for name, box in (("here", here), ("there", there))))
        trust = own_directory / "ca.pem"
        trust.write_bytes(here.ca.read_bytes() + there.ca.read_bytes())
        role = {"assume_role": {"arn": "arn:aws-us-gov:iam::210987654321:role/pull"}}
        gateway = start_gateway(
            here,
            environment={"AWS_CONFIG_FILE": str(config)},
            ca_file=str(trust),
            connect_to=here.facts["connect_to"] | there.facts["connect_to"],
            upstreams=[
                {"name": "here", "registry": here.registry_host, "credentials": {"profile": "here"}},
                {"name": "here-too", "registry": here.registry_host, "credentials": {"profile": "here"}},
                {"name": "there", "registry": there.registry_host, "credentials": {"profile": "there"} | role},
            ],
            routes=[
                {"prefix": "", "upstream": "here"},
                {"prefix": "too/", "upstream": "here-too", "upstream_prefix": "too/"},
                {"prefix": "gov/", "upstream": "there", "upstream_prefix": ""},
            ],
        )
        here.create_repositories("team/app", "too/app")
        there.create_repositories("team/app")
        gateway.wait_until_ready()
        image, other_image = blob_image(b"here" * 1000), blob_image(b"there" * 1000)
        with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
            client.push_image("team/app", "v1", image)
            client.push_image("too/app", "v1", image)
            client.push_image("gov/team/app", "v1", other_image)
            client.pull_image("team/app", "v1", image)
            client.pull_image("gov/team/app", "v1", other_image)
        assert (here.tokens_fetched(), there.tokens_fetched()) == (1, 1), "one token for each identity and region"
    finally:
        other.stop()
