"""What becomes of a task in this process: one coroutine, `_live`, from its submission to its end.

What it decides it writes down first and tells afterwards, so nobody ever hears of something that a crash
could undo.
"""

import asyncio
import contextlib
import contextvars
import logging
from collections import Counter
from collections.abc import Callable, Set
from datetime import timedelta
from pathlib import Path

import msgspec

from feria.clock import Clock
from feria.errors import (
    Busy,
    Corrupt,
    Crashed,
    DiskFull,
    FeriaError,
    NotFound,
    TooLarge,
    Unavailable,
)
from feria.events.bus import EventBus
from feria.settings import TaskSettings
from feria.storage.group_commit import COMMIT_SECONDS
from feria.tasks.entries import Entry, as_task, error_bytes
from feria.tasks.files import TaskFiles
from feria.tasks.journal import Journal, TakenOver, Values
from feria.tasks.queue import RESULT_BYTES, Deed, Work
from feria.tasks.slots import Places, Slots
from feria.tasks.wire import TaskState
from feria.telemetry.context import request_id
from feria.telemetry.metrics import Metrics
from feria.web import replies

LONGEST_PAUSE = 60.0
"""Seconds before a task that met a part which was not there tries again."""


class _Later(Exception):
    """This attempt was not the end."""

    def __init__(self, seconds: float, *, counts: bool) -> None:
        self.seconds = seconds
        self.counts = counts


log = logging.getLogger(__name__)


class Lives:
    """The tasks that have not ended. `on_end` is given the last values of each that does."""

    def __init__(
        self,
        journal: Journal,
        files: TaskFiles,
        bus: EventBus,
        metrics: Metrics,
        clock: Clock,
        settings: TaskSettings,
        on_end: Callable[[Values], None],
    ) -> None:
        self._journal = journal
        self._files = files
        self._bus = bus
        self._metrics = metrics
        self._clock = clock
        self._settings = settings
        self._on_end = on_end
        self._slots = Slots(settings.parallel)
        self.places: dict[str, Places] = {}
        """By kind, where it is not done here."""
        self.deeds: dict[str, Deed] = {}
        self.entries: dict[str, Entry] = {}
        self.by_key: dict[tuple[str, str], Entry] = {}
        """By owner and idempotency key."""
        self.payload_bytes = 0
        self._writing: set[asyncio.Task[None]] = set()

    def counts(self) -> dict[str, float]:
        """How many there are, by state."""
        states = Counter(entry.values["state"] for entry in self.entries.values())
        return {state.value: states[state.value] for state in (TaskState.waiting, TaskState.running)}

    async def begin(self, values: Values, file: Path | bytes | None) -> Entry:
        """Write a new task down and let it live. If this raises, no such task lives here; where it raises
        `Unavailable` or is cancelled it may have been written down, and its file stays for who takes it up.
        """
        entry = self._hold(values)
        places = self._places_of(entry)
        at_once = places.take_now()
        if at_once:
            entry.values |= self._beginning(entry)  # spares the second commit
        try:
            if file is not None:
                await self._files.keep(file, values["file"])
            await self._journal.add(entry.values)
        except BaseException as error:
            if at_once:
                places.give()
            self._drop(entry, with_file=isinstance(error, FeriaError) and not _may_pass(error))
            raise
        self._tell(entry)
        self._enliven(entry, begun=at_once)
        await asyncio.sleep(0)  # a coroutine that is cancelled before its first step never takes it
        return entry

    def take_up(self, values: Values) -> Entry:
        """Let a task live that stands in the journal."""
        entry = self._hold(values)
        self._enliven(entry, begun=False)
        return entry

    def let_slip(self, entry: Entry) -> None:
        """It is another node's now: end what is done for it here, and tell nobody how."""
        if entry.living is not None and not entry.decided:
            entry.slipped = True
            entry.living.cancel()

    async def call_off(self, entry: Entry) -> None:
        """Cancel it, unless it was quicker; it has ended when this returns."""
        if entry.living is not None and not entry.decided and not entry.called_off:
            entry.called_off = True
            entry.living.cancel()
        await asyncio.wait([entry.ended])

    async def close(self) -> None:
        """Give what runs its time, and put the rest back for the next start."""
        lives = {entry.living: entry for entry in self.entries.values() if entry.living is not None}
        running = {living for living, entry in lives.items() if entry.values["state"] == TaskState.running}
        _interrupt(lives, lives.keys() - running)
        if running:
            _, still_running = await asyncio.wait(running, timeout=self._settings.grace_seconds)
            _interrupt(lives, still_running)
        if lives:
            await asyncio.wait(lives, timeout=COMMIT_SECONDS)

    # ------------------------------------------------------------------- one life
    def _enliven(self, entry: Entry, *, begun: bool) -> None:
        # Of the context of whoever submitted it nothing stays but the request's id.
        entry.living = asyncio.create_task(self._live(entry, begun=begun), context=contextvars.Context())
        entry.living.add_done_callback(lambda _: entry.let_go())  # also where it goes on at the next start

    async def _live(self, entry: Entry, *, begun: bool) -> None:
        request_id.set(entry.values["request_id"])
        # The journal gives up only when it closes; the next start goes on from what it wrote last.
        try:
            await self._live_on(entry, begun=begun)
        except Unavailable:
            pass
        except TakenOver:  # its file, if it has one, is whoever's has it now
            log.warning("Task %s is another node's now; what came of it here is dropped.", entry.id)
            self._drop(entry, with_file=entry.slipped)

    async def _live_on(self, entry: Entry, *, begun: bool) -> None:
        try:
            end = await self._come_to_an_end(entry, begun=begun)
        except asyncio.CancelledError:
            if entry.slipped:
                raise TakenOver from None
            if not entry.called_off:
                await self._put_back(entry)
                return
            end = self.ending(TaskState.cancelled)
        entry.decided = True
        try:
            await self._change(entry, end)
        except (Unavailable, TakenOver):
            raise
        except Exception as error:  # the database holds everything but this result
            await self._change(entry, self.ending(TaskState.failed, error=replies.known(error)))
        self._settle(entry)

    async def _come_to_an_end(self, entry: Entry, *, begun: bool) -> Values:
        places = self._places_of(entry)
        if places.outlives and entry.values["state"] == TaskState.running:
            begun = await places.is_under_way(entry.id)
        while True:
            if not begun:
                if entry.values["attempts"] >= self._settings.max_attempts:
                    error = Crashed(f"The node died at this task {entry.values['attempts']} times.")
                    return self.ending(TaskState.failed, error=error)
                await places.take(entry.rank)
            try:
                if not begun:
                    await self._begin(entry, places)
                return await self._attempt(entry)
            except _Later as later:
                attempts = entry.values["attempts"] - (not later.counts)
                pause = later.seconds
            finally:
                places.give()
            begun = False
            await self._change(entry, {"state": TaskState.waiting.value, "attempts": attempts})
            await self._clock.sleep(pause)

    async def _begin(self, entry: Entry, places: Places) -> None:
        if not places.outlives:
            await self._change(entry, self._beginning(entry))
            return
        # Who does it there need not wait for the disk: should this process die before it is written, the task
        # counts as waiting, and the word of its end is believed all the same. The end is written after it.
        entry.values = entry.values | self._beginning(entry)
        self._tell(entry)
        writing = asyncio.create_task(self._write_down(dict(entry.values)))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def _write_down(self, values: Values) -> None:
        with contextlib.suppress(Unavailable, TakenOver):  # whoever writes its end hears of that
            await self._journal.change(values)

    async def _attempt(self, entry: Entry) -> Values:
        values = entry.values
        if values["attempts"] == 1:
            waited = values["started_at"] - values["submitted_at"]
            self._metrics.task_waits.observe(waited.total_seconds(), values["kind"])
        try:
            deed = self.deeds.get(values["kind"])
            if deed is None:
                raise NotFound(f"This node knows no work of kind {values['kind']} any more.")
            result = msgspec.json.encode(await deed(self._work(entry)))
            if len(result) > RESULT_BYTES:
                raise TooLarge(f"The result is larger than the {RESULT_BYTES >> 20} MiB a task may bring.")
        except Busy as busy:
            raise _Later(busy.retry_after, counts=False) from busy
        except Exception as error:
            ours = replies.known(error)
            if _may_pass(ours) and values["attempts"] < self._settings.max_attempts:
                raise _Later(min(2.0 ** values["attempts"], LONGEST_PAUSE), counts=True) from error
            return self.ending(TaskState.failed, error=ours)
        return self.ending(TaskState.done, result=result)

    def _work(self, entry: Entry) -> Work:
        def report(doing: str, done: float) -> None:
            entry.doing, entry.progress = doing, done
            self._tell(entry)

        values = entry.values
        return Work(
            id=entry.id,
            owner=values["owner"],
            payload=msgspec.json.decode(values["payload"]),
            file=None if values["file"] is None else self._files.path(values["file"]),
            attempt=values["attempts"],
            report=report,
        )

    def _beginning(self, entry: Entry) -> Values:
        return {
            "state": TaskState.running.value,
            "attempts": entry.values["attempts"] + 1,
            "started_at": self._clock.now(),
        }

    def ending(
        self, state: TaskState, *, result: bytes | None = None, error: FeriaError | None = None
    ) -> Values:
        now = self._clock.now()
        return {
            "state": state.value,
            "finished_at": now,
            "expires_at": now + timedelta(seconds=self._settings.keep_seconds),
            "result": result,
            "error": None if error is None else error_bytes(error),
        }

    async def _change(self, entry: Entry, new: Values) -> None:
        values = entry.values | new
        await self._journal.change(values)
        entry.values = values
        if not TaskState(values["state"]).final:
            self._tell(entry)

    async def _put_back(self, entry: Entry) -> None:
        """The node stops; the next start takes it up. That it stopped is not held against the task."""
        if entry.values["state"] == TaskState.running and not self._places_of(entry).outlives:
            attempts = entry.values["attempts"] - 1
            await self._change(entry, {"state": TaskState.waiting.value, "attempts": attempts})

    def _settle(self, entry: Entry) -> None:
        values = entry.values
        self._metrics.tasks_ended.add(values["state"])
        if values["started_at"] is not None:
            ran = values["finished_at"] - values["started_at"]
            self._metrics.task_runs.observe(ran.total_seconds(), values["kind"])
        self._on_end(values)
        self._drop(entry)
        self._tell(entry)

    def _places_of(self, entry: Entry) -> Places:
        return self.places.get(entry.values["kind"], self._slots)

    def _tell(self, entry: Entry) -> None:
        self._bus.publish(f"task.{entry.id}", as_task(entry.values, entry).model_dump(mode="json"))

    def _hold(self, values: Values) -> Entry:
        entry = Entry(values, asyncio.get_running_loop().create_future())
        self.entries[entry.id] = entry
        self.payload_bytes += len(values["payload"])
        if values["idempotency_key"] is not None:
            self.by_key[values["owner"], values["idempotency_key"]] = entry
        return entry

    def _drop(self, entry: Entry, *, with_file: bool = True) -> None:
        values = entry.values
        del self.entries[entry.id]
        self.payload_bytes -= len(values["payload"])
        if values["idempotency_key"] is not None:
            del self.by_key[values["owner"], values["idempotency_key"]]
        if with_file and values["file"] is not None:
            self._files.remove(values["file"])
        entry.let_go()


def _interrupt(lives: "dict[asyncio.Task[None], Entry]", some: "Set[asyncio.Task[None]]") -> None:
    for living in some:
        if not (lives[living].decided or lives[living].called_off):
            living.cancel()


def _may_pass(error: FeriaError) -> bool:
    """Whether what was not there may be there again."""
    return isinstance(error, Unavailable) and not isinstance(error, DiskFull | Corrupt | Crashed)
