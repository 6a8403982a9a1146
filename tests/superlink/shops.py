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
from programs import free_port
from store.joined import consents, join_by_hand

LIMITS = Limits(rows=10_000, columns=100)
MINUTES = 600.0
"""Seconds; for whatever takes seconds where machines are quick."""


@dataclass
class Door:
    """For callbacks. It can be shut, and is at the same address when it opens again."""

    attempts: Attempts
    port: int = 0
    _closing: contextlib.AsyncExitStack | None = None

    async def open(self) -> None:
        """Once more does no harm."""
        if self._closing is None:
            stack = contextlib.AsyncExitStack()
            await stack.enter_async_context(self._serving())
            self._closing = stack

    async def shut(self) -> None:
        if self._closing is not None:
            closing, self._closing = self._closing, None
            await closing.aclose()

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
    rows: Mapping[str, Path]
    target: str
    homes: dict[str, Home]
    nodes: dict[str, SuperNode] = field(default_factory=dict)
    _node_ids: dict[str, str] = field(default_factory=dict)
    """Of those that are let in."""
    _leaving: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)

    @property
    def participants(self) -> tuple[Participant, ...]:
        return tuple(Participant(name, None, 60, self._node_ids[name]) for name in sorted(self._node_ids))

    async def join(self, name: str) -> None:
        """With a key that the SuperLink has not seen before."""
        if self.homes[name].joined:
            self.homes[name].forget()
        key = join_by_hand(
            self.homes[name],
            superlink=self.superlink.address,
            ca=self.hub.ca,
            rows=self.rows[name],
            target=self.target,
            name=name,
        )
        self._node_ids[name] = await self.hub.let_in(name, key)

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

    async def shut_out(self, name: str) -> None:
        """Its key never comes in again."""
        await self.hub.shut_out(self._node_ids.pop(name))

    def signal(self, name: str, sign: signal.Signals) -> None:
        node = self.nodes[name]
        for pid in (node.supernode.pid, node.executor.pid):
            if pid is not None:  # or else it died, and begins again
                os.killpg(pid, sign)

    async def all_there(self) -> None:
        """Those that came, as they say themselves and as the SuperLink does."""
        async with asyncio.timeout(MINUTES):
            for name in self._leaving:
                await self.nodes[name].online.wait()
            while not await self._known_to_be_there():  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.2)

    async def _known_to_be_there(self) -> bool:
        known = await self.hub.presence()
        ids = [self._node_ids[name] for name in self._leaving]
        return all(id in known and known[id].status == "online" for id in ids)

    async def as_before(self) -> None:
        """Whatever was done to them: the door is open, and all are there, awake and willing."""
        if self.door.attempts is not self.attempts:
            await self.door.shut()
            self.door.attempts = self.attempts
        await self.door.open()
        for name, home in self.homes.items():
            if name in self._leaving:
                self.signal(name, signal.SIGCONT)
            if name not in self._node_ids:
                if name in self._leaving:
                    await self.leave(name)
                await self.join(name)
            if name not in self._leaving:
                await self.come(name)
            consents(home)
        await self.all_there()

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
            rows,
            target,
            {name: Home(folder / f"store {place}") for place, name in enumerate(rows)},
        )
        try:
            await asyncio.gather(*(shops.join(name) for name in rows))
            await asyncio.gather(*(shops.come(name) for name in rows))
            await shops.all_there()
            yield shops
        finally:
            await shops.close()
            await door.shut()
