"""What a client tells can be merged anyhow, and never tells of few."""

import math
from functools import reduce
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from federation.stores import NAMES, order, stores, table
from feria.errors import Invalid
from feria.federation.statistics import Discretion, Moments, Statistics, describe, withheld

OPEN = Discretion(smallest_group=1, least_rows=1)
POOLED = pl.concat([store.frame for store in stores().values()])
numbers = some.floats(-1e9, 1e9, allow_subnormal=False)


def moments(values: list[float]) -> Moments:
    told = describe(table({"x": values, "y": ["a", "b"] * (len(values) // 2) + ["a"] * (len(values) % 2)}),
                    order(target="y"), OPEN)  # fmt: skip
    return told.columns["x"].moments


def assert_close(one: Statistics, other: Statistics) -> None:
    """The same, and their means and squares but for rounding."""
    assert one.model_dump(exclude={"columns": {"__all__": {"moments"}}}) == other.model_dump(
        exclude={"columns": {"__all__": {"moments"}}}
    )
    for name, column in one.columns.items():
        mine, theirs = column.moments, other.columns[name].moments
        assert mine.count == theirs.count
        assert mine.mean == pytest.approx(theirs.mean, rel=1e-12, abs=1e-12)
        assert mine.squares == pytest.approx(theirs.squares, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    cuts=some.lists(some.integers(1, POOLED.height - 1), min_size=1, max_size=8, unique=True),
    data=some.data(),
)
def test_rows_dealt_out_anyhow_are_together_what_they_are_in_one(
    cuts: list[int], data: some.DataObject
) -> None:
    ends = [0, *sorted(cuts), POOLED.height]
    frames = [POOLED[start:end] for start, end in pairwise(ends)]
    # Where a column is empty nobody can tell whether it holds texts.
    assume(all(column.null_count() < len(column) for frame in frames for column in frame))
    parts = [table(frame) for frame in frames]
    told = data.draw(
        some.permutations([describe(part, order(task="classification"), OPEN) for part in parts])
    )
    merged = reduce(Statistics.merge, told)
    whole = describe(table(POOLED), order(), OPEN)
    as_one = {"clients": 1, "target": merged.target.model_copy(update={"as_classes": 1})}
    columns = {
        name: column.model_copy(
            update={"clients": 1, "numeric": min(column.numeric, 1), "text": min(column.text, 1)}
        )
        for name, column in merged.columns.items()
    }
    assert_close(merged.model_copy(update={**as_one, "columns": columns}), whole)


def test_merging_does_not_depend_on_who_is_first_or_on_brackets() -> None:
    a, b, c = (describe(store, order()) for store in stores().values())
    assert a.merge(b) == b.merge(a)
    assert_close(a.merge(b).merge(c), a.merge(b.merge(c)))


@given(some.lists(numbers, min_size=1, max_size=50), some.lists(numbers, min_size=1, max_size=50))
def test_moments_merge_to_those_of_all_values(one: list[float], other: list[float]) -> None:
    both = np.array([*one, *other])
    merged = moments(one).merge(moments(other))
    rounding = 1e-12 * np.abs(both).max()
    assert merged.count == len(both)
    assert merged.mean == pytest.approx(both.mean(), rel=1e-9, abs=rounding)
    deviation = np.sqrt(merged.squares / merged.count)
    assert deviation == pytest.approx(both.std(), rel=1e-9, abs=rounding)
    assert merged == moments(other).merge(moments(one))


def test_large_numbers_of_little_spread_keep_their_digits() -> None:
    """Sums of squares would lose all of it: 1.7e9 squared has nineteen digits."""
    seconds = 1.7e9 + np.random.default_rng(0).normal(0, 0.5, 1000)
    merged = reduce(Moments.merge, [moments(part.tolist()) for part in np.split(seconds, 20)])
    assert merged.deviation == pytest.approx(seconds.std(), rel=1e-6)


# ------------------------------------------------------------------- discretion
@given(some.dictionaries(some.text(max_size=3), some.integers(1, 40), max_size=12), some.integers(1, 20))
def test_no_group_of_few_is_told_of_nor_left_as_what_is_missing_from_the_total(
    counts: dict[str, int], least: int
) -> None:
    told = withheld(counts, least)
    assert all(n >= least and counts[name] == n for name, n in told.items())
    hidden = sum(counts.values()) - sum(told.values())
    assert hidden == 0 or hidden >= least or not told
    if all(n >= least for n in counts.values()):
        assert told == counts


@settings(deadline=None, max_examples=40)
@given(gaps=some.integers(0, 40))
def test_neither_few_values_nor_few_gaps_can_be_counted(gaps: int) -> None:
    x = [None] * gaps + [float(n) for n in range(40 - gaps)]
    column = describe(table({"x": x, "z": range(40), "y": ["a", "b"] * 20}), order(target="y")).columns["x"]
    assert column.moments.count == 0 or column.moments.count >= 5
    assert column.missing == 0 or column.missing >= 5
    if 0 < gaps < 5:
        assert (column.moments.count, column.missing) == (40, 0)
        assert column.moments.mean == pytest.approx(np.mean(range(40 - gaps)))
    if 5 <= gaps <= 35:
        assert (column.moments.count, column.missing) == (40 - gaps, gaps)


def test_what_one_row_says_is_nowhere_in_what_is_told() -> None:
    rows = {
        "age": [float(n) for n in range(20, 59)] + [118.625],
        "town": ["Lima"] * 20 + ["Cusco"] * 19 + ["Vilcashuamán"],
        "name": [f"Ana María {n}" for n in range(40)],
        "ill": [False, True] * 20,
    }
    told = describe(table(rows), order(target="ill"))
    assert set(told.columns) == {"age", "town", "name"}
    said = told.model_dump_json()
    for one in ("118", "Vilcashuamán", "Ana María", "59"):
        assert one not in said
    # Told of Cusco's 19, one could count the one that is left: so they are left out, too.
    assert told.columns["town"].categories == {"Lima": 20}


def test_a_class_of_few_is_not_named() -> None:
    rows = {"x": range(40), "y": ["a"] * 20 + ["b"] * 17 + ["rare"] * 3}
    assert describe(table(rows), order(target="y")).target.classes == (("a", 20),)


def test_who_has_too_few_rows_takes_no_part() -> None:
    rows = {"x": range(25), "y": ["a", "b"] * 9 + ["a"] + [None] * 6}
    with pytest.raises(Invalid, match="There are 19 rows with a value of 'y'; 20 are the least"):
        describe(table(rows), order(target="y"))


# ------------------------------------------------------------------- what is told
def test_what_is_told_is_json_and_comes_back_the_same() -> None:
    for target in ("two", "three", "price"):
        wanted = order("mlp", "price" if target == "price" else "label")
        for store in stores(target).values():
            told = describe(store, wanted)
            assert Statistics.model_validate_json(told.model_dump_json()) == told


def test_numbers_that_are_none_are_refused_on_arrival() -> None:
    said = describe(stores()[NAMES[0]], order()).model_dump_json()
    broken = said.replace('"squares":', '"squares":-')
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Statistics.model_validate_json(broken)


def test_an_empty_column_says_neither_numbers_nor_texts() -> None:
    rows = {"x": range(30), "gone": [None] * 30, "y": ["a", "b"] * 15}
    gone = describe(table(rows), order(target="y")).columns["gone"]
    assert (gone.numeric, gone.text, gone.missing) == (0, 0, 30)


def test_a_column_asked_for_that_is_not_there_or_of_no_use_is_named() -> None:
    rows = {"x": range(30), "when": [f"2026-01-{n + 1:02}" for n in range(30)], "y": ["a", "b"] * 15}
    dated = table(pl.DataFrame(rows).with_columns(pl.col("when").str.to_date()))
    with pytest.raises(Invalid, match="There is no column 'z'") as none:
        describe(dated, order(target="y", features=["z"]))
    assert none.value.details == {"column": "z"}
    with pytest.raises(Invalid, match="Nothing can be learned from 'when'"):
        describe(dated, order(target="y", features=["when"]))
    assert set(describe(dated, order(target="y")).columns) == {"x"}


def test_the_deviation_of_equal_values_is_one() -> None:
    assert moments([3.0] * 10).deviation == 1
    assert math.isclose(moments([0.0, 2.0]).deviation, 1.0)
