"""What all shoppers together have done until now: what is popular, and what goes together.

It is built by showing it one event after the other. Whatever is asked of it rests on the events it was
shown and on no others; training shows it the past in the same way, and so sees at each moment what the
node would have seen.
"""

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from feria.recommendations.assortment import grown
from feria.recommendations.events import KINDS
from feria.recommendations.together import Together
from feria.recommendations.wire import Kind

HOUR, DAY = 3600.0, 86_400.0
WEIGHTS = np.array([{Kind.view: 1.0, Kind.cart: 3.0, Kind.purchase: 5.0}[kind] for kind in KINDS])
"""How much a deed says of what somebody likes."""
TAKEN = tuple(KINDS.index(kind) for kind in (Kind.cart, Kind.purchase))

POPULAR_HALF_LIFE = 14 * DAY
TOGETHER_HALF_LIFE = 90 * DAY
VISIT = 0.5 * HOUR
"""A silence as long as this ends a visit."""
BASKET = 6 * HOUR
"""Products taken within this time are one basket."""
RECENT = 10
"""Products of a visit or a basket that a further one is counted together with."""
RECENT_SHOPPERS = 20_000


class _Recent(NamedTuple):
    visit: dict[int, float]
    """When each product was last looked at."""
    basket: dict[int, float]


class Behaviour:
    """`landmark` is a moment, in seconds, before which nothing happened that matters; see `together`."""

    def __init__(self, landmark: float) -> None:
        self._landmark = landmark
        self._popularity = np.zeros(0)
        self._recent: OrderedDict[str, _Recent] = OrderedDict()
        self.bought_together = Together(TOGETHER_HALF_LIFE, landmark)
        self.seen_together = Together(TOGETHER_HALF_LIFE, landmark)

    def observe(self, shopper: str, kind: int, product: int, at: float) -> None:
        """`kind` is a place in `KINDS`, `product` one in the assortment."""
        if product >= len(self._popularity):
            self._popularity = grown(self._popularity, product + 1)
        self._popularity[product] += WEIGHTS[kind] * self._grown_since(at)
        recent = self._recent.pop(shopper, None) or _Recent({}, {})
        self._recent[shopper] = recent
        if len(self._recent) > RECENT_SHOPPERS:
            self._recent.popitem(last=False)
        _come(self.seen_together, recent.visit, VISIT, product, at)
        if kind in TAKEN:
            _come(self.bought_together, recent.basket, BASKET, product, at)

    def popularity(self, size: int, at: float) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """Of the first `size` products: what all have done with each, of which half counts after
        `POPULAR_HALF_LIFE`."""
        found = np.zeros(size)
        shown = min(size, len(self._popularity))
        found[:shown] = self._popularity[:shown] / self._grown_since(at)
        return found

    def forget(self, shopper: str) -> None:
        """Their last hours. What they added to the counts has no name on it."""
        self._recent.pop(shopper, None)

    def _grown_since(self, at: float) -> float:
        return float(2.0 ** ((at - self._landmark) / POPULAR_HALF_LIFE))


def _come(together: Together, recent: dict[int, float], window: float, product: int, at: float) -> None:
    for gone in [one for one, when in recent.items() if not abs(at - when) <= window]:
        del recent[gone]
    if product not in recent:  # else this basket has counted it already
        together.add(product, list(recent)[-RECENT:], at)
    recent[product] = max(at, recent.pop(product, at))
