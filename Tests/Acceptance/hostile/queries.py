"""Parameters: the upstream reads the same ones that Berth decided by, and none of Berth's own is forwarded."""

from __future__ import annotations

from hostile.case import (BLOB, CI, DIGEST, GET, HELLO, MANIFEST, OTHER_NAMESPACE, REPOSITORY, SESSION, SMUGGLED, UPLOADS, Case, Class,
                          Forwarded, Own, text)  # fmt: skip

MIRRORED = f"/v2/mirror/{REPOSITORY}/manifests/v1"
# Sources that a principal of `team/**` may not pull. A mount is optional, so the request becomes a session.
FORBIDDEN = (
    "secret/app", "%73ecret/app", "secret%2fapp", "secret%2Fapp", "secret", "teamx/app", "team", "other/team/base", "mirror/x", "team/../secret/app", "team%2f..%2fsecret%2fapp", "Team/base", "",
    "team/base/", "/team/base", "team//base", "team/base%00", "team/base%20", "+team/base", "team/base%0d%0a", "team%5cbase", "https://x/team/base", "*", "**", "team/*", "team/base%23x", "team/base?x",
    "%2574eam/base", "team/base%", "team/b%c3%a9", "..", "team/" + "a" * 251, "team/base,secret/app", "team/base=secret/app",
)  # fmt: skip
NO_DIGESTS = ("", "v1", "sha256:", "sha256:12", DIGEST.upper(), DIGEST + "0", DIGEST[:-1], f"{DIGEST}%00", f"{DIGEST}%20", f"+{DIGEST}", "*", f"sha1:{'0' * 40}", f"{DIGEST},{DIGEST}", f"{DIGEST}%0d%0a", "%", DIGEST.replace("5", "%", 1))
SINGLE = ("mount", "from", "digest", "ns", "n", "last", "artifactType", "_berth")
TWICE = ("{0}=a&{0}=b", "{0}=a&{0}=a", "{0}&{0}", "{0}=&{0}=a", "{0}=a&x=y&{0}=b", "{0}=a&&{0}=b", "{0}=a&{1}=b", "{1}=a&{1}=b", "{0}=a&{0}", "{0}=a&{2}=b")


def cases() -> list[Case]:
    queries = Class("queries")
    mounts(queries)
    digests(queries)
    namespaces(queries)
    for name in SINGLE:
        first = f"%{ord(name[0]):02x}{name[1:]}"
        every = "".join(f"%{ord(letter):02X}" for letter in name)
        for form in TWICE:
            query = form.format(name, first, every)
            queries.denied(f"twice, {query}", text(f"POST {UPLOADS}?{query} HTTP/1.1"), 400)
            queries.denied(f"twice for a manifest, {query}", text(f"GET {MANIFEST}?{query} HTTP/1.1"), 400)
    for query in ("x=1;from=secret/app", "mount=x;from=y", ";", "n=1;n=2", "x;y"):
        queries.denied(f"semicolon, {query}", text(f"POST {UPLOADS}?{query} HTTP/1.1"), 400)
    for query in (f"mount={DIGEST}&from=team/base#x", "x#&mount=x", "#", "x=y#"):
        queries.denied(f"fragment, {query}", text(f"POST {UPLOADS}?{query} HTTP/1.1"), 400)
    # Parameters that decide nothing are forwarded byte for byte.
    for query in ("x=y", "x", "x=%0d%0aX:%20y", "x=%00", "x=%2e%2e%2f", "x=../../secret", "%=%", "x=%zz", "x=1&x=2", "&&", "=", "x==y", "x=a+b", "x=%C3%A9", "x=" + "y" * 8000, "a[b]=c", "x=<>", "/../../secret", "//x",
                  "https://x/", "x=\\", "MOUNT=a&FROM=b", "Mount=a", "mount[]=a", "mount.=a", "xmount=a", "%00mount=a", "mount%00=a", "mo%75nt%20=a", "ｍ".encode().decode("latin-1").replace("\xef", "%ef").replace("\xbd", "%bd").replace("\x8d", "%8d")):  # fmt: skip
        queries.forwarded(f"as it is, {query}", text(f"GET {MANIFEST}?{query} HTTP/1.1"), "GET", f"{MANIFEST}?{query}")
        queries.forwarded(f"as it is for an upload, {query}", text(f"POST {UPLOADS}?{query} HTTP/1.1"), "POST", f"{UPLOADS}?{query}")
    many = "&".join(f"x{n}={n}" for n in range(5_000))
    queries.add("5,000 parameters", text(f"GET {MANIFEST}?{many[:31_000]} HTTP/1.1"), Own((400, 414, 431)))
    queries.rejected("a query of 40,000 bytes", text(f"GET {MANIFEST}?{'x' * 40_000} HTTP/1.1"), 414, 431)
    for target in (f"{MANIFEST}?x=a b", f"{MANIFEST}?x=\x00", f"{MANIFEST}?x=\xe9", f"{MANIFEST}?x=\t", f"{MANIFEST}?x=\x7f"):
        queries.rejected(f"no target, {target[-20:]!r}", text(f"GET {target} HTTP/1.1"))
    lists(queries)
    return queries.cases


def mounts(queries: Class) -> None:
    def mount(query: str) -> str:
        return text(f"POST {UPLOADS}?{query} HTTP/1.1")

    wanted = f"{UPLOADS}?mount={DIGEST}&from=team/base"
    for query in (f"mount={DIGEST}&from=team/base", f"from=team/base&mount={DIGEST}", f"mount={DIGEST}&from=team%2fbase", f"mount={DIGEST}&fr%6fm=te%61m/base"):
        queries.forwarded(f"mount, {query[-30:]}", mount(query), "POST", wanted)
    for source in FORBIDDEN:
        queries.forwarded(f"mount from {source!r}", mount(f"mount={DIGEST}&from={source}"), "POST", UPLOADS)
        queries.forwarded(f"mount from {source!r}, first", mount(f"fr%6Fm={source}&m%6Funt={DIGEST}"), "POST", UPLOADS)
    for digest in NO_DIGESTS:
        queries.forwarded(f"mount of {digest!r}", mount(f"mount={digest}&from=team/base"), "POST", UPLOADS)
        queries.forwarded(f"mount of another's {digest!r}", mount(f"mount={digest}&from=secret/app"), "POST", UPLOADS)
    for query in (f"mount={DIGEST}", "mount", "mount="):
        queries.forwarded(f"mount without a source, {query}", mount(query), "POST", UPLOADS)
    # A source without a mount has no effect and is not forwarded.
    for query in ("from=secret/app", "from=team/base", "from"):
        queries.forwarded(f"source without a mount, {query}", mount(query), "POST", UPLOADS)


def digests(queries: Class) -> None:
    def finish(query: str) -> str:
        return text(f"PUT {SESSION}?{query} HTTP/1.1", f"Content-Length: {len(HELLO)}", body=HELLO)

    target = f"{SESSION}?digest={DIGEST}"
    queries.forwarded("end of an upload", finish(f"digest={DIGEST}"), "PUT", target, body=HELLO)
    for digest in NO_DIGESTS:
        queries.denied(f"end of an upload, {digest!r}", finish(f"digest={digest}"), 400)
    for query in ("", "x=y", "Digest=" + DIGEST, "digest[]=" + DIGEST):
        queries.denied(f"end of an upload without a digest, {query!r}", finish(query), 400)
    # Berth's own parameter is not forwarded, whatever its value, and whatever a client appends to it.
    for state in ("0", "5", "5s", "x", "", "-1", "999999999999999999", "9" * 19, "9" * 4000, "5ss", "s", "%35", "5%00", "0x5"):
        for mark in "&?":
            queries.forwarded(f"state {state!r} {mark}", finish(f"_berth={state}{mark}digest={DIGEST}"), "PUT", target, body=HELLO, may_reject=state.endswith("s"))
        data = text(f"PATCH {SESSION}?_berth={state} HTTP/1.1", "Content-Length: 5", body=HELLO)
        queries.forwarded(f"state {state!r} of a chunk", data, "PATCH", SESSION, body=HELLO, may_reject=state.endswith("s"))
    queries.forwarded("state by another spelling", finish(f"%5fberth=5&digest={DIGEST}"), "PUT", target, body=HELLO)
    data = text(f"POST {UPLOADS}?digest={DIGEST} HTTP/1.1", f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED)
    opened = (("POST", UPLOADS), ("PUT", f"{UPLOADS}opened?digest={DIGEST}"))
    queries.add("a blob in one request", data, Forwarded("PUT", opened[1][1], body=SMUGGLED), asks=opened)
    for digest in NO_DIGESTS:
        queries.denied(f"a blob in one request, {digest!r}", data.replace(DIGEST, digest), 400)


def namespaces(queries: Class) -> None:
    def get(query: str, *lines: str) -> str:
        return text(f"GET {MANIFEST}?{query} HTTP/1.1", *lines)

    for query in (f"ns={OTHER_NAMESPACE}", f"n%73={OTHER_NAMESPACE}", f"ns=%6dirror.test", f"ns={OTHER_NAMESPACE}&"):
        queries.forwarded(f"namespace, {query}", get(query), "GET", MIRRORED)
    for value in ("docker.io", "", OTHER_NAMESPACE + "%00", OTHER_NAMESPACE + "%20", "+" + OTHER_NAMESPACE, OTHER_NAMESPACE + "/", "x" + OTHER_NAMESPACE, "../" + OTHER_NAMESPACE, "http://169.254.169.254/", "127.0.0.1:1", "%0d%0aX:y", "x" * 4000):
        queries.forwarded(f"namespace {value!r}", get(f"ns={value}"), "GET", MANIFEST)
    queries.forwarded("namespace in a field", get("x=y", f"ns: {OTHER_NAMESPACE}"), "GET", f"{MANIFEST}?x=y", f"ns: {OTHER_NAMESPACE}")
    queries.denied("namespace does not open another's", text(f"GET /v2/secret/app/manifests/v1?ns={OTHER_NAMESPACE} HTTP/1.1"), 403)
    queries.denied("namespace in the path", text(f"GET {MANIFEST}%3fns={OTHER_NAMESPACE} HTTP/1.1"), 400, 404)
    for target in (BLOB, MANIFEST):
        queries.forwarded(f"other parameters stay, {target}", text(f"HEAD {target}?a=b&ns=docker.io&c=d HTTP/1.1"), "HEAD", f"{target}?a=b&c=d")


def lists(queries: Class) -> None:
    """Berth builds the requests for lists itself."""
    tags, catalog = f"/v2/{REPOSITORY}/tags/list", "/v2/_catalog"
    for path in (tags, catalog):
        own = (("GET", f"{path}?n=1000"),)
        for query in ("", "n=1", "n=0", "n=" + "9" * 18, "n=" + "9" * 100, "n=0000000000000000000001", "x=y", "x=%0d%0a", "n=1&x=../secret"):
            target = f"{path}?{query}" if query else path
            queries.add(f"list {path[-9:]}, {query}", text(f"GET {target} HTTP/1.1"), Own((200,)), asks=own)
        for value in ("-1", "+1", "x", "1.5", "1e3", "0x10", "%31%00", "1%20", "1,2", "NaN"):
            queries.denied(f"list {path[-9:]}, n={value}", text(f"GET {path}?n={value} HTTP/1.1"), 400)
    for login in (CI,):
        queries.denied("list of another's", text("GET /v2/secret/app/tags/list HTTP/1.1", login=login), 403)
    assert GET
