"""From rows to products, their pictures with them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, select

from feria.catalog.tables import PictureRow, ProductRow
from feria.catalog.wire import Picture, Product, Words

PIECE = 1000
"""Values of one `IN (…)`: databases and their drivers take so many."""


def pieces(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[at : at + PIECE] for at in range(0, len(values), PIECE))


def read_products(connection: Connection, query: "Select[Any]") -> list[tuple[int, Product]]:
    """The products that a query of their table finds, by id, in its order."""
    rows = connection.execute(query).mappings().all()
    shown: dict[int, tuple[Picture, ...]] = {}
    for some in pieces([row["id"] for row in rows]):
        shown |= pictures_of(connection, some)
    return [(row["id"], _as_product(row, shown.get(row["id"], ()))) for row in rows]


def pictures_of(connection: Connection, product_ids: Sequence[int]) -> dict[int, tuple[Picture, ...]]:
    """In their order; products without pictures are left out."""
    query = select(PictureRow.__table__).where(PictureRow.product_id.in_(product_ids))
    found: dict[int, tuple[Picture, ...]] = {}
    for row in connection.execute(query.order_by(PictureRow.product_id, PictureRow.position)).mappings():
        found[row["product_id"]] = (*found.get(row["product_id"], ()), as_picture(row))
    return found


def as_picture(row: Mapping[Any, Any]) -> Picture:
    return Picture(**{name: row[name] for name in Picture.model_fields})


def every_product() -> "Select[Any]":
    return select(ProductRow.__table__)


def _as_product(row: Mapping[Any, Any], shown: tuple[Picture, ...]) -> Product:
    # What stands in the database was checked when it was written.
    return Product.model_construct(
        sku=row["sku"],
        title=Words.model_construct(es=row["title_es"], en=row["title_en"]),
        description=Words.model_construct(es=row["description_es"], en=row["description_en"]),
        category=row["category"],
        brand=row["brand"],
        price=as_price(row["price"]),
        currency=row["currency"],
        attributes=json.loads(row["attributes"]),
        stock=row["stock"],
        pictures=shown,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def as_price(hundredths: int) -> Decimal:
    return Decimal(hundredths).scaleb(-2)
