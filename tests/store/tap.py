"""Somebody on the wire between stores and their hub, who has the hub's key: all that stores say is kept."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path


class Tap:
    def __init__(self, host: str, port: int, ca: Path) -> None:
        self.heard = bytearray()
        self.address = ""
        self._hub = (host, port)
        self._trust = ssl.create_default_context(cafile=ca)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, hub = await asyncio.open_connection(*self._hub, ssl=self._trust)
        except OSError:  # the hub is away
            writer.transport.abort()
            return
        await asyncio.gather(self._pass(reader, hub, self.heard), self._pass(there, writer, bytearray()))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                kept += data
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()


@contextlib.asynccontextmanager
async def open_tap(host: str, port: int, ca: Path, certificate: Path) -> AsyncGenerator[Tap]:
    """`certificate` is the hub's, with its key."""
    tap = Tap(host, port, ca)
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(certificate)
    server = await asyncio.start_server(tap._connected, "127.0.0.1", 0, ssl=shown)
    tap.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield tap
    finally:
        server.close()
