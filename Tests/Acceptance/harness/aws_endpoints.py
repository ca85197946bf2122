"""STS, single sign-on, container and instance endpoints of a fake AWS on one port. Each returns keys named after the caller and the request, so that
two programs can be compared by the access key that they end up with."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

END = "2999-01-01T00:00:00Z"


class Endpoints(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self._read()
        match self._service():
            case "imds" | "imds-roleless": self._text("session")
            case "imds-old": self._text("", 404)
            case _: self._text("", 400)

    def do_POST(self) -> None:
        form = {name: values[0] for name, values in parse_qs(self._read()).items()}
        role = form.get("RoleArn", "").rpartition("/")[2]
        signed = self.headers.get("Authorization", "")
        by = signed.partition("Credential=")[2].partition("/")[0] or "nobody"
        action = form.get("Action", "")
        if role == "denied":
            return self._text(
                '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>'
                "<Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>", 403)
        self._text(
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
            f"<AccessKeyId>AS-{role}-{form.get('ExternalId', '')}-by-{by}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>{END}</Expiration></Credentials></{action}Result></{action}Response>")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        keys = {"AccessKeyId": "ASCONTAINER", "SecretAccessKey": "s", "Token": "t", "Expiration": END}
        match self._service():
            case "container" if url.path.endswith("/token") and self.headers.get("Authorization") != "agent":
                self._text("no", 401)
            case "container": self._text(json.dumps(keys))
            case "broken": self._text("<html>")
            case "imds" if self.headers.get("X-aws-ec2-metadata-token") != "session": self._text("", 401)
            case "imds" | "imds-old" if url.path.endswith("/security-credentials/"): self._text("node")
            case "imds" | "imds-old":
                self._text(json.dumps(keys | {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASINSTANCE", "LastUpdated": END}))
            case "imds-roleless": self._text("", 404)
            case "sso" if self.headers.get("x-amz-sso_bearer_token") == "bearer":
                grant = parse_qs(url.query)
                key = f"ASSSO-{grant['role_name'][0]}-{grant['account_id'][0]}"
                self._text(json.dumps({"roleCredentials": {
                    "accessKeyId": key, "secretAccessKey": "s", "sessionToken": "t", "expiration": 32472144000000}}))
            case "sso": self._text('{"message":"Session token not found or invalid","__type":"UnauthorizedException"}', 401)
            case _: self._text("", 404)

    def _service(self) -> str:
        """The first segment of the path names the endpoint."""
        return urlsplit(self.path).path.split("/")[1]

    def _read(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def _text(self, text: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/xml" if "<" in text else "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


class AWSEndpoints:
    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoints)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
