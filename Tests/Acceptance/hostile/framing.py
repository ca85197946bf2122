"""The end of a body: lengths and transfer codings that two parsers could read differently (RFC 9112 6)."""

from __future__ import annotations

from hostile.case import CHUNKED, GET, HELLO, MANIFEST, PATCH, POST, PUT, SESSION, SMUGGLED, UPLOADS, Case, Class, text

LENGTH = "Content-Length: 5"

BAD_LENGTHS = (
    "", "+5", "-5", "-0", "5 5", "5,5", "5, 5", "5,", ",5", "5;", "5 ;q=1", "0x5", "0b101", "0o5", "5.0", "5e0", "1_0", "5%20", "(5)", "5L", "5a",
    "a5", "five", "'5'", '"5"', "5\x0b", "5\x0c", "\x0b5", "5\x85", "5\xa0", "\xa05", "5\x00", "5\x7f", "\xd9\xa5", "\xef\xbc\x95", "99999999999999999999",
    "9223372036854775807", "9223372036854775808", "18446744073709551621", "4294967301" + "0" * 10, "0" * 40 + "5", "5\r", "5\rX", "5\n", "NaN",
    "Infinity", "5\t5", "5 bytes", "bytes 5",
)  # fmt: skip
GOOD_LENGTHS = ("5", "05", "0000005", "  5  ", "\t5\t", "5 \t ")

BAD_CODINGS = (
    "", ",", "xchunked", "chunkedx", "chunk", "chunked, chunked", "chunked,chunked", "chunked,", ",chunked", "gzip, chunked", "chunked, gzip",
    "identity", "identity, chunked", "chunked, identity", "chunked;q=1", "chunked; x=y", "chunked ; x", "chunked;", '"chunked"', "'chunked'",
    "\x0bchunked", "chunked\x0b", "chunked\x0c", "chunked\x00", "chu\x00nked", "chun ked", "chunked\xa0", "\xa0chunked", "chunked\x85",
    "\xef\xbb\xbfchunked", "trailers", "deflate", "compress", "x-chunked", "cow", "chunked\t, identity", "chunked\r", "chunked\n", "chunked chunked",
    "(chunked)", "chunked(x)", "%63hunked", "chunked=1", "chun\xebked", "\xe1\xb6\x9ch\xe1\xb5\x98nked", "null", "none", "0", "quic", "http/2",
)  # fmt: skip
GOOD_CODINGS = ("chunked", "Chunked", "CHUNKED", "cHuNkEd", "  chunked  ", "\tchunked\t")

# Names that some parsers take for Content-Length or Transfer-Encoding.
BAD_NAMES = (
    "{} : {}", "{}\t: {}", "{}\x0b: {}", "{}\x00: {}", "{}\n: {}", "{}\r: {}", " {}: {}", "\t{}: {}", "\x0b{}: {}", "\x00{}: {}", "{}\xa0: {}",
    "\xef\xbb\xbf{}: {}", "X: y\n{}: {}", "X: y\r{}: {}", "{}:\n {}", "{}:\r\n {}", "{}:\r\n\t{}", "{}\r\n : {}", "({}): {}", '"{}": {}', "{}; {}",
    "{}= {}", "{} {}", "@{}: {}", "{}/: {}", "[{}]: {}", "{}\\: {}",
)  # fmt: skip


def cases() -> list[Case]:
    framing = Class("framing")
    lengths(framing)
    codings(framing)
    both(framing)
    without_body(framing)
    return framing.cases


def lengths(framing: Class) -> None:
    for value in BAD_LENGTHS:
        framing.rejected(f"length {value!r}", text(PATCH, f"Content-Length: {value}", body=HELLO + SMUGGLED), 400, 413)
    for value in GOOD_LENGTHS:
        framing.forwarded(f"length {value!r}", text(PATCH, f"Content-Length: {value}", body=HELLO), "PATCH", SESSION, body=HELLO)
        framing.forwarded(f"length {value!r} of a manifest", text(PUT, f"Content-Length:{value}", body=HELLO), "PUT", MANIFEST, body=HELLO)
    for one, two in (("5", "5"), ("5", "0"), ("0", "5"), ("5", "05"), ("5", ""), ("", "5"), ("5", "-1"), ("0", "0")):
        lines = (f"Content-Length: {one}", "X-Between: 1", f"content-length: {two}")
        framing.rejected(f"lengths {one!r} and {two!r}", text(PATCH, *lines, body=HELLO + SMUGGLED))
    framing.rejected("three lengths", text(PATCH, *3 * [LENGTH], body=HELLO + SMUGGLED))
    for form in BAD_NAMES:
        line = form.format("Content-Length", "0")
        framing.rejected(f"name of a length, {form!r}", text(PATCH, LENGTH, line, body=HELLO + SMUGGLED))
    # In HTTP this is another field. It is forwarded, after the framing that counts.
    for name in ("Content_Length", "Content-Length-", "ContentLength", "X-Content-Length", "Content.Length", "Content-Lengt"):
        data = text(PATCH, LENGTH, f"{name}: 0", body=HELLO)
        framing.forwarded(f"field {name}", data, "PATCH", SESSION, f"{name}: 0", body=HELLO)


def codings(framing: Class) -> None:
    body = "5\r\nhello\r\n0\r\n\r\n"
    for value in BAD_CODINGS:
        framing.rejected(f"coding {value!r}", text(PATCH, f"Transfer-Encoding: {value}", body=body + SMUGGLED), 400, 501)
    for value in GOOD_CODINGS:
        framing.forwarded(f"coding {value!r}", text(PATCH, f"Transfer-Encoding:{value}", body=body), "PATCH", SESSION, body=HELLO)
        framing.forwarded(f"coding {value!r} of a manifest", text(PUT, f"transfer-encoding: {value}", body=body), "PUT", MANIFEST, body=HELLO)
    for one, two in (("chunked", "chunked"), ("chunked", "identity"), ("identity", "chunked"), ("gzip", "chunked"), ("chunked", "cow"), ("chunked", "")):
        lines = (f"Transfer-Encoding: {one}", f"Transfer-Encoding: {two}")
        framing.rejected(f"codings {one!r} and {two!r}", text(PATCH, *lines, body=body + SMUGGLED), 400, 501)
    for form in BAD_NAMES:
        line = form.format("Transfer-Encoding", "chunked")
        framing.rejected(f"name of a coding, {form!r}", text(PATCH, LENGTH, line, body="0\r\n\r\n" + SMUGGLED))
    for name in ("Transfer_Encoding", "TransferEncoding", "X-Transfer-Encoding", "Transfer-Encodings", "Content-Transfer-Encoding"):
        data = text(PATCH, LENGTH, f"{name}: chunked", body=HELLO)
        framing.forwarded(f"field {name}", data, "PATCH", SESSION, f"{name}: chunked", body=HELLO)
    old = PATCH.replace("1.1", "1.0")
    framing.rejected("chunked in HTTP/1.0", text(old, CHUNKED, body=body + SMUGGLED), 400, 501)
    framing.rejected("chunked in HTTP/1.0, kept alive", text(old, CHUNKED, "Connection: keep-alive", body=body + SMUGGLED), 400, 501)


def both(framing: Class) -> None:
    for coding in ("chunked", "identity", "", "CHUNKED", "x"):
        for length in ("0", "5", "6", "x"):
            lines = [f"Content-Length: {length}", f"Transfer-Encoding: {coding}"]
            body = "0\r\n\r\n" + SMUGGLED
            framing.rejected(f"length {length!r}, then coding {coding!r}", text(PATCH, *lines, body=body), 400, 501)
            framing.rejected(f"coding {coding!r}, then length {length!r}", text(PATCH, *reversed(lines), body=body), 400, 501)
    framing.rejected("both, on a manifest", text(PUT, LENGTH, CHUNKED, body="0\r\n\r\n" + SMUGGLED))
    framing.rejected("both, without a body's method", text(GET, LENGTH, CHUNKED, body="0\r\n\r\n" + SMUGGLED))
    framing.rejected("both, one nominated", text(PATCH, LENGTH, CHUNKED, "Connection: transfer-encoding", body="0\r\n\r\n" + SMUGGLED))
    framing.rejected("both, the other nominated", text(PATCH, LENGTH, CHUNKED, "Connection: content-length", body="0\r\n\r\n" + SMUGGLED))
    framing.rejected("both in HTTP/1.0", text(PATCH.replace("1.1", "1.0"), LENGTH, CHUNKED, body="0\r\n\r\n" + SMUGGLED), 400, 501)


def without_body(framing: Class) -> None:
    """A body that has no meaning: another parser may take it for the next request."""
    size = f"Content-Length: {len(SMUGGLED)}"
    chunk = f"{len(SMUGGLED):x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
    for method, target in (("GET", MANIFEST), ("HEAD", MANIFEST), ("DELETE", MANIFEST), ("GET", "/v2/"), ("GET", "/v2/_catalog"),
                           ("GET", SESSION), ("DELETE", SESSION)):  # fmt: skip
        line = f"{method} {target} HTTP/1.1"
        framing.denied(f"{method} {target} with a length", text(line, size, body=SMUGGLED), 400, method=method)
        framing.denied(f"{method} {target} with chunks", text(line, CHUNKED, body=chunk), 400, method=method)
    for method in ("OPTIONS", "TRACE", "SEARCH"):
        framing.denied(f"{method} with a length", text(f"{method} {MANIFEST} HTTP/1.1", size, body=SMUGGLED), 400, 405, 404)
    framing.denied("no such endpoint, with a length", text("POST /v2/nothing HTTP/1.1", size, body=SMUGGLED), 404)
    framing.denied("no such endpoint, with chunks", text("POST /v2/nothing HTTP/1.1", CHUNKED, body=chunk), 404)
    framing.denied("not allowed, with a length", text("PUT /v2/secret/app/manifests/v1 HTTP/1.1", size, body=SMUGGLED), 403)
    framing.denied("not allowed, with chunks", text("PUT /v2/secret/app/manifests/v1 HTTP/1.1", CHUNKED, body=chunk), 403)
    framing.denied("no login, with a length", text(PUT, size, body=SMUGGLED, login=None), 401)
    framing.denied("no login, with chunks", text(PUT, CHUNKED, body=chunk, login=None), 401)
    # The upstream might read a form's parameters if the query has none, and prefer them: a mount that nobody authorized.
    form = f"mount=sha256:{64 * '0'}&from=secret/app"
    lines = ("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}")
    framing.denied("a mount in a form", text(POST, *lines, body=form), 400)
    query = f"POST {UPLOADS}?mount=sha256:{64 * '0'}&from=team/base HTTP/1.1"
    framing.denied("a mount's other source in a form", text(query, *lines, body=form), 400)
    framing.denied("a mount in a chunked form", text(POST, lines[0], CHUNKED, body=f"{len(form):x}\r\n{form}\r\n0\r\n\r\n"), 400)
    framing.denied("a start of an upload with a request in it", text(POST, size, body=SMUGGLED), 400)
    for line in ("", "Content-Length: 0"):
        framing.forwarded(f"GET with {line!r}", text(GET, *[line] * bool(line)), "GET", MANIFEST)
        framing.forwarded(f"PUT with {line!r}", text(PUT, *[line] * bool(line)), "PUT", MANIFEST)
    framing.forwarded("POST of no chunks", text(POST, CHUNKED, body="0\r\n\r\n"), "POST", UPLOADS, may_reject=True)
