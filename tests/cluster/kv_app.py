"""The routes of keys over a real store, without the rest of a node."""

import contextlib
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from cluster.chunk_net import ChunkNet
from feria.access.door import Door
from feria.cli.in_process import InProcess
from feria.clock import SystemClock
from feria.cluster.chunks import Chunks
from feria.cluster.kv.routes import ROUTES
from feria.cluster.store import Store, open_store
from feria.events.bus import EventBus
from feria.events.process import ProcessBus
from feria.settings import ClusterSettings, EventSettings, Settings
from feria.storage.blobs import Blobs
from feria.telemetry.metrics import Metrics
from feria.web.bare import BareRoutes
from feria.web.draining import Draining
from feria.web.watch import Watch


@dataclass(frozen=True)
class Served:
    app: ASGIApp
    """With the parts of the node in each scope, as a server would give them."""
    settings: Settings
    store: Store
    chunks: Chunks
    bus: ProcessBus
    http: httpx.AsyncClient


@contextlib.asynccontextmanager
async def open_kv(
    folder: Path, net: ChunkNet | None = None, name: str = "a", **cluster: Any
) -> AsyncGenerator[Served]:
    """`http` speaks to it in this process, each piece of an answer as it is sent."""
    settings = Settings(home=folder, cluster=ClusterSettings(**cluster), _env_file=None)
    (folder / name).mkdir()
    async with open_store(folder / name, SystemClock(), random.SystemRandom(), member=name) as store:
        chunks = net.member(name) if net else Chunks(Blobs(folder / "chunks"), send=_alone, peers=dict)
        async with served(settings, store, chunks) as kv:
            yield kv
        await chunks.close()


@contextlib.asynccontextmanager
async def served(settings: Settings, store: Store, chunks: Chunks) -> AsyncGenerator[Served]:
    """What is there, over HTTP."""
    bus = ProcessBus(EventSettings())
    parts = {
        Settings: settings, EventBus: bus, Store: store, Chunks: chunks,
        Metrics: Metrics(), Draining: Draining(),
    }  # fmt: skip
    app = Watch(Door(BareRoutes(_nothing_else, ROUTES), locked=False), log_requests=False)

    async def with_parts(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"parts": parts}}, receive, send)

    async with httpx.AsyncClient(transport=InProcess(with_parts, {}), base_url="http://127.0.0.1") as http:
        yield Served(with_parts, settings, store, chunks, bus, http)


def _alone(to: str, message: object) -> bool:
    return False


async def _nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b"not a key"})
