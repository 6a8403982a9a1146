"""The engine of a single node: Flower's strategies over clients whose rows are here, a process a job."""

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from feria.errors import Invalid
from feria.federation.engine import MODEL, Outcome, Running, Tell
from feria.federation.jobs_wire import JobOrder, Told
from feria.federation.strategies import AVERAGED, STRATEGIES, UNITED
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
        kind = STRATEGIES.get(order.strategy)
        if kind is None:
            raise Invalid(f"There is no strategy '{order.strategy}'; there are {', '.join(STRATEGIES)}.")
        kind.choose(order.strategy_settings)
        if order.kind not in AVERAGED + UNITED:
            raise Invalid(f"{order.kind} cannot be federated; {', '.join(AVERAGED + UNITED)} can.")
        if kind.trees != (order.kind in UNITED):
            fitting = "bagging" if order.kind in UNITED else "any strategy but bagging"
            raise Invalid(f"{order.strategy} makes nothing of {order.kind}, which wants {fitting}.")
        if order.holdout == 0:
            raise Invalid(
                "A federated training holds rows back at each client, to measure on: set `holdout`."
            )

    async def run(self, job: Running, tell: Tell) -> Outcome:
        _refuse_too_few(job)
        said: asyncio.Queue[Sequence[Told] | None] = asyncio.Queue()
        telling = asyncio.create_task(_tell_all(said, tell))
        try:
            made = await self._processes.run(
                _run,
                self._as_json(job),
                seconds=LONGEST,
                hear=lambda packed: said.put_nowait(_events.decode(base64.b64decode(packed))),
            )
        finally:
            said.put_nowait(None)
            await telling
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
            "flower": str(self._home),
            "workers": self._workers,
            "limits": {"rows": self._limits.max_rows, "columns": self._limits.max_columns},
        }


def _refuse_too_few(job: Running) -> None:
    """A round that can never count need not be waited for."""
    order, clients = job.order, len(job.clients)
    kind = STRATEGIES[order.strategy]
    least = kind.least(kind.choose(order.strategy_settings))
    asked = min(clients, order.participation.per_round or clients)
    if asked < least:
        raise Invalid(
            f"{order.strategy} wants the answers of {least} clients, and {asked} are asked in a round."
        )


async def _tell_all(said: "asyncio.Queue[Sequence[Told] | None]", tell: Tell) -> None:
    while (events := await said.get()) is not None:
        await tell(events)


def _run(*args: Any) -> Any:
    # Imported in the job's process alone: Flower takes seconds and a hundred megabytes.
    from feria.federation.job_process import run

    return run(*args)
