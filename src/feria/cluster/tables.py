"""What is stored: the entries of a single member's map."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, blob, counter, key


class MapEntry(Row):
    __tablename__ = "map_entries"

    key: Mapped[str] = mapped_column(key(512), primary_key=True)
    value: Mapped[bytes] = mapped_column(blob())
    version: Mapped[int] = mapped_column(counter)
    changed_at: Mapped[datetime] = mapped_column(Moment())
