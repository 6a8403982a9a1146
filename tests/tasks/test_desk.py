"""Where workers come for work: what becomes of a task when a worker, a ticket, a word or its node is lost."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import msgspec
import pytest

from clocks import ManualClock
from feria.errors import Conflict, Unavailable
from feria.events.process import ProcessBus
from feria.migrations import schema
from feria.settings import EventSettings, StorageSettings, TaskSettings
from feria.storage.database import Database, open_database
from feria.tasks.desk import Desk, open_desk
from feria.tasks.embedded import open_embedded_queue
from feria.tasks.errands import Ask, Beat, Doing, Errand, Fault, Word
from feria.tasks.files import TaskFiles
from feria.tasks.queue import TaskQueue
from feria.tasks.wire import TaskState
from feria.telemetry.metrics import Metrics
from queues import order
from workers import AS_IT_IS

SILENT = 10.0
PATIENCE = 300.0


@dataclass
class Counted:
    """Tickets that go nowhere."""

    put_so_far: list[int] = field(default_factory=list)

    def put(self, count: int) -> None:
        self.put_so_far.append(count)

    def answers_at(self, node: str) -> None: ...


@dataclass
class Place:
    """A node's desk and queue."""

    desk: Desk
    queue: TaskQueue
    tickets: Counted

    async def errand(self, worker: str = "one") -> Errand:
        with anyio.fail_after(PATIENCE):
            while True:
                errand = await self.desk.ask(Ask(worker))
                if errand is not None:
                    return errand
                await asyncio.sleep(0.001)

    async def tell(self, errand: Errand, result: object = "done") -> bool:
        async def settled() -> None:
            await self.queue.wait(errand.task_id, PATIENCE)

        raw = msgspec.Raw(msgspec.json.encode(result))
        return await self.desk.complete(Word(errand.task_id, errand.attempt, raw), settled)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    async with open_database(StorageSettings(), tmp_path) as database:
        await schema.upgrade(database)
        yield database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@contextlib.asynccontextmanager
async def place_on(database: Database, folder: Path, clock: ManualClock) -> AsyncGenerator[Place]:
    tickets, files = Counted(), TaskFiles(folder / "tasks")
    settings = TaskSettings(grace_seconds=0.0, max_attempts=3)
    async with (
        open_desk(tickets, clock, files, SILENT) as desk,
        open_embedded_queue(
            database, ProcessBus(EventSettings()), Metrics(), clock, settings, files
        ) as queue,
    ):
        queue.handle("echo", desk.deed("echo", AS_IT_IS), desk)
        await queue.resume()
        yield Place(desk, queue, tickets)


@pytest.fixture
async def place(database: Database, tmp_path: Path, clock: ManualClock) -> AsyncGenerator[Place]:
    async with place_on(database, tmp_path, clock) as place:
        yield place


async def test_a_worker_that_falls_silent_loses_its_task_to_the_next_that_asks(
    place: Place, clock: ManualClock
) -> None:
    task = await place.queue.submit(order("echo", 1))
    first = await place.errand("one")
    clock.advance(SILENT - 1)
    assert place.desk.beat(Beat("one", [Doing(task.id, 1)])) == []
    clock.advance(SILENT - 1)
    place.desk.look()
    assert (await place.queue.find(task.id)).state == TaskState.running
    clock.advance(1)
    place.desk.look()
    await clock.sleeper(1)  # it is tried again after a while
    clock.advance(60)
    second = await place.errand("two")
    assert (first.task_id, first.attempt, second.task_id, second.attempt) == (task.id, 1, task.id, 2)
    assert await place.tell(second, "two's")
    assert msgspec.json.decode(await place.queue.result(task.id)) == "two's"


async def test_the_first_word_of_an_end_is_believed_and_no_later_one(
    place: Place, clock: ManualClock
) -> None:
    task = await place.queue.submit(order("echo", 1))
    frozen = await place.errand("frozen")
    clock.advance(SILENT)
    place.desk.look()
    await clock.sleeper(1)
    clock.advance(60)
    second = await place.errand("second")
    assert await place.tell(frozen, "thawed")  # while the second is still at it
    assert place.desk.beat(Beat("second", [Doing(task.id, 2)])) == [task.id]
    assert not await place.tell(second, "too late")
    assert msgspec.json.decode(await place.queue.result(task.id)) == "thawed"
    assert (await place.queue.find(task.id)).attempts == 2


async def test_a_task_that_workers_die_at_fails_in_the_end(place: Place, clock: ManualClock) -> None:
    task = await place.queue.submit(order("echo", 1))
    for attempt in (1, 2, 3):
        assert (await place.errand()).attempt == attempt
        clock.advance(SILENT)
        place.desk.look()
        if attempt < 3:
            await clock.sleeper(attempt)
            clock.advance(60)
    assert (await place.queue.wait(task.id, PATIENCE)).state == TaskState.failed
    with pytest.raises(Unavailable, match="silent"):
        await place.queue.result(task.id)


async def test_tickets_that_were_lost_are_put_again_ever_more_rarely(
    place: Place, clock: ManualClock
) -> None:
    for n in range(3):
        await place.queue.submit(order("echo", n))
    with anyio.fail_after(PATIENCE):
        while sum(place.tickets.put_so_far) < 3:  # noqa: ASYNC110 - each life takes a step of its own
            await asyncio.sleep(0.001)
    place.tickets.put_so_far.clear()
    again = []
    for second in range(200):
        place.desk.look()
        if place.tickets.put_so_far:
            assert place.tickets.put_so_far == [3]
            again.append(second)
            place.tickets.put_so_far.clear()
        clock.advance(1)
    assert again == [6, 17, 38, 79, 140]
    await place.errand()
    for _ in range(7):
        clock.advance(1)
        place.desk.look()
    assert place.tickets.put_so_far == [2]


async def test_who_had_a_task_when_its_node_stopped_keeps_it(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    async with place_on(database, tmp_path, clock) as place:
        task = await place.queue.submit(order("echo", 1))
        errand = await place.errand()
    async with place_on(database, tmp_path, clock) as place:
        await clock.sleeper(1)
        assert place.desk.beat(Beat("one", [Doing(task.id, 1)])) == []
        clock.advance(1)
        assert await place.tell(errand, "kept")
        ended = await place.queue.find(task.id)
        assert (ended.state, ended.attempts) == (TaskState.done, 1)
        assert place.tickets.put_so_far == []


async def test_what_nobody_has_after_a_start_is_given_out_again(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    async with place_on(database, tmp_path, clock) as place:
        task = await place.queue.submit(order("echo", 1))
        await place.errand()
    async with place_on(database, tmp_path, clock) as place:
        for count in range(1, 100):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await clock.sleeper(count)
            clock.advance(0.25)
        assert (await place.errand("two")).attempt == 2
        assert (await place.queue.find(task.id)).state == TaskState.running


async def test_an_end_that_is_told_before_the_node_has_looked_is_believed(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    async with place_on(database, tmp_path, clock) as place:
        task = await place.queue.submit(order("echo", 1))
        errand = await place.errand()
    async with place_on(database, tmp_path, clock) as place:
        await clock.sleeper(1)
        telling = asyncio.create_task(place.tell(errand, "told"))
        await asyncio.sleep(0.01)
        clock.advance(1)
        assert await telling
        assert msgspec.json.decode(await place.queue.result(task.id)) == "told"


async def test_a_worker_that_left_before_its_errand_was_ready_is_not_held_against_the_task(
    place: Place, clock: ManualClock
) -> None:
    asking = asyncio.create_task(place.desk.ask(Ask("one")))
    assert await asking is None
    task = await place.queue.submit(order("echo", 1))
    await asyncio.sleep(0.01)
    asking = asyncio.create_task(place.desk.ask(Ask("one")))
    await asyncio.sleep(0)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    await clock.sleeper(1)
    clock.advance(1)
    errand = await place.errand("two")
    assert (errand.task_id, errand.attempt) == (task.id, 1)


async def test_a_task_that_was_called_off_is_dropped_by_who_does_it(place: Place) -> None:
    task = await place.queue.submit(order("echo", 1))
    errand = await place.errand()
    assert (await place.queue.cancel(task.id)).state == TaskState.cancelled
    assert place.desk.beat(Beat("one", [Doing(task.id, 1)])) == [task.id]
    assert not await place.tell(errand)
    assert (await place.queue.find(task.id)).state == TaskState.cancelled


async def test_a_worker_that_stops_gives_its_task_back_unharmed(place: Place, clock: ManualClock) -> None:
    task = await place.queue.submit(order("echo", 1))
    errand = await place.errand()
    busy = Fault("busy", "The worker stops.", {"retry_after": 0.0})

    async def settled() -> None:
        raise AssertionError("nothing was settled")

    assert await place.desk.complete(Word(task.id, errand.attempt, error=busy), settled)
    await clock.sleeper(1)
    with pytest.raises(Conflict):
        await place.queue.result(task.id)
    clock.advance(0)
    assert (await place.errand("two")).attempt == 1


async def test_a_worker_that_lingers_is_given_what_comes_without_a_ticket(place: Place) -> None:
    asking = asyncio.create_task(place.desk.ask(Ask("one", wait=5.0)))
    await asyncio.sleep(0)
    task = await place.queue.submit(order("echo", 1))
    errand = await asking
    assert errand is not None
    assert errand.task_id == task.id
    assert place.tickets.put_so_far == []
    assert await place.desk.ask(Ask("one", wait=0.01)) is None
    assert await place.tell(errand)


async def test_workers_are_counted_while_they_are_heard_of(place: Place, clock: ManualClock) -> None:
    await place.desk.ask(Ask("one"))
    place.desk.beat(Beat("two", []))
    assert place.desk.workers() == 2
    clock.advance(SILENT)
    assert place.desk.workers() == 0
