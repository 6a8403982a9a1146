"""What a client does in a round, whatever the kind of model: fit, from the arrays of all, and evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from feria.federation.agreement import Agreement, Examples

Array = np.ndarray[Any, Any]
Arrays = list[Array]
LEAST_PROBABILITY = 1e-7
"""What the loss of an answer that was sure and wrong is reckoned by."""


@dataclass(frozen=True, slots=True)
class Fit:
    """`samples` is the number of rows it rests on, by which it is weighed."""

    arrays: Arrays
    samples: int
    metrics: dict[str, float]


class Learner(Protocol):
    """One kind of model, for one agreement and with its settings. The same seed gives the same arrays.

    Where arrays are averaged, `fit` answers with arrays of the same shapes as it was given. Where trees are
    united, it answers with this client's new trees alone.
    """

    @property
    def agreement(self) -> Agreement: ...

    def initial(self, seed: int) -> Arrays:
        """What the first round begins with, the same at every client."""
        ...

    def fit(self, arrays: Arrays, examples: Examples, seed: int, proximal: float = 0.0) -> Fit:
        """From the arrays of all towards these rows. `proximal` is FedProx's µ: by how much it costs to go
        away from where it began (Li et al. 2020, arXiv:1812.06127); trees know no such thing."""
        ...

    def answer(self, arrays: Arrays, x: Array) -> Array:
        """Probabilities `[rows, classes]`, or numbers `[rows]` in the agreed unit."""
        ...

    def estimator(self, arrays: Arrays) -> Any:
        """With scikit-learn's `predict_proba` or `predict`, and a converter to ONNX."""
        ...


def evaluate(learner: Learner, arrays: Arrays, examples: Examples) -> dict[str, float]:
    """`accuracy`, `loss` (log loss) and `auc`; or `mse`, which is the `loss`, and `mae` in the target's own
    unit, and `r2`. What these rows do not let one measure, such as the `auc` of one class, is left out."""
    given = learner.answer(arrays, examples.x)
    if learner.agreement.labels:
        return of_classes(given, examples.y)
    return of_numbers(given, examples.y, learner.agreement.size)


def of_classes(probabilities: Array, truth: Array) -> dict[str, float]:
    """In NumPy alone: scikit-learn takes a hundred times as long for the few rows of one client."""
    sure = probabilities[np.arange(len(truth)), truth]
    measured = {
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == truth)),
        "loss": float(-np.mean(np.log(np.clip(sure, LEAST_PROBABILITY, 1.0)))),
    }
    classes = probabilities.shape[1]
    areas = [_area(probabilities[:, k], truth == k) for k in range(int(classes == 2), classes)]
    known = [area for area in areas if area is not None]
    return measured | ({"auc": float(np.mean(known))} if known else {})


def _area(scores: Array, positive: Array) -> float | None:
    """Under the ROC curve: how often a positive is above a negative (Mann and Whitney 1947)."""
    n, m = len(positive), int(positive.sum())
    if m in {0, n}:
        return None
    _, places, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[places]
    return float((ranks[positive].sum() - m * (m + 1) / 2) / (m * (n - m)))


def of_numbers(given: Array, truth: Array, size: float) -> dict[str, float]:
    """`size` is the unit in which both are."""
    errors = (given - truth) * size
    mse = float(np.mean(errors**2))
    measured = {"mse": mse, "loss": mse, "mae": float(np.mean(np.abs(errors)))}
    spread = float(np.var(truth * size))
    return measured | ({"r2": 1 - mse / spread} if spread > 0 else {})


def average(fits: Sequence[Fit]) -> Arrays:
    """Of the arrays, weighed by samples: FedAvg's aggregate (McMahan et al. 2017, arXiv:1602.05629)."""
    weights = np.array([fit.samples for fit in fits], np.float64)
    weights /= weights.sum()
    return [
        sum(weight * array for weight, array in zip(weights, column, strict=True))
        for column in zip(*(fit.arrays for fit in fits), strict=True)
    ]
