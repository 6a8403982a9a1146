"""The engine of a single node: Flower's strategies over clients whose rows are here, a process a job."""

import base64
from pathlib import Path
from typing import Any

import msgspec

from feria.errors import Invalid
from feria.federation.engine import MODEL, Outcome, Running, Tell
from feria.federation.jobs_wire import Told
from feria.federation.models import FEDERATED, check_settings
from feria.federation.orders import AppJob, JobOrder, TrainingJob
from feria.federation.strategies import STRATEGIES
from feria.settings import LearningSettings
from feria.tasks.processes import Processes

LONGEST = 30 * 86_400.0
"""Seconds that a job may take; its rounds have deadlines of their own."""
_events = msgspec.msgpack.Decoder(list[Told])


class EmbeddedEngine:
    """See `FederationEngine` for its promises."""

    def __init__(self, processes: Processes, limits: LearningSettings, home: Path, workers: int) -> None:
        """`home` is where Flower may write; `workers` is how many fits run at once where fits are limited
        in time, and run in processes of their own."""
        self._processes = processes
        self._limits = limits
        self._home = home
        self._workers = workers

    async def check(self, order: JobOrder) -> None:
        if isinstance(order, AppJob):
            return
        kind = STRATEGIES.get(order.strategy)
        if kind is None:
            raise Invalid(f"There is no strategy '{order.strategy}'; there are {', '.join(STRATEGIES)}.")
        kind.choose(order.strategy_settings)
        check_settings(order.kind, order.settings)
        if kind.trees != FEDERATED[order.kind].trees:
            fitting = "any strategy but bagging" if kind.trees else "bagging"
            raise Invalid(f"{order.strategy} makes nothing of {order.kind}, which wants {fitting}.")
        if order.holdout == 0:
            raise Invalid(
                "A federated training holds rows back at each client, to measure on: set `holdout`."
            )

    async def run(self, job: Running, tell: Tell) -> Outcome:
        if isinstance(job.order, TrainingJob):
            _refuse_too_few(job.order, len(job.clients))
        made = await self._processes.run(
            _run,
            self._as_json(job),
            seconds=LONGEST,
            hear=lambda packed: tell(_events.decode(base64.b64decode(packed))),
        )
        return Outcome(
            job.folder / MODEL,
            kind=job.order.kind,
            metrics=made["metrics"],
            trained_from=made["trained_from"],
        )

    def _as_json(self, job: Running) -> dict[str, Any]:
        return {
            "number": job.number,
            "order": job.order.model_dump(mode="json"),
            "clients": [
                {"name": client.name, "rows": str(client.rows), "samples": client.samples}
                for client in job.clients
            ],
            "folder": str(job.folder),
            "told": job.told,
            "app": None if job.app is None else str(job.app),
            "flower": str(self._home),
            "workers": self._workers,
            "limits": [self._limits.max_rows, self._limits.max_columns],
        }


def _refuse_too_few(order: TrainingJob, clients: int) -> None:
    """A round that can never count need not be waited for."""
    kind = STRATEGIES[order.strategy]
    least = kind.least(kind.choose(order.strategy_settings))
    asked = min(clients, order.participation.per_round or clients)
    if asked < least:
        raise Invalid(
            f"{order.strategy} wants the answers of {least} clients, and {asked} are asked in a round."
        )


def _run(*args: Any) -> Any:
    # Imported in the job's process alone: Flower takes seconds and a hundred megabytes.
    from feria.federation.job_process import run

    return run(*args)
