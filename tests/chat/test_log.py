"""What is stored of a conversation, on all three databases."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clocks import START, ManualClock
from feria.chat.history import GONE, History
from feria.chat.log import Batch, Change, Done, Order, Post
from feria.chat.marks import Mark, MarkBook
from feria.chat.moderation import decide, in_force
from feria.chat.people import Person, open_guests
from feria.chat.rooms import Rooms
from feria.chat.wire import Founding, Sentence
from feria.errors import Conflict, FeriaError, Invalid, NotAllowed, NotFound
from feria.settings import StorageSettings
from feria.storage.database import Database, open_database

ANA, BEA = Person("guest.ana", "Ana", "guest"), Person("guest.bea", "Bea", "guest")
SHOP = Person("till-3", "till-3", "operator")


class Room:
    """A node's chat, without anybody to tell."""

    def __init__(self, database: Database) -> None:
        self._ids = itertools.count()
        self.clock = ManualClock()
        self.database = database
        self.rooms, self.history = Rooms(database, self.clock), History(database)

    async def commit(self, *orders: Order) -> Sequence[Done | FeriaError]:
        now = self.clock.now()
        return await self.database.write(lambda connection: Batch(connection, orders, now).run())

    async def say(self, person: Person, *texts: str, room: str = "general") -> list[Any]:
        orders = [Post(person, room, f"{next(self._ids)}", text, None, ()) for text in texts]
        return [one.entry.seq if isinstance(one, Done) else one.code for one in await self.commit(*orders)]

    async def all(self, room: int = 1) -> list[tuple[int, int, str]]:
        found, _ = await self.history.after(room, 0, 1000)
        return [(one.seq, one.changed, one.text) for one in found]


@pytest.fixture
async def room(database: Database) -> Room:
    made = Room(database)
    await made.rooms.open()
    return made


async def test_messages_and_changes_are_numbered_without_a_gap(room: Room) -> None:
    assert await room.say(ANA, "uno", "dos") == [1, 2]
    first, second = await room.commit(
        Change(ANA, "general", 1, "UNO"), Post(BEA, "general", "x", "tres", 2, ())
    )
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert (first.entry.changed, second.entry.seq) == (3, 4)
    assert await room.all() == [(2, 2, "dos"), (1, 3, "UNO"), (4, 4, "tres")]
    assert await room.rooms.last([1]) == {1: 4}


async def test_a_batch_stores_each_id_once_and_refuses_only_what_is_wrong(room: Room) -> None:
    await decide(room.database, Sentence(person=BEA.id, kind="mute"), SHOP.id, START)
    same = Post(ANA, "general", "1", "hola", None, ())
    outcomes = await room.commit(
        same,
        same,
        Post(BEA, "general", "1", "hola", None, ()),
        Post(ANA, "nada", "1", "hola", None, ()),
        Post(ANA, "general", "2", "re", 9, ()),
        Change(ANA, "general", 9, "x"),
        Post(SHOP, "general", "1", "hola", None, ()),
    )
    assert [one.entry.seq if isinstance(one, Done) else type(one) for one in outcomes] == [
        1, 1, NotAllowed, NotFound, Invalid, NotFound, 2,
    ]  # fmt: skip
    assert [one.repeated for one in outcomes if isinstance(one, Done)] == [False, True, False]
    again = (await room.commit(same))[0]
    assert isinstance(again, Done)
    assert (again.entry.seq, again.repeated) == (1, True)
    assert len(await room.all()) == 2


async def test_two_nodes_give_no_number_twice(
    database: Database, storage_settings: StorageSettings, tmp_path: Path
) -> None:
    async with open_database(storage_settings, tmp_path) as another:
        one, two = Room(database), Room(another)
        await asyncio.gather(one.rooms.open(), two.rooms.open())
        given = await asyncio.gather(
            *(
                node.say(Person(f"guest.{number}", "x", "guest"), *(f"{number}-{n}" for n in range(5)))
                for number in range(20)
                for node in (one, two)[number % 2 :][:1]
            )
        )
        numbers = [seq for some in given for seq in some]
        assert sorted(numbers) == list(range(1, 101))
        assert await one.all() == await two.all()


async def test_rooms_are_entered_by_those_they_are_for(room: Room) -> None:
    await room.rooms.found(Founding(name="vip", kind="private", members=(ANA.id,)), SHOP)
    with pytest.raises(Conflict):
        await room.rooms.found(Founding(name="vip"), SHOP)
    assert (await room.rooms.enter("vip", ANA))[0].kind == "private"
    with pytest.raises(NotFound):
        await room.rooms.enter("vip", BEA)
    assert await room.say(BEA, "x", room="vip") == ["not_found"]
    place = (await room.rooms.enter("vip", ANA))[0]
    await room.rooms.leave(place, ANA)
    with pytest.raises(NotFound):
        await room.rooms.enter("vip", ANA)
    asked = await room.rooms.shop(BEA)
    assert (await room.rooms.enter(asked.name, SHOP))[0].id == asked.id
    with pytest.raises(NotFound):
        await room.rooms.enter(asked.name, ANA)
    assert {one.name for one in await room.rooms.of(ANA)} == {"general"}
    assert {one.name for one in await room.rooms.of(SHOP)} == {"general", "vip", asked.name}


async def test_marks_go_forward_only_and_leave_what_is_unread(room: Room) -> None:
    await room.say(ANA, "1", "2", "3")
    await room.say(BEA, "4")
    place, _ = await room.rooms.enter("general", BEA)
    marks = MarkBook(room.database, room.clock)
    await marks.write([Mark(place, BEA, 2, 2), Mark(place, BEA, 3, 1), Mark(place, ANA, 0, 4)])
    await marks.write([Mark(place, BEA, 1, 1)])
    unread = {person.id: (await room.rooms.of(person))[0] for person in (ANA, BEA, SHOP)}
    assert (unread[BEA.id].marks.delivered, unread[BEA.id].marks.read, unread[BEA.id].unread) == (3, 2, 1)
    assert (unread[ANA.id].unread, unread[SHOP.id].unread) == (0, 0)


async def test_a_sanction_ends_with_its_time(room: Room) -> None:
    await decide(room.database, Sentence(person=ANA.id, kind="mute", minutes=10), SHOP.id, START)
    assert await room.say(ANA, "x") == ["not_allowed"]
    assert len(await in_force(room.database, room.clock.now())) == 1
    room.clock.advance(601)
    assert await room.say(ANA, "x") == [1]
    assert await in_force(room.database, room.clock.now()) == []
    with pytest.raises(NotFound):
        await decide(room.database, Sentence(person=BEA.id, kind="ban", lift=True), SHOP.id, START)


async def test_search_finds_words_and_takes_nothing_for_a_pattern(room: Room) -> None:
    await room.say(ANA, "Camión 100%", "camion_rojo", "Straße \\ x")
    for words, seqs in {
        "CAMION": [2, 1],
        "100%": [1],
        "n_r": [2],
        "strasse": [3],
        "\\": [3],
        "%%": [],
    }.items():
        found = await room.history.search(BEA, words, None, 10)
        assert [one.seq for one in found] == seqs, words
    with pytest.raises(Invalid):
        await room.history.search(BEA, "  ", None, 10)


async def test_erasing_somebody_leaves_that_there_was_a_message(room: Room) -> None:
    await room.say(ANA, "mi dirección es …", "otra")
    await room.say(BEA, "¿cuál?")
    asked = await room.rooms.shop(ANA)
    exported = await room.history.export(ANA.id)
    assert [one["text"] for one in exported["messages"]] == ["mi dirección es …", "otra"]
    assert [one["room"] for one in exported["rooms"]] == [asked.name]
    assert await room.history.erase(ANA.id) == 4
    found, last = await room.history.after(1, 0, 10)
    assert [(one.seq, one.person, one.text, one.deleted) for one in found] == [
        (3, BEA.id, "¿cuál?", False), (1, GONE, "", True), (2, GONE, "", True),
    ]  # fmt: skip
    assert last == 5
    assert await room.history.export(ANA.id) == {"messages": [], "rooms": [], "sanctions": 0}
    assert await room.history.search(BEA, "dirección", None, 10) == ()
    assert await room.history.erase(ANA.id) == 0


async def test_what_is_older_than_is_kept_goes_and_numbers_stay(room: Room) -> None:
    await room.say(ANA, "vieja")
    place, _ = await room.rooms.enter("general", ANA)
    await MarkBook(room.database, room.clock).write([Mark(place, ANA, 1, 1)])
    await decide(room.database, Sentence(person=ANA.id, kind="mute", minutes=1), SHOP.id, START)
    room.clock.advance(100)
    await room.say(ANA, "nueva")
    assert await room.history.forget_before(room.clock.now()) == 1
    assert await room.all() == [(2, 2, "nueva")]
    assert await room.rooms.members(place) == []
    assert (await room.history.export(ANA.id))["sanctions"] == 0
    assert await room.say(ANA, "otra") == [3]


async def test_text_of_every_script_is_kept_as_it_is(room: Room) -> None:
    texts = ["ñandú 🎪 👩\u200d👩\u200d👧", "שלום", "日本語", "a" * 4000, "'; DROP TABLE chat_rooms; --"]
    assert await room.say(ANA, *texts) == [1, 2, 3, 4, 5]
    assert [text for _, _, text in await room.all()] == texts


async def test_all_nodes_of_a_database_sign_with_one_key(
    database: Database, storage_settings: StorageSettings, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        another = await stack.enter_async_context(open_database(storage_settings, tmp_path))
        one, two = await asyncio.gather(open_guests(database), open_guests(another))
        guest = one.new("Ana")
        assert two.read(one.sign(guest)) == guest
