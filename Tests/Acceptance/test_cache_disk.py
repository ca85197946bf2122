"""The cache's disk: whatever it does, what clients get is right, and no request fails because of it."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conftest import StartGateway
from harness.address import Address
from harness.cache import (
    Asked, bytes_on_disk, check_contents, contents, direct, file_of, get, get_cut, pull_image, result, settings, status, store, together,
    wait_until_kept, wait_until_on,
)  # fmt: skip
from harness.gateway import PASSWORD, Gateway
from harness.images import MIB, Image, blob_image, digest_of, encode
from harness.processes import attempt, require, require_root, run, wait_until
from harness.registry import RegistryClient
from harness.sandbox import Sandbox
from harness.wire import Connection, Response, basic, request

REPOSITORY = "team/app"
FILLS = 200  # in the test of kill -9
HANG_SECONDS = 10  # without an answer of the disk, after which the cache is off
RETRY_SECONDS = 30  # after which a cache that is off is tried again


@pytest.fixture
def kept(own_directory: Path) -> Path:
    return own_directory / "cache"


@pytest.fixture
def image() -> Image:
    return blob_image(os.urandom(3 * MIB))


def blob(image: Image, number: int = 0) -> str:
    return f"{REPOSITORY}/blobs/{digest_of(image.layers[number])}"


def start(sandbox: Sandbox, start_gateway: StartGateway, kept: Path, program: Path | None = None, **cache: str) -> Gateway:
    gateway = start_gateway(sandbox, program=program, cache=settings(kept, **cache))
    gateway.wait_until_ready()
    return gateway


def start_with(
    image: Image, sandbox: Sandbox, start_gateway: StartGateway, kept: Path, program: Path | None = None, **cache: str
) -> Gateway:
    """The registry has the image, and the cache is on."""
    store(sandbox, image, f"{REPOSITORY}:v1")
    gateway = start(sandbox, start_gateway, kept, program, **cache)
    wait_until_on(gateway)
    return gateway


def restarted(gateway: Gateway, sandbox: Sandbox, start_gateway: StartGateway, kept: Path, change: Callable[[], None]) -> Gateway:
    """Another process, after the disk has changed."""
    assert gateway.stop() == 0
    change()
    again = start(sandbox, start_gateway, kept)
    wait_until_on(again)
    return again


# Wrong bytes.


@pytest.mark.parametrize("at", [0, MIB, 3 * MIB - 1])
def test_what_is_corrupted_on_the_way_is_never_whole_and_never_kept(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image, at: int
) -> None:
    gateway = start_with(image, own_sandbox, start_gateway, kept)
    own_sandbox.add_fault(where="s3", kind="corrupt", after_bytes=at, times=1)
    with together(4) as begin:
        pulls = [begin(get_cut, gateway, blob(image)) for _ in range(4)]
    for head, body, is_whole in (pull.result() for pull in pulls):
        assert not is_whole or body == image.layers[0], "a whole response has the right bytes"
        assert is_whole or len(body) < len(image.layers[0])
    wait_until(lambda: status(gateway)["fills"] == 0, "the end of the download", 10)
    assert check_contents(kept) <= 1
    head, body, is_whole = get_cut(gateway, blob(image))
    assert is_whole and body == image.layers[0]


@pytest.mark.parametrize("padding", [0, 300_000])
def test_a_manifest_that_is_corrupted_on_the_way_reaches_nobody_and_is_not_kept(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image, padding: int
) -> None:
    manifest = json.loads(image.manifest) | {"annotations": {"padding": "x" * padding}}
    padded = Image(image.config, image.layers, encode(manifest)) if padding else image
    gateway = start_with(padded, own_sandbox, start_gateway, kept)
    own_sandbox.add_fault(where="registry", match={"method": "GET"}, kind="corrupt", after_bytes=100, times=4)
    target = f"{REPOSITORY}/manifests/{padded.digest}"
    with together(4) as begin:
        responses = [pull.result() for pull in [begin(get, gateway, target) for _ in range(4)]]
    assert all(response.status == 502 and padded.digest.encode() in response.body for response in responses)
    own_sandbox.clear_faults()
    assert get(gateway, target).body == padded.manifest
    check_contents(kept)


@pytest.mark.parametrize("at", [0, MIB, 3 * MIB - 1])
def test_what_the_disk_has_changed_is_never_whole_and_is_fetched_again(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image, at: int
) -> None:
    gateway = start_with(image, own_sandbox, start_gateway, kept)
    pull_image(gateway, REPOSITORY, "v1", image)
    digest = digest_of(image.layers[0])
    wait_until_kept(gateway, kept, digest)

    def flip() -> None:
        with file_of(kept, digest).open("r+b") as file:
            file.seek(at)
            file.write(bytes([image.layers[0][at] ^ 1]))

    again = restarted(gateway, own_sandbox, start_gateway, kept, flip)
    with together(4) as begin:
        pulls = [begin(get_cut, again, blob(image)) for _ in range(4)]
    for head, body, is_whole in (pull.result() for pull in pulls):
        assert not is_whole or body == image.layers[0]
    wait_until(lambda: status(again)["corruptions"] == 1, "the corruption is seen", 10)
    assert get_cut(again, blob(image))[1:] == (image.layers[0], True)
    wait_until_kept(again, kept, digest)
    check_contents(kept)
    assert [line for line in again.log_lines() if line.get("digest") == digest and line["level"] == "warning"]


def test_a_part_of_what_the_disk_has_changed_is_never_whole(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path
) -> None:
    image = blob_image(os.urandom(64 * MIB))
    gateway = start_with(image, own_sandbox, start_gateway, kept)
    digest = digest_of(image.layers[0])
    assert get(gateway, blob(image)).body == image.layers[0]
    wait_until_kept(gateway, kept, digest)

    def flip() -> None:
        with file_of(kept, digest).open("r+b") as file:
            file.write(bytes([image.layers[0][0] ^ 1]))

    again = restarted(gateway, own_sandbox, start_gateway, kept, flip)
    head, body, is_whole = get_cut(again, blob(image), {"Range": "bytes=0-99"})
    assert not is_whole or body == image.layers[0][:100]
    assert get_cut(again, blob(image), {"Range": "bytes=0-99"})[1:] == (image.layers[0][:100], True)


def shortened(path: Path) -> None:
    os.truncate(path, 1000)


def lengthened(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def removed(path: Path) -> None:
    path.unlink()


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link(path: Path) -> None:
    copy = path.parents[3] / "copy"
    shutil.move(path, copy)
    path.symlink_to(copy)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def without_its_information(path: Path) -> None:
    path.with_name(path.name + ".info").unlink()


def with_other_information(path: Path) -> None:
    path.with_name(path.name + ".info").write_bytes(os.urandom(200))


@pytest.mark.parametrize(
    "change", [shortened, lengthened, emptied, removed, a_directory, a_link, a_pipe, without_its_information, with_other_information]
)
def test_what_is_no_regular_file_of_the_right_size_is_no_file(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image, change: Callable[[Path], None]
) -> None:
    gateway = start_with(image, own_sandbox, start_gateway, kept)
    pull_image(gateway, REPOSITORY, "v1", image)
    digest = digest_of(image.layers[0])
    wait_until_kept(gateway, kept, digest)
    again = restarted(gateway, own_sandbox, start_gateway, kept, lambda: change(file_of(kept, digest)))
    for _ in range(2):
        head, body, is_whole = get_cut(again, blob(image))
        assert is_whole and body == image.layers[0], "right at once"
    pull_image(again, REPOSITORY, "v1", image)


def test_a_file_that_is_removed_while_it_is_held_is_fetched_again(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, image: Image
) -> None:
    gateway = start_with(image, own_sandbox, start_gateway, kept)
    pull_image(gateway, REPOSITORY, "v1", image)
    digest = digest_of(image.layers[0])
    wait_until_kept(gateway, kept, digest)
    file_of(kept, digest).unlink()
    for _ in range(3):
        assert get(gateway, blob(image)).body == image.layers[0]


# kill -9


def test_after_kill_9_every_file_is_whole_and_every_pull_right(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path
) -> None:
    """In the middle of fills and evictions: half of what is pulled has room."""
    chance = random.Random(11)
    many = blob_image(*(os.urandom(chance.randrange(1000, 2 * MIB)) for _ in range(32)))
    store(own_sandbox, many, f"{REPOSITORY}:v1")
    asked = Asked(own_sandbox)
    rounds = found = 0
    while asked().get("s3.get", 0) < FILLS:
        gateway = start(own_sandbox, start_gateway, kept, size="16MiB")
        wait_until_on(gateway)
        found += check_contents(kept)

        def pull(number: int) -> None:
            with suppress(OSError):
                response = get(gateway, blob(many, number))
                assert response.status == 200 and response.body == many.layers[number], number

        with ThreadPoolExecutor(4) as pool:
            pulls = [pool.submit(pull, chance.randrange(32)) for _ in range(60)]
            time.sleep(chance.uniform(0.02, 0.8))
            gateway.program.process.kill()
        gateway.program.wait()
        assert all(not each.exception() for each in pulls)
        rounds += 1
    check_contents(kept)
    gateway = start(own_sandbox, start_gateway, kept, size="16MiB")
    wait_until_on(gateway)
    assert check_contents(kept) > 0 and found > 0 and rounds > 3
    for number in range(32):
        assert get_cut(gateway, blob(many, number))[1:] == (many.layers[number], True)
    assert status(gateway)["corruptions"] == 0
    assert not list((kept / "partial").iterdir())


# Full, gone, forbidden.


@pytest.fixture
def small_disk(kept: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    require_root()
    require("mount", "umount")
    kept.mkdir()
    if attempt("mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "berth-test", kept).returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    yield kept
    run("umount", "-l", kept)


def eight(sandbox: Sandbox) -> Image:
    """32 MiB, of which a disk of 24 cannot have all."""
    image = blob_image(*(os.urandom(4 * MIB) for _ in range(8)))
    store(sandbox, image, f"{REPOSITORY}:v1")
    return image


def test_a_small_disk_is_never_filled_and_no_request_fails(
    own_sandbox: Sandbox, start_gateway: StartGateway, small_disk: Path
) -> None:
    image = eight(own_sandbox)
    gateway = start(own_sandbox, start_gateway, small_disk, size="1GiB")
    wait_until_on(gateway)
    for _ in range(3):
        with together(4) as begin:
            pulls = [begin(get, gateway, blob(image, number)) for number in range(8)]
        assert all(pull.result().body == image.layers[number] for number, pull in enumerate(pulls))
    wait_until(lambda: status(gateway)["fills"] == 0, "the end of all downloads", 10)
    check_contents(small_disk)
    assert gateway.metric("berth_cache_evictions_total") > 0


def test_a_disk_that_gets_full_in_the_middle_of_a_download_fails_no_request(
    own_sandbox: Sandbox, start_gateway: StartGateway, small_disk: Path
) -> None:
    image = eight(own_sandbox)
    gateway = start(own_sandbox, start_gateway, small_disk, size="1GiB")
    wait_until_on(gateway)
    own_sandbox.add_fault(where="s3", kind="stall", after_bytes=MIB, seconds=1, times=4)
    with together(8) as begin:
        pulls = [begin(get, gateway, blob(image, number % 4)) for number in range(8)]
        time.sleep(0.5)
        with suppress(OSError):
            with (small_disk / "filler").open("wb") as file:
                while True:
                    file.write(bytes(64 << 10))
                    file.flush()
    assert all(pull.result().body == image.layers[number % 4] for number, pull in enumerate(pulls))
    wait_until(lambda: gateway.metric("berth_cache_off") == 1, "a cache that is off", 10)
    assert status(gateway)["problem"], "why"
    assert [line for line in gateway.log_lines() if line.get("level") == "error" and line.get("directory") == str(small_disk)]
    assert get(gateway, blob(image, 5)).body == image.layers[5]
    assert gateway.ready().status == 200
    (small_disk / "filler").unlink()
    wait_until_on(gateway, RETRY_SECONDS + 10)
    assert get(gateway, blob(image, 6)).body == image.layers[6]
    wait_until_kept(gateway, small_disk, digest_of(image.layers[6]))
    check_contents(small_disk)


def gone(kept: Path) -> None:
    shutil.rmtree(kept)


def replaced_by_a_file(kept: Path) -> None:
    shutil.rmtree(kept)
    kept.write_text("")


def emptied_below(kept: Path) -> None:
    for each in kept.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


@pytest.mark.parametrize("way", [gone, replaced_by_a_file, emptied_below])
def test_a_directory_that_goes_in_the_middle_of_a_download_fails_no_request(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, way: Callable[[Path], None]
) -> None:
    image = blob_image(*(os.urandom(3 * MIB) for _ in range(6)))
    gateway = start_with(image, own_sandbox, start_gateway, kept)
    assert get(gateway, blob(image, 5)).body == image.layers[5]
    wait_until_kept(gateway, kept, digest_of(image.layers[5]))
    own_sandbox.add_fault(where="s3", kind="stall", after_bytes=MIB, seconds=1, times=2)
    with together(4) as begin:
        pulls = [begin(get, gateway, blob(image, number % 2)) for number in range(4)]
        time.sleep(0.5)
        way(kept)
    assert all(pull.result().body == image.layers[number % 2] for number, pull in enumerate(pulls))
    for _ in range(2):
        for number in range(6):
            assert get(gateway, blob(image, number)).body == image.layers[number], number
    assert get(gateway, f"{REPOSITORY}/manifests/v1").status == 200


@pytest.mark.parametrize("way", [gone, replaced_by_a_file, emptied_below])
@pytest.mark.parametrize("size", [5000, 3 * MIB])
def test_a_directory_that_goes_before_a_download_fails_no_request(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path, way: Callable[[Path], None], size: int
) -> None:
    image = blob_image(os.urandom(size))
    gateway = start_with(image, own_sandbox, start_gateway, kept)
    way(kept)
    for _ in range(2):
        assert get(gateway, blob(image)).body == image.layers[0]


def test_a_directory_that_may_no_longer_be_written_fails_no_request(
    berth: Path, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, kept: Path
) -> None:
    """As root without the capability that ignores permissions."""
    require_root()
    require("setpriv")
    image = blob_image(*(os.urandom(3 * MIB) for _ in range(4)))
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    program = own_directory / "berth"
    dropped = "-dac_override,-dac_read_search,-fowner"
    program.write_text(f'#!/bin/sh\nexec setpriv --bounding-set={dropped} --inh-caps={dropped} "{berth}" "$@"\n')
    program.chmod(0o755)
    gateway = start(own_sandbox, start_gateway, kept, program)
    wait_until_on(gateway)
    assert get(gateway, blob(image)).body == image.layers[0]
    wait_until_kept(gateway, kept, digest_of(image.layers[0]))
    own_sandbox.add_fault(where="s3", kind="stall", after_bytes=MIB, seconds=1, times=1)
    with together(2) as begin:
        pulls = [begin(get, gateway, blob(image, 1)) for _ in range(2)]
        time.sleep(0.5)
        for path in [kept, *kept.rglob("*")]:
            if path.is_dir():
                path.chmod(0o500)
    assert all(pull.result().body == image.layers[1] for pull in pulls)
    for number in range(4):
        assert get(gateway, blob(image, number)).body == image.layers[number]
    for path in sorted([kept, *kept.rglob("*")]):
        if path.is_dir():
            path.chmod(0o700)
    wait_until_on(gateway, RETRY_SECONDS + 10)
    assert get(gateway, blob(image, 2)).body == image.layers[2]


def test_a_file_that_may_not_grow_so_large_fails_no_request(
    berth: Path, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, kept: Path, image: Image
) -> None:
    """RLIMIT_FSIZE."""
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    program = own_directory / "berth"
    program.write_text(f'#!/bin/bash\nulimit -f 1024\nexec "{berth}" "$@"\n')
    program.chmod(0o755)
    gateway = start(own_sandbox, start_gateway, kept, program)
    wait_until_on(gateway)
    for _ in range(2):
        assert get(gateway, blob(image)).body == image.layers[0]


def test_at_the_start_a_directory_that_cannot_be_made_leaves_the_cache_off(
    own_sandbox: Sandbox, start_gateway: StartGateway, image: Image
) -> None:
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    gateway = start(own_sandbox, start_gateway, Path("/proc/berth"))
    pull_image(gateway, REPOSITORY, "v1", image)
    assert status(gateway)["state"] == "off" and status(gateway)["problem"]


# Its size.


def test_the_size_is_kept_within_five_percent_under_churn(
    own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path
) -> None:
    limit = 16 * MIB
    image = blob_image(*(os.urandom(random.Random(number).randrange(1000, 2 * MIB)) for number in range(48)))
    gateway = start_with(image, own_sandbox, start_gateway, kept, size="16MiB")
    most = 0
    with together(6) as begin:
        pulls = [begin(get, gateway, blob(image, number % 48)) for number in range(144)]
        while not all(pull.done() for pull in pulls):
            most = max(most, bytes_on_disk(kept))
            time.sleep(0.01)
    for number, pull in enumerate(pulls):
        assert pull.result().body == image.layers[number % 48]
    wait_until(lambda: status(gateway)["fills"] == 0, "the end of all downloads", 10)
    assert limit / 2 < most <= 1.05 * limit, f"{most} bytes"
    assert status(gateway)["bytes"] <= limit
    assert abs(status(gateway)["bytes"] - bytes_on_disk(kept)) < 0.05 * limit
    check_contents(kept)


def test_the_least_recently_used_goes_first(own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path) -> None:
    image = blob_image(*(os.urandom(3 * MIB) for _ in range(6)))
    gateway = start_with(image, own_sandbox, start_gateway, kept, size="16MiB")
    for number in (0, 1, 2, 3, 4, 0, 5):
        get(gateway, blob(image, number))
        wait_until_kept(gateway, kept, digest_of(image.layers[number]))
    held = {number for number in range(6) if digest_of(image.layers[number]) in contents(kept)}
    assert {0, 4, 5} <= held and 1 not in held, held


def test_what_is_larger_than_the_cache_passes(own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path) -> None:
    image = blob_image(os.urandom(20 * MIB), os.urandom(MIB))
    gateway = start_with(image, own_sandbox, start_gateway, kept, size="16MiB")
    get(gateway, blob(image, 1))
    wait_until_kept(gateway, kept, digest_of(image.layers[1]))
    for _ in range(2):
        assert get(gateway, blob(image)).body == image.layers[0]
    assert set(contents(kept)) == {digest_of(image.layers[1])}, "nothing went for it"


# Slow.


def on_slow_disk(berth: Path, kept: Path, **environment: str) -> Path:
    """A program that runs Berth with a slow disk below `kept`; see slow_disk.c."""
    require("cc")
    library, program = kept.parent / "slow_disk.so", kept.parent / "berth"
    run("cc", "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).parent / "harness" / "slow_disk.c")
    words = " ".join(f"{name}={value}" for name, value in (environment | {"SLOW_DISK": str(kept)}).items())
    program.write_text(f'#!/bin/sh\n{words} LD_PRELOAD={library} exec "{berth}" "$@"\n')
    program.chmod(0o755)
    return program


def test_a_slow_disk_delays_no_other_request(
    berth: Path, own_sandbox: Sandbox, start_gateway: StartGateway, kept: Path
) -> None:
    image = blob_image(*(os.urandom(2 * MIB) for _ in range(8)))
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    gateway = start(own_sandbox, start_gateway, kept, on_slow_disk(berth, kept, SLOW_DISK_MS="400"))
    wait_until_on(gateway, 60)

    def slowest(while_not: Callable[[], bool]) -> float:
        most = 0.0
        with RegistryClient(gateway.plain, gateway.username, PASSWORD) as client:
            while not while_not():
                begun = time.monotonic()
                client.expect((200,), "GET", "/v2/")
                most = max(most, time.monotonic() - begun)
                time.sleep(0.005)
        return most

    end = time.monotonic() + 2
    usual = slowest(lambda: time.monotonic() > end)
    with together(8) as begin:
        pulls = [begin(get, gateway, blob(image, number)) for number in range(8)]
        filling = slowest(lambda: all(pull.done() for pull in pulls))
    assert all(pull.result().body == image.layers[number] for number, pull in enumerate(pulls))
    wait_until(lambda: status(gateway)["fills"] == 0, "the end of all downloads", 120)
    # A wait for this disk would be 400 ms; the rest is the machine's.
    assert filling < 0.3 + usual, (filling, usual)
    run("sync")
    attempt("sh", "-c", "echo 1 > /proc/sys/vm/drop_caches")
    with together(8) as begin:
        pulls = [begin(get, gateway, blob(image, number)) for number in range(8)]
        reading = slowest(lambda: all(pull.done() for pull in pulls))
    assert all(pull.result().body == image.layers[number] for number, pull in enumerate(pulls))
    assert reading < 0.3 + usual, (reading, usual)


# Hung.


@pytest.mark.parametrize("is_remote", [False, True], ids=["local", "remote"])
def test_a_disk_that_hangs_holds_nothing_up(
    berth: Path, own_sandbox: Sandbox, start_gateway: StartGateway, own_directory: Path, kept: Path, is_remote: bool
) -> None:
    """Remote: as with NFS, no call tells without a wait what is in memory."""
    image = blob_image(*(os.urandom(12 * MIB) for _ in range(8)))
    store(own_sandbox, image, f"{REPOSITORY}:v1")
    hang = own_directory / "hang"
    program = on_slow_disk(berth, kept, SLOW_DISK_HANG=str(hang), **({"SLOW_DISK_REMOTE": "1"} if is_remote else {}))
    gateway = start_gateway(own_sandbox, program=program, cache=settings(kept), timeouts={"drain": "1s"})
    gateway.wait_until_ready()
    wait_until_on(gateway)
    for number in range(4):
        assert get(gateway, blob(image, number), address=(gateway.plain, gateway.tls)[number % 2]).body == image.layers[number]
        wait_until_kept(gateway, kept, digest_of(image.layers[number]))

    def timed(call: Callable[..., Response], *arguments: Any, **options: Any) -> tuple[Response, float]:
        begun = time.monotonic()
        return call(*arguments, **options), time.monotonic() - begun

    def slow_reader(number: int, address: Address) -> bytes:
        """Has the head and the first bytes before the disk hangs."""
        with Connection(address, receive_buffer=64 << 10) as connection:
            connection.send_head("GET", f"/v2/{blob(image, number)}", {"Authorization": basic(gateway.username, gateway.password)})
            head = connection.receive_final_head()
            pieces = connection.body(head)
            body = next(pieces)
            begun.release()
            assert hung.wait(30)
            return body + b"".join(pieces)

    begun, hung = threading.Semaphore(0), threading.Event()
    with together(16) as begin:
        # In progress: two hits, and two downloads.
        own_sandbox.add_fault(where="s3", kind="stall", after_bytes=MIB, seconds=1, times=2)
        readers = {n: begin(slow_reader, n, (gateway.plain, gateway.tls)[n % 2]) for n in (0, 1, 4, 5)}
        for _ in readers:
            assert begun.acquire(timeout=30)
        run("sync")
        attempt("sh", "-c", "echo 1 > /proc/sys/vm/drop_caches")
        hang.touch()
        hung.set()
        time.sleep(0.5)
        # New: hits, a download, and what the admin asks for.
        pulls = {n: begin(timed, get, gateway, blob(image, n), address=(gateway.plain, gateway.tls)[n % 2]) for n in (2, 3, 6)}
        emptied = begin(timed, request, gateway.admin, "DELETE", "/api/v1/cache")
        # Others are served meanwhile.
        slowest = max(timed(get, gateway, f"{REPOSITORY}/tags/list", address=a)[1] for a in (gateway.plain, gateway.tls) * 20)
        for number, pull in (readers | pulls).items():
            body, seconds = (pull.result(), 0) if number in readers else (pull.result()[0].body, pull.result()[1])
            assert body == image.layers[number], number
            assert seconds < HANG_SECONDS + 10, seconds
        assert emptied.result()[0].status == 200 and emptied.result()[1] < HANG_SECONDS + 10
    assert slowest < 2, slowest
    wait_until(lambda: status(gateway)["state"] == "off" and "no answer" in status(gateway)["problem"], "a cache that is off", 20)
    # Off: at once.
    for number in range(8):
        response, seconds = timed(get, gateway, blob(image, number))
        assert response.body == image.layers[number] and seconds < 5, (number, seconds)
    gateway.program.process.send_signal(signal.SIGHUP)
    # The disk answers.
    hang.unlink()
    wait_until_on(gateway, RETRY_SECONDS + 20)
    assert get(gateway, blob(image, 7)).body == image.layers[7]
    wait_until_kept(gateway, kept, digest_of(image.layers[7]))
    assert result(gateway, get(gateway, blob(image, 7))) == "hit"
    check_contents(kept)
    # It hangs again, and the gateway is stopped.
    hang.touch()
    with together(1) as begin:
        pull = begin(get_cut, gateway, blob(image, 0))
        time.sleep(0.5)
        begin_stop = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - begin_stop < HANG_SECONDS + 10
        with suppress(OSError):
            pull.result()
