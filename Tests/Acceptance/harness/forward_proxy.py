"""A forward proxy as in closed networks: CONNECT to names that only the proxy can resolve."""

from __future__ import annotations

import base64
import select
import socket
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

from harness.sandbox import Sandbox

LOGIN = "proxy user:p@ss"


class ForwardProxy(ThreadingTCPServer):
    """In front of a sandbox, whose names only the proxy can resolve."""

    daemon_threads = True

    def __init__(self, sandbox: Sandbox, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.names, self.status = dict(sandbox.facts["connect_to"]), status
        bucket = next(name for name in self.names if name.startswith("*.s3."))
        self.names[f"prod-{sandbox.facts['region']}-starport-layer-bucket{bucket[1:]}"] = self.names.pop(bucket)
        self.asked: list[str] = []
        self.thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://proxy%20user:p%40ss@127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(StreamRequestHandler):
    server: ForwardProxy

    def handle(self) -> None:
        _, target, _ = self.rfile.readline().decode().split(" ")
        fields = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(": ")
            fields[name.lower()] = value
        self.server.asked.append(target)
        if fields.get("proxy-authorization") != "Basic " + base64.b64encode(LOGIN.encode()).decode():
            return self._say("407 Proxy Authentication Required")
        if self.server.status != 200 or target not in self.server.names:
            return self._say(f"{max(self.server.status, 400)} Refused")
        host, _, port = self.server.names[target].rpartition(":")
        with socket.create_connection((host, int(port))) as far:
            self._say("200 Connection established")
            ends = {self.connection: far, far: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    if not (data := end.recv(65536)):
                        return
                    ends[end].sendall(data)

    def _say(self, status: str) -> None:
        self.wfile.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
