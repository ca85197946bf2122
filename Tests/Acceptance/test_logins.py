"""Users with the right password while others guess: a login that has succeeded passes at once and always, and a wrong one locks out nobody else."""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from conftest import StartGateway
from harness.gateway import EVERYTHING, PASSWORD, Gateway, user
from harness.processes import require, run, wait_until
from harness.sandbox import Sandbox
from harness.wire import Connection, basic, request

GOOD = basic("ci", PASSWORD)
# A hash at cost 10 takes a sixteenth of a second, and two run at a time, so that far more are waiting than the queue holds.
GUESSERS = 300


def dear(name: str, cost: int = 12) -> dict[str, object]:
    """A user whose hash is slow, made by htpasswd."""
    require("htpasswd")
    line = run("htpasswd", "-niBC", str(cost), name, input=PASSWORD).strip()
    return {"name": name, "password_hash": line.partition(":")[2], "access": EVERYTHING}


@contextmanager
def guessing(gateway: Gateway) -> Iterator[None]:
    """Guesses from more addresses than the queue of hashes holds, until the block ends."""
    over = threading.Event()

    def guess(number: int) -> None:
        source = f"127.1.{number // 250}.{number % 250 + 1}"
        for attempt in range(9):  # below the limit of each address
            if over.is_set():
                return
            with Connection(gateway.plain, source=source) as connection:
                connection.request("GET", "/v2/", authorization=basic("ci", f"{number} {attempt}"))

    guessers = [threading.Thread(target=guess, args=(number,), daemon=True) for number in range(GUESSERS)]
    for guesser in guessers:
        guesser.start()
    try:
        wait_until(lambda: gateway.metric("berth_login_failures_total", reason="busy") > 0, "a full queue", 60)
        yield
    finally:
        over.set()
        for guesser in guessers:
            guesser.join(120)


def test_known_logins_pass_while_others_guess_and_after_a_reload(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, users=[dear("ci", cost=10)], limits={"connections_per_client": 1000})

    def logins() -> set[int]:
        return {request(gateway.plain, "GET", "/v2/", authorization=GOOD).status for _ in range(20)}

    undisturbed = logins()
    with guessing(gateway):
        assert logins() == undisturbed == {200}
        gateway.write(gateway.configuration | {"users": [*gateway.configuration["users"], user("other", "**")]})
        os.kill(gateway.program.pid, signal.SIGHUP)
        wait_until(lambda: any(line.get("message") == "reloaded" for line in gateway.log_lines()), "a reload", 20)
        assert logins() == {200}, "after a reload"
        busy = gateway.metric("berth_login_failures_total", reason="busy")
        assert logins() == {200}
    assert busy > 0


def test_the_same_wrong_password_locks_nobody_out(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, users=[user("ci", "**"), user("other", "**")])
    stale = [request(gateway.plain, "GET", "/v2/", authorization=basic("ci", "of last year")).status for _ in range(50)]
    assert set(stale) == {401}
    assert request(gateway.plain, "GET", "/v2/", authorization=GOOD).status == 200, "the user's own new password"
    assert request(gateway.plain, "GET", "/v2/", authorization=basic("other", PASSWORD)).status == 200


def test_a_connection_that_stays_open_gets_what_each_request_may_also_after_reloads(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """A connection remembers its last login. It must not count for other credentials, or after the user has changed."""
    one, other = user("one", "team-a/**"), user("other", "team-b/**", password="other")
    gateway = start_gateway(sandbox, users=[one, other])
    right, foreign, wrong = basic("one", PASSWORD), basic("other", "other"), basic("one", "wrong horse battery staple!!")
    assert len(right) == len(wrong)
    with Connection(gateway.plain) as connection:

        def status(authorization: str | None, repository: str = "team-a/app") -> int:
            return connection.request("GET", f"/v2/{repository}/manifests/v1", authorization=authorization).status

        def reload(*users: dict[str, object]) -> None:
            gateway.write(gateway.configuration | {"users": list(users)})
            assert request(gateway.admin, "POST", "/api/v1/reload", {"Content-Length": "0"}).status == 200

        def answers() -> list[int]:
            # Each right login twice: the second time, it is the one that the connection remembers.
            return [status(each) for each in (right, right, wrong, None, foreign, foreign, right, right)]

        assert answers() == [404, 404, 401, 401, 403, 403, 404, 404]
        assert status(foreign, "team-b/app") == 404
        assert status(right) == 404
        reload(user("one", "team-c/**"), other)
        assert status(right) == 403, "the rules have changed"
        reload(one, other)
        assert status(right) == 404
        reload(user("one", "team-a/**", password="another"), other)
        assert status(right) == 401, "the password has changed"
        assert status(basic("one", "another")) == 404
        reload(other)
        assert status(basic("one", "another")) == 401, "the user is gone"


def test_guesses_at_one_user_throttle_only_that_user(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, users=[user("ci", "**"), user("other", "**")])
    guesses = [request(gateway.plain, "GET", "/v2/", authorization=basic("ci", f"guess {number}")) for number in range(11)]
    assert [guess.status for guess in guesses] == [401] * 10 + [429]
    assert int(guesses[-1].fields["retry-after"]) >= 1
    assert request(gateway.plain, "GET", "/v2/", authorization=basic("other", PASSWORD)).status == 200
    # All users of one address together have ten times as many.
    names = [request(gateway.plain, "GET", "/v2/", authorization=basic(f"name {number}", "guess")).status for number in range(91)]
    assert names == [401] * 90 + [429]


def test_an_unknown_user_takes_as_long_as_the_slowest_hash(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    """Compared within one run: the time must not tell who exists, whichever user is listed first."""
    gateway = start_gateway(sandbox, users=[user("cheap", "**"), dear("ci")])

    def seconds(name: str) -> float:
        times = []
        for number in range(5):
            start = time.monotonic()
            assert request(gateway.plain, "GET", "/v2/", authorization=basic(name, f"guess {number}")).status == 401
            times.append(time.monotonic() - start)
        return statistics.median(times)

    known = seconds("ci")
    for name in ("nobody", "cheap"):
        assert known / 3 < seconds(name) < known * 3, name
