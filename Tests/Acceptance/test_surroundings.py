"""What is around Berth breaks: clients get an answer they can retry on, the log says why, and Berth recovers by itself."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from pathlib import Path

from conftest import REPOSITORY, StartGateway
from harness.address import Address, free_port
from harness.gateway import Gateway
from harness.sandbox import Sandbox
from harness.tls import Authority
from harness.wire import Answer, basic, names_nothing_inside, request

MANIFEST = f"/v2/{REPOSITORY}/manifests/v1"


def pull(gateway: Gateway) -> Answer:
    return request(gateway.plain, "GET", MANIFEST, authorization=basic(gateway.username, gateway.password))


def unavailable(gateway: Gateway, answer: Answer, statuses: tuple[int, ...]) -> None:
    assert answer.status in statuses, answer
    assert answer.code == "UNAVAILABLE"
    assert int(answer.fields["retry-after"]) >= 1
    names_nothing_inside(answer)
    assert int(gateway.access_line(answer)["status"]) == answer.status


def test_an_upstream_that_is_down(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    connect_to = sandbox.facts["connect_to"] | {f"{sandbox.registry_host}:443": f"127.0.0.1:{free_port()}"}
    gateway = start_gateway(sandbox, connect_to=connect_to)
    answer = pull(gateway)
    unavailable(gateway, answer, (502, 503))


class OtherServer:
    """A TLS server that Berth trusts, but whose certificate is for another name; it records whether anything was said to it."""

    def __init__(self, authority: Authority) -> None:
        certificate = authority.issue("other", "DNS:other.example.test")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.2)
        self.address = Address("127.0.0.1", self.listener.getsockname()[1])
        self.heard = b""
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(context,))
        self.thread.start()

    def _serve(self, context: ssl.SSLContext) -> None:
        while not self.ended.is_set():
            try:
                raw, _ = self.listener.accept()
            except OSError:
                continue
            try:
                with context.wrap_socket(raw, server_side=True) as stream:
                    stream.settimeout(1)
                    self.heard += stream.recv(4096)
            except OSError:
                pass

    def stop(self) -> None:
        self.ended.set()
        self.thread.join()
        self.listener.close()


def test_an_upstream_certificate_of_another_name(
    sandbox: Sandbox, start_gateway: StartGateway, authority: Authority, own_directory: Path
) -> None:
    both = own_directory / "both.crt"
    both.write_bytes(sandbox.ca.read_bytes() + authority.certificate.read_bytes())
    server = OtherServer(authority)
    try:
        connect_to = sandbox.facts["connect_to"] | {f"{sandbox.registry_host}:443": server.address.authority}
        gateway = start_gateway(sandbox, connect_to=connect_to, ca_file=str(both))
        answer = pull(gateway)
        unavailable(gateway, answer, (502, 503))
        assert re.search(r"certificate", gateway.program.err, re.IGNORECASE), "the log does not say what was wrong"
    finally:
        server.stop()
    assert server.heard == b"", "the token was sent to a server of another name"


def test_aws_refusing_the_keys(sandbox: Sandbox, start_gateway: StartGateway) -> None:
    gateway = start_gateway(sandbox, environment={"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"})
    answer = pull(gateway)
    unavailable(gateway, answer, (503,))
    assert gateway.ready().status == 503
    assert b"main" in gateway.ready().body
    assert request(gateway.admin, "GET", "/healthz").status == 200
    assert re.search(r"InvalidSignature|UnrecognizedClient|SignatureDoesNotMatch", gateway.program.err), "the log does not say why"


def test_keys_that_work_again_make_it_ready(own_sandbox: Sandbox, start_gateway: StartGateway) -> None:
    own_sandbox.deny_credentials(True)
    gateway = start_gateway(own_sandbox)
    assert gateway.ready().status == 503
    own_sandbox.deny_credentials(False)
    gateway.wait_until_ready()
