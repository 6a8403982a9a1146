"""What all shoppers together did: baskets, visits, popularity."""

import math

import pytest

from feria.recommendations.behaviour import BASKET, DAY, HOUR, POPULAR_HALF_LIFE, VISIT, Behaviour
from feria.recommendations.events import KINDS
from feria.recommendations.wire import Kind

NOW = 20_000 * DAY
VIEW, CART, PURCHASE = (KINDS.index(kind) for kind in (Kind.view, Kind.cart, Kind.purchase))


def pairs(behaviour: Behaviour, product: int) -> tuple[list[int], list[int]]:
    """Bought together, seen together."""
    return (
        behaviour.bought_together.partners(product, NOW)[0].tolist(),
        behaviour.seen_together.partners(product, NOW)[0].tolist(),
    )


def others(behaviour: Behaviour) -> None:
    """Company in which a pair stands out."""
    for number in range(20):
        behaviour.observe(f"other {number}", PURCHASE, 50 + number, NOW)


def test_a_cart_that_is_bought_is_one_basket_and_not_two() -> None:
    behaviour = Behaviour(NOW)
    for kind in (CART, PURCHASE):
        for product in (0, 1):
            behaviour.observe("ana", kind, product, NOW)
    others(behaviour)
    assert pairs(behaviour, 0) == ([], [])  # once together is not enough
    behaviour.observe("eva", PURCHASE, 0, NOW)
    behaviour.observe("eva", PURCHASE, 1, NOW)
    assert pairs(behaviour, 0) == ([1], [1])


@pytest.mark.parametrize(("apart", "basket", "visit"), [
    (VISIT, True, True), (VISIT + 1, True, False), (BASKET, True, False), (BASKET + 1, False, False),
])  # fmt: skip
def test_a_silence_ends_a_visit_and_a_longer_one_a_basket(apart: float, basket: bool, visit: bool) -> None:
    behaviour = Behaviour(NOW - DAY)
    for shopper in ("ana", "eva", "leo"):
        behaviour.observe(shopper, PURCHASE, 0, NOW - apart)
        behaviour.observe(shopper, PURCHASE, 1, NOW)
    others(behaviour)
    assert pairs(behaviour, 0) == ([1] if basket else [], [1] if visit else [])


def test_what_was_only_looked_at_is_in_no_basket() -> None:
    behaviour = Behaviour(NOW)
    for shopper in ("ana", "eva", "leo"):
        behaviour.observe(shopper, VIEW, 0, NOW)
        behaviour.observe(shopper, CART, 1, NOW)
    others(behaviour)
    assert pairs(behaviour, 0) == ([], [1])


def test_popularity_adds_up_and_half_of_it_fades() -> None:
    behaviour = Behaviour(NOW)
    behaviour.observe("ana", VIEW, 2, NOW)
    behaviour.observe("eva", PURCHASE, 2, NOW + POPULAR_HALF_LIFE)
    found = behaviour.popularity(4, NOW + POPULAR_HALF_LIFE)
    assert found.tolist() == [0, 0, 0.5 + 5, 0]
    assert behaviour.popularity(1, NOW).tolist() == [0]


def test_the_order_in_which_shoppers_events_arrive_does_not_matter() -> None:
    """As when one till sends what it kept while it was offline."""
    life = {"ana": [(0, 0.0), (1, 60.0)], "eva": [(0, 10.0), (1, 90.0)]}
    events = [(who, product, NOW + at) for who, own in life.items() for product, at in own]
    mixed, sorted_ = Behaviour(NOW), Behaviour(NOW)
    for who, product, at in events:
        mixed.observe(who, PURCHASE, product, at)
    for who, product, at in sorted(events, key=lambda event: event[2]):
        sorted_.observe(who, PURCHASE, product, at)
    for behaviour in (mixed, sorted_):
        others(behaviour)
    assert pairs(mixed, 0) == pairs(sorted_, 0) == ([1], [1])
    later = NOW + HOUR
    assert all(
        math.isclose(a, b)
        for a, b in zip(mixed.popularity(2, later), sorted_.popularity(2, later), strict=True)
    )
