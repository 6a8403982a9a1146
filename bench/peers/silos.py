"""A job of three stores on NVFlare's simulator, beside ours on a SuperLink: the same rows, the same steps."""

import asyncio
import json
import statistics
import subprocess
from itertools import pairwise
from pathlib import Path

from bench.peers import silo
from bench.peers.environments import HERE, python_of, versions_of
from bench.processes import Failed, environment
from bench.report import Grid, Outcome, ranged
from bench.rounds import spread
from bench.run import Run
from bench.stores import open_stores, train
from bench.superlink import order

NAME = "silos"
STORES, TURNS, ROUNDS = 3, 2, 8
HEADS = ("Trained by", "s a round", "beside feria", "accuracy")
PATIENCE = 300


def run(run: Run) -> Outcome:
    run.tell("preparing NVFlare")
    python = python_of("nvflare")
    rounds = 3 if run.quick else ROUNDS
    ours: list[tuple[list[float], float]] = []
    theirs: list[tuple[list[float], float]] = []
    for turn in range(1 if run.quick else TURNS):
        run.tell(f"turn {turn + 1}: NVFlare")
        theirs.append(_nvflare(python, run.scratch / f"nvflare-{turn}", rounds))
        run.tell(f"turn {turn + 1}: feria")
        ours.append(asyncio.run(_ours(run.scratch / f"ours-{turn}", rounds)))
    _check_alike(ours[0][1], theirs[0][1])
    ratio = spread(
        statistics.median(b) / statistics.median(a) for (a, _), (b, _) in zip(ours, theirs, strict=True)
    )
    rows = [
        [
            "feria's stores",
            ranged(spread(each for taken, _ in ours for each in taken)),
            "1",
            f"{ours[-1][1]:.3f}",
        ],
        [
            "NVFlare's simulator",
            ranged(spread(each for taken, _ in theirs for each in taken)),
            ranged(ratio),
            f"{theirs[-1][1]:.3f}",
        ],
    ]
    return Outcome(
        NAME,
        grids=[Grid("A round of three stores, median (lowest–highest)", HEADS, rows)],
        notes=[
            "A round of ours is two exchanges over TLS, training and evaluation, with clients that sign what "
            "they send. One of NVFlare's simulator is one: a site measures the model that it is sent, then "
            "trains; of TLS nothing was set up there.",
        ],
        versions=versions_of(python, ("nvflare",)),
    )


def _check_alike(ours: float, theirs: float) -> None:
    """Raises `Failed`."""
    if abs(ours - theirs) > 0.05:
        raise Failed(f"They did not make the same model: accuracy {ours:.3f} and {theirs:.3f}.")


async def _ours(folder: Path, rounds: int) -> tuple[list[float], float]:
    """Seconds of each round, and the accuracy after the last."""
    files = [folder / f"{n}.csv" for n in range(STORES)]
    await asyncio.to_thread(_write, files)
    async with open_stores(folder, files) as stores:
        job = await train(stores.engine, stores.participants, folder / "job", order(rounds))
    return job.rounds, job.accuracy


def _nvflare(python: str, folder: Path, rounds: int) -> tuple[list[float], float]:
    names = [f"site-{n + 1}" for n in range(STORES)]
    _write([folder / f"{name}.csv" for name in names])
    env = {"BENCH_FOLDER": str(folder), "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        # One more, for the first is timed from when it reached a site, as all are.
        [python, str(HERE / "nvflare_app.py"), str(STORES), str(rounds + 1)],
        cwd=folder,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    told = [folder / f"{name}.json" for name in names]
    if done.returncode or not all(file.exists() for file in told):
        raise Failed(f"NVFlare did not end well:\n{(done.stdout + done.stderr)[-2000:]}")
    sites = [json.loads(file.read_text()) for file in told]
    began = [max(times) for times in zip(*(site["times"] for site in sites), strict=True)]
    if len(began) != rounds + 1:
        raise Failed(f"NVFlare did {len(began)} rounds, of {rounds + 1}.")
    return [b - a for a, b in pairwise(began)], statistics.mean(site["accuracy"] for site in sites)


def _write(files: list[Path]) -> None:
    files[0].parent.mkdir()
    for number, file in enumerate(files):
        silo.write(file, number)
