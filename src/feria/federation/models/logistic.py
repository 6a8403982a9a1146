"""Logistic regression: weights averaged after a few gradient steps at each client."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from feria.federation.agreement import Agreement, Examples
from feria.federation.local import Array, Arrays, Fit, of_classes
from feria.federation.models.descent import descend
from feria.federation.models.settings import LogisticSettings


@dataclass(frozen=True, slots=True)
class Logistic:
    """Arrays: weights of the standard columns, float64 `[width + 1, outputs]`; the last are intercepts."""

    agreement: Agreement
    settings: LogisticSettings

    def initial(self, seed: int) -> Arrays:
        return [np.zeros((self.agreement.width + 1, self.agreement.outputs))]

    def fit(self, arrays: Arrays, examples: Examples, seed: int, proximal: float = 0.0) -> Fit:
        truth = indicators(examples.y, self.agreement.outputs)
        weights = descend(
            arrays[0],
            self.agreement.standard(examples.x),
            lambda sums: likelihoods(sums) - truth,
            curvature=0.25 if self.agreement.outputs == 1 else 0.5,
            steps=self.settings.steps,
            rate=self.settings.rate,
            penalty=1 / (self.settings.C * self.agreement.rows),
            proximal=proximal,
        )
        metrics = of_classes(self.answer([weights], examples.x), examples.y)
        return Fit([weights], len(examples.y), metrics)

    def answer(self, arrays: Arrays, x: Array) -> Array:
        return of_each_class(likelihoods(self.agreement.standard(x) @ arrays[0]))

    def estimator(self, arrays: Arrays) -> Any:
        return as_estimator(self.agreement, arrays[0])


def indicators(classes: Array, outputs: int) -> Array:
    """`[rows, outputs]`: 1 for the row's class, of two classes for the second."""
    found: Array = np.eye(max(outputs, 2))[classes]
    return found[:, -outputs:]


def likelihoods(sums: Array) -> Array:
    """Logistic function of a single sum, softmax of several; `[rows, outputs]`."""
    if sums.shape[1] == 1:
        bounded = np.clip(sums, -500, 500)
        likely: Array = 1 / (1 + np.exp(-bounded))
        return likely
    raised = np.exp(sums - sums.max(axis=1, keepdims=True))
    shares: Array = raised / raised.sum(axis=1, keepdims=True)
    return shares


def of_each_class(likely: Array) -> Array:
    """`[rows, classes]`, also of two classes, of which `likely` holds the second alone."""
    return np.hstack([1 - likely, likely]) if likely.shape[1] == 1 else likely


def as_estimator(agreement: Agreement, weights: Array) -> LogisticRegression:
    coefficients, intercepts = agreement.unstandard(weights)
    made = LogisticRegression()
    made.coef_, made.intercept_ = coefficients.T, intercepts
    made.classes_ = np.arange(len(agreement.labels or ()))
    made.n_features_in_ = agreement.width
    return made
