"""Nodes that share a database: whose a task is, who hears of it, who takes what a dead or frozen one left."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import anyio
import msgspec
import pytest

from clocks import ManualClock
from feria.errors import Cancelled
from feria.events.process import ProcessBus
from feria.migrations import schema
from feria.settings import EventSettings, TaskSettings
from feria.storage.database import Database, open_database
from feria.tasks.embedded import EmbeddedQueue, open_embedded_queue
from feria.tasks.files import TaskFiles
from feria.tasks.sharing import SILENT_SECONDS, Sharing
from feria.tasks.wire import TaskState
from feria.telemetry.metrics import Metrics
from queues import Deeds, order
from servers import fresh_database

PATIENCE = 300.0
KINDS = ("echo", "linger", "read")


@dataclass
class SharingNode:
    queue: EmbeddedQueue
    shared: Sharing
    deeds: Deeds


@pytest.fixture(params=["postgresql", "mariadb"])
async def databases(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncGenerator[tuple[Database, Database]]:
    async with (
        fresh_database(request.param) as settings,
        open_database(settings, tmp_path) as one,
        open_database(settings, tmp_path) as two,
    ):
        await schema.upgrade(one)
        yield one, two


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@contextlib.asynccontextmanager
async def node_on(
    database: Database, name: str, clock: ManualClock, folder: Path
) -> AsyncGenerator[SharingNode]:
    deeds = Deeds()
    async with open_embedded_queue(
        database,
        ProcessBus(EventSettings()),  # they hear nothing of each other but through the database
        Metrics(),
        clock,
        TaskSettings(grace_seconds=0.0),
        TaskFiles(folder / name),
        name,
    ) as queue:
        for kind in KINDS:
            queue.handle(kind, getattr(deeds, kind))
        await queue.resume()
        shared = Sharing(database, queue, name, clock)
        await shared.look()
        yield SharingNode(queue, shared, deeds)


@pytest.fixture
async def two(
    databases: tuple[Database, Database], clock: ManualClock, tmp_path: Path
) -> AsyncGenerator[tuple[SharingNode, SharingNode]]:
    async with (
        node_on(databases[0], "ana", clock, tmp_path) as ana,
        node_on(databases[1], "bea", clock, tmp_path) as bea,
    ):
        yield ana, bea


async def began(node: SharingNode) -> None:
    with anyio.fail_after(PATIENCE):
        await node.deeds.began.wait()
    node.deeds.began.clear()


async def test_a_task_is_done_by_one_node_and_answered_by_both(two: tuple[SharingNode, SharingNode]) -> None:
    ana, bea = two
    task = await ana.queue.submit(order("linger", "once"))
    await began(ana)
    assert (await bea.queue.wait(task.id, 0)).state == TaskState.running
    waiting = asyncio.create_task(bea.queue.wait(task.id, PATIENCE))
    await asyncio.sleep(0.05)
    ana.deeds.go_on.set()
    assert (await waiting).state == TaskState.done
    assert msgspec.json.decode(await bea.queue.result(task.id)) == "once"
    assert (ana.deeds.done, bea.deeds.done) == (["once"], [])


async def test_one_key_is_one_task_whichever_node_is_asked(two: tuple[SharingNode, SharingNode]) -> None:
    ana, bea = two
    first = await ana.queue.submit(order("linger", 1, idempotency_key="k"))
    await began(ana)
    assert (await bea.queue.submit(order("linger", 1, idempotency_key="k"))).id == first.id
    ana.deeds.go_on.set()
    assert (await bea.queue.wait(first.id, PATIENCE)).state == TaskState.done
    assert bea.deeds.done == []


async def test_a_start_takes_up_nothing_of_the_others(
    two: tuple[SharingNode, SharingNode],
    databases: tuple[Database, Database],
    clock: ManualClock,
    tmp_path: Path,
) -> None:
    ana, _ = two
    task = await ana.queue.submit(order("linger", "ana's"))
    await began(ana)
    async with node_on(databases[1], "carla", clock, tmp_path) as carla:
        await carla.queue.wait(task.id, 0)
        assert carla.deeds.works == []
    ana.deeds.go_on.set()
    assert (await ana.queue.wait(task.id, PATIENCE)).attempts == 1


async def test_what_a_silent_node_left_is_taken_and_its_late_end_is_not_told(
    two: tuple[SharingNode, SharingNode], clock: ManualClock
) -> None:
    ana, bea = two
    task = await ana.queue.submit(order("linger", 1))
    await began(ana)
    clock.advance(SILENT_SECONDS + 1)  # ana is frozen: she says nothing
    await bea.shared.look()
    await began(bea)
    bea.deeds.go_on.set()
    ended = await bea.queue.wait(task.id, PATIENCE)
    assert (ended.state, ended.attempts) == (TaskState.done, 2)
    ana.deeds.go_on.set()  # and thaws
    seen = await ana.queue.wait(task.id, PATIENCE)
    assert (seen.state, seen.attempts, seen.finished_at) == (TaskState.done, 2, ended.finished_at)


async def test_a_task_with_a_file_waits_for_the_node_that_has_it(
    two: tuple[SharingNode, SharingNode], clock: ManualClock
) -> None:
    ana, bea = two
    await ana.queue.submit(order("linger", 1, file=b"rows"))
    await began(ana)
    clock.advance(SILENT_SECONDS + 1)
    await bea.shared.look()
    await asyncio.sleep(0.05)
    assert bea.deeds.works == []
    ana.deeds.go_on.set()


async def test_a_task_is_called_off_on_whichever_node_one_asks(two: tuple[SharingNode, SharingNode]) -> None:
    ana, bea = two
    task = await ana.queue.submit(order("linger", 1))
    await began(ana)
    assert (await bea.queue.cancel(task.id)).state == TaskState.cancelled
    await ana.shared.look()
    with pytest.raises(Cancelled):
        await ana.queue.result(task.id)
    assert (await ana.queue.find(task.id)).state == TaskState.cancelled
    assert ana.queue.counts() == {"waiting": 0, "running": 0}
    assert ana.deeds.done == []
