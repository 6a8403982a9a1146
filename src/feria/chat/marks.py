"""How far everybody has come in a room."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from feria.chat.log import members
from feria.chat.people import Person
from feria.chat.rooms import Place, new_member
from feria.clock import Clock
from feria.storage.database import Database

TRIES = 3


class Mark(NamedTuple):
    """How far somebody has come in a room; a number that was passed before changes nothing."""

    place: Place
    person: Person
    delivered: int
    read: int


class MarkBook:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def write(self, marks: Sequence[Mark]) -> list[None]:
        """Durable on return: for a group commit."""
        for tries in range(TRIES):
            try:
                await self._database.write(lambda connection: self._mark(connection, marks))
                break
            except IntegrityError:  # another node was first
                if tries == TRIES - 1:
                    raise
        return [None] * len(marks)

    def _mark(self, connection: Connection, marks: Sequence[Mark]) -> None:
        furthest: dict[tuple[int, str], Mark] = {}
        for mark in marks:
            key = (mark.place.id, mark.person.id)
            if (before := furthest.get(key)) is not None:
                mark = mark._replace(
                    delivered=max(mark.delivered, before.delivered), read=max(mark.read, before.read)
                )
            furthest[key] = mark
        held = select(members.c.room_id, members.c.person, members.c.delivered, members.c.read).where(
            members.c.room_id.in_({room_id for room_id, _ in furthest}),
            members.c.person.in_({person for _, person in furthest}),
        )
        there = {
            (room_id, person): (delivered, read)
            for room_id, person, delivered, read in connection.execute(held)
        }
        now = self._clock.now()
        for (room_id, person), mark in sorted(furthest.items()):
            delivered, read = there.get((room_id, person), (0, 0))
            values = {
                "delivered": max(delivered, mark.delivered, mark.read),
                "read": max(read, mark.read),
                "nickname": mark.person.nickname,
            }
            if (room_id, person) in there:
                connection.execute(
                    update(members)
                    .where(members.c.room_id == room_id, members.c.person == person)
                    .values(**values)
                )
            else:
                row = new_member(room_id, person, mark.person.nickname, now) | values
                connection.execute(insert(members).values(**row))
