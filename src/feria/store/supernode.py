"""A store at work: Flower's SuperNode, which fetches messages from the hub, and an executor that answers.

Both are programs of their own, begun again when they end, and gone when this process is. No door is opened to
the outside: the SuperNode calls the hub, and listens on this machine alone.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import AsyncGenerator

from feria.clock import Clock, SystemClock
from feria.errors import FeriaError, NotAllowed
from feria.learning.sources import Limits
from feria.storage.blobs import disk_errors
from feria.storage.durable import write
from feria.store.home import Home, Store
from feria.store.programs import EXECUTOR, SUPERNODE
from feria.tasks.programs import KNOWN, Program

log = logging.getLogger(__name__)

REMOVED = "The hub does not know this store's key: it was removed there. Leave, and join anew."
BELIEVED = 60.0
"""Seconds; longer than a hub believes that a store is there which says nothing (`flower_node.ALIVE`)."""
PROGRAMS = "feria.store.programs"
HERE = "127.0.0.1"


class SuperNode:
    """Made by `open_supernode`."""

    def __init__(self, home: Home, store: Store, port: int, limits: Limits, clock: Clock) -> None:
        self.online = asyncio.Event()
        """Set while the hub is reached."""
        self._say_away, self._sent_away = True, False
        self._refused_at: float | None = None
        self._store = store
        self._clock = clock
        self.secret_file = home.running / "secret"
        """Of who may work for it."""
        self.address = f"{HERE}:{port}"
        """Where they find it; `host:port`."""
        environment = {"FLWR_HOME": str(home.running / "flwr")}
        self.supernode = Program(
            SUPERNODE,
            PROGRAMS,
            [
                f"--superlink={store.superlink}",
                f"--root-certificates={home.ca}",
                f"--auth-supernode-private-key={home.key}",
                f"--host={HERE}",
                f"--port={port}",
                "--isolation=process",
                f"--superexec-auth-secret-file={self.secret_file}",
            ],
            environment,
            hear=self._hear,
            final=self._shut_out,
        )
        self.executor = Program(
            EXECUTOR,
            PROGRAMS,
            [str(home.folder), self.address, str(self.secret_file), str(limits.rows), str(limits.columns)],
            environment,
            hear=log.log,
        )

    async def run(self) -> None:
        """Until it is cancelled. Raises `NotAllowed` when the hub does not know this store's key."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.supernode.keep_running(self._clock))
                group.create_task(self.executor.keep_running(self._clock))
        except* FeriaError as errors:
            raise errors.exceptions[0] from None

    def _shut_out(self, how: str) -> FeriaError | None:
        """A SuperNode of a store that was removed ends without a fault, and is refused when it comes back. So
        is one that was killed, for as long as the hub believes it is still there."""
        self.online.clear()
        self._sent_away |= how == "exit 0"
        refused = self._refused_at
        if refused is None or (not self._sent_away and self._clock.monotonic() < refused + BELIEVED):
            return None
        return NotAllowed(REMOVED)

    def _hear(self, level: int, line: str) -> None:
        """Flower's INFO says each request; of its other words, whether the hub is there is for people."""
        hub = f"the hub's SuperLink at {self._store.superlink}"
        if line.startswith(ONLINE):
            if not self.online.is_set():
                log.info("%s is online at %s.", self._store.name, hub)
            self.online.set()
            self._say_away, self._sent_away, self._refused_at = True, False, None
        elif line.startswith(AWAY):
            self.online.clear()
            if self._say_away:
                log.warning("No answer from %s; it is asked again and again.", hub)
            self._say_away = False
        else:
            if line.startswith(NOT_KNOWN) and self._refused_at is None:
                self._refused_at = self._clock.monotonic()
            quiet = level <= logging.INFO or KNOWN.match(line) is not None
            log.log(logging.DEBUG if quiet else level, "%s: %s", SUPERNODE, line)


ONLINE, AWAY = ("SuperNode ID:", "Connection successful after"), "Connection attempt failed, retrying"
NOT_KNOWN = "[code: 2004]"
"""What Flower says."""


@contextlib.asynccontextmanager
async def open_supernode(home: Home, limits: Limits, clock: Clock | None = None) -> AsyncGenerator[SuperNode]:
    """The store of that home, which nobody else works with for so long; it does nothing until it is `run`.

    Raises `NotFound` where none has joined, `Conflict` where it runs already.
    """
    store = home.store()
    with home.held():
        with disk_errors():
            home.running.mkdir(mode=0o700, exist_ok=True)
            write(home.running / "secret", secrets.token_urlsafe(32).encode())
        yield SuperNode(home, store, _free_port(), limits, clock or SystemClock())


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind((HERE, 0))
        return int(trial.getsockname()[1])
