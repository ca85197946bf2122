"""Berth's AWS credentials compared with botocore's over the same environments: variables, files and endpoints. Both must choose the same source
and find the same access key, or fail with the same kind of error."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import botocore.credentials
import botocore.session
import botocore.tokens
import pytest
from botocore import exceptions
from harness.aws_endpoints import AWSEndpoints
from harness.gateway import user
from harness.processes import attempt

ROLE = "arn:aws:iam::123456789012:role/"
KEYS = "aws_access_key_id = AK{0}\naws_secret_access_key = s\n"
ENV = {"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "s"}
TOKEN = {"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/token", "AWS_ROLE_ARN": ROLE + "pod"}
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container/creds"}
INSTANCE = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "{url}/imds/", "AWS_EC2_METADATA_DISABLED": "false"}
SSO = "sso_account_id = 123456789012\nsso_role_name = Pull\n"
SESSION = "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n"
PROCESS_OUTPUT = '{{"Version":1,"AccessKeyId":"ASPROCESS","SecretAccessKey":"s","SessionToken":"t","Expiration":"2999-01-01T00:00:00Z"}}'


def profile(name: str, *lines: str) -> str:
    return f"[profile {name}]\n" + "".join(f"{line}\n" for line in lines)


def role(name: str, role_name: str, *lines: str) -> str:
    return profile(name, f"role_arn = {ROLE}{role_name}", *lines)


@dataclass
class Case:
    name: str
    env: dict[str, str] = field(default_factory=dict)
    config: str = ""
    credentials: str = ""
    files: dict[str, str] = field(default_factory=dict)
    sso_token: tuple[str, str] | None = None  # cache name, text


def use(name: str) -> dict[str, str]:
    return {"AWS_PROFILE": name}


def keyed(name: str) -> str:
    return profile(name, *KEYS.format(name.upper()).splitlines())


LIVE = '{{"accessToken":"bearer","expiresAt":"2999-01-01T00:00:00Z"}}'
TOKEN_FILE = {"token": "head.body.signature"}

CASES = [
    Case("nothing"),
    # Environment.
    Case("environment keys", ENV),
    Case("environment session", ENV | {"AWS_SESSION_TOKEN": "t"}),
    Case("environment without a secret", {"AWS_ACCESS_KEY_ID": "AKENV"}),
    Case("environment without an id", {"AWS_SECRET_ACCESS_KEY": "s"}),
    Case("environment with an empty id", {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, credentials="[default]\n" + KEYS.format("DEF")),
    Case("environment before the profile", ENV, credentials="[default]\n" + KEYS.format("DEF")),
    Case("environment before a chosen profile", ENV | use("ci"), credentials="[ci]\n" + KEYS.format("CI")),
    Case("environment before everything", ENV | TOKEN | CONTAINER | INSTANCE, files=TOKEN_FILE),
    # Profiles with keys.
    Case("default of the credentials file", credentials="[default]\n" + KEYS.format("DEF")),
    Case("default of the config file", config="[default]\n" + KEYS.format("CONF")),
    Case("credentials file before config file", config="[default]\n" + KEYS.format("CONF"), credentials="[default]\n" + KEYS.format("DEF")),
    Case("a chosen profile of the credentials file", use("ci"), credentials="[ci]\n" + KEYS.format("CI")),
    Case("a chosen profile of the config file", use("ci"), config=keyed("ci")),
    Case("AWS_DEFAULT_PROFILE", {"AWS_DEFAULT_PROFILE": "ci"}, config=keyed("ci")),
    Case("a profile in quotes", use("two words"), config='[profile "two words"]\n' + KEYS.format("TWO")),
    Case("a profile in single quotes", use("two words"), config="[profile 'two words']\n" + KEYS.format("TWO")),
    Case("indented lines, colons and the rest of a value", use("ci"), config="[profile ci]\n  aws_access_key_id: AKINDENT\n  aws_secret_access_key = s\n  region = eu-\n      west-1\n"),
    Case("keys of all sections", use("ci"), config="[DEFAULT]\naws_secret_access_key = s\n[profile ci]\naws_access_key_id = AKALL\n"),
    Case("an empty session token", use("ci"), config=keyed("ci") + "aws_session_token =\n"),
    Case("a chosen profile that is not there", use("nobody"), config=keyed("ci")),
    Case("half a key pair in the credentials file", credentials="[default]\naws_access_key_id = AKHALF\n"),
    Case("half a key pair in the config file", config="[default]\naws_access_key_id = AKHALF\n"),
    Case("a profile without credentials", use("empty"), config=profile("empty", "region = eu-west-1")),
    Case("a profile without credentials, and an instance", use("empty") | INSTANCE, config=profile("empty", "region = eu-west-1")),
    # Roles of profiles.
    Case("a role by keys", use("r"), config=role("r", "one", "source_profile = ci") + keyed("ci")),
    Case("a role by keys of the credentials file", use("r"), config=role("r", "one", "source_profile = ci"), credentials="[ci]\n" + KEYS.format("CI")),
    Case("a role in the credentials file", use("r"), credentials=f"[r]\nrole_arn = {ROLE}one\nsource_profile = ci\n[ci]\n" + KEYS.format("CI")),
    Case("the default profile's role", config=f"[default]\nrole_arn = {ROLE}one\nsource_profile = ci\n" + keyed("ci")),
    Case("a role with an external id", use("r"), config=role("r", "one", "source_profile = ci", "external_id = xyz") + keyed("ci")),
    Case("a role upon a role", use("r"), config=role("r", "one", "source_profile = s") + role("s", "two", "source_profile = ci") + keyed("ci")),
    Case(
        "three roles upon one another", use("r"),
        config=role("r", "one", "source_profile = s") + role("s", "two", "source_profile = t") + role("t", "three", "source_profile = ci") + keyed("ci")),
    Case("a role by its own keys", use("r"), config=role("r", "one", "source_profile = r", *KEYS.format("SELF").splitlines())),
    Case("a role by the environment", use("r") | {"AWS_EC2_METADATA_DISABLED": "true"}, config=role("r", "one", "credential_source = Environment")),
    Case("a role by the container", use("r") | CONTAINER, config=role("r", "one", "credential_source = EcsContainer")),
    Case("a role by the instance", use("r") | INSTANCE, config=role("r", "one", "credential_source = Ec2InstanceMetadata")),
    Case("a role by web identity", use("r"), config=role("r", "one", "source_profile = w") + role("w", "web", "web_identity_token_file = {dir}/token"), files=TOKEN_FILE),
    Case("a role by single sign-on", use("r"), config=role("r", "one", "source_profile = s") + profile("s", "sso_session = corp", *SSO.splitlines()) + SESSION, sso_token=("corp", LIVE)),
    Case("a role by a process", use("r"), config=role("r", "one", "source_profile = p") + profile("p", "credential_process = {dir}/program"), files={"program": "#!/bin/sh\necho '" + PROCESS_OUTPUT + "'\n"}),
    Case("a role by a profile that is not there", use("r"), config=role("r", "one", "source_profile = nobody")),
    Case("a role by a profile without credentials", use("r"), config=role("r", "one", "source_profile = e") + profile("e", "region = eu-west-1")),
    Case("a role by nobody", use("r"), config=role("r", "one")),
    Case("a role by two", use("r"), config=role("r", "one", "source_profile = ci", "credential_source = Environment") + keyed("ci")),
    Case("a role by an unknown source", use("r"), config=role("r", "one", "credential_source = Moon")),
    Case("roles in a circle", use("r"), config=role("r", "one", "source_profile = s") + role("s", "two", "source_profile = r")),
    Case("a role by itself without keys", use("r"), config=role("r", "one", "source_profile = r")),
    Case("a role by keys beside another role", use("r"), config=role("r", "one", "source_profile = s") + role("s", "two", "source_profile = nobody", *KEYS.format("BESIDE").splitlines())),
    Case("a role by itself with half its keys and a process", use("r"), config=role("r", "one", "source_profile = r", "aws_secret_access_key = s", "credential_process = {dir}/program"), files={"program": "#!/bin/sh\necho '" + PROCESS_OUTPUT + "'\n"}),
    Case("a role that is denied", use("r"), config=role("r", "denied", "source_profile = ci") + keyed("ci")),
    Case("a role below that is denied", use("r"), config=role("r", "one", "source_profile = s") + role("s", "denied", "source_profile = ci") + keyed("ci")),
    Case("a role before the environment's web identity", use("r") | TOKEN, config=role("r", "one", "source_profile = ci") + keyed("ci"), files=TOKEN_FILE),
    Case("a role before its profile's own keys", use("r"), config=role("r", "one", "source_profile = ci", *KEYS.format("OWN").splitlines()) + keyed("ci")),
    # Web identity.
    Case("web identity of the environment", TOKEN, files=TOKEN_FILE),
    Case("web identity before the profile's keys", TOKEN, credentials="[default]\n" + KEYS.format("DEF"), files=TOKEN_FILE),
    Case("web identity before the container", TOKEN | CONTAINER, files=TOKEN_FILE),
    Case("web identity of the profile", use("w"), config=role("w", "web", "web_identity_token_file = {dir}/token"), files=TOKEN_FILE),
    Case("the environment's token with the profile's role", use("w") | {"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/token"}, config=role("w", "web", "web_identity_token_file = /nowhere"), files=TOKEN_FILE),
    Case("web identity without a role", {"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/token"}, files=TOKEN_FILE),
    Case("web identity without its file", TOKEN),
    Case("web identity that is denied", TOKEN | {"AWS_ROLE_ARN": ROLE + "denied"}, files=TOKEN_FILE),
    Case("a role without a token is no web identity", {"AWS_ROLE_ARN": ROLE + "pod"}),
    # Single sign-on.
    Case("single sign-on by a session", use("s"), config=profile("s", "sso_session = corp", *SSO.splitlines()) + SESSION, sso_token=("corp", LIVE)),
    Case("single sign-on by a start URL", use("s"), config=profile("s", "sso_start_url = https://old.awsapps.com/start", "sso_region = eu-west-1", *SSO.splitlines()), sso_token=("https://old.awsapps.com/start", LIVE)),
    Case("single sign-on without a login", use("s"), config=profile("s", "sso_session = corp", *SSO.splitlines()) + SESSION),
    Case("single sign-on that is over", use("s"), config=profile("s", "sso_session = corp", *SSO.splitlines()) + SESSION, sso_token=("corp", '{{"accessToken":"bearer","expiresAt":"2020-01-01T00:00:00Z"}}')),
    Case("single sign-on that is rejected", use("s"), config=profile("s", "sso_session = corp", *SSO.splitlines()) + SESSION, sso_token=("corp", '{{"accessToken":"other","expiresAt":"2999-01-01T00:00:00Z"}}')),
    Case("single sign-on of no session", use("s"), config=profile("s", "sso_session = gone", *SSO.splitlines())),
    Case("single sign-on before keys", use("s"), config=profile("s", "sso_session = corp", *SSO.splitlines(), *KEYS.format("OWN").splitlines()) + SESSION, sso_token=("corp", LIVE)),
    # A process.
    Case("a process", use("p"), config=profile("p", "credential_process = {dir}/program"), files={"program": "#!/bin/sh\necho '" + PROCESS_OUTPUT + "'\n"}),
    Case("a process with words", use("p"), config=profile("p", "credential_process = {dir}/program 'a b' \"c d\""), files={"program": '#!/bin/sh\n[ "$1" = "a b" ] && [ "$2" = "c d" ] && echo \'' + PROCESS_OUTPUT + "'\n"}),
    Case("a process that fails", use("p"), config=profile("p", "credential_process = {dir}/program"), files={"program": "#!/bin/sh\nexit 1\n"}),
    Case("a process that prints garbage", use("p"), config=profile("p", "credential_process = {dir}/program"), files={"program": "#!/bin/sh\necho garbage\n"}),
    Case("a process of another version", use("p"), config=profile("p", "credential_process = {dir}/program"), files={"program": "#!/bin/sh\necho '{{\"Version\":2}}'\n"}),
    Case("a process after the credentials file's keys", use("p"), config=profile("p", "credential_process = {dir}/program"), credentials="[p]\n" + KEYS.format("FILE"), files={"program": "#!/bin/sh\nexit 1\n"}),
    Case("a process before the config file's keys", use("p"), config=profile("p", "credential_process = {dir}/program", *KEYS.format("CONF").splitlines()), files={"program": "#!/bin/sh\necho '" + PROCESS_OUTPUT + "'\n"}),
    # Container.
    Case("a container", CONTAINER),
    Case("a container with a token", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container/token", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "agent"}),
    Case("a container with a token file", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/container/token", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "no", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "{dir}/agent"}, files={"agent": "agent"}),
    Case("a container over plain HTTP elsewhere", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/creds"}),
    Case("a container after the profile", CONTAINER, credentials="[default]\n" + KEYS.format("DEF")),
    Case("a container before the instance", CONTAINER | INSTANCE),
    # Instance.
    Case("an instance", INSTANCE),
    Case("an instance of version 1", INSTANCE | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "{url}/imds-old/"}),
    Case("an instance of version 1 that is forbidden", INSTANCE | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "{url}/imds-old/", "AWS_EC2_METADATA_V1_DISABLED": "true"}),
    Case("an instance without a role", INSTANCE | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "{url}/imds-roleless/"}),
    Case("an instance that is disabled", INSTANCE | {"AWS_EC2_METADATA_DISABLED": "true"}),
    Case("no instance", {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1/"}),
]

# Intended differences; the README's "Where credentials come from" lists them too.
DIFFERENCES = {
    "environment without an id": "half of a key pair is a mistake, whichever half it is; botocore passes over a secret without an id"
}

Outcome = tuple[str, str]  # ("found", source and key) or ("none", "") or ("error", where)


@pytest.fixture(scope="module")
def endpoints() -> Iterator[AWSEndpoints]:
    running = AWSEndpoints()
    yield running
    running.stop()


def prepare(case: Case, directory: Path, url: str) -> dict[str, str]:
    """Writes the files of the case; returns its whole environment."""
    def fill(text: str) -> str:
        return text.replace("{dir}", str(directory)).replace("{url}", url)

    (directory / ".aws/sso/cache").mkdir(parents=True)
    if case.config:
        (directory / ".aws/config").write_text(fill(case.config))
    if case.credentials:
        (directory / ".aws/credentials").write_text(fill(case.credentials))
    for name, text in case.files.items():
        path = directory / name
        path.write_text(fill(text).replace("{{", "{").replace("}}", "}"))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    if case.sso_token:
        name, text = case.sso_token
        cache = directory / f".aws/sso/cache/{hashlib.sha1(name.encode()).hexdigest()}.json"
        cache.write_text(text.replace("{{", "{").replace("}}", "}"))
    common = {
        "HOME": str(directory), "PATH": os.environ["PATH"], "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_STS": f"{url}/sts/", "AWS_ENDPOINT_URL_SSO": f"{url}/sso", "AWS_ENDPOINT_URL_ECR": f"{url}/none", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return common | {name: fill(value) for name, value in case.env.items()}


METHODS = {
    "env": "environment", "assume-role": "role", "assume-role-with-web-identity": "web identity", "sso": "sso",
    "shared-credentials-file": "credentials file", "custom-process": "process", "config-file": "config file",
    "container-role": "container", "iam-role": "instance",
}


def of_botocore(environment: dict[str, str]) -> Outcome:
    cache = f"{environment['HOME']}/.aws/sso/cache"  # botocore reads HOME when it is imported
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(botocore.credentials.SSOProvider, "_SSO_TOKEN_CACHE_DIR", cache),
        mock.patch.object(botocore.tokens.SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", cache),
    ):
        try:
            credentials = botocore.session.Session().get_credentials()
            if credentials is None:
                return ("none", "")
            return ("found", f"{METHODS[credentials.method]}: {credentials.get_frozen_credentials().access_key}")
        except exceptions.PartialCredentialsError as error:
            return ("error", "environment" if error.kwargs["provider"] == "env" else "profile")
        except exceptions.ClientError as error:
            return ("error", "web identity" if error.operation_name.endswith("WebIdentity") else "role")
        except (exceptions.SSOError, exceptions.TokenRetrievalError):
            return ("error", "sso")
        except exceptions.CredentialRetrievalError as error:
            provider = error.kwargs["provider"]
            return ("error", {"custom-process": "process", "Environment": "environment"}.get(provider, "container"))
        except exceptions.MetadataRetrievalError:
            return ("error", "instance")
        except (exceptions.InvalidConfigError, exceptions.InfiniteLoopConfigError, exceptions.ProfileNotFound) as error:
            return ("error", "web identity" if "role with web identity" in str(error) else "profile")
        except json.JSONDecodeError:
            return ("error", "process")
        except FileNotFoundError:
            return ("error", "web identity")
        except ValueError:
            return ("error", "container")


PLACES = [
    ("environment (", "environment"), ("role ", "role"), ("single sign-on", "sso"), ("process (", "process"),
    ("container (", "container"), ("instance metadata", "instance"),
]


def source(text: str) -> str:
    if text.startswith("role ") and ", by the token in " in text.removeprefix("role ").partition(", by role ")[0]:
        return "web identity"
    if text.startswith("profile "):
        return "config file" if "/config:" in text else "credentials file"
    return next(place for start, place in PLACES if text.startswith(start))


def of_berth(berth: Path, directory: Path, environment: dict[str, str]) -> tuple[Outcome, str]:
    configuration = directory / "berth.json"
    registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    names = [registry, "api.ecr.eu-west-1.amazonaws.com", "prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com"]
    configuration.write_text(json.dumps({
        "upstreams": [{"name": "main", "registry": registry}], "users": [user("ci", "**")],
        "connect_to": {f"{name}:443": "127.0.0.1:1" for name in names}}))  # checks after the credentials are not compared here
    done = attempt(berth, "check", "--json", "--config", configuration, env=environment)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    step = json.loads(done.stdout)["upstreams"][0]["steps"][0]
    assert step["step"] == "credentials"
    if step["outcome"] == "ok":
        return ("found", f"{source(step['facts']['source'])}: {step['facts']['access_key_id']}"), step["detail"]
    where = step["facts"]["error"]
    return (("none", "") if where == "automatic" else ("error", where.replace("_", " "))), step["detail"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_berth_and_botocore_find_the_same_credentials(case: Case, berth: Path, own_directory: Path, endpoints: AWSEndpoints) -> None:
    environment = prepare(case, own_directory, endpoints.url)
    ours, detail = of_berth(berth, own_directory, environment)
    theirs = of_botocore(environment)
    if reason := DIFFERENCES.get(case.name):
        assert ours != theirs, f"no difference any more: {reason}"
    else:
        assert ours == theirs, detail


def test_there_are_at_least_sixty_environments() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
    assert set(DIFFERENCES) <= {case.name for case in CASES}
