"""A worker's way to nodes: signed requests over connections that are kept, one a thread and node."""

import http.client
import ssl
import threading
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from feria.access.signatures import signed
from feria.clock import Clock
from feria.errors import Corrupt, FeriaError, Invalid, Unavailable, revive

ANSWER_SECONDS = 30.0
PIECE = 2**20


class Link:
    def __init__(self, key: bytes, clock: Clock, ca: Path | None = None) -> None:
        """`ca` is a file of certificates, PEM; none are the system's."""
        self._key = key
        self._clock = clock
        self._ca = ca
        self._threads = threading.local()
        self._open: set[http.client.HTTPConnection] = set()

    def close(self) -> None:
        """Nobody asks any more."""
        for connection in list(self._open):
            connection.close()

    def ask(
        self, node: str, method: str, path: str, body: bytes = b"", *, seconds: float = ANSWER_SECONDS
    ) -> tuple[int, bytes]:
        """Status and body of what a node answers.

        Raises the `FeriaError` it refuses with, and `Unavailable` when it does not answer.
        """
        answer = self._send(node, method, path, body, seconds)
        try:
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._drop(node)
            raise Unavailable(f"{node} stopped in the middle of an answer: {error}.") from None
        if answer.status >= 400:
            raise _refusal(answer.status, content)
        return answer.status, content

    def fetch(self, node: str, path: str, target: Path, size: int) -> None:
        """Write what a node has there to `target`. Raises as `ask` does, and `Corrupt` for another size."""
        answer = self._send(node, "GET", path, b"", ANSWER_SECONDS)
        if answer.status >= 400:
            raise _refusal(answer.status, answer.read())
        try:
            with target.open("wb") as file:
                while piece := answer.read(PIECE):
                    file.write(piece)
                got = file.tell()
        except http.client.HTTPException as error:
            self._drop(node)
            raise Unavailable(f"{node} stopped in the middle of a file: {error}.") from None
        if got != size:
            self._drop(node)
            raise Corrupt(f"{node} sent {got} bytes of {size}.")

    def _send(
        self, node: str, method: str, path: str, body: bytes, seconds: float
    ) -> http.client.HTTPResponse:
        headers = signed(self._key, self._clock.now(), path, body)
        if body:
            headers["Content-Type"] = "application/json"
        kept = self._connections().get(node)
        try:
            connection = kept or self._connect(node)
            if connection.sock is not None:
                connection.sock.settimeout(seconds)
            try:
                connection.request(method, path, body, headers)
                return connection.getresponse()
            except (http.client.HTTPException, OSError):
                if kept is None:
                    raise
                # The node lets a connection go that nobody used for a while; that it was, one sees here.
                self._drop(node)
                connection = self._connect(node)
                connection.request(method, path, body, headers)
                return connection.getresponse()
        except (http.client.HTTPException, OSError) as error:
            self._drop(node)
            raise Unavailable(f"{node} does not answer: {error or type(error).__name__}.") from None

    def _connections(self) -> dict[str, http.client.HTTPConnection]:
        held: dict[str, http.client.HTTPConnection] | None = getattr(self._threads, "held", None)
        if held is None:
            held = self._threads.held = {}
        return held

    def _connect(self, node: str) -> http.client.HTTPConnection:
        place = _place(node)
        assert place.hostname is not None
        if place.scheme == "https":
            trusted = ssl.create_default_context(cafile=self._ca)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                place.hostname, place.port, timeout=ANSWER_SECONDS, context=trusted
            )
        else:
            connection = http.client.HTTPConnection(place.hostname, place.port, timeout=ANSWER_SECONDS)
        self._connections()[node] = connection
        self._open.add(connection)
        return connection

    def _drop(self, node: str) -> None:
        connection = self._connections().pop(node, None)
        if connection is not None:
            connection.close()
            self._open.discard(connection)


def _place(node: str) -> SplitResult:
    try:
        place = urlsplit(node)
        known = place.scheme in {"http", "https"} and place.hostname and (place.port or True)
    except ValueError:
        known = False
    if not known:
        raise Invalid(f"{node[:200]!r} is no address of a node.")
    return place


def _refusal(status: int, content: bytes) -> FeriaError:
    try:
        told = msgspec.json.decode(content, type=dict)
        code, detail = str(told.pop("error")), str(told.pop("detail"))
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError):
        return Unavailable(f"The node answers with status {status}.")
    return revive(code, detail, told)
