from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from feria.search.fusion import K, fused

rankings = st.lists(st.lists(st.integers(0, 20), unique=True), max_size=4)


def test_what_both_rank_well_comes_before_what_one_ranks_best() -> None:
    assert fused([1, 2, 3], [4, 2, 5])[0] == 2


def test_one_ranking_alone_stays_as_it_is() -> None:
    assert fused([5, 3, 9]) == [5, 3, 9]
    assert fused([5, 3, 9], []) == [5, 3, 9]


@given(rankings)
def test_the_order_is_that_of_the_sums_of_reciprocal_ranks(given: list[list[int]]) -> None:
    def score(item: int) -> float:
        return sum(1 / (K + ranking.index(item) + 1) for ranking in given if item in ranking)

    found = fused(*given)
    assert sorted(found) == sorted({item for ranking in given for item in ranking})
    scores = [score(item) for item in found]
    assert all(left >= right - 1e-12 for left, right in pairwise(scores))
