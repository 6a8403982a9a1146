"""The map of many members: `ReplicatedMap` over the gossip store, large values in chunks."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

from feria.cluster.chunks import Chunks, listed, manifest_in
from feria.cluster.maps import Entry, Listener
from feria.cluster.pieces import PIECE_BYTES
from feria.cluster.replica import Replica
from feria.cluster.rows import INLINE_BYTES, RESERVED
from feria.cluster.store import Store, Versioned
from feria.errors import FeriaError, NotFound
from feria.storage.blobs import disk_errors

log = logging.getLogger(__name__)

MOST_BYTES = 2**30
OWN = f"{RESERVED}rows/"
"""How the keys of these rows begin among all that members hold."""


class GossipMap:
    """Each call is durable on this member when it returns, and listeners have been told.

    Its keys are the nodes' own: no caller of the keys over HTTP can read or write them. A transaction of the
    node's database is another matter: what is put here inside one stays when that is undone. And a key that
    was removed counts on from its last version when it is put again.
    """

    def __init__(self, store: Store, chunks: Chunks) -> None:
        self._store = store
        self._chunks = chunks

    async def get(self, key: str) -> Entry | None:
        found = await self._store.get(OWN + key, own=True)
        return None if found is None or found.value is None else await self._entry(found)

    async def scan(self, prefix: str) -> Sequence[Entry]:
        """A long value that is on no live member is left out: it is as if its row had not come yet."""
        entries: list[Entry] = []
        after: str | None = None
        while page := await self._store.page(OWN + prefix, after=after):
            for found in page:
                try:
                    entries.append(await self._entry(found))
                except FeriaError as error:
                    log.warning("%s is left out: %s", found.key.removeprefix(OWN), error.message)
            after = page[-1].key
        return entries

    async def put(self, key: str, value: bytes, *, if_version: int | None = None) -> Entry:
        row = await self._row(value)
        done = await self._store.put(OWN + key, row, if_version=if_version, own=True)
        await self._store.told(done.place)
        return Entry(key, value, done.version)

    async def put_file(self, key: str, path: Path) -> None:
        """Put what stands in a file, however long. Raises what `put` raises."""
        manifest = await self._chunks.write(_pieces_of(path), limit=MOST_BYTES)
        done = await self._store.put(OWN + key, listed(manifest), own=True)
        await self._store.told(done.place)

    async def save(self, key: str, path: Path) -> None:
        """Write what `put_file` put into a file of this disk. Raises `NotFound`, and `Unavailable` where no
        live member has all of it."""
        found = await self._store.get(OWN + key, own=True)
        manifest = None if found is None else manifest_in(found.value)
        if manifest is None:
            raise NotFound("What the file holds is not known here yet.")
        with disk_errors(), path.open("wb") as file:
            async for piece in self._chunks.read(manifest):
                await asyncio.to_thread(file.write, piece)

    async def put_new(self, values: Mapping[str, bytes]) -> None:
        """Write those keys that this member has never heard of: all at once, or none if it raises."""
        rows = {OWN + key: await self._row(value) for key, value in values.items()}

        def deed(replica: Replica) -> int:
            for key, row in rows.items():
                if replica.disk.row(key) is None:
                    replica.write(key, row)
            return replica.place

        await self._store.told(await self._store.writer.run(deed))

    async def remove(self, key: str) -> None:
        try:
            done = await self._store.delete(OWN + key, own=True)
        except NotFound:
            return
        await self._store.told(done.place)

    def subscribe(self, prefix: str, listener: Listener) -> None:
        async def tell(key: str) -> None:
            await listener(key.removeprefix(OWN))

        self._store.subscribe(OWN + prefix, tell)

    async def _row(self, value: bytes) -> bytes:
        """What stands in the row of that value."""
        if len(value) <= INLINE_BYTES and manifest_in(value) is None:
            return value
        return listed(await self._chunks.write(_whole(value), limit=MOST_BYTES))

    async def _entry(self, found: Versioned) -> Entry:
        value = found.value or b""
        manifest = manifest_in(value)
        if manifest is not None:
            value = b"".join([piece async for piece in self._chunks.read(manifest)])
        return Entry(found.key.removeprefix(OWN), value, found.version)


async def _whole(value: bytes) -> AsyncGenerator[bytes]:
    yield value


async def _pieces_of(path: Path) -> AsyncGenerator[bytes]:
    with disk_errors(), path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
