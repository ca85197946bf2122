"""The docker engine, with a data root, a socket and a client configuration of its own, and no network of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path

from clients.round_trip import Digests, Login
from harness.images import MIB, Image
from harness.processes import Program, Word, attempt, only_group, require, require_root, run

LAYERS = (100, MIB, 12 * MIB)


class Docker:
    def __init__(self, directory: Path) -> None:
        require("docker", "dockerd", "containerd", "runc")
        require_root()
        self.directory = directory
        self.socket = directory / "docker.sock"
        self.environment = os.environ | {
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(directory / "client"),
            "DOCKER_BUILDKIT": "0",  # the builder within the engine; the other is a program of its own
            "HOME": str(directory),
        }
        argv: list[Word] = [
            "dockerd",
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--data-root",
            directory / "data",
            "--exec-root",
            directory / "exec",
            "--pidfile",
            directory / "docker.pid",
            "--host",
            f"unix://{self.socket}",
        ]
        self.program = Program("dockerd", argv, directory, self.environment)
        self.program.wait_ready(lambda: self.socket.exists() and attempt("docker", "version", env=self.environment).returncode == 0)

    def call(self, *arguments: Word, input: str | None = None) -> str:
        return run("docker", *arguments, env=self.environment, input=input)

    def stop(self) -> None:
        self.program.stop()
        # What a killed engine leaves mounted would keep the directory from being removed.
        for mount in re.findall(rf" ({re.escape(str(self.directory))}\S*) ", Path("/proc/mounts").read_text()):
            attempt("umount", "-l", mount)

    def build(self, tag: str) -> None:
        """An image of several layers from nothing."""
        source = self.directory / "source"
        source.mkdir(exist_ok=True)
        lines = ["FROM scratch"]
        for number, size in enumerate(LAYERS):
            (source / f"file-{number}").write_bytes(os.urandom(size))
            lines.append(f"COPY file-{number} /file-{number}")
        (source / "Dockerfile").write_text("\n".join(lines) + "\n")
        self.call("build", "--quiet", "--tag", tag, source)

    def empty(self) -> None:
        self.call("image", "prune", "--all", "--force")
        assert not self.call("image", "ls", "--all", "--quiet").split(), "the store is not empty"

    def login(self, login: Login) -> str:
        return self.call("login", "--username", login.username, "--password-stdin", login.address.authority, input=login.password)

    def push(self, reference: str) -> str:
        """The digest that the engine reports."""
        return only_group(r"digest: (sha256:[0-9a-f]{64})", self.call("push", reference))

    def pull(self, reference: str) -> str:
        return only_group(r"Digest: (sha256:[0-9a-f]{64})", self.call("pull", reference))

    def image_id(self, reference: str) -> str:
        """The digest of the image's configuration, which names every layer's content."""
        return self.call("image", "inspect", "--format", "{{.Id}}", reference).strip()

    def round_trip(self, login: Login, repository: str, image: Image, layout: Path) -> Digests:
        reference = f"{login.address.authority}/{repository}:v1"
        self.login(login)
        self.build(reference)
        built = self.image_id(reference)
        pushed = self.push(reference)
        self.empty()
        pulled = self.pull(reference)
        assert self.image_id(reference) == built
        self.empty()
        return Digests(pushed, pulled)
