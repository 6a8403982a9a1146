"""The door of a hub that takes invitations, over TLS, and can fail in the ways that a hub fails.

It keeps the bytes it was sent.
"""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cli.certificates import Files, self_signed
from feria.federation.invitation import REDEEM, Invitation, Redemption

NODE = "18446744073709551615"


class Hub:
    def __init__(self, url: str, certificate: Files) -> None:
        self.url = url
        self.ca = certificate.certificate.read_text()
        self.heard: list[bytes] = []
        """Requests as they came."""
        self.keys: dict[str, str] = {}
        """Of stores that joined, by token."""
        self.revoked: set[str] = set()
        self.fault: str | int | None = None
        """`silent` and `cut` after it took the token, `html`, or a status."""

    def invitation(self, token: str = "one-time-token-of-a-store", **more: Any) -> Invitation:
        return Invitation(
            **{
                "name": "Hospital Barcelona",
                "hub": self.url,
                "superlink": "localhost:9092",
                "ca": self.ca,
                "token": token,
                "expires": datetime.now(UTC) + timedelta(days=1),
                **more,
            }
        )

    def redeem(self, body: bytes) -> tuple[int, dict[str, str]]:
        if isinstance(self.fault, int):
            return self.fault, {"error": "some", "detail": "The hub's own words."}
        told = Redemption.model_validate_json(body)
        if told.token in self.revoked or self.keys.setdefault(told.token, told.public_key) != told.public_key:
            return 403, {"error": "not_allowed", "detail": "This invitation is not taken."}
        return 201, {"name": "Hospital de Barcelona", "node_id": NODE, "superlink": "localhost:9093"}


@contextlib.contextmanager
def open_hub(folder: Path, host: str = "127.0.0.1") -> Iterator[Hub]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hub.heard.append(f"{self.requestline}\n{self.headers}".encode() + body)
            status, said = hub.redeem(body) if self.path == REDEEM else (404, {})
            answer = b"<html>Welcome</html>" if hub.fault == "html" else json.dumps(said).encode()
            self.close_connection = True
            if hub.fault == "silent":
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer[:10] if hub.fault == "cut" else answer)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A caller that did not trust the certificate has left."""

    certificate = self_signed(folder, "hub")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.certificate, certificate.key)
    with Server((host, 0), Door) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        hub = Hub(f"https://localhost:{server.server_address[1]}", certificate)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield hub
        finally:
            server.shutdown()
            serving.join()
