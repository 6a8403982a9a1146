"""The journal by itself, and with its database taken away."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from feria.errors import Busy, Conflict, Unavailable
from feria.migrations import schema
from feria.settings import StorageSettings
from feria.storage import group_commit
from feria.storage.database import Database, open_database
from feria.tasks.entries import new_values
from feria.tasks.journal import Journal, Values, open_journal
from feria.tasks.wire import TaskState
from proxies import Wire, wire_to
from queues import Deeds, order, queue_on
from servers import SERVERS, fresh_database

PATIENCE = 300.0


def values(payload: bytes = b"null", **more: object) -> Values:
    return new_values(order("echo", **more), payload, "", datetime.now(UTC))


@pytest.fixture
async def journal(database: Database) -> AsyncGenerator[Journal]:
    async with open_journal(database) as journal:
        yield journal


async def test_writers_who_come_together_share_a_commit(journal: Journal, database: Database) -> None:
    commits = 0
    write = database.write

    async def counted(step: Callable[[Connection], object]) -> object:
        nonlocal commits
        commits += 1
        return await write(step)

    database.write = counted  # type: ignore[method-assign, assignment]
    rows = [values() for _ in range(300)]
    await asyncio.gather(*(journal.add(row) for row in rows))
    assert commits <= 3
    assert {row["id"] for row in await journal.unfinished()} == {row["id"] for row in rows}


async def test_one_that_cannot_be_written_spoils_it_for_nobody_else(journal: Journal) -> None:
    rows = [values(idempotency_key="same") for _ in range(2)] + [values() for _ in range(5)]
    results = await asyncio.gather(*(journal.add(row) for row in rows), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), Conflict] + [type(None)] * 5
    assert len(await journal.unfinished()) == 6


async def test_a_change_waits_until_a_connection_is_free(journal: Journal, database: Database) -> None:
    row = values()
    await journal.add(row)
    write = database.write

    async def none_free(step: object) -> None:
        database.write = write  # type: ignore[method-assign]
        raise Busy("All connections to the database are in use.")

    database.write = none_free  # type: ignore[method-assign, assignment]
    with anyio.fail_after(PATIENCE):
        await journal.change(row | {"state": TaskState.done.value, "result": b"1"})
    found = await journal.find(row["id"])
    assert found is not None
    assert found["state"] == "done"


async def test_a_closed_journal_refuses_instead_of_waiting_for_ever(database: Database) -> None:
    async with open_journal(database) as journal:
        pass
    with anyio.fail_after(PATIENCE), pytest.raises(Unavailable, match="closed"):
        await journal.add(values())


async def test_an_end_stands_whatever_is_written_after_it(journal: Journal) -> None:
    row = values()
    await journal.add(row)
    await journal.change(row | {"state": TaskState.done.value, "result": b"1"})
    await journal.change(row | {"state": TaskState.failed.value, "result": b"2"})
    await journal.change(row | {"state": TaskState.running.value})
    found = await journal.find(row["id"])
    assert found is not None
    assert (found["state"], found["result"]) == ("done", b"1")


async def test_changes_of_one_task_are_written_in_the_order_they_came(journal: Journal) -> None:
    row = values()
    await journal.add(row)
    changes = [journal.change(row | {"state": "running", "attempts": n}) for n in range(1, 50)]
    await asyncio.gather(*changes)
    found = await journal.find(row["id"])
    assert found is not None
    assert found["attempts"] == 49


# ------------------------------------------------------------------- the database is taken away
@pytest.fixture(params=sorted(SERVERS))
async def wired(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[tuple[Database, Wire]]:
    """A database behind a wire that can be cut."""
    async with fresh_database(request.param) as settings:
        assert settings.url is not None
        url = make_url(settings.url)
        assert url.port is not None
        async with wire_to(url.host or "127.0.0.1", url.port) as wire:
            through = url.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False)
            async with open_database(StorageSettings(url=through), tmp_path) as database:
                await schema.upgrade(database)
                yield database, wire


@pytest.mark.parametrize("how", ["cut", "silence"])
async def test_nothing_acknowledged_is_lost_while_the_database_is_away(
    wired: tuple[Database, Wire], how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, wire = wired
    monkeypatch.setattr(group_commit, "COMMIT_SECONDS", 0.5)
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        running = [(await queue.submit(order("linger", n))).id for n in range(4)]
        await deeds.began.wait()
        getattr(wire, how)()
        deeds.go_on.set()  # they end now, and nobody can write it down
        refused = 0
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            try:
                await queue.submit(order("echo", "refused"))
            except Unavailable:
                refused += 1
            await asyncio.sleep(0.05)
        assert refused > 0
        assert [(await queue.wait(task_id, 0)).state for task_id in running] == [TaskState.running] * 4
        wire.mend()
        with anyio.fail_after(PATIENCE):
            ends = [(await queue.wait(task_id, PATIENCE)).state for task_id in running]
        assert ends == [TaskState.done] * 4
        after = await queue.submit(order("echo", "well again"))
        assert (await queue.wait(after.id, PATIENCE)).state == TaskState.done
    assert sorted(done for done in deeds.done if isinstance(done, int)) == list(range(4))


async def test_a_locked_sqlite_file_is_waited_for(tmp_path: Path) -> None:
    async with open_database(StorageSettings(), tmp_path) as database:
        await schema.upgrade(database)
        async with queue_on(database, tmp_path, Deeds()) as queue:
            other = sqlite3.connect(tmp_path / "feria.db", isolation_level=None, check_same_thread=False)
            # Beside the loop, for whoever holds the lock just now needs the loop to let it go.
            await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")
            submitting = asyncio.create_task(queue.submit(order("echo", 1)))
            await asyncio.sleep(0.3)
            assert not submitting.done()
            other.execute("COMMIT")
            other.close()
            assert (await queue.wait((await submitting).id, PATIENCE)).state == TaskState.done


async def test_a_queue_closes_although_its_database_is_away(
    wired: tuple[Database, Wire], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, wire = wired
    monkeypatch.setattr("feria.tasks.lives.COMMIT_SECONDS", 0.5)
    deeds = Deeds()
    with anyio.fail_after(PATIENCE):
        async with queue_on(database, tmp_path, deeds) as queue:
            task = await queue.submit(order("linger", 1))
            await deeds.began.wait()
            wire.cut()
    wire.mend()
    deeds.go_on.set()
    async with queue_on(database, tmp_path, deeds) as queue:
        assert (await queue.wait(task.id, PATIENCE)).state == TaskState.done
    assert deeds.done == [1]
