"""From candidates to an order: what may be shown, what comes first, and how it is spread out."""

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feria.recommendations.behaviour import DAY, Behaviour
from feria.recommendations.features import History
from feria.recommendations.ranking import (
    FEW,
    IN_A_ROW,
    JUST_BOUGHT,
    SHORTLIST,
    candidates,
    eligible,
    in_order,
    popular,
    shortlist,
    spread_out,
)
from recommendations.worlds import CATEGORIES, NOON, assorted, product

NOW = NOON.timestamp()
VIEW, CART, PURCHASE = range(3)
NOBODY = History.of([])


def test_what_was_just_bought_is_not_shown_and_what_was_bought_long_ago_is() -> None:
    assortment = assorted([product(number) for number in range(5)])
    bought = [(NOW - JUST_BOUGHT - 1, PURCHASE, 0), (NOW - DAY, CART, 1), (NOW - 60.0, PURCHASE, 2)]
    assert eligible(assortment, History.of(bought), NOW).tolist() == [True, True, False, True, True]


def test_what_is_sold_out_or_gone_is_not_shown() -> None:
    assortment = assorted([product(0, stock=0), product(1, stock=3), product(2)])
    assortment.remove(3)
    assert eligible(assortment, NOBODY, NOW).tolist() == [False, True, False]
    assortment.put(1, product(0, stock=1))
    assert eligible(assortment, NOBODY, NOW).tolist() == [True, True, False]


def test_what_is_popular_comes_first_and_then_what_is_new() -> None:
    assortment = assorted([product(number) for number in range(6)])
    behaviour = Behaviour(NOW)
    behaviour.observe("ana", VIEW, 1, NOW)
    behaviour.observe("ana", PURCHASE, 4, NOW)
    may = np.array([True] * 5 + [False])
    assert popular(assortment, behaviour, may, NOW).tolist() == [4, 1, 3, 2, 0]


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=SHORTLIST * 3))
def test_the_most_popular_are_those_that_sorting_all_would_put_first(shop: list[tuple[int, bool]]) -> None:
    assortment = assorted([product(number) for number in range(len(shop))])
    behaviour = Behaviour(NOW)
    for place, (views, _) in enumerate(shop):
        for view in range(views):
            behaviour.observe(f"{view}", VIEW, place, NOW)
    may = np.array([allowed for _, allowed in shop], bool)
    expected = sorted(np.flatnonzero(may).tolist(), key=lambda place: (-shop[place][0], -place))
    assert popular(assortment, behaviour, may, NOW).tolist() == expected[:SHORTLIST]


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 20))
def test_no_category_comes_too_often_in_a_row_while_there_are_others(shelves: list[int], limit: int) -> None:
    assortment = assorted([product(n, category=CATEGORIES[shelf]) for n, shelf in enumerate(shelves)])
    chosen = spread_out(range(len(shelves)), assortment, limit)
    assert len(chosen) == len(set(chosen)) == min(limit, len(shelves))
    for i, (category, run) in enumerate(groupby(chosen, key=lambda place: shelves[place])):
        length = len(list(run))
        before = [place for j, group in enumerate(_runs(chosen, shelves)) if j <= i for place in group]
        rest = set(range(len(shelves))) - set(before)
        if length > IN_A_ROW:  # then nothing else was left
            assert all(shelves[place] == category for place in rest)


def _runs(chosen: list[int], shelves: list[int]) -> list[list[int]]:
    return [list(run) for _, run in groupby(chosen, key=lambda place: shelves[place])]


def test_spread_out_the_best_of_each_keep_their_order() -> None:
    assortment = assorted([product(n, category=CATEGORIES[0 if n < 5 else 1]) for n in range(8)])
    assert spread_out(range(8), assortment, 8) == [0, 1, 5, 2, 3, 6, 4, 7]


def test_products_without_a_category_are_not_held_to_be_of_one() -> None:
    assortment = assorted([product(n, category=None) for n in range(5)])
    assert spread_out(range(5), assortment, 5) == [0, 1, 2, 3, 4]


def test_in_a_large_catalogue_candidates_are_few_and_those_that_matter_are_among_them() -> None:
    many = FEW * 6
    assortment = assorted([product(number) for number in range(many)])
    behaviour = Behaviour(NOW - DAY)
    for n in range(20):  # 7 and 2001 are bought together; 1000 is what everybody looks at
        for place in (7, 2001) if n < 8 else (1500 + n, 1000):
            behaviour.observe(f"{n}", PURCHASE, place, NOW - DAY)
    history = History.of([(NOW - 60.0, PURCHASE, 7)])
    may = eligible(assortment, history, NOW)
    found = set(candidates(assortment, behaviour, history, may, NOW).tolist())
    assert {2001, 1000} <= found
    assert 7 not in found
    assert len(found) < FEW
    own = [place for place in found if assortment.category[place] == assortment.category[7]]
    assert len(own) >= 50
    paired, alone = (
        shortlist(assortment, told, history, may, NOW).places.tolist() for told in (behaviour, Behaviour(NOW))
    )
    assert 2001 in paired
    assert 2001 not in alone


def test_equal_scores_are_in_the_same_order_every_time() -> None:
    assortment = assorted([product(number) for number in range(30)])
    behaviour = Behaviour(NOW)
    behaviour.observe("ana", VIEW, 12, NOW)
    places = np.arange(30)
    order = places[in_order(places, np.zeros(30), assortment, behaviour, NOW)].tolist()
    assert order == [12, *(place for place in range(29, -1, -1) if place != 12)]
    shuffled = np.random.default_rng(0).permutation(30)
    assert shuffled[in_order(shuffled, np.zeros(30), assortment, behaviour, NOW)].tolist() == order


def test_somebody_who_looks_at_red_shirts_is_shown_red_shirts() -> None:
    products = [product(number) for number in range(240)]
    assortment = assorted(products)
    shirts = [n for n in range(240) if products[n].category == "clothing/shirts"]
    red = [n for n in shirts if products[n].attributes["colour"] == "red"]
    history = History.of([(NOW - DAY, VIEW, red[0]), (NOW - 60.0, VIEW, red[1])])
    may = eligible(assortment, history, NOW)
    best = shortlist(assortment, Behaviour(NOW), history, may, NOW)
    assert len(best.places) == SHORTLIST
    assert set(best.places[: len(red)].tolist()) == set(red)
    assert list(best.scores) == sorted(best.scores, reverse=True)


def test_an_empty_shop_has_nothing_to_show() -> None:
    assortment = assorted([])
    history, behaviour = NOBODY, Behaviour(NOW)
    may = eligible(assortment, history, NOW)
    assert len(shortlist(assortment, behaviour, history, may, NOW).places) == 0
    assert len(popular(assortment, behaviour, may, NOW)) == 0
