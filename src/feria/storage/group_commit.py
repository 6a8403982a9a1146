"""Writes of many callers, gathered into one commit.

A commit costs the same for one row as for a hundred, so whoever writes while another commit is under way
goes with the next one (group commit: DeWitt et al., "Implementation techniques for main memory database
systems", SIGMOD 1984).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from feria.errors import Busy, Corrupt, Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

COMMIT_SECONDS = 10.0
"""After which a database that says nothing is held to be away."""
RETRY_SECONDS = 0.25

Commit = Callable[[Sequence[T]], Awaitable[Sequence[R]]]
"""Makes all of them durable, or none, and returns what each one's writer is told."""


@dataclass(slots=True, eq=False)
class _Write(Generic[T, R]):
    what: T
    rows: int
    insists: bool
    durable: asyncio.Future[R]


class GroupCommit(Generic[T, R]):
    def __init__(self, commit: Commit[T, R], most: int) -> None:
        """`most` is how many rows go into one commit, unless a single write has more."""
        self._commit = commit
        self._most = most
        self._pending: list[_Write[T, R]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._closed = False

    @property
    def rows_waiting(self) -> int:
        return sum(write.rows for write in self._pending)

    async def write(self, what: T, *, rows: int = 1, insists: bool = False) -> R:
        """Durable on return. One that `insists` is tried again for what passes with time: `Busy`, and
        `Unavailable` but for `Corrupt` (a lock, a lost connection, a full disk).

        Raises what the commit raised; `Unavailable` when nothing is written any more.
        """
        if self._closed:
            raise Unavailable("The node is stopping, and what it keeps is closed.")
        durable: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._pending.append(_Write(what, rows, insists, durable))
        self._wake.set()
        return await durable

    async def run(self) -> None:
        """Commit what comes, until `close`."""
        away = False
        while True:
            await self._wake.wait()
            writes = self._next()
            if not writes:
                if self._closing:
                    self._closed = True
                    return
                self._wake.clear()
                continue
            error, again = await self._try(writes)
            if again and not away:
                log.error("The database cannot be written, and is tried again: %s", error)
            away = bool(again)
            if again:
                self._pending[:0] = again
                await asyncio.sleep(RETRY_SECONDS)

    def close(self) -> None:
        """Write what is there, once, and then no more."""
        self._closing = True
        self._wake.set()

    def _next(self) -> list[_Write[T, R]]:
        taken = rows = 0
        for write in self._pending:
            if taken and rows + write.rows > self._most:
                break
            taken, rows = taken + 1, rows + write.rows
        writes, self._pending = self._pending[:taken], self._pending[taken:]
        return writes

    async def _try(self, writes: list[_Write[T, R]]) -> tuple[Exception | None, list[_Write[T, R]]]:
        """What went wrong with the database itself, and those that are to be tried again for it."""
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                told = await self._commit([write.what for write in writes])
        except TimeoutError:
            return self._fail(writes, Unavailable("The database does not answer."))
        except Exception as error:
            passing = isinstance(error, Busy | Unavailable) and not isinstance(error, Corrupt)
            if passing or len(writes) == 1:
                return self._fail(writes, error, passing=passing)
            # One of them cannot be written; the others are not to suffer.
            trouble: Exception | None = None
            again: list[_Write[T, R]] = []
            for write in writes:
                own, kept = await self._try([write])
                trouble, again = own or trouble, again + kept
            return trouble, again
        for write, answer in zip(writes, told, strict=True):
            if not write.durable.done():
                write.durable.set_result(answer)
        return None, []

    def _fail(
        self, writes: list[_Write[T, R]], error: Exception, *, passing: bool = True
    ) -> tuple[Exception, list[_Write[T, R]]]:
        """Tell those who do not insist."""
        again = []
        for write in writes:
            if write.insists and passing and not self._closing:
                again.append(write)
            elif not write.durable.done():
                write.durable.set_exception(error)
        return error, again


@contextlib.asynccontextmanager
async def open_group_commit(commit: Commit[T, R], most: int) -> AsyncGenerator[GroupCommit[T, R]]:
    writes = GroupCommit(commit, most)
    running = asyncio.create_task(writes.run())
    try:
        yield writes
    finally:
        writes.close()
        await running
