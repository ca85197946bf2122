"""The cache for a long time: clients of every kind, a registry that fails and changes, reloads, a take-over. All bytes are right, and nothing grows.

BERTH_TEST_SOAK_SECONDS is how long (15). From 1200 on, a leak of one descriptor or of 4 KiB in 100 requests is found, wherever it is; a short run finds what
remains when all is at rest: descriptors, files, and an index that is not what the disk has."""

from __future__ import annotations

import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway, report_line
from harness.cache import check_contents, contents, settings, status, wait_until_on
from harness.gateway import EVERYTHING, PASSWORD, Gateway, user
from harness.images import MIB, Image, blob_image
from harness.processes import wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.soak import Clients, Place, Version, Weather
from harness.succession import runtime
from harness.vitals import Growth, Sample, growth, on_disk, sample, with_leak
from harness.wire import request

SECONDS = float(os.environ.get("BERTH_TEST_SOAK_SECONDS", "15"))
IS_LONG = SECONDS >= 1200
REPOSITORIES = ("team/a", "team/b", "team/c", "other/d")
PLACES = 48
SIZES = (48, 32)  # of the cache, in MiB; the images have about 100
STALE = ("1h", "30m")
LARGEST, LARGEST_MOVED = 4 * MIB, MIB
CLIENTS, PAUSE = 16, 0.1
SAMPLE_SECONDS = 0.5
OVER = 1.05  # of the size, at each sample
BLOCK = 4096
OWN_FILES = 1  # open ones of the cache besides contents: the log of tags
# What is lost in 100 requests and must be found, and what may come and go: in half an hour there are 70,000 requests from the middle of one third to the
# middle of the next.
LEAK = {"descriptors": 1.0, "files": 1.0, "sockets": 1.0, "resident": 4096.0, "own": 4096.0}
BOUNDS = {"descriptors": 16.0, "files": 16.0, "sockets": 16.0, "resident": 1.25 * MIB, "own": 1.25 * MIB, "threads": 2.0}
SHORT = 6  # times as much may come and go in a short run


# The images.


def some_image(chance: random.Random, blobs: int, largest: int) -> Image:
    return blob_image(*(chance.randbytes(int(1024 * (largest / 1024) ** chance.random())) for _ in range(blobs)))


def stored_places(sandbox: Sandbox, registry: Callable[[], RegistryClient]) -> list[Place]:
    """In half of them the image stays, and is in two repositories."""
    chance = random.Random(7)
    sandbox.create_repositories(*REPOSITORIES)
    places = []
    with registry() as client:
        for number in range(PLACES):
            first = chance.randrange(len(REPOSITORIES))
            second = (first + 1) % len(REPOSITORIES)
            image = some_image(chance, 4, LARGEST)
            repositories = [REPOSITORIES[first]] + ([REPOSITORIES[second]] if number % 2 else [])
            for repository in repositories:
                client.push_image(repository, f"t{number}", image)
            places.append(Place(tuple(repositories), f"t{number}", [Version(image, 0)]))
    return places


# What disturbs them.


class Disturbances:
    """One after another, in a thread."""

    def __init__(self, sandbox: Sandbox, places: list[Place], weather: Weather, watch: Watch, registry: Callable[[], RegistryClient]) -> None:
        self.sandbox, self.places, self.weather, self.watch, self.registry = sandbox, places, weather, watch, registry
        self.ecr = sandbox.ecr()
        self.chance = random.Random(3)
        self.turn = self.reloads = 0
        self.done: dict[str, int] = {}
        rare = 1.0 if IS_LONG else 0.06
        self.periods = {self.break_one: 1.0, self.move: 3.0, self.reload: max(20 * rare, 2), self.empty: 120 * rare, self.go_away: 180 * rare}
        self.due = {action: time.monotonic() + period for action, period in self.periods.items()}

    @property
    def gateway(self) -> Gateway:
        return self.watch.gateway

    def step(self) -> None:
        action = min(self.due, key=lambda each: self.due[each])
        if self.due[action] <= time.monotonic():
            self.due[action] = time.monotonic() + self.periods[action] * self.chance.uniform(0.7, 1.3)
            action()
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1

    def break_one(self) -> None:
        """One request of Berth's meets it; no client may notice, but when bytes are changed."""
        where = self.chance.choice(("s3", "s3", "registry"))
        faults: list[dict[str, Any]] = [
            {"kind": "reset"},
            {"kind": "status", "status": self.chance.choice((500, 503, 429))},
            {"kind": "truncate", "after_bytes": self.chance.choice((0, 20_000, 500_000))},
            {"kind": "reset", "after_bytes": self.chance.choice((1, 100_000, MIB))},
            {"kind": "stall", "after_bytes": 100_000, "seconds": 1},
            {"kind": "corrupt", "after_bytes": self.chance.choice((0, 10_000, 400_000))},
        ]
        fault = self.chance.choice(faults if where == "s3" else faults[:2])
        if fault["kind"] == "corrupt":
            self.weather.corruptions.append(time.monotonic())
        self.sandbox.add_fault(where=where, match={"method": "GET"}, times=1, **fault)

    def move(self) -> None:
        """Another image at a tag, and the one before is deleted: through Berth, or past it."""
        self.turn += 1
        place = self.places[2 * self.chance.randrange(PLACES // 2)]
        repository, former = place.repositories[0], place.current
        image = some_image(self.chance, 2, LARGEST_MOVED)
        place.versions = [*place.versions[-5:], Version(image, time.monotonic())]
        former.until = math.inf
        through = self.turn % 2 == 0
        with RegistryClient(self.gateway.plain, "ci", PASSWORD) if through else self.registry() as client:
            client.push_image(repository, place.tag, image)
            former.until = time.monotonic()
            if through:
                client.expect((202,), "DELETE", f"/v2/{repository}/manifests/{former.image.digest}")
        if not through:
            self.ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": former.image.digest}])

    def reload(self) -> None:
        """With another size and validity, and back."""
        self.reloads += 1
        size, stale = SIZES[self.reloads % 2], STALE[self.reloads % 2]
        directory = self.watch.directory
        self.watch.limit = max(self.watch.limit, size * MIB)
        self.gateway.write(self.gateway.configuration | {"cache": settings(directory, f"{size}MiB", stale)})
        self.gateway.program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: status(self.gateway)["size"] == size * MIB, "the new size", 10)
        wait_until(lambda: on_disk(directory)[0] <= OVER * size * MIB, "less on the disk", 10)
        self.watch.limit = size * MIB

    def empty(self) -> None:
        assert request(self.gateway.admin, "DELETE", "/api/v1/cache").status == 200

    def go_away(self) -> None:
        """Neither the registry nor the storage answers."""
        self.sandbox.clear_faults()
        self.weather.away_since = time.monotonic()
        for where in ("registry", "s3"):
            self.sandbox.add_fault(where=where, kind="reset", times=-1)
        time.sleep(3)
        self.sandbox.clear_faults()
        wait_until(lambda: self.gateway.ready().status == 200, "readyz after an outage", 60)
        self.weather.away_until, self.weather.away_since = time.monotonic() + 2, None


# What is watched.


class Watch:
    """Samples, in a thread."""

    def __init__(self, gateway: Gateway, directory: Path, clients: Clients) -> None:
        self.gateway, self.directory, self.clients = gateway, directory, clients
        self.limit = SIZES[0] * MIB
        self.samples: list[Sample] = []
        self.over: list[str] = []
        self.most_of_limit = 0.0

    def take(self) -> Sample:
        # A sample that begins before the limit becomes smaller may be above it.
        before = self.limit
        taken = sample(self.gateway, self.directory, self.clients.requests)
        limit = max(before, self.limit)
        self.most_of_limit = max(self.most_of_limit, taken.disk / limit)
        if taken.disk > OVER * limit:
            # Until what went is removed, for some milliseconds, it is there beside what came in its place.
            time.sleep(0.1)
        if taken.disk > OVER * limit and on_disk(self.directory)[0] > OVER * max(limit, self.limit):
            self.over.append(f"{taken.disk} of {limit} bytes at {taken.time:.1f}")
        self.samples.append(taken)
        return taken


def repeated(over: threading.Event, errors: list[BaseException], step: Callable[[], object], seconds: float) -> threading.Thread:
    def run() -> None:
        while not over.wait(seconds):
            try:
                step()
            except BaseException as error:
                errors.append(error)
                return

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@dataclass
class Soak:
    clients: Clients
    watch: Watch
    disturbances: Disturbances

    def run(self, seconds: float, during: Callable[[], None] | None = None) -> None:
        """All of it for so long; then the clients stop. `during`: in place of disturbances."""
        over, errors = threading.Event(), list[BaseException]()
        threads = [repeated(over, errors, self.watch.take, SAMPLE_SECONDS)] if not during else []
        with self.clients.running():
            if during:
                during()
            else:
                threads.append(repeated(over, errors, self.disturbances.step, 0.1))
            end = time.monotonic() + seconds
            while time.monotonic() < end and not errors and len(self.clients.failures) < 10:
                time.sleep(0.1)
            over.set()
            for thread in threads:
                thread.join()
        self.disturbances.sandbox.clear_faults()
        if errors:
            raise errors[0]

    def check_clients(self) -> None:
        failures = "\n".join(self.clients.failures)
        assert not failures, f"{self.clients.done}\n{failures}"

    def rest(self) -> Sample:
        """Nobody asks for anything: what is there is what is held."""
        gateway, directory = self.watch.gateway, self.watch.directory
        for name in ("berth_exchanges_in_flight", "berth_connections"):
            wait_until(lambda: gateway.metric(name) == 0, f"no {name}", 30)
        wait_until(lambda: status(gateway)["fills"] == 0, "the end of all downloads", 30)
        wait_until(lambda: on_disk(directory)[2] == 0, "no partial files", 10)
        wait_until(lambda: sample(gateway, directory, 0).removed == 0, "no removed file is open", 10)
        found, taken = contents(directory), sample(gateway, directory, self.clients.requests)
        assert check_contents(directory) == taken.entries, "the index has what the disk has"
        sizes = sum(-(-path.stat().st_size // BLOCK) * BLOCK + BLOCK for path in found.values())
        assert sizes == taken.held, f"{sizes} bytes on the disk, {taken.held} in the index"
        assert all(path.with_name(f"{path.name}.info").exists() for path in found.values())
        assert taken.files <= len(found) + OWN_FILES, "each content's file is open once at most"
        assert status(gateway)["state"] == "on"
        return taken


def test_a_cache_in_use_for_long_serves_right_bytes_and_does_not_grow(
    own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path
) -> None:
    directory = own_directory / "cache"
    login = own_sandbox.login()

    def registry() -> RegistryClient:
        return RegistryClient(own_sandbox.address, *login)

    places = stored_places(own_sandbox, registry)
    users = [user("ci", "**") | {"access": EVERYTHING}, user("reader", "**", actions=("pull",))]
    gateway = start_gateway(own_sandbox, users=users, cache=settings(directory, f"{SIZES[0]}MiB", STALE[0]), timeouts={"drain": "20s"})
    gateway.wait_until_ready()
    wait_until_on(gateway)
    weather = Weather()
    clients = Clients(gateway.plain, gateway.tls, {"ci": PASSWORD, "reader": PASSWORD}, places, weather, CLIENTS, PAUSE)
    watch = Watch(gateway, directory, clients)
    soak = Soak(clients, watch, Disturbances(own_sandbox, places, weather, watch, registry))
    soak.run((0.03 if IS_LONG else 0.15) * SECONDS)
    soak.check_clients()
    soak.rest()

    def take_over() -> None:
        old = watch.gateway
        environment = {"RUNTIME_DIRECTORY": str(runtime(old))}
        watch.gateway = start_gateway(own_sandbox, environment=environment, options=["--take-over"], **old.configuration)
        assert watch.gateway.addresses == old.addresses
        wait_until_on(watch.gateway)
        assert old.program.wait(60) == 0
        old.check_no_secret_was_logged()

    soak.run(0, take_over)
    soak.run((0.07 if IS_LONG else 0.25) * SECONDS)
    soak.check_clients()
    base = soak.rest()
    watch.samples.clear()
    soak.run((0.9 if IS_LONG else 0.6) * SECONDS)
    report(soak, base)
    soak.check_clients()
    assert not watch.over, f"larger than {OVER} of the size: {watch.over}"
    end = soak.rest()
    assert end.others == base.others and end.threads <= base.threads + BOUNDS["threads"], (base, end)
    assert status(watch.gateway)["corruptions"] <= len(weather.corruptions)
    for found in figures(watch.samples):
        assert not found.exceeds(BOUNDS[found.name] * (1 if IS_LONG else SHORT)), f"grows: {found}"
    for found in figures(watch.samples, LEAK) if IS_LONG else []:
        assert found.name not in LEAK or found.exceeds(BOUNDS[found.name]), f"a leak would not have been found: {found}"
    assert request(watch.gateway.admin, "DELETE", "/api/v1/cache").status == 200
    wait_until(lambda: sample(watch.gateway, directory, 0).files <= OWN_FILES, "no content's file is open", 10)
    assert contents(directory) == {}


@pytest.mark.parametrize("leak", [0.0, 4096.0])
def test_growth_is_told_from_what_comes_and_goes(leak: float) -> None:
    """Half an hour of samples of a memory that goes up and down by a MiB, with a peak now and then."""
    chance = random.Random(1)
    peaks = [8 * MIB if chance.random() < 0.02 else 0 for _ in range(1600)]
    values = [(100 * second, 40 * MIB + chance.gauss(0, MIB) + peak) for second, peak in enumerate(peaks)]
    assert growth("resident", with_leak(values, leak)).exceeds(BOUNDS["resident"]) == bool(leak)


def figures(samples: list[Sample], leak: dict[str, float] | None = None) -> list[Growth]:
    """`leak`: as if the program had lost so much in 100 requests."""
    leak = leak or {}
    return [
        growth(name, with_leak([(each.requests, float(getattr(each, name))) for each in samples], leak.get(name, 0))) for name in BOUNDS
    ]


def report(soak: Soak, base: Sample) -> None:
    samples, clients, last = soak.watch.samples, soak.clients, soak.watch.samples[-1]
    lines = [
        f"{clients.requests} requests, {last.time - samples[0].time:.0f} s measured: {last.results}, {last.evictions} evictions; {dict(clients.done)}",
        f"disturbances: {soak.disturbances.done}, {len(soak.disturbances.weather.corruptions)} changed bytes",
        f"disk at most {soak.watch.most_of_limit:.3f} of the size; partial files at most {max(each.partial for each in samples)}; removed files that "
        f"were still read: at most {max(each.removed for each in samples)}, {max(each.removed_bytes for each in samples)} bytes",
        *(str(each) for each in figures(samples)),
    ]
    for number, line in enumerate(lines):
        report_line(f"soak {number}: {line}")
    if path := os.environ.get("BERTH_TEST_SOAK_SERIES"):
        Path(path).write_text("".join(f"{vars(each)}\n" for each in [base, *samples]))
