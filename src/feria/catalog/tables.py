"""The catalogue's tables; all else that finds products is derived from them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from feria.storage.rows import Moment, Row, blob, counter, identity, key


class CategoryRow(Row):
    __tablename__ = "categories"

    path: Mapped[str] = mapped_column(key(200), primary_key=True)
    """From the root, `clothing/shirts`; a parent's path and a slash begin those of its children."""
    title_es: Mapped[str] = mapped_column(String(200))
    title_en: Mapped[str] = mapped_column(String(200))
    position: Mapped[int] = mapped_column(Integer)


class ProductRow(Row):
    __tablename__ = "products"
    __table_args__ = (
        Index(None, "category"),
        Index(None, "brand"),
        Index(None, "price"),
        {"sqlite_autoincrement": True},  # else SQLite gives a removed product's number to the next one
    )

    id: Mapped[int] = mapped_column(identity, primary_key=True, autoincrement=True)
    sku: Mapped[str] = mapped_column(key(64), unique=True)
    title_es: Mapped[str] = mapped_column(String(300))
    title_en: Mapped[str] = mapped_column(String(300))
    description_es: Mapped[str] = mapped_column(Text)
    description_en: Mapped[str] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(ForeignKey("categories.path"))
    brand: Mapped[str] = mapped_column(key(100))
    """Empty for none."""
    price: Mapped[int] = mapped_column(counter)
    """In hundredths of the currency."""
    currency: Mapped[str] = mapped_column(key(3))
    attributes: Mapped[bytes] = mapped_column(blob())
    """JSON, an object of texts, numbers and truths."""
    stock: Mapped[int | None] = mapped_column(counter)
    """Pieces; null where nobody counts."""
    created_at: Mapped[datetime] = mapped_column(Moment())
    updated_at: Mapped[datetime] = mapped_column(Moment())


class PictureRow(Row):
    __tablename__ = "product_pictures"
    __table_args__ = (Index(None, "digest"), Index(None, "thumbnail"), Index(None, "source"))

    product_id: Mapped[int] = mapped_column(
        counter, ForeignKey("products.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    digest: Mapped[str] = mapped_column(key(64))
    """Of the picture as kept, re-encoded."""
    thumbnail: Mapped[str] = mapped_column(key(64))
    source: Mapped[str] = mapped_column(key(64))
    """Of the bytes that were sent; the same bytes again need no new work."""
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)


class VectorRow(Row):
    """What a network saw in a picture. Derived: it can be thrown away and made again."""

    __tablename__ = "picture_vectors"

    model: Mapped[str] = mapped_column(key(64), primary_key=True)
    """Digest of the network's file."""
    digest: Mapped[str] = mapped_column(key(64), primary_key=True)
    """Of the picture."""
    vector: Mapped[bytes] = mapped_column(blob())
    """float16, little-endian, of length 1."""


class OutboxRow(Row):
    """A product that changed, told in the very transaction that changed it; who keeps an index reads these
    in order. A row names the product and no more: what is true now is in its own row, or it is gone.
    """

    __tablename__ = "catalog_changes"

    id: Mapped[int] = mapped_column(counter, primary_key=True, autoincrement=False)
    product_id: Mapped[int] = mapped_column(counter)


class TurnRow(Row):
    """One row, which every transaction that changes the catalogue locks first.

    So changes are numbered in the order in which they are committed, without gaps: who has read up to a
    number has missed none below it. A number that the database counts up by itself is given out before
    the commit, and a reader may pass it by before its row can be seen.
    """

    __tablename__ = "catalog_turn"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_change: Mapped[int] = mapped_column(counter)
