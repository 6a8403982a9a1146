"""python-socketio and python-engineio, without the packages that only their clients want.

They import both sides at once, and `requests` with them where it is installed, as Flower has it: half the
time that the chat adds to a node's start.
"""

import contextlib
import sys
from collections.abc import Iterator

CLIENTS_WANT = ("requests", "websocket", "aiohttp")


@contextlib.contextmanager
def _as_if_missing(*names: str) -> Iterator[None]:
    """What is loaded already stays so."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _as_if_missing(*CLIENTS_WANT):
    import engineio
    import engineio.async_socket
    import engineio.exceptions
    import engineio.packet
    import socketio

AsyncServer, EngineServer, EngineSocket = (
    socketio.AsyncServer,
    engineio.AsyncServer,
    engineio.async_socket.AsyncSocket,
)
ConnectionRefused = socketio.exceptions.ConnectionRefusedError
EngineError = engineio.exceptions.EngineIOError
Packet, engine_packet, packet = engineio.packet.Packet, engineio.packet, socketio.packet
