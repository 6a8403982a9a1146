"""A queue on a database of the test's own, and deeds to give it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feria.clock import Clock, SystemClock
from feria.errors import Invalid
from feria.events.process import ProcessBus
from feria.settings import EventSettings, TaskSettings
from feria.storage.database import Database
from feria.tasks.embedded import open_embedded_queue
from feria.tasks.files import TaskFiles
from feria.tasks.queue import Order, TaskQueue, Work
from feria.telemetry.metrics import Metrics


@dataclass
class Deeds:
    """What the queue is asked to do, and what of it was done, in order."""

    done: list[Any] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    works: list[Work] = field(default_factory=list)

    async def echo(self, work: Work) -> Any:
        self.works.append(work)
        self.done.append(work.payload)
        return work.payload

    async def refuse(self, work: Work) -> Any:
        raise Invalid("Not that.", column=work.payload)

    async def linger(self, work: Work) -> Any:
        """Says that it began, reports half, and waits until it may go on."""
        self.works.append(work)
        work.report("lingering", 0.5)
        self.began.set()
        await self.go_on.wait()
        self.done.append(work.payload)
        return work.payload

    async def read(self, work: Work) -> Any:
        assert work.file is not None
        return [work.file.suffix, await asyncio.to_thread(work.file.read_text)]

    async def fail(self, work: Work) -> Any:
        raise ZeroDivisionError

    async def boast(self, work: Work) -> Any:
        return "x" * int(work.payload)


def order(kind: str, payload: Any = None, **more: Any) -> Order:
    return Order(kind=kind, payload=payload, **({"owner": "ana"} | more))


@contextlib.asynccontextmanager
async def queue_on(
    database: Database,
    folder: Path,
    deeds: Deeds,
    *,
    clock: Clock | None = None,
    bus: ProcessBus | None = None,
    **settings: Any,
) -> AsyncGenerator[TaskQueue]:
    async with open_embedded_queue(
        database,
        bus or ProcessBus(EventSettings()),
        Metrics(),
        clock or SystemClock(),
        TaskSettings(**({"grace_seconds": 0.0} | settings)),
        TaskFiles(folder / "tasks"),
    ) as queue:
        for kind in ("echo", "refuse", "linger", "read", "fail", "boast"):
            queue.handle(kind, getattr(deeds, kind))
        await queue.resume()
        yield queue
