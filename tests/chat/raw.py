"""A client that says whatever a test wants: Engine.IO packets over a bare WebSocket."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import msgspec
from websockets.asyncio.client import ClientConnection, connect

SECONDS = 300


class Raw:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, packet: str | bytes) -> None:
        await self._socket.send(packet)

    async def hear(self, start: str) -> str:
        """The next packet that begins so; others are forgotten."""
        with anyio.fail_after(SECONDS):
            while True:
                said = await self._socket.recv()
                if isinstance(said, str) and said.startswith(start):
                    return said

    async def ask(self, number: int, event: str, *args: Any) -> Any:
        await self.send(f"42{number}" + msgspec.json.encode([event, *args]).decode())
        return msgspec.json.decode((await self.hear(f"43{number}[")).removeprefix(f"43{number}"))[0]

    async def ended(self) -> tuple[int, str]:
        """The code and reason with which the node hangs up."""
        with anyio.fail_after(SECONDS):
            await self._socket.wait_closed()
        return self._socket.close_code or 0, self._socket.close_reason or ""


def address(url: str) -> str:
    return url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"


@contextlib.asynccontextmanager
async def open_raw(url: str, auth: str = "", *, enter: bool = True) -> AsyncGenerator[Raw]:
    """A connection; `enter` connects it to the namespace too."""
    async with connect(address(url), compression=None, ping_interval=None, max_size=None) as socket:
        raw = Raw(socket)
        await raw.hear("0")
        if enter:
            await raw.send("40" + auth)
            await raw.hear("42")
        yield raw
