"""A training on a running node: published whole, or not at all."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from feria.errors import FeriaError, Invalid, NotFound, OverLimit, TooLarge
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining, TrainingOrder
from feria.node import Node, open_node
from feria.registry.shelf import Registry
from feria.settings import LearningSettings, Settings, WorkerSettings

ROWS = [{"x": i, "word": "ab"[i % 2], "y": 2 * i} for i in range(40)]
LINE = InlineTraining(kind="linear_regression", target="y", rows=ROWS)
SLOW = InlineTraining(
    kind="mlp",
    target="y",
    settings={"hidden_layer_sizes": [2000, 2000], "max_iter": 100_000, "alpha": 0.0},
    rows=[{"x": i, "y": i * 7919 % 1000 / 10} for i in range(2000)],
)


@pytest.fixture
def trainer(node: Node) -> Trainer:
    found: Trainer = node.parts[Trainer]
    return found


@pytest.fixture
def registry(node: Node) -> Registry:
    found: Registry = node.parts[Registry]
    return found


async def test_a_trained_model_is_on_the_shelf_with_all_that_is_known_of_it(
    trainer: Trainer, registry: Registry
) -> None:
    said: list[tuple[str, float]] = []
    model = await trainer.train("line", LINE, LINE, lambda doing, done: said.append((doing, done)))
    assert await registry.find("line") == model
    assert (model.version, model.kind) == (1, "linear_regression")
    assert model.metrics["r2"] == pytest.approx(1)
    assert model.trained_from["rows"] == 40
    assert [column.name for column in model.input.columns] == ["x", "word"]  # type: ignore[union-attr]
    assert "On 8 rows that it had not seen" in model.card
    assert said[0] == ("reading the rows", 0.0)
    assert said[-1] == ("served", 1.0)
    assert [done for _, done in said] == sorted(done for _, done in said)
    assert list(trainer.scratch.iterdir()) == []


async def test_a_file_is_trained_on_where_it_lies(trainer: Trainer, tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    path.write_text("x,y\n" + "".join(f"{i},{2 * i}\n" for i in range(40)))
    order = TrainingOrder(kind="linear_regression", target="y", card="Mine.")
    model = await trainer.train("line", order, path)
    assert model.card == "Mine."
    assert len(str(model.trained_from["sha256"])) == 64
    assert path.exists()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("no name", {}, "is no model name"),
        ("line", {"target": "z"}, "There is no column 'z' to predict"),
        ("line", {"settings": {"C": 1}}, "linear_regression has no setting 'C'"),
    ],
)
async def test_what_is_refused_leaves_nothing_behind(
    trainer: Trainer, registry: Registry, name: str, change: dict[str, object], said: str
) -> None:
    order = LINE.model_copy(update=change)
    with pytest.raises(Invalid, match=said):
        await trainer.train(name, order, order)
    assert await registry.models() == []
    assert list(trainer.scratch.iterdir()) == []


async def test_a_cancelled_training_ends_and_publishes_nothing(trainer: Trainer, registry: Registry) -> None:
    fitting = asyncio.Event()

    def report(doing: str, done: float) -> None:
        if doing == "fitting":
            fitting.set()

    training = asyncio.create_task(trainer.train("slow", SLOW, SLOW, report))
    await fitting.wait()
    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training
    with pytest.raises(NotFound):
        await registry.find("slow")
    assert list(trainer.scratch.iterdir()) == []
    assert (await trainer.train("line", LINE, LINE)).version == 1


async def test_limits_on_time_memory_and_rows_hold(settings: Settings) -> None:
    for limit, error in (
        ({"workers": WorkerSettings(seconds=0.01)}, OverLimit),
        ({"workers": WorkerSettings(memory_mib=64)}, FeriaError),
        ({"learning": LearningSettings(max_rows=39)}, TooLarge),
        ({"learning": LearningSettings(max_columns=2)}, TooLarge),
    ):
        async with open_node(settings.model_copy(update=limit)) as node:
            with pytest.raises(error):
                await node.parts[Trainer].train("slow", SLOW, SLOW if "workers" in limit else LINE)
            assert await node.parts[Registry].models() == []


async def test_what_a_killed_node_left_is_cleared_away(settings: Settings) -> None:
    left = settings.home / "scratch" / "tmpabc"
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"half of one")
    async with open_node(settings) as node:
        assert list(node.parts[Trainer].scratch.iterdir()) == []


def test_the_node_itself_does_not_load_what_only_workers_need() -> None:
    heavy = "sklearn", "skl2onnx", "polars", "onnx", "onnxruntime", "scipy"
    code = "import sys, feria.learning.routes, feria.learning.trainer; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(heavy) & set(loaded.stdout.split()) == set()
