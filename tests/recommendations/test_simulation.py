"""What was planted is found again, and how much it is worth, in figures.

A hit is a visit in which something was taken that was among the ten shown when it began; only visits of
shoppers of whom something was known count, in the last fifth of the time.
"""

import io
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from feria.catalog.wire import Product
from feria.errors import NotFound
from feria.inference.engine import Engine
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining
from feria.node import Node
from feria.recommendations.assortment import Assortment
from feria.recommendations.behaviour import Behaviour
from feria.recommendations.events import Log
from feria.recommendations.ranker import Ranker
from feria.recommendations.ranking import eligible, in_order, popular, shortlist, spread_out
from feria.recommendations.simulation import Planted, Simulation
from feria.recommendations.training import Past, as_file, examples
from feria.recommendations.wire import Event, Kind
from recommendations.worlds import NOON, assorted, logged, product

STORES = ("lima", "madrid")
SHOWN = 10
DAYS = 30


@dataclass(frozen=True)
class Fair:
    products: list[Product]
    assortment: Assortment
    planted: dict[str, Planted]
    events: list[Event]
    past: Past


@pytest.fixture(scope="module")
def fair() -> Fair:
    products = [product(number) for number in range(300)]
    assortment = assorted(products)
    stores = {store: Simulation(products, store) for store in STORES}
    events = [one for store in stores.values() for one in store.events(120, DAYS, NOON)]
    planted = {name: store.planted for name, store in stores.items()}
    return Fair(products, assortment, planted, events, Past(logged(events, products), assortment))


async def hit_rates(fair: Fair, ranker: Ranker | None = None) -> tuple[dict[str, float], int]:
    """By what is popular, by the rule and by the ranker; and of how many visits."""
    split = (NOON - timedelta(days=DAYS / 5)).timestamp()
    behaviour, told = Behaviour(float(fair.past.rows["at"][0])), 0
    hits, visits = Counter[str](), 0
    for visit in fair.past.visits():
        before = fair.past.until(visit.at)
        fair.past.show(behaviour, told, before)
        told = before
        history = fair.past.history(visit.shopper)
        may = eligible(fair.assortment, history, visit.at)
        taken = set(visit.taken[may[visit.taken]].tolist())
        if visit.at < split or not taken or not len(history.before(visit.at).at):
            continue
        visits += 1
        ruled = shortlist(fair.assortment, behaviour, history, may, visit.at)
        shown = {"popular": popular(fair.assortment, behaviour, may, visit.at), "rule": ruled.places}
        if ranker is not None:
            ranked = await ranker.rank(ruled.features)
            assert ranked is not None
            order = in_order(ruled.places, ranked.scores, fair.assortment, behaviour, visit.at)
            shown["ranker"] = ruled.places[order]
        for how, places in shown.items():
            ten = spread_out(places.tolist(), fair.assortment, SHOWN)
            hits[how] += bool(taken & set(ten))
    return {how: count / visits for how, count in hits.items()}, visits


def test_the_same_seed_makes_the_same_shoppers(fair: Fair) -> None:
    again, others = (list(Simulation(fair.products, "lima", seed).events(5, 10, NOON)) for seed in (1, 2))
    assert again == list(Simulation(fair.products[::-1], "lima", 1).events(5, 10, NOON))
    assert [one.sku for one in again] != [one.sku for one in others]
    assert {one.shopper for one in again}.isdisjoint(one.shopper for one in others)


def test_events_are_such_as_a_node_takes(fair: Fair) -> None:
    assert len({(one.shopper, one.id) for one in fair.events}) == len(fair.events)
    assert all(one.consent for one in fair.events)
    assert all(one.at and NOON - timedelta(days=DAYS) <= one.at <= NOON for one in fair.events)
    kinds = Counter(one.kind for one in fair.events)
    assert kinds[Kind.view] > kinds[Kind.cart] > kinds[Kind.purchase] > 1000


def test_the_planted_pairs_are_found_again(fair: Fair) -> None:
    behaviour = Behaviour(float(fair.past.rows["at"][0]))
    fair.past.show(behaviour, 0, len(fair.past.rows))
    places = {one.sku: number for number, one in enumerate(fair.products)}
    pairs = fair.planted["lima"].pairs
    assert pairs == fair.planted["madrid"].pairs
    bought = Counter(one.sku for one in fair.events if one.kind is Kind.purchase)
    seen = {one: other for one, other in pairs.items() if bought[one] >= 10}
    assert len(seen) >= 10
    ranks = []
    for one, other in seen.items():
        found = behaviour.bought_together.partners(places[one], NOON.timestamp())[0].tolist()
        ranks.append(found.index(places[other]) if places[other] in found else len(fair.products))
    first, third = (sum(rank < n for rank in ranks) for n in (1, 3))
    print(f"of {len(seen)} planted pairs {first} come first, {third} among the first three")
    assert first >= 0.7 * len(seen)
    assert third >= 0.9 * len(seen)


@pytest.mark.parametrize("store", STORES)
def test_a_stores_favourite_categories_are_found_again(fair: Fair, store: str) -> None:
    own = [one for one in fair.events if one.store == store]
    past = Past(logged(own, fair.products), fair.assortment)
    behaviour = Behaviour(float(past.rows["at"][0]))
    past.show(behaviour, 0, len(past.rows))
    popularity = behaviour.popularity(300, NOON.timestamp())
    liked = fair.planted[store].store.categories
    sold = dict.fromkeys(liked, 0.0)
    for number, one in enumerate(fair.products):
        sold[one.category or ""] += popularity[number]
    by_liking, by_sales = (
        np.array([values[name] for name in sorted(liked)]).argsort().argsort() for values in (liked, sold)
    )
    agreement = float(np.corrcoef(by_liking, by_sales)[0, 1])
    print(f"rank correlation of liking and sales in {store}: {agreement:.2f}")
    assert agreement > 0.6


async def test_a_shoppers_own_taste_beats_what_is_popular(fair: Fair) -> None:
    rates, visits = await hit_rates(fair)
    print(f"hit rate at {SHOWN}, {visits} visits: " + ", ".join(f"{n} {r:.3f}" for n, r in rates.items()))
    assert visits > 200
    assert rates["rule"] > rates["popular"] + 0.15


async def test_a_ranker_trained_on_the_nodes_own_rows_beats_the_rule(fair: Fair, node: Node) -> None:
    """Trained by the node as any model is, on what happened before the visits it is judged by."""
    split = (NOON - timedelta(days=DAYS / 5)).timestamp()
    before = Past(Log(fair.past.rows[fair.past.rows["at"] < split], fair.past.shoppers), fair.assortment)
    learned = list(examples(before, fair.assortment))[::2]  # so many rows that one thread fits them
    rows = pl.read_csv(io.BytesIO(as_file(learned, "csv")))
    order = InlineTraining(
        kind="gradient_boosting", target="bought", columns=rows.columns, rows=[list(r) for r in rows.rows()]
    )
    ranker = Ranker(node.parts[Engine], "shop_ranker")
    with pytest.raises(NotFound):
        await node.parts[Engine].predictor("shop_ranker")
    model = await node.parts[Trainer].train("shop_ranker", order, order)
    rates, visits = await hit_rates(fair, ranker)
    auc = model.metrics["auc"]
    print(f"{len(rows):,} rows, AUC {auc:.3f}; hit rate at {SHOWN}, {visits} visits: {rates}")
    assert isinstance(auc, float)
    assert auc > 0.75
    assert rates["ranker"] > rates["rule"] > rates["popular"]


def test_nothing_to_choose_from_is_said() -> None:
    with pytest.raises(ValueError, match="nothing to choose"):
        Simulation([product(1)], "lima")
