"""How good a model is, measured with the exported file on rows it has not seen."""

import math
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, log_loss, mean_absolute_error, r2_score, roc_auc_score

from feria.learning.target import Target

Array = np.ndarray[Any, Any]


def of_classes(probabilities: Array, truth: Array, training: Array, target: Target) -> dict[str, Any]:
    """`probabilities` float `[N, C]`; `truth` and `training` are class numbers.

    `baseline` is the accuracy of always answering the class that is the most frequent in training. `auc`
    of more than two classes is the mean over one class against the rest. `confusion.counts` has a row for
    each true class and a column for each predicted one.
    """
    assert target.labels is not None
    classes = np.arange(target.classes)
    predicted = probabilities.argmax(axis=1)
    counts = confusion_matrix(truth, predicted, labels=classes)
    present = counts.sum(axis=1) > 0
    sure = probabilities.astype(np.float64)
    sure /= sure.sum(axis=1, keepdims=True)
    return _finite(
        {
            "accuracy": np.mean(predicted == truth),
            "baseline": np.mean(truth == np.bincount(training, minlength=target.classes).argmax()),
            "macro_recall": np.mean(counts.diagonal()[present] / counts.sum(axis=1)[present]),
            "auc": _auc(sure, truth, classes),
            "log_loss": log_loss(truth, sure, labels=classes),
        }
    ) | {"confusion": {"labels": list(target.labels), "counts": counts.tolist()}}


def _auc(probabilities: Array, truth: Array, classes: Array) -> float:
    """NaN where the rows hold one class only."""
    against = classes[1:] if len(classes) == 2 else classes
    areas = [
        roc_auc_score(truth == one, probabilities[:, one]) for one in against if 0 < np.mean(truth == one) < 1
    ]
    return float(np.mean(areas)) if areas else math.nan


def of_values(predicted: Array, truth: Array, training: Array) -> dict[str, Any]:
    """Root mean squared and mean absolute error are in the target's own unit. `baseline_rmse` is that of
    always answering the mean of the training rows."""
    return _finite(
        {
            "r2": r2_score(truth, predicted) if len(truth) > 1 and np.ptp(truth) > 0 else math.nan,
            "mae": mean_absolute_error(truth, predicted),
            "rmse": _rmse(truth - predicted),
            "baseline_rmse": _rmse(truth - training.mean()),
        }
    )


def _rmse(errors: Array) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def _finite(metrics: dict[str, Any]) -> dict[str, Any]:
    """As JSON takes it; what could not be measured on these rows is left out."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
