"""Trainings as tasks."""

import asyncio
from pathlib import Path
from typing import Any

from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining, TrainingOrder
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
        assert work.file is not None
        wanted = TrainingOrder.model_validate(work.payload["order"])
        rows: Path | InlineTraining = work.file
        if work.payload["inline"]:
            body = await asyncio.to_thread(work.file.read_bytes)
            rows = await asyncio.to_thread(InlineTraining.model_validate_json, body)
        name = work.payload["name"]
        model = await trainer.trained_by(name, work.id) if work.attempt > 1 else None
        if model is None:
            owner = work.payload["owner"]
            model = await trainer.train(name, wanted, rows, work.report, owner=owner, task_id=work.id)
        return model.model_dump(mode="json")

    return train
