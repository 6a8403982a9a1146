"""Which node a command speaks to.

The one that --url or FERIA_URL names; otherwise the one that runs on this home; otherwise the command
opens the home itself, for as long as it takes. It is the same client each time.
"""

import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from feria.cli import screen
from feria.errors import Conflict, Invalid

if TYPE_CHECKING:
    from feria.cli.node_lock import NodeLock, Reach
    from feria.client import AsyncClient
    from feria.settings import Settings

T = TypeVar("T")

WAIT_SECONDS = 20.0
"""How long to wait for a node that is starting, or for another command to end."""


def speak(deed: "Callable[[AsyncClient], Awaitable[T]]") -> T:
    """Run `deed` with a client for the node of this command."""
    import asyncio

    meta = click.get_current_context().meta
    settings = read_settings()

    async def run() -> T:
        async with open_client(meta.get("feria.url"), settings, meta.get("feria.token")) as client:
            return await deed(client)

    return asyncio.run(run())


@contextlib.asynccontextmanager
async def open_client(
    url: str | None, settings: "Settings", token: str | None = None
) -> "AsyncGenerator[AsyncClient]":
    from feria.cli.node_lock import Reach
    from feria.client import AsyncClient

    if url is not None:
        async with AsyncClient(url, token=token) as client:
            yield client
        return
    found = await _node_or_lock(settings.home)
    if isinstance(found, Reach):
        async with reaching(found) as client:
            yield client
        return
    with found:
        from feria.app import create_app
        from feria.cli.in_process import InProcess, opened

        # What a node had left to do, or does when it starts, waits for a node.
        tasks = settings.tasks.model_copy(update={"resume": False, "grace_seconds": 0.0, "broker_url": None})
        registry = settings.registry.model_copy(update={"shipped": False})
        federation = settings.federation.model_copy(update={"resume": False})
        superlink = settings.superlink.model_copy(update={"enabled": False})
        # What it writes of the cluster's keys the others hear when a node is started on this home.
        cluster = settings.cluster.model_copy(update={"gossip_port": None, "join": ()})
        update = {"tasks": tasks, "registry": registry, "federation": federation, "superlink": superlink}
        update["cluster"] = cluster
        app = create_app(settings.model_copy(update=update))
        with _unsaid():
            async with (
                opened(app) as state,
                AsyncClient(
                    "http://127.0.0.1", token=local_token(state), transport=InProcess(app, state)
                ) as client,
            ):
                yield client


@contextlib.contextmanager
def _unsaid() -> Iterator[None]:
    """The node that a command opens for itself says nothing of its requests, for the command says what was
    refused, and nothing of how late it is, for nobody else waits for it."""
    loggers = [logging.getLogger(name) for name in ("feria.web.watch", "feria.telemetry.lag")]
    for each in loggers:
        each.disabled = True
    try:
        yield
    finally:
        for each in loggers:
            each.disabled = False


def reaching(reach: "Reach") -> "AsyncClient":
    """A client for a node of this machine."""
    from feria.cli.certificates import pinned
    from feria.client import AsyncClient

    ca = None if reach.certificate is None else pinned(reach.certificate)
    return AsyncClient(reach.url, token=reach.token, ca=ca)


def local_token(state: dict[str, Any]) -> str:
    """What lets in who can read the home; an open node does not ask for it."""
    from feria.access.tokens import Tokens

    token: str = state["parts"][Tokens].local
    return token


async def _node_or_lock(home: Path) -> "Reach | NodeLock":
    import anyio

    from feria.cli.node_lock import NodeLock, take

    began, noted = time.monotonic(), False
    while True:
        found = take(home)
        if isinstance(found, NodeLock):
            return found
        if found.reach is not None:
            return found.reach
        waited = time.monotonic() - began
        if waited > WAIT_SECONDS:
            raise Conflict(
                f"Another feria command (process {found.pid}) is at work in {home}. "
                "Wait for it to end; commands of a node that runs (`feria serve`) share it."
            )
        if waited > 1.0 and not noted:
            screen.note(f"Waiting for another feria command (process {found.pid}) to end.")
            noted = True
        await anyio.sleep(0.05)


def home_to_serve(home: Path) -> "NodeLock":
    """Take the home for a node. Raises `Conflict` when it is another's."""
    from feria.cli.node_lock import NodeLock, take

    deadline = time.monotonic() + 1.0  # a command may be just ending
    while True:
        found = take(home)
        if isinstance(found, NodeLock):
            return found
        if found.url is not None:
            raise Conflict(
                f"A node already runs on {home}, at {found.url} (process {found.pid}). "
                "Give this one a home of its own with --home."
            )
        if time.monotonic() > deadline:
            raise Conflict(f"Another feria command (process {found.pid}) is at work in {home}.")
        time.sleep(0.05)


def read_settings(*, cluster: dict[str, Any] | None = None, **web: Any) -> "Settings":
    """Settings of the environment and `.env`, with what the command line says on top."""
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from feria.settings import ClusterSettings, Settings, WebSettings

    home: Path | None = click.get_current_context().meta.get("feria.home")
    try:
        settings = Settings() if home is None else Settings(home=home)
        said = {name: value for name, value in web.items() if value is not None}
        if said:
            merged = WebSettings.model_validate(settings.web.model_dump() | said)
            settings = settings.model_copy(update={"web": merged})
        said = {name: value for name, value in (cluster or {}).items() if value not in (None, [])}
        if said:
            joined = ClusterSettings.model_validate(settings.cluster.model_dump() | said)
            settings = settings.model_copy(update={"cluster": joined})
    except ValidationError as error:
        fault = error.errors()[0]
        name = "FERIA_" + "__".join(str(step).upper() for step in fault["loc"])
        raise Invalid(f"The setting {name} will not do: {fault['msg']}.") from None
    except (SettingsError, UnicodeError) as error:
        raise Invalid(f"The settings cannot be read: {error}.") from None
    return settings
