"""Promise `start`: a node to ready, the SDK's import, `feria --help`."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.contenders import feria_node
from bench.processes import environment, free_port, running
from bench.report import Grid, Outcome, Promise, number
from bench.rounds import Spread, spread
from bench.row_predict import published
from bench.run import Run

NAME = "start"
RUNS = 7
FERIA = str(Path(sys.executable).with_name("feria"))
IMPORT = "import time; t = time.perf_counter(); from feria import {}; print(time.perf_counter() - t)"

LIMITS = {
    "a node to ready, empty home": 2.0,
    "a node to ready, one model on the shelf": 2.0,
    "`from feria import Client`": 0.3,
    "`feria --help`": 0.3,
}


def run(run: Run) -> Outcome:
    with feria_node(run.scratch, "shelf") as (_, port):
        published(f"http://127.0.0.1:{port}", run.scratch)
    deeds = dict(zip(LIMITS, _deeds(run.scratch), strict=True))
    times: dict[str, list[float]] = {what: [] for what in deeds}
    for n in range(1 if run.quick else RUNS + 1):
        for what, deed in deeds.items():
            run.tell(f"start {n} of {RUNS}: {what}")
            taken = deed()
            if n or run.quick:  # the first reads the disk
                times[what].append(taken)
    found = {what: spread(taken) for what, taken in times.items()}
    return Outcome(
        NAME,
        grids=[Grid(f"Seconds to start, median of {len(next(iter(times.values())))}", *_table(found))],
        promises=[
            Promise(
                "start",
                f"{number(took.median)} s, {what}",
                "–",
                "",
                took.median,
                f"< {LIMITS[what]:g} s",
                is_ratio=False,
            )
            for what, took in found.items()
        ],
    )


def _table(found: dict[str, Spread]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [what, number(took.median), number(took.low), number(took.high), f"< {LIMITS[what]:g}"]
        for what, took in found.items()
    ]
    return ["Start of", "Median", "Least", "Most", "Target"], rows


def _deeds(scratch: Path) -> list[Callable[[], float]]:
    return [
        lambda: _node(scratch, f"empty-{time.monotonic_ns()}"),
        lambda: _node(scratch, "shelf"),
        lambda: float(_output(sys.executable, "-c", IMPORT.format("Client"))[0]),
        lambda: _output(FERIA, "--help")[1],
    ]


def _node(scratch: Path, home: str) -> float:
    port = free_port()
    command = [FERIA, "serve", "--home", str(scratch / home), "--port", str(port)]
    with running(command, scratch / f"{home}.log") as process:
        return process.until_answers(f"http://127.0.0.1:{port}/readyz")


def _output(*command: str) -> tuple[str, float]:
    """What it printed, and the seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment(), timeout=60)
    return done.stdout, time.perf_counter() - began
