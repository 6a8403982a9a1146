"""Flower clients for tests: logistic regression by gradient steps, and the faults that a client can have.

Each remembers its last step (in its context) and takes a part of it again, so a run whose memories or order
differ in the least ends with other arrays.
"""

import os
import signal
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from feria.clock import Clock, SystemClock
from feria.federation import flower
from feria.federation.executors import Executor, InTurn
from feria.federation.grid import Client, InProcessGrid
from feria.federation.guard import Guarded, make
from feria.federation.orders import Participation, PrivacySettings
from feria.federation.privacy import make_private
from feria.federation.rounds import Outcome, Rounds
from feria.federation.screening import Screening
from feria.federation.strategies import STRATEGIES
from feria.federation.watch import WatchGrid
from feria.federation.wire import AnyEvent

COLUMNS = 4
TRUTH = np.array([2.0, -1.0, 0.5, 0.0])
NAMES = ("Tienda Ana", "Tienda Berta", "Tienda Carla", "Tienda Dora")

Floats = np.ndarray[Any, np.dtype[np.float64]]


def rows(name: str, count: int = 60) -> tuple[Floats, Floats]:
    """A client's own: always the same for a name."""
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    x = chance.normal(size=(count, COLUMNS))
    return x, (x @ TRUTH + 0.3 * chance.normal(size=count) > 0).astype(float)


def initial() -> ArrayRecord:
    return ArrayRecord([np.zeros(COLUMNS), np.zeros(1)])


def accuracy(arrays: ArrayRecord, x: Floats, y: Floats) -> float:
    weights, intercept = arrays.to_numpy_ndarrays()
    return float(((x @ weights + intercept > 0) == y).mean())


def hang() -> None:
    threading.Event().wait(3600)


def make_app(hangs: Callable[[], None] = hang) -> ClientApp:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        x, y = rows(str(context.node_config["name"]))
        config = message.content["config"]
        assert isinstance(config, ConfigRecord)
        fault = context.node_config.get("fault")
        if context.node_config.get("in_round", config["server-round"]) != config["server-round"]:
            fault = None
        if fault == "poison":
            y = 1 - y
        weights, intercept = _arrays(message)
        old = context.state.get("step")
        step = old.to_numpy_ndarrays()[0] if isinstance(old, ArrayRecord) else np.zeros(COLUMNS)
        start = weights
        for _ in range(5):
            odds = 1 / (1 + np.exp(-(x @ weights + intercept)))
            weights = weights - 0.5 * (x.T @ (odds - y) / len(y)) + 0.01 * step
            intercept = intercept - 0.5 * float((odds - y).mean())
        context.state["step"] = ArrayRecord([weights - start])
        trained = [
            weights + 1e-3 * np.random.default_rng(int(str(config.get("seed", 0)))).normal(),
            intercept,
        ]
        if fault == "poison":
            trained = [start + 20 * (weights - start), intercept]
        return _faulty(str(fault), message, trained, hangs)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        x, y = rows(str(context.node_config["name"]))
        record = message.content["arrays"]
        assert isinstance(record, ArrayRecord)
        found = accuracy(record, x, y)
        metrics = MetricRecord({"accuracy": found, "auc": float("nan"), "num-examples": len(y)})
        return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


def _arrays(message: Message) -> tuple[Floats, Floats]:
    record = message.content["arrays"]
    assert isinstance(record, ArrayRecord)
    weights, intercept = record.to_numpy_ndarrays()
    return weights, intercept


SPOILED: dict[str, Callable[[list[Floats]], list[Any]]] = {
    "nan": lambda arrays: [arrays[0] * np.nan, arrays[1]],
    "infinity": lambda arrays: [arrays[0], arrays[1] + np.inf],
    "shape": lambda arrays: [arrays[0][:-1], arrays[1]],
    "text": lambda arrays: [np.array(["a", "b", "c", "d"]), arrays[1]],
    "fewer": lambda arrays: arrays[:1],
}
METRICS: dict[str, dict[str, Any]] = {
    "lie": {"num-examples": 10**9},
    "nobody": {"num-examples": 0},
    "half": {"num-examples": 59.5},
    "more metrics": {"depth": 3},
}


def _faulty(fault: str, message: Message, trained: list[Floats], hangs: Callable[[], None]) -> Message:
    match fault:
        case "raise":
            raise ValueError("the till is locked")
        case "hang":
            hangs()
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            raise SystemExit(3)
    arrays = ArrayRecord(SPOILED.get(fault, list)(trained))
    metrics = MetricRecord({"loss": 0.5, "num-examples": 60} | METRICS.get(fault, {}))
    return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)


class Fair:
    """A job over some clients, and what it told."""

    def __init__(
        self,
        path: Path,
        there: Mapping[str, Mapping[str, Any]] | tuple[str, ...] = NAMES,
        *,
        executor: Executor | None = None,
        clock: Clock | None = None,
        strategy: str = "fedavg",
        settings: Mapping[str, Any] | None = None,
        privacy: PrivacySettings | None = None,
        samples: Mapping[str, int] | None = None,
        seed: int = 7,
        **rules: Any,
    ) -> None:
        flower.prepare(path, run_id=1)
        clock = clock or SystemClock()
        given = there if isinstance(there, Mapping) else {name: {} for name in there}
        self.events: list[AnyEvent] = []
        self.stop = threading.Event()
        self.grid = InProcessGrid(
            executor or InTurn(make_app(), clock), clock, [Client(*each) for each in given.items()]
        )
        kind = STRATEGIES[strategy]
        chosen = kind.choose(settings or {})
        flowers = make(kind, chosen)
        rules.setdefault("clients", tuple(given))
        self.strategy = Guarded(
            make_private(flowers, privacy, len(given)) if privacy else flowers,
            Participation(**rules),
            seed=seed,
            least=kind.least(chosen),
        )
        screen = Screening(samples if samples is not None else dict.fromkeys(given, 60))
        self.watched = WatchGrid(self.grid, clock, self.tell, screen, self.stop)
        self.clock = clock
        self.path = path / "job.npz"

    def tell(self, event: AnyEvent) -> None:
        self.events.append(event)

    def run(self, rounds: int = 3, **more: Any) -> Outcome:
        return Rounds(
            grid=self.watched,
            strategy=self.strategy,
            rounds=rounds,
            clock=self.clock,
            tell=self.tell,
            path=self.path,
            stop=self.stop,
            memory=self.grid,
            **more,
        ).run(initial())

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def same(ours: ArrayRecord, theirs: ArrayRecord) -> bool:
    """To the bit."""
    return [array.data for array in ours.values()] == [array.data for array in theirs.values()]


def run_job(path: Path, fault: str, in_round: int) -> None:
    """For a process of its own: one of the clients has that fault."""
    fair = Fair(
        path, {name: {"fault": fault, "in_round": in_round} if name == NAMES[2] else {} for name in NAMES}
    )
    fair.run(4)


def run_job_killed_when_told(path: Path, event: str, number: int) -> None:
    """For a process of its own, which dies when the first such event of that round is told."""

    class Dying(Fair):
        def tell(self, told: AnyEvent) -> None:
            if type(told).__name__ == event and told.round == number:
                os.kill(os.getpid(), signal.SIGKILL)

    Dying(path).run(4)
