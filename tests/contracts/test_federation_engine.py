"""What every engine of federated jobs promises: the embedded one, a plain loop without Flower, and the one of
stores on a real SuperLink."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from feria.errors import FeriaError, Invalid
from feria.federation import wire
from feria.federation.embedded import EmbeddedEngine
from feria.federation.engine import FederationEngine, Outcome, Participant, Running
from feria.federation.jobs_wire import Told
from feria.settings import LearningSettings, WorkerSettings
from feria.tasks.processes import open_processes
from loops import MODULES, NAMES, LoopEngine, described, order, table
from superlink.shops import open_shops

ROUNDS = 3


@dataclass
class Bench:
    """An engine, and three shops that it can train."""

    engine: FederationEngine
    clients: tuple[Participant, ...]
    folder: Path
    undisturbed: Outcome | None = None

    def job(self, name: str, **more: Any) -> Running:
        """In a folder of its own."""
        folder = self.folder / name
        folder.mkdir()
        return Running(7, order(**({"rounds": ROUNDS} | more)), self.clients, folder)


@pytest.fixture(scope="module", params=["loop", "embedded", "superlink"])
async def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Bench]:
    folder = tmp_path_factory.mktemp(request.param)
    rows = {shop: folder / f"{at}.csv" for at, shop in enumerate(NAMES)}
    for shop, file in rows.items():
        file.write_text(table(shop))
    here = tuple(Participant(shop, file, 60) for shop, file in rows.items())
    if request.param == "loop":
        yield Bench(LoopEngine(), here, folder)
        return
    async with open_processes(WorkerSettings(), MODULES, with_children=True) as processes:
        embedded = EmbeddedEngine(processes, LearningSettings(), folder / "flower", workers=1)
        made = Bench(embedded, here, folder)
        if request.param == "embedded":
            yield made
            return
        undisturbed = await Listener().run(embedded, made.job("here"))
    async with open_shops(folder, rows, target="bought") as shops:
        yield Bench(shops.engine, shops.participants, folder, undisturbed)


class Listener:
    """Hears what is told, and may call the job off when it does."""

    def __init__(self, at: Callable[[Told], bool] = lambda _: False) -> None:
        self.heard: list[Told] = []
        self._at = at
        self.running: asyncio.Task[Outcome] | None = None

    async def tell(self, told: Sequence[Told]) -> None:
        for event in told:
            self.heard.append(event)
            if self.running is not None and self._at(event):
                self.running.cancel()
        await asyncio.sleep(0)

    async def run(self, engine: FederationEngine, job: Running) -> Outcome:
        async with asyncio.timeout(600):
            self.running = asyncio.create_task(engine.run(job, self.tell))
            return await self.running

    def ended(self) -> list[int]:
        return [event.round for event in self.heard if isinstance(event, wire.RoundEnded)]

    def began(self) -> list[int]:
        return [event.round for event in self.heard if isinstance(event, wire.RoundBegan)]


async def test_all_that_happens_in_a_round_is_told_in_its_order(bench: Bench) -> None:
    """And rows that are elsewhere make the same model as the same rows here."""
    listener = Listener()
    job = bench.job("told")
    outcome = await listener.run(bench.engine, job)
    assert outcome.file == job.folder / "model.onnx"
    if bench.undisturbed is None:
        bench.undisturbed = outcome
    assert outcome.file.read_bytes() == bench.undisturbed.file.read_bytes()
    assert outcome.metrics == bench.undisturbed.metrics
    assert outcome.kind == "logistic_regression"
    assert listener.began() == listener.ended() == list(range(1, ROUNDS + 1))
    asked: Counter[tuple[int, str, str]] = Counter()
    answered: Counter[tuple[int, str, str]] = Counter()
    under_way = 0
    for event in listener.heard:
        match event:
            case wire.RoundBegan():
                assert under_way == 0
                under_way = event.round
            case wire.Sent():
                asked[event.round, event.phase, event.name] += 1
            case wire.Replied():
                assert event.round == under_way
                assert event.samples > 0
                answered[event.round, event.phase, event.name] += 1
                assert asked[event.round, event.phase, event.name] == 1
            case wire.RoundEnded():
                assert event.round == under_way
                under_way = 0
    phases = ("train", "evaluate")
    everybody = {
        (number, phase, name): 1 for number in range(1, ROUNDS + 1) for phase in phases for name in NAMES
    }
    assert asked == answered == everybody
    assert [event.at for event in listener.heard] == sorted(event.at for event in listener.heard)


@pytest.mark.parametrize("last", [wire.RoundBegan, wire.Sent, wire.RoundEnded])
async def test_a_job_that_is_called_off_ends_and_goes_on_to_the_same_model(
    bench: Bench, last: type[Told]
) -> None:
    undisturbed = bench.undisturbed or await Listener().run(bench.engine, bench.job(f"before {last}"))
    disturbed = bench.job(f"disturbed {last}")
    listener = Listener(lambda event: isinstance(event, last) and event.round == 2)
    with pytest.raises(asyncio.CancelledError):
        await listener.run(bench.engine, disturbed)
    heard = len(listener.heard)
    again = Listener()
    outcome = await again.run(bench.engine, disturbed)
    assert len(listener.heard) == heard
    assert outcome.file.read_bytes() == undisturbed.file.read_bytes()
    assert outcome.metrics == undisturbed.metrics
    ended = max(listener.ended(), default=0)
    assert again.ended()[-1] == ROUNDS
    assert again.began() == list(range(ROUNDS + 1 - len(again.began()), ROUNDS + 1))
    assert min(again.began(), default=ROUNDS + 1) > ended


async def test_an_order_that_cannot_be_carried_out_is_told_in_a_sentence(bench: Bench) -> None:
    with pytest.raises(FeriaError, match="sold") as raised:
        await Listener().run(bench.engine, bench.job("sold", target="sold"))
    assert raised.value.message.endswith(".")


async def test_what_it_could_not_do_whatever_the_rows_is_refused_beforehand(bench: Bench) -> None:
    await bench.engine.check(order(), described(bench.clients))
    with pytest.raises(Invalid):
        settings = {"nothing": 1}
        await bench.engine.check(order(strategy="krum", strategy_settings=settings), described(bench.clients))
