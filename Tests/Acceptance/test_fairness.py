"""A client that never pauses gets its share, and so do all others. What others get is compared with an undisturbed gateway, in the same run."""

from __future__ import annotations

import ctypes
import signal
import socket

import pytest

from conftest import StartGateway
from harness.flood import flood, rate
from harness.gateway import PASSWORD, Gateway
from harness.processes import wait_until
from harness.sandbox import Sandbox
from harness.wire import Connection, basic, request

GOOD = basic("ci", PASSWORD)
PING = b"GET /v2/ HTTP/1.1\r\nHost: berth\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
SECONDS = 2.0
# The flood uses one core of two, and other tests run at the same time, so this checks the order of magnitude. Without the bound it was zero.
SHARE = 20


@pytest.fixture
def one_worker(sandbox: Sandbox, start_gateway: StartGateway) -> Gateway:
    return start_gateway(sandbox, workers=1)


@pytest.mark.parametrize("listener", ["plain", "tls", "admin"])
def test_pipelined_requests_do_not_starve_other_clients(one_worker: Gateway, listener: str) -> None:
    address = getattr(one_worker, listener)

    def serve() -> None:
        if listener == "admin":
            assert request(address, "GET", "/healthz").status == 200
        else:
            assert request(address, "GET", "/v2/", authorization=GOOD).status == 200

    serve()
    undisturbed = rate(serve, SECONDS)
    with flood(address, HEALTH if listener == "admin" else PING, connections=4, seconds=20 * SECONDS):
        disturbed = rate(serve, SECONDS)
    assert disturbed > undisturbed / SHARE, f"{disturbed:.1f} a second beside a flood, {undisturbed:.1f} without"


def test_health_and_sigterm_work_while_all_workers_are_busy(one_worker: Gateway) -> None:
    def serve() -> None:
        assert request(one_worker.admin, "GET", "/healthz").status == 200

    serve()
    undisturbed = rate(serve, SECONDS)
    with flood(one_worker.tls, PING, 4, 20 * SECONDS), flood(one_worker.plain, PING, 4, 20 * SECONDS):
        disturbed = rate(serve, SECONDS)
        assert one_worker.stop(signal.SIGTERM) == 0
    assert disturbed > undisturbed / SHARE, f"{disturbed:.1f} a second beside a flood, {undisturbed:.1f} without"


def test_repeated_rejections_of_a_client_are_logged_as_a_count(one_worker: Gateway) -> None:
    with flood(one_worker.plain, PING, connections=2, seconds=20 * SECONDS):
        wait_until(lambda: one_worker.metric("berth_requests_total", operation="ping", status="401") > 5000, "a flood", 60)
    total = one_worker.metric("berth_requests_total", operation="ping", status="401")

    def logged() -> int:
        lines = list(one_worker.log_lines())
        written = sum(line.get("message") == "access" and line.get("status") == 401 for line in lines)
        return written + sum(line["count"] for line in lines if line.get("message") == "rejections repeated")

    wait_until(lambda: logged() == total, f"all {total:.0f} logged", 40)
    assert len(one_worker.program.err.splitlines()) < 500


@pytest.mark.parametrize("between", [0, 20], ids=["alone", "bytes between"])
def test_a_client_that_updates_its_tls_keys_forever_is_disconnected(one_worker: Gateway, between: int) -> None:
    """RFC 8446 4.6.3: a KeyUpdate costs its receiver a thousand times what it costs its sender. OpenSSL sends them on request."""
    library = ctypes.CDLL("libssl.so.3")
    for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
        getattr(library, name).restype = ctypes.c_void_p
    with Connection(one_worker.plain) as undisturbed:
        with socket.create_connection((one_worker.tls.host, one_worker.tls.port), timeout=30) as flow:
            context = ctypes.c_void_p(library.SSL_CTX_new(ctypes.c_void_p(library.TLS_client_method())))
            session = ctypes.c_void_p(library.SSL_new(context))
            library.SSL_set_fd(session, flow.fileno())
            flow.setblocking(True)
            assert library.SSL_connect(session) == 1
            # Far more than the bound, because buffers on the way accept some without an error.
            renewed = 0
            while renewed < 200_000 and library.SSL_key_update(session, 0) == 1 and library.SSL_do_handshake(session) == 1:
                renewed += 1
                if between and renewed % between == 0 and library.SSL_write(session, b"G", 1) != 1:
                    break
            library.SSL_free(session)
            library.SSL_CTX_free(context)
        assert renewed < 200_000, "every renewal was taken"
        assert undisturbed.request("GET", "/v2/", authorization=GOOD).status == 200
