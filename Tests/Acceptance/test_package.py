"""The Debian package in a minimal Debian: installed, started by its systemd under the unit's restrictions, upgraded while it serves, purged."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.address import Address
from harness.debian import BootedDebian, Debian, booted
from harness.gateway import EVERYTHING, PASSWORD, password_hash
from harness.images import blob_image
from harness.processes import only_group, run, wait_until
from harness.registry import RegistryClient
from harness.release import Release
from harness.sandbox import Sandbox
from harness.wire import request

MAX_EXPOSURE = 2.0  # of `systemd-analyze security`, whose scale ends at 10
CAP_NET_BIND_SERVICE = 1 << 10
SECCOMP_FILTER = "2"
ACCOUNTS = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow")
UNIT = "berth.service"
PACKAGE = "/root/berth.deb"

@pytest.fixture(scope="module")
def debian(minimal_debian: Debian, release: Release, directory: Path) -> Debian:
    """With systemd and with what the package depends on, and nothing else."""
    root = minimal_debian.copy(directory / "machine")
    depends = [entry.split()[0] for entry in release.field("Depends").split(", ")]
    root.install("systemd", "systemd-sysv", "dbus", *depends)
    shutil.copy(release.package, root.root / PACKAGE.lstrip("/"))
    return root


@pytest.fixture(scope="module")
def machine(debian: Debian, directory: Path) -> Iterator[BootedDebian]:
    with booted(debian, directory) as machine:
        yield machine


@dataclass
class Installation:
    machine: BootedDebian
    output: str
    files_before: dict[str, str]
    accounts_before: list[str]


def accounts(debian: Debian) -> list[str]:
    return [(debian.root / path).read_text() for path in ACCOUNTS]


@pytest.fixture(scope="module")
def installation(machine: BootedDebian) -> Installation:
    before = (machine.files(), accounts(machine))
    return Installation(machine, machine.call("dpkg", "--install", PACKAGE), *before)


@dataclass
class Service:
    """The running unit, in front of the emulator outside of the machine."""

    machine: BootedDebian
    sandbox: Sandbox
    addresses: dict[str, Address] = field(default_factory=dict)

    def start(self) -> None:
        root = self.machine.root
        shutil.copy(self.sandbox.ca, root / "etc/berth/ca.pem")
        user = {"name": "ci", "password_hash": password_hash(PASSWORD), "access": EVERYTHING}
        configuration = self.sandbox.upstream | {
            "listeners": [{"address": "127.0.0.1:0"}],
            "admin": {"address": "127.0.0.1:0"},
            "upstreams": [{"name": "main", "registry": self.sandbox.registry_host, "create_repositories": {"match": ["**"]}}],
            "users": [user],
            "ca_file": "/etc/berth/ca.pem",
            "workers": 2,
        }
        # Like an editor that writes in place: the mode and group of the package stay.
        (root / "etc/berth/berth.yaml").write_text(json.dumps(configuration, indent=2))
        # The variable reaches Berth by the unit's EnvironmentFile; the profile is in the home of the service's user; its command runs under
        # the unit's restrictions.
        (root / "etc/berth/environment").write_text("AWS_PROFILE=site\n")
        facts = self.sandbox.facts
        keys = {"Version": 1, "AccessKeyId": facts["access_key_id"], "SecretAccessKey": facts["secret_access_key"]}
        script = f"#!/bin/sh\nset -e\nls / >/dev/null\ndate >/dev/null\nsort </dev/null\ncat <<'END'\n{json.dumps(keys)}\nEND\n"
        self.machine.write("usr/local/bin/keys", script, 0o755)
        (root / "var/lib/berth/.aws").mkdir()
        self.machine.write("var/lib/berth/.aws/config", "[profile site]\ncredential_process = /usr/local/bin/keys\n")
        # A system call that the unit does not allow ends the process here, instead of failing: what passes needs no other.
        (root / "etc/systemd/system/berth.service.d").mkdir()
        self.machine.write("etc/systemd/system/berth.service.d/strict.conf", "[Service]\nSystemCallErrorNumber=\n")
        self.machine.call("systemctl", "daemon-reload")
        self.machine.call("systemctl", "enable", "--now", UNIT)
        wait_until(self._find_addresses, "the addresses in the journal")
        wait_until(lambda: request(self.addresses["admin"], "GET", "/readyz").status == 200, "readyz")

    def _find_addresses(self) -> bool:
        lines = [json.loads(line) for line in self.machine.journal(UNIT).splitlines() if line.startswith("{")]
        self.addresses = {line["listener"]: Address.parse(line["address"]) for line in lines if line.get("message") == "listening"}
        return len(self.addresses) == 2

    def client(self) -> RegistryClient:
        return RegistryClient(self.addresses["registry"], "ci", PASSWORD)

    def main_process(self) -> str:
        return self.machine.property(UNIT, "MainPID")


@pytest.fixture(scope="module")
def service(installation: Installation, sandbox: Sandbox) -> Service:
    service = Service(installation.machine, sandbox)
    service.start()
    return service


def test_the_package_installs_and_purges_where_no_service_manager_runs(debian: Debian) -> None:
    before = (debian.files(), accounts(debian))
    debian.call("dpkg", "--install", PACKAGE)
    assert "berth:" in (debian.root / "etc/passwd").read_text()
    debian.call("dpkg", "--purge", "berth")
    compare(before[0], debian.files())
    assert accounts(debian) == before[1]


def test_an_installation_starts_nothing_and_says_what_to_do_next(installation: Installation, release: Release) -> None:
    machine = installation.machine
    advice = re.findall(r"^berth: .*", installation.output, re.M)
    assert len(advice) == 2 and "/etc/berth/berth.yaml" in advice[0] and "systemctl enable --now berth" in advice[1], installation.output
    assert machine.attempt("systemctl", "is-enabled", UNIT).stdout.strip() == "disabled"
    assert machine.attempt("systemctl", "is-active", UNIT).stdout.strip() == "inactive"
    assert machine.call("berth", "--version").strip() == release.version
    assert machine.call("stat", "--format=%a %U:%G", "/etc/berth/berth.yaml").strip() == "640 root:berth"
    assert machine.call("stat", "--format=%a %U:%G", "/etc/berth/environment").strip() == "600 root:root"
    _, _, uid, _, _, home, shell = machine.call("getent", "passwd", "berth").strip().split(":")
    assert 100 <= int(uid) < 1000 and home == "/var/lib/berth" and shell == "/usr/sbin/nologin"


def test_systemd_finds_no_fault_in_the_unit(installation: Installation) -> None:
    machine = installation.machine
    # Without --man, it would look for the program `man`.
    done = machine.attempt("systemd-analyze", "verify", "--man=no", UNIT)
    assert done.returncode == 0 and done.stdout + done.stderr == "", done
    report = machine.call("systemd-analyze", "security", "--no-pager", UNIT)
    assert float(only_group(r"Overall exposure level for berth\.service: ([0-9.]+)", report)) < MAX_EXPOSURE, report


def test_the_service_serves_under_its_restrictions(service: Service, release: Release) -> None:
    """Pull and push, health, a reload, and credentials from a command: all that needs a system call that the unit might forbid."""
    machine = service.machine
    image = blob_image(b"x" * 3_000_000, b"small")
    with service.client() as client:
        client.push_image("packaged/app", "v1", image)
        client.pull_image("packaged/app", "v1", image)
    # As /etc/berth/environment advises.
    machine.call(*shlex.split(only_group(r"(?m)^# sudo (systemd-run .*)$", environment_example(release))))
    machine.call("systemctl", "reload", UNIT)
    wait_until(lambda: '"message":"reloaded"' in machine.journal(UNIT), "the reload")
    status = machine.process_status(UNIT)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == SECCOMP_FILTER, status
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == CAP_NET_BIND_SERVICE, status
    assert status["Uid"].split()[0] == machine.call("id", "--user", "berth").strip()


def test_the_service_can_write_only_to_its_runtime_directory(service: Service) -> None:
    mounts = ["nsenter", "--target", service.main_process(), "--mount", "--root", "--wd", "--"]
    for path in ("/etc/berth/new", "/var/lib/berth/new", "/usr/bin/new", "/var/cache/new", "/root/new", "/home/new"):
        done = service.machine.attempt(*mounts, "touch", path)
        assert done.returncode != 0 and "Read-only file system" in done.stderr, (path, done)
    service.machine.call(*mounts, "touch", "/run/berth/new")
    service.machine.call(*mounts, "rm", "/run/berth/new")
    assert service.machine.call("stat", "--format=%a %U:%G", "/run/berth").strip() == "700 berth:berth"


def test_the_health_command_needs_no_rights(service: Service) -> None:
    """Port 0 is not known to it, so this asks a copy of the configuration that names the port."""
    root = service.machine.root
    configuration = json.loads((root / "etc/berth/berth.yaml").read_text())
    configuration["admin"]["address"] = service.addresses["admin"].authority
    service.machine.write("etc/berth/health.yaml", json.dumps(configuration))
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    service.machine.call(*nobody, "berth", "health", "--config", "/etc/berth/health.yaml")


def environment_example(release: Release) -> str:
    """The file as the package has it."""
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", release.package], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        found = files.extractfile("./etc/berth/environment")
        assert found
        return found.read().decode()


class Load:
    """New connections one after another, each with a pull of a manifest."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.served = 0
        self.failures: list[str] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _run(self) -> None:
        while not self.ended.is_set():
            try:
                with self.service.client() as client:
                    client.pull_manifest("packaged/app", "v1")
                self.served += 1
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))


def test_an_upgrade_refuses_no_connection(service: Service, release: Release, own_directory: Path) -> None:
    machine = service.machine
    with service.client() as client:
        client.push_image("packaged/app", "v1", blob_image(b"upgrade"))
    newer = own_directory / "newer"
    run("dpkg-deb", "--raw-extract", release.package, newer)
    control = newer / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {release.version}\n", f"Version: {release.version}+next\n"))
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", newer, machine.root / "root/newer.deb")
    configuration = (machine.root / "etc/berth/berth.yaml").read_text()
    old = service.main_process()
    with Load(service) as load:
        wait_until(lambda: load.served > 10, "requests before the upgrade")
        output = machine.call("dpkg", "--install", "/root/newer.deb")
        wait_until(lambda: service.main_process() not in (old, "0"), "a new main process")
        after = load.served
        wait_until(lambda: load.served > after + 10, "requests after the upgrade")
    assert load.failures == []
    assert not re.search(r"^berth: ", output, re.M), output
    assert machine.attempt("systemctl", "is-active", UNIT).stdout.strip() == "active"
    assert (machine.root / "etc/berth/berth.yaml").read_text() == configuration
    assert machine.call("stat", "--format=%a %U:%G", "/etc/berth/berth.yaml").strip() == "640 root:berth"
    wait_until(lambda: not machine.attempt("test", "-e", f"/proc/{old}").returncode == 0, "the end of the old process")


def test_a_removal_stops_the_service_and_a_purge_leaves_nothing(installation: Installation) -> None:
    machine = installation.machine
    machine.call("systemctl", "enable", "--now", UNIT)
    machine.call("dpkg", "--remove", "berth")
    assert machine.attempt("systemctl", "is-active", UNIT).stdout.strip() != "active"
    assert (machine.root / "etc/berth/berth.yaml").exists() and not (machine.root / "usr/bin/berth").exists()
    machine.call("dpkg", "--purge", "berth")
    for path in ("usr/local/bin/keys", "root/newer.deb"):
        (machine.root / path).unlink(missing_ok=True)  # the tests'
    compare(installation.files_before, machine.files())
    assert accounts(machine) == installation.accounts_before
    assert machine.attempt("id", "berth").returncode != 0


def compare(before: dict[str, str], after: dict[str, str]) -> None:
    changed = {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {}
