"""A database that says nothing, neither yes nor no, and callers who were known before."""

import asyncio

import pytest

from clocks import ManualClock
from feria.access.memory import AGAIN_AFTER, Remembered


async def test_who_was_known_does_not_wait_for_a_silent_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feria.access.memory.PATIENCE", 0.01)
    clock, speaks, said = ManualClock(), asyncio.Event(), ["first", "second"]
    speaks.set()

    async def find(key: str) -> str:
        await speaks.wait()
        return said.pop(0)

    remembered = Remembered(find, clock)
    assert await remembered.get("ana") == "first"
    clock.advance(AGAIN_AFTER)
    speaks.clear()
    async with asyncio.timeout(300):
        assert await remembered.get("ana") == "first"
        speaks.set()  # the question still stands; its answer is what counts from then on
        while (heard := await remembered.get("ana")) == "first":  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert heard == "second"
    assert said == []
