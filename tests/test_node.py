"""The whole node, on each database."""

from pathlib import Path

import pytest

import nets
from feria.errors import Unavailable
from feria.inference.engine import Engine
from feria.node import open_node
from feria.registry.shelf import Registry
from feria.settings import Settings, StorageSettings
from feria.storage.blobs import Blobs


async def test_a_node_that_comes_back_serves_what_it_served(
    storage_settings: StorageSettings, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, storage=storage_settings, _env_file=None)
    async with open_node(settings) as node:
        published = await node.parts[Registry].publish("times", nets.linear([3.0]))
    async with open_node(settings) as node:
        answer = await node.parts[Engine].predict("times", [[7]])
    assert (answer["digest"], answer["predictions"]) == (published.digest, [21.0])


async def test_a_home_can_be_copied(tmp_path: Path, settings: Settings) -> None:
    """What the how-to on backups promises: the folder is all there is."""
    async with open_node(settings) as node:
        published = await node.parts[Registry].publish("times", nets.linear([3.0]))
    copied = settings.home.rename(tmp_path / "elsewhere")
    async with open_node(settings.model_copy(update={"home": copied})) as node:
        assert await node.parts[Registry].find("times") == published
        assert (await node.parts[Blobs].find(published.digest)).size == published.size


async def test_a_home_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(Unavailable, match="The disk refuses"):
        async with open_node(Settings(home=blocked / "home", _env_file=None)):
            pass
