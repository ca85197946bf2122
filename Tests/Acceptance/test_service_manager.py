"""What a service manager is told, as by systemd's units with Type=notify, and sockets that it passes on."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import StartGateway
from harness.address import Address, free_port
from harness.gateway import Gateway
from harness.images import MIB, blob_image, digest_of
from harness.processes import LIBC, require_root, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.service_manager import NotifySocket, launcher, socket_inodes
from harness.succession import lines, runtime
from harness.wire import Connection, basic, request

# Notifications.


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, own_directory: Path) -> Iterator[NotifySocket]:
    path = str(own_directory / "notify") if request.param == "path" else f"@berth-{secrets.token_hex(6)}"
    with NotifySocket(path) as running:
        yield running


@pytest.fixture
def own_manager(own_directory: Path) -> Iterator[NotifySocket]:
    with NotifySocket(str(own_directory / "notify")) as running:
        yield running


def test_the_manager_is_told_of_start_reload_and_stop(manager: NotifySocket, sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, environment={"NOTIFY_SOCKET": manager.path})
    ready = manager.wait_for("READY", "1")
    assert ready["MAINPID"] == str(gateway.program.pid)
    assert ready["STATUS"] == f"Serving on {gateway.plain.authority}, {gateway.tls.authority}"
    assert gateway.plain.accepts() and gateway.admin.accepts()

    before = time.monotonic_ns() // 1000
    gateway.write(gateway.configuration | {"limits": {"head": "16KiB"}})
    gateway.program.process.send_signal(signal.SIGHUP)
    reloading = manager.wait_for("RELOADING", "1")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.wait_for("READY", "1")["STATUS"] == ready["STATUS"]
    wait_until(lambda: lines(gateway, "reloaded"), "the log line", 10)

    gateway.write(gateway.configuration | {"users": [{"name": "half"}]})
    assert request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status == 422
    manager.wait_for("RELOADING", "1")
    assert "not reloaded" in manager.wait_for("READY", "1")["STATUS"]

    gateway.program.process.send_signal(signal.SIGTERM)
    stopping = manager.wait_for("STOPPING", "1")
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 30 * 60 * 1_000_000  # timeouts.drain
    assert gateway.program.wait() == 0


def test_ready_is_not_said_before_the_start_has_succeeded(own_manager: NotifySocket, sandbox: Sandbox, start_gateway: StartGateway) -> None:
    with pytest.raises(AssertionError, match="ended with 78"):
        start_gateway(sandbox, environment={"NOTIFY_SOCKET": own_manager.path}, users=[{"name": "half"}])
    assert own_manager.take(0.5) is None


PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000


@contextmanager
def stuck(process: int, name: str) -> Iterator[None]:
    """One thread of a process does nothing in the meantime, as with a bug."""
    found = [int(each.name) for each in Path(f"/proc/{process}/task").iterdir() if (each / "comm").read_text().strip() == name]
    assert len(found) == 1, name
    LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert LIBC.ptrace(PTRACE_ATTACH, found[0], None, None) == 0
    os.waitpid(found[0], WALL)
    try:
        yield
    finally:
        LIBC.ptrace(PTRACE_DETACH, found[0], None, None)


@pytest.mark.parametrize("thread", ["worker-1", "control"])
def test_a_stuck_thread_stops_the_watchdog_messages(
    thread: str, own_manager: NotifySocket, sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    require_root()  # for ptrace
    watchdog = 1.0
    environment = {"NOTIFY_SOCKET": own_manager.path, "WATCHDOG_USEC": str(int(watchdog * 1e6))}
    gateway = start_gateway(sandbox, environment=environment)
    for _ in range(3):
        own_manager.wait_for("WATCHDOG", "1")
    with stuck(gateway.program.pid, thread):
        own_manager.count("WATCHDOG", watchdog)  # one may be on its way
        assert own_manager.count("WATCHDOG", 3 * watchdog) == 0
        if thread != "control":
            wait_until(lambda: lines(gateway, "a loop is stuck"), "the log line", 10)
    own_manager.wait_for("WATCHDOG", "1")


def test_another_process_pid_is_another_watchdog(own_manager: NotifySocket, sandbox: Sandbox, start_gateway: StartGateway) -> None:
    start_gateway(sandbox, environment={"NOTIFY_SOCKET": own_manager.path, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"})
    own_manager.wait_for("READY", "1")
    assert own_manager.count("WATCHDOG", 1) == 0


def test_a_take_over_names_the_new_process_first(own_manager: NotifySocket, own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    environment = {"NOTIFY_SOCKET": own_manager.path, "WATCHDOG_USEC": "1000000"}
    gateway = start_gateway(own_sandbox, environment=environment)
    gateway.wait_until_ready()
    shared = environment | {"RUNTIME_DIRECTORY": str(runtime(gateway))}
    successor = start_gateway(own_sandbox, environment=shared, options=["--take-over"], **gateway.configuration)
    assert gateway.program.wait() == 0
    old, new = gateway.program.pid, successor.program.pid
    own_manager.wait_for("MAINPID", str(new))  # by the old process
    own_manager.wait_for("READY", "1")
    own_manager.wait_for("WATCHDOG", "1")
    handed = [index for index, (sender, said) in enumerate(own_manager.received) if sender == old and said.get("MAINPID") == str(new)]
    ready = [index for index, (sender, said) in enumerate(own_manager.received) if sender == new and said.get("READY") == "1"]
    assert len(handed) == 1 and ready and handed[0] < ready[0], own_manager.received
    after = [said for sender, said in own_manager.received[handed[0] + 1 :] if sender == old]
    assert not after, "the old process says nothing more"


def test_programs_that_berth_starts_get_no_notify_socket(
    own_manager: NotifySocket, own_sandbox: Sandbox, own_directory: Path, start_gateway: StartGateway
) -> None:
    seen = own_directory / "environment"
    program = own_directory / "credentials"
    facts = own_sandbox.facts
    program.write_text(
        f"#!/bin/sh\nenv > {seen}.new && mv {seen}.new {seen}\n"
        f'echo \'{{"Version": 1, "AccessKeyId": "{facts["access_key_id"]}", "SecretAccessKey": "{facts["secret_access_key"]}"}}\'\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    profile = own_directory / "config"
    profile.write_text(f"[profile own]\ncredential_process = {program}\nregion = {facts['region']}\n")
    upstreams = [own_sandbox.upstream["upstreams"][0] | {"credentials": {"profile": "own"}}]
    gateway = start_gateway(
        own_sandbox,
        environment={"NOTIFY_SOCKET": own_manager.path, "WATCHDOG_USEC": "5000000", "AWS_CONFIG_FILE": str(profile)},
        upstreams=upstreams,
    )
    gateway.wait_until_ready()
    own_manager.wait_for("READY", "1")
    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert "AWS_CONFIG_FILE" in names and not names & {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"}, names


# Sockets.


def loopback() -> str:
    return f"127.0.0.1:{free_port()}"


def serves(gateway: Gateway, address: Address) -> None:
    for _ in range(8):  # whichever worker it is
        assert request(address, "GET", "/v2/", authorization=basic(gateway.username, gateway.password)).status == 200


def test_all_workers_serve_a_socket_of_the_manager(berth: Path, sandbox: Sandbox, own_directory: Path, start_gateway: StartGateway) -> None:
    registry, admin, other = loopback(), loopback(), loopback()
    gateway = start_gateway(
        sandbox,
        program=launcher(berth, own_directory, registry, admin),
        listeners=[{"address": registry}, {"address": other}],
        admin={"address": admin},
        workers=3,
    )
    gateway.wait_until_ready()
    assert gateway.admin.authority == admin
    serves(gateway, Address.parse(registry))
    serves(gateway, Address.parse(other))


def test_a_reload_that_keeps_the_address_keeps_the_socket(
    berth: Path, sandbox: Sandbox, own_directory: Path, start_gateway: StartGateway
) -> None:
    registry = loopback()
    gateway = start_gateway(
        sandbox, program=launcher(berth, own_directory, registry), listeners=[{"address": registry}], workers=2
    )
    gateway.wait_until_ready()
    before = listening_inodes(gateway.program.pid, int(registry.rpartition(":")[2]))
    assert len(before) == 1, "one socket, shared by the workers"
    gateway.write(gateway.configuration | {"listeners": [{"address": registry}, {"address": loopback()}]})
    gateway.program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: lines(gateway, "reloaded"), "the reload", 10)
    assert listening_inodes(gateway.program.pid, int(registry.rpartition(":")[2])) == before
    serves(gateway, Address.parse(registry))


def listening_inodes(process: int, port: int) -> set[str]:
    """The sockets of a process that listen on a port."""
    own = socket_inodes(process)
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port and f"socket:[{row[9]}]" in own}


def test_sockets_of_the_manager_are_handed_over_too(
    berth: Path, own_sandbox: Sandbox, own_directory: Path, start_gateway: StartGateway
) -> None:
    registry = loopback()
    own_sandbox.create_repositories("team/app")
    gateway = start_gateway(own_sandbox, program=launcher(berth, own_directory, registry), listeners=[{"address": registry}], workers=2)
    gateway.wait_until_ready()
    image = blob_image(os.urandom(24 * MIB))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("team/app", "v1", image)
    before = listening_inodes(gateway.program.pid, gateway.plain.port)
    with Connection(gateway.plain, receive_buffer=64 * 1024) as slow:
        digest = digest_of(image.layers[0])
        slow.send_head("GET", f"/v2/team/app/blobs/{digest}", {"Authorization": basic(gateway.username, gateway.password)})
        body = slow.body(slow.receive_final_head())
        received = [next(body)]
        successor = start_gateway(
            own_sandbox,
            environment={"RUNTIME_DIRECTORY": str(runtime(gateway))},
            options=["--take-over"],
            **(gateway.configuration | {"workers": 4}),
        )
        assert listening_inodes(successor.program.pid, gateway.plain.port) == before
        serves(successor, gateway.plain)
        received.extend(body)
        assert digest_of(b"".join(received)) == digest
    assert gateway.program.wait() == 0


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("{free}", "which is the address of no listener"),
        ("udp:{free}", "descriptor 3 (berth.socket): it is no stream socket"),
        ("silent:{free}", "descriptor 3 (berth.socket): it does not listen"),
    ],
)
def test_a_socket_that_no_listener_can_use_is_an_error(
    address: str, problem: str, berth: Path, sandbox: Sandbox, own_directory: Path, start_gateway: StartGateway
) -> None:
    program = launcher(berth, own_directory, address.format(free=loopback()))
    with pytest.raises(AssertionError, match="ended with 78") as failure:
        start_gateway(sandbox, program=program)
    assert problem in str(failure.value)
