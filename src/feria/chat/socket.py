"""The chat's place in the application: all of Socket.IO is under one path."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from feria.chat.connections import SENDABLE, Deed, Sockets
from feria.chat.protocol import MAX_PACKET
from feria.web.bare import BodyLimit, part

PATH = "/socket.io/"


class SocketIO:
    """ASGI middleware that answers under `PATH`. `events` are what clients may send."""

    def __init__(self, app: ASGIApp, events: Mapping[str, Deed]) -> None:
        self._app = app
        self._events = events
        self._limited = BodyLimit(self._answer, body_bytes=MAX_PACKET, upload_bytes=MAX_PACKET)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope["path"] in {PATH, PATH[:-1]}:
            await self._limited({**scope, SENDABLE: self._events}, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        sockets: Sockets = part(scope, Sockets)
        await sockets.handle(scope, receive, send)
