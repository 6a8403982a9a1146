"""An ASGI application opened in this process, and httpx speaking to it without a socket.

httpx's own ASGITransport hands an answer over once it is whole; here its pieces come as they are sent,
so that a command sees progress, and an answer nobody reads any longer is cancelled.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from feria.errors import Unavailable

Message = MutableMapping[str, Any]
App = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[Message]],
        Callable[[Message], Awaitable[None]],
    ],
    Awaitable[None],
]
ASGI = {"version": "3.0", "spec_version": "2.3"}


@contextlib.asynccontextmanager
async def opened(app: App) -> AsyncGenerator[dict[str, Any]]:
    """Run the application's lifespan, and yield the state that each of its requests is given.

    Raises what the application raises while it starts or stops.
    """
    state: dict[str, Any] = {}
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": ASGI, "state": state}

    async def live() -> None:
        await app(scope, to_app.get, from_app.put)

    async def until(event: str) -> None:
        to_app.put_nowait({"type": f"lifespan.{event}"})
        said = asyncio.ensure_future(from_app.get())
        try:
            await asyncio.wait({said, life}, return_when=asyncio.FIRST_COMPLETED)
            if said.done() and said.result()["type"] == f"lifespan.{event}.complete":
                return
            await life  # raises what went wrong
            raise Unavailable(f"The node failed at {event}.")
        finally:
            said.cancel()

    life = asyncio.ensure_future(live())
    try:
        await until("startup")
        try:
            yield state
        finally:
            await until("shutdown")
    finally:
        await _end(life)


class InProcess(httpx.AsyncBaseTransport):
    def __init__(self, app: App, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        exchange = _Exchange(request.stream)
        exchange.task = asyncio.ensure_future(_run(self._app, self._scope(request), exchange))
        try:
            start = await exchange.next()
        except BaseException:
            await exchange.aclose()
            raise
        return httpx.Response(
            start["status"], headers=start.get("headers", []), stream=exchange, request=request
        )

    def _scope(self, request: httpx.Request) -> dict[str, Any]:
        url = request.url
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(key.lower(), value) for key, value in request.headers.raw],
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 0),
            "state": self._state.copy(),
        }


class _Exchange(httpx.AsyncByteStream):
    """One request and its answer: `receive` and `send` to the application, a stream to httpx."""

    task: "asyncio.Future[None]"

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = aiter(body)
        self._sent_whole = False
        self._answer: asyncio.Queue[Message | None] = asyncio.Queue(maxsize=8)
        self._read_whole = False
        self._gone = asyncio.Event()

    async def receive(self) -> Message:
        if not self._sent_whole:
            piece = await anext(self._body, None)
            if piece is not None:
                return {"type": "http.request", "body": piece, "more_body": True}
            self._sent_whole = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._gone.is_set():
            await self._answer.put(message)

    async def end(self) -> None:
        if not self._gone.is_set():
            await self._answer.put(None)

    async def next(self) -> Message:
        message = await self._answer.get()
        if message is None:
            await self.task  # raises what went wrong
            raise httpx.RemoteProtocolError("The node ended without an answer.")
        return message

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self._read_whole:
            message = await self.next()
            self._read_whole = not message.get("more_body", False)
            yield message.get("body", b"")

    async def aclose(self) -> None:
        self._gone.set()
        if self._read_whole:  # it may still have something to put away
            await asyncio.wait({self.task})
        await _end(self.task)


async def _run(app: App, scope: dict[str, Any], exchange: _Exchange) -> None:
    try:
        await app(scope, exchange.receive, exchange.send)
    finally:
        await exchange.end()


async def _end(task: "asyncio.Future[None]") -> None:
    """Cancel what still runs. What it raises after its answer was read has nobody to hear it."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
