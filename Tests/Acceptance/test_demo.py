"""`berth demo`: the commands that it prints work as they are, and it leaves nothing behind when it ends."""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.docker import Docker
from harness.gateway import clean_environment
from harness.processes import Program, run

WORDS = ("docker login", "docker push", "docker pull")


@pytest.fixture
def demo(berth: Path, own_directory: Path) -> Iterator[Program]:
    temporary = own_directory / "tmp"
    temporary.mkdir()
    program = Program("demo", [berth, "demo"], own_directory, clean_environment({"TMPDIR": str(temporary)}))
    program.wait_ready(lambda: all(word in program.out for word in WORDS))
    yield program
    program.stop(signal.SIGINT)


def lines_of(demo: Program) -> list[str]:
    """The docker commands, in the order in which they are printed."""
    return [
        line.strip().removeprefix("$ ")
        for line in demo.out.splitlines()
        if re.match(r"\s*(\$ )?docker |\s*(\$ )?echo .*docker ", line)
    ]


def test_the_printed_commands_work_unchanged(demo: Program, docker: Docker) -> None:
    lines = lines_of(demo)
    pushed = next(shlex.split(line)[-1] for line in lines if line.startswith("docker push"))
    docker.build(pushed)
    built = docker.image_id(pushed)
    # A tag command, if there is one, names an image that the reader must have.
    for line in (line for line in lines if not line.startswith("docker tag") and not line.startswith("docker build")):
        if line.startswith("docker pull"):
            docker.empty()
        run("bash", "-c", line, env=docker.environment)
    assert docker.image_id(pushed) == built
    docker.empty()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_leaves_nothing_behind(demo: Program, own_directory: Path, number: signal.Signals) -> None:
    opened = {os.readlink(entry) for entry in Path(f"/proc/{demo.pid}/fd").iterdir()}
    assert demo.stop(number) == 0, demo.err
    assert list((own_directory / "tmp").iterdir()) == []
    left = [path for path in opened if path.startswith("/") and Path(path).is_file() and not path.startswith(("/proc", "/dev"))]
    assert all(path.startswith(str(own_directory)) for path in left), left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_sandbox_leaves_nothing_behind(berth: Path, own_directory: Path, number: signal.Signals) -> None:
    temporary = own_directory / "tmp"
    temporary.mkdir()
    sandbox = Program("sandbox", [berth, "sandbox"], own_directory, clean_environment({"TMPDIR": str(temporary)}))
    sandbox.wait_ready(lambda: "Faults, quirks and counters" in sandbox.out)
    assert list(temporary.iterdir()) != []
    assert sandbox.stop(number) == 0, sandbox.err
    assert list(temporary.iterdir()) == []
