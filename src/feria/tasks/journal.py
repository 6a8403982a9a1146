"""Tasks written down in the database, many with one commit."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from feria.errors import Conflict
from feria.storage.database import Database
from feria.storage.group_commit import GroupCommit, open_group_commit
from feria.tasks.tables import TaskRow
from feria.tasks.wire import TaskState

COMMIT_ROWS = 500

FINAL = [state.value for state in TaskState if state.final]
CHANGING = ("state", "attempts", "started_at", "finished_at", "expires_at", "result", "error")

_INSERT = insert(TaskRow.__table__)  # type: ignore[arg-type]
_UPDATE = (
    update(TaskRow.__table__)  # type: ignore[arg-type]
    .where(TaskRow.id == bindparam("of"), *(TaskRow.state != state for state in FINAL))
    .values({name: bindparam(name) for name in CHANGING})
)
"""Absolute values and a guard: to apply it twice is to apply it once, and an end never changes."""
_UPDATE_OWN = _UPDATE.where(TaskRow.node == bindparam("me"))

Values = dict[str, Any]
"""A row of the table by column."""


class _Change(NamedTuple):
    values: Values
    new: bool


class TakenOver(Exception):
    """The task is another node's by now, or somebody there has ended it."""


class Journal:
    def __init__(self, database: Database, changes: GroupCommit[_Change, bool], node: str | None) -> None:
        self._database = database
        self._changes = changes
        self._node = node

    def owns(self, values: Values) -> bool:
        """Whether a task is this node's, and not that of another on the same database."""
        return self._node is None or values["node"] == self._node

    async def add(self, values: Values) -> None:
        """A new task; durable on return.

        Raises `Conflict` when its owner has used the idempotency key before, `Unavailable`, `DiskFull`.
        """
        await self._changes.write(_Change(values | {"node": self._node}, new=True))

    async def change(self, values: Values) -> None:
        """The state of a task that has not ended; durable on return. Tried until the database takes it.

        Raises `Unavailable` only when the journal closes before that, and `TakenOver`.
        """
        if not await self._changes.write(_Change(dict(values), new=False), insists=True):
            raise TakenOver

    async def change_anyones(self, values: Values) -> None:
        """The same for a task of whichever node, if it has not ended."""
        new = {name: values[name] for name in CHANGING}
        async with self._database.transaction() as session:
            await session.execute(
                update(TaskRow).where(TaskRow.id == values["id"], TaskRow.state.not_in(FINAL)).values(new)
            )

    async def claim(self) -> None:
        """Take what was written down before nodes shared databases."""
        if self._node is not None:
            async with self._database.transaction() as session:
                await session.execute(
                    update(TaskRow)
                    .where(TaskRow.node.is_(None), TaskRow.state.not_in(FINAL))
                    .values(node=self._node)
                )

    async def find(self, task_id: str) -> Values | None:
        return await self._one(TaskRow.id == task_id)

    async def find_key(self, owner: str, key: str) -> Values | None:
        return await self._one(TaskRow.owner == owner, TaskRow.idempotency_key == key)

    async def unfinished(self) -> Sequence[Values]:
        """This node's, in the order of submission."""
        query = select(TaskRow.__table__).where(TaskRow.state.not_in(FINAL)).order_by(TaskRow.id)
        if self._node is not None:
            query = query.where(TaskRow.node == self._node)
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


MakeJournal = Callable[[Database, GroupCommit[_Change, bool]], Journal]


async def _commit(database: Database, node: str | None, changes: Sequence[_Change]) -> list[bool]:
    """Whether each was still ours to write."""
    new = [change.values for change in changes if change.new]
    changed = [
        {name: change.values[name] for name in CHANGING} | {"of": change.values["id"]}
        for change in changes
        if not change.new
    ]

    def write(connection: Connection) -> dict[str, str]:
        if new:
            connection.execute(_INSERT, new)
        if not changed:
            return {}
        if node is None:
            connection.execute(_UPDATE, changed)
            return {}
        connection.execute(_UPDATE_OWN, [change | {"me": node} for change in changed])
        ours = select(TaskRow.id, TaskRow.state).where(
            TaskRow.node == node, TaskRow.id.in_([change["of"] for change in changed])
        )
        return {row.id: row.state for row in connection.execute(ours)}

    try:
        found = await database.write(write)
    except IntegrityError:
        raise Conflict("This idempotency key was used before.") from None
    if node is None:
        return [True] * len(changes)
    return [change.new or found.get(change.values["id"]) == change.values["state"] for change in changes]


@contextlib.asynccontextmanager
async def open_journal(
    database: Database, node: str | None = None, make: MakeJournal | None = None
) -> AsyncGenerator[Journal]:
    """`node` is who writes, where several share the database; `make` another form of it."""
    async with open_group_commit(partial(_commit, database, node), COMMIT_ROWS) as changes:
        yield Journal(database, changes, node) if make is None else make(database, changes)
