"""What crosses to a node that has stores: callbacks into its door, and a model of 100 MB."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from bench.callback_load import CLIENTS, Done, Order
from bench.contenders import Lines
from bench.peers import silo
from bench.report import Grid, Outcome, number, ranged
from bench.rounds import spread
from bench.run import Run
from bench.stores import open_door, open_stores, train
from bench.tracked_rounds import ORDER, _chronicle
from feria.errors import FeriaError
from feria.federation.embedded import EmbeddedEngine
from feria.federation.engine import Participant, Running, Tell
from feria.federation.jobs_wire import Alive, Told
from feria.federation.orders import TrainingJob
from feria.federation.wire import OfClient, Replied, RoundBegan, RoundEnded, Sent
from feria.settings import LearningSettings, WorkerSettings
from feria.superlink.attempts import Attempt, Attempts
from feria.superlink.callbacks import key_of
from feria.tasks.processes import open_processes

NAME = "superlink_traffic"
BATCHES = (1, 100, 5_000)
STORES, ROWS, ROUNDS = 3, 200, 3
LAYERS = (4_096, 3_050)
CALLBACK_HEADS = ("Events a request", "requests/s, heard", "events/s, heard", "events/s, written down")
LARGE_HEADS = ("Seconds of a round", "first", *(f"round {n}" for n in range(2, ROUNDS + 1)))
HEARD, WRITTEN = "heard", "written down"


def run(run: Run) -> Outcome:
    found = asyncio.run(_callbacks(run))
    files = [run.scratch / f"{n}.csv" for n in range(STORES)]
    for n, file in enumerate(files):
        silo.write(file, n, ROWS)
    large, notes = asyncio.run(_large(run, files))
    return Outcome(
        NAME,
        grids=[
            Grid("Callbacks into a node's door, median (lowest–highest)", CALLBACK_HEADS, _rates(found)),
            *large,
        ],
        notes=[
            f"Rounds of {CLIENTS} clients, told by one training in a process of its own, one request after "
            "the other. Heard: the signature is checked and the events are read. Written down: a job's "
            "chronicle follows them as well, and the last one is in SQLite.",
            *notes,
        ],
        versions={"flwr": version("flwr")},
    )


# ------------------------------------------------------------------- callbacks
Rates = dict[tuple[str, int], list[Done]]


async def _callbacks(run: Run) -> Rates:
    async def hear(told: Sequence[Told]) -> None:
        pass

    found: Rates = {}
    home = run.scratch / "chronicle"
    await asyncio.to_thread(home.mkdir)
    async with AsyncExitStack() as stack:
        chronicle = await stack.enter_async_context(_chronicle(home, CLIENTS))
        writing = asyncio.create_task(chronicle.run())
        attempts = Attempts()
        url = await stack.enter_async_context(open_door(attempts))
        tells: dict[str, Tell] = {HEARD: hear, WRITTEN: chronicle.tell}
        loads = {}
        for name, tell in tells.items():
            id = secrets.token_hex(16)
            key = key_of("bench", id)
            attempt = Attempt(id, key, Running(1, ORDER, (), run.scratch), tell)
            stack.enter_context(attempts.listening(attempt))
            loads[name] = stack.enter_context(Lines("bench.callback_load", url, id, key.hex()))
        for turn in range(run.rounds):
            for batch in BATCHES:
                for name in (HEARD, WRITTEN) if turn % 2 else (WRITTEN, HEARD):
                    run.tell(f"turn {turn + 1}: {batch} events a request, {name}")
                    order = Order(batch, run.seconds)
                    done = await asyncio.to_thread(loads[name].ask, order, Done, 60)
                    if name == WRITTEN:
                        began = time.perf_counter()
                        await chronicle.tell([Alive(at=time.time(), round=0)])
                        await chronicle.write()  # and so all that came before
                        done.seconds += time.perf_counter() - began
                    found.setdefault((name, batch), []).append(done)
        writing.cancel()
        await asyncio.wait([writing])
        await chronicle.write()
    return found


def _rates(found: Rates) -> list[list[str]]:
    rows = []
    for batch in BATCHES:
        requests = spread(done.requests / done.seconds for done in found[HEARD, batch])
        events = [
            ranged(spread(batch * done.requests / done.seconds for done in found[name, batch]))
            for name in (HEARD, WRITTEN)
        ]
        rows.append([f"{batch:,}", ranged(requests), *events])
    return rows


# ------------------------------------------------------------------- 100 MB
async def _large(run: Run, files: Sequence[Path]) -> tuple[list[Grid], list[str]]:
    """A table, and what there is to say of it."""
    rounds = 2 if run.quick else ROUNDS
    order = TrainingJob(
        model="bench",
        kind="mlp",
        target=silo.TARGET,
        rounds=rounds,
        settings={"hidden_layer_sizes": list(LAYERS), "batch_size": 1_000, "epochs": 1},
    )
    weights = sum(a * b + b for a, b in zip((silo.COLUMNS, *LAYERS), (*LAYERS, 1), strict=True))
    said = f"A network of {weights:,} weights, {8 * weights / 1e6:.0f} MB of arrays, one step a round"
    run.tell("a model of 100 MB, here")
    clients = tuple(Participant(f"store {n}", file, ROWS) for n, file in enumerate(files))
    async with open_processes(WorkerSettings(), with_children=True) as processes:
        engine = EmbeddedEngine(processes, LearningSettings(), run.scratch / "flower", workers=1)
        here = await train(engine, clients, run.scratch / "here", order)
    run.tell("a model of 100 MB, at stores")
    heard: list[Told] = []
    folder = run.scratch / "stores"
    await asyncio.to_thread(folder.mkdir)
    async with open_stores(folder, files) as stores:
        try:
            job = await train(stores.engine, stores.participants, folder / "job", order, heard)
        except FeriaError as error:
            return [], [f"{said}: does not travel. {error.message}"]
    rows = [
        *_parts(heard, rounds),
        ["all of it", *map(number, job.rounds)],
        ["embedded engine", *map(number, here.rounds)],
    ]
    return [Grid("A model of 100 MB at three stores, seconds", LARGE_HEADS[: rounds + 1], rows)], [
        f"{said}, {ROWS} rows a store."
    ]


def _parts(heard: Sequence[Told], rounds: int) -> list[list[str]]:
    """Of each round: to the stores, trained and back, averaged and kept and to the stores, measured."""
    columns = []
    for number_ in range(1, rounds + 1):
        of = [event for event in heard if event.round == number_]
        moments = [
            min(event.at for event in of if isinstance(event, RoundBegan)),
            _last(of, Sent, "train"),
            _last(of, Replied, "train"),
            _last(of, Sent, "evaluate"),
            _last(of, Replied, "evaluate"),
            max(event.at for event in of if isinstance(event, RoundEnded)),
        ]
        columns.append([after - before for before, after in pairwise(moments)])
    names = (
        "sent to the SuperLink",
        "fetched, trained, answered",
        "averaged, kept, sent",
        "fetched, measured, answered",
    )
    return [[name, *(number(column[place]) for column in columns)] for place, name in enumerate(names)]


def _last(events: Sequence[Told], kind: type[OfClient], phase: str) -> float:
    return max(event.at for event in events if isinstance(event, kind) and event.phase == phase)
