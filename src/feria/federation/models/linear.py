"""Linear regression: weights averaged after a few gradient steps at each client."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression

from feria.federation.agreement import Agreement, Examples
from feria.federation.local import Array, Arrays, Fit, of_numbers
from feria.federation.models.descent import descend
from feria.federation.models.settings import LinearSettings


@dataclass(frozen=True, slots=True)
class Linear:
    """Arrays: weights of the standard columns, float64 `[width + 1, 1]`, the last row the intercept."""

    agreement: Agreement
    settings: LinearSettings

    def initial(self, seed: int) -> Arrays:
        return [np.zeros((self.agreement.width + 1, 1))]

    def fit(self, arrays: Arrays, examples: Examples, seed: int, proximal: float = 0.0) -> Fit:
        weights = descend(
            arrays[0],
            self.agreement.standard(examples.x),
            lambda sums: sums - examples.y[:, None],
            curvature=1.0,
            steps=self.settings.steps,
            rate=self.settings.rate,
            penalty=self.settings.alpha / self.agreement.rows,
            proximal=proximal,
        )
        metrics = of_numbers(self.answer([weights], examples.x), examples.y, self.agreement.size)
        return Fit([weights], len(examples.y), metrics)

    def answer(self, arrays: Arrays, x: Array) -> Array:
        numbers: Array = (self.agreement.standard(x) @ arrays[0])[:, 0]
        return numbers

    def estimator(self, arrays: Arrays) -> Any:
        coefficients, intercepts = self.agreement.unstandard(arrays[0])
        made = LinearRegression()
        made.coef_, made.intercept_ = coefficients[:, 0], float(intercepts[0])
        made.n_features_in_ = self.agreement.width
        return made
