"""Promise `fed-tracking`: what it costs a federated round to be watched, and how soon one is answered.

The rounds take turns with those of the same job that tells nobody anything. Who watches asks a real node,
over HTTP, while it trains.
"""

import asyncio
import http.client
import secrets
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import httpx
import msgspec
import numpy as np
import polars as pl
import uvloop
from sqlalchemy import Connection, insert

from bench import tracked_rounds
from bench.contenders import feria_node
from bench.load import percentile
from bench.processes import Failed, Process
from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import spread
from bench.run import Run
from bench.tracked_rounds import Turn
from feria.access.wire import LOCAL
from feria.federation.tables import ClientRow
from feria.migrations import schema
from feria.settings import StorageSettings
from feria.storage.database import open_database

NAME = "fed_tracking"
TRACKED = ((100, 500), (1_000, 500), (100, 5_000))
"""Clients, and the rows of each."""
TURNS = 10
AT_LEAST = 500
"""Clients of one turn: where they are few, it has several rounds."""
SLOWED = "< 2 %"
WATCHED = {100: "< 20 ms", 10_000: "< 200 ms"}
ROWS, COLUMNS = 50, 4
"""Of each client that is watched."""
POLLS = 300
PAUSE = 0.02
"""Seconds between an answer and the next question."""
PATIENCE = 600.0
"""Seconds until the first round has begun: before it, all clients tell of their rows."""


def run(run: Run) -> Outcome:
    rounds, polls = [], []
    for clients, rows in TRACKED[:1] if run.quick else TRACKED:
        run.tell(f"{clients:,} clients of {rows:,} rows, tracked and not")
        home = run.scratch / f"tracked-{clients}-{rows}"
        home.mkdir()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            turns = 1 if run.quick else TURNS
            comparing = tracked_rounds.compare(home, clients, rows, turns, max(1, AT_LEAST // clients))
            rounds.append(_slowed(clients, rows, runner.run(comparing)))
    for clients in list(WATCHED)[:1] if run.quick else WATCHED:
        run.tell(f"{clients:,} clients, watched")
        polls.append(_watched(run, clients))
    return Outcome(
        NAME,
        grids=[
            Grid(
                "One round of training and evaluation, median (lowest–highest)",
                ("Clients", "rows", "tracked, s", "untracked, s", "slowed by, %", "CPU, %", "ms a client"),
                [row for row, _ in rounds],
            ),
            Grid(
                "`GET /api/jobs/…/clients/` of a job that trains",
                ("Clients", "p50 ms", "p99 ms", "most ms", "KiB"),
                [row for row, _ in polls],
            ),
        ],
        promises=[promise for _, promise in (*rounds, *polls)],
        notes=[
            "Tracked: every message is told, every answer screened, and another process follows and writes "
            "it all to a database. The model is feria's own logistic regression, "
            f"{tracked_rounds.COLUMNS} columns, on one core; the last column is processor time.",
            f"Who watches asks again {PAUSE * 1000:g} ms after each of {POLLS} answers, on one connection.",
        ],
        versions={"flwr": version("flwr")},
    )


def _slowed(clients: int, rows: int, turns: list[Turn]) -> tuple[list[str], Promise]:
    tracked, untracked = (spread(s.wall for s in column) for column in zip(*map(_pair, turns), strict=True))
    slowed = spread(100 * (one.tracked.wall / one.untracked.wall - 1) for one in turns)
    cpu = spread(100 * (one.tracked.cpu / one.untracked.cpu - 1) for one in turns)
    beyond = spread(1000 * (one.tracked.cpu - one.untracked.cpu) / clients for one in turns)
    promise = Promise(
        "fed-tracking",
        f"{number(tracked.median)} s a round, {slowed.median:.1f} % more",
        f"the same job untracked, {clients:,} clients of {rows:,} rows",
        f"{number(untracked.median)} s",
        slowed.median,
        SLOWED,
        is_ratio=False,
    )
    shares = [f"{one.median:.1f} ({one.low:.1f}–{one.high:.1f})" for one in (slowed, cpu)]
    row = [f"{clients:,}", f"{rows:,}", ranged(tracked), ranged(untracked), *shares, number(beyond.median)]
    return row, promise


def _pair(turn: Turn) -> tuple[tracked_rounds.Seconds, tracked_rounds.Seconds]:
    return turn.tracked, turn.untracked


# ------------------------------------------------------------------- watched
def _watched(run: Run, clients: int) -> tuple[list[str], Promise]:
    name = f"watched-{clients}"
    with asyncio.Runner() as runner:
        runner.run(_register(run.scratch / name, clients))
    with feria_node(run.scratch, name) as (node, port):
        job = _started(node, f"http://127.0.0.1:{port}")
        taken, size = _polled(node, port, job, clients, 30 if run.quick else POLLS)
    ascending = sorted(1000 * seconds for seconds in taken)
    p50, p99 = (percentile(ascending, share) for share in (0.5, 0.99))
    promise = Promise(
        "fed-tracking",
        f"{number(p50)} ms p50, {number(p99)} ms p99 a poll, {clients:,} clients",
        f"–, polls of {clients:,} clients",
        "",
        p99,
        WATCHED[clients],
        is_ratio=False,
    )
    return [f"{clients:,}", *map(number, (p50, p99, ascending[-1], size / 1024))], promise


async def _register(home: Path, clients: int) -> None:
    """As `Clients.register` leaves them, which takes its time to look into ten thousand files. All have the
    same rows."""
    folder = home / "federation" / "clients"
    folder.mkdir(parents=True)
    file = home / "rows.parquet"
    chance = np.random.default_rng(clients)
    columns = {f"x{n}": chance.normal(size=ROWS) for n in range(COLUMNS)} | {"bought": np.arange(ROWS) % 2}
    pl.DataFrame(columns).write_parquet(file)
    rows = [
        {
            "id": secrets.token_hex(16),
            "owner": LOCAL.subject,
            "name": f"shop {n:05}",
            "dataset": file.name,
            "columns": msgspec.json.encode([(column, "number") for column in columns]),
            "rows": ROWS,
            "schema_digest": "",
            "host": "127.0.0.1",
            "port": 8000,
            "created_at": datetime.now(UTC),
        }
        for n in range(clients)
    ]
    for row in rows:
        (folder / str(row["id"])).hardlink_to(file)

    def write(connection: Connection) -> None:
        connection.execute(insert(ClientRow), rows)

    async with open_database(StorageSettings(), home) as database:
        await schema.upgrade(database)
        await database.write(write)


def _started(node: Process, url: str) -> int:
    """The number of a job whose first round has begun."""
    order = {"model": "watched", "kind": "logistic_regression", "target": "bought", "rounds": 1000}
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
        answer = http.post("/v1/jobs", json=order)
        if answer.status_code != 202:
            raise node.failed(f"answered {answer.status_code}: {answer.text[:500]}")
        number: int = answer.json()["number"]
        until = time.perf_counter() + PATIENCE
        while (job := http.get(f"/v1/jobs/{number}").json())["round"] < 1:
            if job["finished_at"] or time.perf_counter() > until:
                raise node.failed(f"began no round: {job['state']}, {job['error']}")
            time.sleep(0.1)
    return number


def _polled(node: Process, port: int, job: int, clients: int, polls: int) -> tuple[list[float], int]:
    """Seconds from each question to its whole answer, and the bytes of the last."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    taken = []
    for _ in range(polls):
        began = time.perf_counter()
        connection.request("GET", f"/api/jobs/{job}/clients/")
        answer = connection.getresponse()
        body = answer.read()
        taken.append(time.perf_counter() - began)
        if answer.status != 200:
            raise node.failed(f"answered {answer.status}: {body[:500]!r}")
        time.sleep(PAUSE)
    said = msgspec.json.decode(body)["clients"]
    connection.request("GET", f"/v1/jobs/{job}")
    state = msgspec.json.decode(connection.getresponse().read())["state"]
    connection.close()
    if len(said) != clients or state != "running":
        raise Failed(f"{len(said)} clients of a job were watched that is {state}.")
    return taken, len(body)
