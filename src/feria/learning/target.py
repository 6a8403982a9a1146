"""What shall be predicted: from a column or an expression to classes or numbers."""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from feria.errors import Invalid
from feria.learning.kinds import Kind
from feria.learning.wire import Task
from feria.registry.wire import Label

FEW = 20
"""Whole numbers are classes when at most this many differ, and at most half as many as there are rows."""
MAX_CLASSES = 1000

_COMPARE: dict[str, Callable[[pl.Series, Any], pl.Series]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_SIGN = re.compile("|".join(_COMPARE))  # the longer ones first

Values = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """`values` has one entry for each row that is kept: float64, or the class number 0…C-1 as int64.

    `labels[k]` is what class k is called: text, whole number or number, in ascending order.
    """

    task: Task
    values: Values
    labels: tuple[Label, ...] | None = None

    @property
    def classes(self) -> int:
        return len(self.labels or ())


def find_target(frame: pl.DataFrame, wanted: str) -> tuple[pl.Series, str]:
    """The values to predict, and the column they come from. Raises `Invalid`."""
    if wanted in frame.columns:
        return frame[wanted], wanted
    for sign in _SIGN.finditer(wanted):
        # A column's name may hold signs itself, so every one of them may be the one that is meant.
        name, value = wanted[: sign.start()].strip(), wanted[sign.end() :].strip()
        if name in frame.columns:
            return _compared(frame[name], sign[0], value), name
    known = ", ".join(frame.columns[:20]) + (", …" if frame.width > 20 else "")
    raise Invalid(f"There is no column '{wanted}' to predict. There are: {known}.", column=wanted)


def _compared(column: pl.Series, sign: str, value: str) -> pl.Series:
    compare = _COMPARE[sign]
    if column.dtype == pl.String:
        if sign not in {"==", "!="}:
            raise Invalid(f"'{column.name}' holds texts; they are equal or not, but not {sign}.")
        return compare(column, value)
    if column.dtype == pl.Boolean:
        if sign not in {"==", "!="} or value.lower() not in {"true", "false"}:
            raise Invalid(f"'{column.name}' is true or false; compare it with == or != to one of these.")
        return compare(column, value.lower() == "true")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid(f"'{column.name}' holds numbers; '{value[:60]}' is none.", column=column.name)
    return compare(column.cast(pl.Float64), number)


def read_target(column: pl.Series, kind: Kind, wanted: str) -> Target:
    """Classes or numbers from a column without missing values. Raises `Invalid` when the kind or the
    order (`wanted` is its task) cannot be had with it."""
    task = kind.tasks[0] if wanted == "auto" and len(kind.tasks) == 1 else wanted
    if task == "auto":
        task = "classification" if is_classes(column) else "regression"
    if task not in kind.tasks:
        other = "classes" if kind.tasks == ("classification",) else "numbers"
        raise Invalid(f"{kind.name} predicts {other}; choose another kind for {task}.")
    if task == "regression":
        return Target("regression", _numbers(column, kind))
    return _classes(column, kind)


def is_classes(column: pl.Series) -> bool:
    """Whether its values, none of them missing, are rather classes than numbers."""
    return not column.dtype.is_numeric() or (_is_whole(column) and _are_few(column))


def _is_whole(column: pl.Series) -> bool:
    return column.dtype.is_integer() or bool((column == column.round()).all())


def _are_few(column: pl.Series) -> bool:
    return (n := column.n_unique()) <= FEW and 2 * n <= len(column)


def _numbers(column: pl.Series, kind: Kind) -> Values:
    if column.dtype == pl.String:
        raise Invalid(f"The target holds texts, such as '{column[0]:.40}'; {kind.name} wants numbers here.")
    return column.cast(pl.Float64).to_numpy()


def _classes(column: pl.Series, kind: Kind) -> Target:
    labels = column.unique().sort()
    if len(labels) < 2:
        said = label(labels[0])
        raise Invalid(f"There is one class only, {said!r}: nothing to tell apart.")
    repeated = 2 * len(labels) <= len(column)
    whole = column.dtype.is_numeric() and _is_whole(column)
    is_continuous = column.dtype.is_numeric() and not whole and not _are_few(column)
    if is_continuous or len(labels) > MAX_CLASSES or (len(labels) > FEW and not repeated):
        raise Invalid(
            f"The target has {len(labels):,} different values in {len(column):,} rows; {kind.name} wants "
            "classes here. Predict the number itself with another kind, or make two classes with an "
            "expression such as COLUMN>NUMBER."
        )
    values = column.replace_strict(labels, range(len(labels)), return_dtype=pl.Int64)
    return Target("classification", values.to_numpy(), tuple(label(one) for one in labels))


def label(value: Any) -> Label:
    """What a class is called whose rows hold that value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value  # type: ignore[no-any-return]
