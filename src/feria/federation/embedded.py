"""The engine of a single node: Flower's strategies over clients whose rows are here, a process a job."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from feria.federation import checks
from feria.federation.engine import MODEL, Outcome, Running, Tell
from feria.federation.jobs_wire import Client, Told
from feria.federation.orders import JobOrder, TrainingJob
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

    async def check(self, order: JobOrder, clients: Sequence[Client]) -> None:
        if isinstance(order, TrainingJob):
            checks.check(order, len(clients))

    async def run(self, job: Running, tell: Tell) -> Outcome:
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


def _run(*args: Any) -> Any:
    # Imported in the job's process alone: Flower takes seconds and a hundred megabytes.
    from feria.federation.job_process import run

    return run(*args)
