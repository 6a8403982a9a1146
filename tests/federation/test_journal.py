"""Jobs and what was told of them, on all three databases."""

import math
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from feria.federation import wire
from feria.federation.jobs_wire import Alive, Changed, JobState, Told
from feria.federation.journal import PAGE, Batch, Journal, open_journal
from feria.federation.tracking import ClientRound
from feria.storage.database import Database

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
async def journal(database: Database) -> AsyncGenerator[Journal]:
    async with open_journal(database) as journal:
        yield journal


def values(**more: Any) -> dict[str, Any]:
    kept = dict.fromkeys(("order", "health", "clients_config", "clients_status"), b"{}")
    dates = {"created_at": NOW, "started_at": None, "finished_at": None, "error": None, "result": None}
    counts = {"clients": 1, "round": 0, "status_event": 0, "last_event": 0}
    return {"owner": "ana", "model_owner": "ana", "state": "pending", **kept, **dates, **counts, **more}


def alive(count: int, first: int = 1) -> list[Told]:
    return [Alive(at=float(at), round=1) for at in range(first, first + count)]


def ended(number: int, **more: Any) -> wire.RoundEnded:
    figures: dict[str, Any] = {"train": {}, "evaluate": {"loss": 0.5}, "central": {}, **more}
    return wire.RoundEnded(at=1.0, round=number, replies=2, seconds=1.5, **figures)


async def told(journal: Journal, number: int, since: int = 1) -> list[tuple[int, Told]]:
    return [one async for one in journal.told(number, since)]


async def test_numbers_count_up_and_are_never_given_again(journal: Journal) -> None:
    first, second = await journal.add(values()), await journal.add(values(owner="berta"))
    assert second > first
    await journal.delete(second)
    assert await journal.add(values()) > second


async def test_events_are_read_from_any_of_them_on_whatever_batches_they_came_in(journal: Journal) -> None:
    number, other = await journal.add(values()), await journal.add(values())
    first = 1
    for size in [3, 1, 5] * PAGE:
        await journal.append(Batch(number, first, alive(size, first), {"last_event": first + size - 1}))
        first += size
    await journal.append(Batch(other, 1, alive(1), {}))
    everything = await told(journal, number)
    assert [at for at, _ in everything] == list(range(1, first))
    assert [event.at for _, event in everything] == [float(at) for at in range(1, first)]
    for since in (2, 4, 5, first - 1, first):
        assert await told(journal, number, since) == everything[since - 1 :]
    found = await journal.find(number)
    assert found is not None
    assert found["last_event"] == first - 1


async def test_what_is_no_number_comes_back_as_such(journal: Journal) -> None:
    number = await journal.add(values())
    of = {"at": 1.0, "round": 1, "phase": "train", "node_id": "1", "name": "Señor Ñandú"}
    reply = wire.Replied(
        **of, samples=3, metrics={"auc": math.nan, "each": [1.0, math.inf]}, seconds=1.0, bytes=1
    )
    await journal.append(Batch(number, 1, [reply], {}))
    ((_, found),) = await told(journal, number)
    assert isinstance(found, wire.Replied)
    assert math.isnan(found.metrics["auc"])  # type: ignore[arg-type]
    assert (found.metrics["each"], found.name) == ([1.0, math.inf], "Señor Ñandú")


async def test_a_batch_that_is_written_twice_is_written_once(journal: Journal) -> None:
    number = await journal.add(values())
    record = ClientRound(1, "client_00000001", "completed", 0.5, 0.7, 60, 1.5, 300)
    batch = Batch(number, 1, alive(3), {"round": 1, "state": "running"}, [(ended(1), [record])])
    for _ in range(2):
        await journal.append(batch)
    assert len(await told(journal, number)) == 3
    assert [one["round"] for one in await journal.rounds(number)] == [1]
    assert await journal.client_rounds(number, "client_00000001") == [record]


async def test_what_each_client_did_is_kept_for_each_round(journal: Journal) -> None:
    number = await journal.add(values())
    for round in (1, 2, 10):
        records = [
            ClientRound(round, f"client_{client:08x}", "completed", client / 10, None, 60, 0.5, 2**40)
            for client in range(3)
        ]
        await journal.append(Batch(number, round, alive(1, round), {}, [(ended(round), records)]))
    history = await journal.client_rounds(number, "client_00000002")
    assert [(one.round, one.accuracy, one.loss, one.bytes) for one in history] == [
        (1, 0.2, None, 2**40),
        (2, 0.2, None, 2**40),
        (10, 0.2, None, 2**40),
    ]
    assert await journal.client_rounds(number, "client_00000009") == []
    assert [one["evaluate"] for one in await journal.rounds(number)] == [{"loss": 0.5}] * 3


async def test_the_unfinished_are_found_in_their_order(journal: Journal) -> None:
    states = ["running", "completed", "pending", "stopped", "waiting", "failed"]
    numbers = [await journal.add(values(state=state)) for state in states]
    assert [row["number"] for row in await journal.unfinished()] == numbers[::2]


async def test_jobs_are_listed_the_newest_first_by_owner_and_state(journal: Journal) -> None:
    numbers = [await journal.add(values(owner=owner)) for owner in ("ana", "berta", "ana", "ana")]
    await journal.append(
        Batch(numbers[2], 1, [Changed(at=1.0, round=0, state=JobState.failed)], {"state": "failed"})
    )

    async def listed(**asked: Any) -> list[int]:
        said = {"owner": None, "state": None, "before": None, "limit": 10} | asked
        return [row["number"] for row in await journal.newest(**said)]

    assert await listed() == numbers[::-1]
    assert await listed(owner="ana") == [numbers[3], numbers[2], numbers[0]]
    assert await listed(state=JobState.failed) == [numbers[2]]
    assert await listed(before=numbers[2], limit=1) == [numbers[1]]


async def test_a_deleted_job_leaves_nothing(journal: Journal) -> None:
    number, other = await journal.add(values()), await journal.add(values())
    record = ClientRound(1, "client_00000001")
    for one in (number, other):
        await journal.append(Batch(one, 1, alive(2), {}, [(ended(1), [record])]))
    await journal.delete(number)
    assert await journal.find(number) is await journal.clients(number) is None
    assert await told(journal, number) == await journal.client_rounds(number, record.client) == []
    assert await journal.rounds(number) == []
    assert len(await told(journal, other)) == 2
    assert await journal.client_rounds(other, record.client) == [record]
