"""An application behind a real socket in this process, with the connections that a node has."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from feria.settings import WebSettings
from feria.web.connections import connections


@asynccontextmanager
async def listening(app: Any, path: Path, web: WebSettings) -> AsyncGenerator[ServerState]:
    """On a Unix socket: what was written to one is there at once."""
    state = ServerState()
    config = uvicorn.Config(app, ws="websockets-sansio", log_config=None)
    config.load()
    make = partial(connections(web), config=config, server_state=state, app_state={})
    server = await asyncio.get_running_loop().create_unix_server(make, path)
    try:
        yield state
    finally:
        server.close()
