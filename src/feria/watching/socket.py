"""Events as they happen, over a WebSocket."""

import asyncio
import contextlib
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from feria.access.exposure import is_locked
from feria.access.keeper import Keeper
from feria.access.lasting import until_revoked
from feria.access.needs import Asking, needs
from feria.access.wire import Caller, Permission
from feria.errors import Invalid
from feria.events.bus import Event, EventBus, Missed, Subscription
from feria.settings import Settings
from feria.web import replies
from feria.web.parts import Part

router = APIRouter()

GOING_AWAY = 1001


@router.websocket("/v1/events", dependencies=[needs(Permission.watch)])
async def events(
    socket: WebSocket,
    caller: Asking,
    bus: Part[EventBus],
    keeper: Part[Keeper],
    settings: Part[Settings],
    topic: Annotated[list[str] | None, Query()] = None,
) -> None:
    """`{"type": "event", "topic": …, "data": …}` for each event on `topic`, which may be given more than
    once and may end in `*`; `{"type": "missed", "count": …}` where some were lost. What somebody owns is
    told to them and to administrators."""
    await socket.accept()
    try:
        async with bus.subscribe(*topic or ["*"]) as subscription:
            ends = {
                asyncio.ensure_future(_tell(socket, caller, subscription)),
                asyncio.ensure_future(_until_left(socket)),
            }
            revoked = asyncio.ensure_future(until_revoked(socket, keeper)) if is_locked(settings) else None
            if revoked is not None:
                ends.add(revoked)
            try:
                ended, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()
                await asyncio.wait(ends)
        if ended == {revoked}:
            await socket.close(1008, "Your token or session has ended.")
    except Invalid as error:
        await _send(socket, replies.frame(error))
        await socket.close(1008)


async def _tell(socket: WebSocket, caller: Caller, subscription: Subscription) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        async for said in subscription:
            match said:
                case Event(_, {"owner": str(owner)}) if not caller.owns(owner):
                    pass
                case Event(topic, data):
                    await _send(socket, {"type": "event", "topic": topic, "data": data})
                case Missed(count):
                    await _send(socket, {"type": "missed", "count": count})
        await socket.close(GOING_AWAY)  # the node is told to stop


async def _until_left(socket: WebSocket) -> None:
    """What the caller says is of no interest; that it hangs up is."""
    with contextlib.suppress(WebSocketDisconnect):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass


async def _send(socket: WebSocket, frame: dict[str, Any]) -> None:
    await socket.send_text(msgspec.json.encode(frame).decode())
