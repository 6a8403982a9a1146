"""Pieces of what is too large for a row, asked for by their sha256, and believed only when they are that.

Whoever has a piece may give it, be it a file of its own there or part of a longer one. A piece that is torn
or was changed on some disk is as good as missing. It travels in slices that let everything else go first, so
that no ping and no row waits behind a model.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from feria.errors import FeriaError, Unavailable

log = logging.getLogger(__name__)

PIECE_BYTES = 2**20
SLICE_BYTES = 2**17
SILENT_SECONDS = 10.0
"""A member that has given nothing at all for so long is asked no further; another one is."""
SERVED_AT_ONCE = 32
ROOM_SECONDS, ROOM_TRIES = 0.05, 200
"""How often a slice is offered to a full queue. The transport tells nobody when there is room again."""


class Want(msgspec.Struct, frozen=True, array_like=True, tag="c.want"):
    number: int
    digest: bytes


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag="c.chunk"):
    """Part of the answer to a `Want` of that number: what begins at byte `at` of `of`. Without content, that
    there is no such piece."""

    number: int
    content: bytes | None
    at: int = 0
    of: int = 0


Message = Want | Chunk
Send = Callable[[str, Message], bool]
Peers = Callable[[], Mapping[str, str]]
"""The live members but this one: their address by their id."""
Source = Callable[[bytes], Awaitable[bytes | None]]
"""The piece of that sha256, proven, or None where it has none."""


@dataclass(slots=True)
class _Asked:
    """A question to one member."""

    answer: "asyncio.Future[bytes | None]"
    came: bytearray = field(default_factory=bytearray)


class Pieces:
    """What this member gives to others, and gets of them."""

    def __init__(self, *, send: Send, peers: Peers) -> None:
        self._send = send
        self._peers = peers
        self._sources: list[Source] = []
        self._numbers = random.SystemRandom()
        self._asked: dict[int, _Asked] = {}
        self._heard: dict[str, float] = {}
        """When a member last gave something; of the loop's time."""
        self._giver = ""  # gave the last one, so it is asked first for the next
        self._serving = 0
        self.tasks: set[asyncio.Task[Any]] = set()

    def give(self, source: Source) -> None:
        """Have others get what `source` knows of."""
        self._sources.append(source)

    async def get(self, digest: bytes, holders: Callable[[], Collection[str]] = tuple) -> bytes:
        """That piece, from any live member; `holders` are ids of those that are thought to have it.

        Raises `Unavailable` when nobody live gives it.
        """
        peers = dict(self._peers())
        likely = [peers.pop(id) for id in holders() if id in peers]
        self._numbers.shuffle(likely)  # so that many pieces come from many
        others = list(peers.values())
        self._numbers.shuffle(others)
        others.sort(key=lambda address: address != self._giver)
        for address in [*likely, *others]:
            content = await self._ask(address, digest)
            if content is None:
                continue
            if hashlib.sha256(content).digest() != digest:
                log.warning("What %s gave for piece %s… is not that.", address, digest.hex()[:12])
                continue
            self._giver = address
            return content
        raise Unavailable(
            f"No member that answers has a piece of this ({digest.hex()[:12]}…). It is known of, and "
            "comes when one that has it is back."
        )

    def receive(self, sender: str, message: Message) -> None:
        """What another member said, on the event loop."""
        if isinstance(message, Chunk):
            self._heard[sender] = asyncio.get_running_loop().time()
            asked = self._asked.get(message.number)
            if asked is not None and not asked.answer.done():
                _add(asked, message)
        elif self._serving < SERVED_AT_ONCE:  # who gets no answer asks another
            self._serving += 1
            self.start(self._serve(sender, message))

    async def _ask(self, address: str, digest: bytes) -> bytes | None:
        loop = asyncio.get_running_loop()
        number = self._numbers.getrandbits(63)
        asked = self._asked[number] = _Asked(loop.create_future())
        try:
            if not self._send(address, Want(number, digest)):
                return None
            # A slow line may be busy with other pieces for long: while any come, this one is on its way.
            last = loop.time()
            while (left := last + SILENT_SECONDS - loop.time()) > 0:
                done, _ = await asyncio.wait([asked.answer], timeout=left)
                if done:
                    return asked.answer.result()
                last = max(last, self._heard.get(address, 0.0))
            return None
        finally:
            del self._asked[number]

    async def _serve(self, sender: str, want: Want) -> None:
        try:
            content = await self._own(want.digest)
            if content is None:
                self._send(sender, Chunk(want.number, None))
                return
            for at in range(0, len(content) or 1, SLICE_BYTES):
                part = Chunk(want.number, content[at : at + SLICE_BYTES], at, len(content))
                if not await self._offered(sender, part):
                    return
        finally:
            self._serving -= 1

    async def _own(self, digest: bytes) -> bytes | None:
        for source in self._sources:
            try:
                content = await source(digest)
            except FeriaError as error:
                log.warning("Piece %s… is not given: %s", digest.hex()[:12], error.message)
                continue
            if content is not None:
                return content
        return None

    async def _offered(self, sender: str, part: Chunk) -> bool:
        for _ in range(ROOM_TRIES):
            if self._send(sender, part):
                return True
            await asyncio.sleep(ROOM_SECONDS)
        return False

    # ------------------------------------------------------------------------------- tasks
    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Have it go on by itself until it is done, or all is closed."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to who waits; nobody may

    async def close(self) -> None:
        await ended(self.tasks)


async def ended(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel them, and wait until they are gone."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _add(asked: _Asked, part: Chunk) -> None:
    """Slices come in order while a connection lasts; where one is missing, the piece is as good as none."""
    if part.content is None or part.at != len(asked.came) or not 0 <= part.of <= PIECE_BYTES:
        asked.answer.set_result(None)
        return
    asked.came += part.content
    if len(asked.came) >= part.of:
        asked.answer.set_result(bytes(asked.came))
