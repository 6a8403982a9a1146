"""The answers of one stream, in the order in which they may be said."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from feria.emotions.frames import Id, encode

UNSAID = 256
"""Answers that may wait for a reader who is slow; then nothing more is read of it."""


@dataclass(slots=True, eq=False)
class Request:
    id: Id | None = None
    """The sender's own."""
    began: float = field(default_factory=time.perf_counter)
    answer: str | None = None

    @property
    def milliseconds(self) -> float:
        """Since it came."""
        return (time.perf_counter() - self.began) * 1e3


class Outbox:
    """Answers to requests without an id come in the order of the requests, those with one when they are
    there."""

    def __init__(self) -> None:
        self._line: deque[Request] = deque()
        self._unsaid: deque[str] = deque()
        self._wake, self._room = asyncio.Event(), asyncio.Event()
        self._ending = False

    def expect(self, request: Request) -> None:
        """It has no id: it is answered after those that were expected before."""
        self._line.append(request)

    def put(self, request: Request, frame: dict[str, Any]) -> None:
        if request.id is not None:
            self._unsaid.append(encode({**frame, "id": request.id}))
        else:
            request.answer = encode(frame)
            if request not in self._line:
                self._line.append(request)
            while self._line and (answer := self._line[0].answer) is not None:
                self._line.popleft()
                self._unsaid.append(answer)
        self._wake.set()

    async def room(self) -> None:
        """Wait while the other side reads too slowly."""
        if len(self._unsaid) >= UNSAID:
            self._room.clear()
            await self._room.wait()

    async def next(self) -> str | None:
        """Nothing once it was to end, all was said, and nothing is expected any more."""
        while not self._unsaid:
            self._room.set()
            if self._ending:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._unsaid.popleft()

    def end(self) -> None:
        self._ending = True
        self._wake.set()
