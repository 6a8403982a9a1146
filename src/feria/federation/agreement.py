"""What all clients have agreed on before the first round: columns, categories, scales and classes.

It is made of merged statistics alone, and every client then reads its own rows by it, so that the columns
of the matrix mean the same everywhere, and the graph that is published is given the same.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field

from feria.errors import Invalid
from feria.federation.statistics import ColumnStatistics, Statistics, Told, asked_task
from feria.learning.dataset import MAX_CATEGORIES, refuse_beyond_float32
from feria.learning.estimators import unit
from feria.learning.kinds import KINDS, Kind
from feria.learning.preprocessing import Matrix, Preprocessing
from feria.learning.sources import Table
from feria.learning.target import MAX_CLASSES, find_target, label
from feria.learning.wire import KindName, Task, TrainingOrder
from feria.registry.wire import Column, Label

Array = np.ndarray[Any, Any]

LEAST_SPREAD = 0.2
"""Of a category's 0 and 1, where it is rare: what few rows say shall not be heard thirty times as loud."""


class NumberColumn(Told):
    name: str
    mean: float = Field(description="Stands for a missing value, too.")
    deviation: float = Field(gt=0)


class TextColumn(Told):
    """Any other text is none of the categories. `shares` are theirs of all rows."""

    name: str
    categories: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Examples:
    """`x` float32 `[rows, width]`; `y` the class numbers, int64, or the numbers in the agreed unit."""

    x: Matrix
    y: Array


class Agreement(Told):
    """JSON, and the same for the same statistics; `digest` names it."""

    kind: KindName
    task: Task
    target: str
    clients: int
    rows: int
    numbers: tuple[NumberColumn, ...]
    texts: tuple[TextColumn, ...]
    labels: tuple[Label, ...] | None = None
    middle: float = 0.0
    size: float = Field(default=1.0, gt=0, description="Numbers are learned as `(y - middle) / size`.")
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return len(self.numbers) + sum(len(column.categories) for column in self.texts)

    @property
    def outputs(self) -> int:
        """Numbers that a model must answer with: one for a number or two classes, else one a class."""
        classes = len(self.labels or ())
        return classes if classes > 2 else 1

    @property
    def columns(self) -> tuple[Column, ...]:
        kinds: tuple[tuple[Iterable[Any], Literal["number", "text"]], ...] = (
            (self.numbers, "number"),
            (self.texts, "text"),
        )
        return tuple(Column(name=column.name, kind=kind) for columns, kind in kinds for column in columns)

    @property
    def preprocessing(self) -> Preprocessing:
        return _preprocessing(self)

    def standard(self, x: Matrix) -> Array:
        """float64 `[rows, width + 1]`: centred and of spread one over all clients, which gradient steps need;
        the last column is 1."""
        centres, spreads = _standards(self)
        return np.column_stack([(x - centres) / spreads, np.ones(len(x))])

    def unstandard(self, weights: Array) -> tuple[Array, Array]:
        """Weights `[width + 1, outputs]` of `standard` columns as those of the matrix itself, and
        intercepts."""
        centres, spreads = _standards(self)
        coefficients = weights[:-1] / spreads[:, None]
        return coefficients, weights[-1] - centres @ coefficients

    def read(self, table: Table) -> Examples:
        """This client's rows as all see theirs. Rows without a value to predict, or of a class that was
        not agreed on, are left out. Raises `Invalid`, naming the column, for a table that does not fit."""
        values, _ = find_target(table.frame, self.target)
        y = self._classes(values) if self.labels else self._numbers(values, table.first)
        known = y.is_not_null()
        if not known.any():
            raise Invalid(f"No row has a value of '{self.target}' that was agreed on.", column=self.target)
        numbers = [_number(table, column.name) for column in self.numbers]
        texts = [_text(table, column.name) for column in self.texts]
        frame = pl.DataFrame([*numbers, *texts]).filter(known)
        return Examples(self.preprocessing.apply(frame), y.filter(known).to_numpy())

    def _classes(self, values: pl.Series) -> pl.Series:
        numbers = {name: k for k, name in enumerate(self.labels or ())}
        found = values.drop_nulls().unique().to_list()
        known = {value: numbers[label(value)] for value in found if label(value) in numbers}
        if not known:
            return pl.Series([None] * len(values), dtype=pl.Int64)
        return values.replace_strict(known, default=None, return_dtype=pl.Int64)

    def _numbers(self, values: pl.Series, first: int) -> pl.Series:
        if not values.dtype.is_numeric():
            raise Invalid(f"'{self.target}' holds no numbers here.", column=self.target)
        refuse_beyond_float32(values, first)
        return (values.cast(pl.Float64) - self.middle) / self.size


@lru_cache(maxsize=8)  # ten thousand clients of one process read their rows by one of it
def _preprocessing(agreement: Agreement) -> Preprocessing:
    return Preprocessing.agreed(
        KINDS[agreement.kind],
        {column.name: (column.mean, column.deviation) for column in agreement.numbers},
        {column.name: column.categories for column in agreement.texts},
    )


@lru_cache(maxsize=8)
def _standards(agreement: Agreement) -> tuple[Array, Array]:
    """Mean and deviation of each column of the matrix, over all clients."""
    shares = np.array([share for column in agreement.texts for share in column.shares])
    numbers = len(agreement.numbers)
    spreads = np.maximum(np.sqrt(shares * (1 - shares)), LEAST_SPREAD)
    return np.concatenate([np.zeros(numbers), shares]), np.concatenate([np.ones(numbers), spreads])


def _number(table: Table, name: str) -> pl.Series:
    column = _found(table, name)
    if column.dtype == pl.String and column.null_count() < len(column):
        raise Invalid(f"'{name}' holds texts here, and numbers at the other clients.", column=name)
    refuse_beyond_float32(column, table.first)
    return column.cast(pl.Float32).fill_null(np.nan)


def _text(table: Table, name: str) -> pl.Series:
    column = _found(table, name)
    if column.dtype != pl.String and column.null_count() < len(column):
        raise Invalid(f"'{name}' holds numbers here, and texts at the other clients.", column=name)
    return column.cast(pl.String).fill_null("")


def _found(table: Table, name: str) -> pl.Series:
    if name not in table.frame.columns:
        raise Invalid(f"There is no column '{name}' here; all others have it.", column=name)
    return table.frame[name]


# ------------------------------------------------------------------- at the server
def agree(told: Mapping[str, Statistics], order: TrainingOrder) -> Agreement:
    """From the statistics of each client, by name; their order does not matter.

    Raises `Invalid`, naming the column, where there is nothing in common to learn from.
    """
    merged = reduce(Statistics.merge, (told[name] for name in sorted(told)))
    kind, task = KINDS[order.kind], _task(merged, order)
    numbers, texts, notes = _columns(merged, order)
    labels = _labels(merged, order) if task == "classification" else None
    moments = merged.target.moments
    if labels is None and not moments.count:
        raise Invalid(f"'{order.target}' holds no numbers; {kind.name} wants numbers here.")
    middle, size = (0.0, 1.0) if labels else unit(moments.mean, np.sqrt(moments.squares / moments.count))
    return Agreement(
        kind=order.kind,
        task=task,
        target=order.target,
        clients=merged.clients,
        rows=merged.rows,
        numbers=numbers,
        texts=texts,
        labels=labels,
        middle=middle,
        size=size,
        notes=notes,
    )


def _task(merged: Statistics, order: TrainingOrder) -> Task:
    """Classes, where every client sees classes."""
    kind: Kind = KINDS[order.kind]
    everywhere = merged.target.as_classes == merged.clients
    asked = asked_task(order)
    if asked == "auto":
        asked = "classification" if everywhere else "regression"
    for task in kind.tasks:
        if task == asked:
            return task
    raise Invalid(f"{kind.name} is not for {asked}; choose another kind.")


def _labels(merged: Statistics, order: TrainingOrder) -> tuple[Label, ...]:
    labels = tuple(name for name, _ in merged.target.classes)
    if len(labels) < 2:
        raise Invalid(f"No two classes of '{order.target}' have rows enough at a client to be told of.")
    if len(labels) > MAX_CLASSES:
        raise Invalid(f"'{order.target}' has {len(labels):,} classes; {MAX_CLASSES:,} are the most.")
    if len({isinstance(name, str) for name in labels}) > 1:
        raise Invalid(f"'{order.target}' holds texts at some clients and numbers at others.")
    return labels


def _columns(
    merged: Statistics, order: TrainingOrder
) -> tuple[tuple[NumberColumn, ...], tuple[TextColumn, ...], tuple[str, ...]]:
    numbers, texts, notes = [], [], []
    for name in order.features or merged.columns:
        column = merged.columns[name]
        if column.clients < merged.clients:
            lacking = merged.clients - column.clients
            notes.append(f"'{name}' was left out: {lacking} of {merged.clients} clients do not have it.")
        elif column.numeric == column.text and column.text:
            raise Invalid(f"'{name}' holds numbers at one half of the clients, texts at the other.")
        elif column.numeric > column.text and column.moments.count:
            moments = column.moments
            numbers.append(NumberColumn(name=name, mean=moments.mean, deviation=moments.deviation))
        elif column.text > column.numeric and column.categories:
            texts.append(_categories(name, column, merged.rows))
        else:
            notes.append(f"'{name}' was left out: too few rows say anything in it.")
    if not numbers and not texts:
        raise Invalid("There is no column that all clients have and can learn from.")
    return tuple(numbers), tuple(texts), tuple(notes)


def _categories(name: str, column: ColumnStatistics, rows: int) -> TextColumn:
    frequent = sorted(column.categories.items(), key=lambda one: (-one[1], one[0]))[:MAX_CATEGORIES]
    known = dict(sorted(frequent))
    return TextColumn(
        name=name, categories=tuple(known), shares=tuple(min(1.0, n / rows) for n in known.values())
    )
