"""What a ranker is told about a shopper and a product: one function, for serving and for training.

All of it rests on what happened before the moment `at`: on the shopper's own events, and on a `Behaviour`
that was shown no later ones. Each is a number without gaps; about a shopper of whom nothing is known all
but those of popularity say 0.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from feria.recommendations.assortment import NONE, Assortment
from feria.recommendations.behaviour import DAY, TAKEN, WEIGHTS, Behaviour
from feria.recommendations.events import KINDS
from feria.recommendations.wire import Kind

Array = np.ndarray[Any, Any]
Places = np.ndarray[Any, np.dtype[np.int64]]

FEATURES = {
    "category_affinity": "Share of the shopper's interest that was in products of this category.",
    "department_affinity": "The same for the first level of the category.",
    "brand_affinity": "The same for the brand.",
    "trait_affinity": "The mean of that share over the product's attributes, such as its colour.",
    "price_distance": "How far the price is from those the shopper looks at: the difference of the "
    "logarithms, beside their spread; 0 to 4.",
    "popularity": "log(1 + what all shoppers did with it), of which half counts after two weeks.",
    "popularity_in_category": "That as a share of the most popular product of the category.",
    "bought_together": "How much it goes with what the shopper put into baskets lately: the largest shrunk "
    "log-lift.",
    "seen_together": "The same for what was looked at in one visit.",
    "interest": "log(1 + what the shopper did with this very product).",
    "recency": "1 if the shopper has just done something with it, half after a day, 0 if never.",
    "bought_before": "1 if the shopper bought it within what is remembered of them.",
    "in_cart": "1 if it was put into the cart and not bought since.",
    "history": "log(1 + the number of the shopper's events that are remembered).",
}
"""Names of the columns, in their order, and what they say. A view counts 1, a cart 3, a purchase 5; of the
shopper's interest half counts after a month."""

NAMES = tuple(FEATURES)
REMEMBERED = 64
"""Newest events of a shopper that count."""
INTEREST_HALF_LIFE = 30 * DAY
RECENCY_HALF_LIFE = DAY
RECENT = 10
"""Products of the shopper's last events for which one looks what goes with them."""
LEAST_SPREAD = 0.25
"""Of the logarithm of prices: who looked at one product only is not held to its price exactly."""
FARTHEST = 4.0


class History(NamedTuple):
    """A shopper's events, oldest first."""

    at: Array
    kind: Array
    product: Places

    @classmethod
    def of(cls, events: "list[tuple[float, int, int]]") -> "History":
        """From (when, kind, place in the assortment)."""
        at, kind, product = zip(*events, strict=True) if events else ((), (), ())
        return cls(np.array(at, float), np.array(kind, np.int64), np.array(product, np.int64))

    def before(self, at: float) -> "History":
        until = int(np.searchsorted(self.at, at))  # those at this very moment are not before it
        start = max(0, until - REMEMBERED)
        return History(self.at[start:until], self.kind[start:until], self.product[start:until])


def features(
    assortment: Assortment, behaviour: Behaviour, history: History, candidates: Places, at: float
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """`[candidates, FEATURES]`, none of them NaN."""
    past = history.before(at)
    weight = WEIGHTS[past.kind] * 2.0 ** ((past.at - at) / INTEREST_HALF_LIFE)
    popularity = behaviour.popularity(assortment.size, at)
    basket = past.product[np.isin(past.kind, TAKEN)]

    def compared(how: Callable[[Array, Array, Array], Array], of: Array) -> Array:
        return how(of[candidates], of[past.product], weight)

    columns = {
        "category_affinity": compared(_share, assortment.category),
        "department_affinity": compared(_share, assortment.department),
        "brand_affinity": compared(_share, assortment.brand),
        "trait_affinity": compared(_mean_share, assortment.traits),
        "price_distance": compared(_distance, assortment.log_price),
        "popularity": np.log1p(popularity[candidates]),
        "popularity_in_category": _of_the_best(assortment, popularity, candidates),
        "bought_together": _goes_with(behaviour.bought_together, basket, candidates, assortment.size, at),
        "seen_together": _goes_with(behaviour.seen_together, past.product, candidates, assortment.size, at),
        **_same(past, weight, candidates, at),
        "history": np.full(len(candidates), np.log1p(len(past.at))),
    }
    return np.stack([columns[name] for name in NAMES], axis=1).astype(np.float32)


def _share(candidates: Array, seen: Array, weight: Array) -> Array:
    """Of all that weight, how much is on what each candidate is. Any shape; `NONE` is like nothing."""
    total = weight.sum()
    if total <= 0:
        return np.zeros(candidates.shape)
    known, inverse = np.unique(seen, return_inverse=True)
    on = np.bincount(inverse.ravel(), weights=weight) / total
    at = np.searchsorted(known, candidates).clip(max=len(known) - 1)
    return np.where((known[at] == candidates) & (candidates != NONE), on[at], 0.0)


def _mean_share(candidates: Array, seen: Array, weight: Array) -> Array:
    """As `_share`, for several values each, of which those that are `NONE` do not count."""
    total = weight.sum()
    there = (candidates != NONE).sum(axis=1)
    if total <= 0:
        return np.zeros(len(candidates))
    shares = _share(candidates, seen.ravel(), np.repeat(weight, seen.shape[1])) * seen.shape[1]
    mean: Array = shares.sum(axis=1) / np.maximum(there, 1)
    return mean


def _distance(candidates: Array, seen: Array, weight: Array) -> Array:
    total = weight.sum()
    if total <= 0:
        return np.zeros(len(candidates))
    middle = (seen * weight).sum() / total
    spread = max(LEAST_SPREAD, float(np.sqrt(((seen - middle) ** 2 * weight).sum() / total)))
    distance: Array = np.abs(candidates - middle) / spread
    return distance.clip(max=FARTHEST)


def _of_the_best(assortment: Assortment, popularity: Array, candidates: Places) -> Array:
    """Each one's popularity as a share of the best of its category."""
    category = assortment.category[: assortment.size]
    best = np.full(int(category.max(initial=0)) + 2, 1e-9)
    np.maximum.at(best, category, popularity)  # NONE is the last of them
    share: Array = popularity[candidates] / best[category[candidates]]
    return share


def _goes_with(together: Any, products: Places, candidates: Places, size: int, at: float) -> Array:
    lately = list(dict.fromkeys(products[::-1].tolist()))[:RECENT]
    return together.best(lately, size, at)[candidates] if lately else np.zeros(len(candidates))


def _same(past: History, weight: Array, candidates: Places, at: float) -> dict[str, Array]:
    """What the shopper has done with the candidates themselves."""
    columns = {
        name: np.zeros(len(candidates)) for name in ("interest", "recency", "bought_before", "in_cart")
    }
    seen: dict[int, list[int]] = {}
    for i, product in enumerate(past.product.tolist()):
        seen.setdefault(product, []).append(i)
    for row in np.flatnonzero(np.isin(candidates, past.product)):
        own = seen[int(candidates[row])]
        kinds = past.kind[own]
        bought = np.flatnonzero(kinds == KINDS.index(Kind.purchase))
        since = kinds[bought[-1] + 1 :] if len(bought) else kinds
        columns["interest"][row] = np.log1p(weight[own].sum())
        columns["recency"][row] = 2.0 ** ((past.at[own[-1]] - at) / RECENCY_HALF_LIFE)
        columns["bought_before"][row] = len(bought) > 0
        columns["in_cart"][row] = KINDS.index(Kind.cart) in since
    return columns
