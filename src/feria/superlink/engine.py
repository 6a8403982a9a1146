"""The engine of stores: each job is a run on a SuperLink, begun again as often as it takes.

What the run needs and what it comes to crosses by callbacks; the hub keeps it in the job's folder. So a run
that is lost, with its SuperLink or with this hub, is followed by another that goes on after the last round;
and one on a SuperLink that outlives the hub is listened to again by the next.
"""

import asyncio
import base64
import contextlib
import hashlib
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from feria.clock import Clock
from feria.errors import Conflict, FeriaError, Invalid, NotFound, Unavailable, revive
from feria.federation import checks, wire
from feria.federation.engine import ENDED, MODEL, Outcome, Running, Tell
from feria.federation.jobs_wire import Client
from feria.federation.orders import AppJob, JobOrder
from feria.storage import durable
from feria.storage.blobs import disk_errors
from feria.superlink.attempts import Attempt, Attempts
from feria.superlink.callbacks import End, key_of
from feria.superlink.control import Run
from feria.tasks.processes import Processes

if TYPE_CHECKING:
    from feria.superlink.hub import Hub

log = logging.getLogger(__name__)

FAB = Path(__file__).with_name("fab")
RUN = "run.json"
"""In a job's folder: the run that was begun last."""
LOOK = 1.0
"""Seconds between two looks whether a run is still there."""
FAREWELL = 3.0
"""Seconds for the last words of a run that has ended, which may be on their way."""
FRUITLESS = 3
"""Runs in a row that were lost without a round kept; then the job fails."""
AGAIN = 2.0
"""Seconds between the loss of a run and the next."""


class Begun(msgspec.Struct):
    """A run, as it is remembered."""

    run_id: int
    attempt: str
    superlink: str
    """sha256 of the secret of the SuperLink it is on: another one is another SuperLink, or another life of
    the same, in which no run is left."""


class Lost(Exception):
    """A run has ended without a word. Its text is why, as far as the SuperLink knows."""


class SuperLinkEngine:
    """See `FederationEngine` for its promises. What a store is doing when a job is called off, it does to its
    end; nobody looks at it."""

    def __init__(self, hub: "Hub", attempts: Attempts, processes: Processes, clock: Clock) -> None:
        self._hub = hub
        self._attempts = attempts
        self._processes = processes
        self._clock = clock
        self._superlink = hashlib.sha256(hub.secret.encode()).hexdigest()
        self._fab: bytes | None = None

    async def check(self, order: JobOrder, clients: Sequence[Client]) -> None:
        if isinstance(order, AppJob):
            raise Invalid(
                "An app runs on rows that are on this node; stores train only what a job's order says."
            )
        checks.check(order, len(clients))

    async def run(self, job: Running, tell: Tell) -> Outcome:
        fruitless = 0
        while True:
            begun = await self._left(job)
            id = secrets.token_hex(16) if begun is None else begun.attempt
            attempt = Attempt(id, key_of(self._hub.secret, id), job, tell)
            with self._attempts.listening(attempt):
                if begun is None:
                    begun = await self._begin(job, attempt)
                else:
                    await tell(_ends_after(job.folder / ENDED, job.told))
                try:
                    end = await self._end_of(attempt, begun.run_id, tell)
                except Lost as lost:
                    log.warning("Job %d: its run %d was lost: %s", job.number, begun.run_id, lost)
                    fruitless = 0 if attempt.kept_rounds else fruitless + 1
                    if fruitless == FRUITLESS:
                        raise Unavailable(f"The SuperLink does not carry the job through: {lost}") from None
                except BaseException:
                    await asyncio.shield(self._stop(job, begun.run_id))
                    raise
                else:
                    return _outcome(job, end)
                finally:
                    self._forget(job)
            await self._clock.sleep(AGAIN)

    # ------------------------------------------------------------------- one run
    async def _left(self, job: Running) -> Begun | None:
        """The run that an earlier life of this hub has begun, and that is still under way."""
        try:
            begun = msgspec.json.decode((job.folder / RUN).read_bytes(), type=Begun)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        if begun.superlink != self._superlink:
            return None
        try:
            run = await self._hub.control.run(begun.run_id)
        except NotFound:
            return None
        return None if run.state == "finished" else begun

    async def _begin(self, job: Running, attempt: Attempt) -> Begun:
        """Raises `Unavailable`."""
        if self._fab is None:
            self._fab = base64.b64decode(await self._processes.run(_bundle, str(FAB), seconds=60))
        settings = {"attempt": attempt.id, "hub": self._hub.url, "ca": self._hub.ca}
        run_id = await self._hub.control.start(self._fab, settings)
        begun = Begun(run_id, attempt.id, self._superlink)
        with disk_errors():
            await asyncio.to_thread(durable.write, job.folder / RUN, msgspec.json.encode(begun))
        log.info("Job %d is run %d on the SuperLink.", job.number, run_id)
        return begun

    async def _end_of(self, attempt: Attempt, run_id: int, tell: Tell) -> End:
        """Raises `Lost`."""
        watching = asyncio.create_task(self._watch(run_id, tell))
        try:
            either: set[asyncio.Future[Any]] = {attempt.ended, watching}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not attempt.ended.done():
                run = await watching
                await asyncio.wait([attempt.ended], timeout=FAREWELL)
                if not attempt.ended.done():
                    raise Lost(run.details or f"it has {run.outcome or 'ended'}.")
            return attempt.ended.result()
        finally:
            watching.cancel()

    async def _watch(self, run_id: int, tell: Tell) -> Run:
        """How the run stands when it has ended. A SuperLink that does not answer is waited for."""
        answers = True
        while True:
            try:
                run = await self._hub.control.run(run_id)
            except NotFound:
                return Run("finished", None, "The SuperLink does not know the run any more.")
            except FeriaError as error:
                if answers:
                    at = self._clock.now().timestamp()
                    await tell([wire.Waiting(at=at, round=0, clients=(), reason=error.message)])
                answers = False
            else:
                answers = True
                if run.state == "finished":
                    return run
            await self._clock.sleep(LOOK)

    async def _stop(self, job: Running, run_id: int) -> None:
        try:
            with contextlib.suppress(Conflict, NotFound):  # it has ended
                await self._hub.control.stop(run_id)
        except FeriaError as error:
            log.warning("Job %d: its run %d may go on: %s", job.number, run_id, error.message)

    def _forget(self, job: Running) -> None:
        (job.folder / RUN).unlink(missing_ok=True)


def _outcome(job: Running, end: End) -> Outcome:
    """Raises what the training has failed of."""
    if end.error:
        raise revive(end.error, end.detail, end.details)
    return Outcome(
        job.folder / MODEL, kind=job.order.kind, metrics=end.metrics, trained_from=end.trained_from
    )


def _ends_after(file: Path, told: int) -> list[wire.RoundEnded]:
    """How the rounds ended that an earlier life of this hub was told of, and may not have written down."""
    ended: list[wire.RoundEnded] = []
    for line in file.read_bytes().splitlines() if file.exists() else ():
        with contextlib.suppress(msgspec.DecodeError):  # cut off
            ended.append(msgspec.json.decode(line, type=wire.RoundEnded))
    return [each for each in ended if each.round > told]


def _bundle(folder: str, _: Any) -> str:
    # In a process of its own, for it brings Flower's command line along.
    from feria.federation.flower import bundle

    return base64.b64encode(bundle(Path(folder))).decode()
