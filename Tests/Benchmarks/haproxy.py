"""HAProxy, tuned: one thread, buffers of 64 KiB, upstream connections shared by all clients."""

from __future__ import annotations

from ports import free_port
from proxies import Peer, Surroundings
from upstream import REGISTRY_HOST, TOKEN

CONFIGURATION = """\
global
    nbthread 1
    maxconn 8000
    {log_target}
    tune.bufsize 65536
    tune.maxrewrite 8192
    tune.ssl.default-dh-param 2048
    # As Berth prefers: 3 to 5% cheaper than the default.
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
    ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
defaults
    mode http
    {log}
    http-reuse always
    timeout connect 5s
    timeout client 600s
    timeout http-keep-alive 600s
    timeout server 600s
frontend registry
    bind 127.0.0.1:{plain} backlog 4096
    bind 127.0.0.1:{tls} ssl crt {pem} alpn http/1.1 backlog 4096
    default_backend ecr
backend ecr
    http-request set-header Host {host}
    http-request set-header Authorization "Basic {token}"
    server ecr {upstream} ssl verify required ca-file {ca} sni str({host}) verifyhost {host} alpn http/1.1
"""


def start_haproxy(around: Surroundings) -> Peer:
    plain, tls = free_port(), free_port()
    pem = around.directory / "haproxy.pem"
    pem.write_bytes(around.certificate.certificate.read_bytes() + around.certificate.key.read_bytes())
    configuration = around.directory / "haproxy.cfg"
    configuration.write_text(
        CONFIGURATION.format(
            log_target="log stdout format raw daemon info" if around.access_log else "",
            log="log global\n    option httplog" if around.access_log else "no log",
            plain=plain,
            tls=tls,
            pem=pem,
            host=REGISTRY_HOST,
            token=TOKEN,
            upstream=around.upstream.address.authority,
            ca=around.ca,
        )
    )
    return Peer("haproxy", ["haproxy", "-f", configuration], around, (plain, tls))
