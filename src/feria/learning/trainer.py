"""Training on this node: the work in a process of its own, the result on the shelf."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

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
    ) -> Model:
        """Train on a CSV or Parquet file, or on inline rows, and publish the next version of `name`.

        It is served when this returns; if it raises, nothing was published. Raises `Invalid` when name,
        order or rows will not do, `TooLarge`, `OverLimit`, `Busy`, `Crashed`, `DiskFull`. Cancelling
        ends the work.
        """
        check_name(name)
        KINDS[order.kind].choose(order.settings)  # a slip there need not wait for a process
        tell: Report = report or (lambda *_: None)
        with disk_errors(), tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            out = Path(folder, "model.onnx")
            trained = await self._processes.run(
                _train,
                order.model_dump(mode="json", include=set(TrainingOrder.model_fields)),
                _as_json(source),
                str(out),
                {"rows": self._settings.max_rows, "columns": self._settings.max_columns},
                report=lambda doing, done: tell(doing, done * TRAINED),
            )
            tell("publishing", TRAINED)
            model = await self._registry.publish(name, out, _description(order, trained))
        tell("served", 1.0)
        return model


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


def _train(*args: Any) -> Any:
    # The worker process finds this imported already; the node itself never needs it.
    from feria.learning.training import train

    return train(*args)


def _as_json(source: Path | InlineTraining) -> dict[str, Any]:
    if isinstance(source, Path):
        return {"file": str(source)}
    return {"rows": source.rows, "columns": source.columns}


def _description(order: TrainingOrder, trained: dict[str, Any]) -> Description:
    origin, notes, metrics = trained["trained_from"], trained["notes"], trained["metrics"]
    return Description(
        kind=trained["kind"],
        metrics=metrics,
        trained_from={**origin, "notes": notes},
        card=order.card or card.write(order, metrics, origin, notes),
    )
