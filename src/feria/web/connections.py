"""One caller's connection, and what it may cost before its request is whole.

uvicorn bounds neither the size of a request's head, nor the time it takes to arrive, nor how many requests
a caller sends ahead of their answers. What is refused here never reached the application, so it is
answered here, in the house's form, and the connection is closed.

The time of a head runs from its first byte, or from when the connection was opened, and is one allowance for
all of it. In a body every byte begins it anew, and it stands still while the node does not read. A request
that comes in one piece, as nearly all do, is touched by no timer.
"""

import asyncio
import resource
from functools import partial
from http import HTTPStatus
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from feria.errors import Busy
from feria.settings import WebSettings
from feria.web.bare import WHOLE

PIPELINED = 64
"""Requests that one caller may send ahead of their answers."""
OWN_FILES = 256
"""Open files that the node itself may need: databases, models, uploads, processes."""
CLOSE = (b"connection", b"close")
EXTENSIONS: dict[str, dict[object, object]] = {WHOLE: {}}
TURNED_AWAY_SECONDS = 1.0
"""How long a connection beyond the last that fits may take to ask; it is answered when it does."""


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits."""

    def __init__(self, web: WebSettings, max_connections: int, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._max_head = web.max_header_kib * 1024
        self._patience = web.read_seconds
        self._max_connections = max_connections
        self._one_too_many = False
        self._head = 0  # bytes received while a head was not whole; what came before it in a piece included
        self._head_began_within = 0  # of these, the piece its first byte was in
        self._deadline = 0.0
        self._clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._max_connections:
            # Answered now, the words might be lost: a caller who still writes then meets a closed door.
            self._one_too_many = True
            self._patience = min(self._patience, TURNED_AWAY_SECONDS)
        self._give_time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._one_too_many:
            said = "This node holds as many connections as it takes."
            self._refuse(503, said, error=Busy.code, retry_after="1")
            return
        scope = self.scope
        self._head += len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._stop_clock()
                self.handle_websocket_upgrade()
                return
        except httptools.HttpParserError:
            self._refuse(400, "This is not HTTP/1.1.")
        cycle = self.cycle
        if cycle is None or cycle.scope is not self.scope:
            self._head_goes_on(began=self.scope is not scope)
            return
        self._head = 0
        if cycle.more_body:
            self._give_time()
            return
        if self._clock is not None:
            self._stop_clock()
        if cycle.response_complete:  # blank lines after an answer
            self._give_time()

    def on_headers_complete(self) -> None:
        if self._head > self._max_head and self._size_of_head() > self._max_head:
            self._refuse_head()
            raise _Refused
        if len(self.pipeline) >= PIPELINED:
            self._hang_up()
            raise _Refused
        super().on_headers_complete()
        cycle = self.cycle
        if cycle is not None and cycle.scope is self.scope:  # or else it is a WebSocket's
            self.scope["extensions"] = EXTENSIONS
            # uvicorn leaves no other place to say it; nothing of it has run yet.
            cycle.__class__ = _Cycle

    @property
    def _in_head(self) -> bool:
        """Whether what is awaited is a head, or the rest of one; otherwise it is a body."""
        return self.cycle is None or self.cycle.scope is not self.scope

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _head_goes_on(self, *, began: bool) -> None:
        if began:
            self._head_began_within = self._head
        elif self._head - self._head_began_within > self._max_head:
            self._refuse_head()
            return
        if began or self._clock is None:
            self._give_time()

    # ------------------------------------------------------------------------- time
    def _give_time(self) -> None:
        """Let the caller's time begin anew."""
        self._deadline = self.loop.time() + self._patience
        if self._clock is None and not self.transport.is_closing():
            self._clock = self.loop.call_later(self._patience / 4, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._clock = None
        now = self.loop.time()
        if not self._in_head and (self.flow.read_paused or self.cycle.waiting_for_100_continue):
            self._deadline = now + self._patience  # it is the node that keeps the caller waiting
        left = self._deadline - now
        if left > 0:
            self._clock = self.loop.call_later(min(left, self._patience / 4), self._look_at_clock)
        elif self._in_head and not self._head:
            self.transport.close()  # it never said a word, as browsers' spare connections do
        else:
            self._refuse(408, f"The rest of the request did not come within {self._patience:g} seconds.")

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    # --------------------------------------------------------------------- refusals
    def _refuse_head(self) -> None:
        self._refuse(431, f"The head of a request may take {self._max_head // 1024} KiB.")

    def _refuse(self, status: int, detail: str, error: str = "", **headers: str) -> None:
        """Say why, unless it would be taken for the answer to another request; and hang up."""
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if self._in_head:
            free = cycle is None or cycle.response_complete
        else:
            free = cycle.more_body and not cycle.response_started and not self.pipeline
        if free:
            self.transport.write(_answer(status, detail, error, headers))
        self._hang_up()

    def _hang_up(self) -> None:
        self._stop_clock()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # for the application, it was the caller who left
            self.cycle.message_event.set()
        self.transport.close()


class _Cycle(RequestResponseCycle):
    """uvicorn's request and its answer, whose start may carry its body (`feria.web.bare.WHOLE`)."""

    async def send(self, message: Any) -> None:
        if message["type"] != "http.response.start" or "body" not in message:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        lines = [STATUS_LINE[message["status"]]]
        headers = self.default_headers + message["headers"]
        if CLOSE in self.scope["headers"] and CLOSE not in headers:
            headers.append(CLOSE)
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        body = b"" if self.scope["method"] == "HEAD" else message["body"]
        self.transport.write(b"".join((*lines, b"\r\n", body)))
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.message_event.set()
        if CLOSE in headers:
            self.keep_alive = False
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class _Refused(Exception):
    """Ends the parsing of what was sent."""


def _answer(status: int, detail: str, error: str, headers: dict[str, str]) -> bytes:
    code = error or HTTPStatus(status).phrase.lower().replace(" ", "_")
    body = msgspec.json.encode({"error": code, "detail": detail})
    headers |= {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return b"".join((STATUS_LINE[status], lines.encode(), b"\r\n", body))


def connections(web: WebSettings) -> partial[Connection]:
    """What uvicorn makes a connection with; as many at once as there may be open files."""
    files = _raise_file_limit(web.max_connections + OWN_FILES)
    return partial(Connection, web, min(web.max_connections, max(files - OWN_FILES, files // 2)))


def _raise_file_limit(wanted: int) -> int:
    """Towards what is wanted, as far as this process may; returns what it has then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
