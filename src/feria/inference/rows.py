"""From rows, as JSON or as Python lists, to the arrays a tabular graph takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np

from feria.errors import Invalid
from feria.registry.wire import TabularInput

LARGEST = float(np.finfo(np.float32).max)
Scalar = float | str | bool | None
Row = Sequence[Scalar] | Mapping[str, Scalar]


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[list[Scalar] | dict[str, Scalar]]


@dataclass(slots=True)
class Table:
    """`numbers` float32 `[n, numbers]`, missing is NaN; `texts` object `[n, texts]`, missing is ""."""

    n: int
    numbers: np.ndarray[Any, Any]
    texts: np.ndarray[Any, Any]


def _numbers_alone(columns: int) -> type[Any]:
    """Rows of that many numbers that float32 holds: whatever passes needs no second look."""
    number = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
    row = Annotated[list[number], msgspec.Meta(min_length=columns, max_length=columns)]
    rows = Annotated[list[row], msgspec.Meta(min_length=1)]
    return msgspec.defstruct("Rows", [("rows", rows)], forbid_unknown_fields=True)


class RowReader:
    """Reads rows for one model's columns. Every fault names its row, counted from 0, and its column."""

    def __init__(self, wanted: TabularInput) -> None:
        self._columns = wanted.columns
        self._names = [column.name for column in wanted.columns]
        self._numbers = [i for i, column in enumerate(wanted.columns) if column.kind == "number"]
        self._texts = [i for i, column in enumerate(wanted.columns) if column.kind == "text"]
        self._required = [i for i, column in enumerate(wanted.columns) if not column.nullable]
        self._only_numbers = not self._texts
        self._fast = msgspec.json.Decoder(_numbers_alone(len(self._names)))
        self._slow = msgspec.json.Decoder(_Rows)

    def read(self, payload: bytes | Sequence[Row]) -> Table:
        """`{"rows": [...]}` as JSON, or the rows themselves. Raises `Invalid`."""
        if self._only_numbers and isinstance(payload, bytes):
            try:
                numbers = np.array(self._fast.decode(payload).rows, np.float32)
            except msgspec.DecodeError:
                pass  # by name, with gaps, or wrong: the slow way finds out and says which
            else:
                return Table(len(numbers), numbers, np.empty((len(numbers), 0), object))
        return self._table(self._rows(payload))

    def _rows(self, payload: bytes | Sequence[Row]) -> list[Sequence[Scalar]]:
        if isinstance(payload, bytes):
            try:
                rows: Sequence[Row] = self._slow.decode(payload).rows
            except msgspec.ValidationError as error:
                raise Invalid(f'The body must be {{"rows": [[…], …]}}: {error}.') from None
            except msgspec.DecodeError as error:
                raise Invalid(f"The body is not JSON: {error}.") from None
        else:
            rows = payload
        if not rows:
            raise Invalid("There are no rows.")
        return [self._ordered(row, at) for at, row in enumerate(rows)]

    def _ordered(self, row: Row, at: int) -> Sequence[Scalar]:
        if isinstance(row, Mapping):
            if unknown := [name for name in row if name not in self._names]:
                raise Invalid(f"Row {at} has a column {unknown[0]!r} that the model does not know.", row=at)
            if missing := [self._names[i] for i in self._required if self._names[i] not in row]:
                raise Invalid(f"Row {at} lacks the column {missing[0]!r}.", row=at)
            return [row.get(name) for name in self._names]
        if len(row) != len(self._names):
            raise Invalid(f"Row {at} has {len(row)} values; the model takes {len(self._names)}.", row=at)
        return row

    def _table(self, rows: list[Sequence[Scalar]]) -> Table:
        numbers = np.empty((len(rows), len(self._numbers)), np.float32)
        texts = np.empty((len(rows), len(self._texts)), object)
        for at, row in enumerate(rows):
            for to, i in enumerate(self._numbers):
                numbers[at, to] = self._number(row[i], at, i)
            for to, i in enumerate(self._texts):
                texts[at, to] = self._text(row[i], at, i)
        return Table(len(rows), numbers, texts)

    def _number(self, value: object, at: int, i: int) -> float:
        if value is None:
            self._may_be_missing(at, i)
            return np.nan
        if isinstance(value, bool | int | float | np.number):
            # Beyond float32 it would become infinite on the way in.
            if abs(float(value)) <= LARGEST:
                return float(value)
            if value != value:  # NaN, from a caller in this process
                self._may_be_missing(at, i)
                return np.nan
            raise Invalid(f"Row {at}, column {self._names[i]!r}: the number is too large.", row=at)
        raise Invalid(f"Row {at}, column {self._names[i]!r}: {value!r:.60} is not a number.", row=at)

    def _text(self, value: object, at: int, i: int) -> str:
        if value is None:
            self._may_be_missing(at, i)
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value
        raise Invalid(f"Row {at}, column {self._names[i]!r}: {value!r:.60} is not text.", row=at)

    def _may_be_missing(self, at: int, i: int) -> None:
        if not self._columns[i].nullable:
            raise Invalid(f"Row {at}, column {self._names[i]!r} may not be empty.", row=at)
