"""Request lines and paths: only API endpoints reach the upstream, and only one spelling of each counts (RFC 9112 3)."""

from __future__ import annotations

from hostile.case import BLOB, DIGEST, GET, HOST, MANIFEST, REPOSITORY, SESSION, UPLOADS, Case, Class, Own, text

LONGEST = "team/" + "a" * 250
BAD_LINES = (
    f"GET  {MANIFEST} HTTP/1.1", f"GET\t{MANIFEST} HTTP/1.1", f"GET {MANIFEST}\tHTTP/1.1", f"GET {MANIFEST}  HTTP/1.1", f" GET {MANIFEST} HTTP/1.1",
    f"\tGET {MANIFEST} HTTP/1.1", f"GET {MANIFEST} HTTP/1.1 ", f"GET {MANIFEST} HTTP/1.1\t", f"GET {MANIFEST} x HTTP/1.1", f"GET {MANIFEST}",
    f"GET {MANIFEST} ", "GET", "GET ", "", " ", "\x00", f"GET {MANIFEST} HTTP", f"GET {MANIFEST} HTTP/", f"GET {MANIFEST} HTTP/1", f"GET {MANIFEST} HTTP/1.",
    f"GET {MANIFEST} HTTP/1.1.1", f"GET {MANIFEST} HTTP/01.1", f"GET {MANIFEST} HTTP/1.01", f"GET {MANIFEST} HTTP/1.1x", f"GET {MANIFEST} HTTP/1,1",
    f"GET {MANIFEST} http/1.1", f"GET {MANIFEST} Http/1.1", f"GET {MANIFEST} HTTPS/1.1", f"GET {MANIFEST} HTTP /1.1", f"GET {MANIFEST} HTTP/ 1.1",
    f"GET {MANIFEST} HTTP/1.1\x00", f"GET {MANIFEST} HTTP/+1.1", f"GET {MANIFEST} HTTP/-1.1", f"GET {MANIFEST} XTTP/1.1", f"GET {MANIFEST} ICAP/1.0",
    f"GET {MANIFEST} HTTP/1.2", f"GET {MANIFEST} HTTP/0.9", f"GET {MANIFEST} HTTP/2", f"GET {MANIFEST} HTTP/2.0", f"GET {MANIFEST} HTTP/3.0",
    f"GET {MANIFEST} HTTP/9.9", f"GET {MANIFEST} HTTP/1.10", f"GET {MANIFEST} HTTP/11.1", f"GET {MANIFEST} HTTP/1.\xb9",
    f"GE\x00T {MANIFEST} HTTP/1.1", f"G\xc9T {MANIFEST} HTTP/1.1", f"(GET) {MANIFEST} HTTP/1.1", f'"GET" {MANIFEST} HTTP/1.1', f"GET: {MANIFEST} HTTP/1.1",
    f"GET, {MANIFEST} HTTP/1.1", f"GET/ {MANIFEST} HTTP/1.1", f"{{GET}} {MANIFEST} HTTP/1.1", f"GET\x0b{MANIFEST} HTTP/1.1", f"GET\x0c{MANIFEST} HTTP/1.1",
    f"GET\r{MANIFEST} HTTP/1.1", f"GET {MANIFEST}\rHTTP/1.1", f"GET {MANIFEST}\x00 HTTP/1.1", f"GET {MANIFEST}\x7f HTTP/1.1", f"GET {MANIFEST}\xe9 HTTP/1.1",
    f"GET {MANIFEST}\n HTTP/1.1", f"GET {MANIFEST}\r HTTP/1.1", f"GET {MANIFEST}\x0b HTTP/1.1", f"GET {MANIFEST} HTTP/1.1\rX: y",
)  # fmt: skip
# Targets that are not a path (RFC 9112 3.2), except the absolute form with this gateway's host.
BAD_TARGETS = (
    f"http://other.test{MANIFEST}", f"https://other.test{MANIFEST}", f"http://ci@{HOST}{MANIFEST}", f"http://ci:x@{HOST}{MANIFEST}",
    f"http://{HOST}@other.test{MANIFEST}", f"http:/{HOST}{MANIFEST}", f"http:{MANIFEST}", f"http:///{HOST}{MANIFEST}",
    f"http://{MANIFEST}", f"ftp://{HOST}{MANIFEST}", f"file://{MANIFEST}", f"ws://{HOST}{MANIFEST}", f"gopher://{HOST}{MANIFEST}",
    f"http://{HOST}\\{MANIFEST}", f"http://{HOST}#{MANIFEST}", f"http://169.254.169.254{MANIFEST}", "http://169.254.169.254/latest/meta-data/",
    f"http://{HOST}.evil.test{MANIFEST}", f"http://{HOST}%2eevil.test{MANIFEST}", f"{HOST}:443", HOST, f"{HOST}{MANIFEST}", "*", f"*{MANIFEST}",
    MANIFEST[1:], f"?{MANIFEST}", f"#{MANIFEST}", f".{MANIFEST}", f"\\{MANIFEST}", f"%2f{MANIFEST[1:]}", f"@{MANIFEST}", ":80", "a:b", "-", ";",
)  # fmt: skip

NO_PLACES = (
    "/", "//", "/v", "/v1/", "/v3/", "/V2/", "/v2x", "/v2//", "//v2/", "/./v2/", "/v2/.", "/v2/..", "/v2/./", "/v2/../v2/", "/v2;/", "/v2/;x=y", "/v2%2f",
    "/v2%5c", "/v2\\", "/v2/#", "/latest/meta-data/", "/metrics", "/healthz", "/api/v1/status", "/token", "/.well-known/x", "/favicon.ico",
    # The catalog has no other spelling.
    "/v2/_catalog/", "/v2/_CATALOG", "/v2/_Catalog", "//v2/_catalog", "/v2//_catalog", "/v2/./_catalog", "/v2/x/../_catalog", "/v2/_catalog/.", "/v2/_catalog;",
    "/v2/_catalog%00", "/v2/_catalog%2f", "/v2/_catalog.json", "/v2/team/_catalog", "/v2/_catalog/tags/list", "/v2/_catalog/manifests/v1", "/v2/catalog",
    "/v2/%255fcatalog", "/v2/_catalog#", "/v2/_tags", "/v2/_oci", "/v2/_oci/ext/discover", "/v2/team/app/_oci/x",
)  # fmt: skip
# Each is tried in place of the repository and in place of the reference.
DOTS = (
    "..", ".", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%2e", "..%2f", "%2e%2e%2f", "..%5c", "..\\", "%2e%2e\\", "..;", "..;x=y", "..%00", "..%20", "..%09", "%252e%252e",
    "%25252e", "..%252f", "%c0%ae%c0%ae", "%e0%80%ae", "%c0%2e", "%u002e%u002e", "..%c0%af", "..%e0%80%af", "..%ef%bc%8f", "%ef%bc%8e%ef%bc%8e", "...", "....",
    "..?", "..#", "%2e%2e%3b", "..%0d%0a", "%0d%0aX:%20y", "..%u2215", "..%2F..", "..//", "%",
)  # fmt: skip
BAD_NAMES = (
    "Team/app", "TEAM/APP", "team/App", "team/%41pp", "team/_app", "team/.app", "team/-app", "team/app_", "team/app.", "team/app-", "team/a..b", "team/a___b", "team/a._b",
    "team/a.-b", "team/a@b", "team/a:b", "team/a~b", "team/a+b", "team/a,b", "team/a;b", "team/a=b", "team/a&b", "team/a!b", "team/a$b", "team/a'b", "team/a(b)", "team/a*b",
    "team/*", "team/**", "team/a[b]", "team/a{b}", "team/a|b", "team/a^b", 'team/a"b', "team/a<b>", "team/a`b", "team/a%b", "team/a%2", "team/a%zz", "team/a%%32", "team/a%20b",
    "team/a%09b", "team/a%00b", "team/a%0ab", "team/a%0d%0ab", "team/a%7fb", "team/a%80b", "team/%c3%a9", "team/%e2%80%8b", "team/a%2fb", "team/a%2Fb", "team/a%5cb", "team/a\\b",
    "team//app", "team/app/", "/team/app", "team/", "team/a%23b", "team/a%3fb", "team/a%3ab", "team/a%40b", "team/%2561pp", LONGEST + "a", "team/" + "a" * 300, "team/" + "a/" * 2000 + "a",
    "team/" + "%61" * 251,
)  # fmt: skip
GOOD_NAMES = ("team/a_b", "team/a__b", "team/a.b", "team/a-b", "team/a--b", "team/0", "team/a/b/c", "team/manifests", "team/blobs/uploads", "team/tags/list", "team/v2", LONGEST)
ENCODED = {"team/%61pp": "team/app", "%74eam/app": "team/app", "team/a%70%70": "team/app", "te%61m/a%2Db": "team/a-b"}
ELSEWHERE = (
    "secret/app", "secret", "teamx/app", "tea/app", "team", "%73ecret/app", "s%65cret/%61pp", "app/team", "secret/team/app", "library/team/app", "other/team/app",
    "mirror/team/app", "v2/team/app", "xteam/app",
)  # fmt: skip
BAD_REFERENCES = (
    "", ".", "..", ".v1", "-v1", "v1+x", "v1:x", "v1@x", "v1,x", "v1;x", "v1~x", "v1=x", "v1!x", "v1*", "*", "v1%20", "v1%00", "v1%0a", "v1%0d%0aX", "v1%2fx", "v1%5cx", "v1\\x",
    "v1%c3%a9", "v1%", "v1%2", "v1%zz", "v1#x", "v1/x", "v1/", "v1//", "t" * 129, "t" * 4000, "sha256:", "sha256:1234", f"sha256:{'0' * 63}", f"sha256:{'0' * 65}",
    f"sha256:{'A' * 64}", f"SHA256:{'0' * 64}", f"sha256:{'g' * 64}", f"sha256%3a{'0' * 63}", f"sha256:{'0' * 64}x", f"sha256:{'0' * 63}%0a", f"sha256::{'0' * 64}", f"sha1:{'0' * 40}",
    f"md5:{'0' * 32}", f"sha512:{'0' * 64}", f"sha384:{'0' * 96}", f"blake3:{'0' * 64}", f"sha256+b64:{'0' * 64}", f"v1@sha256:{'0' * 64}", f":{'0' * 64}",
)  # fmt: skip
GOOD_REFERENCES = ("v1", "V1", "_x", "0", "v1.2-3_4", "t" * 128, DIGEST, DIGEST.replace(":", "%3a"), "%761", "list", "uploads", "sha256", DIGEST.replace(":", "-"))
BAD_SESSIONS = (
    ".", "..", "a%2fb", "a%5cb", "a%20b", "a%00b", "a%0ab", "a%0d%0ab", "a;b", "a:b", "a@b", "a,b", "a+b", "a!b", "a$b", "a'b", "a(b)", "a*b", "a&b", "a#b", "a%b", "a%zz", "a%c3%a9",
    "a\\b", "a/b", "a//", "s" * 513, "s" * 5000, "%2e%2e", "%252e", "a|b", "a{b}", "a`b", "a^b", "a[b]",
)  # fmt: skip
GOOD_SESSIONS = ("s", "A-._~=9", "0" * 512, "a..b", "...", "sha256", "manifests", "uploads", "%61", "-", "==")


def cases() -> list[Case]:
    lines, paths = Class("request lines"), Class("paths")
    for line in BAD_LINES:
        lines.rejected(repr(line), text(line), 400, 505)
    lines.rejected("HTTP/0.9", f"GET {MANIFEST}\r\n\r\n", 400, 505)
    lines.rejected("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00", 400, 505)
    lines.rejected("a PROXY protocol line", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + text(GET), 400)
    lines.rejected("SOCKS", "\x05\x01\x00" + text(GET), 400)
    lines.rejected("a line feed alone before it", "\n" + text(GET), 400)
    lines.rejected("a carriage return alone before it", "\r" + text(GET), 400)
    lines.rejected("line feeds instead of line ends", text(GET).replace("\r\n", "\n"), 400)
    lines.rejected("carriage returns instead of line ends", text(GET).replace("\r\n", "\r") + "\r\n\r\n", 400, 505)
    lines.forwarded("an empty line before it", "\r\n" + text(GET), "GET", MANIFEST, may_reject=True)
    lines.rejected("a target of 40,000 bytes", text(f"GET {MANIFEST}{'x' * 40_000} HTTP/1.1"), 414, 431)
    for target in BAD_TARGETS:
        lines.rejected(f"target {target!r}", text(f"GET {target} HTTP/1.1"), 400, 421)
    for target in (f"{HOST}:443", HOST, "example.test:22", "[::1]:443", "/v2/", MANIFEST):
        lines.denied(f"CONNECT {target}", text(f"CONNECT {target} HTTP/1.1"), 400, 404, 405, 501)
    for scheme in ("http", "HTTP", "Http"):
        lines.forwarded(f"own {scheme} address", text(f"GET {scheme}://{HOST}{MANIFEST} HTTP/1.1"), "GET", MANIFEST)
    lines.forwarded("own address in capitals", text(f"GET http://{HOST.upper()}{MANIFEST} HTTP/1.1"), "GET", MANIFEST)
    lines.denied("own address without a path", text(f"GET http://{HOST} HTTP/1.1"), 400, 404)
    lines.denied("own address, dot segments", text(f"GET http://{HOST}/v2/team/../secret/app/manifests/v1 HTTP/1.1"), 400, 404)
    lines.denied("own address, another's repository", text(f"GET http://{HOST}/v2/secret/app/manifests/v1 HTTP/1.1"), 403)
    for method in ("get", "Get", "TRACE", "TRACK", "OPTIONS", "PROPFIND", "PURGE", "OTHER", "DEBUG", "LINK", "COPY", "MOVE", "BREW", "GETX", "XGET", "G", "_", "POST", "!", "G" * 3000):
        lines.denied(f"method {method}", text(f"{method} {MANIFEST} HTTP/1.1"), 400, 405, 501)
    lines.denied("OPTIONS *", text("OPTIONS * HTTP/1.1"), 400, 404, 405)
    lines.denied("OPTIONS *x", text("OPTIONS *x HTTP/1.1"), 400, 404, 405)
    for method, target in (("PUT", "/v2/"), ("DELETE", "/v2/"), ("POST", "/v2/_catalog"), ("PUT", UPLOADS), ("PATCH", UPLOADS), ("GET", UPLOADS), ("DELETE", UPLOADS),
                           ("POST", SESSION), ("PUT", BLOB), ("PATCH", MANIFEST), ("POST", BLOB), ("PUT", f"/v2/{REPOSITORY}/tags/list")):  # fmt: skip
        lines.denied(f"{method} {target}", text(f"{method} {target} HTTP/1.1"), 405)

    def denied(path: str, *statuses: int) -> None:
        paths.denied(path, text(f"GET {path} HTTP/1.1"), *statuses)

    for path in NO_PLACES:
        denied(path, 400, 404)
    for dots in DOTS:
        denied(f"/v2/team/{dots}/secret/app/manifests/v1", 400, 404)
        denied(f"/v2/{dots}/app/manifests/v1", 400, 404)
        denied(f"/v2/team/app/manifests/{dots}/v1", 400, 404)
        paths.denied(f"PUT of a session at {dots}", text(f"PUT {UPLOADS}{dots}/../../x?digest={DIGEST} HTTP/1.1"), 400, 404)
    for name in BAD_NAMES:
        denied(f"/v2/{name}/manifests/v1", 400, 404)
        paths.denied(f"upload to {name}", text(f"POST /v2/{name}/blobs/uploads/ HTTP/1.1"), 400, 404)
    for name in GOOD_NAMES:
        paths.forwarded(f"repository {name}", text(f"GET /v2/{name}/manifests/v1 HTTP/1.1"), "GET", f"/v2/{name}/manifests/v1")
        paths.forwarded(f"upload to {name}", text(f"POST /v2/{name}/blobs/uploads/ HTTP/1.1"), "POST", f"/v2/{name}/blobs/uploads/")
    for name in ENCODED:
        paths.forwarded(f"repository {name}", text(f"GET /v2/{name}/manifests/v1 HTTP/1.1"), "GET", f"/v2/{name}/manifests/v1")
    for name in ELSEWHERE:
        denied(f"/v2/{name}/manifests/v1", 403)
        paths.denied(f"upload to {name}", text(f"POST /v2/{name}/blobs/uploads/ HTTP/1.1"), 403)
    for reference in BAD_REFERENCES:
        denied(f"/v2/{REPOSITORY}/manifests/{reference}", 400, 404)
        denied(f"/v2/{REPOSITORY}/blobs/{reference}", 400, 404)
    for reference in GOOD_REFERENCES:
        target = f"/v2/{REPOSITORY}/manifests/{reference}"
        paths.forwarded(f"reference {reference}", text(f"GET {target} HTTP/1.1"), "GET", target)
    for tag in ("v1", "latest", "sha256"):
        denied(f"/v2/{REPOSITORY}/blobs/{tag}", 400, 404)
        denied(f"/v2/{REPOSITORY}/referrers/{tag}", 400, 404)
    for session in BAD_SESSIONS:
        paths.denied(f"session {session}", text(f"PATCH {UPLOADS}{session} HTTP/1.1", "Content-Length: 5", body="hello"), 400, 404)
    for session in GOOD_SESSIONS:
        data = text(f"PATCH {UPLOADS}{session} HTTP/1.1", "Content-Length: 5", body="hello")
        paths.forwarded(f"session {session}", data, "PATCH", UPLOADS + session, body="hello")
    paths.add("own ping", text("GET /v2 HTTP/1.1"), Own((200,)))
    paths.add("own ping with a query", text("GET /v2/?/../x=../secret HTTP/1.1"), Own((200,)))
    paths.add("an encoded catalog", text("GET /v2/%5fcatalog HTTP/1.1"), Own((200,)), asks=(("GET", "/v2/_catalog?n=1000"),))
    paths.forwarded("no slash behind uploads", text(f"POST {UPLOADS[:-1]} HTTP/1.1"), "POST", UPLOADS[:-1])
    return lines.cases + paths.cases
