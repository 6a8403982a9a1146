"""The embedded engine beyond its contract: every kind of model, limits in time, privacy, what it refuses."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from feria.errors import Invalid
from feria.federation import wire
from feria.federation.embedded import EmbeddedEngine
from feria.federation.engine import Participant, Running
from feria.federation.jobs_wire import Told
from feria.settings import LearningSettings, WorkerSettings
from feria.tasks.processes import open_processes
from loops import MODULES, NAMES, described, order, table

ROWS = 60


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[EmbeddedEngine]:
    async with open_processes(WorkerSettings(), MODULES, with_children=True) as processes:
        yield EmbeddedEngine(processes, LearningSettings(), tmp_path / "flower", workers=2)


@pytest.fixture
def clients(tmp_path: Path) -> tuple[Participant, ...]:
    made = []
    for name in NAMES:
        file = tmp_path / f"{name}.csv"
        file.write_text(table(name, ROWS))
        made.append(Participant(name, file, ROWS))
    return tuple(made)


class Heard(list[Told]):
    async def __call__(self, events: Sequence[Told]) -> None:
        self.extend(events)

    @property
    def faults(self) -> list[Told]:
        return [event for event in self if isinstance(event, wire.Failed | wire.Straggled)]


def job(folder: Path, clients: tuple[Participant, ...], **more: object) -> Running:
    folder.mkdir()
    return Running(1, order(**more), clients, folder)


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        ("svm", "fedprox"),
        ("mlp", "trimmed_mean"),
        ("logistic_regression", "fedyogi"),
        ("gradient_boosting", "bagging"),
        ("random_forest", "bagging"),
    ],
)
async def test_every_kind_goes_through_flowers_strategies(
    engine: EmbeddedEngine, clients: tuple[Participant, ...], tmp_path: Path, kind: str, strategy: str
) -> None:
    running = job(tmp_path / "job", clients, kind=kind, strategy=strategy, rounds=8)
    await engine.check(running.order, described(clients))
    heard = Heard()
    outcome = await engine.run(running, heard)
    assert heard.faults == []
    assert float(str(outcome.metrics["accuracy"])) > 0.6
    assert outcome.trained_from["strategy"] == strategy


async def test_fits_with_a_limit_in_time_run_in_processes_of_their_own(
    engine: EmbeddedEngine, clients: tuple[Participant, ...], tmp_path: Path
) -> None:
    here = await engine.run(job(tmp_path / "here", clients, rounds=2), Heard())
    heard = Heard()
    apart = await engine.run(job(tmp_path / "apart", clients, rounds=2, fit_seconds=60), heard)
    assert heard.faults == []
    assert apart.file.read_bytes() == here.file.read_bytes()


async def test_privacy_that_is_spent_is_told_with_every_round(
    engine: EmbeddedEngine, clients: tuple[Participant, ...], tmp_path: Path
) -> None:
    heard = Heard()
    private = {"noise_multiplier": 2.0, "clipping_norm": 1.0}
    outcome = await engine.run(job(tmp_path / "job", clients, privacy=private, rounds=3), heard)
    spent = [event.epsilon or 0 for event in heard if isinstance(event, wire.RoundEnded) and event.round]
    assert 0 < spent[0] < spent[1] < spent[2]
    told = outcome.trained_from["privacy"]
    assert isinstance(told, dict)
    assert told["epsilon"] == spent[-1]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": "decision_tree"}, "cannot be federated"),
        ({"kind": "random_forest"}, "wants bagging"),
        ({"strategy": "bagging"}, "any strategy but bagging"),
        ({"strategy": "krum", "strategy_settings": {"teeth": 1}}, "no setting 'teeth'"),
        ({"holdout": 0}, "`holdout`"),
    ],
)
async def test_orders_that_mean_nothing_are_refused_at_once(
    engine: EmbeddedEngine, clients: tuple[Participant, ...], more: dict[str, object], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await engine.check(order(**more), described(clients))


async def test_a_strategy_that_wants_more_clients_than_there_are_says_so(
    engine: EmbeddedEngine, clients: tuple[Participant, ...]
) -> None:
    with pytest.raises(Invalid, match="wants the answers of 5 clients, and 3 are asked"):
        await engine.check(order(strategy="krum"), described(clients))
