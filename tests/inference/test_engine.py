"""Served by name: loaded on use, swapped when warm, dropped when deleted."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

import nets
from feria.errors import Corrupt, FeriaError, NotFound
from feria.inference.engine import Engine, open_engine
from feria.inference.predictors import RowPredictor
from feria.node import Node
from feria.registry.shelf import Registry
from feria.registry.wire import State
from feria.settings import InferenceSettings
from feria.telemetry.metrics import Metrics

TIMES = [nets.linear([float(n)]) for n in range(1, 5)]


@pytest.fixture
def registry(node: Node) -> Registry:
    registry: Registry = node.parts[Registry]
    return registry


@pytest.fixture
def engine(node: Node) -> Engine:
    engine: Engine = node.parts[Engine]
    return engine


async def times(engine: Engine, name: str = "times", version: int | None = None) -> Any:
    answer = await engine.predict(name, [[10]], version=version)
    return answer["version"], answer["predictions"]


async def test_what_was_just_published_answers(registry: Registry, engine: Engine) -> None:
    with pytest.raises(NotFound):
        await times(engine)
    for version, net in enumerate(TIMES, 1):
        await registry.publish("times", net)
        assert await times(engine) == (version, [10.0 * version])
    assert await times(engine, version=2) == (2, [20.0])
    with pytest.raises(NotFound):
        await times(engine, version=9)


async def test_deprecating_and_deleting_are_followed(registry: Registry, engine: Engine) -> None:
    for net in TIMES[:3]:
        await registry.publish("times", net)
    await registry.change_state("times", 3, State.deprecated)
    assert await times(engine) == (2, [20.0])
    assert await times(engine, version=3) == (3, [30.0])
    await registry.delete("times", 2)
    assert await times(engine) == (1, [10.0])
    with pytest.raises(NotFound):
        await times(engine, version=2)
    await registry.delete("times")
    with pytest.raises(NotFound):
        await times(engine)


async def test_no_request_fails_while_versions_are_swapped(registry: Registry, engine: Engine) -> None:
    await registry.publish("times", TIMES[0])
    answers: list[Any] = []
    publishing = asyncio.create_task(publish_all(registry))
    while not publishing.done():
        answers += await asyncio.gather(*(times(engine) for _ in range(5)))
        await asyncio.sleep(0)
    versions = [version for version, _ in answers]
    assert versions == sorted(versions)
    assert all(predictions == [10.0 * version] for version, predictions in answers)
    assert await times(engine) == (4, [40.0])


async def publish_all(registry: Registry) -> None:
    for net in TIMES[1:]:
        await registry.publish("times", net)


async def test_a_version_that_was_swapped_out_takes_no_more_memory(
    registry: Registry, engine: Engine
) -> None:
    await registry.publish("times", TIMES[0])
    first = weakref.ref(await engine.predictor("times"))
    await registry.publish("times", TIMES[1])
    gc.collect()
    assert first() is None
    assert await times(engine, version=1) == (1, [10.0])
    assert await times(engine) == (2, [20.0])


async def test_a_restarted_engine_serves_what_is_on_the_shelf(registry: Registry) -> None:
    published = await registry.publish("times", TIMES[2])
    async with open_engine(registry, InferenceSettings(), Metrics()) as engine:
        assert not engine.ready
        assert (await engine.predict("times", [[1]]))["digest"] == published.digest
        await engine.warm_up()
        assert engine.ready


async def test_only_so_many_models_stay_loaded_and_the_others_load_on_use(registry: Registry) -> None:
    for name in "abc":
        await registry.publish(name, TIMES[0])
    async with open_engine(registry, InferenceSettings(max_loaded=2), Metrics()) as engine:
        await engine.warm_up()
        for name in "abcabc":
            assert (await times(engine, name))[1] == [10.0]
            assert len(engine._loaded) <= 2


async def test_a_damaged_file_is_an_error_of_that_model_alone(registry: Registry) -> None:
    good = await registry.publish("good", TIMES[0])
    bad = await registry.publish("bad", TIMES[1])
    (await registry.file(bad)).write_bytes(b"scratched")
    async with open_engine(registry, InferenceSettings(), Metrics()) as engine:
        await engine.warm_up()
        assert engine.ready
        assert (await engine.predict("good", [[1]]))["digest"] == good.digest
        with pytest.raises(Corrupt):
            await engine.predict("bad", [[1]])


@pytest.mark.parametrize("batch", ["N", 1])
async def test_a_batch_answers_as_its_rows_one_by_one(registry: Registry, engine: Engine, batch: Any) -> None:
    await registry.publish("sum", nets.linear([1.0, 10.0], 0.5, rows=batch))
    predictor = await engine.predictor("sum")
    assert isinstance(predictor, RowPredictor)
    payloads: list[Any] = [[[1, 2]], [[3, 4], [5, 6]], [["x", 1]], b'{"rows": [[7, 8]]}', []]
    together = predictor.answer(payloads)
    alone = [predictor.answer([payload])[0] for payload in payloads]
    assert [told(answer) for answer in together] == [told(answer) for answer in alone]
    assert [told(answer) for answer in together] == [
        [21.5],
        [43.5, 65.5],
        "Row 0, column 'x1': 'x' is not a number.",
        [87.5],
        "There are no rows.",
    ]


def told(answer: Any) -> Any:
    return answer.message if isinstance(answer, FeriaError) else answer["predictions"]
