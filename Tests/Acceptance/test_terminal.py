"""What a person at a terminal sees: short lines, in colour unless that is turned off, and nothing raw from outside."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.address import Address
from harness.gateway import EVERYTHING, clean_environment, password_hash
from harness.processes import attempt, run
from harness.sandbox import Sandbox
from harness.wire import Connection, basic

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SECONDS = 30.0


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, argv: list[str | Path], env: dict[str, str], term: str = "xterm-256color") -> None:
        self.master, slave = pty.openpty()
        env = {name: value for name, value in env.items() if name != "NO_COLOR" or value} | {"TERM": term}
        self.process = subprocess.Popen(
            [str(word) for word in argv], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True, close_fds=True)  # fmt: skip
        os.close(slave)
        self.shown = ""

    def read(self, until: str | None, seconds: float = SECONDS) -> str:
        """All that is shown until the text comes, or until the program closes the terminal."""
        deadline = time.monotonic() + seconds
        while until is None or until not in self.shown:
            assert time.monotonic() < deadline, f"no {until!r} in {self.shown!r}"
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                more = os.read(self.master, 65536)
            except OSError as ended:  # Linux: the other end is closed
                assert ended.errno == errno.EIO
                more = b""
            if not more:
                assert until is None, f"no {until!r} in {self.shown!r}"
                break
            self.shown += more.decode()
        return self.shown

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> int:
        try:
            self.process.terminate()
            return self.process.wait(SECONDS)
        finally:
            os.close(self.master)


@contextmanager
def terminal(argv: list[str | Path], env: dict[str, str], term: str = "xterm-256color") -> Iterator[Terminal]:
    opened = Terminal(argv, env, term)
    try:
        yield opened
    finally:
        opened.close()


def write(directory: Path, sandbox: Sandbox, **log: str) -> Path:
    path = directory / "berth.yaml"
    listeners = {"listeners": [{"address": "127.0.0.1:0"}], "admin": {"address": "127.0.0.1:0"}}
    users = {"users": [{"name": "ci", "password_hash": password_hash("right"), "access": EVERYTHING}]}
    path.write_text(json.dumps(sandbox.upstream | listeners | users | {"log": log, "workers": 1}))
    return path


def address_in(shown: str) -> Address:
    found = re.search(r"address=(\S+) .*listener=registry", COLOUR.sub("", shown))
    assert found, shown
    return Address.parse(found[1])


HOSTILE = b"\x1b]0;title\x07\x1b[31mred\xe2\x80\xae"


@pytest.mark.parametrize(("term", "extra", "coloured"), [("xterm-256color", {}, True), ("dumb", {}, False), ("xterm", {"NO_COLOR": "1"}, False)])
@pytest.mark.parametrize("format", [None, "text"])
def test_a_gateway_on_a_terminal_writes_short_lines(
    berth: Path, own_directory: Path, sandbox: Sandbox, term: str, extra: dict[str, str], coloured: bool, format: str | None
) -> None:
    path = write(own_directory, sandbox, **({"format": format} if format else {}))
    with terminal([berth, "serve", "--config", path], clean_environment(sandbox.environment | extra), term) as shown:
        shown.read("listener=admin" if not coloured else "admin")
        address = address_in(shown.read("registry"))
        with Connection(address) as connection:
            connection.request("GET", "/v2/", authorization=basic("ci", "right"))
            connection.request("GET", "/v2/team/absent/manifests/x", authorization=basic("ci", "right"))
        with Connection(address) as connection:
            connection.request("GET", "/v2/", authorization=basic(HOSTILE.decode(), "wrong"))
        text = shown.read("\\u202e")
    assert bool(COLOUR.search(text)) is coloured, text
    # Colours are the only control sequences, and each line is one of ours.
    plain = COLOUR.sub("", text)
    assert "\x1b" not in plain and "\x07" not in plain and "\u202e" not in plain, plain
    lines = [line for line in plain.splitlines() if line]
    assert all(re.match(r"\d\d:\d\d:\d\d (trace|debug|info |note |warn |ERROR|\d{3} [A-Z]+)", line) for line in lines), lines
    assert any(re.fullmatch(r"\d\d:\d\d:\d\d 200 GET    /v2/ ci \d+ B \d+ ms", line) for line in lines), lines
    assert any(re.match(r"\d\d:\d\d:\d\d 404 GET    /v2/team/absent/manifests/x ci .* - .*does not exist", line) for line in lines), lines
    assert any(re.match(r"\d\d:\d\d:\d\d 401 GET    /v2/ \\u001b\]0;title", line) for line in lines), lines
    if coloured:
        assert "\x1b[32m200\x1b[0m" in text and "\x1b[33m404\x1b[0m" in text


def test_a_pipe_gets_no_colours(berth: Path, own_directory: Path, sandbox: Sandbox) -> None:
    path = write(own_directory, sandbox)
    done = attempt(berth, "check", "--config", path, env=clean_environment(sandbox.environment | {"TERM": "xterm"}))
    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr, done


def test_check_marks_in_colour_and_keeps_its_words(berth: Path, own_directory: Path, sandbox: Sandbox) -> None:
    path = write(own_directory, sandbox)
    with terminal([berth, "check", "--config", path], clean_environment(sandbox.environment)) as shown:
        text = shown.read(None)
    assert "\x1b[32mok\x1b[0m" in text and "\x1b" not in COLOUR.sub("", text)
    with terminal([berth, "check", "--config", path], clean_environment({"HOME": str(own_directory)})) as shown:
        text = shown.read(None)
    assert "\x1b[31mFAIL\x1b[0m" in text, text
    with terminal([berth, "check", "--config", path], clean_environment(sandbox.environment | {"NO_COLOR": "1"})) as shown:
        text = shown.read(None)
    assert "ok    configuration: " in text and "\x1b" not in text, text


def test_the_demo_shows_each_request_as_it_passes(berth: Path, own_directory: Path) -> None:
    env = clean_environment({"TMPDIR": str(own_directory)})
    with terminal([berth, "demo", "--listen", "127.0.0.1:0"], env) as shown:
        address = re.search(r"docker login (\S+)", shown.read("as they pass"))
        assert address, shown.shown
        run("curl", "--silent", "--insecure", "--user", "demo:demo", f"https://{address[1]}/v2/_catalog")
        text = COLOUR.sub("", shown.read("_catalog "))
    line = next(line for line in text.splitlines() if "_catalog " in line and "curl" not in line)
    assert re.match(r"\d\d:\d\d:\d\d 200 GET    /v2/_catalog demo ", line), line


# hash-password.


def typed(berth: Path, *words: str) -> tuple[int, str]:
    with terminal([berth, "hash-password"], clean_environment({})) as shown:
        shown.read("Password (at most 72 bytes, as bcrypt takes): ")
        for number, word in enumerate(words):
            if number == 1:
                shown.read("The same password again: ")
            shown.type(f"{word}\r")
        text = shown.read(None)
        return shown.process.wait(SECONDS), text


def test_a_typed_password_is_asked_for_twice_and_not_shown(berth: Path, own_directory: Path) -> None:
    status, text = typed(berth, "open sesame", "open sesame")
    assert status == 0 and "sesame" not in text, text
    printed = text.splitlines()[-1]
    (own_directory / "htpasswd").write_text(f"ci:{printed}\n")
    run("htpasswd", "-vb", str(own_directory / "htpasswd"), "ci", "open sesame")
    status, text = typed(berth, "open sesame", "open seseme")
    assert status == 64 and "The two passwords differ" in text and "sesame" not in text and "$2" not in text, text
    status, text = typed(berth, "x" * 73)
    assert status == 64 and "73 bytes; bcrypt uses the first 72" in text, text
    status, text = typed(berth, "")
    assert status == 64 and "empty" in text, text


def test_the_terminal_shows_what_is_typed_again_after_an_interruption(berth: Path) -> None:
    import termios

    with terminal([berth, "hash-password"], clean_environment({})) as shown:
        shown.read("as bcrypt takes): ")
        deadline = time.monotonic() + SECONDS
        while termios.tcgetattr(shown.master)[3] & termios.ECHO:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        shown.process.terminate()
        assert shown.process.wait(SECONDS) == 128 + 15
        assert termios.tcgetattr(shown.master)[3] & termios.ECHO


def test_a_piped_password_is_one_line(berth: Path) -> None:
    for text in ("open sesame", "open sesame\n", "open sesame\r\n"):
        done = attempt(berth, "hash-password", input=text)
        assert done.returncode == 0 and done.stdout.startswith("$2") and done.stderr == "", done
    for text in ("one\ntwo\n", "one\n\n"):
        done = attempt(berth, "hash-password", input=text)
        assert done.returncode == 64 and "more than one line" in done.stderr and done.stdout == "", done
    done = attempt(berth, "hash-password", input="x" * 73)
    assert done.returncode == 64 and "73 bytes" in done.stderr and "xxx" not in done.stderr, done


def test_the_help_of_the_sandbox_lists_its_quirks(berth: Path) -> None:
    text = run(berth, "sandbox", "--help")
    assert re.search(r"^\s*expired_token_403 +on +an expired token gives 403", text, re.MULTILINE), text
    assert re.search(r"^\s*put_image_rate +off +more than ten manifests", text, re.MULTILINE), text
    rejected = attempt(berth, "sandbox", "--quirk", "x=on")
    for name in re.findall(r"[a-z0-9_]+", rejected.stderr.split("names are")[1].split("\n")[0]):
        assert name in text
