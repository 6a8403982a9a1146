"""What a model learns from: columns as the graph will see them, and the target beside them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from feria.errors import Invalid
from feria.learning.kinds import Kind
from feria.learning.sources import LARGEST, Table
from feria.learning.target import Target, find_target, read_target
from feria.learning.wire import TrainingOrder
from feria.registry.wire import Column

MAX_CATEGORIES = 200
"""Texts of a column that are told apart; the rarer ones count as unknown."""
EXACT = 2.0**24
"""Beyond this, float32 does not hold every whole number."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """`frame` has the number columns first, as Float32 with NaN for missing, then the text columns, with
    "" for missing: what estimator and graph both are given. `columns` are the same in the caller's order.
    """

    frame: pl.DataFrame
    columns: tuple[Column, ...]
    target: Target
    notes: list[str]
    rows_without_target: int

    @property
    def numbers(self) -> int:
        """How many columns are numbers; the rest are texts."""
        return sum(column.kind == "number" for column in self.columns)


def build(table: Table, order: TrainingOrder, kind: Kind) -> Dataset:
    """Raises `Invalid`, naming row or column, for what cannot be learned from."""
    values, target_column = find_target(table.frame, order.target)
    notes = list(table.notes)
    chosen = _chosen(table, order, target_column, notes)
    for column in [*chosen, values]:
        refuse_beyond_float32(column, table.first)
    known = values.is_not_null()
    rows = int(known.sum())
    if rows == 0:
        raise Invalid(f"No row has a value of '{order.target}'.", column=target_column)
    if kind.max_rows is not None and rows > kind.max_rows:
        raise Invalid(
            f"{rows:,} rows are too many for {kind.name}, which compares each with each: it takes "
            f"{kind.max_rows:,}. gradient_boosting or mlp learn from more."
        )
    target = read_target(values.filter(known), kind, order.task)
    numbers = [_number(column, notes) for column in chosen if column.dtype != pl.String]
    texts = [_text(column, notes) for column in chosen if column.dtype == pl.String]
    return Dataset(
        frame=pl.DataFrame([*numbers, *texts]).filter(known),
        columns=tuple(
            Column(
                name=column.name,
                kind="text" if column.dtype == pl.String else "number",
                nullable=column.null_count() > 0,
            )
            for column in chosen
        ),
        target=target,
        notes=notes,
        rows_without_target=len(values) - rows,
    )


def _chosen(table: Table, order: TrainingOrder, target: str, notes: list[str]) -> list[pl.Series]:
    """The columns to learn from. One asked for by name that is of no use is an error, else a note."""
    frame = table.frame
    for name in order.features or ():
        if name not in frame.columns:
            raise Invalid(f"There is no column '{name}' to learn from.", column=name)
        if name == target:
            raise Invalid(f"'{name}' is what shall be predicted; it cannot be learned from.", column=name)
    names = order.features or [name for name in frame.columns if name != target]
    if len(set(names)) != len(names):
        raise Invalid("A column is named twice in `features`.")
    chosen = []
    for name in names:
        reason = useless(frame[name])
        if reason and order.features:
            raise Invalid(f"Nothing can be learned from '{name}': {reason}.", column=name)
        if reason:
            notes.append(f"'{name}' was left out: {reason}.")
        else:
            chosen.append(frame[name])
    if not chosen:
        raise Invalid("There is no column to learn from besides the target.")
    return chosen


def useless(column: pl.Series) -> str | None:
    """Why nothing can be learned from it; None when something can."""
    if column.dtype == pl.String:
        different = column.n_unique()
        if different > MAX_CATEGORIES and 2 * different > len(column) - column.null_count():
            return f"nearly every row has a text of its own ({different:,}), as a name or a number would"
        if column.str.contains("\0", literal=True).any():
            return "it holds texts with NUL characters"
    elif not (column.dtype.is_numeric() or column.dtype in {pl.Boolean, pl.Null}):
        return f"it is of the type {column.dtype}; make numbers of it first, such as a year or a weekday"
    return None


def refuse_beyond_float32(column: pl.Series, first: int) -> None:
    """Raises `Invalid` with the row, counted from `first`."""
    if not column.dtype.is_numeric():
        return
    wrong = (column.cast(pl.Float64).abs() > LARGEST).fill_null(False)
    if wrong.any():
        at = wrong.arg_true()[0]
        raise Invalid(
            f"Row {at + first}, column '{column.name}': {column[at]:.6g} is not a number a model can take.",
            row=at + first,
            column=column.name,
        )


def _number(column: pl.Series, notes: list[str]) -> pl.Series:
    exact = column.cast(pl.Float64)
    number = column.cast(pl.Float32)
    if (exact.abs() > EXACT).any() and (number.cast(pl.Float64) != exact).any():
        notes.append(f"'{column.name}' holds numbers too long for float32; they were rounded.")
    return number.fill_null(np.nan)


def _text(column: pl.Series, notes: list[str]) -> pl.Series:
    different = column.n_unique()
    if different > MAX_CATEGORIES:
        notes.append(
            f"'{column.name}' holds {different:,} different texts; the {MAX_CATEGORIES} most frequent are "
            "told apart, the rest count as unknown."
        )
    return column.fill_null("")
