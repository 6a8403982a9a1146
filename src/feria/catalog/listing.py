"""Pages of products: filtered, sorted, counted by what else one could choose.

A page begins where the one before ended, by value and not by number (keyset paging), so one at the end
costs what the first does and nothing is seen twice while products come and go.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from feria.catalog.categories import at_or_below, with_those_below
from feria.catalog.reading import as_price, every_product, read_products
from feria.catalog.tables import ProductRow
from feria.catalog.wire import Count, Facets, Page, Sort
from feria.errors import Invalid

MOST_BRANDS = 100
"""In the facets."""

_TITLE = case((ProductRow.title_es == "", ProductRow.title_en), else_=ProductRow.title_es)
_ORDERS: dict[str, tuple[Any, bool]] = {
    "sku": (ProductRow.sku, False),
    "price": (ProductRow.price, False),
    "-price": (ProductRow.price, True),
    "newest": (ProductRow.id, True),
    "title": (_TITLE, False),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which products: all that every filter lets through."""

    category: str | None = None
    """With those below it."""
    brand: Sequence[str] = ()
    """One of these; none is any."""
    min_price: Decimal | None = None
    max_price: Decimal | None = None

    def conditions(self, *, but: str = "") -> list[ColumnElement[bool]]:
        """Without those of the kind named in `but`."""
        found = []
        if self.category is not None and but != "category":
            found.append(at_or_below(ProductRow.category, self.category))
        if self.brand and but != "brand":
            found.append(ProductRow.brand.in_(self.brand))
        if but != "price":
            if self.min_price is not None:
                found.append(ProductRow.price >= self.min_price * 100)
            if self.max_price is not None:
                found.append(ProductRow.price <= self.max_price * 100)
        return found


def read_page(connection: Connection, wanted: Wanted, sort: Sort, after: str | None, limit: int) -> Page:
    """Raises `Invalid` for an `after` that no page of this order has given."""
    if sort not in get_args(Sort):
        raise Invalid(f"No order {sort!r}; there are {', '.join(get_args(Sort))}.")
    column, falling = _ORDERS[sort]
    query = every_product().add_columns(column.label("sorted_by")).where(*wanted.conditions())
    if after is not None:
        query = query.where(_beyond(column, falling, *_read_cursor(after, sort)))
    ordered = (column.desc(), ProductRow.id.desc()) if falling else (column, ProductRow.id)
    found = read_products(connection, query.order_by(*ordered).limit(limit + 1))
    following = None
    if len(found) > limit:
        number = found[limit - 1][0]
        value = connection.scalar(select(column).where(ProductRow.id == number))
        following = _cursor(sort, value, number)
    total = connection.scalar(select(func.count()).select_from(ProductRow).where(*wanted.conditions()))
    return Page(
        products=tuple(product for _, product in found[:limit]),
        total=total or 0,
        next=following,
        facets=_facets(connection, wanted) if after is None else None,
    )


def products_by_category(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, int]:
    counted = select(ProductRow.category, func.count()).where(ProductRow.category.is_not(None), *conditions)
    rows = connection.execute(counted.group_by(ProductRow.category))
    return with_those_below({path: count for path, count in rows if path is not None})


def _facets(connection: Connection, wanted: Wanted) -> Facets:
    count = func.count()
    brands = (
        select(ProductRow.brand, count)
        .where(ProductRow.brand != "", *wanted.conditions(but="brand"))
        .group_by(ProductRow.brand)
        .order_by(count.desc(), ProductRow.brand)
        .limit(MOST_BRANDS)
    )
    prices = select(func.min(ProductRow.price), func.max(ProductRow.price))
    least, most = connection.execute(prices.where(*wanted.conditions(but="price"))).one()
    inside = products_by_category(connection, *wanted.conditions(but="category"))
    return Facets(
        categories=tuple(Count(value=path, products=n) for path, n in inside.items()),
        brands=tuple(Count(value=brand, products=n) for brand, n in connection.execute(brands)),
        min_price=None if least is None else as_price(least),
        max_price=None if most is None else as_price(most),
    )


def _beyond(column: Any, falling: bool, value: str | int, number: int) -> ColumnElement[bool]:
    further = column < value if falling else column > value
    next_of_equals = ProductRow.id < number if falling else ProductRow.id > number
    return or_(further, and_(column == value, next_of_equals))


def _cursor(sort: Sort, value: str | int | None, number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, value, number]).encode()).decode().rstrip("=")


def _read_cursor(text: str, sort: Sort) -> tuple[str | int, int]:
    try:
        said = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        order, value, number = json.loads(said)
    except (ValueError, TypeError, RecursionError):
        order = value = number = None
    kind = str if sort in {"sku", "title"} else int
    if (
        order != sort
        or type(value) is not kind
        or type(number) is not int
        or not _storable(value)
        or not _storable(number)
    ):
        raise Invalid("`after` is `next` of an earlier page in the same order, and this is none.")
    return value, number


def _storable(value: str | int) -> bool:
    """Whether a database takes it: cursors come from anybody."""
    if isinstance(value, int):
        return abs(value) < 2**63
    return "\0" not in value and value.isprintable() and len(value) <= 1000
