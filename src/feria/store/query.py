"""One query to a database, by SQLAlchemy's synchronous engines: a store reads its rows once and at rest.

The database is told that nothing is to be written, and no more rows are fetched than are taken.
"""

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from sqlalchemy import Connection, CursorResult, create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from feria.errors import Invalid, TooLarge, Unavailable
from feria.learning.sources import Limits, Table

CHUNK = 10_000
"""Rows that are fetched at once."""
DRIVERS = {
    "postgresql": ("postgresql+psycopg", "psycopg[binary]"),
    "postgres": ("postgresql+psycopg", "psycopg[binary]"),
    "mariadb": ("mariadb+pymysql", "pymysql"),
    "mysql": ("mysql+pymysql", "pymysql"),
}
"""Of a URL that names none, and the package it comes in."""
READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
}
Text = TypeVar("Text", str, str | None)
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_NUMBER, _TRUTH, _TEXT, _OTHER = "a number", "true or false", "a text", "something else"
_KINDS = {int: _NUMBER, float: _NUMBER, Decimal: _NUMBER, bool: _TRUTH, str: _TEXT}


def fetch(database: str, query: str, limits: Limits) -> Table:
    """`database` is a URL, `${NAME}` in it from the environment.

    Raises `Invalid`, naming row (from 1) or column, `TooLarge`, and `Unavailable`; none says a password.
    """
    statement = _reading(query)
    url = _expanded(database)
    engine = _engine(url)
    try:
        try:
            connection = engine.connect()
        except (DBAPIError, OSError) as error:
            raise Unavailable(f"The database cannot be reached: {_said(error, url)}.") from None
        with connection:
            try:
                return _fetched(connection, statement, limits)
            except DBAPIError as error:
                raise Invalid(f"The database refuses the query: {_said(error, url)}.") from None
    finally:
        engine.dispose()


def _reading(query: str) -> str:
    """A guard against slips; the database is told as well that nothing is to be written."""
    bare = _QUOTED.sub(" ", query).strip().rstrip("; \n\t")
    first = bare.lstrip("( \n\t").split(None, 1)
    if not first or first[0].upper() not in {"SELECT", "WITH"}:
        raise Invalid("Rows are read with a SELECT, or WITH and a SELECT.")
    if ";" in bare:
        raise Invalid("Rows are read with one statement; there is a ';' in the middle of this one.")
    return query.strip().rstrip("; \n\t")


def _expanded(raw: str) -> URL:
    """Variables of the environment go into the parts of a URL, so that any character may be in a password;
    or one of them is the whole of it."""
    whole = VARIABLE.fullmatch(raw.strip())
    try:
        url = make_url(_environment(whole[1]) if whole else raw)
    except (ArgumentError, ValueError):
        raise Invalid("That is no URL of a database; one is like postgresql://user@host/name.") from None
    if not whole:
        url = url.set(
            username=_filled(url.username),
            password=_filled(url.password),
            host=_filled(url.host),
            database=_filled(url.database),
            query={name: _filled(v) if isinstance(v, str) else v for name, v in url.query.items()},
        )
    known, _ = DRIVERS.get(url.drivername, (url.drivername, ""))
    return url.set(drivername=known)


def _filled(part: Text) -> Text:
    return part and VARIABLE.sub(lambda found: _environment(found[1]), part)


def _environment(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise Invalid(
            f"The database's URL names ${{{name}}}; the environment has no such variable."
        ) from None


def _engine(url: URL) -> Engine:
    try:
        engine = create_engine(url)
    except NoSuchModuleError:
        raise Invalid(f"There is no database '{url.drivername}' that SQLAlchemy knows here.") from None
    except ImportError as error:
        packages = dict(DRIVERS.values())
        package = packages.get(url.drivername, error.name)
        raise Invalid(
            f"To read from {url.get_backend_name()} the package {package} is needed beside feria: "
            f"pip install '{package}'."
        ) from None
    if engine.dialect.is_async:
        raise Invalid(f"'{url.drivername}' is for asyncio; write '{url.get_backend_name()}' and no driver.")
    if engine.dialect.name == "sqlite" and not Path(url.database or "").is_file():
        raise Invalid(f"There is no file {url.database} to query.")
    return engine


def _said(error: Exception, url: URL) -> str:
    """The driver's first line, without the password should it be in it."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip() or type(error).__name__
    line = said.splitlines()[0].rstrip(".")
    for secret in (url.password, url.query.get("password"), url.query.get("passwd")):
        line = line.replace(str(secret), "***") if secret else line
    return line


def _fetched(connection: Connection, statement: str, limits: Limits) -> Table:
    if connection.dialect.name in READ_ONLY:
        connection.exec_driver_sql(READ_ONLY[connection.dialect.name])
    # Without parameters, so that % and : are only themselves; streamed, so that what is too much is not held.
    options = connection.execution_options(no_parameters=True, stream_results=True)
    with options.exec_driver_sql(statement) as result:
        names = list(result.keys()) if result.returns_rows else []
        _check(names, limits)
        columns = [_Column(name) for name in names]
        rows = 0
        for chunk in _chunks(result) if names else ():
            for column, values in zip(columns, zip(*chunk, strict=True), strict=True):
                column.take(values, rows + 1)
            rows += len(chunk)
            if rows > limits.rows:
                raise TooLarge(f"The query gives more than the {limits.rows:,} rows that are taken.")
    if not rows:
        raise Invalid("The query gives no rows.")
    read = [column for column in columns if column.kind != _OTHER]
    if not read:
        raise Invalid("No column of the query holds numbers, texts, or true and false.")
    notes = [
        f"Column '{column.name}' was left out: it holds what no model reads; CAST it to a number or a text."
        for column in columns
        if column.kind == _OTHER
    ]
    return Table(pl.DataFrame([column.series() for column in read]), 1, {"format": "sql"}, notes)


def _check(names: list[str], limits: Limits) -> None:
    if len(names) > limits.columns:
        raise TooLarge(f"The query gives {len(names):,} columns; {limits.columns:,} are taken.")
    for place, name in enumerate(names, 1):
        if not name:
            raise Invalid(f"Column {place} of the query has no name; give it one with AS.")
        if name in names[: place - 1]:
            raise Invalid(f"Two columns of the query are called '{name}'; name them with AS.", column=name)


def _chunks(result: CursorResult[Any]) -> Iterator[list[Any]]:
    while chunk := result.fetchmany(CHUNK):
        yield list(chunk)


class _Column:
    """What one column of a query holds is what its first value is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind: str | None = None
        self._pieces: list[pl.Series] = []

    def take(self, values: tuple[Any, ...], first: int) -> None:
        """`first` is the number of the first of these rows. Raises `Invalid`."""
        kinds = {_KINDS.get(kind, _OTHER) for kind in set(map(type, values)) - {type(None)}}
        if self.kind is None and kinds:
            self.kind = _kind(next(value for value in values if value is not None))
        if self.kind == _OTHER:
            self._pieces.clear()
            return
        if kinds - {self.kind}:
            at = next(n for n, value in enumerate(values) if value is not None and _kind(value) != self.kind)
            raise self._wrong(
                f"{values[at]!r:.60} is {_kind(values[at])}; before it stood {self.kind}", first + at
            )
        self._pieces.append(self._piece(values, first))

    def series(self) -> pl.Series:
        """One that is empty throughout counts as numbers, as in a CSV file."""
        kind = {_TEXT: pl.String, _TRUTH: pl.Boolean}.get(self.kind or "", pl.Float64)
        return pl.concat([piece.cast(kind) for piece in self._pieces]).alias(self.name)

    def _piece(self, values: tuple[Any, ...], first: int) -> pl.Series:
        if self.kind == _TRUTH:
            return pl.Series(values, dtype=pl.Boolean)
        if self.kind == _TEXT:
            try:
                return pl.Series(values, dtype=pl.String).replace("", None)
            except UnicodeEncodeError:
                raise self._wrong("half a character (a lone surrogate) is no text", first) from None
        numbers: list[float | None] = []
        try:
            numbers.extend(None if value is None else float(value) for value in values)
        except OverflowError:
            what = "that many digits are no number a model can take"
            raise self._wrong(what, first + len(numbers)) from None
        return pl.Series(numbers, dtype=pl.Float64).fill_nan(None)

    def _wrong(self, what: str, row: int) -> Invalid:
        return Invalid(f"Row {row}, column '{self.name}': {what}.", row=row, column=self.name)


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), _OTHER)
