"""Tasks of a cluster: done where there is room, answered for everywhere, gone on with when a member goes."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from cluster.clusters import until
from feria.errors import Cancelled, Conflict, NotFound
from feria.events.bus import Event
from feria.events.process import ProcessBus
from feria.settings import EventSettings
from feria.tasks.queue import TaskQueue
from feria.tasks.wire import TaskState
from placed import Placed
from queues import Deeds, order

PATIENCE = 120.0


@pytest.fixture
async def placed(tmp_path: Path) -> AsyncGenerator[Placed]:
    async with Placed(tmp_path) as placed:
        yield placed


async def known(queue: TaskQueue, task_id: str) -> bool:
    try:
        await queue.find(task_id)
    except NotFound:
        return False
    return True


async def test_what_finds_no_room_here_is_done_by_another_member(placed: Placed) -> None:
    at_a, at_b = Deeds(), Deeds()
    a = await placed.open("a", at_a)
    await placed.open("b", at_b)
    await placed.meet()
    tasks = [await a.submit(order("linger", n)) for n in range(2)]
    await until(lambda: len(at_a.works) == len(at_b.works) == 1)
    at_a.go_on.set()
    at_b.go_on.set()
    for n, task in enumerate(tasks):
        assert (await a.wait(task.id, PATIENCE)).state is TaskState.done
        assert msgspec.json.decode(await a.result(task.id)) == n


async def test_every_member_answers_for_a_task(placed: Placed) -> None:
    at_a, bus = Deeds(), ProcessBus(EventSettings())
    a, b = await placed.open("a", at_a), await placed.open("b", Deeds(), bus=bus)
    await placed.meet()
    async with bus.subscribe("task.*") as heard:
        task = await a.submit(order("linger", "x"))
        await until(lambda: known(b, task.id))
        assert (await b.tasks(owner="ana"))[0].id == task.id
        waiting = asyncio.create_task(b.wait(task.id, PATIENCE))
        with pytest.raises(Conflict):
            await b.result(task.id)
        await at_a.began.wait()

        async def half_way() -> bool:
            return (await b.find(task.id)).progress == 0.5

        await until(half_way)
        at_a.go_on.set()
        assert (await waiting).state is TaskState.done
        assert await b.result(task.id) == b'"x"'
        told = []
        async for event in heard:
            assert isinstance(event, Event)
            told.append(event.data["state"])
            if told[-1] == "done":
                break
    assert "running" in told
    await b.forget(task.id)
    for queue in (a, b):

        async def forgotten(queue: TaskQueue = queue) -> bool:
            return not await known(queue, task.id)

        await until(forgotten)


async def test_any_member_calls_a_task_off(placed: Placed) -> None:
    at_a = Deeds()
    a, b = await placed.open("a", at_a), await placed.open("b", Deeds())
    await placed.meet()
    task = await a.submit(order("linger"))
    await until(lambda: known(b, task.id))
    assert (await b.cancel(task.id)).state is TaskState.cancelled
    await a.wait(task.id, PATIENCE)
    with pytest.raises(Cancelled):
        await a.result(task.id)
    assert at_a.done == []


async def test_an_order_sent_again_to_another_member_is_the_same_task(placed: Placed) -> None:
    a, b = await placed.open("a", Deeds()), await placed.open("b", Deeds())
    await placed.meet()
    task = await a.submit(order("echo", 1, idempotency_key="k"))
    await until(lambda: known(b, task.id))
    assert (await b.submit(order("echo", 1, idempotency_key="k"))).id == task.id
    with pytest.raises(Conflict):
        await b.submit(order("echo", 2, idempotency_key="k"))


async def test_the_work_of_a_member_that_dies_is_placed_again(placed: Placed) -> None:
    at_a, at_b, at_c = Deeds(), Deeds(), Deeds()
    a = await placed.open("a", at_a)
    await placed.open("b", at_b)
    await placed.meet()
    tasks = [await a.submit(order("linger", n)) for n in range(2)]
    await until(lambda: len(at_a.works) == len(at_b.works) == 1)
    (taken,) = at_b.works
    await placed.cut_off("b")
    await placed.open("c", at_c)
    at_c.go_on.set()
    end = await a.wait(taken.id, PATIENCE)
    assert (end.state, end.attempts) == (TaskState.done, 2)
    assert [work.id for work in at_c.works] == [taken.id]
    at_a.go_on.set()
    for task in tasks:
        assert (await a.wait(task.id, PATIENCE)).state is TaskState.done


async def test_tasks_of_a_member_that_dies_end_elsewhere_with_their_files(
    placed: Placed, tmp_path: Path
) -> None:
    at_a, at_b = Deeds(), Deeds()
    a, b = await placed.open("a", at_a), await placed.open("b", at_b, parallel=4)
    await placed.meet()
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n" * 100_000)
    first = await a.submit(order("linger", "first"))
    await at_a.began.wait()
    with_file = await a.submit(order("read", file=rows))
    long = await a.submit(order("echo", "x" * 50_000))
    for task in (first, with_file, long):
        await until(lambda task=task: known(b, task.id))
    for path in (tmp_path / "a" / "tasks").iterdir():
        path.unlink()  # its disk is gone, too
    await placed.cut_off("a")
    at_b.go_on.set()
    for task in (first, with_file, long):
        assert (await b.wait(task.id, PATIENCE)).state is TaskState.done
    assert msgspec.json.decode(await b.result(with_file.id)) == [".csv", "a,b\n" * 100_000]
    assert msgspec.json.decode(await b.result(long.id)) == "x" * 50_000
    assert at_b.done.count("first") == 1


async def test_a_member_that_was_away_gives_no_second_end_to_what_went_on_without_it(placed: Placed) -> None:
    at_a, at_b = Deeds(), Deeds()
    a, b = await placed.open("a", at_a), await placed.open("b", at_b)
    await placed.meet()
    task = await a.submit(order("linger", "x"))
    await at_a.began.wait()
    await until(lambda: known(b, task.id))
    await placed.close("a")  # it is put back, and would go on at the next start
    at_b.go_on.set()
    ended = await b.wait(task.id, PATIENCE)
    assert ended.state is TaskState.done
    again = Deeds()
    again.go_on.set()
    a = await placed.open("a", again)
    await placed.meet()

    async def same() -> bool:
        return (await a.find(task.id)) == ended

    await until(same)
    assert again.done == []
    assert await a.result(task.id) == b'"x"'


async def test_a_member_that_is_alone_keeps_its_tasks_in_its_database(placed: Placed) -> None:
    a = await placed.open("a", Deeds())
    task = await a.submit(order("echo", 1))
    assert (await a.wait(task.id, PATIENCE)).state is TaskState.done
    assert await placed.members["a"].store.page("\0rows/task/") == []
