"""An HTTP server whose behaviour depends on the path. Prints its port. Ends on SIGTERM, or with the process that started it.

    python3 http-client-peer.py [CERTIFICATE KEY]
"""
import os
import signal
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Peer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def respond(self):
        path = self.path.split("?")[0]
        if path == "/slow":
            time.sleep(5)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path == "/echo":
            head = f"{self.command} {self.path} Host={self.headers['Host']} Length={self.headers['Content-Length']}"
            head += f" Type={self.headers['Content-Type']} Expect={self.headers['Expect']} X={self.headers['X-Test']!r} "
            body = head.encode() + body
        elif path == "/large":
            body = b"x" * ((1 << 20) + 1)
        elif path == "/full":
            body = b"x" * (1 << 20)
        else:
            body = b"fine"
        self.send_response(302 if path == "/away" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Peer", "  two   words ")
        if path == "/away":
            self.send_header("Location", "/ok")
        if path == "/many":
            for number in range(80):
                self.send_header(f"X-{number}", "y" * 1000)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = respond


ThreadingHTTPServer.request_queue_size = 128  # the default of 5 drops connections made at once
server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
server.daemon_threads = True
if len(sys.argv) > 2:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the thread that started it blocks all signals
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.5)
