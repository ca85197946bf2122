"""Header fields: names, values, hosts, and fields of a single hop (RFC 9110 5, 7.6; RFC 9112 5)."""

from __future__ import annotations

from hostile.case import (CHUNKED, GET, HELLO, HOST, MANIFEST, OTHER_HOST, PATCH, PUT, REPOSITORY, SESSION, SMUGGLED, Case, Class,
                          Forwarded, Own, text)  # fmt: skip

BAD_LINES = (
    "nonsense", ":", ": x", ":x", "X", "X\x00: y", "X : y", "X\t: y", " X: y", "\tX: y", "X: y\r\n z", "X: y\r\n\tz", "X: y\r\n ", "X: a\x00b", "X: \x00", "X: a\rb", "X: \r", "X: a\nb",
    "X\n: y", "X\r: y", "X: y\n", "X: a\x01b", "X: a\x08b", "X: a\x0bb", "X: a\x0cb", "X: a\x1bb", "X: a\x7fb", "X\x7f: y", "X\x80: y", "\xc3\xa9: y", "X\xa0: y", "X Y: z", "X,Y: z",
    "X;Y: z", "X=Y: z", "X/Y: z", "X@Y: z", "(X): y", "[X]: y", "{X}: y", '"X": y', "<X>: y", "X\\Y: z", "X?: y", "GET / HTTP/1.1", "HTTP/1.1 200 OK", "\r: x", "\x00: x", "\x0b: x",
    "X:y\r\n\r", "X\r\n: y", "X: y\r\n: z",
)  # fmt: skip
GOOD_LINES = (
    "X: y", "X:y", "X:", "X: ", "X:  y  ", "X:\ty\t", "X: a:b", "X: \xe9", "X: \xc3\xa9", "X: \x80\xff", "X: a\tb", "X: a  b", "x: y", "X!#$%&'*+-.^_`|~0: y", "X: " + "y" * 8000,
    "X: %0d%0aY: z", "X: \\r\\n", 'X: "', "X: ,", "X: a, b", "X: GET / HTTP/1.1", "X_Y: z", "Cookie: a=b", "User-Agent: docker/27", "Accept: */*", "Via: 1.1 x", "X-HTTP-Method-Override: DELETE",
    "X-Original-URL: /v2/secret/app/manifests/v1", "X-Rewrite-URL: /v2/secret/app/manifests/v1", "If-None-Match: *", "Range: bytes=0-0", "Max-Forwards: 0", "Origin: null", "Referer: x", "Pragma: no-cache",
)  # fmt: skip
# Fields of a proxy, sent by a client that is not one: ignored and not forwarded.
FORWARDED = (
    f"X-Forwarded-Host: {OTHER_HOST}", "X-Forwarded-For: 10.1.2.3", "X-Forwarded-For: 127.0.0.1, 10.1.2.3", "X-Forwarded-Proto: https", "X-Forwarded-Proto: gopher",
    f"Forwarded: for=10.1.2.3;host={OTHER_HOST};proto=https", 'Forwarded: for="[::1]"', "x-FORWARDED-host: " + OTHER_HOST, "X-Forwarded-Host: a b", "X-Forwarded-For: ",
)  # fmt: skip
BAD_HOSTS = (
    "", " ", "a b", "a,b", f"{HOST}, {OTHER_HOST}", f"{HOST}/", f"{HOST}/v2/", f"ci@{HOST}", f"ci:x@{HOST}", f"http://{HOST}", f"{HOST}?x", f"{HOST}#x", f"{HOST}\\x", f"{HOST};x", f"{HOST}%00",
    f"{HOST}%2f", "*", f'"{HOST}"', f"'{HOST}'", f"({HOST})", f"{HOST}\x00", f"{HOST}\x0b", f"{HOST}\xa0", "\xe9.test", f"{HOST}\r\n x", "<script>", "{}", "$(x)", "a" * 300, f"{HOST}\t{OTHER_HOST}",
    "a:b", "a:b:c", f"{HOST}:99999", f"{HOST}:-1", f"{HOST}:5000x", "[::1", "::1]", "[]", "[x]", ":", ":5000", "[::1]x", f"[{HOST}]", ".",
)  # fmt: skip
GOOD_HOSTS = (HOST, HOST.upper(), f"{HOST}:5000", f"  {HOST}  ", "127.0.0.1", "127.0.0.1:5000", "[::1]", "[::1]:5000", "localhost", "a_b.test", f"{HOST}.", f"x.{OTHER_HOST}", f"{OTHER_HOST}.x")

NOMINATIONS = (
    "Host", "Authorization", "Content-Length", "Transfer-Encoding", "Connection", "close, Host", "keep-alive, Authorization", "host,authorization,content-length,transfer-encoding",
    "HOST", ",,Host,,", "\tHost\t", "Content-Length, close", "Expect", "TE", "Via", "@", "\xe9", "Date",
)  # fmt: skip
HOP_BY_HOP = (
    "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5", "Proxy-Authenticate: Basic", "TE: trailers", "TE: chunked", "TE: gzip;q=1, trailers", "Trailer: X",
    "Trailer: Content-Length", "Upgrade: h2c", "Upgrade: websocket", "Upgrade: TLS/1.0", "Upgrade: HTTP/2.0, h2c",
)  # fmt: skip


def cases() -> list[Case]:
    fields, hosts, hops = Class("fields"), Class("hosts"), Class("hop by hop")
    for line in BAD_LINES:
        fields.rejected(repr(line), text(GET, line))
        fields.rejected(f"{line!r} before the others", GET + "\r\n" + line + text("", body=SMUGGLED))
    for line in GOOD_LINES:
        fields.forwarded(repr(line), text(GET, line), "GET", MANIFEST, _trimmed(line))
    for line in FORWARDED:
        fields.forwarded(repr(line), text(GET, line), "GET", MANIFEST)
    fields.forwarded("several of a proxy's", text(GET, *FORWARDED[:4]), "GET", MANIFEST)
    fields.denied("a proxy's host does not open another's", text("GET /v2/secret/app/manifests/v1 HTTP/1.1", FORWARDED[0]), 403)
    fields.forwarded("the same field twice", text(GET, "X: 1", "x: 2", "X: 1"), "GET", MANIFEST, "X: 1", "x: 2", "X: 1")
    fields.rejected("101 fields", text(GET, *[f"X-{n}: 1" for n in range(101)]), 431)
    fields.rejected("10,000 fields", text(GET, *["X:"] * 9_000), 431)
    fields.rejected("a field of 40,000 bytes", text(GET, f"X: {'y' * 40_000}"), 431)
    fields.rejected("a name of 40,000 bytes", text(GET, f"{'X' * 40_000}: y"), 431)
    fields.rejected("a head without an end", text(GET, f"X: {'y' * 40_000}")[:-2], 431)
    for value in ("100-continue", "100-Continue"):
        data = text(PATCH, f"Expect: {value}", "Content-Length: 5", body=HELLO)
        fields.forwarded(f"expectation {value}", data, "PATCH", SESSION, body=HELLO)
    for value in ("", "x", "100-continue, x", "100-continue;x", "200-ok", "100", "100-continue, 100-continue", "100-continued"):
        fields.rejected(f"expectation {value!r}", text(PATCH, f"Expect: {value}", "Content-Length: 5", body=HELLO), 417)

    for value in BAD_HOSTS:
        hosts.rejected(repr(value), text(GET, f"Host: {value}", host=None))
    for value in GOOD_HOSTS:
        hosts.forwarded(repr(value), text(GET, f"Host:{value}", host=None), "GET", MANIFEST)
    for value in (OTHER_HOST, OTHER_HOST.upper(), f"{OTHER_HOST}:80", f"{OTHER_HOST}."):
        data = text(GET, f"Host: {value}", host=None)
        hosts.forwarded(f"routed, {value!r}", data, "GET", f"/v2/other/{REPOSITORY}/manifests/v1")
    hosts.forwarded("a port of no digits", text(GET, host=f"{HOST}:"), "GET", MANIFEST, may_reject=True)
    hosts.rejected("none", text(GET, host=None))
    hosts.rejected("two", text(GET, f"Host: {OTHER_HOST}"))
    hosts.rejected("two that are equal", text(GET, f"Host: {HOST}"))
    hosts.rejected("two in HTTP/1.0", text(GET.replace("1.1", "1.0"), f"Host: {OTHER_HOST}"))
    hosts.rejected("a folded one", text(GET, "Host:", f" {HOST}", host=None))
    hosts.rejected("one with a blank before the colon", text(GET, f"Host : {OTHER_HOST}"))
    hosts.rejected("one that is empty beside one", text(GET, "Host:"))
    hosts.forwarded("none in HTTP/1.0", text(GET.replace("1.1", "1.0"), host=None), "GET", MANIFEST, closes=True)
    hosts.forwarded("another's, by another name", text(GET, f"X-Host: {OTHER_HOST}", f"Host-: {OTHER_HOST}"), "GET", MANIFEST, f"X-Host: {OTHER_HOST}", f"Host-: {OTHER_HOST}")

    for value in NOMINATIONS:
        closes = "close" in value
        hops.forwarded(f"nominated {value!r}", text(GET, f"Connection: {value}"), "GET", MANIFEST, closes=closes)
        data = text(PATCH, f"Connection: {value}", "Content-Length: 5", body=HELLO)
        hops.forwarded(f"nominated {value!r}, with a body", data, "PATCH", SESSION, body=HELLO, closes=closes)
        data = text(PUT, CHUNKED, f"Connection: {value}", body=f"5\r\n{HELLO}\r\n0\r\n\r\n")
        hops.forwarded(f"nominated {value!r}, with chunks", data, "PUT", MANIFEST, body=HELLO, closes=closes)
    for line in HOP_BY_HOP:
        name = line.partition(":")[0]
        hops.forwarded(repr(line), text(GET, line), "GET", MANIFEST)
        hops.forwarded(f"{line!r}, nominated", text(GET, line, f"Connection: {name}"), "GET", MANIFEST)
        hops.forwarded(f"{line!r}, with a body", text(PATCH, line, "Content-Length: 5", body=HELLO), "PATCH", SESSION, body=HELLO)
    for name in ("X", "X-Amz-Date", "Range", "Accept", "If-None-Match", "Content-Type", "User-Agent"):
        hops.forwarded(f"{name}, nominated", text(GET, f"{name}: y", "A: b", f"Connection: {name}"), "GET", MANIFEST, "A: b")
        hops.forwarded(f"{name}, nominated before", text(GET, f"Connection: a, {name.lower()}, b", f"{name}: y", f"{name}: z"), "GET", MANIFEST)
    # A nomination of an empty name has no effect; a similar field stays.
    hops.forwarded("a nomination that is no name", text(GET, "Connection: X Y, X-", "X: y"), "GET", MANIFEST, "X: y")
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    hops.forwarded("h2c", text(GET, *upgrade), "GET", MANIFEST)
    socket = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    hops.forwarded("a web socket", text(GET, *socket), "GET", MANIFEST, *socket[2:])
    hops.forwarded("a web socket of a wrong version, and a request", text(GET, socket[0], socket[1], "Sec-WebSocket-Version: 99"), "GET", MANIFEST, "Sec-WebSocket-Version: 99")
    for line in ("Connection: close", "Connection: CLOSE", "Connection: x, close", "connection: close, keep-alive", "Connection: keep-alive\r\nConnection: close"):
        hops.forwarded(repr(line), text(GET, line), "GET", MANIFEST, closes=True)
        hops.add(f"{line!r}, and a request", text(GET, line) + SMUGGLED, Forwarded("GET", MANIFEST), closes=True)
    old = GET.replace("1.1", "1.0")
    hops.forwarded("HTTP/1.0", text(old), "GET", MANIFEST, closes=True)
    hops.forwarded("HTTP/1.0, kept alive", text(old, "Connection: keep-alive"), "GET", MANIFEST)
    hops.forwarded("HTTP/1.0, kept alive by a proxy's word", text(old, "Proxy-Connection: keep-alive"), "GET", MANIFEST, closes=True)
    hops.add("ping that nominates the login", text("GET /v2/ HTTP/1.1", "Connection: authorization"), Own((200,)))
    return fields.cases + hosts.cases + hops.cases


def _trimmed(line: str) -> str:
    """The value as a parser stores it, without surrounding blanks."""
    name, _, value = line.partition(":")
    return name + ": " + value.strip(" \t")
