"""How long a transaction waits for a connection, and for a server that says nothing."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from feria.errors import Busy, Invalid, Unavailable
from feria.migrations import schema
from feria.settings import StorageSettings
from feria.storage import database as databases
from feria.storage.database import Database, open_database
from proxies import wire_to
from servers import SERVERS

SEVEN = text("SELECT 7")


async def ask(database: Database) -> int | None:
    async with asyncio.timeout(300), database.transaction(read_only=True) as session:
        answer: int | None = await session.scalar(SEVEN)
        return answer


async def test_who_gets_no_connection_is_told_to_come_again(
    storage_settings: StorageSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "CONNECTION_SECONDS", 0.05)
    async with open_database(storage_settings, tmp_path) as database:
        held = asyncio.Event()

        async def hold() -> None:
            async with database.transaction(read_only=True) as session:
                await session.execute(SEVEN)
                ready.release()
                await held.wait()

        pool = database.engine.pool
        most = pool.size() + pool._max_overflow  # type: ignore[attr-defined]
        ready = asyncio.Semaphore(0)
        holding = [asyncio.create_task(hold()) for _ in range(most)]
        for _ in range(most):
            await ready.acquire()
        with pytest.raises(Busy, match="All connections"):
            await ask(database)
        held.set()
        await asyncio.gather(*holding)
        assert await ask(database) == 7


@pytest.fixture(params=sorted(SERVERS))
async def url(request: pytest.FixtureRequest) -> str:
    return SERVERS[request.param]


async def test_a_server_that_says_nothing_is_unavailable_and_heard_again_when_it_speaks(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "ANSWER_SECONDS", 0.3)
    there = make_url(url)
    assert there.port is not None
    async with wire_to(there.host or "127.0.0.1", there.port) as wire:
        through = there.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False)
        async with open_database(StorageSettings(url=through), tmp_path) as database:
            await asyncio.gather(*(ask(database) for _ in range(5)))
            wire.silence()
            said = await asyncio.gather(*(ask(database) for _ in range(20)), return_exceptions=True)
            assert {type(one) for one in said} == {Unavailable}
            wire.mend()
            assert await asyncio.gather(*(ask(database) for _ in range(5))) == [7] * 5


async def test_a_migration_takes_the_time_it_takes(
    storage_settings: StorageSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "ANSWER_SECONDS", 0.0)
    async with open_database(storage_settings, tmp_path) as database:
        await schema.upgrade(database)
    monkeypatch.undo()
    async with open_database(storage_settings, tmp_path) as database:
        assert await schema.current_revision(database) == schema.HEAD


async def echoed(database: Database, said: str) -> str | None:
    async with database.transaction(read_only=True) as session:
        heard: str | None = await session.scalar(text("SELECT CAST(:said AS CHAR(3))"), {"said": said})
        return heard


async def test_text_that_a_database_cannot_keep_is_invalid(database: Database) -> None:
    if database.dialect == "postgresql":
        with pytest.raises(Invalid, match="NUL"):
            await echoed(database, "a\0b")
    else:
        assert await echoed(database, "a\0b") == "a\0b"
    assert await echoed(database, "a b") == "a b"
