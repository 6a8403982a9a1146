"""Who listens hears everything once, whatever happens at the same moment."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chat.test_log import ANA, Room
from feria.chat.broadcast import Audience, Listener
from feria.chat.feed import Feed, open_feed
from feria.chat.log import Done, Post
from feria.clock import SystemClock
from feria.events.process import ProcessBus
from feria.migrations import schema
from feria.settings import EventSettings, StorageSettings
from feria.storage.database import open_database
from serving import until


class Ear(Listener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def write(self, texts: Any, frames: bytes) -> None:
        for text in texts:
            name, said = msgspec.json.decode(text[1:])
            self.heard.append((name, said["changed"]))


class Node(Room):
    feed: Feed

    async def tell(self, *texts: str) -> None:
        """Say something, as a node's group commit does."""
        orders = [Post(ANA, "general", text, text, None, ()) for text in texts]
        outcomes = await self.commit(*orders)
        self.feed.committed(one.entry for one in outcomes if isinstance(one, Done))


@pytest.fixture
async def node(tmp_path: Path) -> AsyncGenerator[Node]:
    async with open_database(StorageSettings(), tmp_path) as database:
        await schema.upgrade(database)
        node = Node(database)
        await node.rooms.open()
        bus = ProcessBus(EventSettings())
        async with open_feed(node.history, node.rooms, bus, SystemClock(), shared=False) as node.feed:
            yield node


async def joined(node: Node, sid: str, after: int | None = 0) -> tuple[Ear, Any]:
    ear = Ear()
    place, _ = await node.rooms.enter("general", ANA)
    return ear, await node.feed.join(place, sid, ear, after, 500)


async def test_who_joins_while_others_speak_misses_nothing_and_hears_nothing_twice(node: Node) -> None:
    first, _ = await joined(node, "first")
    speaking = asyncio.create_task(_speak(node, 450))
    later = []
    while not speaking.done():
        ear, page = await joined(node, f"later {len(later)}")
        assert not page.more
        later.append((ear, [one.changed for one in page.messages]))
    await until(lambda: len(first.heard) >= 450)
    await asyncio.sleep(0)
    assert [changed for _, changed in first.heard] == list(range(1, 451))
    assert len(later) > 5
    for ear, missed in later:
        assert missed + [changed for _, changed in ear.heard] == list(range(1, 451))


async def _speak(node: Node, many: int) -> None:
    for number in range(0, many, 3):
        await node.tell(*(str(number + one) for one in range(3)))


async def test_what_another_node_says_is_found_without_a_hint(node: Node) -> None:
    ear, _ = await joined(node, "ear")
    await node.say(ANA, "sin aviso")  # by nobody who tells this node
    await node.feed.look()
    await until(lambda: ear.heard == [("message", 1)])


async def test_hints_that_are_late_repeated_or_wrong_change_nothing(node: Node) -> None:
    ear, _ = await joined(node, "ear")
    await node.tell("1", "2")
    await node.say(ANA, "3")
    for last in (3, 3, 1, 2, 99, 3):
        node.feed._bus.publish("chat.room.1", {"room": 1, "last": last})
        await asyncio.sleep(0)
    await until(lambda: len(ear.heard) == 3)
    await node.tell("4")
    await until(lambda: len(ear.heard) == 4)
    assert [changed for _, changed in ear.heard] == [1, 2, 3, 4]


async def test_who_comes_with_a_number_that_was_never_given_hears_what_comes(node: Node) -> None:
    await node.tell("1")
    ear, page = await joined(node, "ear", after=1000)
    assert (page.messages, page.last) == ((), 1)
    await node.tell("2")
    await until(lambda: ear.heard == [("message", 2)])


async def test_a_room_that_nobody_hears_is_forgotten(node: Node) -> None:
    await joined(node, "ear")
    node.feed.leave(1, "ear")
    assert node.feed._followed == {}
    await node.tell("1")


async def test_a_message_edited_before_it_was_told_is_told_as_it_is(node: Node) -> None:
    from feria.chat.log import Change

    ear, _ = await joined(node, "ear")
    await node.say(ANA, "1")
    await node.commit(Change(ANA, "general", 1, "uno"))
    await node.feed.look()
    await until(lambda: ear.heard == [("message", 2)])


class Polls:
    """An Engine.IO socket that polls."""

    def __init__(self) -> None:
        self.sid = "polls"
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.upgraded = self.closed = self.sending = False


class Pipe:
    """A transport that somebody reads, or not."""

    def __init__(self, *, reads: bool = True) -> None:
        self.written: list[bytes] = []
        self.closed = False
        self._reads = reads

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return 0 if self._reads else sum(map(len, self.written))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


async def test_what_is_said_in_one_turn_leaves_in_one_write() -> None:
    audience, pipes = Audience(), [Pipe() for _ in range(3)]
    for number, pipe in enumerate(pipes):
        audience.add(str(number), Listener(Polls(), pipe, 1000))  # type: ignore[arg-type]
    for text in ("a", "b", "c"):
        audience.send(text)
    await asyncio.sleep(0)
    assert [pipe.written for pipe in pipes] == [[b"\x81\x024a\x81\x024b\x81\x024c"]] * 3


async def test_who_does_not_read_is_told_why_and_let_go() -> None:
    audience, deaf, ear = Audience(), Pipe(reads=False), Pipe()
    audience.add("deaf", Listener(Polls(), deaf, 100))  # type: ignore[arg-type]
    audience.add("ear", Listener(Polls(), ear, 100))  # type: ignore[arg-type]
    for _ in range(10):
        audience.send("x" * 50)
        await asyncio.sleep(0)
    assert len(ear.written) == 10
    assert deaf.closed
    assert len(deaf.written) == 3
    assert deaf.written[-1][:4] == b"\x88" + bytes([len(deaf.written[-1]) - 2]) + (1013).to_bytes(2, "big")


async def test_who_comes_over_from_polling_is_written_to_once_the_queue_is_empty() -> None:
    engine, pipe = Polls(), Pipe()
    listener = Listener(engine, None, 1000)
    listener.send("1")
    listener.came_over(pipe)  # type: ignore[arg-type]
    listener.send("2")
    engine.upgraded = True
    listener.send("3")
    await asyncio.sleep(0.05)
    assert [engine.queue.get_nowait().data for _ in range(3)] == ["1", "2", "3"]
    engine.sending = True
    listener.send("4")
    assert engine.queue.get_nowait().data == "4"
    engine.sending = False
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            while not pipe.written:
                await asyncio.sleep(0.005)
                listener.send("5")
                while not engine.queue.empty():
                    engine.queue.get_nowait()
    assert pipe.written[0] == b"\x81\x0245"
