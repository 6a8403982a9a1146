"""Small rows that every member of a cluster will hold: who writes here writes everywhere.

`ReplicatedMap` is what rooms above speak to. A node uses `GossipMap`, be it alone or not. `LocalMap`, rows of
the node's database, is what nodes had before, and is read when they move.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from feria.clock import Clock
from feria.cluster.tables import MapEntry
from feria.errors import Conflict
from feria.storage.database import Database


@dataclass(frozen=True, slots=True)
class Entry:
    """`version` counts this key's changes, from 1."""

    key: str
    value: bytes
    version: int


Listener = Callable[[str], Awaitable[None]]
"""Told the key of each entry that changed on this member, whoever changed it."""


class ReplicatedMap(Protocol):
    """Keys are up to 512 characters, compared byte by byte. A cluster agrees in the end, not at once:
    two members may both succeed in putting the same version, so let keys that must not collide differ.
    """

    async def get(self, key: str) -> Entry | None: ...

    async def scan(self, prefix: str) -> Sequence[Entry]:
        """All entries whose key begins so, in key order."""
        ...

    async def put(self, key: str, value: bytes, *, if_version: int | None = None) -> Entry:
        """Write; durable when the transaction around it commits, or on return where there is none.

        `if_version` demands the version found here before, 0 for a key that is not there; raises
        `Conflict` when it is another. Listeners have been told when the write is durable.
        """
        ...

    async def remove(self, key: str) -> None:
        """Forget a key; one that is not there is no error."""
        ...

    def subscribe(self, prefix: str, listener: Listener) -> None:
        """Tell `listener` of changes under `prefix`, after they are durable, one at a time."""
        ...


class LocalMap:
    """The map of a single member: rows in its database, and part of its transactions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._listeners: list[tuple[str, Listener]] = []

    async def get(self, key: str) -> Entry | None:
        async with self._database.transaction(read_only=True) as session:
            row = await session.get(MapEntry, key, populate_existing=True)
            return Entry(row.key, row.value, row.version) if row else None

    async def scan(self, prefix: str) -> Sequence[Entry]:
        below = select(MapEntry.key, MapEntry.value, MapEntry.version).order_by(MapEntry.key)
        if prefix:
            # A range, not LIKE: it uses the primary key, and `_` and `%` mean themselves.
            below = below.where(MapEntry.key >= prefix, MapEntry.key < _after(prefix))
        async with self._database.transaction(read_only=True) as session:
            return [Entry(*row) for row in await session.execute(below)]

    async def put(self, key: str, value: bytes, *, if_version: int | None = None) -> Entry:
        now = self._clock.now()
        async with self._database.transaction() as session:
            found = await session.scalar(
                select(MapEntry.version).where(MapEntry.key == key).with_for_update()
            )
            if if_version is not None and if_version != (found or 0):
                raise Conflict(f"{key} is at version {found or 0}, not {if_version}.")
            version = (found or 0) + 1
            if found is None:
                session.add(MapEntry(key=key, value=value, version=version, changed_at=now))
                try:
                    await session.flush()
                except IntegrityError:
                    raise Conflict(f"{key} was written by someone else just now.") from None
            else:
                await session.execute(
                    update(MapEntry)
                    .where(MapEntry.key == key)
                    .values(value=value, version=version, changed_at=now)
                )
            await self._announce(key)
        return Entry(key, value, version)

    async def remove(self, key: str) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(MapEntry).where(MapEntry.key == key))
            await self._announce(key)

    def subscribe(self, prefix: str, listener: Listener) -> None:
        self._listeners.append((prefix, listener))

    async def _announce(self, key: str) -> None:
        async def tell() -> None:
            for prefix, listener in self._listeners:
                if key.startswith(prefix):
                    await listener(key)

        await self._database.after_commit(tell)


def _after(prefix: str) -> str:
    """The first key beyond all that begin so."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
