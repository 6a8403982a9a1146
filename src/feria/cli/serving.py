"""A node with its door open: the socket, the server, and how both end."""

import asyncio
import contextlib
import errno
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

from feria.access.exposure import is_locked, refuse_exposure
from feria.access.tokens import Tokens
from feria.cli.certificates import leaf, server_context
from feria.cli.finding import local_token
from feria.cli.in_process import App, opened
from feria.cli.node_lock import NodeLock, Reach
from feria.cli.stopping import Server, Signals, Sockets
from feria.cluster.addresses import joined, split
from feria.cluster.member import Member
from feria.errors import Conflict, Invalid
from feria.settings import Settings
from feria.tasks.desk import Desk
from feria.telemetry.logs import configure_logs
from feria.telemetry.metrics import Metrics
from feria.web.connections import connections

GRACE_SECONDS = 10
"""Time that running requests get when the node is told to stop."""

SWITCH_SECONDS = 0.001
"""How long a thread keeps the interpreter while the event loop waits for it; Python's own 5 ms are seen in
what a busy node's refusals take."""

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where to reach it

Answering = Callable[[Reach], Awaitable[None]]
"""Awaited with how to reach the node once it answers; cancelled when it stops."""


def serve(settings: Settings, lock: NodeLock, answering: Answering) -> None:
    """Run a node until it is told to stop. Raises `KeyboardInterrupt` when Ctrl-C told it."""
    configure_logs(settings.telemetry)
    refuse_exposure(settings)
    web = settings.web
    tls = server_context(web.tls_certificate, web.tls_key) if web.tls_certificate and web.tls_key else None
    with contextlib.closing(listen(web.host, web.port)) as door:
        signals = Signals()
        with (
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
            contextlib.suppress(asyncio.CancelledError),  # told to stop before it had opened
        ):
            runner.run(_serve(settings, lock, door, tls, answering, signals))
        if signals.told == signal.SIGINT:
            raise KeyboardInterrupt


async def _serve(
    settings: Settings,
    lock: NodeLock,
    door: socket.socket,
    tls: ssl.SSLContext | None,
    answering: Answering,
    signals: Signals,
) -> None:
    beside: asyncio.Future[None] | None = None

    def started() -> None:
        nonlocal beside
        gc.freeze()  # what is here now stays; to go through it again and again would hold all callers up
        sys.setswitchinterval(SWITCH_SECONDS)
        reach = Reach(
            address(settings.web.host, door, tls=tls is not None),
            local_token(state) if is_locked(settings) else None,
            leaf(settings.web.tls_certificate) if settings.web.tls_certificate else None,
        )
        lock.tell(reach)
        parts[Desk].answers_at(settings.tasks.callback_url or reach.url)
        member.answers_at(_seen_by_others(settings, reach.url, member))
        beside = asyncio.ensure_future(answering(reach))

    with signals.heard():
        # This takes most of a start, and Ctrl-C must not fall into the middle of it.
        from feria.app import create_app

        app = create_app(settings)
        async with opened(app) as state:
            if is_locked(settings) and not await state["parts"][Tokens].administered():
                raise Invalid(
                    f"This node asks every caller for a token, and {settings.home} has none that may "
                    "administer it. Make one first: feria tokens create NAME --role admin."
                )
            parts = state["parts"]
            member: Member = parts[Member]
            configuration = _configuration(app, state, settings, tls)
            server = signals.server = Server(configuration, parts, settings.web.drain_seconds, started)
            if member.displaced is not None:
                member.displaced.add_done_callback(lambda _: server.drain())
            parts[Metrics].gauge(
                "feria_connections", "Open connections.", lambda: len(server.server_state.connections)
            )
            try:
                await server.serve(sockets=[door])
            finally:
                if beside is not None:
                    beside.cancel()
                    await asyncio.wait({beside})
            if member.displaced is not None and member.displaced.done():
                raise Conflict(member.displaced.result())


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


def address(host: str, door: socket.socket, *, tls: bool = False) -> str:
    """Where a program on this machine reaches the socket."""
    host = ANYWHERE.get(host, host)
    return f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{door.getsockname()[1]}"


def _seen_by_others(settings: Settings, url: str, member: Member) -> str:
    """Where other nodes find what this machine reaches at `url`."""
    if settings.web.host not in ANYWHERE or member.network is None:
        return url
    host, _ = split(member.network.address)
    scheme, _, port = url.partition("://")[0], "", url.rpartition(":")[2]
    return f"{scheme}://{joined(host, int(port))}"


def _configuration(
    app: App, state: dict[str, Any], settings: Settings, tls: ssl.SSLContext | None
) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws=Sockets,
        ws_per_message_deflate=False,
        ws_max_size=settings.web.max_body_mib * 2**20,
        ws_ping_interval=settings.web.read_seconds,  # a caller who is gone without a word is noticed
        ws_ping_timeout=settings.web.read_seconds,
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=settings.web.behind_proxy,
        forwarded_allow_ips=list(settings.web.trusted_proxies),
        server_header=False,
        timeout_keep_alive=30,  # longer than httpx keeps one, so that the caller lets go first
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.load()
    config.ssl = tls
    config.http_protocol_class = connections(settings.web)  # type: ignore[assignment]
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
