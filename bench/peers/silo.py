"""What a store of a federation does in a round, in numpy alone, so that only those who ask it differ.

Imported inside the peers' own environments and Flower's own programs: nothing of ours is there. Feria's own
logistic regression goes the same number of steps of the same length; it is beside this one for its arrays.
"""

from pathlib import Path
from typing import Any

import numpy as np

ROWS, COLUMNS, STEPS, HELD = 2_000, 30, 10, 0.2
TARGET = "bought"
Array = np.ndarray[Any, Any]


class Silo:
    """The rows of a file, of which the first are held back and only measured on."""

    def __init__(self, file: Path) -> None:
        table = np.loadtxt(file, delimiter=",", skiprows=1)
        x = np.hstack([table[:, :-1], np.ones((len(table), 1))])
        held = round(len(table) * HELD)
        self.x, self.y = x[held:], table[held:, -1]
        self._held_x, self._held_y = x[:held], table[:held, -1]

    def fit(self, weights: Array) -> Array:
        """Steps down the slope of a logistic regression, as long as is safe."""
        length = 4 / np.linalg.eigvalsh(self.x.T @ self.x / len(self.x))[-1]
        for _ in range(STEPS):
            likely = 1 / (1 + np.exp(-self.x @ weights))
            weights = weights - length * self.x.T @ (likely - self.y) / len(self.x)
        return weights

    def accuracy(self, weights: Array) -> float:
        return float(((self._held_x @ weights > 0) == self._held_y).mean())

    @property
    def held(self) -> int:
        return len(self._held_y)


def initial() -> Array:
    return np.zeros(COLUMNS + 1)


def write(file: Path, number: int, rows: int = ROWS) -> None:
    """The rows of the silo of that number."""
    truth = np.random.default_rng(0).normal(size=COLUMNS)
    chance = np.random.default_rng([1, number])
    x = chance.normal(size=(rows, COLUMNS))
    y = x @ truth + chance.normal(size=rows) > 0
    names = [*(f"x{n}" for n in range(COLUMNS)), TARGET]
    np.savetxt(file, np.column_stack([x, y]), "%.6g", ",", header=",".join(names), comments="")
