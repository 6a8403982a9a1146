"""The journal of tasks."""

from datetime import datetime

from sqlalchemy import Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, blob, key


class TaskRow(Row):
    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key"),
        Index(None, "owner", "id"),
        Index(None, "state"),
        Index(None, "expires_at"),
    )

    id: Mapped[str] = mapped_column(key(32), primary_key=True)
    kind: Mapped[str] = mapped_column(key(64))
    owner: Mapped[str] = mapped_column(key(128))
    idempotency_key: Mapped[str | None] = mapped_column(key(128))
    request_id: Mapped[str] = mapped_column(key(64))
    priority: Mapped[int] = mapped_column(SmallInteger)
    payload: Mapped[bytes] = mapped_column(blob())
    """JSON."""
    file: Mapped[str | None] = mapped_column(key(64))
    """Name of the file that came with it."""
    state: Mapped[str] = mapped_column(key(16))
    attempts: Mapped[int] = mapped_column(SmallInteger)
    submitted_at: Mapped[datetime] = mapped_column(Moment())
    started_at: Mapped[datetime | None] = mapped_column(Moment())
    finished_at: Mapped[datetime | None] = mapped_column(Moment())
    expires_at: Mapped[datetime | None] = mapped_column(Moment())
    result: Mapped[bytes | None] = mapped_column(blob())
    """JSON."""
    error: Mapped[bytes | None] = mapped_column(blob())
    """JSON: code, message, details."""
    node: Mapped[str | None] = mapped_column(key(64))
    """Whose it is, where nodes share the database."""


class TaskNodeRow(Row):
    """A node of those that share the database."""

    __tablename__ = "task_nodes"

    name: Mapped[str] = mapped_column(key(64), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(Moment())
