"""Flower's SuperLink as a part of this node: begun with it, kept running, and ended with it.

Two programs run, each in a process group of its own. `flower-superlink` is where stores bring and fetch
messages; its state is in `state.db`, so a new one goes on where the last one died. `flower-superexec` starts
a process for each run. Both end when their standard input does, which this node holds open for as long as
it lives, and what they have started ends with their group: nothing outlives a node, however it dies. Who is
let in is in `programs.py`.
"""

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
import ssl
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from feria.clock import Clock, SystemClock
from feria.errors import FeriaError, Unavailable
from feria.storage import durable
from feria.storage.blobs import disk_errors
from feria.superlink.authority import Authority, open_authority
from feria.tasks.programs import LINE, Program

log = logging.getLogger(__name__)

PROGRAMS = "feria.superlink.programs"
START_SECONDS = 60.0
A_DAY = 86_400.0
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to be called from here


class SuperLink:
    """A SuperLink that runs here. Made by `open_superlink`."""

    def __init__(self, authority: Authority, secret_file: Path, secret: str, host: str, port: int) -> None:
        self.host = EVERYWHERE.get(host, host)
        """Where it is to be called from this machine."""
        self.port = port
        self.secret_file = secret_file
        self.secret = secret
        """Who shows it as a bearer token may steer the SuperLink."""
        self.ca = authority.ca
        """Certificate to know it by, PEM."""
        folder = authority.ca.parent
        home = {
            "FLWR_HOME": str(folder / "flwr"),
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.5",
            "FERIA_SUPERLINK_SECRET_FILE": str(secret_file),  # see `server_app.py`
        }
        self.link = Program(
            "flower-superlink",
            PROGRAMS,
            [
                str(secret_file),
                f"--host={host}",
                f"--port={port}",
                f"--ssl-ca-certfile={authority.ca}",
                f"--ssl-certfile={authority.certificate}",
                f"--ssl-keyfile={authority.certificate}",
                f"--database={folder / 'state.db'}",
                "--enable-supernode-auth",
                "--isolation=process",
                "--disable-runtime-dependency-installation",
            ],
            home,
        )
        self.executor = Program(
            "flower-superexec",
            PROGRAMS,
            [
                str(secret_file),
                f"--runtime-api-address={self.address}",
                f"--root-certificates={authority.ca}",
            ],
            home,
        )

    @property
    def address(self) -> str:
        """`host:port`, from this machine."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def ready(self) -> None:
        """Returns once it can be reached; there is no end to waiting for one that cannot."""
        context = ssl.create_default_context(cafile=self.ca)
        while True:
            try:
                _, writer = await asyncio.open_connection(self.host, self.port, ssl=context)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
                return


@contextlib.asynccontextmanager
async def open_superlink(
    folder: Path,
    *,
    host: str,
    port: int,
    names: Iterable[str],
    clock: Clock | None = None,
    keep_secret: bool = False,
) -> AsyncGenerator[SuperLink]:
    """A SuperLink on that port, reachable when this yields, with its CA and its state in the folder.

    `names` are the host names and addresses by which stores call it. Its secret is another one each time,
    unless it is to be kept, for those who were told. Raises `Unavailable` when the port is
    taken or it does not come up, saying why; `Invalid`, `Corrupt` and `Expired` as the authority does.
    """
    clock = clock or SystemClock()
    names = (*names, *([] if host in EVERYWHERE else [host]))
    authority = await asyncio.to_thread(open_authority, folder, clock)
    await asyncio.to_thread(authority.certify, names)
    _check_free(host, port)
    secret_file = authority.ca.with_name("secret")
    with disk_errors():
        if not (keep_secret and secret_file.exists()):
            await asyncio.to_thread(durable.write, secret_file, secrets.token_urlsafe(32).encode())
        secret = secret_file.read_text()
    superlink = SuperLink(authority, secret_file, secret, host, port)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_running(superlink.link.keep_running(clock)))
        await _come_up(superlink)
        await stack.enter_async_context(_running(superlink.executor.keep_running(clock)))
        await stack.enter_async_context(_running(_renew(superlink, authority, names, clock)))
        log.info("The SuperLink is at port %s; its certificate ends %s.", port, authority.ends().date())
        yield superlink


@contextlib.asynccontextmanager
async def _running(deed: Coroutine[Any, Any, NoReturn]) -> AsyncGenerator[None]:
    task = asyncio.create_task(deed)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _renew(superlink: SuperLink, authority: Authority, names: Sequence[str], clock: Clock) -> NoReturn:
    """A node may run for years, and a SuperLink reads its certificate when it starts."""
    while True:
        await clock.sleep(A_DAY)
        try:
            renewed = await asyncio.to_thread(authority.certify, names)
        except FeriaError as error:  # tomorrow again: there are thirty days
            log.error("The SuperLink's certificate cannot be renewed: %s", error.message)
            continue
        if renewed:
            log.info("The SuperLink has a new certificate, and begins again with it.")
            await superlink.link.restart()


async def _come_up(superlink: SuperLink) -> None:
    """Raises `Unavailable` when it ends instead, with what it said last."""
    link = superlink.link
    ready, ended = asyncio.create_task(superlink.ready()), asyncio.create_task(link.ended.wait())
    try:
        await asyncio.wait({ready, ended}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            what = "ended" if ended.done() else f"did not come up within {START_SECONDS:g} s"
            raise Unavailable(f"The SuperLink {what}. It said last: {' / '.join(link.last_words)}"[:LINE])
    finally:
        ready.cancel()
        ended.cancel()


def _check_free(host: str, port: int) -> None:
    """Raises `Unavailable` where one cannot listen there, in better words than Flower has."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(f"Port {port} is taken; the SuperLink needs one of its own.") from None
        raise Unavailable(f"The SuperLink cannot listen on {host}, port {port}: {error.strerror}.") from None
