"""What a ranker is told: what each feature says, that none knows the future, and that none has gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feria.recommendations.behaviour import DAY, Behaviour
from feria.recommendations.events import KINDS
from feria.recommendations.features import FARTHEST, FEATURES, NAMES, History, features
from feria.recommendations.training import Past
from recommendations.worlds import NOON, assorted, event, logged, product

PRODUCTS = [product(number) for number in range(48)]
ASSORTMENT = assorted(PRODUCTS)
NOW = NOON.timestamp()
VIEW, CART, PURCHASE = range(3)
HISTORIES = st.lists(
    st.tuples(st.integers(-40 * 24, 24), st.integers(0, 2), st.integers(0, 47)), max_size=90
).map(lambda events: sorted((NOW + 3600.0 * hours, kind, place) for hours, kind, place in events))


def told(
    history: list[tuple[float, int, int]], place: int, behaviour: Behaviour | None = None, at: float = NOW
) -> dict[str, float]:
    table = features(ASSORTMENT, behaviour or Behaviour(NOW), History.of(history), np.array([place]), at)
    return dict(zip(NAMES, table[0].tolist(), strict=True))


@given(HISTORIES)
def test_no_feature_has_gaps_and_shares_are_shares(history: list[tuple[float, int, int]]) -> None:
    behaviour = Behaviour(NOW - 40 * DAY)
    for at, kind, place in history:
        behaviour.observe("somebody", kind, place, at)
    table = features(ASSORTMENT, behaviour, History.of(history), np.arange(48), NOW + 2 * DAY)
    assert table.shape == (48, len(FEATURES))
    assert np.isfinite(table).all()
    for name in NAMES:
        if name.endswith("_affinity") or name in {"recency", "bought_before", "in_cart"}:
            column = table[:, NAMES.index(name)]
            assert column.min() >= 0
            assert column.max() <= 1 + 1e-6


@given(HISTORIES, HISTORIES)
def test_what_comes_later_changes_nothing(
    past: list[tuple[float, int, int]], other: list[tuple[float, int, int]]
) -> None:
    future = [one for one in other if one[0] >= NOW]
    before = [one for one in past if one[0] < NOW]
    plain, knowing = (
        features(ASSORTMENT, Behaviour(NOW), History.of(history), np.arange(48), NOW)
        for history in (before, sorted(before + future))
    )
    assert np.array_equal(plain, knowing)


@settings(max_examples=25)
@given(st.data())
def test_replaying_the_past_up_to_a_moment_shows_nothing_of_that_moment(data: st.DataObject) -> None:
    minutes = data.draw(st.lists(st.integers(0, 300), min_size=1, max_size=60))
    events = [
        event("abcde"[i % 5], "purchase", PRODUCTS[i % 7].sku, minute) for i, minute in enumerate(minutes)
    ]
    at = NOW + 60 * data.draw(st.integers(0, 301))
    whole = Past(logged(events, PRODUCTS), ASSORTMENT)
    seen = [one for one in events if one.at is not None and one.at.timestamp() < at]
    shown = Behaviour(NOW)
    whole.show(shown, 0, whole.until(at))
    expected = Behaviour(NOW)
    if seen:
        part = Past(logged(seen, PRODUCTS), ASSORTMENT)
        part.show(expected, 0, len(part.rows))
    assert np.array_equal(shown.popularity(48, at), expected.popularity(48, at))


def test_of_somebody_unknown_only_popularity_is_said() -> None:
    behaviour = Behaviour(NOW)
    behaviour.observe("somebody else", PURCHASE, 3, NOW - 1)
    said = {name for name, value in told([], 3, behaviour).items() if value}
    assert said == {"popularity", "popularity_in_category"}


def test_affinities_are_shares_of_a_fading_interest() -> None:
    history = [(NOW - 30 * DAY, PURCHASE, 0), (NOW - 1e-3, VIEW, 1)]  # 5 that half faded, and 1
    same_category, same_as_other = told(history, 12), told(history, 13)
    assert same_category["category_affinity"] == pytest.approx(2.5 / 3.5)
    assert same_as_other["category_affinity"] == pytest.approx(1 / 3.5)
    assert told(history, 2)["department_affinity"] == pytest.approx(1.0)  # all three are clothing
    assert told(history, 4)["department_affinity"] == 0


def test_brand_and_traits_are_told_from_categories() -> None:
    history = [(NOW - 60.0, VIEW, 0)]  # Alba, red
    assert told(history, 1)["brand_affinity"] == pytest.approx(1.0)  # another category, also Alba
    assert told(history, 5)["brand_affinity"] == 0  # Brisa
    assert told(history, 11)["trait_affinity"] == pytest.approx(1.0)  # red as well
    assert told(history, 12)["trait_affinity"] == 0  # green


def test_the_price_is_compared_with_what_they_look_at() -> None:
    cheap, dear = sorted(range(48), key=lambda place: ASSORTMENT.log_price[place])[::47]
    assert told([(NOW - 60.0, VIEW, cheap)], cheap)["price_distance"] == 0
    assert 1 < told([(NOW - 60.0, VIEW, cheap)], dear)["price_distance"] <= FARTHEST


def test_one_knows_what_they_did_with_the_product_itself() -> None:
    history = [(NOW - 2 * DAY, CART, 7), (NOW - DAY, PURCHASE, 7), (NOW - 60.0, CART, 8)]
    bought, carted, other = told(history, 7), told(history, 8), told(history, 9)
    assert (bought["bought_before"], bought["in_cart"]) == (1, 0)
    assert bought["recency"] == pytest.approx(0.5)
    assert (carted["bought_before"], carted["in_cart"]) == (0, 1)
    assert bought["interest"] > carted["interest"] > other["interest"] == 0
    assert other["history"] == pytest.approx(np.log1p(3))


def test_what_goes_with_the_last_products_is_said() -> None:
    behaviour = Behaviour(NOW - DAY)
    for number in range(30):
        for place in (20, 21) if number < 10 else (30 + number % 5,):
            behaviour.observe(f"{number}", PURCHASE, place, NOW - DAY + number)
    seen, bought = ([(NOW - 60.0, kind, 20)] for kind in (VIEW, PURCHASE))
    assert told(bought, 21, behaviour)["bought_together"] > 0.5
    assert told(seen, 21, behaviour)["bought_together"] == 0  # it is in no basket of theirs
    assert told(seen, 21, behaviour)["seen_together"] > 0.5
    assert told(bought, 22, behaviour)["bought_together"] == 0


def test_only_the_newest_events_count() -> None:
    long = [(NOW - DAY - number, VIEW, 0) for number in range(100, 0, -1)]
    recent = [(NOW - number, VIEW, 1) for number in range(64, 0, -1)]
    assert told(long + recent, 0)["category_affinity"] == 0


def test_every_feature_has_a_name_of_its_own_and_an_explanation() -> None:
    assert all(FEATURES.values())
    assert {KINDS[place].value for place in (VIEW, CART, PURCHASE)} == {"view", "cart", "purchase"}
