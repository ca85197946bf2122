"""The upstream of all proxies: nginx over TLS with blobs, a manifest, the storage that blobs are redirected to, a sink for uploads; an ECR API."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.address import Address
from harness.processes import Program
from harness.tls import Authority
from harness.wire import request
from ports import free_port
from process_figures import with_children
from sink import Sink

ACCOUNT = "123456789012"
REGION = "eu-west-1"
REGISTRY_HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
STORAGE_HOST = f"prod-{REGION}-starport-layer-bucket.s3.{REGION}.amazonaws.com"
TOKEN = base64.b64encode(b"AWS:" + b"x" * 2000).decode()  # the size of ECR's tokens (ECR 2.1)
QUERY = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + "0" * 64
REPOSITORY = "bench/app"
MANIFEST = f"/v2/{REPOSITORY}/manifests/v####"  # of each connection its own
MANIFEST_SIZE = 2_700
UPLOAD = f"/v2/{REPOSITORY}/blobs/uploads/6f3c1d1e-0000-4000-8000-000000000000?digest=sha256:{'0' * 64}"
GIB = 1 << 30

NGINX = """\
worker_processes auto;
daemon off;
user root; # else the workers of a root master are nobody, who may not enter the directory
pid {directory}/upstream.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    large_client_header_buffers 8 64k;
    client_body_buffer_size 256k;
    open_file_cache max=100;
    server_names_hash_bucket_size 128;
    output_buffers 4 256k;
    {temporary}
    root {directory}/files;
    ssl_certificate {certificate.certificate};
    ssl_certificate_key {certificate.key};
    ssl_session_cache shared:upstream:1m;
    server {{
        listen {authority} ssl reuseport;
        location = /v2/ {{ return 200 "{{}}"; }}
        location ~ /manifests/ {{ default_type application/vnd.oci.image.manifest.v1+json; try_files /manifest =404; }}
        location ~ /blobs/sha256:f(\\d+)$ {{ return 307 https://{storage}/0$1?{query}; }}
        location ~ /blobs/sha256:(\\d+)$ {{ default_type application/octet-stream; try_files /$1 =404; }}
        location ~ /blobs/sha256:([0-9a-f]+)$ {{ default_type application/octet-stream; try_files /$1 =404; }}
        location ~ /blobs/uploads/ {{
            proxy_pass http://unix:{directory}/sink.sock;
            proxy_http_version 1.1;
            proxy_request_buffering off;
        }}
    }}
    server {{
        listen {authority} ssl;
        server_name {storage};
        location / {{ default_type application/octet-stream; }}
    }}
    server {{
        listen {counter};
        location / {{ stub_status; }}
    }}
}}
"""


def nginx_temporary(directory: Path) -> str:
    """nginx requires five directories that it can write to, even if it never does."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)


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
    def __init__(self, directory: Path, authority: Authority) -> None:
        self.address = Address("127.0.0.1", free_port(), authority.certificate)
        self.counter = Address("127.0.0.1", free_port())
        self.files = directory / "files"
        self.files.mkdir()
        manifest = os.urandom(MANIFEST_SIZE // 2).hex().encode()
        (self.files / "manifest").write_bytes(manifest)
        self.held_manifest = f"/v2/{REPOSITORY}/manifests/sha256:{hashlib.sha256(manifest).hexdigest()}"
        self._contents: dict[int, str] = {}
        Sink(directory / "sink.sock").start()
        self.certificate = authority.issue("upstream", f"DNS:{REGISTRY_HOST},DNS:{STORAGE_HOST}")
        configuration = directory / "upstream.conf"
        configuration.write_text(
            NGINX.format(
                directory=directory,
                temporary=nginx_temporary(directory),
                authority=self.address.authority,
                counter=self.counter.authority,
                certificate=self.certificate,
                storage=STORAGE_HOST,
                query=QUERY,
            )
        )
        self.program = Program("upstream", ["nginx", "-c", configuration, "-p", directory], directory)
        self.program.wait_ready(self.address.accepts)
        self.api = ThreadingHTTPServer(("127.0.0.1", 0), TokenResponse)
        threading.Thread(target=self.api.serve_forever, daemon=True).start()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api.server_port}"

    def blob(self, size: int, redirected: bool = False) -> str:
        """The target of a blob of this size, which the registry serves itself or redirects to its storage."""
        name = f"{size:064d}"
        if not (self.files / name).exists():
            with (self.files / name).open("wb") as file:
                file.truncate(size)  # sparse: takes no space on disk
        return f"/v2/{REPOSITORY}/blobs/sha256:{'f' + name[1:] if redirected else name}"

    def file(self, size: int) -> Path:
        """What a client uploads."""
        self.blob(size)
        return self.files / f"{size:064d}"

    def content(self, size: int) -> str:
        """The target of a blob of this size that has the digest of its bytes, as a cache requires."""
        if size not in self._contents:
            with self.file(size).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            (self.files / digest).hardlink_to(self.file(size))
            self._contents[size] = f"/v2/{REPOSITORY}/blobs/sha256:{digest}"
        return self._contents[size]

    def requests(self) -> int:
        """How many it has had, with this one."""
        counts = request(self.counter, "GET", "/").body.split(b"\n")[2]
        return int(counts.split()[2])

    def pids(self) -> list[int]:
        return with_children(self.program.pid)

    def stop(self) -> None:
        self.api.shutdown()
        self.program.stop()
