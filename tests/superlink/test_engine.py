"""What a job on a SuperLink survives. Machines differ: what is waited for has minutes."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any

import pytest

from feria.clock import SystemClock
from feria.errors import Unavailable
from feria.federation import wire
from feria.federation.embedded import EmbeddedEngine
from feria.federation.engine import Outcome, Participant, Running
from feria.federation.flower import NODE_UNAVAILABLE
from feria.federation.jobs_wire import Told
from feria.settings import LearningSettings, WorkerSettings
from feria.superlink.attempts import Attempts
from feria.superlink.engine import RUN, SuperLinkEngine
from feria.tasks.processes import open_processes
from loops import MODULES, NAMES, order, table
from store.joined import consents
from superlink.shops import MINUTES, Shops, open_shops

ANA, BERTA, CARLA = NAMES
ROUNDS = 3


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("rows")
    files = {name: folder / f"{place}.csv" for place, name in enumerate(NAMES)}
    for name, file in files.items():
        file.write_text(table(name))
    return files


@pytest.fixture(scope="module")
async def opened(rows: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Shops]:
    async with open_shops(tmp_path_factory.mktemp("shops"), rows, target="bought") as shops:
        yield shops


@pytest.fixture
async def shops(opened: Shops) -> Shops:
    """All at work, whatever the test before has done to them."""
    await opened.as_before()
    return opened


@pytest.fixture(scope="module")
async def undisturbed(rows: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The model that the same rows make where nothing happens."""
    folder = tmp_path_factory.mktemp("here")
    clients = tuple(Participant(name, file, 60) for name, file in rows.items())
    async with open_processes(WorkerSettings(), MODULES, with_children=True) as processes:
        engine = EmbeddedEngine(processes, LearningSettings(), folder, workers=1)
        outcome = await engine.run(Running(1, order(rounds=ROUNDS), clients, folder), _nobody)
    return outcome.file.read_bytes()


async def _nobody(_: object) -> None:
    pass


class Listener:
    """Hears what is told, and does something once, beside, when it hears what it waits for."""

    def __init__(self) -> None:
        self.heard: list[Told] = []
        self._deeds: list[tuple[Callable[[Told], bool], Callable[[], Awaitable[None]]]] = []
        self._doing: list[asyncio.Future[None]] = []

    def when(
        self,
        kind: type[Told] | UnionType,
        number: int | None,
        deed: Callable[[], Awaitable[None]],
        **more: Any,
    ) -> None:
        """In that round; in any, without a number."""

        def fits(event: Told) -> bool:
            told = {name: getattr(event, name, None) for name in more}
            return isinstance(event, kind) and number in (None, event.round) and told == more

        self._deeds.append((fits, deed))

    async def __call__(self, told: Sequence[Told]) -> None:
        for event in told:
            self.heard.append(event)
            for each in [each for each in self._deeds if each[0](event)]:
                self._deeds.remove(each)
                self._doing.append(asyncio.ensure_future(each[1]()))

    async def run(self, shops: Shops, folder: Path, **more: Any) -> Outcome:
        folder.mkdir()  # noqa: ASYNC240 - a test's own
        said = order(**({"rounds": ROUNDS} | more))
        async with asyncio.timeout(MINUTES):
            outcome = await shops.engine.run(Running(7, said, shops.participants, folder), self)
            await asyncio.gather(*self._doing)
        assert not self._deeds, "what was waited for never came"
        return outcome

    def of(self, kind: type[Any], number: int) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind) and event.round == number]

    def missed(self, name: str) -> list[wire.Failed | wire.Straggled]:
        """Whether the deadline comes first, or the SuperLink misses a store's signs of life, is chance."""
        return [
            event
            for event in self.heard
            if isinstance(event, wire.Failed | wire.Straggled) and event.name == name
        ]

    def last_end(self, number: int) -> wire.RoundEnded:
        ended: wire.RoundEnded = self.of(wire.RoundEnded, number)[-1]
        return ended


def _deed(action: Callable[..., None], *args: Any) -> Callable[[], Awaitable[None]]:
    async def do() -> None:
        action(*args)

    return do


async def test_a_store_that_is_killed_in_mid_round_is_waited_for_and_the_model_is_the_same(
    shops: Shops, undisturbed: bytes, tmp_path: Path
) -> None:
    async def die_and_come_back() -> None:
        await shops.die(ANA)
        await shops.come(ANA)

    listener = Listener()
    listener.when(wire.Sent, 2, die_and_come_back, name=ANA, phase="train")
    rules = {"deadline_seconds": 60, "otherwise": "wait", "wait_seconds": MINUTES, "retry_seconds": 1}
    outcome = await listener.run(shops, tmp_path / "job", participation=rules)
    assert listener.last_end(2).replies == 3
    assert outcome.file.read_bytes() == undisturbed


async def test_a_store_that_stays_away_is_known_to_be_and_two_of_three_go_on_without_it(
    shops: Shops, tmp_path: Path
) -> None:
    async def die() -> None:
        await shops.die(BERTA)

    listener = Listener()
    listener.when(wire.Sent, 1, die, name=BERTA, phase="train")
    await listener.run(shops, tmp_path / "job", participation={"deadline_seconds": 300, "min_replies": 2})
    first, *_ = listener.missed(BERTA)
    assert isinstance(first, wire.Failed)
    assert first.code == NODE_UNAVAILABLE
    assert first.seconds < 150  # of 300 for which an answer is waited for
    # She may have answered before she died.
    began = first.round if first.phase == "train" else first.round + 1
    assert [listener.last_end(number).replies for number in range(began, ROUNDS + 1)] == [2] * (
        ROUNDS + 1 - began
    )


async def test_a_frozen_store_is_not_waited_for_beyond_the_deadline_and_takes_part_again_when_it_thaws(
    shops: Shops, tmp_path: Path
) -> None:
    frozen, back = Listener(), asyncio.Event()

    async def missed() -> None:
        frozen.when(wire.RoundEnded, None, _deed(thaw))

    def thaw() -> None:
        shops.signal(CARLA, signal.SIGCONT)
        frozen.when(wire.Replied, None, _deed(back.set), name=CARLA)

    frozen.when(wire.Sent, 1, _deed(shops.signal, CARLA, signal.SIGSTOP), name=CARLA, phase="train")
    frozen.when(wire.Failed | wire.Straggled, None, missed, name=CARLA)
    # Within the deadline two stores must answer, however slow the machine is.
    rules = {"deadline_seconds": 60, "min_replies": 2, "otherwise": "wait", "retry_seconds": 1}
    job = asyncio.create_task(frozen.run(shops, tmp_path / "job", participation=rules, rounds=1000))
    async with asyncio.timeout(MINUTES):
        await asyncio.wait([job, asyncio.ensure_future(back.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert not job.done(), job.result()
    first, *_ = frozen.missed(CARLA)
    assert first.seconds < 120
    if first.phase == "train":
        assert frozen.last_end(first.round).replies == 2
    job.cancel()
    await asyncio.wait([job])


async def test_a_superlink_that_is_killed_comes_back_and_the_model_is_the_same(
    shops: Shops, undisturbed: bytes, tmp_path: Path
) -> None:
    async def kill() -> None:
        pid = shops.superlink.link.pid
        assert pid is not None
        os.killpg(pid, signal.SIGKILL)

    listener = Listener()
    listener.when(wire.Sent, 2, kill, name=ANA, phase="train")
    rules = {"deadline_seconds": 60, "otherwise": "wait", "wait_seconds": MINUTES, "retry_seconds": 1}
    outcome = await listener.run(shops, tmp_path / "job", participation=rules)
    assert outcome.file.read_bytes() == undisturbed


async def test_while_nobody_hears_the_rounds_go_on_and_all_is_told_later(
    shops: Shops, undisturbed: bytes, tmp_path: Path
) -> None:
    async def shut_for_a_while() -> None:
        await shops.door.shut()
        await asyncio.sleep(8)
        await shops.door.open()

    listener = Listener()
    listener.when(wire.RoundBegan, 2, shut_for_a_while)
    outcome = await listener.run(shops, tmp_path / "job")
    assert outcome.file.read_bytes() == undisturbed
    for number in range(1, ROUNDS + 1):
        for phase in ("train", "evaluate"):
            for kind in (wire.Sent, wire.Replied):
                told = [event.name for event in listener.of(kind, number) if event.phase == phase]
                assert sorted(told) == sorted(NAMES), (number, phase, kind)
    times = [event.at for event in listener.heard]
    assert times == sorted(times)


async def test_a_hub_that_is_back_listens_to_the_training_that_its_earlier_life_has_begun(
    shops: Shops, undisturbed: bytes, tmp_path: Path
) -> None:
    """On a SuperLink that outlives it: the same run goes on, and what was told nobody is told now."""
    folder, earlier, now = tmp_path / "job", Listener(), Listener()
    folder.mkdir()
    job = Running(1, order(rounds=ROUNDS), shops.participants, folder)
    dead = asyncio.Event()
    earlier.when(wire.RoundEnded, 1, _deed(dead.set))
    forgotten = asyncio.create_task(shops.engine.run(job, earlier))
    async with asyncio.timeout(MINUTES):
        await dead.wait()
        run = json.loads((folder / RUN).read_bytes())["run_id"]
        await shops.door.shut()
        attempts = shops.door.attempts = Attempts()
        async with open_processes(WorkerSettings(), ()) as processes:
            engine = SuperLinkEngine(shops.hub, attempts, processes, SystemClock())
            back = asyncio.create_task(engine.run(job, now))
            await asyncio.sleep(0)
            await shops.door.open()
            outcome = await back
    assert outcome.file.read_bytes() == undisturbed
    assert now.of(wire.RoundEnded, 1), "how the first round ended may not have been written down"
    assert now.last_end(ROUNDS).replies == 3
    async with asyncio.timeout(MINUTES):
        while (ended := await shops.hub.control.run(run)).state != "finished":  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.1)
    assert ended.outcome == "completed"  # it was not begun again
    forgotten.cancel()
    await asyncio.wait([forgotten])


async def test_two_jobs_at_once_do_not_disturb_each_other(
    shops: Shops, undisturbed: bytes, tmp_path: Path
) -> None:
    both = [Listener().run(shops, tmp_path / name) for name in ("one", "two")]
    for outcome in await asyncio.gather(*both):
        assert outcome.file.read_bytes() == undisturbed


async def test_why_a_store_refuses_a_job_is_told_to_who_ordered_it(shops: Shops, tmp_path: Path) -> None:
    consents(shops.homes[ANA], strategies=("median",))
    with pytest.raises(Unavailable, match=f"{ANA}: This store does not allow the strategy fedavg"):
        await Listener().run(shops, tmp_path / "job")


async def test_a_store_that_is_removed_in_the_middle_of_a_job_has_no_part_in_the_rest(
    shops: Shops, tmp_path: Path
) -> None:
    async def shut_out() -> None:
        await shops.shut_out(CARLA)

    listener = Listener()
    listener.when(wire.RoundEnded, 1, shut_out)
    rules = {"deadline_seconds": 60, "min_replies": 2}
    await listener.run(shops, tmp_path / "job", participation=rules)
    assert listener.last_end(1).replies == 3
    assert listener.last_end(ROUNDS).replies == 2
