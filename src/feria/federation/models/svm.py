"""A linear vector machine, and beside it the sigmoid that makes probabilities of its decisions.

The hinge is squared, as scikit-learn's `LinearSVC` has it, so that it has a slope everywhere; of more than
two classes each is decided against the rest. Platt's sigmoid is fitted in the same rounds and averaged with
the weights: each client fits it to the decisions of the machine that came from all, so that all fit it to the
same one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import LabelBinarizer

from feria.federation.agreement import Agreement, Examples
from feria.federation.local import Array, Arrays, Fit, of_classes
from feria.federation.models.descent import descend
from feria.federation.models.logistic import as_estimator, indicators, likelihoods, of_each_class
from feria.federation.models.settings import VectorSettings


@dataclass(frozen=True, slots=True)
class Vector:
    """Arrays: weights of the standard columns, float64 `[width + 1, outputs]`, the last row the intercepts;
    and the sigmoids' slopes and intercepts, `[2, outputs]`."""

    agreement: Agreement
    settings: VectorSettings

    def initial(self, seed: int) -> Arrays:
        outputs = self.agreement.outputs
        return [np.zeros((self.agreement.width + 1, outputs)), np.array([[1.0], [0.0]]).repeat(outputs, 1)]

    def fit(self, arrays: Arrays, examples: Examples, seed: int, proximal: float = 0.0) -> Fit:
        z = self.agreement.standard(examples.x)
        truth = indicators(examples.y, self.agreement.outputs)
        sides = 2 * truth - 1
        weights = descend(
            arrays[0],
            z,
            lambda sums: -2 * sides * np.maximum(0, 1 - sides * sums),
            curvature=2.0,
            steps=self.settings.steps,
            rate=self.settings.rate,
            penalty=1 / (self.settings.C * self.agreement.rows),
            proximal=proximal,
        )
        sigmoids = self._calibrated(arrays[1], z @ arrays[0], truth, proximal)
        metrics = of_classes(self.answer([weights, sigmoids], examples.x), examples.y)
        return Fit([weights, sigmoids], len(examples.y), metrics)

    def _calibrated(self, sigmoids: Array, decisions: Array, truth: Array, proximal: float) -> Array:
        fitted = []
        for k in range(decisions.shape[1]):
            of_this = truth[:, k : k + 1]
            z = np.column_stack([decisions[:, k], np.ones(len(decisions))])
            fitted.append(
                descend(
                    sigmoids[:, k : k + 1],
                    z,
                    lambda sums, of_this=of_this: likelihoods(sums) - of_this,  # type: ignore[misc]
                    curvature=0.25,
                    steps=self.settings.steps,
                    rate=1.0,
                    penalty=0.0,
                    proximal=proximal,
                )
            )
        return np.hstack(fitted)

    def answer(self, arrays: Arrays, x: Array) -> Array:
        sums = self.agreement.standard(x) @ _sigmoid_and_all(arrays)
        likely = np.hstack([likelihoods(sums[:, k : k + 1]) for k in range(sums.shape[1])])
        if likely.shape[1] > 1:
            likely /= likely.sum(axis=1, keepdims=True)
        return of_each_class(likely)

    def estimator(self, arrays: Arrays) -> Any:
        """A logistic function of a weighted sum, or one for each class: what a linear machine with its
        sigmoid is."""
        weights = _sigmoid_and_all(arrays)
        if self.agreement.outputs == 1:
            return as_estimator(self.agreement, weights)
        return _against_the_rest([as_estimator(self.agreement, column[:, None]) for column in weights.T])


def _sigmoid_and_all(arrays: Arrays) -> Array:
    """Weights of the sums that go into the logistic function."""
    weights, (slopes, intercepts) = arrays
    scaled: Array = weights * slopes
    scaled[-1] += intercepts
    return scaled


def _against_the_rest(machines: list[Any]) -> OneVsRestClassifier:
    for machine in machines:
        machine.classes_ = np.arange(2)
    made = OneVsRestClassifier(machines[0])
    made.estimators_ = machines
    made.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(np.arange(len(machines)))
    made.classes_ = made.label_binarizer_.classes_
    made.n_features_in_ = machines[0].n_features_in_
    return made
