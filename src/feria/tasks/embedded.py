"""The queue of a single node: its work runs on the event loop here, its journal is the node's database."""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import msgspec

from feria.clock import Clock
from feria.errors import (
    Busy,
    Cancelled,
    Conflict,
    FeriaError,
    Invalid,
    NotFound,
    TooLarge,
    revive,
)
from feria.events.bus import EventBus
from feria.settings import TaskSettings
from feria.storage.database import Database
from feria.tasks.entries import Entry, as_task, new_values
from feria.tasks.files import MADE, TaskFiles
from feria.tasks.journal import Journal, MakeJournal, Values, open_journal
from feria.tasks.lives import Lives
from feria.tasks.queue import PAYLOAD_BYTES, PRIORITIES, Deed, Order
from feria.tasks.slots import Places
from feria.tasks.wire import Task, TaskState
from feria.telemetry.context import request_id
from feria.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

CLEAN_EVERY = 60.0
"""Seconds between two looks for tasks whose time is over."""
OTHERS_SECONDS = 0.5
"""Between two looks at a task of another node, of which nothing was told."""
REMEMBERED = 1024
REMEMBERED_BYTES = 16 * 2**10
"""So many ended tasks are answered from memory, if their results are no longer than this."""


class EmbeddedQueue:
    """See `TaskQueue` for its promises."""

    def __init__(
        self,
        journal: Journal,
        files: TaskFiles,
        bus: EventBus,
        metrics: Metrics,
        clock: Clock,
        settings: TaskSettings,
    ) -> None:
        self._journal = journal
        self._files = files
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._lives = Lives(journal, files, bus, metrics, clock, settings, self._remember)
        self._remembered: OrderedDict[str, Values] = OrderedDict()
        self._taking_up = asyncio.Lock()
        self._closing = False
        self.counts = self._lives.counts

    def handle(self, kind: str, deed: Deed, places: Places | None = None) -> None:
        """`places` says where work of that kind is done, if not in the slots of this process."""
        self._lives.deeds[kind] = deed
        if places is not None:
            self._lives.places[kind] = places

    async def submit(self, order: Order) -> Task:
        payload = self._check(order)
        if (twin := await self._twin(order, payload)) is not None:
            return twin
        self._make_sure_of_room(len(payload))
        values = new_values(order, payload, request_id.get(), self._clock.now())
        try:
            entry = await self._lives.begin(values, order.file)
        except Conflict:  # its twin may have come, and even ended, since we looked
            if (twin := await self._twin(order, payload)) is None:
                raise
            return twin
        return as_task(entry.values, entry)

    async def find(self, task_id: str) -> Task:
        entry = self._lives.entries.get(task_id)
        return as_task(await self._values(task_id)) if entry is None else as_task(entry.values, entry)

    async def tasks(
        self,
        *,
        owner: str | None = None,
        state: TaskState | None = None,
        kind: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Task]:
        rows = await self._journal.newest(owner=owner, state=state, kind=kind, before=before, limit=limit)
        return [as_task(row, self._lives.entries.get(row["id"])) for row in rows]

    async def wait(self, task_id: str, seconds: float) -> Task:
        entry = self._lives.entries.get(task_id) or await self._taken_up(task_id)
        if entry is None:
            return await self._others_end(task_id, seconds)
        if seconds > 0:
            await asyncio.wait([entry.ended], timeout=seconds)
        return await self.find(task_id)

    async def _others_end(self, task_id: str, seconds: float) -> Task:
        """The same for a task of another node on this database, or one that has ended. That node may tell; if
        not, one sees."""
        task = await self.find(task_id)
        if task.state.final or seconds <= 0:
            return task
        until = self._clock.monotonic() + seconds
        async with self._bus.subscribe(f"task.{task_id}") as heard:
            while not task.state.final and (left := until - self._clock.monotonic()) > 0:
                with contextlib.suppress(TimeoutError, StopAsyncIteration):
                    await asyncio.wait_for(anext(heard), min(OTHERS_SECONDS, left))
                task = await self.find(task_id)
        return task

    async def result(self, task_id: str) -> bytes:
        if task_id not in self._lives.entries:
            values = await self._values(task_id)
            match values["state"]:
                case TaskState.done:
                    result: bytes = values["result"]
                    return result
                case TaskState.failed:
                    raise revive(**msgspec.json.decode(values["error"]))
                case TaskState.cancelled:
                    raise Cancelled("The task was called off.")
        raise Conflict("The task has not ended yet.")

    async def cancel(self, task_id: str) -> Task:
        entry = self._lives.entries.get(task_id)
        if entry is not None:
            await self._lives.call_off(entry)
        else:
            values = await self._values(task_id)
            if not TaskState(values["state"]).final:  # an earlier run's, and not taken up, or another node's
                await self._journal.change_anyones(values | self._lives.ending(TaskState.cancelled))
                if values["file"] is not None:
                    self._files.remove(values["file"])
        return await self.find(task_id)

    async def forget(self, task_id: str) -> None:
        if not (await self.find(task_id)).state.final:
            raise Conflict("The task has not ended; call it off first.")
        await self._journal.delete(task_id)
        self._remembered.pop(task_id, None)

    # ------------------------------------------------------------------- other nodes
    def take_up(self, values: Values) -> None:
        """Go on with a task that another node had kept."""
        if values["id"] not in self._lives.entries:
            self._lives.take_up(values)

    def progress(self) -> Iterator[tuple[str, str, float]]:
        """Of the tasks that are being done: id, what is being done, the fraction done."""
        for entry in self._lives.entries.values():
            if entry.doing:
                yield entry.id, entry.doing, entry.progress

    def let_slip(self, task_id: str) -> None:
        """A task is another node's now, or was forgotten there."""
        self._remembered.pop(task_id, None)
        entry = self._lives.entries.get(task_id)
        if entry is not None:
            self._lives.let_slip(entry)

    # ------------------------------------------------------------------- personal data
    async def export(self, subject: str) -> list[dict[str, Any]]:
        """Their tasks, with what was ordered and what came of it."""
        return [
            as_task(row).model_dump(mode="json")
            | {name: row[name] and msgspec.json.decode(row[name]) for name in ("payload", "result")}
            for row in await self._journal.of_owner(subject)
        ]

    async def erase(self, subject: str) -> int:
        """Call off their tasks that have not ended, and delete all of them."""
        for task_id in await self._journal.unfinished_of(subject):
            with contextlib.suppress(NotFound):  # it has ended, and its time is over
                await self.cancel(task_id)
        for task_id in [i for i, values in self._remembered.items() if values["owner"] == subject]:
            del self._remembered[task_id]
        return await self._journal.delete_of(subject)

    # ------------------------------------------------------------------- from start to stop
    async def resume(self) -> None:
        """Take up what an earlier run left. Called once every deed is known."""
        await self._journal.claim()
        rows = await self._journal.unfinished()
        brought, made = {row["file"] for row in rows}, {row["id"] + MADE for row in rows}
        await self._files.remove_all_but(brought | made)
        if self._settings.resume:
            for row in rows:
                self._lives.take_up(row)

    async def take_over(self) -> None:
        """Take up what has become this node's since it started."""
        for row in await self._journal.unfinished():
            if row["id"] not in self._lives.entries:
                self._lives.take_up(row)

    async def stop(self, task_id: str) -> None:
        """Do no more for a task that was called off on another node."""
        if (entry := self._lives.entries.get(task_id)) is not None:
            await self._lives.call_off(entry)

    async def forget_expired(self) -> None:
        """Forget what has been kept for its time."""
        now = self._clock.now()
        await self._journal.delete_expired(now)
        for task_id in [i for i, values in self._remembered.items() if values["expires_at"] < now]:
            del self._remembered[task_id]

    async def close(self) -> None:
        """Take no more; what has not ended goes on at the next start."""
        self._closing = True
        await self._lives.close()

    # ------------------------------------------------------------------- inside
    def _check(self, order: Order) -> bytes:
        if order.kind not in self._lives.deeds:
            raise Invalid(f"This node knows no work of kind {order.kind}.")
        if order.priority not in PRIORITIES:
            raise Invalid(f"A priority is a number from {PRIORITIES[0]} to {PRIORITIES[-1]}.")
        if order.idempotency_key is not None and not 0 < len(order.idempotency_key) <= 128:
            raise Invalid("An idempotency key has 1 to 128 characters.")
        payload = msgspec.json.encode(order.payload)
        if len(payload) > PAYLOAD_BYTES:
            raise TooLarge("The order is larger than the 1 MiB a task may carry beside its file.")
        return payload

    def _make_sure_of_room(self, size: int) -> None:
        if self._closing:
            raise Busy("The node is stopping; ask again when it is back.", retry_after=5.0)
        if len(self._lives.entries) >= self._settings.parallel + self._settings.max_waiting:
            raise Busy("As many tasks wait as may.", retry_after=5.0)
        if self._lives.payload_bytes + size > self._settings.max_waiting_mib * 2**20:
            raise Busy("The tasks that wait take all the memory they may.", retry_after=5.0)

    async def _twin(self, order: Order, payload: bytes) -> Task | None:
        """What became of the same order when it was sent before. Raises `Conflict` for another's key."""
        if order.idempotency_key is None:
            return None
        found = await self._find_key(order.owner, order.idempotency_key)
        if found is None:
            return None
        if (found["kind"], found["payload"]) != (order.kind, payload):
            raise Conflict("This idempotency key was used for another order.")
        return as_task(found, self._lives.entries.get(found["id"]))

    async def _find_key(self, owner: str, key: str) -> Values | None:
        values = None
        if (owner, key) not in self._lives.by_key:
            values = await self._journal.find_key(owner, key)
        entry = self._lives.by_key.get((owner, key))  # it may have come while we looked
        if entry is not None:
            if entry.living is None:
                raise Busy("The same order is just being written down.", retry_after=0.1)
            return entry.values
        if values is not None:
            # If it has not ended, whoever sent it was told that it might not have been written down.
            await self._taken_up(values["id"])
        return values

    async def _taken_up(self, task_id: str) -> Entry | None:
        """A task that an earlier run left, and that `resume` has left alone; none if it has ended."""
        async with self._taking_up:  # what is read must not grow old before it is acted upon
            if (entry := self._lives.entries.get(task_id)) is not None:
                return entry
            values = await self._values(task_id)
            if TaskState(values["state"]).final or not self._journal.owns(values):
                return None
            return self._lives.take_up(values)

    async def _values(self, task_id: str) -> Values:
        values = self._remembered.get(task_id) or await self._journal.find(task_id)
        if values is None:
            raise NotFound(f"No task {task_id}.")
        return values

    def _remember(self, values: Values) -> None:
        if len(values["result"] or b"") <= REMEMBERED_BYTES:
            self._remembered[values["id"]] = values | {"payload": b""}
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)


@contextlib.asynccontextmanager
async def open_embedded_queue(
    database: Database,
    bus: EventBus,
    metrics: Metrics,
    clock: Clock,
    settings: TaskSettings,
    files: TaskFiles,
    node: str | None = None,
    make_journal: MakeJournal | None = None,
) -> AsyncGenerator[EmbeddedQueue]:
    """`files` holds those of tasks that have not ended, between runs too. `node` is this node's name where
    others may share its database."""
    await files.open()
    async with open_journal(database, node, make_journal) as journal:
        queue = EmbeddedQueue(journal, files, bus, metrics, clock, settings)
        closing = asyncio.Event()
        cleaning = asyncio.create_task(_clean(queue, closing))
        try:
            yield queue
        finally:
            closing.set()
            await cleaning
            await queue.close()


async def _clean(queue: EmbeddedQueue, closing: asyncio.Event) -> None:
    while not closing.is_set():
        try:
            await queue.forget_expired()
        except FeriaError as error:
            log.warning("Tasks whose time is over were not forgotten: %s", error.message)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), CLEAN_EVERY)
