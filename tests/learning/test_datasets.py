"""Which columns are learned from, and as what."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from feria.errors import Invalid
from feria.learning import dataset
from feria.learning.dataset import Dataset
from feria.learning.kinds import KINDS
from feria.learning.preprocessing import Preprocessing
from feria.learning.sources import Table
from feria.learning.wire import TrainingOrder

Y = [0, 1] * 300


def build(columns: dict[str, Any], kind: str = "decision_tree", **order: Any) -> Dataset:
    wanted = TrainingOrder(kind=kind, target="y", **order)  # type: ignore[arg-type]
    return dataset.build(Table(pl.DataFrame(columns), 1, {}), wanted, KINDS[kind])


def test_numbers_come_first_as_float32_and_texts_after_them() -> None:
    data = build(
        {"city": ["Vigo", None], "age": [63, None], "member": [True, None], "y": [1.5, 2.5]},
        task="regression",
    )
    assert data.frame.schema == {"age": pl.Float32, "member": pl.Float32, "city": pl.String}
    assert np.array_equal(data.frame["age"].to_numpy(), [63, np.nan], equal_nan=True)
    assert np.array_equal(data.frame["member"].to_numpy(), [1, np.nan], equal_nan=True)
    assert data.frame["city"].to_list() == ["Vigo", ""]
    assert [(c.name, c.kind, c.nullable) for c in data.columns] == [
        ("city", "text", True),
        ("age", "number", True),
        ("member", "number", True),
    ]


def test_a_column_that_was_never_empty_may_not_be_empty_later() -> None:
    """A misspelt name in a request would otherwise be taken for a missing value, and answered."""
    assert [c.nullable for c in build({"a": [1, 2], "b": ["x", "y"], "y": ["p", "q"]}).columns] == [False] * 2


def test_rows_without_a_target_are_dropped_and_counted() -> None:
    data = build({"a": [1, 2, 3, 4], "y": [0.5, None, None, 1.5]}, task="regression")
    assert (data.frame["a"].to_list(), data.target.values.tolist()) == ([1, 4], [0.5, 1.5])
    assert data.rows_without_target == 2


def test_columns_of_no_use_are_left_out_with_a_note() -> None:
    data = build(
        {
            "id": [f"C-{i}" for i in range(600)],
            "day": pl.Series([date(2026, 1, 1)] * 600),
            "dirty": ["a\0b", "c"] * 300,
            "a": range(600),
            "y": Y,
        }
    )
    assert data.frame.columns == ["a"]
    assert data.notes == [
        "'id' was left out: nearly every row has a text of its own (600), as a name or a number would.",
        "'day' was left out: it is of the type Date; make numbers of it first, such as a year or a weekday.",
        "'dirty' was left out: it holds texts with NUL characters.",
    ]


def test_many_texts_are_told_apart_as_far_as_they_are_frequent() -> None:
    words = [f"w{i % 250}" for i in range(550)] + ["often"] * 50
    data = build({"word": words, "y": Y})
    assert data.notes == [
        "'word' holds 251 different texts; the 200 most frequent are told apart, the rest count as unknown."
    ]
    encoded = Preprocessing(KINDS["decision_tree"], data.frame, 0).apply(data.frame)
    assert encoded.shape == (600, 200)
    assert encoded[-1].sum() == 1
    assert encoded[249].sum() == 0  # w249 is rarer than w0 to w49


def test_long_whole_numbers_are_rounded_with_a_note() -> None:
    data = build({"id": [2**24 + 1, 5], "y": ["a", "b"]})
    assert data.notes == ["'id' holds numbers too long for float32; they were rounded."]
    assert build({"id": [2**25, 5], "y": ["a", "b"]}).notes == []


def test_constant_and_empty_columns_do_no_harm() -> None:
    """Kept, so that rows that are lists keep their places."""
    columns = {"same": [7.0] * 600, "empty": pl.Series([None] * 600, dtype=pl.Null), "a": range(600), "y": Y}
    for kind in KINDS.values():
        if "classification" in kind.tasks:
            data = build(columns, kind.name)
            matrix = Preprocessing(kind, data.frame, data.numbers).apply(data.frame)
            assert matrix.shape == (600, 3)
            assert np.isfinite(matrix).all() or kind.takes_missing


def test_the_features_are_those_that_were_asked_for_in_that_order() -> None:
    data = build({"a": [1, 2], "b": [3, 4], "c": [5, 6], "y": ["p", "q"]}, features=["c", "a"])
    assert data.frame.columns == ["c", "a"]


@pytest.mark.parametrize(
    ("columns", "order", "said", "details"),
    [
        ({"y": [0, 1]}, {}, "There is no column to learn from besides the target.", {}),
        ({"a": [1, 2], "y": [None, None]}, {}, "No row has a value of 'y'.", {"column": "y"}),
        ({"a": [1, 2], "y": [0, 1]}, {"features": ["b"]}, "There is no column 'b' to learn from.", None),
        ({"a": [1, 2], "y": [0, 1]}, {"features": ["y"]}, "'y' is what shall be predicted;", None),
        ({"a": [1, 2], "y": [0, 1]}, {"features": ["a", "a"]}, "A column is named twice in `features`.", {}),
        (
            {"day": pl.Series([date(2026, 1, 1)] * 2), "y": [0, 1]},
            {"features": ["day"]},
            "Nothing can be learned from 'day': it is of the type Date;",
            {"column": "day"},
        ),
        (
            {"a": [1.0, float("inf")], "y": [0, 1]},
            {},
            "Row 2, column 'a': inf is not a number a model can take.",
            {"row": 2, "column": "a"},
        ),
        (
            {"a": [1.0, 2.0], "y": [1e300, 1.0]},
            {},
            "Row 1, column 'y': 1e+300 is not a number a model can take.",
            {"row": 1, "column": "y"},
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    columns: dict[str, Any], order: dict[str, Any], said: str, details: dict[str, Any] | None
) -> None:
    with pytest.raises(Invalid) as raised:
        build(columns, **order)
    assert raised.value.message.startswith(said)
    if details is not None:
        assert raised.value.details == details


def test_more_rows_than_a_kind_can_take_are_refused_with_advice() -> None:
    rows = 50_001
    with pytest.raises(Invalid, match=r"50,001 rows are too many for svm.*gradient_boosting or mlp"):
        build({"a": range(rows), "y": [i % 2 for i in range(rows)]}, "svm")


@pytest.mark.parametrize("kind", KINDS)
def test_estimator_and_graph_are_given_the_same_bits(kind: str) -> None:
    """Medians and means are float32 and scales powers of two: then both round alike, that is, never."""
    frame = pl.DataFrame({"x": np.array([1.6e9, 1.6e9 + 128, np.nan, 1.6e9 + 3000] * 5, np.float32)})
    preprocessing = Preprocessing(KINDS[kind], frame, 1)
    numbers = preprocessing.transformer.named_transformers_["numbers"]
    if KINDS[kind].takes_missing:
        return
    assert numbers[0].statistics_ == numbers[0].statistics_.astype(np.float32)
    if KINDS[kind].scaled:
        assert numbers[1].mean_ == numbers[1].mean_.astype(np.float32)
        assert np.frexp(numbers[1].scale_)[0] == 0.5
        assert 0.5 < np.std(preprocessing.apply(frame)) < 2
