"""Sequences on one connection: pipelined requests, bodies shorter and longer than announced, and clients that disconnect."""

from __future__ import annotations

from harness.recorder import EARLY
from hostile.case import (CHUNKED, CUT, GET, HELLO, MANIFEST, PATCH, PATCH_CUT, POST, PUT, READER, SESSION, SMUGGLED, UPLOADS, Case, Class,
                          Forwarded, Own, text)  # fmt: skip

OTHER = f"GET {MANIFEST}-2 HTTP/1.1"
SECOND = Forwarded("GET", f"{MANIFEST}-2")
FIRST = Forwarded("GET", MANIFEST)


def cases() -> list[Case]:
    pipelines, ends = Class("pipelines"), Class("ends")
    size = f"Content-Length: {len(HELLO)}"
    pipelines.add("two", text(GET) + text(OTHER), FIRST, SECOND)
    pipelines.add("ten", text(GET) + text(OTHER) * 9, FIRST, *[SECOND] * 9)
    pipelines.add("an empty line between", text(GET) + "\r\n" + text(OTHER), FIRST, SECOND)
    pipelines.add("behind a body", text(PUT, size, body=HELLO) + text(OTHER), Forwarded("PUT", MANIFEST, body=HELLO), SECOND)
    pipelines.add("behind a streamed body", text(PATCH, size, body=HELLO) + text(OTHER), Forwarded("PATCH", SESSION, body=HELLO), SECOND)
    chunks = f"5\r\n{HELLO}\r\n0\r\n\r\n"
    pipelines.add("behind chunks", text(PATCH, CHUNKED, body=chunks) + text(OTHER), Forwarded("PATCH", SESSION, body=HELLO), SECOND)
    pipelines.add("behind a trailer", text(PUT, CHUNKED, body=chunks[:-2] + "X: y\r\n\r\n") + text(OTHER), Forwarded("PUT", MANIFEST, body=HELLO), SECOND)
    pipelines.add("behind a length of none", text(POST, "Content-Length: 0") + text(OTHER), Forwarded("POST", UPLOADS), SECOND)
    pipelines.add("behind HEAD", text(GET.replace("GET", "HEAD")) + text(OTHER), Forwarded("HEAD", MANIFEST), SECOND)
    pipelines.add("behind 100 Continue", text(PATCH, "Expect: 100-continue", size, body=HELLO) + text(OTHER), Forwarded("PATCH", SESSION, body=HELLO), SECOND)
    # After each kind of error: the login of one request is not valid for the next.
    errors = {
        "401": (text(GET, login=None), 401),
        "a wrong login": (text(GET, "Authorization: Bearer x", login=None), 401),
        "403": (text("GET /v2/secret/app/manifests/v1 HTTP/1.1"), 403),
        "403 with a body": (text("PUT /v2/secret/app/manifests/v1 HTTP/1.1", size, body=HELLO), 403),
        "404": (text("GET /v2/nothing HTTP/1.1"), 404),
        "404 with a body": (text("PUT /v2/nothing HTTP/1.1", size, body=HELLO), 404),
        "405": (text("PUT /v2/ HTTP/1.1"), 405),
        "a method's body": (text(GET, size, body=HELLO), 400),
        "a bad digest": (text(f"PUT {SESSION}?digest=x HTTP/1.1", size, body=HELLO), 400),
        "a parameter twice": (text(f"GET {MANIFEST}?n=1&n=2 HTTP/1.1"), 400),
        "a bad Content-Range": (text(PATCH, size, "Content-Range: x", body=HELLO), 400),
        "a Content-Range of another length": (text(PATCH, size, "Content-Range: 0-9", body=HELLO), 400),
        "a ping": (text("GET /v2/ HTTP/1.1"), 200),
    }
    for name, (data, status) in errors.items():
        pipelines.add(f"behind {name}", data + text(OTHER), Own((status,)), SECOND)
        pipelines.add(f"behind {name}, no login of its own", data + text(OTHER, login=None), Own((status,)), Own((401,)))
        pipelines.add(f"behind {name}, malformed", data + text(OTHER, "X : y"), Own((status,)), Own((400,)), closes=True)
    pipelines.add("no login behind one", text(GET) + text(OTHER, login=None), FIRST, Own((401,)))
    pipelines.add("a reader's push behind a push", text(PUT) + text(PUT, login=READER), Forwarded("PUT", MANIFEST), Own((403,)))
    pipelines.add("another host behind one", text(GET) + text(OTHER, host="other.test"), FIRST, Forwarded("GET", "/v2/other/team/app/manifests/v1-2"))
    pipelines.add("nominations end with their request", text(GET, "Connection: x", "X: y") + text(OTHER, "X: y"), FIRST, Forwarded("GET", f"{MANIFEST}-2", ("X: y",)))
    for name, data, status in (
        ("a fold", text(GET, "X: y", " z"), 400), ("two lengths", text(PATCH, size, size, body=HELLO), 400), ("both framings", text(PATCH, size, CHUNKED, body=chunks), 400),
        ("a bare line feed", text(GET, "X: y\nZ: w"), 400), ("no host", text(GET, host=None), 400), ("an unknown coding", text(PATCH, "Transfer-Encoding: x", body=chunks), 501),
        ("an unknown expectation", text(PATCH, "Expect: x", size, body=HELLO), 417), ("an unknown version", text(GET.replace("1.1", "2.0")), 505),
        ("too many fields", text(GET, *["X: y"] * 120), 431), ("a bad chunk", text(PUT, CHUNKED, body="x\r\n"), 400), ("a bad trailer", text(PUT, CHUNKED, body="0\r\nX : y\r\n\r\n"), 400),
    ):  # fmt: skip
        pipelines.add(f"nothing behind {name}", data + SMUGGLED * 3, Own((status,)), closes=True)
        pipelines.add(f"nothing behind {name}, behind a good one", text(OTHER) + data + SMUGGLED * 3, SECOND, Own((status,)), closes=True)
    # The rest of a body that the upstream did not wait for must not become the start of the next request there.
    early = PATCH_CUT.replace(CUT, CUT + EARLY)
    for name, lines, body in (
        ("a length", ("Content-Length: 100000",), SMUGGLED), ("chunks", (CHUNKED,), f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n"), ("a length and nothing of it", ("Content-Length: 100000",), ""),
        ("chunks and none of them", (CHUNKED,), ""), ("a length that waits", ("Content-Length: 100000", "Expect: 100-continue"), ""), ("half a chunk", (CHUNKED,), f"fffff\r\n{SMUGGLED}"),
    ):  # fmt: skip
        pipelines.add(f"an early response to {name}", text(early, *lines, body=body), Own((413,)), closes=True)
    long = text(PATCH, "Content-Length: 4", body=HELLO)
    pipelines.add("a body longer than said", long, Forwarded("PATCH", SESSION, body="hell"), ends=True)
    pipelines.add("a body longer than said, by a request", text(PUT, "Content-Length: 0") + text(OTHER), Forwarded("PUT", MANIFEST), SECOND)
    short = f"PUT {MANIFEST} HTTP/1.1"
    pipelines.add("a body shorter than said, by a request", text(short, f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED), Forwarded("PUT", MANIFEST, body=SMUGGLED))

    for name, data in {
        "nothing": "", "an empty line": "\r\n", "a method": "GET", "a request line": f"{GET}\r\n", "a field": text(GET)[:-2], "half an end": text(GET)[:-1], "a length and no body": text(PUT, size),
        "half a body": text(PUT, size, body="hel"), "chunks without an end": text(PUT, CHUNKED, body=f"5\r\n{HELLO}\r\n"), "half a chunk": text(PUT, CHUNKED, body="5\r\nhel"), "half a size": text(PUT, CHUNKED, body="5"),
        "a last chunk without its end": text(PUT, CHUNKED, body=f"5\r\n{HELLO}\r\n0\r\n"), "half a trailer": text(PUT, CHUNKED, body=f"5\r\n{HELLO}\r\n0\r\nX: y\r\n"), "half of a streamed body": text(PATCH_CUT, size, body="hel"),
        "a streamed body of none": text(PATCH_CUT, size), "streamed chunks without an end": text(PATCH_CUT, CHUNKED, body=f"5\r\n{HELLO}\r\n"), "streamed chunks without an empty line": text(PATCH_CUT, CHUNKED, body=chunks[:-2]),
        "half of the end of a blob": text(f"PUT {CUT}?digest=sha256:{'0' * 64} HTTP/1.1", size, body="hel"), "a continuation": text(PATCH_CUT, "Expect: 100-continue", size),
    }.items():  # fmt: skip
        ends.add(f"{name}", data, ends=True, no_response=True)
    ends.add("a whole request", text(GET), FIRST, ends=True)
    ends.add("a whole body", text(PATCH, size, body=HELLO), Forwarded("PATCH", SESSION, body=HELLO), ends=True)
    ends.add("two requests", text(GET) + text(OTHER), FIRST, SECOND, ends=True)
    ends.add("one and a half", text(GET) + text(OTHER)[:-2], FIRST, ends=True, closes=True)
    ends.add("an error and a half", text("GET /v2/nothing HTTP/1.1") + "GET /", Own((404,)), ends=True, closes=True)
    return pipelines.cases + ends.cases
