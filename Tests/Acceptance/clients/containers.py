"""skopeo, and podman and buildah, which share its libraries and most of their options."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from clients.round_trip import Digests, Login, trust_directory
from harness.images import Image, layout_digests
from harness.processes import Word, require, require_root, run

TAG = "v1"


def tls_options(login: Login, trust: Path, prefix: str = "") -> list[Word]:
    """skopeo's copy has the options once for each side, with a prefix."""
    verify = "true" if login.address.tls else "false"
    return [f"--{prefix}tls-verify={verify}", f"--{prefix}cert-dir", trust]


class Skopeo:
    """Copies between a layout and the registry; its store is the layout, so every byte can be compared."""

    def __init__(self, directory: Path) -> None:
        require("skopeo")
        self.directory = directory

    def stop(self) -> None:
        pass

    def round_trip(self, login: Login, repository: str, image: Image, layout: Path) -> Digests:
        work = self.directory / repository.replace("/", "-")
        trust = trust_directory(work / "certs", login)
        authfile = work / "auth.json"
        options = tls_options(login, trust)
        run(
            "skopeo",
            "login",
            "--authfile",
            authfile,
            *options,
            "-u",
            login.username,
            "--password-stdin",
            login.address.authority,
            input=login.password,
        )
        remote = f"docker://{login.address.authority}/{repository}:{TAG}"
        copy: list[Word] = ["skopeo", "--insecure-policy", "copy", "--authfile", authfile]
        digest_file = work / "digest"
        run(*copy, "--digestfile", digest_file, *tls_options(login, trust, "dest-"), f"oci:{layout}:{TAG}", remote)
        back = work / "back"
        run(*copy, *tls_options(login, trust, "src-"), remote, f"oci:{back}:{TAG}")
        pulled = layout_digests(back)
        assert pulled == layout_digests(layout), "blobs differ after the round trip"
        assert all(digest == f"sha256:{name}" for name, digest in pulled.items())
        entry = json.loads((back / "index.json").read_text())["manifests"][0]
        shutil.rmtree(back)
        return Digests(digest_file.read_text().strip(), entry["digest"])


class PodmanLike:
    """podman or buildah, with a store of its own under the directory."""

    def __init__(self, program: str, directory: Path) -> None:
        require(program)
        require_root()
        self.program = program
        self.directory = directory
        self.environment = os.environ | {
            # Its own registries and policy, whatever the machine has or lacks.
            "CONTAINERS_REGISTRIES_CONF": str(directory / "registries.conf"),
            "REGISTRY_AUTH_FILE": str(directory / "auth.json"),
        }
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "registries.conf").write_text("")
        self.policy = directory / "policy.json"
        self.policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')

    def call(self, *arguments: Word, input: str | None = None) -> str:
        store: list[Word] = ["--root", self.directory / "root", "--runroot", self.directory / "run", "--storage-driver", "vfs"]
        return run(self.program, *store, *arguments, env=self.environment, input=input)

    def stop(self) -> None:
        self.call("rmi", "--all", "--force")

    def digest(self, reference: str) -> str:
        return self.call("images", "--no-trunc", "--digests", "--format", "{{.Digest}}", reference).split()[0]

    def round_trip(self, login: Login, repository: str, image: Image, layout: Path) -> Digests:
        tls = tls_options(login, trust_directory(self.directory / "certs", login))
        reference = f"{login.address.authority}/{repository}:{TAG}"
        policy: list[Word] = ["--signature-policy", self.policy]
        self.call("login", *tls, "-u", login.username, "--password-stdin", login.address.authority, input=login.password)
        local = self.call("pull", "--quiet", *policy, f"oci:{layout}:{TAG}").split()[-1]
        digest_file = self.directory / "digest"
        self.call("push", "--digestfile", digest_file, *policy, *tls, local, f"docker://{reference}")
        self.call("rmi", "--all", "--force")
        assert not self.call("images", "--quiet", "--all").split(), "the store is not empty"
        self.call("pull", "--quiet", *policy, *tls, f"docker://{reference}")
        digests = Digests(digest_file.read_text().strip(), self.digest(reference))
        self.call("rmi", "--all", "--force")
        return digests
