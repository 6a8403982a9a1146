"""What is known of each product for recommending it: a place in a few arrays.

A product's place is given once and kept until all is built anew, also when it is gone; then it is not
offered any more. Texts, such as brands, are numbers from a list that grows.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from feria.catalog.wire import Product

TRAITS = 8
"""Attributes of a product that count, such as its colour; further ones do not."""
MOST_TRAITS = 50_000
"""Different attributes told apart; what comes later is like nothing else."""
NONE = -1

Array = np.ndarray[Any, Any]


def grown(array: Array, size: int) -> Array:
    """At least `size` long, with zeros, in steps that grow with it."""
    more = np.zeros((max(size, 2 * len(array), 64), *array.shape[1:]), array.dtype)
    more[: len(array)] = array  # the rest, untouched, takes neither memory nor time yet
    return more


class Assortment:
    """Arrays are by place, `size` long and longer; `NONE` stands for what a product does not have."""

    def __init__(self) -> None:
        self.size = 0
        self.ids = np.zeros(0, np.int64)
        self.offered = np.zeros(0, bool)
        """Not gone, and not known to be out of stock."""
        self.category = np.zeros(0, np.int32)
        self.department = np.zeros(0, np.int32)
        """The first level of the category."""
        self.brand = np.zeros(0, np.int32)
        self.log_price = np.zeros(0)
        self.traits = np.zeros((0, TRAITS), np.int32)
        self._places: dict[int, int] = {}
        self._categories: dict[str, int] = {}
        self._brands: dict[str, int] = {}
        self._traits: dict[tuple[str, str], int] = {}

    def put(self, product_id: int, product: Product) -> None:
        at = self._places.get(product_id)
        if at is None:
            at = self._places[product_id] = self.size
            self.size += 1
            if self.size > len(self.ids):
                self._grow()
        path = product.category
        self.ids[at] = product_id
        self.offered[at] = product.stock is None or product.stock > 0
        self.category[at] = NONE if path is None else _number(self._categories, path)
        self.department[at] = NONE if path is None else _number(self._categories, path.partition("/")[0])
        self.brand[at] = _number(self._brands, product.brand) if product.brand else NONE
        self.log_price[at] = np.log1p(float(product.price))
        self.traits[at] = NONE
        for slot, trait in enumerate(self._numbered(product)):
            self.traits[at, slot] = trait

    def remove(self, product_id: int) -> None:
        at = self._places.get(product_id)
        if at is not None:
            self.offered[at] = False

    def place(self, product_id: int) -> int | None:
        return self._places.get(product_id)

    def _numbered(self, product: Product) -> Iterable[int]:
        said = [(name, value) for name, value in product.attributes.items() if isinstance(value, str)]
        for trait in sorted(said)[:TRAITS]:
            if trait in self._traits or len(self._traits) < MOST_TRAITS:
                yield _number(self._traits, trait)

    def _grow(self) -> None:
        for name in ("ids", "offered", "category", "department", "brand", "log_price", "traits"):
            setattr(self, name, grown(getattr(self, name), self.size))


def _number(numbers: dict[Any, int], text: Any) -> int:
    return numbers.setdefault(text, len(numbers))
