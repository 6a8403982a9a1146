"""Everybody comes in here: who asks is found out before anything else answers."""

from starlette.types import ASGIApp, Receive, Scope, Send

from feria.access.wire import LOCAL


class Door:
    """ASGI middleware, the outermost of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope["state"]["caller"] = LOCAL
        await self._app(scope, receive, send)
