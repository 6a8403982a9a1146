"""A node that reads expressions, on a real socket."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from emotions.reading import publish
from faces.conftest import photographs
from feria.emotions import log
from feria.settings import Settings
from serving import Served, open_server

assert photographs  # a fixture


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label is stored, however slow the machine is; which waits are short, a test says."""
    monkeypatch.setattr(log, "PATIENCE", 300.0)


@pytest.fixture
async def served(settings: Settings) -> AsyncGenerator[Served]:
    async with open_server(settings) as served:
        await publish(served)
        with anyio.fail_after(300):
            yield served
