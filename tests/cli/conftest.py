from collections.abc import Generator
from pathlib import Path

import pytest

from cli.running import Feria, RunningNode


@pytest.fixture
def feria(tmp_path: Path) -> Feria:
    """The command, on an empty home."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return Feria(tmp_path / "home", folder)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Feria, RunningNode]]:
    """The command, beside a node that a module's tests share."""
    folder = tmp_path_factory.mktemp("folder")
    command = Feria(tmp_path_factory.mktemp("home"), folder)
    with command.node() as node:
        yield command, node


@pytest.fixture
def beside(shared: tuple[Feria, RunningNode]) -> Feria:
    return shared[0]
