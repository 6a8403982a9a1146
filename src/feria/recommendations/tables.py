"""What shoppers did. The table alone names nobody: both ids are hashes whose key is kept elsewhere."""

from datetime import datetime

from sqlalchemy import Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, blob, counter, identity, key


class ShopperEventRow(Row):
    __tablename__ = "shopper_events"
    __table_args__ = (Index(None, "shopper", "at"), Index(None, "at"))

    number: Mapped[int] = mapped_column(identity, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(key(32), unique=True)
    """Keyed hash of the shopper's id with the event's: the same event again is the same row."""
    shopper: Mapped[str] = mapped_column(key(32))
    """Keyed hash of the shopper's id."""
    kind: Mapped[int] = mapped_column(SmallInteger)
    """Place in `events.KINDS`."""
    product_id: Mapped[int] = mapped_column(counter)
    """No foreign key: who removes a product need not wait for its events, which mean nothing without it."""
    store: Mapped[str | None] = mapped_column(key(64))
    at: Mapped[datetime] = mapped_column(Moment())
    mood: Mapped[bytes | None] = mapped_column(blob())
    """JSON: a share for each expression, of who allowed it."""
