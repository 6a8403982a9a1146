"""How parts of a node, and nodes that share a Redis, tell each other what happened.

Promises, held by one suite over every form (`tests/contracts/test_event_bus.py`):

1. Telling never waits and never fails, whoever listens or does not.
2. A listener hears the events of one topic that one node told in the order they were told.
3. A listener that is too slow loses the oldest of what waits for it, never the latest, and is told so in
   the place of what it lost. It slows nobody.
4. Who stops listening leaves nothing behind.

There is no memory: who listens later hears only what comes then. What must not be lost is in a table.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Self

from feria.errors import Invalid

TOPIC = re.compile(r"[\w.:@/-]{1,200}\*?|\*")


@dataclass(frozen=True, slots=True)
class Event:
    topic: str
    data: Any
    """JSON. Shared by all who hear it: not to be changed."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Events that were told and are not coming; what they were about is to be looked up anew."""

    count: int | None
    """`None` where nobody knows: the link to the other nodes was cut for a while."""


class Subscription:
    """What one listener has still to hear: an async iterator that ends when the bus closes."""

    def __init__(self, buffer: int, on_missed: Callable[[], None] = lambda: None) -> None:
        self._waiting: deque[Event | Missed] = deque()
        self._buffer = buffer
        self._on_missed = on_missed
        self._missed = 0
        self._cut = False
        self._closed = False
        self._wake = asyncio.Event()

    def put(self, item: Event | Missed) -> None:
        if isinstance(item, Missed) and self._waiting and item == self._waiting[-1]:
            return
        if len(self._waiting) >= self._buffer:
            self._lose(self._waiting.popleft())
        self._waiting.append(item)
        self._wake.set()

    def close(self) -> None:
        """Nothing more comes. What waits can still be read."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | Missed:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        if self._cut or self._missed:
            missed = Missed(None if self._cut else self._missed)
            self._cut, self._missed = False, 0
            return missed
        return self._waiting.popleft()

    def _lose(self, item: Event | Missed) -> None:
        if isinstance(item, Event):
            self._missed += 1
            self._on_missed()
        else:
            self._cut = True


class EventBus(Protocol):
    """Belongs to the event loop: not to be called from other threads."""

    @property
    def missed(self) -> int:
        """Events that listeners of this node were too slow for, so far."""
        ...

    def publish(self, topic: str, data: Any) -> None:
        """Tell all who listen. `data` is JSON."""
        ...

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[Subscription]:
        """Listen to topics, each exact (`task.01ab`) or a prefix (`task.*`). Raises `Invalid`.

        An event that several of them match is heard once.
        """
        ...

    def close(self) -> None:
        """Nothing more will be heard here: every subscription, now and later, ends."""
        ...


def check_topic(topic: str) -> None:
    """Raises `Invalid` when nobody can listen to that."""
    if not TOPIC.fullmatch(topic):
        raise Invalid(f"{topic[:80]!r} is no topic: write one like `task.01ab`, or a prefix like `task.*`.")
