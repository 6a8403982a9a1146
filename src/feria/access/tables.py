"""Tokens and browser sessions. Neither table holds anything one could sign in with."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, key


class TokenRow(Row):
    __tablename__ = "tokens"
    __table_args__ = (Index(None, "name"),)

    id: Mapped[str] = mapped_column(key(16), primary_key=True)
    name: Mapped[str] = mapped_column(key(64))
    role: Mapped[str] = mapped_column(key(16))
    permissions: Mapped[str] = mapped_column(key(255))
    """Separated by spaces."""
    secret: Mapped[str] = mapped_column(key(255))
    """What `hashing.hashed` made of it."""
    created_at: Mapped[datetime] = mapped_column(Moment())
    expires_at: Mapped[datetime | None] = mapped_column(Moment())
    last_used_at: Mapped[datetime | None] = mapped_column(Moment())


class SessionRow(Row):
    __tablename__ = "sessions"
    __table_args__ = (Index(None, "token_id"), Index(None, "expires_at"))

    id: Mapped[str] = mapped_column(key(64), primary_key=True)
    """sha256 of the cookie, which is 256 random bits."""
    token_id: Mapped[str] = mapped_column(key(16))
    expires_at: Mapped[datetime] = mapped_column(Moment())
