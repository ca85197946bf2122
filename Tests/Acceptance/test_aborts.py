"""Clients that disconnect and reloads, both at any moment: nothing remains of them, and other clients do not notice."""

from __future__ import annotations

import os
import random
import signal
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import StartGateway
from harness.address import Address
from harness.gateway import Gateway
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority, Certificate
from harness.wire import Connection, basic

REPOSITORY = "aborts/app"
AT_ONCE, EACH = 12, 40
IDLE_UPSTREAM = 64  # connections that may be idle, for each worker


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway) -> Gateway:
    own_sandbox.create_repositories(REPOSITORY)
    gateway = start_gateway(own_sandbox, timeouts={"stall": "2s"})
    gateway.wait_until_ready()
    return gateway


@pytest.fixture
def stored(gateway: Gateway) -> Image:
    image = blob_image(os.urandom(3 * MIB))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", image)
    return image


def descriptors(gateway: Gateway) -> int:
    return len(os.listdir(f"/proc/{gateway.program.pid}/fd"))


def test_abandoned_requests_leave_nothing_behind(gateway: Gateway, stored: Image) -> None:
    digest, authorization = digest_of(stored.layers[0]), basic(gateway.username, gateway.password)
    requests = [
        ("GET", f"/v2/{REPOSITORY}/tags/list", b""),
        ("GET", "/v2/_catalog", b""),
        ("GET", f"/v2/{REPOSITORY}/referrers/{digest}", b""),
        ("GET", f"/v2/{REPOSITORY}/blobs/{digest}", b""),
        ("GET", f"/v2/{REPOSITORY}/manifests/v1", b""),
        ("DELETE", f"/v2/{REPOSITORY}/manifests/absent", b""),
        ("PUT", f"/v2/{REPOSITORY}/manifests/v2", b"{"),
        ("POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={digest}", b"x" * 1000),
    ]
    before = descriptors(gateway)

    def abandon(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(EACH):
            method, target, body = chance.choice(requests)
            fields = {"Authorization": authorization}
            if body:
                fields["Content-Length"] = str(len(body) + chance.choice((0, 500)))
            try:
                with Connection(chance.choice((gateway.plain, gateway.tls)), timeout=20) as connection:
                    connection.send_head(method, target, fields)
                    connection.send(body)
                    if chance.random() < 0.5:
                        connection.receive_head() if chance.random() < 0.5 else time.sleep(chance.random() / 100)
                    if chance.random() < 0.5:  # with a reset
                        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass  # connections that the gateway closed first

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(abandon, range(AT_ONCE)))
    wait_until(lambda: gateway.metric("berth_exchanges_in_flight") == 0, "the end of all exchanges", 30)
    wait_until(lambda: gateway.metric("berth_connections") == 0, "the end of all connections", 30)
    assert descriptors(gateway) <= before + 2 * 2 * IDLE_UPSTREAM
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.pull_image(REPOSITORY, "v1", stored)


def test_reloads_do_not_disturb_traffic(gateway: Gateway, stored: Image) -> None:
    done = threading.Event()
    pulls = Counter[str]()

    def pull(address: Address) -> None:
        while not done.is_set():
            with RegistryClient(address, gateway.username, gateway.password) as client:
                client.pull_image(REPOSITORY, "v1", stored)
                pulls[address.url] += 1

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(pull, address) for address in (gateway.plain, gateway.tls) for _ in range(3)]
        for _ in range(20):
            gateway.program.process.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        done.set()
        for each in running:
            each.result()
    assert len(pulls) == 2 and gateway.program.err.count('"reloaded"') >= 10


def test_a_listener_can_require_client_certificates(
    own_sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, certificate: Certificate
) -> None:
    tls = {"certificate": str(certificate.certificate), "private_key": str(certificate.key), "client_ca": str(authority.certificate)}
    gateway = start_gateway(own_sandbox, listeners=[{"address": "127.0.0.1:0", "tls": tls}])
    context = ssl.create_default_context(cafile=str(authority.certificate))

    def ping() -> bytes:
        raw = socket.create_connection((gateway.tls.host, gateway.tls.port), timeout=20)
        with raw, context.wrap_socket(raw, server_hostname=gateway.tls.host) as stream:
            login = f"Authorization: {basic(gateway.username, gateway.password)}\r\n"
            stream.sendall(f"GET /v2/ HTTP/1.1\r\nHost: x\r\n{login}\r\n".encode())
            return stream.recv(100)

    with pytest.raises(OSError):
        ping()
    known = authority.issue("client", "DNS:client")
    context.load_cert_chain(known.certificate, known.key)
    for _ in range(3):  # also when a session is resumed
        assert ping().startswith(b"HTTP/1.1 200")
