"""The models a worker needs, by digest: from a home on its disk, or from the node that wants them used."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextvars import ContextVar
from pathlib import Path

from feria.errors import NotFound
from feria.registry.shelf import Subscriber
from feria.registry.wire import Model
from feria.storage.blobs import Blobs, disk_errors, open_blobs
from feria.tasks.errands import blob_path
from feria.worker.link import Link

KEEP_SECONDS = 86_400.0
"""How long a file is kept that nobody has fetched again."""

node: ContextVar[str] = ContextVar("node")
"""Whose work is being done."""


class WorkerShelf:
    """See `inference.engine.Shelf`; it has no names, only files."""

    def __init__(self, home: Blobs, own: Blobs, link: Link, scratch: Path) -> None:
        self._home = home
        self._own = own
        self._link = link
        self._scratch = scratch

    async def find(self, name: str, version: int | None = None) -> Model:
        raise NotFound(f"A worker has no shelf to find {name} on.")

    async def versions(self, name: str) -> list[Model]:
        return []

    async def models(self) -> list[Model]:
        return []

    def holds(self, model: Model) -> bool:
        return True

    def call(self, model: Model) -> None: ...

    def subscribe(self, subscriber: Subscriber) -> None: ...

    async def file(self, model: Model) -> Path:
        """Raises what the node refuses it with, `Unavailable`, `Corrupt`, `DiskFull`."""
        for blobs in (self._home, self._own):
            with contextlib.suppress(NotFound):
                return (await blobs.find(model.digest)).path
        target = self._scratch / f"{model.digest}.part"
        try:
            with disk_errors():
                path = blob_path(model.digest)
                await asyncio.to_thread(self._link.fetch, node.get(), path, target, model.size)
            return (await self._own.put(target, expected=model.digest)).path
        finally:
            target.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def open_shelf(home: Path, link: Link, scratch: Path) -> AsyncGenerator[WorkerShelf]:
    """Models that a node in `home` has are read there; others are kept in `home/worker`."""
    own = home / "worker"
    with disk_errors():
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with open_blobs(home) as shared, open_blobs(own) as blobs:
        await blobs.collect(set(), grace_seconds=KEEP_SECONDS)
        yield WorkerShelf(shared, blobs, link, scratch)
