"""The map of many members: `ReplicatedMap` over the gossip store, large values in chunks."""

from collections.abc import AsyncGenerator, Sequence

from feria.cluster.chunks import Chunks, listed, manifest_in
from feria.cluster.maps import Entry, Listener
from feria.cluster.rows import INLINE_BYTES
from feria.cluster.store import Store, Versioned
from feria.errors import NotFound

MOST_BYTES = 2**30


class GossipMap:
    """Each call is durable on this member when it returns, and listeners have been told.

    A transaction of the node's database is another matter: what is put here inside one stays when that is
    undone. And a key that was removed counts on from its last version when it is put again.
    """

    def __init__(self, store: Store, chunks: Chunks) -> None:
        self._store = store
        self._chunks = chunks

    async def get(self, key: str) -> Entry | None:
        found = await self._store.get(key)
        return None if found is None or found.value is None else await self._entry(found)

    async def scan(self, prefix: str) -> Sequence[Entry]:
        entries: list[Entry] = []
        after: str | None = None
        while page := await self._store.page(prefix, after=after):
            entries += [await self._entry(found) for found in page]
            after = page[-1].key
        return entries

    async def put(self, key: str, value: bytes, *, if_version: int | None = None) -> Entry:
        row = value
        if len(value) > INLINE_BYTES or manifest_in(value) is not None:
            row = listed(await self._chunks.write(_whole(value), limit=MOST_BYTES))
        done = await self._store.put(key, row, if_version=if_version)
        await self._store.told(done.place)
        return Entry(key, value, done.version)

    async def remove(self, key: str) -> None:
        try:
            done = await self._store.delete(key)
        except NotFound:
            return
        await self._store.told(done.place)

    def subscribe(self, prefix: str, listener: Listener) -> None:
        self._store.subscribe(prefix, listener)

    async def _entry(self, found: Versioned) -> Entry:
        value = found.value or b""
        manifest = manifest_in(value)
        if manifest is not None:
            value = b"".join([piece async for piece in self._chunks.read(manifest)])
        return Entry(found.key, value, found.version)


async def _whole(value: bytes) -> AsyncGenerator[bytes]:
    yield value
