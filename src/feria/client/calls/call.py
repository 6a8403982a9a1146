"""One exchange with a node, described and not yet sent; and the parts that descriptions share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

from feria.client.answers import Parsed, Reader
from feria.errors import FeriaError, Invalid
from feria.tasks.wire import Task

A = TypeVar("A")

OnProgress = Callable[[str, float], object]
"""Called with what is being done and the fraction done, 0 to 1."""

Rows = Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]]
"""Rows by column name, or as lists in column order. A missing value is None or NaN."""

MINUTE = 60.0


@dataclass(frozen=True, kw_only=True)
class Call(Generic[A]):
    """One exchange with a node."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    reader: Callable[[], Reader[A]]
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Sent as JSON."""
    form: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[tuple[str, Path | bytes]] = ()
    """Form fields with their contents; a path is opened when the call is sent."""
    content: Path | bytes | None = None
    """Sent as it is; of a file, what it holds."""
    on_progress: OnProgress | None = None
    """Told how much of the content is sent."""
    seconds: float = MINUTE
    """Longest silence to bear with."""
    repeatable: bool = True
    """Whether asking twice does no more than asking once."""
    waits: bool = False
    """Whether 202 means that the answer is not there yet, and not that this was it."""
    unless: Callable[[FeriaError], A] | None = None
    """Makes an answer of an error, or raises it."""


def model_path(name: str, version: int | None = None) -> str:
    path = f"/v1/models/{quote(name, safe='')}"
    return path if version is None else f"{path}/versions/{version}"


def file_at(file: str | Path | bytes) -> Path | bytes:
    if isinstance(file, bytes):
        return file
    path = Path(file)
    if not path.is_file():
        raise Invalid(f"There is no file {path}.")
    return path


def later(priority: int, key: str | None, **query: Any) -> dict[str, Any]:
    headers = {"Prefer": "respond-async"} | ({} if key is None else {"Idempotency-Key": key})
    return {
        "reader": lambda: Parsed(Task.model_validate_json),
        "headers": headers,
        "query": given(priority=priority or None, **query),
        "repeatable": key is not None,
    }


def given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
