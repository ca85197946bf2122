"""A machine that a recipe is followed on: its own /etc, a terminal at which somebody types, and programs that stand for its services."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.processes import Program, Word, require, require_root

PROMPT = re.compile(rb"[Pp]assword[^\n]*: $")
SECONDS = 120.0


class Machine:
    """Processes in a mount namespace in which /etc is a copy. Nothing is left when it ends."""

    def __init__(self, directory: Path, hosts: dict[str, str]) -> None:
        """`hosts` are names with their addresses."""
        require("unshare", "nsenter")
        require_root()
        self.directory = directory
        self.etc = directory / "etc"
        shutil.copytree("/etc", self.etc, symlinks=True, ignore_dangling_symlinks=True)
        for name in ("docker", "containerd", "containers"):
            (self.etc / name).mkdir(exist_ok=True)
        (self.etc / "docker" / "daemon.json").unlink(missing_ok=True)
        with (self.etc / "hosts").open("a") as file:
            file.writelines(f"\n{address} {name}\n" for name, address in hosts.items())
        self.programs = directory / "bin"
        self.programs.mkdir()
        self.environment = os.environ | {
            "HOME": str(directory),
            "PATH": f"{self.programs}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "DOCKER_CONFIG": str(directory / "docker-client"),
        }
        mounted = directory / "mounted"
        script = 'mount --bind "$1" /etc && touch "$2" && exec sleep infinity'
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", str(self.etc), str(mounted)]
        self.holder = Program("machine", argv, directory, self.environment)
        self.holder.wait_ready(mounted.exists)
        self.services: list[Program] = []

    def _inside(self, argv: Sequence[Word]) -> list[Word]:
        return ["nsenter", f"--target={self.holder.pid}", "--mount", f"--wd={self.directory}", *argv]

    def program(self, name: str, script: str) -> None:
        """A program of that name, before all others on PATH."""
        path = self.programs / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def start(self, name: str, argv: Sequence[Word], ready: Callable[[], bool]) -> Program:
        service = Program(name, self._inside(argv), self.directory, self.environment)
        self.services.append(service)
        service.wait_ready(ready)
        return service

    def attempt(self, *argv: Word) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in self._inside(argv)], capture_output=True, text=True, env=self.environment, timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def paste(self, commands: Sequence[str], password: str = "") -> str:
        """Runs the commands in one bash at a terminal, and types the password where it is asked for; returns what the terminal shows."""
        script = self.directory / "pasted"
        script.write_text("\n".join(commands) + "\n")
        terminal, line = pty.openpty()
        argv = [str(word) for word in self._inside(["bash", "-e", script])]
        process = subprocess.Popen(
            argv, stdin=line, stdout=line, stderr=line, env=self.environment, start_new_session=True, preexec_fn=_take_terminal
        )
        os.close(line)
        shown, asked = b"", 0
        deadline = time.monotonic() + SECONDS
        try:
            while time.monotonic() < deadline:
                if select.select([terminal], [], [], 0.05)[0]:
                    try:
                        read = os.read(terminal, 65536)
                    except OSError:  # all ends of the terminal are closed
                        break
                    if not read:
                        break
                    shown += read
                # podman asks first, and then turns the echo off.
                if PROMPT.search(shown[asked:]) and not termios.tcgetattr(terminal)[3] & termios.ECHO:
                    asked = len(shown)
                    os.write(terminal, password.encode() + b"\n")
            process.wait(max(1.0, deadline - time.monotonic()))
        finally:
            os.close(terminal)
            if process.poll() is None:
                process.kill()
                process.wait()
        text = shown.decode(errors="replace")
        assert process.returncode == 0, f"exit {process.returncode}\n{script.read_text()}\n{text}"
        assert not password or password not in text, "the terminal shows the password"
        return text

    def files(self) -> dict[str, bytes]:
        """What is below /etc in the directories that recipes write to."""
        roots = [self.etc / name for name in ("docker", "containerd", "containers", "buildkit", "rancher")]
        found = (path for root in roots for path in root.rglob("*") if path.is_file() and path.name != "key.json")
        return {str(path.relative_to(self.etc)): path.read_bytes() for path in found}

    def stop(self) -> None:
        for service in reversed(self.services):
            service.stop()
        self.holder.stop()


def _take_terminal() -> None:
    """Makes standard input the controlling terminal, which docker and podman open to ask."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
