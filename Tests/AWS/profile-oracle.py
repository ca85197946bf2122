"""Random profiles and what botocore makes of one of them: one JSON object a line on standard output, with both files, the profile's name,
and where its credentials come from, or which kind of mistake it finds. Nothing is called: STS, single sign-on, processes and the
machine's own sources are played by names.

    python3 profile-oracle.py SEED COUNT
"""
import datetime
import json
import os
import random
import sys
import tempfile
from unittest import mock

import botocore.credentials
import botocore.session
import botocore.utils
from botocore import exceptions
from botocore.credentials import Credentials

seed, count = int(sys.argv[1]), int(sys.argv[2])
random.seed(seed)
NAMES = ["a", "b", "c", "d", "e"]
MACHINES = ["Environment", "Ec2InstanceMetadata", "EcsContainer"]


def maybe(chance, *lines):
    return list(lines) if random.random() < chance else []


def keys(file, name):
    lines = maybe(0.95, f"aws_access_key_id = AK-{file}-{name}") + maybe(0.9, f"aws_secret_access_key = s-{file}-{name}")
    lines += maybe(0.2, f"aws_session_token = {random.choice(['', f'T-{file}-{name}'])}")
    return lines + maybe(0.1, f"aws_security_token = {random.choice(['', f'S-{file}-{name}'])}")


def section(file, name):
    """Of one of the files: what is in it by chance, and now and then nothing at all."""
    lines = maybe(0.3, *keys(file, name))
    if random.random() < 0.55:
        lines.append(f"role_arn = arn:aws:iam::1:role/{file}-{name}")
        lines += maybe(0.3, f"external_id = x-{file}-{name}")
        lines += maybe(0.85, f"source_profile = {random.choice(NAMES + ['nobody'])}")
    lines += maybe(0.1, f"credential_source = {random.choice(MACHINES + ['environment', ''])}")
    lines += maybe(0.15, f"web_identity_token_file = {random.choice(['', f'/token-{file}-{name}'])}")
    lines += maybe(0.15, f"credential_process = run {file} {name}")
    whole = ["sso_account_id = 1", f"sso_role_name = Pull-{name}", "sso_start_url = https://x", "sso_region = eu-west-1"]
    return lines + maybe(0.1, *random.choice([whole, whole, whole[:-1]]))


def written(credentials):
    return credentials.access_key + (f"+{credentials.token}" if credentials.token else "")


class STS:
    """Names a session after its role and who assumed it."""

    def __init__(self, by):
        self.by = by

    def assume_role(self, RoleArn, RoleSessionName, ExternalId=None, WebIdentityToken=None, **_):
        role = RoleArn + (f"({ExternalId})" if ExternalId is not None else "")
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        key = f"{role} by {self.by if WebIdentityToken is None else WebIdentityToken}"
        return {"Credentials": {"AccessKeyId": key, "SecretAccessKey": "s", "SessionToken": "", "Expiration": end}}

    assume_role_with_web_identity = assume_role


def create_client(_, service, aws_access_key_id=None, aws_secret_access_key="s", aws_session_token=None, **__):
    return STS(written(Credentials(aws_access_key_id, aws_secret_access_key, aws_session_token)) if aws_access_key_id else "")


def single_sign_on(fetcher):
    return {
        "access_key": f"sso {fetcher._role_name} in {fetcher._sso_region}", "secret_key": "s", "token": "", "account_id": None,
        "expiry_time": (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat(),
    }


def process(_, command):
    return {"access_key": f"process {command}", "secret_key": "s", "token": None, "expiry_time": None, "account_id": None}


def resolved(profile):
    session = botocore.session.Session(profile=profile)
    try:
        resolver = botocore.credentials.create_credential_resolver(session)
    except exceptions.ProfileNotFound:
        return "nothing"
    # The machine's own sources come after every profile.
    resolver.providers = [provider for provider in resolver.providers if provider.METHOD not in ("env", "ec2-credentials-file", "boto-config", "container-role", "iam-role")]
    try:
        credentials = resolver.load_credentials()
        return f"found {written(credentials.get_frozen_credentials())}" if credentials else "nothing"
    except exceptions.InfiniteLoopConfigError:
        return "circle"
    except exceptions.PartialCredentialsError as error:
        return "no source" if error.kwargs["provider"] == "assume-role" else "half a pair"
    except exceptions.InvalidConfigError as error:
        kinds = {
            "contains both": "two sources", "is not valid": "unknown source", "does not exist": "no such profile", "must have credentials": "empty source",
            "role with web identity": "no role", "missing required configuration": "half of single sign-on",
        }
        return next(kind for words, kind in kinds.items() if words in str(error))


patches = [
    mock.patch.object(botocore.session.Session, "create_client", create_client),
    mock.patch.object(botocore.utils.FileWebIdentityTokenLoader, "__call__", lambda self: self._web_identity_token_path),
    mock.patch.object(botocore.credentials.SSOCredentialFetcher, "fetch_credentials", single_sign_on),
    mock.patch.object(botocore.credentials.ProcessProvider, "_retrieve_credentials_using", process),
] + [
    mock.patch.object(provider, "load", lambda self: Credentials(self.CANONICAL_NAME, "s"))
    for provider in (botocore.credentials.EnvProvider, botocore.credentials.InstanceMetadataProvider, botocore.credentials.ContainerProvider)
]
for patch in patches:
    patch.start()
with tempfile.TemporaryDirectory() as directory:
    os.environ.update(AWS_CONFIG_FILE=f"{directory}/config", AWS_SHARED_CREDENTIALS_FILE=f"{directory}/credentials")
    for _ in range(count):
        case = {"config": "", "credentials": ""}
        for name in NAMES:
            if random.random() < 0.85:
                case["config"] += "\n".join([f"[profile {name}]"] + section("config", name)) + "\n"
            if random.random() < 0.3:
                case["credentials"] += "\n".join([f"[{name}]"] + section("credentials", name)) + "\n"
        for file in ("config", "credentials"):
            with open(f"{directory}/{file}", "w") as written_file:
                written_file.write(case[file])
        for name in NAMES:
            print(json.dumps(case | {"profile": name, "outcome": resolved(name)}))
