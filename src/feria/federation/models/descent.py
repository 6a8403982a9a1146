"""Steps down the gradient, for models that are weighted sums: why a few of them, and no more.

A client that goes all the way to its own optimum (L-BFGS, many epochs) answers with a model of its own
rows; the mean of such answers is no model of all rows, and the more the clients differ the less. One
step each, averaged, is a step of all rows together, but then many rounds are needed. So each goes a few
steps, of the same length at all clients, from the arrays of all.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Slope = Callable[[Array], Array]
"""The loss's derivative with respect to the sums, `[rows, outputs]` both."""

POWER_STEPS = 8


def descend(
    weights: Array,
    z: Array,
    slope: Slope,
    *,
    curvature: float,
    steps: int,
    rate: float,
    penalty: float,
    proximal: float,
) -> Array:
    """`weights` are `[columns, outputs]` and `z` is `[rows, columns]` with a last column of ones, whose
    weights, the intercepts, cost no `penalty`. `curvature` is the most by which the loss bends.

    A step is of length `rate`, or as long as is safe where these rows bend more than others' (1 / L, by
    the power method; Nesterov 2004, 2.1.5).
    """
    costs = np.full((z.shape[1], 1), penalty)
    costs[-1] = 0.0
    length = min(rate, 1.0 / (curvature * _largest(z) + penalty + proximal))
    start, moved = weights, weights
    for _ in range(steps):
        gradient = z.T @ slope(z @ moved) / len(z) + costs * moved + proximal * (moved - start)
        moved = moved - length * gradient
    return moved


def _largest(z: Array) -> float:
    """Eigenvalue of `zᵀz / rows`; a little above it, for the power method comes from below."""
    vector = np.ones(z.shape[1])
    value = 1.0
    for _ in range(POWER_STEPS):
        image = z.T @ (z @ vector) / len(z)
        value = float(np.linalg.norm(image) / np.linalg.norm(vector))
        if value == 0:
            break
        vector = image / value
    return 1.1 * value + 1e-12
