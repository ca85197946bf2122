"""botocore, as an AWS SDK that nobody here wrote, against a running sandbox. Exits 0 if all is as it should be.

    python3 botocore-client.py DIRECTORY/sandbox.json
"""
import base64
import json
import ssl
import sys
import urllib.request

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.utils import InstanceMetadataFetcher

with open(sys.argv[1]) as file:
    box = json.load(file)


def client(service, access_key=box["access_key_id"], secret_key=box["secret_access_key"], token=None, region=box["region"]):
    return botocore.session.get_session().create_client(
        service, region_name=region, endpoint_url="https://" + box["api"], verify=box["ca_file"], aws_access_key_id=access_key,
        aws_secret_access_key=secret_key, aws_session_token=token, config=Config(retries={"total_max_attempts": 1}, parameter_validation=False))


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response["Error"].get("Message", "")
    raise AssertionError(f"not refused with {code}: {arguments}")


def control(path, **body):
    request = urllib.request.Request(box["control"] + path, json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))


ecr, sts = client("ecr"), client("sts")

# Tokens, and that the registry takes them.
entry, = ecr.get_authorization_token()["authorizationData"]
user, password = base64.b64decode(entry["authorizationToken"]).decode().split(":", 1)
assert user == "AWS" and 1500 <= len(password) <= 3000, len(password)
assert entry["proxyEndpoint"] == "https://" + box["registry_host"]
assert [e["proxyEndpoint"][8:20] for e in ecr.get_authorization_token(registryIds=["111122223333", "444455556666"])["authorizationData"]] == [
    "111122223333", "444455556666"]
ping = urllib.request.Request(f"https://{box['registry']}/v2/", headers={"Authorization": "Basic " + entry["authorizationToken"]})
assert urllib.request.urlopen(ping, context=ssl.create_default_context(cafile=box["ca_file"])).status == 200

# Repositories, page by page.
names = [f"team/app-{number}" for number in range(5)]
for name in names:
    made = ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE", imageScanningConfiguration={"scanOnPush": True})
    assert made["repository"]["repositoryUri"] == f"{box['registry_host']}/{name}" and made["repository"]["createdAt"].year >= 2025
assert "already exists" in refused("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName=names[0])
refused("InvalidParameterException", ecr.create_repository, repositoryName="Team/App")
pages = ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2})
assert [r["repositoryName"] for page in pages for r in page["repositories"]] == names
assert refused("RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=["nope"]) == (
    f"The repository with name 'nope' does not exist in the registry with id '{box['account']}'")

# Policies.
refused("RepositoryPolicyNotFoundException", ecr.get_repository_policy, repositoryName=names[0])
policy = json.dumps({"Version": "2012-10-17", "Statement": []})
ecr.set_repository_policy(repositoryName=names[0], policyText=policy)
assert ecr.get_repository_policy(repositoryName=names[0])["policyText"] == policy
rules = json.dumps({"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9},
                               "action": {"type": "expire"}}]})
ecr.put_lifecycle_policy(repositoryName=names[0], lifecyclePolicyText=rules)
assert ecr.get_lifecycle_policy(repositoryName=names[0])["lifecyclePolicyText"] == rules

# Images.
assert ecr.list_images(repositoryName=names[0])["imageIds"] == []
gone = ecr.batch_delete_image(repositoryName=names[0], imageIds=[{"imageTag": "nope"}, {"imageDigest": "sha256:0"}])
assert [f["failureCode"] for f in gone["failures"]] == ["ImageNotFound", "InvalidImageDigest"]

# Sessions: assumed, by web identity, of the instance.
assert sts.get_caller_identity()["Account"] == box["account"]
role = f"arn:aws:iam::{box['account']}:role/deploy/pull"
keys = sts.assume_role(RoleArn=role, RoleSessionName="session", DurationSeconds=900)
assert keys["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{box['account']}:assumed-role/pull/session"
web = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="session", WebIdentityToken="aaaa.bbbb.cccc")
refused("InvalidIdentityToken", sts.assume_role_with_web_identity, RoleArn=role, RoleSessionName="session", WebIdentityToken="aaaa")
refused("ValidationError", sts.assume_role, RoleArn=role, RoleSessionName="session", DurationSeconds=899)
instance = InstanceMetadataFetcher(base_url=box["metadata"] + "/").retrieve_iam_role_credentials()
sessions = [(k["AccessKeyId"], k["SecretAccessKey"], k["SessionToken"]) for k in (keys["Credentials"], web["Credentials"])]
sessions.append((instance["access_key"], instance["secret_key"], instance["token"]))
for access_key, secret_key, token in sessions:
    assert "assumed-role" in client("sts", access_key, secret_key, token).get_caller_identity()["Arn"]
    client("ecr", access_key, secret_key, token).get_authorization_token()
    refused("UnrecognizedClientException", client("ecr", access_key, secret_key).get_authorization_token)
    refused("UnrecognizedClientException", client("ecr", access_key, secret_key, token + "x").get_authorization_token)
control("/credentials", expire=True)
for access_key, secret_key, token in sessions:
    refused("ExpiredTokenException", client("ecr", access_key, secret_key, token).get_authorization_token)
    refused("ExpiredToken", client("sts", access_key, secret_key, token).get_caller_identity)
ecr.get_authorization_token()

# What is signed wrongly.
refused("UnrecognizedClientException", client("ecr", access_key="AKIANOBODY").get_authorization_token)
refused("InvalidSignatureException", client("ecr", secret_key="wrong").get_authorization_token)
refused("InvalidSignatureException", client("ecr", region="us-east-1").get_authorization_token)
refused("InvalidClientTokenId", client("sts", access_key="AKIANOBODY").get_caller_identity)
refused("SignatureDoesNotMatch", client("sts", secret_key="wrong").get_caller_identity)
for offset, text in [(1000, "Signature expired: "), (-1000, "Signature not yet current: ")]:
    control("/clock", offset_seconds=offset)
    assert refused("InvalidSignatureException", ecr.get_authorization_token).startswith(text)
    control("/clock", offset_seconds=offset * 8 // 10)
    ecr.get_authorization_token()
control("/clock", offset_seconds=0)

# IAM says no.
control("/credentials", deny=True)
assert "is not authorized to perform: ecr:GetAuthorizationToken on resource: *" in refused("AccessDeniedException", ecr.get_authorization_token)
refused("AccessDenied", sts.assume_role, RoleArn=role, RoleSessionName="session")
control("/credentials", deny=False)
ecr.get_authorization_token()
