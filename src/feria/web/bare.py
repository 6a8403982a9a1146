"""Hot paths without the framework: plain ASGI for routes whose work is shorter than its machinery.

FastAPI costs five to six times a bare route per request. A bare route takes the scope and answers; it
still speaks the house's errors.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feria.errors import FeriaError, TooLarge
from feria.web import replies

JSON = [(b"content-type", b"application/json")]
WHOLE = "feria.response.whole"
"""An ASGI extension of our own server: the start of a response may carry its whole body, and both then
leave in one write. Two cost more than a row's prediction does."""


class Gone(Exception):
    """The caller hung up; there is nobody to answer."""


Handler = Callable[[Scope, Receive, Send, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BareRoute:
    """Answers `method prefix{name}suffix`, and hands what stands there for a name to the handler.

    That holds no slash and is not empty, unless the route is `deep`. Without a `name` the path is the prefix.
    """

    method: str
    prefix: str
    suffix: str
    handler: Handler
    name: str | None = "name"
    deep: bool = False

    @property
    def path(self) -> str:
        """As a framework route would write it."""
        return self.prefix if self.name is None else f"{self.prefix}{{{self.name}}}{self.suffix}"

    def named_in(self, path: str) -> str | None:
        """What the path has for a name, or nothing when it is not of this route."""
        if self.name is None:
            return "" if path == self.prefix else None
        if not path.startswith(self.prefix) or not path.endswith(self.suffix):
            return None
        name = path[len(self.prefix) : len(path) - len(self.suffix)]
        return name if self.deep or (name and "/" not in name) else None


class BareRoutes:
    """ASGI middleware that answers its own routes and passes everything else on."""

    def __init__(self, app: ASGIApp, routes: Sequence[BareRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path, method = scope["path"], scope["method"]
            others = []
            for route in self._routes:
                name = route.named_in(path)
                if name is None:
                    continue
                if method != route.method:
                    others.append(route.method)
                    continue
                scope["route"] = route
                try:
                    await route.handler(scope, receive, send, name)
                except Gone:
                    pass
                except Exception as error:
                    await _refuse(scope, send, error)
                return
            if others:
                await _refuse_method(scope, send, others)
                return
        await self._app(scope, receive, send)


async def _refuse(scope: Scope, send: Send, error: Exception) -> None:
    ours = replies.known(error)
    scope["state"]["error"] = ours.code
    said = msgspec.json.encode(replies.body(ours))
    more = replies.headers(ours)
    if isinstance(ours, TooLarge):
        more["Connection"] = "close"  # what has not been read would otherwise be, to find the next request
    await send_json(scope, send, said, replies.STATUS[ours.code], more)


async def _refuse_method(scope: Scope, send: Send, others: Sequence[str]) -> None:
    scope["state"]["error"] = code = "method_not_allowed"  # as the framework says it
    said = msgspec.json.encode({"error": code, "detail": "Method Not Allowed"})
    await send_json(scope, send, said, 405, {"Allow": ", ".join(others)})


def part(scope: Scope, kind: type) -> Any:
    """What `Part[X]` is to a framework route."""
    return scope["state"]["parts"][kind]


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises `TooLarge` beyond `limit` bytes and `Gone` when the caller hangs up."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= limit:
        return body
    chunks, size = [body], len(body)
    while message.get("more_body", False) and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if size > limit:
        raise too_large(limit)
    return b"".join(chunks)


def too_large(limit: int) -> FeriaError:
    return TooLarge(f"The body is larger than the {limit / 2**20:g} MiB this node takes.", limit=limit)


async def send_json(
    scope: Scope, send: Send, body: bytes, status: int = 200, extra: dict[str, str] | None = None
) -> None:
    headers = [*JSON, (b"content-length", str(len(body)).encode())]
    headers += [(k.lower().encode(), v.encode()) for k, v in (extra or {}).items()]
    start = {"type": "http.response.start", "status": status, "headers": headers}
    if WHOLE in scope.get("extensions", ()):
        start["body"] = body
        await send(start)
    else:
        await send(start)
        await send({"type": "http.response.body", "body": body})


async def send_bytes(scope: Scope, send: Send, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Answer 200 with these bytes; `headers` say what they are."""
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [*headers, (b"content-length", b"%d" % len(body))],
    }
    if WHOLE in scope.get("extensions", ()):
        start["body"] = body
        await send(start)
    else:
        await send(start)
        await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of that lower-case name, or nothing."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


class BodyLimit:
    """ASGI middleware: no body grows beyond its limit, announced or not.

    Uploads (`multipart/form-data`), which go to disk, have a limit of their own. What is too large is
    answered with 413 at once, and the application sees its caller hang up.
    """

    def __init__(self, app: ASGIApp, *, body_bytes: int, upload_bytes: int) -> None:
        self._app = app
        self._body_bytes = body_bytes
        self._upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = header(scope, b"content-type").startswith(b"multipart/form-data")
        limit = self._upload_bytes if upload else self._body_bytes
        announced = header(scope, b"content-length")
        if announced.isdigit() and int(announced) > limit:
            await self._refuse(scope, send, limit)
            return
        taken, refused = 0, False

        async def counted() -> Message:
            nonlocal taken, refused
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit and not refused:
                refused = True
                await self._refuse(scope, send, limit)
            return {"type": "http.disconnect"} if refused else message

        async def unless_refused(message: Message) -> None:
            if not refused:
                await send(message)

        await self._app(scope, counted, unless_refused)

    async def _refuse(self, scope: Scope, send: Send, limit: int) -> None:
        error = too_large(limit)
        scope["state"]["error"] = error.code
        await send_json(
            scope,
            send,
            msgspec.json.encode(replies.body(error)),
            replies.STATUS[error.code],
            {"Connection": "close"},
        )
