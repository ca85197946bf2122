"""Where only a proxy reaches the outside, calls to AWS and transfers go through it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.gateway import clean_environment
from harness.forward_proxy import ForwardProxy
from harness.images import MIB, blob_image
from harness.processes import attempt, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import request, basic

REPOSITORY = "proxied/app"


@pytest.fixture
def start_proxy(own_sandbox: Sandbox) -> Iterator[Callable[..., ForwardProxy]]:
    started: list[ForwardProxy] = []

    def start(status: int = 200) -> ForwardProxy:
        started.append(ForwardProxy(own_sandbox, status))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_a_push_and_a_pull_through_a_proxy(
    own_sandbox: Sandbox, start_gateway: StartGateway, start_proxy: Callable[..., ForwardProxy], variable: str
) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    proxy = start_proxy()
    gateway = start_gateway(own_sandbox, {variable: proxy.url, "NO_PROXY": "localhost,.example.com"}, connect_to={})
    gateway.wait_until_ready()
    image = blob_image(os.urandom(4 * MIB))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
        client.pull_image(REPOSITORY, "v1", image)
    hosts = {target.partition(".")[0] for target in proxy.asked}
    assert {own_sandbox.facts["account"], "api"} <= hosts and any("starport" in host for host in hosts), proxy.asked
    assert "p@ss" not in gateway.program.err and "p%40ss" not in gateway.program.err


def test_no_proxy_and_connect_to_bypass_the_proxy(
    own_sandbox: Sandbox, start_gateway: StartGateway, start_proxy: Callable[..., ForwardProxy]
) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    proxy = start_proxy()
    gateway = start_gateway(own_sandbox, {"HTTPS_PROXY": proxy.url})
    gateway.wait_until_ready()
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", blob_image(b"layer"))
    assert not proxy.asked


@pytest.mark.parametrize("excepted", [".AMAZONAWS.com.", "amazonaws.com:443", "*.amazonaws.com."])
def test_no_proxy_works_in_every_spelling(
    own_sandbox: Sandbox, start_gateway: StartGateway, start_proxy: Callable[..., ForwardProxy], excepted: str
) -> None:
    """For transfers and calls to AWS alike. Only the proxy can resolve these names."""
    proxy = start_proxy()
    gateway = start_gateway(own_sandbox, {"HTTPS_PROXY": proxy.url, "NO_PROXY": f"localhost, {excepted}"}, connect_to={})
    wait_until(lambda: "GetAuthorizationToken" in gateway.program.err, "a call", 20)
    gateway.stop()
    assert not proxy.asked
    # The calls for the token use the proxy, transfers do not.
    registry = own_sandbox.registry_host.upper() + ".:443"
    gateway = start_gateway(own_sandbox, {"HTTPS_PROXY": proxy.url, "NO_PROXY": registry}, connect_to={})
    gateway.wait_until_ready()
    authorization = basic(gateway.username, gateway.password)
    assert request(gateway.plain, "GET", f"/v2/{REPOSITORY}/tags/list", authorization=authorization).status in (502, 504)
    assert not any(target.startswith(own_sandbox.facts["account"]) for target in proxy.asked), proxy.asked


def test_an_error_of_the_proxy_is_reported(
    own_sandbox: Sandbox, start_gateway: StartGateway, start_proxy: Callable[..., ForwardProxy]
) -> None:
    proxy = start_proxy()
    gateway = start_gateway(own_sandbox, {"HTTPS_PROXY": proxy.url}, connect_to={})
    gateway.wait_until_ready()
    proxy.status = 403
    response = request(
        gateway.plain, "GET", f"/v2/{REPOSITORY}/tags/list", authorization=basic(gateway.username, gateway.password))
    assert (response.status, response.code) == (502, "UNAVAILABLE")
    line = gateway.access_line(response)
    assert "the proxy 127.0.0.1" in line["reason"] and "status 403" in line["reason"], line


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1080", "https://127.0.0.1:3128", "http://:pass", "http://a b:1"])
def test_a_proxy_url_that_transfers_cannot_use_is_rejected_at_start(
    berth: Path, sandbox: Sandbox, own_directory: Path, value: str
) -> None:
    environment = clean_environment(sandbox.environment | {
        "HTTPS_PROXY": value, "BERTH_REGISTRY": sandbox.registry_host, "BERTH_USERNAME": "u", "BERTH_PASSWORD": "p",
        "BERTH_LISTEN": "127.0.0.1:0", "BERTH_ADMIN_LISTEN": "127.0.0.1:0"})
    done = attempt(berth, "serve", env=environment)
    assert done.returncode == 78
    assert "HTTPS_PROXY" in done.stderr and "http://proxy.example:3128" in done.stderr and "pass" not in done.stderr


def test_an_error_leaves_its_connection_usable_for_the_next_request(
    own_sandbox: Sandbox, start_gateway: StartGateway, start_proxy: Callable[..., ForwardProxy]
) -> None:
    """The proxy sees each new connection."""
    proxy = start_proxy()
    gateway = start_gateway(own_sandbox, {"HTTPS_PROXY": proxy.url}, connect_to={}, workers=1)
    gateway.wait_until_ready()
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        for _ in range(20):
            client.expect((404,), "GET", "/v2/absent/app/manifests/v1")
            client.expect((404,), "GET", "/v2/absent/app/tags/list")
            client.expect((404,), "HEAD", "/v2/absent/app/manifests/v1")
    assert sum(target.startswith(own_sandbox.facts["account"]) for target in proxy.asked) <= 2
