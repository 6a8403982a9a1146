"""What is said in a room reaches all who are in it, on whichever node, each thing once and in order.

Messages are in the database; what goes over the event bus is a hint that a room has come to a number. Each
node knows for each room that somebody here listens to up to which number it has told, and reads what is
missing: after a hint, after a gap in the hints, and now and then without any. Nothing depends on a hint.
docs/explanation/chat.md states why nothing is lost or told twice.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from feria.chat.broadcast import Audience, Listener, event
from feria.chat.history import History, told
from feria.chat.log import Entry
from feria.chat.rooms import Place, Rooms
from feria.chat.wire import Messages
from feria.clock import Clock
from feria.errors import FeriaError
from feria.events.bus import Event, EventBus, Missed

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the rooms are looked at without a hint."""
RETRY_SECONDS = 0.25
PIECE = 500
OWNER = "(chat)"
"""Of what goes over the bus, which only administrators are to watch: no token can have such a name."""
ROOM, LIVE, ALL, JUDGED = "chat.room.", "chat.live.", "chat.mensaje", "chat.sanctions"


@dataclass(slots=True, eq=False)
class _Following:
    """A room that somebody here listens to."""

    id: int
    name: str
    audience: Audience = field(default_factory=Audience)
    told: int | None = None
    """The number up to which the audience has heard all."""
    wanted: int = 0
    """One that the room is known to have reached."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by who reads for it, so that nobody tells out of turn."""
    catching_up: bool = False
    coming: int = 0
    """How many are about to listen."""


class Feed:
    """`shared` says whether other nodes hear the bus."""

    def __init__(self, history: History, rooms: Rooms, bus: EventBus, clock: Clock, *, shared: bool) -> None:
        self.everybody = Audience()
        self.node = secrets.token_hex(8)
        self._history = history
        self._rooms = rooms
        self._bus = bus
        self._clock = clock
        self._shared = shared
        self._followed: dict[int, _Following] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._judged: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._heard: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._looking = asyncio.Lock()

    # ------------------------------------------------------------------- telling
    def committed(self, entries: Iterable[Entry]) -> None:
        """Tell what was just committed here, in the order of its numbers in each room."""
        for room_id, some in groupby(sorted(entries, key=lambda one: (one.room_id, one.changed)), _room):
            those = list(some)
            last = those[-1].changed
            self._bus.publish(f"{ROOM}{room_id}", {"owner": OWNER, "room": room_id, "last": last})
            following = self._followed.get(room_id)
            if following is None:
                continue
            if not following.lock.locked() and following.told == those[0].changed - 1:
                self._tell(following, those, last)
            else:
                self._behind(following, last)

    def live(self, place: Place, name: str, json: str) -> None:
        """Tell those who are in the room now, and nobody later."""
        packet = event(name, json)
        if (following := self._followed.get(place.id)) is not None:
            following.audience.send(packet)
        self.publish(f"{LIVE}{place.id}", {"room": place.id, "packet": packet})

    def all(self, packet: str) -> None:
        """Tell all who are connected now."""
        self.everybody.send(packet)
        if self._shared:
            self.publish(ALL, {"packet": packet})

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        """Tell other nodes."""
        if self._shared:
            self._bus.publish(topic, {"owner": OWNER, "node": self.node, **data})

    def judged(self) -> None:
        """Sanctions have changed: here, and on the nodes that hear of it."""
        self._judge()
        self.publish(JUDGED, {})

    def when_judged(self, deed: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._judged.append(deed)

    def when_heard(self, topic: str, deed: Callable[[dict[str, Any]], None]) -> None:
        """Do `deed` with what another node publishes on that topic."""
        self._heard[topic] = deed

    # ------------------------------------------------------------------- listening
    async def join(
        self, place: Place, sid: str, listener: Listener, after: int | None, limit: int
    ) -> Messages:
        """What they have missed; from its `last` on they hear all, unless there is `more` after `after`:
        then they are to come again with that number, and hear nothing yet."""
        following = self._followed.setdefault(place.id, _Following(place.id, place.name))
        following.coming += 1
        try:
            async with following.lock:
                page = (
                    await self._history.page(place, None, after, limit) if limit else await self._none(place)
                )
                if following.told is not None and following.told < page.last:
                    await self._read(following, page.last)
                if after is None or not page.more:
                    following.told = page.last
                    following.audience.add(sid, listener)
                return page
        finally:
            following.coming -= 1
            if following.wanted > (following.told or 0):
                self._behind(following, following.wanted)
            self._tidy(following)

    def leave(self, room_id: int, sid: str) -> None:
        if (following := self._followed.get(room_id)) is not None:
            following.audience.listeners.pop(sid, None)
            self._tidy(following)

    def listeners(self, room_id: int) -> int:
        following = self._followed.get(room_id)
        return len(following.audience.listeners) if following else 0

    # ------------------------------------------------------------------- keeping up
    async def follow(self) -> None:
        """Keep up with the other nodes, until the bus closes."""
        async with self._bus.subscribe(f"{ROOM}*", JUDGED) as hints:
            async for hint in hints:
                match hint:
                    case Event(_, {"room": int(room_id), "last": int(last)}):
                        if (following := self._followed.get(room_id)) is not None:
                            self._behind(following, last)
                    case Event(topic, {"node": str(node)}) if topic == JUDGED and node != self.node:
                        self._judge()
                    case Missed():
                        self._start(self.look())
                        self._judge()

    async def follow_live(self) -> None:
        """What other nodes tell of this moment; what is missed of it is past."""
        async with self._bus.subscribe("chat.*") as heard:
            async for said in heard:
                match said:
                    case Event(topic, {"node": str(node)} as data) if node != self.node:
                        self._hear(topic, data)

    async def keep_looking(self) -> None:
        """For hints that nobody gave: their node died, or shares the database and no bus."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            async with self._looking:
                await _quietly(self.look())
            self._judge()

    async def look(self) -> None:
        """Find what was said and not told here."""
        ids = list(self._followed)
        for start in range(0, len(ids), PIECE):
            for room_id, last in (await self._rooms.last(ids[start : start + PIECE])).items():
                if (following := self._followed.get(room_id)) is not None:
                    self._behind(following, last)

    def _hear(self, topic: str, data: dict[str, Any]) -> None:
        if topic == ALL:
            self.everybody.send(str(data.get("packet")))
        elif topic.startswith(LIVE):
            if (following := self._followed.get(data.get("room", 0))) is not None:
                following.audience.send(str(data.get("packet")))
        elif (deed := self._heard.get(topic)) is not None:
            deed(data)

    def _behind(self, following: _Following, last: int) -> None:
        """The room has come to that number: read what is missing, unless somebody does."""
        following.wanted = max(following.wanted, last)
        if following.told is None or following.wanted <= following.told:
            return
        if following.lock.locked() or following.catching_up:
            return  # they look at what is wanted before they are done
        following.catching_up = True
        self._start(self._catch_up(following))

    async def _catch_up(self, following: _Following) -> None:
        try:
            while self._is_behind(following):
                try:
                    async with following.lock:
                        await self._read(following, following.wanted)
                except FeriaError as error:
                    log.warning("A room of the chat cannot be read, and is tried again: %s", error.message)
                    await self._clock.sleep(RETRY_SECONDS)
        finally:
            following.catching_up = False

    async def _read(self, following: _Following, until: int) -> None:
        """Tell what is missing up to that number, and nothing beyond it."""
        assert following.told is not None
        while following.told < until:
            found, last = await self._history.after(following.id, following.told, PIECE, until=until)
            if last <= following.told:  # a hint of what is not there
                following.wanted = following.told
                return
            self._tell(following, found, last)

    def _tell(self, following: _Following, entries: Sequence[Entry], last: int) -> None:
        before, following.told = following.told or 0, last
        for entry, message in zip(entries, told(following.name, entries), strict=True):
            name = "message" if entry.seq > before else "changed"
            following.audience.send(event(name, message.model_dump_json()))

    def _tidy(self, following: _Following) -> None:
        if not following.audience.listeners and not following.coming:
            self._followed.pop(following.id, None)

    def _is_behind(self, following: _Following) -> bool:
        told = following.told
        return told is not None and told < following.wanted and self._followed.get(following.id) is following

    async def _none(self, place: Place) -> Messages:
        last = (await self._rooms.last([place.id])).get(place.id, 0)
        return Messages(room=place.name, last=last, messages=())

    def _judge(self) -> None:
        for deed in self._judged:
            self._start(deed())

    def _start(self, deed: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_quietly(deed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(deed: Coroutine[Any, Any, None]) -> None:
    try:
        await deed
    except FeriaError as error:
        log.warning("The chat could not keep up, and tries again: %s", error.message)


def _room(entry: Entry) -> int:
    return entry.room_id


@contextlib.asynccontextmanager
async def open_feed(
    history: History, rooms: Rooms, bus: EventBus, clock: Clock, *, shared: bool
) -> AsyncGenerator[Feed]:
    feed = Feed(history, rooms, bus, clock, shared=shared)
    following = [asyncio.create_task(feed.follow())]
    if shared:
        following.append(asyncio.create_task(feed.follow_live()))
    following.append(asyncio.create_task(feed.keep_looking()))
    try:
        yield feed
    finally:
        async with feed._looking:  # or else it might be hit in the middle of a statement
            for task in following:
                task.cancel()
        await asyncio.wait(following)
        feed._followed.clear()
        if feed._tasks:
            await asyncio.wait(feed._tasks)
