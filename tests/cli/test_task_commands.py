"""`feria tasks`, and `feria train --later`."""

import json
import re
from pathlib import Path

import pytest

from cli.running import Feria


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("rows") / "line.csv"
    file.write_text("x,y\n" + "".join(f"{n},{2 * n}\n" for n in range(40)))
    return file


def later(feria: Feria, rows: Path, target: str = "y") -> str:
    said = feria("train", "linear_regression", "--data", rows, "--target", target, "--later")
    task = said.out.strip()
    assert re.fullmatch("[0-9a-f]{28}", task)
    assert f"feria tasks wait {task}" in said.err
    return task


def test_a_training_later_is_waited_for(beside: Feria, rows: Path) -> None:
    task = later(beside, rows)
    model = json.loads(beside("tasks", "wait", task).out)
    assert model["name"] == "line"
    assert model["trained_from"]["task"] == task
    assert json.loads(beside("tasks", "wait", task[:20]).out) == model


def test_tasks_are_listed_and_shown(beside: Feria, rows: Path) -> None:
    task = later(beside, rows)
    beside("tasks", "wait", task)
    listed = beside("tasks", "list").out
    assert re.search(rf"{task} +train +done +[0-9]+ s ago +[0-9.]+ s", listed)
    assert task not in beside("tasks", "list", "--state", "failed").out
    shown = beside("tasks", "show", task).out
    assert re.search(r"owner +local", shown)
    assert json.loads(beside("tasks", "show", task, "--json").out)["id"] == task
    assert json.loads(beside("tasks", "list", "--json").out)["tasks"][0]["id"] == task


def test_a_task_that_failed_says_why(beside: Feria, rows: Path) -> None:
    task = later(beside, rows, target="nothing")
    assert "nothing" in beside.refused("tasks", "wait", task)
    assert re.search(rf"{task} +train +failed +invalid: .*nothing", beside("tasks", "list").out)


def test_a_task_is_forgotten_and_what_is_unknown_is_said(beside: Feria, rows: Path) -> None:
    task = later(beside, rows)
    beside("tasks", "wait", task)
    assert "forgotten" in beside("tasks", "cancel", task).out
    assert "no task" in beside.refused("tasks", "show", task).lower()
    assert "feria tasks list" in beside.refused("tasks", "cancel", "ffff")
    assert "waiting, running" in beside("tasks", "list", "--state", "lost", code=2).err


def test_without_a_node_the_order_waits_for_one(feria: Feria, rows: Path) -> None:
    """A command opens the home itself, and may end before the training does."""
    task = later(feria, rows)
    with feria.node():
        assert json.loads(feria("tasks", "wait", task).out)["name"] == "line"
    assert re.search(rf"{task} +train +done", feria("tasks", "list").out)
