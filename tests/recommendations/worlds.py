"""Catalogues and shoppers to try recommendations on, without a database."""

import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from feria.catalog.wire import Product, ProductDraft, Words
from feria.recommendations.assortment import Assortment
from feria.recommendations.events import KINDS, LOGGED, Log
from feria.recommendations.wire import Event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CATEGORIES = [
    f"{department}/{shelf}"
    for department, shelves in {
        "clothing": ("shirts", "trousers", "coats"),
        "shoes": ("boots", "trainers"),
        "home": ("cups", "plates", "pots"),
        "market": ("apples", "oranges", "cheese", "bread"),
    }.items()
    for shelf in shelves
]
BRANDS = ["Alba", "Brisa", "Cala", "Duna", "Era"]
COLOURS = ["red", "green", "blue", "white"]


def draft(number: int, **more: object) -> ProductDraft:
    """Products differ in category first, then in colour and brand, and in price."""
    fields = {
        "sku": f"P{number:04}",
        "title": Words(es=f"Producto {number}", en=f"Product {number}"),
        "category": CATEGORIES[number % len(CATEGORIES)],
        "brand": BRANDS[number // 5 % len(BRANDS)],
        "attributes": {"colour": COLOURS[number // len(CATEGORIES) % len(COLOURS)]},
        "price": round(5 + 40 * (number * 0.618 % 1), 2),
    }
    return ProductDraft.model_validate(fields | more)


def product(number: int, **more: object) -> Product:
    return Product(**draft(number, **more).model_dump(), created_at=NOON, updated_at=NOON)


def assorted(products: Sequence[Product]) -> Assortment:
    """Each under the id of its place in the list, from 1."""
    assortment = Assortment()
    for number, one in enumerate(products, 1):
        assortment.put(number, one)
    return assortment


def logged(events: Iterable[Event], products: Sequence[Product]) -> Log:
    """As the database would give it."""
    ids = {one.sku: number for number, one in enumerate(products, 1)}
    shoppers: dict[str, int] = {}
    rows = []
    for number, event in enumerate(events, 1):
        assert event.at is not None
        shopper = shoppers.setdefault(event.shopper, len(shoppers))
        rows.append((event.at.timestamp(), shopper, KINDS.index(event.kind), ids[event.sku], number))
    found = np.array(rows, LOGGED)
    found.sort(order=("at", "number"))
    return Log(found, list(shoppers))


def event(shopper: str, kind: str, sku: str, minutes: float, **more: object) -> Event:
    """`minutes` after noon; ids count up."""
    return Event.model_validate(
        {
            "id": str(next(_ids)),
            "shopper": f"shopper-called-{shopper}",
            "kind": kind,
            "sku": sku,
            "at": NOON + timedelta(minutes=minutes),
            "consent": True,
        }
        | more
    )


_ids = itertools.count()
