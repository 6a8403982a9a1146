"""Boosted trees: in each round every client grows one tree for what the trees of all still get wrong.

The trees are united as Flower's FedXgbBagging does it. Each counts by its client's share of all rows, so that
a round is one step of boosting whatever the number of clients. XGBoost grows them: `feria[xgboost]`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from feria.errors import Unavailable
from feria.federation.agreement import Agreement, Examples
from feria.federation.local import Array, Arrays, Fit, of_classes, of_numbers
from feria.federation.models.settings import BoostingSettings
from feria.federation.models.trees import (
    ClassifyingTrees,
    Finish,
    MeasuringTrees,
    Trees,
    finished,
    of_bytes,
    read,
)


@dataclass(frozen=True, slots=True)
class Boosting:
    """Arrays: one of uint8, XGBoost's JSON; at first of no bytes."""

    agreement: Agreement
    settings: BoostingSettings

    def initial(self, seed: int) -> Arrays:
        return of_bytes(b"")

    def fit(self, arrays: Arrays, examples: Examples, seed: int, proximal: float = 0.0) -> Fit:
        """Raises `Unavailable` where XGBoost is not installed."""
        xgboost = _xgboost()
        before = arrays[0].tobytes()
        share = len(examples.y) / self.agreement.rows
        told = {
            **self.settings.model_dump(),
            **self._objective,
            "learning_rate": self.settings.learning_rate * min(1.0, share),
            "base_score": 0.5 if self.agreement.labels else 0.0,
            "tree_method": "hist",
            "seed": seed % 2**31,
        }
        with xgboost.config_context(nthread=1, verbosity=0):  # small matrices, and many clients
            rows = xgboost.DMatrix(examples.x, label=examples.y, missing=np.nan)
            begun = xgboost.Booster(told, model_file=bytearray(before)) if before else None
            grown = xgboost.train(told, rows, 1, xgb_model=begun)
            tree = grown[grown.num_boosted_rounds() - 1 :] if before else grown
            given = grown.inplace_predict(examples.x).astype(np.float64)
        return Fit(of_bytes(bytes(tree.save_raw("json"))), len(examples.y), self._measured(given, examples.y))

    @property
    def _objective(self) -> dict[str, Any]:
        if not self.agreement.labels:
            return {"objective": "reg:squarederror"}
        if self.agreement.outputs == 1:
            return {"objective": "binary:logistic"}
        # One tree with an answer for every class: FedXgbBagging forgets which tree is for which class.
        return {
            "objective": "multi:softprob",
            "num_class": self.agreement.outputs,
            "multi_strategy": "multi_output_tree",
        }

    def _measured(self, given: Array, truth: Array) -> dict[str, float]:
        if not self.agreement.labels:
            return of_numbers(given, truth, self.agreement.size)
        return of_classes(given if given.ndim == 2 else np.column_stack([1 - given, given]), truth)

    def answer(self, arrays: Arrays, x: Array) -> Array:
        return finished(self._read(arrays).sums(x), self._finish)

    def _read(self, arrays: Arrays) -> Trees:
        return read(arrays[0].tobytes(), self.agreement.outputs, self.agreement.width)

    @property
    def _finish(self) -> Finish:
        return "logistic" if self.agreement.labels else "number"

    def estimator(self, arrays: Arrays) -> Any:
        make = ClassifyingTrees if self.agreement.labels else MeasuringTrees
        return make(self._read(arrays), self._finish)


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError:
        raise Unavailable("XGBoost, which grows these trees, is not here: install feria[xgboost].") from None
    return xgboost
