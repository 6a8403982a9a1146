"""Members of a cluster in this process, over real sockets, that do each other's tasks."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from cluster.clusters import until
from feria.clock import SystemClock
from feria.cluster.gossip_map import GossipMap
from feria.cluster.health import Usage
from feria.cluster.member import Member, open_member
from feria.cluster.placement.queue import PlacedQueue, open_placed_queue
from feria.events.process import ProcessBus
from feria.migrations import schema
from feria.settings import ClusterSettings, EventSettings, StorageSettings, TaskSettings
from feria.storage.database import Database, open_database
from feria.tasks.files import TaskFiles
from feria.tasks.queue import TaskQueue
from feria.telemetry.metrics import Metrics
from programs import free_port
from queues import Deeds

KINDS = ("echo", "refuse", "linger", "read", "fail", "boast")


class Placed:
    """Members by name; each keeps its folder and its port when it is opened again."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._folder = folder
        self._settings = settings
        self._ports: dict[str, int] = {}
        self._stacks: dict[str, contextlib.AsyncExitStack] = {}
        self.members: dict[str, Member] = {}
        self.queues: dict[str, PlacedQueue] = {}

    async def open(
        self,
        name: str,
        deeds: Deeds,
        *,
        database: Database | None = None,
        bus: ProcessBus | None = None,
        **tasks: Any,
    ) -> PlacedQueue:
        port = self._ports.setdefault(name, free_port())
        join = [f"127.0.0.1:{port}" for other, port in self._ports.items() if other != name]
        home = self._folder / name
        told = {"name": name, "gossip_port": port, "join": join, "takeover_seconds": 0.5, **self._settings}
        cluster = ClusterSettings.model_validate(told)
        clock, usage = SystemClock(), Usage()
        stack = self._stacks[name] = contextlib.AsyncExitStack()
        member = await stack.enter_async_context(open_member(cluster, home, clock, in_use=usage))
        if database is None:
            database = await stack.enter_async_context(open_database(StorageSettings(), home))
            await schema.upgrade(database)
        settings = TaskSettings.model_validate({"grace_seconds": 0.0, "parallel": 1, **tasks})
        queue, lanes, slots = await stack.enter_async_context(
            open_placed_queue(
                member,
                GossipMap(member.store, member.chunks),
                database,
                bus or ProcessBus(EventSettings()),
                Metrics(),
                clock,
                settings,
                cluster,
                TaskFiles(home / "tasks"),
            )
        )
        usage.room = lambda: slots.free
        for kind in KINDS:
            queue.place(kind, getattr(deeds, kind), lanes)
        await queue.resume()
        self.members[name], self.queues[name] = member, queue
        return queue

    async def meet(self) -> None:
        """Each knows all the others, and that they have room."""

        def know() -> bool:
            for member in self.members.values():
                assert member.swim is not None
                rooms = [peer.health.room for peer in member.swim.live() if peer.health is not None]
                if [room > 0 for room in rooms] != [True] * (len(self.members) - 1):
                    return False
            return True

        await until(know)

    async def close(self, name: str) -> None:
        del self.members[name], self.queues[name]
        await self._stacks.pop(name).aclose()

    async def cut_off(self, name: str) -> None:
        """As if its process were killed: nobody hears of it any more, and what it kept stays as it is."""
        member = self.members.pop(name)
        assert member.network is not None
        await member.network.close()

    async def __aenter__(self) -> "Placed":
        return self

    async def __aexit__(self, *_: object) -> None:
        for stack in reversed(list(self._stacks.values())):
            await stack.aclose()


@contextlib.asynccontextmanager
async def queue_of_two(
    database: Database,
    folder: Path,
    deeds: Deeds,
    *,
    bus: ProcessBus | None = None,
    parallel: int = 2,
    max_waiting: int = 10,
    **settings: Any,
) -> AsyncGenerator[TaskQueue]:
    """The queue of the first; half of the slots are the second's."""
    half = parallel // 2
    async with Placed(folder / "members") as placed:
        waiting = max_waiting + parallel - half
        first = await placed.open(
            "a", deeds, database=database, bus=bus, parallel=half, max_waiting=waiting, **settings
        )
        await placed.open("b", deeds, parallel=parallel - half)
        await placed.meet()
        yield first
