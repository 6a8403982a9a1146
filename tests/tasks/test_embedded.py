"""What the embedded queue promises beyond its contract: nothing is lost between one start and the next."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Connection, update

from clocks import ManualClock
from feria.errors import Busy, Crashed, FeriaError, NotFound, Unavailable
from feria.storage.database import Database
from feria.tasks.journal import Journal, Values
from feria.tasks.queue import TaskQueue, Work
from feria.tasks.tables import TaskRow
from feria.tasks.wire import TaskState
from queues import Deeds, order, queue_on

PATIENCE = 300.0


async def left_running(database: Database, task_id: str, attempts: int) -> None:
    """What a node that was killed in the middle leaves in the journal."""
    async with database.transaction() as session:
        await session.execute(
            update(TaskRow)
            .where(TaskRow.id == task_id)
            .values(state="running", attempts=attempts, result=None, finished_at=None, expires_at=None)
        )


async def began(deeds: Deeds) -> None:
    with anyio.fail_after(PATIENCE):
        await deeds.began.wait()
    deeds.began.clear()


async def test_what_was_running_or_waiting_is_taken_up_by_the_next_start(
    database: Database, tmp_path: Path
) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds, parallel=1) as queue:
        running = await queue.submit(order("linger", "ran"))
        waiting = await queue.submit(order("read", file=b"waited"))
        await began(deeds)
    assert deeds.done == []
    deeds.go_on.set()
    async with queue_on(database, tmp_path, deeds, parallel=1) as queue:
        assert (await queue.wait(running.id, PATIENCE)).state == TaskState.done
        assert (await queue.wait(waiting.id, PATIENCE)).state == TaskState.done
        assert await queue.result(waiting.id) == b'["","waited"]'
    assert deeds.done == ["ran"]


async def test_a_stop_is_not_held_against_a_task_and_a_death_is(database: Database, tmp_path: Path) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        task = await queue.submit(order("linger"))
        await began(deeds)
    async with queue_on(database, tmp_path, deeds, resume=False) as queue:
        stopped = await queue.find(task.id)
        assert (stopped.state, stopped.attempts) == (TaskState.waiting, 0)
    await left_running(database, task.id, attempts=1)
    async with queue_on(database, tmp_path, deeds) as queue:
        await began(deeds)
        assert (await queue.find(task.id)).attempts == 2
        assert deeds.works[-1].attempt == 2


async def test_a_task_that_the_node_died_at_too_often_is_given_up(database: Database, tmp_path: Path) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        task = await queue.submit(order("linger"))
        await began(deeds)
    await left_running(database, task.id, attempts=3)
    async with queue_on(database, tmp_path, deeds, max_attempts=3) as queue:
        assert (await queue.wait(task.id, PATIENCE)).state == TaskState.failed
        with pytest.raises(Crashed, match="3 times"):
            await queue.result(task.id)
    assert len(deeds.works) == 1


async def test_an_end_is_told_again_by_the_next_start_and_nothing_is_done_twice(
    database: Database, tmp_path: Path
) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        ids = {n: (await queue.submit(order("echo", n))).id for n in range(30)}
        before = {n: await queue.wait(task_id, PATIENCE) for n, task_id in ids.items()}
    async with queue_on(database, tmp_path, deeds) as queue:
        assert {n: await queue.find(task_id) for n, task_id in ids.items()} == before
        assert [await queue.result(task_id) for task_id in ids.values()] == [b"%d" % n for n in ids]
    assert sorted(deeds.done) == sorted(ids)


async def test_running_tasks_get_their_time_when_the_node_stops(database: Database, tmp_path: Path) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds, grace_seconds=PATIENCE) as queue:
        task = await queue.submit(order("linger", "let me finish"))
        await began(deeds)
        asyncio.get_running_loop().call_later(0.05, deeds.go_on.set)
    async with queue_on(database, tmp_path, deeds) as queue:
        assert (await queue.find(task.id)).state == TaskState.done
    assert deeds.done == ["let me finish"]


async def test_who_waits_for_a_result_is_let_go_when_the_node_stops(
    database: Database, tmp_path: Path
) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        task = await queue.submit(order("linger"))
        await began(deeds)
        waiting = asyncio.create_task(queue.wait(task.id, PATIENCE))
        await asyncio.sleep(0)
    with anyio.fail_after(PATIENCE / 2):
        assert (await waiting).state == TaskState.waiting


async def test_an_order_that_comes_while_the_node_stops_keeps_nobody_waiting_and_waits_for_the_next_start(
    database: Database, tmp_path: Path
) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        sending = asyncio.create_task(queue.submit(order("linger", "late")))
        await asyncio.sleep(0)
    task = await sending
    with anyio.fail_after(PATIENCE):
        assert not (await queue.cancel(task.id)).state.final
    deeds.go_on.set()
    async with queue_on(database, tmp_path, deeds) as queue:
        assert (await queue.wait(task.id, PATIENCE)).state == TaskState.done
    assert deeds.done == ["late"]


async def test_a_command_that_opens_the_home_leaves_the_tasks_to_the_node(
    database: Database, tmp_path: Path
) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        kept = await queue.submit(order("linger", 1, file=b"kept"))
        dropped = await queue.submit(order("linger", 2, file=b"dropped"))
    async with queue_on(database, tmp_path, deeds, resume=False) as queue:
        assert (await queue.find(kept.id)).state == TaskState.waiting
        assert (await queue.cancel(dropped.id)).state == TaskState.cancelled
        assert [path.read_bytes() for path in (tmp_path / "tasks").iterdir()] == [b"kept"]
    deeds.go_on.set()
    async with queue_on(database, tmp_path, deeds) as queue:
        assert (await queue.wait(kept.id, PATIENCE)).state == TaskState.done
    assert deeds.done == [1]


async def test_whoever_waits_for_a_task_that_was_left_has_it_taken_up(
    database: Database, tmp_path: Path
) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        task = await queue.submit(order("linger", 1))
    deeds.go_on.set()
    async with queue_on(database, tmp_path, deeds, resume=False) as queue:
        waits = [queue.wait(task.id, PATIENCE) for _ in range(3)]
        assert {task.state for task in await asyncio.gather(*waits)} == {TaskState.done}
    assert deeds.done == [1]


async def test_files_that_no_task_names_are_swept_out(database: Database, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "left").write_bytes(b"of a submission that was never written down")
    async with queue_on(database, tmp_path, Deeds()):
        assert list((tmp_path / "tasks").iterdir()) == []


async def test_what_has_been_kept_for_its_time_is_forgotten(database: Database, tmp_path: Path) -> None:
    clock = ManualClock()
    async with queue_on(database, tmp_path, Deeds(), clock=clock, keep_seconds=60) as queue:
        task = await queue.submit(order("echo", 1))
        await queue.wait(task.id, PATIENCE)
        clock.advance(59)
        await queue.forget_expired()  # type: ignore[attr-defined]
        assert await queue.result(task.id) == b"1"
        clock.advance(2)
        await queue.forget_expired()  # type: ignore[attr-defined]
        with pytest.raises(NotFound):
            await queue.result(task.id)


class Moody:
    """Raises these in turn, then answers."""

    def __init__(self, *errors: FeriaError) -> None:
        self._errors = list(errors)
        self.attempts: list[int] = []

    async def __call__(self, work: Work) -> str:
        self.attempts.append(work.attempt)
        if self._errors:
            raise self._errors.pop(0)
        return "at last"


async def moody_queue_run(queue: TaskQueue, clock: ManualClock, moody: Moody, pauses: int) -> str:
    queue.handle("moody", moody)
    task = await queue.submit(order("moody"))
    for n in range(1, pauses + 1):
        await clock.sleeper(n)
        clock.advance(clock.slept[-1])
    await queue.wait(task.id, PATIENCE)
    return task.id


async def test_a_part_that_is_not_there_is_asked_again_a_few_times(
    database: Database, tmp_path: Path
) -> None:
    clock, moody = ManualClock(), Moody(*[Unavailable("Away.")] * 2)
    async with queue_on(database, tmp_path, Deeds(), clock=clock, max_attempts=3) as queue:
        task_id = await moody_queue_run(queue, clock, moody, pauses=2)
        assert await queue.result(task_id) == b'"at last"'
    assert moody.attempts == [1, 2, 3]
    assert clock.slept == [2.0, 4.0]


async def test_a_part_that_stays_away_is_the_tasks_error_in_the_end(
    database: Database, tmp_path: Path
) -> None:
    clock, moody = ManualClock(), Moody(*[Unavailable("Away.")] * 9)
    async with queue_on(database, tmp_path, Deeds(), clock=clock, max_attempts=3) as queue:
        task_id = await moody_queue_run(queue, clock, moody, pauses=2)
        with pytest.raises(Unavailable, match="Away"):
            await queue.result(task_id)
    assert moody.attempts == [1, 2, 3]


async def test_a_busy_part_costs_a_task_none_of_its_attempts(database: Database, tmp_path: Path) -> None:
    clock, moody = ManualClock(), Moody(*[Busy("Full.", retry_after=7.0)] * 5)
    async with queue_on(database, tmp_path, Deeds(), clock=clock, max_attempts=1) as queue:
        task_id = await moody_queue_run(queue, clock, moody, pauses=5)
        assert await queue.result(task_id) == b'"at last"'
    assert moody.attempts == [1] * 6
    assert clock.slept == [7.0] * 5


async def test_an_order_that_was_written_but_not_acknowledged_is_taken_up_when_it_is_sent_again(
    database: Database, tmp_path: Path
) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        ghost = await queue.submit(order("linger", "once", idempotency_key="k"))
    deeds.go_on.set()
    async with queue_on(database, tmp_path, deeds, resume=False) as queue:
        again = await queue.submit(order("linger", "once", idempotency_key="k"))
        assert again.id == ghost.id
        assert (await queue.wait(again.id, PATIENCE)).state == TaskState.done
    assert deeds.done == ["once"]


async def test_an_order_whose_acknowledgement_was_lost_still_has_its_file_when_it_is_sent_again(
    database: Database, tmp_path: Path
) -> None:
    write = database.write

    async def unheard(step: Callable[[Connection], object]) -> None:
        await write(step)
        database.write = write  # type: ignore[method-assign]
        raise Unavailable("The database does not answer.")

    sent = order("read", file=b"rows", idempotency_key="k")
    async with queue_on(database, tmp_path, Deeds()) as queue:
        database.write = unheard  # type: ignore[method-assign, assignment]
        with pytest.raises(Unavailable):
            await queue.submit(sent)
        task = await queue.submit(sent)
        assert (await queue.wait(task.id, PATIENCE)).state == TaskState.done
        assert list((tmp_path / "tasks").iterdir()) == []


async def test_personal_data_are_exported_and_erased_running_tasks_included(
    database: Database, tmp_path: Path
) -> None:
    deeds = Deeds()
    async with queue_on(database, tmp_path, deeds) as queue:
        ended = await queue.submit(order("echo", {"email": "ana@example.org"}))
        await queue.wait(ended.id, PATIENCE)
        await queue.submit(order("linger", "still at it"))
        others = await queue.submit(order("echo", "mine", owner="berta"))
        await queue.wait(others.id, PATIENCE)
        exported = await queue.export("ana")  # type: ignore[attr-defined]
        assert [(row["state"], row["payload"], row["result"]) for row in exported] == [
            ("done", {"email": "ana@example.org"}, {"email": "ana@example.org"}),
            ("running", "still at it", None),
        ]
        assert await queue.erase("ana") == 2  # type: ignore[attr-defined]
        assert await queue.export("ana") == []  # type: ignore[attr-defined]
        assert [task.id for task in await queue.tasks()] == [others.id]


async def test_an_order_whose_twin_came_and_ended_while_the_key_was_looked_up_is_that_task(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeds, sent = Deeds(), order("echo", 1, idempotency_key="k")
    look_up = Journal.find_key
    async with queue_on(database, tmp_path, deeds) as queue:
        twins: list[str] = []

        async def while_its_twin_lives(journal: Journal, owner: str, key: str) -> Values | None:
            seen = await look_up(journal, owner, key)
            if not twins:
                monkeypatch.undo()
                twins.append((await queue.submit(sent)).id)
                await queue.wait(twins[0], PATIENCE)
            return seen

        monkeypatch.setattr(Journal, "find_key", while_its_twin_lives)
        assert [(await queue.submit(sent)).id] == twins
    assert deeds.done == [1]
