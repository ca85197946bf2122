"""Credentials: one login counts, it is never forwarded, and without one nothing is served."""

from __future__ import annotations

from base64 import b64encode

from harness.gateway import PASSWORD
from harness.wire import basic
from hostile.case import (BLOB, CI, DIGEST, GET, HELLO, MANIFEST, PATCH, POST, PUT, READER, REPOSITORY, SESSION, SMUGGLED, UPLOADS, Case,
                          Class, Own, text)  # fmt: skip


def login(text: str) -> str:
    return "Basic " + b64encode(text.encode("latin-1")).decode()


TOKEN = CI.removeprefix("Basic ")
BAD_LOGINS = (
    "", "Basic", "Basic ", "basic", f"Basic{TOKEN}", f"Basic:{TOKEN}", f"Basic={TOKEN}", f"Basic,{TOKEN}", f"Basic {TOKEN}, Basic {TOKEN}", f"Basic {TOKEN},", f"Basic {TOKEN} x", f"Basic {TOKEN}\xe9", f"Basic {TOKEN};",
    f"Basic {TOKEN}=", f"Basic ={TOKEN}", f"Basic {TOKEN}%00", f'Basic "{TOKEN}"', f"Bearer {TOKEN}", "Bearer", "Bearer x", "Bearer eyJhbGciOiJub25lIn0.e30.", f"Digest username=ci, response={TOKEN}", "Negotiate YII=", "NTLM TlRM",
    f"AWS4-HMAC-SHA256 Credential={TOKEN}", f"token {TOKEN}", TOKEN, f"Basic Basic {TOKEN}", "Basic %%%", "Basic ====", "Basic YQ", "Basic Og==", "Basic Ojo=", f"Basic {TOKEN[:-4]}", f"Basic {TOKEN.lower()}", f"BasicX {TOKEN}", "null",
    login("ci"), login("ci:"), login(":" + PASSWORD), login("ci\x00:" + PASSWORD), login("ci:" + PASSWORD + "\x00"), login("ci:" + PASSWORD + "\n"),
    login("ci:" + PASSWORD + " "), login(" ci:" + PASSWORD), login("CI:" + PASSWORD), login("ci:" + PASSWORD.upper()), login("ci:" + PASSWORD + "\x00" + "x"),
    login("ci::" + PASSWORD), login("reader:x"), login("\xc3\xa9:\xff"), login("AWS:" + PASSWORD), login("ci:" + "x" * 20_000), login("u" * 20_000 + ":x"), f"Basic {'A' * 30_000}",
    login("$6$:$6$"), login("*:*"), login("../ci:" + PASSWORD), login("anonymous:"),
)  # fmt: skip
GOOD_LOGINS = (CI, f"basic {TOKEN}", f"BASIC {TOKEN}", f"bAsIc {TOKEN}", f"  Basic {TOKEN}  ")


def cases() -> list[Case]:
    logins = Class("logins")
    for value in BAD_LOGINS:
        logins.denied(repr(value), text(GET, f"Authorization: {value}", login=None), 400, 401)
    for value in GOOD_LOGINS:
        logins.forwarded(f"good {value!r}", text(GET, f"authorization:{value}", login=None), "GET", MANIFEST)
    for one, two in ((CI, CI), (CI, READER), (READER, CI), (CI, ""), ("", CI), (CI, "Bearer x"), ("Bearer x", CI), (basic("ci", "x"), CI), (CI, basic("ci", "x"))):
        data = text(PUT, f"Authorization: {two}", "Content-Length: 5", body=HELLO, login=one)
        logins.denied(f"two, {one[-6:]!r} and {two[-6:]!r}", data, 400)
        logins.denied(f"two for a ping, {one[-6:]!r} and {two[-6:]!r}", text("GET /v2/ HTTP/1.1", f"authorization: {two}", login=one), 400)
    for line in (f"Proxy-Authorization: {CI}", f"X-Authorization: {CI}", f"Authorization-: {CI}", f"Cookie: Authorization={CI}", f"WWW-Authenticate: {CI}", f"X-Registry-Auth: {TOKEN}", f"X-Amz-Security-Token: {TOKEN}", "X-Forwarded-User: ci", "Remote-User: ci", "From: ci"):
        logins.denied(f"none but {line}", text(GET, line, login=None), 401)
    for target in (f"{MANIFEST}?Authorization={TOKEN}", f"{MANIFEST}?access_token={TOKEN}", f"{MANIFEST}?account=ci&password={TOKEN}", f"{MANIFEST}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0"):
        logins.denied(f"none but in the query, {target[len(MANIFEST):][:14]}", text(f"GET {target} HTTP/1.1", login=None), 401)
    for method, target in (("GET", "/v2/"), ("HEAD", "/v2/"), ("GET", "/v2/_catalog"), ("GET", MANIFEST), ("HEAD", MANIFEST), ("GET", BLOB), ("HEAD", BLOB), ("POST", UPLOADS), ("PATCH", SESSION), ("PUT", MANIFEST),
                           ("DELETE", MANIFEST), ("DELETE", BLOB), ("GET", SESSION), ("DELETE", SESSION), ("GET", f"/v2/{REPOSITORY}/tags/list"), ("GET", f"/v2/{REPOSITORY}/referrers/{DIGEST}")):  # fmt: skip
        logins.denied(f"none for {method} {target}", text(f"{method} {target} HTTP/1.1", login=None), 401, method=method)
    # A user who may pull may not push, whatever the request claims to be.
    size = f"Content-Length: {len(SMUGGLED)}"
    for start in (PUT, PATCH, POST, f"PUT {SESSION}?digest={DIGEST} HTTP/1.1", f"POST {UPLOADS}?digest={DIGEST} HTTP/1.1", f"POST {UPLOADS}?mount={DIGEST}&from={REPOSITORY} HTTP/1.1"):
        for line in ("X: y", "X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Method-Override: GET", "Connection: authorization"):
            data = text(start, line, login=READER)
            logins.denied(f"a reader's {start[:4]} {start[len(start) - 30 :]}, {line}", data, 400, 403)
        logins.denied(f"a reader's {start[:4]} {start[len(start) - 30 :]}, with a request in it", text(start, size, body=SMUGGLED, login=READER), 400, 403)
    for target in (MANIFEST, BLOB):
        logins.denied(f"a reader's DELETE of {target}", text(f"DELETE {target} HTTP/1.1", login=READER), 403)
    logins.forwarded("a reader's pull", text(GET, login=READER), "GET", MANIFEST)
    logins.add("a ping", text("GET /v2/ HTTP/1.1"), Own((200,)))
    return logins.cases
