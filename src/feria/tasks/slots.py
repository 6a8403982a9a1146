"""So many at once, and who is to go next goes by rank."""

import asyncio
import heapq
from typing import Any, Protocol


class Places(Protocol):
    """Where tasks run, so many at once."""

    @property
    def outlives(self) -> bool:
        """Whether what runs there goes on when this process ends."""
        ...

    def take_now(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        ...

    async def take(self, rank: Any) -> None:
        """Wait for a place; the lowest rank goes first."""
        ...

    def give(self) -> None:
        """Give it back."""
        ...

    async def is_under_way(self, task_id: str) -> bool:
        """Whether what an earlier process had begun is still being done there."""
        ...


class Slots:
    """A semaphore that serves the lowest rank first, and equal ranks in the order they came."""

    outlives = False

    def __init__(self, number: int) -> None:
        self._free = number
        self._queue: list[tuple[Any, int, asyncio.Future[None]]] = []
        self._came = 0

    @property
    def free(self) -> int:
        return self._free

    def take_now(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    async def take(self, rank: Any) -> None:
        if self.take_now():
            return
        turn = asyncio.get_running_loop().create_future()
        self._came += 1
        heapq.heappush(self._queue, (rank, self._came, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()  # it had just been ours
            raise

    def give(self) -> None:
        while self._queue:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def is_under_way(self, task_id: str) -> bool:
        return False
