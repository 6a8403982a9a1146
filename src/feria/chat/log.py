"""What is said, in the order in which it was said: many orders with one commit, each once.

Each room counts its messages and changes. Who takes the next number holds the room's row until it is
committed, on whichever node, so numbers become visible in their order and none is given twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import Connection, Table, insert, select, update

from feria.chat.moderation import BAN, KINDS, MUTE, sanctions
from feria.chat.people import Person
from feria.chat.tables import MemberRow, MessageRow, RoomRow
from feria.chat.texts import fold
from feria.chat.wire import Card, Message
from feria.errors import Conflict, FeriaError, Invalid, NotAllowed, NotFound

rooms = cast(Table, RoomRow.__table__)
messages = cast(Table, MessageRow.__table__)
members = cast(Table, MemberRow.__table__)
EVERYWHERE = 0


@dataclass(frozen=True, slots=True)
class Post:
    """Say something."""

    person: Person
    room: str
    client_id: str
    text: str
    reply_to: int | None
    products: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Say it in other words, or take it back."""

    person: Person
    room: str
    seq: int
    text: str | None


Order = Post | Change


class Entry(NamedTuple):
    """A message as it is kept."""

    room_id: int
    seq: int
    changed: int
    client_id: str
    person: str
    nickname: str
    role: Any
    text: str
    at: datetime
    edited_at: datetime | None
    deleted: bool
    reply_to: int | None
    products: str | None

    def told(self, room: str) -> Message:
        said = self._asdict()
        del said["room_id"]
        cards = msgspec.json.decode(self.products) if self.products else ()
        return Message(room=room, id=said.pop("client_id"), **said | {"products": cards})


ENTRY = tuple(messages.c[name] for name in Entry._fields)


class Done(NamedTuple):
    entry: Entry
    repeated: bool = False
    """Nothing was changed: it had been done before."""


class _Room(NamedTuple):
    id: int
    name: str
    kind: str
    last: int


class Batch:
    """Orders in one transaction."""

    def __init__(self, connection: Connection, orders: Sequence[Order], now: datetime) -> None:
        self._connection = connection
        self._orders = orders
        self._now = now
        self._new: list[Entry] = []
        self._changed: list[Entry] = []

    def run(self) -> list[Done | FeriaError]:
        """What became of each. An order that is refused is no reason for others to be."""
        self._read()
        outcomes = [self._try(order) for order in self._orders]
        if self._new:
            rows = [one._asdict() | {"folded": fold(one.text)} for one in self._new]
            self._connection.execute(insert(messages), rows)
        for entry in self._changed:
            said = {"text": entry.text, "folded": fold(entry.text), "products": entry.products}
            self._connection.execute(
                update(messages)
                .where(messages.c.room_id == entry.room_id, messages.c.seq == entry.seq)
                .values(changed=entry.changed, edited_at=entry.edited_at, deleted=entry.deleted, **said)
            )
        for room_id in {one.room_id for one in (*self._new, *self._changed)}:
            self._connection.execute(
                update(rooms).where(rooms.c.id == room_id).values(last=self._last[room_id])
            )
        return outcomes

    def _read(self) -> None:
        """The rooms, which are held from here on, and what of the rest matters."""
        run = self._connection.execute
        names, persons = {one.room for one in self._orders}, {one.person.id for one in self._orders}
        query = select(rooms.c.id, rooms.c.name, rooms.c.kind, rooms.c.last).where(rooms.c.name.in_(names))
        found = [_Room(*row) for row in run(query.order_by(rooms.c.id).with_for_update())]
        self._rooms = {room.name: room for room in found}
        self._last = {room.id: room.last for room in found}
        ids = list(self._last)
        self._members = {
            (room_id, person)
            for room_id, person in run(
                select(members.c.room_id, members.c.person).where(
                    members.c.room_id.in_(ids), members.c.person.in_(persons)
                )
            )
        }
        self._sanctions = {
            (person, room_id, kind): until
            for person, room_id, kind, until in run(
                select(sanctions.c.person, sanctions.c.room_id, sanctions.c.kind, sanctions.c.until).where(
                    sanctions.c.person.in_(persons), sanctions.c.room_id.in_([EVERYWHERE, *ids])
                )
            )
        }
        self._said = self._entries(
            messages.c.room_id.in_(ids),
            messages.c.person.in_(persons),
            messages.c.client_id.in_({one.client_id for one in self._orders if isinstance(one, Post)}),
        )
        self._known = {(one.room_id, one.person, one.client_id): one for one in self._said}
        seqs = {one.seq for one in self._orders if isinstance(one, Change)}
        changing = self._entries(messages.c.room_id.in_(ids), messages.c.seq.in_(seqs)) if seqs else ()
        self._entry = {(one.room_id, one.seq): one for one in changing}

    def _entries(self, *conditions: Any) -> list[Entry]:
        return [Entry(*row) for row in self._connection.execute(select(*ENTRY).where(*conditions))]

    def _try(self, order: Order) -> Done | FeriaError:
        try:
            room = self._admit(order)
            return self._post(room, order) if isinstance(order, Post) else self._change(room, order)
        except FeriaError as refused:
            return refused

    def _admit(self, order: Order) -> _Room:
        room, person = self._rooms.get(order.room), order.person
        if room is None or not may_enter(room.kind, person, member=(room.id, person.id) in self._members):
            raise NotFound(f"No room {order.room}.")
        for kind in (BAN, MUTE):
            for place in (EVERYWHERE, room.id):
                until = self._sanctions.get((person.id, place, kind), self._now)
                if until is None or until > self._now:
                    raise refusal(kind, until, everywhere=place == EVERYWHERE)
        return room

    def _post(self, room: _Room, order: Post) -> Done:
        key = (room.id, order.person.id, order.client_id)
        if key in self._known:
            return Done(self._known[key], repeated=True)
        if order.reply_to is not None and not 0 < order.reply_to <= self._last[room.id]:
            raise Invalid(f"There is no message {order.reply_to} in {room.name} to reply to.")
        seq = self._next(room)
        entry = self._known[key] = Entry(
            room_id=room.id,
            seq=seq,
            changed=seq,
            client_id=order.client_id,
            person=order.person.id,
            nickname=order.person.nickname,
            role=order.person.role,
            text=order.text,
            at=self._now,
            edited_at=None,
            deleted=False,
            reply_to=order.reply_to,
            products=_cards(order.products),
        )
        self._new.append(entry)
        return Done(entry)

    def _change(self, room: _Room, order: Change) -> Done:
        entry = self._entry.get((room.id, order.seq))
        if entry is None:
            raise NotFound(f"No message {order.seq} in {room.name}.")
        own = entry.person == order.person.id
        if not own and not (order.text is None and order.person.is_operator):
            raise NotAllowed("Only who wrote a message changes it; operators may delete it.")
        if entry.deleted:
            if order.text is None:
                return Done(entry, repeated=True)
            raise Conflict("This message was deleted.")
        if order.text is None:
            entry = entry._replace(text="", products=None, deleted=True)
        elif order.text == entry.text:
            return Done(entry, repeated=True)
        else:
            entry = entry._replace(text=order.text, edited_at=self._now)
        entry = self._entry[room.id, order.seq] = entry._replace(changed=self._next(room))
        self._changed.append(entry)
        return Done(entry)

    def _next(self, room: _Room) -> int:
        self._last[room.id] += 1
        return self._last[room.id]


def may_enter(kind: str, person: Person, *, member: bool) -> bool:
    """Whether they may read and write in rooms of that kind."""
    return kind == "public" or member or (kind == "shop" and person.is_operator)


def refusal(kind: int, until: datetime | None, *, everywhere: bool) -> NotAllowed:
    what = "are banned from" if kind == BAN else "may not write in"
    where = "the chat" if everywhere else "this room"
    end = "" if until is None else f" until {until:%Y-%m-%d %H:%M} UTC"
    return NotAllowed(f"You {what} {where}{end}.", sanction=KINDS[kind], until=until and until.isoformat())


def _cards(cards: Iterable[Card]) -> str | None:
    said = [card.model_dump(mode="json") for card in cards]
    return msgspec.json.encode(said).decode() if said else None
