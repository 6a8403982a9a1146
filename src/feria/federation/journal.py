"""Jobs and what was told of them, in the database: many events with one row, much with one commit."""

import contextlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, or_, select, update

from feria.errors import Conflict
from feria.federation import wire
from feria.federation.jobs_wire import JobState, Told
from feria.federation.tables import ClientRoundRow, EventsRow, JobRow, RoundRow
from feria.federation.tracking import ClientRound
from feria.storage.database import Database
from feria.storage.group_commit import GroupCommit, open_group_commit

COMMIT_BATCHES = 64
PAGE = 16
"""Rows of events that are read at once."""
LARGE = frozenset({"clients_config", "clients_status"})

jobs = cast(Table, JobRow.__table__)
events = cast(Table, EventsRow.__table__)
rounds = cast(Table, RoundRow.__table__)
client_rounds = cast(Table, ClientRoundRow.__table__)

Values = dict[str, Any]
"""A row of a table by column."""

_SMALL = tuple(column for column in jobs.columns if column.name not in LARGE)
_FINAL = [state.value for state in JobState if state.final]
_FORGET_EVENTS = delete(events).where(events.c.job == bindparam("j"), events.c.first >= bindparam("f"))
_FORGET_ROUNDS = [
    delete(table).where(table.c.job == bindparam("j"), table.c.round == bindparam("r"))
    for table in (rounds, client_rounds)
]
_packed: msgspec.msgpack.Decoder[list[Told]] = msgspec.msgpack.Decoder(list[Told])


@dataclass(slots=True)
class Batch:
    """What was told of a job since the last batch, and what that changed."""

    job: int
    first: int
    told: Sequence[Told]
    change: Values
    """Columns of the job's row."""
    rounds: list[tuple[wire.RoundEnded, list[ClientRound]]] = field(default_factory=list)
    """Those that ended."""


class Journal:
    def __init__(
        self, database: Database, batches: GroupCommit[Batch, None], node: str | None = None
    ) -> None:
        """`node` is who writes, where several share the database."""
        self._database = database
        self._batches = batches
        self._node = node

    def check_own(self, values: Values) -> None:
        """Raises `Conflict` for a job that another node on this database runs."""
        if self._node is not None and values["node"] not in {None, self._node}:
            raise Conflict(f"Job {values['number']} is run by the node {values['node']}; ask that one.")

    # ------------------------------------------------------------------- writing
    async def add(self, values: Values) -> int:
        """A new job; returns its number. Raises `Unavailable`, `DiskFull`."""

        def write(connection: Connection) -> int:
            key = connection.execute(insert(jobs), values | {"node": self._node}).inserted_primary_key
            assert key is not None
            return int(key[0])

        return await self._database.write(write)

    async def append(self, batch: Batch) -> None:
        """Durable on return, all or nothing. Tried until the database takes it: raises `Unavailable` only
        when the journal closes before that."""
        await self._batches.write(batch, insists=True)

    async def delete(self, number: int) -> None:
        def write(connection: Connection) -> None:
            for table in (events, rounds, client_rounds):
                connection.execute(delete(table).where(table.c.job == number))
            connection.execute(delete(jobs).where(jobs.c.number == number))

        await self._database.write(write)

    # ------------------------------------------------------------------- reading
    async def find(self, number: int) -> Values | None:
        """Without the clients."""
        return await self._one(select(*_SMALL).where(jobs.c.number == number))

    async def clients(self, number: int) -> Values | None:
        """The clients alone."""
        return await self._one(
            select(*(jobs.c[name] for name in sorted(LARGE))).where(jobs.c.number == number)
        )

    async def unfinished(self) -> Sequence[Values]:
        """This node's, in the order in which they were ordered; without the clients."""
        query = select(*_SMALL).where(jobs.c.state.not_in(_FINAL)).order_by(jobs.c.number)
        if self._node is not None:
            query = query.where(or_(jobs.c.node == self._node, jobs.c.node.is_(None)))
        return await self._all(query)

    async def newest(
        self, *, owner: str | None, state: JobState | None, before: int | None, limit: int
    ) -> Sequence[Values]:
        """Without the clients."""
        query = select(*_SMALL).order_by(jobs.c.number.desc()).limit(limit)
        if owner is not None:
            query = query.where(jobs.c.owner == owner)
        if state is not None:
            query = query.where(jobs.c.state == state.value)
        if before is not None:
            query = query.where(jobs.c.number < before)
        return await self._all(query)

    async def of_owner(self, owner: str) -> Sequence[Values]:
        return await self._all(select(*_SMALL).where(jobs.c.owner == owner).order_by(jobs.c.number))

    async def told(self, number: int, since: int) -> AsyncIterator[tuple[int, Told]]:
        """What was told of a job from the event of that id on, each with its id."""
        while True:
            query = (
                select(events.c.first, events.c.last, events.c.events)
                .where(events.c.job == number, events.c.last >= since)
                .order_by(events.c.first)
                .limit(PAGE)
            )
            found = await self._all(query)
            for row in found:
                for at, event in enumerate(_packed.decode(zlib.decompress(row["events"])), row["first"]):
                    if at >= since:
                        yield at, event
            if len(found) < PAGE:
                return
            since = found[-1]["last"] + 1

    async def rounds(self, number: int) -> Sequence[dict[str, Any]]:
        """How the rounds of a job ended, in their order."""
        query = select(rounds.c.ended).where(rounds.c.job == number).order_by(rounds.c.round)
        return [msgspec.json.decode(row["ended"]) for row in await self._all(query)]

    async def client_rounds(self, number: int, client: str) -> list[ClientRound]:
        """What a client did in each round."""
        # Said like this the primary key leads to every row, and a job with many clients has many.
        query = (
            select(*(client_rounds.c[name] for name in ClientRound.__struct_fields__))
            .join(rounds, and_(rounds.c.job == client_rounds.c.job, rounds.c.round == client_rounds.c.round))
            .where(rounds.c.job == number, client_rounds.c.client == client)
            .order_by(client_rounds.c.round)
        )
        return [ClientRound(**row) for row in await self._all(query)]

    async def _one(self, query: Any) -> Values | None:
        found = await self._all(query)
        return found[0] if found else None

    async def _all(self, query: Any) -> list[Values]:
        async with self._database.transaction(read_only=True) as session:
            return [dict(row) for row in (await session.execute(query)).mappings()]


async def _commit(database: Database, batches: Sequence[Batch]) -> list[None]:
    def write(connection: Connection) -> None:
        for batch in batches:
            _append(connection, batch)

    await database.write(write)
    return [None] * len(batches)


def _append(connection: Connection, batch: Batch) -> None:
    """To do it twice is to do it once: who writes cannot always know whether it was written."""
    if batch.told:
        packed = zlib.compress(msgspec.msgpack.encode(batch.told), 1)
        last = batch.first + len(batch.told) - 1
        connection.execute(_FORGET_EVENTS, {"j": batch.job, "f": batch.first})
        row = {"job": batch.job, "first": batch.first, "last": last, "events": packed}
        connection.execute(insert(events), row)
    for ended, records in batch.rounds:
        for forget in _FORGET_ROUNDS:
            connection.execute(forget, {"j": batch.job, "r": ended.round})
        row = {"job": batch.job, "round": ended.round, "ended": msgspec.json.encode(ended)}
        connection.execute(insert(rounds), row)
        if records:
            rows = [{"job": batch.job} | msgspec.structs.asdict(record) for record in records]
            connection.execute(insert(client_rounds), rows)
    if batch.change:
        connection.execute(update(jobs).where(jobs.c.number == batch.job).values(batch.change))


@contextlib.asynccontextmanager
async def open_journal(database: Database, node: str | None = None) -> AsyncGenerator[Journal]:
    async with open_group_commit(partial(_commit, database), COMMIT_BATCHES) as batches:
        yield Journal(database, batches, node)
