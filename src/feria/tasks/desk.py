"""Where workers come for the work of a node.

What waits stays here, in the order of its priority; the broker carries only tickets, each of which sends a
worker to this desk, where it is given whatever goes first. So a ticket that is lost, or comes twice, costs
time and nothing else, and what the broker holds is worth nothing to who reads it.

A worker that has an errand says each second that it lives. One that falls silent has lost it: the task is
given to the next who asks, and the attempt counts. The first word of how a task ended is believed, whichever
attempt it is of; later ones find it ended. See docs/explanation/tasks.md for what that guarantees.
"""

import asyncio
import contextlib
import heapq
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from feria.clock import Clock
from feria.errors import Busy, Unavailable, revive
from feria.tasks.errands import BEAT_SECONDS, LONGEST_WAIT, Ask, Beat, Errand, FileTold, Word
from feria.tasks.files import MADE, TaskFiles
from feria.tasks.queue import Deed, Work
from feria.telemetry.context import request_id

log = logging.getLogger(__name__)

TICKETS_AGAIN = 5.0, 60.0
"""Seconds after which work that waits, and that nobody asks for, gets new tickets; twice as long each time,
up to the second."""

Finish = Callable[[Work, Any, Path], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How workers do a kind of work."""

    prepare: Callable[[Work], Awaitable[Any]]
    """Returns what the worker is told in the place of the payload; JSON."""
    finish: Finish
    """Makes the task's result of what the worker returned and, where it made one, of its file."""


class Tickets(Protocol):
    """To a broker."""

    def put(self, count: int) -> None:
        """Have so many workers come. Never waits, and never fails: what is lost is put again."""
        ...

    def answers_at(self, node: str) -> None:
        """Where they are to come to. Until that is known, tickets wait."""
        ...


class NoTickets:
    """Of a node without workers."""

    def put(self, count: int) -> None: ...

    def answers_at(self, node: str) -> None: ...


@dataclass(eq=False, slots=True)
class _Post:
    """A task that workers are to do, from when it waits for one to the word of its end."""

    turn: "asyncio.Future[_Asker | None]"
    """Who came for it; nobody if its end was told before."""
    word: "asyncio.Future[Word]"
    seen: float | None = None
    """When a worker last said that it lives."""
    told: tuple[str, float] = ("", 0.0)
    report: Callable[[str, float], None] = lambda *_: None


@dataclass(eq=False, slots=True)
class _Asker:
    worker: str
    errand: "asyncio.Future[Errand | None]"


@dataclass
class Desk:
    """See the head of this file."""

    tickets: Tickets
    clock: Clock
    files: TaskFiles
    silent_seconds: float
    heard: dict[str, float] = field(default_factory=dict)
    """When each worker last came or gave a sign of life, by its name."""
    _posts: dict[str, _Post] = field(default_factory=dict)
    _waiting: list[tuple[Any, int, str, _Post]] = field(default_factory=list)
    _idle: deque[_Asker] = field(default_factory=deque)
    """Workers that wait for work."""
    _came: int = 0
    _asked_at: float = 0.0
    _again: float = TICKETS_AGAIN[0]

    outlives = True
    """What a worker does goes on while this node is away."""

    def answers_at(self, node: str) -> None:
        """Workers may come, to that address."""
        self.tickets.answers_at(node)

    # ------------------------------------------------------------------- for the lives of tasks
    def take_now(self) -> bool:
        return False

    async def take(self, rank: Any) -> None:
        """Wait for a worker to come, or for word that the task has ended already. A rank ends with the id."""
        task_id: str = rank[-1]
        post = self._post(task_id)
        if post.word.done():
            return
        while self._idle:
            idle = self._idle.popleft()
            if not idle.errand.done():
                post.turn.set_result(idle)
                return
        if not self._waiting:
            self._asked_at = self.clock.monotonic()
        self._came += 1
        heapq.heappush(self._waiting, (rank, self._came, task_id, post))
        self.tickets.put(1)
        try:
            await post.turn
        except asyncio.CancelledError:
            if post.turn.done() and not post.turn.cancelled() and (asker := post.turn.result()):
                _dismiss(asker)
            self._posts.pop(task_id, None)
            raise

    def give(self) -> None:
        """Workers come again when they are free."""

    async def is_under_way(self, task_id: str) -> bool:
        """Whether a worker has it still that had it when this node, or its last run, stopped: it says so."""
        post = self._post(task_id)
        post.seen = None
        until = self.clock.monotonic() + self.silent_seconds
        while self.clock.monotonic() < until:
            if post.seen is not None or post.word.done():
                return True
            await self.clock.sleep(min(BEAT_SECONDS / 4, self.silent_seconds))
        return False

    def deed(self, kind: str, elsewhere: Elsewhere) -> Deed:
        """Has a worker do work of that kind. Raises what it raised there, and `Unavailable` when it falls
        silent."""

        async def done_by_a_worker(work: Work) -> Any:
            post = self._post(work.id)
            try:
                if not post.word.done():
                    await self._hand_over(post, work, kind, elsewhere)
                word = await post.word
                if word.error is not None:
                    raise revive(word.error.code, word.error.message, word.error.details)
                return await elsewhere.finish(work, msgspec.json.decode(word.result), self.made(work.id))
            finally:
                if self._posts.get(work.id) is post:
                    del self._posts[work.id]
                self.made(work.id).unlink(missing_ok=True)

        return done_by_a_worker

    # ------------------------------------------------------------------- for workers
    async def ask(self, ask: Ask) -> Errand | None:
        """What goes first of what waits; none where nothing does."""
        self._hear_of(ask.worker)
        self._asked_at, self._again = self.clock.monotonic(), TICKETS_AGAIN[0]
        asker = _Asker(ask.worker, asyncio.get_running_loop().create_future())
        while self._waiting:
            _, _, _, post = heapq.heappop(self._waiting)
            if not post.turn.done():
                post.turn.set_result(asker)
                return await asker.errand
        if ask.wait <= 0:
            return None
        self._idle.append(asker)
        dismissal = asyncio.get_running_loop().call_later(min(ask.wait, LONGEST_WAIT), self._send_away, asker)
        try:
            return await asker.errand
        finally:
            dismissal.cancel()
            with contextlib.suppress(ValueError):
                self._idle.remove(asker)

    def beat(self, beat: Beat) -> list[str]:
        """Hear that a worker lives, and how far it is. Returns the tasks of which nothing is known here."""
        self._hear_of(beat.worker)
        unknown = []
        for doing in beat.doing:
            post = self._posts.get(doing.task_id)
            if post is None:
                unknown.append(doing.task_id)
                continue
            post.seen = self.clock.monotonic()
            told = doing.doing[:200], min(1.0, max(0.0, doing.progress))
            if told != post.told:
                post.told = told
                post.report(*told)
        return unknown

    async def complete(self, word: Word, settled: Callable[[], Awaitable[None]]) -> bool:
        """Hear how a task ended; on return that is written down, which `settled` waits for. Whether the task
        is one of those here."""
        post = self._posts.get(word.task_id)
        if post is None:
            return False
        if not post.word.done():
            post.word.set_result(word)
            if not post.turn.done():
                post.turn.set_result(None)
        if word.error is None:  # after an error it may be tried again
            await settled()
        return True

    def made(self, task_id: str) -> Path:
        """Where the file is that a worker has made for a task."""
        return self.files.path(task_id + MADE)

    # ------------------------------------------------------------------- now and then
    def look(self) -> None:
        """Give up on workers that fell silent, and put tickets again for what nobody comes for."""
        now = self.clock.monotonic()
        for task_id, post in list(self._posts.items()):
            if post.seen is None or post.word.done() or now - post.seen < self.silent_seconds:
                continue
            log.warning("The worker that had task %s fell silent.", task_id)
            post.word.set_exception(Unavailable("The worker that had this task fell silent."))
            post.word.exception()  # should nobody wait for it any more, that is no bug
        for worker, heard in list(self.heard.items()):
            if now - heard > 4 * self.silent_seconds:
                del self.heard[worker]
        self._waiting = [one for one in self._waiting if not one[-1].turn.done()]  # some were called off
        heapq.heapify(self._waiting)
        waiting = len(self._waiting)
        if waiting and now - self._asked_at > self._again:
            self._asked_at, self._again = now, min(2 * self._again, TICKETS_AGAIN[1])
            self.tickets.put(waiting)

    def workers(self) -> int:
        """How many were heard of lately."""
        now = self.clock.monotonic()
        return sum(now - heard < self.silent_seconds for heard in self.heard.values())

    async def run(self, closing: asyncio.Event) -> None:
        """Look each second, until `closing`."""
        while not closing.is_set():
            self.look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), BEAT_SECONDS)

    # ------------------------------------------------------------------- inside
    def _post(self, task_id: str) -> _Post:
        post = self._posts.get(task_id)
        if post is None:
            loop = asyncio.get_running_loop()
            post = self._posts[task_id] = _Post(loop.create_future(), loop.create_future())
        return post

    async def _hand_over(self, post: _Post, work: Work, kind: str, elsewhere: Elsewhere) -> None:
        post.report = work.report
        asker = post.turn.result() if post.turn.done() else None  # none: the worker has it already
        if asker is None:
            return
        try:
            file = None
            if work.file is not None:
                suffix = "".join(work.file.suffixes)
                file = FileTold(suffix, work.file.stat().st_size)
            payload = await elsewhere.prepare(work)
            errand = Errand(work.id, work.attempt, kind, work.owner, request_id.get(), payload, file)
        except BaseException:
            _dismiss(asker)
            raise
        if asker.errand.done():  # it did not wait while the beginning was written down
            raise Busy("The worker that came for this task has left.", retry_after=0.05)
        post.seen = self.clock.monotonic()
        asker.errand.set_result(errand)

    def _send_away(self, asker: _Asker) -> None:
        """It has waited long enough, unless it has just been chosen."""
        if asker in self._idle:
            _dismiss(asker)

    def _hear_of(self, worker: str) -> None:
        self.heard[worker] = self.clock.monotonic()


def _dismiss(asker: _Asker) -> None:
    if not asker.errand.done():
        asker.errand.set_result(None)


@contextlib.asynccontextmanager
async def open_desk(
    tickets: Tickets, clock: Clock, files: TaskFiles, silent_seconds: float
) -> AsyncGenerator[Desk]:
    desk, closing = Desk(tickets, clock, files, silent_seconds), asyncio.Event()
    running = asyncio.create_task(desk.run(closing))
    try:
        yield desk
    finally:
        closing.set()
        await running
