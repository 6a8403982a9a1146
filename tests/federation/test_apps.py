"""Users' own Flower apps: registered as bundles, and run as they are over clients' rows."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from feria.federation import flower, wire
from feria.federation.embedded import EmbeddedEngine
from feria.federation.jobs_wire import JobState
from feria.federation.orders import AppJob
from feria.settings import LearningSettings, StorageSettings, WorkerSettings
from feria.storage.database import Database
from feria.tasks.processes import open_processes
from loops import MODULES, NAMES, Federation, federation_on

SMALL = Path(__file__).parents[1] / "small_app"


@pytest.fixture(scope="session")
def bundle() -> bytes:
    return flower.bundle(SMALL)


@pytest.fixture
async def federation(database: Database, tmp_path: Path) -> AsyncGenerator[Federation]:
    async with open_processes(WorkerSettings(), MODULES, with_children=True) as processes:
        engine = EmbeddedEngine(processes, LearningSettings(), tmp_path / "flower", workers=2)
        async with federation_on(database, tmp_path, engine, apps=True) as federation:
            await federation.register()
            yield federation


@pytest.fixture
def storage_settings() -> StorageSettings:
    """SQLite alone: the journal's tests go over all three."""
    return StorageSettings()


@pytest.fixture
async def registered(federation: Federation, bundle: bytes, tmp_path: Path) -> Federation:
    file = tmp_path / "small.fab"
    file.write_bytes(bundle)
    await federation.apps.register(file, owner="ana")
    return federation


def order(**more: object) -> AppJob:
    return AppJob.model_validate({"model": "mean", "kind": "app", "app": "small-app"} | more)


# ------------------------------------------------------------------- run
async def test_an_app_runs_as_it_is_and_what_it_leaves_is_served(registered: Federation) -> None:
    job = await registered.jobs.start(order(settings={"step.size": 1.0}), owner="ana", model_owner="ana")
    assert (job.rounds, job.order.settings["num-server-rounds"]) == (3, 3)
    told = await registered.told(job)
    ended = await registered.jobs.find(job.number)
    assert (ended.state, ended.error, ended.round) == (JobState.completed, None, 3)
    model = await registered.registry.find("mean")
    assert model.kind == "app"
    assert model.trained_from["app"] == {"name": "small-app", "version": "1.0.0", "publisher": "feria"}
    assert model.trained_from["rounds"] == 3
    assert model.metrics["accuracy"] == 0.5
    began = [(one.round, one.clients) for one in told if isinstance(one, wire.RoundBegan)]
    assert began == [(1, 3), (2, 3), (3, 3)]
    rounds = await registered.jobs.rounds(job.number)
    assert [one["replies"] for one in rounds] == [3, 3, 3]
    assert rounds[2]["evaluate"]["loss"] < rounds[0]["train"]["loss"]
    statuses = await registered.jobs.statuses(job.number)
    assert [(one.connection_name, one.status, one.train_samples) for one in statuses] == [
        (name, "completed", 60) for name in NAMES
    ]


async def test_the_rounds_that_were_ordered_are_the_apps_own(registered: Federation) -> None:
    job = await registered.jobs.start(order(rounds=1), owner="ana", model_owner="ana")
    assert (await registered.ended(job)).round == 1


async def test_one_client_that_fails_is_told_of_and_the_app_decides(registered: Federation) -> None:
    job = await registered.jobs.start(order(settings={"fault": "raise"}), owner="ana", model_owner="ana")
    told = await registered.told(job)
    assert (await registered.jobs.find(job.number)).state is JobState.completed
    faults = [one for one in told if isinstance(one, wire.Failed)]
    assert {one.reason for one in faults} == {"RuntimeError: no rows today"}
    assert [one["replies"] for one in await registered.jobs.rounds(job.number)] == [2, 2, 2]


async def test_a_client_that_hangs_is_ended_where_fits_are_limited(registered: Federation) -> None:
    said = order(fit_seconds=3.0, rounds=1, settings={"fault": "hang"})
    job = await registered.jobs.start(said, owner="ana", model_owner="ana")
    told = await registered.told(job)
    assert (await registered.jobs.find(job.number)).state is JobState.completed
    assert any("longer than" in one.reason for one in told if isinstance(one, wire.Failed))


async def test_a_model_of_a_hundred_megabytes_keeps_nobody_from_looking(registered: Federation) -> None:
    said = order(rounds=2, settings={"ballast-mib": 100})
    job = await registered.jobs.start(said, owner="ana", model_owner="ana")
    seen: set[str] = set()
    while not (await registered.jobs.find(job.number)).state.final:
        seen |= {one.status for one in await registered.jobs.statuses(job.number)}
        await asyncio.sleep(0.01)
    assert {"training", "connected"} <= seen
    assert (await registered.ended(job)).state is JobState.completed
    told = await registered.told(job)
    assert all(one.bytes > 100 << 20 for one in told if isinstance(one, wire.Sent))
    assert sum(isinstance(one, wire.Replied) for one in told) == 12


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("server raises", "ServerApp failed with ValueError: nothing works"),
        ("no model", "left no model.onnx"),
        ("no onnx", "ONNX"),
    ],
)
async def test_what_goes_wrong_in_an_app_is_told_in_a_sentence(
    registered: Federation, fault: str, sentence: str
) -> None:
    job = await registered.jobs.start(order(settings={"fault": fault}), owner="ana", model_owner="ana")
    ended = await registered.ended(job)
    assert ended.state is JobState.failed
    assert ended.error is not None
    assert sentence in ended.error.detail


async def test_a_job_that_is_stopped_begins_its_app_again(registered: Federation) -> None:
    said = order(fit_seconds=60.0, rounds=2, settings={"fault": "hang"})
    job = await registered.jobs.start(said, owner="ana", model_owner="ana")
    async for _, event in registered.jobs.events(job.number, 0):
        if isinstance(event, wire.Sent):
            break
    assert (await registered.jobs.stop(job.number)).state is JobState.stopped
    await registered.apps.remove("small-app")  # the job has its copy
    await registered.jobs.resume(job.number)
    async for _, event in registered.jobs.events(job.number, 0):
        if isinstance(event, wire.RoundBegan):
            break
    await registered.jobs.stop(job.number)
