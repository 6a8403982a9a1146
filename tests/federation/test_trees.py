"""Trees travel as XGBoost's JSON: what it reads in them we read, and what Flower unites we unite."""

import json
from typing import Any

import numpy as np
import pytest
import xgboost
from flwr.serverapp.strategy.strategy_utils import aggregate_bagging
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from federation.stores import joined
from federation.test_learners import opened, rounds
from feria.errors import Invalid, Unavailable
from feria.federation.models import gradient_boosting
from feria.federation.models.forest import Forest
from feria.federation.models.trees import of_bytes, read, unite
from feria.learning.wire import KindName


@pytest.mark.parametrize("target", ["two", "three", "price"])
def test_xgboost_answers_from_the_united_trees_as_we_do(target: str) -> None:
    learner, rows = opened("gradient_boosting", target)
    [file] = rounds(learner, rows, 4)
    x = joined(rows).x
    theirs = xgboost.Booster(model_file=bytearray(file.tobytes())).inplace_predict(x)
    ours = learner.answer([file], x)
    assert len(read(file.tobytes(), learner.agreement.outputs, learner.agreement.width).roots) == 12
    np.testing.assert_allclose(ours[:, 1] if target == "two" else ours, theirs, atol=1e-5)


@pytest.mark.parametrize("kind", ["gradient_boosting", "random_forest"])
@pytest.mark.parametrize("target", ["two", "three"])
def test_we_unite_trees_as_flower_does(kind: KindName, target: str) -> None:
    learner, rows = opened(kind, target)
    arrays = learner.initial(0)
    for seed in range(2):
        fits = [learner.fit(arrays, one, seed) for one in rows.values()]
        theirs = arrays[0].tobytes()
        for fit in fits:
            theirs = aggregate_bagging(theirs, fit.arrays[0].tobytes())
        arrays = unite(arrays, fits)
        assert json.loads(arrays[0].tobytes()) == json.loads(theirs)


def test_a_forest_of_one_client_is_scikit_learns_forest() -> None:
    for target, make, features in (
        ("three", RandomForestClassifier, "sqrt"),
        ("price", RandomForestRegressor, 1.0),
    ):
        learner, rows = opened("random_forest", target, trees=7)
        assert isinstance(learner, Forest)
        examples = rows["Lima"]
        fit = learner.fit(learner.initial(0), examples, 5)
        theirs: Any = make(7, min_samples_leaf=5, max_features=features, random_state=5)
        theirs.fit(examples.x, examples.y)
        answer = theirs.predict_proba if target == "three" else theirs.predict
        np.testing.assert_allclose(
            learner.answer(fit.arrays, joined(rows).x), answer(joined(rows).x), atol=1e-9
        )


def test_a_vote_counts_by_the_clients_share_of_the_rows() -> None:
    learner, rows = opened("random_forest", "two")
    fits = [learner.fit(learner.initial(0), rows[name], 1) for name in ("Cusco", "Lima")]
    x = rows["Cusco"].x
    one, other = (learner.answer(fit.arrays, x) for fit in fits)
    small = read(fits[1].arrays[0].tobytes(), 2, 7).leaves.sum() / len(
        read(fits[1].arrays[0].tobytes(), 2, 7).leaves
    )
    assert 0 < small < 1
    np.testing.assert_allclose(learner.answer(unite(learner.initial(0), fits), x), (one + other) / 2)


def test_no_leaf_tells_of_fewer_rows_than_asked() -> None:
    learner, rows = opened("random_forest", "three", min_samples_leaf=9)
    [file] = learner.fit(learner.initial(0), rows["Lima"], 0).arrays
    trees = read(file.tobytes(), 3, 7)
    shares = trees.leaves[trees.left == np.arange(len(trees.left))]
    of_a_leaf = shares / shares.sum(axis=1, keepdims=True)
    assert of_a_leaf[of_a_leaf > 0].min() > 1 / 200


def test_missing_values_and_long_columns_of_rows_are_asked_piece_by_piece(monkeypatch: Any) -> None:
    learner, rows = opened("gradient_boosting", "two")
    arrays = rounds(learner, rows, 2)
    x = joined(rows).x
    assert np.isnan(x).any()
    whole = learner.answer(arrays, x)
    monkeypatch.setattr("feria.federation.models.trees.MOST_CELLS", 50)
    np.testing.assert_array_equal(learner.answer(arrays, x), whole)


@pytest.mark.parametrize(
    "file", [b"nonsense", b"{}", b"[]", b'{"learner": {"gradient_booster": {"model": 3}}}']
)
def test_bytes_that_are_no_trees_are_refused(file: bytes) -> None:
    with pytest.raises(Invalid, match="These bytes are no trees"):
        read(file, 1, 7)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("left_children", 0, "its branches lead astray"),
        ("left_children", 2**40, "its branches lead astray"),
        ("right_children", -2, "its branches lead astray"),
        ("right_children", 2**70, "."),
        ("split_indices", 7, "columns that are not there"),
        ("split_indices", -1, "columns that are not there"),
        ("split_conditions", "a", "."),
        ("tree_param", None, "."),
    ],
)
def test_a_tree_that_leads_nowhere_is_refused(name: str, value: Any, fault: str) -> None:
    """Else a client could keep all others going round in circles."""
    learner, rows = opened("gradient_boosting", "two")
    [file] = learner.fit(learner.initial(0), rows["Lima"], 0).arrays
    model = json.loads(file.tobytes())
    [tree] = model["learner"]["gradient_booster"]["model"]["trees"]
    if name == "tree_param":
        tree[name] = value
    else:
        tree[name][0] = value
    with pytest.raises(Invalid, match=f"These bytes are no trees: .*{fault}"):
        learner.answer(of_bytes(json.dumps(model).encode()), rows["Lima"].x)


def test_an_answer_that_is_no_number_is_refused() -> None:
    learner, rows = opened("random_forest", "two")
    [file] = learner.fit(learner.initial(0), rows["Lima"], 0).arrays
    model = json.loads(file.tobytes())
    model["learner"]["gradient_booster"]["model"]["trees"][0]["leaf_weights"][0] = float("nan")
    with pytest.raises(Invalid, match="what is no number"):
        learner.answer(of_bytes(json.dumps(model).encode()), rows["Lima"].x)


def test_without_trees_there_is_an_answer_that_knows_nothing() -> None:
    learner, rows = opened("gradient_boosting", "two")
    assert (learner.answer(of_bytes(b""), rows["Lima"].x) == 0.5).all()


def test_without_xgboost_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, rows = opened("gradient_boosting", "two")
    monkeypatch.setitem(__import__("sys").modules, "xgboost", None)
    with pytest.raises(Unavailable, match=r"install feria\[xgboost\]"):
        learner.fit(learner.initial(0), rows["Lima"], 0)
    assert gradient_boosting.BoostingSettings().max_depth == 4
