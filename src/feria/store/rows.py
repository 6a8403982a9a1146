"""A store's rows, from where they lie: a file, or a query to a database.

Errors are for the people of the store. They may quote a cell, so none of them is ever sent to the hub.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from feria.errors import Invalid
from feria.learning.sources import Limits, Table, read_file
from feria.registry.wire import Column
from feria.store import query

_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?![/:$])(.+)", re.DOTALL)


def _wherever_it_runs(url: str) -> str:
    """A file of SQLite is named from the folder one joins in; a service runs in another."""
    found = _SQLITE.fullmatch(url)
    return f"{found[1]}{Path(found[2]).absolute()}" if found else url


class FileSource(BaseModel):
    """CSV, gzipped or not, or Parquet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Annotated[Path, AfterValidator(Path.absolute)]


class QuerySource(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, AfterValidator(_wherever_it_runs)] = Field(
        repr=False,
        description="SQLAlchemy's; `${NAME}` in it is taken from the environment each time it is used.",
    )
    query: str = Field(description="One SELECT.")


Source = FileSource | QuerySource


def source_of(data: str, statement: str | None = None) -> Source:
    """From what one writes on a command line. Raises `Invalid`."""
    is_url = "://" in data or query.VARIABLE.fullmatch(data) is not None
    if is_url and statement:
        return QuerySource(url=data, query=statement)
    if is_url:
        raise Invalid("Rows from a database need a query, such as SELECT * FROM patients.")
    if statement:
        raise Invalid("A query needs the URL of a database, such as postgresql://user:${PASSWORD}@host/name.")
    return FileSource(file=Path(data))


def read(source: Source, limits: Limits) -> Table:
    """Raises `Invalid`, naming line, row (from 1) or column, `TooLarge`, and `Unavailable` where the database
    cannot be reached. No error says a password."""
    if isinstance(source, QuerySource):
        return query.fetch(source.url, source.query, limits)
    try:
        return read_file(source.file, limits)
    except OSError as error:
        raise Invalid(f"Cannot read {source.file}: {error.strerror}.") from None


@dataclass(frozen=True, slots=True)
class Schema:
    """All that is told of rows when a store joins."""

    columns: tuple[Column, ...]
    rows: int
    digest: str
    """As the hub has it for rows that lie there: sha256 of names and kinds."""


def schema_of(table: Table) -> Schema:
    kinds = ["number" if one.dtype.is_numeric() else "text" for one in table.frame]
    named = list(zip(table.frame.columns, kinds, strict=True))
    return Schema(
        tuple(Column.model_validate({"name": name, "kind": kind}) for name, kind in named),
        table.frame.height,
        hashlib.sha256(msgspec.json.encode(named)).hexdigest(),
    )
