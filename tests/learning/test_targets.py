"""What can be predicted: columns, expressions, classes, numbers."""

from typing import Any

import polars as pl
import pytest

from feria.errors import Invalid
from feria.learning.kinds import KINDS
from feria.learning.target import Target, find_target, read_target

FRAME = pl.DataFrame(
    {
        "num": [0, 1, 4, None],
        "city": ["Vigo", "Lugo", None, "Vigo"],
        "member": [True, False, None, True],
        "a>1": [1, 2, 3, 4],
    }
)


def target(values: Any, kind: str = "decision_tree", task: str = "auto") -> Target:
    return read_target(pl.Series("y", values), KINDS[kind], task)


@pytest.mark.parametrize(
    ("wanted", "column", "values"),
    [
        ("num", "num", [0, 1, 4, None]),
        ("num>0", "num", [False, True, True, None]),
        (" num >= 1 ", "num", [False, True, True, None]),
        ("num<1", "num", [True, False, False, None]),
        ("num<=1e0", "num", [True, True, False, None]),
        ("num==4", "num", [False, False, True, None]),
        ("num!=4", "num", [True, True, False, None]),
        ("city==Vigo", "city", [True, False, None, True]),
        ("city != Lugo", "city", [True, False, None, True]),
        ("member==TRUE", "member", [True, False, None, True]),
        ("a>1", "a>1", [1, 2, 3, 4]),
        ("a>1>2", "a>1", [False, False, True, True]),
    ],
)
def test_a_target_is_a_column_or_a_comparison(wanted: str, column: str, values: list[Any]) -> None:
    found, origin = find_target(FRAME, wanted)
    assert (found.to_list(), origin) == (values, column)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("price", "There is no column 'price' to predict. There are: num, city, member, a>1."),
        ("price>3", "There is no column 'price>3' to predict."),
        ("num>", "'num' holds numbers; '' is none."),
        ("num>few", "'num' holds numbers; 'few' is none."),
        ("num>inf", "'num' holds numbers; 'inf' is none."),
        ("city>Vigo", "'city' holds texts; they are equal or not, but not >."),
        ("member>0", "'member' is true or false; compare it with == or != to one of these."),
        ("member==yes", "'member' is true or false; compare it with == or != to one of these."),
    ],
)
def test_a_target_that_is_not_there_is_refused(wanted: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        find_target(FRAME, wanted)
    assert raised.value.message.startswith(said)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["no", "yes", "no"], ("no", "yes")),
        ([True, False, True], ("false", "true")),
        ([1, 0, 1, 0], (0, 1)),
        ([2.0, 1.0, 2.0, 1.0], (1, 2)),
        ([-1, 5, 5, -1], (-1, 5)),
    ],
)
def test_words_yes_or_no_and_a_few_whole_numbers_are_classes(values: Any, labels: Any) -> None:
    found = target(values)
    assert (found.task, found.labels) == ("classification", labels)
    assert [type(label) for label in found.labels or ()] == [type(label) for label in labels]
    told = {"true": True, "false": False}
    assert [told.get(str(found.labels[k]), found.labels[k]) for k in found.values] == values  # type: ignore[index]


@pytest.mark.parametrize("values", [[1.5, 2.5, 1.5, 2.5], list(range(100)), [1, 2, 3, 4], [3, 3, 4]])
def test_other_numbers_are_numbers(values: list[float]) -> None:
    found = target(values)
    assert (found.task, found.labels) == ("regression", None)
    assert found.values.tolist() == values


def test_the_order_goes_before_the_guess() -> None:
    assert target([0, 0, 1, 1], task="regression").task == "regression"
    assert target([1.5, 2.5, 1.5, 2.5], task="classification").labels == (1.5, 2.5)
    assert target([0, 0, 1, 1], "linear_regression").task == "regression"
    assert target([1, 2, 3], "logistic_regression").labels == (1, 2, 3)


@pytest.mark.parametrize(
    ("values", "kind", "task", "said"),
    [
        ([0, 1], "logistic_regression", "regression", "logistic_regression predicts classes; choose another"),
        ([0, 1], "linear_regression", "classification", "linear_regression predicts numbers; choose another"),
        (["a", "b"], "linear_regression", "auto", "The target holds texts, such as 'a'; linear_regression"),
        (["a", "b"], "svm", "regression", "The target holds texts, such as 'a'; svm wants numbers here."),
        ([1.1, 2.2, 3.3, 4.4], "logistic_regression", "auto", "The target has 4 different values in 4 rows;"),
        (list(range(100)), "svm", "classification", "The target has 100 different values in 100 rows; svm"),
        ([f"id{i}" for i in range(50)], "svm", "auto", "The target has 50 different values in 50 rows;"),
        (["a", "a"], "svm", "auto", "There is one class only, 'a': nothing to tell apart."),
        ([1, 1], "logistic_regression", "auto", "There is one class only, 1: nothing to tell apart."),
        ([True], "mlp", "auto", "There is one class only, 'true': nothing to tell apart."),
    ],
)
def test_a_target_the_kind_cannot_predict_is_refused(values: Any, kind: str, task: str, said: str) -> None:
    with pytest.raises(Invalid) as raised:
        target(values, kind, task)
    assert raised.value.message.startswith(said)
