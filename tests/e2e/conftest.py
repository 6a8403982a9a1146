from pathlib import Path

import pytest

from cli.running import Feria


@pytest.fixture
def feria(tmp_path: Path) -> Feria:
    return Feria(tmp_path / "home", tmp_path)
