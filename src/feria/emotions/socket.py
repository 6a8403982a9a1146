"""Expressions as they are asked for, over a WebSocket."""

import asyncio
import contextlib

from fastapi import APIRouter, Depends, WebSocket
from starlette.exceptions import WebSocketException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from feria.access.exposure import is_locked
from feria.access.keeper import Keeper
from feria.access.lasting import until_revoked
from feria.access.limits import neighbourhood
from feria.access.needs import permit
from feria.access.wire import Permission
from feria.emotions.emotions import Emotions
from feria.emotions.streams import Stream
from feria.errors import NotAllowed
from feria.settings import Settings
from feria.web.draining import Draining
from feria.web.parts import Part

router = APIRouter()

PATHS = ("/", "/v1/emotions/stream")
"""Where streams are, with the one of `compat.visionai`."""

GOING_AWAY = 1001
TRY_AGAIN_LATER = 1013
REVOKED = 1008


async def _may(connection: HTTPConnection) -> None:
    if connection.scope["state"]["caller"] is not None:  # else the door has let a guest in
        try:
            permit(connection.scope, Permission.predict)
        except NotAllowed as refused:
            raise WebSocketException(1008, refused.message) from None


_may.permission = Permission.predict  # type: ignore[attr-defined]
may_stream = Depends(_may)
"""For who may predict, and for guests where the node takes them."""


@router.websocket("/v1/emotions/stream", dependencies=[may_stream])
async def stream(
    socket: WebSocket,
    emotions: Part[Emotions],
    draining: Part[Draining],
    keeper: Part[Keeper],
    settings: Part[Settings],
) -> None:
    """`{"command": "predict", "image": Base64}` or the bytes of a picture, answered with
    `{"type": "prediction", "emotion_name": …, "confidence": …}`; more commands and what may come beside them
    stand in [read expressions](../how-to/read-expressions.md). Nothing is kept unless it is allowed."""
    await converse(socket, emotions, draining, keeper if is_locked(settings) else None, verbatim=False)


async def converse(
    socket: WebSocket, emotions: Emotions, draining: Draining, keeper: Keeper | None, *, verbatim: bool
) -> None:
    """One connection from its welcome to its end. With a keeper it ends when its token does."""
    await socket.accept()
    if emotions.full or emotions.leaving or draining.begun:
        await socket.close(TRY_AGAIN_LATER, "No stream can be opened now; try again in a moment.")
        return
    guest = None
    if socket.scope["state"]["caller"] is None:
        guest, keeper = neighbourhood(socket.client.host if socket.client else ""), None
    stream = Stream(emotions, verbatim=verbatim, guest=guest)
    with emotions.joined(stream):
        ends = {asyncio.ensure_future(_hear(socket, stream)), asyncio.ensure_future(_tell(socket, stream))}
        revoked = None if keeper is None else asyncio.ensure_future(until_revoked(socket, keeper))
        if revoked is not None:
            ends.add(revoked)
        try:
            ended, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.wait(ends)
    if ended == {revoked}:
        await socket.close(REVOKED, "Your token or session has ended.")


async def _hear(socket: WebSocket, stream: Stream) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            await stream.hear(message["bytes"] if text is None else text)


async def _tell(socket: WebSocket, stream: Stream) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        await socket.send_text(stream.welcome())
        while (said := await stream.out.next()) is not None:
            await socket.send_text(said)
        await socket.close(GOING_AWAY)
