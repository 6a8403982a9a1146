"""Two nodes that share a database chat with each other, whatever happens between them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from chat.checker import conversing
from chat.conftest import QUICK
from chat.npm import Driver
from chat.test_conversations import OPERATOR, enter, said
from feria.settings import EventSettings, Settings, StorageSettings
from proxies import Wire, wire_to
from redises import Link, open_link, redis_events
from servers import fresh_database
from serving import Served, open_server


@contextlib.asynccontextmanager
async def two_nodes(
    folder: Path, storage: StorageSettings, events: EventSettings
) -> AsyncGenerator[tuple[Served, Served]]:
    async with contextlib.AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(
                open_server(
                    Settings(home=folder / name, storage=storage, events=events, chat=QUICK, _env_file=None)
                )
            )
            for name in ("one", "two")
        ]
        yield one, two


@pytest.fixture(params=["postgresql", "mariadb"])
async def shared(request: pytest.FixtureRequest) -> AsyncGenerator[StorageSettings]:
    async with fresh_database(request.param) as settings:
        yield settings


@pytest.fixture
async def postgresql() -> AsyncGenerator[StorageSettings]:
    async with fresh_database("postgresql") as settings:
        yield settings


@pytest.fixture
async def link() -> AsyncGenerator[Link]:
    async with open_link() as link:
        yield link


async def test_a_redis_that_dies_for_three_seconds_loses_nothing_and_tells_nothing_twice(
    shared: StorageSettings, link: Link, tmp_path: Path
) -> None:
    async with redis_events(url=link.url) as events, two_nodes(tmp_path, shared, events) as (one, two):
        async with conversing(lambda: one.url, lambda: two.url) as talk:
            await talk.until_said(100)
            await link.cut()
            before = len(talk.acknowledged)
            await asyncio.sleep(3)
            without = len(talk.acknowledged) - before
            await link.mend()
            await talk.until_said(100)
        assert talk.faults() == []
        assert without > 20, "nothing was said while Redis was away"


async def test_nodes_that_share_a_database_and_no_bus_hear_each_other_too(
    postgresql: StorageSettings, tmp_path: Path
) -> None:
    async with two_nodes(tmp_path, postgresql, EventSettings()) as (one, two):
        async with conversing(lambda: one.url, lambda: two.url, speakers=1, listeners=1) as talk:
            await talk.until_said(50)
        assert talk.faults() == []


async def test_a_database_that_is_gone_for_five_seconds_stores_nothing_and_says_so(
    postgresql: StorageSettings, tmp_path: Path
) -> None:
    assert postgresql.url is not None
    place = urlsplit(postgresql.url)
    async with wire_to(place.hostname or "127.0.0.1", place.port or 5432) as wire:
        moved = place._replace(netloc=f"{place.username}@127.0.0.1:{wire.port}")
        storage = postgresql.model_copy(update={"url": urlunsplit(moved)})
        async with redis_events() as events, two_nodes(tmp_path, storage, events) as (one, two):
            async with conversing(lambda: one.url, lambda: two.url) as talk:
                await talk.until_said(100)
                await _away(wire)
                await talk.until_said(100)
            assert talk.faults() == []
            refusals = {error for one in talk.speakers for error in one.refused}
            assert refusals == {"unavailable"}


async def _away(wire: Wire) -> None:
    wire.cut()
    await asyncio.sleep(5)
    wire.mend()


async def test_what_passes_is_told_on_other_nodes_too(
    postgresql: StorageSettings, npm: Driver, tmp_path: Path
) -> None:
    async with redis_events() as events, two_nodes(tmp_path, postgresql, events) as (one, two):
        ana = await enter(npm, one, nickname="Ana")
        bea = await enter(npm, two, nickname="Bea")
        assert (await ana.hear("presence", lambda one: one["nickname"] == "Bea"))["online"] is True
        people = (await ana.ask("people", {"room": "general"}))["people"]
        assert [one["nickname"] for one in people] == ["Ana", "Bea"]
        await ana.ask("typing", {"room": "general"})
        assert (await bea.hear("typing"))["nickname"] == "Ana"
        ana.emit("mensaje", "a todos")
        assert await bea.hear("mensaje") == "a todos"
        assert await ana.hear("mensaje") == "a todos"
        shop = await enter(npm, two, None, **OPERATOR)
        await shop.ask("moderate", {"person": ana.me["person"], "kind": "ban"})
        await ana.hear("disconnect")
        assert (await bea.hear("presence", lambda one: not one["online"]))["nickname"] == "Ana"


async def test_a_guest_is_the_same_on_every_node(
    postgresql: StorageSettings, npm: Driver, tmp_path: Path
) -> None:
    async with redis_events() as events, two_nodes(tmp_path, postgresql, events) as (one, two):
        ana = await enter(npm, one, nickname="Ana")
        stored = await ana.ask("message", said("1", "Hola"))
        moved = await enter(npm, two, guest=ana.me["guest"])
        assert moved.me == ana.me
        assert await moved.ask("message", said("1", "Hola")) == stored | {"repeated": True}
