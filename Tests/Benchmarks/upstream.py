"""The upstream of all proxies: nginx over TLS with a large blob and a manifest, a sink for uploads, and an ECR API for Berth."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.address import Address, free_port
from harness.processes import Program
from harness.tls import Authority

ACCOUNT = "123456789012"
REGION = "eu-west-1"
REGISTRY_HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
TOKEN = base64.b64encode(b"AWS:" + b"x" * 2000).decode()  # the size of ECR's tokens (ECR 2.1)
REPOSITORY = "bench/app"
DIGEST = "sha256:" + "0" * 64
BLOB = f"/v2/{REPOSITORY}/blobs/{DIGEST}"
MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"
UPLOAD = f"/v2/{REPOSITORY}/blobs/uploads/6f3c1d1e-0000-4000-8000-000000000000?digest={DIGEST}"
MANIFEST_SIZE = 2_700
GIB = 1 << 30

NGINX = """\
worker_processes 1;
daemon off;
user root; # else the workers of a root master are nobody, who may not enter the directory
pid {directory}/upstream.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_max_body_size 0;
    {temporary}
    server {{
        listen {authority} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location = /v2/ {{ return 200 "{{}}"; }}
        location {manifest} {{ default_type application/vnd.oci.image.manifest.v1+json; alias {directory}/manifest; }}
        location {blob} {{ default_type application/octet-stream; output_buffers 4 256k; alias {directory}/blob; }}
        location ~ /blobs/uploads/ {{
            proxy_pass http://unix:{directory}/sink.sock;
            proxy_http_version 1.1;
            proxy_request_buffering off;
        }}
    }}
}}
"""


def nginx_temporary(directory: Path) -> str:
    """nginx requires five directories that it can write to, even if it never does."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)


class Sink(threading.Thread):
    """Reads and discards uploads; responds 201. It is in this process for all proxies alike."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()

    def run(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._swallow, args=(connection,), daemon=True).start()

    def _swallow(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb", buffering=0) as stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += stream.read(1 << 16) or b"\r\n\r\n"
            head, _, body = head.partition(b"\r\n\r\n")
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
            buffer = bytearray(1 << 20)
            left = length - len(body)
            while left > 0 and (count := connection.recv_into(buffer)):
                left -= count
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class TokenResponse(BaseHTTPRequestHandler):
    """GetAuthorizationToken (ECR 2.1), for any caller."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        data = {"authorizationToken": TOKEN, "expiresAt": time.time() + 43_200, "proxyEndpoint": f"https://{REGISTRY_HOST}"}
        body = json.dumps({"authorizationData": [data]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Upstream:
    def __init__(self, directory: Path, authority: Authority, gib: float) -> None:
        self.address = Address("127.0.0.1", free_port(), authority.certificate)
        self.size = int(gib * GIB)
        with (directory / "blob").open("wb") as blob:
            blob.truncate(self.size)  # sparse: takes no space on disk
        (directory / "manifest").write_bytes(os.urandom(MANIFEST_SIZE // 2).hex().encode())
        certificate = authority.issue("upstream", f"DNS:{REGISTRY_HOST}")
        Sink(directory / "sink.sock").start()
        configuration = directory / "upstream.conf"
        configuration.write_text(
            NGINX.format(
                directory=directory,
                temporary=nginx_temporary(directory),
                authority=self.address.authority,
                certificate=certificate.certificate,
                key=certificate.key,
                manifest=MANIFEST,
                blob=BLOB,
            )
        )
        self.program = Program("upstream", ["nginx", "-c", configuration, "-p", directory], directory)
        self.program.wait_ready(self.address.accepts)
        self.api = ThreadingHTTPServer(("127.0.0.1", 0), TokenResponse)
        threading.Thread(target=self.api.serve_forever, daemon=True).start()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api.server_port}"

    def stop(self) -> None:
        self.api.shutdown()
        self.program.stop()
