"""nginx, tuned: kept upstream connections, TLS sessions reused, large buffers, full TLS records. No copies on disk, but for its cache."""

from __future__ import annotations

from ports import free_port
from proxies import Peer, Surroundings
from upstream import REGISTRY_HOST, STORAGE_HOST, TOKEN, nginx_temporary

# `Connection ""` is in the location itself: a proxy_set_header there discards all inherited ones, and nginx would then open a TLS
# connection for each request and look six times slower than it is.
CONFIGURATION = """\
worker_processes 1;
daemon off;
user root; # else the workers of a root master are nobody, who may not enter the directory
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log {access_log};
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    tcp_nodelay on;
    client_max_body_size 0;
    client_body_buffer_size 256k;
    large_client_header_buffers 4 32k;
    {temporary}
    ssl_certificate {certificate.certificate};
    ssl_certificate_key {certificate.key};
    ssl_session_cache shared:clients:10m;
    ssl_buffer_size 16k;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; # as Berth prefers: 3 to 5% cheaper than the default
    proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    {cache}
    proxy_buffer_size 16k;
    proxy_buffers 16 256k;
    proxy_busy_buffers_size 512k;
    proxy_ssl_server_name on;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate {ca};
    proxy_ssl_session_reuse on;
    upstream registry {{ server {upstream}; keepalive 1024; keepalive_requests 100000000; keepalive_timeout 600s; }}
    upstream {storage} {{ server {upstream}; keepalive 1024; keepalive_requests 100000000; keepalive_timeout 600s; }}
    server {{
        listen 127.0.0.1:{plain} backlog=4096;
        listen 127.0.0.1:{tls} ssl backlog=4096;
        location / {{
            proxy_pass https://registry;
            proxy_set_header Host {host};
            proxy_set_header Connection "";
            proxy_set_header Authorization "Basic {token}";
            proxy_ssl_name {host};
        }}
        # The cheapest for a blob. For a manifest it costs a sixth more than the buffers above.
        location ~ /blobs/sha256: {{
            proxy_pass https://registry;
            proxy_set_header Host {host};
            proxy_set_header Connection "";
            proxy_set_header Authorization "Basic {token}";
            proxy_ssl_name {host};
            {blobs}
        }}
        location @storage {{
            set $location $upstream_http_location;
            proxy_pass $location;
            proxy_set_header Host {storage};
            proxy_set_header Connection "";
            proxy_set_header Authorization "";
            proxy_ssl_name {storage};
            proxy_buffering off;
            proxy_buffer_size 128k;
        }}
    }}
}}
"""

RELAYED = """\
proxy_buffering off;
            proxy_buffer_size 128k;
            proxy_intercept_errors on;
            error_page 307 = @storage;
"""

# A hit is opened once, and leaves by sendfile(2) or in full records. One process has the cache: nothing is locked.
CACHE = """\
proxy_cache_path {directory} levels=1:2 keys_zone=contents:10m max_size=16g inactive=1d use_temp_path=off;
    proxy_cache contents;
    proxy_cache_key $uri;
    proxy_cache_valid 200 1d;
    open_file_cache max=1000 inactive=1d;
    open_file_cache_valid 1d;
    sendfile on;
    tcp_nopush on;
    output_buffers 4 256k;
"""


def start_nginx(around: Surroundings) -> Peer:
    plain, tls = free_port(), free_port()
    directory = around.directory
    configuration = directory / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            directory=directory,
            temporary=nginx_temporary(directory),
            cache=CACHE.format(directory=around.cache) if around.cache else "",
            blobs="" if around.cache else RELAYED,
            access_log=f"{directory}/access.log combined buffer=64k flush=1s" if around.access_log else "off",
            certificate=around.certificate,
            upstream=around.upstream.address.authority,
            plain=plain,
            tls=tls,
            host=REGISTRY_HOST,
            storage=STORAGE_HOST,
            token=TOKEN,
            ca=around.ca,
        )
    )
    return Peer("nginx", ["nginx", "-c", configuration, "-p", directory], around, (plain, tls))
