"""Clients, jobs, what was told of them, and apps."""

from datetime import datetime

from sqlalchemy import Double, Index, Integer, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, blob, counter, identity, key


class ClientRow(Row):
    __tablename__ = "federation_clients"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: Mapped[str] = mapped_column(key(32), primary_key=True)
    """Also the name of the file with its rows; of a store, the id of its invitation."""
    node_id: Mapped[str | None] = mapped_column(key(20))
    """Of a store, at the SuperLink, in decimal; its rows are not here."""
    owner: Mapped[str] = mapped_column(key(128))
    name: Mapped[str] = mapped_column(key(100))
    dataset: Mapped[str] = mapped_column(String(200))
    columns: Mapped[bytes] = mapped_column(blob())
    """JSON: names and kinds."""
    rows: Mapped[int] = mapped_column(counter)
    schema_digest: Mapped[str] = mapped_column(key(64))
    host: Mapped[str] = mapped_column(key(64))
    port: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Moment())


class JobRow(Row):
    __tablename__ = "federation_jobs"
    __table_args__ = (
        Index(None, "owner", "number"),
        Index(None, "state"),
        {"sqlite_autoincrement": True},  # else SQLite gives an erased job's number to the next one
    )

    number: Mapped[int] = mapped_column(identity, primary_key=True, autoincrement=True)
    owner: Mapped[str] = mapped_column(key(128))
    node: Mapped[str | None] = mapped_column(key(64))
    """Which runs it, where several share the database: what it has kept of it is on that one's disk."""
    model_owner: Mapped[str] = mapped_column(key(128))
    order: Mapped[bytes] = mapped_column(blob())
    """JSON."""
    clients: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(key(16))
    round: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(Moment())
    started_at: Mapped[datetime | None] = mapped_column(Moment())
    finished_at: Mapped[datetime | None] = mapped_column(Moment())
    error: Mapped[bytes | None] = mapped_column(blob())
    result: Mapped[bytes | None] = mapped_column(blob())
    health: Mapped[bytes] = mapped_column(blob())
    """JSON, as the three above."""
    clients_config: Mapped[bytes] = mapped_column(blob())
    """JSON by client id, in the words of contract 4; as the next one."""
    clients_status: Mapped[bytes] = mapped_column(blob())
    """As they stood after the event `status_event`."""
    status_event: Mapped[int] = mapped_column(counter)
    last_event: Mapped[int] = mapped_column(counter)


class EventsRow(Row):
    """What was told together; never changed."""

    __tablename__ = "federation_events"

    job: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    first: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    """Ids count from 1 within a job."""
    last: Mapped[int] = mapped_column(counter)
    events: Mapped[bytes] = mapped_column(blob())
    """A list in MessagePack, which knows NaN, packed by zlib."""


class RoundRow(Row):
    __tablename__ = "federation_rounds"

    job: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    round: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    ended: Mapped[bytes] = mapped_column(blob())
    """The event, in JSON."""


class ClientRoundRow(Row):
    __tablename__ = "federation_client_rounds"

    job: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    round: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    client: Mapped[str] = mapped_column(key(15), primary_key=True)
    status: Mapped[str] = mapped_column(key(16))
    accuracy: Mapped[float | None] = mapped_column(Double)
    loss: Mapped[float | None] = mapped_column(Double)
    samples: Mapped[int | None] = mapped_column(counter)
    seconds: Mapped[float | None] = mapped_column(Double)
    bytes: Mapped[int] = mapped_column(counter)
    """Of arrays, there and back."""


class AppRow(Row):
    __tablename__ = "federation_apps"

    name: Mapped[str] = mapped_column(key(64), primary_key=True)
    version: Mapped[str] = mapped_column(String(50))
    publisher: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(2000))
    settings: Mapped[bytes] = mapped_column(blob())
    """JSON."""
    digest: Mapped[str] = mapped_column(key(64))
    """Also the name of the file with its bundle."""
    owner: Mapped[str] = mapped_column(key(128))
    created_at: Mapped[datetime] = mapped_column(Moment())
