"""A hub with a real SuperLink and real stores, all on this machine, and a door for what trainings report."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from feria.clock import Clock, SystemClock
from feria.federation.engine import Participant
from feria.federation.invitation import trust
from feria.learning.sources import Limits
from feria.settings import WorkerSettings
from feria.store.home import Home
from feria.store.supernode import SuperNode, open_supernode
from feria.superlink import callback_routes
from feria.superlink.attempts import Attempts
from feria.superlink.control import open_control
from feria.superlink.engine import SuperLinkEngine
from feria.superlink.hub import Hub
from feria.superlink.process import SuperLink, open_superlink
from feria.tasks.processes import open_processes
from feria.web.replies import add_error_replies
from store.joined import join_by_hand

LIMITS = Limits(rows=10_000, columns=100)


@dataclass
class Door:
    """For callbacks. It can be shut, and is at the same address when it opens again."""

    attempts: Attempts
    port: int = 0
    _closing: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def open(self) -> None:
        await self._closing.enter_async_context(self._serving())

    async def shut(self) -> None:
        await self._closing.aclose()

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncGenerator[None]:
        @contextlib.asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, Any]]:
            yield {"parts": {Attempts: self.attempts, Clock: SystemClock()}}

        app = FastAPI(lifespan=lifespan)
        app.include_router(callback_routes.router)
        add_error_replies(app)
        with socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(("127.0.0.1", self.port))
            self.port = door.getsockname()[1]
            server = uvicorn.Server(
                uvicorn.Config(app, ws="none", log_config=None, timeout_graceful_shutdown=1)
            )
            serving = asyncio.create_task(server.serve(sockets=[door]))
            while not server.started and not serving.done():  # noqa: ASYNC110 - of that nothing tells
                await asyncio.sleep(0.01)
            if serving.done():
                serving.result()
            try:
                yield
            finally:
                server.should_exit = True
                await serving


@dataclass
class Shops:
    hub: Hub
    superlink: SuperLink
    attempts: Attempts
    engine: SuperLinkEngine
    door: Door
    homes: dict[str, Home]
    nodes: dict[str, SuperNode] = field(default_factory=dict)
    participants: tuple[Participant, ...] = ()
    _leaving: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)

    async def come(self, name: str) -> None:
        """It is on its way when this returns."""
        stack = self._leaving[name] = contextlib.AsyncExitStack()
        node = self.nodes[name] = await stack.enter_async_context(open_supernode(self.homes[name], LIMITS))
        running = asyncio.create_task(node.run())

        async def end() -> None:
            running.cancel()
            await asyncio.wait([running])

        stack.push_async_callback(end)

    async def leave(self, name: str) -> None:
        await self._leaving.pop(name).aclose()

    async def die(self, name: str) -> None:
        """As when the power is cut: nobody is told."""
        self.signal(name, signal.SIGKILL)
        await self.leave(name)

    def signal(self, name: str, sign: signal.Signals) -> None:
        node = self.nodes[name]
        for pid in (node.supernode.pid, node.executor.pid):
            assert pid is not None
            os.killpg(pid, sign)

    async def all_there(self) -> None:
        async with asyncio.timeout(120):
            for name in self._leaving:
                await self.nodes[name].online.wait()

    async def close(self) -> None:
        for name in list(self._leaving):
            await self.leave(name)


@contextlib.asynccontextmanager
async def open_shops(folder: Path, rows: Mapping[str, Path], *, target: str) -> AsyncGenerator[Shops]:
    """Everybody is there when this yields. `rows` are those of each shop, by name."""
    clock = SystemClock()
    async with (
        open_superlink(folder / "superlink", host="127.0.0.1", port=free_port(), names=()) as superlink,
        open_control(superlink.address, superlink.ca, superlink.secret) as control,
        open_processes(WorkerSettings(), ("feria.learning.sources",)) as processes,
    ):
        attempts = Attempts()
        door = Door(attempts)
        await door.open()
        ca = superlink.ca.read_text()
        trust(ca)
        hub = Hub(control, f"http://127.0.0.1:{door.port}", superlink.address, ca, superlink.secret, clock)
        shops = Shops(
            hub,
            superlink,
            attempts,
            SuperLinkEngine(hub, attempts, processes, clock),
            door,
            {name: Home(folder / f"store {place}") for place, name in enumerate(rows)},
        )
        node_ids = {
            name: await control.register(
                name,
                join_by_hand(
                    home, superlink=superlink.address, ca=ca, rows=rows[name], target=target, name=name
                ),
            )
            for name, home in shops.homes.items()
        }
        shops.participants = tuple(
            Participant(name, None, 60, str(node_ids[name])) for name in sorted(shops.homes)
        )
        try:
            await asyncio.gather(*(shops.come(name) for name in rows))
            await shops.all_there()
            yield shops
        finally:
            await shops.close()
            await door.shut()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
