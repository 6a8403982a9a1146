"""What a job costs on a SuperLink, beside Flower's programs as they come: time a round, and memory."""

import asyncio
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.peers import silo
from bench.processes import Failed
from bench.report import Grid, Outcome, number, ranged
from bench.residence import OTHERS, Residence, watched
from bench.rounds import Spread, spread
from bench.run import Run
from bench.stock import open_stock
from bench.stores import Job, open_stores, train
from feria.federation.embedded import EmbeddedEngine
from feria.federation.engine import Participant
from feria.federation.orders import TrainingJob
from feria.settings import LearningSettings, WorkerSettings
from feria.tasks.processes import open_processes

NAME = "superlink"
STORES, TURNS = 3, 2
ROUNDS = {"here": 20, "ours": 8, "stock": 3}
"""Of one turn."""
ALIKE = 0.05
"""Most by which two of them may differ in accuracy; their steps have not quite the same length."""
CALLED = {"here": "embedded engine", "ours": "feria's stores", "stock": "Flower as it comes"}
PROGRAMS = (
    "flower-superlink",
    "flower-superexec",
    "flwr-serverapp",
    "flower-supernode",
    "store-executor",
    "flwr-clientapp",
)
ROUND_HEADS = (
    "Trained by",
    "s a round",
    "of the embedded engine",
    "of Flower's",
    "CPU s a round",
    "accuracy",
)
START_HEADS = ("Seconds to", "feria", "Flower as it comes")
MEMORY_HEADS = ("MiB", "feria, how many", "PSS", "RSS", "Flower, how many", "PSS", "RSS")
WORKER = "a store's worker, and what forks it"


@dataclass(frozen=True)
class Turn:
    job: Job
    residence: Residence | None = None
    reached: float = 0.0
    online: tuple[float, ...] = ()

    @property
    def cpu(self) -> float:
        """Seconds of one round."""
        if self.residence is None:
            return float("nan")
        times = self.job.times
        return self.residence.cpu(times[0], times[-1]) / len(self.job.rounds)


def run(run: Run) -> Outcome:
    files = [run.scratch / f"{n}.csv" for n in range(STORES)]
    for n, file in enumerate(files):
        silo.write(file, n)
    turns: dict[str, list[Turn]] = {who: [] for who in CALLED}
    for turn in range(1 if run.quick else TURNS):
        for who in CALLED if turn % 2 == 0 else reversed(CALLED):
            run.tell(f"turn {turn + 1}: {CALLED[who]}")
            rounds = 2 if run.quick else ROUNDS[who]
            folder = run.scratch / f"{who} {turn}"
            folder.mkdir()
            turns[who].append(asyncio.run(DEEDS[who](folder, files, rounds)))
    _check_alike(turns)
    ours, stock = turns["ours"], turns["stock"]
    return Outcome(
        NAME,
        grids=[
            Grid(
                "A round of three stores, training and evaluation, median (lowest–highest)",
                ROUND_HEADS,
                _rounds(turns),
            ),
            Grid(
                "What comes before the first round, median (lowest–highest)",
                START_HEADS,
                _starts(ours, stock),
            ),
            Grid(
                "Memory while a job trains, one process of each", MEMORY_HEADS, _memory(ours[-1], stock[-1])
            ),
        ],
        notes=[
            f"Three stores of {silo.ROWS:,} rows and {silo.COLUMNS} columns, a logistic regression of "
            f"{silo.STEPS} steps a round; everything on one machine, over TLS, each program a process.",
            "Flower as it comes: `flower-superlink` and `flower-supernode` with their defaults, FedAvg on "
            "Flower's own grid, a client that imports no more than numpy. Ours has stores with keys of their "
            "own, asks for their consent, and tells its hub of every message as well.",
            "RSS counts for each what processes share; PSS divides it among those on this one machine, so a "
            "store elsewhere takes something between the two.",
        ],
        versions={"flwr": version("flwr")},
    )


async def _here(folder: Path, files: list[Path], rounds: int) -> Turn:
    clients = tuple(Participant(f"store {n}", file, silo.ROWS) for n, file in enumerate(files))
    async with open_processes(WorkerSettings(), with_children=True) as processes:
        engine = EmbeddedEngine(processes, LearningSettings(), folder / "flower", workers=1)
        return Turn(await train(engine, clients, folder / "job", order(rounds)))


async def _ours(folder: Path, files: list[Path], rounds: int) -> Turn:
    async with open_stores(folder, files) as stores:
        with watched(stores.pids, PROGRAMS) as residence:
            job = await train(stores.engine, stores.participants, folder / "job", order(rounds))
        return Turn(job, residence, stores.reached, tuple(stores.online))


async def _stock(folder: Path, files: list[Path], rounds: int) -> Turn:
    async with open_stock(folder, files) as stock:
        with watched({name: program.pid for name, program in stock.programs.items()}, PROGRAMS) as residence:
            job = await stock.train(STORES, rounds)
        return Turn(job, residence, stock.reached, tuple(stock.online))


DEEDS = {"here": _here, "ours": _ours, "stock": _stock}


def order(rounds: int) -> TrainingJob:
    return TrainingJob(
        model="bench",
        kind="logistic_regression",
        target=silo.TARGET,
        rounds=rounds,
        settings={"steps": silo.STEPS},
    )


def _check_alike(turns: dict[str, list[Turn]]) -> None:
    """Raises `Failed`."""
    reached = {CALLED[who]: taken[0].job.accuracy for who, taken in turns.items()}
    if max(reached.values()) - min(reached.values()) > ALIKE:
        raise Failed(f"They did not make the same model: {reached}")


def _rounds(turns: dict[str, list[Turn]]) -> list[list[str]]:
    rows = []
    for who, called in CALLED.items():
        of_here, of_stock = (_ratio(turns[who], turns[other]) for other in ("here", "stock"))
        seconds = spread(each for turn in turns[who] for each in turn.job.rounds)
        cpu = statistics.median(turn.cpu for turn in turns[who])
        rows.append(
            [
                called,
                ranged(seconds),
                "1" if who == "here" else ranged(of_here),
                "1" if who == "stock" else ranged(of_stock),
                "–" if who == "here" else number(cpu),
                f"{turns[who][-1].job.accuracy:.3f}",
            ]
        )
    return rows


def _ratio(ours: Iterable[Turn], theirs: Iterable[Turn]) -> Spread:
    """Of the medians of each turn."""
    return spread(
        statistics.median(a.job.rounds) / statistics.median(b.job.rounds)
        for a, b in zip(ours, theirs, strict=True)
    )


def _starts(ours: list[Turn], stock: list[Turn]) -> list[list[str]]:
    parts: dict[str, Callable[[Turn], Iterable[float]]] = {
        "SuperLink begun → reached": lambda turn: [turn.reached],
        "store begun → online": lambda turn: turn.online,
        "job asked for → first round": lambda turn: [turn.job.began],
    }
    return [
        [what, *(ranged(spread(each for turn in turns for each in of(turn))) for turns in (ours, stock))]
        for what, of in parts.items()
    ]


def _memory(ours: Turn, stock: Turn) -> list[list[str]]:
    assert ours.residence is not None
    assert stock.residence is not None
    rows = []
    for name in (*PROGRAMS, OTHERS):
        cells = [cell for side in (ours.residence, stock.residence) for cell in _cells(side, name)]
        if any(cell != "–" for cell in cells):
            rows.append([WORKER if name == OTHERS else f"`{name}`", *cells])
    totals = [["", number(side.total), ""] for side in (ours.residence, stock.residence)]
    return [*rows, ["all at once", *totals[0], *totals[1]]]


def _cells(residence: Residence, name: str) -> list[str]:
    found = residence.of(name)
    if not found:
        return ["–"] * 3
    pss, rss = (
        statistics.median(values) for values in zip(*((held.pss, held.rss) for held in found), strict=True)
    )
    return [str(len(found)), number(pss), number(rss)]
