"""The page at the admin address, in a browser: it shows what the gateway does, and what an operator asks of it happens."""

from __future__ import annotations

import base64
import itertools
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness import cache
from harness.address import free_port
from harness.browser import Browser
from harness.gateway import EVERYTHING, Gateway, password_hash
from harness.images import MIB, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.scripted import ScriptedServer
from harness.tls import Authority
from harness.wire import Connection, basic, request

REPOSITORY = "team/app"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def chromium(directory: Path) -> Iterator[Browser]:
    running = Browser(directory / "browser")
    yield running
    running.stop()


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """The browser, which has forgotten the page of the test before, and what the console said of its end."""
    chromium.driver.get("about:blank")
    chromium.console()
    return chromium


@pytest.fixture
def token(own_directory: Path) -> tuple[str, dict[str, Any]]:
    """An operator's token, and the `admin` section that requires it."""
    value, path = secrets.token_hex(16), own_directory / "admin.token"
    path.write_text(value + "\n")
    return value, {"address": "127.0.0.1:0", "token_file": str(path)}


@pytest.fixture
def running(own_sandbox: Sandbox, start_gateway: StartGateway, token: tuple[str, dict[str, Any]]) -> Gateway:
    """A gateway with an admin token, a route and a user whose name is a trap."""
    users = [
        {"name": name, "password_hash": password_hash(Gateway.password), "access": EVERYTHING} for name in (Gateway.username, HOSTILE)
    ]
    own_sandbox.create_repositories(REPOSITORY, "mirrored/app")
    routes = [{"prefix": "mirror/", "upstream": "main", "upstream_prefix": "mirrored/"}, {"upstream": "main"}]
    gateway = start_gateway(own_sandbox, admin=token[1], users=users, routes=routes)
    gateway.wait_until_ready()
    return gateway


def push(gateway: Gateway, size: int = 8000) -> bytes:
    blob = os.urandom(size)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", blob_image(blob))
    return blob


def manifest(gateway: Gateway, repository: str = REPOSITORY, user: str | None = None) -> int:
    authorization = basic(user or gateway.username, gateway.password)
    return request(gateway.plain, "GET", f"/v2/{repository}/manifests/v1", authorization=authorization).status


def admin(gateway: Gateway, method: str, path: str, token: str | None = None, body: bytes | None = b"") -> int:
    fields = {"Authorization": f"Bearer {token}"} if token else {}
    return request(gateway.admin, method, path, fields, body).status


def slow_pull(gateway: Gateway, blob: bytes) -> Connection:
    """A pull of which the client takes the first bytes only."""
    connection = Connection(gateway.plain, receive_buffer=1 << 16)
    connection.send_head(
        "GET", f"/v2/{REPOSITORY}/blobs/{digest_of(blob)}", {"Authorization": basic(gateway.username, gateway.password)})
    assert connection.receive_final_head().status == 200
    return connection


def is_sound(browser: Browser, url: str, *shown: tuple[str, str]) -> None:
    """At each width and in each scheme the page fits, axe-core finds nothing, and the console is empty."""
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            browser.open(url, width, scheme)
            for selector, words in shown:
                browser.wait_for(selector, words)
            assert browser.overflow() <= 0, f"{width} {scheme}"
            assert browser.violations() == [], f"{width} {scheme}"
    assert browser.console() == []


def test_a_page_shows_what_a_healthy_gateway_does(browser: Browser, running: Gateway) -> None:
    push(running)
    assert manifest(running) == 200
    assert manifest(running, user=HOSTILE) == 200
    assert manifest(running, "team/missing") == 404
    browser.open(running.admin.url)
    assert browser.wait_for("#state", "ready") == "✓ ready"
    browser.wait_for("#link", "live")
    browser.wait_for("#about", "version", "up")
    assert not browser.is_visible("#banner")
    browser.wait_for(".upstream", "main", "token valid", "amazonaws.com", "fetched", "renews in", "expires", "in 11 h", "environment")
    browser.wait_for("#requests", "manifest get", "manifest put", "upload start", "404 1")
    browser.wait_for("#repositories", REPOSITORY, "Pulls", "KiB")
    browser.wait_for("#users", running.username, HOSTILE)
    browser.wait_for("#transfers-empty", "No large transfer")
    certificate = next(listener for listener in running.configuration["listeners"] if "tls" in listener)["tls"]["certificate"]
    # The tests' certificates are valid for a day.
    browser.wait_for("#listeners", running.plain.authority, running.tls.authority, "plain HTTP", "TLS", "! ends", f"renew {certificate}")
    browser.wait_for("#routes", "mirror/", "mirrored/", "main")
    browser.wait_for("#configuration", str(running.configuration_path), "none since the start", running.admin.authority)
    browser.wait_for("#requests-rate", "/s")
    browser.wait_for("#sent-peak", "peak")
    assert browser.console() == []


def test_a_page_without_anything_to_show_says_so(browser: Browser, own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    is_sound(
        browser, gateway.admin.url, ("#state", "✓ ready"), ("#transfers-empty", "No large transfer"), ("#errors-empty", "Nothing has failed"),
        ("#requests-empty", "No client"), ("#usage-empty", "Nothing has been"), ("#routes-empty", "first upstream"),
        # Without admin.token_file the page changes nothing.
        ("#read-only", "admin.token_file"))
    assert not browser.is_visible("#reload") and not browser.is_visible(".upstream button")


def test_a_full_page_is_accessible_and_fits(browser: Browser, running: Gateway, own_sandbox: Sandbox) -> None:
    blob = push(running, 48 * MIB)
    manifest(running, user=HOSTILE)
    own_sandbox.add_fault(where="registry", kind="status", status=500, times=-1, match={"path_prefix": "/v2/team/app/tags"})
    request(running.plain, "GET", f"/v2/{REPOSITORY}/tags/list", authorization=basic(running.username, running.password))
    with slow_pull(running, blob):
        is_sound(
            browser, running.admin.url, ("#state", "✓ ready"), ("#transfers", REPOSITORY), ("#users", HOSTILE), ("#listeners", "! ends"))
        browser.click("#reload")
        browser.wait_for("#dialog", "admin.token_file")
        assert browser.violations() == []


def test_the_cache_is_shown_with_what_is_wrong_and_can_be_emptied(
    browser: Browser, own_sandbox: Sandbox, start_gateway: StartGateway, token: tuple[str, dict[str, Any]], own_directory: Path
) -> None:
    directory = own_directory / "cache"
    gateway = start_gateway(own_sandbox, admin=token[1], cache=cache.settings(directory))
    gateway.wait_until_ready()
    cache.wait_until_on(gateway)
    own_sandbox.create_repositories(REPOSITORY)
    blob = push(gateway, 3 * MIB)
    cache.get(gateway, f"{REPOSITORY}/blobs/{digest_of(blob)}")
    cache.wait_until_kept(gateway, directory, digest_of(blob))
    is_sound(browser, gateway.admin.url, ("#cache-state", "✓ in use"), ("#cache-facts", f"3.0 MiB of 1.0 GiB, 1 entry in {directory}"))
    browser.wait_for("#cache-facts", "1 fetched", "last used")
    browser.click("#cache-empty")
    give_token(browser, token[0])
    browser.wait_for("#cache-result", "✓ Removed 1 entry")
    browser.wait_for("#cache-facts", "0 B of 1.0 GiB")
    other = own_directory / "other"
    other.mkdir()
    (other / "thesis.txt").touch()
    gateway.write(gateway.configuration | {"cache": cache.settings(other)})
    assert request(gateway.admin, "POST", "/api/v1/reload", {"Authorization": f"Bearer {token[0]}"}, b"").status == 200
    is_sound(browser, gateway.admin.url, ("#cache-state", "✕ off"), ("#cache-problem", "thesis.txt"))


def token_response(seconds: float) -> bytes:
    """What the API responds with a token that lives so long."""
    entry = {"authorizationToken": base64.b64encode(b"AWS:x").decode(), "expiresAt": time.time() + seconds}
    return json_response("200 OK", {"authorizationData": [entry]})


def json_response(status: str, value: Any) -> bytes:
    body = json.dumps(value).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


DENIED = json_response("400 Bad Request", {"__type": "AccessDeniedException", "message": "not authorized to perform: ecr:GetAuthorizationToken"})


@pytest.fixture
def scripted_api(authority: Authority) -> Iterator[ScriptedServer]:
    running = ScriptedServer(authority.issue("api", "DNS:api.ecr.eu-west-1.amazonaws.com"), DENIED)
    yield running
    running.stop()


def test_a_refused_and_then_expired_token_is_unmistakable(
    browser: Browser, scripted_api: ScriptedServer, sandbox: Sandbox, start_gateway: StartGateway, authority: Authority
) -> None:
    scripted_api.say(token_response(16))
    connect_to = sandbox.facts["connect_to"] | {"api.ecr.eu-west-1.amazonaws.com:443": scripted_api.address.authority}
    gateway = start_gateway(sandbox, connect_to=connect_to, ca_file=str(authority.certificate))
    gateway.wait_until_ready()
    scripted_api.say(DENIED)
    browser.open(gateway.admin.url)
    browser.wait_for(".upstream", "! renewal failing", "tries again", "AccessDenied")
    assert browser.text("#state") == "✓ ready"
    browser.wait_for("#errors", "token not fetched", "main", "AccessDenied")
    browser.wait_for(".upstream", "✕ token expired", "expired", "AccessDenied")
    browser.wait_for("#banner", "Not ready: no upstream can serve", "main: no valid token")
    assert browser.text("#state") == "✕ not ready" and "not ready" in browser.driver.title
    is_sound(browser, gateway.admin.url, ("#banner", "Not ready"), ("#errors", "token not fetched"))
    scripted_api.say(token_response(3600))
    browser.wait_for(".upstream", "✓ token valid", "in 59 min")
    browser.wait_for("#state", "✓ ready")
    assert not browser.is_visible("#banner")


def test_one_failing_upstream_of_two_is_named(browser: Browser, own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    broken = {"name": "broken", "registry": "123456789012.dkr.ecr.eu-central-1.amazonaws.com", "credentials": {"source": "web_identity"}}
    gateway = start_gateway(own_sandbox, upstreams=[*own_sandbox.upstream["upstreams"], broken])
    gateway.wait_until_ready()
    browser.open(gateway.admin.url)
    browser.wait_for("#banner", "1 of 2 upstreams cannot serve", "broken")
    browser.wait_for("#upstreams", "✓ token valid", "– no token", "none found yet")
    assert browser.text("#state") == "✓ ready"


def test_an_upstream_that_is_away_is_among_the_errors_with_its_fix(browser: Browser, running: Gateway, own_sandbox: Sandbox) -> None:
    push(running)
    browser.open(running.admin.url)
    browser.wait_for("#state", "ready")
    own_sandbox.stop()
    assert manifest(running) == 502
    browser.wait_for("#errors", "manifest get", REPOSITORY, "upstream main", "status 502", "unreachable", "Fix:")
    browser.wait_for("#requests", "502 1")


def test_a_transfer_shows_its_progress_until_it_ends(browser: Browser, running: Gateway) -> None:
    blob = push(running, 48 * MIB)
    browser.open(running.admin.url)
    browser.wait_for("#state", "ready")
    with slow_pull(running, blob) as connection:
        browser.wait_for("#transfers", REPOSITORY, "pull by ci from 127.0.0.1", "of 48.0 MiB", "upstream main")
        browser.wait_for("#in-flight", "1")

        def progress() -> float:
            return browser.driver.execute_script("const bar = document.querySelector('#transfers progress'); return bar.value / bar.max")

        before = progress()
        assert 0 <= before < 1
        read = sum(len(piece) for piece in itertools.islice(connection._exactly(48 * MIB), 400))
        wait_until(lambda: progress() > before, f"progress beyond {before} after {read} bytes")
        rest = b"".join(connection._exactly(48 * MIB - read))
        assert len(rest) == 48 * MIB - read
    browser.wait_for("#transfers-empty", "No large transfer")
    assert browser.console() == []


def give_token(browser: Browser, value: str) -> None:
    browser.element("#token").send_keys(value)
    browser.click("#token-form button[type=submit]")


def test_actions_need_the_token_and_say_what_happened(
    browser: Browser, running: Gateway, own_sandbox: Sandbox, token: tuple[str, dict[str, Any]]
) -> None:
    browser.open(running.admin.url)
    browser.wait_for("#state", "ready")
    before = own_sandbox.tokens_fetched()
    browser.click(".upstream button")
    give_token(browser, "not-the-token-of-the-file")
    browser.wait_for("#dialog", "This is not the token of admin.token_file.")
    give_token(browser, token[0])
    browser.wait_for(".upstream .result", "✓ A new token was fetched.")
    assert own_sandbox.tokens_fetched() == before + 1
    # The tab remembers the token.
    browser.driver.execute_script("document.getElementById('log-level').value = 'debug'")
    browser.click("#log-form button")
    browser.wait_for("#result", "✓ The log's level is debug")
    status = json.loads(request(running.admin, "GET", "/api/v1/status").body)
    assert status["log_level"] == "debug"
    running.write(running.configuration | {"timeouts": {"idle": "5"}})
    browser.click("#reload")
    browser.wait_for("#result", "✕ Not reloaded", "timeouts.idle", "write 5s")
    browser.wait_for("#reload-problems", "The last reload failed", "timeouts.idle")
    browser.wait_for("#configuration", "failed")
    running.write(running.configuration | {"timeouts": {"idle": "5s"}})
    browser.click("#reload")
    browser.wait_for("#result", "✓ Reloaded. Changed: timeouts")
    browser.wait_for("#configuration", "changed timeouts")
    assert not browser.is_visible("#reload-problems")
    # Until it is told to forget it.
    browser.click("#forget")
    browser.click("#reload")
    browser.wait_for("#dialog", "Changes need the token")
    browser.click("#cancel")
    assert browser.text("#result") == "The token is forgotten."
    # A browser reports each 401 and 422 as a failed load; nothing else is amiss.
    assert [line for line in browser.console() if "401" not in line and "422" not in line] == []


def test_a_drain_an_end_and_a_return_are_seen(browser: Browser, own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.create_repositories(REPOSITORY)
    address = {"address": f"127.0.0.1:{free_port()}"}
    gateway = start_gateway(own_sandbox, admin=address)
    gateway.wait_until_ready()
    blob = push(gateway, 48 * MIB)
    browser.open(gateway.admin.url)
    browser.wait_for("#link", "live")
    connection = slow_pull(gateway, blob)
    browser.wait_for("#transfers", REPOSITORY)
    gateway.program.process.send_signal(signal.SIGTERM)
    browser.wait_for("#banner", "Draining: no new request is taken", "1 now")
    assert browser.text("#state") == "! draining" and browser.text("#link") == "live"
    browser.wait_for("#transfers", REPOSITORY)
    connection.close()
    assert gateway.program.wait() == 0
    browser.wait_for("#banner", "Berth has stopped")
    browser.wait_for("#link", "connection lost, data", "s old")
    browser.console()  # of attempts to connect
    start_gateway(own_sandbox, admin=address).wait_until_ready()
    browser.wait_for("#link", "live")
    browser.wait_for("#state", "✓ ready")
    assert not browser.is_visible("#banner")


def test_a_killed_gateway_leaves_no_page_that_looks_alive(browser: Browser, own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    browser.open(gateway.admin.url)
    browser.wait_for("#link", "live")
    # Silent, as behind a broken network: the connection stays, and nothing comes.
    gateway.program.process.send_signal(signal.SIGSTOP)
    try:
        browser.wait_for("#banner", "Connection to Berth lost")
        browser.wait_for("#link", "connection lost, data", "s old")
    finally:
        gateway.program.process.send_signal(signal.SIGCONT)
    browser.wait_for("#link", "live")
    gateway.program.process.kill()
    browser.wait_for("#banner", "Connection to Berth lost")


def test_another_page_of_the_same_browser_can_change_nothing(
    browser: Browser, running: Gateway, own_sandbox: Sandbox, start_gateway: StartGateway, token: tuple[str, dict[str, Any]]
) -> None:
    other = start_gateway(own_sandbox)  # a page of another origin
    before = own_sandbox.tokens_fetched()
    browser.open(running.admin.url)
    browser.wait_for("#state", "ready")
    send = "const done = arguments[1]; fetch(arguments[0], {method: 'POST', mode: 'no-cors'}).then(() => done('sent'), (e) => done(String(e)))"
    # Berth's own page without its token.
    browser.driver.execute_async_script(send, f"{running.admin.url}/api/v1/reload")
    assert not [line for line in running.log_lines() if line.get("message") == "reloaded"]
    browser.open(other.admin.url + "/healthz")
    browser.driver.execute_async_script(send, f"{running.admin.url}/api/v1/upstreams/main/refresh")
    time.sleep(0.5)
    assert own_sandbox.tokens_fetched() <= before + 1, "only the other gateway's first token"
