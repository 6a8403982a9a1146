"""What becomes of a job in this process: one coroutine, `_live`, from its order or resumption to its end."""

import asyncio
import contextlib
import contextvars
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feria.clock import Clock
from feria.errors import Unavailable
from feria.events.bus import EventBus
from feria.federation.apps import Apps
from feria.federation.chronicle import Chronicle
from feria.federation.clients import Clients
from feria.federation.engine import FederationEngine, Outcome, Running
from feria.federation.jobs_wire import JobState
from feria.federation.journal import Journal, Values
from feria.federation.orders import AppJob, JobOrder
from feria.federation.tracking import Tracker
from feria.registry.shelf import Registry
from feria.registry.wire import Description, Model
from feria.settings import FederationSettings
from feria.storage.blobs import disk_errors
from feria.tasks.slots import Slots
from feria.web import replies

APP = "app.fab"
"""In a job's folder: the app that it runs."""


@dataclass(slots=True, eq=False)
class Life:
    chronicle: Chronicle
    names: Sequence[str]
    """Of its clients."""
    living: "asyncio.Task[None] | None" = None
    called_off: bool = False
    decided: bool = False
    """It has been trained; to stop it is too late."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Lives:
    """The jobs that have not ended. `folder` holds a folder for each that has not been completed."""

    def __init__(
        self,
        journal: Journal,
        clients: Clients,
        apps: Apps,
        registry: Registry,
        engine: FederationEngine,
        bus: EventBus,
        clock: Clock,
        settings: FederationSettings,
        folder: Path,
    ) -> None:
        self._journal = journal
        self._clients = clients
        self._apps = apps
        self._registry = registry
        self._engine = engine
        self._bus = bus
        self._clock = clock
        self._folder = folder
        self._slots = Slots(settings.parallel)
        self.by_number: dict[int, Life] = {}

    def counts(self) -> dict[str, float]:
        """How many there are, by state."""
        states = Counter(life.chronicle.tracker.state for life in self.by_number.values())
        return {state.value: states[state] for state in JobState if not state.final}

    def chronicle(self, values: Values, tracker: Tracker) -> Chronicle:
        return Chronicle(values, tracker, self._journal, self._bus, self._clock)

    async def begin(self, values: Values, tracker: Tracker) -> Chronicle:
        """Let a job live that stands in the journal. That it does is written down when this returns."""
        life = Life(self.chronicle(values, tracker), tracker.names)
        await life.chronicle.change(JobState.pending)
        self.by_number[values["number"]] = life
        # Of the context of whoever ordered it nothing stays.
        life.living = asyncio.create_task(self._live(life), context=contextvars.Context())
        await asyncio.sleep(0)  # a coroutine that is cancelled before its first step never takes it
        return life.chronicle

    async def call_off(self, life: Life) -> None:
        """Stop it, unless its training is over; it has ended when this returns."""
        if life.living is not None and not life.decided and not life.called_off:
            life.called_off = True
            life.living.cancel()
        await life.ended.wait()

    async def forget(self, number: int) -> None:
        """The folder of a job that does not live."""
        await asyncio.to_thread(shutil.rmtree, self._folder / str(number), ignore_errors=True)

    async def close(self) -> None:
        """What has not ended goes on at the next start."""
        lives = [life.living for life in self.by_number.values() if life.living is not None]
        for living in lives:
            living.cancel()
        if lives:
            await asyncio.wait(lives)

    # ------------------------------------------------------------------- one life
    async def _live(self, life: Life) -> None:
        chronicle = life.chronicle
        writing = asyncio.create_task(chronicle.run())
        try:
            await self._come_to_an_end(life)
        finally:
            writing.cancel()
            await asyncio.wait([writing])
            with contextlib.suppress(Unavailable):  # the journal closes; the next start goes on
                await chronicle.write()
            del self.by_number[chronicle.number]
            life.ended.set()

    async def _come_to_an_end(self, life: Life) -> None:
        """Raises `CancelledError` where the node closes."""
        try:
            await self._slots.take(life.chronicle.number)
            try:
                model = await self._train(life)
            finally:
                self._slots.give()
        except asyncio.CancelledError:
            if not life.called_off:
                raise
            await life.chronicle.change(JobState.stopped)
        except Exception as error:
            said = replies.body(replies.known(error))
            await life.chronicle.change(JobState.failed, error=said)
        else:
            await self.forget(life.chronicle.number)
            result = {"name": model.name, "version": model.version, "digest": model.digest}
            await life.chronicle.change(JobState.completed, result=result)

    async def _train(self, life: Life) -> Model:
        chronicle, values = life.chronicle, life.chronicle.values
        await chronicle.change(JobState.running)
        if (model := await self._published(chronicle.order.model, values)) is not None:
            return model
        folder = self._folder / str(chronicle.number)
        with disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
        participants = await self._clients.participants(values["owner"], life.names)
        told, app = chronicle.tracker.ended, None
        if isinstance(chronicle.order, AppJob):
            app = folder / APP
            await self._apps.lend(chronicle.order.app, app)
        running = Running(chronicle.number, chronicle.order, participants, folder, told, app)
        outcome = await self._engine.run(running, chronicle.tell)
        life.decided = True
        description = _description(chronicle.order, outcome, values)
        return await self._registry.publish(
            chronicle.order.model, outcome.file, description, owner=values["model_owner"]
        )

    async def _published(self, name: str, values: Values) -> Model | None:
        """The version that this job published before the node died, if it came that far."""
        for model in await self._registry.versions(name):
            if model.trained_from.get("job") == _origin(values):
                return model
        return None


def _origin(values: Values) -> dict[str, Any]:
    """What marks a model as this job's, whichever node's."""
    return {"number": values["number"], "created_at": values["created_at"].isoformat()}


def _description(order: JobOrder, outcome: Outcome, values: Values) -> Description:
    return Description(
        kind=outcome.kind,
        metrics=dict(outcome.metrics),
        trained_from={**outcome.trained_from, "job": _origin(values)},
        card=order.card or outcome.card,
    )
