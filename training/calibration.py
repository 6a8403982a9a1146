"""Probabilities that mean what they say, and where to say that one is unsure."""

import numpy as np

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Labels = np.ndarray[tuple[int], np.dtype[np.int64]]

LOWEST, HIGHEST, STEPS = 0.2, 5.0, 400


def temperature(logits: Floats, labels: Labels) -> float:
    """What to divide logits `[n, classes]` by, so that they are likeliest (Guo et al., ICML 2017)."""
    candidates = np.geomspace(LOWEST, HIGHEST, STEPS)
    return float(candidates[np.argmin([_surprise(logits / t, labels) for t in candidates])])


def unsure_below(
    best: Floats, right: np.ndarray[tuple[int], np.dtype[np.bool_]], kept: float = 0.95
) -> float:
    """The probability of the best class `[n]` that `kept` of the right answers reach."""
    return float(np.quantile(best[right], 1 - kept))


def softmax(logits: Floats) -> Floats:
    """`[n, classes]`."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _surprise(logits: Floats, labels: Labels) -> float:
    shifted = logits - logits.max(1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]).mean())
