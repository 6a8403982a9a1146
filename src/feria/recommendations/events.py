"""Shoppers' events in the database: many with one commit, each once, none beyond its time."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.exc import IntegrityError

from feria.errors import Busy
from feria.recommendations.tables import ShopperEventRow
from feria.recommendations.wire import Kind
from feria.storage.database import Database
from feria.storage.forgetting import forget_rows
from feria.storage.group_commit import GroupCommit, open_group_commit

KINDS = tuple(Kind)
"""Their places are what the database holds: new ones go to the end."""
COMMIT_ROWS = 2_000
MOST_WAITING = 20_000
"""Events; more are told to retry."""
TRIES = 3
PIECE = 500
"""Values of one `IN`."""
PAGE = 500
"""Rows read at once: others need not wait long for their turn."""

events = cast(Table, ShopperEventRow.__table__)
_LAST = select(func.max(events.c.number))


class Happened(NamedTuple):
    """An event as it is kept."""

    id: str
    shopper: str
    kind: int
    product_id: int
    store: str | None
    at: datetime
    mood: bytes | None = None


class Appended(NamedTuple):
    new: list[Happened]
    """Those that were not there yet."""
    number: int
    """Of the last row when they were committed."""


class Events:
    def __init__(self, database: Database, batches: GroupCommit[Sequence[Happened], Appended]) -> None:
        self._database = database
        self._batches = batches

    # ------------------------------------------------------------------- writing
    async def append(self, happened: Sequence[Happened]) -> Appended:
        """Durable on return, all or none. Raises `Busy`, `Unavailable`, `DiskFull`."""
        if self._batches.rows_waiting + len(happened) > MOST_WAITING:
            raise Busy("More events come than can be written.", retry_after=1.0)
        return await self._batches.write(happened, rows=len(happened))

    # ------------------------------------------------------------------- reading
    async def newest_of(self, shopper: str, limit: int) -> list[tuple[datetime, int, int]]:
        """When, kind and product id; oldest first."""
        query = (
            select(events.c.at, events.c.kind, events.c.product_id)
            .where(events.c.shopper == shopper)
            .order_by(events.c.at.desc(), events.c.number.desc())
            .limit(limit)
        )
        return [(at, kind, product) for at, kind, product in reversed(await self._read(query))]

    async def all_of(self, shopper: str) -> list[Happened]:
        query = select(*(events.c[name] for name in Happened._fields)).where(events.c.shopper == shopper)
        return [Happened(*row) for row in await self._read(query.order_by(events.c.at, events.c.number))]

    async def last_number(self) -> int:
        return int((await self._read(_LAST))[0][0] or 0)

    async def log(self, until: int, limit: int) -> "Log":
        """The newest `limit` of those numbered up to `until`, in the order in which they happened."""
        shoppers: dict[str, int] = {}
        pages = [np.empty(0, LOGGED)]
        columns = (events.c.number, events.c.at, events.c.shopper, events.c.kind, events.c.product_id)
        last, left = until + 1, limit
        while left > 0:
            query = select(*columns).where(events.c.number < last).order_by(events.c.number.desc())
            rows = await self._read(query.limit(min(left, PAGE)))
            if not rows:
                break
            last, left = rows[-1][0], left - len(rows)
            page = [
                (at.timestamp(), shoppers.setdefault(shopper, len(shoppers)), kind, product_id, number)
                for number, at, shopper, kind, product_id in rows
            ]
            pages.append(np.array(page, LOGGED))
        return Log(await asyncio.to_thread(_in_order, pages), list(shoppers))

    # ------------------------------------------------------------------- forgetting
    async def erase(self, shopper: str) -> int:
        return await self._delete(events.c.shopper == shopper)

    async def forget_before(self, moment: datetime) -> int:
        return await self._delete(events.c.at < moment)

    async def forget_all_but(self, newest: int) -> int:
        """As many as the table may hold; the ones that came last stay."""
        query = select(events.c.number).order_by(events.c.number.desc()).offset(newest).limit(1)
        rows = await self._read(query)
        return await self._delete(events.c.number <= rows[0][0]) if rows else 0

    async def _delete(self, condition: Any) -> int:
        return await forget_rows(self._database, events.c.number, condition)

    async def _read(self, query: Any) -> list[Any]:
        async with self._database.transaction(read_only=True) as session:
            return list((await session.execute(query)).all())


LOGGED = np.dtype([("at", "f8"), ("shopper", "i8"), ("kind", "i1"), ("product", "i8"), ("number", "i8")])


@dataclass(frozen=True, slots=True)
class Log:
    """`rows` are of the type `LOGGED`; a row's `shopper` is a place in `shoppers`."""

    rows: "np.ndarray[Any, Any]"
    shoppers: list[str]


def _in_order(pages: "list[np.ndarray[Any, Any]]") -> "np.ndarray[Any, Any]":
    found = np.concatenate(pages)
    return found[np.lexsort((found["number"], found["at"]))]


async def _commit(database: Database, batches: Sequence[Sequence[Happened]]) -> list[Appended]:
    once: dict[str, Happened] = {}
    for event in (event for batch in batches for event in batch):
        once.setdefault(event.id, event)

    def write(connection: Connection) -> tuple[dict[str, Happened], int]:
        ids = list(once)
        there: set[str] = set()
        for start in range(0, len(ids), PIECE):
            some = ids[start : start + PIECE]
            there.update(connection.scalars(select(events.c.id).where(events.c.id.in_(some))))
        new = {number: event for number, event in once.items() if number not in there}
        if new:
            connection.execute(insert(events), [event._asdict() for event in new.values()])
        return new, connection.scalar(_LAST) or 0

    for tries in range(TRIES):
        try:
            new, number = await database.write(write)
            break
        except IntegrityError:  # another node was first; it is there the next time
            if tries == TRIES - 1:
                raise
    # Of two senders of one event in one commit, the first has brought it.
    return [Appended([new.pop(one.id) for one in batch if one.id in new], number) for batch in batches]


@contextlib.asynccontextmanager
async def open_events(database: Database) -> AsyncGenerator[Events]:
    async with open_group_commit(partial(_commit, database), COMMIT_ROWS) as batches:
        yield Events(database, batches)
