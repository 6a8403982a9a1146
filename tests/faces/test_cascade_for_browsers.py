"""The browser finds faces with the cascade that the node has."""

import importlib.util
from pathlib import Path

MADE_BY = Path(__file__).parents[2] / "frontend" / "cascade.py"


def test_the_browsers_cascade_is_the_nodes() -> None:
    spec = importlib.util.spec_from_file_location("cascade", MADE_BY)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.FILE.read_text() == made.cascade()
