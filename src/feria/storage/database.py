"""The database: SQLite in the home, or PostgreSQL or MariaDB by URL.

One request or task is one transaction. The edge opens it (`transaction()`), whatever runs inside joins
it by asking again, and it commits once, where it was opened. Who writes alone, and often, uses `write()`.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from feria.errors import Busy, Corrupt, DiskFull, Invalid, Unavailable
from feria.settings import StorageSettings

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "mariadb": "mariadb+asyncmy",
    "mysql": "mariadb+asyncmy",
}

NO_CHARACTER = "22021"
"""PostgreSQL keeps no NUL in text."""
AWAY = frozenset({"08", "40", "53", "57", "58"})
"""And what is no fault of the statement's: no connection, a deadlock, no resources, an operator who shuts
it down, a failing machine."""
STATEMENTS_OWN = frozenset({"0A", "21", "22", "42"})
"""What a statement fails of each time. MariaDB's driver calls most of it operational, and so does SQLite,
whose word for it is SQLITE_ERROR."""
CONNECTION_SECONDS = 5.0
"""How long a transaction waits for others to give a connection back."""
ANSWER_SECONDS = 10.0
"""The longest transaction with a server; a wire that went silent says so in no other way. SQLite has its
`busy_timeout`."""

AfterCommit = Callable[[], Awaitable[None]]
T = TypeVar("T")


@dataclass(slots=True)
class _Transaction:
    session: AsyncSession
    read_only: bool
    after_commit: list[AfterCommit] = field(default_factory=list)


class Database:
    def __init__(self, engine: AsyncEngine, writer: "_Writer | None" = None) -> None:
        self.engine = engine
        self._writer = writer
        self._seconds = None if engine.dialect.name == "sqlite" else ANSWER_SECONDS
        self._reading = engine.execution_options(feria_read_only=True)
        self._current: ContextVar[_Transaction | None] = ContextVar("transaction", default=None)

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @contextlib.asynccontextmanager
    async def transaction(
        self, *, read_only: bool = False, unhurried: bool = False
    ) -> AsyncGenerator[AsyncSession]:
        """Join the transaction around this call, or open one that commits at the end of the block.

        No connection is taken before the first statement. Raises `Unavailable` when the database
        cannot be reached or, unless `unhurried`, takes too long; `Busy` when all connections to it
        are in use, `DiskFull` when it cannot write, and `Invalid` for text it cannot hold.
        `IntegrityError` passes through, for the caller knows which conflict it means, and so does
        what no other time would mend, such as a table that is not there.
        """
        current = self._current.get()
        if current is not None:
            if current.read_only and not read_only:
                raise AssertionError("A read-only transaction cannot be written in.")
            yield current.session
            return
        bind = self._reading if read_only else self.engine
        async with AsyncSession(bind, expire_on_commit=False) as session:
            opened = _Transaction(session, read_only)
            token = self._current.set(opened)
            try:
                with _translated():
                    async with asyncio.timeout(None if unhurried else self._seconds):
                        yield session
                        await session.commit()
            finally:
                self._current.reset(token)
        for deed in opened.after_commit:
            await deed()

    async def write(self, step: Callable[[Connection], T]) -> T:
        """Return what `step` returned, once its statements are durable in a transaction of their own.

        `step` must wait for nothing but the database. With SQLite all of it is one change of thread, where
        `transaction()` takes several a statement. Raises as `transaction()` does.
        """
        if self._current.get() is not None:
            raise AssertionError("A transaction of its own cannot be opened inside another.")
        if self._writer is not None:
            with _translated():
                return await self._writer.run(step)
        async with self.transaction() as session:
            return await (await session.connection()).run_sync(step)

    async def after_commit(self, deed: AfterCommit) -> None:
        """Do `deed` once the current transaction is durable; never if it is rolled back."""
        current = self._current.get()
        if current is None:
            await deed()
        else:
            current.after_commit.append(deed)


class _Writer:
    """A thread with a connection to SQLite that is its own."""

    def __init__(self, url: URL) -> None:
        self._engine = _sqlite(create_engine(url.set(drivername="sqlite+pysqlite")))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")

    async def run(self, step: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, step)

    def _run(self, step: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return step(connection)

    def close(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()


@contextlib.contextmanager
def _translated() -> Any:
    try:
        yield
    except IntegrityError:
        raise
    except NoConnectionFree as error:
        raise Busy("All connections to the database are in use.") from error
    except DBAPIError as error:
        cause = str(error.orig)
        if "disk is full" in cause or "No space left" in cause:
            raise DiskFull("The database has no room left on its disk.") from error
        if "malformed" in cause or "not a database" in cause:
            raise Corrupt("The database file is damaged; restore it from a backup.") from error
        if _state(error) == NO_CHARACTER:
            raise Invalid("This database keeps no text with the character NUL in it.") from error
        if error.connection_invalidated or _is_about_the_connection(error):
            reason = cause[:200] or type(error.orig).__name__
            raise Unavailable(f"The database does not answer: {reason.rstrip('.')}.") from error
        raise
    except TimeoutError as error:
        raise Unavailable("The database does not answer.") from error
    except OSError as error:  # refused or reset before a driver could say it in its own words
        raise Unavailable(f"The database cannot be reached: {error}.") from error


def _is_about_the_connection(error: DBAPIError) -> bool:
    """Or about others who are connected; at another time the same statement would succeed."""
    if _state(error)[:2] in AWAY:
        return True
    if type(error).__name__ not in {"InterfaceError", "OperationalError"}:
        return False
    # Without a statement it was to connect or to commit.
    return error.statement is None or not _is_about_the_statement(error)


def _is_about_the_statement(error: DBAPIError) -> bool:
    detailed = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return detailed & 0xFF == sqlite3.SQLITE_ERROR or _state(error)[:2] in STATEMENTS_OWN


def _state(error: DBAPIError) -> str:
    """SQLSTATE, five characters (PostgreSQL's manual, appendix A); nothing from SQLite."""
    return getattr(error.orig, "sqlstate", None) or ""


@contextlib.asynccontextmanager
async def open_database(settings: StorageSettings, home: Path) -> AsyncGenerator[Database]:
    """The database the settings name. Connects on first use."""
    url = database_url(settings, home)
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, pool_timeout=CONNECTION_SECONDS)
        _sqlite(engine.sync_engine)
        writer = _Writer(url)
    else:
        writer = None
        # It passes the server's mere notes on as warnings, such as that MariaDB names primary keys itself.
        logging.getLogger("asyncmy").setLevel(logging.ERROR)
        engine = create_async_engine(
            url, pool_pre_ping=True, pool_recycle=1800, pool_timeout=CONNECTION_SECONDS
        )
        event.listen(engine.sync_engine, "do_connect", _connect)
    try:
        yield Database(engine, writer)
    finally:
        if writer is not None:
            writer.close()
        await engine.dispose()


def database_url(settings: StorageSettings, home: Path) -> URL:
    """The URL with the driver this project ships. Raises `Invalid` for one it does not know."""
    if settings.url is None:
        return URL.create(DRIVERS["sqlite"], database=str(home / "feria.db"))
    try:
        url = make_url(settings.url)
    except (ArgumentError, ValueError) as error:
        raise Invalid("FERIA_STORAGE__URL is no database URL.") from error
    driver = DRIVERS.get(url.get_backend_name())
    if driver is None:
        known = ", ".join(sorted(DRIVERS))
        raise Invalid(f"No database {url.get_backend_name()!r}; known are {known}.")
    url = url.set(drivername=driver)
    return url.update_query_dict({"charset": "utf8mb4"}) if "asyncmy" in driver else url


def _connect(dialect: Any, record: Any, arguments: Any, keywords: Any) -> Any:
    try:
        return dialect.connect(*arguments, **keywords)
    except RuntimeError as error:  # asyncmy's word for a server that hangs up at once
        raise ConnectionError(str(error)) from error


def _sqlite(engine: Engine) -> Engine:
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # what was acknowledged survives a power cut, not only a crash
        "foreign_keys = ON",
        "busy_timeout = 10000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once and waits its turn. Begun deferred, it would fail without waiting
    # when another has written between its first read and its first write.
    read_only = connection.get_execution_options().get("feria_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
