"""What every event bus promises: in one process, and over a real Redis."""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.errors import Invalid
from feria.events.bus import Event, EventBus, Missed, Subscription, check_topic
from feria.events.process import ProcessBus
from feria.settings import EventSettings
from redises import redis_events

BUFFER = 8


@pytest.fixture(params=["process", "redis", "two nodes"])
async def ends(request: pytest.FixtureRequest) -> AsyncGenerator[tuple[EventBus, EventBus]]:
    """Where one tells, and where one listens."""
    if request.param == "process":
        bus = ProcessBus(EventSettings(buffer=BUFFER))
        yield bus, bus
        return
    from feria.events.redis import open_redis_bus

    async with contextlib.AsyncExitStack() as stack:
        settings = await stack.enter_async_context(redis_events(buffer=BUFFER))
        one = await stack.enter_async_context(open_redis_bus(settings))
        two = await stack.enter_async_context(open_redis_bus(settings))
        yield one, two if request.param == "two nodes" else one


async def hear(listener: Subscription) -> Event | Missed:
    with anyio.fail_after(300):
        return await anext(listener)


async def test_a_listener_hears_what_its_topics_name_and_nothing_else(
    ends: tuple[EventBus, EventBus],
) -> None:
    here, there = ends
    async with there.subscribe("task.1", "model.*") as listener:
        for topic in ("task.2", "task.1", "task.10", "model.heart", "models", "model.", "task.1"):
            here.publish(topic, {"of": topic})
        heard = [await hear(listener) for _ in range(4)]
    assert heard == [Event(t, {"of": t}) for t in ("task.1", "model.heart", "model.", "task.1")]


async def test_an_event_that_several_topics_match_is_heard_once(ends: tuple[EventBus, EventBus]) -> None:
    here, there = ends
    async with there.subscribe("task.1", "task.*", "*") as listener:
        here.publish("task.1", 1)
        here.publish("task.2", 2)
        assert [await hear(listener), await hear(listener)] == [Event("task.1", 1), Event("task.2", 2)]


async def test_order_is_kept_however_much_is_told(ends: tuple[EventBus, EventBus]) -> None:
    here, there = ends
    async with there.subscribe("count") as listener:
        for start in range(0, 60, BUFFER):
            for number in range(start, start + BUFFER):
                here.publish("count", number)
            assert [await hear(listener) for _ in range(BUFFER)] == [
                Event("count", number) for number in range(start, start + BUFFER)
            ]


async def test_a_slow_listener_keeps_the_latest_and_is_told_how_many_it_missed(
    ends: tuple[EventBus, EventBus],
) -> None:
    here, there = ends
    async with there.subscribe("count") as slow, there.subscribe("count") as quick:
        for number in range(3 * BUFFER):
            here.publish("count", number)
            assert await hear(quick) == Event("count", number)
        assert await hear(slow) == Missed(2 * BUFFER)
        assert [await hear(slow) for _ in range(BUFFER)] == [
            Event("count", number) for number in range(2 * BUFFER, 3 * BUFFER)
        ]
        here.publish("count", "next")
        assert await hear(slow) == Event("count", "next")
    assert there.missed == 2 * BUFFER


async def test_telling_nobody_is_no_fault_and_is_not_remembered(ends: tuple[EventBus, EventBus]) -> None:
    here, there = ends
    async with there.subscribe("here") as before:
        here.publish("nobody", 1)
        here.publish("here", 1)
        await hear(before)
        async with there.subscribe("nobody", "here") as after:
            here.publish("here", 2)
            assert await hear(after) == Event("here", 2)


async def test_who_left_leaves_nothing_behind(ends: tuple[EventBus, EventBus]) -> None:
    _, there = ends
    local: Any = there if isinstance(there, ProcessBus) else there._here  # type: ignore[attr-defined]
    with contextlib.suppress(ZeroDivisionError):
        async with there.subscribe("a", "b*", "a"):
            assert local._exact
            assert local._prefixes
            raise ZeroDivisionError
    assert not local._exact
    assert not local._prefixes


async def test_a_closed_bus_lets_its_listeners_read_on_and_end(ends: tuple[EventBus, EventBus]) -> None:
    here, there = ends
    async with there.subscribe("a") as listener, there.subscribe("a") as told:
        here.publish("a", 1)
        await hear(told)
        there.close()
        assert [event async for event in listener] == [Event("a", 1)]
        async with there.subscribe("a") as late:
            assert [event async for event in late] == []
        here.publish("a", 2)


@pytest.mark.parametrize("topic", ["", "a b", "a*b", "**", "*a", "a" * 202, "a\n", "ta?k"])
async def test_what_is_no_topic_cannot_be_listened_to(ends: tuple[EventBus, EventBus], topic: str) -> None:
    _, there = ends
    with pytest.raises(Invalid, match="is no topic"):
        async with there.subscribe("fine", topic):
            pass


@given(st.text(max_size=250))
def test_any_text_is_a_topic_or_refused(topic: str) -> None:
    try:
        check_topic(topic)
    except Invalid:
        return
    assert topic == "*" or "*" not in topic[:-1]
    assert 0 < len(topic) <= 201
    assert json.loads(json.dumps(topic)) == topic
    assert not any(letter.isspace() for letter in topic)


@given(st.lists(st.integers(0, 20), max_size=20), st.integers(1, 6))
async def test_nothing_is_lost_unsaid(bursts: list[int], buffer: int) -> None:
    """Whatever the bursts, what is heard and what is said to be missed add up to what was told."""
    bus = ProcessBus(EventSettings(buffer=buffer))
    told = accounted = 0
    async with bus.subscribe("*") as listener:
        for burst in bursts:
            for _ in range(burst):
                bus.publish("count", told)
                told += 1
            if burst:
                heard = await anext(listener)
                if isinstance(heard, Missed):
                    assert heard.count is not None
                    accounted += heard.count
                else:
                    assert heard.data == accounted
                    accounted += 1
        bus.close()
        async for heard in listener:
            if isinstance(heard, Missed):
                assert heard.count is not None
                accounted += heard.count
            else:
                assert heard.data == accounted
                accounted += 1
    assert accounted == told
