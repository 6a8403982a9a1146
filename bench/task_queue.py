"""Promise `queue`: from submitting a task to holding its result, in process and over HTTP."""

import asyncio
import http.client
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.contenders import feria_node
from bench.image_predict import publish
from bench.nets import DESCRIPTION, mobile_net, pictures
from bench.processes import Failed
from bench.report import Grid, Outcome, Promise, number
from bench.rounds import Spread, spread
from bench.run import Run
from feria import Client
from feria.inference import tasks as predictions
from feria.learning.trainer import Trainer
from feria.learning.wire import InlineTraining
from feria.node import open_node
from feria.registry.shelf import Registry
from feria.settings import Settings
from feria.tasks.queue import Order, TaskQueue, Work

NAME = "task_queue"
NOTHING, ROW, PICTURE = "nothing", "one row", "a picture, 96×96 JPEG"
BURST = 2000
LATER = {"Prefer": "respond-async"}
LINE = {
    "kind": "linear_regression",
    "target": "y",
    "columns": ["x", "y"],
    "rows": [[n, 2 * n] for n in range(20)],
}
ROWS = msgspec.json.encode({"rows": [[5]]})
Times = dict[str, list[float]]
"""Seconds, by what was done."""


def run(run: Run) -> Outcome:
    file = run.scratch / "mobilenet.onnx"
    file.write_bytes(mobile_net())
    times: Times = {}
    run.tell("durable commits of SQLite alone")
    times["two durable commits, SQLite alone"] = commits(run.scratch / "alone.db", run)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rate = runner.run(embedded(run, file, times))
    over_http(run, file, times)
    found = {what: figures(taken) for what, taken in times.items()}
    return Outcome(
        NAME,
        grids=[Grid("Submit to result, milliseconds, one at a time", *table(found))],
        notes=[f"{BURST} tasks that do nothing, submitted at once in process: {number(rate)} done a second."],
        promises=[
            _promise(found, f"in process, {NOTHING}", 2.0),
            _promise(found, f"in process, {ROW}", 2.0),
            _promise(found, f"HTTP and long poll, {ROW}", 3.0),
        ],
    )


def figures(taken: list[float]) -> tuple[Spread, float]:
    """The p50 in milliseconds, with its spread over tenths of the run, and the p99."""
    size = max(1, len(taken) // 10)
    parts = [sorted(taken[n : n + size])[size // 2] * 1e3 for n in range(0, len(taken) - size + 1, size)]
    return spread(parts), sorted(taken)[int(len(taken) * 0.99)] * 1e3


def table(found: dict[str, tuple[Spread, float]]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [what, number(p50.median), number(p50.low), number(p50.high), number(p99)]
        for what, (p50, p99) in found.items()
    ]
    return ["", "p50", "Least", "Most", "p99"], rows


def _promise(found: dict[str, tuple[Spread, float]], what: str, limit: float) -> Promise:
    p50 = found[what][0].median
    ours = f"{number(p50)} ms p50, {what}"
    return Promise("queue", ours, "–", "", p50, f"< {limit:g} ms", is_ratio=False)


def commits(file: Path, run: Run) -> list[float]:
    """What being durable costs: the floor of a task that is written down when it comes and when it ends."""
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, payload BLOB)")
    taken = []
    for n in range(_times(run)):
        began = time.perf_counter()
        for half in (0, 1):
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO tasks VALUES (?, ?)", (2 * n + half, b"x" * 500))
            database.execute("COMMIT")
        taken.append(time.perf_counter() - began)
    database.close()
    return taken


async def embedded(run: Run, file: Path, times: Times, home: str = "embedded") -> float:
    """Fills in `times`; returns how many tasks that do nothing are done a second, sent all at once."""
    settings = Settings(home=run.scratch / home, _env_file=None)  # type: ignore[call-arg]
    async with open_node(settings) as node:
        await node.parts[Registry].publish("faces", file, DESCRIPTION)
        line = InlineTraining.model_validate(LINE)
        await node.parts[Trainer].train("line", line, line)
        queue: TaskQueue = node.parts[TaskQueue]

        async def nothing(work: Work) -> Any:
            return None

        queue.handle("nothing", nothing)

        async def round_trip(order: Order) -> bytes:
            task = await queue.submit(order)
            await queue.wait(task.id, 60)
            return await queue.result(task.id)

        def empty(_: int) -> Awaitable[bytes]:
            return round_trip(Order(kind="nothing", payload=None, owner="bench"))

        def row(_: int) -> Awaitable[bytes]:
            return round_trip(predictions.order("line", None, ROWS, owner="bench"))

        some = pictures()

        def picture(n: int) -> Awaitable[bytes]:
            return round_trip(predictions.order("faces", None, [some[n % len(some)]], owner="bench"))

        for what, deed in ((NOTHING, empty), (ROW, row), (PICTURE, picture)):
            run.tell(f"the embedded queue: {what}")
            times[f"in process, {what}"] = await _timed(deed, run)
        run.tell(f"{BURST} tasks at once")
        began = time.perf_counter()
        await asyncio.gather(*(empty(n) for n in range(BURST)))
        return BURST / (time.perf_counter() - began)


async def _timed(deed: Callable[[int], Awaitable[bytes]], run: Run) -> list[float]:
    taken = []
    for n in range(_times(run) + 20):
        began = time.perf_counter()
        await deed(n)
        if n >= 20:  # the first find things cold
            taken.append(time.perf_counter() - began)
    return taken


def over_http(run: Run, file: Path, times: Times) -> None:
    some = pictures()
    with feria_node(run.scratch) as (_, port):
        publish(port, file)
        with Client(f"http://127.0.0.1:{port}") as feria:
            feria.train("line", "linear_regression", [{"x": n, "y": 2 * n} for n in range(20)], "y")
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for what, model, kind, bodies in (
            (ROW, "line", "application/json", [ROWS]),
            (PICTURE, "faces", "image/jpeg", some),
        ):
            run.tell(f"the embedded queue over HTTP: {what}")
            taken = [
                _exchange(connection, model, kind, bodies[n % len(bodies)]) for n in range(_times(run) + 20)
            ]
            times[f"HTTP and long poll, {what}"] = taken[20:]
        connection.close()


def _exchange(connection: http.client.HTTPConnection, model: str, kind: str, body: bytes) -> float:
    """Seconds from submitting a prediction to holding it."""
    began = time.perf_counter()
    headers = LATER | {"Content-Type": kind}
    task = _ask(connection, "POST", f"/v1/models/{model}/predict", 202, body, headers)
    answer = _ask(connection, "GET", f"/v1/tasks/{task['id']}/result?wait=10", 200)
    taken = time.perf_counter() - began
    if "predictions" not in answer:
        raise Failed(f"A task came to {answer}.")
    return taken


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    status: int,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Any:
    connection.request(method, path, body, headers or {})
    reply = connection.getresponse()
    said = reply.read()
    if reply.status != status:
        raise Failed(f"{method} {path} answered {reply.status}: {said[:500]!r}")
    return msgspec.json.decode(said)


def _times(run: Run) -> int:
    return 50 if run.quick else 1000
