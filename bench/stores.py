"""A node's side of federated stores with a real SuperLink, and real stores, all on this machine over TLS.

As in production each of them is a process, but for the hub, which is this one; and this once all are on the
same machine.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from bench.peers import silo
from bench.processes import free_port
from feria.clock import Clock, SystemClock
from feria.federation.engine import FederationEngine, Participant, Running
from feria.federation.jobs_wire import Told
from feria.federation.orders import TrainingJob
from feria.federation.wire import RoundBegan, RoundEnded
from feria.learning.sources import Limits
from feria.settings import WorkerSettings
from feria.store.home import Home, Store, public
from feria.store.rows import FileSource
from feria.store.supernode import open_supernode
from feria.superlink import callback_routes
from feria.superlink.attempts import Attempts
from feria.superlink.control import open_control
from feria.superlink.engine import SuperLinkEngine
from feria.superlink.hub import Hub
from feria.superlink.process import open_superlink
from feria.tasks.processes import open_processes
from feria.tasks.programs import Program
from feria.web.replies import add_error_replies

LIMITS = Limits(rows=100_000, columns=1_000)
PATIENCE = 90.0


@dataclass(frozen=True)
class Job:
    """How a job went, whoever trained it."""

    began: float
    """Seconds from being asked for it to the begin of its first round."""
    times: Sequence[float]
    """When each round began and the last one ended; Unix."""
    accuracy: float
    """After the last round, on the rows held back."""

    @property
    def rounds(self) -> list[float]:
        """Seconds of each."""
        return [after - before for before, after in pairwise(self.times)]


@dataclass
class Stores:
    engine: FederationEngine
    reached: float
    """Seconds from its start until the SuperLink answered."""
    online: list[float] = field(default_factory=list)
    """And for each store, one after the other, until it had reached it."""
    participants: tuple[Participant, ...] = ()
    pids: dict[str, int] = field(default_factory=dict)
    """Of the programs that run; those have children."""

    def add(self, whose: str, *programs: Program) -> None:
        for program in programs:
            assert program.pid is not None
            self.pids[f"{program.name}, {whose}"] = program.pid


async def train(
    engine: FederationEngine,
    participants: tuple[Participant, ...],
    folder: Path,
    order: TrainingJob,
    heard: list[Told] | None = None,
) -> Job:
    """In a new folder. What is told goes to `heard` as well."""
    await asyncio.to_thread(folder.mkdir)
    heard = [] if heard is None else heard

    async def tell(told: Sequence[Told]) -> None:
        heard.extend(told)

    asked = time.time()
    outcome = await engine.run(Running(1, order, participants, folder), tell)
    began = [event.at for event in heard if isinstance(event, RoundBegan)]
    ended = [event.at for event in heard if isinstance(event, RoundEnded)]
    return Job(began[0] - asked, [*began, ended[-1]], float(str(outcome.metrics["accuracy"])))


@asynccontextmanager
async def open_stores(folder: Path, rows: Sequence[Path]) -> AsyncGenerator[Stores]:
    """In a folder of its own, with a store for each file of rows, all there when this yields."""
    clock, attempts, began = SystemClock(), Attempts(), time.perf_counter()
    async with (
        open_superlink(folder / "superlink", host="127.0.0.1", port=free_port(), names=()) as superlink,
        open_control(superlink.address, superlink.ca, superlink.secret) as control,
        open_processes(WorkerSettings(), ("feria.learning.sources",)) as processes,
        open_door(attempts) as url,
        asyncio.TaskGroup() as group,
        contextlib.AsyncExitStack() as stack,
    ):
        reached = time.perf_counter() - began
        ca = superlink.ca.read_text()
        hub = Hub(control, url, superlink.address, ca, superlink.secret, clock)
        stores = Stores(SuperLinkEngine(hub, attempts, processes, clock), reached)
        stores.add("SuperLink", superlink.link, superlink.executor)
        for number, file in enumerate(rows):
            home, name = Home(folder / f"store {number}"), f"store {number}"
            node_id = await control.register(name, _joined(home, name, superlink.address, ca, file))
            stores.participants += (Participant(name, None, silo.ROWS, str(node_id)),)
            began = time.perf_counter()
            node = await stack.enter_async_context(open_supernode(home, LIMITS))
            stack.callback(group.create_task(node.run()).cancel)
            async with asyncio.timeout(PATIENCE):
                await node.online.wait()
            stores.online.append(time.perf_counter() - began)
            stores.add(name, node.supernode, node.executor)
        yield stores


def _joined(home: Home, name: str, superlink: str, ca: str, rows: Path) -> str:
    """As if it had redeemed an invitation; its public key."""
    store = Store(
        name=name,
        hub="http://localhost:8000",
        node_id="1",
        superlink=superlink,
        dataset=rows.name,
        target=silo.TARGET,
        data=FileSource(file=rows),
    )
    with home.held():
        key = home.key_for("one-time-token-of-a-store")
        home.keep(store, key, ca)
    return public(key)


@asynccontextmanager
async def open_door(attempts: Attempts) -> AsyncGenerator[str]:
    """A node's door for callbacks, and nothing else; its URL."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, Any]]:
        yield {"parts": {Attempts: attempts, Clock: SystemClock()}}

    app = FastAPI(lifespan=lifespan)
    app.include_router(callback_routes.router)
    add_error_replies(app)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, ws="none", log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110 - of that nothing tells
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving
