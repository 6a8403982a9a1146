"""The house has floors, and its picture shows them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS_WITHOUT_MEANING = {"common", "helper", "helpers", "manager", "misc", "service", "util", "utils"}


def test_imports_only_go_down() -> None:
    lint = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert lint.returncode == 0, lint.stdout


def test_the_picture_in_the_house_guide_is_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = [
        {room.strip().removeprefix("feria.") for room in floor.split("|")} for floor in contracts[0]["layers"]
    ]

    guide = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    picture = re.search(r"## The house has floors.*?```\n(.*?)```", guide, re.S)
    assert picture
    for floor, line in zip(floors, picture[1].splitlines(), strict=True):
        assert _rooms(line) == floor


def _rooms(line: str) -> set[str]:
    """`  node     | compat      node.py alone …` stands for node and compat."""
    rooms = re.match(r"\s*(\w+(?:\s*\|\s*\w+)*)", line)
    assert rooms
    return {room.strip() for room in rooms[1].split("|")}


def test_every_room_stands_on_a_floor() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    placed = {room.strip() for floor in config["contracts"][0]["layers"] for room in floor.split("|")}
    rooms = {
        f"feria.{path.stem}"
        for path in (ROOT / "src" / "feria").iterdir()
        if (path.is_dir() and (path / "__init__.py").exists()) or path.suffix == ".py"
    }
    assert rooms - placed <= {"feria.__init__", "feria.__main__", "feria.client"}


def test_files_are_named_after_the_thing_in_them() -> None:
    named = {path.stem.lower() for path in (ROOT / "src").rglob("*.py")}
    assert not named & WORDS_WITHOUT_MEANING
