"""Having a model trained, now or later."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from feria.client.answers import Trained
from feria.client.calls.call import MINUTE, Call, OnProgress, Rows, file_at, given, later, model_path
from feria.client.rows import table
from feria.errors import Invalid
from feria.registry.wire import Model
from feria.tasks.wire import Task


def train(
    name: str,
    kind: str,
    data: str | Path | Rows,
    target: str,
    *,
    columns: Sequence[str] | None = None,
    task: Literal["auto", "classification", "regression"] | None = None,
    features: Sequence[str] | None = None,
    holdout: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    card: str | None = None,
    on_progress: OnProgress | None = None,
) -> Call[Model]:
    """Train a model on the node, wait for it, and publish it as the next version of `name`.

    `data` is a CSV or Parquet file, or rows: mappings, or lists with `columns` naming them.
    `target` is a column, or `column>number` (also `>=`, `<`, `<=`, `==`, `!=`) for a yes or no.
    What is left out the node decides: every other column is a feature, a fifth of the rows is held
    out to measure on. `settings` are the estimator's own, such as `{"max_depth": 3}`.
    `on_progress` is called with what is being done and the fraction done.
    Raises `Invalid` when the data will not do, `OverLimit` when training takes too long.
    """
    return Call(
        method="POST",
        path=f"{model_path(name)}/train",
        reader=lambda: Trained(on_progress),
        headers={"Accept": "text/event-stream"},  # its signs of life keep a long training connected
        seconds=10 * MINUTE,
        repeatable=False,
        **_training(
            kind,
            data,
            target,
            columns=columns,
            task=task,
            features=features,
            holdout=holdout,
            seed=seed,
            settings=settings,
            card=card,
        ),
    )


class Wishes(TypedDict, total=False):
    """What `train` takes beside kind, data and target."""

    columns: Sequence[str] | None
    task: Literal["auto", "classification", "regression"] | None
    features: Sequence[str] | None
    holdout: float | None
    seed: int | None
    settings: Mapping[str, Any] | None
    card: str | None


def train_later(
    name: str,
    kind: str,
    data: str | Path | Rows,
    target: str,
    *,
    priority: int = 0,
    key: str | None = None,
    **wishes: Unpack[Wishes],
) -> Call[Task]:
    """Have the node train, as `train` does, and return at once; `result` brings the model.

    The task survives a crash of the node. Of two with the same `key` only the first becomes a task.
    `priority` is -10 to 10, the greatest first.
    """
    return Call(
        method="POST",
        path=f"{model_path(name)}/train",
        seconds=10 * MINUTE,
        **later(priority, key),
        **_training(kind, data, target, **wishes),
    )


def _training(kind: str, data: str | Path | Rows, target: str, **wishes: Unpack[Wishes]) -> dict[str, Any]:
    """The order, as JSON or beside its file."""
    columns = wishes.pop("columns", None)
    wanted: dict[str, Any] = {"kind": kind, "target": target, **wishes}
    if wanted.get("features") is not None:
        wanted["features"] = list(wanted["features"])
    order = given(**wanted)
    if isinstance(data, str | Path):
        if columns is not None:
            raise Invalid("`columns` names the columns of rows; a file names its own.")
        return {"form": {"order": json.dumps(order)}, "files": [("file", file_at(data))]}
    return {"body": order | table(data, columns)}
