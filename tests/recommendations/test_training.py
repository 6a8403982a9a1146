"""Rows to learn from: right, repeatable, and without a look ahead."""

import io

import numpy as np
import polars as pl
import pytest

from feria.recommendations.behaviour import DAY, Behaviour
from feria.recommendations.features import NAMES
from feria.recommendations.simulation import Simulation
from feria.recommendations.training import OTHERS, SHORTLISTED, Past, as_file, examples
from feria.recommendations.wire import Event
from recommendations.worlds import NOON, assorted, event, logged, product

PRODUCTS = [product(number) for number in range(60)]
ASSORTMENT = assorted(PRODUCTS)


@pytest.fixture(scope="module")
def lives() -> list[Event]:
    return list(Simulation(PRODUCTS, "lima").events(25, 12, NOON))


def past(events: list[Event]) -> Past:
    return Past(logged(events, PRODUCTS), ASSORTMENT)


def test_a_visit_is_known_by_its_beginning_and_by_what_was_taken_in_it() -> None:
    sku = [one.sku for one in PRODUCTS]
    events = [
        event("ana", "view", sku[3], 0),
        event("ana", "cart", sku[3], 5),
        event("ana", "purchase", sku[4], 20),
        event("eva", "view", sku[5], 10),  # looks, and takes nothing
        event("ana", "view", sku[6], 100),
        event("ana", "purchase", sku[7], 120),
    ]
    visits = list(past(events).visits())
    noon = NOON.timestamp()
    assert [(visit.at - noon, visit.taken.tolist()) for visit in visits] == [(0, [3, 4]), (6000, [7])]


def test_rows_say_what_was_taken_and_set_others_beside_it(lives: list[Event]) -> None:
    rows = list(examples(past(lives), ASSORTMENT))
    assert len(rows) > 50
    for features, taken in rows:
        assert features.shape == (len(taken), len(NAMES))
        assert np.isfinite(features).all()
        assert taken.sum() > 0
        assert (~taken).sum() <= (SHORTLISTED + OTHERS) * taken.sum()


def test_the_same_log_makes_the_same_rows(lives: list[Event]) -> None:
    one, again = (as_file(list(examples(past(lives), ASSORTMENT)), "csv") for _ in range(2))
    assert one == again


def test_no_row_knows_what_came_after_it(lives: list[Event]) -> None:
    """Whatever happens later, the rows of visits that are over stay what they are."""
    moments = sorted(one.at for one in lives if one.at)
    cut = moments[len(moments) // 2]
    before = [one for one in lives if one.at and one.at < cut]
    whole, part = (list(examples(past(events), ASSORTMENT)) for events in (lives, before))
    over = sum(visit.at < cut.timestamp() - 7200 for visit in past(before).visits())
    assert over > 20
    for (features, taken), (known, also) in list(zip(whole, part, strict=False))[: over // 2]:
        assert np.array_equal(features, known)
        assert np.array_equal(taken, also)


def test_a_log_of_products_that_are_gone_makes_no_rows(lives: list[Event]) -> None:
    gone = Past(logged(lives, PRODUCTS), assorted([]))
    assert len(gone.rows) == 0
    assert list(examples(gone, assorted([]))) == []
    assert list(gone.visits()) == []


@pytest.mark.parametrize("some", [True, False])
def test_a_file_has_a_column_a_feature_and_whether_it_was_bought(some: bool, lives: list[Event]) -> None:
    rows = list(examples(past(lives), ASSORTMENT)) if some else []
    csv = pl.read_csv(io.BytesIO(as_file(rows, "csv")))
    parquet = pl.read_parquet(io.BytesIO(as_file(rows, "parquet")))
    assert csv.columns == parquet.columns == [*NAMES, "bought"]
    assert len(csv) == len(parquet) == sum(len(taken) for _, taken in rows)
    if some:
        assert set(csv["bought"]) == {0, 1}


def test_replaying_all_of_the_past_is_what_serving_saw(lives: list[Event]) -> None:
    """A node is told of events one by one, in the order in which they happen."""
    landmark = NOON.timestamp() - 12 * DAY
    told, replayed = Behaviour(landmark), Behaviour(landmark)
    whole = past(lives)
    whole.show(replayed, 0, len(whole.rows))
    place = {one.sku: number for number, one in enumerate(PRODUCTS)}
    kinds = ("view", "cart", "purchase")
    for one in sorted(lives, key=lambda one: (one.at is not None and one.at.timestamp(), 0)):
        assert one.at is not None
        told.observe(one.shopper, kinds.index(one.kind), place[one.sku], one.at.timestamp())
    now = NOON.timestamp()
    assert np.allclose(told.popularity(60, now), replayed.popularity(60, now))
    for product_ in range(60):
        ours, theirs = (b.bought_together.partners(product_, now) for b in (told, replayed))
        assert ours[0].tolist() == theirs[0].tolist()
        assert np.allclose(ours[1], theirs[1])
