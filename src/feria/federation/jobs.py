"""Federated trainings, from an order to a model on the shelf, and all that may be asked of one."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from feria.clock import Clock
from feria.errors import Conflict, Invalid, NotFound
from feria.events.bus import EventBus
from feria.federation.apps import Apps
from feria.federation.chronicle import as_job, statuses_json
from feria.federation.clients import Clients
from feria.federation.engine import FederationEngine
from feria.federation.jobs_wire import Client, Job, JobState, Told
from feria.federation.journal import Journal, Values, open_journal
from feria.federation.lives import Lives
from feria.federation.orders import AppJob, JobOrder, Participation, TrainingJob
from feria.federation.tracking import ClientConfig, ClientRound, ClientStatus, Tracker
from feria.registry.shelf import Registry
from feria.settings import FederationSettings
from feria.storage.database import Database

_statuses = msgspec.json.Decoder(dict[str, ClientStatus])


class Jobs:
    def __init__(
        self,
        journal: Journal,
        clients: Clients,
        apps: Apps,
        engine: FederationEngine,
        lives: Lives,
        bus: EventBus,
        clock: Clock,
        settings: FederationSettings,
    ) -> None:
        self._journal = journal
        self._clients = clients
        self._apps = apps
        self._engine = engine
        self._lives = lives
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._turning = asyncio.Lock()
        """For who begins or ends a job's life."""
        self.counts = lives.counts

    # ------------------------------------------------------------------- what one can ask for
    async def start(self, order: JobOrder, *, owner: str, model_owner: str) -> Job:
        """Take on a job; durable on return. It begins when its turn comes, `FERIA_FEDERATION__PARALLEL` at
        a time.

        Raises `NotFound` for a client that its owner does not have or an app that nobody has, and `Invalid`
        for what cannot be meant.
        """
        if isinstance(order, AppJob):
            order = await self._apps.complete(order)
        clients = await self._clients.choose(owner, order.participation.clients)
        await self._engine.check(order, clients)
        if isinstance(order, TrainingJob):
            _check_quorum(order.participation, len(clients))
        statuses = _new_statuses(clients, self._clock)
        values: Values = {
            "owner": owner,
            "model_owner": model_owner,
            "order": order.model_dump_json().encode(),
            "clients": len(clients),
            "state": JobState.pending.value,
            "round": 0,
            "created_at": self._clock.now(),
            "started_at": None,
            "finished_at": None,
            "error": None,
            "result": None,
            "health": b"{}",
            "status_event": 0,
            "last_event": 0,
        }
        config = {
            status.client_id: ClientConfig(
                status.connection_name, status.connection_ip, status.connection_port, status.dataset_name
            )
            for status in statuses
        }
        kept = {"clients_config": msgspec.json.encode(config), "clients_status": statuses_json(statuses)}
        values["number"] = await self._journal.add(values | kept)
        return (await self._lives.begin(values, self._tracker(statuses))).job

    async def find(self, number: int) -> Job:
        """Raises `NotFound`."""
        if (life := self._lives.by_number.get(number)) is not None:
            return life.chronicle.job
        return as_job(await self._values(number))

    async def jobs(
        self,
        *,
        owner: str | None = None,
        state: JobState | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """The newest first."""
        rows = await self._journal.newest(owner=owner, state=state, before=before, limit=limit)
        lives = self._lives.by_number
        return [lives[row["number"]].chronicle.job if row["number"] in lives else as_job(row) for row in rows]

    async def statuses(self, number: int) -> list[ClientStatus]:
        """How each client of a job stands, in the order of their names. Raises `NotFound`."""
        if (life := self._lives.by_number.get(number)) is not None:
            return life.chronicle.tracker.statuses(self._clock.now().timestamp())
        return list((await self._kept_statuses(number)).values())

    async def rounds(self, number: int) -> Sequence[dict[str, Any]]:
        """`RoundEnded` of each round so far, as JSON."""
        return await self._journal.rounds(number)

    async def client_rounds(self, number: int, client_id: str) -> list[ClientRound]:
        """What a client did in each round that has ended."""
        return await self._journal.client_rounds(number, client_id)

    async def events(self, number: int, after: int) -> AsyncIterator[tuple[int, Told]]:
        """What is told of a job after the event of that id, each with its id, until the job has ended."""
        async with self._bus.subscribe(f"job.{number}") as heard:
            while True:
                async for at, event in self._journal.told(number, after + 1):
                    after = at
                    yield at, event
                values = await self._values(number)
                if values["last_event"] > after:
                    continue
                if JobState(values["state"]).final or await anext(heard, None) is None:  # the node closes
                    return

    async def stop(self, number: int) -> Job:
        """End a job, also in the middle of a round; what its rounds have come to is kept. One whose training
        was over goes on to its end. Raises `Conflict` where it has ended."""
        async with self._turning:
            life = self._lives.by_number.get(number)
            if life is not None:
                await self._lives.call_off(life)
                return await self.find(number)
            if (await self.find(number)).state.final:
                raise Conflict(f"Job {number} has ended already.")
            # An earlier run's, and not taken up.
            self._journal.check_own(await self._values(number))
            chronicle = self._lives.chronicle(*await self._remembered(number))
            await chronicle.change(JobState.stopped)
            return chronicle.job

    async def resume(self, number: int) -> Job:
        """Go on with a job that was stopped or has failed, after the last round it has kept. Raises
        `Conflict` for any other, `NotFound` for a client that is not there any more."""
        async with self._turning:
            life = self._lives.by_number.get(number)
            if life is not None and life.chronicle.tracker.state.final:
                await life.ended.wait()  # its end is just being written down
            job = await self.find(number)
            if job.state not in {JobState.stopped, JobState.failed}:
                raise Conflict(f"Job {number} is {job.state}: there is nothing to resume.")
            self._journal.check_own(await self._values(number))
            values, tracker = await self._remembered(number)
            await self._clients.choose(values["owner"], tracker.names)
            return (await self._lives.begin(values, tracker)).job

    async def remove_client(self, owner: str, name: str) -> None:
        """A client and its rows. Raises `NotFound`, and `Conflict` while a job of theirs has not ended."""
        for number, life in self._lives.by_number.items():
            if life.chronicle.values["owner"] == owner and name in life.names:
                raise Conflict(f"'{name}' takes part in job {number}; stop it first.")
        await self._clients.remove(owner, name)

    # ------------------------------------------------------------------- personal data
    async def export(self, subject: str) -> dict[str, Any]:
        """Their clients, without the rows, and their jobs."""
        jobs = [as_job(row).model_dump(mode="json") for row in await self._journal.of_owner(subject)]
        clients = await self._clients.export(subject)
        return {"clients": clients, "jobs": jobs} if clients or jobs else {}

    async def erase(self, subject: str) -> int:
        """Stop their jobs, and delete these and their clients, with all rows and all that was told."""
        rows = await self._journal.of_owner(subject)
        async with self._turning:
            for row in rows:
                if (life := self._lives.by_number.get(row["number"])) is not None:
                    await self._lives.call_off(life)
                await self._journal.delete(row["number"])
                await self._lives.forget(row["number"])
        return len(rows) + await self._clients.erase(subject)

    # ------------------------------------------------------------------- inside
    async def take_up(self) -> None:
        """Go on with the jobs that an earlier run left unfinished."""
        if self._settings.resume:
            for row in await self._journal.unfinished():
                await self._lives.begin(*await self._remembered(row["number"]))

    def _tracker(self, statuses: Sequence[ClientStatus]) -> Tracker:
        settings = self._settings
        return Tracker(statuses, offline_seconds=settings.offline_seconds, slow_seconds=settings.slow_seconds)

    async def _values(self, number: int) -> Values:
        values = await self._journal.find(number)
        if values is None:
            raise NotFound(f"No job {number}.")
        return values

    async def _kept_statuses(self, number: int) -> dict[str, ClientStatus]:
        kept = await self._journal.clients(number)
        if kept is None:
            raise NotFound(f"No job {number}.")
        return _statuses.decode(kept["clients_status"])

    async def _remembered(self, number: int) -> tuple[Values, Tracker]:
        """A job that does not live, and how it stands after all that was told of it."""
        values = await self._values(number)
        tracker = self._tracker(list((await self._kept_statuses(number)).values()))
        async for _, event in self._journal.told(number, values["status_event"]):
            tracker.apply(event)
        return values, tracker


@contextlib.asynccontextmanager
async def open_jobs(
    database: Database,
    clients: Clients,
    apps: Apps,
    registry: Registry,
    engine: FederationEngine,
    bus: EventBus,
    clock: Clock,
    settings: FederationSettings,
    folder: Path,
    node: str | None = None,
) -> AsyncGenerator[Jobs]:
    """Goes on with what an earlier run left unfinished. `folder` is kept between runs; `node` is this node's
    name where others may share its database."""
    async with open_journal(database, node) as journal:
        lives = Lives(journal, clients, apps, registry, engine, bus, clock, settings, folder)
        jobs = Jobs(journal, clients, apps, engine, lives, bus, clock, settings)
        try:
            await jobs.take_up()
            yield jobs
        finally:
            await lives.close()


def _check_quorum(rules: Participation, clients: int) -> None:
    """Raises `Invalid` where so many good replies can never come."""
    asked = min(rules.per_round or clients, clients)
    if rules.min_replies is not None and rules.min_replies > asked:
        raise Invalid(f"A round is to have {rules.min_replies} good replies, and {asked} clients are asked.")


def _new_statuses(clients: Sequence[Client], clock: Clock) -> list[ClientStatus]:
    ids: set[str] = set()
    while len(ids) < len(clients):  # eight digits are few: of ten thousand, two may be the same
        ids.add(f"client_{secrets.token_hex(4)}")
    now = clock.now()
    return [
        ClientStatus(
            client_id=client_id,
            connection_name=client.name,
            connection_ip=client.host,
            connection_port=client.port,
            dataset_name=client.dataset,
            created_at=now,
        )
        for client_id, client in zip(ids, clients, strict=True)
    ]
