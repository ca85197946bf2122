"""Requests that the rules forbid or that are malformed: each gets registry JSON that says what to do, has an access line, and affects nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import REPOSITORY, StartGateway
from harness.gateway import PASSWORD, Gateway, password_hash
from harness.images import Image, digest_of
from harness.processes import run
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import basic, names_nothing_inside, request

CI = basic("ci", PASSWORD)
READER = basic("reader", PASSWORD)
MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"
SOME_DIGEST = digest_of(b"some blob")


@dataclass(frozen=True)
class Rejection:
    name: str
    authorization: str | None
    method: str
    target: str
    status: int
    code: str | None

    def __str__(self) -> str:
        return self.name


REJECTIONS = (
    Rejection("no credentials", None, "GET", "/v2/", 401, "UNAUTHORIZED"),
    Rejection("no credentials for a manifest", None, "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Rejection("wrong password", basic("ci", "guess"), "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Rejection("unknown user", basic("nobody", PASSWORD), "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Rejection("empty password", basic("ci", ""), "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Rejection("credentials that are not base64", "Basic %%%", "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Rejection("credentials without a colon", "Basic Y2k=", "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Rejection("another scheme", "Bearer abc", "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Rejection("repository outside the rules", CI, "GET", "/v2/secret/app/manifests/v1", 403, "DENIED"),
    Rejection("repository that only begins alike", CI, "GET", "/v2/teamwork/app/manifests/v1", 403, "DENIED"),
    Rejection("push with pull rights", READER, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", 403, "DENIED"),
    Rejection("mount of a user who may not push", READER, "POST",
            f"/v2/{REPOSITORY}/blobs/uploads/?mount={SOME_DIGEST}&from={REPOSITORY}", 403, "DENIED"),
    Rejection("delete with push rights", CI, "DELETE", f"/v2/{REPOSITORY}/manifests/{SOME_DIGEST}", 403, "DENIED"),
    Rejection("path that is no endpoint", CI, "GET", "/v2/team/app/nothing/v1", 404, None),
    Rejection("path outside the API", CI, "GET", "/latest/meta-data/", 404, None),
    Rejection("name in upper case", CI, "GET", "/v2/Team/App/manifests/v1", 404, None),
    Rejection("dot segments", CI, "GET", "/v2/team/../secret/app/manifests/v1", 404, None),
    Rejection("encoded dot segments", CI, "GET", "/v2/team/%2e%2e/secret/app/manifests/v1", 404, None),
    Rejection("encoded slash", CI, "GET", "/v2/team%2fapp/manifests/v1", 404, None),
    Rejection("more parameters than are read", CI, "GET", f"{MANIFEST}?{'a&' * 64}", 400, "NAME_INVALID"),
    Rejection("path longer than is read", CI, "GET", "/v2/" + "a/" * 2500, 400, "NAME_INVALID"),
    Rejection("digest that is none", CI, "GET", f"/v2/{REPOSITORY}/blobs/sha256:1234", 404, None),
    Rejection("missing repository", CI, "GET", "/v2/team/absent/manifests/v1", 404, "NAME_UNKNOWN"),
    Rejection("push to a missing repository", CI, "POST", "/v2/team/absent/blobs/uploads/", 404, "NAME_UNKNOWN"),
    Rejection("body where none belongs", CI, "DELETE", f"/v2/{REPOSITORY}/blobs/uploads/x", 400, "UNSUPPORTED"),
    Rejection("unknown tag", CI, "GET", f"/v2/{REPOSITORY}/manifests/absent", 404, "MANIFEST_UNKNOWN"),
)  # fmt: skip


@pytest.mark.usefixtures("nothing_else_is_harmed")
@pytest.mark.parametrize("rejection", REJECTIONS, ids=str)
def test_a_rejected_request_gets_registry_json(strict_gateway: Gateway, rejection: Rejection) -> None:
    body = b"?" if rejection.name.startswith("body") else b"" if rejection.method == "POST" else None
    response = request(strict_gateway.plain, rejection.method, rejection.target, body=body, authorization=rejection.authorization)
    # The specification allows 400 (malformed) and 404 (unknown) for a malformed name.
    assert response.status == rejection.status or (rejection.code is None and response.status in (400, 404)), response
    assert response.fields["content-type"].startswith("application/json")
    assert response.error and response.error["message"]
    if rejection.code:
        assert response.code == rejection.code
    if rejection.status == 401:
        assert response.fields["www-authenticate"] == 'Basic realm="Berth"'
    names_nothing_inside(response)
    assert int(strict_gateway.access_line(response)["status"]) == response.status


TOKEN = "ghp_" + "x" * 36 + "y" * 400
TRIED = {
    "a wrong password": (basic("ci", "guess"), "ci"),
    "an unknown user": (basic("mallory", "guess"), "mallory"),
    "a name that would break the line": (basic('a"\n\u202e{', "guess"), 'a"\n\u202e{'),
    "a token in place of the name": (basic(TOKEN, "guess"), TOKEN[:64]),
    "no login": (None, None),
    "a login that cannot be read": ("Basic %%%", None),
    "the right login": (CI, None),
}


@pytest.mark.parametrize("case", TRIED)
def test_a_failed_login_is_logged_with_the_attempted_user(strict_gateway: Gateway, case: str) -> None:
    authorization, name = TRIED[case]
    response = request(strict_gateway.plain, "GET", "/v2/", authorization=authorization)
    line = strict_gateway.access_line(response)
    assert line.get("user_tried") == name and line["status"] == response.status
    assert "guess" not in str(line) and TOKEN not in strict_gateway.program.err


def test_eleven_wrong_passwords_in_a_minute_are_throttled(sandbox: Sandbox, start_gateway: StartGateway, stored: Image) -> None:
    gateway = start_gateway(sandbox)
    gateway.wait_until_ready()
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as known:
        known.pull_manifest(REPOSITORY, "v1")
        statuses = [
            request(gateway.plain, "GET", "/v2/", authorization=basic("ci", f"guess {number}")).status for number in range(14)
        ]
        assert statuses[:10] == [401] * 10
        last = request(gateway.plain, "GET", "/v2/", authorization=basic("ci", "another guess"))
        assert last.status == 429 and last.code == "TOOMANYREQUESTS"
        assert int(last.fields["retry-after"]) >= 1
        known.pull_manifest(REPOSITORY, "v1")  # credentials that succeeded before still pass


def test_a_users_hash_can_come_from_berth_hash_password(sandbox: Sandbox, start_gateway: StartGateway, berth: Path) -> None:
    printed = run(berth, "hash-password", input="s3cret phrase\n").strip()
    hashes = {
        "own": printed,
        "sha512": password_hash("s3cret phrase"),
        "bcrypt": run("htpasswd", "-Bbn", "x", "s3cret phrase").strip().split(":", 1)[1],
    }
    access = [{"repositories": ["**"], "actions": ["pull"]}]
    users = [{"name": name, "password_hash": value, "access": access} for name, value in hashes.items()]
    gateway = start_gateway(sandbox, users=users)
    for name in hashes:
        assert request(gateway.plain, "GET", "/v2/", authorization=basic(name, "s3cret phrase")).status == 200, name
        assert request(gateway.plain, "GET", "/v2/", authorization=basic(name, "s3cret phrasf")).status == 401, name
