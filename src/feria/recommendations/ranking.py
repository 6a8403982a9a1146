"""From a shopper's history to products in order: find candidates, order them, spread them out.

Nothing here is left to chance: equal scores go by popularity, then by the newer product.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from feria.recommendations.assortment import NONE, Assortment
from feria.recommendations.behaviour import DAY, Behaviour
from feria.recommendations.events import KINDS
from feria.recommendations.features import NAMES, RECENT, History, Places, features
from feria.recommendations.wire import Kind

Array = np.ndarray[Any, Any]

FEW = 500
"""So many products can all be looked at."""
FROM_PARTNERS = 10
"""Of each product of the last events."""
FROM_CATEGORY = 100
FROM_ALL = 100
CATEGORIES = 5
"""Of the shopper's, those with most of their interest, in which one looks for candidates."""
SHORTLIST = 200
"""The best by the rule, which a model then puts in order."""
JUST_BOUGHT = 14 * DAY
IN_A_ROW = 2
"""Products of one category, unless there are no others."""

RULE = {
    "category_affinity": 2.0,
    "department_affinity": 0.5,
    "brand_affinity": 1.0,
    "trait_affinity": 1.5,
    "price_distance": -0.3,
    "popularity_in_category": 0.5,
    "bought_together": 1.0,
    "seen_together": 0.2,
    "interest": 0.3,
    "recency": 0.1,
    "in_cart": 0.3,
    "bought_before": -1.0,
}
"""A rule of thumb that orders products until the registry holds a ranker: a weighted sum of features."""
_WEIGHTS = np.array([RULE.get(name, 0.0) for name in NAMES])


def by_rule(features: Array) -> Array:
    """A score for each row."""
    score: Array = features @ _WEIGHTS
    return score


def eligible(assortment: Assortment, history: History, at: float) -> Array:
    """Which products may be shown at all: those on offer that were not bought just now."""
    past = history.before(at)
    bought = (past.kind == KINDS.index(Kind.purchase)) & (past.at > at - JUST_BOUGHT)
    may = assortment.offered[: assortment.size].copy()
    may[past.product[bought]] = False
    return may


def candidates(
    assortment: Assortment, behaviour: Behaviour, history: History, may: Array, at: float
) -> Places:
    """Some hundred products worth a look, by place: what goes with those of the last events, what is
    popular in the shopper's categories, and what is popular at all."""
    if assortment.size <= FEW:
        return np.flatnonzero(may)
    past = history.before(at)
    popularity = behaviour.popularity(assortment.size, at)
    category = assortment.category[: assortment.size]
    lately = list(dict.fromkeys(past.product[::-1].tolist()))
    found = [*_partners(behaviour, lately[:RECENT], at), np.array(lately, np.int64)]
    found += [
        _most_popular(assortment, popularity, (category == number) & may, FROM_CATEGORY)
        for number in _favourites(assortment, past)
    ]
    found.append(_most_popular(assortment, popularity, may, FROM_ALL))
    places = np.unique(np.concatenate(found))
    allowed: Places = places[may[places]]
    return allowed


def popular(assortment: Assortment, behaviour: Behaviour, may: Array, at: float) -> Places:
    """The `SHORTLIST` most popular; of those nobody has looked at, the newest."""
    return _most_popular(assortment, behaviour.popularity(assortment.size, at), may, SHORTLIST)


class Shortlist(NamedTuple):
    """The best by the rule, best first."""

    places: Places
    features: Array
    scores: Array


def shortlist(
    assortment: Assortment, behaviour: Behaviour, history: History, may: Array, at: float
) -> Shortlist:
    places = candidates(assortment, behaviour, history, may, at)
    table = features(assortment, behaviour, history, places, at)
    scores = by_rule(table)
    best = in_order(places, scores, assortment, behaviour, at)[:SHORTLIST]
    return Shortlist(places[best], table[best], scores[best])


def in_order(places: Places, scores: Array, assortment: Assortment, behaviour: Behaviour, at: float) -> Array:
    """Indices into `places`, best first."""
    popularity = behaviour.popularity(assortment.size, at)[places]
    return np.lexsort((-assortment.ids[places], -popularity, -scores))


def spread_out(places: Iterable[int], assortment: Assortment, limit: int) -> list[int]:
    """The first `limit` with at most `IN_A_ROW` of one category one after the other: the next best of
    another category goes before a further one, as long as there is one."""
    waiting, chosen = list(places), list[int]()
    while waiting and len(chosen) < limit:
        run = {int(assortment.category[place]) for place in chosen[-IN_A_ROW:]}
        full = next(iter(run)) if len(run) == 1 and len(chosen) >= IN_A_ROW else None
        if full is None or full == NONE:
            chosen.append(waiting.pop(0))
            continue
        others = (i for i, place in enumerate(waiting) if assortment.category[place] != full)
        chosen.append(waiting.pop(next(others, 0)))
    return chosen


def _most_popular(assortment: Assortment, popularity: Array, may: Array, many: int) -> Places:
    """The first `many` of those that may be, in order, without sorting all the others."""
    places = np.flatnonzero(may)
    if len(places) > many:
        worth = popularity[places]
        least = np.partition(worth, -many)[-many]
        sure, equals = places[worth > least], places[worth == least]
        wanted = many - len(sure)
        newest = np.argpartition(assortment.ids[equals], -wanted)[-wanted:]
        places = np.concatenate([sure, equals[newest]])
    return places[np.lexsort((-assortment.ids[places], -popularity[places]))]


def _partners(behaviour: Behaviour, products: Iterable[int], at: float) -> list[Places]:
    found = []
    for product in products:
        for together in (behaviour.bought_together, behaviour.seen_together):
            places, _ = together.partners(product, at)
            found.append(places[:FROM_PARTNERS])
    return found


def _favourites(assortment: Assortment, past: History) -> list[int]:
    category = assortment.category[past.product]
    numbers, counts = np.unique(category[category != NONE], return_counts=True)
    best = np.lexsort((numbers, -counts))[:CATEGORIES]
    return [int(number) for number in numbers[best]]
