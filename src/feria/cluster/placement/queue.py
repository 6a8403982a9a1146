"""The queue of a node in a cluster: what it accepts any member may do, and every member answers for it.

Around the queue of a single node, whose lives, limits and ends it keeps: the journal of shared tasks is in
rows that all members hold, the work of some kinds goes where there is room, and the tasks of a member that
has gone are kept by another from then on. `docs/explanation/tasks.md` says what that promises.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from feria.clock import Clock
from feria.cluster.gossip_map import GossipMap
from feria.cluster.member import Member
from feria.cluster.placement.fence import Fence
from feria.cluster.placement.messages import Message, Told
from feria.cluster.placement.placing import Lanes, Needs, Placing
from feria.cluster.placement.records import PREFIX, WISHES, KeptJournal, Record, read
from feria.cluster.placement.runner import Runner
from feria.errors import FeriaError, NotFound, Unavailable
from feria.events.bus import EventBus
from feria.settings import ClusterSettings, TaskSettings
from feria.storage.database import Database
from feria.tasks.embedded import EmbeddedQueue, open_embedded_queue
from feria.tasks.entries import as_task
from feria.tasks.files import TaskFiles
from feria.tasks.journal import Values
from feria.tasks.queue import Deed, Order
from feria.tasks.slots import Slots
from feria.tasks.wire import Task, TaskState
from feria.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
CANCEL_SECONDS = 20.0
"""How long who calls a task off waits for its keeper to say so."""
TOLD_SECONDS = 0.25
"""Between two words of how far a task has come, at least."""
AGAIN_SECONDS = 2.0


class PlacedQueue:
    """See `TaskQueue` for its promises; made by `open_placed_queue`.

    Two sides of a cluster that is cut may both do a task whose keeper one of them has lost. When they meet,
    one of the two ends stays, on all members alike.
    """

    def __init__(
        self, member: Member, rows: GossipMap, bus: EventBus, clock: Clock, settings: ClusterSettings
    ) -> None:
        self._member = member
        self._rows = rows
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._inner: EmbeddedQueue
        self._journal: KeptJournal
        self._placing: Placing
        self._placed: set[str] = set()
        self._unfinished: dict[str, Record] = {}
        """Others' tasks."""
        self._gone: dict[str, float] = {}
        """Members that keep tasks and do not live, since when."""
        self._progress: dict[str, Told] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    async def _open(self, inner: EmbeddedQueue, journal: KeptJournal, placing: Placing) -> None:
        self._inner, self._journal, self._placing = inner, journal, placing
        placing.told = self._heard_of
        for entry in await self._rows.scan(PREFIX):
            self._note(read(entry.value))
        self._rows.subscribe(PREFIX, self._changed)
        self._rows.subscribe(WISHES, self._wished)

    def place(self, kind: str, deed: Deed, lanes: Lanes, needs: Needs | None = None) -> None:
        """Have that kind of work done by whichever member has room; all of them know how."""
        self._placed.add(kind)
        self._inner.handle(kind, self._placing.deed(kind, deed, needs), lanes)

    def shares(self, values: Values) -> bool:
        """Whether all members are to know of a new task: not of what only this node can do, and not while
        it is alone."""
        return values["kind"] in self._placed and bool(self._member.live())

    def counts(self) -> dict[str, float]:
        return self._inner.counts()

    # ------------------------------------------------------------------------------ TaskQueue
    def handle(self, kind: str, deed: Deed, places: Any = None) -> None:
        """Work of that kind is done by this node alone."""
        self._inner.handle(kind, deed, places)

    async def submit(self, order: Order) -> Task:
        return await self._inner.submit(order)

    async def find(self, task_id: str) -> Task:
        task = await self._inner.find(task_id)
        told = self._progress.get(task_id)
        if told is None or task.state.final:
            return task
        return task.model_copy(update={"doing": told.doing, "progress": told.progress})

    async def tasks(
        self,
        *,
        owner: str | None = None,
        state: TaskState | None = None,
        kind: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Task]:
        return await self._inner.tasks(owner=owner, state=state, kind=kind, before=before, limit=limit)

    async def wait(self, task_id: str, seconds: float) -> Task:
        deadline = self._clock.monotonic() + seconds
        while task_id in self._unfinished:
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return await self.find(task_id)
            changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(task_id, set()).add(changed)
            try:
                await asyncio.wait([changed], timeout=left)
            finally:
                self._waiting[task_id].discard(changed)
                if not self._waiting[task_id]:
                    del self._waiting[task_id]
        return await self._inner.wait(task_id, max(0.0, deadline - self._clock.monotonic()))

    async def result(self, task_id: str) -> bytes:
        return await self._inner.result(task_id)

    async def cancel(self, task_id: str) -> Task:
        if task_id not in self._unfinished:
            return await self._inner.cancel(task_id)
        await self._rows.put(WISHES + task_id, b"cancel")
        task = await self.wait(task_id, CANCEL_SECONDS)
        if not task.state.final:
            raise Unavailable(
                "The member that keeps this task does not answer; it is called off when it does."
            )
        return task

    async def forget(self, task_id: str) -> None:
        await self._inner.forget(task_id)

    # ------------------------------------------------------------------------------ personal data
    async def export(self, subject: str) -> list[dict[str, Any]]:
        return await self._inner.export(subject)

    async def erase(self, subject: str) -> int:
        for task_id in [i for i, record in self._unfinished.items() if record.owner == subject]:
            with contextlib.suppress(NotFound):
                await self.cancel(task_id)
        return await self._inner.erase(subject)

    async def resume(self) -> None:
        await self._inner.resume()

    # ------------------------------------------------------------------------------ what members write
    async def _changed(self, key: str) -> None:
        task_id = key.removeprefix(PREFIX)
        entry = await self._rows.get(key)
        if entry is None:
            self._unfinished.pop(task_id, None)
            self._inner.let_slip(task_id)
        else:
            record = read(entry.value)
            self._note(record)
            if record.keeper != self._member.id:
                self._inner.let_slip(task_id)
                values = await self._journal.find(task_id)
                if values is not None:
                    self._bus.publish(f"task.{task_id}", as_task(values).model_dump(mode="json"))
        for waiting in self._waiting.get(task_id, ()):
            if not waiting.done():
                waiting.set_result(None)

    def _note(self, record: Record) -> None:
        if record.keeper == self._member.id or TaskState(record.state).final:
            self._unfinished.pop(record.id, None)
            self._progress.pop(record.id, None)
        else:
            self._unfinished[record.id] = record

    async def _wished(self, key: str) -> None:
        task_id = key.removeprefix(WISHES)
        if self._journal.is_shared(task_id) and await self._rows.get(key) is not None:
            self._begin(self._call_off(task_id))

    async def _call_off(self, task_id: str) -> None:
        with contextlib.suppress(FeriaError):
            await self._inner.cancel(task_id)

    def _heard_of(self, told: Told) -> None:
        record = self._unfinished.get(told.task)
        if record is not None:
            self._progress[told.task] = told
            self._begin(self._publish(told.task))

    async def _publish(self, task_id: str) -> None:
        with contextlib.suppress(FeriaError):
            self._bus.publish(f"task.{task_id}", (await self.find(task_id)).model_dump(mode="json"))

    async def spread(self) -> None:
        """Tell other members how far the tasks of this one have come, until cancelled; now and then again,
        for who has missed it."""
        last: dict[str, tuple[Told, float]] = {}
        while True:
            await self._clock.sleep(TOLD_SECONDS)
            now, before, last = self._clock.monotonic(), last, {}
            for task_id, doing, progress in self._inner.progress():
                if not self._journal.is_shared(task_id):
                    continue
                told, at = before.get(task_id, (None, 0.0))
                if (
                    told is None
                    or (told.doing, told.progress) != (doing, progress)
                    or now - at > AGAIN_SECONDS
                ):
                    told, at = Told(task_id, doing, progress), now
                    self._placing.tell(told)
                last[task_id] = (told, at)

    # ------------------------------------------------------------------------------ members that go
    async def look(self) -> None:
        """Keep on what members that have gone had kept, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            now, live = self._clock.monotonic(), self._member.live()
            keepers = {record.keeper for record in self._unfinished.values()}
            self._gone = {id: self._gone.get(id, now) for id in keepers - live.keys()}
            gone = {id for id, since in self._gone.items() if now - since >= self._settings.takeover_seconds}
            for record in [record for record in self._unfinished.values() if record.keeper in gone]:
                if self._is_next(record.id, list(live)):
                    try:
                        await self._take_over(record)
                    except FeriaError as error:
                        log.warning("Task %s of %s: %s", record.id, record.keeper, error.message)

    def _is_next(self, task_id: str, live: list[str]) -> bool:
        """Members agree, without a word, who goes on with a task."""

        def order(member: str) -> bytes:
            return hashlib.blake2b(member.encode(), key=task_id.encode()).digest()

        return min([self._member.id, *live], key=order) == self._member.id

    async def _take_over(self, record: Record) -> None:
        values = await self._journal.take(record.id)
        if values is None:
            return
        self._unfinished.pop(record.id, None)
        log.warning("Member %s is gone; its task %s goes on here.", record.keeper, record.id)
        self._inner.take_up(values)
        if await self._rows.get(WISHES + record.id) is not None:
            self._begin(self._call_off(record.id))

    def _begin(self, work: Any) -> None:
        self._member.chunks.pieces.start(work)


@contextlib.asynccontextmanager
async def open_placed_queue(
    member: Member,
    rows: GossipMap,
    database: Database,
    bus: EventBus,
    metrics: Metrics,
    clock: Clock,
    settings: TaskSettings,
    cluster: ClusterSettings,
    files: TaskFiles,
) -> AsyncGenerator[tuple[PlacedQueue, Lanes, Slots]]:
    """The queue, and for `PlacedQueue.place` how many tasks may be under way in the cluster; the slots are
    this member's own, for what others may be told is free."""
    slots = Slots(settings.parallel)
    lanes = Lanes(settings.parallel, lambda: len(member.live()))
    fence = Fence(member, clock)
    queue = PlacedQueue(member, rows, bus, clock, cluster)
    journals: list[KeptJournal] = []

    def journal(*given: Any) -> KeptJournal:
        made = KeptJournal(rows, member.id, files, fence, queue.shares, *given)
        journals.append(made)
        return made

    def say(to: str, message: Message) -> bool:
        return member.say is not None and member.say(to, message)

    runner = Runner(rows, member.chunks, slots, say, clock, files.folder)
    placing = Placing(member, member.chunks, runner, slots, clock)
    works: list[asyncio.Task[None]] = []
    try:
        async with open_embedded_queue(
            database, bus, metrics, clock, settings, files, make_journal=journal
        ) as inner:
            await queue._open(inner, journals[0], placing)
            member.heard = placing.receive
            watching = (fence.watch(), runner.watch(), queue.look(), queue.spread(), lanes.watch(clock))
            works = [asyncio.create_task(work) for work in watching]
            try:
                yield queue, lanes, slots
            finally:
                # Others' work first: who asked for it asks somebody else.
                await runner.close()
    finally:
        member.heard = None
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
