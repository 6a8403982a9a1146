"""Rows of a CSV or Parquet file, as a model takes them, piece by piece."""

import contextlib
import csv
import gzip
import io
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from feria.errors import Invalid
from feria.learning.wire import MISSING
from feria.registry.wire import TabularInput

LARGEST = 3.4028234e38
"""The largest float32: a model's numbers are no larger."""
TRUTHS = {"true": "1", "false": "0"}

Piece = tuple[pl.DataFrame, float]
"""Some rows, and the share of the file that has been read with them."""

Pieces = Callable[[int], Iterator[Piece]]
"""Called with the most rows a piece may have."""


class RowFile:
    """A file that has every column a model takes. Its rows are counted from 1, without the header.

    Of CSV every value is read as the text it is, so that what is not looked at is written as it was.
    """

    def __init__(self, path: Path, wanted: TabularInput, reference: str) -> None:
        self._path = path
        self._wanted = wanted.columns
        with self._readable():
            self.columns, self._pieces = _parquet(path) if _is_parquet(path) else _csv(path)
        names = [column.name for column in wanted.columns]
        if missing := [name for name in names if name not in self.columns]:
            listed = ", ".join(f"'{name}'" for name in missing[:20])
            more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
            raise Invalid(f"{path} lacks {listed}{more}, which {reference} takes.", columns=missing)
        self.unused = [name for name in self.columns if name not in names]

    def pieces(self, height: int) -> Iterator[Piece]:
        """All rows in their order, at most `height` at a time."""
        with self._readable():
            yield from self._pieces(height)

    def read(self, table: pl.DataFrame, before: int) -> list[tuple[Any, ...]]:
        """A piece's rows in the model's column order; `before` rows came earlier.

        Raises `Invalid`, naming row and column, for what the model cannot take.
        """
        columns = []
        for column in self._wanted:
            read = self._number if column.kind == "number" else self._text
            values = read(table[column.name], before)
            if not column.nullable:
                self._refuse(values.is_null(), table[column.name], before, "may not be empty")
            columns.append(values)
        return pl.DataFrame(columns).rows()

    def _number(self, values: pl.Series, before: int) -> pl.Series:
        if values.dtype == pl.String:
            text = values.str.strip_chars().replace(list(MISSING), None)
            numbers = text.cast(pl.Float64, strict=False)
            if (text.is_not_null() & numbers.is_null()).any():
                text = text.str.to_lowercase().replace(TRUTHS)
                numbers = text.cast(pl.Float64, strict=False)
            self._refuse(text.is_not_null() & numbers.is_null(), values, before, "is not a number")
        elif values.dtype.is_numeric() or values.dtype in {pl.Boolean, pl.Null}:
            numbers = values.cast(pl.Float64)
        else:
            self._refuse(values.is_not_null(), values, before, "is not a number")
            numbers = pl.Series(values.name, [None] * len(values), pl.Float64)
        numbers = numbers.fill_nan(None)
        self._refuse(numbers.abs() > LARGEST, values, before, "is larger than any number a model takes")
        return numbers

    def _text(self, values: pl.Series, before: int) -> pl.Series:
        if values.dtype.is_nested() or values.dtype == pl.Binary:
            self._refuse(values.is_not_null(), values, before, "is not text")
        return values.cast(pl.String, strict=False).replace(list(MISSING), None)

    def _refuse(self, bad: pl.Series, values: pl.Series, before: int, why: str) -> None:
        if not bad.any():
            return
        at = int(bad.arg_true()[0])
        row = before + at + 1
        found = "" if values[at] is None else f"{str(values[at])[:60]!r} "
        raise Invalid(
            f"{self._path}, row {row}, column '{values.name}': {found}{why}.", row=row, column=values.name
        )

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:
            raise Invalid(f"{self._path} is neither Parquet nor UTF-8 text; save it as UTF-8.") from error
        except (PolarsError, OSError, EOFError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[0].rstrip(".")
            raise Invalid(f"{self._path} cannot be read as CSV or Parquet: {reason}.") from error


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet(path: Path) -> tuple[list[str], Pieces]:
    rows = pl.scan_parquet(path)
    count = int(rows.select(pl.len()).collect().item())

    def pieces(height: int) -> Iterator[Piece]:
        done = 0
        for table in rows.collect_batches(chunk_size=height, maintain_order=True):
            done += table.height
            yield table, done / count

    return rows.collect_schema().names(), pieces


def _csv(path: Path) -> tuple[list[str], Pieces]:
    with _lines(path) as (lines, _):
        header = next(lines, "").rstrip("\r\n")
    separator = max(",;\t|", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    named = [name for name in names if name]  # a column without one holds row numbers, mostly
    if not named:
        raise Invalid(f"{path} has no header: its first line must name the columns.")
    if twins := sorted({name for name in named if named.count(name) > 1}):
        raise Invalid(f"{path} has two columns called '{twins[0]}'.", column=twins[0])

    def pieces(height: int) -> Iterator[Piece]:
        with _lines(path) as (lines, share):
            rows = _whole_rows(path, lines, separator, len(names))
            while some := list(islice(rows, height)):
                columns = zip(names, zip(*some, strict=True), strict=True)
                table = pl.DataFrame([pl.Series(name, texts, pl.String) for name, texts in columns if name])
                yield table.with_columns(pl.all().replace("", None)), share()

    return named, pieces


def _whole_rows(path: Path, lines: Iterator[str], separator: str, width: int) -> Iterator[list[str]]:
    """Python's own reader, for it is strict where Polars fills up: every row is as wide as the header."""
    rows = csv.reader(lines, delimiter=separator, strict=True)
    next(rows)
    for row in rows:
        if len(row) == width:
            yield row
        elif row:
            line = rows.line_num
            raise Invalid(
                f"{path}, line {line}, has {len(row)} values; the header names {width} columns.", line=line
            )


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[tuple[Iterator[str], Callable[[], float]]]:
    """The lines of a text, gzipped or not, and a way to ask which share of the file has been read."""
    size = path.stat().st_size
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        with gzip.open(raw) if packed else contextlib.nullcontext(raw) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            yield text, lambda: raw.tell() / size
