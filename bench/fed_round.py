"""A federated round in one process, beside the same fits in a plain loop."""

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
from threadpoolctl import threadpool_limits

from bench.peers.shop import COLUMNS, ROWS, STEPS, Shop, initial, shop
from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import Spread, spread
from bench.run import Run

NAME = "fed_round"
SIZES = (5, 100, 1_000, 10_000)
AT_LEAST = 200
"""Fits of one turn: few clients have several rounds in it."""
TARGET = "≤ 1.3"
HEADS = ("Clients", "ours, s", "plain loop, s", "ratio", "beyond the fits, ms a client", "kept on disk, ms")


def run(run: Run) -> Outcome:
    rows, promises = [], []
    with threadpool_limits(1):
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
    shops = [shop(n) for n in range(clients)]
    times = max(1, AT_LEAST // clients)
    federated, kept = ours(run, shops)
    loop = plain(shops)
    loop(), federated()
    taken: list[tuple[float, float]] = []
    for n in range(run.rounds):
        pair = (federated, loop) if n % 2 else (loop, federated)
        took = [seconds(deed, times) for deed in pair]
        taken.append((took[0], took[1]) if n % 2 else (took[1], took[0]))
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


def seconds(deed: Callable[[], object], times: int) -> float:
    """Of one."""
    began = time.perf_counter()
    for _ in range(times):
        deed()
    return (time.perf_counter() - began) / times


def _astuple(of: Spread) -> tuple[float, float, float]:
    return of.median, of.low, of.high


def plain(shops: Sequence[Shop]) -> Callable[[], object]:
    """A round: the same fits, and their mean."""
    state = initial()

    def round_() -> None:
        fitted = [shop.fit(*state) for shop in shops]
        state[:] = [np.mean(arrays, axis=0) for arrays in zip(*fitted, strict=True)]

    return round_


def ours(run: Run, shops: Sequence[Shop]) -> tuple[Callable[[], object], Callable[[], float]]:
    """A round, and how many milliseconds it takes to keep one on the disk."""
    from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp

    from feria.clock import SystemClock
    from feria.federation import flower
    from feria.federation.checkpoints import Checkpoint, save
    from feria.federation.executors import InTurn
    from feria.federation.grid import Client, InProcessGrid
    from feria.federation.guard import Guarded, make
    from feria.federation.orders import Participation
    from feria.federation.screening import Screening
    from feria.federation.strategies import STRATEGIES
    from feria.federation.watch import WatchGrid
    from feria.federation.wire import AnyEvent

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
    state = [ArrayRecord(initial())]

    def round_() -> None:
        events.clear()
        messages = strategy.configure_train(1, state[0], ConfigRecord(), watched)
        state[0], _ = strategy.aggregate_train(1, watched.send_and_receive(messages, timeout=3600))

    def keep() -> float:
        arrays = {name: array.numpy() for name, array in state[0].items()}
        checkpoint = Checkpoint(1, arrays, {}, grid.memories())
        taken = [seconds(lambda: save(run.scratch / "job.npz", checkpoint), 1) for _ in range(5)]
        return 1000 * sorted(taken)[2]

    return round_, keep
