"""How long one row takes in this process: ours from JSON to answer, scikit-learn, and ONNX Runtime alone."""

import asyncio
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import numpy as np
import polars as pl
import uvloop
from sklearn.datasets import load_wine
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from bench import bare
from bench.report import Grid, Outcome, number
from bench.rounds import spread
from bench.run import Run
from feria.inference.engine import Engine
from feria.inference.predictors import AnyPredictor
from feria.learning.estimators import fit
from feria.learning.kinds import KINDS
from feria.learning.target import read_target
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining, KindName, Task
from feria.node import open_node
from feria.registry.shelf import Registry
from feria.settings import Settings

NAME = "single_row"
NUMBER_OF = "alcohol"
"""What the regression predicts; the other kinds tell the cultivar."""
COLUMNS = (
    "Model",
    "feria µs",
    "in a thread µs",
    "ONNX Runtime µs",
    "scikit-learn µs",
    "scikit-learn / feria",
)

Deed = Callable[[], Awaitable[Any] | Any]


def run(run: Run) -> Outcome:
    kinds = ["logistic_regression"] if run.quick else list(KINDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = runner.run(_measure(run, kinds))
    return Outcome(
        NAME,
        grids=[Grid("One row in this process, 13 numbers, median of rounds", COLUMNS, rows)],
        notes=[
            "`feria` reads JSON bytes and returns the answer with its probabilities, on the event loop; `in "
            "a thread` is the same through the batcher, as slower models and larger requests go.",
            "`ONNX Runtime` is `InferenceSession.run` on an array that is there already. `scikit-learn` is "
            "`predict_proba`, or `predict` of the regression, of the same estimator on such an array.",
        ],
    )


async def _measure(run: Run, kinds: list[Any]) -> list[list[str]]:
    settings = Settings(home=run.scratch / "home", _env_file=None)  # type: ignore[call-arg]
    rows = []
    async with open_node(settings) as node:
        engine: Engine = node.parts[Engine]
        for kind in kinds:
            run.tell(f"one row of {kind}")
            await node.parts[Trainer].train(kind, *_order(kind))
            predictor = await engine.predictor(kind)
            file = await node.parts[Registry].file(predictor.model)
            deeds = _deeds(kind, engine, predictor, bare.session(file))
            times: dict[str, list[float]] = {name: [] for name in deeds}
            for _ in range(run.rounds):
                for name, deed in deeds.items():
                    times[name].append(await _microseconds(deed, run.seconds / 25))
            medians = {name: spread(taken).median for name, taken in times.items()}
            ratio = medians["scikit-learn"] / medians["feria"]
            rows.append([kind.replace("_", " "), *(number(of) for of in medians.values()), f"{ratio:.0f} ×"])
    return rows


def _order(kind: KindName) -> tuple[InlineTraining, InlineTraining]:
    names, values, target, _ = _data(kind)
    rows = [[*row, value] for row, value in zip(values.tolist(), target.to_list(), strict=True)]
    order = InlineTraining(kind=kind, target="target", columns=[*names, "target"], rows=rows)
    return order, order


def _data(kind: KindName) -> tuple[list[str], Any, pl.Series, Task]:
    wine = load_wine()
    if "classification" in KINDS[kind].tasks:
        return (
            wine.feature_names,
            wine.data,
            pl.Series(wine.target_names[wine.target].tolist()),
            "classification",
        )
    at = wine.feature_names.index(NUMBER_OF)
    names = [name for name in wine.feature_names if name != NUMBER_OF]
    return names, np.delete(wine.data, at, axis=1), pl.Series(wine.data[:, at]), "regression"


def _deeds(kind: KindName, engine: Engine, predictor: AnyPredictor, session: Any) -> dict[str, Deed]:
    row = _data(kind)[1][:1]
    body = msgspec.json.encode({"rows": row.tolist()})
    array = row.astype(np.float32)
    wanted = [name for name in (predictor.model.output.value, predictor.model.output.probabilities) if name]
    feeds = {predictor.model.input.numbers_input: array}  # type: ignore[union-attr]
    model = _estimator(kind)
    theirs = model.predict if KINDS[kind].tasks == ("regression",) else model.predict_proba

    def ours() -> Any:
        return engine.answer_now(predictor, body) or engine.predict(kind, body)

    return {
        "feria": ours,
        "thread": lambda: engine.predict(kind, body),
        "onnx": lambda: session.run(wanted, feeds),
        "scikit-learn": lambda: theirs(array),
    }


def _estimator(kind: KindName) -> Pipeline:
    """The estimator that the product fits, with the scaling one would put before it."""
    _, values, target, task = _data(kind)
    scaler: Any = StandardScaler() if KINDS[kind].scaled else FunctionTransformer()
    x = scaler.fit_transform(values).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = fit(KINDS[kind].choose({}), x, read_target(target, KINDS[kind], task), 0, lambda _: None)
    return make_pipeline(scaler, fitted.estimator)


async def _microseconds(deed: Deed, seconds: float) -> float:
    """The median of as many as fit into that time, of twenty at least."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 20 or time.perf_counter() < until:
        began = time.perf_counter()
        answer = deed()
        if isinstance(answer, Awaitable):
            await answer
        times.append(time.perf_counter() - began)
    return spread(times).median * 1e6
