"""Our side at a client: Flower's ClientApp over rows that stay where they are.

What leaves: counts, means and spreads before the first round (`statistics.py`), then arrays, metrics and the
number of rows. A share of the rows is held back before anything is told, and only measured on.
"""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from feria.errors import Invalid
from feria.federation.agreement import Agreement, Examples
from feria.federation.local import Learner, evaluate
from feria.federation.models import learner_for
from feria.federation.screening import SAMPLES
from feria.federation.statistics import describe
from feria.learning.sources import Table
from feria.learning.wire import TrainingOrder

CONFIG, ARRAYS, METRICS, STATISTICS = "config", "arrays", "metrics", "statistics"
"""Names of the records in a message; the first two are Flower's own."""
JOB = "job"
"""Where `config` says what the job is: JSON of its `TrainingJob`. Who works for somebody may want to know."""
LEAST_HELD = 1


@dataclass(frozen=True, slots=True)
class Divided:
    """A client's rows: those it learns from, and those that it only measures on."""

    learned: Table
    held: Table


def divide(table: Table, share: float, seed: int) -> Divided:
    """The same rows are held for the same rows, share and seed. Raises `Invalid` where none would be."""
    rows = table.frame.height
    held = max(LEAST_HELD, round(rows * share))
    if not 0 < held < rows:
        raise Invalid(f"Of {rows} rows a share of {share:g} cannot be held back.")
    shuffled = np.random.default_rng(seed).permutation(rows)
    learned, kept = np.sort(shuffled[held:]), np.sort(shuffled[:held])
    return Divided(replace(table, frame=table.frame[learned]), replace(table, frame=table.frame[kept]))


def client_app(rows_of: Callable[[str], Divided]) -> ClientApp:
    """`rows_of` is asked for the rows of the client of that name; it may read them anew each time."""
    app = ClientApp()
    read = _Reader(rows_of)

    @app.query(STATISTICS)
    def tell(message: Message, context: Context) -> Message:
        order = TrainingOrder.model_validate_json(_text(message, "order"))
        table = rows_of(_name(context)).learned
        told = describe(table, order)
        record = ConfigRecord({"told": told.model_dump_json()})
        return Message(RecordDict({STATISTICS: record}), reply_to=message)

    @app.train()
    def train(message: Message, context: Context) -> Message:
        learner, examples = read.examples(message, _name(context), held=False)
        fit = learner.fit(
            _arrays(message),
            examples,
            # Of this round and this client.
            int(_number(message, "seed")) ^ zlib.crc32(_name(context).encode()),
            proximal=_number(message, "proximal-mu"),
        )
        metrics = MetricRecord({**fit.metrics, SAMPLES: fit.samples})
        return Message(RecordDict({ARRAYS: ArrayRecord(fit.arrays), METRICS: metrics}), reply_to=message)

    @app.evaluate()
    def measure(message: Message, context: Context) -> Message:
        learner, examples = read.examples(message, _name(context), held=True)
        metrics = evaluate(learner, _arrays(message), examples)
        record = MetricRecord({**metrics, SAMPLES: len(examples.y)})
        return Message(RecordDict({METRICS: record}), reply_to=message)

    return app


class _Reader:
    """Rows as their agreement says, read once for all rounds."""

    def __init__(self, rows_of: Callable[[str], Divided]) -> None:
        self._rows_of = rows_of
        self._read: dict[tuple[str, bool], tuple[Agreement, Examples]] = {}

    def examples(self, message: Message, name: str, *, held: bool) -> tuple[Learner, Examples]:
        learner = _learner(_text(message, "agreement"), _text(message, "settings"))
        known = self._read.get((name, held))
        if known is None or known[0] != learner.agreement:
            rows = self._rows_of(name)
            examples = learner.agreement.read(rows.held if held else rows.learned)
            known = self._read[name, held] = (learner.agreement, examples)
        return learner, known[1]


@lru_cache(maxsize=8)  # ten thousand clients of one process are sent the same
def _learner(agreement: str, settings: str) -> Learner:
    return learner_for(Agreement.model_validate_json(agreement), json.loads(settings))


def _name(context: Context) -> str:
    return str(context.node_config["name"])


def _text(message: Message, name: str) -> str:
    return str(message.content.config_records[CONFIG][name])


def _number(message: Message, name: str) -> float:
    """0 where nothing is said."""
    value = message.content.config_records[CONFIG].get(name, 0)
    assert isinstance(value, int | float)
    return value


def _arrays(message: Message) -> list[np.ndarray]:
    return message.content.array_records[ARRAYS].to_numpy_ndarrays()
