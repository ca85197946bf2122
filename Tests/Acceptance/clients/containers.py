"""skopeo, and podman and buildah, which share its libraries and most of its options."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from clients.round_trip import TAG, Login, trust_directory
from harness.images import layout_digests
from harness.processes import Word, only_group, require, require_root, run


def tls_options(login: Login, trust: Path, prefix: str = "") -> list[Word]:
    """skopeo copy takes each option once for each side, with a prefix."""
    verify = "true" if login.address.tls else "false"
    return [f"--{prefix}tls-verify={verify}", f"--{prefix}cert-dir", trust]


def write_mirror(path: Path, mirror: Login) -> None:
    """registries.conf: docker.io through the mirror."""
    path.write_text(
        f'[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "{mirror.address.authority}"\n'
        f"insecure = {'false' if mirror.address.tls else 'true'}\n"
    )


class Skopeo:
    """Copies between a layout and the registry. Its store is the layout, so every byte can be compared."""

    def __init__(self, directory: Path) -> None:
        require("skopeo")
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.registries = directory / "registries.conf"
        self.registries.write_text("")
        self.environment = os.environ | {"REGISTRY_AUTH_FILE": str(directory / "auth.json")}

    def stop(self) -> None:
        pass

    def call(self, *arguments: Word, input: str | None = None) -> str:
        options: list[Word] = ["--insecure-policy", "--registries-conf", self.registries]
        return run("skopeo", *options, *arguments, env=self.environment, input=input)

    def _tls(self, login: Login, prefix: str = "") -> list[Word]:
        return tls_options(login, trust_directory(self.directory / "certs", login), prefix)

    @staticmethod
    def _remote(login: Login, name: str) -> str:
        return f"docker://{login.address.authority}/{name}"

    def log_in(self, login: Login) -> None:
        self.call("login", *self._tls(login), "-u", login.username, "--password-stdin", login.address.authority, input=login.password)

    def push(self, login: Login, name: str, layout: Path, *options: Word) -> str:
        digest_file = self.directory / "digest"
        source = f"oci:{layout}:{TAG}"
        self.call("copy", *options, "--digestfile", digest_file, *self._tls(login, "dest-"), source, self._remote(login, name))
        return digest_file.read_text().strip()

    def push_artifact(self, login: Login, name: str, layout: Path) -> str:
        return self.push(login, name, layout, "--preserve-digests")

    def push_index(self, login: Login, name: str, layout: Path) -> str:
        return self.push(login, name, layout, "--all")

    def pull(self, login: Login, name: str, *options: Word) -> str:
        back = self.directory / "back"
        self.call("copy", *options, *self._tls(login, "src-"), self._remote(login, name), f"oci:{back}:{TAG}")
        pulled = layout_digests(back)
        assert all(digest == f"sha256:{name}" for name, digest in pulled.items()), pulled
        entry = json.loads((back / "index.json").read_text())["manifests"][0]
        shutil.rmtree(back)
        return entry["digest"]

    def pull_index(self, login: Login, name: str) -> str:
        return self.pull(login, name, "--all")

    def pull_mirrored(self, mirror: Login, name: str) -> str:
        write_mirror(self.registries, mirror)
        back = self.directory / "back"
        try:
            self.call("copy", *self._tls(mirror, "src-"), f"docker://docker.io/{name}", f"oci:{back}:{TAG}")
            return json.loads((back / "index.json").read_text())["manifests"][0]["digest"]
        finally:
            self.registries.write_text("")
            shutil.rmtree(back, ignore_errors=True)

    def list_tags(self, login: Login, repository: str) -> list[str]:
        return json.loads(self.call("list-tags", *self._tls(login), self._remote(login, repository)))["Tags"]

    def inspect(self, login: Login, name: str) -> str:
        return json.loads(self.call("inspect", *self._tls(login), self._remote(login, name)))["Digest"]

    def delete(self, login: Login, name: str) -> None:
        self.call("delete", *self._tls(login), self._remote(login, name))

    def sync(self, login: Login, repository: str) -> list[str]:
        """Copies all tags of a repository into a directory; returns the tags found there."""
        target = self.directory / "synced"
        try:
            source = f"{login.address.authority}/{repository}"
            self.call("sync", *self._tls(login, "src-"), "--src", "docker", "--dest", "dir", source, target)
            return sorted(path.name.rpartition(":")[2] for path in target.iterdir())
        finally:
            shutil.rmtree(target, ignore_errors=True)


class PodmanLike:
    """podman or buildah, with its own store under the directory."""

    def __init__(self, program: str, directory: Path) -> None:
        require(program)
        require_root()
        self.program = program
        self.directory = directory
        self.registries = directory / "registries.conf"
        self.environment = os.environ | {
            # Its own registries and policy, independent of the machine's.
            "CONTAINERS_REGISTRIES_CONF": str(self.registries),
            "REGISTRY_AUTH_FILE": str(directory / "auth.json"),
        }
        directory.mkdir(parents=True, exist_ok=True)
        self.registries.write_text("")
        policy = directory / "policy.json"
        policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        self.policy: list[Word] = ["--signature-policy", policy]

    @property
    def index_policy(self) -> list[Word]:
        return self.policy

    def call(self, *arguments: Word, input: str | None = None) -> str:
        store: list[Word] = ["--root", self.directory / "root", "--runroot", self.directory / "run", "--storage-driver", "vfs"]
        return run(self.program, *store, *arguments, env=self.environment, input=input)

    def stop(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self.call("rmi", "--all", "--force")
        assert not self.call("images", "--quiet", "--all").split(), "the store is not empty"

    def _tls(self, login: Login) -> list[Word]:
        return tls_options(login, trust_directory(self.directory / "certs", login))

    def log_in(self, login: Login) -> None:
        self.call("login", *self._tls(login), "-u", login.username, "--password-stdin", login.address.authority, input=login.password)

    def push(self, login: Login, name: str, layout: Path) -> str:
        local = self.call("pull", "--quiet", *self.policy, f"oci:{layout}:{TAG}").split()[-1]
        digest_file = self.directory / "digest"
        remote = f"docker://{login.address.authority}/{name}"
        try:
            self.call("push", "--digestfile", digest_file, *self.policy, *self._tls(login), local, remote)
        finally:
            self._empty()
        return digest_file.read_text().strip()

    def push_index(self, login: Login, name: str, layout: Path) -> str:
        """A manifest list made by the client, for the one platform that a layout is pulled as."""
        local = self.call("pull", "--quiet", *self.policy, f"oci:{layout}:{TAG}").split()[-1]
        self.call("manifest", "create", "berth-index")
        self.call("manifest", "add", "berth-index", f"containers-storage:{local}")
        digest_file = self.directory / "digest"
        remote = f"docker://{login.address.authority}/{name}"
        options: list[Word] = ["--all", "--digestfile", digest_file, *self.index_policy, *self._tls(login)]
        try:
            self.call("manifest", "push", *options, "berth-index", remote)
        finally:
            self.call("manifest", "rm", "berth-index")
            self._empty()
        return digest_file.read_text().strip()

    def pull(self, login: Login, name: str) -> str:
        return self._pull(f"{login.address.authority}/{name}", *self._tls(login))

    pull_index = pull

    def pull_mirrored(self, mirror: Login, name: str) -> str:
        write_mirror(self.registries, mirror)
        try:
            return self._pull(f"docker.io/{name}", *self._tls(mirror))
        finally:
            self.registries.write_text("")

    def _pull(self, reference: str, *options: Word) -> str:
        local = self.call("pull", "--quiet", *self.policy, *options, f"docker://{reference}").split()[-1]
        try:
            listing = self.call("images", "--no-trunc", "--digests", "--format", "{{.ID}} {{.Digest}}")
            return only_group(rf"{local.removeprefix('sha256:')}\s+(sha256:[0-9a-f]{{64}})", listing)
        finally:
            self._empty()


class Podman(PodmanLike):
    def __init__(self, directory: Path) -> None:
        super().__init__("podman", directory)

    @property
    def index_policy(self) -> list[Word]:
        return []  # `buildah manifest push` has no such option

    def list_tags(self, login: Login, repository: str) -> list[str]:
        reference = f"{login.address.authority}/{repository}"
        verify = "true" if login.address.tls else "false"
        return json.loads(self.call("search", "--list-tags", "--format", "json", f"--tls-verify={verify}", reference))[0]["Tags"]


class Buildah(PodmanLike):
    def __init__(self, directory: Path) -> None:
        super().__init__("buildah", directory)
