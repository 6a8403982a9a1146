"""How good a model becomes whose rows stay apart: beside one of all rows together, and those of each alone.

Every client holds back a fifth of its rows; all are measured on what all have held back. *Pooled* is what
`feria train` makes of the others' rows in one table, *alone* the mean over the clients of what each makes
of its own in as many rounds. The arrays go round in a plain loop: Flower's FedAvg and FedXgbBagging give
the same numbers, and take longer.
"""

import os
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from bench.processes import Failed
from bench.report import Grid, Outcome, Promise
from bench.rounds import spread
from bench.run import Run
from feria.federation import partitions
from feria.federation.agreement import Examples, agree
from feria.federation.client_app import Divided, divide
from feria.federation.local import Learner, evaluate, of_classes
from feria.federation.models import FEDERATED, learner_for
from feria.federation.partitions import Clients
from feria.federation.statistics import describe
from feria.learning import estimators
from feria.learning.dataset import build
from feria.learning.kinds import KINDS
from feria.learning.preprocessing import Preprocessing
from feria.learning.sources import Table
from feria.learning.target import Target
from feria.learning.wire import KindName, TrainingOrder

NAME = "fed_accuracy"
HELD = 0.2
NEAR, ABOVE = "≤ 0.02", "≥ 0"
MEASURES = ("accuracy", "auc")
WAYS = ("alone", "federated", "pooled")
COLUMNS = ("Set", "Kind", *(f"{measure}, {way}" for measure in ("accuracy", "AUC") for way in WAYS))


@dataclass(frozen=True)
class Set:
    """`promised` is the kind that the promise is about; the others are shown beside it."""

    name: str
    deal: Callable[[int], Clients]
    target: str
    others: tuple[KindName, ...] = ()
    promised: KindName = "logistic_regression"


@dataclass
class Found:
    """By way and measure, one figure a seed."""

    figures: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, way: str, measured: dict[str, float]) -> None:
        for measure in MEASURES:
            self.figures.setdefault((way, measure), []).append(measured[measure])

    def mean(self, way: str, measure: str) -> float:
        return statistics.fmean(self.figures[way, measure])

    def ranged(self, way: str, measure: str) -> str:
        found = spread(self.figures[way, measure])
        return f"{found.median:.3f} ({found.low:.3f}–{found.high:.3f})"

    def short(self, way: str) -> str:
        return f"accuracy {self.mean(way, 'accuracy'):.3f}, AUC {self.mean(way, 'auc'):.3f}"

    def behind(self, way: str, other: str) -> float:
        """By how much the one is worse than the other in what it is worse in most."""
        return max(self.mean(other, measure) - self.mean(way, measure) for measure in MEASURES)


def run(run: Run) -> Outcome:
    warnings.simplefilter("ignore", ConvergenceWarning)
    found: dict[tuple[Set, KindName], Found] = {}
    seeds = range(run.rounds)
    sets = [tumours()] if run.quick else real_sets(folder())
    with threadpool_limits(1):
        for one in sets:
            for kind in (one.promised, *one.others):
                for seed in seeds:
                    run.tell(f"{one.name}, {kind}, seed {seed}")
                    measure(one, kind, seed, found.setdefault((one, kind), Found()))
    return Outcome(
        NAME,
        grids=[
            Grid(
                f"Measured on rows that no client learned from; median and range over {len(seeds)} seeds",
                COLUMNS,
                [
                    [one.name, kind, *(of.ranged(way, measure) for measure in MEASURES for way in WAYS)]
                    for (one, kind), of in found.items()
                ],
            )
        ],
        promises=[promise for one in sets for promise in promises(one, found[one, one.promised])],
        notes=[
            "Trees lose most where clients differ as these hospitals do: each is grown on the rows of one of "
            "them. A weighted sum or a network is the better choice there."
        ],
    )


def promises(one: Set, found: Found) -> list[Promise]:
    ours = found.short("federated")
    make = partial(Promise, "fed-accuracy", ours, is_ratio=False)
    return [
        make(
            f"the pooled model, {one.name}",
            found.short("pooled"),
            found.behind("federated", "pooled"),
            NEAR,
        ),
        make(
            f"the mean of the clients alone, {one.name}",
            found.short("alone"),
            -found.behind("federated", "alone"),
            ABOVE,
        ),
    ]


def folder() -> Path:
    named = os.environ.get("FERIA_TEST_DATA")
    data = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not (data / "tabular").is_dir():
        raise Failed(f"The real records are not at {data}; name their folder in FERIA_TEST_DATA.")
    return data / "tabular"


def real_sets(data: Path) -> list[Set]:
    people = "income-per-year"
    return [
        Set(
            "4 hospitals",
            lambda _: partitions.hospitals(data),
            "num>0",
            ("svm", "mlp", "gradient_boosting", "random_forest"),
        ),
        Set(
            "shoppers by 10 months",
            lambda _: partitions.shoppers(data),
            "Revenue",
            ("svm", "mlp", "gradient_boosting"),
        ),
        Set("adult over 100 clients", lambda seed: partitions.adults(data, seed=seed), people),
        Set(
            "adult over 100, Dirichlet 0.3",
            lambda seed: partitions.adults(data, alpha=0.3, seed=seed),
            people,
        ),
    ]


def tumours() -> Set:
    return Set("tumours over 3 clients", lambda seed: partitions.tumours(seed=seed), "malignant")


# ------------------------------------------------------------------- one seed
def measure(one: Set, kind: KindName, seed: int, found: Found) -> None:
    order = TrainingOrder(kind=kind, target=one.target, task="classification", seed=seed)
    parts = {name: divide(table, HELD, seed) for name, table in one.deal(seed).items()}
    agreement = agree({name: describe(part.learned, order) for name, part in parts.items()}, order)
    learner = learner_for(agreement, {})
    learned = [agreement.read(part.learned) for part in parts.values()]
    kept = [agreement.read(part.held) for part in parts.values()]
    held = Examples(np.concatenate([part.x for part in kept]), np.concatenate([part.y for part in kept]))
    found.add("federated", trained(learner, learned, held, seed))
    alone = [trained(learner, [own], held, seed) for own in learned]
    found.add("alone", {name: statistics.fmean(figures[name] for figures in alone) for name in MEASURES})
    found.add("pooled", pooled(order, list(parts.values())))


def trained(learner: Learner, clients: list[Examples], held: Examples, seed: int) -> dict[str, float]:
    kind = FEDERATED[learner.agreement.kind]
    arrays = learner.initial(seed)
    for number in range(kind.rounds):
        seeds = np.random.default_rng((seed, number)).integers(2**31, size=len(clients))
        fits = [learner.fit(arrays, rows, int(one)) for rows, one in zip(clients, seeds, strict=True)]
        arrays = kind.unite(arrays, fits)
    return evaluate(learner, arrays, held)


def pooled(order: TrainingOrder, parts: list[Divided]) -> dict[str, float]:
    """As one node trains and measures, on the same rows."""
    kind = KINDS[order.kind]
    tables = [part.learned for part in parts] + [part.held for part in parts]
    frame = pl.concat([table.frame for table in tables], how="vertical_relaxed")
    data = build(Table(frame, 1, {}), order, kind)
    many = sum(part.learned.frame.height for part in parts)
    learned, held = data.frame[:many], data.frame[many:]
    preprocessing = Preprocessing(kind, learned, data.numbers)
    target = Target(data.target.task, data.target.values[:many], data.target.labels)
    matrix = preprocessing.apply(learned)
    fitted = estimators.fit(kind.choose({}), matrix, target, order.seed, lambda _: None)
    return of_classes(fitted.answer(preprocessing.apply(held)), data.target.values[many:])
