"""Each thing one can ask of a node, described once.

A function here sends nothing: it says method, path, body and how to read the answer. `Client` and
`AsyncClient` turn each into a method of the same name, so this is also where the documentation is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from feria.client.answers import Nothing, Parsed, Reader, SavedFile, Trained, Yes
from feria.client.rows import table
from feria.errors import Busy, Expired, FeriaError, Invalid, NotFound, Unavailable
from feria.inference.wire import PicturePredictions, RowPredictions
from feria.registry.wire import Description, Model, ModelList, State, StateChange

A = TypeVar("A")

OnProgress = Callable[[str, float], object]
"""Called with what is being done and the fraction done, 0 to 1."""

Rows = Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]]
"""Rows by column name, or as lists in column order. A missing value is None or NaN."""

MINUTE = 60.0


@dataclass(frozen=True, kw_only=True)
class Call(Generic[A]):
    """One exchange with a node."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    reader: Callable[[], Reader[A]]
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Sent as JSON."""
    form: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[tuple[str, Path | bytes]] = ()
    """Form fields with their contents; a path is opened when the call is sent."""
    seconds: float = MINUTE
    """Longest silence to bear with."""
    repeatable: bool = True
    """Whether asking twice does no more than asking once."""
    unless: Callable[[FeriaError], A] | None = None
    """Makes an answer of an error, or raises it."""


# ------------------------------------------------------------------- the shelf
def models() -> Call[tuple[Model, ...]]:
    """The latest ready version of every model."""
    return Call(method="GET", path="/v1/models", reader=lambda: Parsed(_listed))


def versions(name: str) -> Call[tuple[Model, ...]]:
    """Every version of a model, newest first. Raises `NotFound`."""
    return Call(method="GET", path=_model(name), reader=lambda: Parsed(_listed))


def model(name: str, version: int | None = None) -> Call[Model]:
    """One version of a model; by default the latest that is ready. Raises `NotFound`."""
    if version is None:
        return Call(method="GET", path=_model(name), reader=lambda: Parsed(partial(_latest, name)))
    return Call(method="GET", path=_model(name, version), reader=lambda: Parsed(_one))


def publish(
    name: str,
    file: str | Path | bytes,
    description: Description | None = None,
    *,
    sha256: str | None = None,
) -> Call[Model]:
    """Put an ONNX file on the shelf as the next version of `name`, and serve it.

    `description` says what the file itself does not. With `sha256` the node refuses a file that
    arrived otherwise. Raises `NotAModel` with the reason when the file cannot be served.
    """
    form = {} if sha256 is None else {"sha256": sha256}
    if description is not None:
        form["description"] = description.model_dump_json(exclude_none=True)
    return Call(
        method="POST",
        path=_model(name),
        reader=lambda: Parsed(_one),
        form=form,
        files=[("file", _file(file))],
        seconds=10 * MINUTE,
        repeatable=False,
    )


def deprecate(name: str, version: int, reason: str = "") -> Call[Model]:
    """Take a version off `latest`. It still answers those who ask for it by number."""
    return _change(name, version, StateChange(state=State.deprecated, reason=reason))


def restore(name: str, version: int) -> Call[Model]:
    """Put a deprecated version back."""
    return _change(name, version, StateChange(state=State.ready))


def delete(name: str, version: int | None = None) -> Call[None]:
    """Take a version off the shelf for good; without one, all of them."""
    return Call(method="DELETE", path=_model(name, version), reader=Nothing)


def download(what: Model | str, to: str | Path) -> Call[Path]:
    """Save a model's ONNX file, given the model or its digest; returns where it is.

    `to` is a file or an existing folder. The file appears there whole and verified, or not at all.
    Raises `Corrupt` when what arrived is not what the digest names.
    """
    digest = what if isinstance(what, str) else what.digest
    target = Path(to)
    if target.is_dir():
        target /= f"{digest if isinstance(what, str) else f'{what.name}-{what.version}'}.onnx"
    return Call(
        method="GET",
        path=f"/v1/blobs/{quote(digest, safe='')}",
        reader=lambda: SavedFile(target, digest),
    )


# ------------------------------------------------------------------- learning
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
    """Train a model on the node and publish it as the next version of `name`.

    `data` is a CSV or Parquet file, or rows: mappings, or lists with `columns` naming them.
    `target` is a column, or `column>number` (also `>=`, `<`, `<=`, `==`, `!=`) for a yes or no.
    What is left out the node decides: every other column is a feature, a fifth of the rows is held
    out to measure on. `settings` are the estimator's own, such as `{"max_depth": 3}`.
    `on_progress` is called with what is being done and the fraction done.
    Raises `Invalid` when the data will not do, `OverLimit` when training takes too long.
    """
    given: dict[str, Any] = {
        "task": task,
        "features": None if features is None else list(features),
        "holdout": holdout,
        "seed": seed,
        "settings": None if settings is None else dict(settings),
        "card": card,
    }
    order = {"kind": kind, "target": target} | {k: v for k, v in given.items() if v is not None}
    call = partial(
        Call[Model],
        method="POST",
        path=f"{_model(name)}/train",
        reader=lambda: Trained(on_progress),
        headers={"Accept": "text/event-stream"},  # its signs of life keep a long training connected
        seconds=10 * MINUTE,
        repeatable=False,
    )
    if isinstance(data, str | Path):
        if columns is not None:
            raise Invalid("`columns` names the columns of rows; a file names its own.")
        return call(form={"order": json.dumps(order)}, files=[("file", _file(data))])
    return call(body=order | table(data, columns))


# ------------------------------------------------------------------- inference
def predict(name: str, rows: Rows, version: int | None = None) -> Call[RowPredictions]:
    """One prediction a row, from rows by column name or as lists in the model's column order."""
    return Call(
        method="POST",
        path=f"{_model(name)}/predict",
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
        path=f"{_model(name)}/predict",
        reader=lambda: Parsed(PicturePredictions.model_validate_json),
        query={} if version is None else {"version": version},
        files=[("image", _file(image)) for image in images],
    )


# ------------------------------------------------------------------- the node
def ready() -> Call[bool]:
    """Whether a node is there, has warmed up and takes work."""
    return Call(
        method="GET",
        path="/readyz",
        reader=Yes,
        seconds=5.0,
        repeatable=False,
        unless=_not_ready,
    )


def _not_ready(error: FeriaError) -> bool:
    if isinstance(error, Unavailable | Busy | Expired):
        return False
    raise error


def _model(name: str, version: int | None = None) -> str:
    path = f"/v1/models/{quote(name, safe='')}"
    return path if version is None else f"{path}/versions/{version}"


def _file(file: str | Path | bytes) -> Path | bytes:
    if isinstance(file, bytes):
        return file
    path = Path(file)
    if not path.is_file():
        raise Invalid(f"There is no file {path}.")
    return path


def _change(name: str, version: int, change: StateChange) -> Call[Model]:
    return Call(
        method="PATCH",
        path=_model(name, version),
        reader=lambda: Parsed(_one),
        body=change.model_dump(mode="json"),
    )


def _one(body: bytes) -> Model:
    return Model.model_validate_json(body)


def _listed(body: bytes) -> tuple[Model, ...]:
    return ModelList.model_validate_json(body).models


def _latest(name: str, body: bytes) -> Model:
    for found in _listed(body):
        if found.state is State.ready:
            return found
    raise NotFound(f"Model '{name}' has no version that is ready.", model=name)
