"""The composition root: the only module that names implementations."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from feria.clock import Clock, SystemClock
from feria.cluster.maps import LocalMap, ReplicatedMap
from feria.errors import FeriaError
from feria.inference.engine import Engine, open_engine
from feria.learning.trainer import Trainer, open_trainer
from feria.migrations import schema
from feria.registry.shelf import Registry
from feria.settings import Settings
from feria.storage.blobs import Blobs, disk_errors, open_blobs
from feria.storage.database import Database, open_database
from feria.tasks.processes import Processes, open_processes

log = logging.getLogger(__name__)

COLLECT_EVERY = 600.0
"""Seconds between two looks for files that no row names."""

PROCESS_MODULES = ("feria.registry.inspection", "feria.learning.training", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Node:
    """What is running. `parts` holds each part under the type that routes ask for."""

    settings: Settings
    parts: dict[type, Any] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def open_node(settings: Settings) -> AsyncGenerator[Node]:
    """A running node; all of it is closed again, in turn, when the block ends."""
    home = settings.home
    with disk_errors():
        home.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        clock = SystemClock()
        database = await stack.enter_async_context(open_database(settings.storage, home))
        await schema.prepare(database, migrate=settings.storage.migrate_on_start)
        blobs = await stack.enter_async_context(open_blobs(home))
        processes = await stack.enter_async_context(open_processes(settings.workers, PROCESS_MODULES))
        rows = LocalMap(database, clock)
        registry = Registry(rows, blobs, processes, settings.registry, clock)
        engine = await stack.enter_async_context(open_engine(registry, settings.inference))
        trainer = await stack.enter_async_context(
            open_trainer(processes, registry, settings.learning, home / "scratch")
        )
        await stack.enter_async_context(_collecting(blobs, registry, settings.storage.orphan_grace_seconds))
        parts = {
            Settings: settings,
            Clock: clock,
            Database: database,
            Blobs: blobs,
            Processes: processes,
            ReplicatedMap: rows,
            Registry: registry,
            Engine: engine,
            Trainer: trainer,
        }
        yield Node(settings, parts)


@contextlib.asynccontextmanager
async def _collecting(blobs: Blobs, registry: Registry, grace_seconds: float) -> AsyncGenerator[None]:
    """Remove files that no row names, now and then, as long as the block lasts."""
    closing = asyncio.Event()

    async def collect() -> None:
        while not closing.is_set():
            try:
                await blobs.collect(await registry.digests(), grace_seconds=grace_seconds)
            except FeriaError as error:
                log.warning("Files were not collected: %s", error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), COLLECT_EVERY)

    collecting = asyncio.create_task(collect())
    try:
        yield
    finally:
        # Not cancelled: that might hit it between a statement and its commit.
        closing.set()
        await collecting
