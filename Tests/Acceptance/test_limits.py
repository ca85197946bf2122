"""Limits apply to the whole gateway, whichever worker accepts a connection, and a client within its limits is not affected by others."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack

import pytest

from conftest import REPOSITORY, StartGateway
from harness.address import Address
from harness.gateway import PASSWORD, Gateway, default_listeners, user
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import DATE, Connection, basic, request

GOOD = basic("ci", PASSWORD)
SLOW_BUFFER = 16 * 1024


@pytest.mark.parametrize("limit", ["connections", "connections_per_client"])
def test_connections_are_counted_over_all_workers(sandbox: Sandbox, start_gateway: StartGateway, limit: str) -> None:
    gateway = start_gateway(sandbox, limits={limit: 5}, workers=2)
    with ExitStack() as held:
        connections = [held.enter_context(Connection(gateway.plain)) for _ in range(5)]
        assert [each.request("GET", "/v2/", authorization=GOOD).status for each in connections] == [200] * 5
        for _ in range(10):
            turned_away = request(gateway.plain, "GET", "/v2/", authorization=GOOD)
            assert (turned_away.status, turned_away.code) == (503, "TOOMANYREQUESTS"), turned_away
            assert int(turned_away.fields["retry-after"]) >= 1 and re.fullmatch(DATE, turned_away.fields["date"])
            assert turned_away.error and turned_away.error["detail"] == {"request_id": turned_away.request_id}
            assert gateway.access_line(turned_away)["end"] == "turned_away"
    wait_until(lambda: request(gateway.plain, "GET", "/v2/", authorization=GOOD).status == 200, "a free connection", 5)


def test_the_right_password_passes_on_every_worker_while_guesses_are_throttled(
    sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(sandbox, workers=2)
    assert request(gateway.plain, "GET", "/v2/", authorization=GOOD).status == 200
    guesses = [request(gateway.plain, "GET", "/v2/", authorization=basic("ci", f"guess {number}")).status for number in range(12)]
    assert guesses[-1] == 429
    assert {request(gateway.plain, "GET", "/v2/", authorization=GOOD).status for _ in range(20)} == {200}


def test_a_dual_stack_listener_distinguishes_ipv4_clients(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, listeners=[{"address": "[::]:0"}, *default_listeners(None)])
    port = next(int(line["address"].rpartition(":")[2]) for line in gateway.log_lines() if "[::]" in line.get("address", ""))

    def login(source: str, password: str) -> int:
        with Connection(Address("127.0.0.1", port), source=source) as connection:
            return connection.request("GET", "/v2/", authorization=basic("ci", password)).status

    assert [login("127.0.0.2", f"guess {number}") for number in range(11)][-1] == 429
    assert login("127.0.0.3", PASSWORD) == 200
    wait_until(lambda: "127.0.0.3" in clients(gateway), "an access line", 5)


def test_receivers_that_do_not_read_cost_little_memory(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    image = blob_image(os.urandom(16 * MIB))
    gateway = start_gateway(sandbox)
    gateway.wait_until_ready()
    sandbox.create_repositories(REPOSITORY)
    with RegistryClient(gateway.plain, "ci", PASSWORD) as client:
        client.push_image(REPOSITORY, "limits", image)
        client.pull_image(REPOSITORY, "limits", image)
    target = f"/v2/{REPOSITORY}/blobs/{digest_of(image.layers[0])}"
    before, count = gateway.resident_kib(), 100

    def held() -> int:
        """What receivers that do not read cost."""
        with ExitStack() as connections:
            for _ in range(count):
                connection = connections.enter_context(Connection(gateway.plain, receive_buffer=SLOW_BUFFER))
                connection.send_head("GET", target, {"Authorization": GOOD})
                assert connection.receive_final_head().status == 200
            return settled(gateway) - before

    first = held()
    print(f"{first / count:.0f} KiB for each")
    # Nothing is read for them: what is left is a TLS session with the upstream, the exchange's stack, and the allocator's overhead.
    assert first / count < 96, f"{first / count:.0f} KiB for each"
    wait_until(lambda: gateway.resident_kib() - before < first * 0.9, "freed memory", 60)
    # What stays is used again.
    second = held()
    assert second < first * 1.2, f"{first / count:.0f} KiB for each, then {second / count:.0f}"


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_an_idle_connection_frees_the_memory_of_its_request(sandbox: Sandbox, start_gateway: StartGateway, listener: str) -> None:
    gateway = start_gateway(sandbox, limits={"connections_per_client": 5000})
    address, count = getattr(gateway, listener), 1000
    request(address, "GET", "/v2/", authorization=GOOD)
    before = settled(gateway)
    with ExitStack() as held:
        for _ in range(count):
            connection = held.enter_context(Connection(address))
            assert connection.request("GET", "/v2/", {"X-Filler": "a" * 31_000}, authorization=GOOD).status == 200
        # The head alone took 31 KiB, and the task that served it 20. OpenSSL needs 14 KiB for a TLS connection.
        bound = 6 if listener == "plain" else 20
        wait_until(lambda: (gateway.resident_kib() - before) / count < bound, f"less than {bound} KiB each", 30)


def settled(gateway: Gateway) -> int:
    """The resident size once it no longer changes: the buffers of the stalled streams are then full."""
    sizes: list[int] = []

    def still() -> bool:
        sizes.append(gateway.resident_kib())
        return len(sizes) > 25 and len(set(sizes[-25:])) == 1  # for half a second: on a busy machine the gateway may not run for a while

    wait_until(still, "a steady size", 20)
    return sizes[-1]


def test_logins_are_counted_by_the_client_behind_a_trusted_proxy(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(
        sandbox,
        listeners=[{"address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}],
        users=[user("ci", "**")],
        limits={"connections_per_client": 1},
    )

    def login(forwarded: str, password: str) -> int:
        return request(gateway.plain, "GET", "/v2/", {"X-Forwarded-For": forwarded}, authorization=basic("ci", password)).status

    with Connection(gateway.plain):  # the limit for one client does not apply to the proxy's own address
        # An entry written by the client comes before the one that the proxy adds.
        assert [login(f"198.51.100.{number}, 192.0.2.1", f"guess {number}") for number in range(11)][-1] == 429
        assert login("192.0.2.1, 192.0.2.2", PASSWORD) == 200
        assert login("192.0.2.3, 127.0.0.9", PASSWORD) == 200, "a proxy behind a proxy"
    wait_until(lambda: {"192.0.2.1", "192.0.2.2", "192.0.2.3"} <= clients(gateway), "access lines", 5)
    assert "198.51.100.1" not in clients(gateway)


def test_every_spelling_of_the_client_behind_a_proxy_is_recognized(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, listeners=[{"address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8", "::ffff:10.0.0.0/104"]}])
    spellings = {
        "192.0.2.1:4711": "192.0.2.1", '"192.0.2.1:_port"': "192.0.2.1", "192.0.2.1, ,": "192.0.2.1", "[2001:db8::1]": "2001:db8::1",
        '"[2001:DB8::1]:4711"': "2001:db8::1", "[2001:db8::1%eth0]:_port": "2001:db8::1", "::ffff:192.0.2.1": "192.0.2.1",
        "[::ffff:192.0.2.1]:4711": "192.0.2.1", "192.0.2.1, [::ffff:10.0.0.9]:80": "192.0.2.1", "unknown": "127.0.0.1", "_x": "127.0.0.1",
        "192.0.2.1, unknown, 10.0.0.9": "10.0.0.9", "192.0.2.1, _hidden:_port": "127.0.0.1",
    }  # fmt: skip
    found = {}
    for spelling in spellings:
        response = request(gateway.plain, "GET", "/v2/", {"X-Forwarded-For": spelling}, authorization=GOOD)
        found[spelling] = gateway.access_line(response)["client"]
    assert found == spellings


def test_forwarded_fields_from_untrusted_addresses_are_ignored(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, listeners=[{"address": "127.0.0.1:0", "trusted_proxies": ["10.0.0.0/8"]}])
    fields = {"X-Forwarded-For": "192.0.2.1"}
    guesses = [
        request(gateway.plain, "GET", "/v2/", {"X-Forwarded-For": f"192.0.2.{number}"}, authorization=basic("ci", f"{number}")).status
        for number in range(11)
    ]
    assert guesses[-1] == 429
    request(gateway.plain, "GET", "/v2/", fields, authorization=GOOD)
    wait_until(lambda: clients(gateway) == {"127.0.0.1"}, "access lines", 5)


def clients(gateway: Gateway) -> set[str]:
    """The clients in the access lines."""
    return {line["client"] for line in gateway.log_lines() if "client" in line}
