"""ECR Public as an upstream: its own API, the registry's token service, bearers, and its rejection of HEAD for blobs (ECR 2.2)."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import StartGateway
from harness.gateway import FREE, Gateway, clean_environment, user
from harness.images import Image, blob_image, digest_of
from harness.processes import attempt, require
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority

REPOSITORY = "alias/app"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}


def upstream(**credentials: str) -> dict[str, object]:
    return {"name": "public", "registry": "public.ecr.aws"} | ({"credentials": credentials} if credentials else {})


@pytest.fixture
def image(own_sandbox: Sandbox, start_gateway: StartGateway) -> Image:
    """Pushes into the sandbox through its private registry."""
    own_sandbox.create_repositories(REPOSITORY)
    pushing = start_gateway(own_sandbox)
    image = blob_image(b"x" * 50_000, b"y" * 3_000)
    with RegistryClient(pushing.plain, pushing.username, pushing.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    return image


def client_of(gateway: Gateway) -> RegistryClient:
    return RegistryClient(gateway.plain, gateway.username, gateway.password)


@pytest.mark.parametrize("keys", [True, False], ids=["with credentials", "anonymous"])
def test_pulls_from_ecr_public_survive_expired_bearers(
    keys: bool, own_sandbox: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    gateway = start_gateway(own_sandbox, environment={} if keys else NO_KEYS, upstreams=[upstream()])
    gateway.wait_until_ready()
    with client_of(gateway) as client:
        client.pull_image(REPOSITORY, "v1", image)
        own_sandbox.expire_tokens()
        client.pull_image(REPOSITORY, "v1", image)
    stats = own_sandbox.control("GET", "/stats")
    assert (stats["requests"].get("api.PublicGetAuthorizationToken", 0) > 0) == keys
    assert gateway.metric("berth_replays_total", upstream="public", reason="token_invalid") == 1


def test_head_returns_a_blobs_size_although_ecr_public_rejects_head(
    own_sandbox: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    gateway = start_gateway(own_sandbox, upstreams=[upstream()])
    gateway.wait_until_ready()
    with client_of(gateway) as client:
        for blob in image.blobs:
            response = client.expect((200,), "HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}")
            assert int(response.fields["content-length"]) == len(blob)
            assert response.fields["docker-content-digest"] == digest_of(blob)
        missing = client.expect((404,), "HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(b'missing')}")
        assert not missing.body
        client.pull_image(REPOSITORY, "v1", image)  # on the same connection
    assert gateway.metric("berth_replays_total", upstream="public") == 0


def test_the_dual_stack_name_is_ecr_public_too(own_sandbox: Sandbox, start_gateway: StartGateway, image: Image) -> None:
    # Calls to any other host would fail.
    reached = {name: address for name, address in own_sandbox.facts["connect_to"].items() if name.startswith(("ecr-public.", "*.s3."))}
    gateway = start_gateway(own_sandbox, upstreams=[upstream() | {"registry": "ecr-public.aws.com"}], connect_to=reached)
    gateway.wait_until_ready()
    with client_of(gateway) as client:
        client.pull_image(REPOSITORY, "v1", image)
    assert own_sandbox.control("GET", "/stats")["requests"]["api.PublicGetAuthorizationToken"] > 0


class Storage(BaseHTTPRequestHandler):
    """Responds like storage to a request for the first byte of an empty blob, or like one without range support."""

    protocol_version = "HTTP/1.1"
    response: tuple[int, dict[str, str], bytes] = (416, {"Content-Range": "bytes */0"}, b"<Error><Code>InvalidRange</Code></Error>")

    def do_GET(self) -> None:
        status, fields, body = self.response
        self.send_response(status)
        for name, value in (fields | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("response", "status", "size"), [
    ((416, {"Content-Range": "bytes */0"}, b"<Error><Code>InvalidRange</Code></Error>"), 200, "0"),
    ((416, {"Content-Range": "bytes */7"}, b"<Error/>"), 502, None),
    ((200, {}, b"whole body"), 200, "10"),
    ((206, {"Content-Range": "bytes 0-0/*"}, b"x"), 502, None),
    ((403, {}, b"<Error/>"), 502, None),
], ids=["no bytes", "no range", "no ranges", "no size", "rejected"])  # fmt: skip
def test_storages_response_to_the_first_byte_is_not_part_of_the_response_to_head(
    own_sandbox: Sandbox, start_gateway: StartGateway, image: Image, authority: Authority, own_directory: Path,
    response: tuple[int, dict[str, str], bytes], status: int, size: str | None,
) -> None:  # fmt: skip
    """A body after HEAD would be read as the next response on the connection."""
    certificate = authority.issue("storage", "DNS:*.s3.eu-west-1.amazonaws.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Storage,), {"response": response}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        trust = own_directory / "ca.pem"
        trust.write_bytes(own_sandbox.ca.read_bytes() + authority.certificate.read_bytes())
        connect_to = own_sandbox.facts["connect_to"] | {"*.s3.eu-west-1.amazonaws.com:443": f"127.0.0.1:{server.server_port}"}
        gateway = start_gateway(own_sandbox, upstreams=[upstream()], connect_to=connect_to, ca_file=str(trust))
        gateway.wait_until_ready()
        with client_of(gateway) as client:
            head = client.expect((status,), "HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(image.blobs[0])}")
            if size is not None:
                assert head.fields["content-length"] == size
            assert client.pull_manifest(REPOSITORY, "v1") == image.manifest  # on the same connection
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_tokens_of_private_and_public_registries_at_one_endpoint_are_kept_apart(
    own_sandbox: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    private = {"name": "private", "registry": own_sandbox.registry_host}
    gateway = start_gateway(
        own_sandbox, environment={"AWS_ENDPOINT_URL": f"https://{own_sandbox.facts['api']}"}, upstreams=[private, upstream()],
        routes=[{"prefix": "", "upstream": "private"}, {"prefix": "pub/", "upstream": "public", "upstream_prefix": ""}])
    gateway.wait_until_ready()
    with client_of(gateway) as client:
        client.pull_image(REPOSITORY, "v1", image)
        client.pull_image(f"pub/{REPOSITORY}", "v1", image)
    assert gateway.metric("berth_replays_total") == 0


def test_skopeo_copies_from_ecr_public(
    own_sandbox: Sandbox, start_gateway: StartGateway, image: Image, own_directory: Path
) -> None:
    require("skopeo")
    gateway = start_gateway(own_sandbox, upstreams=[upstream()])
    gateway.wait_until_ready()
    source = f"docker://{gateway.plain.authority}/{REPOSITORY}:v1"
    login = f"{gateway.username}:{gateway.password}"
    argv = ["skopeo", "copy", "--src-tls-verify=false", "--src-creds", login, source, f"dir:{own_directory / 'copy'}"]
    done = attempt(*argv)
    assert done.returncode == 0, done.stderr
    assert (own_directory / "copy/manifest.json").read_bytes() == image.manifest


@pytest.mark.parametrize("keys", [True, False], ids=["with credentials", "anonymous"])
def test_check_reports_the_identity_for_ecr_public(keys: bool, berth: Path, own_sandbox: Sandbox, own_directory: Path) -> None:
    path = own_directory / "berth.yaml"
    path.write_text(json.dumps(own_sandbox.upstream | FREE | {"upstreams": [upstream()], "users": [user("ci", "**")]}))
    environment = clean_environment(own_sandbox.environment if keys else NO_KEYS)
    done = attempt(berth, "check", "--json", "--config", path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = {step["step"]: step["outcome"] for step in json.loads(done.stdout)["upstreams"][0]["steps"]}
    assert steps["credentials"] == ("ok" if keys else "warning")
    assert steps["token"] == steps["api"] == steps["registry"] == "ok"


@pytest.mark.parametrize("named", [{"source": "environment"}, {"profile": "hollow"}, {"profile": "role"}])
def test_missing_explicit_credentials_do_not_become_anonymous(
    berth: Path, own_sandbox: Sandbox, own_directory: Path, named: dict[str, str]
) -> None:
    path, config = own_directory / "berth.yaml", own_directory / "config"
    config.write_text("[profile hollow]\nregion = x\n[profile role]\nrole_arn = arn:aws:iam::1:role/x\ncredential_source = Environment\n")
    configuration = own_sandbox.upstream | FREE | {"upstreams": [upstream(**named)], "users": [user("ci", "**")]}
    path.write_text(json.dumps(configuration))
    done = attempt(berth, "check", "--config", path, env=clean_environment(NO_KEYS | {"AWS_CONFIG_FILE": str(config)}))
    assert done.returncode == 69 and "FAIL  credentials" in done.stdout, done.stdout
