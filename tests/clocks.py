"""A clock that stands still until it is told to go on."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


class ManualClock:
    """`seconds` have passed since `START`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        """How long each sleeper wanted to sleep, in the order they came."""
        self._sleepers: list[tuple[float, asyncio.Event]] = []
        self._went_to_sleep = asyncio.Condition()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self.slept.append(seconds)
        self._sleepers.append((self.seconds + seconds, woken))
        async with self._went_to_sleep:
            self._went_to_sleep.notify_all()
        await woken.wait()

    async def sleeper(self, count: int) -> None:
        """Wait until so many have gone to sleep in all."""
        async with asyncio.timeout(300), self._went_to_sleep:
            await self._went_to_sleep.wait_for(lambda: len(self.slept) >= count)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        for due, woken in self._sleepers:
            if due <= self.seconds:
                woken.set()
