"""Accounts for every acknowledged message: all hear each once, in the order of the room."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from chat.raw import address

ROOM = "general"
LOST = (OSError, WebSocketException, TimeoutError, asyncio.IncompleteReadError)
PATIENCE = 8.0


@dataclass
class Speaker:
    """Says one thing after the other, each again with its id, as the same guest, until it is acknowledged."""

    url: Callable[[], str]
    name: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Place in the room by id."""
    refused: list[str] = field(default_factory=list)
    """Errors, as they came."""
    wrong: list[str] = field(default_factory=list)
    guest: str = ""
    """Its name, signed."""

    async def speak(self, stop: asyncio.Event) -> None:
        numbers = itertools.count()
        saying: str | None = None
        while not stop.is_set() or saying is not None:
            with contextlib.suppress(*LOST):
                async with connect(address(self.url()), compression=None, open_timeout=PATIENCE) as socket:
                    await socket.send(
                        "40" + (msgspec.json.encode({"guest": self.guest}).decode() if self.guest else "")
                    )
                    welcome = await _answer(socket, '42["welcome",', "]")
                    self.guest = welcome["guest"]
                    while not stop.is_set() or saying is not None:
                        saying = saying or f"{self.name}-{next(numbers)}"
                        order = {"room": ROOM, "id": saying, "text": saying}
                        await socket.send("421" + msgspec.json.encode(["message", order]).decode())
                        answer = await _answer(socket, "431")
                        if answer["status"] == "success":
                            self._note(saying, answer["seq"])
                            saying = None
                        else:
                            self.refused.append(answer["error"])
                            await asyncio.sleep(0.02)
            await asyncio.sleep(0.02)

    def _note(self, id: str, seq: int) -> None:
        if self.acknowledged.setdefault(id, seq) != seq:
            self.wrong.append(f"{id} has two places")


@dataclass
class Listener:
    """Hears a room; when the connection is lost it comes back and asks for what it missed."""

    url: Callable[[], str]
    heard: list[tuple[int, str]] = field(default_factory=list)
    """Numbers of the room, with ids."""
    last: int = 0
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    comings: int = 0

    async def listen(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(*LOST):
                async with connect(address(self.url()), compression=None, open_timeout=PATIENCE) as socket:
                    await socket.send("40")
                    more = True
                    while more:
                        order = {"room": ROOM, "after": self.last, "limit": 100}
                        await socket.send("421" + msgspec.json.encode(["join", order]).decode())
                        page = await _answer(socket, "431")
                        if page["status"] != "success":
                            raise OSError(page["error"])
                        self._note(page["messages"])
                        self.last, more = page["last"], page["more"]
                    self.comings += 1
                    self.joined.set()
                    async for said in socket:
                        if said == "2":
                            await socket.send("3")
                        elif isinstance(said, str) and said.startswith('42["message",'):
                            message = msgspec.json.decode(said[2:])[1]
                            self._note([message])
                            self.last = message["changed"]
            await asyncio.sleep(0.02)

    def _note(self, messages: list[dict[str, Any]]) -> None:
        self.heard += [(one["changed"], one["id"]) for one in messages]


async def _answer(socket: Any, start: str, end: str = "") -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            said = await socket.recv()
            if isinstance(said, str) and said.startswith(start):
                said = said[len(start) :].removesuffix(end)
                return msgspec.json.decode(said) if end else msgspec.json.decode(said)[0]
            if said == "2":
                await socket.send("3")


@dataclass
class Conversation:
    speakers: list[Speaker]
    listeners: list[Listener]
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    speaking: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def acknowledged(self) -> dict[str, int]:
        return {id: seq for one in self.speakers for id, seq in one.acknowledged.items()}

    def faults(self) -> list[str]:
        """What should not be; nothing where all is well."""
        found = [fault for one in self.speakers for fault in one.wrong]
        acknowledged = self.acknowledged
        if len(set(acknowledged.values())) != len(acknowledged):
            found.append("two messages have one place")
        for number, one in enumerate(self.listeners):
            ids = [id for _, id in one.heard]
            if missing := acknowledged.keys() - set(ids):
                found.append(
                    f"listener {number} lost {len(missing)} of {len(acknowledged)}: {sorted(missing)[:5]}"
                )
            if len(ids) != len(set(ids)):
                found.append(f"listener {number} heard {len(ids) - len(set(ids))} twice")
            numbers = [changed for changed, _ in one.heard]
            if numbers != sorted(numbers):
                found.append(f"listener {number} heard things out of order")
        return found

    async def until_said(self, more: int, seconds: float = 300) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + more
        with anyio.fail_after(seconds):
            while len(self.acknowledged) < wanted:  # noqa: ASYNC110 - others count them
                await asyncio.sleep(0.01)

    async def fall_silent(self) -> None:
        """Let everybody end what they are saying, and say no more."""
        self.silent.set()
        await asyncio.gather(*self.speaking)

    async def until_heard(self, seconds: float = 300) -> None:
        """Wait until everybody has heard all; when they do not, `faults` says what is missing."""
        with anyio.move_on_after(seconds):
            while any(one.last < max(self.acknowledged.values()) for one in self.listeners):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def conversing(
    *urls: Callable[[], str], speakers: int = 2, listeners: int = 2
) -> AsyncGenerator[Conversation]:
    """So many on each node. When the block ends they fall silent, and all that is under way arrives."""
    made = Conversation(
        [Speaker(url, f"{place}.{number}") for place, url in enumerate(urls) for number in range(speakers)],
        [Listener(url) for url in urls for _ in range(listeners)],
    )
    gone = asyncio.Event()
    listening = [asyncio.create_task(one.listen(gone)) for one in made.listeners]
    for one in made.listeners:
        await one.joined.wait()
    made.speaking = [asyncio.create_task(one.speak(made.silent)) for one in made.speakers]
    try:
        yield made
        await made.fall_silent()
        await made.until_heard()
    finally:
        gone.set()
        for task in (*made.speaking, *listening):
            task.cancel()
        await asyncio.gather(*made.speaking, *listening, return_exceptions=True)
