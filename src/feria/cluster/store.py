"""Keys and values that every member holds: what the KV's routes, commands and other rooms stand on."""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from feria.clock import Clock
from feria.cluster import lives, roster
from feria.cluster.gossip import Gossip
from feria.cluster.hybrid_clock import COUNTER_BITS
from feria.cluster.replica import Replica
from feria.cluster.rows import RESERVED, Row, check_key, check_value
from feria.cluster.sqlite_disk import FILE, SqliteDisk, locked, open_disk, open_reading
from feria.cluster.writer import Writer, open_writer

log = logging.getLogger(__name__)

PAGE = 1000
PAGE_BYTES = 4 * 2**20
AT_HAND = 16
"""Changes kept in memory for a watch that keeps up; one that has more to come reads them."""
_NAME = "member"

Listener = Callable[[str], Awaitable[None]]


class Versioned(msgspec.Struct, frozen=True):
    """A key as this member has it. `value` is None where it was deleted; `place` numbers the changes here."""

    key: str
    value: bytes | None
    version: int
    place: int


class Conflicting(msgspec.Struct, frozen=True):
    """A write that lost to one whose writer did not know of it. `member` is None where nobody says whose
    store epoch that was."""

    version: int
    at: datetime
    member: str | None
    value: bytes | None


class Lagged(Exception):
    """Who follows the changes of a member fell so far behind that some rows it did not see are gone: read
    all anew, then go on from `since`."""

    def __init__(self, since: int) -> None:
        super().__init__(f"Changes before place {since} are no longer complete here; read all anew.")
        self.since = since


class Store:
    """Reads see what is committed, at once; writes return when they are durable on this member."""

    def __init__(
        self, writer: Writer, gossip: Gossip, reading: SqliteDisk, clock: Clock, member: str
    ) -> None:
        self.writer = writer
        self.gossip = gossip
        self.member = member
        """The node's id in its cluster."""
        self._reading = reading
        self._clock = clock
        self.place = reading.last_place()
        """The newest change of this member; `changes(since=store.place)` misses nothing that follows."""
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._watches: set[_Watch] = set()
        self._listeners: list[tuple[str, Listener]] = []
        self._news: dict[str, None] = {}
        self._told = self.place
        self._telling: asyncio.Task[None] | None = None
        writer.changed = self._changed

    @property
    def bootstrapping(self) -> bool:
        """Does it lack keys that it will have? See `Gossip.lacks_rows`."""
        return self.writer.lacks_rows

    # -------------------------------------------------------------------------------- reads
    async def get(self, key: str, *, own: bool = False) -> Versioned | None:
        """A deleted key has the value None; a key that never was, or is long forgotten, is None itself. `own`
        reads one of the node's own, which no caller can name."""
        _check(key, own)
        found = self._reading.placed(key)
        return None if found is None else _seen(*found)

    async def page(self, prefix: str = "", *, after: str | None = None, limit: int = PAGE) -> list[Versioned]:
        """Keys that begin so and have a value, in the order of their code points, beyond `after`. The last
        page is the first that is empty: those before it may be shorter than `limit`, when values are long.
        """
        rows: list[Versioned] = []
        room, after = PAGE_BYTES, after or ""
        while len(rows) < limit and room > 0:
            found = self._reading.live(prefix, after, min(limit - len(rows), 64))
            for place, row in found:
                room -= len(row.value or b"")
                rows.append(_seen(place, row))
                if room <= 0:
                    break
            if len(found) < 64:
                break
            after = found[-1][1].key
        return rows

    async def conflicts(self, key: str) -> list[Conflicting]:
        """Values that lost against writers that did not know of them; the last 4, the latest first."""
        check_key(key)
        losers = self._reading.losers(key)
        writers = roster.writers(self._reading) if losers else {}
        return [
            Conflicting(row.version, _wall(row.hlc), writers.get(row.origin), row.value) for row in losers
        ]

    # -------------------------------------------------------------------------------- writes
    async def put(
        self, key: str, value: bytes, *, if_version: int | None = None, own: bool = False
    ) -> Versioned:
        """Durable here on return, and on its way to the others. `if_version` demands the version that this
        member has, 0 for a key without a value: another member may still write the same one (see
        `conflicts`). `own` writes a key of the node's own.

        Raises `Invalid` for a key that is none, `TooLarge`, `Conflict`, `DiskFull`.
        """
        _check(key, own)
        check_value(value)
        return await self._write(key, value, if_version)

    async def delete(self, key: str, *, if_version: int | None = None, own: bool = False) -> Versioned:
        """Raises `NotFound` where there is no value, and what `put` raises."""
        _check(key, own)
        return await self._write(key, None, if_version)

    async def _write(self, key: str, value: bytes | None, if_version: int | None) -> Versioned:
        def deed(replica: Replica) -> Versioned:
            row = replica.write(key, value, if_version=if_version)
            return _seen(replica.place, row)

        return await self.writer.run(deed)

    # -------------------------------------------------------------------------------- waiting for changes
    async def wait(self, key: str, *, beyond: int, seconds: float) -> Versioned | None:
        """The key's newest version, once it is larger than `beyond`; None when the time is up."""
        check_key(key)
        deadline = self._clock.monotonic() + seconds
        sleeping: asyncio.Task[None] | None = None
        try:
            while True:
                changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.setdefault(key, set()).add(changed)
                try:
                    found = await self.get(key)
                    if found is not None and found.version > beyond:
                        return found
                    if self._clock.monotonic() >= deadline:
                        return None
                    if sleeping is None:
                        sleeping = asyncio.create_task(self._clock.sleep(seconds))
                    await asyncio.wait((changed, sleeping), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    self._stop_waiting(key, changed)
        finally:
            if sleeping is not None:
                sleeping.cancel()

    def _stop_waiting(self, key: str, changed: "asyncio.Future[None]") -> None:
        waiting = self._waiting[key]
        waiting.discard(changed)
        if not waiting:
            del self._waiting[key]

    async def changes(
        self, prefix: str = "", *, since: int | None = None, over: "asyncio.Future[Any] | None" = None
    ) -> AsyncGenerator[Versioned]:
        """What has changed after the place `since`, or changes from now on: each key's newest state, in the
        order of places, until `over` is done. Versions in between may be missing, a newest one never is. From
        place 0 it is all there is, then what comes.

        Who keeps up is handed the rows as they come. For a slow listener nothing is queued: it reads them
        later. Raises `Lagged` when some of those it has not seen are gone.
        """
        watch = _Watch(prefix, self.place if since is None else since)
        missed = self.place if since == 0 else 0  # by nobody: who saw nothing misses nothing
        if over is not None:
            over.add_done_callback(watch.wake)
        self._watches.add(watch)
        try:
            while over is None or not over.done():
                if watch.keeps_up:
                    await watch.news.wait()
                    watch.news.clear()
                    for place, row in watch.handed():
                        yield _seen(place, row)
                    continue
                if max(watch.since, missed) < (forgotten := self._reading.forgotten()):
                    raise Lagged(max(forgotten, self.place))
                found = self._reading.changed(watch.since, PAGE // 4)
                watch.keeps_up = not found
                for place, row in found:
                    watch.since = place
                    if watch.is_of_mine(row):
                        yield _seen(place, row)
                if found:
                    await asyncio.sleep(0)  # a long backlog leaves the loop to others now and then
        finally:
            self._watches.discard(watch)
            if over is not None:
                over.remove_done_callback(watch.wake)

    def subscribe(self, prefix: str, listener: Listener) -> None:
        """Tell it each key under `prefix` that changed, after that is durable, one at a time; several
        changes of a key may be told as one."""
        self._listeners.append((prefix, listener))

    async def told(self, place: int) -> None:
        """Return when the listeners have heard of all changes up to this place."""
        while self._told < place and self._telling is not None:
            await asyncio.shield(self._telling)

    def _changed(self, changes: list[tuple[int, Row]]) -> None:
        if changes:
            self.place = changes[-1][0]
        for _, row in changes:
            for changed in self._waiting.get(row.key, ()):
                if not changed.done():
                    changed.set_result(None)
        for watch in self._watches:
            watch.hear(changes, self.place)
        prefixes = tuple(prefix for prefix, _ in self._listeners)
        news = {row.key: None for _, row in changes if row.key.startswith(prefixes)}
        self._news |= news
        if self._telling is not None and not self._telling.done():
            return
        if news:
            self._telling = asyncio.create_task(self._tell())
        else:
            self._told = self.place

    async def _tell(self) -> None:
        while self._news:
            news, self._news, upto = self._news, {}, self.place
            for key in news:
                for prefix, listener in self._listeners:
                    if key.startswith(prefix):
                        try:
                            await listener(key)
                        except Exception:
                            log.exception("A listener of %r failed.", key)
            self._told = upto
        self._told = self.place

    async def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._telling


class _Watch:
    def __init__(self, prefix: str, since: int) -> None:
        self.prefix = prefix
        self.since = since
        self.news = asyncio.Event()
        self.keeps_up = False
        """Has it seen, or at hand, all that has been told?"""
        self._fresh: deque[tuple[int, Row]] = deque()

    def is_of_mine(self, row: Row) -> bool:
        return row.key.startswith(self.prefix) and (self.prefix != "" or not row.key.startswith(RESERVED))

    def hear(self, changes: list[tuple[int, Row]], place: int) -> None:
        if not self.keeps_up:
            return  # it reads
        self._fresh.extend(change for change in changes if self.is_of_mine(change[1]))
        if len(self._fresh) > AT_HAND:
            self._fresh.clear()
            self.keeps_up = False
        elif not self._fresh:
            self.since = max(self.since, place)
            return
        self.news.set()

    def handed(self) -> Iterator[tuple[int, Row]]:
        while self._fresh:
            place, row = self._fresh.popleft()
            if place > self.since:  # a reader may be ahead of what is told
                self.since = place
                yield place, row

    def wake(self, _: object) -> None:
        self.news.set()


def _check(key: str, own: bool) -> None:
    """A key of the node's own is checked behind the mark that callers cannot write."""
    check_key(key.removeprefix(RESERVED) if own else key)


def _seen(place: int, row: Row) -> Versioned:
    return Versioned(row.key, row.value, row.version, place)


def _wall(hlc: int) -> datetime:
    milliseconds = min(hlc >> COUNTER_BITS, 253_402_300_799_000)  # the year 9999 ends what datetime knows
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@contextlib.asynccontextmanager
async def open_store(
    folder: Path, clock: Clock, random: random.Random, *, member: str | None = None
) -> AsyncGenerator[Store]:
    """The rows in `kv.db` of this folder, which is there. `member` is the node's id, unset is the
    one it had, or a new one.

    Raises `Conflict` when another process has them open, `Corrupt` when the file is damaged, `DiskFull` and
    `Unavailable`.
    """
    with locked(folder):
        epoch = lives.begun(folder)
        disk = open_disk(folder / FILE)
        try:
            had = disk.note(_NAME)
            name = member or (had.decode() if had else f"{random.getrandbits(64):016x}")
            if had != name.encode():  # a node that has its name starts on a full disk, too
                disk.take_note(_NAME, name.encode())
                disk.commit()
                disk.sync()
            replica = Replica(disk, clock, random, origin=epoch)
            gossip = Gossip(replica, random, name)
            reading = open_reading(folder / FILE)
            try:
                async with open_writer(replica, gossip) as writer:
                    store = Store(writer, gossip, reading, clock, name)
                    try:
                        yield store
                    finally:
                        await store.close()
            finally:
                reading.close()
        finally:
            disk.close()
        lives.ended(folder, replica.origin)
