"""Who may do what: each refusal is the registry's own JSON, says what to do, has its access line, and harms nothing else."""

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
class Refusal:
    name: str
    authorization: str | None
    method: str
    target: str
    status: int
    code: str | None

    def __str__(self) -> str:
        return self.name


REFUSALS = (
    Refusal("no credentials", None, "GET", "/v2/", 401, "UNAUTHORIZED"),
    Refusal("no credentials for a manifest", None, "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Refusal("wrong password", basic("ci", "guess"), "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Refusal("unknown user", basic("nobody", PASSWORD), "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Refusal("empty password", basic("ci", ""), "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Refusal("credentials that are not base64", "Basic %%%", "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Refusal("credentials without a colon", "Basic Y2k=", "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Refusal("another scheme", "Bearer abc", "GET", MANIFEST, 401, "UNAUTHORIZED"),
    Refusal("repository outside the rules", CI, "GET", "/v2/secret/app/manifests/v1", 403, "DENIED"),
    Refusal("repository that only begins alike", CI, "GET", "/v2/teamwork/app/manifests/v1", 403, "DENIED"),
    Refusal("push with pull rights", READER, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", 403, "DENIED"),
    Refusal("mount of a user who may not push", READER, "POST",
            f"/v2/{REPOSITORY}/blobs/uploads/?mount={SOME_DIGEST}&from={REPOSITORY}", 403, "DENIED"),
    Refusal("delete with push rights", CI, "DELETE", f"/v2/{REPOSITORY}/manifests/{SOME_DIGEST}", 403, "DENIED"),
    Refusal("path that is no endpoint", CI, "GET", "/v2/team/app/nothing/v1", 404, None),
    Refusal("path outside the API", CI, "GET", "/latest/meta-data/", 404, None),
    Refusal("name in upper case", CI, "GET", "/v2/Team/App/manifests/v1", 404, None),
    Refusal("dot segments", CI, "GET", "/v2/team/../secret/app/manifests/v1", 404, None),
    Refusal("encoded dot segments", CI, "GET", "/v2/team/%2e%2e/secret/app/manifests/v1", 404, None),
    Refusal("encoded slash", CI, "GET", "/v2/team%2fapp/manifests/v1", 404, None),
    Refusal("more parameters than are read", CI, "GET", f"{MANIFEST}?{'a&' * 64}", 400, "NAME_INVALID"),
    Refusal("path longer than is read", CI, "GET", "/v2/" + "a/" * 2500, 400, "NAME_INVALID"),
    Refusal("digest that is none", CI, "GET", f"/v2/{REPOSITORY}/blobs/sha256:1234", 404, None),
    Refusal("missing repository", CI, "GET", "/v2/team/absent/manifests/v1", 404, "NAME_UNKNOWN"),
    Refusal("push to a missing repository", CI, "POST", "/v2/team/absent/blobs/uploads/", 404, "NAME_UNKNOWN"),
    Refusal("body where none belongs", CI, "DELETE", f"/v2/{REPOSITORY}/blobs/uploads/x", 400, "UNSUPPORTED"),
    Refusal("unknown tag", CI, "GET", f"/v2/{REPOSITORY}/manifests/absent", 404, "MANIFEST_UNKNOWN"),
)  # fmt: skip


@pytest.mark.usefixtures("nothing_else_is_harmed")
@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_refused_request_gets_the_registrys_json(strict_gateway: Gateway, refusal: Refusal) -> None:
    body = b"?" if refusal.name.startswith("body") else b"" if refusal.method == "POST" else None
    answer = request(strict_gateway.plain, refusal.method, refusal.target, body=body, authorization=refusal.authorization)
    # A malformed name may be called malformed (400) or unknown (404): both are the spec's.
    assert answer.status == refusal.status or (refusal.code is None and answer.status in (400, 404)), answer
    assert answer.fields["content-type"].startswith("application/json")
    assert answer.error and answer.error["message"]
    if refusal.code:
        assert answer.code == refusal.code
    if refusal.status == 401:
        assert answer.fields["www-authenticate"] == 'Basic realm="Berth"'
    names_nothing_inside(answer)
    assert int(strict_gateway.access_line(answer)["status"]) == answer.status


TOKEN = "ghp_" + "x" * 36 + "y" * 400
TRIED = {
    "a wrong password": (basic("ci", "guess"), "ci"),
    "an unknown user": (basic("mallory", "guess"), "mallory"),
    "a name that would break the line": (basic('a"\n\u202e{', "guess"), 'a"\n\u202e{'),
    "a token in the place of the name": (basic(TOKEN, "guess"), TOKEN[:64]),
    "no login": (None, None),
    "a login that cannot be read": ("Basic %%%", None),
    "a login that is right": (CI, None),
}


@pytest.mark.parametrize("case", TRIED)
def test_a_failed_login_names_the_user_that_was_tried(strict_gateway: Gateway, case: str) -> None:
    authorization, name = TRIED[case]
    answer = request(strict_gateway.plain, "GET", "/v2/", authorization=authorization)
    line = strict_gateway.access_line(answer)
    assert line.get("user_tried") == name and line["status"] == answer.status
    assert "guess" not in str(line) and TOKEN not in strict_gateway.program.err


def test_eleven_wrong_passwords_in_a_minute_are_held_off(sandbox: Sandbox, start_gateway: StartGateway, stored: Image) -> None:
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
        known.pull_manifest(REPOSITORY, "v1")  # credentials that were verified before still pass


def test_a_users_hash_is_what_berth_hash_password_prints(sandbox: Sandbox, start_gateway: StartGateway, berth: Path) -> None:
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
