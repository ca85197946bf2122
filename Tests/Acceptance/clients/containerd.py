"""containerd's ctr, with a containerd of its own."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from clients.round_trip import Digests, Login
from harness.images import Image
from harness.processes import Program, Word, attempt, require, require_root, run


class Containerd:
    def __init__(self, directory: Path) -> None:
        require("containerd", "ctr", "runc")
        require_root()
        self.directory = directory
        self.socket = directory / "containerd.sock"
        configuration = directory / "config.toml"
        configuration.write_text(
            f"""\
version = 2
root = "{directory / "root"}"
state = "{directory / "state"}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{self.socket}"
"""
        )
        self.program = Program("containerd", ["containerd", "--config", configuration], directory, dict(os.environ))
        self.program.wait_ready(lambda: self.socket.exists() and attempt(*self._ctr("version")).returncode == 0)

    def _ctr(self, *arguments: Word) -> list[Word]:
        return ["ctr", "--address", self.socket, "--namespace", "berth", *arguments]

    def call(self, *arguments: Word) -> str:
        return run(*self._ctr(*arguments))

    def stop(self) -> None:
        self.program.stop()

    def _registry_options(self, login: Login) -> list[Word]:
        """ctr has no login: it takes the credentials on each command. The hosts directory names the authority to trust."""
        options: list[Word] = ["--user", f"{login.username}:{login.password}"]
        if not login.address.tls:
            return [*options, "--plain-http"]
        hosts = self.directory / "hosts"
        host = hosts / login.address.authority
        host.mkdir(parents=True, exist_ok=True)
        (host / "hosts.toml").write_text(
            f'server = "{login.address.url}"\n[host."{login.address.url}"]\n'
            f'  capabilities = ["pull", "resolve", "push"]\n  ca = "{login.address.ca}"\n'
        )
        return [*options, "--hosts-dir", hosts]

    def _empty(self) -> None:
        for name in self.call("images", "ls", "-q").split():
            self.call("images", "rm", "--sync", name)
        assert not self.call("content", "ls", "-q").split(), "the store is not empty"

    def round_trip(self, login: Login, repository: str, image: Image, layout: Path) -> Digests:
        archive = self.directory / "image.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(layout, arcname="")
        reference = f"{login.address.authority}/{repository}:v1"
        options = self._registry_options(login)
        self.call("images", "import", "--no-unpack", "--base-name", "local/image", archive)
        self.call("images", "push", *options, reference, "local/image:v1")
        self._empty()
        self.call("images", "pull", *options, reference)
        listing = self.call("images", "ls", f"name=={reference}").splitlines()[1].split()
        pulled = next(word for word in listing if word.startswith("sha256:"))
        self._empty()
        return Digests(image.digest, pulled)
