"""Files that the configuration names are watched: what replaces them is used within seconds, without a signal."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clients.containers import Skopeo
from clients.round_trip import Login
from conftest import StartClient, StartGateway
from harness.gateway import EVERYTHING, PASSWORD, Gateway, password_hash
from harness.images import blob_image
from harness.load import SLOW_CLIENTS, Load
from harness.processes import run, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.tls import Authority, Certificate
from harness.wire import Connection, basic, request

SUCCESSFUL = "berth_config_last_reload_successful"
SECONDS = 20  # a change is used after 1 to 2
PATIENCE = 10  # after which Berth reports files that it cannot use


def lines(gateway: Gateway, message: str) -> list[dict[str, Any]]:
    return [line for line in gateway.log_lines() if line.get("message", "").startswith(message)]


def serial(gateway: Gateway) -> bytes | None:
    """The certificate that a new connection gets."""
    with Connection(gateway.tls) as connection:
        return connection.socket.getpeercert(True)


def der(certificate: Certificate) -> bytes:
    run("openssl", "x509", "-in", certificate.certificate, "-outform", "DER", "-out", f"{certificate.certificate}.der")
    return Path(f"{certificate.certificate}.der").read_bytes()


Replace = Callable[[Certificate], None]


@dataclass
class Place:
    """Where the gateway finds its certificate, and how another one gets there."""

    certificate: Path
    key: Path
    replace: Replace


def renamed(directory: Path) -> Place:
    place = Place(directory / "tls.crt", directory / "tls.key", lambda issued: None)

    def replace(issued: Certificate) -> None:
        for source, target in ((issued.certificate, place.certificate), (issued.key, place.key)):
            shutil.copy(source, f"{target}.new")
            os.replace(f"{target}.new", target)

    place.replace = replace
    return place


def written_in_place(directory: Path) -> Place:
    place = Place(directory / "tls.crt", directory / "tls.key", lambda issued: None)

    def replace(issued: Certificate) -> None:
        for source, target in ((issued.certificate, place.certificate), (issued.key, place.key)):
            with target.open("wb") as file:
                file.write(source.read_bytes())

    place.replace = replace
    return place


def of_certbot(directory: Path) -> Place:
    """live/NAME/*.pem are links to archive/NAME/*N.pem, replaced one after the other."""
    archive, live = directory / "archive" / "registry", directory / "live" / "registry"
    archive.mkdir(parents=True)
    live.mkdir(parents=True)
    place = Place(live / "fullchain.pem", live / "privkey.pem", lambda issued: None)
    number = 0

    def replace(issued: Certificate) -> None:
        nonlocal number
        number += 1
        for source, link, name in ((issued.key, place.key, "privkey"), (issued.certificate, place.certificate, "fullchain")):
            target = archive / f"{name}{number}.pem"
            shutil.copy(source, target)
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(target, live))

    place.replace = replace
    return place


def of_kubernetes(directory: Path) -> Place:
    """A secret's volume: files are links into ..data, a link that the kubelet replaces."""
    place = Place(directory / "tls.crt", directory / "tls.key", lambda issued: None)
    number = 0

    def replace(issued: Certificate) -> None:
        nonlocal number
        number += 1
        version = directory / f"..2026_{number}"
        version.mkdir()
        shutil.copy(issued.certificate, version / "tls.crt")
        shutil.copy(issued.key, version / "tls.key")
        (directory / "..data_tmp").symlink_to(version.name)
        old = os.readlink(directory / "..data") if (directory / "..data").is_symlink() else None
        os.replace(directory / "..data_tmp", directory / "..data")
        if old:
            shutil.rmtree(directory / old)
        for link in (place.certificate, place.key):
            if not link.is_symlink():
                link.symlink_to(f"..data/{link.name}")

    place.replace = replace
    return place


PLACES = {"renamed": renamed, "written in place": written_in_place, "certbot": of_certbot, "Kubernetes": of_kubernetes}


@dataclass
class Renewing:
    """A gateway whose certificate can be replaced."""

    gateway: Gateway
    place: Place
    issue: Callable[[], Certificate]

    def replace(self) -> Certificate:
        issued = self.issue()
        self.place.replace(issued)
        return issued

    def wait_for(self, issued: Certificate) -> None:
        wanted = der(issued)
        wait_until(lambda: serial(self.gateway) == wanted, "the new certificate", SECONDS)


StartRenewing = Callable[..., Renewing]


@pytest.fixture
def start_renewing(authority: Authority, own_directory: Path, own_sandbox: Sandbox, start_gateway: StartGateway) -> StartRenewing:
    def start(place: str = "renamed", is_ready: bool = True, **configuration: Any) -> Renewing:
        directory = own_directory / "tls"
        directory.mkdir()
        number = 0

        def issue() -> Certificate:
            nonlocal number
            number += 1
            return authority.issue(f"{own_directory.name}-{number}", "IP:127.0.0.1", "DNS:localhost")

        where = PLACES[place](directory)
        where.replace(issue())
        tls = {"certificate": str(where.certificate), "private_key": str(where.key)}
        listeners = [{"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0", "tls": tls}]
        gateway = start_gateway(own_sandbox, listeners=listeners, **configuration)
        if is_ready:
            gateway.wait_until_ready()
        return Renewing(gateway, where, issue)

    return start


@pytest.mark.parametrize("place", PLACES)
def test_a_renewed_certificate_is_served_without_a_signal(start_renewing: StartRenewing, own_sandbox: Sandbox, place: str) -> None:
    renewing = start_renewing(place)
    gateway = renewing.gateway
    own_sandbox.create_repositories("team/app")
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.tls, gateway.username, gateway.password) as client:
        client.push_image("team/app", "v1", image)
        # Somebody is editing the configuration, which must not keep the certificate from being renewed.
        gateway.configuration_path.write_text("listeners: [half")
        issued = renewing.replace()
        renewing.wait_for(issued)
        client.pull_image("team/app", "v1", image)  # on a connection from before
    reloads = wait_until(lambda: lines(gateway, "reloaded"), "its line", SECONDS)
    assert [(line["changed"], line["cause"]) for line in reloads] == [(f"certificates: {renewing.place.certificate}", "file")]
    assert gateway.metric(SUCCESSFUL) == 1
    assert not lines(gateway, "not reloaded"), gateway.program.err


def test_docker_and_skopeo_pull_after_a_renewal(
    start_renewing: StartRenewing, own_sandbox: Sandbox, start_client: StartClient, layout: Path
) -> None:
    renewing = start_renewing("Kubernetes")
    gateway = renewing.gateway
    own_sandbox.create_repositories("team/app")
    login = Login(gateway.tls, gateway.username, gateway.password)
    skopeo = start_client("skopeo")
    assert isinstance(skopeo, Skopeo)
    digest = skopeo_push(skopeo, login, layout)
    renewing.wait_for(renewing.replace())
    assert skopeo.pull(login, "team/app:v1") == digest
    docker = start_client("docker")
    docker.log_in(login)
    assert docker.pull(login, "team/app:v1") == digest


def skopeo_push(skopeo: Skopeo, login: Login, layout: Path) -> str:
    skopeo.log_in(login)
    return skopeo.push(login, "team/app:v1", layout)


def test_a_certificate_without_its_key_is_not_used_and_reported_when_that_lasts(start_renewing: StartRenewing) -> None:
    renewing = start_renewing("renamed")
    gateway, place = renewing.gateway, renewing.place
    before = serial(gateway)
    issued = renewing.issue()
    started = time.monotonic()
    shutil.copy(issued.certificate, place.certificate)
    reported = wait_until(lambda: lines(gateway, "not reloaded"), "the report", PATIENCE + SECONDS)
    assert time.monotonic() - started > PATIENCE, "somebody may have been copying the key"
    assert serial(gateway) == before
    assert len(reported) == 1 and "listeners[1].tls.private_key" in reported[0]["problem"] and reported[0]["cause"] == "file"
    assert gateway.metric(SUCCESSFUL) == 0
    time.sleep(3)
    assert len(lines(gateway, "not reloaded")) == 1, "reported once"
    shutil.copy(issued.key, place.key)
    renewing.wait_for(issued)
    wait_until(lambda: gateway.metric(SUCCESSFUL) == 1, "the metric", SECONDS)
    wait_until(lambda: lines(gateway, "the files of the configuration can be used again"), "the log line", SECONDS)
    assert len(lines(gateway, "the files of the configuration can be used again")) == 1


def test_a_reload_that_failed_for_a_file_alone_is_made_good_by_the_file(start_renewing: StartRenewing) -> None:
    renewing = start_renewing("renamed")
    gateway, place = renewing.gateway, renewing.place
    issued = renewing.issue()
    shutil.copy(issued.certificate, place.certificate)
    assert request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status == 422
    assert gateway.metric(SUCCESSFUL) == 0
    shutil.copy(issued.key, place.key)
    renewing.wait_for(issued)
    wait_until(lambda: gateway.metric(SUCCESSFUL) == 1, "the metric", SECONDS)
    # But not while the configuration file itself is wrong.
    gateway.configuration_path.write_text("listeners: [half")
    assert request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status == 422
    renewing.wait_for(renewing.replace())
    assert gateway.metric(SUCCESSFUL) == 0


def test_a_pair_that_is_copied_slowly_is_used_when_it_is_whole(start_renewing: StartRenewing) -> None:
    renewing = start_renewing("renamed")
    gateway, place = renewing.gateway, renewing.place
    issued = renewing.issue()
    shutil.copy(issued.key, place.key)
    time.sleep(3)
    shutil.copy(issued.certificate, place.certificate)
    renewing.wait_for(issued)
    assert not lines(gateway, "not reloaded")


def test_what_a_removed_file_held_stays_in_use(start_renewing: StartRenewing) -> None:
    renewing = start_renewing("renamed")
    gateway, place = renewing.gateway, renewing.place
    before = serial(gateway)
    aside = place.key.with_suffix(".aside")
    place.key.rename(aside)
    gone = wait_until(lambda: lines(gateway, "a file of the configuration is gone"), "the line", SECONDS)
    assert gone[0]["file"] == str(place.key)
    time.sleep(3)
    assert serial(gateway) == before
    aside.rename(place.key)
    wait_until(lambda: lines(gateway, "a file of the configuration is back"), "the line", SECONDS)
    time.sleep(3)
    assert len(lines(gateway, "a file of the configuration is gone")) == 1 and not lines(gateway, "not reloaded")
    renewing.wait_for(renewing.replace())


def test_users_passwords_and_authorities_are_watched_too(
    start_renewing: StartRenewing, own_directory: Path, own_sandbox: Sandbox, authority: Authority
) -> None:
    password, users, trust = (own_directory / name for name in ("password", "htpasswd", "trust.pem"))
    password.write_text("first password\n")
    users.write_text("")
    trust.write_bytes(authority.certificate.read_bytes())  # not the sandbox's
    gateway = start_renewing(
        is_ready=False,
        users=[{"name": "ci", "password_file": str(password), "access": EVERYTHING}],
        users_file=str(users),
        access_default=EVERYTHING,
        ca_file=str(trust),
    ).gateway

    def logs_in(name: str, word: str) -> bool:
        return request(gateway.plain, "GET", "/v2/", authorization=basic(name, word)).status == 200

    assert logs_in("ci", "first password") and not logs_in("other", PASSWORD)
    password.write_text("second password\n")
    wait_until(lambda: logs_in("ci", "second password"), "the new password", SECONDS)
    assert not logs_in("ci", "first password")
    users.write_text(f"other:{password_hash(PASSWORD)}\n")
    wait_until(lambda: logs_in("other", PASSWORD), "the new user", SECONDS)

    assert gateway.ready().status == 503, "the sandbox's authority is not trusted yet"
    trust.write_bytes(authority.certificate.read_bytes() + own_sandbox.ca.read_bytes())
    wait_until(lambda: gateway.ready().status == 200, "a token", SECONDS + 60)
    own_sandbox.create_repositories("team/app")
    with RegistryClient(gateway.plain, "ci", "second password") as client:
        image = blob_image(os.urandom(1000))
        client.push_image("team/app", "v1", image)
        client.pull_image("team/app", "v1", image)
    assert [line["changed"] for line in lines(gateway, "reloaded")] == ["users: ci changed", "users: other added", "ca_file"]


def test_another_ca_file_keeps_the_token(start_renewing: StartRenewing, own_sandbox: Sandbox, own_directory: Path, authority: Authority) -> None:
    trust = own_directory / "trust.pem"
    trust.write_bytes(own_sandbox.ca.read_bytes())
    gateway = start_renewing(ca_file=str(trust)).gateway
    own_sandbox.create_repositories("team/app")
    image = blob_image(os.urandom(1000))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image("team/app", "v1", image)
    own_sandbox.add_fault(where="api", match={}, kind="stall", seconds=60, times=-1)
    trust.write_bytes(own_sandbox.ca.read_bytes() + authority.certificate.read_bytes())
    wait_until(lambda: lines(gateway, "reloaded"), "the reload", SECONDS)
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.pull_image("team/app", "v1", image)
    assert gateway.ready().status == 200
    own_sandbox.clear_faults()


HELD_PULLS, HELD_PUSHES, CLIENTS = 200, 20, 8


def test_nothing_fails_over_20_reloads_and_5_renewals(start_renewing: StartRenewing, own_sandbox: Sandbox) -> None:
    renewing = start_renewing("Kubernetes", limits={"connections_per_client": 5000}, timeouts=SLOW_CLIENTS)
    gateway = renewing.gateway
    own_sandbox.create_repositories("load/app")
    load = Load([gateway.plain, gateway.tls], gateway.username, gateway.password, "load/app")
    load.start(CLIENTS)
    load.hold(HELD_PULLS, HELD_PUSHES)
    base = gateway.configuration
    for number in range(20):
        change_something(gateway, base, number)
        before = len(lines(gateway, "reloaded"))
        if number % 2:
            gateway.program.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(lines(gateway, "reloaded")) > before, "the reload", 30)
        else:
            response = request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"})
            assert response.status == 200, response
        if number % 4 == 3:
            renewing.wait_for(renewing.replace())
        assert not load.failures, (number, load.failures[:5])
    assert load.in_flight["pull"] == HELD_PULLS and load.in_flight["push"] == HELD_PUSHES, load.in_flight
    load.release()
    assert not load.failures, load.failures[:5]
    assert load.done["held pull"] == HELD_PULLS and load.done["held push"] == HELD_PUSHES
    assert load.done["pull"] > 100 and load.done["push"] > 20, load.done
    wait_until(lambda: [line["cause"] for line in lines(gateway, "reloaded")].count("file") == 5, "a line for each renewal", SECONDS)


def change_something(gateway: Gateway, base: dict[str, Any], number: int) -> None:
    """Another configuration each time, whose first two listeners and first user are the same."""
    change: dict[str, Any] = {}
    if number % 2 == 0:
        change["listeners"] = [*base["listeners"], {"address": "127.0.0.1:0"}, {"address": "127.0.0.2:0"}]
    if number % 3 == 0:
        change["users"] = [*base["users"], {"name": f"user-{number}", "password_hash": password_hash("x"), "access": EVERYTHING}]
    if number % 5 == 0:
        change["log"] = {"level": "debug", "format": "json"}
    change["limits"] = base["limits"] | {"failed_logins_per_minute": 10 + number}
    gateway.write(base | change)
