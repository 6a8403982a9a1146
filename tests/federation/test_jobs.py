"""The life of a job: from an order to a model on the shelf, whatever happens on the way."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from feria.errors import Conflict, Invalid, NotFound
from feria.events.bus import Event
from feria.federation import wire
from feria.federation.jobs_wire import Changed, JobState
from feria.federation.tables import JobRow
from feria.settings import StorageSettings
from feria.storage.database import Database
from loops import KEPT, NAMES, Federation, LoopEngine, federation_on, states


@pytest.fixture
def storage_settings() -> StorageSettings:
    """SQLite alone: the journal's own tests go over all three."""
    return StorageSettings()


@pytest.fixture
async def federation(database: Database, tmp_path: Path) -> AsyncGenerator[Federation]:
    async with federation_on(database, tmp_path) as federation:
        await federation.register()
        yield federation


async def test_a_job_trains_and_publishes_with_its_history(federation: Federation) -> None:
    job = await federation.start(rounds=4)
    assert (job.state, job.clients, job.rounds, job.round) == (JobState.running, 3, 4, 0)
    ended = await federation.ended(job)
    assert (ended.state, ended.round, ended.error) == (JobState.completed, 4, None)
    assert ended.started_at is not None
    assert ended.finished_at is not None
    assert ended.created_at <= ended.started_at <= ended.finished_at
    model = await federation.registry.find("ranker")
    assert ended.result is not None
    assert (ended.result.name, ended.result.version, ended.result.digest) == ("ranker", 1, model.digest)
    assert (model.kind, model.owner) == ("logistic_regression", "ana")
    assert model.trained_from["rounds"] == 4
    assert model.trained_from["job"] == {"number": job.number, "created_at": job.created_at.isoformat()}
    assert float(str(model.metrics["accuracy"])) > 0.7
    assert [column.name for column in model.input.columns] == ["price", "visits"]  # type: ignore[union-attr]
    assert not (federation.folder / "federation" / "jobs" / str(job.number)).exists()


async def test_what_is_told_has_an_id_each_and_an_end(federation: Federation) -> None:
    job = await federation.start(rounds=2)
    async with asyncio.timeout(300):
        told = [one async for one in federation.jobs.events(job.number, 0)]
    assert [at for at, _ in told] == list(range(1, len(told) + 1))
    assert states(event for _, event in told) == ["pending", "running", "completed"]
    assert isinstance(told[-1][1], Changed)
    later = [one async for one in federation.jobs.events(job.number, 5)]
    assert later == told[5:]
    assert [one async for one in federation.jobs.events(job.number, len(told))] == []


async def test_the_bus_hears_how_a_job_stands_after_it_was_written_down(federation: Federation) -> None:
    async with federation.bus.subscribe("job.*") as heard:
        job = await federation.start()
        news = []
        async with asyncio.timeout(300):
            async for event in heard:
                assert isinstance(event, Event)
                news.append(event.data)
                kept = [at async for at, _ in federation.jobs._journal.told(job.number, 1)]
                assert event.data["last_event"] <= kept[-1]
                if event.data["state"] == "completed":
                    break
    assert event.topic == f"job.{job.number}"
    assert "order" not in news[-1]
    assert news[-1]["health"]["federation_health"] == 100.0
    assert news[-1]["result"]["name"] == "ranker"


async def test_each_client_has_an_id_of_its_own_and_its_name_is_what_people_see(
    federation: Federation,
) -> None:
    first, second = await federation.start(), await federation.start()
    statuses = await federation.jobs.statuses(first.number)
    assert [status.connection_name for status in statuses] == list(NAMES)
    ids = {status.client_id for status in statuses + await federation.jobs.statuses(second.number)}
    assert len(ids) == 6
    await federation.ended(first)
    await federation.ended(second)
    after = await federation.jobs.statuses(first.number)
    assert [status.client_id for status in after] == [status.client_id for status in statuses]
    assert {status.status for status in after} == {"completed"}
    assert all(status.train_samples == status.test_samples == 60 for status in after)


async def test_rounds_and_each_clients_part_in_them_are_kept(federation: Federation) -> None:
    job = await federation.ended(await federation.start(rounds=3))
    rounds = await federation.jobs.rounds(job.number)
    assert [(one["round"], one["replies"]) for one in rounds] == [(1, 3), (2, 3), (3, 3)]
    assert rounds[-1]["evaluate"]["loss"] < rounds[0]["evaluate"]["loss"]
    for status in await federation.jobs.statuses(job.number):
        history = await federation.jobs.client_rounds(job.number, status.client_id)
        assert [one.round for one in history] == [1, 2, 3]
        assert {(one.status, one.samples, one.seconds, one.bytes) for one in history} == {
            ("completed", 60, 0.5, 600)
        }
        assert history[-1].accuracy == status.accuracy
        assert history[-1].loss == status.loss


# ------------------------------------------------------------------- who may take part
async def test_clients_are_chosen_by_name(federation: Federation) -> None:
    job = await federation.start(participation={"clients": ["Tienda Carla", "Tienda Ana"]})
    statuses = await federation.jobs.statuses(job.number)
    assert [status.connection_name for status in statuses] == ["Tienda Carla", "Tienda Ana"]
    assert (await federation.ended(job)).state is JobState.completed


async def test_a_slip_in_a_name_is_told_with_the_nearest(federation: Federation) -> None:
    with pytest.raises(NotFound, match=r"no client 'tienda anna'; perhaps you mean 'Tienda Ana'"):
        await federation.start(participation={"clients": ["tienda anna"]})


async def test_the_clients_of_others_are_not_there(federation: Federation) -> None:
    with pytest.raises(NotFound, match="no client 'Tienda Ana'"):
        await federation.start(owner="berta", participation={"clients": ["Tienda Ana"]})
    with pytest.raises(Invalid, match="no clients yet"):
        await federation.start(owner="berta")


@pytest.mark.parametrize("rules", [{"min_replies": 4}, {"per_round": 2, "min_replies": 3}])
async def test_a_quorum_that_can_never_be_is_refused(federation: Federation, rules: dict[str, int]) -> None:
    with pytest.raises(Invalid, match="good replies"):
        await federation.start(participation=rules)


async def test_what_the_engine_cannot_do_is_refused_before_there_is_a_job(federation: Federation) -> None:
    with pytest.raises(Invalid, match="no krum"):
        await federation.start(strategy="krum")
    assert await federation.jobs.jobs() == []


async def test_a_client_that_takes_part_stays(federation: Federation) -> None:
    federation.engine.hold = 1
    job = await federation.start(participation={"clients": list(NAMES[:2])})
    await federation.engine.began.wait()
    with pytest.raises(Conflict, match=f"takes part in job {job.number}"):
        await federation.jobs.remove_client("ana", "Tienda Ana")
    await federation.jobs.remove_client("ana", "Tienda Carla")
    federation.engine.go_on.set()
    assert (await federation.ended(job)).state is JobState.completed
    await federation.jobs.remove_client("ana", "Tienda Ana")


# ------------------------------------------------------------------- stop, fail, go on
async def test_a_job_is_stopped_in_mid_round_and_resumed_to_the_same_model(federation: Federation) -> None:
    undisturbed = await federation.ended(await federation.start())
    federation.engine.hold = 2
    job = await federation.start()
    await federation.engine.began.wait()
    stopped = await federation.jobs.stop(job.number)
    assert (stopped.state, stopped.round, federation.engine.running) == (JobState.stopped, 2, [])
    assert [status.status for status in await federation.jobs.statuses(job.number)] == ["connected"] * 3
    with pytest.raises(Conflict, match="has ended"):
        await federation.jobs.stop(job.number)
    resumed = await federation.jobs.resume(job.number)
    assert (resumed.state, resumed.finished_at) == (JobState.running, None)
    ended = await federation.ended(job)
    assert ended.state is JobState.completed
    assert ended.result is not None
    assert undisturbed.result is not None
    assert ended.result.digest == undisturbed.result.digest
    told = await federation.told(job)
    assert states(told) == ["pending", "running", "stopped", "pending", "running", "completed"]
    assert [event.round for event in told if isinstance(event, wire.RoundBegan)] == [1, 2, 2, 3]
    for status in await federation.jobs.statuses(job.number):
        history = await federation.jobs.client_rounds(job.number, status.client_id)
        assert [(one.round, one.samples, one.seconds) for one in history] == [
            (1, 60, 0.5),
            (2, 60, 0.5),
            (3, 60, 0.5),
        ]


async def test_a_job_that_waits_its_turn_can_be_stopped(database: Database, tmp_path: Path) -> None:
    async with federation_on(database, tmp_path, LoopEngine(hold=1), parallel=1) as federation:
        await federation.register()
        first, second = await federation.start(), await federation.start()
        await federation.engine.began.wait()
        assert federation.jobs.counts() == {"pending": 1, "waiting": 0, "running": 1}
        assert (await federation.jobs.stop(second.number)).state is JobState.stopped
        federation.engine.go_on.set()
        assert (await federation.ended(first)).state is JobState.completed
        assert federation.jobs.counts() == {"pending": 0, "waiting": 0, "running": 0}


async def test_two_jobs_at_once_do_not_disturb_each_other(federation: Federation) -> None:
    federation.engine.hold = 1
    first = await federation.start(rounds=2)
    await federation.engine.began.wait()
    second = await federation.ended(await federation.start(rounds=3, model="other"))
    assert (second.state, federation.engine.running) == (JobState.completed, [first.number])
    federation.engine.go_on.set()
    ended = await federation.ended(first)
    assert (ended.round, second.round) == (2, 3)


async def test_what_went_wrong_is_told_in_a_sentence_and_the_job_goes_on_when_it_is_mended(
    federation: Federation,
) -> None:
    federation.engine.away["Tienda Berta"] = 1
    job = await federation.ended(await federation.start())
    assert job.state is JobState.failed
    assert job.error is not None
    assert job.error.model_dump() == {"error": "unavailable", "detail": "Round 1: Tienda Berta is not there."}
    by_name = {one.connection_name: one.status for one in await federation.jobs.statuses(job.number)}
    assert by_name == {"Tienda Ana": "connected", "Tienda Berta": "offline", "Tienda Carla": "pending"}
    await federation.jobs.resume(job.number)
    mended = await federation.ended(job)
    assert (mended.state, mended.error) == (JobState.completed, None)


async def test_only_what_has_stopped_or_failed_is_resumed(federation: Federation) -> None:
    job = await federation.ended(await federation.start(rounds=1))
    with pytest.raises(Conflict, match="is completed: there is nothing to resume"):
        await federation.jobs.resume(job.number)
    with pytest.raises(NotFound, match="No job 99"):
        await federation.jobs.resume(99)


async def test_a_job_is_not_resumed_without_its_clients(federation: Federation) -> None:
    federation.engine.hold = 1
    job = await federation.start()
    await federation.engine.began.wait()
    await federation.jobs.stop(job.number)
    await federation.jobs.remove_client("ana", "Tienda Ana")
    with pytest.raises(NotFound, match="no client 'Tienda Ana'"):
        await federation.jobs.resume(job.number)
    assert (await federation.jobs.find(job.number)).state is JobState.stopped


# ------------------------------------------------------------------- the node ends
async def test_a_job_goes_on_at_the_next_start_to_the_same_model(database: Database, tmp_path: Path) -> None:
    async with federation_on(database, tmp_path, LoopEngine(hold=3)) as federation:
        await federation.register()
        undisturbed = await federation.ended(await federation.start(rounds=2))
        job = await federation.start(rounds=4)
        await federation.engine.began.wait()
    assert np.load(tmp_path / "federation" / "jobs" / str(job.number) / KEPT)["arr_0"] == 2
    async with federation_on(database, tmp_path) as federation:
        ended = await federation.ended(job)
        assert (ended.state, ended.round) == (JobState.completed, 4)
        again = await federation.ended(await federation.start(rounds=4))
        assert ended.result is not None
        assert again.result is not None
        assert undisturbed.result is not None
        assert ended.result.digest == again.result.digest != undisturbed.result.digest
        assert states(await federation.told(job)) == ["pending", "running", "pending", "running", "completed"]


async def test_a_model_that_was_published_before_the_node_died_is_not_published_twice(
    database: Database, tmp_path: Path
) -> None:
    async with federation_on(database, tmp_path) as federation:
        await federation.register()
        job = await federation.ended(await federation.start(rounds=1))
    async with database.transaction() as session:
        await session.execute(update(JobRow).values(state="running", result=None, finished_at=None))
    async with federation_on(database, tmp_path) as federation:
        ended = await federation.ended(job)
        assert ended.state is JobState.completed
        assert ended.result == job.result
        assert len(await federation.registry.versions("ranker")) == 1


async def test_a_node_that_shall_not_take_up_jobs_leaves_them_and_can_stop_them(
    database: Database, tmp_path: Path
) -> None:
    async with federation_on(database, tmp_path, LoopEngine(hold=1)) as federation:
        await federation.register()
        job = await federation.start()
        await federation.engine.began.wait()
    async with federation_on(database, tmp_path, resume=False) as federation:
        assert (await federation.jobs.find(job.number)).state is JobState.running
        assert (await federation.jobs.stop(job.number)).state is JobState.stopped
    async with federation_on(database, tmp_path) as federation:
        assert (await federation.jobs.find(job.number)).state is JobState.stopped


# ------------------------------------------------------------------- personal data
async def test_what_is_kept_of_somebody_is_shown_and_erased(federation: Federation) -> None:
    await federation.register(["Tienda Dora"], owner="dora")
    kept = await federation.ended(await federation.start(owner="dora", rounds=1))
    federation.engine.hold = 1
    running = await federation.start(owner="dora")
    others = await federation.jobs.export("ana")
    shown = await federation.jobs.export("dora")
    assert [client["name"] for client in shown["clients"]] == ["Tienda Dora"]
    assert [job["number"] for job in shown["jobs"]] == [kept.number, running.number]
    assert await federation.jobs.erase("dora") == 3
    assert await federation.jobs.export("dora") == {}
    assert await federation.jobs.export("ana") == others
    assert federation.engine.running == []
    with pytest.raises(NotFound):
        await federation.jobs.find(kept.number)
    assert await federation.jobs.rounds(kept.number) == []
    assert [at async for at, _ in federation.jobs._journal.told(kept.number, 1)] == []
    assert len(list((federation.folder / "federation" / "clients").iterdir())) == len(NAMES)
    assert await federation.jobs.erase("dora") == 0
