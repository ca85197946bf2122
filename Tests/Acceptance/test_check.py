"""`berth check` when something does not work: the report names the cause and the fix."""

from __future__ import annotations

import json
import re
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harness.address import free_port
from harness.forward_proxy import ForwardProxy
from harness.gateway import FREE, Gateway, clean_environment, user
from harness.processes import attempt
from harness.sandbox import Sandbox
from harness.tls import Authority, Certificate
from harness.wire import request

EX_UNAVAILABLE, EX_CONFIG = 69, 78


def check(berth: Path, directory: Path, sandbox: Sandbox, environment: dict[str, str] | None = None, **changes: Any) -> tuple[int, str]:
    path = directory / "berth.yaml"
    path.write_text(json.dumps(sandbox.upstream | FREE | {"users": [user("ci", "**")]} | changes))
    done = attempt(berth, "check", "--config", path, env=clean_environment(sandbox.environment | (environment or {})))
    assert sandbox.facts["secret_access_key"] not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def lines(said: str, mark: str) -> list[str]:
    return [line for line in said.splitlines() if line.strip().startswith(mark)]


def test_a_working_set_up_passes(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    status, said = check(berth, own_directory, own_sandbox)
    assert status == 0 and not lines(said, "FAIL") and not lines(said, "warn"), said
    assert "main: 123456789012.dkr.ecr.eu-west-1.amazonaws.com" in said
    assert own_sandbox.facts["access_key_id"] in said and "arn:aws:iam::123456789012:user/sandbox" in said
    for name in ("api", "registry", "s3"):
        assert f"reached at {own_sandbox.facts[name]}" in said


def test_a_missing_permission_is_printed_as_a_policy_statement(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    own_sandbox.deny_credentials(True)
    status, said = check(berth, own_directory, own_sandbox)
    assert status == EX_UNAVAILABLE and len(lines(said, "FAIL")) == 1, said
    found = re.search(r"\{.*\}", said)
    assert found and json.loads(found[0]) == {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}


def test_fips_endpoints_are_called_if_the_profile_asks_for_them(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    profile = own_directory / "config"
    profile.write_text("[profile fips]\nuse_fips_endpoint = true\n")
    # Calls to the other endpoints would fail.
    reached = {name: address for name, address in own_sandbox.facts["connect_to"].items() if not name.startswith(("api.ecr.", "sts."))}
    environment = {"AWS_CONFIG_FILE": str(profile), "AWS_PROFILE": "fips\n"}
    status, said = check(berth, own_directory, own_sandbox, environment, connect_to=reached)
    assert status == 0 and "ecr-fips.eu-west-1.amazonaws.com" in said and "api.ecr" not in said, said


def test_a_line_feed_at_the_end_of_a_variable_is_ignored(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    environment = {name: f"{own_sandbox.environment[name]}\n" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    status, said = check(berth, own_directory, own_sandbox, environment | {"AWS_SESSION_TOKEN": "\r\n"})
    assert status == 0, said
    status, said = check(berth, own_directory, own_sandbox, {"AWS_SECRET_ACCESS_KEY": "x\ny"})
    assert status == EX_UNAVAILABLE and "the secret access key contains white space, a line break" in said, said


def test_a_wrong_clock_is_reported_in_seconds(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    own_sandbox.control("POST", "/clock", {"offset_seconds": -3600})
    status, said = check(berth, own_directory, own_sandbox)
    assert status == 0, said  # Berth learns the offset from responses, and signs with it
    assert re.search(r"this machine's clock is (3599|3600|3601) s ahead of", said), said


def test_wrong_keys(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    status, said = check(berth, own_directory, own_sandbox, {"AWS_SECRET_ACCESS_KEY": "x" * 40})
    assert status == EX_UNAVAILABLE and "the secret key does not belong to the access key id" in said, said
    status, said = check(berth, own_directory, own_sandbox, {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"})
    assert status == EX_UNAVAILABLE and "are unknown here" in said, said


def test_without_credentials_the_report_lists_where_it_looked(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    environment = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(own_directory)}
    upstream = {"name": "main", "registry": own_sandbox.registry_host}
    status, said = check(berth, own_directory, own_sandbox, environment, upstreams=[upstream])
    assert status == EX_UNAVAILABLE, said
    places = [line.strip().removeprefix("not used: ").partition(":")[0] for line in said.splitlines() if "not used: " in line]
    assert places == ["environment", "profile", "web_identity", "container", "instance"]
    for way in ("on EC2", "on ECS", "on EKS", "elsewhere: AWS_ACCESS_KEY_ID"):
        assert f"- {way}" in said, said


def test_an_unreachable_registry_and_an_untrusted_certificate(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, authority: Authority
) -> None:
    nowhere = own_sandbox.facts["connect_to"] | {f"{own_sandbox.registry_host}:443": "127.0.0.1:1"}
    status, said = check(berth, own_directory, own_sandbox, connect_to=nowhere)
    assert status == EX_UNAVAILABLE and "address tried: 127.0.0.1:1, from connect_to" in said, said
    assert len(lines(said, "FAIL")) == 1
    status, said = check(berth, own_directory, own_sandbox, ca_file=str(authority.certificate))
    assert status == EX_UNAVAILABLE and "trust its CA with ca_file or AWS_CA_BUNDLE" in said, said


def test_a_ca_bundle_applies_to_calls_and_not_to_transfers(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    status, said = check(berth, own_directory, own_sandbox, {"AWS_CA_BUNDLE": str(own_sandbox.ca)}, ca_file="/etc/ssl/certs/ca-certificates.crt")
    failed = [line.split()[1] for line in lines(said, "FAIL")]
    assert status == EX_UNAVAILABLE and failed == ["registry:", "storage:"], said


def test_every_request_of_check_uses_the_proxy(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    proxy = ForwardProxy(own_sandbox)
    try:
        status, said = check(berth, own_directory, own_sandbox, {"HTTPS_PROXY": proxy.url, "NO_PROXY": ""}, connect_to={})
    finally:
        proxy.stop()
    assert status == 0, said
    assert set(proxy.asked) == set(proxy.names) - {name for name in proxy.names if "public" in name or "fips" in name}, proxy.asked


def test_another_accounts_registry_needs_its_policy(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    other = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
    connect_to = own_sandbox.facts["connect_to"] | {f"{other}:443": own_sandbox.facts["registry"]}
    upstream = {"name": "main", "registry": other, "credentials": {"source": "environment"}}
    _, said = check(berth, own_directory, own_sandbox, upstreams=[upstream], connect_to=connect_to)
    assert "the registry is account 210987654321's: its repositories' policies must allow" in said, said


def test_a_metadata_timeout_names_the_hop_limit(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    own_sandbox.control("POST", "/faults", {"where": "metadata", "match": {}, "kind": "stall", "seconds": 600, "times": 100})
    environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": own_sandbox.facts["metadata"], "AWS_EC2_METADATA_DISABLED": "false"}
    upstream = {"name": "main", "registry": own_sandbox.registry_host, "credentials": {"source": "instance"}}
    status, said = check(berth, own_directory, own_sandbox, environment, upstreams=[upstream])
    assert status == EX_UNAVAILABLE and "--http-put-response-hop-limit 2" in said, said


def test_check_rejects_what_serve_rejects(berth: Path, own_directory: Path, own_sandbox: Sandbox, authority: Authority) -> None:
    """With the same message and status."""
    one, two = (authority.issue(f"{own_directory.name}-{name}", "IP:127.0.0.1") for name in ("one", "two"))
    none = own_directory / "none.pem"
    none.write_text("no PEM")

    def listener(**tls: Path) -> dict[str, Any]:
        return {"listeners": [{"address": "127.0.0.1:0", "tls": {key: str(path) for key, path in tls.items()}}]}

    cases: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        ("listeners[0].tls.private_key", listener(certificate=one.certificate, private_key=two.key), {}),
        ("listeners[0].tls.certificate", listener(certificate=none, private_key=one.key), {}),
        ("listeners[0].tls.client_ca", listener(certificate=one.certificate, private_key=one.key, client_ca=none), {}),
        ("ca_file", {"ca_file": str(none)}, {}),
        ("HTTPS_PROXY", {}, {"HTTPS_PROXY": "socks5://127.0.0.1:1"}),
        ("AWS_ENDPOINT_URL", {}, {"AWS_ENDPOINT_URL": "nowhere"}),
    ]
    for key, changes, environment in cases:
        status, said = check(berth, own_directory, own_sandbox, environment, **changes)
        served = attempt(
            berth, "serve", "--config", own_directory / "berth.yaml", env=clean_environment(own_sandbox.environment | environment), timeout=20
        )
        assert (status, served.returncode) == (EX_CONFIG, EX_CONFIG), (key, said, served)
        # The log has begun; the error follows.
        rejected = "".join(line for line in served.stderr.splitlines(True) if not line.startswith("{"))
        assert f"{key}" in said and said == rejected, (said, served)


def test_an_expired_certificate(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    ended, key = own_directory / "ended.crt", own_directory / "ended.key"
    secret, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, secret.public_key(), 1, now - timedelta(days=2), now - timedelta(days=1))
    ended.write_bytes(builder.sign(secret, hashes.SHA256()).public_bytes(Encoding.PEM))
    key.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    listener = {"address": "127.0.0.1:0", "tls": {"certificate": str(ended), "private_key": str(key)}}
    status, said = check(berth, own_directory, own_sandbox, listeners=[listener])
    assert status == EX_UNAVAILABLE and [line for line in lines(said, "FAIL") if f"certificate: {ended} expired at" in line], said


def test_each_address_is_tried(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, said = check(berth, own_directory, own_sandbox, admin={"address": f"127.0.0.1:{port}"})
    assert status == EX_UNAVAILABLE and f"is in use by another program; stop it, or write another port here. To see which: ss -ltnp 'sport = :{port}'" in said, said
    status, said = check(berth, own_directory, own_sandbox, listeners=[{"address": "192.0.2.1:5000"}])
    assert status == EX_CONFIG and "192.0.2.1:5000" in lines(said, "FAIL")[0], said


def test_an_address_in_use_by_the_running_gateway_is_fine(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, authority: Authority, certificate: Certificate
) -> None:
    plain, admin, tls = ({"address": f"127.0.0.1:{free_port()}"} for _ in range(3))
    tls["tls"] = {"certificate": str(certificate.certificate), "private_key": str(certificate.key)}  # type: ignore[assignment]
    where = {"listeners": [plain, tls], "admin": admin}
    gateway = Gateway(berth, own_directory / "gateway", own_sandbox.upstream | where, own_sandbox.environment)
    try:
        # The edited file of the gateway that runs: another user, and an upstream more.
        more = [*own_sandbox.upstream["upstreams"], {"name": "more", "registry": own_sandbox.registry_host}]
        status, said = check(berth, own_directory, own_sandbox, upstreams=more, **where)
        assert status == 0 and said.count("is in use by the running berth (version ") == 3, said
        errors = request(gateway.admin, "GET", "/api/v1/errors").body
        assert b"speaks TLS" not in errors, "the check has left errors behind"
        # Another configuration at the same addresses.
        other = [own_sandbox.upstream["upstreams"][0] | {"name": "other"}]
        status, said = check(berth, own_directory, own_sandbox, upstreams=other, **where)
        assert status == EX_UNAVAILABLE and said.count("is in use by a berth with another configuration (upstreams: main)") == 3, said
    finally:
        gateway.stop()


def test_passwords_in_plain_text_on_a_network_give_a_warning(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, certificate: Certificate
) -> None:
    tls = {"tls": {"certificate": str(certificate.certificate), "private_key": str(certificate.key)}}
    ends_in_front: list[dict[str, Any]] = [{"trusted_proxies": ["10.0.0.0/8"]}, {"public_url": "https://registry.example.com"}, tls]
    for keys in ends_in_front:
        _, said = check(berth, own_directory, own_sandbox, listeners=[{"address": "0.0.0.0:0"} | keys])
        assert not lines(said, "warn"), said
    status, said = check(berth, own_directory, own_sandbox, listeners=[{"address": "0.0.0.0:0"}, {"address": "[::1]:0"}])
    assert status == 0 and len(lines(said, "warn")) == 1, said
    assert "0.0.0.0:0 speaks plain HTTP: passwords and images can be read on the network; set tls" in said, said


def test_problems_as_json(berth: Path, own_directory: Path) -> None:
    path = own_directory / "berth.yaml"
    path.write_text("upstreams: [{name: main, registry: nowhere}]\nadmin: {adress: x}\n")
    done = attempt(berth, "check", "--json", "--config", path, env=clean_environment({}))
    report = json.loads(done.stdout)
    assert done.returncode == EX_CONFIG and done.stderr == "" and report["ok"] is False
    assert [(problem["line"], problem["key"]) for problem in report["problems"]] == [
        (1, "upstreams[0].registry"), (1, "users"), (2, "admin.adress")]  # fmt: skip
    assert {problem["file"] for problem in report["problems"]} == {str(path)}
    assert report["problems"][2]["message"] == "unknown key; did you mean 'address'?"
    path.write_text("a: [")
    done = attempt(berth, "check", "--json", "--config", path, env=clean_environment({}))
    assert done.returncode == EX_CONFIG and "not YAML" in json.loads(done.stdout)["problems"][0]["message"]


def test_a_name_from_outside_cannot_write_to_the_terminal(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> None:
    connect_to = own_sandbox.facts["connect_to"]
    path = own_directory / "berth.yaml"
    escape = "\x1b[2J\u202e\x07"
    upstreams = [own_sandbox.upstream["upstreams"][0] | {"credentials": {"source": "profile", "profile": f"a{escape}b"}}]
    path.write_text(json.dumps(own_sandbox.upstream | FREE | {"users": [user("ci", "**")], "upstreams": upstreams, "connect_to": connect_to}))
    done = attempt(berth, "check", "--config", path, env=clean_environment(own_sandbox.environment | {"HOME": str(own_directory)}))
    said = done.stdout + done.stderr
    assert not {"\x1b", "\u202e", "\x07"} & set(said) and "\\u{1b}" in said, said
