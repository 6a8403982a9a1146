"""Flower's SuperLink as a part of this node: begun with it, kept running, and ended with it.

Two programs run, each in a process group of its own. `flower-superlink` is where stores bring and fetch
messages; its state is in `state.db`, so a new one goes on where the last one died. `flower-superexec` starts
a process for each run. Both end when their standard input does, which this node holds open for as long as
it lives, and what they have started ends with their group: nothing outlives a node, however it dies.

All of the SuperLink is on one port. Stores sign what they send, and runs show a token; but as Flower comes,
whoever reaches the port may also start a run, which is a program, here and at every store, or take over the
run of another. So our `Guard` asks for a secret wherever Flower asks for nothing, and `flower-superexec` is
ours to start because only then it has to show one as well.
"""

import asyncio
import contextlib
import errno
import hmac
import logging
import os
import re
import secrets
import signal
import socket
import ssl
import sys
import sysconfig
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from feria.clock import Clock, SystemClock
from feria.errors import FeriaError, Unavailable
from feria.storage.blobs import disk_errors
from feria.superlink.authority import Authority, open_authority

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between the end of a program and its next start; twice as long after each that ended soon."""
STEADY = 60.0
"""Seconds after which a program counts as one that runs well."""
GRACE = 5.0
"""Seconds a program gets to end by itself."""
START_SECONDS = 60.0
A_DAY = 86_400.0
LINE = 2000
"""Most bytes of one line of a program that reach the log."""
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to be called from here


class SuperLink:
    """A SuperLink that runs here. Made by `open_superlink`."""

    def __init__(self, authority: Authority, secret_file: Path, secret: str, host: str, port: int) -> None:
        self.host = EVERYWHERE.get(host, host)
        """Where it is to be called from this machine."""
        self.port = port
        self.secret = secret
        """Who shows it as a bearer token may steer the SuperLink. Another one at each start of the node."""
        self.ca = authority.ca
        """Certificate to know it by, PEM."""
        folder = authority.ca.parent
        home = {"FLWR_HOME": str(folder / "flwr"), "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.2"}
        self.link = Program(
            "flower-superlink",
            secret_file,
            [
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
            secret_file,
            [f"--runtime-api-address={self.address}", f"--root-certificates={authority.ca}"],
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
    folder: Path, *, host: str, port: int, names: Iterable[str], clock: Clock | None = None
) -> AsyncGenerator[SuperLink]:
    """A SuperLink on that port, reachable when this yields, with its CA and its state in the folder.

    `names` are the host names and addresses by which stores call it. Raises `Unavailable` when the port is
    taken or it does not come up, saying why; `Invalid`, `Corrupt` and `Expired` as the authority does.
    """
    clock = clock or SystemClock()
    names = (*names, *([] if host in EVERYWHERE else [host]))
    authority = await asyncio.to_thread(open_authority, folder, clock)
    await asyncio.to_thread(authority.certify, names)
    _check_free(host, port)
    secret_file, secret = authority.ca.with_name("secret"), secrets.token_urlsafe(32)
    with disk_errors():
        await asyncio.to_thread(_keep, secret_file, secret)
    superlink = SuperLink(authority, secret_file, secret, host, port)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_running(superlink.link.keep_running(clock)))
        await _come_up(superlink)
        await stack.enter_async_context(_running(superlink.executor.keep_running(clock)))
        await stack.enter_async_context(_running(_renew(superlink, authority, names, clock)))
        log.info("The SuperLink is at port %s; its certificate ends %s.", port, authority.ends().date())
        yield superlink


class Program:
    """A program of Flower's that is to run as long as this node does."""

    def __init__(
        self, name: str, secret_file: Path, arguments: Sequence[str], environment: dict[str, str]
    ) -> None:
        self.name = name
        self.starts = 0
        self.ended = asyncio.Event()
        """Set when it has ended once."""
        self.last_words: deque[str] = deque(maxlen=8)
        self._command = (sys.executable, "-P", "-m", __name__, name, str(secret_file), *arguments)
        ours = {key: value for key, value in os.environ.items() if not key.startswith("FLWR_")}
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
        off = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
        self._environment = ours | off | environment | {"PATH": path}  # it starts others of Flower's by name
        self._level = logging.DEBUG
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    async def keep_running(self, clock: Clock) -> NoReturn:
        """Start it whenever it has ended. Cancelling this ends it, and all that it has started."""
        wait = FIRST_WAIT
        while True:
            began = clock.monotonic()
            try:
                how = _cause(await self._run())
            except OSError as error:  # no memory, no room for another process
                how = str(error)
            self.last_words.append(how)
            self.ended.set()
            if clock.monotonic() - began > STEADY:
                wait = FIRST_WAIT
            log.warning("%s ended (%s); it begins again in %g s.", self.name, how, wait)
            await clock.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def restart(self) -> None:
        """End it, and so let it begin again."""
        if self._process is not None:
            await _end(self._process)

    async def _run(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        assert process.stdout is not None
        self._process = process
        self.starts += 1
        listening = asyncio.create_task(self._listen(process.stdout))
        try:
            return await process.wait()
        finally:
            self._process = None
            await asyncio.shield(_end(process))
            await asyncio.wait([listening], timeout=GRACE)
            listening.cancel()

    async def _listen(self, words: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await words.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[:LINE]  # what prints without end
            for line in lines:
                self._log(line[:LINE].decode("utf-8", "replace").rstrip())

    def _log(self, line: str) -> None:
        """Flower's INFO says each request, and is our DEBUG. A line without a level belongs to the last."""
        line = COLOUR.sub("", line)
        if found := LEVEL.match(line):
            level = logging.getLevelNamesMapping()[found["level"]]
            line = line[found.end() :]
            self._level = level if level > logging.INFO and not line.startswith(KNOWN) else logging.DEBUG
        if line:
            self.last_words.append(line)
            log.log(self._level, "%s: %s", self.name, line)


KNOWN = "EXPERIMENTAL: SuperExec authentication"
"""A warning that says nothing to whoever runs the node."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LEVEL = re.compile(r"(\S+Z )?(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)\s*(:\s*|\[\S+\] )")


async def _end(process: asyncio.subprocess.Process) -> None:
    """It, and all of its group."""
    if process.returncode is None:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left; the second on macOS
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


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


def _keep(file: Path, secret: str) -> None:
    """For its owner alone."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(secret)


# ------------------------------------------------------------------- in the programs
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/v1/fleet/", "/v1/runtime/", "/health")
"""Paths that Flower guards itself, and one that tells nothing."""


class Guard:
    """Lets through what Flower guards itself, and whatever shows the secret."""

    def __init__(self, app: Application, secret: str) -> None:
        self._app = app
        self._shown = f"Bearer {secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(OPEN) or self._knows(scope["headers"]):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b"This door asks for a secret."})

    def _knows(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        return any(
            name == b"authorization" and hmac.compare_digest(value, self._shown) for name, value in headers
        )


def _end_with_node() -> None:
    """The node holds the other end of standard input and says nothing; when it is gone, we go, and with us
    all that we have started."""

    def watch() -> None:
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _be(name: str, secret_file: str) -> None:
    """One of Flower's programs, with the rest of the command line as its own."""
    _end_with_node()
    sys.argv = [name, f"--superexec-auth-secret-file={secret_file}", *sys.argv[3:]]
    if name == "flower-superexec":
        from flwr.supercore.cli import flower_superexec

        flower_superexec()
        return
    from flwr.superlink import extensions
    from flwr.superlink.cli import flower_superlink
    from starlette.middleware import Middleware

    secret = Path(secret_file).read_text()
    extensions.get_middleware = lambda: (Middleware(Guard, secret=secret),)
    flower_superlink()


if __name__ == "__main__":
    _be(*sys.argv[1:3])
