"""Several members in one process, over real sockets."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from feria.clock import SystemClock
from feria.cluster.member import Member, open_member
from feria.settings import ClusterSettings


class Members:
    """Opened by name; each keeps its folder and its port when it is opened again."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self._settings = settings
        self._stacks: dict[str, contextlib.AsyncExitStack] = {}
        self._ports: dict[str, int] = {}
        self._open: dict[str, Member] = {}

    async def open(self, name: str, *seeds: str, folder: str | None = None, **more: Any) -> Member:
        """Seeds are names of members that were opened before, or addresses."""
        join = tuple(seed if ":" in seed else self.address(seed) for seed in seeds)
        told = {
            "name": name,
            "gossip_port": self._ports.get(name, 0),
            "join": join,
            **self._settings,
            **more,
        }
        stack = contextlib.AsyncExitStack()
        home = self.folder / (folder or name)
        member = await stack.enter_async_context(
            open_member(ClusterSettings.model_validate(told), home, SystemClock())
        )
        assert member.network is not None
        self._ports[name] = int(member.network.address.rpartition(":")[2])
        self._stacks[name], self._open[name] = stack, member
        return member

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self._ports[name]}"

    async def close(self, name: str) -> None:
        del self._open[name]
        await self._stacks.pop(name).aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in list(self._stacks):
            await self.close(name)


async def until(condition: Callable[[], Any]) -> None:
    """Waits for what comes by itself; the limit is for the slowest machine."""
    async with asyncio.timeout(180):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)


async def holds(member: Member, key: str, value: bytes) -> bool:
    found = await member.store.get(key)
    return found is not None and found.value == value
