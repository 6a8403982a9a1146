"""Rows in SQLite, `kv.db`: write-ahead logged, synchronised when asked to, written by one connection."""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path

from feria.cluster.disk import FORGOTTEN, LOSERS
from feria.cluster.rows import RESERVED, Row
from feria.errors import Busy, Conflict, Corrupt, DiskFull, Unavailable

FILE = "kv.db"
LOCK = "kv.lock"
SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE rows (
    key TEXT PRIMARY KEY, value BLOB, version INTEGER NOT NULL, hlc INTEGER NOT NULL,
    origin INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL
);
CREATE INDEX rows_by_dot ON rows (origin, seq);
CREATE INDEX rows_by_place ON rows (place);
CREATE INDEX tombstones_by_dot ON rows (origin, seq) WHERE value IS NULL;
CREATE TABLE losers (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB, version INTEGER NOT NULL, hlc INTEGER NOT NULL,
    origin INTEGER NOT NULL, seq INTEGER NOT NULL, UNIQUE (key, origin, seq)
);
CREATE TABLE vector (origin INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE collected (origin INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE floors (slot INTEGER PRIMARY KEY, version INTEGER NOT NULL);
CREATE TABLE notes (name TEXT PRIMARY KEY, content BLOB NOT NULL);
"""
_ROW = "key, value, version, hlc, origin, seq"
_KEEP = f"""
INSERT INTO rows ({_ROW}, place) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
    value = excluded.value, version = excluded.version, hlc = excluded.hlc,
    origin = excluded.origin, seq = excluded.seq, place = excluded.place
"""  # noqa: S608
_ROW_OF = f"SELECT {_ROW} FROM rows WHERE key = ?"  # noqa: S608
_PLACE = "place"
"""The note of the highest place given; rows go, places do not come back."""
_NOT_OURS = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has the second alone
_WAY_OUT = "`feria doctor` says more. Where other members are alive, move it away: the node fetches all anew."


class SqliteDisk:
    """What `Disk` promises, over one connection. Two of them may look at one file, one of them writing."""

    def __init__(self, connection: sqlite3.Connection, log: Path | None = None) -> None:
        """`log` is the file that commits are appended to; without one there is nothing to be made durable."""
        self._connection = connection
        self._place: int | None = None
        self._log = log
        self._log_handle: int | None = None
        self.is_synced = True

    def close(self) -> None:
        self._connection.close()
        if self._log_handle is not None:
            os.close(self._log_handle)

    # -------------------------------------------------------------------------------- rows
    def row(self, key: str) -> Row | None:
        found = self._read(_ROW_OF, key)
        return Row(*found[0]) if found else None

    def keep(self, row: Row, place: int) -> None:
        self._write(_KEEP, (row.key, row.value, row.version, row.hlc, row.origin, row.seq, place))
        self._place = max(place, self.last_place())

    def drop(self, key: str) -> None:
        self._write("DELETE FROM rows WHERE key = ?", (key,))
        self._write("DELETE FROM losers WHERE key = ?", (key,))

    def beyond(self, origin: int, seq: int, count: int) -> Sequence[Row]:
        return self._rows("WHERE origin = ? AND seq > ? ORDER BY seq LIMIT ?", origin, seq, count)

    def between(self, after: str, upto: str | None, count: int) -> Sequence[Row]:
        if upto is None:
            return self._rows("WHERE key > ? ORDER BY key LIMIT ?", after, count)
        return self._rows("WHERE key > ? AND key <= ? ORDER BY key LIMIT ?", after, upto, count)

    def tombstones(self, origin: int, upto: int, count: int) -> Sequence[tuple[int, Row]]:
        where = "value IS NULL AND origin = ? AND seq <= ? ORDER BY seq LIMIT ?"
        return self._placed(where, origin, upto, count)

    def changed(self, since: int, count: int) -> Sequence[tuple[int, Row]]:
        return self._placed("place > ? ORDER BY place LIMIT ?", since, count)

    def last_place(self) -> int:
        if self._place is None:
            self._place = int.from_bytes(self.note(_PLACE) or b"")
        return self._place

    def live(self, prefix: str, after: str, count: int) -> list[tuple[int, Row]]:
        """Rows of callers that are no tombstones, each with its place, in key order, at most so many."""
        begin = prefix or chr(ord(RESERVED) + 1)
        where, bounds = "key >= ? AND key > ?", [begin, after]
        if prefix and (end := first_beyond(prefix)) is not None:
            where, bounds = f"{where} AND key < ?", [*bounds, end]
        return self._placed(f"{where} AND value IS NOT NULL ORDER BY key LIMIT ?", *bounds, count)

    def placed(self, key: str) -> tuple[int, Row] | None:
        """A key's row and its place."""
        return next(iter(self._placed("key = ?", key)), None)

    def forgotten(self) -> int:
        """See `Replica.forgotten`."""
        return int.from_bytes(self.note(FORGOTTEN) or b"")

    def counts(self) -> tuple[int, int]:
        ((values,),) = self._read("SELECT count(value) FROM rows WHERE key > ?", chr(ord(RESERVED) + 1))
        ((tombstones,),) = self._read("SELECT count(*) FROM rows WHERE value IS NULL")
        return values, tombstones

    # -------------------------------------------------------------------------------- losers
    def lose(self, row: Row) -> None:
        self._write(
            f"INSERT OR IGNORE INTO losers ({_ROW}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608
            (row.key, row.value, row.version, row.hlc, row.origin, row.seq),
        )
        self._write(
            "DELETE FROM losers WHERE key = ?1 AND number NOT IN"
            " (SELECT number FROM losers WHERE key = ?1 ORDER BY number DESC LIMIT ?2)",
            (row.key, LOSERS),
        )

    def losers(self, key: str) -> Sequence[Row]:
        found = self._read(f"SELECT {_ROW} FROM losers WHERE key = ? ORDER BY number DESC", key)  # noqa: S608
        return [Row(*row) for row in found]

    # -------------------------------------------------------------------------------- what is known of them
    def vector(self) -> Mapping[int, int]:
        return dict(self._read("SELECT origin, seq FROM vector ORDER BY rowid"))

    def advance(self, entries: Mapping[int, int]) -> None:
        self._write_all("INSERT OR REPLACE INTO vector VALUES (?, ?)", entries.items())
        if 0 in entries.values():
            self._write("DELETE FROM vector WHERE seq = 0", ())

    def collected(self) -> Mapping[int, int]:
        return dict(self._read("SELECT origin, seq FROM collected"))

    def collect(self, entries: Mapping[int, int]) -> None:
        self._write_all("INSERT OR REPLACE INTO collected VALUES (?, ?)", entries.items())

    def floors(self) -> Mapping[int, int]:
        return dict(self._read("SELECT slot, version FROM floors"))

    def raise_floors(self, floors: Mapping[int, int]) -> None:
        self._write_all("INSERT OR REPLACE INTO floors VALUES (?, ?)", floors.items())

    def note(self, name: str) -> bytes | None:
        for (content,) in self._read("SELECT content FROM notes WHERE name = ?", name):
            return bytes(content)
        return None

    def take_note(self, name: str, content: bytes | None) -> None:
        if content is None:
            self._write("DELETE FROM notes WHERE name = ?", (name,))
        else:
            self._write("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, content))

    # -------------------------------------------------------------------------------- transactions
    def commit(self) -> None:
        if not self._connection.in_transaction:
            return
        if self._place is not None:
            self.take_note(_PLACE, self._place.to_bytes(8))
        with _spoken():
            self._connection.execute("COMMIT")
        self.is_synced = self._log is None

    def sync(self) -> None:
        if self._log is None or self.is_synced:
            return
        try:
            if self._log_handle is None:  # the log is one file from the first commit to the last close
                self._log_handle = os.open(self._log, os.O_RDONLY)
            _sync(self._log_handle)
        except OSError as error:
            raise Unavailable(f"{self._log} could not be made durable: {error.strerror}.") from error
        self.is_synced = True

    def rollback(self) -> None:
        self._place = None
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise _said(error) from error

    def _write_all(self, statement: str, values: Iterable[tuple[int, int]]) -> None:
        for value in values:
            self._write(statement, value)

    def _read(self, statement: str, *values: object) -> Sequence[tuple]:  # type: ignore[type-arg]
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise _said(error) from error

    def _placed(self, where: str, *values: object) -> list[tuple[int, Row]]:
        found = self._read(f"SELECT {_ROW}, place FROM rows WHERE {where}", *values)  # noqa: S608
        return [(place, Row(*row)) for *row, place in found]

    def _rows(self, where: str, *values: object) -> list[Row]:
        return [Row(*row) for row in self._read(f"SELECT {_ROW} FROM rows {where}", *values)]  # noqa: S608


def first_beyond(prefix: str) -> str | None:
    """The first key that is larger than all that begin so; None where there is none."""
    trimmed = prefix.rstrip("\U0010ffff")
    if not trimmed:
        return None
    following = ord(trimmed[-1]) + 1
    return trimmed[:-1] + chr(0xE000 if following == 0xD800 else following)


@contextlib.contextmanager
def locked(folder: Path) -> Generator[None]:
    """The folder, made if need be. Raises `Conflict` when another process has the rows in it open."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(f"Another node has {folder / FILE} open; each needs a home of its own.") from None
        yield
    finally:
        os.close(handle)


def open_disk(file: Path | None) -> SqliteDisk:
    """For the one who writes, who may be in another thread; None is a disk in memory.

    Raises `Corrupt` for a damaged file, `Unavailable` for one that cannot be used, `DiskFull`.
    """
    with _spoken(file):
        connection = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # commits are synchronised by `sync`
            connection.execute("PRAGMA cache_size = -32768")
            _check(connection, file)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            elif version > SCHEMA_VERSION:
                raise Unavailable(f"{file} was written by a newer feria; this one knows {SCHEMA_VERSION}.")
        except BaseException:
            connection.close()
            raise
    return SqliteDisk(connection, None if file is None else file.with_name(f"{file.name}-wal"))


def open_reading(file: Path) -> SqliteDisk:
    """For who only looks, while another connection writes."""
    with _spoken(file):
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA mmap_size = 268435456")
    return SqliteDisk(connection)


def _check(connection: sqlite3.Connection, file: Path | None) -> None:
    """Its structure, page by page; a million rows take a second or two."""
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise Corrupt(f"{file} is damaged: {said}. {_WAY_OUT}")


@contextlib.contextmanager
def _spoken(file: Path | None = None) -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _said(error, file) from error


def _said(error: sqlite3.Error, file: Path | None = None) -> Exception:
    """SQLite's error in our words; one that is a bug of ours as it is."""
    named = file or FILE
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return DiskFull(f"The disk with {named} is full.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Corrupt(f"{named} is damaged. {_WAY_OUT}")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Busy(f"{named} is in use by another process.")
        case code if code in _NOT_OURS:
            return Unavailable(f"{named} cannot be read or written: {error}.")
    return error
