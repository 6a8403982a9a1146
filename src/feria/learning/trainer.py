"""Training on this node: the work in a process of its own, the result on the shelf."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from feria.access.wire import LOCAL
from feria.learning import card
from feria.learning.kinds import KINDS
from feria.learning.wire import InlineTraining, TrainingOrder
from feria.registry.shelf import Registry, check_name
from feria.registry.wire import Description, Model
from feria.settings import LearningSettings
from feria.storage.blobs import disk_errors
from feria.tasks.processes import Processes, Report

TRAINED = 0.95
"""Of the way from an order to a served model; publishing is the rest."""


Trained = dict[str, Any]
"""What a training says of its model beside the file."""


class Trainer:
    """Makes models to order. `scratch` is a folder for what is gone again when a training ends."""

    def __init__(
        self, processes: Processes, registry: Registry, settings: LearningSettings, scratch: Path
    ) -> None:
        self._processes = processes
        self._registry = registry
        self._settings = settings
        self.scratch = scratch

    async def train(
        self,
        name: str,
        order: TrainingOrder,
        source: Path | InlineTraining,
        report: Report | None = None,
        *,
        owner: str = LOCAL.subject,
        task_id: str | None = None,
    ) -> Model:
        """Train on a CSV or Parquet file, or on inline rows, and publish the next version of `name`.

        It is served when this returns; if it raises, nothing was published. `task_id` is noted on the
        model, for `trained_by`. Raises `Invalid` when name, order or rows will not do, `TooLarge`,
        `OverLimit`, `Busy`, `Crashed`, `DiskFull`. Cancelling ends the work.
        """
        check_name(name)
        KINDS[order.kind].choose(order.settings)  # a slip there need not wait for a process
        tell: Report = report or (lambda *_: None)
        with disk_errors(), tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            out = Path(folder, "model.onnx")
            trained = await fit(self._processes, self._settings, order, source, out, tell)
            return await self.publish(name, order, trained, out, tell, owner=owner, task_id=task_id)

    async def publish(
        self,
        name: str,
        order: TrainingOrder,
        trained: Trained,
        file: Path,
        report: Report,
        *,
        owner: str,
        task_id: str | None,
    ) -> Model:
        """Put what `fit` has made on the shelf."""
        report("publishing", TRAINED)
        model = await self._registry.publish(name, file, _description(order, trained, task_id), owner=owner)
        report("served", 1.0)
        return model

    async def trained_by(self, name: str, task_id: str) -> Model | None:
        """The version that a task published before the node died, if it came that far."""
        for model in await self._registry.versions(name):
            if (model.trained_from or {}).get("task") == task_id:
                return model
        return None


@contextlib.asynccontextmanager
async def open_trainer(
    processes: Processes, registry: Registry, settings: LearningSettings, scratch: Path
) -> AsyncGenerator[Trainer]:
    """Empties `scratch` first: what is in there, a node left behind that was killed."""

    def clear() -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True, exist_ok=True)

    with disk_errors():
        await asyncio.to_thread(clear)
    yield Trainer(processes, registry, settings, scratch)


async def fit(
    processes: Processes,
    settings: LearningSettings,
    order: TrainingOrder,
    source: Path | InlineTraining,
    out: Path,
    report: Report,
) -> Trained:
    """Train, and write the model to `out`. Raises as `Trainer.train` does."""
    trained: Trained = await processes.run(
        _train,
        order.model_dump(mode="json", include=set(TrainingOrder.model_fields)),
        _as_json(source),
        str(out),
        {"rows": settings.max_rows, "columns": settings.max_columns},
        report=lambda doing, done: report(doing, done * TRAINED),
    )
    return trained


def _train(*args: Any) -> Any:
    # The worker process finds this imported already; the node itself never needs it.
    from feria.learning.training import train

    return train(*args)


def _as_json(source: Path | InlineTraining) -> dict[str, Any]:
    if isinstance(source, Path):
        return {"file": str(source)}
    return {"rows": source.rows, "columns": source.columns}


def _description(order: TrainingOrder, trained: dict[str, Any], task_id: str | None) -> Description:
    origin, notes, metrics = trained["trained_from"], trained["notes"], trained["metrics"]
    task = {} if task_id is None else {"task": task_id}
    return Description(
        kind=trained["kind"],
        metrics=metrics,
        trained_from={**origin, "notes": notes, **task},
        card=order.card or card.write(order, metrics, origin, notes),
    )
