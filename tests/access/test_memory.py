"""What the database said a moment ago."""

import asyncio

import pytest

from clocks import ManualClock
from feria.access.memory import AGAIN_AFTER, WITHOUT_DATABASE, Remembered
from feria.errors import Busy, FeriaError, Unavailable


class Shelf:
    """Where things are found, or not, and how often somebody looked."""

    def __init__(self) -> None:
        self.things: dict[str, int] = {}
        self.looked = 0
        self.away: FeriaError | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()

    async def find(self, key: str) -> int | None:
        self.looked += 1
        self.asked.set()
        found = self.things.get(key)
        await self.open.wait()
        if self.away:
            raise self.away
        return found


async def test_the_same_question_is_not_asked_again_at_once_and_a_change_shows_soon() -> None:
    shelf, clock = Shelf(), ManualClock()
    remembered = Remembered(shelf.find, clock)
    shelf.things["a"] = 1
    assert [await remembered.get("a") for _ in range(3)] == [1, 1, 1]
    assert shelf.looked == 1
    del shelf.things["a"]
    clock.advance(AGAIN_AFTER)
    assert await remembered.get("a") is None


async def test_what_is_not_there_is_looked_for_each_time() -> None:
    shelf = Shelf()
    remembered = Remembered(shelf.find, ManualClock())
    assert await remembered.get("a") is None
    shelf.things["a"] = 1
    assert await remembered.get("a") == 1


@pytest.mark.parametrize("away", [Unavailable("Away."), Busy("All connections are in use.")])
async def test_while_the_database_is_away_the_last_word_counts_for_a_while(away: FeriaError) -> None:
    shelf, clock = Shelf(), ManualClock()
    remembered = Remembered(shelf.find, clock)
    shelf.things["a"] = 1
    await remembered.get("a")
    shelf.away = away
    clock.advance(WITHOUT_DATABASE)
    assert await remembered.get("a") == 1
    with pytest.raises(type(away)):
        await remembered.get("b")
    clock.advance(AGAIN_AFTER)
    with pytest.raises(type(away)):
        await remembered.get("a")


async def test_what_is_forgotten_while_it_is_looked_for_is_not_remembered() -> None:
    shelf = Shelf()
    remembered = Remembered(shelf.find, ManualClock())
    shelf.things["a"] = 1
    shelf.open.clear()
    asking = asyncio.create_task(remembered.get("a"))
    await shelf.asked.wait()
    del shelf.things["a"]
    remembered.forget("a")
    shelf.open.set()
    assert await asking == 1  # it asked before
    assert await remembered.get("a") is None


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feria.access.memory.MOST", 2)
    shelf = Shelf()
    remembered = Remembered(shelf.find, ManualClock())
    shelf.things = {"a": 1, "b": 2, "c": 3}
    for key in "abcc":
        await remembered.get(key)
    assert shelf.looked == 3
    await remembered.get("a")
    assert shelf.looked == 4
