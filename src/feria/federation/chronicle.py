"""What is told of a job that lives: followed at once, written down in batches, and then passed on.

Nobody hears of an event before it is written down. Telling costs the one who tells next to nothing, as long
as no more than `MOST` events wait for the database; beyond that it waits with them. A node that is killed
loses what it was told in the last `GATHER` seconds; its training loses nothing, for that keeps each round
itself.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from feria.clock import Clock
from feria.events.bus import EventBus
from feria.federation import wire
from feria.federation.jobs_wire import Changed, Health, Job, JobError, JobResult, JobState, Told
from feria.federation.journal import Batch, Journal, Values
from feria.federation.orders import JobOrder, any_order
from feria.federation.tracking import ClientRound, ClientStatus, Tracker

GATHER = 0.2
"""Seconds."""
MOST = 100_000
"""Events; some tens of megabytes."""


class Chronicle:
    def __init__(
        self, values: Values, tracker: Tracker, journal: Journal, bus: EventBus, clock: Clock
    ) -> None:
        """`values` are those of the job's row, as it stands after all that `tracker` has been told."""
        self.values = values
        self.order = any_order.validate_json(values["order"])
        self.tracker = tracker
        self._journal = journal
        self._bus = bus
        self._clock = clock
        self._gathered: list[Told] = []
        self._rounds: list[tuple[wire.RoundEnded, list[ClientRound]]] = []
        self._change: Values = {}
        self._fault: Exception | None = None
        self._last: int = values["last_event"]
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def number(self) -> int:
        number: int = self.values["number"]
        return number

    @property
    def job(self) -> Job:
        """As it stands now; `last_event` is the last that was written down."""
        state, now = self.tracker.state, self._clock.now().timestamp()
        return _job(
            self.order,
            self.values | {"state": state, "round": self.tracker.round},
            waiting_for=self.tracker.waiting_for,
            away=self.tracker.away,
            health=self.tracker.health(now),
        )

    async def tell(self, told: Sequence[Told]) -> None:
        """See `Tell`. Raises what kept the journal from being written, should that not pass."""
        if self._fault is not None:
            raise self._fault
        while len(self._gathered) >= MOST:
            self._room.clear()
            await self._room.wait()
        for event in told:
            self._take(event)
        self._wake.set()

    async def change(
        self,
        state: JobState,
        *,
        error: dict[str, Any] | None = None,
        result: dict[str, Any] | None = None,
    ) -> None:
        """Tell that it has come to that state; durable on return."""
        at = self._clock.now().timestamp()
        await self.tell([Changed(at=at, round=self.tracker.round, state=state, error=error, result=result)])
        await self.write()

    async def write(self) -> None:
        """Write down what was gathered, and tell the bus how the job stands. Durable on return.

        Raises `Unavailable` when the journal has closed.
        """
        if not self._gathered:
            return
        told, self._gathered = self._gathered, []
        rounds, self._rounds = self._rounds, []
        change, self._change = self._change, {}
        change |= {"state": self.tracker.state.value, "round": self.tracker.round}
        first, self._last = self._last + 1, self._last + len(told)
        last = change["last_event"] = self._last
        self._room.set()
        await self._journal.append(Batch(self.number, first, told, change, rounds))
        self.values["last_event"] = last
        self._bus.publish(f"job.{self.number}", self.job.model_dump(mode="json", exclude={"order"}))

    async def run(self) -> None:
        """Write down what comes, until this is cancelled."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(GATHER)
                self._wake.clear()
                await self.write()
        except Exception as error:
            self._fault = error
            self._gathered.clear()  # nobody is to wait for room
            self._room.set()

    # ------------------------------------------------------------------- inside
    def _take(self, event: Told) -> None:
        first_time = isinstance(event, wire.RoundEnded) and event.round > self.tracker.ended
        self.tracker.apply(event)
        self._gathered.append(event)
        match event:
            case wire.RoundEnded():
                if first_time:  # told again, its training is no longer known
                    self._rounds.append((event, self.tracker.records(event.round)))
                self._note(event.at, status_event=self._last + len(self._gathered))
            case Changed():
                self._note(event.at, **self._dates(event))

    def _dates(self, event: Changed) -> Values:
        at = datetime.fromtimestamp(event.at, UTC)
        return {
            "error": event.error and msgspec.json.encode(event.error),
            "result": event.result and msgspec.json.encode(event.result),
            "finished_at": at if event.state.final else None,
        } | ({"started_at": at} if event.state is JobState.running and not self.values["started_at"] else {})

    def _note(self, at: float, **more: Any) -> None:
        more["health"] = self.tracker.health(at).model_dump_json().encode()
        self.values |= more
        self._change |= more | {"clients_status": statuses_json(self.tracker.statuses(at))}


def statuses_json(statuses: Sequence[ClientStatus]) -> bytes:
    return msgspec.json.encode({status.client_id: status for status in statuses})


def as_job(values: Values) -> Job:
    """A job that does not live, by its row."""
    health = Health.model_validate_json(values["health"])
    return _job(any_order.validate_json(values["order"]), values, health=health)


def _job(order: JobOrder, values: Values, **more: Any) -> Job:
    error, result = values["error"], values["result"]
    return Job(
        number=values["number"],
        owner=values["owner"],
        order=order,
        clients=values["clients"],
        state=JobState(values["state"]),
        round=values["round"],
        rounds=order.rounds or 0,
        created_at=values["created_at"],
        started_at=values["started_at"],
        finished_at=values["finished_at"],
        error=None if error is None else JobError.model_validate_json(error),
        result=None if result is None else JobResult.model_validate_json(result),
        last_event=values["last_event"],
        **more,
    )
