"""Nodes that share a database: each task is one node's, and those of a node that is gone become another's.

Each node says every few seconds that it lives, in a row of its own. What a silent node left is taken by the
first that looks, with one statement, so by one alone; a node that was only frozen finds at its next write
that the task is no longer its own (`Journal.change`), and says nothing of how it went. A task that brought a
file stays with the node on whose disk the file is.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import cast

from sqlalchemy import Connection, Table, insert, select, update

from feria.clock import Clock
from feria.errors import FeriaError
from feria.storage.database import Database
from feria.tasks.embedded import EmbeddedQueue
from feria.tasks.journal import FINAL
from feria.tasks.tables import TaskNodeRow, TaskRow
from feria.tasks.wire import TaskState

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two signs of life."""
SILENT_SECONDS = 60.0
"""Silence after which a node's tasks are taken. By the nodes' clocks: these must agree to some seconds."""

nodes = cast(Table, TaskNodeRow.__table__)
tasks = cast(Table, TaskRow.__table__)


class Sharing:
    """What node `name` does for the database to be shared. Belongs to its queue."""

    def __init__(self, database: Database, queue: EmbeddedQueue, name: str, clock: Clock) -> None:
        self._database = database
        self._queue = queue
        self._name = name
        self._clock = clock

    async def look(self) -> None:
        """Say that this node lives; take what silent ones left; stop what was called off elsewhere."""
        taken = await self._database.write(self._turn)
        if taken:
            log.warning("%d tasks of a node that is gone are done here now.", taken)
            await self._queue.take_over()
        called_off = await self._database.write(self._called_off)
        for task_id in called_off:
            await self._queue.stop(task_id)

    def _turn(self, connection: Connection) -> int:
        now = self._clock.now()
        mine = nodes.c.name == self._name
        if connection.execute(select(nodes.c.name).where(mine)).first() is None:
            connection.execute(insert(nodes).values(name=self._name, seen_at=now))
        connection.execute(update(nodes).where(mine).values(seen_at=now))
        silent = nodes.c.seen_at < now - timedelta(seconds=SILENT_SECONDS)
        taken = 0
        for (name,) in connection.execute(select(nodes.c.name).where(silent)).all():
            left = (tasks.c.node == name, tasks.c.state.not_in(FINAL), tasks.c.file.is_(None))
            taken += connection.execute(update(tasks).where(*left).values(node=self._name)).rowcount
        return taken

    def _called_off(self, connection: Connection) -> list[str]:
        recently = self._clock.now() - timedelta(seconds=SILENT_SECONDS)
        query = select(tasks.c.id).where(
            tasks.c.state == TaskState.cancelled.value,
            tasks.c.node == self._name,
            tasks.c.finished_at > recently,
        )
        return [row[0] for row in connection.execute(query)]

    async def run(self, closing: asyncio.Event) -> None:
        """Look again and again, until `closing`."""
        while not closing.is_set():
            try:
                await self.look()
            except FeriaError as error:
                log.warning("The nodes of this database were not looked at: %s", error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), LOOK_SECONDS)


@contextlib.asynccontextmanager
async def sharing(
    database: Database, queue: EmbeddedQueue, name: str | None, clock: Clock
) -> AsyncGenerator[None]:
    """While the block lasts, this node is one of those on its database; without a name it is the only one."""
    if name is None:
        yield
        return
    shared, closing = Sharing(database, queue, name, clock), asyncio.Event()
    await shared.look()
    looking = asyncio.create_task(shared.run(closing))
    try:
        yield
    finally:
        closing.set()
        await looking
