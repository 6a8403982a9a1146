"""A forest of the clients' trees: in each round every client grows some of its own, and all are kept.

No tree needs to know of the others, so one round makes a forest, and more rounds a larger one. A tree's vote
counts by its client's share of all rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from feria.federation.agreement import Agreement, Examples
from feria.federation.local import Array, Arrays, Fit, of_classes, of_numbers
from feria.federation.models.settings import ForestSettings
from feria.federation.models.trees import (
    ClassifyingTrees,
    Finish,
    MeasuringTrees,
    Trees,
    finished,
    of_bytes,
    read,
    write,
)
from feria.learning.estimators import down_to_float32


@dataclass(frozen=True, slots=True)
class Forest:
    """Arrays: one of uint8, trees as XGBoost writes them; at first of no bytes. A leaf holds, times the
    client's share of all rows, the shares of the classes; or the mean, and a 1."""

    agreement: Agreement
    settings: ForestSettings

    def initial(self, seed: int) -> Arrays:
        return of_bytes(b"")

    def fit(self, arrays: Arrays, examples: Examples, seed: int, proximal: float = 0.0) -> Fit:
        chosen = self.settings
        make = RandomForestClassifier if self.agreement.labels else RandomForestRegressor
        grown = make(
            n_estimators=chosen.trees,
            max_depth=chosen.max_depth,
            min_samples_leaf=chosen.min_samples_leaf,
            max_features="sqrt" if self.agreement.labels else 1.0,
            random_state=seed % 2**32,
        ).fit(examples.x, examples.y)
        weight = len(examples.y) / self.agreement.rows
        classes = grown.classes_ if self.agreement.labels else None
        trees = [self._written(tree.tree_, classes, weight) for tree in grown.estimators_]
        arrays = of_bytes(write(trees))
        given = self.answer(arrays, examples.x)
        if self.agreement.labels:
            return Fit(arrays, len(examples.y), of_classes(given, examples.y))
        return Fit(arrays, len(examples.y), of_numbers(given, examples.y, self.agreement.size))

    def _written(self, tree: Any, classes: Array | None, weight: float) -> dict[str, Any]:
        is_leaf = tree.children_left == -1
        leaves = np.zeros((int(is_leaf.sum()), self._outputs))
        if classes is None:
            leaves[:] = np.column_stack([tree.value[is_leaf, 0, 0], np.ones(len(leaves))])
        else:
            leaves[:, classes] = tree.value[is_leaf, 0]
        # Up to a threshold is below the next number there is.
        below = np.nextafter(down_to_float32(tree.threshold), np.float32(np.inf))
        return {
            "left_children": tree.children_left.tolist(),
            "right_children": np.where(is_leaf, np.cumsum(is_leaf) - 1, tree.children_right).tolist(),
            "split_indices": np.maximum(tree.feature, 0).tolist(),
            "split_conditions": np.where(is_leaf, 0, below).tolist(),
            "default_left": [0] * len(is_leaf),
            "leaf_weights": (weight * leaves).ravel().tolist(),
            "tree_param": {"size_leaf_vector": str(self._outputs)},
        }

    @property
    def _outputs(self) -> int:
        return len(self.agreement.labels or ()) or 2

    def answer(self, arrays: Arrays, x: Array) -> Array:
        return finished(self._read(arrays).sums(x), self._finish)

    def _read(self, arrays: Arrays) -> Trees:
        return read(arrays[0].tobytes(), self._outputs, self.agreement.width)

    @property
    def _finish(self) -> Finish:
        return "shares" if self.agreement.labels else "mean"

    def estimator(self, arrays: Arrays) -> Any:
        make = ClassifyingTrees if self.agreement.labels else MeasuringTrees
        return make(self._read(arrays), self._finish)
