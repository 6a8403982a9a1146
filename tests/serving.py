"""A node that serves on a real socket, in the test's own process."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import anyio

from feria.app import create_app
from feria.cli.in_process import opened
from feria.cli.serving import _configuration, address, listen
from feria.cli.stopping import Server
from feria.settings import Settings
from feria.tasks.desk import Desk


@dataclass(frozen=True)
class Served:
    url: str
    parts: dict[type, Any]
    server: Server


@contextlib.asynccontextmanager
async def open_server(settings: Settings) -> AsyncGenerator[Served]:
    app = create_app(settings)
    with listen("127.0.0.1", 0) as door:
        async with opened(app) as state:
            started = asyncio.Event()
            parts = state["parts"]
            server = Server(
                _configuration(app, state, settings, None), parts, settings.web.drain_seconds, started.set
            )
            serving = asyncio.create_task(server.serve(sockets=[door]))
            await started.wait()
            url = address("127.0.0.1", door)
            parts[Desk].answers_at(settings.tasks.callback_url or url)
            try:
                yield Served(url, parts, server)
            finally:
                server.drain()
                await serving


async def until(condition: Callable[[], Any]) -> None:
    with anyio.fail_after(300):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)
