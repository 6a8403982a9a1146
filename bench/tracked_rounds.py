"""A job's rounds, taking turns with and without all that is told of them.

As in a node: they run in a process of their own, and what is told there is followed and written down here.
"""

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from flwr.app import ArrayRecord
from flwr.serverapp import Grid
from threadpoolctl import threadpool_limits

from feria.clock import SystemClock
from feria.events.process import ProcessBus
from feria.federation import flower
from feria.federation.agreement import agree
from feria.federation.chronicle import Chronicle
from feria.federation.client_app import client_app, divide
from feria.federation.executors import InTurn
from feria.federation.grid import Client, InProcessGrid
from feria.federation.guard import Guarded, make
from feria.federation.job_process import say_told
from feria.federation.jobs_wire import JobState, Told
from feria.federation.journal import open_journal
from feria.federation.models import learner_for
from feria.federation.orders import Participation, TrainingJob
from feria.federation.rounds import Rounds
from feria.federation.screening import Screening
from feria.federation.statistics import describe
from feria.federation.strategies import STRATEGIES
from feria.federation.telling import telling
from feria.federation.tracking import ClientStatus, Tracker
from feria.federation.watch import Tell, WatchGrid
from feria.learning.sources import Table
from feria.migrations import schema
from feria.settings import EventSettings, StorageSettings, WorkerSettings
from feria.storage.database import open_database
from feria.tasks.processes import Speaker, open_processes

COLUMNS = 30
ORDER = TrainingJob(model="bench", kind="logistic_regression", target="bought")
FOLLOWED = 0.5
"""Seconds after a turn in which what was told in it is written down."""
LONGEST = 3600.0


class Seconds(msgspec.Struct):
    """Of a round."""

    wall: float
    cpu: float


class Turn(msgspec.Struct):
    tracked: Seconds
    untracked: Seconds


Contender = Callable[[int], object]
"""Goes on to the round of that number."""

_events = msgspec.msgpack.Decoder(list[Told])


async def compare(home: Path, clients: int, rows: int, turns: int, rounds: int) -> list[Turn]:
    """Clients of so many rows each; turns of so many rounds each, and one before them that does not count."""
    async with _chronicle(home, clients) as chronicle, open_processes(WorkerSettings()) as processes:
        writing = asyncio.create_task(chronicle.run())
        taken = await processes.run(
            _take_turns,
            str(home),
            clients,
            rows,
            turns,
            rounds,
            seconds=LONGEST,
            hear=lambda packed: chronicle.tell(_events.decode(base64.b64decode(packed))),
        )
        writing.cancel()
        await asyncio.wait([writing])
        await chronicle.write()
    return msgspec.convert(taken, list[Turn])


@asynccontextmanager
async def _chronicle(home: Path, clients: int) -> AsyncGenerator[Chronicle]:
    """Of a job that stands in a database of its own."""
    clock = SystemClock()
    now = clock.now()
    values = {
        "owner": "bench",
        "model_owner": "bench",
        "order": ORDER.model_dump_json().encode(),
        "clients": clients,
        "state": JobState.running.value,
        "round": 0,
        "created_at": now,
        "started_at": now,
        "finished_at": None,
        "error": None,
        "result": None,
        "health": b"{}",
        "status_event": 0,
        "last_event": 0,
    }
    statuses = [
        ClientStatus(
            client_id=f"client_{n:08x}",
            connection_name=name,
            connection_ip="127.0.0.1",
            connection_port=8000,
            dataset_name="rows.parquet",
            created_at=now,
        )
        for n, name in enumerate(_names(clients))
    ]
    tracker = Tracker(statuses, offline_seconds=30, slow_seconds=30)
    async with open_database(StorageSettings(), home) as database:
        await schema.upgrade(database)
        async with open_journal(database) as journal:
            values["number"] = await journal.add(values | {"clients_config": b"{}", "clients_status": b"{}"})
            yield Chronicle(values, tracker, journal, ProcessBus(EventSettings()), clock)


# ------------------------------------------------------------------- in the job's process
def _take_turns(home: str, clients: int, rows: int, turns: int, rounds: int, speaker: Speaker) -> object:
    """A list of `Turn` as JSON."""
    flower.prepare(Path(home), run_id=1)
    taken = []
    with threadpool_limits({"blas": 1}):
        contenders = _contenders(Path(home), clients, rows, speaker)
        for n in range(turns + 1):
            until = (n + 1) * rounds
            first = n % 2
            seconds = [_seconds(contenders[place], until, rounds) for place in (first, 1 - first)]
            taken.append(Turn(seconds[first], seconds[1 - first]))
    return msgspec.to_builtins(taken[1:])


def _seconds(contender: Contender, until: int, rounds: int) -> Seconds:
    time.sleep(FOLLOWED)
    began, cpu = time.perf_counter(), time.process_time()
    contender(until)
    return Seconds((time.perf_counter() - began) / rounds, (time.process_time() - cpu) / rounds)


def _contenders(home: Path, clients: int, rows: int, speaker: Speaker) -> tuple[Contender, Contender]:
    """The same job, tracked and untracked."""
    chance = np.random.default_rng(clients)
    truth = chance.normal(size=COLUMNS)
    parts = {name: divide(_rows(chance, truth, rows), ORDER.holdout, ORDER.seed) for name in _names(clients)}
    agreement = agree({name: describe(part.learned, ORDER) for name, part in parts.items()}, ORDER)
    initial = ArrayRecord(learner_for(agreement, {}).initial(seed=0))
    samples = dict.fromkeys(parts, rows)
    clock = SystemClock()
    grid = InProcessGrid(
        InTurn(client_app(parts.__getitem__), clock), clock, [Client(name) for name in parts]
    )
    sent = {"agreement": agreement.model_dump_json(), "settings": "{}"}

    def go_on(name: str, seen: Grid, tell: Tell, until: int) -> None:
        kind = STRATEGIES[ORDER.strategy]
        Rounds(
            grid=seen,
            strategy=Guarded(make(kind, kind.choose({})), Participation(), seed=ORDER.seed),
            rounds=until,
            clock=clock,
            tell=tell,
            path=home / f"{name}.npz",
            memory=grid,
            train_config=sent,
            evaluate_config=sent,
        ).run(initial)

    def tracked(until: int) -> None:
        with telling(partial(say_told, speaker), clock) as tell:
            go_on("tracked", WatchGrid(grid, clock, tell, Screening(samples)), tell, until)

    def untracked(until: int) -> None:
        go_on("untracked", grid, lambda _: None, until)

    return tracked, untracked


def _names(clients: int) -> list[str]:
    return [f"shop {n:05}" for n in range(clients)]


def _rows(chance: np.random.Generator, truth: np.ndarray, rows: int) -> Table:
    x = chance.normal(size=(rows, COLUMNS))
    bought = (x @ truth + chance.normal(size=rows) > 0).astype(np.int8)
    columns = {f"x{n}": x[:, n] for n in range(COLUMNS)} | {ORDER.target: bought}
    return Table(pl.DataFrame(columns), 1, {})
