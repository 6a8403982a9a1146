"""How a node ends: it says so, waits to be left alone, closes the door, and finishes what is under way."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.utils import ClientDisconnected
from websockets.protocol import State

from feria.chat.transports import OpenSockets
from feria.events.bus import EventBus
from feria.web.draining import Draining

log = logging.getLogger(__name__)

GOING_AWAY = 1001


class Sockets(OpenSockets):
    """uvicorn's WebSockets; but a node that stops is going away, and who reads nothing is let go."""

    def shutdown(self) -> None:
        if not self.handshake_complete:
            super().shutdown()
            return
        self.stop_keepalive()
        if self.conn.state is State.OPEN:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
            self.conn.send_close(GOING_AWAY)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    async def send(self, message: Any) -> None:
        if not self.writable.is_set():
            try:
                async with asyncio.timeout(self.ping_timeout):
                    await self.writable.wait()
            except TimeoutError:
                self.transport.abort()  # closing would wait for what nobody reads
                raise ClientDisconnected from None
        await super().send(message)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


class Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        parts: dict[type, Any],
        drain_seconds: float,
        on_started: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._parts = parts
        self._drain_seconds = drain_seconds
        self._on_started = on_started

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    def drain(self) -> None:
        """Stop, in turn. Returns at once."""
        self._parts[Draining].begun = True
        if self._drain_seconds:
            log.info("Told to stop: the door closes in %g s.", self._drain_seconds)
        asyncio.get_running_loop().call_later(self._drain_seconds, self._close)

    def _close(self) -> None:
        self._parts[EventBus].close()  # who only listens is not under way
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # `Signals` has them, from before the server was


class Signals:
    """SIGTERM and Ctrl-C: end at once what is still opening, in turn what serves; the second ends all."""

    def __init__(self) -> None:
        self.told: int | None = None
        self.server: Server | None = None

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._take, number, task)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _take(self, number: int, task: "asyncio.Task[None]") -> None:
        if self.told is not None:
            # As `kill -9` would, which loses nothing: what was accepted is in the journal.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.told = number
        if self.server is not None:
            self.server.drain()
        else:
            task.cancel()
