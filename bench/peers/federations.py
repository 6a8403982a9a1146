"""Promise `fed-round` beside Flower's own simulation on Ray: the same rounds of the same clients."""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version

from threadpoolctl import threadpool_limits

from bench import fed_round
from bench.peers.environments import HERE, python_of, versions_of
from bench.peers.shop import COLUMNS, ROWS, STEPS, shop
from bench.processes import Failed, Tree, environment
from bench.report import Grid, Outcome, Promise, number, ranged
from bench.rounds import spread
from bench.run import Run

NAME = "federations"
SIZES = (5, 100, 1_000)
AT_LEAST = 100
"""Clients of one turn: where they are few, it has several rounds."""
TURNS = 3
PATIENCE = 900.0
TARGET = "≥ 4"
HEADS = ("Clients", "feria, s", "Flower on Ray, s", "plain loop, s", "Ray beside feria", "Ray's start, s")
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def run(run: Run) -> Outcome:
    run.tell("preparing Flower on Ray")
    python = python_of("flwr")
    rows, promises = [], []
    with threadpool_limits(1):
        for clients in SIZES[:1] if run.quick else SIZES:
            row, promise = _measure(run, python, clients)
            rows.append(row)
            promises.append(promise)
    return Outcome(
        NAME,
        grids=[Grid("One round of training, median (lowest–highest)", HEADS, rows)],
        promises=promises,
        notes=[
            f"Each client fits a logistic regression on {ROWS} rows of {COLUMNS} columns in {STEPS} steps. "
            "Flower's simulation has all cores, a client on each; ours has one, as the plain loop.",
            "Ray's start is what its first answer takes beyond one round.",
        ],
        versions={"feria's flwr": version("flwr")} | versions_of(python, ("flwr", "ray")),
    )


def _measure(run: Run, python: str, clients: int) -> tuple[list[str], Promise]:
    shops = [shop(n) for n in range(clients)]
    loop, (ours, _) = fed_round.plain(shops), fed_round.ours(run, shops)
    rounds = max(1, AT_LEAST // clients)
    run.tell(f"{clients:,} clients: Ray starts")
    with _simulation(run, python, clients) as ask:
        began = fed_round.seconds(lambda: ask(1), 1)
        contenders: list[Callable[[], float]] = [
            lambda: fed_round.seconds(ours, rounds),
            lambda: ask(rounds),
            lambda: fed_round.seconds(loop, rounds),
        ]
        ours(), loop()
        taken: list[list[float]] = [[] for _ in contenders]
        for turn in range(1 if run.quick else TURNS):
            for n in range(len(contenders)):
                place = (turn + n) % len(contenders)
                run.tell(f"{clients:,} clients, turn {turn + 1}: {HEADS[place + 1]}")
                taken[place].append(contenders[place]())
    feria, ray, plain = map(spread, taken)
    ratio = spread(b / a for a, b in zip(taken[0], taken[1], strict=True))
    start = max(0.0, began - ray.median)
    row = [f"{clients:,}", *map(ranged, (feria, ray, plain, ratio)), number(start)]
    return row, Promise(
        "fed-round",
        f"{number(feria.median)} s, {clients:,} clients",
        f"Flower's simulation on Ray, {clients:,} clients",
        f"{number(ray.median)} s",
        ratio.median,
        TARGET,
    )


@contextmanager
def _simulation(run: Run, python: str, clients: int) -> Iterator[Callable[[int], float]]:
    """Does so many rounds, and says the seconds of one."""
    folder = run.scratch / "ray"  # a short name: its sockets' paths may have 107 bytes
    log = run.scratch / f"ray-{clients}.log"
    answers, theirs = os.pipe()
    command = [python, "flwr_app.py", str(clients), str(os.cpu_count()), str(folder), str(theirs)]
    env = environment(QUIET | {"FLWR_HOME": str(run.scratch / "flwr"), "PYTHONPATH": str(HERE)})
    with log.open("wb") as out, os.fdopen(answers) as said:
        process = subprocess.Popen(
            command, cwd=HERE, env=env, stdin=subprocess.PIPE, stdout=out, stderr=out, pass_fds=[theirs]
        )
        os.close(theirs)
        orders = process.stdin
        assert orders is not None

        def ask(rounds: int) -> float:
            with suppress(BrokenPipeError):
                orders.write(f"{rounds}\n".encode())
                orders.flush()
            ready, _, _ = select.select([said], [], [], PATIENCE)
            if not ready or not (line := said.readline()):
                tail = log.read_text(errors="replace")[-3000:]
                raise Failed(f"Flower's simulation gave no answer.\n{tail}")
            return float(line)

        try:
            yield ask
        finally:
            tree = Tree(process.pid)
            with suppress(BrokenPipeError):
                orders.close()
            _end(process, tree)


def _end(process: "subprocess.Popen[bytes]", tree: Tree) -> None:
    """It has been told that nothing more comes; Ray's own processes leave last, or not at all."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    tree.send(signal.SIGKILL)
    process.wait()
