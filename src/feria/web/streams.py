"""Answers that take their time: server-sent events, and callers who may not wait for the end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, TypeVar

import msgspec
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

T = TypeVar("T")

EVENT_STREAM = "text/event-stream"
SIGN_OF_LIFE = 15.0
"""Seconds of silence after which a stream says that it is still there, for proxies between us."""

EVENTS_CONTENT = {
    EVENT_STREAM: {
        "schema": {
            "type": "object",
            "description": "Each event.",
            "required": ["event", "data"],
            "properties": {
                "event": {"type": "string"},
                "data": {"type": "string", "contentMediaType": "application/json"},
            },
        }
    }
}
"""For the description of a route that answers with events."""


def event(name: str, data: Any, number: int | None = None) -> bytes:
    """One server-sent event with JSON data (WHATWG HTML, 9.2), and `number` for an id where it has one."""
    said = b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
    return said if number is None else f"id: {number}\n".encode() + said


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """Answer with events. When the caller hangs up, `events` is closed."""
    return StreamingResponse(
        _with_signs_of_life(events), media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"}
    )


async def _with_signs_of_life(events: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    coming: asyncio.Future[bytes] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            if not (await asyncio.wait([coming], timeout=SIGN_OF_LIFE))[0]:
                yield b": still here\n\n"
                continue
            arrived, coming = coming, None
            try:
                yield arrived.result()
            except StopAsyncIteration:
                return
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait([coming])
        await events.aclose()  # type: ignore[attr-defined]


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Wait for `work`, and cancel it when the caller hangs up; the body must have been read.

    Raises `ClientDisconnect`, to which nobody hears the answer.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        for future in (working, leaving):
            future.cancel()
        await asyncio.wait([working, leaving])


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
