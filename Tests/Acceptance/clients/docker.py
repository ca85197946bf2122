"""The docker engine, with its own data root, socket and client configuration, and without a network of its own."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

from clients.round_trip import Login
from harness.images import MIB
from harness.processes import Program, Word, attempt, only_group, require, require_root, run, wait_until

LAYERS = (100, MIB, 12 * MIB)
SMALL_LAYERS = (100, MIB)


class Docker:
    def __init__(self, directory: Path) -> None:
        require("docker", "dockerd", "containerd", "runc")
        require_root()
        self.directory = directory
        self.socket = directory / "docker.sock"
        self.configuration = directory / "daemon.json"
        self._configure()
        self.environment = os.environ | {
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(directory / "client"),
            "DOCKER_BUILDKIT": "0",  # the builder inside the engine; BuildKit's is a separate program
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
            "--config-file",
            self.configuration,
        ]
        self.program = Program("dockerd", argv, directory, self.environment)
        self.program.wait_ready(lambda: self.socket.exists() and attempt("docker", "version", env=self.environment).returncode == 0)

    def call(self, *arguments: Word, input: str | None = None) -> str:
        return run("docker", *arguments, env=self.environment, input=input)

    def stop(self) -> None:
        self.program.stop()
        # Mounts that a killed engine leaves would prevent the removal of the directory.
        for mount in re.findall(rf" ({re.escape(str(self.directory))}\S*) ", Path("/proc/mounts").read_text()):
            attempt("umount", "-l", mount)

    def _configure(self, *mirrors: str) -> None:
        self.configuration.write_text(json.dumps({"registry-mirrors": mirrors}))

    def build(self, tag: str, layers: tuple[int, ...] = LAYERS) -> None:
        """An image of several layers, from scratch."""
        source = self.directory / "source"
        source.mkdir(exist_ok=True)
        lines = ["FROM scratch"]
        for number, size in enumerate(layers):
            (source / f"file-{number}").write_bytes(os.urandom(size))
            lines.append(f"COPY file-{number} /file-{number}")
        (source / "Dockerfile").write_text("\n".join(lines) + "\n")
        self.call("build", "--quiet", "--tag", tag, source)

    def empty(self) -> None:
        self.call("image", "prune", "--all", "--force")
        assert not self.call("image", "ls", "--all", "--quiet").split(), "the store is not empty"

    def log_in(self, login: Login) -> str:
        return self.call("login", "--username", login.username, "--password-stdin", login.address.authority, input=login.password)

    def push_built(self, reference: str) -> str:
        """The digest that the engine reports."""
        return only_group(r"digest: (sha256:[0-9a-f]{64})", self.call("push", reference))

    def pull_kept(self, reference: str) -> str:
        """Leaves the image in the store."""
        return only_group(r"Digest: (sha256:[0-9a-f]{64})", self.call("pull", reference))

    def image_id(self, reference: str) -> str:
        """The digest of the image's configuration, which contains the digests of all layers."""
        return self.call("image", "inspect", "--format", "{{.Id}}", reference).strip()

    # The methods of a client.

    def push(self, login: Login, name: str, layout: Path) -> str:
        """An image built by the engine, which cannot read a layout."""
        reference = f"{login.address.authority}/{name}"
        self.build(reference, SMALL_LAYERS)
        try:
            return self.push_built(reference)
        finally:
            self.empty()

    def pull(self, login: Login, name: str) -> str:
        return self._pull(f"{login.address.authority}/{name}")

    pull_index = pull

    def _pull(self, reference: str) -> str:
        try:
            return self.pull_kept(reference)
        finally:
            self.empty()

    def pull_mirrored(self, mirror: Login, name: str) -> str:
        self._configure(mirror.address.url)
        self.program.process.send_signal(signal.SIGHUP)  # read again
        wait_until(lambda: mirror.address.authority in self.call("info"), "the mirror", 10)
        try:
            return self._pull(name)
        finally:
            self._configure()
            self.program.process.send_signal(signal.SIGHUP)

    def inspect(self, login: Login, name: str) -> str:
        """With the command line alone, which contacts the registry itself."""
        reference = f"{login.address.authority}/{name}"
        insecure = [] if login.address.tls else ["--insecure"]
        return json.loads(self.call("manifest", "inspect", "--verbose", *insecure, reference))["Descriptor"]["digest"]
