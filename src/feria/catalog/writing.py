"""Changes to the catalogue, each with its row for those who follow, in one transaction.

All of these run inside `Database.write`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from feria.catalog.categories import at_or_below, categories, lineage, make_missing
from feria.catalog.reading import pictures_of
from feria.catalog.tables import CategoryRow, OutboxRow, PictureRow, ProductRow, TurnRow
from feria.catalog.wire import Category, Picture, ProductDraft, Written
from feria.errors import Conflict, Invalid, NotFound

products = ProductRow.__table__

Values = dict[str, Any]
Outcome = Literal["new", "changed", "unchanged"]


def write_products(
    connection: Connection,
    drafts: Sequence[ProductDraft],
    kept: Mapping[str, Sequence[Picture]],
    now: datetime,
) -> list[Written]:
    """Insert or replace by SKU. Products that `kept` does not name keep their pictures.

    Raises `Invalid` when two of them have one SKU.
    """
    skus = [draft.sku for draft in drafts]
    if len(set(skus)) != len(skus):
        raise Invalid(f"The SKU {next(sku for sku in skus if skus.count(sku) > 1)} is there twice.")
    last = _take_turn(connection)
    there = {
        row["sku"]: row
        for row in connection.execute(select(products).where(ProductRow.sku.in_(skus))).mappings()
    }
    shown = pictures_of(connection, [row["id"] for row in there.values()])
    new: list[Values] = []
    changed: list[Values] = []
    repictured: list[tuple[str, Sequence[Picture]]] = []
    written: list[Written] = []
    for draft in drafts:
        values, before = _columns(draft), there.get(draft.sku)
        held = shown.get(before["id"], ()) if before else ()
        wanted = tuple(kept.get(draft.sku, held))
        outcome: Outcome = "new"
        if before is None:
            new.append(values | {"created_at": now, "updated_at": now})
        elif wanted != held or any(before[name] != value for name, value in values.items()):
            outcome = "changed"
            changed.append(values | {"of": before["id"], "updated_at": now})
        else:
            outcome = "unchanged"
        if wanted != held:
            repictured.append((draft.sku, wanted))
        written.append(Written(sku=draft.sku, outcome=outcome, sources=tuple(one.source for one in wanted)))
    make_missing(connection, {one["category"] for one in (*new, *changed) if one["category"]})
    if new:
        connection.execute(insert(ProductRow), new)
    if changed:
        own: Values = {name: bindparam(name) for name in changed[0] if name != "of"}
        connection.execute(update(ProductRow).where(ProductRow.id == bindparam("of")).values(own), changed)
    told = [one.sku for one in written if one.outcome != "unchanged"]
    numbers = select(ProductRow.sku, ProductRow.id).where(ProductRow.sku.in_(told))
    ids = dict(connection.execute(numbers).all())
    _replace_pictures(connection, [(ids[sku], wanted) for sku, wanted in repictured])
    _tell(connection, last, [ids[sku] for sku in told])
    return written


def write_pictures(connection: Connection, sku: str, kept: Sequence[Picture], now: datetime) -> bool:
    """Replace a product's pictures; whether they are others than they were. Raises `NotFound`."""
    last = _take_turn(connection)
    number = _number(connection, sku)
    if pictures_of(connection, [number]).get(number, ()) == tuple(kept):
        return False
    _replace_pictures(connection, [(number, kept)])
    connection.execute(update(ProductRow).where(ProductRow.id == number).values(updated_at=now))
    _tell(connection, last, [number])
    return True


def remove_product(connection: Connection, sku: str) -> None:
    """Raises `NotFound`."""
    last = _take_turn(connection)
    number = _number(connection, sku)
    connection.execute(delete(ProductRow).where(ProductRow.id == number))  # and its pictures' rows
    _tell(connection, last, [number])


def write_category(connection: Connection, category: Category) -> int:
    """Insert or replace; those above it are made. Its products count as changed where its title did,
    for they may be found by it. Answers how many those are."""
    last = _take_turn(connection)
    make_missing(connection, lineage(category.path)[:-1])
    values = {
        "title_es": category.title.es,
        "title_en": category.title.en,
        "position": category.position,
    }
    query = select(categories).where(CategoryRow.path == category.path)
    before = connection.execute(query).mappings().first()
    if before is None:
        connection.execute(insert(CategoryRow), [values | {"path": category.path}])
        return 0
    connection.execute(update(CategoryRow).where(CategoryRow.path == category.path).values(values))
    if all(before[name] == values[name] for name in ("title_es", "title_en")):
        return 0
    inside = select(ProductRow.id).where(at_or_below(ProductRow.category, category.path))
    told = list(connection.scalars(inside.order_by(ProductRow.id)))
    _tell(connection, last, told)
    return len(told)


def remove_category(connection: Connection, path: str) -> None:
    """Raises `NotFound`, and `Conflict` while something is in it."""
    _take_turn(connection)
    below = select(func.count()).select_from(categories).where(at_or_below(CategoryRow.path, path))
    if connection.scalar(select(CategoryRow.path).where(CategoryRow.path == path)) is None:
        raise NotFound(f"No category {path}.")
    held = connection.scalar(
        select(func.count()).select_from(products).where(at_or_below(ProductRow.category, path))
    )
    if held:
        raise Conflict(f"There are {held:,} products in the category {path}; move them first.")
    if (connection.scalar(below) or 0) > 1:
        raise Conflict(f"There are categories below {path}; remove them first.")
    connection.execute(delete(CategoryRow).where(CategoryRow.path == path))


def _take_turn(connection: Connection) -> int:
    """Wait for whoever changes the catalogue now; the number of the last change. First of all things in
    a transaction, so that what it reads next is what the one before has committed."""
    last = connection.scalar(select(TurnRow.last_change).with_for_update())
    assert last is not None
    return int(last)


def _number(connection: Connection, sku: str) -> int:
    number = connection.scalar(select(ProductRow.id).where(ProductRow.sku == sku))
    if number is None:
        raise NotFound(f"No product {sku}.")
    return number


def _tell(connection: Connection, last: int, product_ids: Sequence[int]) -> None:
    if product_ids:
        rows = [{"id": last + n, "product_id": number} for n, number in enumerate(product_ids, 1)]
        connection.execute(insert(OutboxRow), rows)
        connection.execute(update(TurnRow).values(last_change=last + len(rows)))


def _columns(draft: ProductDraft) -> Values:
    attributes = json.dumps(draft.attributes, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return {
        "sku": draft.sku,
        "title_es": draft.title.es,
        "title_en": draft.title.en,
        "description_es": draft.description.es,
        "description_en": draft.description.en,
        "category": draft.category,
        "brand": draft.brand,
        "price": int(draft.price * 100),
        "currency": draft.currency,
        "attributes": attributes.encode(),
        "stock": draft.stock,
    }


def _replace_pictures(connection: Connection, wanted: Sequence[tuple[int, Sequence[Picture]]]) -> None:
    if not wanted:
        return
    connection.execute(delete(PictureRow).where(PictureRow.product_id.in_([number for number, _ in wanted])))
    rows = [
        {"product_id": number, "position": position, **one.model_dump()}
        for number, shown in wanted
        for position, one in enumerate(shown)
    ]
    if rows:
        connection.execute(insert(PictureRow), rows)
