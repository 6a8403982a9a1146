"""Which products go together more often than chance would have it.

Products that one shopper takes within one window are a basket. Of two products, n_ij is in how many
baskets both are, and e_ij = n_i n_j / N what chance would bring. What is told of them is the logarithm of
the lift n_ij / e_ij, shrunk towards nothing where little was seen: log((n_ij + K) / (e_ij + K)), the mean
that a gamma prior around "as by chance" leaves (DuMouchel, "Bayesian data mining in large frequency
tables", The American Statistician 53, 1999).

Old baskets count less, by half every `half_life`: each is added with a weight that grows with its time,
and all are divided by today's when they are read, so that nothing needs to be touched meanwhile (Cormack
et al., "Forward decay", ICDE 2009).

Memory is bounded: a product remembers `PARTNERS` others, and where one more comes the weakest gives way.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from feria.recommendations.assortment import grown

PARTNERS = 32
K = 3.0
BLOCK = 64
"""Products that room is made for at once: what is there is not copied, however many there come to be."""
LEAST = 1.5
"""Baskets, as they count today, below which two products are not said to go together."""
NOBODY = -1

Floats = np.ndarray[Any, np.dtype[np.float64]]
Places = np.ndarray[Any, np.dtype[np.int64]]


class Together:
    """Products are known by their places, 0 and up."""

    def __init__(self, half_life: float, landmark: float) -> None:
        """`landmark` is a moment before the first basket, both in seconds."""
        self._half_life = half_life
        self._landmark = landmark
        self._blocks: dict[int, tuple[Places, Floats]] = {}
        """Of each product the partners, and how often it was with each."""
        self._single = np.zeros(0)
        self._baskets = 0.0

    def add(self, product: int, others: Sequence[int], at: float) -> None:
        """That product came to a basket in which `others` were; to one of its own where there are none."""
        highest = max(product, *others) if others else product
        if highest >= len(self._single):
            self._single = grown(self._single, highest + 1)
        weight = self._weight(at)
        self._single[product] += weight
        if not others:
            self._baskets += weight
        for other in others:
            self._join(product, other, weight)
            self._join(other, product, weight)

    def partners(self, product: int, at: float) -> tuple[Places, Floats]:
        """Those it goes with more often than by chance, and how much so, the surest first."""
        if product >= len(self._single):
            return np.empty(0, np.int64), np.empty(0)
        today = self._weight(at)
        row, counts = self._of(product)
        found = row[row != NOBODY].astype(np.int64)
        both = counts[: len(found)] / today
        expected = self._single[product] * self._single[found] / max(self._baskets, today) / today
        score = np.log((both + K) / (expected + K))
        order = np.lexsort((found, -score))
        order = order[(score[order] > 0) & (both[order] >= LEAST)]
        return found[order], score[order]

    def best(self, products: Sequence[int], size: int, at: float) -> Floats:
        """For each of the first `size` products, how much it goes with that of `products` it goes best
        with; 0 for with none."""
        score = np.zeros(size)
        for product in products:
            places, scores = self.partners(product, at)
            score[places] = np.maximum(score[places], scores)
        return score

    def _join(self, product: int, other: int, weight: float) -> None:
        row, counts = self._of(product)
        known = row.tolist()  # so few are found sooner in a list
        if other in known:
            counts[known.index(other)] += weight
            return
        place = known.index(NOBODY) if NOBODY in known else int(counts.argmin())
        row[place] = other
        counts[place] = weight

    def _of(self, product: int) -> tuple[Places, Floats]:
        number, row = divmod(product, BLOCK)
        if (block := self._blocks.get(number)) is None:
            size = (BLOCK, PARTNERS)
            block = self._blocks[number] = np.full(size, NOBODY, np.int32), np.zeros(size)
        partners, counts = block
        return partners[row], counts[row]

    def _weight(self, at: float) -> float:
        return float(2.0 ** ((at - self._landmark) / self._half_life))
