"""More requests at once than Berth may pass on, or can: it sends the new transfers away early, the small requests keep their time, and afterwards all is as
before. Times are compared with those of the same requests without the load, in the same run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from conftest import StartGateway
from harness.gateway import PASSWORD, Gateway
from harness.images import MIB, Image, blob_image, digest_of
from harness.processes import require, run, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Response
from test_own_faults import wrapped
from test_shield import REPOSITORY, get, start

TURNS = 8
MAX_UPLOADS = 6  # three quarters of the turns
SAMPLES = 40
MAX_SLOWDOWN = 60


def small_image(gateway: Gateway) -> Image:
    image = blob_image(os.urandom(10_000))
    with RegistryClient(gateway.plain, "a", PASSWORD) as client:
        client.push_image(REPOSITORY, "small", image)
    return image


def pull_seconds(gateway: Gateway, image: Image, samples: int = SAMPLES) -> float:
    """The median of some pulls, each of which must succeed."""
    times = []
    with RegistryClient(gateway.plain, "b", PASSWORD) as client:
        for _ in range(samples):
            start = time.monotonic()
            client.pull_image(REPOSITORY, "small", image)
            times.append(time.monotonic() - start)
    return median(times)


def nothing_in_progress(gateway: Gateway) -> bool:
    return gateway.metric("berth_exchanges_in_flight") == 0 and gateway.metric("berth_upstream_connections", state="active") == 0


# More than the upstream's limits.


class Upload:
    """A large one, of which the client has sent a part."""

    def __init__(self, gateway: Gateway) -> None:
        self.body = os.urandom(MIB)
        self.client = RegistryClient(gateway.plain, "a", PASSWORD)
        fields = {"Content-Length": str(MIB), "Authorization": self.client.authorization}
        self.client.connection.send_head("PATCH", self.client.start_upload(REPOSITORY), fields)
        self.client.connection.send(self.body[: MIB // 16])

    def finish(self) -> Response:
        self.client.connection.send(self.body[MIB // 16 :])
        return self.client.connection.receive()

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.connection.close()


@contextmanager
def uploads_with_all_turns(gateway: Gateway) -> Iterator[list[Upload]]:
    with ExitStack() as stack:
        uploads = [stack.enter_context(Upload(gateway)) for _ in range(MAX_UPLOADS)]
        wait_until(lambda: gateway.metric("berth_upstream_connections", state="active") >= MAX_UPLOADS, "the uploads' turns", 15)
        yield uploads


def test_small_pulls_keep_their_time_while_uploads_fill_the_bounds(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start(own_sandbox, start_gateway, upstream_limits={"concurrent": TURNS})
    image = small_image(gateway)
    undisturbed = pull_seconds(gateway, image)
    with uploads_with_all_turns(gateway) as uploads, ExitStack() as stack, ThreadPoolExecutor(2 * MAX_UPLOADS) as pool:
        begun = time.monotonic()
        delayed = gateway.metric("berth_throttled_total", by="gateway")
        late = [stack.enter_context(Upload(gateway)) for _ in range(2 * MAX_UPLOADS)]
        wait_until(lambda: gateway.metric("berth_throttled_total", by="gateway") - delayed == len(late), "a line")
        answers = [pool.submit(each.client.connection.receive) for each in late]
        slowed = pull_seconds(gateway, image)
        assert slowed < undisturbed * MAX_SLOWDOWN, f"{slowed} s, undisturbed {undisturbed} s"
        for answer in answers:
            response = answer.result()
            assert (response.status, response.code) == (503, "UNAVAILABLE") and int(response.fields["retry-after"]) > 0
            assert gateway.access_line(response)["end"] == "shed"
        waited = time.monotonic() - begun
        assert [upload.finish().status for upload in uploads] == [202] * MAX_UPLOADS
    assert own_sandbox.control("GET", "/stats")["most_registry_requests_at_once"] <= TURNS
    wait_until(lambda: nothing_in_progress(gateway), "the end of all requests")
    # Each turn has been given back: as many uploads as before go at once.
    with uploads_with_all_turns(gateway) as uploads:
        begun = time.monotonic()
        assert [upload.finish().status for upload in uploads] == [202] * MAX_UPLOADS
        assert time.monotonic() - begun < waited / 2
    wait_until(lambda: nothing_in_progress(gateway), "the end of all requests")


# More than a worker can do.


class Crowd:
    """Clients that pull blobs, one after the other, as fast as they come, and come back when a 503 says so."""

    def __init__(self, gateway: Gateway, size: int, target: str) -> None:
        self.gateway, self.target = gateway, target
        self.statuses: list[int] = []
        self.shed: list[Response] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._pull) for _ in range(size)]

    def _pull(self) -> None:
        with RegistryClient(self.gateway.plain, "a", PASSWORD) as client:
            while not self._done.is_set():
                response = client.connection.request("GET", f"/v2/{REPOSITORY}/{self.target}", None, None, client.authorization)
                self.statuses.append(response.status)
                if response.status == 503:
                    self.shed.append(response)
                    self._done.wait(int(response.fields["retry-after"]))

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()


def test_a_worker_with_too_much_to_do_begins_no_transfers(
    berth: Path, own_directory: Path, own_sandbox: Sandbox, start_gateway: StartGateway
) -> None:
    """100 clients at a worker that each receipt of bytes costs 25 ms."""
    require("cc")
    work, library = own_directory / "work", own_directory / "work.so"
    work.write_text("0")
    run("cc", "-shared", "-fPIC", "-o", library, Path(__file__).parent / "harness" / "work.c")
    program = wrapped(own_directory, f"WORK_FILE={work} LD_PRELOAD={library} exec", berth)
    gateway = start(own_sandbox, start_gateway, program=program, workers=1)
    image = small_image(gateway)
    blob = f"blobs/{digest_of(image.layers[0])}"

    def manifest_seconds() -> float:
        times = []
        with RegistryClient(gateway.plain, "b", PASSWORD) as client:
            for _ in range(SAMPLES):
                start = time.monotonic()
                assert client.pull_manifest(REPOSITORY, "small") == image.manifest
                times.append(time.monotonic() - start)
        return median(times)

    work.write_text("25000")
    undisturbed = manifest_seconds()
    with Crowd(gateway, 100, blob) as crowd:
        wait_until(lambda: len(crowd.shed) > 50, "an overloaded worker", 60)
        slowed = manifest_seconds()
    assert slowed < undisturbed * MAX_SLOWDOWN, f"{slowed} s, undisturbed {undisturbed} s"
    assert set(crowd.statuses) == {200, 503}
    for response in crowd.shed[:5]:
        assert response.code == "UNAVAILABLE" and gateway.access_line(response)["end"] == "shed"
    work.write_text("0")
    wait_until(lambda: nothing_in_progress(gateway), "the end of all requests")
    wait_until(lambda: get(gateway, "a", blob).status == 200, "a blob", 10)
    pull_seconds(gateway, image)
