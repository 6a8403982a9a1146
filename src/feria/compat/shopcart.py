"""Contract 1: shop clients that train a model together, from Python or the command line.

The names, shapes, printed lines and the table are the old ones. What the old system did wrong is done right:
every round begins from the model of all, clients count by their rows, and accuracy and loss are measured on
rows that each client holds back, not on the training rows of the first one. Statistics, rounds and averages
are those of any federated job (`federation/federate.py`), with Flower's FedAvg.
"""

import contextlib
import queue
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from feria.clock import SystemClock
from feria.errors import Invalid

Clients = list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
Round = tuple[int, float, float]
"""Number from 1, accuracy as a fraction, log loss."""

FEATURES, INFORMATIVE = 10, 5
HELD = 0.2
SEED = 42
LEAST_ROWS = 30
TABLE = "CREATE TABLE IF NOT EXISTS metrics (round INTEGER, accuracy REAL, loss REAL)"


def create_client_data(num_clients: int = 5, samples_per_client: int = 100) -> Clients:
    """`(X, y)` of each client: float64 `[samples, 10]`, of which five columns tell something, and two
    classes. All face one problem, as shops do; what they see of it differs. Raises `Invalid`."""
    if num_clients < 1:
        raise Invalid("There must be at least one client.")
    if samples_per_client < LEAST_ROWS:
        raise Invalid(f"A client must have at least {LEAST_ROWS} rows.")
    from sklearn.datasets import make_classification  # seconds that `feria --help` does not wait for

    x, y = make_classification(
        n_samples=num_clients * samples_per_client,
        n_features=FEATURES,
        n_informative=INFORMATIVE,
        n_classes=2,
        class_sep=1.5,
        random_state=SEED,
    )
    return list(zip(np.split(x, num_clients), np.split(y, num_clients), strict=True))


def run_federated_training(clients: Clients, num_rounds: int = 5) -> Iterator[Round]:
    """Yields each round as soon as it has ended. Raises `Invalid` for rows that cannot be learned from."""
    from feria.federation.wire import AnyEvent, RoundEnded

    told: queue.SimpleQueue[AnyEvent | Exception | None] = queue.SimpleQueue()
    stop = threading.Event()

    def train() -> None:
        try:
            _train(clients, num_rounds, told.put, stop)
        except Exception as error:
            told.put(error)
        told.put(None)

    thread = threading.Thread(target=train, daemon=True)
    thread.start()
    try:
        while (event := told.get()) is not None:
            if isinstance(event, Exception):
                raise event
            if isinstance(event, RoundEnded) and event.round > 0:
                accuracy, loss = (event.evaluate[name] for name in ("accuracy", "loss"))
                assert isinstance(accuracy, float)
                assert isinstance(loss, float)
                yield event.round, accuracy, loss
    finally:
        stop.set()
        thread.join()


def _train(clients: Clients, rounds: int, tell: Any, stop: threading.Event) -> None:
    import polars as pl

    from feria.federation import flower
    from feria.federation.client_app import client_app, divide
    from feria.federation.executors import InTurn
    from feria.federation.federate import federate
    from feria.federation.grid import Client, InProcessGrid
    from feria.federation.orders import TrainingJob
    from feria.learning.sources import Table

    clock = SystemClock()
    order = TrainingJob(model="shopcart", kind="logistic_regression", target="y", rounds=rounds, holdout=HELD)
    rows = {}
    for number, (x, y) in enumerate(clients, 1):
        columns = {f"x{n}": column for n, column in enumerate(np.asarray(x, np.float64).T)}
        table = Table(pl.DataFrame(columns | {"y": np.asarray(y)}), 0, {"format": "arrays"})
        rows[f"client {number}"] = divide(table, HELD, SEED)
    with tempfile.TemporaryDirectory() as folder:
        flower.prepare(Path(folder), run_id=1)
        grid = InProcessGrid(
            InTurn(client_app(rows.__getitem__), clock), clock, [Client(name) for name in rows]
        )
        federate(
            order,
            grid,
            samples={name: one.learned.frame.height for name, one in rows.items()},
            folder=Path(folder),
            clock=clock,
            tell=tell,
            stop=stop,
            memory=grid,
        )


def line(round: Round) -> str:
    """As the old system prints it."""
    number, accuracy, loss = round
    return f"Ronda {number} → Acc: {accuracy:.3f}, Loss: {loss:.3f}"


class Results:
    """Table `metrics` of an SQLite file, which the old system's other programs read."""

    def __init__(self, file: Path) -> None:
        """Raises `Invalid` for a file that is no SQLite database."""
        self._file = file
        try:
            with self._opened() as connection:
                connection.execute(TABLE)
        except sqlite3.DatabaseError as error:
            raise Invalid(f"{file} cannot be used: {error}.") from None

    def add(self, round: Round) -> None:
        with self._opened() as connection:
            connection.execute("INSERT INTO metrics VALUES (?, ?, ?)", round)

    def clear(self) -> None:
        with self._opened() as connection:
            connection.execute("DELETE FROM metrics")

    def all(self) -> list[Round]:
        with self._opened() as connection:
            return connection.execute("SELECT round, accuracy, loss FROM metrics ORDER BY rowid").fetchall()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._file)) as connection, connection:
            yield connection
