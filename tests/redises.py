"""A channel of one's own on a real Redis, and a way to it that can be cut."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

import pytest

from feria.settings import EventSettings

SERVER = os.environ.get("FERIA_TEST_REDIS", "redis://127.0.0.1:6379")


@contextlib.asynccontextmanager
async def redis_events(*, url: str = SERVER, buffer: int = 256) -> AsyncGenerator[EventSettings]:
    """Settings that name a channel nobody else uses. Skips without a server."""
    pytest.importorskip("redis", reason="the redis package is not installed")
    place = urlsplit(SERVER)
    try:
        _, writer = await asyncio.open_connection(place.hostname, place.port or 6379)
        writer.close()
    except OSError as error:
        pytest.skip(f"no Redis server at {place.hostname}:{place.port}: {error}")
    yield EventSettings(url=url, buffer=buffer, channel=f"feria-test-{secrets.token_hex(8)}")


class Link:
    """A proxy in front of Redis."""

    def __init__(self) -> None:
        self.url = ""
        self._port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()

    def freeze(self) -> None:
        """Pass nothing on, and look alive."""
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}"

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = urlsplit(SERVER)
        there_reader, there_writer = await asyncio.open_connection(place.hostname, place.port or 6379)
        self._writers |= {writer, there_writer}
        with contextlib.suppress(OSError):
            await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))
        for end in (writer, there_writer):
            end.transport.abort()
            self._writers.discard(end)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65536):
            await self._flows.wait()
            writer.write(content)
            await writer.drain()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def open_link() -> AsyncGenerator[Link]:
    link = Link()
    await link.mend()
    yield link
    await link.cut()
