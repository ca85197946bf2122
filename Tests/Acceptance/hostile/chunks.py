"""Chunked bodies (RFC 9112 7.1): sizes, extensions, ends and trailers that two parsers could read differently."""

from __future__ import annotations

from hostile.case import CHUNKED, CUT, HELLO, MANIFEST, PATCH, PATCH_CUT, PUT, SESSION, SMUGGLED, Case, Class, text

LAST = "0\r\n\r\n"
BAD_SIZES = (
    "", "+5", "-5", " 5", "\t5", "5 ", "5\t", "5 \t", "0x5", "0X5", "5h", "5_0", "5.0", "5,5", "5:5", "5\x0b", "\x0b5", "5\x00", "\x005", "5\x0c", "5\xa0", "g", "z",
    "five", "'5'", '"5"', "\xd9\xa5", "\xef\xbc\x95", "FFFFFFFFFFFFFFFF", "8000000000000000", "7FFFFFFFFFFFFFFF", "10000000000000005", "0" * 40 + "5",
    "5 5", "5=", "5#", "%35", "5/", "5\\", "5)",
)  # fmt: skip
GOOD_SIZES = ("5", "05", "005", "000005", "5;a", "5;a=b", '5;a="b"', "5;a=b;c=d", "5;" + "a" * 500)
BAD_EXTENSIONS = ("5;a\x00b", "5;a\x0bb", "5;a\rb", '5;a="\n"', "5;\n", "5;a=b\n", "5;\x7f", "5;" + "a" * 9000)
BAD_ENDS = {
    "a chunk without its end": "5\r\nhello",
    "a chunk that ends in a line feed": "5\r\nhello\n",
    "a chunk that ends in a carriage return": "5\r\nhello\r",
    "a chunk that ends twice": "5\r\nhello\r\n\r\n",
    "a chunk longer than said": "5\r\nhelloo\r\n",
    "a chunk shorter than said": "6\r\nhello\r\n",
    "a chunk followed by a blank": "5\r\nhello \r\n",
    "a size that ends in a line feed": "5\nhello\r\n",
    "a size that ends in a carriage return": "5\rhello\r\n",
    "a size that ends in two": "5\r\r\nhello\r\n",
    "a size and an empty line": "5\r\n\r\nhello\r\n",
    "an empty line before the size": "\r\n5\r\nhello\r\n",
    "a line feed before the size": "\n5\r\nhello\r\n",
    "a quoted end of line in an extension": '5;a="\r\n0\r\n\r\nGET',
    "letters after the last chunk's size": "5\r\nhello\r\n0x\r\n\r\n",
    "a last chunk that is negative": "5\r\nhello\r\n-0\r\n\r\n",
    "a last line that ends in a line feed": "5\r\nhello\r\n0\n\n",
    "a last empty line that ends in a line feed": "5\r\nhello\r\n0\r\n\n",
}
BAD_TRAILERS = (
    "nonsense", ": x", " X: y", "X : y", "X\t: y", "X: a\x00b", "X: a\rb", "X: a\nb", "X\x00: y", "\xe9: y", "X: y\r\n z", "GET / HTTP/1.1", "X: \x7f",
    "X: " + "y" * 9000, "0",
)  # fmt: skip
GOOD_TRAILERS = ("X: y", "X:", "Digest: sha-256=x", "X: y\r\nZ: w", "X-Forwarded-Host: other.test", "Location: /v2/", "Cookie: a=b")
# Fields that have a meaning only in a head (RFC 9110 6.5.1): in a trailer they are ignored or rejected.
HEADS_FIELDS = (
    "Content-Length: 0", "Content-Length: 500", "Transfer-Encoding: chunked", "Authorization: Basic eA==", "Host: other.test", "Connection: close", "Trailer: x", "Upgrade: h2c",
    "Content-Type: text/plain", "Content-Range: 0-9", "Range: bytes=0-0", "Expect: 100-continue", "X: y\r\nContent-Length: 5",
)  # fmt: skip


def cases() -> list[Case]:
    chunks = Class("chunks")
    sizes = {f"size {size!r}": f"{size}\r\nhello\r\n" for size in BAD_SIZES} | {f"extension {e!r}": f"{e}\r\nhello\r\n" for e in BAD_EXTENSIONS}
    for name, chunk in (sizes | BAD_ENDS).items():
        # The first bytes of a stream may be sent before its error is detected. The upstream then sees it break off.
        chunks.rejected(name, text(PATCH_CUT, CHUNKED, body=chunk + LAST + SMUGGLED), 400, 413)
        chunks.rejected(f"{name}, second", text(PATCH_CUT, CHUNKED, body="3\r\nabc\r\n" + chunk + LAST + SMUGGLED), 400, 413)
        chunks.rejected(f"{name}, of a manifest", text(PUT, CHUNKED, body=chunk + LAST + SMUGGLED), 400, 413)
    for trailer in BAD_TRAILERS:
        body = f"5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"
        chunks.rejected(f"trailer {trailer!r}", text(PATCH_CUT, CHUNKED, body=body + SMUGGLED), 400, 431)
    for size in GOOD_SIZES:
        body = f"{size}\r\nhello\r\n{LAST}"
        chunks.forwarded(f"size {size!r}", text(PATCH, CHUNKED, body=body), "PATCH", SESSION, body=HELLO)
    # RFC 9112 7.1.1 calls this bad white space and allows its rejection.
    for size in ("5;", "5;a=\xe9", "5 ;a=b", "5; a=b", "5;a =b", "5;a= b", '5;a="b c"', '5;a="b;c"', '5;a="\\""'):
        chunks.forwarded(f"size {size!r}", text(PATCH_CUT, CHUNKED, body=f"{size}\r\nhello\r\n{LAST}"), "PATCH", CUT, body=HELLO, may_reject=True)
    for trailer in GOOD_TRAILERS:
        body = f"5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"
        chunks.forwarded(f"trailer {trailer!r}", text(PATCH, CHUNKED, body=body), "PATCH", SESSION, body=HELLO)
        chunks.forwarded(f"trailer {trailer!r} of a manifest", text(PUT, CHUNKED, "Trailer: X", body=body), "PUT", MANIFEST, body=HELLO)
    for trailer in HEADS_FIELDS:
        body = f"5\r\nhello\r\n0\r\n{trailer}\r\n\r\n"
        chunks.forwarded(f"trailer {trailer!r}", text(PATCH_CUT, CHUNKED, body=body), "PATCH", CUT, body=HELLO, may_reject=True)
        chunks.forwarded(f"trailer {trailer!r} of a manifest", text(PUT, CHUNKED, "Trailer: X", body=body), "PUT", MANIFEST, body=HELLO, may_reject=True)
    for size in ("00", "000", "0;a=b"):
        chunks.forwarded(f"last chunk {size!r}", text(PATCH, CHUNKED, body=f"5\r\nhello\r\n{size}\r\n\r\n"), "PATCH", SESSION, body=HELLO)
    many = "".join(f"1\r\n{letter}\r\n" for letter in HELLO) + LAST
    chunks.forwarded("chunks of one byte", text(PATCH, CHUNKED, body=many), "PATCH", SESSION, body=HELLO)
    inside = f"{len(SMUGGLED):X}\r\n{SMUGGLED}\r\n{LAST}"
    chunks.forwarded("a request in a chunk", text(PATCH, CHUNKED, body=inside), "PATCH", SESSION, body=SMUGGLED)
    chunks.forwarded("a body's end in a chunk", text(PATCH, CHUNKED, body=f"5\r\n{LAST}\r\n{LAST}"), "PATCH", SESSION, body=LAST)
    return chunks.cases
