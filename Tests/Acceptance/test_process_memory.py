"""The program's memory is private: no core file and no debugger of the same user, unless enabled."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.address import Address, free_port
from harness.gateway import PASSWORD, clean_environment
from harness.processes import require_root, wait_until
from harness.wire import request

NOBODY = 65534


@pytest.fixture
def program(berth: Path) -> str:
    """A copy of the program that another user can run. The owner of a process's memory only shows if the user is not root."""
    require_root()
    copy = Path("/tmp") / f"berth-{os.getpid()}-{time.monotonic_ns()}"
    copy.write_bytes(berth.read_bytes())
    copy.chmod(0o755)
    yield str(copy)
    copy.unlink()


def owner_of_memory(process: subprocess.Popen[bytes]) -> int:
    return os.stat(f"/proc/{process.pid}/mem").st_uid


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("options", "owner"), [((), 0), (("--allow-core-dumps",), NOBODY)])
def test_the_gateways_memory_is_private_unless_core_dumps_are_allowed(program: str, options: tuple[str, ...], owner: int) -> None:
    admin = Address("127.0.0.1", free_port())
    environment = clean_environment({
        "BERTH_REGISTRY": "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "BERTH_USERNAME": "ci", "BERTH_PASSWORD": PASSWORD,
        "BERTH_LISTEN": "127.0.0.1:0", "BERTH_ADMIN_LISTEN": admin.authority, "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "HOME": "/"})  # fmt: skip
    process = subprocess.Popen(
        [program, "serve", *options], cwd="/", env=environment, user=NOBODY, group=NOBODY, extra_groups=[],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    try:
        wait_until(admin.accepts, "the admin listener")
        assert owner_of_memory(process) == owner
        # It can still read its own figures.
        figures = dict(line.rsplit(" ", 1) for line in request(admin, "GET", "/metrics").body.decode().splitlines() if line[0] != "#")
        for name in ("process_open_fds", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_start_time_seconds"):
            assert float(figures[name]) > 1, (name, figures[name])
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        end(process)


def test_the_memory_of_hash_password_is_private(program: str) -> None:
    process = subprocess.Popen(
        [program, "hash-password"], cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        wait_until(lambda: owner_of_memory(process) == 0, "private memory", 10)
        assert process.communicate(b"password\n", 20)[0].startswith(b"$2b$")
    finally:
        end(process)
