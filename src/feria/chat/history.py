"""What was said, for who comes later, comes back, or looks for something."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update

from feria.chat.log import ENTRY, Entry, members, messages, rooms
from feria.chat.moderation import sanctions
from feria.chat.people import Person
from feria.chat.rooms import Place
from feria.chat.texts import fold
from feria.chat.wire import Message, Messages
from feria.errors import Invalid
from feria.storage.database import Database

PIECE = 500
MOST_WORDS = 8
GONE = "gone"
"""Who has had all that is kept of them erased: their messages are without them."""


class History:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(
        self, room_id: int, number: int, limit: int, *, until: int | None = None
    ) -> tuple[list[Entry], int]:
        """What was said or changed after that number, up to `until`, in the order in which it was, and the
        number up to which that is complete."""
        query = (
            select(*ENTRY)
            .where(messages.c.room_id == room_id, messages.c.changed > number)
            .order_by(messages.c.changed)
            .limit(limit)
        )
        async with self._database.transaction(read_only=True) as session:
            # First what is complete: what is committed between the two belongs to the next time.
            last = await session.scalar(select(rooms.c.last).where(rooms.c.id == room_id)) or 0
            last = last if until is None else min(last, until)
            found = [Entry(*row) for row in await session.execute(query.where(messages.c.changed <= last))]
        return found, found[-1].changed if len(found) == limit else last

    async def before(self, room_id: int, seq: int | None, limit: int) -> tuple[list[Entry], int]:
        """The newest before that message, in the order in which they were said."""
        query = select(*ENTRY).where(messages.c.room_id == room_id).order_by(messages.c.seq.desc())
        async with self._database.transaction(read_only=True) as session:
            last = await session.scalar(select(rooms.c.last).where(rooms.c.id == room_id)) or 0
            bound = last + 1 if seq is None else seq
            rows = await session.execute(query.where(messages.c.seq < bound).limit(limit))
            return [Entry(*row) for row in rows][::-1], last

    async def page(self, place: Place, before: int | None, after: int | None, limit: int) -> Messages:
        """Raises `Invalid` when both ends are given."""
        if after is None:
            found, last = await self.before(place.id, before, limit + 1)
            more, found = len(found) > limit, found[-limit:]
        elif before is not None:
            raise Invalid("Say either `before` or `after`.")
        else:
            found, last = await self.after(place.id, after, limit)
            more = len(found) == limit
        return Messages(room=place.name, last=last, messages=told(place.name, found), more=more)

    async def search(self, person: Person, words: str, room: Place | None, limit: int) -> tuple[Message, ...]:
        """Messages that have all the words, in rooms that they may enter, newest first.

        Raises `Invalid` for nothing to look for.
        """
        wanted = fold(words).split()[:MOST_WORDS]
        if not wanted:
            raise Invalid("Say what to look for.")
        query = (
            select(rooms.c.name, *ENTRY)
            .join(rooms, rooms.c.id == messages.c.room_id)
            .where(*(messages.c.folded.contains(word, autoescape=True) for word in wanted))
            .order_by(messages.c.at.desc(), messages.c.seq.desc())
            .limit(limit)
        )
        if room is not None:
            query = query.where(messages.c.room_id == room.id)
        else:
            theirs = select(members.c.room_id).where(members.c.person == person.id)
            open_to = ["public", "shop"] if person.is_operator else ["public"]
            query = query.where(or_(rooms.c.kind.in_(open_to), rooms.c.id.in_(theirs)))
        async with self._database.transaction(read_only=True) as session:
            found = (await session.execute(query)).all()
        return tuple(Entry(*row[1:]).told(row[0]) for row in found)

    # ------------------------------------------------------------------- forgetting
    async def export(self, person: str) -> dict[str, Any]:
        """All that is kept of them."""
        said = select(rooms.c.name, *ENTRY).join(rooms, rooms.c.id == messages.c.room_id)
        in_rooms = (
            select(rooms.c.name, members.c.nickname, members.c.delivered, members.c.read, members.c.joined_at)
            .join(rooms, rooms.c.id == members.c.room_id)
            .where(members.c.person == person)
            .order_by(members.c.joined_at)
        )
        async with self._database.transaction(read_only=True) as session:
            rows = await session.execute(
                said.where(messages.c.person == person).order_by(messages.c.at, messages.c.seq)
            )
            written = [Entry(*row[1:]).told(row[0]).model_dump(mode="json") for row in rows]
            entered = [
                {
                    "room": name,
                    "nickname": nickname,
                    "delivered": delivered,
                    "read": read,
                    "since": at.isoformat(),
                }
                for name, nickname, delivered, read, at in await session.execute(in_rooms)
            ]
            judged = select(sanctions.c.kind).where(sanctions.c.person == person)
            count = len((await session.scalars(judged)).all())
        return {"messages": written, "rooms": entered, "sanctions": count}

    async def erase(self, person: str) -> int:
        """Their words go and their name with them; that somebody said something there remains, so that the
        numbers of the room do. Sanctions stay: they keep others safe."""

        def forget(connection: Connection) -> tuple[list[int], int]:
            some = select(messages.c.room_id, messages.c.seq).where(messages.c.person == person).limit(PIECE)
            found = [(room_id, seq) for room_id, seq in connection.execute(some)]
            for room_id in sorted({room_id for room_id, _ in found}):
                held = select(rooms.c.last).where(rooms.c.id == room_id).with_for_update()
                last = connection.scalar(held) or 0
                seqs = [seq for room, seq in found if room == room_id]
                for seq in seqs:
                    last += 1
                    connection.execute(
                        update(messages)
                        .where(messages.c.room_id == room_id, messages.c.seq == seq)
                        .values(
                            person=GONE,
                            nickname=GONE,
                            client_id=f"{GONE}-{seq}",
                            text="",
                            folded="",
                            products=None,
                            deleted=True,
                            changed=last,
                        )
                    )
                connection.execute(update(rooms).where(rooms.c.id == room_id).values(last=last))
            return [room_id for room_id, _ in found], len(found)

        erased = 0
        while (done := (await self._database.write(forget))[1]) > 0:
            erased += done

        def leave(connection: Connection) -> int:
            titled = rooms.c.created_by == person
            connection.execute(update(rooms).where(titled, rooms.c.kind == "shop").values(title=GONE))
            made = connection.execute(update(rooms).where(titled).values(created_by=GONE)).rowcount
            return made + connection.execute(delete(members).where(members.c.person == person)).rowcount

        return erased + await self._database.write(leave)

    async def forget_before(self, moment: datetime) -> int:
        """Remove what was said before that moment, who passed by before it, and sanctions that ended before
        it; tells how many messages that were."""

        def forget(connection: Connection) -> int:
            some = select(messages.c.room_id, messages.c.seq).where(messages.c.at < moment)
            found = connection.execute(some.order_by(messages.c.at).limit(PIECE)).all()
            for room_id, seq in found:
                connection.execute(
                    delete(messages).where(messages.c.room_id == room_id, messages.c.seq == seq)
                )
            return len(found)

        forgotten = 0
        while done := await self._database.write(forget):
            forgotten += done
        public = select(rooms.c.id).where(rooms.c.kind == "public")
        passed = members.c.room_id.in_(public) & (members.c.joined_at < moment)

        def tidy(connection: Connection) -> None:
            connection.execute(delete(members).where(passed))
            connection.execute(delete(sanctions).where(sanctions.c.until < moment))

        await self._database.write(tidy)
        return forgotten


def told(room: str, entries: Iterable[Entry] | Sequence[Entry]) -> tuple[Message, ...]:
    return tuple(entry.told(room) for entry in entries)
