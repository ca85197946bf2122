"""The C floor: floor.c, the least that a proxy can do for a pull, or for a hit."""

from __future__ import annotations

from pathlib import Path

from harness.processes import Word
from ports import free_port
from proxies import Peer, Surroundings
from upstream import REGISTRY_HOST, TOKEN


def start_floor(program: Path, around: Surroundings) -> Peer:
    plain, tls = free_port(), free_port()
    certificate = around.certificate
    argv: list[Word] = [program, str(plain), str(tls), certificate.certificate, certificate.key]
    argv += [str(around.upstream.address.port), around.ca, REGISTRY_HOST, TOKEN]
    if around.cache:
        argv.append(around.upstream.files)
    return Peer("floor", argv, around, (plain, tls))
