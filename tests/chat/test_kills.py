"""The node is killed while people talk; what was acknowledged is there, and everybody hears it once."""

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from chat.checker import conversing
from cli.running import FERIA, environment
from feria.settings import StorageSettings

KILLS = int(os.environ.get("FERIA_TEST_KILLS", "4"))


@asynccontextmanager
async def node(
    folder: Path, port: int, environ: dict[str, str]
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A node that is killed when the block ends."""
    process = await asyncio.create_subprocess_exec(
        FERIA, "serve", "--port", str(port),
        cwd=folder,
        env=environment(FERIA_HOME=str(folder / "home"), **environ),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_a_killed_node_has_all_that_it_acknowledged_and_nobody_hears_it_twice(
    storage_settings: StorageSettings, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown when it fails
    chance = random.Random(seed)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {
        "FERIA_STORAGE__MIGRATE_ON_START": "true",
        "FERIA_CHAT__MESSAGES_PER_SECOND": "10000",
        "FERIA_CHAT__ROOM_MESSAGES_PER_SECOND": "10000",
    }
    if storage_settings.url is not None:
        environ["FERIA_STORAGE__URL"] = storage_settings.url
    lives = contextlib.AsyncExitStack()
    async with lives:
        await lives.enter_async_context(node(tmp_path, port, environ))
        url = f"http://127.0.0.1:{port}"
        async with conversing(lambda: url, speakers=3, listeners=2) as talk:
            for _ in range(KILLS):
                await talk.until_said(20)
                await asyncio.sleep(chance.uniform(0.0, 0.5))
                await lives.aclose()
                await lives.enter_async_context(node(tmp_path, port, environ))
            await talk.until_said(20)
        assert talk.faults() == []
        assert min(one.comings for one in talk.listeners) > KILLS
