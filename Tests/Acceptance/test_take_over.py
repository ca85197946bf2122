"""A new process takes over the listening sockets: clients notice nothing, and a new process that fails changes nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness.address import Address, free_port
from harness.gateway import Gateway, clean_environment
from harness.images import MIB, Image, blob_image, digest_of
from harness.load import SLOW_CLIENTS, Load
from harness.processes import Program, require_root, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.succession import SOCKET, ended_afterwards, has_ended, is_alive, lines, runtime
from harness.wire import Connection, basic, request
from test_renewal import StartRenewing, change_something, start_renewing  # noqa: F401  (a fixture)

REPOSITORY = "team/app"

TakeOver = Callable[..., Gateway]


@pytest.fixture
def gateway(own_sandbox: Sandbox, start_gateway: StartGateway) -> Gateway:
    own_sandbox.create_repositories(REPOSITORY)
    running = start_gateway(own_sandbox)
    running.wait_until_ready()
    return running


@pytest.fixture
def take_over(own_sandbox: Sandbox, start_gateway: StartGateway) -> TakeOver:
    """Starts a process that takes over from a gateway, with its configuration and changes of it."""

    def start(running: Gateway, environment: dict[str, str] | None = None, **changes: Any) -> Gateway:
        return start_gateway(
            own_sandbox,
            environment={"RUNTIME_DIRECTORY": str(runtime(running))} | (environment or {}),
            options=["--take-over"],
            **(running.configuration | changes),
        )

    return start


def pulled(gateway: Gateway, image: Image, tag: str = "v1") -> None:
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.pull_image(REPOSITORY, tag, image)


def pushed(gateway: Gateway, size: int = 1000, tag: str = "v1") -> Image:
    image = blob_image(os.urandom(size))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, tag, image)
    return image


def taken_over(berth: Path, running: Gateway, directory: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
    """Runs a process that cannot take over, to its end."""
    configuration = directory / "other.yaml"
    configuration.write_text(json.dumps(running.configuration | changes))
    environment = clean_environment({"RUNTIME_DIRECTORY": str(runtime(running))})
    return subprocess.run(
        [berth, "serve", "--take-over", "--config", configuration], env=environment, capture_output=True, text=True, timeout=60
    )


def test_an_address_of_a_gateway_that_offers_its_sockets_proposes_the_take_over(
    berth: Path, gateway: Gateway, own_directory: Path
) -> None:
    configuration = own_directory / "second.yaml"
    listeners = [{"address": gateway.plain.authority}]
    configuration.write_text(json.dumps(gateway.configuration | {"listeners": listeners, "admin": {"address": "127.0.0.1:0"}}))
    environment = clean_environment({"RUNTIME_DIRECTORY": str(runtime(gateway))})
    done = subprocess.run([berth, "serve", "--config", configuration], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 69 and "Address already in use" in done.stderr, done
    assert "a running Berth offers its sockets: berth serve --take-over" in done.stderr, done


def test_a_new_process_serves_at_the_same_addresses_and_the_old_one_ends(gateway: Gateway, take_over: TakeOver) -> None:
    image = pushed(gateway)
    successor = take_over(gateway)
    assert successor.addresses == gateway.addresses
    assert gateway.program.wait() == 0
    for address in (gateway.plain, gateway.tls):
        assert request(address, "GET", "/v2/", authorization=basic(gateway.username, gateway.password)).status == 200
    assert gateway.ready().status == 200
    pulled(successor, image)
    assert lines(successor, "taken over")[0]["process"] == str(gateway.program.pid)
    assert lines(gateway, "taken over by a new process")[0]["process"] == str(successor.program.pid)
    assert not (runtime(gateway) / f"{SOCKET}.{gateway.program.pid}").exists()


def test_each_process_is_taken_over_by_the_next(gateway: Gateway, take_over: TakeOver) -> None:
    image = pushed(gateway)
    running = gateway
    for workers in (1, 4, 3):
        # At once: a process that says that it listens offers its sockets.
        successor = take_over(running, environment={"RUNTIME_DIRECTORY": str(runtime(gateway))}, workers=workers)
        assert lines(successor, "taken over")[0]["process"] == str(running.program.pid), successor.program.err
        assert running.program.wait() == 0
        for _ in range(3 * workers):  # the kernel spreads the connections over all sockets
            pulled(successor, image)
        running = successor
    assert running.stop() == 0
    assert not (runtime(gateway) / SOCKET).exists(), "the socket is left behind"


@pytest.mark.parametrize("listener", ["plain", "tls"])
def test_a_slow_transfer_of_the_old_process_ends_whole(gateway: Gateway, take_over: TakeOver, listener: str) -> None:
    image = pushed(gateway, 24 * MIB)
    digest = digest_of(image.layers[0])
    with Connection(getattr(gateway, listener), receive_buffer=64 * 1024) as slow:
        slow.send_head("GET", f"/v2/{REPOSITORY}/blobs/{digest}", {"Authorization": basic(gateway.username, gateway.password)})
        body = slow.body(slow.receive_final_head())
        received = [next(body)]
        successor = take_over(gateway)
        pulled(successor, image)
        assert not has_ended(gateway), "ended with a transfer in progress"
        received.extend(body)
        assert digest_of(b"".join(received)) == digest
    assert gateway.program.wait() == 0
    assert [line["status"] for line in gateway.log_lines() if line.get("operation") == "blob_get"][-1] == 200


def test_an_idle_connection_gets_a_last_response_that_says_so(gateway: Gateway, take_over: TakeOver) -> None:
    authorization = basic(gateway.username, gateway.password)
    with Connection(gateway.plain) as busy, Connection(gateway.plain) as idle:
        for connection in (busy, idle):
            assert connection.request("GET", "/v2/", authorization=authorization).status == 200
        take_over(gateway)
        response = busy.request("GET", "/v2/", authorization=authorization)
        assert response.status == 200 and response.fields["connection"] == "close"
        assert busy.closed_by_peer()
        assert idle.closed_by_peer()
    assert gateway.program.wait() == 0


def test_connections_in_the_backlog_are_served_by_the_new_process(gateway: Gateway, take_over: TakeOver) -> None:
    with stopped(gateway.program.process.pid):
        waiting = [Connection(gateway.plain) for _ in range(20)]
        for connection in waiting:
            connection.send_head("GET", "/v2/", {"Authorization": basic(gateway.username, gateway.password)})
        os.kill(gateway.program.pid, signal.SIGCONT)
        successor = take_over(gateway, workers=3)
        assert [connection.receive().status for connection in waiting] == [200] * 20
        for connection in waiting:
            connection.close()
    assert successor.ready().status == 200


class stopped:  # noqa: N801
    """A process that does nothing in the meantime."""

    def __init__(self, process: int) -> None:
        self.process = process

    def __enter__(self) -> None:
        os.kill(self.process, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        try:
            os.kill(self.process, signal.SIGCONT)
        except ProcessLookupError:
            pass


def test_addresses_of_the_new_configuration_are_bound_and_others_closed(gateway: Gateway, take_over: TakeOver) -> None:
    new = Address("127.0.0.1", free_port())
    listeners = [{"address": f"127.0.0.1:{gateway.plain.port}"}, {"address": new.authority}]
    successor = take_over(gateway, listeners=listeners)
    assert gateway.program.wait() == 0
    authorization = basic(gateway.username, gateway.password)
    assert request(gateway.plain, "GET", "/v2/", authorization=authorization).status == 200
    assert request(new, "GET", "/v2/", authorization=authorization).status == 200
    assert not gateway.tls.accepts()
    assert successor.ready().status == 200


HELD_PULLS, HELD_PUSHES, CLIENTS = 1000, 100, 8
RELOADS, TAKE_OVERS, RENEWALS = 20, 3, 5


def test_nothing_fails_over_reloads_renewals_and_take_overs(
    start_renewing: StartRenewing, own_sandbox: Sandbox, take_over: TakeOver  # noqa: F811
) -> None:
    renewing = start_renewing("Kubernetes", limits={"connections_per_client": 5000}, timeouts=SLOW_CLIENTS)
    first = running = renewing.gateway
    environment = {"RUNTIME_DIRECTORY": str(runtime(first))}
    own_sandbox.create_repositories("load/app")
    load = Load([first.plain, first.tls], first.username, first.password, "load/app", held_size=4 * MIB)
    load.start(CLIENTS)
    load.hold(HELD_PULLS, HELD_PUSHES)
    assert not load.failures, load.failures[:5]
    base, ended, renewals = first.configuration, [], 0
    for number in range(RELOADS):
        if number % 6 == 5:
            ended.append(running)
            # Held transfers go on in the old process, which is not waited for.
            running = take_over(running, environment=environment, workers=2 + len(ended) % 2)
            base = base | {"workers": running.configuration["workers"]}
        change_something(running, base, number)
        before = len(lines(running, "reloaded"))
        running.program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(lines(running, "reloaded")) > before, "the reload", 60)
        if number % 4 == 3:
            renewing.wait_for(renewing.replace())
            renewals += 1
        assert not load.failures, (number, load.failures[:5])
    assert (len(ended), renewals) == (TAKE_OVERS, RENEWALS)
    assert load.in_flight["pull"] == HELD_PULLS and load.in_flight["push"] == HELD_PUSHES
    assert not has_ended(first), "ended with transfers in progress"
    load.release()
    assert not load.failures, load.failures[:5]
    assert load.done["held pull"] == HELD_PULLS and load.done["held push"] == HELD_PUSHES
    assert load.done["pull"] > 100 and load.done["push"] > 20, load.done
    assert [each.program.wait() for each in ended] == [0] * TAKE_OVERS


# A new process that fails.


def still_serves(gateway: Gateway) -> None:
    assert not has_ended(gateway)
    assert gateway.ready().status == 200
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.expect((200,), "GET", "/v2/")


def test_a_bad_configuration_leaves_the_running_process_as_it_is(berth: Path, gateway: Gateway, own_directory: Path) -> None:
    done = taken_over(berth, gateway, own_directory, users=[{"name": "half"}])
    assert done.returncode == 78, done.stderr
    wait_until(lambda: lines(gateway, "not taken over"), "the log line", 10)
    assert "users[0]" in lines(gateway, "not taken over")[0]["reason"]
    still_serves(gateway)


def test_a_configuration_of_another_gateway_is_rejected(berth: Path, gateway: Gateway, own_directory: Path) -> None:
    ports = [{"address": f"127.0.0.1:{free_port()}"}]
    done = taken_over(berth, gateway, own_directory, listeners=ports, admin={"address": f"127.0.0.1:{free_port()}"})
    assert done.returncode == 78 and "another gateway" in done.stderr, done.stderr
    still_serves(gateway)


def test_an_address_that_is_in_use_leaves_the_running_process_as_it_is(berth: Path, gateway: Gateway, own_directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listeners = [*gateway.configuration["listeners"], {"address": f"127.0.0.1:{taken.getsockname()[1]}"}]
        done = taken_over(berth, gateway, own_directory, listeners=listeners)
    assert done.returncode == 69 and "listeners[2].address" in done.stderr, done.stderr
    still_serves(gateway)


def test_a_new_process_without_a_token_leaves_the_running_process_as_it_is(
    berth: Path, gateway: Gateway, own_sandbox: Sandbox, own_directory: Path
) -> None:
    own_sandbox.deny_credentials(True)
    done = taken_over(berth, gateway, own_directory)
    own_sandbox.deny_credentials(False)
    assert done.returncode == 78 and "no upstream can serve" in done.stderr, done.stderr
    still_serves(gateway)


def killed_at(message: str, berth: Path, gateway: Gateway, directory: Path, own_sandbox: Sandbox) -> None:
    """Kills a new process when it logs a message."""
    (directory / "killed").mkdir()
    configuration = directory / "killed" / "berth.yaml"
    configuration.write_text(json.dumps(gateway.configuration))
    environment = clean_environment(own_sandbox.environment | {"RUNTIME_DIRECTORY": str(runtime(gateway))})
    program = Program("killed", [berth, "serve", "--take-over", "--config", configuration], directory / "killed", environment)
    wait_until(lambda: message in program.err or has_ended(gateway), message)
    program.process.kill()
    program.wait()


@pytest.mark.parametrize("message", ["starting", "taking over"])
def test_a_new_process_that_is_killed_leaves_the_running_process_as_it_is(
    message: str, berth: Path, gateway: Gateway, own_sandbox: Sandbox, own_directory: Path, take_over: TakeOver
) -> None:
    # So that it has no token yet, and does not get further.
    own_sandbox.add_fault(where="api", match={}, kind="stall", seconds=60, times=-1)
    killed_at(message, berth, gateway, own_directory, own_sandbox)
    wait_until(lambda: lines(gateway, "not taken over"), "the log line", 10)
    still_serves(gateway)
    own_sandbox.clear_faults()
    take_over(gateway)
    assert gateway.program.wait() == 0


def test_two_new_processes_at_once_are_told_so(
    berth: Path, gateway: Gateway, own_sandbox: Sandbox, own_directory: Path, take_over: TakeOver
) -> None:
    own_sandbox.add_fault(where="api", match={}, kind="stall", seconds=60, times=-1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as first:
        first.connect(str(runtime(gateway) / SOCKET))
        first.send(b"berth take-over 1\nrequest\nversion 9")
        message, descriptors, _, _ = socket.recv_fds(first, 8192, 64)
        for descriptor in descriptors:
            os.close(descriptor)
        assert message.startswith(b"berth take-over 1\nsockets\nremaining 0\n") and len(descriptors) == 5  # two listeners, two workers; admin
        done = taken_over(berth, gateway, own_directory)
        assert done.returncode == 69 and f"process {os.getpid()} is taking over already" in done.stderr, done.stderr
    wait_until(lambda: lines(gateway, "not taken over"), "the log line", 10)
    own_sandbox.clear_faults()
    take_over(gateway)
    assert gateway.program.wait() == 0


def test_without_a_running_gateway_a_take_over_is_a_start(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(own_sandbox, options=["--take-over"])
    assert lines(gateway, "nothing to take over")
    gateway.wait_until_ready()
    gateway.program.process.kill()
    gateway.program.wait()
    assert (runtime(gateway) / SOCKET).exists(), "kill -9 removes nothing"
    again = start_gateway(own_sandbox, environment={"RUNTIME_DIRECTORY": str(runtime(gateway))}, options=["--take-over"])
    assert lines(again, "nothing to take over")
    again.wait_until_ready()


FOREIGN = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
    client.settimeout(20)
    client.connect(sys.argv[1])
    client.send(b"berth take-over 1\\nrequest\\nversion 9")
    message, descriptors, _, _ = socket.recv_fds(client, 8192, 64)
    print(len(descriptors), message.decode())
"""


def test_a_foreign_user_gets_nothing(gateway: Gateway, directory: Path) -> None:
    require_root()
    path = runtime(gateway) / SOCKET
    attempt = [sys.executable, "-c", FOREIGN, str(path)]
    assert "Permission" in subprocess.run(attempt, capture_output=True, text=True, timeout=30).stderr
    opened = [directory, *(parent for parent in path.parents if directory in parent.parents)]
    modes = {each: each.stat().st_mode for each in opened}
    try:
        for each in opened:
            each.chmod(0o755)
        path.chmod(0o666)
        done = subprocess.run(attempt, capture_output=True, text=True, timeout=30)
        assert done.stdout.startswith("0 berth take-over 1\nrejected\nreason only user 0 and root"), done
    finally:
        for each, mode in modes.items():
            each.chmod(mode)
    still_serves(gateway)


# By a signal, as systemd's units do.


def test_sigusr2_starts_the_new_program_and_hands_over(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    with ended_afterwards(gateway):
        gateway.program.process.send_signal(signal.SIGUSR2)
        assert gateway.program.wait(60) == 0
        successor = int(lines(gateway, "taken over by a new process")[0]["process"])
        assert gateway.ready().status == 200
        status = Path(f"/proc/{successor}/status").read_text()
        assert f"PPid:\t{gateway.program.pid}" not in status
        # And again.
        os.kill(successor, signal.SIGUSR2)
        try:
            wait_until(lambda: not is_alive(successor), "the end of the second process", 60)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{gateway.program.err[-8000:]}") from error
        assert gateway.ready().status == 200
        assert len(lines(gateway, "taken over by a new process")) == 2


def test_sigusr2_with_a_broken_configuration_changes_nothing(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(own_sandbox)
    gateway.wait_until_ready()
    gateway.configuration_path.write_text("users: 7")
    gateway.program.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: lines(gateway, "not taken over"), "the log line", 30)
    assert "users" in lines(gateway, "not taken over")[0]["reason"]
    time.sleep(0.2)
    still_serves(gateway)
