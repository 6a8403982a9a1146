"""Rooms, what was said in them, and who may say something."""

from datetime import datetime

from sqlalchemy import Boolean, Index, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, blob, counter, identity, key


class RoomRow(Row):
    __tablename__ = "chat_rooms"

    id: Mapped[int] = mapped_column(identity, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(key(64), unique=True)
    kind: Mapped[str] = mapped_column(key(8))
    title: Mapped[str] = mapped_column(String(100))
    last: Mapped[int] = mapped_column(counter)
    """The number of the last message or change. Whoever gives the next one holds this row until it is
    committed, so that whoever reads `n` here finds everything up to `n`."""
    created_by: Mapped[str] = mapped_column(key(64))
    created_at: Mapped[datetime] = mapped_column(Moment())


class MessageRow(Row):
    __tablename__ = "chat_messages"
    __table_args__ = (
        UniqueConstraint("room_id", "person", "client_id"),
        Index(None, "room_id", "changed"),
        Index(None, "person"),
        Index(None, "at"),
    )

    room_id: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    changed: Mapped[int] = mapped_column(counter)
    client_id: Mapped[str] = mapped_column(key(64))
    person: Mapped[str] = mapped_column(key(64))
    nickname: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(key(8))
    text: Mapped[str] = mapped_column(Text)
    folded: Mapped[str] = mapped_column(Text)
    """What a search looks at."""
    at: Mapped[datetime] = mapped_column(Moment())
    edited_at: Mapped[datetime | None] = mapped_column(Moment())
    deleted: Mapped[bool] = mapped_column(Boolean)
    reply_to: Mapped[int | None] = mapped_column(counter)
    products: Mapped[str | None] = mapped_column(Text)
    """JSON: cards."""


class MemberRow(Row):
    """Somebody in a room; in a public one, somebody who has marked something there."""

    __tablename__ = "chat_members"
    __table_args__ = (Index(None, "person"),)

    room_id: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    person: Mapped[str] = mapped_column(key(64), primary_key=True)
    nickname: Mapped[str] = mapped_column(String(64))
    delivered: Mapped[int] = mapped_column(counter)
    read: Mapped[int] = mapped_column(counter)
    joined_at: Mapped[datetime] = mapped_column(Moment())


class SanctionRow(Row):
    __tablename__ = "chat_sanctions"

    person: Mapped[str] = mapped_column(key(64), primary_key=True)
    room_id: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    """0 is everywhere."""
    kind: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """Place in `moderation.KINDS`."""
    until: Mapped[datetime | None] = mapped_column(Moment())
    reason: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(key(64))
    at: Mapped[datetime] = mapped_column(Moment())


class KeyRow(Row):
    """What guests' names are signed with: one for all nodes of the database."""

    __tablename__ = "chat_keys"

    name: Mapped[str] = mapped_column(key(16), primary_key=True)
    key: Mapped[bytes] = mapped_column(blob())
