"""One job in a process of its own, on the embedded grid: the clients' rows are read here and nowhere else."""

import base64
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from feria.clock import Clock, SystemClock
from feria.federation import flower
from feria.federation.app_process import CODE, AppGrid, client_of, serve
from feria.federation.client_app import Divided, client_app, divide
from feria.federation.engine import MODEL
from feria.federation.executors import App, Executor, InTurn
from feria.federation.federate import federate
from feria.federation.grid import Client, InProcessGrid
from feria.federation.jobs_wire import Told
from feria.federation.orders import AppJob, TrainingJob, any_order
from feria.federation.telling import telling
from feria.federation.watch import Tell
from feria.federation.workers import in_processes
from feria.learning.sources import Limits, read_file, suffix_of
from feria.tasks.processes import Speaker


def run(job: dict[str, Any], speaker: Speaker) -> dict[str, Any]:
    """`job` is JSON: `number`, `order`, `clients` (`name`, `rows`, `samples` each), `folder`, `told`, `app`,
    `flower`, `workers` and `limits`. Says lists of events, in MessagePack and Base64; returns `metrics` and
    `trained_from` of the file that it leaves in the folder.
    """
    order = any_order.validate_python(job["order"])
    flower.prepare(Path(job["flower"]), job["number"])
    with threadpool_limits({"blas": 1}):
        return _run_app(job, order, speaker) if isinstance(order, AppJob) else _train(job, order, speaker)


def _train(job: dict[str, Any], order: TrainingJob, speaker: Speaker) -> dict[str, Any]:
    folder = Path(job["folder"])
    samples = {client["name"]: client["samples"] for client in job["clients"]}
    files = msgspec.json.encode({client["name"]: client["rows"] for client in job["clients"]}).decode()
    load = partial(_our_client, files, order.holdout, order.seed, *job["limits"])
    with _grid(job, order, load, [Client(name) for name in sorted(samples)], speaker) as (grid, clock, tell):
        made = federate(
            order,
            grid,
            samples=samples,
            folder=folder,
            told=job["told"],
            clock=clock,
            tell=tell,
            stop=threading.Event(),
            memory=grid,
        )
    (folder / MODEL).write_bytes(made.file)
    return {"metrics": made.metrics, "trained_from": made.trained_from}


def _run_app(job: dict[str, Any], order: AppJob, speaker: Speaker) -> dict[str, Any]:
    folder, bundle = Path(job["folder"]), Path(job["app"])
    clients = [
        Client(
            client["name"],
            {"partition-id": place, "num-partitions": len(job["clients"]), "data": str(rows)},
        )
        for place, (client, rows) in enumerate(_with_suffixes(job["clients"], folder / "rows"))
    ]
    load = partial(client_of, bundle, folder / CODE)
    with _grid(job, order, load, clients, speaker) as (grid, clock, tell):
        watched = AppGrid(
            grid,
            clock,
            tell,
            threading.Event(),
            rounds=order.rounds or 0,
            deadline_seconds=order.participation.deadline_seconds,
        )
        return serve(bundle, order, watched, folder, job["number"])


@contextmanager
def _grid(
    job: dict[str, Any],
    order: TrainingJob | AppJob,
    load: "partial[App]",
    clients: Sequence[Client],
    speaker: Speaker,
) -> Iterator[tuple[InProcessGrid, Clock, Tell]]:
    """With all clients of a job; what is told goes to the speaker."""
    clock = SystemClock()
    executor: Executor
    if order.fit_seconds is None:
        executor = InTurn(load(), clock)
    else:
        executor = in_processes(
            load.func,
            load.args,
            job["workers"],
            clock,
            home=Path(job["flower"]),
            seconds=order.fit_seconds,
        )
    run_config = order.settings if isinstance(order, AppJob) else {}
    grid = InProcessGrid(executor, clock, clients, run_id=job["number"], run_config=run_config)
    try:
        with telling(partial(say_told, speaker), clock) as tell:
            yield grid, clock, tell
    finally:
        grid.close()


def say_told(speaker: Speaker, events: Sequence[Told]) -> None:
    """In MessagePack and Base64: JSON, which the pipe speaks, knows no NaN."""
    speaker.say(base64.b64encode(msgspec.msgpack.encode(events)).decode())


# ------------------------------------------------------------------- clients
def _our_client(files: str, share: float, seed: int, rows: int, columns: int) -> App:
    """Also called in worker processes, where the rows of the clients they are asked for are read."""
    paths: Mapping[str, str] = msgspec.json.decode(files)
    limits = Limits(rows=rows, columns=columns)

    @cache
    def rows_of(name: str) -> Divided:
        return divide(read_file(Path(paths[name]), limits), share, seed)

    return client_app(rows_of)


def _with_suffixes(clients: Sequence[dict[str, Any]], folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Each with its rows under a name that ends as their format is called, for libraries go by that."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for place, client in enumerate(clients):
        rows = Path(client["rows"])
        link = folder / f"{place}{suffix_of(rows)}"
        link.symlink_to(rows.absolute())
        yield client, link
