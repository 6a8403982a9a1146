"""Rooms, and who is in them."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from feria.chat.log import EVERYWHERE, may_enter, members, messages, refusal, rooms
from feria.chat.moderation import BAN, sanctions
from feria.chat.people import Person
from feria.chat.wire import Founding, Kind, Marks, Present, Room
from feria.clock import Clock
from feria.errors import Conflict, NotAllowed, NotFound
from feria.storage.database import Database

GENERAL = "general"
"""The public room that every node has."""
MOST_ROOMS = 500
"""Of one answer."""
MOST_MEMBERS = 200


class Place(NamedTuple):
    """A room, as it was looked up."""

    id: int
    name: str
    kind: Kind
    title: str
    last: int

    @property
    def is_open(self) -> bool:
        return self.kind == "public"


PLACE = tuple(rooms.c[name] for name in Place._fields)


class Rooms:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def open(self) -> None:
        """Make the room that is always there."""
        await self._make(GENERAL, "public", "General", "feria", ())

    # ------------------------------------------------------------------- making
    async def found(self, order: Founding, person: Person) -> Place:
        """Raises `Conflict` for a name that is taken, `NotAllowed` for guests."""
        if person.role == "guest":
            raise NotAllowed("Guests make no rooms; they can ask the shop, or write to somebody.")
        if order.kind == "public" and not person.is_operator:
            raise NotAllowed("Only operators make public rooms.")
        place, made = await self._make(
            order.name, order.kind, order.title or order.name, person.id, (person.id, *order.members)
        )
        if not made:
            raise Conflict(f"There is a room {order.name} already.")
        return place

    async def direct(self, person: Person, other: str) -> Place:
        """The room of these two. Raises `NotFound` for somebody who never wrote or entered anything here."""
        if other == person.id:
            raise NotAllowed("A direct room takes two.")
        name = "direct." + _hashed(*sorted((person.id, other)))
        there = exists().where(messages.c.person == other), exists().where(members.c.person == other)
        async with self._database.transaction(read_only=True) as session:
            if not await session.scalar(select(or_(*there))):
                raise NotFound(f"Nobody here is {other}.")
        return (await self._make(name, "direct", "", person.id, (person.id, other)))[0]

    async def shop(self, person: Person) -> Place:
        """Where this person asks the shop: its operators are all in it."""
        name = "shop." + _hashed(person.id)
        return (await self._make(name, "shop", person.nickname, person.id, (person.id,)))[0]

    async def invite(self, place: Place, person: Person, other: str) -> None:
        """Raises `NotAllowed` where not everybody may be let in."""
        if place.kind != "private":
            raise NotAllowed("Only private rooms are entered by invitation.")
        await self._database.write(lambda connection: self._add(connection, place.id, [other]))

    async def leave(self, place: Place, person: Person) -> None:
        """For good: of what is said from now on in a private room, they hear nothing."""
        if place.kind == "direct":
            raise NotAllowed("Nobody leaves a direct room; mute it where you read.")
        held = (members.c.room_id == place.id, members.c.person == person.id)
        await self._database.write(lambda connection: connection.execute(delete(members).where(*held)))

    async def _make(
        self, name: str, kind: str, title: str, by: str, people: Iterable[str]
    ) -> tuple[Place, bool]:
        """The room of that name, and whether it was made now."""
        values: dict[str, Any] = {"name": name, "kind": kind, "title": title[:100], "last": 0}

        def write(connection: Connection) -> bool:
            if connection.scalar(select(rooms.c.id).where(rooms.c.name == name)) is not None:
                return False
            now = self._clock.now()
            connection.execute(insert(rooms).values(**values, created_by=by, created_at=now))
            id = connection.scalar(select(rooms.c.id).where(rooms.c.name == name))
            assert id is not None
            self._add(connection, id, people)
            return True

        try:
            made = await self._database.write(write)
        except IntegrityError:  # another node was first
            made = False
        return await self._find(name), made

    def _add(self, connection: Connection, room_id: int, people: Iterable[str]) -> None:
        held = select(members.c.person).where(members.c.room_id == room_id)
        there = set(connection.scalars(held))
        now = self._clock.now()
        rows = [
            new_member(room_id, person, "", now) for person in dict.fromkeys(people) if person not in there
        ]
        if rows:
            connection.execute(insert(members), rows)

    # ------------------------------------------------------------------- reading
    async def _find(self, name: str) -> Place:
        async with self._database.transaction(read_only=True) as session:
            found = (await session.execute(select(*PLACE).where(rooms.c.name == name))).first()
        if found is None:
            raise NotFound(f"No room {name}.")
        return Place(*found)

    async def enter(self, name: str, person: Person) -> tuple[Place, Marks]:
        """A room that they may read, and how far they have come in it.

        Raises `NotFound` also for one that is none of their business, `NotAllowed` for who is banned.
        """
        held = and_(members.c.room_id == rooms.c.id, members.c.person == person.id)
        query = (
            select(*PLACE, members.c.person, members.c.delivered, members.c.read)
            .join(members, held, isouter=True)
            .where(rooms.c.name == name)
        )
        now = self._clock.now()
        async with self._database.transaction(read_only=True) as session:
            row = (await session.execute(query)).first()
            if row is None:
                raise NotFound(f"No room {name}.")
            place = Place(*row[: len(Place._fields)])
            member, delivered, read = row[len(Place._fields) :]
            if not may_enter(place.kind, person, member=member is not None):
                raise NotFound(f"No room {name}.")
            bans = select(sanctions.c.room_id, sanctions.c.until).where(
                sanctions.c.person == person.id,
                sanctions.c.kind == BAN,
                sanctions.c.room_id.in_([EVERYWHERE, place.id]),
            )
            for room_id, until in await session.execute(bans):
                if until is None or until > now:
                    raise refusal(BAN, until, everywhere=room_id == EVERYWHERE)
        return place, Marks(delivered=delivered or 0, read=read or 0)

    async def of(self, person: Person) -> list[Room]:
        """Those that they may enter, with what they have not read: the latest first."""
        theirs = select(members.c.room_id).where(members.c.person == person.id)
        wanted = [rooms.c.kind == "public", rooms.c.id.in_(theirs)]
        if person.is_operator:
            wanted.append(rooms.c.kind == "shop")
        held = and_(members.c.room_id == rooms.c.id, members.c.person == person.id)
        query = (
            select(*PLACE, members.c.delivered, members.c.read)
            .join(members, held, isouter=True)
            .where(or_(*wanted))
            .order_by(rooms.c.last.desc(), rooms.c.id)
            .limit(MOST_ROOMS)
        )
        width = len(Place._fields)
        async with self._database.transaction(read_only=True) as session:
            found = [
                (Place(*row[:width]), row[width], row[width + 1]) for row in await session.execute(query)
            ]
            # What nobody has marked is not counted: a passer-by has not left 10,000 messages unread.
            marked = [place.id for place, _, read in found if read is not None]
            unread = (
                select(messages.c.room_id, func.count())
                .join(members, and_(members.c.room_id == messages.c.room_id, members.c.person == person.id))
                .where(
                    messages.c.room_id.in_(marked),
                    messages.c.seq > members.c.read,
                    messages.c.person != person.id,
                    messages.c.deleted.is_(False),
                )
                .group_by(messages.c.room_id)
            )
            counts: dict[int, int] = dict((await session.execute(unread)).all())
        return [
            Room(
                name=place.name,
                kind=place.kind,
                title=place.title,
                last=place.last,
                marks=Marks(delivered=delivered or 0, read=read or 0),
                unread=counts.get(place.id, 0),
            )
            for place, delivered, read in found
        ]

    async def members(self, place: Place) -> list[Present]:
        """Who was let in, with how far they have come."""
        query = (
            select(members.c.person, members.c.nickname, members.c.delivered, members.c.read)
            .where(members.c.room_id == place.id)
            .order_by(members.c.joined_at, members.c.person)
            .limit(MOST_MEMBERS)
        )
        async with self._database.transaction(read_only=True) as session:
            return [
                Present(
                    person=person,
                    nickname=nickname or person,
                    online=False,
                    marks=Marks(delivered=delivered, read=read),
                )
                for person, nickname, delivered, read in await session.execute(query)
            ]

    async def last(self, ids: Sequence[int]) -> dict[int, int]:
        """The numbers of these rooms."""
        query = select(rooms.c.id, rooms.c.last).where(rooms.c.id.in_(ids))
        async with self._database.transaction(read_only=True) as session:
            found: dict[int, int] = dict((await session.execute(query)).all())
        return found


def new_member(room_id: int, person: str, nickname: str, now: datetime) -> dict[str, Any]:
    return {
        "room_id": room_id,
        "person": person,
        "nickname": nickname,
        "delivered": 0,
        "read": 0,
        "joined_at": now,
    }


def _hashed(*persons: str) -> str:
    """Of a room's name: it says who they are to nobody else."""
    return hashlib.sha256("\0".join(persons).encode()).hexdigest()[:24]
