"""Where a task's work is done: here, or on the member with the most room.

A member says each second, with its pings, how busy its processors are and how many slots are free; what was
given to it since is counted as well, lest all choose the same one. Work goes to another only when there is no
room here, or clearly more there: what it needs (a model's file, the order's own) lies here or comes first.
"""

import asyncio
import contextlib
import heapq
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from feria.clock import Clock
from feria.cluster.chunks import Chunks, manifest_in
from feria.cluster.member import Member
from feria.cluster.placement.messages import Doing, Ended, Message, Run, Stop, Told
from feria.cluster.placement.runner import Runner
from feria.errors import Busy, Unavailable, revive
from feria.tasks.queue import Deed, Work
from feria.tasks.slots import Slots
from feria.telemetry.context import request_id

log = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0
"""Time after which a member that does work for this one is told that it is still wanted."""
SILENT_SECONDS = 10.0
"""A member that has said nothing of the work for so long has lost it."""
CHOOSE_SECONDS = 0.5
"""Work that waits for a slot here looks as often whether there is room elsewhere."""
AWAY_COST, WITHOUT_COST = 0.25, 0.5
"""What it costs to be another member, and one without what the work needs; 1 is all of a member's slots."""

Needs = Callable[[Work], Awaitable[Collection[str] | None]]
"""Ids of the members that hold what the work needs; None where it needs nothing."""


class Lanes:
    """How many tasks may be under way at once: as many as members have slots, as far as this one knows. What
    is here waits for a slot of its own."""

    outlives = False

    def __init__(self, parallel: int, others: Callable[[], int]) -> None:
        self._parallel = parallel
        self._others = others
        self._taken = 0
        self._came = 0
        self._queue: list[tuple[Any, int, asyncio.Future[None]]] = []

    def take_now(self) -> bool:
        if self._queue or self._taken >= self._parallel * (1 + self._others()):
            return False
        self._taken += 1
        return True

    async def take(self, rank: Any) -> None:
        if self.take_now():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._came += 1
        heapq.heappush(self._queue, (rank, self._came, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()  # it had just been ours
            raise

    def give(self) -> None:
        self._taken -= 1
        self._serve()

    async def is_under_way(self, task_id: str) -> bool:
        return False

    async def watch(self, clock: Clock) -> None:
        """Members come and go: look whether there are more, until cancelled."""
        while True:
            await clock.sleep(1.0)
            self._serve()

    def _serve(self) -> None:
        while self._queue and self._taken < self._parallel * (1 + self._others()):
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():
                self._taken += 1
                turn.set_result(None)


@dataclass(eq=False)
class _Asking:
    """Work that another member does for this one."""

    work: Work
    ended: "asyncio.Future[Ended]"
    heard_at: float


@dataclass
class _Load:
    """Of a member: what it said last, and how much was given to it since."""

    heard: float | None = None
    given: int = 0


class Placing:
    """`slots` are this member's own; work for others takes them as well."""

    def __init__(self, member: Member, chunks: Chunks, runner: Runner, slots: Slots, clock: Clock) -> None:
        self._member = member
        self._chunks = chunks
        self._runner = runner
        self._slots = slots
        self._clock = clock
        self._numbers = random.SystemRandom()
        self._askings: dict[int, _Asking] = {}
        self._loads: dict[str, _Load] = {}
        self.told: Callable[[Told], None] = lambda told: None
        self.counts = {"here": 0, "elsewhere": 0, "again": 0}
        """Of tasks: done here, done by others, and placed again since their member had gone."""

    def deed(self, kind: str, here: Deed, needs: Needs | None = None) -> Deed:
        """The same work, done where there is room."""
        self._runner.deeds[kind] = here

        async def placed(work: Work) -> Any:
            holders = None
            if needs is not None and self._member.live():
                holders = await needs(work)
            while True:
                to = self._choose(holders)
                if to is not None:
                    return await self._elsewhere(to, kind, work)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CHOOSE_SECONDS):
                        await self._slots.take((0, work.id))
                    break
            try:
                self.counts["here"] += 1
                return await here(work)
            finally:
                self._slots.give()

        return placed

    def _choose(self, holders: Collection[str] | None) -> str | None:
        """The id of the member to do it, None for this one."""
        costs: dict[str | None, float] = {}
        if self._slots.free > 0:
            costs[None] = self._member.swim.health.load if self._member.swim is not None else 0.0
            if holders is not None and self._member.id not in holders:
                costs[None] += WITHOUT_COST
        for id in self._member.live():
            room, load = self._room(id)
            if room > 0:
                costs[id] = (
                    load + AWAY_COST + (WITHOUT_COST if holders is not None and id not in holders else 0)
                )
        if not costs:
            return None  # it waits here, where it is known of
        least = min(costs.values())
        chosen = self._numbers.choice([id for id, cost in costs.items() if cost <= least + 1e-9])
        if chosen is not None:
            self._loads.setdefault(chosen, _Load()).given += 1
        return chosen

    def _room(self, id: str) -> tuple[int, float]:
        """Slots that should be free there, and how busy it is."""
        swim = self._member.swim
        peer = None if swim is None else swim.peers.get(id)
        if peer is None or peer.health is None:
            return 0, 1.0
        load = self._loads.setdefault(id, _Load())
        if load.heard != peer.heard:
            load.heard, load.given = peer.heard, 0
        return peer.health.room - load.given, peer.health.load + load.given / max(1, peer.health.room)

    async def _elsewhere(self, id: str, kind: str, work: Work) -> Any:
        number = self._numbers.getrandbits(63)
        asking = _Asking(work, asyncio.get_running_loop().create_future(), self._clock.monotonic())
        self._askings[number] = asking
        run = Run(
            number,
            work.id,
            kind,
            work.owner,
            0,
            work.attempt,
            request_id.get(),
            msgspec.json.encode(work.payload),
            None if work.file is None else work.file.name,
        )
        address = self._member.live().get(id)
        try:
            while not asking.ended.done():
                address = self._member.live().get(id)
                silent = self._clock.monotonic() - asking.heard_at
                if address is None or silent > SILENT_SECONDS:
                    self.counts["again"] += 1
                    raise Unavailable(f"Member {id}, which was at this task, is gone.")
                self._say(address, run)
                await asyncio.wait([asking.ended], timeout=AGAIN_SECONDS)
            self.counts["elsewhere"] += 1
            return await self._result(asking.ended.result())
        finally:
            del self._askings[number]
            if address is not None:
                self._say(address, Stop(number))

    async def _result(self, ended: Ended) -> Any:
        if ended.error is not None:
            error = msgspec.json.decode(ended.error)
            if ended.retry_after is not None:
                raise Busy(error["message"], retry_after=ended.retry_after)
            raise revive(**error)
        value = ended.result or b"null"
        manifest = manifest_in(value)
        if manifest is not None:
            value = b"".join([piece async for piece in self._chunks.read(manifest)])
        return msgspec.json.decode(value)

    # ----------------------------------------------------------------------------- what members say
    def receive(self, sender: str, message: Message) -> None:
        match message:
            case Run():
                self._runner.hear(sender, message)
            case Stop():
                self._runner.stop(sender, message.number)
            case Told():
                self.told(message)
            case Doing() | Ended():
                self._answered(sender, message)

    def _answered(self, sender: str, message: Doing | Ended) -> None:
        asking = self._askings.get(message.number)
        if asking is None:
            self._say(sender, Stop(message.number))  # it was stopped for long, or the task was called off
            return
        asking.heard_at = self._clock.monotonic()
        if isinstance(message, Doing):
            asking.work.report(message.doing, message.progress)
        elif not asking.ended.done():
            asking.ended.set_result(message)

    def tell(self, told: Told) -> None:
        """Let all members know how far a task has come; it is no matter if some do not hear it."""
        for address in self._member.live().values():
            self._say(address, told)

    def _say(self, address: str, message: Message) -> None:
        if self._member.say is not None:
            self._member.say(address, message)
