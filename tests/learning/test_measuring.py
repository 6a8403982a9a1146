"""What is held out, and what is measured on it."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.learning.evaluation import of_classes, of_values
from feria.learning.kinds import KINDS
from feria.learning.target import Target
from feria.learning.training import split
from learning.ordering import train


def classes(values: Any) -> Target:
    found, numbers = np.unique(values, return_inverse=True)
    return Target("classification", numbers, tuple(str(one) for one in found))


# ------------------------------------------------------------------- the split
@given(
    sizes=st.lists(st.integers(1, 60), min_size=2, max_size=6),
    holdout=st.floats(0.05, 0.85),
    seed=st.integers(0, 2**32 - 1),
)
def test_of_every_class_the_share_is_held_out_and_some_is_left(
    sizes: list[int], holdout: float, seed: int
) -> None:
    target = classes(np.repeat(np.arange(len(sizes)), sizes))
    seen, unseen = split(target, holdout, seed, [])
    assert sorted([*seen, *unseen]) == list(range(sum(sizes)))
    if sum(sizes) >= 20:
        for k, size in enumerate(sizes):
            out = int((target.values[unseen] == k).sum())
            assert out == min(round(size * holdout), size - 1)


def test_the_split_follows_from_seed_and_share() -> None:
    target = Target("regression", np.arange(100.0))
    first, again, other = (split(target, 0.2, seed, [])[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(first) == 20


def test_a_class_of_one_row_is_learned_and_said() -> None:
    notes: list[str] = []
    target = classes(["a"] * 20 + ["b"] * 20 + ["lonely"])
    seen, _ = split(target, 0.5, 0, notes)
    assert 40 in seen
    assert notes == ["1 of 3 classes have a single row, which was learned from."]


def test_few_rows_are_all_learned_from() -> None:
    made = train("decision_tree", "y", {"columns": ["x", "y"], "rows": [[i, i % 2] for i in range(19)]})
    assert made.result["metrics"] == {
        "rows_train": 19,
        "rows_holdout": 0,
        "holdout": 0.0,
        "seed": 0,
        "stratified": True,
    }
    assert made.result["notes"] == ["With 19 rows none was held out, so nothing was measured."]


def test_nothing_held_out_is_nothing_measured() -> None:
    rows = [[i, i % 2] for i in range(40)]
    made = train("decision_tree", "y", {"columns": ["x", "y"], "rows": rows}, holdout=0)
    assert made.result["metrics"]["rows_train"] == 40
    assert "accuracy" not in made.result["metrics"]
    assert made.result["notes"] == ["Nothing was held out, so nothing was measured."]


def test_a_share_too_small_for_any_class_is_said() -> None:
    rows = [[i, f"c{i % 10}"] for i in range(20)]
    made = train("decision_tree", "y", {"columns": ["x", "y"], "rows": rows}, holdout=0.1)
    assert made.result["metrics"]["rows_holdout"] == 0
    assert made.result["notes"] == ["A share of 0.1 of each class is not one row, so nothing was measured."]


# ------------------------------------------------------------------- the metrics
def test_the_measures_of_classes_are_those_of_the_book() -> None:
    target = Target("classification", np.array([0, 0, 0, 1]), ("no", "yes"))
    truth = np.array([0, 0, 1, 1])
    yes = np.array([0.1, 0.6, 0.4, 0.9], np.float32)
    found = of_classes(np.column_stack([1 - yes, yes]), truth, target.values, target)
    assert found["accuracy"] == 0.5
    assert found["baseline"] == 0.5
    assert found["macro_recall"] == 0.5
    assert found["auc"] == 0.75
    assert found["log_loss"] == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.4, 0.9])), abs=1e-6)
    assert found["confusion"] == {"labels": ["no", "yes"], "counts": [[1, 1], [1, 1]]}


def test_classes_that_were_not_held_out_spoil_nothing() -> None:
    target = Target("classification", np.array([0, 1, 2]), ("a", "b", "c"))
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    found = of_classes(probabilities, np.array([0, 1]), target.values, target)
    assert (found["accuracy"], found["macro_recall"], found["auc"]) == (1.0, 1.0, 1.0)
    only_one = of_classes(probabilities[:1], np.array([0]), target.values, target)
    assert "auc" not in only_one
    assert only_one["confusion"]["counts"] == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_the_measures_of_numbers_are_those_of_the_book() -> None:
    found = of_values(np.array([1.0, 2.0, 5.0]), np.array([1.0, 2.0, 3.0]), np.array([0.0, 4.0]))
    assert found == pytest.approx(
        {"r2": -1.0, "mae": 2 / 3, "rmse": math.sqrt(4 / 3), "baseline_rmse": math.sqrt(2 / 3)}
    )


def test_what_cannot_be_measured_is_left_out() -> None:
    assert "r2" not in of_values(np.array([1.0]), np.array([1.0]), np.array([1.0]))
    assert "r2" not in of_values(np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.array([1.0]))


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_made_a_model_is_on_record(kind: str) -> None:
    chance = np.random.default_rng(0)
    rows = [[*row, float(row[0] > 0)] for row in chance.normal(size=(60, 2)).tolist()]
    made = train(kind, "y", {"columns": ["a", "b", "y"], "rows": rows}, seed=3)
    metrics, origin = made.result["metrics"], made.result["trained_from"]
    assert (metrics["rows_train"], metrics["rows_holdout"]) == (48, 12)
    assert (metrics["seed"], metrics["holdout"]) == (3, 0.2)
    assert (origin["target"], origin["rows"], origin["columns"]) == ("y", 60, 2)
    assert {"feria", "scikit-learn", "skl2onnx", "onnxruntime"} == set(origin["software"])
    assert set(origin["settings"]) == set(KINDS[kind].settings.model_fields)
    assert [done for _, done in made.said] == sorted(done for _, done in made.said)
    assert made.said[-1] == ("done", 1.0)


def test_a_fit_that_ran_out_of_steps_is_said() -> None:
    chance = np.random.default_rng(0)
    rows = [[*row, int(row[0] + row[1] > 0)] for row in chance.normal(size=(60, 2)).tolist()]
    made = train(
        "logistic_regression", "y", {"columns": ["a", "b", "y"], "rows": rows}, settings={"max_iter": 1}
    )
    assert made.result["notes"] == [
        "The fit stopped before it had converged; more iterations (max_iter) may help."
    ]
