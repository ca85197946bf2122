"""Programs started for a test: with time limits, output in files, and ended by their process id."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

START_SECONDS = 30.0
STOP_SECONDS = 20.0
COMMAND_SECONDS = 180.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)  # loaded before any fork

Found = TypeVar("Found")
Word = str | Path  # of a command line


def require(*programs: str) -> None:
    """Skips the test if a program that it needs is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def require_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")


def wait_until(probe: Callable[[], Found | None], what: str, seconds: float = START_SECONDS) -> Found:
    """Polls until the probe returns a true value, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        if found := probe():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


command_seconds = COMMAND_SECONDS  # of this moment


@contextmanager
def commands_within(seconds: float) -> Iterator[None]:
    """Another time limit for commands without one of their own; the classes of clients pass none."""
    global command_seconds
    before, command_seconds = command_seconds, seconds
    try:
        yield
    finally:
        command_seconds = before


def run(*argv: Word, input: str | None = None, env: dict[str, str] | None = None, timeout: float | None = None) -> str:
    """Runs a command that must succeed; returns its standard output. A failure shows all output."""
    done = attempt(*argv, input=input, env=env, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def attempt(
    *argv: Word, input: str | None = None, env: dict[str, str] | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command that may fail."""
    stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, env=env, timeout=timeout or command_seconds, **stdin)


def only_group(pattern: str, text: str) -> str:
    """The pattern's group at its first match. Fails with the whole text if there is none."""
    match = re.search(pattern, text)
    assert match, f"no {pattern} in: {text}"
    return match[1]


def _die_with_parent() -> None:
    # If the test run is killed, its servers must end too.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Program:
    """A server under test, or one that the test needs. Its output goes to DIRECTORY/NAME.out and .err."""

    def __init__(self, name: str, argv: Sequence[Word], directory: Path, env: dict[str, str] | None = None) -> None:
        self.name = name
        self.out_path = directory / f"{name}.out"
        self.err_path = directory / f"{name}.err"
        with self.out_path.open("wb") as out, self.err_path.open("wb") as err:
            self.process = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, preexec_fn=_die_with_parent
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def out(self) -> str:
        return self.out_path.read_text(errors="replace")

    @property
    def err(self) -> str:
        return self.err_path.read_text(errors="replace")

    def wait_ready(self, probe: Callable[[], Found | None], seconds: float = START_SECONDS) -> Found:
        """Polls until the program is ready; if it ends before, fails at once with its output."""

        def alive_probe() -> Found | None:
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.out}{self.err}")
            return probe()

        try:
            return wait_until(alive_probe, f"{self.name} ready", seconds)
        except TimeoutError as late:
            self.stop()
            raise AssertionError(f"{late}\n{self.out}{self.err}") from None

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        return self.process.wait(seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
        """Ends the program and returns its exit status. If it does not end, it is killed and the status is -9."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode
