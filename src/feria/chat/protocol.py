"""Socket.IO as python-socketio speaks it, with a tighter loop around each WebSocket.

What differs from the library: a packet that is none ends its connection and nothing else; an event is
handed over as it comes, without a task and a timer for each; acknowledgements of WebSockets leave beside the
library's queue.
"""

import asyncio
import contextlib
import logging
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from feria.chat.broadcast import Listener
from feria.chat.library import (
    AsyncServer,
    ConnectionRefused,
    EngineError,
    EngineServer,
    EngineSocket,
    Packet,
    engine_packet,
    packet,
)

log = logging.getLogger(__name__)
library = logging.getLogger("feria.chat.library")
library.setLevel(logging.CRITICAL)  # it would say of each caller's mistake, with a traceback, what we answer

RESERVED = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
BUG = "A bug of ours."
MAX_PACKET = 128 * 1024
"""Bytes of one packet, or of what a poll sends at once."""
BROKEN = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What the library meets in a packet that is none."""


class Handlers(typing.Protocol):
    """What is done with what comes in; called by one connection one after the other."""

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> Listener:
        """Let somebody in, known by `sid` from now on, or raise `ConnectionRefused`. `environ` is of their
        first request and has their `asgi.scope`."""
        ...

    async def connected(self, sid: str) -> None:
        """They know that they are in."""
        ...

    async def event(self, sid: str, number: int | None, said: list[Any]) -> None:
        """The name of an event and its arguments; `number` where they want it acknowledged."""
        ...

    async def disconnected(self, sid: str) -> None: ...


class Json:
    """As the library wants it; several times as fast as the standard one, and strict."""

    @staticmethod
    def dumps(data: Any, **_: Any) -> str:
        return msgspec.json.encode(data).decode()

    @staticmethod
    def loads(text: str) -> Any:
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise ValueError(str(error)) from None


class Engine(EngineSocket):  # type: ignore[misc]
    """The library's connection, polling or WebSocket."""

    sending = False
    connected: bool
    upgraded: bool
    closed: bool
    sid: str
    came_over: asyncio.Transport | None = None
    """Of the WebSocket that takes the place of polls."""

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        try:
            await super().handle_post_request(environ)
        except BROKEN as error:
            log.debug("What was posted is no packet: %s", error)
            raise EngineError from None

    async def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        await super().close(wait=False, abort=abort, reason=reason)
        self.queue.put_nowait(None)  # who writes it, or polls, learns of it

    async def _websocket_handler(self, ws: Any) -> None:
        if not await self._opened(ws):
            return
        writing = asyncio.create_task(self._write(ws))
        message = self.server.handlers["message"]
        try:
            while not self.closed:
                said = await ws.wait()
                if len(said) > self.server.max_http_buffer_size:
                    break
                if isinstance(said, str) and said[:1] == "4":
                    await message(self.sid, said[1:])
                else:
                    await self.receive(Packet(encoded_packet=said))
        except (OSError, EngineError):
            pass
        except BROKEN as error:
            log.debug("What came over a WebSocket is no packet: %s", error)
        finally:
            await self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            self.queue.put_nowait(None)
            await writing

    async def _opened(self, ws: Any) -> bool:
        """Whether it is to be used: at once, or once the client has come over from polling."""
        if not self.connected:
            self.connected = self.upgraded = True
            return True
        self.upgrading = True
        try:
            if (said := await ws.wait()) != f"{engine_packet.PING}probe":
                raise ValueError(said)
            await ws.send(Packet(engine_packet.PONG, data="probe").encode())
            self.queue.put_nowait(Packet(engine_packet.NOOP))  # ends the poll under way
            if (said := await ws.wait()) != f"{engine_packet.UPGRADE}":
                raise ValueError(said)
        except (OSError, ValueError):
            return False  # it goes on polling
        finally:
            self.upgrading = False
        self.upgraded = True
        return True

    async def _write(self, ws: Any) -> None:
        """What the library itself says: greetings, pings, farewells."""
        queue = self.queue
        with contextlib.suppress(Exception):  # nobody is there any more
            while (one := await queue.get()) is not None:
                self.sending = True
                await ws.send(one.encode())
                self.sending = False
        await ws.close()


class _EngineServer(EngineServer):  # type: ignore[misc]
    async def disconnect(self, sid: str | None = None) -> None:
        """As the library's, which stumbles over an empty list."""
        if sid is not None or self.sockets:
            await super().disconnect(sid)


class Protocol(AsyncServer):  # type: ignore[misc]
    """One namespace, `/`."""

    def __init__(self, handlers: Handlers) -> None:
        super().__init__(
            async_mode="asgi",
            cors_allowed_origins=[],  # the door has seen to it
            max_http_buffer_size=MAX_PACKET,
            json=Json,
            logger=library,
            engineio_logger=library,
        )
        self._handlers = handlers
        self._listeners: dict[str, Listener] = {}

    def _engineio_server_class(self) -> type:
        return _EngineServer

    def engine(self, sid: str) -> Engine | None:
        """The connection below it."""
        found: Engine | None = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, "/"))
        return found

    async def hang_up(self, sid: str) -> None:
        """End one connection."""
        if (engine := self.engine(sid)) is not None:
            await self.eio.disconnect(engine.sid)

    def acknowledge(self, sid: str, number: int, answer: Any) -> None:
        """Answer an event, if they are still there."""
        if (listener := self._listeners.get(sid)) is not None:
            listener.send(f"{packet.ACK}{number}{Json.dumps([answer])}")

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        self.eio.sockets[eio_sid].__class__ = Engine  # the library leaves no other place to say it
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except BROKEN as error:
            log.debug("No packet of Socket.IO: %s", error)
            self._binary_packet.pop(eio_sid, None)
            await self.eio.disconnect(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if (namespace or "/") != "/":
            await self._refuse(eio_sid, namespace, {"message": "Invalid namespace"})
            return
        sid = await self.manager.pre_connect(eio_sid, "/")
        if sid is None:
            raise ValueError("Connected to the namespace already.")
        try:
            listener = await self._handlers.connect(sid, self.environ[eio_sid], data)
        except Exception as error:
            await self.manager.disconnect(sid, "/", ignore_queue=True)
            if isinstance(error, ConnectionRefused):
                await self._refuse(eio_sid, namespace, error.error_args)
            else:
                log.exception(BUG)
                await self._refuse(eio_sid, namespace, {"message": "Something went wrong inside the node."})
            return
        await self.manager.connect(sid, "/")
        self._listeners[sid] = listener
        if eio_sid not in self.eio.sockets or self.eio.sockets[eio_sid].closed:  # left meanwhile
            await self._handle_disconnect(eio_sid, "/")
            return
        listener.send(f"{packet.CONNECT}{Json.dumps({'sid': sid})}")
        with _logged():
            await self._handlers.connected(sid)

    async def _refuse(self, eio_sid: str, namespace: str | None, why: Any) -> None:
        refusal = self.packet_class(packet.CONNECT_ERROR, data=why, namespace=namespace)
        await self._send_packet(eio_sid, refusal)

    async def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: Any = None) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if sid is None or self._listeners.pop(sid, None) is None:
            return
        self._binary_packet.pop(eio_sid, None)
        with _logged():
            await self._handlers.disconnected(sid)
        await self.manager.disconnect(sid, "/", ignore_queue=True)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if sid not in self._listeners:
            raise ValueError("An event of a namespace that was not connected to.")
        if not isinstance(data, list) or not data or not isinstance(data[0], str) or data[0] in RESERVED:
            raise ValueError("An event without a name of its own.")
        with _logged():
            await self._handlers.event(sid, id, data)


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    """What nobody foresaw is ours, and no reason to take the caller's packet for the fault."""
    try:
        yield
    except Exception:
        log.exception(BUG)
