"""What a member does for others: their tasks' work, in its own slots, told to who asked.

Nothing of it is written down here. Who asked says again and again that it still wants it; when that ends,
the work does, and when this member dies, who asked notices and asks another.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from feria.clock import Clock
from feria.cluster.chunks import Chunks, listed
from feria.cluster.gossip_map import GossipMap
from feria.cluster.placement.messages import Doing, Ended, Message, Run
from feria.cluster.placement.records import FILES
from feria.errors import Busy, TooLarge
from feria.tasks.entries import error_bytes
from feria.tasks.queue import RESULT_BYTES, Deed, Work
from feria.tasks.slots import Slots
from feria.telemetry.context import request_id
from feria.web import replies

log = logging.getLogger(__name__)

WANTED_SECONDS = 15.0
"""After which work that nobody has asked for again is given up."""
INLINE_BYTES = 2**18
"""A longer result goes in chunks."""

Send = Callable[[str, Message], bool]


@dataclass(eq=False)
class _Working:
    run: Run
    asker: str
    wanted_at: float
    task: "asyncio.Task[None] | None" = None
    said: Message = field(default_factory=lambda: Doing(0, "waiting", 0.0))


class Runner:
    def __init__(
        self, rows: GossipMap, chunks: Chunks, slots: Slots, send: Send, clock: Clock, folder: Path
    ) -> None:
        self.deeds: dict[str, Deed] = {}
        self._rows = rows
        self._chunks = chunks
        self._slots = slots
        self._send = send
        self._clock = clock
        self._folder = folder
        self._works: dict[tuple[str, int], _Working] = {}

    def __len__(self) -> int:
        return len(self._works)

    def hear(self, asker: str, run: Run) -> None:
        """Begin, or say again how it stands."""
        now = self._clock.monotonic()
        working = self._works.get((asker, run.number))
        if working is None:
            working = self._works[asker, run.number] = _Working(run, asker, now)
            working.said = Doing(run.number, "waiting", 0.0)
            working.task = asyncio.create_task(self._work(working))
        working.wanted_at = now
        self._send(asker, working.said)

    def stop(self, asker: str, number: int) -> None:
        working = self._works.pop((asker, number), None)
        if working is not None and working.task is not None:
            working.task.cancel()

    async def watch(self) -> None:
        """Give up what nobody wants any more, until cancelled."""
        while True:
            await self._clock.sleep(WANTED_SECONDS / 5)
            limit = self._clock.monotonic() - WANTED_SECONDS
            for key in [key for key, working in self._works.items() if working.wanted_at < limit]:
                self.stop(*key)

    async def close(self) -> None:
        tasks = [working.task for working in self._works.values() if working.task is not None]
        for key in list(self._works):
            self.stop(*key)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, working: _Working) -> None:
        run = working.run
        request_id.set(run.request_id)
        retry_after: float | None = None
        try:
            await self._slots.take((-run.priority, run.task))
            try:
                result = msgspec.json.encode(await self._done(working))
            finally:
                self._slots.give()
            if len(result) > RESULT_BYTES:
                raise TooLarge(f"The result is larger than the {RESULT_BYTES >> 20} MiB a task may bring.")
            if len(result) > INLINE_BYTES:
                result = listed(await self._chunks.write(_once(result), limit=RESULT_BYTES))
            end = Ended(run.number, result, None)
        except Exception as error:
            ours = replies.known(error)
            if isinstance(ours, Busy):
                retry_after = ours.retry_after
            end = Ended(run.number, None, error_bytes(ours), retry_after)
        working.said = end
        self._send(working.asker, end)

    async def _done(self, working: _Working) -> Any:
        run = working.run
        deed = self.deeds.get(run.kind)
        if deed is None:
            raise Busy(f"This member knows no work of kind {run.kind}.", retry_after=1.0)
        async with self._file(run) as file:

            def report(doing: str, done: float) -> None:
                working.said = Doing(run.number, doing, done)
                self._send(working.asker, working.said)

            report("begun", 0.0)
            return await deed(
                Work(
                    id=run.task,
                    owner=run.owner,
                    payload=msgspec.json.decode(run.payload),
                    file=file,
                    attempt=run.attempt,
                    report=report,
                )
            )

    @contextlib.asynccontextmanager
    async def _file(self, run: Run) -> AsyncGenerator[Path | None]:
        if run.file is None:
            yield None
            return
        path = self._folder / f"{run.number:x}-{Path(run.file).name}"
        try:
            await self._rows.save(FILES + run.task, path)
            yield path
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


async def _once(value: bytes) -> AsyncGenerator[bytes]:
    yield value
