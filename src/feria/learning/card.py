"""The model card that is written when nobody wrote one: what, from what, how good, and its limits."""

from collections.abc import Iterable, Mapping
from typing import Any

from feria.learning.kinds import KINDS
from feria.learning.wire import TrainingOrder


def write(
    order: TrainingOrder, metrics: Mapping[str, Any], origin: Mapping[str, Any], notes: Iterable[str]
) -> str:
    """Markdown. `metrics`, `origin` and `notes` are what a training returned."""
    lines = [
        f"Predicts `{order.target}`, by {order.kind.replace('_', ' ')} ({origin['task']}).",
        KINDS[order.kind].explains,
        "",
        "## Data",
        "",
        f"{origin['rows']:,} rows of {origin['columns']} columns{_dropped(origin)}"
        + (f", sha256 `{origin['sha256']}`." if "sha256" in origin else "."),
        *(f"- {note}" for note in notes),
        "",
        "## Measured",
        "",
        *_measured(metrics),
        "",
        "## Limits",
        "",
        "It knows what was in these rows and nothing else: expect worse from people, shops or times that "
        "are not among them. That a column helps to predict does not make it a cause.",
    ]
    return "\n".join(lines)


def _dropped(origin: Mapping[str, Any]) -> str:
    dropped = origin["rows_without_target"]
    return f" ({dropped:,} more had no value to predict)" if dropped else ""


def _measured(metrics: Mapping[str, Any]) -> list[str]:
    if not metrics["rows_holdout"]:
        return ["Nothing: all rows were learned from. How good it is, nobody knows yet."]
    known = [name for name in NAMES if name in metrics]
    return [
        f"On {metrics['rows_holdout']:,} rows that it had not seen (seed {metrics['seed']}), by the "
        "published file itself:",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {NAMES[name]} | {metrics[name]:.4g} |" for name in known),
    ]


NAMES = {
    "accuracy": "accuracy",
    "baseline": "accuracy of always saying the most frequent class",
    "macro_recall": "recall, mean over the classes",
    "auc": "area under the ROC curve",
    "log_loss": "log loss",
    "r2": "R²",
    "rmse": "root mean squared error",
    "baseline_rmse": "root mean squared error of always saying the mean",
    "mae": "mean absolute error",
}
