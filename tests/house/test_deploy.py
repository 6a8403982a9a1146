"""What operators copy from deploy/ says nothing that feria does not know."""

import re
from pathlib import Path

import pytest
import typer

from feria.cli.commands import app
from house.test_settings import SETTINGS

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())
SETTING = re.compile(r"\bFERIA_[A-Z]+(?:__[A-Z_]+)?\b")
COMMAND = re.compile(r"(?:^|[\s/;&|])feria ([a-z]+)\b(?=[ \n])")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_settings_that_are_named_exist(file: Path) -> None:
    named = set(SETTING.findall(file.read_text(encoding="utf-8")))
    assert named <= set(SETTINGS) | {"FERIA_BUILD_APP"}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_commands_that_are_run_exist(file: Path) -> None:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if "Exec" in line or "$ " in line]
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert set(COMMAND.findall("\n".join(lines))) <= known


def test_the_image_installs_what_the_project_asks_for() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "constraints.txt" in text
    ignored = (DEPLOY.parent / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {line[1:] for line in ignored if line.startswith("!")}
    assert all((DEPLOY.parent / path).exists() for path in copied)
