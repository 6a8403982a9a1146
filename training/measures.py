"""How right a classifier is, how sure it may be, and how near like lies to like; NumPy only."""

import numpy as np

Floats = np.ndarray[tuple[int, ...], np.dtype[np.floating]]
Labels = np.ndarray[tuple[int], np.dtype[np.int64]]
Counts = np.ndarray[tuple[int, int], np.dtype[np.int64]]
Neighbours = np.ndarray[tuple[int, int], np.dtype[np.int64]]

BINS = 15
BLOCK_VALUES = 2**22
"""Similarities held at once: 16 MiB."""


def accuracy(predicted: Labels, truth: Labels) -> float:
    """Share of `[n]` that is right. Raises `ValueError` where there is nothing to judge."""
    _some(len(truth))
    return float(np.mean(predicted == truth))


def confusion(predicted: Labels, truth: Labels, classes: int) -> Counts:
    """`[classes, classes]`: a row for each true class, a column for each predicted one."""
    flat = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def recalls(counts: Counts) -> Floats:
    """Share of each true class that was found, `[classes]`; NaN for a class that does not occur."""
    occurring = counts.sum(axis=1)
    return np.where(occurring > 0, counts.diagonal() / np.maximum(occurring, 1), np.nan)


def macro_recall(counts: Counts) -> float:
    """The mean of the recalls of the classes that occur. Raises `ValueError` where none does."""
    _some(int(counts.sum()))
    return float(np.nanmean(recalls(counts)))


def calibration_error(probabilities: Floats, truth: Labels) -> float:
    """How far, on average, the best class's probability is from how often it is right.

    The expected calibration error of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: over
    15 bins of equal width, each open below and closed above. `probabilities` `[n, classes]`. Raises
    `ValueError` where there is nothing to judge.
    """
    _some(len(truth))
    sure = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    of = np.digitize(sure, np.linspace(0, 1, BINS + 1)[1:-1], right=True)
    # A bin's weight is its count, so that counts cancel and sums are enough.
    gaps = np.bincount(of, right, BINS) - np.bincount(of, sure, BINS)
    return float(np.abs(gaps).sum() / len(truth))


def nearest(queries: Floats, gallery: Floats, k: int, itself: Labels | None = None) -> Neighbours:
    """Which `k` of the gallery `[m, d]` are nearest to each query `[n, d]` by cosine: `[n, k]`, best first.

    `itself` `[n]` is where each query stands in the gallery, if it does: that one is left out. Of pictures
    that are equally near any may come. Raises `ValueError` for a gallery of fewer than `k` others.
    """
    others = len(gallery) - (itself is not None)
    if not 1 <= k <= others:
        raise ValueError(f"A gallery of {others} has no {k} nearest.")
    queries, gallery = _of_length_one(queries), _of_length_one(gallery)
    found = np.empty((len(queries), k), np.int64)
    block = max(1, BLOCK_VALUES // len(gallery))
    for start in range(0, len(queries), block):
        similar = queries[start : start + block] @ gallery.T
        rows = np.arange(len(similar))[:, None]
        if itself is not None:
            similar[rows[:, 0], itself[start : start + block]] = -np.inf
        best = np.argpartition(similar, -k, axis=1)[:, -k:]
        order = np.argsort(-similar[rows, best], axis=1, kind="stable")
        found[start : start + block] = best[rows, order]
    return found


def precision_at(k: int, found: Neighbours, gallery_truth: Labels, truth: Labels) -> float:
    """Mean share of the `k` nearest that have the query's class.

    `found` from `nearest`, with at least `k` columns; `gallery_truth` `[m]` and `truth` `[n]` are class
    numbers. Raises `ValueError` for fewer columns or no queries.
    """
    _some(len(truth))
    if not 1 <= k <= found.shape[1]:
        raise ValueError(f"{found.shape[1]} nearest were looked for, not {k}.")
    return float(np.mean(gallery_truth[found[:, :k]] == truth[:, None]))


def _of_length_one(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled.astype(np.float32)


def _some(n: int) -> None:
    if n == 0:
        raise ValueError("There is nothing to judge.")
