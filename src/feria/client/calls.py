"""Each thing one can ask of a node, described once.

A function here sends nothing: it says method, path, body and how to read the answer. `Client` and
`AsyncClient` turn each into a method of the same name, so this is also where the documentation is.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack
from urllib.parse import quote

from feria.access.wire import Erased, NewToken, Permission, PersonalData, Role, Token, TokenList, Who
from feria.client.answers import Followed, Nothing, Parsed, Reader, SavedFile, Trained, Yes
from feria.client.rows import table
from feria.errors import Busy, Expired, FeriaError, Invalid, NotFound, Unavailable
from feria.inference.wire import PicturePredictions, RowPredictions
from feria.registry.wire import Description, Model, ModelList, State, StateChange
from feria.tasks.wire import Task, TaskList, TaskState

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
    waits: bool = False
    """Whether 202 means that the answer is not there yet, and not that this was it."""
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
        path=f"{_model(name)}/train",
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
        path=f"{_model(name)}/train",
        seconds=10 * MINUTE,
        **_later(priority, key),
        **_training(kind, data, target, **wishes),
    )


def _training(kind: str, data: str | Path | Rows, target: str, **wishes: Unpack[Wishes]) -> dict[str, Any]:
    """The order, as JSON or beside its file."""
    columns = wishes.pop("columns", None)
    given: dict[str, Any] = {"kind": kind, "target": target, **wishes}
    if given.get("features") is not None:
        given["features"] = list(given["features"])
    order = _given(**given)
    if isinstance(data, str | Path):
        if columns is not None:
            raise Invalid("`columns` names the columns of rows; a file names its own.")
        return {"form": {"order": json.dumps(order)}, "files": [("file", _file(data))]}
    return {"body": order | table(data, columns)}


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


def predict_later(
    name: str, rows: Rows, version: int | None = None, *, priority: int = 0, key: str | None = None
) -> Call[Task]:
    """Have the node predict, as `predict` does, and return at once; see `train_later`."""
    later = _later(priority, key, version=version)
    return Call(method="POST", path=f"{_model(name)}/predict", body=table(rows), **later)


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
        path=f"{_model(name)}/predict",
        files=[("image", _file(image)) for image in images],
        **_later(priority, key, version=version),
    )


def _later(priority: int, key: str | None, **query: Any) -> dict[str, Any]:
    headers = {"Prefer": "respond-async"} | ({} if key is None else {"Idempotency-Key": key})
    return {
        "reader": lambda: Parsed(Task.model_validate_json),
        "headers": headers,
        "query": _given(priority=priority or None, **query),
        "repeatable": key is not None,
    }


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


# ------------------------------------------------------------------- tasks
def tasks(
    *, state: TaskState | None = None, kind: str | None = None, before: str | None = None, limit: int = 50
) -> Call[tuple[Task, ...]]:
    """One's own tasks, the newest first; those submitted before task `before`."""
    return Call(
        method="GET",
        path="/v1/tasks",
        reader=lambda: Parsed(lambda body: TaskList.model_validate_json(body).tasks),
        query=_given(state=state, kind=kind, before=before, limit=limit),
    )


def task(task: Task | str) -> Call[Task]:
    """How a task stands. Raises `NotFound`."""
    return Call(method="GET", path=_task(task), reader=lambda: Parsed(Task.model_validate_json))


def follow(task: Task | str, on_progress: OnProgress | None = None) -> Call[Task]:
    """Wait until a task has ended, and hear meanwhile how far it is; returns how it ended."""
    return Call(
        method="GET",
        path=f"{_task(task)}/events",
        reader=lambda: Followed(on_progress),
    )


def result(task: Task | str, *, wait: float | None = None) -> Call[Any]:
    """What came of a task, as JSON; waits until it has ended.

    With `wait`, only so many seconds, up to 60: then raises `Busy`. Raises the error that the task
    ended with, or `Cancelled`.
    """
    return Call(
        method="GET",
        path=f"{_task(task)}/result",
        reader=lambda: Parsed(json.loads),
        query={"wait": MINUTE if wait is None else wait},
        seconds=2 * MINUTE,
        waits=True,
        repeatable=wait is None,
    )


def cancel(task: Task | str) -> Call[None]:
    """Call off a task. One that has ended is forgotten, with its result."""
    return Call(method="DELETE", path=_task(task), reader=Nothing)


def _task(task: Task | str) -> str:
    return f"/v1/tasks/{quote(task if isinstance(task, str) else task.id, safe='')}"


# ------------------------------------------------------------------- access
def tokens() -> Call[tuple[Token, ...]]:
    """Every token that was not revoked, the newest first."""
    return Call(method="GET", path="/v1/tokens", reader=lambda: Parsed(_tokens))


def create_token(
    name: str,
    role: Role | str,
    *,
    allow: Iterable[Permission | str] | None = None,
    days: float | None = None,
) -> Call[NewToken]:
    """Make a token for `name`; the answer's `token` is shown this once.

    `allow` are fewer permissions than the role's; it ends after `days`.
    """
    order = {"name": name, "role": role, "allow": None if allow is None else sorted(allow), "days": days}
    return Call(
        method="POST",
        path="/v1/tokens",
        reader=lambda: Parsed(NewToken.model_validate_json),
        body=order,
        repeatable=False,
    )


def revoke_token(id: str, *, force: bool = False) -> Call[None]:
    """End a token. Raises `Conflict` for the last that administers a locked node, unless `force`."""
    path = f"/v1/tokens/{quote(id, safe='')}"
    return Call(method="DELETE", path=path, reader=Nothing, query={"force": True} if force else {})


def whoami() -> Call[Who]:
    """Who the node takes us for."""
    return Call(method="GET", path="/v1/session", reader=lambda: Parsed(Who.model_validate_json))


def personal_data(subject: str) -> Call[PersonalData]:
    """All that the node keeps under a name."""
    path = f"/v1/privacy/{quote(subject, safe='')}"
    return Call(method="GET", path=path, reader=lambda: Parsed(PersonalData.model_validate_json))


def erase_personal_data(subject: str) -> Call[Erased]:
    """Erase what the node keeps under a name; models stay and lose their owner."""
    path = f"/v1/privacy/{quote(subject, safe='')}"
    return Call(method="DELETE", path=path, reader=lambda: Parsed(Erased.model_validate_json))


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


def _tokens(body: bytes) -> tuple[Token, ...]:
    return TokenList.model_validate_json(body).tokens


def _latest(name: str, body: bytes) -> Model:
    for found in _listed(body):
        if found.state is State.ready:
            return found
    raise NotFound(f"Model '{name}' has no version that is ready.", model=name)
