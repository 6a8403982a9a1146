"""Who may not speak, or not be here: by room or everywhere, for a while or for good."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table, delete, insert, select

from feria.chat.tables import RoomRow, SanctionRow
from feria.chat.wire import Sanction, Sentence
from feria.errors import NotFound
from feria.storage.database import Database

KINDS = ("mute", "ban")
"""Their places are what the database holds."""
MUTE, BAN = 0, 1
EVERYWHERE = 0

sanctions = cast(Table, SanctionRow.__table__)
rooms = cast(Table, RoomRow.__table__)


async def decide(database: Database, sentence: Sentence, by: str, now: datetime) -> int:
    """Durable on return; tells the room's id, 0 for everywhere. Raises `NotFound` for no such room, and for
    nothing to lift."""
    kind = KINDS.index(sentence.kind)

    def write(connection: Connection) -> int:
        place = EVERYWHERE
        if sentence.room is not None:
            found = connection.scalar(select(rooms.c.id).where(rooms.c.name == sentence.room))
            if found is None:
                raise NotFound(f"No room {sentence.room}.")
            place = found
        held = (sanctions.c.person == sentence.person, sanctions.c.room_id == place, sanctions.c.kind == kind)
        gone = connection.execute(delete(sanctions).where(*held)).rowcount
        if sentence.lift:
            if not gone:
                raise NotFound(f"{sentence.person} has no such {sentence.kind}.")
            return place
        until = None if sentence.minutes is None else now + timedelta(minutes=sentence.minutes)
        connection.execute(
            insert(sanctions).values(
                person=sentence.person,
                room_id=place,
                kind=kind,
                until=until,
                reason=sentence.reason,
                by=by,
                at=now,
            )
        )
        return place

    return await database.write(write)


async def in_force(database: Database, now: datetime, person: str | None = None) -> list[Sanction]:
    """Those that have not ended, newest first."""
    query = (
        select(sanctions, rooms.c.name.label("room"))
        .join(rooms, rooms.c.id == sanctions.c.room_id, isouter=True)
        .where((sanctions.c.until.is_(None)) | (sanctions.c.until > now))
        .order_by(sanctions.c.at.desc())
    )
    if person is not None:
        query = query.where(sanctions.c.person == person)
    async with database.transaction(read_only=True) as session:
        found = (await session.execute(query)).mappings().all()
    return [_told(row) for row in found]


class Held(NamedTuple):
    """Who is held back where."""

    person: str
    room_id: int
    kind: int


async def held(database: Database, now: datetime) -> list[Held]:
    """By sanctions that have not ended."""
    query = select(*(sanctions.c[name] for name in Held._fields)).where(
        (sanctions.c.until.is_(None)) | (sanctions.c.until > now)
    )
    async with database.transaction(read_only=True) as session:
        return [Held(*row) for row in await session.execute(query)]


def _told(row: Any) -> Sanction:
    return Sanction(
        person=row["person"],
        kind=cast(Any, KINDS[row["kind"]]),
        room=row["room"],
        until=row["until"],
        reason=row["reason"],
        by=row["by"],
        at=row["at"],
    )
