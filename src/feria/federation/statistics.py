"""What a client tells of its rows before the first round: counts, means and spreads, and never a row.

All of it can be merged, so that the statistics of everybody together come out of those of each. Groups of
fewer rows than `Discretion.smallest_group` are not told of, nor is anything that would give them away.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Self, TypeVar

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from feria.errors import Invalid
from feria.learning.dataset import refuse_beyond_float32, useless
from feria.learning.kinds import KINDS
from feria.learning.sources import Table
from feria.learning.target import find_target, is_classes, label
from feria.learning.wire import TrainingOrder
from feria.registry.wire import Label

Count = Annotated[int, Field(ge=0, lt=2**53)]
Group = TypeVar("Group", bound=Hashable)


class Told(BaseModel):
    """JSON; what comes from elsewhere is checked before it is used."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Discretion(Told):
    """What a client keeps to itself."""

    smallest_group: int = Field(default=5, ge=1, description="Fewest rows of which anything is told.")
    least_rows: int = Field(default=20, ge=1, description="With fewer rows a client takes no part at all.")


class Moments(Told):
    """`squares` is the sum of the squared differences from the mean."""

    count: Count = 0
    mean: float = 0.0
    squares: float = Field(default=0.0, ge=0)

    @property
    def deviation(self) -> float:
        """Of the population, as scikit-learn has it; 1 where all values are the same."""
        return float(np.sqrt(self.squares / self.count)) or 1.0 if self.count else 1.0

    def merge(self, other: Self) -> Self:
        """Pairwise, so that large numbers of little spread lose no digits (Chan, Golub, LeVeque 1983)."""
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        apart = self.mean - other.mean
        return type(self)(
            count=count,
            mean=self.mean * (self.count / count) + other.mean * (other.count / count),
            squares=self.squares + other.squares + apart * apart * (self.count * other.count / count),
        )


class ColumnStatistics(Told):
    """`numeric` and `text` count the clients at which it holds that; at one where it is empty, neither."""

    clients: Count
    numeric: Count = 0
    text: Count = 0
    missing: Count = 0
    moments: Moments = Moments()
    categories: dict[str, Count] = Field(default_factory=dict, description="Rows by text; '' is missing.")

    def merge(self, other: Self) -> Self:
        return type(self)(
            clients=self.clients + other.clients,
            numeric=self.numeric + other.numeric,
            text=self.text + other.text,
            missing=self.missing + other.missing,
            moments=self.moments.merge(other.moments),
            categories=_sum(self.categories, other.categories),
        )


class TargetStatistics(Told):
    """`as_classes` counts the clients that see classes in it, `as_numbers` those that can read numbers."""

    as_classes: Count = 0
    as_numbers: Count = 0
    classes: tuple[tuple[Label, Count], ...] = ()
    moments: Moments = Moments()

    def merge(self, other: Self) -> Self:
        return type(self)(
            as_classes=self.as_classes + other.as_classes,
            as_numbers=self.as_numbers + other.as_numbers,
            classes=_ordered(_sum(dict(self.classes), dict(other.classes))),
            moments=self.moments.merge(other.moments),
        )


class Statistics(Told):
    """Of one client, or of several merged. `columns` are those one may learn from."""

    clients: Count = 1
    rows: Count
    columns: dict[str, ColumnStatistics]
    target: TargetStatistics

    def merge(self, other: Self) -> Self:
        """Associative but for rounding, and commutative."""
        columns = dict(self.columns)
        for name, column in other.columns.items():
            columns[name] = columns[name].merge(column) if name in columns else column
        return type(self)(
            clients=self.clients + other.clients,
            rows=self.rows + other.rows,
            columns=columns,
            target=self.target.merge(other.target),
        )


# ------------------------------------------------------------------- at a client
def describe(table: Table, order: TrainingOrder, discretion: Discretion | None = None) -> Statistics:
    """What this client tells of the rows it will learn from. Raises `Invalid`, naming row or column, for
    what cannot be learned from, and where there are too few rows."""
    discretion = discretion or Discretion()
    values, target = find_target(table.frame, order.target)
    known = values.is_not_null()
    rows, least = int(known.sum()), discretion.least_rows
    if rows < least:
        raise Invalid(f"There are {rows} rows with a value of '{order.target}'; {least} are the least.")
    for name in order.features or ():
        if name not in table.frame.columns:
            raise Invalid(f"There is no column '{name}' to learn from.", column=name)
        if reason := useless(table.frame[name]):
            raise Invalid(f"Nothing can be learned from '{name}': {reason}.", column=name)
    columns = {}
    for column in table.frame.filter(known):
        is_wanted = column.name in order.features if order.features else column.name != target
        if is_wanted and not useless(column):
            refuse_beyond_float32(column, table.first)
            columns[column.name] = _column(column, discretion.smallest_group)
    refuse_beyond_float32(values, table.first)
    return Statistics(
        rows=rows,
        columns=columns,
        target=_target(values.filter(known), order, discretion.smallest_group),
    )


def _column(column: pl.Series, least: int) -> ColumnStatistics:
    missing = column.null_count()
    if missing == len(column):
        return ColumnStatistics(clients=1, missing=missing)
    if column.dtype == pl.String:
        counts = _groups(column.fill_null(""))
        told = withheld(counts, least)
        return ColumnStatistics(clients=1, text=1, missing=told.get("", 0), categories=told)
    moments = _moments(column.drop_nulls())
    if moments.count < least:
        moments, missing = Moments(), len(column)
    elif missing < least:
        # So few count as if they were there, at the mean: it stays, and the spread nearly so.
        moments, missing = moments.model_copy(update={"count": len(column)}), 0
    return ColumnStatistics(clients=1, numeric=1, missing=missing, moments=moments)


def _target(values: pl.Series, order: TrainingOrder, least: int) -> TargetStatistics:
    task = asked_task(order)
    as_classes = is_classes(values) if task == "auto" else task == "classification"
    as_numbers = values.dtype.is_numeric() and task != "classification"
    counts = {label(value): n for value, n in _groups(values).items()} if as_classes else {}
    return TargetStatistics(
        as_classes=as_classes,
        as_numbers=as_numbers,
        classes=_ordered(withheld(counts, least)),
        moments=_moments(values) if as_numbers else Moments(),
    )


def asked_task(order: TrainingOrder) -> str:
    """`auto` only where the kind of model leaves it open."""
    tasks = KINDS[order.kind].tasks
    return tasks[0] if order.task == "auto" and len(tasks) == 1 else order.task


def withheld(counts: Mapping[Group, int], least: int) -> dict[Group, int]:
    """The groups of at least so many rows. When those that are left out would be too few together, and
    could be told from the total, the smallest of the others is left out as well."""
    ordered = sorted(counts.items(), key=lambda group: (-group[1], str(group[0])))
    told = [group for group in ordered if group[1] >= least]
    hidden = sum(n for _, n in ordered[len(told) :])
    while told and 0 < hidden < least:
        hidden += told.pop()[1]
    return dict(told)


def _moments(values: pl.Series) -> Moments:
    numbers = values.cast(pl.Float64).to_numpy()
    mean = float(numbers.mean())
    return Moments(count=len(numbers), mean=mean, squares=float(np.sum((numbers - mean) ** 2)))


def _groups(column: pl.Series) -> dict[Any, int]:
    counts = column.value_counts(name="\0rows")
    return dict(zip(counts[:, 0].to_list(), counts[:, 1].to_list(), strict=True))


def _sum(one: Mapping[Group, int], other: Mapping[Group, int]) -> dict[Group, int]:
    return dict(Counter(one) + Counter(other))


def _ordered(classes: Mapping[Label, int]) -> tuple[tuple[Label, int], ...]:
    return tuple(sorted(classes.items(), key=lambda one: (isinstance(one[0], str), one[0])))
