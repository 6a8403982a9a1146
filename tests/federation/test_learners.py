"""What a client's fit promises, whatever the kind; and what each kind comes to over the rounds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, roc_auc_score

from federation.stores import agreed, joined, order, stores
from feria.errors import Invalid
from feria.federation import local
from feria.federation.agreement import Examples
from feria.federation.local import Arrays, Fit, Learner, average, evaluate
from feria.federation.models import FEDERATED, learner_for
from feria.federation.models.network import Network
from feria.learning.wire import KindName

Read = dict[str, Examples]
SMALL: dict[str, dict[str, Any]] = {
    "random_forest": {"trees": 2},
    "mlp": {"hidden_layer_sizes": [8, 4], "epochs": 5},
}
EVERY: list[tuple[KindName, str]] = [
    ("logistic_regression", "two"),
    ("logistic_regression", "three"),
    ("linear_regression", "price"),
    ("svm", "two"),
    ("svm", "three"),
    ("mlp", "two"),
    ("mlp", "three"),
    ("mlp", "price"),
    ("gradient_boosting", "two"),
    ("gradient_boosting", "three"),
    ("gradient_boosting", "price"),
    ("random_forest", "two"),
    ("random_forest", "three"),
    ("random_forest", "price"),
]
each = pytest.mark.parametrize(("kind", "target"), EVERY)


def opened(kind: KindName, target: str, **settings: Any) -> tuple[Learner, Read]:
    wanted = order(kind, "price" if target == "price" else "label")
    agreement, read = agreed(stores(target), wanted)
    return learner_for(agreement, SMALL.get(kind, {}) | settings), read


def rounds(learner: Learner, read: Read, number: int, proximal: float = 0.0) -> Arrays:
    """What a plain loop makes of it."""
    unite = FEDERATED[learner.agreement.kind].unite
    arrays = learner.initial(0)
    for at in range(number):
        arrays = unite(arrays, [learner.fit(arrays, one, at, proximal) for one in read.values()])
    return arrays


@each
def test_the_same_seed_gives_the_same_arrays_and_what_was_given_stays(kind: KindName, target: str) -> None:
    learner, read = opened(kind, target)
    first, again = learner.initial(7), learner.initial(7)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    fits = [learner.fit(arrays, read["Lima"], 3) for arrays in (first, again)]
    for one, other in zip(fits[0].arrays, fits[1].arrays, strict=True):
        np.testing.assert_array_equal(one, other)
    assert fits[0] == Fit(fits[0].arrays, 200, fits[1].metrics)
    for one, other in zip(first, learner.initial(7), strict=True):
        np.testing.assert_array_equal(one, other)
    if not FEDERATED[kind].trees:
        assert [array.shape for array in fits[0].arrays] == [array.shape for array in first]


@each
def test_a_few_rounds_are_better_than_none_for_rows_of_all_clients(kind: KindName, target: str) -> None:
    learner, read = opened(kind, target)
    everybody = joined(read)
    spread = float(np.mean(((everybody.y - everybody.y.mean()) * learner.agreement.size) ** 2))
    guess = spread if target == "price" else np.log(len(learner.agreement.labels or ()))
    measured = evaluate(learner, rounds(learner, read, 5), everybody)
    assert measured["loss"] < 0.8 * guess
    if target == "price":
        assert measured["r2"] > 0.3
    else:
        assert measured["accuracy"] > 0.7
        assert measured["auc"] > 0.8


@each
def test_probabilities_are_such(kind: KindName, target: str) -> None:
    learner, read = opened(kind, target)
    given = learner.answer(rounds(learner, read, 2), read["Cusco"].x)
    assert np.isfinite(given).all()
    if target == "price":
        assert given.shape == (200,)
    else:
        assert given.shape == (200, len(learner.agreement.labels or ()))
        np.testing.assert_allclose(given.sum(axis=1), 1)
        assert (given >= 0).all()


# ------------------------------------------------------------------- weighted sums and networks
@pytest.mark.parametrize("target", ["two", "three"])
def test_logistic_regression_comes_to_the_pooled_one_though_clients_differ(target: str) -> None:
    learner, read = opened("logistic_regression", target)
    everybody = joined(read)
    pooled = LogisticRegression(max_iter=5000).fit(everybody.x, everybody.y)
    measured = evaluate(learner, rounds(learner, read, 20), everybody)
    assert measured["loss"] < log_loss(everybody.y, pooled.predict_proba(everybody.x)) + 0.02
    assert measured["accuracy"] > pooled.score(everybody.x, everybody.y) - 0.02


def test_one_step_each_is_a_step_of_all_rows_and_ends_at_the_pooled_optimum() -> None:
    learner, read = opened("linear_regression", "price", steps=1)
    arrays = rounds(learner, read, 1000)
    everybody = joined(read)
    z = learner.agreement.standard(everybody.x)[:, :-1]
    pooled = Ridge(alpha=1.0).fit(z, everybody.y)
    np.testing.assert_allclose(arrays[0][:-1, 0], pooled.coef_, atol=1e-4)
    assert arrays[0][-1, 0] == pytest.approx(pooled.intercept_, abs=1e-4)


@pytest.mark.parametrize(("kind", "target"), [one for one in EVERY if not FEDERATED[one[0]].trees])
def test_the_proximal_term_holds_a_client_back(kind: KindName, target: str) -> None:
    learner, read = opened(kind, target, **({} if kind == "mlp" else {"steps": 200}))
    start = learner.initial(0)

    def moved(proximal: float) -> float:
        arrays = learner.fit(start, read["Arequipa"], 0, proximal).arrays
        return float(sum(np.sum((one - other) ** 2) for one, other in zip(arrays, start, strict=True)))

    assert moved(100.0) < moved(1.0) < moved(0.0)


@settings(deadline=None, max_examples=25)
@given(rate=some.floats(0.01, 100), steps=some.integers(1, 60), scale=some.sampled_from([0.1, 1.0, 30.0]))
def test_no_length_of_a_step_makes_a_client_run_away(rate: float, steps: int, scale: float) -> None:
    learner, read = opened("logistic_regression", "two", rate=rate, steps=steps)
    wild = Examples(read["Lima"].x * np.float32(scale), read["Lima"].y)
    start = learner.initial(0)
    fit = learner.fit(start, wild, 0)
    assert fit.metrics["loss"] <= evaluate(learner, start, wild)["loss"] + 1e-9


@pytest.mark.parametrize("target", ["two", "three", "price"])
def test_a_networks_slopes_are_those_of_its_loss(target: str) -> None:
    """Against differences of the loss (and the penalty) on both sides."""
    learner, read = opened("mlp", target)
    assert isinstance(learner, Network)
    x, y = read["Lima"].x[:20], read["Lima"].y[:20]
    z = learner.agreement.standard(x)[:, :-1]
    truth = y[:, None] if target == "price" else np.eye(3)[y] if target == "three" else (y == 1)[:, None]
    arrays = learner.initial(1)

    def loss(arrays: Arrays) -> float:
        given = learner.answer(arrays, x)
        fault = (
            np.mean((given - y) ** 2) / 2 if target == "price" else -np.log(given[np.arange(20), y]).mean()
        )
        return float(fault + learner.settings.alpha / 2 * sum(np.sum(one**2) for one in arrays[::2]))

    for place, slope in enumerate(learner._slopes(arrays, z, truth)):
        at = tuple(np.array(slope.shape) // 2)
        sides = []
        for step in (1e-6, -1e-6):
            moved = [array.copy() for array in arrays]
            moved[place][at] += step
            sides.append(loss(moved))
        assert slope[at] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-6)


def test_a_vector_machines_probabilities_are_those_of_what_happens() -> None:
    learner, read = opened("svm", "two")
    everybody = joined(read)
    likely = learner.answer(rounds(learner, read, 30), everybody.x)[:, 1]
    for low in (0.0, 0.25, 0.5, 0.75):
        told = (likely >= low) & (likely < low + 0.25)
        assert everybody.y[told].mean() == pytest.approx(likely[told].mean(), abs=0.1)


@given(some.lists(some.integers(1, 1000), min_size=1, max_size=6), some.integers(0, 2**32 - 1))
def test_the_average_is_weighed_by_samples(samples: list[int], seed: int) -> None:
    chance = np.random.default_rng(seed)
    fits = [Fit([chance.normal(size=(3, 2)), chance.normal(size=4)], n, {}) for n in samples]
    repeated = [[fit.arrays[k] for fit in fits for _ in range(fit.samples)] for k in range(2)]
    for one, all_of_them in zip(average(fits), repeated, strict=True):
        np.testing.assert_allclose(one, np.mean(all_of_them, axis=0))


# ------------------------------------------------------------------- what is measured
@settings(deadline=None)
@given(some.integers(2, 4), some.integers(3, 60), some.integers(0, 2**32 - 1))
def test_measures_are_scikit_learns(classes: int, rows: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    given_ = np.round(chance.dirichlet(np.ones(classes), rows), 1) + 0.05  # with ties
    given_ /= given_.sum(axis=1, keepdims=True)
    truth = np.concatenate([np.arange(classes), chance.integers(classes, size=rows)])[:rows]
    measured = local.of_classes(given_, truth)
    assert measured["accuracy"] == pytest.approx(np.mean(given_.argmax(axis=1) == truth))
    assert measured["loss"] == pytest.approx(log_loss(truth, given_, labels=range(classes)))
    against = range(1, 2) if classes == 2 else range(classes)
    areas = [roc_auc_score(truth == k, given_[:, k]) for k in against if 0 < np.mean(truth == k) < 1]
    assert measured["auc"] == pytest.approx(np.mean(areas))


def test_one_class_has_no_auc_and_one_number_no_r2() -> None:
    one = local.of_classes(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([1, 1]))
    assert one.keys() == {"accuracy", "loss"}
    assert local.of_numbers(np.array([1.0]), np.array([3.0]), 2.0) == {"mse": 16, "loss": 16, "mae": 4}


def test_a_sure_and_wrong_answer_has_a_loss_that_is_a_number() -> None:
    assert np.isfinite(local.of_classes(np.array([[1.0, 0.0]]), np.array([1]))["loss"])


# ------------------------------------------------------------------- what is refused
def test_settings_and_kinds_that_are_none_are_refused_in_words() -> None:
    agreement, _ = agreed(stores(), order())
    with pytest.raises(Invalid, match="has no setting 'depth'; it has C, steps, rate"):
        learner_for(agreement, {"depth": 3})
    with pytest.raises(Invalid, match="'steps' of a federated logistic_regression"):
        learner_for(agreement, {"steps": 0})
    tree = agreement.model_copy(update={"kind": "decision_tree"})
    with pytest.raises(Invalid, match="decision_tree cannot be federated"):
        learner_for(tree, {})
    numbers, _ = agreed(stores("price"), order("svm", "price", task="regression"))
    with pytest.raises(Invalid, match="tells classes apart"):
        learner_for(numbers, {})
