"""Asking a model, now or later."""

from pathlib import Path

from feria.client.answers import Parsed
from feria.client.calls.call import Call, Rows, file_at, later, model_path
from feria.client.rows import table
from feria.errors import Invalid
from feria.inference.wire import PicturePredictions, RowPredictions
from feria.tasks.wire import Task


def predict(name: str, rows: Rows, version: int | None = None) -> Call[RowPredictions]:
    """One prediction a row, from rows by column name or as lists in the model's column order."""
    return Call(
        method="POST",
        path=f"{model_path(name)}/predict",
        reader=lambda: Parsed(RowPredictions.model_validate_json),
        query={} if version is None else {"version": version},
        body=table(rows),
    )


def classify(name: str, *images: str | Path | bytes, version: int | None = None) -> Call[PicturePredictions]:
    """One prediction a picture, from JPEG, PNG or WebP files or their bytes.

    Raises `NotAnImage` for bytes that are no picture, `TooLarge` for too many bytes or pixels.
    """
    if not images:
        raise Invalid("There is no picture to classify.")
    return Call(
        method="POST",
        path=f"{model_path(name)}/predict",
        reader=lambda: Parsed(PicturePredictions.model_validate_json),
        query={} if version is None else {"version": version},
        files=[("image", file_at(image)) for image in images],
    )


def predict_later(
    name: str, rows: Rows, version: int | None = None, *, priority: int = 0, key: str | None = None
) -> Call[Task]:
    """Have the node predict, as `predict` does, and return at once; see `train_later`."""
    order = later(priority, key, version=version)
    return Call(method="POST", path=f"{model_path(name)}/predict", body=table(rows), **order)


def classify_later(
    name: str,
    *images: str | Path | bytes,
    version: int | None = None,
    priority: int = 0,
    key: str | None = None,
) -> Call[Task]:
    """Have the node classify, as `classify` does, and return at once; see `train_later`."""
    return Call(
        method="POST",
        path=f"{model_path(name)}/predict",
        files=[("image", file_at(image)) for image in images],
        **later(priority, key, version=version),
    )
