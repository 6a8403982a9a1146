"""Trainings as tasks."""

import asyncio
from pathlib import Path
from typing import Any

from feria.learning.trainer import Trainer, fit
from feria.learning.wire import InlineTraining, TrainingOrder
from feria.settings import LearningSettings
from feria.tasks.desk import Elsewhere
from feria.tasks.processes import Processes
from feria.tasks.queue import Deed, Order, Work

KIND = "train"


def order(name: str, wanted: TrainingOrder, rows: Path | bytes, model_owner: str, **more: Any) -> Order:
    """To be trained later, on a CSV or Parquet file, or on an `InlineTraining` as JSON. `model_owner` is
    whose the name was found to be; `more` is the rest of an `Order`."""
    fields = wanted.model_dump(mode="json", include=set(TrainingOrder.model_fields))
    return Order(
        kind=KIND,
        payload={"name": name, "order": fields, "inline": isinstance(rows, bytes), "owner": model_owner},
        file=rows,
        **more,
    )


def deed(trainer: Trainer) -> Deed:
    async def train(work: Work) -> Any:
        wanted, rows = await _wanted(work)
        name = work.payload["name"]
        model = await trainer.trained_by(name, work.id) if work.attempt > 1 else None
        if model is None:
            owner = work.payload["owner"]
            model = await trainer.train(name, wanted, rows, work.report, owner=owner, task_id=work.id)
        return model.model_dump(mode="json")

    return train


async def _wanted(work: Work) -> tuple[TrainingOrder, Path | InlineTraining]:
    assert work.file is not None
    wanted = TrainingOrder.model_validate(work.payload["order"])
    if not work.payload["inline"]:
        return wanted, work.file
    body = await asyncio.to_thread(work.file.read_bytes)
    return wanted, await asyncio.to_thread(InlineTraining.model_validate_json, body)


# ------------------------------------------------------------------- by workers
def elsewhere(trainer: Trainer) -> Elsewhere:
    """By workers: they make the file, the node publishes it."""

    async def prepare(work: Work) -> Any:
        return work.payload

    async def publish(work: Work, trained: Any, made: Path) -> Any:
        name, owner = work.payload["name"], work.payload["owner"]
        model = await trainer.trained_by(name, work.id) if work.attempt > 1 else None
        if model is None:
            wanted = TrainingOrder.model_validate(work.payload["order"])
            model = await trainer.publish(
                name, wanted, trained, made, work.report, owner=owner, task_id=work.id
            )
        return model.model_dump(mode="json")

    return Elsewhere(prepare, publish)


def worker_deed(processes: Processes, settings: LearningSettings) -> Deed:
    async def train(work: Work) -> Any:
        wanted, rows = await _wanted(work)
        assert work.makes is not None
        return await fit(processes, settings, wanted, rows, work.makes, work.report)

    return train
