"""Rows for a ranker to learn from, out of the node's own events.

A row stands for a product that could have been shown to a shopper when a visit began, and says whether it
was put into the cart or bought during that visit. What is known at that moment comes from the very function
that serves; the past is shown to a `Behaviour` up to that moment and no further, so no row knows what came
after it. What a product is, such as its price, is taken as it is today.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from feria.recommendations.assortment import Assortment
from feria.recommendations.behaviour import TAKEN, VISIT, Behaviour
from feria.recommendations.events import Log
from feria.recommendations.features import NAMES, History, Places, features
from feria.recommendations.ranking import eligible, shortlist

TARGET = "bought"
SHORTLISTED = 6
"""Products for each that was taken, among those the rule would have shown: what a ranker must tell apart."""
OTHERS = 2
"""And among all others."""

Format = Literal["csv", "parquet"]
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Visit:
    shopper: int
    at: float
    taken: Places
    """Put into the cart or bought."""


class Past:
    """A log by shopper and by moment, its products by their places; those that are gone are left out."""

    def __init__(self, log: Log, assortment: Assortment) -> None:
        ids, inverse = np.unique(log.rows["product"], return_inverse=True)
        places = np.array([_place(assortment, int(product)) for product in ids], np.int64)[inverse]
        there = places >= 0
        self.shoppers = log.shoppers
        self.rows = log.rows[there]
        self.places = places[there]
        own = self._own = np.lexsort((self.rows["number"], self.rows["at"], self.rows["shopper"]))
        self._shopper, self._at = self.rows["shopper"][own], self.rows["at"][own]
        self._kind, self._product = self.rows["kind"][own].astype(np.int64), self.places[own]
        self._starts = np.searchsorted(self._shopper, np.arange(len(log.shoppers) + 1))

    def history(self, shopper: int) -> History:
        own = slice(self._starts[shopper], self._starts[shopper + 1])
        return History(self._at[own], self._kind[own], self._product[own])

    def visits(self) -> Iterator[Visit]:
        """Those in which something was taken, in the order in which they began."""
        if not len(self._at):
            return
        begins = np.ones(len(self._at), bool)
        begins[1:] = (np.diff(self._at) > VISIT) | (np.diff(self._shopper) != 0)
        firsts = np.flatnonzero(begins)
        ends = np.append(firsts[1:], len(self._at))
        taking = np.isin(self._kind, TAKEN)
        some = np.flatnonzero(np.add.reduceat(taking.astype(int), firsts))
        for visit in some[np.lexsort((self._shopper[firsts[some]], self._at[firsts[some]]))]:
            rows = slice(firsts[visit], ends[visit])
            first = firsts[visit]
            taken = np.unique(self._product[rows][taking[rows]])
            yield Visit(int(self._shopper[first]), float(self._at[first]), taken)

    def until(self, at: float) -> int:
        """The first row that did not happen before that moment."""
        return int(np.searchsorted(self.rows["at"], at))

    def show(self, behaviour: Behaviour, start: int, end: int) -> None:
        """Show it those rows, which follow what it was shown before."""
        rows = self.rows[start:end]
        told = (rows[name].tolist() for name in ("shopper", "kind", "at"))
        for shopper, kind, at, place in zip(*told, self.places[start:end].tolist(), strict=True):
            behaviour.observe(self.shoppers[shopper], kind, place, at)


def examples(past: Past, assortment: Assortment, seed: int = 0) -> Iterator[tuple[Array, Array]]:
    """For each visit in which something was taken, `[n, FEATURES]` and whether each was taken. The same for
    the same log."""
    if not len(past.rows):
        return
    behaviour, told = Behaviour(float(past.rows["at"][0])), 0
    for number, visit in enumerate(past.visits()):
        before = past.until(visit.at)
        past.show(behaviour, told, before)
        told = before
        history = past.history(visit.shopper)
        may = eligible(assortment, history, visit.at)
        taken = visit.taken[may[visit.taken]]
        if not len(taken):
            continue
        shown = shortlist(assortment, behaviour, history, may, visit.at).places
        others = np.setdiff1d(np.flatnonzero(may), np.concatenate([taken, shown]))
        chance = np.random.default_rng((seed, number))
        hard = chance.permutation(np.setdiff1d(shown, taken))[: SHORTLISTED * len(taken)]
        easy = chance.permutation(others)[: OTHERS * len(taken)]
        places = np.concatenate([taken, hard, easy])
        rows = features(assortment, behaviour, history, places, visit.at)
        yield rows, np.arange(len(places)) < len(taken)


def as_file(rows: list[tuple[Array, Array]], format: Format) -> bytes:
    """Columns by name, and `bought`, 0 or 1. Blocks."""
    import polars as pl  # only who trains waits for it

    table = np.concatenate([np.empty((0, len(NAMES)), np.float32), *(features for features, _ in rows)])
    taken = np.concatenate([np.empty(0, bool), *(bought for _, bought in rows)])
    columns = {name: table[:, i] for i, name in enumerate(NAMES)}
    frame = pl.DataFrame(columns | {TARGET: taken.astype(np.int8)})
    file = io.BytesIO()
    if format == "csv":
        frame.write_csv(file)
    else:
        frame.write_parquet(file)
    return file.getvalue()


def _place(assortment: Assortment, product_id: int) -> int:
    place = assortment.place(product_id)
    return -1 if place is None else place
