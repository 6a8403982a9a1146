"""Tasks written down in the database, many with one commit.

A commit costs the same for one row as for a hundred, so whoever writes while another commit is under way
goes with the next one (group commit: DeWitt et al., "Implementation techniques for main memory database
systems", SIGMOD 1984).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from feria.errors import Busy, Conflict, Corrupt, Unavailable
from feria.storage.database import Database
from feria.tasks.tables import TaskRow
from feria.tasks.wire import TaskState

log = logging.getLogger(__name__)

COMMIT_ROWS = 500
COMMIT_SECONDS = 10.0
"""After which a database that says nothing is held to be away."""
RETRY_SECONDS = 0.25

FINAL = [state.value for state in TaskState if state.final]
CHANGING = ("state", "attempts", "started_at", "finished_at", "expires_at", "result", "error")

_INSERT = insert(TaskRow.__table__)  # type: ignore[arg-type]
_UPDATE = (
    update(TaskRow.__table__)  # type: ignore[arg-type]
    .where(TaskRow.id == bindparam("of"), *(TaskRow.state != state for state in FINAL))
    .values({name: bindparam(name) for name in CHANGING})
)
"""Absolute values and a guard: to apply it twice is to apply it once, and an end never changes."""

Values = dict[str, Any]
"""A row of the table by column."""


@dataclass(slots=True, eq=False)
class _Change:
    values: Values
    new: bool
    kept: bool
    durable: asyncio.Future[None]


class Journal:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: list[_Change] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._closed = False

    async def add(self, values: Values) -> None:
        """A new task; durable on return.

        Raises `Conflict` when its owner has used the idempotency key before, `Unavailable`, `DiskFull`.
        """
        await self._write(values, new=True, kept=False)

    async def change(self, values: Values) -> None:
        """The state of a task that has not ended; durable on return. Tried until the database takes it.

        Raises `Unavailable` only when the journal closes before that.
        """
        await self._write(values, new=False, kept=True)

    async def _write(self, values: Values, *, new: bool, kept: bool) -> None:
        if self._closed:
            raise Unavailable("The journal of tasks is closed.")
        durable = asyncio.get_running_loop().create_future()
        self._pending.append(_Change(dict(values), new, kept, durable))
        self._wake.set()
        await durable

    async def find(self, task_id: str) -> Values | None:
        return await self._one(TaskRow.id == task_id)

    async def find_key(self, owner: str, key: str) -> Values | None:
        return await self._one(TaskRow.owner == owner, TaskRow.idempotency_key == key)

    async def unfinished(self) -> Sequence[Values]:
        """In the order of submission."""
        query = select(TaskRow.__table__).where(TaskRow.state.not_in(FINAL)).order_by(TaskRow.id)
        return await self._all(query)

    async def newest(
        self,
        *,
        owner: str | None,
        state: TaskState | None,
        kind: str | None,
        before: str | None,
        limit: int,
    ) -> Sequence[Values]:
        """Without payloads and results."""
        columns = [column for column in TaskRow.__table__.columns if column.name not in {"payload", "result"}]
        query = select(*columns).order_by(TaskRow.id.desc()).limit(limit)
        if owner is not None:
            query = query.where(TaskRow.owner == owner)
        if state is not None:
            query = query.where(TaskRow.state == state.value)
        if kind is not None:
            query = query.where(TaskRow.kind == kind)
        if before is not None:
            query = query.where(TaskRow.id < before)
        return await self._all(query)

    async def of_owner(self, owner: str) -> Sequence[Values]:
        return await self._all(select(TaskRow.__table__).where(TaskRow.owner == owner).order_by(TaskRow.id))

    async def unfinished_of(self, owner: str) -> Sequence[str]:
        query = select(TaskRow.id).where(TaskRow.owner == owner, TaskRow.state.not_in(FINAL))
        return [row["id"] for row in await self._all(query)]

    async def delete(self, task_id: str) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(TaskRow).where(TaskRow.id == task_id))

    async def delete_of(self, owner: str) -> int:
        async with self._database.transaction() as session:
            deleted = await session.execute(delete(TaskRow).where(TaskRow.owner == owner))
            return int(deleted.rowcount)  # type: ignore[attr-defined]

    async def delete_expired(self, now: datetime) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(TaskRow).where(TaskRow.expires_at < now))

    async def _one(self, *conditions: Any) -> Values | None:
        found = await self._all(select(TaskRow.__table__).where(*conditions))
        return found[0] if found else None

    async def _all(self, query: Any) -> list[Values]:
        async with self._database.transaction(read_only=True) as session:
            return [dict(row) for row in (await session.execute(query)).mappings()]

    # ------------------------------------------------------------------- the writer
    async def write(self) -> None:
        """Commit what comes, until `close`; run by `open_journal`."""
        away = False
        while True:
            await self._wake.wait()
            batch, self._pending = self._pending[:COMMIT_ROWS], self._pending[COMMIT_ROWS:]
            if not batch:
                if self._closing:
                    self._closed = True
                    return
                self._wake.clear()
                continue
            error = await self._try(batch)
            if error is None:
                away = False
                continue
            kept = self._fail(batch, error)
            if kept:
                if not away:
                    log.error("The journal of tasks cannot be written, and is tried again: %s", error)
                away = True
                self._pending[:0] = kept
                await asyncio.sleep(RETRY_SECONDS)

    async def _try(self, batch: list[_Change]) -> Exception | None:
        try:
            await self._commit(batch)
        except TimeoutError:
            return Unavailable("The database does not answer.")
        except (Busy, Unavailable) as error:
            return error
        except Exception as error:
            if len(batch) > 1:
                # One of them cannot be written; the others are not to suffer.
                for change in batch:
                    if (own := await self._try([change])) is not None:
                        self._pending[:0] = self._fail([change], own)
                return None
            if isinstance(error, IntegrityError):
                return Conflict("This idempotency key was used before.")
            return error
        for change in batch:
            if not change.durable.done():
                change.durable.set_result(None)
        return None

    async def _commit(self, batch: list[_Change]) -> None:
        new = [change.values for change in batch if change.new]
        changed = [
            {name: change.values[name] for name in CHANGING} | {"of": change.values["id"]}
            for change in batch
            if not change.new
        ]

        def write(connection: Connection) -> None:
            if new:
                connection.execute(_INSERT, new)
            if changed:
                connection.execute(_UPDATE, changed)

        async with asyncio.timeout(COMMIT_SECONDS):
            await self._database.write(write)

    def _fail(self, batch: list[_Change], error: Exception) -> list[_Change]:
        """Tell those who do not insist; return the others, to be tried again."""
        passing = isinstance(error, Busy | Unavailable) and not isinstance(error, Corrupt)
        kept = []
        for change in batch:
            if change.kept and passing and not self._closing:
                kept.append(change)
            elif not change.durable.done():
                change.durable.set_exception(error)
        return kept

    def close(self) -> None:
        """Write what is there, once, and then no more."""
        self._closing = True
        self._wake.set()


@contextlib.asynccontextmanager
async def open_journal(database: Database) -> AsyncGenerator[Journal]:
    journal = Journal(database)
    writing = asyncio.create_task(journal.write())
    try:
        yield journal
    finally:
        journal.close()
        await writing
