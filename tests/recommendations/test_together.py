"""What goes together: against counting by hand, and within its bounds."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feria.recommendations.behaviour import DAY
from feria.recommendations.together import LEAST, PARTNERS, K, Together

NOW = 1_000 * DAY


def filled(baskets: Sequence[Sequence[int]], at: float = NOW) -> Together:
    together = Together(90 * DAY, NOW)
    for basket in baskets:
        for i, product in enumerate(basket):
            together.add(product, basket[:i], at)
    return together


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True), min_size=1, max_size=60))
def test_the_score_is_the_shrunk_lift_that_counting_gives(baskets: list[list[int]]) -> None:
    together = filled(baskets)
    for product in range(10):
        expected = {}
        for other in set(range(10)) - {product}:
            both = sum(product in basket and other in basket for basket in baskets)
            chance = (
                sum(product in basket for basket in baskets)
                * sum(other in basket for basket in baskets)
                / len(baskets)
            )
            score = math.log((both + K) / (chance + K))
            if both >= LEAST and score > 1e-12:
                expected[other] = score
        places, scores = together.partners(product, NOW)
        found = {
            int(place): float(score) for place, score in zip(places, scores, strict=True) if score > 1e-12
        }
        assert found.keys() == expected.keys()
        assert all(math.isclose(found[other], expected[other], abs_tol=1e-9) for other in expected)
        assert list(scores) == sorted(scores, reverse=True)


def test_what_is_in_every_basket_goes_with_nothing() -> None:
    bag, rest = 0, range(1, 9)
    together = filled([[bag, product] for product in rest for _ in range(10)])
    assert list(together.partners(bag, NOW)[0]) == []


def test_a_pair_seen_often_counts_more_than_one_seen_twice() -> None:
    often, twice = [[0, 1]] * 40, [[2, 3]] * 2
    together = filled([*often, *twice, *([[number] for number in range(4, 9)] * 40)])
    (_, sure), (_, unsure) = together.partners(0, NOW), together.partners(2, NOW)
    assert sure[0] > 2 * unsure[0] > 0


def test_once_is_no_pair() -> None:
    assert list(filled([[0, 1], [2], [3]]).partners(0, NOW)[0]) == []


def test_of_old_baskets_half_count() -> None:
    together = filled([[0, 1]] * 8 + [[2], [3]] * 8)
    fresh, old = (together.partners(0, NOW + days * DAY)[1][0] for days in (0, 90))
    half = filled([[0, 1]] * 4 + [[2], [3]] * 4).partners(0, NOW)[1][0]
    assert math.isclose(old, half, abs_tol=1e-9)
    assert old < fresh


def test_memory_is_bounded_and_what_is_strong_stays() -> None:
    strong = [[0, 1]] * 50
    passing = [[0, other] for other in range(2, 500)]
    together = filled([*strong, *passing, *([[600]] * 1000)])
    assert len(together.partners(0, NOW)[0]) <= PARTNERS
    assert 1 in together.partners(0, NOW)[0]


def test_the_best_partner_decides() -> None:
    together = filled([[0, 5]] * 30 + [[1, 5]] * 5 + [[2], [3], [4]] * 30)
    best = together.best([0, 1], 10, NOW)
    single = {one: together.best([one], 10, NOW)[5] for one in (0, 1)}
    assert best[5] == max(single.values()) == single[0]
    assert set(np.flatnonzero(best)) == {5}


def test_a_product_that_nobody_took_has_no_partners() -> None:
    empty = Together(90 * DAY, NOW)
    assert [len(part) for part in empty.partners(7, NOW)] == [0, 0]
    assert list(empty.best([7], 3, NOW)) == [0, 0, 0]
