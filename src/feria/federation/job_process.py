"""One job in a process of its own, on the embedded grid: the clients' rows are read here and nowhere else."""

import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from feria.clock import SystemClock
from feria.federation import flower, wire
from feria.federation.client_app import Divided, client_app, divide
from feria.federation.engine import MODEL
from feria.federation.executors import App, Executor, InTurn
from feria.federation.federate import federate
from feria.federation.grid import Client, InProcessGrid
from feria.federation.jobs_wire import Alive, JobOrder, Told
from feria.federation.workers import in_processes
from feria.learning.sources import Limits, read_file
from feria.tasks.processes import Speaker

FLUSH_SECONDS = 0.1
"""For which events are gathered before they are told."""
ALIVE_SECONDS = 5.0


def run(job: dict[str, Any], speaker: Speaker) -> dict[str, Any]:
    """`job` is JSON: `number`, `order`, `clients` (`name`, `rows`, `samples` each), `folder`, `told`,
    `flower`, `workers` and `limits`. Says lists of events, in MessagePack and Base64; returns `metrics` and
    `trained_from` of the file that it leaves in the folder.
    """
    order = JobOrder.model_validate(job["order"])
    folder, home = Path(job["folder"]), Path(job["flower"])
    files = {client["name"]: client["rows"] for client in job["clients"]}
    flower.prepare(home, job["number"])
    clock = SystemClock()
    load = partial(_app, msgspec.json.encode(files).decode(), order.holdout, order.seed, **job["limits"])
    executor: Executor
    if order.fit_seconds is None:
        executor = InTurn(load(), clock)
    else:
        executor = in_processes(
            _app,
            (*load.args, *load.keywords.values()),
            job["workers"],
            clock,
            home=home,
            seconds=order.fit_seconds,
        )
    grid = InProcessGrid(executor, clock, [Client(name) for name in sorted(files)], run_id=job["number"])
    try:
        with threadpool_limits({"blas": 1}), _telling(speaker, clock) as tell:
            made = federate(
                order,
                grid,
                samples={client["name"]: client["samples"] for client in job["clients"]},
                folder=folder,
                told=job["told"],
                clock=clock,
                tell=tell,
                stop=threading.Event(),
                memory=grid,
            )
    finally:
        grid.close()
    (folder / MODEL).write_bytes(made.file)
    return {"metrics": made.metrics, "trained_from": made.trained_from}


def _app(files: str, share: float, seed: int, rows: int, columns: int) -> App:
    """Also called in worker processes, where the rows of the clients they are asked for are read."""
    paths: Mapping[str, str] = msgspec.json.decode(files)
    limits = Limits(rows=rows, columns=columns)

    @cache
    def rows_of(name: str) -> Divided:
        return divide(read_file(Path(paths[name]), limits), share, seed)

    return client_app(rows_of)


@contextmanager
def _telling(speaker: Speaker, clock: SystemClock) -> Iterator[Any]:
    """Gathers events and tells them in their order, from a thread, so that no round waits for who listens."""
    gathered: list[Told] = []
    lock, over = threading.Lock(), threading.Event()

    def tell(event: wire.AnyEvent) -> None:
        with lock:
            gathered.append(event)

    def flush() -> None:
        with lock:
            events, gathered[:] = list(gathered), []
        if events:
            # JSON, which the pipe speaks, knows no NaN.
            speaker.say(base64.b64encode(msgspec.msgpack.encode(events)).decode())

    def work() -> None:
        alive = clock.monotonic()
        while not over.wait(FLUSH_SECONDS):
            if clock.monotonic() - alive >= ALIVE_SECONDS:
                alive = clock.monotonic()
                tell_alive()
            flush()

    def tell_alive() -> None:
        with lock:
            gathered.append(Alive(at=clock.now().timestamp(), round=0))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        over.set()
        thread.join()
        flush()
