import asyncio
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from feria.errors import Corrupt, Invalid, Unavailable
from feria.settings import StorageSettings
from feria.storage.database import Database, open_database

INSERT = text("INSERT INTO map_entries VALUES (:key, :value, 1, '2026-11-21 00:00:00')")


async def keys(database: Database) -> set[str]:
    async with database.transaction(read_only=True) as session:
        return set(await session.scalars(text("SELECT map_entries.key FROM map_entries")))


async def put(database: Database, key: str) -> None:
    async with database.transaction() as session:
        await session.execute(INSERT, {"key": key, "value": b""})


async def test_a_transaction_commits_once_where_it_was_opened(database: Database) -> None:
    async with database.transaction():
        await put(database, "inner")
        await put(database, "second")
    assert await keys(database) == {"inner", "second"}


async def test_a_failed_transaction_leaves_nothing_of_what_joined_it(database: Database) -> None:
    with pytest.raises(RuntimeError, match="no"):
        async with database.transaction():
            await put(database, "inner")
            raise RuntimeError("no")
    assert await keys(database) == set()


async def test_deeds_wait_for_the_commit_and_never_follow_a_rollback(database: Database) -> None:
    seen: list[set[str]] = []

    async def look() -> None:
        seen.append(await keys(database))

    async with database.transaction():
        await put(database, "a")
        await database.after_commit(look)
        assert seen == []
    assert seen == [{"a"}]
    with pytest.raises(IntegrityError):
        async with database.transaction():
            await database.after_commit(look)
            await put(database, "a")
    assert seen == [{"a"}]


async def test_writers_side_by_side_wait_for_one_another(database: Database) -> None:
    async def read_then_write(i: int) -> None:
        async with database.transaction() as session:
            await session.execute(text("SELECT count(*) FROM map_entries"))
            await session.execute(INSERT, {"key": f"k{i}", "value": b""})

    await asyncio.gather(*(read_then_write(i) for i in range(20)))
    assert len(await keys(database)) == 20


async def test_a_read_only_transaction_cannot_be_written_in(database: Database) -> None:
    async with database.transaction(read_only=True):
        with pytest.raises(AssertionError):
            await put(database, "a")


async def test_a_step_is_written_whole_or_not_at_all(database: Database) -> None:
    def twice(connection: Connection) -> str:
        for key in ("a", "b"):
            connection.execute(INSERT, {"key": key, "value": b""})
        return "written"

    assert await database.write(twice) == "written"
    assert await keys(database) == {"a", "b"}

    def half(connection: Connection) -> None:
        connection.execute(INSERT, {"key": "c", "value": b""})
        connection.execute(INSERT, {"key": "a", "value": b""})

    with pytest.raises(IntegrityError):
        await database.write(half)
    assert await keys(database) == {"a", "b"}


async def test_a_step_is_no_part_of_a_transaction_around_it(database: Database) -> None:
    async with database.transaction():
        with pytest.raises(AssertionError):
            await database.write(lambda connection: None)


async def test_steps_and_transactions_side_by_side_wait_for_one_another(database: Database) -> None:
    def step(connection: Connection, i: int) -> None:
        connection.execute(INSERT, {"key": f"step {i}", "value": b""})

    await asyncio.gather(
        *(database.write(partial(step, i=i)) for i in range(20)),
        *(put(database, f"put {i}") for i in range(10)),
    )
    assert len(await keys(database)) == 30


async def test_sqlite_keeps_its_promises(tmp_path: Path) -> None:
    async with (
        open_database(StorageSettings(), tmp_path) as database,
        database.transaction(read_only=True) as session,
    ):
        found = {
            pragma: await session.scalar(text(f"PRAGMA {pragma}"))
            for pragma in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 10000}


async def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    for url in ("postgresql://nobody@127.0.0.1:1/none", "mariadb://nobody@127.0.0.1:1/none"):
        async with open_database(StorageSettings(url=url), tmp_path) as database:
            with pytest.raises(Unavailable):
                await keys(database)


async def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "feria.db").write_bytes(b"this is no database" * 1000)
    async with open_database(StorageSettings(), tmp_path) as database:
        with pytest.raises(Corrupt):
            await keys(database)


@pytest.mark.parametrize("url", ["oracle://x", "not a url", ""])
async def test_an_unknown_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        async with open_database(StorageSettings(url=url), tmp_path):
            pass
