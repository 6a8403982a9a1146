"""Stores that never were: tables of three clients that differ, with gaps, words and something to predict."""

from typing import Any

import numpy as np
import polars as pl

from feria.federation.agreement import Agreement, Examples, agree
from feria.federation.statistics import describe
from feria.learning.sources import Table
from feria.learning.wire import TrainingOrder

NAMES = ("Arequipa", "Cusco", "Lima")
COLOURS = ("blue", "green", "red", "white")


def table(frame: pl.DataFrame | dict[str, Any]) -> Table:
    return Table(frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(frame), 1, {"format": "rows"})


def stores(target: str = "two", rows: int = 200, seed: int = 0) -> dict[str, Table]:
    """`target` is `two` or `three` classes, called `label`, or a number, `price`. Each store has numbers
    of its own, and colours and classes in its own shares."""
    chance = np.random.default_rng(seed)
    made = {}
    for place, name in enumerate(NAMES):
        a, b = chance.normal(place - 1, 1, rows), chance.normal(100, 5 + place, rows)
        colour = chance.choice(COLOURS, rows, p=np.roll([0.55, 0.25, 0.15, 0.05], place))
        worth = 2 * a + (b - 100) / 4 + 1.5 * (colour == "red") + chance.normal(0, 1, rows)
        missing = [pl.Series(name, chance.random(rows) < 0.1) for name in ("b", "colour")]
        frame = pl.DataFrame({"a": a, "b": b, "colour": colour}).with_columns(
            pl.when(~gaps).then(pl.col(gaps.name)).alias(gaps.name) for gaps in missing
        )
        made[name] = table(frame.with_columns(_predicted(target, worth)))
    return made


def _predicted(target: str, worth: Any) -> pl.Series:
    if target == "price":
        return pl.Series("price", 5000 + 100 * worth)
    names = ("cheap", "dear") if target == "two" else ("cheap", "dear", "middling")
    classes = np.digitize(worth, [0.5] if target == "two" else [3, 0])
    return pl.Series("label", [names[k] for k in classes])


def order(kind: str = "logistic_regression", target: str = "label", **more: Any) -> TrainingOrder:
    return TrainingOrder.model_validate({"kind": kind, "target": target, **more})


def agreed(tables: dict[str, Table], wanted: TrainingOrder) -> tuple[Agreement, dict[str, Examples]]:
    agreement = agree({name: describe(table, wanted) for name, table in tables.items()}, wanted)
    return agreement, {name: agreement.read(table) for name, table in tables.items()}


def joined(examples: dict[str, Examples]) -> Examples:
    return Examples(
        np.concatenate([one.x for one in examples.values()]),
        np.concatenate([one.y for one in examples.values()]),
    )
