"""Rounds go on where they ended, whatever ended them, and come to the same arrays."""

import multiprocessing
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from flwr.app import ArrayRecord, MetricRecord
from flwr.serverapp.strategy import FedAvg

from clients import NAMES, TRUTH, Fair, accuracy, make_app, run_job, run_job_killed_when_told, same
from clocks import ManualClock
from feria.errors import Conflict, Unavailable
from feria.federation.executors import InTurn
from feria.federation.grid import Client
from feria.federation.wire import AnyEvent, Ended, Failed, Replied, RoundBegan, RoundEnded, Sent, Waiting

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


# ------------------------------------------------------------------- what is told
def test_a_round_is_told_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    fair = Fair(tmp_path, NAMES[:2])
    fair.run(1)
    kinds = [(type(event).__name__, getattr(event, "phase", None)) for event in fair.events]
    train, evaluate = ("Replied", "train"), ("Replied", "evaluate")
    assert kinds == [
        ("RoundBegan", None), ("Sent", "train"), ("Sent", "train"), train, train,
        ("Sent", "evaluate"), ("Sent", "evaluate"), evaluate, evaluate, ("RoundEnded", None), ("Ended", None),
    ]  # fmt: skip
    reply = fair.told(Replied)[0]
    assert (reply.name, reply.round, reply.samples, reply.metrics) == (NAMES[0], 1, 60, {"loss": 0.5})
    assert reply.bytes == sum(len(array.data) for array in ArrayRecord([np.zeros(4), np.zeros(1)]).values())


def test_the_servers_own_rows_are_evaluated_before_the_first_round_and_after_each(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(200, len(TRUTH)))
    y = (x @ TRUTH > 0).astype(float)

    def central(number: int, arrays: ArrayRecord) -> MetricRecord:
        return MetricRecord({"accuracy": accuracy(arrays, x, y)})

    fair = Fair(tmp_path)
    fair.run(2, evaluate=central)
    found = {ended.round: ended.central["accuracy"] for ended in fair.told(RoundEnded)}
    assert list(found) == [0, 1, 2]
    assert found[2] > 0.9 > found[0]


def test_a_number_that_is_none_stays_out_of_the_means_and_is_null_in_json(tmp_path: Path) -> None:
    fair = Fair(tmp_path)
    fair.run(1)
    (ended,) = fair.told(RoundEnded)
    assert set(ended.evaluate) == {"accuracy"}
    told = [msgspec.json.decode(msgspec.json.encode(event)) for event in fair.events]
    evaluated = [each for each in told if each["event"] == "replied" and each["phase"] == "evaluate"]
    assert [each["metrics"]["auc"] for each in evaluated] == [None] * 4
    assert {each["event"] for each in told} == {"round_began", "sent", "replied", "round_ended", "ended"}
    again = [msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) for event in fair.told(Sent)]
    assert again == fair.told(Sent)


# ------------------------------------------------------------------- too few good replies
def _with(fault: str, **more: Any) -> Mapping[str, Mapping[str, Any]]:
    return {name: {"fault": fault, **more} if name == NAMES[2] else {} for name in NAMES}


def test_too_few_good_replies_end_a_job_with_who_and_why(tmp_path: Path) -> None:
    fair = Fair(tmp_path, _with("raise", in_round=2))
    with pytest.raises(Unavailable) as raised:
        fair.run()
    assert raised.value.message == (
        "Round 2 needs 4 good replies and has 3. Tienda Carla: ValueError: the till is locked"
    )
    assert raised.value.details == {"clients": [NAMES[2]]}
    assert fair.told(Ended)[-1] == Ended(
        at=fair.told(Ended)[-1].at, round=1, state="failed", reason=raised.value.message
    )


def test_a_job_may_go_on_with_the_arrays_it_had(tmp_path: Path) -> None:
    fair = Fair(tmp_path, _with("raise", in_round=2), otherwise="continue")
    outcome = fair.run(2)
    (tmp_path / "one").mkdir()
    assert same(outcome.arrays, Fair(tmp_path / "one").run(1).arrays)
    assert [ended.replies for ended in fair.told(RoundEnded)] == [4, 0]


def test_a_job_may_do_the_round_again_until_enough_answer(tmp_path: Path, undisturbed: ArrayRecord) -> None:
    class Mending(Fair):
        def tell(self, event: AnyEvent) -> None:
            super().tell(event)
            if isinstance(event, Waiting):
                self.grid.join(Client(NAMES[2]))

    fair = Mending(tmp_path, _with("raise"), otherwise="wait", retry_seconds=0)
    assert same(fair.run(ROUNDS).arrays, undisturbed)
    (waiting,) = fair.told(Waiting)
    assert waiting.clients == (NAMES[2],)
    assert [began.round for began in fair.told(RoundBegan)] == [1, 1, 2, 3, 4]


def test_doing_a_round_again_has_an_end(tmp_path: Path) -> None:
    clock = ManualClock()

    class Aging(Fair):
        def tell(self, event: AnyEvent) -> None:
            super().tell(event)
            if isinstance(event, Waiting):
                clock.advance(40)

    fair = Aging(tmp_path, _with("raise"), clock=clock, otherwise="wait", retry_seconds=0, wait_seconds=100)
    with pytest.raises(Unavailable, match="the till is locked"):
        fair.run()
    assert len(fair.told(Waiting)) == 3


def test_a_strategy_that_makes_numbers_that_are_none_makes_no_round(tmp_path: Path) -> None:
    class Dividing(FedAvg):
        def aggregate_train(self, server_round: int, replies: Any) -> Any:
            arrays, metrics = super().aggregate_train(server_round, replies)
            if arrays is None:
                return None, None
            return ArrayRecord([array.numpy() * np.nan for array in arrays.values()]), metrics

    fair = Fair(tmp_path)
    fair.strategy.inner = Dividing(min_train_nodes=1, min_available_nodes=1)
    with pytest.raises(Unavailable, match="made arrays that are not finite of the 4 replies of round 1"):
        fair.run()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("nan", "Its array '0' holds NaN."),
        ("infinity", "Its array '1' holds infinity."),
        ("shape", "Its array '0' has the shape (3,) instead of (4,)."),
        ("text", "Its array '0' holds <U1, which are no numbers."),
        ("fewer", "It sent the arrays 0 instead of 0, 1."),
        ("lie", "It says it has 1000000000 rows and has registered with 60."),
        ("nobody", "Its 'num-examples' is 0 and must be a whole number above 0."),
        ("half", "Its 'num-examples' is 59.5 and must be a whole number above 0."),
        ("raise", "ValueError: the till is locked"),
        ("exit", "SystemExit: 3"),
    ],
)
def test_a_faulty_client_costs_a_round_nothing_but_itself(tmp_path: Path, fault: str, said: str) -> None:
    sound, faulty = tmp_path / "sound", tmp_path / "faulty"
    sound.mkdir()
    faulty.mkdir()
    fair = Fair(faulty, _with(fault), min_replies=3)
    outcome = fair.run(2)
    others = tuple(name for name in NAMES if name != NAMES[2])
    assert same(outcome.arrays, Fair(sound, others).run(2).arrays)
    assert {(failed.name, failed.reason) for failed in fair.told(Failed)} == {(NAMES[2], said)}


def test_a_metric_that_one_client_alone_tells_of_stops_nobody(tmp_path: Path) -> None:
    fair = Fair(tmp_path, _with("more metrics"))
    fair.run(1)
    (ended,) = fair.told(RoundEnded)
    assert (ended.replies, ended.train) == (4, {"loss": 0.5})


def test_who_hangs_in_this_process_is_a_straggler_of_its_round_only(tmp_path: Path) -> None:
    clock = ManualClock()
    app = make_app(hangs=lambda: clock.advance(10**4))
    order = _with("hang", in_round=1)
    fair = Fair(tmp_path, order, executor=InTurn(app, clock), clock=clock, min_replies=2)
    fair.run(2)
    assert [ended.replies for ended in fair.told(RoundEnded)] == [2, 4]
