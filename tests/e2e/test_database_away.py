"""The database goes away for five seconds and comes back, beside a real node that is locked and busy."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio.to_thread
import httpx
import pytest
from sqlalchemy.engine import make_url

import nets
from cli.running import Feria, RunningNode
from e2e.traffic import Traffic, traffic, until
from proxies import Wire, wire_to
from servers import SERVERS, fresh_database

AWAY = 5.0
GROWTH = 48 * 2**20
"""More than what a node comes to hold in its first seconds under load, and less than what a leak would."""


@contextlib.asynccontextmanager
async def locked_node(
    feria: Feria, database: str | None
) -> AsyncGenerator[tuple[RunningNode, httpx.AsyncClient]]:
    settings = [
        "FERIA_ACCESS__LOCKED=true",
        "FERIA_ACCESS__REQUESTS_PER_SECOND=100000",
        "FERIA_TELEMETRY__LOG_LEVEL=error",  # nobody reads it meanwhile
    ]
    if database is not None:
        settings += [f"FERIA_STORAGE__URL={database}", "FERIA_STORAGE__MIGRATE_ON_START=true"]
    (feria.folder / ".env").write_text("\n".join(settings))
    made = await anyio.to_thread.run_sync(feria, "tokens", "create", "ana", "--role", "admin")
    starting = feria.node()
    node = await anyio.to_thread.run_sync(starting.__enter__)
    try:
        shown = {"Authorization": f"Bearer {made.out.strip()}"}
        async with httpx.AsyncClient(base_url=node.url, headers=shown, timeout=300) as http:
            published = await http.post("/v1/models/sum", files={"file": nets.linear([2.0])})
            assert published.status_code == 201, published.text
            yield node, http
    except BaseException:
        print((await anyio.to_thread.run_sync(node.stop))[1])
        raise
    finally:
        await anyio.to_thread.run_sync(starting.__exit__, None, None, None)


@pytest.fixture(params=sorted(SERVERS))
async def wired(request: pytest.FixtureRequest) -> AsyncGenerator[tuple[str, Wire]]:
    """The URL of an empty database behind a wire, and the wire."""
    async with fresh_database(request.param) as settings:
        assert settings.url is not None
        url = make_url(settings.url)
        assert url.port is not None
        async with wire_to(url.host or "127.0.0.1", url.port) as wire:
            through = url.set(host="127.0.0.1", port=wire.port)
            yield through.render_as_string(hide_password=False), wire


@pytest.mark.parametrize("how", ["cut", "silence"])
async def test_a_server_that_is_away_for_five_seconds_costs_those_only_who_need_it(
    feria: Feria, wired: tuple[str, Wire], how: str
) -> None:
    url, wire = wired
    async with locked_node(feria, url) as (node, http):
        async with traffic(http) as seen:
            await until(lambda: len(seen.accepted) > 20)
            held = resident(node)
            getattr(wire, how)()
            await stays_away(seen)
            wire.mend()
            accepted = len(seen.accepted)
            await until(lambda: len(seen.accepted) > accepted + 20)
        if how == "cut":  # a silence of five seconds is borne with
            assert seen.refused
        assert all(sentence.endswith(".") for sentence in seen.refused.values()), seen.refused
        assert resident(node) < held + GROWTH
        await seen.make_good()
        await seen.account()
        await ends_well(node)


async def test_a_sqlite_file_that_is_locked_for_five_seconds_is_waited_for(feria: Feria) -> None:
    async with locked_node(feria, None) as (node, http):
        async with traffic(http) as seen:
            await until(lambda: len(seen.accepted) > 20)
            with contextlib.closing(sqlite3.connect(feria.home / "feria.db", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                before = len(seen.accepted)
                await stays_away(seen)
                assert len(seen.accepted) <= before + 4  # those under way
                other.execute("COMMIT")
            await until(lambda: len(seen.accepted) > before + 20)
        assert (seen.refused, set(seen.read)) == ({}, {200})
        await seen.account()
        await ends_well(node)


async def test_after_a_restart_of_the_server_the_very_next_requests_are_answered(
    feria: Feria, wired: tuple[str, Wire]
) -> None:
    url, wire = wired
    async with locked_node(feria, url) as (node, http):
        seen = Traffic(http)
        await asyncio.gather(*(seen.look() for _ in range(20)))  # several connections lie in the pool now
        wire.cut()
        wire.mend()
        await seen.order(1)
        await asyncio.gather(*(seen.look() for _ in range(20)))
        assert (seen.refused, set(seen.read)) == ({}, {200})
        await seen.account()
        await ends_well(node)


async def stays_away(seen: Traffic) -> None:
    """Five seconds, all through which what needs no database was answered."""
    for _ in range(5):
        predicted, asked = seen.predicted, seen.asked_health
        await asyncio.sleep(AWAY / 5)
        await until(lambda: seen.predicted > predicted and seen.asked_health > asked, 5.0)  # noqa: B023


async def ends_well(node: RunningNode) -> None:
    code, said = await anyio.to_thread.run_sync(node.stop)
    assert code == 0, said
    assert "A bug of ours" not in said, said


def resident(node: RunningNode) -> int:
    pages = int(Path(f"/proc/{node.process.pid}/statm").read_text().split()[1])
    return pages * 4096
