"""Rows of a shop's file, be it CSV, JSON or Parquet, whatever program wrote it.

Encoding and separator of a CSV are found out. A value is what the file has: text in CSV, numbers and lists
too in the others. Objects inside objects become columns with a dot in their names, as `title.es`.
"""

import codecs
import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feria.errors import Invalid

SEPARATORS = ",;\t|"
CSV_SUFFIXES, JSON_SUFFIXES = {".csv", ".tsv", ".txt"}, {".json", ".jsonl", ".ndjson"}
PIECE = 2**20
LARGEST_CELL = 2**20
"""Characters; what is longer is a quote that was never closed."""

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SheetRow:
    number: int
    """From 1, without the header."""
    values: Values
    fault: str = ""
    """Why the row cannot be read; then it has no values."""
    share: float = 0.0
    """Of the file that has been read with it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    """What was found out and may be wrong, in sentences."""
    rows: Callable[[], Iterator[SheetRow]]
    """From the first, each time it is called."""
    typed: bool
    """Whether numbers are told from texts."""


def open_sheet(path: Path, encoding: str | None = None, separator: str | None = None) -> Sheet:
    """Raises `Invalid` for a file that is none of the three, or has no columns or rows."""
    if not path.is_file():
        raise Invalid(f"There is no file {path}.")
    with _readable(path):
        with path.open("rb") as file:
            begins = file.read(PIECE)
        if begins[:4] == b"PAR1":
            return _parquet(path)
        if not begins.strip(b"\xef\xbb\xbf \t\r\n"):
            raise Invalid(f"{path} is empty.")
        suffix = path.suffix.lower()
        looks_so = begins.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"[", b"{"}
        if suffix in JSON_SUFFIXES or (looks_so and suffix not in CSV_SUFFIXES):
            return _json(path, encoding)
        return _csv(path, encoding, separator)


# ------------------------------------------------------------------- CSV
def _csv(path: Path, encoding: str | None, separator: str | None) -> Sheet:
    encoding, notes = _encoding(path, encoding)
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(LARGEST_CELL)
        named = first.lower().startswith("sep=")  # Excel's own way to say it
        header = file.readline(LARGEST_CELL) if named else first
    if separator is None:
        separator = first[4:5] if named and first[4:5] else max(SEPARATORS, key=_counting(header))
    if _counting(header)(separator) == 1:
        notes.append(f"{path.name} has a single column; if that is wrong, say --separator.")
    names = tuple(name.strip() for name in next(csv.reader([header], delimiter=separator), []))
    if not any(names):
        raise Invalid(f"{path} has no header: its first line must name the columns.")
    _refuse_twins(path, names)
    size = path.stat().st_size

    def rows() -> Iterator[SheetRow]:
        csv.field_size_limit(LARGEST_CELL)
        with _readable(path), path.open("rb") as raw:
            text = io.TextIOWrapper(raw, encoding=encoding, newline="")
            if named:
                text.readline()
            reader = csv.reader(text, delimiter=separator, strict=True)
            next(reader, None)
            number = 0
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                number += 1
                share = raw.tell() / size
                if len(cells) != len(names):
                    fault = f"it has {len(cells)} values, and the header names {len(names)} columns"
                    yield SheetRow(number, {}, fault, share)
                    continue
                values = {name: cell for name, cell in zip(names, cells, strict=True) if name}
                yield SheetRow(number, values, "", share)

    return Sheet(tuple(name for name in names if name), tuple(notes), rows, typed=False)


def _counting(header: str) -> Callable[[str], int]:
    def columns(separator: str) -> int:
        with contextlib.suppress(csv.Error):
            return len(next(csv.reader([header], delimiter=separator), []))
        return 0

    return columns


def _encoding(path: Path, said: str | None) -> tuple[str, list[str]]:
    """Unicode if it is that to the last byte, else what Windows calls ANSI in the west."""
    if said is not None:
        try:
            codecs.lookup(said)
        except LookupError:
            raise Invalid(f"No encoding is called {said!r}; try utf-8, cp1252 or utf-16.") from None
        _decodes(path, said, strict=True)
        return said, []
    with path.open("rb") as file:
        begins = file.read(4)
    if begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", []
    if _decodes(path, "utf-8-sig"):
        return "utf-8-sig", []
    found = "cp1252" if _decodes(path, "cp1252") else "latin-1"
    return found, [f"{path.name} is no UTF-8 and was read as {found}. If letters look wrong, say --encoding."]


def _decodes(path: Path, encoding: str, *, strict: bool = False) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while piece := file.read(PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            if strict:
                raise Invalid(f"{path} is not {encoding}: {error.reason}.") from None
            return False
    return True


# ------------------------------------------------------------------- JSON
def _json(path: Path, encoding: str | None) -> Sheet:
    """A list of objects, such a list under `products` or the like, or an object a line."""
    encoding, notes = _encoding(path, encoding)
    text = path.read_text(encoding=encoding)
    try:
        found = json.loads(text)
    except ValueError as whole:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise Invalid(f"{path} is not JSON: {whole}.") from None
    except RecursionError:
        raise Invalid(f"{path} is nested too deeply.") from None
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list) and value]
        found = lists[0] if len(lists) == 1 else [found]
    if not isinstance(found, list) or not found:
        raise Invalid(f"{path} holds no list of products.")
    records = [_flat(one) if isinstance(one, dict) else None for one in found]
    columns = tuple(dict.fromkeys(name for record in records for name in record or ()))

    def rows() -> Iterator[SheetRow]:
        for number, record in enumerate(records, 1):
            fault = "" if record is not None else "it is not an object"
            yield SheetRow(number, record or {}, fault, number / len(records))

    return Sheet(columns, tuple(notes), rows, typed=True)


def _flat(record: Mapping[str, Any], above: str = "") -> Values:
    flat: Values = {}
    for name, value in record.items():
        if isinstance(value, dict) and above.count(".") < 4:
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = value
    return flat


# ------------------------------------------------------------------- Parquet
def _parquet(path: Path) -> Sheet:
    import polars as pl

    table = pl.scan_parquet(path)
    columns = tuple(table.collect_schema().names())
    count = int(table.select(pl.len()).collect().item())
    if not count:
        raise Invalid(f"{path} has no rows.")

    def rows() -> Iterator[SheetRow]:
        number = 0
        with _readable(path):
            for piece in table.collect_batches(chunk_size=5000, maintain_order=True):
                for record in piece.iter_rows(named=True):
                    number += 1
                    yield SheetRow(number, _flat(record), "", number / count)

    structs = _flat_names(table.collect_schema())
    return Sheet(structs or columns, (), rows, typed=True)


def _flat_names(schema: Mapping[str, Any]) -> tuple[str, ...]:
    import polars as pl

    def names(name: str, kind: Any) -> Iterator[str]:
        if isinstance(kind, pl.Struct):
            for field in kind.fields:
                yield from names(f"{name}.{field.name}", field.dtype)
        else:
            yield name

    return tuple(one for name, kind in schema.items() for one in names(name, kind))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise Invalid(f"{path} is not CSV: {error}.") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeError as error:
        raise Invalid(f"{path} is not text in one encoding: {error}.") from None
    except Exception as error:
        if type(error).__module__.startswith("polars"):
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise Invalid(f"{path} cannot be read as Parquet: {reason}.") from None
        raise


def _refuse_twins(path: Path, names: tuple[str, ...]) -> None:
    twins = sorted({name for name in names if name and names.count(name) > 1})
    if twins:
        raise Invalid(f"{path} has two columns called '{twins[0]}'.", column=twins[0])
