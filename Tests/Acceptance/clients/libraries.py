"""Two Python libraries for registries: `docker`, which uses an engine, and `oras`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import docker
import oras.client
import oras.oci

from clients.docker import Docker
from clients.round_trip import Login
from harness.images import MANIFEST_TYPE, digest_of


class DockerLibrary:
    def __init__(self, engine: Docker) -> None:
        self.engine = engine
        self.client = docker.DockerClient(base_url=f"unix://{engine.socket}", timeout=120)

    def stop(self) -> None:
        self.client.close()

    def log_in(self, login: Login) -> None:
        self.client.login(login.username, login.password, registry=login.address.authority, reauth=True)

    @staticmethod
    def _authorization(login: Login) -> dict[str, str]:
        return {"username": login.username, "password": login.password}

    def push(self, login: Login, name: str, layout: Path) -> str:
        reference = f"{login.address.authority}/{name}"
        self.engine.build(reference, (100, 50_000))
        try:
            lines = list(self.client.images.push(reference, stream=True, decode=True, auth_config=self._authorization(login)))
            assert not [line for line in lines if "error" in line], lines
            return next(line["aux"]["Digest"] for line in lines if "aux" in line)
        finally:
            self.engine.empty()

    def pull(self, login: Login, name: str) -> str:
        reference = f"{login.address.authority}/{name}"
        try:
            image = self.client.images.pull(reference, auth_config=self._authorization(login))
            return image.attrs["RepoDigests"][0].partition("@")[2]
        finally:
            self.engine.empty()

    pull_index = pull

    def inspect(self, login: Login, name: str) -> str:
        reference = f"{login.address.authority}/{name}"
        return self.client.images.get_registry_data(reference, auth_config=self._authorization(login)).id


class Oras:
    """Artifacts: files under a manifest, which can refer to another manifest."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def stop(self) -> None:
        pass

    def _client(self, login: Login) -> oras.client.OrasClient:
        client = oras.client.OrasClient(
            hostname=login.address.authority,
            insecure=not login.address.tls,
            tls_verify=str(login.address.ca) if login.address.ca else False,
            auth_backend="basic",
        )
        client.auth.set_basic_auth(login.username, login.password)
        return client

    def log_in(self, login: Login) -> None:
        """Writes the same file as docker login, and contacts nobody."""
        kept = self.directory / "config.json"
        kept.unlink(missing_ok=True)
        self._client(login).login(
            login.username, login.password, hostname=login.address.authority, config_path=str(kept), tls_verify=login.address.tls)
        assert login.address.authority in kept.read_text()

    def _push(self, login: Login, name: str, subject: oras.oci.Subject | None = None, chunked: bool = False) -> str:
        content = self.directory / "artifact.bin"
        content.write_bytes(os.urandom(11 << 20 if chunked else 100_000))
        response = self._client(login).push(
            target=f"{login.address.authority}/{name}", files=[f"{content}:application/vnd.example.data"], subject=subject,
            disable_path_validation=True, do_chunked=chunked, chunk_size=5 << 20, quiet=True)
        assert response.status_code == 201, response.text
        return response.headers["docker-content-digest"]

    def push(self, login: Login, name: str, layout: Path) -> str:
        return self._push(login, name)

    def push_chunked(self, login: Login, name: str) -> str:
        return self._push(login, name, chunked=True)

    def push_referrer(self, login: Login, name: str, subject: tuple[str, str, int]) -> str:
        """`subject`: its media type, digest and size."""
        return self._push(login, name, oras.oci.Subject(*subject))

    def pull(self, login: Login, name: str) -> str:
        """The files, whose digests are in the manifest; and the registry's digest of the manifest itself."""
        client, reference = self._client(login), f"{login.address.authority}/{name}"
        target = self.directory / "pulled"
        target.mkdir()
        try:
            files = client.pull(target=reference, outdir=str(target))
            layers = client.get_manifest(reference)["layers"]
            assert [digest_of(Path(file).read_bytes()) for file in files] == [layer["digest"] for layer in layers]
        finally:
            shutil.rmtree(target)
        url = f"{client.prefix}://{client.get_container(reference).manifest_url()}"
        return digest_of(client.do_request(url, "GET", headers={"Accept": MANIFEST_TYPE}).content)

    def list_tags(self, login: Login, repository: str) -> list[str]:
        return self._client(login).get_tags(f"{login.address.authority}/{repository}")

    def delete(self, login: Login, name: str) -> None:
        repository, _, tag = name.rpartition(":")
        client = self._client(login)
        assert client.delete_tag(client.get_container(f"{login.address.authority}/{repository}"), tag)
