"""The compared proxies, each with one worker, a plain and a TLS listener, verified TLS to the upstream and an access log.

Berth checks the login and rules of every request; the others add a fixed Authorization to every request.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from harness.address import Address, free_port
from harness.gateway import Gateway
from harness.processes import Program
from harness.tls import Certificate
from upstream import REGION, REGISTRY_HOST, TOKEN, Upstream, nginx_temporary

TICKS = os.sysconf("SC_CLK_TCK")


class Proxy(Protocol):
    name: str
    plain: Address
    tls: Address

    def pids(self) -> list[int]: ...
    def stop(self) -> None: ...


def cpu_seconds(proxy: Proxy) -> float:
    """User and system time of all threads of the proxy's processes."""
    total = 0
    for pid in proxy.pids():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def with_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


class Peer:
    """A proxy with one configuration file that contains its ports."""

    def __init__(self, name: str, argv: list[str | Path], directory: Path, ca: Path, ports: tuple[int, int]) -> None:
        self.name = name
        self.plain = Address("127.0.0.1", ports[0])
        self.tls = Address("127.0.0.1", ports[1], ca)
        self.program = Program(name, argv, directory)
        self.program.wait_ready(lambda: self.plain.accepts() and self.tls.accepts())

    def pids(self) -> list[int]:
        return with_children(self.program.pid)

    def stop(self) -> None:
        self.program.stop()


# `Connection ""` is in the location itself: a proxy_set_header there discards all inherited ones, and nginx would then open a TLS
# connection for each request and look six times slower than it is.
NGINX = """\
worker_processes 1;
daemon off;
user root; # else the workers of a root master are nobody, who may not enter the directory
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log {directory}/nginx.access;
    keepalive_requests 1000000;
    client_max_body_size 0;
    client_body_buffer_size 256k;
    {temporary}
    ssl_certificate {certificate.certificate};
    ssl_certificate_key {certificate.key};
    ssl_buffer_size 16k;
    upstream registry {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl;
        location / {{
            proxy_pass https://registry;
            proxy_http_version 1.1;
            proxy_set_header Host {host};
            proxy_set_header Connection "";
            proxy_set_header Authorization "Basic {token}";
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
            proxy_buffer_size 16k;
            proxy_buffers 16 256k;
            proxy_busy_buffers_size 512k;
            proxy_ssl_name {host};
            proxy_ssl_server_name on;
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {ca};
            proxy_ssl_session_reuse on;
        }}
    }}
}}
"""


def start_nginx(directory: Path, upstream: Upstream, certificate: Certificate, ca: Path) -> Peer:
    plain, tls = free_port(), free_port()
    configuration = directory / "nginx.conf"
    configuration.write_text(
        NGINX.format(
            directory=directory,
            temporary=nginx_temporary(directory),
            certificate=certificate,
            upstream=upstream.address.authority,
            plain=plain,
            tls=tls,
            host=REGISTRY_HOST,
            token=TOKEN,
            ca=ca,
        )
    )
    return Peer("nginx", ["nginx", "-c", configuration, "-p", directory], directory, ca, (plain, tls))


HAPROXY = """\
global
    nbthread 1
    log stdout format raw daemon info
    tune.bufsize 32768
    tune.maxrewrite 8192
    tune.ssl.default-dh-param 2048
defaults
    mode http
    log global
    option httplog
    http-reuse always
    timeout connect 5s
    timeout client 75s
    timeout server 120s
frontend registry
    bind 127.0.0.1:{plain}
    bind 127.0.0.1:{tls} ssl crt {pem} alpn http/1.1
    default_backend ecr
backend ecr
    http-request set-header Host {host}
    http-request set-header Authorization "Basic {token}"
    server ecr {upstream} ssl verify required ca-file {ca} sni str({host}) verifyhost {host} alpn http/1.1
"""


def start_haproxy(directory: Path, upstream: Upstream, certificate: Certificate, ca: Path) -> Peer:
    plain, tls = free_port(), free_port()
    pem = directory / "haproxy.pem"
    pem.write_bytes(certificate.certificate.read_bytes() + certificate.key.read_bytes())
    configuration = directory / "haproxy.cfg"
    configuration.write_text(
        HAPROXY.format(plain=plain, tls=tls, pem=pem, host=REGISTRY_HOST, token=TOKEN, upstream=upstream.address.authority, ca=ca)
    )
    return Peer("haproxy", ["haproxy", "-f", configuration], directory, ca, (plain, tls))


class Berth:
    name = "berth"

    def __init__(self, berth: Path, directory: Path, upstream: Upstream, certificate: Certificate, ca: Path) -> None:
        configuration = {
            "upstreams": [{"name": "main", "registry": REGISTRY_HOST, "credentials": {"source": "environment"}}],
            "connect_to": {f"{REGISTRY_HOST}:443": upstream.address.authority},
            "ca_file": str(ca),
            "workers": 1,
        }
        environment = {
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_ECR": upstream.api_url,
        }
        self.gateway = Gateway(berth, directory / "berth", configuration, environment, certificate, ca)
        self.gateway.wait_until_ready()
        self.plain, self.tls = self.gateway.plain, self.gateway.tls

    def pids(self) -> list[int]:
        return [self.gateway.program.pid]

    def stop(self) -> None:
        self.gateway.program.stop()
