"""Fitting each kind with scikit-learn, so that what comes out can become a graph with the same answers."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from feria.learning.kinds import (
    BoostingSettings,
    Chosen,
    ForestSettings,
    LogisticSettings,
    NetworkSettings,
    TreeSettings,
    VectorSettings,
)
from feria.learning.target import Target

Array = np.ndarray[Any, Any]
Progress = Callable[[float], None]

FULL_BATCH_ROWS = 2000
"""Up to here a network is fitted on all rows at once; beyond, in small batches."""
PENALTIES = (0.01, 0.001, 0.0001)
"""scikit-learn's alpha for each row; the first where there are too few rows to compare them."""
LEAST_TO_COMPARE = 10
LARGEST_LEAVES = 5000
"""Leaves of a forest's tree at most, or about: a file grows with them, whatever the number of rows."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """An estimator, and for numbers the unit in which it learned the target.

    Numbers are learned as `(y - middle) / size`. The middle is a float32 and the size a power of two, so that
    the graph, which undoes this at its end, rounds once only. Summing up a hundred trees of large numbers
    would round a hundred times.
    """

    estimator: Any
    middle: float = 0.0
    size: float = 1.0

    def answer(self, x: Array) -> Array:
        """Probabilities `[rows, classes]`, or numbers `[rows]` in the target's own unit; float64."""
        if hasattr(self.estimator, "predict_proba"):
            probabilities: Array = self.estimator.predict_proba(x)
            return probabilities
        values: Array = self.estimator.predict(x).ravel().astype(np.float64)
        return values * self.size + self.middle


def fit(chosen: Chosen, x: Array, target: Target, seed: int, progress: Progress) -> Fitted:
    """`x` is float32 `[rows, columns]`. scikit-learn's own warnings, as on convergence, pass through."""
    if target.task == "classification":
        return Fitted(_fit(chosen, x, target.values, False, seed, progress))
    middle, size = unit(target.values.mean(), target.values.std())
    y = (target.values - middle) / size
    return Fitted(_fit(chosen, x, y, True, seed, progress), middle, size)


def unit(mean: float, deviation: float) -> tuple[float, float]:
    """Middle and size of the unit in which numbers of that mean and deviation are learned."""
    size = float(np.exp2(np.clip(np.round(np.log2(deviation)), -100, 100))) if deviation > 0 else 1.0
    return float(np.float32(mean)), size


def _fit(chosen: Chosen, x: Array, y: Array, regression: bool, seed: int, progress: Progress) -> Any:
    match chosen:
        case LogisticSettings():
            return LogisticRegression(**chosen.model_dump()).fit(x.astype(np.float64), y)
        case VectorSettings():
            return _vector_regressor(chosen, x, y) if regression else _vector_classifier(chosen, x, y, seed)
        case ForestSettings():
            return _forest(chosen, x, y, regression, seed, progress)
        case BoostingSettings():
            return _boosting(chosen, x, y, regression, seed)
        case TreeSettings():
            return _tree(chosen, x, y, regression, seed)
        case NetworkSettings():
            return _network_regressor(chosen, x, y, seed) if regression else _network(chosen, x, y, seed)
        case _:
            # In float32 its cut-off for dependent columns would cut off most others too.
            return LinearRegression().fit(x.astype(np.float64), y)


# ------------------------------------------------------------------- vector machines
def _vector_classifier(chosen: VectorSettings, x: Array, y: Array, seed: int) -> CalibratedClassifierCV:
    """Platt's sigmoid for each class, fitted on decisions about rows that were left out.

    Of more than two classes each is decided against the rest. libsvm's own way, votes between pairs of
    classes, jumps where a vote is a tie, and float32 and float64 then jump to different sides.

    With few rows these decisions can be worse than chance, and the sigmoid then turns the machine upside
    down. When that happens, or a class is too small to be split, it is fitted on the training rows.
    """
    machine: Any = SVC(**chosen.model_dump(), cache_size=500)
    if y.max() > 1:
        machine = OneVsRestClassifier(machine)
    everything = np.arange(len(y))
    folds: list[Any] = [[(everything, everything)]]
    if (smallest := np.bincount(y).min()) >= 2:
        folds.insert(0, StratifiedKFold(min(3, smallest), shuffle=True, random_state=seed))
    for cv in folds:
        calibrated = CalibratedClassifierCV(machine, cv=cv, ensemble=False).fit(x, y)
        if all(sigmoid.a_ < 0 for sigmoid in calibrated.calibrated_classifiers_[0].calibrators):
            break
    return calibrated


def _vector_regressor(chosen: VectorSettings, x: Array, y: Array) -> SVR | LinearRegression:
    if np.ptp(y) == 0:
        return LinearRegression().fit(x, y)  # the same constant: ONNX has no machine without vectors
    return SVR(**chosen.model_dump(), cache_size=500).fit(x, y)


# ------------------------------------------------------------------- trees
def _leaf(chosen: TreeSettings, y: Array, regression: bool, ours: int) -> int:
    """Least rows in a leaf: the caller's, or ours where there are rows enough of every class for that."""
    rows, classes = len(y), 2 if regression else y.max() + 1
    return chosen.min_samples_leaf or int(max(1, min(ours, rows // (20 * classes)), rows // LARGEST_LEAVES))


def _tree(chosen: TreeSettings, x: Array, y: Array, regression: bool, seed: int) -> Any:
    make = DecisionTreeRegressor if regression else DecisionTreeClassifier
    leaf = _leaf(chosen, y, regression, 100)
    return make(max_depth=chosen.max_depth, min_samples_leaf=leaf, random_state=seed).fit(x, y)


def _forest(
    chosen: ForestSettings, x: Array, y: Array, regression: bool, seed: int, progress: Progress
) -> Any:
    make = RandomForestRegressor if regression else RandomForestClassifier
    forest = make(
        max_depth=chosen.max_depth,
        min_samples_leaf=_leaf(chosen, y, regression, 3),
        random_state=seed,
        n_jobs=-1,
        warm_start=True,
    )
    wanted = chosen.n_estimators
    with parallel_config("threading"):  # a worker process may not have processes of its own
        for trees in sorted({max(1, wanted * tenth // 10) for tenth in range(1, 11)}):
            forest.set_params(n_estimators=trees).fit(x, y)
            progress(trees / wanted)
    return forest.set_params(n_jobs=None)


def _boosting(chosen: BoostingSettings, x: Array, y: Array, regression: bool, seed: int) -> Any:
    make = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    given = chosen.model_dump(exclude={"min_samples_leaf"})
    leaf = chosen.min_samples_leaf or max(1, min(20, len(y) // 10))
    stop = "auto" if regression or _can_leave_out(y) else False
    boosted = make(**given, min_samples_leaf=leaf, early_stopping=stop, random_state=seed).fit(x, y)
    for predictors in boosted._predictors:
        for tree in predictors:
            tree.nodes["num_threshold"] = down_to_float32(tree.nodes["num_threshold"])
    return boosted


def _can_leave_out(y: Array) -> bool:
    """Whether scikit-learn can set a tenth aside, to stop early by, that holds every class."""
    counts = np.bincount(y)
    return bool(counts.min() >= 2 and len(counts) <= len(y) // 10)


def down_to_float32(thresholds: Array) -> Array:
    """The largest float32 below. `x <= threshold` stays what it was for every float32 x, and the graph,
    which knows only float32, asks the same."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


# ------------------------------------------------------------------- networks
def _fitted(make: Any, chosen: NetworkSettings, x: Array, y: Array, seed: int) -> Any:
    """Few rows are fitted all at once by L-BFGS, with a penalty that suits them; many by Adam, in small
    batches, until a tenth of them that is left out gets no better."""
    given = chosen.model_dump(exclude={"alpha"}) | {"random_state": seed}
    if len(y) > FULL_BATCH_ROWS:
        stop = make is MLPRegressor or _can_leave_out(y)
        alpha = 1e-4 if chosen.alpha is None else chosen.alpha
        return make(**given, alpha=alpha, solver="adam", early_stopping=stop).fit(x, y)
    given |= {"solver": "lbfgs"}
    alpha = _penalty(make, given, x, y, seed) if chosen.alpha is None else chosen.alpha
    return make(**given, alpha=alpha).fit(x, y)


def _penalty(make: Any, given: dict[str, Any], x: Array, y: Array, seed: int) -> float:
    """Of three penalties on large weights the one that does best on a fifth that is left out."""
    if len(y) < 5 * LEAST_TO_COMPARE:
        return PENALTIES[0] * len(y)
    shuffled = np.random.default_rng(seed).permutation(len(y))
    out, kept = np.split(shuffled, [len(y) // 5])
    short = given | {"max_iter": min(given["max_iter"], 200)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # close enough to compare
        networks = [make(**short, alpha=a * len(kept)).fit(x[kept], y[kept]) for a in PENALTIES]
    losses = [_loss(network, x[out], y[out]) for network in networks]
    return PENALTIES[int(np.argmin(losses))] * len(y)


def _loss(network: Any, x: Array, y: Array) -> float:
    if isinstance(network, MLPRegressor):
        return float(np.mean((network.predict(x) - y) ** 2))
    known = np.isin(y, network.classes_)
    given = network.predict_proba(x[known])[
        np.arange(known.sum()), np.searchsorted(network.classes_, y[known])
    ]
    return float(-np.mean(np.log(given + 1e-6)))


def _network(chosen: NetworkSettings, x: Array, y: Array, seed: int) -> MLPClassifier:
    return _fitted(MLPClassifier, chosen, x.astype(np.float64), y, seed)


def _network_regressor(chosen: NetworkSettings, x: Array, y: Array, seed: int) -> MLPRegressor:
    """A network on what a straight line leaves over, and the line folded into the network.

    A network alone bends where the data end; with the line in it, it goes on straight. Each column
    passes through the hidden layers as two neurons, relu(x) - relu(-x) = x.
    """
    x = x.astype(np.float64)
    line = Ridge(alpha=1e-3).fit(x, y)
    network = _fitted(MLPRegressor, chosen, x, y - line.predict(x), seed)

    both = np.hstack([np.eye(x.shape[1]), -np.eye(x.shape[1])])
    weights, biases = network.coefs_, network.intercepts_
    inner = [_beside(weight, np.eye(both.shape[1])) for weight in weights[1:-1]]
    last = np.vstack([weights[-1], line.coef_[:, None], -line.coef_[:, None]])
    network.coefs_ = [np.hstack([weights[0], both]), *inner, last]
    passing = np.zeros(both.shape[1])
    network.intercepts_ = [
        *(np.concatenate([bias, passing]) for bias in biases[:-1]),
        biases[-1] + line.intercept_,
    ]
    return network


def _beside(one: Array, other: Array) -> Array:
    """Two layers as one in which neither sees the other."""
    nothing = np.zeros((one.shape[0], other.shape[1]))
    return np.block([[one, nothing], [np.zeros((other.shape[0], one.shape[1])), other]])
