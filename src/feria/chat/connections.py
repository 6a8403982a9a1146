"""Who is connected to the chat, and what is done with what they send.

Every event is acknowledged with `{"status": "success", …}` or `{"status": "error", "error": code, "detail":
sentence}`; docs/how-to/chat.md lists them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from pydantic import BaseModel, ValidationError

from feria.access.keeper import Keeper
from feria.access.limits import RateLimit, neighbourhood, refuse_after
from feria.access.wire import LOCAL, Caller
from feria.chat.broadcast import Listener, event
from feria.chat.chat import Chat
from feria.chat.library import ConnectionRefused
from feria.chat.people import Person, holder
from feria.chat.protocol import Engine, Json, Protocol
from feria.chat.rooms import Place
from feria.chat.transports import transport_of
from feria.chat.wire import Greeting
from feria.clock import Clock
from feria.errors import Busy, FeriaError, Invalid, NotAllowed, NotSignedIn
from feria.events.bus import EventBus
from feria.web import replies

log = logging.getLogger(__name__)

AT_ONCE = 64
"""Events of one connection that are under way; more are read when these are done."""
EVENTS = 20
"""How many events of whatever kind one connection may send for each message that a person may."""
MOST_ROOMS = 200
"""That one connection listens to."""
ASK_AGAIN_SECONDS = 5.0
SENDABLE = "feria.chat.events"
"""In an ASGI scope, what this application takes."""
Scope = MutableMapping[str, Any]


@dataclass(slots=True, eq=False)
class Connection:
    """Somebody who is connected, by one tab."""

    sid: str
    person: Person
    listener: Listener
    address: str
    token: str | None
    headers: Mapping[bytes, bytes]
    scheme: str
    deeds: "Mapping[str, Deed]"
    hears_all: bool
    rooms: dict[int, Place] = field(default_factory=dict)
    under_way: int = 0
    fewer: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Deed:
    """What is done with an event. `kind` is what its argument is read as."""

    kind: type[BaseModel] | None
    run: "Callable[[Sockets, Connection, Any], Awaitable[Any]]"
    at_once: bool = False
    """Waits for nothing, so that it is done before the next packet is read."""


class Sockets:
    def __init__(self, chat: Chat, keeper: Keeper, clock: Clock) -> None:
        self.chat = chat
        self.connections: dict[str, Connection] = {}
        self.muted: set[str] = set()
        """Who may write nowhere."""
        self.protocol = Protocol(self)
        self._keeper = keeper
        rate = EVENTS * chat.settings.messages_per_second
        self._rate = RateLimit(rate, burst=max(1.0, 2 * rate), clock=clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def handle(self, scope: Scope, receive: Any, send: Any) -> None:
        """A request or a WebSocket of Socket.IO, as ASGI."""
        if scope["type"] == "websocket":
            asked = parse_qs(scope["query_string"].decode("latin-1"))
            engine = self.protocol.eio.sockets.get(asked.get("sid", [""])[0])
            if engine is not None and not engine.upgraded:
                self._came_over(engine, scope)
        await self.protocol.handle_request(scope, receive, send)

    # ------------------------------------------------------------------- coming and going
    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> Listener:
        scope: Scope = environ["asgi.scope"]
        if self._closed:
            raise ConnectionRefused("The node is stopping.", {"error": "unavailable"})
        try:
            greeting = Greeting.model_validate(auth or {})
            address = scope["client"][0] if scope.get("client") else ""
            person = await self._person(greeting, scope, address)
        except ValidationError as error:
            raise _refused(Invalid(replies.sentence(error.errors()))) from None  # type: ignore[arg-type]
        except FeriaError as error:
            raise _refused(error) from None
        engine: Engine = self.protocol.eio.sockets[self.protocol.manager.eio_sid_from_sid(sid, "/")]
        transport = transport_of(scope) if scope["type"] == "websocket" else None
        listener = Listener(engine, transport, self.chat.settings.slow_reader_kib * 1024)
        if engine.came_over is not None:
            listener.came_over(engine.came_over)
        self.connections[sid] = Connection(
            sid,
            person,
            listener,
            neighbourhood(address),
            greeting.token,
            scope["state"]["headers"],
            scope["scheme"],
            scope[SENDABLE],
            greeting.mensaje,
        )
        return listener

    async def connected(self, sid: str) -> None:
        connection = self.connections[sid]
        if connection.hears_all:
            self.chat.feed.everybody.add(sid, connection.listener)
        person = connection.person
        said = {"person": person.id, "nickname": person.nickname, "role": person.role}
        if person.role == "guest":
            said["guest"] = self.chat.guests.sign(person)
        connection.listener.send(event("welcome", Json.dumps(said)))

    async def disconnected(self, sid: str) -> None:
        connection = self.connections.pop(sid)
        self.chat.feed.everybody.listeners.pop(sid, None)
        for place in connection.rooms.values():
            self.chat.feed.leave(place.id, sid)
            self.chat.go(place, connection.person)
        connection.listener.left()

    async def _person(self, greeting: Greeting, scope: Scope, address: str) -> Person:
        caller: Caller | None = scope["state"]["caller"]
        if greeting.token is not None:
            caller = (await self._keeper.holder(greeting.token.strip(), address)).caller
        elif greeting.role == "guest" or (greeting.role is None and caller is LOCAL):
            caller = None
        if caller is not None:
            return holder(caller)
        if greeting.role == "member":
            raise NotSignedIn("Show a token to come in as somebody of the shop.")
        if not self.chat.settings.guests:
            raise NotSignedIn("This chat is for those who show a token.")
        if greeting.guest is None:
            return self.chat.guests.new(greeting.nickname)
        guest = self.chat.guests.read(greeting.guest)
        return guest if greeting.nickname is None else self.chat.guests.named(guest.id, greeting.nickname)

    def _came_over(self, engine: Engine, scope: Scope) -> None:
        transport = transport_of(scope)
        if transport is None:
            return
        engine.came_over = transport
        sid = self.protocol.manager.sid_from_eio_sid(engine.sid, "/")
        if (connection := self.connections.get(sid)) is not None:
            connection.listener.came_over(transport)

    # ------------------------------------------------------------------- events
    async def event(self, sid: str, number: int | None, said: list[Any]) -> None:
        connection = self.connections[sid]
        name, *arguments = said
        deed = connection.deeds.get(name)
        try:
            refuse_after(self._rate.take(sid), "You send too fast.")
            if deed is None:
                raise Invalid(f"There is no event {name[:40]!r} here.")
            order = arguments[0] if arguments else None
            if deed.kind is not None:
                order = deed.kind.model_validate({} if order is None else order)
        except ValidationError as error:
            self._answer(sid, number, Invalid(replies.sentence(error.errors())))  # type: ignore[arg-type]
            return
        except FeriaError as error:
            self._answer(sid, number, error)
            return
        if deed.at_once:
            await self._do(connection, deed, order, number)
            return
        while connection.under_way >= AT_ONCE:
            connection.fewer.clear()
            await connection.fewer.wait()
        connection.under_way += 1
        task = asyncio.create_task(self._do_beside(connection, deed, order, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do_beside(self, connection: Connection, deed: Deed, order: Any, number: int | None) -> None:
        try:
            await self._do(connection, deed, order, number)
        finally:
            connection.under_way -= 1
            connection.fewer.set()

    async def _do(self, connection: Connection, deed: Deed, order: Any, number: int | None) -> None:
        try:
            answer = await deed.run(self, connection, order)
        except Exception as error:
            self._answer(connection.sid, number, replies.known(error))
            return
        if number is not None:
            said = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer or {}
            self.protocol.acknowledge(connection.sid, number, {"status": "success", **said})

    def _answer(self, sid: str, number: int | None, error: FeriaError) -> None:
        """An error, to who asked to be told; to others as an event."""
        said = replies.frame(error)
        if isinstance(error, Busy):
            said["retry_after"] = round(error.retry_after, 3)
        if number is not None:
            self.protocol.acknowledge(sid, number, said)
        elif (connection := self.connections.get(sid)) is not None:
            connection.listener.send(event("refused", Json.dumps(said)))

    # ------------------------------------------------------------------- rooms
    def put_in(self, connection: Connection, place: Place) -> None:
        """They listen to that room."""
        if place.id not in connection.rooms:
            connection.rooms[place.id] = place
            self.chat.come(place, connection.person)

    def take_out(self, connection: Connection, room_id: int) -> None:
        if (place := connection.rooms.pop(room_id, None)) is not None:
            self.chat.feed.leave(room_id, connection.sid)
            self.chat.go(place, connection.person)

    def listening(self, connection: Connection, room: str) -> Place:
        """Raises `NotAllowed` for a room that they have not joined."""
        for place in connection.rooms.values():
            if place.name == room:
                return place
        raise NotAllowed(f"Join {room} first.")

    # ------------------------------------------------------------------- the end
    async def hang_up_when_told(self, bus: EventBus) -> None:
        """Once the node is told to stop, nobody is kept waiting by a poll that is under way."""
        async with bus.subscribe("chat.closing") as closing:
            async for _ in closing:
                pass
        await self.hang_up()

    async def hang_up(self) -> None:
        self._closed = True
        for eio_sid in list(self.protocol.eio.sockets):
            await self.protocol.eio.disconnect(eio_sid)

    async def close(self) -> None:
        """Hang up, and end what is under way."""
        await self.hang_up()
        await self.protocol.shutdown()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _refused(error: FeriaError) -> Exception:
    refused: Exception = ConnectionRefused(error.message, replies.body(error))
    return refused
