"""Which large values this member holds before anybody asks for them, and what it may throw away."""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncGenerator
from pathlib import Path

from feria.cluster.chunks import Chunks, Manifest, manifest_in
from feria.cluster.pieces import Peers, Send
from feria.cluster.rows import RESERVED
from feria.cluster.store import Lagged, Store
from feria.errors import Corrupt, FeriaError
from feria.settings import ClusterSettings
from feria.storage.blobs import Blobs, disk_errors

log = logging.getLogger(__name__)

COPIES = 3
"""Of each value, where members share them out (`keep_chunks` is `some`)."""
COLLECT_EVERY = 600.0
RETRY_SECONDS = 30.0
"""Time after which values that no member could give are asked for again."""
SCANNED_AT_ONCE = 200


class ChunkKeeper:
    """Follows the rows that list chunks."""

    def __init__(
        self, store: Store, chunks: Chunks, settings: ClusterSettings, me: str, peers: Peers
    ) -> None:
        self._store = store
        self._chunks = chunks
        self._keep = settings.keep_chunks
        self._me = me
        self._peers = peers
        self._named: dict[str, Manifest] = {}
        self._whole: set[bytes] = set()
        self._news = asyncio.Event()

    async def follow(self, prefix: str) -> None:
        """Know all rows that list chunks, callers' (no prefix) or the nodes' own, for ever."""
        while True:
            try:
                async with contextlib.aclosing(self._store.changes(prefix, since=0)) as changes:
                    async for change in changes:
                        self._see(change.key, change.value)
            except Lagged:  # some keys went away unseen
                for key in [key for key in self._named if key.startswith(RESERVED) == bool(prefix)]:
                    del self._named[key]

    async def keep(self) -> None:
        """Fetch what is this member's to hold, for ever."""
        while True:
            self._news.clear()
            for manifest in list(self._named.values()):
                if manifest.sha256 not in self._whole and self._is_mine(manifest):
                    await self._fetch(manifest)
            self._whole &= {manifest.sha256 for manifest in self._named.values()}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):  # `wait_for` may swallow that we are to stop
                    await self._news.wait()

    async def collect(self, grace_seconds: float) -> int:
        """Remove the chunks that no row names; returns how many.

        The rows are read anew for it, for what was followed may lag behind. A chunk is as old as its last
        writing, so one that is written again while its row is on the way is within the grace.
        """
        manifests: list[Manifest] = []
        for prefix in ("", RESERVED):
            after: str | None = None
            while rows := await self._store.page(prefix, after=after, limit=SCANNED_AT_ONCE):
                after = rows[-1].key
                manifests += [found for row in rows if (found := _manifest(row.key, row.value)) is not None]
                await asyncio.sleep(0)
        return await self._chunks.collect(manifests, grace_seconds=grace_seconds)

    async def collect_now_and_then(self, grace_seconds: float) -> None:
        while True:
            await asyncio.sleep(COLLECT_EVERY)
            try:
                if not self._store.bootstrapping and not self._chunks.none_here():
                    await self.collect(grace_seconds)
            except FeriaError as error:
                log.warning("Chunks were not collected: %s", error.message)

    def _see(self, key: str, value: bytes | None) -> None:
        manifest = _manifest(key, value)
        if manifest is None:
            self._named.pop(key, None)
        else:
            self._named[key] = manifest
            self._news.set()

    def _is_mine(self, manifest: Manifest) -> bool:
        if self._keep == "some":
            members = [self._me, *self._peers()]
            return self._me in sorted(members, key=lambda member: _rank(member, manifest))[:COPIES]
        return self._keep == "all"

    async def _fetch(self, manifest: Manifest) -> None:
        try:
            await self._chunks.fetch(manifest)
            self._whole.add(manifest.sha256)
        except FeriaError as error:
            log.debug("A value of %d bytes is not whole here yet: %s", manifest.size, error.message)


def _manifest(key: str, value: bytes | None) -> Manifest | None:
    try:
        return manifest_in(value)
    except Corrupt as error:
        log.warning("%s: %s", key, error.message)
        return None


def _rank(member: str, manifest: Manifest) -> bytes:
    """Whoever ranks first holds it: members agree without a word, and when one goes, little moves
    (rendezvous hashing, Thaler and Ravishankar 1998)."""
    return hashlib.blake2b(member.encode(), key=manifest.sha256).digest()


@contextlib.asynccontextmanager
async def open_chunks(
    store: Store,
    folder: Path,
    settings: ClusterSettings,
    *,
    me: str,
    send: Send,
    peers: Peers,
    grace_seconds: float,
) -> AsyncGenerator[Chunks]:
    """Chunks in `folder`, kept and collected as long as the block lasts."""
    with disk_errors():
        blobs = await asyncio.to_thread(Blobs, folder)
    chunks = Chunks(blobs, send=send, peers=peers)
    keeper = ChunkKeeper(store, chunks, settings, me, peers)
    works = [
        asyncio.create_task(work)
        for work in (
            keeper.follow(""),
            keeper.follow(RESERVED),
            keeper.keep(),
            keeper.collect_now_and_then(grace_seconds),
        )
    ]
    try:
        yield chunks
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await chunks.close()
