"""Vectors in memory, by category, and which of them lie nearest to another.

Invariant: whatever the filters, the answer is what looking at every vector would give, except that beyond
`exact_up_to` vectors the candidates come from a graph (see `graph.py`), whose recall is measured and not
promised. So nothing is filtered after the k nearest were chosen.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from feria.inference.sights import Vector
from feria.search.blocks import Array, Block, Facts, Test
from feria.search.filters import Filters

POSITIONS = 256
"""Pictures of one product at most; a vector's key is `product * POSITIONS + position`."""
FEW = 20_000
"""So few vectors are looked at one by one: that takes no longer than a graph does, and misses none."""
OVER_FETCH = 4
"""So many times what is wanted is asked of the graph, and scored again with the exact vectors."""
MOST_CANDIDATES = 4096


class Graph(Protocol):
    """Finds keys whose vectors probably lie nearest."""

    def search(self, vector: Vector, count: int) -> Array: ...

    def put(self, keys: Array, vectors: Array) -> None:
        """Insert or replace."""
        ...

    def remove(self, keys: Array) -> None:
        """Those it does not hold are no error."""
        ...


class Nearest:
    """One thread at a time."""

    def __init__(self, dimension: int, exact_up_to: int) -> None:
        self._dimension = dimension
        self._few = min(FEW, exact_up_to)
        self._blocks: dict[str, Block] = {}
        self._products: dict[int, tuple[Block, tuple[int, ...]]] = {}
        self._brands: dict[str, int] = {}
        self._most_pictures = 1
        self._graph: Graph | None = None
        self._touched: set[int] | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, product: int, facts: Facts, vectors: Mapping[int, Vector]) -> None:
        """The product's vectors by the position of their pictures, in place of those it had."""
        held = self._products.get(product)
        if held is not None:
            own, positions = held
            keys = [product * POSITIONS + position for position in positions]
            same = own is self._blocks.get(facts.category) and positions == tuple(vectors)
            if same and all(
                np.array_equal(own.vector(k), v) for k, v in zip(keys, vectors.values(), strict=True)
            ):
                own.describe(keys, self._brand(facts.brand), facts)
                return
            self.remove(product)
        if not vectors:
            return
        block = self._blocks.get(facts.category)
        if block is None:
            block = self._blocks[facts.category] = Block(facts.category, self._dimension)
        keys = [product * POSITIONS + position for position in vectors]
        for key, vector in zip(keys, vectors.values(), strict=True):
            block.append(key, vector)
        block.describe(keys, self._brand(facts.brand), facts)
        self._products[product] = (block, tuple(vectors))
        self._most_pictures = max(self._most_pictures, len(keys))
        self._count += len(keys)
        self._changed(keys)

    def remove(self, product: int) -> None:
        """One that is not there is no error."""
        block, positions = self._products.pop(product, (None, ()))
        if block is None:
            return
        keys = [product * POSITIONS + position for position in positions]
        for key in keys:
            block.remove(key)
        self._count -= len(keys)
        self._changed(keys)

    def vectors(self, product: int) -> list[Vector]:
        """Of the product's pictures, the first picture first."""
        block, positions = self._products.get(product, (None, ()))
        if block is None:
            return []
        return [block.vector(product * POSITIONS + position).copy() for position in sorted(positions)]

    def search(self, vector: Vector, filters: Filters, count: int) -> list[tuple[int, float]]:
        """Up to `count` products that pass the filters and the cosines of their nearest pictures, the
        nearest first; among equals the one with the smaller id."""
        test = self._test(filters)
        blocks = [block for path, block in self._blocks.items() if block.size and test.inside(path)]
        rows = [block.rows(test) for block in blocks]
        left = sum(
            block.size if some is None else len(some) for block, some in zip(blocks, rows, strict=True)
        )
        if self._graph is not None and left > self._few:
            found = self._by_graph(self._graph, vector, test, count)
            if found is not None:
                return found
        keys, scores = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
        for block, some in zip(blocks, rows, strict=True):
            some_keys, some_scores = block.scores(vector, some, count * self._most_pictures)
            keys.append(some_keys)
            scores.append(some_scores)
        return _best(np.concatenate(keys), np.concatenate(scores), count)

    # ------------------------------------------------------------------- the graph beside it
    def begin_graph(self) -> Array:
        """The keys of all vectors there are. From now on it is noted which of them change."""
        self._touched = set()
        return np.fromiter((key for block in self._blocks.values() for key in block.row_of), np.int64)

    def take(self, keys: Array) -> tuple[Array, Array]:
        """Those of the keys that are still there, and their vectors."""
        found = [(key, self._of(key)) for key in keys.tolist()]
        there = [(key, block.vector(key)) for key, block in found if block is not None]
        vectors = np.array([vector for _, vector in there], np.float32).reshape(-1, self._dimension)
        return np.array([key for key, _ in there], np.int64), vectors

    def adopt(self, graph: Graph) -> None:
        """Search with a graph that holds what `begin_graph` told; what has changed since is put right."""
        touched, self._touched = self._touched or set(), None
        self._graph = graph
        self._mirror(np.array(sorted(touched), np.int64))

    def drop_graph(self) -> None:
        self._graph = self._touched = None

    # ------------------------------------------------------------------- inside
    def _changed(self, keys: Sequence[int]) -> None:
        if self._touched is not None:
            self._touched.update(keys)
        self._mirror(np.array(keys, np.int64))

    def _mirror(self, keys: Array) -> None:
        if self._graph is not None:
            self._graph.remove(keys)
            self._graph.put(*self.take(keys))

    def _of(self, key: int) -> Block | None:
        block, positions = self._products.get(key // POSITIONS, (None, ()))
        return block if key % POSITIONS in positions else None

    def _brand(self, brand: str) -> int:
        return self._brands.setdefault(brand, len(self._brands))

    def _test(self, filters: Filters) -> Test:
        least, most = filters.min_price, filters.max_price
        return Test(
            filters.category,
            tuple(self._brands.get(brand, -1) for brand in filters.brands) or None,
            None if least is None else math.ceil(least * 100),
            None if most is None else math.floor(most * 100),
            filters.in_stock,
        )

    def _by_graph(
        self, graph: Graph, vector: Vector, test: Test, count: int
    ) -> list[tuple[int, float]] | None:
        """None where so few of the candidates pass that others, farther away, would have been of the best."""
        wanted = count * self._most_pictures * OVER_FETCH
        while wanted <= MOST_CANDIDATES:
            keys, vectors = self.take(self._passing(graph.search(vector, wanted), test))
            found = _best(keys, vectors @ vector, count)
            if len(found) == count:
                return found
            wanted *= 4
        return None

    def _passing(self, keys: Array, test: Test) -> Array:
        passing = []
        for key in keys.tolist():
            block = self._of(key)
            if block is not None and block.passes(key, test):
                passing.append(key)
        return np.array(passing, np.int64)


def _best(keys: Array, scores: Array, count: int) -> list[tuple[int, float]]:
    """Products and their best scores, best first."""
    products = keys // POSITIONS
    found: dict[int, float] = {}
    order = np.lexsort((products, -scores))
    for product, score in zip(products[order].tolist(), scores[order].tolist(), strict=True):
        if len(found) == count:
            break
        found.setdefault(product, score)
    return list(found.items())
