"""Work that is queued, through the SDK."""

import io
from pathlib import Path

import pytest
from PIL import Image

from client.small_models import Ask, brightness
from feria.errors import Busy, Cancelled, Invalid, NotFound
from feria.registry.wire import Model
from feria.tasks.wire import TaskState

LINE = [{"x": float(x), "y": 2.0 * x} for x in range(40)]
SLOW = [{"x": float(i % 97), "y": (i * 7919) % 1000 / 10} for i in range(20000)]


async def test_a_training_later_brings_its_model(ask: Ask, name: str) -> None:
    task = await ask("train_later", name, "linear_regression", LINE, "y", seed=5)
    assert task.kind == "train"
    model = Model.model_validate(await ask("result", task))
    assert (model.name, model.metrics["seed"]) == (name, 5)


async def test_a_file_is_trained_on_later(ask: Ask, name: str, tmp_path: Path) -> None:
    file = tmp_path / "line.csv"
    file.write_text("x,y\n" + "".join(f"{n},{n}\n" for n in range(20)))
    task = await ask("train_later", name, "linear_regression", file, "y")
    file.unlink()
    assert (await ask("result", task))["name"] == name


async def test_progress_is_heard_until_the_end(ask: Ask, name: str) -> None:
    told: list[tuple[str, float]] = []
    task = await ask("train_later", name, "linear_regression", LINE, "y")
    ended = await ask("follow", task, lambda *said: told.append(said))
    assert ended.state == TaskState.done
    assert told[-1] == ("done", 1.0)


async def test_predictions_later_are_those_of_now(ask: Ask, name: str, doubling_file: Path) -> None:
    await ask("publish", name, doubling_file)
    task = await ask("predict_later", name, [[4.0]], priority=3)
    assert task.priority == 3
    assert (await ask("result", task))["predictions"] == [8.0]
    versioned = await ask("predict_later", name, [[4.0]], 1, key=f"{name}-key")
    again = await ask("predict_later", name, [[4.0]], 1, key=f"{name}-key")
    assert versioned.id == again.id


async def test_pictures_later(ask: Ask, name: str, tmp_path: Path) -> None:
    (tmp_path / "brightness.onnx").write_bytes(brightness())
    await ask("publish", name, tmp_path / "brightness.onnx")
    white = io.BytesIO()
    Image.new("L", (4, 4), 255).save(white, "PNG")
    now = await ask("classify", name, white.getvalue())
    task = await ask("classify_later", name, white.getvalue())
    expected = now.model_dump(mode="json", exclude_none=True)["predictions"]
    assert (await ask("result", task))["predictions"] == expected


async def test_a_result_that_is_not_there_yet_is_waited_for_no_longer_than_said(ask: Ask, name: str) -> None:
    task = await ask("train_later", name, "svm", SLOW, "y", task="regression")
    with pytest.raises(Busy):
        await ask("result", task, wait=0.05)
    await ask("cancel", task)
    with pytest.raises(Cancelled):
        await ask("result", task)
    await ask("cancel", task)
    with pytest.raises(NotFound):
        await ask("task", task)


async def test_what_a_task_raised_is_raised_here(ask: Ask, name: str) -> None:
    task = await ask("train_later", name, "linear_regression", LINE, "nothing")
    with pytest.raises(Invalid, match="nothing"):
        await ask("result", task)
    assert (await ask("task", task.id)).state == TaskState.failed
    assert task.id in [one.id for one in await ask("tasks", state=TaskState.failed, kind="train", limit=500)]
