"""Rounds go on where they ended, whatever ended them, and come to the same arrays."""

import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest
from flwr.app import ArrayRecord

from clients import NAMES, Fair, run_job, run_job_killed_when_told, same
from feria.errors import Conflict, Unavailable
from feria.federation.grid import Client
from feria.federation.wire import AnyEvent, Ended, Replied, RoundBegan, RoundEnded, Sent, Waiting

ROUNDS = 4


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> ArrayRecord:
    return Fair(tmp_path_factory.mktemp("undisturbed")).run(ROUNDS).arrays


def _die(deed: Any, *args: Any) -> None:
    process = multiprocessing.get_context("forkserver").Process(target=deed, args=args)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


# ------------------------------------------------------------------- killed and resumed
@pytest.mark.parametrize(
    ("event", "number", "left"),
    [
        ("RoundBegan", 1, 0),
        ("Replied", 3, 2),
        ("RoundEnded", 2, 2),
        ("RoundEnded", 4, 4),
    ],
)
def test_a_job_killed_between_rounds_or_in_one_is_resumed_to_the_same_arrays(
    tmp_path: Path, undisturbed: ArrayRecord, event: str, number: int, left: int
) -> None:
    _die(run_job_killed_when_told, tmp_path, event, number)
    again = Fair(tmp_path)
    outcome = again.run(ROUNDS)
    assert same(outcome.arrays, undisturbed)
    begun = [began.round for began in again.told(RoundBegan)]
    assert begun == list(range(left + 1, ROUNDS + 1))


def test_a_job_whose_client_kills_the_process_in_a_fit_is_resumed_without_that_fault(
    tmp_path: Path, undisturbed: ArrayRecord
) -> None:
    _die(run_job, tmp_path, "die", 3)
    assert same(Fair(tmp_path).run(ROUNDS).arrays, undisturbed)


@pytest.mark.parametrize("strategy", ["fedadam", "fedyogi", "krum", "trimmed_mean"])
def test_a_resumed_strategy_has_its_momenta(tmp_path: Path, strategy: str) -> None:
    names = tuple(f"Tienda {n}" for n in range(6))
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    whole.mkdir()
    halves.mkdir()
    expected = Fair(whole, names, strategy=strategy).run(ROUNDS).arrays
    Fair(halves, names, strategy=strategy).run(2)
    assert same(Fair(halves, names, strategy=strategy).run(ROUNDS).arrays, expected)


def test_drawn_clients_are_the_same_ones_after_a_resume(tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    whole.mkdir()
    halves.mkdir()
    full = Fair(whole, per_round=2)
    expected = full.run(ROUNDS).arrays
    asked = [sent.name for sent in full.told(Sent) if sent.phase == "train"]
    assert len(asked) == 2 * ROUNDS
    assert set(asked) == set(NAMES)
    Fair(halves, per_round=2).run(1)
    assert same(Fair(halves, per_round=2).run(ROUNDS).arrays, expected)


def test_the_last_round_kept_is_told_again_with_the_same_figures(tmp_path: Path) -> None:
    first, again = Fair(tmp_path), Fair(tmp_path)
    first.run(2)
    again.run(2)
    (ended,) = again.told(RoundEnded)
    before = first.told(RoundEnded)[-1]
    assert (ended.round, ended.replies, ended.train, ended.evaluate) == (
        before.round, before.replies, before.train, before.evaluate
    )  # fmt: skip


def test_another_jobs_checkpoint_is_not_taken(tmp_path: Path) -> None:
    Fair(tmp_path, seed=1).run(1)
    fair = Fair(tmp_path, seed=2)
    with pytest.raises(Conflict, match="another job"):
        fair.run(2)
    assert fair.told(Ended)[-1].state == "failed"


# ------------------------------------------------------------------- stopped
@pytest.mark.parametrize(("kind", "number"), [(RoundEnded, 2), (Replied, 3), (RoundBegan, 3)])
def test_a_job_stops_between_rounds_and_in_one_and_goes_on_later(
    tmp_path: Path, undisturbed: ArrayRecord, kind: type[Any], number: int
) -> None:
    class Stopping(Fair):
        def tell(self, event: AnyEvent) -> None:
            super().tell(event)
            if isinstance(event, kind) and event.round == number:
                self.stop.set()

    stopped = Stopping(tmp_path)
    outcome = stopped.run(ROUNDS)
    assert (outcome.state, outcome.round) == ("stopped", 2)
    assert stopped.told(Ended)[-1].reason == "The job was stopped."
    assert same(Fair(tmp_path).run(ROUNDS).arrays, undisturbed)


def test_a_job_that_waits_can_be_stopped(tmp_path: Path) -> None:
    class Stopping(Fair):
        def tell(self, event: AnyEvent) -> None:
            super().tell(event)
            if isinstance(event, Waiting):
                self.stop.set()

    assert Stopping(tmp_path, NAMES, clients=(*NAMES, "Tienda Elsa")).run().state == "stopped"


# ------------------------------------------------------------------- clients come and go
def test_a_round_waits_for_who_is_late_and_says_for_whom(tmp_path: Path, undisturbed: ArrayRecord) -> None:
    class Late(Fair):
        def tell(self, event: AnyEvent) -> None:
            super().tell(event)
            if isinstance(event, Waiting):
                self.grid.join(Client(NAMES[3]))

    fair = Late(tmp_path, NAMES[:3], clients=NAMES)
    assert same(fair.run(ROUNDS).arrays, undisturbed)
    (waiting,) = fair.told(Waiting)
    assert (waiting.round, waiting.clients) == (1, (NAMES[3],))
    assert waiting.reason == "Round 1 waits for 1 more of its clients."


def test_who_does_not_come_in_time_is_named(tmp_path: Path) -> None:
    fair = Fair(tmp_path, NAMES[:2], clients=NAMES, wait_seconds=0)
    with pytest.raises(Unavailable, match=f"Away: {NAMES[2]}, {NAMES[3]}") as raised:
        fair.run()
    assert raised.value.details == {"clients": [NAMES[2], NAMES[3]]}


def test_a_client_that_leaves_and_returns_takes_part_again(tmp_path: Path) -> None:
    class Leaving(Fair):
        def tell(self, event: AnyEvent) -> None:
            super().tell(event)
            if isinstance(event, RoundEnded) and event.round == 1:
                self.grid.leave(NAMES[1])
            if isinstance(event, RoundEnded) and event.round == 2:
                self.grid.join(Client(NAMES[1]))

    fair = Leaving(tmp_path, min_replies=3)
    fair.run(3)
    assert [ended.replies for ended in fair.told(RoundEnded)] == [4, 3, 4]
    ids = {sent.node_id for sent in fair.told(Sent) if sent.name == NAMES[1]}
    assert len(ids) == 1


def test_clients_nobody_chose_are_not_asked(tmp_path: Path) -> None:
    fair = Fair(tmp_path, clients=NAMES[:2])
    fair.run(1)
    assert {sent.name for sent in fair.told(Sent)} == set(NAMES[:2])
