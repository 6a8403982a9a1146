"""Data owners: who they are, and where their rows lie, on this node or at a store.

Nothing here gives rows back. Only the process that trains a job is told the path of the file.
"""

import difflib
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from feria.clock import Clock
from feria.errors import Conflict, Invalid, NotFound, TooLarge, Unavailable
from feria.federation.engine import Participant
from feria.federation.invitation import Redemption
from feria.federation.jobs_wire import Client, StoreState
from feria.federation.tables import ClientRow
from feria.registry.wire import Column
from feria.settings import LearningSettings
from feria.storage.database import Database
from feria.tasks.files import TaskFiles
from feria.tasks.processes import Processes

NAMED = 5
"""Clients that a sentence names at most."""
INSPECTION_SECONDS = 120.0
OFF = "That needs FERIA_SUPERLINK__ENABLED=true, and a node that runs."
"""What helps where no stores come in."""

_SCHEMA = msgspec.json.Decoder(list[tuple[str, str]])


@dataclass(frozen=True, slots=True)
class Presence:
    status: StoreState
    last_seen: datetime | None


class Stores(Protocol):
    """Where clients come in whose rows are not here."""

    async def presence(self) -> Mapping[str, Presence]:
        """How each store is, by node id; nobody where that cannot be said now."""
        ...

    async def shut_out(self, node_id: str) -> None:
        """It never comes in again with the key it has. Once more does no harm. Raises `Unavailable`."""
        ...


class Clients:
    """`folder` is kept between runs; each file in it holds the rows of one client."""

    def __init__(
        self,
        database: Database,
        processes: Processes,
        limits: LearningSettings,
        clock: Clock,
        folder: Path,
        stores: Stores | None = None,
    ) -> None:
        self._database = database
        self._processes = processes
        self._limits = limits
        self._clock = clock
        self._stores = stores
        self._files = TaskFiles(folder)
        self.folder = folder
        """What is put in here on its way to `register` is gone at the next start."""

    async def open(self) -> None:
        """Removes the files that a node left behind which was killed before their row was there."""
        await self._files.open()
        async with self._database.transaction(read_only=True) as session:
            known = set(await session.scalars(select(ClientRow.id)))
        await self._files.remove_all_but(known)

    async def register(
        self, name: str, dataset: str, rows: Path, *, owner: str, host: str, port: int
    ) -> Client:
        """Take in a client with its rows, a CSV or Parquet file; durable on return. The file becomes ours:
        it may be removed, and must not be written to.

        Raises `Invalid`, naming line or column, for a file that is no table, `TooLarge`, `DiskFull`, and
        `Conflict` where its owner has a client of that name.
        """
        limits = {"rows": self._limits.max_rows, "columns": self._limits.max_columns}
        seen = await self._processes.run(_look, str(rows), limits, seconds=INSPECTION_SECONDS)
        columns = msgspec.json.encode(seen["columns"])
        row = ClientRow(
            id=secrets.token_hex(16),
            node_id=None,
            owner=owner,
            name=name,
            dataset=dataset,
            columns=columns,
            rows=seen["rows"],
            schema_digest=_digest(columns),
            host=host,
            port=port,
            created_at=self._clock.now(),
        )
        await self._files.keep(rows, row.id)
        try:
            async with self._database.transaction() as session:
                session.add(row)
        except IntegrityError:
            self._files.remove(row.id)
            raise Conflict(f"You have a client '{name}'; remove it first.") from None
        return _client(row, {})

    def check(self, told: Redemption) -> None:
        """Raises `Invalid` for what a store cannot have seen in its rows, and `TooLarge`."""
        names = [column.name for column in told.columns]
        if len(names) > self._limits.max_columns:
            raise TooLarge(f"The store has {len(names):,} columns; {self._limits.max_columns:,} are taken.")
        if len(set(names)) < len(names):
            raise Invalid("Two of the store's columns have one name.")
        try:
            digest = _digest(_columns(told))
        except UnicodeEncodeError:
            raise Invalid("Half a character (a lone surrogate) in a column's name is no text.") from None
        if digest != told.schema_digest:
            raise Invalid("The store's schema_digest is not that of its columns.")

    async def take_in(
        self, id: str, name: str, node_id: str, told: Redemption, *, owner: str, host: str, port: int
    ) -> None:
        """A store, by what it tells, which was checked. Raises `IntegrityError` where its owner has a client
        of that name, or there is one of that id."""
        columns = _columns(told)
        row = ClientRow(
            id=id,
            node_id=node_id,
            owner=owner,
            name=name,
            dataset=told.dataset,
            columns=columns,
            rows=told.rows,
            schema_digest=_digest(columns),
            host=host,
            port=port,
            created_at=self._clock.now(),
        )
        async with self._database.transaction() as session:
            session.add(row)

    async def clients(self, owner: str | None = None) -> list[Client]:
        """Those of one owner, or of all, by name."""
        return await self._described(await self._rows(owner))

    async def has(self, owner: str, name: str) -> bool:
        named = select(ClientRow.id).where(ClientRow.owner == owner, ClientRow.name == name)
        async with self._database.transaction(read_only=True) as session:
            return await session.scalar(named) is not None

    async def find(self, owner: str, name: str) -> Client:
        """Raises `NotFound`, naming those of a similar name."""
        (found,) = await self.choose(owner, [name])
        return found

    async def choose(self, owner: str, names: Sequence[str]) -> list[Client]:
        """Those of that owner by these names, in the order of the names; all when there are none.

        Raises `NotFound` for who is not there, and `Invalid` for one who is named twice, or nobody at all.
        """
        return await self._described(await self._chosen(owner, names))

    async def participants(self, owner: str, names: Sequence[str]) -> tuple[Participant, ...]:
        """With the paths of their rows, where these are here. Raises as `choose` does."""
        return tuple(
            Participant(
                row.name, self._files.path(row.id) if row.node_id is None else None, row.rows, row.node_id
            )
            for row in await self._chosen(owner, sorted(names))
        )

    async def remove(self, owner: str, name: str) -> None:
        """The client and its rows; a store is shut out for good. Raises `NotFound`, and `Unavailable` where
        the SuperLink cannot be told now: then nothing has changed."""
        (row,) = await self._chosen(owner, [name])
        await self._remove([row])

    async def export(self, subject: str) -> list[dict[str, Any]]:
        return [client.model_dump(mode="json") for client in await self.clients(subject)]

    async def erase(self, subject: str) -> int:
        rows = await self._rows(subject)
        await self._remove(rows)
        return len(rows)

    # ------------------------------------------------------------------- inside
    async def _rows(self, owner: str | None) -> list[ClientRow]:
        query = select(ClientRow).order_by(ClientRow.name, ClientRow.owner)
        if owner is not None:
            query = query.where(ClientRow.owner == owner)
        async with self._database.transaction(read_only=True) as session:
            return list(await session.scalars(query))

    async def _chosen(self, owner: str, names: Sequence[str]) -> list[ClientRow]:
        rows = {row.name: row for row in await self._rows(owner)}
        if not rows and not names:
            raise Invalid("You have no clients yet; register each with its rows.")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Invalid(f"The client '{twice}' is named twice.")
        if lacking := [name for name in names if name not in rows]:
            raise NotFound(_lacking(lacking, rows))
        return [rows[name] for name in names or rows]

    async def _described(self, rows: Sequence[ClientRow]) -> list[Client]:
        there: Mapping[str, Presence] = {}
        if self._stores is not None and any(row.node_id is not None for row in rows):
            there = await self._stores.presence()
        return [_client(row, there) for row in rows]

    async def _remove(self, rows: Iterable[ClientRow]) -> None:
        """Stores last: to shut one out may fail."""
        for row in sorted(rows, key=lambda row: row.node_id is not None):
            if row.node_id is not None:
                if self._stores is None:
                    raise Unavailable(f"'{row.name}' is a store, and is shut out where stores come in. {OFF}")
                await self._stores.shut_out(row.node_id)
            async with self._database.transaction() as session:
                await session.execute(delete(ClientRow).where(ClientRow.id == row.id))
            self._files.remove(row.id)


def _lacking(names: Sequence[str], there: Iterable[str]) -> str:
    known = list(there)
    said = [f"You have no client '{name}'{_perhaps(name, known)}." for name in names[:NAMED]]
    more = f" And {len(names) - NAMED} more." if len(names) > NAMED else ""
    return " ".join(said) + more


def _perhaps(name: str, known: Sequence[str]) -> str:
    """The nearest names, should it be a slip."""
    by_folded = {one.casefold(): one for one in known}
    near = [by_folded[one] for one in difflib.get_close_matches(name.casefold(), by_folded, n=2)]
    return "; perhaps you mean " + " or ".join(f"'{one}'" for one in near) if near else ""


def _columns(told: Redemption) -> bytes:
    return msgspec.json.encode([(column.name, column.kind) for column in told.columns])


def _digest(columns: bytes) -> str:
    return hashlib.sha256(columns).hexdigest()


UNKNOWN = Presence("unknown", None)


def _client(row: ClientRow, there: Mapping[str, Presence]) -> Client:
    store = None if row.node_id is None else there.get(row.node_id, UNKNOWN)
    return Client(
        name=row.name,
        dataset=row.dataset,
        columns=tuple(
            Column.model_validate({"name": name, "kind": kind}) for name, kind in _SCHEMA.decode(row.columns)
        ),
        rows=row.rows,
        schema_digest=row.schema_digest,
        host=row.host,
        port=row.port,
        owner=row.owner,
        created_at=row.created_at,
        where="here" if store is None else "store",
        node_id=row.node_id,
        status=None if store is None else store.status,
        last_seen=None if store is None else store.last_seen,
    )


def _look(rows: str, limits: dict[str, int], report: Any) -> dict[str, Any]:
    """In a process of its own, for the file comes from elsewhere: how many rows, and the columns of them."""
    from feria.learning.sources import Limits, read_file

    frame = read_file(Path(rows), Limits(**limits)).frame
    kinds = ["number" if one.dtype.is_numeric() else "text" for one in frame]
    return {"rows": frame.height, "columns": list(zip(frame.columns, kinds, strict=True))}
