"""Whose writes are tried again, and who is told at once what no other time would mend."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from feria.errors import DiskFull, Unavailable
from feria.migrations import schema
from feria.settings import StorageSettings
from feria.storage import group_commit
from feria.storage.database import Database, open_database
from feria.storage.group_commit import GroupCommit, open_group_commit

PATIENCE = 300
"""Seconds after which a test has failed; nothing here takes as long."""

Step = Callable[[Connection], None]
Writes = GroupCommit[Step, None]


def opened(database: Database) -> AbstractAsyncContextManager[Writes]:
    """What is written is a step of a transaction."""

    async def commit(steps: Sequence[Step]) -> list[None]:
        return await database.write(lambda connection: [step(connection) for step in steps])

    return open_group_commit(commit, 64)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "RETRY_SECONDS", 0.01)


@pytest.fixture
async def writes(database: Database) -> AsyncGenerator[Writes]:
    async with opened(database) as writes:
        yield writes


def putting(key: str, value: bytes = b"") -> Step:
    put = text("INSERT INTO map_entries VALUES (:key, :value, 1, '2026-11-21 00:00:00')")

    def step(connection: Connection) -> None:
        connection.execute(put, {"key": key, "value": value})

    return step


def saying(statement: str) -> Step:
    def step(connection: Connection) -> None:
        connection.execute(text(statement))

    return step


async def keys(database: Database) -> set[str]:
    async with database.transaction(read_only=True) as session:
        return set(await session.scalars(text("SELECT map_entries.key FROM map_entries")))


# ------------------------------------------------------------------- what no other time would mend
@pytest.mark.parametrize(
    "statement",
    ["INSERT nothing", "DELETE FROM nowhere", "UPDATE map_entries SET nothing = 1", "SELECT none_such(1)"],
)
@pytest.mark.parametrize("insists", [False, True])
async def test_a_statement_that_can_never_succeed_is_told_to_who_waits_for_it(
    writes: Writes, statement: str, insists: bool
) -> None:
    with anyio.fail_after(PATIENCE), pytest.raises(DBAPIError):
        await writes.write(saying(statement), insists=insists)


async def test_one_that_can_never_be_written_costs_the_others_nothing(
    writes: Writes, database: Database
) -> None:
    steps = [putting("a"), saying("DELETE FROM nowhere"), putting("b"), putting("a")]
    with anyio.fail_after(PATIENCE):
        told = await asyncio.gather(
            *(writes.write(step, insists=True) for step in steps), return_exceptions=True
        )
    assert [isinstance(one, DBAPIError) for one in told] == [False, True, False, True]
    assert await keys(database) == {"a", "b"}


# ------------------------------------------------------------------- what passes
class Failing:
    """A step that fails of `fault` so many times, and then puts a row."""

    def __init__(self, fault: Step, times: int) -> None:
        self.fault = fault
        self.left = times

    def __call__(self, connection: Connection) -> None:
        if self.left:
            self.left -= 1
            self.fault(connection)
        putting("a", bytes(100_000))(connection)


def away(connection: Connection) -> None:
    """The server ends the connection; in SQLite another reads from the table."""
    match connection.dialect.name:
        case "postgresql":
            saying("SELECT pg_terminate_backend(pg_backend_pid())")(connection)
        case "mariadb":
            saying("KILL CONNECTION_ID()")(connection)
        case _:
            putting("first")(connection)
            putting("second")(connection)
            reading = connection.connection.cursor()
            reading.execute("SELECT * FROM map_entries")
            assert reading.fetchone()
            saying("DROP TABLE map_entries")(connection)


def full(connection: Connection) -> None:
    pages = connection.scalar(text("PRAGMA page_count"))
    saying(f"PRAGMA max_page_count = {pages}")(connection)


async def test_who_insists_is_written_once_the_database_is_there_again(
    writes: Writes, database: Database
) -> None:
    failing = Failing(away, times=3)
    with anyio.fail_after(PATIENCE):
        await writes.write(failing, insists=True)
    assert failing.left == 0
    assert await keys(database) == {"a"}


async def test_who_does_not_insist_is_told_that_the_database_is_away(
    writes: Writes, database: Database
) -> None:
    with anyio.fail_after(PATIENCE), pytest.raises(Unavailable, match="does not answer"):
        await writes.write(Failing(away, times=1))
    assert await keys(database) == set()


async def test_a_full_disk_is_waited_for_by_who_insists_and_told_to_the_others(tmp_path: Path) -> None:
    room = saying("PRAGMA max_page_count = 1000000")
    async with open_database(StorageSettings(), tmp_path) as database:
        await schema.upgrade(database)
        async with opened(database) as writes:
            with anyio.fail_after(PATIENCE):
                with pytest.raises(DiskFull):
                    await writes.write(Failing(full, times=1))
                insisting = asyncio.create_task(writes.write(putting("a", bytes(100_000)), insists=True))
                with pytest.raises(DiskFull):
                    await writes.write(putting("b", bytes(100_000)))
                assert not insisting.done()
                await database.write(room)
                await insisting
        assert await keys(database) == {"a"}


async def test_who_insists_is_told_when_nothing_is_written_any_more(database: Database) -> None:
    failing = Failing(away, times=10**6)
    with anyio.fail_after(PATIENCE):
        async with opened(database) as writes:
            insisting = asyncio.create_task(writes.write(failing, insists=True))
            with pytest.raises(Unavailable):
                await writes.write(Failing(away, times=1))
            assert not insisting.done()
        with pytest.raises(Unavailable):
            await insisting
