"""What is said once and heard by many: encoded once, framed once, the same bytes on each transport.

Messages that come in one turn of the loop leave together, in one write for each listener: those that one
sender had in flight come in one turn, for a connection's reader goes on while there is something to read.

Who polls is sent theirs through the library's queue, and so is who just came over from polling, until it is
empty: each hears a room in its order, whatever it came by.
"""

import asyncio
import logging
from typing import Any, Protocol

from feria.chat.library import Packet, engine_packet
from feria.chat.transports import close_frame, text_frame

log = logging.getLogger(__name__)

QUEUED = 2_000
"""Packets that may wait for somebody who polls."""
CUT_SECONDS = 5.0
"""Time that somebody has to read why they are cut off."""
TRY_AGAIN_LATER = 1013
TOO_SLOW = "You read more slowly than others write. Come back, and catch up from the history."


class Engine(Protocol):
    """What is used of an Engine.IO socket."""

    sid: str
    queue: "asyncio.Queue[Any]"
    upgraded: bool
    closed: bool
    sending: bool
    """Whether packets have left the queue and not reached the transport."""


class Listener:
    """Somebody's connection, as a way to send."""

    __slots__ = ("_direct", "_engine", "_limit", "_settling", "_transport", "cut")

    def __init__(self, engine: Engine, transport: asyncio.Transport | None, limit: int) -> None:
        """`limit` is how many bytes may wait to be read by them."""
        self._engine = engine
        self._transport = transport
        self._direct = transport is not None
        self._limit = limit
        self._settling = False
        self.cut = False

    def came_over(self, transport: asyncio.Transport) -> None:
        """From polling to a WebSocket; it is used once what waits for the poll has left."""
        if self._transport is None or not self._direct:
            self._transport = transport

    def send(self, text: str) -> None:
        """A packet of Socket.IO, to them alone."""
        self.write((text,), text_frame("4" + text))

    def write(self, texts: "tuple[str, ...] | list[str]", frames: bytes) -> None:
        """The same packets twice: as texts, and as frames of a WebSocket."""
        if self.cut:
            return
        transport = self._transport
        if self._direct:
            if transport.get_write_buffer_size() > self._limit:  # type: ignore[union-attr]
                self.cut_off()
            elif not transport.is_closing():  # type: ignore[union-attr]
                transport.write(frames)  # type: ignore[union-attr]
            return
        engine = self._engine
        if engine.closed:
            return
        queue = engine.queue
        if queue.qsize() > QUEUED:
            self.cut_off()
            return
        for text in texts:
            queue.put_nowait(Packet(engine_packet.MESSAGE, text))
        if transport is not None and engine.upgraded and not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_soon(self._settle)

    def cut_off(self) -> None:
        """Say why, and hang up."""
        self.cut = True
        log.info("A listener of the chat was cut off: it does not read.")
        transport = self._transport
        if transport is None:
            self._engine.queue.put_nowait(Packet(engine_packet.CLOSE))
            self._engine.queue.put_nowait(None)
            return
        transport.write(close_frame(TRY_AGAIN_LATER, TOO_SLOW))
        transport.close()
        asyncio.get_running_loop().call_later(CUT_SECONDS, transport.abort)

    def left(self) -> None:
        """They are gone, or shall be: what they do not read is not kept for them."""
        if self._transport is not None and not self.cut:
            asyncio.get_running_loop().call_later(CUT_SECONDS, self._let_go)

    def _let_go(self) -> None:
        if self._engine.closed:  # or else they only left the namespace
            self._transport.abort()  # type: ignore[union-attr]

    def _settle(self) -> None:
        """Write to the transport from now on, if nothing is under way by the queue any more."""
        self._settling = False
        transport = self._transport
        assert transport is not None
        if self.cut or self._engine.closed or transport.is_closing():
            return
        if self._engine.queue.empty() and not self._engine.sending:
            self._direct = True
        else:
            self._settling = True
            asyncio.get_running_loop().call_later(0.01, self._settle)


class Audience:
    """Those who hear one room on this node."""

    def __init__(self) -> None:
        self.listeners: dict[str, Listener] = {}
        """By the ids of their connections."""
        self._waiting: list[str] = []

    def send(self, text: str) -> None:
        """A packet of Socket.IO, to all of them, in the order in which this is called."""
        waiting = self._waiting
        waiting.append(text)
        if len(waiting) == 1:
            asyncio.get_running_loop().call_soon(self.flush)

    def add(self, sid: str, listener: Listener) -> None:
        """They hear what is sent from now on."""
        self.flush()
        self.listeners[sid] = listener

    def flush(self) -> None:
        """Have all leave that waits."""
        texts, self._waiting = self._waiting, []
        if not texts:
            return
        frames = b"".join([text_frame("4" + text) for text in texts])
        for listener in list(self.listeners.values()):
            listener.write(texts, frames)


def event(name: str, json: str) -> str:
    """A packet of Socket.IO: an event with one argument, which is JSON already."""
    return f'2["{name}",{json}]'
