"""A reload takes effect as a whole or not at all, and the log says which."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness.address import Address, free_port
from harness.gateway import EVERYTHING, PASSWORD, Gateway, password_hash
from harness.images import MIB, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority, Certificate
from harness.wire import Response, Connection, basic, request

OTHER_ACCOUNT = "210987654321"
SUCCESSFUL, SUCCEEDED_AT = "berth_config_last_reload_successful", "berth_config_last_reload_success_timestamp_seconds"


def reload(gateway: Gateway) -> Response:
    return request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"})


def lines(gateway: Gateway, message: str) -> list[dict[str, Any]]:
    return [line for line in gateway.log_lines() if line.get("message", "").startswith(message)]


def hang_up(gateway: Gateway, message: str) -> dict[str, Any]:
    """Sends SIGHUP; the log line with the result."""
    before = len(lines(gateway, message))
    gateway.program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(lines(gateway, message)) > before, message, 10)
    return lines(gateway, message)[-1]


@pytest.fixture
def accounts(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> Iterator[tuple[Sandbox, Sandbox]]:
    other = Sandbox(berth, own_directory / "other", "--account", OTHER_ACCOUNT)
    yield own_sandbox, other
    other.stop()


@pytest.fixture
def gateway(accounts: tuple[Sandbox, Sandbox], own_directory: Path, start_gateway: StartGateway) -> Gateway:
    """A gateway in front of the first account, with the second one reachable."""
    here, there = accounts
    profiles = own_directory / "config"
    profiles.write_text("".join(
        f"[profile {name}]\naws_access_key_id = {box.facts['access_key_id']}\naws_secret_access_key = {box.facts['secret_access_key']}\n"
        # The APIs of both accounts have one host name, so that each upstream's profile selects its endpoint.
        f"endpoint_url = https://{box.facts['api']}\n"
        for name, box in (("here", here), ("there", there))))  # fmt: skip
    trust = own_directory / "ca.pem"
    trust.write_bytes(here.ca.read_bytes() + there.ca.read_bytes())
    running = start_gateway(
        here,
        environment={"AWS_CONFIG_FILE": str(profiles)},
        ca_file=str(trust),
        connect_to=here.facts["connect_to"] | there.facts["connect_to"],
        upstreams=[upstream(here, "here")],
        routes=[{"upstream": "here"}],
    )
    running.wait_until_ready()
    return running


def upstream(box: Sandbox, name: str) -> dict[str, Any]:
    return {"name": name, "registry": box.registry_host, "credentials": {"profile": name}}


def with_there(gateway: Gateway, there: Sandbox) -> dict[str, Any]:
    return gateway.configuration | {
        "upstreams": [*gateway.configuration["upstreams"], upstream(there, "there")],
        "routes": [{"upstream": "here"}, {"prefix": "hub/", "upstream": "there"}],
    }


def test_a_push_by_a_route_to_a_new_upstream_reaches_only_that_upstream(gateway: Gateway, accounts: tuple[Sandbox, Sandbox]) -> None:
    here, there = accounts
    for each in accounts:
        each.create_repositories("hub/app")
    gateway.write(with_there(gateway, there))
    fetched = here.tokens_fetched()
    response = reload(gateway)
    assert response.status == 200, response
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("hub/app", "v1", image)
        assert here.ecr().list_images(repositoryName="hub/app")["imageIds"] == [], "the push went to the other account"
        client.pull_image("hub/app", "v1", image)
    assert [one["imageTag"] for one in there.ecr().list_images(repositoryName="hub/app")["imageIds"]] == ["v1"]
    assert here.tokens_fetched() == fetched, "an upstream that has not changed lost its token"
    assert lines(gateway, "reloaded")[-1]["changed"] == "upstreams: there added; routes"
    assert gateway.metric("berth_token_expiry_timestamp_seconds", upstream="there") > 0


def test_a_removed_upstream_is_removed_only_for_new_exchanges(gateway: Gateway, accounts: tuple[Sandbox, Sandbox]) -> None:
    _, there = accounts
    there.create_repositories("hub/app")
    alone = gateway.configuration
    gateway.write(with_there(gateway, there))
    assert reload(gateway).status == 200
    image = blob_image(os.urandom(24 * MIB))
    digest = digest_of(image.layers[0])
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("hub/app", "v1", image)
    with Connection(gateway.plain, receive_buffer=64 * 1024) as slow:
        slow.send_head("GET", f"/v2/hub/app/blobs/{digest}", {"Authorization": basic(gateway.username, gateway.password)})
        head = slow.receive_final_head()
        body = slow.body(head)
        received = [next(body)]
        gateway.write(alone)
        assert hang_up(gateway, "reloaded")["changed"] == "upstreams: there removed; routes"
        received.extend(body)
        assert digest_of(b"".join(received)) == digest
    authorization = basic(gateway.username, gateway.password)
    assert request(gateway.plain, "GET", "/v2/hub/app/manifests/v1", authorization=authorization).status == 404
    metrics = request(gateway.admin, "GET", "/metrics").body
    assert b'upstream="here"' in metrics and b'upstream="there"' not in metrics


def test_one_key_that_requires_a_restart_rejects_the_whole_file(gateway: Gateway, accounts: tuple[Sandbox, Sandbox]) -> None:
    _, there = accounts
    before = gateway.configuration
    gateway.write(with_there(gateway, there) | {"workers": 1, "users": [], "log": {"level": "debug", "format": "json"}, "anonymous": {"access": []}})
    response = reload(gateway)
    line = 1 + [line.strip().split(":")[0] for line in gateway.configuration_path.read_text().splitlines()].index('"workers"')
    assert response.status == 422 and f"berth.yaml:{line}: workers: changed".encode() in response.body and b"restart" in response.body, response
    assert f"berth.yaml:{line}: workers: changed" in hang_up(gateway, "not reloaded")["problem"]
    assert request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, PASSWORD)).status == 200
    assert [one["name"] for one in json.loads(request(gateway.admin, "GET", "/api/v1/status").body)["upstreams"]] == ["here"]
    gateway.write(before)
    assert hang_up(gateway, "reloaded")["changed"] == "nothing"


def test_a_route_to_an_unknown_upstream_is_an_error_and_changes_nothing(gateway: Gateway) -> None:
    gateway.write(gateway.configuration | {"routes": [{"upstream": "here"}, {"prefix": "hub/", "upstream": "there"}]})
    response = reload(gateway)
    assert response.status == 422 and b"no upstream is named 'there'" in response.body


def test_a_broken_certificate_shows_in_the_log_and_the_metric(
    sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, authority: Authority
) -> None:
    issued, other = (authority.issue(f"{own_directory.name}-{name}", "IP:127.0.0.1") for name in ("one", "two"))
    certificate, key = own_directory / "tls.crt", own_directory / "tls.key"
    shutil.copy(issued.certificate, certificate)
    shutil.copy(issued.key, key)
    tls = {"certificate": str(certificate), "private_key": str(key)}
    gateway = start_gateway(sandbox, listeners=[{"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0", "tls": tls}])
    gateway.wait_until_ready()
    started = gateway.metric(SUCCEEDED_AT)
    assert gateway.metric(SUCCESSFUL) == 1 and started > 0
    users = gateway.configuration["users"]
    newcomer = {"name": "newcomer", "password_hash": password_hash(PASSWORD), "access": EVERYTHING}
    gateway.write(gateway.configuration | {"users": [*users, newcomer]})

    shutil.copy(other.certificate, certificate)
    problem = hang_up(gateway, "not reloaded")["problem"]
    assert "listeners[1].tls.private_key" in problem and str(key) in problem
    assert gateway.metric(SUCCESSFUL) == 0 and gateway.metric(SUCCEEDED_AT) == started
    assert request(gateway.plain, "GET", "/v2/", authorization=basic("newcomer", PASSWORD)).status == 401
    assert request(gateway.tls, "GET", "/v2/", authorization=basic(gateway.username, PASSWORD)).status == 200

    shutil.copy(other.key, key)
    assert hang_up(gateway, "reloaded")["changed"] == f"users: newcomer added; certificates: {certificate}"
    assert gateway.metric(SUCCESSFUL) == 1 and gateway.metric(SUCCEEDED_AT) > started
    with Connection(gateway.tls) as connection:
        assert connection.socket.getpeercert(True) and connection.request("GET", "/v2/").status == 401


def test_new_limits_apply_to_new_connections(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox)
    gateway.wait_until_ready()
    authorization = basic(gateway.username, gateway.password)
    large = {"Authorization": authorization, "Padding": "x" * 8000}
    assert request(gateway.plain, "GET", "/v2/", large).status == 200
    gateway.write(gateway.configuration | {"limits": {"head": "4KiB"}, "timeouts": {"idle": "200ms"}})
    assert hang_up(gateway, "reloaded")["changed"] == "limits; timeouts"
    assert request(gateway.plain, "GET", "/v2/", large).status == 431
    with Connection(gateway.plain, timeout=20) as idle:
        assert idle.request("GET", "/v2/", authorization=authorization).status == 200
        assert idle.closed_by_peer()


# Listeners.


def listeners(gateway: Gateway, *more: dict[str, Any]) -> dict[str, Any]:
    """The gateway's configuration with further listeners."""
    return gateway.configuration | {"listeners": [*gateway.configuration["listeners"], *more]}


def status(gateway: Gateway, address: Address, target: str = "/v2/") -> int:
    return request(address, "GET", target, authorization=basic(gateway.username, gateway.password)).status


def closes_at_once(connection: Connection) -> bool:
    connection.socket.settimeout(10)
    return connection.closed_by_peer()


@pytest.fixture
def simple(own_sandbox: Sandbox, start_gateway: StartGateway) -> Gateway:
    """A gateway with a plain and a TLS listener at port 0."""
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    return gateway


def test_a_listener_is_added_moved_and_removed_while_a_transfer_goes_on(simple: Gateway, own_sandbox: Sandbox) -> None:
    gateway, base = simple, simple.configuration
    own_sandbox.create_repositories("team/app")
    image = blob_image(os.urandom(24 * MIB))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("team/app", "v1", image)
    first, second = (Address("127.0.0.1", free_port()) for _ in range(2))
    staying = Connection(gateway.plain)
    assert staying.request("GET", "/v2/").status == 401

    gateway.write(listeners(gateway, {"address": first.authority}))
    assert hang_up(gateway, "reloaded")["changed"] == f"listeners: {first.authority} added"
    assert status(gateway, first) == 200

    digest = digest_of(image.layers[0])
    idle = Connection(first)
    assert idle.request("GET", "/v2/").status == 401
    with Connection(first, receive_buffer=64 * 1024) as slow:
        slow.send_head("GET", f"/v2/team/app/blobs/{digest}", {"Authorization": basic(gateway.username, gateway.password)})
        head = slow.receive_final_head()
        body = slow.body(head)
        received = [next(body)]
        gateway.write(base | {"listeners": [{"address": second.authority}, *base["listeners"]]})
        assert hang_up(gateway, "reloaded")["changed"] == f"listeners: {second.authority} added, {first.authority} removed"
        assert not first.accepts() and status(gateway, second) == 200
        assert closes_at_once(idle)
        received.extend(body)
        assert digest_of(b"".join(received)) == digest
        assert closes_at_once(slow), "its exchange has ended"

    gateway.write(base)
    assert hang_up(gateway, "reloaded")["changed"] == f"listeners: {second.authority} removed"
    assert not second.accepts()
    assert staying.request("GET", "/v2/").status == 401, "the same connection, through all of this"
    assert status(gateway, gateway.plain) == status(gateway, gateway.tls) == 200


def test_a_push_at_a_removed_listener_ends_in_order(simple: Gateway, own_sandbox: Sandbox) -> None:
    gateway, base = simple, simple.configuration
    own_sandbox.create_repositories("team/app")
    address = Address("127.0.0.1", free_port())
    gateway.write(listeners(gateway, {"address": address.authority}))
    assert reload(gateway).status == 200
    blob = os.urandom(2 * MIB)
    with RegistryClient(address, gateway.username, gateway.password) as client:
        session = client.start_upload("team/app")
        fields = {"Authorization": client.authorization, "Content-Length": str(len(blob))}
        client.connection.send_head("PUT", f"{session}{'&' if '?' in session else '?'}digest={digest_of(blob)}", fields)
        client.connection.send(blob[:MIB])
        gateway.write(base)
        assert reload(gateway).status == 200
        client.connection.send(blob[MIB:])
        response = client.connection.receive()
        assert response.status == 201 and response.fields["connection"] == "close", response
        assert closes_at_once(client.connection)


def test_two_listeners_swap_their_addresses(own_sandbox: Sandbox, start_gateway: StartGateway, certificate: Certificate, authority: Authority) -> None:
    one, two = (f"127.0.0.1:{free_port()}" for _ in range(2))
    tls = {"certificate": str(certificate.certificate), "private_key": str(certificate.key)}
    gateway = start_gateway(own_sandbox, listeners=[{"address": one}, {"address": two, "tls": tls}])
    gateway.wait_until_ready()
    plain, secure = Connection(Address.parse(one)), Connection(Address.parse(two, authority.certificate))
    for connection in (plain, secure):
        assert connection.request("GET", "/v2/").status == 401
    gateway.write(gateway.configuration | {"listeners": [{"address": two}, {"address": one, "tls": tls}]})
    assert hang_up(gateway, "reloaded")["changed"] == f"listeners: {two} without TLS, {one} with TLS"
    assert status(gateway, Address.parse(one, authority.certificate)) == status(gateway, Address.parse(two)) == 200
    assert closes_at_once(plain) and closes_at_once(secure), "they were accepted in another way"
    assert gateway.metric("berth_exchanges_in_flight") == 0


def test_an_address_in_use_changes_nothing(simple: Gateway) -> None:
    gateway, before = simple, simple.configuration
    free = Address("127.0.0.1", free_port())
    users = [*before["users"], {"name": "newcomer", "password_hash": password_hash(PASSWORD), "access": EVERYTHING}]
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        gateway.write(listeners(gateway, {"address": free.authority}, {"address": taken}) | {"users": users})
        response = reload(gateway)
        assert response.status == 422, response
        problem = json.loads(response.body)["problems"][0]
        line = 1 + next(n for n, text in enumerate(gateway.configuration_path.read_text().splitlines()) if taken in text)
        assert problem.startswith(f"{gateway.configuration_path}:{line}: listeners[3].address: {taken}: Address already in use; "), problem
        assert not free.accepts()
        assert request(gateway.plain, "GET", "/v2/", authorization=basic("newcomer", PASSWORD)).status == 401
        gateway.write(gateway.configuration | {"listeners": before["listeners"], "admin": {"address": taken}})
        problem = json.loads(reload(gateway).body)["problems"][0]
        assert f": admin.address: {taken}: Address already in use; " in problem, problem
        assert gateway.metric(SUCCESSFUL) == 0
    assert reload(gateway).status == 200, "the other program is gone"
    assert request(Address.parse(taken), "GET", "/healthz").status == 200


def test_a_wildcard_address_takes_the_place_of_a_narrow_one_and_back(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    port = free_port()
    narrow, wide, both = f"127.0.0.1:{port}", f"0.0.0.0:{port}", f"[::]:{port}"
    gateway = start_gateway(own_sandbox, listeners=[{"address": narrow}])
    gateway.wait_until_ready()
    here, elsewhere = Address("127.0.0.1", port), Address("127.0.0.2", port)
    failures: list[str] = []
    done = threading.Event()

    def keep_connecting() -> None:
        while not done.is_set():
            try:
                if status(gateway, here) != 200:
                    failures.append("status")
            except OSError as error:
                failures.append(f"{error!r}")

    client = threading.Thread(target=keep_connecting)
    client.start()
    try:
        old = narrow
        for new in (wide, narrow, both, wide, both, narrow):
            gateway.write(gateway.configuration | {"listeners": [{"address": new}]})
            assert hang_up(gateway, "reloaded")["changed"] == f"listeners: {new} added, {old} removed"
            assert elsewhere.accepts() == (new != narrow)
            old = new
    finally:
        done.set()
        client.join()
    assert not failures, failures[:3]


@pytest.mark.parametrize("second", ["0.0.0.0", "127.0.0.1", "[::]"])
def test_addresses_that_overlap_are_a_problem(simple: Gateway, second: str) -> None:
    gateway, port = simple, free_port()
    gateway.write(listeners(gateway, {"address": f"0.0.0.0:{port}"}, {"address": f"{second}:{port}"}))
    response = reload(gateway)
    assert response.status == 422 and f"is used by another listener, at 0.0.0.0:{port}".encode() in response.body, response


def test_the_admin_listener_moves(simple: Gateway) -> None:
    gateway = simple
    old, new = gateway.admin, Address("127.0.0.1", free_port())
    kept = Connection(old)
    assert kept.request("GET", "/healthz").status == 200
    gateway.write(gateway.configuration | {"admin": {"address": new.authority}})
    assert hang_up(gateway, "reloaded")["changed"] == f"admin.address: 127.0.0.1:0 -> {new.authority}"
    assert request(new, "GET", "/healthz").status == 200 and not old.accepts()
    assert closes_at_once(kept), "an idle connection of the admin listener ends after 5 s by itself"
    # And on to the port of a listener, whose listener takes the admin listener's.
    gateway.addresses["admin", False] = new
    port = free_port()
    gateway.write(listeners(gateway, {"address": f"127.0.0.1:{port}"}))
    hang_up(gateway, "reloaded")
    gateway.write(gateway.configuration | {"admin": {"address": f"127.0.0.1:{port}"}, "listeners": [*gateway.configuration["listeners"][:-1], {"address": new.authority}]})
    assert hang_up(gateway, "reloaded")["changed"] == (
        f"listeners: {new.authority} added, 127.0.0.1:{port} removed; admin.address: {new.authority} -> 127.0.0.1:{port}"
    )
    assert request(Address("127.0.0.1", port), "GET", "/healthz").status == 200
    assert status(gateway, new) == 200


# The log, and logins.


def test_the_log_changes_its_level_and_form(simple: Gateway) -> None:
    gateway = simple

    def has_access_line(target: str) -> bool:
        request(gateway.plain, "GET", target)
        time.sleep(0.5)
        return target in gateway.program.err

    assert has_access_line("/first")
    gateway.write(gateway.configuration | {"log": {"level": "notice", "format": "json"}})
    assert hang_up(gateway, "reloaded")["changed"] == "log.level"
    assert not has_access_line("/second")
    gateway.write(gateway.configuration | {"log": {"level": "info", "format": "text"}})
    gateway.program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: 'reloaded cause=signal changed="log.level; log.format"' in gateway.program.err, "a line of text", 10)
    assert has_access_line("/third")
    assert " access " in gateway.program.err.splitlines()[-1]


def test_the_limit_of_failed_logins_changes(simple: Gateway) -> None:
    gateway = simple

    def fail(number: int) -> int:
        return request(gateway.plain, "GET", "/v2/", authorization=basic(gateway.username, f"wrong {number}")).status

    gateway.write(gateway.configuration | {"limits": {"failed_logins_per_minute": 2}})
    assert hang_up(gateway, "reloaded")["changed"] == "limits"
    assert [fail(number) for number in range(3)] == [401, 401, 429]
    gateway.write(gateway.configuration | {"limits": {"failed_logins_per_minute": 3}})
    assert reload(gateway).status == 200
    assert [fail(number) for number in range(3, 5)] == [401, 429]
