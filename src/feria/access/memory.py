"""What the database said a moment ago."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from feria.clock import Clock
from feria.errors import Busy, Unavailable

K = TypeVar("K")
V = TypeVar("V")

AGAIN_AFTER = 5.0
"""Seconds after which the database is asked again: how long another process's change may go unnoticed."""

WITHOUT_DATABASE = 60.0
"""Seconds for which what was known still counts while the database does not answer. Nothing can be
revoked in a database that is away, and a short outage should not lock everybody out."""

PATIENCE = 1.0
"""Seconds to wait for a database that may have gone silent, where there is something to go on with."""

MOST = 4096


@dataclass(slots=True)
class _Kept(Generic[V]):
    value: V
    said_at: float
    ask_at: float


class Remembered(Generic[K, V]):
    """Asks `find` at most every few seconds for each key. What was not found is not remembered."""

    def __init__(self, find: Callable[[K], Awaitable[V | None]], clock: Clock) -> None:
        self._find = find
        self._clock = clock
        self._kept: dict[K, _Kept[V]] = {}
        self._forgotten = 0

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    async def get(self, key: K) -> V | None:
        kept, now = self._kept.get(key), self._clock.monotonic()
        if kept is not None:
            if now < kept.ask_at:
                return kept.value
            kept.ask_at = now + AGAIN_AFTER  # one asks; the others go on with what was known
            if now - kept.said_at <= WITHOUT_DATABASE:
                asking = asyncio.create_task(self._ask(key, kept))
                await asyncio.wait([asking], timeout=PATIENCE)
                return asking.result() if asking.done() else kept.value
        return await self._ask(key, kept)

    async def _ask(self, key: K, kept: _Kept[V] | None) -> V | None:
        now = self._clock.monotonic()
        forgotten = self._forgotten
        try:
            found = await self._find(key)
        except (Busy, Unavailable):
            if kept is None or now - kept.said_at > WITHOUT_DATABASE:
                raise
            return kept.value
        if found is None:
            self._kept.pop(key, None)
            return None
        if self._forgotten == forgotten:  # else it may be what was found before it changed
            if len(self._kept) >= MOST and key not in self._kept:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(found, now, now + AGAIN_AFTER)
        return found

    def forget(self, key: K) -> None:
        self._kept.pop(key, None)
        self._forgotten += 1
