"""An engine of federated rounds without Flower, and jobs on a database of the test's own.

A plain loop over the clients, in this process: each fits from the arrays of all, and their mean weighted by
rows is the next. It keeps each round as the other engines do.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from feria.clock import Clock, SystemClock
from feria.cluster.maps import LocalMap
from feria.errors import Invalid, Unavailable
from feria.events.bus import EventBus
from feria.events.process import ProcessBus
from feria.federation import wire
from feria.federation.agreement import Examples, agree
from feria.federation.apps import Apps
from feria.federation.clients import Clients
from feria.federation.engine import FederationEngine, Outcome, Participant, Running, Tell
from feria.federation.jobs import Jobs, open_jobs
from feria.federation.jobs_wire import Client, Job, JobState, Told
from feria.federation.local import Arrays, Fit, Learner, average, evaluate
from feria.federation.models import learner_for
from feria.federation.orders import AppJob, JobOrder, TrainingJob
from feria.federation.publishing import publish
from feria.federation.statistics import describe
from feria.learning.sources import Limits, read_file
from feria.learning.wire import TrainingOrder
from feria.registry.shelf import Registry
from feria.settings import (
    EventSettings,
    FederationSettings,
    LearningSettings,
    RegistrySettings,
    WorkerSettings,
)
from feria.storage.blobs import open_blobs
from feria.storage.database import Database
from feria.tasks.processes import Processes, open_processes

NAMES = ("Tienda Ana", "Tienda Berta", "Tienda Carla")
LIMITS = Limits(rows=10_000, columns=100)
KEPT = "rounds.npz"
MODULES = ("feria.registry.inspection", "feria.learning.sources")


def table(name: str, rows: int = 60) -> str:
    """CSV of a shop's own; always the same for a name."""
    chance = np.random.default_rng(sum(name.encode()))
    price, visits = chance.uniform(1, 50, rows), chance.integers(0, 20, rows)
    bought = price - 2 * visits + chance.normal(0, 6, rows) < 10
    lines = (f"{p:.2f},{v},{'yes' if b else 'no'}" for p, v, b in zip(price, visits, bought, strict=True))
    return "price,visits,bought\n" + "\n".join(lines) + "\n"


def order(**more: Any) -> TrainingJob:
    said = {"model": "ranker", "kind": "logistic_regression", "target": "bought", "rounds": 3}
    return TrainingJob.model_validate(said | more)


def described(clients: Iterable[Participant]) -> list[Client]:
    """As a node knows them that has taken them in."""
    return [
        Client(
            name=client.name,
            dataset="sales",
            columns=(),
            rows=client.samples,
            schema_digest="",
            host="127.0.0.1",
            port=1,
            owner="ana",
            created_at=datetime.now(UTC),
            where="here" if client.node_id is None else "store",
            node_id=client.node_id,
        )
        for client in clients
    ]


@dataclass
class LoopEngine:
    """See `FederationEngine` for its promises. Waits in the middle of round `hold`, once, until `go_on`."""

    hold: int | None = None
    away: dict[str, int] = field(default_factory=dict)
    """How often clients, by name, are not there when they are asked."""
    began: asyncio.Event = field(default_factory=asyncio.Event)
    """That it waits."""
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    running: list[int] = field(default_factory=list)
    """Numbers of jobs under way."""
    clock: Clock = field(default_factory=SystemClock)

    async def check(self, order: JobOrder, clients: Sequence[Client]) -> None:
        if isinstance(order, AppJob):
            raise Invalid("A plain loop runs no apps.")
        if order.strategy != "fedavg":
            raise Invalid(f"A plain loop knows fedavg, and no {order.strategy}.")

    async def run(self, job: Running, tell: Tell) -> Outcome:
        self.running.append(job.number)
        try:
            assert isinstance(job.order, TrainingJob)
            return await self._run(job, job.order, tell)
        finally:
            self.running.remove(job.number)

    async def _run(self, job: Running, order: TrainingJob, tell: Tell) -> Outcome:
        fields = set(TrainingOrder.model_fields)
        plain = TrainingOrder.model_validate(order.model_dump(include=fields))
        tables = {
            client.name: read_file(client.rows, LIMITS) for client in job.clients if client.rows is not None
        }
        agreement = agree({name: describe(table, plain) for name, table in tables.items()}, plain)
        learner = learner_for(agreement, order.settings)
        data = {name: agreement.read(table) for name, table in tables.items()}
        arrays, kept = self._load(job.folder, learner.initial(plain.seed))
        metrics = await self._evaluate(learner, arrays, data, kept, tell) if kept else {}
        while kept < order.rounds:
            kept += 1
            began = wire.RoundBegan(at=self._now(), round=kept, rounds=order.rounds, clients=len(data))
            await tell([began])
            arrays = await self._train(learner, arrays, data, kept, plain.seed, tell)
            np.savez(job.folder / KEPT, kept, *arrays)
            metrics = await self._evaluate(learner, arrays, data, kept, tell)
        await tell([wire.Ended(at=self._now(), round=kept, state="completed")])
        file = job.folder / "model.onnx"
        file.write_bytes(publish(learner, arrays))
        return Outcome(file, order.kind, metrics, {"rounds": kept, "strategy": order.strategy})

    async def _train(
        self, learner: Learner, arrays: Arrays, data: dict[str, Examples], number: int, seed: int, tell: Tell
    ) -> Arrays:
        fits: list[Fit] = []
        for place, (name, examples) in enumerate(data.items()):
            await tell([self._sent("train", number, name)])
            if self.hold == number and place == 1:
                self.hold = None
                self.began.set()
                await self.go_on.wait()
            if self.away.get(name, 0) > 0:
                self.away[name] -= 1
                gone = self._of("train", number, name)
                await tell([wire.Failed(**gone, code=5, reason="The client is not there.", seconds=0.0)])
                raise Unavailable(f"Round {number}: {name} is not there.")
            fit = learner.fit(arrays, examples, seed + number)
            fits.append(fit)
            await tell([self._replied("train", number, name, fit.samples, fit.metrics)])
            await asyncio.sleep(0)
        return average(fits)

    async def _evaluate(
        self, learner: Learner, arrays: Arrays, data: dict[str, Examples], number: int, tell: Tell
    ) -> dict[str, Any]:
        measured = []
        for name, examples in data.items():
            await tell([self._sent("evaluate", number, name)])
            found = evaluate(learner, arrays, examples)
            measured.append(found)
            await tell([self._replied("evaluate", number, name, len(examples.y), found)])
        means = {key: float(np.mean([one[key] for one in measured])) for key in ("accuracy", "loss")}
        ended = wire.RoundEnded(
            at=self._now(),
            round=number,
            replies=len(data),
            train={},
            evaluate=means,  # type: ignore[arg-type]
            central={},
            seconds=0.25,
        )
        await tell([ended])
        return means

    def _load(self, folder: Path, initial: Arrays) -> tuple[Arrays, int]:
        if not (folder / KEPT).exists():
            return initial, 0
        with np.load(folder / KEPT) as file:
            kept, *arrays = (file[f"arr_{i}"] for i in range(len(initial) + 1))
        return arrays, int(kept)

    def _now(self) -> float:
        return self.clock.now().timestamp()

    def _of(self, phase: str, number: int, name: str) -> dict[str, Any]:
        return {"at": self._now(), "round": number, "phase": phase, "node_id": "1", "name": name}

    def _sent(self, phase: str, number: int, name: str) -> wire.Sent:
        return wire.Sent(**self._of(phase, number, name), bytes=100)

    def _replied(
        self, phase: str, number: int, name: str, samples: int, metrics: dict[str, float]
    ) -> wire.Replied:
        told: wire.Metrics = dict(metrics)
        of = self._of(phase, number, name)
        return wire.Replied(**of, samples=samples, metrics=told, seconds=0.5, bytes=200)


@dataclass(frozen=True)
class Federation:
    """Jobs, and what they stand on."""

    jobs: Jobs
    clients: Clients
    apps: Apps
    registry: Registry
    bus: EventBus
    engine: FederationEngine
    folder: Path

    async def register(
        self, names: Iterable[str] = NAMES, *, owner: str = "ana", rows: str | None = None
    ) -> None:
        for name in names:
            file = self.folder / "sent.csv"
            file.write_text(rows or table(name))
            await self.clients.register(name, "ventas.csv", file, owner=owner, host="127.0.0.1", port=8000)
            file.unlink()

    async def start(self, *, owner: str = "ana", **more: Any) -> Job:
        return await self.jobs.start(order(**more), owner=owner, model_owner=owner)

    async def ended(self, job: Job) -> Job:
        """The job, once it has ended, with all that was told of it written down."""
        await self.told(job)
        return await self.jobs.find(job.number)

    async def told(self, job: Job, after: int = 0) -> Sequence[Told]:
        async with asyncio.timeout(300):
            return [event async for _, event in self.jobs.events(job.number, after)]


@contextlib.asynccontextmanager
async def federation_on(
    database: Database, folder: Path, engine: FederationEngine | None = None, **settings: Any
) -> AsyncGenerator[Federation]:
    """A node's federation, and what below it that needs. Opened twice on the same, it is the same node."""
    clock, bus, engine = SystemClock(), ProcessBus(EventSettings()), engine or LoopEngine()
    async with open_blobs(folder) as blobs, open_processes(WorkerSettings(), MODULES) as processes:
        registry = Registry(LocalMap(database, clock), blobs, processes, RegistrySettings(), clock)
        clients = clients_on(database, folder, processes)
        await clients.open()
        made = FederationSettings(**settings)
        apps = Apps(database, processes, clock, made, folder / "federation" / "apps")
        await apps.open()
        async with open_jobs(
            database, clients, apps, registry, engine, bus, clock, made, folder / "federation" / "jobs"
        ) as jobs:
            yield Federation(jobs, clients, apps, registry, bus, engine, folder)


def clients_on(database: Database, folder: Path, processes: Processes) -> Clients:
    return Clients(database, processes, LearningSettings(), SystemClock(), folder / "federation" / "clients")


def states(told: Iterable[Told]) -> list[JobState]:
    """Through which a job went."""
    return [event.state for event in told if hasattr(event, "error")]
