"""Events in the database: each once, in groups, and no longer than they may."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from clocks import START
from feria.errors import Unavailable
from feria.recommendations import events as kept
from feria.recommendations.events import Events, Happened, open_events
from feria.storage.database import Database


def happened(number: int, shopper: str = "ana", at: datetime | None = None, **more: object) -> Happened:
    made = Happened(f"{number:032}", shopper, 0, number + 1, None, at or START + timedelta(minutes=number))
    return made._replace(**more)  # type: ignore[arg-type]


@pytest.fixture
async def events(database: Database) -> AsyncGenerator[Events]:
    async with open_events(database) as events:
        yield events


async def test_what_is_sent_again_is_there_once(events: Events) -> None:
    batch = [happened(number) for number in range(5)]
    first = await events.append(batch)
    again = await events.append([*batch[3:], happened(5), happened(5)])
    assert (first.new, again.new) == (batch, [happened(5)])
    assert again.number == await events.last_number()
    assert await events.all_of("ana") == [*batch, happened(5)]


async def test_many_that_send_the_same_at_once_bring_it_once(events: Events) -> None:
    batch = [happened(number) for number in range(50)]
    answers = await asyncio.gather(*(events.append(batch) for _ in range(10)))
    assert sorted(one for answer in answers for one in answer.new) == batch
    assert len(await events.all_of("ana")) == 50


async def test_two_nodes_that_are_told_the_same_keep_it_once(database: Database) -> None:
    batch = [happened(number) for number in range(50)]
    async with open_events(database) as one, open_events(database) as other:
        answers = await asyncio.gather(*(node.append(batch) for node in (one, other) * 5))
        assert sorted(new for answer in answers for new in answer.new) == batch
        assert len(await one.all_of("ana")) == 50


async def test_who_comes_together_shares_a_commit(events: Events, database: Database) -> None:
    commits = 0
    write = database.write

    async def counted(step: Callable[[Connection], object]) -> object:
        nonlocal commits
        commits += 1
        return await write(step)

    database.write = counted  # type: ignore[method-assign, assignment]
    await asyncio.gather(*(events.append([happened(number)]) for number in range(300)))
    assert commits <= 3
    assert len(await events.all_of("ana")) == 300


async def test_a_shoppers_newest_come_oldest_first(events: Events) -> None:
    late_comer = happened(100, at=START)  # sent last, happened first
    await events.append([happened(number) for number in range(1, 10)] + [late_comer])
    await events.append([happened(50, shopper="eva")])
    assert [product for _, _, product in await events.newest_of("ana", 3)] == [8, 9, 10]
    whole = await events.newest_of("ana", 100)
    assert whole[0] == (START, 0, 101)
    assert [at for at, _, _ in whole] == sorted(at for at, _, _ in whole)


async def test_the_log_is_in_the_order_in_which_things_happened(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PAGE", 7)
    told = [happened(number, shopper="ana" if number % 3 else "eva") for number in range(40)]
    await events.append(told[20:])
    await events.append(told[:20])
    log = await events.log(await events.last_number(), 1000)
    assert [(log.shoppers[row["shopper"]], int(row["product"])) for row in log.rows] == [
        (one.shopper, one.product_id) for one in told
    ]
    assert log.rows["at"][0] == START.timestamp()
    newest = await events.log(await events.last_number(), 20)  # the last to come, not to happen
    assert newest.rows["product"].tolist() == [one.product_id for one in told[:20]]
    assert len((await events.log(0, 1000)).rows) == 0


async def test_one_is_erased_and_the_others_stay(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PAGE", 7)
    await events.append([happened(number) for number in range(30)])
    await events.append([happened(99, shopper="eva")])
    assert await events.erase("ana") == 30
    assert await events.erase("ana") == 0
    assert await events.all_of("ana") == []
    assert await events.all_of("eva") == [happened(99, shopper="eva")]


async def test_time_and_number_are_limits(events: Events) -> None:
    await events.append([happened(number) for number in range(10)])
    assert await events.forget_before(START + timedelta(minutes=3)) == 3
    assert await events.forget_all_but(5) == 2
    assert [one.product_id for one in await events.all_of("ana")] == [6, 7, 8, 9, 10]
    assert await events.forget_all_but(5) == 0


async def test_what_the_table_holds_comes_back_as_it_was(events: Events) -> None:
    one = happened(7, kind=2, store="Señor Gómez · 店", at=START + timedelta(microseconds=123_456))
    await events.append([one])
    assert await events.all_of("ana") == [one]


async def test_once_closed_it_refuses_instead_of_waiting_for_ever(database: Database) -> None:
    async with open_events(database) as events:
        pass
    with pytest.raises(Unavailable):
        await events.append([happened(1)])
