"""A federated round in one process, beside the same fits in a plain loop."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import Spread, spread
from bench.run import Run

NAME = "fed_round"
SIZES = (5, 100, 1_000, 10_000)
ROWS, COLUMNS, STEPS = 50, 30, 5
AT_LEAST = 200
"""Fits of one turn: few clients have several rounds in it."""
TARGET = "≤ 1.3"
HEADS = ("Clients", "ours, s", "plain loop, s", "ratio", "beyond the fits, ms a client", "kept on disk, ms")


@dataclass
class Shop:
    """A client's rows and how it fits them; the same for both contenders."""

    x: np.ndarray  # type: ignore[type-arg]
    y: np.ndarray  # type: ignore[type-arg]

    def fit(self, weights: np.ndarray, intercept: np.ndarray) -> list[np.ndarray]:  # type: ignore[type-arg]
        model = LogisticRegression(max_iter=STEPS, warm_start=True)
        model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), weights, intercept
        model.fit(self.x, self.y)
        return [model.coef_, model.intercept_]


def run(run: Run) -> Outcome:
    rows, promises = [], []
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # five steps are few on purpose
        for clients in SIZES[:2] if run.quick else SIZES:
            run.tell(f"{clients:,} clients")
            row, promise = measure(run, clients)
            rows.append(row)
            promises.append(promise)
    return Outcome(
        NAME,
        grids=[Grid("One round of training in one process, median (lowest–highest)", HEADS, rows)],
        promises=promises,
        notes=[
            f"Each client fits a logistic regression on {ROWS} rows of {COLUMNS} columns in {STEPS} steps, "
            "on one core. Ours is Flower's FedAvg over the embedded grid: own copies for each client, every "
            "reply screened, every event told; without the evaluation. The plain loop calls the same fits "
            "and takes their mean.",
        ],
        versions={"flwr": version("flwr")},
    )


def measure(run: Run, clients: int) -> tuple[list[str], Promise]:
    chance = np.random.default_rng(clients)
    truth = chance.normal(size=COLUMNS)
    shops = []
    for _ in range(clients):
        x = chance.normal(size=(ROWS, COLUMNS))
        y = (x @ truth + chance.normal(size=ROWS) > 0).astype(int)
        y[:2] = 0, 1
        shops.append(Shop(x, y))
    times = max(1, AT_LEAST // clients)
    ours, kept = _ours(run, shops)
    loop = _plain(shops)
    loop(), ours()
    taken: list[tuple[float, float]] = []
    for n in range(run.rounds):
        pair = (ours, loop) if n % 2 else (loop, ours)
        seconds = [_seconds(deed, times) for deed in pair]
        taken.append((seconds[0], seconds[1]) if n % 2 else (seconds[1], seconds[0]))
    mine, theirs = (spread(column) for column in zip(*taken, strict=True))
    ratio = spread(a / b for a, b in taken)
    beyond = Spread(*(1000 * value / clients for value in _astuple(spread(a - b for a, b in taken))))
    row = [f"{clients:,}", ranged(mine), ranged(theirs), ranged(ratio), ranged(beyond), number(kept())]
    return row, Promise(
        "fed-round",
        f"{number(mine.median)} s, {clients:,} clients",
        f"the same fits in a plain loop, {clients:,} clients",
        f"{number(theirs.median)} s",
        ratio.median,
        TARGET,
    )


def _seconds(deed: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        deed()
    return (time.perf_counter() - began) / times


def _astuple(of: Spread) -> tuple[float, float, float]:
    return of.median, of.low, of.high


def _plain(shops: list[Shop]) -> Callable[[], object]:
    state = [np.zeros((1, COLUMNS)), np.zeros(1)]

    def round_() -> None:
        fitted = [shop.fit(*state) for shop in shops]
        state[:] = [np.mean(arrays, axis=0) for arrays in zip(*fitted, strict=True)]

    return round_


def _ours(run: Run, shops: list[Shop]) -> tuple[Callable[[], object], Callable[[], float]]:
    """A round, and how many milliseconds it takes to keep one on the disk."""
    from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp

    from feria.clock import SystemClock
    from feria.federation import flower
    from feria.federation.checkpoints import Checkpoint, save
    from feria.federation.executors import InTurn
    from feria.federation.grid import Client, InProcessGrid
    from feria.federation.guard import Guarded, make
    from feria.federation.screening import Screening
    from feria.federation.strategies import STRATEGIES
    from feria.federation.watch import WatchGrid
    from feria.federation.wire import AnyEvent, Participation

    app = ClientApp()
    named = {f"shop {n}": shop for n, shop in enumerate(shops)}

    @app.train()
    def train(message: Message, context: Context) -> Message:
        shop = named[str(context.node_config["name"])]
        record = message.content["arrays"]
        assert isinstance(record, ArrayRecord)
        fitted = ArrayRecord(shop.fit(*record.to_numpy_ndarrays()))
        metrics = MetricRecord({"loss": 0.0, "num-examples": len(shop.y)})
        return Message(RecordDict({"arrays": fitted, "metrics": metrics}), reply_to=message)

    flower.prepare(run.scratch, run_id=1)
    clock = SystemClock()
    grid = InProcessGrid(InTurn(app, clock), clock, [Client(name) for name in named])
    events: list[AnyEvent] = []
    watched = WatchGrid(grid, clock, events.append, Screening(dict.fromkeys(named, ROWS)))
    strategy = Guarded(make(STRATEGIES["fedavg"], STRATEGIES["fedavg"].choose({})), Participation(), seed=1)
    state = [ArrayRecord([np.zeros((1, COLUMNS)), np.zeros(1)])]

    def round_() -> None:
        events.clear()
        messages = strategy.configure_train(1, state[0], ConfigRecord(), watched)
        state[0], _ = strategy.aggregate_train(1, watched.send_and_receive(messages, timeout=3600))

    def keep() -> float:
        arrays = {name: array.numpy() for name, array in state[0].items()}
        checkpoint = Checkpoint(1, arrays, {}, grid.memories())
        taken = [_seconds(lambda: save(run.scratch / "job.npz", checkpoint), 1) for _ in range(5)]
        return 1000 * sorted(taken)[2]

    return round_, keep
