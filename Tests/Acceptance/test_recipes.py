"""`berth recipe`: what it prints is valid, and whoever follows it to the letter pulls."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.gateway import PASSWORD, Gateway, clean_environment, password_hash
from harness.images import runnable_image
from harness.machine import Machine
from harness.processes import attempt, require, run
from harness.recipe import Recipe, print_recipe
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority

NAMES = (
    "docker docker-mirror containerd podman buildkit kubernetes k3s rke2 rancher jenkins bamboo gitlab argocd flux portainer compose helm"
).split()
REGISTRY, HUB = "registry.berth.test", "hub.berth.test"
IMAGE, BUSYBOX = "team/app:1.0.0", "docker-hub/library/busybox:latest"
MIRROR: dict[str, Any] = {
    "routes": [
        {"upstream": "main"},
        {"namespace": "docker.io", "upstream": "main", "upstream_prefix": "docker-hub/"},
        {"host": HUB, "upstream": "main", "upstream_prefix": "docker-hub/"},
    ],
    "anonymous": {
        "access": [
            {"repositories": ["**"], "actions": ["pull"], "namespace": "docker.io"},
            {"repositories": ["**"], "actions": ["pull"], "host": HUB},
        ]
    },
}


def own_address() -> str:
    """An address of this machine other than loopback, to which clients are laxer; loopback if there is no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


class Place:
    """A gateway with a mirror, reached by names, and images behind it."""

    def __init__(self, gateway: Gateway, authority: Authority, berth: Path, tls: bool) -> None:
        self.gateway, self.authority, self.berth = gateway, authority, berth
        self.address = gateway.tls if tls else gateway.plain
        self.url = f"{'https' if tls else 'http'}://{REGISTRY}:{self.address.port}"

    def recipe(self, name: str, *options: str) -> Recipe:
        return print_recipe(
            self.berth, name, "--config", self.gateway.configuration_path, "--address", self.url, "--repository", IMAGE, *options,
            env=clean_environment({}),
        )  # fmt: skip

    def pulled(self, path: str) -> bool:
        """Whether somebody has had that path from the gateway."""
        return any(line.get("path", "").split("?")[0] == path and line["status"] == 200 for line in self.gateway.log_lines())


@pytest.fixture(scope="module", params=["tls", "plain"])
def place(
    request: pytest.FixtureRequest, berth: Path, directory: Path, sandbox: Sandbox, authority: Authority
) -> Iterator[Place]:
    tls = request.param == "tls"
    own = directory / f"recipes-{request.param}"
    address = own_address()
    certificate = authority.issue(f"recipes-{request.param}", f"DNS:{REGISTRY}", f"DNS:{HUB}", f"IP:{address}")
    chain = directory / f"recipes-{request.param}.chain"
    chain.write_bytes(certificate.certificate.read_bytes() + authority.certificate.read_bytes())
    listener: dict[str, Any] = {"address": f"{address}:0"}
    if tls:
        listener["tls"] = {"certificate": str(chain), "private_key": str(certificate.key)}
    gateway = Gateway(
        berth, own, sandbox.upstream | MIRROR, sandbox.environment, ca=authority.certificate, listeners=[listener]
    )
    gateway.wait_until_ready()
    found = Place(gateway, authority, berth, tls)
    image = runnable_image((200, 4096))
    with RegistryClient(found.address, gateway.username, gateway.password) as client:
        for name in (IMAGE, BUSYBOX):
            repository, _, tag = name.partition(":")
            sandbox.create_repositories(repository)
            client.push_image(repository, tag, image)
    yield found
    assert gateway.stop() == 0


@pytest.fixture
def machine(own_directory: Path) -> Iterator[Machine]:
    address = own_address()
    running = Machine(own_directory, {REGISTRY: address, HUB: address})
    yield running
    running.stop()


def save(machine: Machine, recipe: Recipe, path: str) -> None:
    """Saves a file as the recipe says."""
    assert path.startswith("/etc/")
    target = machine.etc / path.removeprefix("/etc/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(recipe.file(path) + "\n")


# Clients that run here, each following its recipe.


@pytest.fixture
def docker(machine: Machine) -> Machine:
    """With an engine, and a systemctl that reloads it."""
    require("docker", "dockerd", "containerd", "runc")
    socket_path, pid = machine.directory / "docker.sock", machine.directory / "docker.pid"
    machine.environment["DOCKER_HOST"] = f"unix://{socket_path}"
    machine.program("systemctl", f'[ "$*" = "reload docker" ] && kill -HUP "$(cat {pid})" && sleep 1')
    options = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--data-root", machine.directory / "data"]
    options += ["--exec-root", machine.directory / "exec", "--pidfile", pid, "--host", f"unix://{socket_path}"]
    machine.start("dockerd", ["dockerd", *options], lambda: socket_path.exists() and machine.attempt("docker", "version").returncode == 0)
    return machine


def test_docker_pulls_as_its_recipe_says(place: Place, docker: Machine) -> None:
    recipe = place.recipe("docker")
    if "/etc/docker/daemon.json" in recipe.text:
        save(docker, recipe, "/etc/docker/daemon.json")
    before = docker.files()
    shown = docker.paste(recipe.commands(), PASSWORD)
    assert "Login Succeeded" in shown and f"Downloaded newer image for {REGISTRY}:{place.address.port}/{IMAGE}" in shown
    docker.paste(recipe.commands(undo=True))
    assert docker.files() == before
    assert REGISTRY not in (docker.directory / "docker-client" / "config.json").read_text()


def test_docker_pulls_from_the_mirror_as_its_recipe_says(place: Place, docker: Machine) -> None:
    recipe = place.recipe("docker-mirror")
    save(docker, recipe, "/etc/docker/daemon.json")
    before = docker.files()
    shown = docker.paste(recipe.commands())
    assert "Downloaded newer image for busybox:latest" in shown
    assert place.pulled("/v2/library/busybox/manifests/latest")
    assert "/v2/library/busybox/manifests/latest" in recipe.text
    if recipe.commands(undo=True):
        docker.paste(recipe.commands(undo=True))
    assert docker.files() == {path: text for path, text in before.items() if not path.startswith("docker/certs.d")}


def test_containerd_pulls_as_its_recipe_says(place: Place, machine: Machine) -> None:
    require("containerd", "ctr", "runc")
    path = machine.directory / "containerd.sock"
    machine.environment |= {"CONTAINERD_ADDRESS": str(path), "CONTAINERD_NAMESPACE": "berth"}
    machine.program("systemctl", '[ "$*" = "restart containerd" ]')
    (machine.etc / "containerd" / "config.toml").write_text(
        f'version = 2\nroot = "{machine.directory}/root"\nstate = "{machine.directory}/state"\n'
        f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "{path}"\n'
    )
    machine.start("containerd", ["containerd"], lambda: path.exists() and machine.attempt("ctr", "version").returncode == 0)
    before = machine.files()
    recipe = place.recipe("containerd")
    assert "With a wrong password, the error ends in 400 Bad Request." in recipe.text
    with pytest.raises(AssertionError, match=r"400 Bad Request\r\n$"):
        machine.paste(recipe.commands(), "wrong")
    machine.paste(recipe.commands(), PASSWORD)
    names = machine.attempt("ctr", "images", "ls", "-q").stdout.split()
    assert names == ["docker.io/library/busybox:latest", f"{REGISTRY}:{place.address.port}/{IMAGE}"]
    assert place.pulled("/v2/library/busybox/manifests/latest")
    written = machine.etc / "containerd" / "certs.d" / f"{REGISTRY}:{place.address.port}" / "hosts.toml"
    assert written.stat().st_mode & 0o777 == 0o600
    machine.paste(recipe.commands(undo=True))
    assert machine.files() == before


def test_podman_skopeo_and_buildah_pull_as_their_recipe_says(place: Place, machine: Machine) -> None:
    require("podman", "skopeo", "buildah")
    machine.environment["REGISTRY_AUTH_FILE"] = str(machine.directory / "auth.json")
    (machine.etc / "containers" / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{machine.directory}/graph"\nrunroot = "{machine.directory}/run"\n'
    )
    before = machine.files()
    recipe = place.recipe("podman")
    shown = machine.paste(recipe.commands(), PASSWORD)
    assert "Login Succeeded" in shown
    found = machine.attempt("podman", "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    assert sorted(found) == ["docker.io/library/busybox:latest", f"{REGISTRY}:{place.address.port}/{IMAGE}"]
    assert place.pulled("/v2/docker-hub/library/busybox/manifests/latest")
    machine.attempt("podman", "rmi", "--all", "--force")
    machine.paste(recipe.commands(undo=True))
    assert machine.files() == before
    assert json.loads((machine.directory / "auth.json").read_text()).get("auths", {}) == {}


# What others are told, as far as it can be checked without them.


def test_registries_yaml_is_as_k3s_and_rke2_read_it(place: Place, machine: Machine) -> None:
    for name, program in (("k3s", "k3s"), ("rke2", "crictl")):
        recipe = place.recipe(name)
        machine.program(program, "")
        before = machine.files()
        machine.paste(recipe.commands(prove=False), PASSWORD)
        path = machine.etc / "rancher" / name / "registries.yaml"
        assert path.stat().st_mode & 0o777 == 0o600
        written = yaml.safe_load(path.read_text())
        authority = f"{REGISTRY}:{place.address.port}"
        assert written["mirrors"] == {authority: {"endpoint": [place.url]}, "docker.io": {"endpoint": [place.url]}}
        configured = written["configs"][authority]
        assert base64.b64decode(configured["auth"]["auth"]).decode() == f"ci:{PASSWORD}"
        if place.address.tls:
            assert configured["tls"]["ca_file"] == f"/etc/rancher/{name}/berth-ca.crt"
            assert (machine.etc / "rancher" / name / "berth-ca.crt").read_bytes() == place.authority.certificate.read_bytes()
        machine.paste(recipe.commands(undo=True))
        assert machine.files() == before


SECRETS = {"kubernetes": ["berth"], "flux": ["berth"], "rancher": ["berth", "berth-registry"], "argocd": ["berth-repository"]}


@pytest.mark.parametrize("name", SECRETS)
def test_kubectl_makes_the_secrets_that_recipes_name(place: Place, machine: Machine, name: str) -> None:
    """By the real kubectl, which prints what it would send; what needs a cluster is only logged."""
    require("kubectl")
    log = machine.directory / "made.yaml"
    machine.program(
        "kubectl",
        f'[ "$1" = create ] || exit 0\nprintf -- "---\\n" >> {log}\n'
        f'PATH=${{PATH#*:}} exec kubectl "$@" --dry-run=client --output=yaml >> {log}',
    )
    machine.program("curl", 'printf "{\\"id\\": \\"1r5\\"}"; cat > /dev/null')
    recipe = place.recipe(name)
    for block in recipe.blocks:
        if block.path and "/" not in block.path:
            (machine.directory / block.path).write_text(block.content)
    machine.paste(recipe.commands(), PASSWORD)
    made = {one["metadata"]["name"]: one for one in yaml.safe_load_all(log.read_text()) if one}
    for secret in SECRETS[name]:
        values = {key: base64.b64decode(value).decode() for key, value in made[secret]["data"].items()}
        if secret == "berth":
            login = json.loads(values[".dockerconfigjson"])["auths"][f"{REGISTRY}:{place.address.port}"]["auth"]
            assert base64.b64decode(login).decode() == f"ci:{PASSWORD}"
        else:
            assert (values["username"], values["password"]) == ("ci", PASSWORD)
    if name == "flux" and place.address.tls:
        kept = base64.b64decode(made["berth-ca"]["data"]["ca.crt"])
        assert kept == place.authority.certificate.read_bytes()


def test_requests_to_portainer_and_rancher_carry_the_login(place: Place, machine: Machine) -> None:
    require("jq")
    log = machine.directory / "sent"
    machine.program("curl", f'cat >> {log}; printf "{{\\"id\\": \\"1r5\\"}}"')
    machine.program("kubectl", "cat > /dev/null")
    machine.program("systemctl", "")
    password = "a \"b\" $c 'd' \\e"
    machine.paste(place.recipe("portainer").commands(prove=False), password)
    machine.paste(place.recipe("rancher").commands(prove=False), password)
    text, sent = log.read_text(), []
    while text.strip():
        value, end = json.JSONDecoder().raw_decode(text.lstrip())
        sent.append(value)
        text = text.lstrip()[end:]
    authority = f"{REGISTRY}:{place.address.port}"
    assert sent == [
        {"Name": "berth", "Type": 3, "URL": authority, "Authentication": True, "Username": "ci", "Password": password},
        {"serverAddress": authority, "name": "berth"},
        {"registryId": "1r5", "publicValue": "ci", "secretValue": password},
    ]


def test_gitlabs_variable_is_a_docker_configuration(place: Place, machine: Machine) -> None:
    machine.program("systemctl", "")
    shown = machine.paste(place.recipe("gitlab").commands(), PASSWORD)
    login = json.loads(shown[shown.index('{"auths"') :].splitlines()[0])["auths"][f"{REGISTRY}:{place.address.port}"]["auth"]
    assert base64.b64decode(login).decode() == f"ci:{PASSWORD}"


# All recipes.


def test_every_block_of_every_recipe_is_valid(place: Place) -> None:
    for name in NAMES:
        recipe = place.recipe(name)
        assert recipe.blocks, recipe.text
        for block in recipe.blocks:
            try:
                block.parse()
            except Exception as error:
                raise AssertionError(f"{name}: {block}") from error
        assert PASSWORD not in recipe.text and "$6$" not in recipe.text


def environment(**more: str) -> dict[str, str]:
    return clean_environment(
        {"BERTH_REGISTRY": "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "BERTH_USERNAME": "rancher", "BERTH_PASSWORD": PASSWORD} | more
    )


def test_the_list_has_every_name(berth: Path) -> None:
    listed = [line.split()[0] for line in run(berth, "recipe", env=clean_environment({})).split("\n\n")[0].splitlines()]
    assert listed == NAMES


def test_the_environment_alone_is_enough(berth: Path, own_directory: Path) -> None:
    for name in NAMES:
        done = attempt(berth, "recipe", name, "--address", "registry.example.com:5000", env=environment())
        assert PASSWORD not in done.stdout + done.stderr
        if name == "docker-mirror":
            # There are no routes. It says what to add, which is a configuration.
            assert done.returncode == 69, done
            [block] = Recipe(done.stdout).blocks
            [added] = block.parse()
            assert added["routes"][1]["host"] == "hub.example.com" and added["anonymous"]["access"][0]["host"] == "hub.example.com"
            path = own_directory / "berth.yaml"
            base = {
                "upstreams": [{"name": "main", "registry": environment()["BERTH_REGISTRY"]}],
                "users": [{"name": "ci", "password_hash": password_hash(PASSWORD), "access": [{"repositories": ["**"], "actions": ["pull"]}]}],
            }
            path.write_text(json.dumps(base | added))
            again = print_recipe(berth, name, "--config", path, "--address", "registry.example.com:5000", env=clean_environment({}))
            assert json.loads(again.file("/etc/docker/daemon.json")) == {"registry-mirrors": ["http://hub.example.com:5000"]}
        else:
            assert done.returncode == 0, done
            assert "registry.example.com:5000" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dokcer"], "did you mean 'docker'?"),
        (["docker", "--user", "ranchr"], "did you mean 'rancher'?"),
        (["docker", "--repository", "a b"], "is not a name"),
        (["docker", "--address", "a/b"], "is not a host"),
        (["docker", "--ca", "/nonexistent"], "--ca /nonexistent"),
    ],
)
def test_what_does_not_fit_is_rejected(berth: Path, arguments: list[str], message: str) -> None:
    extra = [] if "--address" in arguments else ["--address", "https://registry.example.com"]
    done = attempt(berth, "recipe", *arguments, *extra, env=environment())
    assert (done.returncode, done.stdout) == (64, ""), done
    assert message in done.stderr.replace("this is", "is"), done.stderr


def test_an_authority_that_the_listener_does_not_have_can_be_given(berth: Path, authority: Authority) -> None:
    recipe = print_recipe(berth, "docker", "--address", "https://r.example.com", "--ca", authority.certificate, env=environment())
    assert authority.certificate.read_text().strip() in recipe.text
