"""From an uploaded file, or rows in JSON, to a table in memory; or a sentence that says what is wrong.

Nothing about the learning itself is decided here, only what each cell is: a number, a text, true or
false, or missing.
"""

import contextlib
import csv
import gzip
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from feria.errors import Invalid, TooLarge
from feria.learning.wire import MISSING

MAX_UNPACKED = 2 * 2**30
MAX_LINE = 4 * 2**20
LARGEST = 2.0**127
"""Half of float32's range, so that the distance between two numbers can still be told."""
MOSTLY = 0.9
"""A column of texts of which this share are numbers was meant to be a column of numbers."""


PARQUET, GZIP = b"PAR1", b"\x1f\x8b"
"""How files of these formats begin."""


@dataclass(frozen=True, slots=True)
class Limits:
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of numbers, booleans, texts, or of a kind that no model reads; null is missing.

    `first` is the number of the first row as people count them: lists from 0, the rows of a file from 1.
    `origin` says for the record where the rows came from.
    """

    frame: pl.DataFrame
    first: int
    origin: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def read_file(path: Path, limits: Limits) -> Table:
    """A CSV file, gzipped or not, or a Parquet file; which one, its content says.

    Raises `Invalid`, naming line, row or column, and `TooLarge`.
    """
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not start:
        raise Invalid("The file is empty.")
    origin = {"sha256": digest, "bytes": path.stat().st_size}
    if start == PARQUET:
        return Table(_parquet(path, limits), 1, {"format": "parquet", **origin})
    if start.startswith(b"PK\x03\x04"):
        raise Invalid("The file is a ZIP archive or a spreadsheet; save it as CSV or Parquet.")
    frame, notes = _csv(path, gzipped=start.startswith(GZIP), limits=limits)
    return Table(frame, 1, {"format": "csv", **origin}, notes)


def suffix_of(path: Path) -> str:
    """What the name of a file with such content would end in: `.parquet`, `.csv` or `.csv.gz`."""
    with path.open("rb") as file:
        start = file.read(4)
    if start == PARQUET:
        return ".parquet"
    return ".csv.gz" if start.startswith(GZIP) else ".csv"


# ------------------------------------------------------------------- Parquet
def _parquet(path: Path, limits: Limits) -> pl.DataFrame:
    with _readable("Parquet"):
        scan = pl.scan_parquet(path)
        width = len(scan.collect_schema())
        _within(limits, scan.select(pl.len()).collect().item(), width)
        frame = scan.collect()
    return frame.with_columns(
        pl.col(pl.Float32, pl.Float64).fill_nan(None), pl.col(pl.Categorical, pl.Enum).cast(pl.String)
    ).with_columns(pl.col(pl.String).replace("", None), pl.col(pl.Decimal).cast(pl.Float64))


@contextlib.contextmanager
def _readable(format: str) -> Iterator[None]:
    try:
        yield
    except (PolarsError, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise Invalid(f"The file cannot be read as {format}: {reason}.") from None


# ------------------------------------------------------------------- CSV
def _csv(path: Path, *, gzipped: bool, limits: Limits) -> tuple[pl.DataFrame, list[str]]:
    # Python's own reader looks over the whole file first. It is strict where Polars fills up, and it
    # knows the line of what is wrong.
    names, separator, rows = _look_over(path, gzipped, limits)
    with _readable("CSV"):
        frame = pl.read_csv(
            path,
            separator=separator,
            infer_schema_length=None,
            null_values=list(MISSING),
        )
    if frame.shape != (rows, len(names)):
        raise Invalid("The file can be read in two ways; look for stray quotes or line ends in it.")
    frame.columns = [name or f"\0{at}" for at, name in enumerate(names)]
    notes = []
    if nameless := [column for column in frame.columns if column.startswith("\0")]:
        frame = frame.drop(nameless)
        notes.append(f"{len(nameless)} column without a name, such as row numbers, was left out.")
    return frame.with_columns(_typed(series) for series in frame if series.dtype == pl.String), notes


def _look_over(path: Path, gzipped: bool, limits: Limits) -> tuple[list[str], str, int]:
    """Column names, separator and number of rows of a file whose rows are all as wide as its header."""
    with gzip.open(path) if gzipped else path.open("rb") as file:
        separator = _separator(next(_lines(file), ""))
        file.seek(0)
        rows = csv.reader(_lines(file), delimiter=separator, strict=True)
        try:
            names = [name.strip() for name in next(rows, [])]
            _check_header(names)
            count = 0
            for row in rows:
                if len(row) != len(names) and row:
                    raise Invalid(
                        f"Line {rows.line_num} has {len(row)} values; the header names {len(names)} columns.",
                        line=rows.line_num,
                    )
                count += 1
                if count > limits.rows:
                    _within(limits, count, len(names))
        except csv.Error as error:
            raise Invalid(f"Line {rows.line_num} is not CSV: {error}.", line=rows.line_num) from None
    _within(limits, count, len(names))
    if count == 0:
        raise Invalid("The file has a header and no rows.")
    return names, separator, count


def _lines(file: io.BufferedIOBase) -> Iterator[str]:
    number = size = 0
    try:
        while line := file.readline(MAX_LINE):
            number += 1
            size += len(line)
            if size > MAX_UNPACKED:
                raise TooLarge(f"Unpacked, the file has more than {MAX_UNPACKED / 2**30:g} GiB.")
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            if len(line) == MAX_LINE or "\0" in text:
                raise Invalid("The file is neither CSV nor Parquet.", line=number)
            yield text
    except UnicodeDecodeError:
        raise Invalid(f"Line {number} is not UTF-8 text; save the file as UTF-8.", line=number) from None
    except (OSError, EOFError) as error:  # zlib's faults are among them
        raise Invalid(f"The file cannot be unpacked: {error}.") from None


def _separator(header: str) -> str:
    def columns(separator: str) -> int:
        with contextlib.suppress(csv.Error):  # said later, with the line
            return len(next(csv.reader([header], delimiter=separator), []))
        return 0

    return max(",;\t|", key=columns)


def _check_header(names: list[str]) -> None:
    if not any(names):
        raise Invalid("The first line must name the columns; it is empty.")
    if all(_is_number(name) for name in names):
        raise Invalid("The first line must name the columns; it holds only numbers.")
    _refuse_twins([name for name in names if name])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _typed(column: pl.Series) -> pl.Series:
    """What Polars left as text, because of a space or of one odd cell, looked at again."""
    text = column.str.strip_chars().replace(list(MISSING), None)
    if text.str.to_lowercase().is_in(["true", "false"]).all(ignore_nulls=True):
        return text.str.to_lowercase() == "true" if text.null_count() < len(text) else text.cast(pl.Float64)
    numbers = text.cast(pl.Float64, strict=False)
    wrong = text.is_not_null() & numbers.is_null()
    filled = len(text) - text.null_count()
    if not wrong.any():
        return numbers
    if 1 - wrong.sum() / filled >= MOSTLY:
        at = wrong.arg_true()[0]
        raise Invalid(
            f"Row {at + 1}, column '{column.name}': '{column[at]:.60}' is not a number, and nearly all else "
            "in that column is. Correct it, empty it, or leave the column out with `features`.",
            row=at + 1,
            column=column.name,
        )
    return column.replace("", None)


# ------------------------------------------------------------------- rows in JSON
def read_rows(rows: list[Any], columns: list[str] | None, limits: Limits) -> Table:
    """Rows as objects, all with the same keys, or as lists of the width of `columns`.

    Raises `Invalid`, naming row (from 0) and column, and `TooLarge`.
    """
    if not rows:
        raise Invalid("There are no rows.")
    if isinstance(rows[0], dict):
        if columns is not None:
            raise Invalid("`columns` names the places of rows that are lists; these rows name their own.")
        names = list(rows[0])
    elif columns is None:
        raise Invalid("Rows that are lists need `columns`, the names of their places.")
    else:
        names = columns
    _within(limits, len(rows), len(names))
    _refuse_twins(names)
    ordered = [_ordered(row, names, at, by_name=columns is None) for at, row in enumerate(rows)]
    frame = pl.DataFrame([_column(name, [row[i] for row in ordered]) for i, name in enumerate(names)])
    return Table(frame, 0, {"format": "rows"})


def _ordered(row: Any, names: list[str], at: int, *, by_name: bool) -> list[Any]:
    if by_name and isinstance(row, dict):
        if row.keys() == set(names):
            return [row[name] for name in names]
        if lacking := [name for name in names if name not in row]:
            raise Invalid(f"Row {at} lacks the column '{lacking[0]}'; a missing value is null.", row=at)
        unknown = next(name for name in row if name not in names)
        raise Invalid(f"Row {at} has a column '{unknown}' that row 0 does not have.", row=at)
    if by_name or not isinstance(row, list | tuple):
        raise Invalid(f"Row {at} is not like the others: rows are all objects, or all lists.", row=at)
    if len(row) != len(names):
        raise Invalid(f"Row {at} has {len(row)} values; there are {len(names)} columns.", row=at)
    return list(row)


def _column(name: str, values: list[Any]) -> pl.Series:
    """All numbers, all texts, or all true or false; what comes first decides."""
    kind: type | None = None
    for at, value in enumerate(values):
        if value is None:
            continue
        found = float if isinstance(value, int | float) else type(value)
        kind = kind or found
        if found not in {float, str}:
            raise _wrong(f"{value!r:.60} is neither number nor text", at, name)
        if found is not kind:
            meant = "text among numbers" if kind is float else "a number among texts"
            raise _wrong(f"{value!r:.60} is {meant}", at, name)
        if found is float and not abs(value) <= LARGEST:
            said = f"{value:.6g}" if isinstance(value, float) else "that many digits"
            raise _wrong(f"{said} is no number a model can take; a missing value is null", at, name)
    if kind is str:
        try:
            return pl.Series(name, values, pl.String).replace("", None)
        except UnicodeEncodeError:
            raise Invalid(f"Column '{name}' holds a text that is not Unicode.", column=name) from None
    if kind is float and {type(value) for value in values} <= {bool, type(None)}:
        return pl.Series(name, values, pl.Boolean)
    return pl.Series(name, [None if value is None else float(value) for value in values], pl.Float64)


def _wrong(what: str, at: int, name: str) -> Invalid:
    return Invalid(f"Row {at}, column '{name}': {what}.", row=at, column=name)


# ------------------------------------------------------------------- both
def _within(limits: Limits, rows: int, columns: int) -> None:
    if rows > limits.rows:
        raise TooLarge(f"There are more than the {limits.rows:,} rows this node takes.", limit=limits.rows)
    if columns > limits.columns:
        raise TooLarge(
            f"There are {columns:,} columns; this node takes {limits.columns:,}.", limit=limits.columns
        )


def _refuse_twins(names: list[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise Invalid(f"Two columns are called '{twins[0]}'.", column=twins[0])
