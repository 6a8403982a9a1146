"""One thread that does all that changes a member's rows, many deeds to a commit.

The longer a commit takes, the more deeds wait for the next, so that the disk's own speed decides how many
share it. What a deed found out, and what is to be said to others, is told on the event loop only once the
commit is durable: nothing that leaves a member can be lost again (R9). A commit of which nobody is to be
told, of rows that others wrote, is seen by readers at once and made durable with the next, or a moment later.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple, TypeVar

from feria.cluster.gossip import Gossip
from feria.cluster.messages import Message
from feria.cluster.replica import Replica
from feria.cluster.rows import Row
from feria.errors import Busy, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Deed = Callable[[Replica], Any]

TOGETHER = 1024
"""Deeds that share a commit, at most; its length is somebody's wait."""
UNSYNCED_SECONDS = 0.05
"""How long a commit may wait to be made durable, when nobody waits for it."""
WAITING = 20_000
"""Deeds that may wait; who brings more is told to come back."""


class _Asked(NamedTuple):
    deed: Deed
    answer: "asyncio.Future[Any] | None"


class _Done(NamedTuple):
    answer: "asyncio.Future[Any] | None"
    outcome: Any
    error: BaseException | None


class Writer:
    """The hooks are called on the event loop, in the order of the commits."""

    def __init__(self, replica: Replica, gossip: Gossip) -> None:
        self.sent: Callable[[list[tuple[str, Message]]], None] = lambda messages: None
        """Messages to hand to the transport, each with the address it is for."""
        self.changed: Callable[[list[tuple[int, Row]]], None] = lambda changes: None
        """Rows that were kept, in order, with their places; called when rows went away as well."""
        self.lacks_rows = gossip.lacks_rows
        """As of the last commit that readers see, and of which `changed` has told."""
        self.commits = 0
        self._replica = replica
        self._gossip = gossip
        self._loop = asyncio.get_running_loop()
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._is_open = True
        self._is_torn = False
        self._has_failed = False
        """Then what there is to do is tried again with what comes next, and not at once."""
        self._unsynced_since: float | None = None
        self._broken: Unavailable | None = None
        self._thread = threading.Thread(target=self._work, name="feria-kv", daemon=True)
        self._thread.start()

    async def run(self, deed: Callable[[Replica], T]) -> T:
        """What it returns, once it is durable. Raises what it raises, `Busy` when too many wait, and
        `DiskFull`, `Unavailable` or `Corrupt` when the disk fails the commit: then nothing has happened, but
        for a disk that does not make durable what it took. Nothing more is written to that one.

        A deed raises before it changes anything, or not at all.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._ask(_Asked(deed, answer))
        return await answer

    def post(self, deed: Deed) -> None:
        """The same, for who wants no answer."""
        self._ask(_Asked(deed, None))

    def _ask(self, asked: _Asked) -> None:
        if not self._is_open:
            raise Unavailable("This node is stopping.")
        if self._broken is not None:
            raise self._broken
        if self._asked.qsize() >= WAITING:
            raise Busy(f"{WAITING:,} writes wait for this node's disk.")
        self._asked.put(asked)

    async def close(self) -> None:
        """Do what waits, then stop."""
        self._is_open = False
        self._asked.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # what it told this loop last

    # -------------------------------------------------------------------------------- in the thread
    def _work(self) -> None:
        goes_on = True
        while goes_on:
            batch = self._first()
            with contextlib.suppress(queue.Empty):
                while len(batch) < TOGETHER and None not in batch[-1:]:
                    batch.append(self._asked.get_nowait())
            goes_on = None not in batch[-1:]
            self._do([asked for asked in batch if asked is not None])

    def _first(self) -> list[_Asked | None]:
        """Wait for work."""
        if self._gossip.has_work and not self._has_failed:
            return []
        if self._unsynced_since is None:
            return [self._asked.get()]
        try:
            return [self._asked.get(timeout=self._unsynced_since + UNSYNCED_SECONDS - time.monotonic())]
        except (queue.Empty, ValueError):  # it is time, or past it
            return []

    def _do(self, batch: list[_Asked]) -> None:
        if self._broken is not None:
            self._refuse(batch, self._broken)
            return
        forgotten = self._replica.forgotten
        try:
            if self._is_torn:
                self._undo()
            done = [self._one(asked) for asked in batch]
            if self._gossip.has_work:
                self._gossip.work()
            self._gossip.committing()
            changes = self._replica.changes
            self._replica.commit()
        except Exception as error:
            log.warning("A commit of %d deeds failed: %s", len(batch), error)
            self._is_torn = self._has_failed = True
            self._refuse(batch, error)
            with contextlib.suppress(Exception):  # tried again before the next batch
                self._undo()
            return
        try:
            self._sync(is_told=self._gossip.speaks or any(asked.answer is not None for asked in batch))
        except Unavailable as error:
            # The kernel may have thrown away what it could not write, and say next time that all is well:
            # Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020.
            log.critical("%s Nothing more is written until this node is started again.", error.message)
            self._broken, self._has_failed = error, True
            self._gossip.take()
            self._refuse(batch, error)
            return
        self.commits += 1
        self._has_failed = False
        has_changed = bool(changes) or self._replica.forgotten != forgotten
        lacks_rows = self._gossip.lacks_rows
        messages = self._gossip.take()

        def publish(_: None) -> None:
            """Watchers first: who is answered finds them told."""
            try:
                if has_changed:
                    self.changed(changes)
            finally:
                self.lacks_rows = lacks_rows
                self._answer(done)
                if messages:
                    self.sent(messages)

        self._tell(publish, None)

    def _sync(self, *, is_told: bool) -> None:
        """Make what was committed durable, if anybody is told of it, or if it has waited for long enough."""
        now = time.monotonic()
        if not self._replica.disk.is_synced:
            since = now if self._unsynced_since is None else self._unsynced_since
            if not is_told and now - since < UNSYNCED_SECONDS:
                self._unsynced_since = since
                return
            self._replica.disk.sync()
        self._unsynced_since = None

    def _refuse(self, batch: list[_Asked], error: Exception) -> None:
        self._tell(self._answer, [_Done(asked.answer, None, error) for asked in batch])

    def _undo(self) -> None:
        self._replica.rollback()
        self._gossip.rolled_back()
        self._is_torn = False

    def _one(self, asked: _Asked) -> _Done:
        before = self._replica.progress
        try:
            return _Done(asked.answer, asked.deed(self._replica), None)
        except Exception as error:
            # Half a deed is never committed; and when the disk fails, SQLite may have undone the others'.
            if self._replica.progress != before or isinstance(error, Unavailable | Busy | sqlite3.Error):
                raise
            if asked.answer is None:
                log.exception("A deed failed.")
            return _Done(asked.answer, None, error)

    def _tell(self, hook: Callable[[Any], None], what: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended; so has everybody who would hear
            self._loop.call_soon_threadsafe(hook, what)

    # -------------------------------------------------------------------------------- on the event loop
    @staticmethod
    def _answer(done: list[_Done]) -> None:
        for answer, outcome, error in done:
            if answer is None or answer.done():
                continue
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(outcome)


@contextlib.asynccontextmanager
async def open_writer(replica: Replica, gossip: Gossip) -> AsyncGenerator[Writer]:
    writer = Writer(replica, gossip)
    try:
        yield writer
    finally:
        await writer.close()
