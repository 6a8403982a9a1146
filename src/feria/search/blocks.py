"""The vectors of one category, and what filters ask of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feria.catalog.wire import Product
from feria.inference.sights import Vector

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What filters ask of a product."""

    category: str
    brand: str
    price: int
    """In hundredths."""
    in_stock: bool

    @classmethod
    def of(cls, product: Product) -> "Facts":
        in_stock = product.stock is None or product.stock > 0
        return cls(product.category or "", product.brand, int(product.price * 100), in_stock)


@dataclass(frozen=True, slots=True)
class Test:
    """`Filters` in the numbers that a block holds."""

    category: str | None
    brands: tuple[int, ...] | None
    least: int | None
    most: int | None
    in_stock: bool

    def inside(self, path: str) -> bool:
        return self.category is None or path == self.category or path.startswith(f"{self.category}/")


class Block:
    """The vectors of one category: rows of a matrix that grows by halves and holds no gaps."""

    def __init__(self, category: str, dimension: int) -> None:
        self.category = category
        self.size = 0
        self.row_of: dict[int, int] = {}
        self._matrix = np.empty((8, dimension), np.float32)
        self._keys = np.empty(8, np.int64)
        self._brands = np.empty(8, np.int32)
        self._prices = np.empty(8, np.int64)
        self._in_stock = np.empty(8, np.bool_)

    def _columns(self) -> Iterator[Array]:
        yield from (self._matrix, self._keys, self._brands, self._prices, self._in_stock)

    def append(self, key: int, vector: Vector) -> None:
        if self.size == len(self._keys):
            room = self.size + self.size // 2
            self._matrix, self._keys, self._brands, self._prices, self._in_stock = (
                np.concatenate([column, np.empty((room - self.size, *column.shape[1:]), column.dtype)])
                for column in self._columns()
            )
        self._keys[self.size] = key
        self._matrix[self.size] = vector
        self.row_of[key] = self.size
        self.size += 1

    def describe(self, keys: Sequence[int], brand: int, facts: Facts) -> None:
        for row in [self.row_of[key] for key in keys]:
            self._brands[row], self._prices[row], self._in_stock[row] = brand, facts.price, facts.in_stock

    def remove(self, key: int) -> None:
        row, last = self.row_of.pop(key), self.size - 1
        if row != last:
            for column in self._columns():
                column[row] = column[last]
            self.row_of[int(self._keys[row])] = row
        self.size = last

    def vector(self, key: int) -> Vector:
        vector: Vector = self._matrix[self.row_of[key]]
        return vector

    def rows(self, test: Test) -> Array | None:
        """Those that pass, the category's filter aside; None is all."""
        masks = []
        if test.brands is not None:
            masks.append(np.isin(self._brands[: self.size], test.brands))
        if test.least is not None:
            masks.append(self._prices[: self.size] >= test.least)
        if test.most is not None:
            masks.append(self._prices[: self.size] <= test.most)
        if test.in_stock:
            masks.append(self._in_stock[: self.size])
        return np.flatnonzero(np.logical_and.reduce(masks)) if masks else None

    def passes(self, key: int, test: Test) -> bool:
        row = self.row_of[key]
        return (
            test.inside(self.category)
            and (test.brands is None or int(self._brands[row]) in test.brands)
            and (test.least is None or int(self._prices[row]) >= test.least)
            and (test.most is None or int(self._prices[row]) <= test.most)
            and (not test.in_stock or bool(self._in_stock[row]))
        )

    def scores(self, vector: Vector, rows: Array | None, count: int) -> tuple[Array, Array]:
        """Keys and cosines of the `count` nearest among these rows, in no order; more where the last of
        them have equals."""
        keys = self._keys[: self.size]
        if rows is None:
            scores = self._matrix[: self.size] @ vector
        elif len(rows) > self.size // 4:  # gathering them would cost more than looking at all
            scores, keys = (self._matrix[: self.size] @ vector)[rows], keys[rows]
        else:
            scores, keys = self._matrix[rows] @ vector, keys[rows]
        if len(scores) > count:
            least = np.partition(scores, -count)[-count]
            best = np.flatnonzero(scores >= least)
            scores, keys = scores[best], keys[best]
        return keys.copy(), scores
