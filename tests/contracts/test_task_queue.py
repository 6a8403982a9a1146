"""What every task queue promises: the one that works in this process, whose journal is on SQLite, PostgreSQL
and MariaDB in turn, the one that has Celery workers on a real Redis do it, and that of a cluster."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import msgspec
import pytest

from feria.errors import Busy, Cancelled, Conflict, FeriaError, Invalid, NotFound, TooLarge
from feria.events.bus import Event
from feria.events.process import ProcessBus
from feria.migrations import schema
from feria.settings import EventSettings
from feria.storage.database import open_database
from feria.tasks.queue import PAYLOAD_BYTES, RESULT_BYTES, TaskQueue
from feria.tasks.wire import TaskState
from placed import queue_of_two
from queues import Deeds, order, queue_on
from servers import DATABASES, fresh_database
from workers import queue_with_workers

PATIENCE = 300.0
SLOTS = 2
ROOM = 5


@pytest.fixture
async def deeds() -> Deeds:
    return Deeds()


@pytest.fixture
async def bus() -> ProcessBus:
    return ProcessBus(EventSettings())


@pytest.fixture(params=[*DATABASES, "celery", "cluster"])
async def queue(
    request: pytest.FixtureRequest, tmp_path: Path, deeds: Deeds, bus: ProcessBus
) -> AsyncGenerator[TaskQueue]:
    form = {"celery": queue_with_workers, "cluster": queue_of_two}.get(request.param, queue_on)
    kind = request.param if request.param in DATABASES else "sqlite"
    async with (
        fresh_database(kind) as storage,
        open_database(storage, tmp_path) as database,
    ):
        await schema.upgrade(database)
        async with form(
            database, tmp_path, deeds, bus=bus, parallel=SLOTS, max_waiting=ROOM, max_waiting_mib=2
        ) as queue:
            yield queue


async def outcome(queue: TaskQueue, task_id: str) -> object:
    task = await queue.wait(task_id, PATIENCE)
    assert task.state.final, task
    return msgspec.json.decode(await queue.result(task_id))


def kept_by(folder: Path) -> list[Path]:
    """Files of tasks, of whichever node."""
    return [path for tasks in folder.rglob("tasks") for path in tasks.iterdir()]


async def fill(queue: TaskQueue, deeds: Deeds) -> list[str]:
    """Take every slot with work that does not end by itself."""
    ids = [(await queue.submit(order("linger", n))).id for n in range(SLOTS)]
    while len(deeds.works) < SLOTS:
        await deeds.began.wait()
        deeds.began.clear()
    return ids


async def test_what_is_submitted_is_done_and_its_result_kept(queue: TaskQueue) -> None:
    task = await queue.submit(order("echo", {"rows": [1, 2.5, None, "ñ"]}))
    assert (task.kind, task.owner) == ("echo", "ana")
    assert await outcome(queue, task.id) == {"rows": [1, 2.5, None, "ñ"]}
    ended = await queue.find(task.id)
    assert (ended.state, ended.progress, ended.attempts, ended.error) == (TaskState.done, 1.0, 1, None)
    assert ended.started_at is not None
    assert ended.finished_at is not None
    assert ended.submitted_at <= ended.started_at <= ended.finished_at
    assert ended.expires_at is not None
    assert ended.expires_at > ended.finished_at


async def test_what_a_deed_raises_is_raised_to_who_asks_for_the_result(queue: TaskQueue) -> None:
    task = await queue.submit(order("refuse", "age"))
    ended = await queue.wait(task.id, PATIENCE)
    assert ended.state == TaskState.failed
    assert ended.error is not None
    assert ended.error.model_dump() == {"error": "invalid", "detail": "Not that.", "column": "age"}
    with pytest.raises(Invalid, match=r"Not that\.") as raised:
        await queue.result(task.id)
    assert raised.value.details == {"column": "age"}


async def test_a_bug_in_a_deed_is_told_without_its_secrets(queue: TaskQueue) -> None:
    task = await queue.submit(order("fail"))
    await queue.wait(task.id, PATIENCE)
    with pytest.raises(FeriaError, match="went wrong") as raised:
        await queue.result(task.id)
    assert raised.value.code == "internal"


async def test_a_result_is_not_there_before_the_end(queue: TaskQueue, deeds: Deeds) -> None:
    task = await queue.submit(order("linger"))
    await deeds.began.wait()
    assert (await queue.wait(task.id, 0.01)).state == TaskState.running
    with pytest.raises(Conflict):
        await queue.result(task.id)
    deeds.go_on.set()
    assert await outcome(queue, task.id) is None


async def test_progress_is_seen_while_it_runs(queue: TaskQueue, deeds: Deeds, bus: ProcessBus) -> None:
    async with bus.subscribe("task.*") as heard:
        task = await queue.submit(order("linger"))
        await deeds.began.wait()
        told = []
        with anyio.fail_after(PATIENCE):
            while (await queue.find(task.id)).progress == 0.0:  # noqa: ASYNC110 - a worker's word is on its way
                await asyncio.sleep(0.01)
            running = await queue.find(task.id)
            assert (running.doing, running.progress) == ("lingering", 0.5)
            deeds.go_on.set()
            async for event in heard:
                assert isinstance(event, Event)
                assert event.topic == f"task.{task.id}"
                told.append((event.data["state"], event.data["progress"]))
                if event.data["state"] == "done":
                    break
    if told[0] == ("waiting", 0.0):  # it need not find a free slot at once
        del told[0]
    assert told == [("running", 0.0), ("running", 0.5), ("done", 1.0)]


async def test_the_greatest_priority_goes_first_and_equals_in_turn(queue: TaskQueue, deeds: Deeds) -> None:
    await fill(queue, deeds)
    ids = [
        (await queue.submit(order("echo", name, priority=priority))).id
        for name, priority in (("a", 0), ("low", -10), ("b", 0), ("high", 10), ("c", 0))
    ]
    deeds.go_on.set()
    for task_id in ids:
        await queue.wait(task_id, PATIENCE)
    assert [done for done in deeds.done if isinstance(done, str)] == ["high", "a", "b", "c", "low"]


async def test_no_more_than_its_slots_run_at_once(queue: TaskQueue, deeds: Deeds) -> None:
    await fill(queue, deeds)
    waiting = await queue.submit(order("linger", "third"))
    assert (await queue.wait(waiting.id, 0.05)).state == TaskState.waiting
    assert len(deeds.works) == SLOTS
    deeds.go_on.set()
    assert await outcome(queue, waiting.id) == "third"


async def test_a_full_queue_says_when_to_ask_again(queue: TaskQueue, deeds: Deeds) -> None:
    await fill(queue, deeds)
    accepted = [(await queue.submit(order("echo", n))).id for n in range(ROOM)]
    with pytest.raises(Busy) as refused:
        await queue.submit(order("echo", "one too many"))
    assert refused.value.retry_after > 0
    deeds.go_on.set()
    assert [await outcome(queue, task_id) for task_id in accepted] == list(range(ROOM))
    assert "one too many" not in deeds.done


async def test_waiting_payloads_take_no_more_memory_than_they_may(queue: TaskQueue, deeds: Deeds) -> None:
    await fill(queue, deeds)
    for _ in range(2):
        await queue.submit(order("echo", "x" * (PAYLOAD_BYTES - 100)))
    with pytest.raises(Busy, match="memory"):
        await queue.submit(order("echo", "x" * (PAYLOAD_BYTES - 100)))
    deeds.go_on.set()


async def test_a_waiting_task_that_is_called_off_is_never_begun(queue: TaskQueue, deeds: Deeds) -> None:
    await fill(queue, deeds)
    task = await queue.submit(order("echo", "never"))
    assert (await queue.cancel(task.id)).state == TaskState.cancelled
    deeds.go_on.set()
    with pytest.raises(Cancelled):
        await queue.result(task.id)
    assert await outcome(queue, (await queue.submit(order("echo", "next"))).id) == "next"
    assert "never" not in deeds.done


async def test_a_running_task_that_is_called_off_gives_its_slot_back(queue: TaskQueue, deeds: Deeds) -> None:
    one, _ = await fill(queue, deeds)
    assert (await queue.cancel(one)).state == TaskState.cancelled
    assert await outcome(queue, (await queue.submit(order("echo", "in its place"))).id) == "in its place"
    assert (await queue.cancel(one)).state == TaskState.cancelled
    deeds.go_on.set()


async def test_calling_off_what_has_ended_changes_nothing(queue: TaskQueue) -> None:
    task = await queue.submit(order("echo", 1))
    await queue.wait(task.id, PATIENCE)
    assert (await queue.cancel(task.id)).state == TaskState.done
    assert await outcome(queue, task.id) == 1


async def test_an_order_with_a_key_becomes_one_task_however_often_it_is_sent(
    queue: TaskQueue, deeds: Deeds
) -> None:
    first = await queue.submit(order("echo", 1, idempotency_key="k"))
    again = await queue.submit(order("echo", 1, idempotency_key="k"))
    await queue.wait(first.id, PATIENCE)
    after = await queue.submit(order("echo", 1, idempotency_key="k"))
    assert first.id == again.id == after.id
    assert deeds.done == [1]
    others = await queue.submit(order("echo", 1, idempotency_key="k", owner="berta"))
    assert others.id != first.id


async def test_a_key_that_was_used_for_another_order_is_a_conflict(queue: TaskQueue) -> None:
    first = await queue.submit(order("echo", 1, idempotency_key="k"))
    for another in (order("echo", 2, idempotency_key="k"), order("boast", 1, idempotency_key="k")):
        with pytest.raises(Conflict):
            await queue.submit(another)
    await queue.wait(first.id, PATIENCE)
    with pytest.raises(Conflict):
        await queue.submit(order("echo", 2, idempotency_key="k"))


async def test_orders_with_one_key_sent_at_once_become_one_task(queue: TaskQueue, deeds: Deeds) -> None:
    sent = [queue.submit(order("echo", 1, idempotency_key="k")) for _ in range(5)]
    got = await asyncio.gather(*sent, return_exceptions=True)
    tasks = [one for one in got if not isinstance(one, BaseException)]
    assert len({task.id for task in tasks}) == 1
    assert all(isinstance(one, Busy) for one in got if isinstance(one, BaseException))
    await queue.wait(tasks[0].id, PATIENCE)
    assert deeds.done == [1]


async def test_a_file_comes_along_and_goes_when_the_task_has_ended(queue: TaskQueue, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv.gz"
    rows.write_text("a,b\n")
    by_path = await queue.submit(order("read", file=rows))
    rows.unlink()
    by_bytes = await queue.submit(order("read", file=b"bytes"))
    assert await outcome(queue, by_path.id) == [".gz", "a,b\n"]
    assert await outcome(queue, by_bytes.id) == ["", "bytes"]
    assert kept_by(tmp_path) == []


async def test_tasks_are_listed_the_newest_first(queue: TaskQueue) -> None:
    ids = []
    for n, owner in enumerate(["ana", "berta", "ana", "ana"]):
        task = await queue.submit(order("refuse" if n == 2 else "echo", n, owner=owner))
        await queue.wait(task.id, PATIENCE)
        ids.append(task.id)
        await asyncio.sleep(0.002)  # ids sort by the millisecond
    listed = [task.id for task in await queue.tasks()]
    assert listed == ids[::-1]
    assert [task.id for task in await queue.tasks(owner="ana", limit=2)] == [ids[3], ids[2]]
    assert [task.id for task in await queue.tasks(owner="ana", before=ids[2])] == [ids[0]]
    assert [task.id for task in await queue.tasks(state=TaskState.failed)] == [ids[2]]
    assert [task.id for task in await queue.tasks(kind="refuse")] == [ids[2]]


async def test_a_task_that_has_ended_can_be_forgotten_and_no_other(queue: TaskQueue, deeds: Deeds) -> None:
    running = await queue.submit(order("linger"))
    with pytest.raises(Conflict):
        await queue.forget(running.id)
    deeds.go_on.set()
    await queue.wait(running.id, PATIENCE)
    await queue.forget(running.id)
    with pytest.raises(NotFound):
        await queue.find(running.id)


@pytest.mark.parametrize("ask", ["find", "result", "cancel", "forget"])
async def test_an_unknown_task_is_not_found(queue: TaskQueue, ask: str) -> None:
    with pytest.raises(NotFound):
        await getattr(queue, ask)("0" * 28)


async def test_what_cannot_be_done_is_refused_at_once(queue: TaskQueue) -> None:
    for wrong, error in [
        (order("no such kind"), Invalid),
        (order("echo", priority=11), Invalid),
        (order("echo", idempotency_key=""), Invalid),
        (order("echo", "x" * PAYLOAD_BYTES), TooLarge),
    ]:
        with pytest.raises(error):
            await queue.submit(wrong)
    assert await queue.tasks() == []


async def test_a_result_that_is_too_long_is_the_tasks_error(queue: TaskQueue) -> None:
    task = await queue.submit(order("boast", RESULT_BYTES))
    await queue.wait(task.id, PATIENCE)
    with pytest.raises(TooLarge):
        await queue.result(task.id)


async def test_a_long_result_comes_whole(queue: TaskQueue) -> None:
    task = await queue.submit(order("boast", RESULT_BYTES - 2))
    assert len(str(await outcome(queue, task.id))) == RESULT_BYTES - 2
