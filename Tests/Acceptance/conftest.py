"""Fixtures: the program under test, the upstreams behind it, the clients in front of it. Each has a directory that is removed with it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clients.containerd import Containerd
from clients.containers import Buildah, Podman, Skopeo
from clients.docker import Docker
from clients.libraries import DockerLibrary, Oras
from clients.round_trip import Client
from harness.debian import Debian
from harness.gateway import PASSWORD, Gateway, user
from harness.images import Image, blob_image, runnable_image, write_layout
from harness.moto_registry import MotoRegistry
from harness.processes import require
from harness.registry import RegistryClient
from harness.release import Release, make_release
from harness.sandbox import Sandbox
from harness.tls import Authority, Certificate
from matrix import FAILED, OK, SKIPPED, Matrix

Upstream = Sandbox | MotoRegistry


REPOSITORY = "team/app"  # allowed by the rules of `strict_gateway`; `secret/app` is not

# The order of modules, when several processes share them (xdist gives a process whole modules): those that take longest come first, so that all end at
# about the same time. The rest follow by name.
LONG_MODULES = (
    "large_blob", "matrix", "client_faults", "package", "failover", "take_over", "recipes", "sources", "renewal", "page", "token", "release", "names",
    "usage", "network", "fault_matrix", "openapi", "clients", "uploads", "shield", "logins", "hostile",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {f"test_{name}": number for number, name in enumerate(LONG_MODULES)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


# What tests report besides their outcome. With several processes, tests run in others than the one that prints the end, so it goes with reports.

FIGURE, FAULTS = "figure", "faults"
_reported: list[tuple[str, str]] = []


def report_line(line: str) -> None:
    """A figure that a test found, for the end of the run."""
    _reported.append((FIGURE, line))


def report_faults(table: str) -> None:
    """The table of faults and operations, for the end of the run."""
    _reported.append((FAULTS, table))


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Adds what the test reported. Counts a strictly expected failure as passed, because the check held. pytest would count it as skipped."""
    report: pytest.TestReport = (yield).get_result()
    report.user_properties.extend(_reported)
    _reported.clear()
    if report.when == "call" and report.skipped and hasattr(report, "wasxfail"):
        report.outcome = "passed"
        del report.wasxfail


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Records the result of each cell of the matrix."""
    if "test_matrix.py::" in report.nodeid and (report.when == "call" or not report.passed):
        from test_matrix import CELLS, OPERATIONS, UPSTREAMS

        global matrix
        matrix = matrix or Matrix(UPSTREAMS, OPERATIONS, CLIENTS | LIBRARIES)
        cell = next(cell for cell in CELLS if report.nodeid.endswith(f"[{'-'.join(cell)}]"))
        matrix.note(*cell, {"passed": OK, "failed": FAILED, "skipped": SKIPPED}[report.outcome])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the matrix, what tests reported, and how many cases of the hostile suite passed, by class."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    reported = [each for report in reports for each in report.user_properties]
    for line in sorted(text for kind, text in reported if kind == FIGURE):
        terminalreporter.write_line(line)
    passed = Counter(found[1] for report in terminalreporter.getreports("passed") if (found := HOSTILE_CASE.search(report.nodeid)))
    if passed:
        terminalreporter.write_line(f"hostile: {passed.total()} cases passed: {', '.join(f'{name} {count}' for name, count in passed.items())}")
    tables = [(str(matrix), "BERTH_TEST_MATRIX")] if matrix else []
    tables += [(text, "BERTH_TEST_FAULTS") for kind, text in reported if kind == FAULTS]
    for table, variable in tables:
        terminalreporter.write_line(f"\n{table}\n")
        if path := os.environ.get(variable):
            Path(path).write_text(f"{table}\n")


matrix: Matrix | None = None
HOSTILE_CASE = re.compile(r"test_hostile\[([a-z -]+): ")


@pytest.fixture(scope="session")
def berth() -> Path:
    """The release build, from $BERTH, which Tests/run sets."""
    path = os.environ.get("BERTH")
    if not path or not Path(path).exists():
        pytest.exit("BERTH must name the program to test: use Tests/run acceptance", returncode=2)
    return Path(path)


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """The directory of this run. Its path is short, because a socket's path has at most 108 bytes."""
    # Not mkdtemp: podman and buildah derive an image's name from a path in it, and no part of that may end in an underscore.
    path = Path(tempfile.gettempdir(), f"berth-{secrets.token_hex(4)}")
    path.mkdir(mode=0o700)
    yield path
    if os.environ.get("BERTH_TEST_KEEP"):
        print(f"kept: {path}")
    else:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def own_directory(directory: Path) -> Iterator[Path]:
    """The directory of one test."""
    path = directory / secrets.token_hex(4)
    path.mkdir()
    yield path
    if not os.environ.get("BERTH_TEST_KEEP"):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def authority(directory: Path) -> Authority:
    return Authority(directory)


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Certificate:
    """For the TLS listeners of gateways."""
    return authority.issue("berth", "IP:127.0.0.1", "DNS:localhost")


# Upstreams, each with a gateway, for tests that leave them unchanged.


@pytest.fixture(scope="session")
def sandbox(berth: Path, directory: Path) -> Iterator[Sandbox]:
    running = Sandbox(berth, directory / "sandbox")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def direct_sandbox(berth: Path, directory: Path) -> Iterator[Sandbox]:
    """For clients that use it without Berth. They cannot resolve the name of S3, so the registry serves the blobs itself."""
    running = Sandbox(berth, directory / "direct-sandbox")
    running.switch(blob_redirect=False)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def moto_registry(directory: Path, authority: Authority) -> Iterator[MotoRegistry]:
    require("docker-registry", "htpasswd")
    running = MotoRegistry(directory / "moto", authority)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def gateway(berth: Path, directory: Path, sandbox: Sandbox, authority: Authority, certificate: Certificate) -> Iterator[Gateway]:
    running = Gateway(berth, directory / "gateway", sandbox.upstream, sandbox.environment, certificate, authority.certificate)
    running.wait_until_ready()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def moto_gateway(
    berth: Path, directory: Path, moto_registry: MotoRegistry, authority: Authority, certificate: Certificate
) -> Iterator[Gateway]:
    # The token's `expiresAt` is in 2015, so this gateway may report that it is not ready. It must serve nevertheless.
    upstream = moto_registry.upstream
    running = Gateway(berth, directory / "moto-gateway", upstream, moto_registry.environment, certificate, authority.certificate)
    yield running
    assert running.stop() == 0


# Shared by the tests of bad requests: a gateway with narrow rules, and the proof that a good request still works.


@pytest.fixture(scope="session")
def stored(sandbox: Sandbox, gateway: Gateway) -> Image:
    """An image in REPOSITORY, read before and after every bad request."""
    sandbox.create_repositories(REPOSITORY, "secret/app")
    stored = blob_image(os.urandom(8000))
    with RegistryClient(gateway.plain, gateway.username, gateway.password) as client:
        client.push_image(REPOSITORY, "v1", stored)
    return stored


@pytest.fixture(scope="session")
def strict_gateway(
    berth: Path, directory: Path, sandbox: Sandbox, authority: Authority, certificate: Certificate
) -> Iterator[Gateway]:
    """A gateway whose users have narrow rules, and which allows many failed logins."""
    configuration = sandbox.upstream | {
        "users": [user("ci", "team/**"), user("reader", "team/**", actions=("pull",))],
        "limits": {"failed_logins_per_minute": 1000},
    }
    running = Gateway(berth, directory / "strict", configuration, sandbox.environment, certificate, authority.certificate)
    running.wait_until_ready()
    yield running
    assert running.stop() == 0


@pytest.fixture
def nothing_else_is_harmed(strict_gateway: Gateway, stored: Image) -> Iterator[None]:
    """Checks that a connection opened before the bad request, and a new one, still work after it."""
    with RegistryClient(strict_gateway.plain, "ci", PASSWORD) as neighbour:
        neighbour.pull_manifest(REPOSITORY, "v1")
        yield
        neighbour.pull_image(REPOSITORY, "v1", stored)
    with RegistryClient(strict_gateway.tls, "ci", PASSWORD) as newcomer:
        newcomer.pull_image(REPOSITORY, "v1", stored)


# The same for tests that break or reconfigure what they use.


@pytest.fixture
def own_sandbox(berth: Path, own_directory: Path) -> Iterator[Sandbox]:
    running = Sandbox(berth, own_directory / "sandbox")
    yield running
    running.stop()


@pytest.fixture
def replica(berth: Path, own_directory: Path, own_sandbox: Sandbox) -> Iterator[Sandbox]:
    """Of `own_sandbox`, in another region of the same account."""
    options = ("--same-account-as", str(own_sandbox.directory / "data"), "--region", "eu-central-1")
    running = Sandbox(berth, own_directory / "replica", *options)
    yield running
    running.stop()


StartGateway = Callable[..., Gateway]


@pytest.fixture
def start_gateway(berth: Path, own_directory: Path, authority: Authority, certificate: Certificate) -> Iterator[StartGateway]:
    """Starts a gateway in front of an upstream: start_gateway(upstream, users=[…], limits={…}, environment={…}). `program` wraps Berth."""
    started: list[Gateway] = []

    def start(
        upstream: Upstream,
        environment: dict[str, str] | None = None,
        program: Path | None = None,
        options: Sequence[str] = (),
        **configuration: Any,
    ) -> Gateway:
        running = Gateway(
            program or berth,
            own_directory / f"gateway-{len(started)}",
            upstream.upstream | configuration,
            upstream.environment | (environment or {}),
            certificate,
            authority.certificate,
            options=options,
        )
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


# Clients.


CLIENTS: dict[str, type[Client]] = {"docker": Docker, "ctr": Containerd, "skopeo": Skopeo, "podman": Podman, "buildah": Buildah}
LIBRARIES: dict[str, type[Client]] = {"docker (PyPI)": DockerLibrary, "oras (PyPI)": Oras}


@pytest.fixture(scope="session")
def running_clients(directory: Path) -> Iterator[dict[str, Client]]:
    """The clients started so far."""
    running: dict[str, Client] = {}
    yield running
    for each in reversed(running.values()):
        each.stop()


StartClient = Callable[[str], Client]


@pytest.fixture(scope="session")
def start_client(directory: Path, running_clients: dict[str, Client]) -> StartClient:
    """The client with a given name, shared by all tests."""

    def start(name: str) -> Client:
        if name not in running_clients:
            path = directory / f"client-{len(running_clients)}"  # short, because it contains sockets
            path.mkdir()
            if name in CLIENTS:
                running_clients[name] = CLIENTS[name](path)
            else:
                running_clients[name] = DockerLibrary(start("docker")) if LIBRARIES[name] is DockerLibrary else Oras(path)
        return running_clients[name]

    return start


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, start_client: StartClient) -> Client:
    return start_client(request.param)


@pytest.fixture
def docker(start_client: StartClient) -> Docker:
    return start_client("docker")


@pytest.fixture(scope="session")
def release(berth: Path, directory: Path) -> Release:
    return make_release(berth, directory / "release")


@pytest.fixture(scope="session")
def minimal_debian(directory: Path) -> Debian:
    """Made once; tests copy it."""
    return Debian.bootstrap(directory / "debian")


@pytest.fixture(scope="session")
def image() -> Image:
    return runnable_image()


@pytest.fixture(scope="session")
def layout(image: Image, directory: Path) -> Path:
    return write_layout(image, directory / "layout")
