"""`--help` and the SDK's import are instant because they load little; that is checked, not the clock."""

import subprocess
import sys

import pytest

HEAVY = {
    "aiosqlite", "alembic", "cv2", "fastapi", "httpx", "numpy", "onnx", "onnxruntime", "polars", "pydantic",
    "skl2onnx", "sklearn", "sqlalchemy", "starlette", "uvicorn",
}  # fmt: skip


def loaded_by(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules, file=sys.stderr)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize(
    "words",
    [["--help"], ["models", "add", "--help"], ["train", "--help"], ["serve", "--help"], ["--version"]],
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    program = f"import feria.cli\nferia.cli.app({words!r}, standalone_mode=False)"
    assert loaded_by(program) & HEAVY == set()


def test_the_sdk_loads_its_types_and_nothing_else_heavy() -> None:
    assert loaded_by("from feria import Client") & HEAVY == {"pydantic"}


def test_the_package_itself_loads_nothing() -> None:
    assert loaded_by("import feria") & {*HEAVY, "typer", "rich", "asyncio"} == set()


def test_a_node_loads_opencv_only_when_it_looks_for_a_face() -> None:
    assert "cv2" not in loaded_by("import feria.node, feria.app")
