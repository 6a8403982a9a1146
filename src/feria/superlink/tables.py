"""Invitations. Nothing here lets anybody in: of a token its hash is kept."""

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, key


class InvitationRow(Row):
    """The latest for each name that its owner has invited."""

    __tablename__ = "superlink_invitations"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: Mapped[str] = mapped_column(key(32), primary_key=True)
    owner: Mapped[str] = mapped_column(key(128))
    name: Mapped[str] = mapped_column(key(100))
    token: Mapped[str] = mapped_column(key(64), unique=True)
    """sha256 of it, which is 256 random bits."""
    created_at: Mapped[datetime] = mapped_column(Moment())
    expires_at: Mapped[datetime] = mapped_column(Moment())
    public_key: Mapped[str | None] = mapped_column(String(1000))
    """Of the store that came first with the token; noted before the SuperLink is told of it, so that what
    was begun with one key is finished with that one."""
    redeemed_at: Mapped[datetime | None] = mapped_column(Moment())
    """When the store became a client, whose id is this one's."""
    node_id: Mapped[str | None] = mapped_column(key(20))
    revoked_at: Mapped[datetime | None] = mapped_column(Moment())
