"""Nodes that share a Redis, and what they hear of each other when it is away."""

import sys

import anyio
import pytest

from feria.errors import Invalid, Unavailable
from feria.events.bus import Event, Missed
from feria.node import open_node
from feria.settings import EventSettings, Settings
from redises import open_link, redis_events
from serving import until

redis = pytest.importorskip("feria.events.redis", reason="the redis package is not installed")


async def test_a_cut_link_stops_nobody_and_both_sides_are_told_once_it_is_back() -> None:
    async with open_link() as link, redis_events() as settings:
        through_link = settings.model_copy(update={"url": link.url})
        async with (
            redis.open_redis_bus(through_link) as shaky,
            redis.open_redis_bus(settings) as steady,
            shaky.subscribe("*") as at_shaky,
            steady.subscribe("*") as at_steady,
        ):
            with anyio.fail_after(300):
                shaky.publish("before", 1)
                assert await anext(at_shaky) == await anext(at_steady) == Event("before", 1)
                await link.cut()
                shaky.publish("during", 2)
                assert await anext(at_shaky) == Event("during", 2)
                steady.publish("during", 3)
                assert await anext(at_steady) == Event("during", 3)
                await link.mend()
                assert await anext(at_shaky) == Missed(None)
                assert await anext(at_steady) == Missed(None)
                shaky.publish("after", 4)
                while (heard := await anext(at_steady)) != Event("after", 4):
                    assert heard in (Event("during", 2), Missed(None))
                steady.publish("after", 5)
                while await anext(at_shaky) != Event("after", 5):
                    pass


async def test_a_link_that_only_looks_alive_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(redis, "SILENCE_SECONDS", 0.5)
    async with (
        open_link() as link,
        redis_events(url=link.url) as settings,
        redis.open_redis_bus(settings) as bus,
        bus.subscribe("*") as listener,
    ):
        link.freeze()
        await until(lambda: "nothing heard for 0.5 s" in caplog.text)
        link.thaw()
        with anyio.fail_after(300):
            assert await anext(listener) == Missed(None)


async def test_a_node_starts_without_its_redis_and_finds_it_later() -> None:
    async with open_link() as link, redis_events(url=link.url) as settings:
        await link.cut()
        async with redis.open_redis_bus(settings) as bus, bus.subscribe("a") as listener:
            bus.publish("a", 1)
            with anyio.fail_after(300):
                assert await anext(listener) == Event("a", 1)
                await link.mend()
                assert await anext(listener) == Missed(None)


async def test_what_is_not_json_or_no_letter_of_ours_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        redis_events() as settings,
        redis.open_redis_bus(settings) as bus,
        redis.open_redis_bus(settings) as other,
        other.subscribe("*") as listener,
    ):
        bus.publish("a", object())
        await bus._client.publish(settings.channel, b"\xff not ours")
        bus.publish("a", 1)
        with anyio.fail_after(300):
            assert await anext(listener) == Event("a", 1)
    assert "An event on a is not JSON" in caplog.text
    assert "Something that is no event came over Redis" in caplog.text


async def test_a_url_that_is_none_is_refused_in_a_sentence(settings: Settings) -> None:
    wrong = settings.model_copy(update={"events": EventSettings(url="gopher://x")})
    with pytest.raises(Invalid, match="FERIA_EVENTS__URL"):
        async with open_node(wrong):
            pass


async def test_without_the_package_a_node_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "feria.events.redis")
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    wanting = settings.model_copy(update={"events": EventSettings(url="redis://127.0.0.1")})
    with pytest.raises(Unavailable, match=r"feria\[redis\]"):
        async with open_node(wanting):
            pass
