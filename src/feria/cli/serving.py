"""A node with its door open: the socket, the server, and how both end."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn
import uvloop

from feria.cli.in_process import App, opened
from feria.cli.node_lock import NodeLock
from feria.errors import Conflict, Invalid
from feria.settings import Settings

GRACE_SECONDS = 10
"""Time that running requests get when the node is told to stop."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where to reach it

Answering = Callable[[str], Awaitable[None]]
"""Awaited with the node's address once it answers; cancelled when it stops."""


def serve(settings: Settings, lock: NodeLock, answering: Answering) -> None:
    """Run a node until it is told to stop. Raises `KeyboardInterrupt` when Ctrl-C told it."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with contextlib.closing(listen(settings.web.host, settings.web.port)) as door:
        signals = _Signals()
        with (
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            contextlib.suppress(asyncio.CancelledError),  # told to stop before it had opened
        ):
            runner.run(_serve(settings, lock, door, answering, signals))
        if signals.told == signal.SIGINT:
            raise KeyboardInterrupt


async def _serve(
    settings: Settings, lock: NodeLock, door: socket.socket, answering: Answering, signals: "_Signals"
) -> None:
    url = address(settings.web.host, door)
    beside: asyncio.Future[None] | None = None

    def started() -> None:
        nonlocal beside
        lock.tell(url)
        beside = asyncio.ensure_future(answering(url))

    with signals.heard():
        # This takes most of a start, and Ctrl-C must not fall into the middle of it.
        from feria.app import create_app

        app = create_app(settings)
        async with opened(app) as state:
            server = signals.server = _Server(_configuration(app, state), started)
            try:
                await server.serve(sockets=[door])
            finally:
                if beside is not None:
                    beside.cancel()
                    await asyncio.wait({beside})


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `Conflict` when the port is taken, `Invalid` for no address."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        return socket.create_server(place[:2], family=family, backlog=2048)
    except socket.gaierror:
        raise Invalid(f"'{host}' is no address of this machine.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"Port {port} on {host} is taken by another program. Stop it, or choose another "
                f"with --port {port + 1} (--port 0 takes a free one)."
            ) from None
        raise Invalid(f"Cannot listen on {host} port {port}: {error.strerror}.") from None


def address(host: str, door: socket.socket) -> str:
    """Where a program on this machine reaches the socket."""
    host = ANYWHERE.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{door.getsockname()[1]}"


def _configuration(app: App, state: dict[str, Any]) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,  # longer than httpx keeps one, so that the caller lets go first
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.load()
    # The application is open already: what it raised while opening is then ours to word.
    config.lifespan_class = lambda _: _Opened(state)
    return config


class _Opened:
    """In the place of uvicorn's lifespan."""

    should_exit = False

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # `_signals` has them, from before the server was


class _Signals:
    """SIGTERM and Ctrl-C: end at once what is still opening, gracefully what serves."""

    def __init__(self) -> None:
        self.told: int | None = None
        self.server: uvicorn.Server | None = None

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
        self.told = number
        if self.server is not None:
            self.server.handle_exit(number, None)
        else:
            task.cancel()
