"""What each kind learns, and what may be set on it."""

from collections import Counter
from typing import Any

import numpy as np
import onnxruntime
import pytest

from feria.errors import Invalid
from feria.learning.estimators import fit
from feria.learning.kinds import KINDS
from feria.learning.target import Target
from learning.ordering import predict, train

LINE = {"columns": ["x", "y"], "rows": [[1, 2], [2, 4], [3, 6], [4, 8]]}
GROUPS = {
    "columns": ["x1", "x2", "y"],
    "rows": [[1, 1, 0], [2, 2, 0], [3, 3, 0], [7, 7, 1], [8, 8, 1], [9, 9, 1]],
}


def nothing(_: float) -> None:
    pass


def test_a_straight_line_goes_on_straight() -> None:
    made = train("linear_regression", "y", LINE)
    assert predict(made, [[5], [6]]).tolist() == [10.0, 12.0]


@pytest.mark.parametrize("seed", range(5))
def test_a_network_goes_on_straight_where_the_data_were(seed: int) -> None:
    made = train("mlp", "y", LINE, task="regression", seed=seed)
    assert predict(made, [[5], [6]]) == pytest.approx([10, 12], abs=0.01)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"linear_regression"}))
def test_two_groups_are_told_apart(kind: str) -> None:
    made = train(kind, "y", GROUPS)
    assert made.result["metrics"]["rows_train"] == 6
    assert predict(made, [[4, 4], [10, 10]]).tolist() == [0, 1]


def test_a_network_learns_what_no_line_can() -> None:
    exclusive_or = [[0, 0, "no"], [0, 1, "yes"], [1, 0, "yes"], [1, 1, "no"]]
    made = train("mlp", "y", {"columns": ["a", "b", "y"], "rows": exclusive_or})
    assert predict(made, [row[:2] for row in exclusive_or]).tolist() == [row[2] for row in exclusive_or]


def test_a_network_bends_when_the_data_do() -> None:
    x = np.linspace(-3, 3, 200)
    rows = [[float(a), float(np.sin(2 * a))] for a in x]
    made = train("mlp", "y", {"columns": ["x", "y"], "rows": rows})
    assert made.result["metrics"]["r2"] > 0.95


def test_deep_networks_pass_the_line_through_every_layer() -> None:
    made = train("mlp", "y", LINE, task="regression", settings={"hidden_layer_sizes": [8, 6, 4]})
    assert predict(made, [[5], [6]]) == pytest.approx([10, 12], abs=0.1)


@pytest.mark.parametrize("kind", ["svm", "mlp"])
def test_answers_come_in_the_targets_own_unit(kind: str) -> None:
    """Both learn best from a target of unit size around zero; euros a year are neither."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(150, 2))
    y = 1e6 + 2e5 * x[:, 0] - 1e5 * x[:, 1]
    rows = np.column_stack([x, y]).tolist()
    made = train(kind, "y", {"columns": ["a", "b", "y"], "rows": rows})
    assert made.result["metrics"]["r2"] > 0.9


@pytest.mark.parametrize("seed", range(20))
def test_a_vector_machine_is_not_turned_upside_down_by_its_probabilities(seed: int) -> None:
    """With few rows, decisions about left-out rows are often worse than chance."""
    chance = np.random.default_rng(seed)
    y = np.array([0] * 4 + [1] * 8)
    x = chance.normal(size=(12, 2)).astype(np.float32)
    x[:, 0] += y
    machine = fit(KINDS["svm"].choose({}), x, Target("classification", y, (0, 1)), 0, nothing).estimator
    sigmoid = machine.calibrated_classifiers_[0]
    decided = sigmoid.estimator.decision_function(x)
    assert np.corrcoef(decided, machine.predict_proba(x)[:, 1])[0, 1] > 0


def test_a_class_with_a_single_row_does_not_stop_a_vector_machine() -> None:
    x = np.array([[0.0], [0.1], [5.0]], np.float32)
    target = Target("classification", np.array([0, 0, 1]), (0, 1))
    assert fit(KINDS["svm"].choose({}), x, target, 0, nothing).answer(x).shape == (3, 2)


def test_a_files_size_does_not_follow_the_number_of_rows() -> None:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(60_000, 1)).astype(np.float32)
    noise = Target("regression", chance.normal(size=60_000))
    forest = fit(KINDS["random_forest"].choose({"n_estimators": 2}), x, noise, 0, nothing).estimator
    assert max(tree.get_n_leaves() for tree in forest.estimators_) <= 6000


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"linear_regression"}))
def test_a_class_with_a_single_row_does_not_stop_a_large_training(kind: str) -> None:
    """Beyond some thousand rows networks and boosting set rows aside, of every class, to stop early by."""
    chance = np.random.default_rng(0)
    rows = 14_000 if kind == "gradient_boosting" else 2600
    x = chance.normal(size=rows).round(3)
    table = [[float(value), "up" if value > 0 else "down"] for value in x] + [[9.0, "lonely"]]
    small = {"gradient_boosting": {"max_iter": 5}, "mlp": {"max_iter": 80}}.get(kind, {})
    made = train(kind, "y", {"columns": ["x", "y"], "rows": table}, settings=small)
    assert made.result["metrics"]["accuracy"] > 0.95


@pytest.mark.parametrize("kind", ["linear_regression", "svm", "decision_tree", "gradient_boosting", "mlp"])
def test_a_target_that_is_always_the_same_is_answered_with_it(kind: str) -> None:
    rows = [[i, 7.5] for i in range(30)]
    made = train(kind, "y", {"columns": ["x", "y"], "rows": rows}, task="regression")
    assert predict(made, [[3], [50]]) == pytest.approx([7.5, 7.5], abs=1e-3)


def test_a_forest_of_many_classes_keeps_what_is_not_zero_only() -> None:
    chance = np.random.default_rng(0)
    rows = [[float(i % 40 + chance.normal(0, 0.2)), f"c{i % 40}"] for i in range(800)]
    made = train("random_forest", "y", {"columns": ["x", "y"], "rows": rows}, settings={"n_estimators": 10})
    assert made.result["metrics"]["accuracy"] > 0.9
    assert len(made.file) < 150_000  # ten times that with the zeros


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("decision_tree", {"depth": 3}, "decision_tree has no setting 'depth'; it has max_depth, min_sam"),
        ("linear_regression", {"C": 1}, "linear_regression has no setting 'C'; it has none."),
        ("svm", {"Gama": 1}, "svm has no setting 'Gama'; it has C, kernel, gamma; perhaps you mean 'gamma'."),
        ("svm", {"C": 0}, "The setting 'C' of svm: Input should be greater than 0."),
        ("svm", {"kernel": "poly"}, "The setting 'kernel' of svm: Input should be 'rbf' or 'linear'."),
        ("mlp", {"hidden_layer_sizes": [0]}, "The setting 'hidden_layer_sizes' of mlp:"),
        ("random_forest", {"n_estimators": 10**9}, "The setting 'n_estimators' of random_forest:"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(kind: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as raised:
        KINDS[kind].choose(given)
    assert raised.value.message.startswith(said)
    assert raised.value.details["setting"] in given


def test_settings_reach_the_model() -> None:
    made = train("decision_tree", "y", LINE, task="regression", settings={"max_depth": 1})
    assert made.result["trained_from"]["settings"]["max_depth"] == 1
    assert Counter(predict(made, [[1], [2], [3], [4]]).tolist()) == {3.0: 2, 7.0: 2}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_explains_itself_and_serves_one_row_fast(kind: str) -> None:
    assert KINDS[kind].explains.endswith(".")
    made = train(kind, "y", GROUPS, task=KINDS[kind].tasks[0])
    session = onnxruntime.InferenceSession(made.file)
    assert session.get_inputs()[0].shape == [None, 2]
