"""Whether those who are connected may still be: tokens end, and operators decide."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from feria.access.keeper import Keeper
from feria.access.wire import LOCAL
from feria.chat.broadcast import event
from feria.chat.chat import Chat
from feria.chat.connections import Connection, Sockets
from feria.chat.moderation import BAN, EVERYWHERE
from feria.chat.protocol import Json
from feria.clock import Clock
from feria.errors import FeriaError, NotAllowed, NotSignedIn
from feria.events.bus import EventBus
from feria.web import replies

ASK_AGAIN_SECONDS = 5.0


class Guard:
    def __init__(self, sockets: Sockets, keeper: Keeper, clock: Clock) -> None:
        self._sockets = sockets
        self._keeper = keeper
        self._clock = clock
        sockets.chat.feed.when_judged(self.judge)

    async def judge(self) -> None:
        """Do with those who are connected as operators decided."""
        if not self._sockets.connections:
            return
        held = await self._sockets.chat.held()
        self._sockets.muted = {one.person for one in held if one.room_id == EVERYWHERE}
        banned = {(one.person, one.room_id) for one in held if one.kind == BAN}
        if not banned:
            return
        for connection in list(self._sockets.connections.values()):
            person = connection.person.id
            if (person, EVERYWHERE) in banned:
                said = replies.frame(NotAllowed("You are banned from the chat."))
                connection.listener.send(event("refused", Json.dumps(said)))
                await self._sockets.protocol.hang_up(connection.sid)
                continue
            for room_id in [id for id in connection.rooms if (person, id) in banned]:
                said = {
                    "room": connection.rooms[room_id].name,
                    "error": "not_allowed",
                    "detail": "You are banned.",
                }
                self._sockets.take_out(connection, room_id)
                connection.listener.send(event("removed", Json.dumps(said)))

    async def keep_asking(self) -> None:
        """The door let them in once; whether it still would is asked again and again."""
        while True:
            await self._clock.sleep(ASK_AGAIN_SECONDS)
            for connection in list(self._sockets.connections.values()):
                if connection.person.role != "guest" and not await self._is_still_let_in(connection):
                    said = replies.frame(NotSignedIn("Your token or session has ended."))
                    connection.listener.send(event("refused", Json.dumps(said)))
                    await self._sockets.protocol.hang_up(connection.sid)

    async def _is_still_let_in(self, connection: Connection) -> bool:
        if connection.person.id == LOCAL.subject:
            return True
        try:
            if connection.token is not None:
                await self._keeper.holder(connection.token.strip(), connection.address)
                return True
            return (
                await self._keeper.admit(connection.headers, connection.scheme, connection.address)
                is not None
            )
        except NotSignedIn:
            return False
        except FeriaError:
            return True  # it could not be found out


@contextlib.asynccontextmanager
async def open_sockets(chat: Chat, keeper: Keeper, bus: EventBus, clock: Clock) -> AsyncGenerator[Sockets]:
    sockets = Sockets(chat, keeper, clock)
    guard = Guard(sockets, keeper, clock)
    beside = [
        asyncio.create_task(sockets.hang_up_when_told(bus)),
        asyncio.create_task(guard.keep_asking()),
    ]
    try:
        yield sockets
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        await sockets.close()
