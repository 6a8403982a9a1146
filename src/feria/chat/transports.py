"""The few lines of chat that touch uvicorn's inside, held by tests/chat/test_transports.py.

A broadcast is the same bytes for everybody, so it is made once and written to each member's transport.
uvicorn hands applications a coroutine for each message instead, and keeps the transport to itself.
"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

TRANSPORT = "feria.transport"
"""The ASGI extension under which a WebSocket's scope has its transport."""


class OpenSockets(WebSocketsSansIOProtocol):
    """uvicorn's WebSockets, which also show their transport to the application.

    Whole frames may be written to it at any time, since uvicorn too writes whole frames only; without
    compression (`ws_per_message_deflate=False`), which would keep a state that they pass by.
    """

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:  # the application has not run yet
            self.scope["extensions"][TRANSPORT] = self.transport  # type: ignore[assignment]


def transport_of(scope: Any) -> asyncio.Transport | None:
    """Nothing on other servers, which send through the application."""
    found: asyncio.Transport | None = (scope.get("extensions") or {}).get(TRANSPORT)
    return found


def text_frame(text: str) -> bytes:
    """A message of a server to its client: RFC 6455, 5.2, whole and unmasked."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65_536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)


def close_frame(code: int, reason: str) -> bytes:
    """RFC 6455, 5.5.1; the reason takes at most 123 bytes."""
    payload = code.to_bytes(2, "big") + reason.encode()[:123]
    return b"\x88%c%b" % (len(payload), payload)
