from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from chat.npm import Driver, open_driver
from feria.settings import ChatSettings, Settings
from serving import Served, open_server

QUICK = ChatSettings(messages_per_second=10_000, room_messages_per_second=10_000)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served]:
    async with open_server(Settings(home=tmp_path, chat=QUICK, _env_file=None)) as served:
        yield served


@pytest.fixture
async def npm() -> AsyncGenerator[Driver]:
    async with open_driver() as driver:
        yield driver
