"""containerd's ctr, with its own containerd."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from clients.round_trip import TAG, Login
from harness.processes import Program, Word, attempt, only_group, require, require_root, run


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

    def _hosts(self, host: str, url: str, ca: Path | None) -> Path:
        """A hosts directory: the address of a host, and the authority to trust there."""
        hosts = self.directory / "hosts"
        (hosts / host).mkdir(parents=True, exist_ok=True)
        trust = f'  ca = "{ca}"\n' if ca else ""
        (hosts / host / "hosts.toml").write_text(f'[host."{url}"]\n  capabilities = ["pull", "resolve", "push"]\n{trust}')
        return hosts

    def _registry_options(self, login: Login) -> list[Word]:
        """ctr has no login; every command takes the credentials."""
        options: list[Word] = ["--user", f"{login.username}:{login.password}"]
        if not login.address.tls:
            return [*options, "--plain-http"]
        return [*options, "--hosts-dir", self._hosts(login.address.authority, login.address.url, login.address.ca)]

    def _empty(self) -> None:
        for name in self.call("images", "ls", "-q").split():
            self.call("images", "rm", "--sync", name)
        assert not self.call("content", "ls", "-q").split(), "the store is not empty"

    def push(self, login: Login, name: str, layout: Path) -> str:
        archive = self.directory / "image.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(layout, arcname="")
        self.call("images", "import", "--no-unpack", "--all-platforms", "--base-name", "local/image", archive)
        digest = self._digest(f"local/image:{TAG}")
        try:
            self.call("images", "push", *self._registry_options(login), f"{login.address.authority}/{name}", f"local/image:{TAG}")
        finally:
            self._empty()
        return digest

    push_index = push

    def pull(self, login: Login, name: str) -> str:
        return self._pull(f"{login.address.authority}/{name}", *self._registry_options(login), "--all-platforms")

    pull_index = pull

    def pull_mirrored(self, mirror: Login, name: str) -> str:
        """By its name on docker.io; containerd tells the mirror which registry it means."""
        return self._pull(f"docker.io/{name}", "--hosts-dir", self._hosts("docker.io", mirror.address.url, mirror.address.ca))

    def _pull(self, reference: str, *options: Word) -> str:
        self.call("images", "pull", *options, reference)
        try:
            return self._digest(reference)
        finally:
            self._empty()

    def _digest(self, reference: str) -> str:
        return only_group(r"(sha256:[0-9a-f]{64})", self.call("images", "ls", f"name=={reference}"))
