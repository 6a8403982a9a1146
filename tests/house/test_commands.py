"""What can be typed is explained where it is typed."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main
from click.testing import CliRunner

from feria.cli import app

ROOT = Path(__file__).parents[2]


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _commands(f"{path} {name}", child)


COMMANDS = dict(_commands("feria", typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_explains_itself_and_all_it_takes(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{path}: {parameter.name}"


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_answers_help(path: str) -> None:
    words = path.split()[1:]
    result = CliRunner().invoke(typer.main.get_command(app), [*words, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    "target", ["setup", "up", "test", "check", "bench", "bench-peers", "docs", "clean", "help"]
)
def test_make_knows_the_word_and_explains_it(target: str) -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert re.search(rf"^  make {target} +\S", said.stdout, re.M)
