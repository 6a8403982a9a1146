"""Clients that answer with nonsense, late or not at all: what becomes of the round, and of the job."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import ArrayRecord
from flwr.serverapp.strategy import FedAvg

from clients import NAMES, Fair, make_app, same
from clocks import ManualClock
from feria.errors import Unavailable
from feria.federation.executors import InTurn
from feria.federation.grid import Client
from feria.federation.wire import AnyEvent, Ended, Failed, RoundBegan, RoundEnded, Waiting


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


def test_a_job_may_do_the_round_again_until_enough_answer(tmp_path: Path) -> None:
    class Mending(Fair):
        def tell(self, event: AnyEvent) -> None:
            super().tell(event)
            if isinstance(event, Waiting):
                self.grid.join(Client(NAMES[2]))

    (tmp_path / "sound").mkdir()
    fair = Mending(tmp_path, _with("raise"), otherwise="wait", retry_seconds=0)
    assert same(fair.run(3).arrays, Fair(tmp_path / "sound").run(3).arrays)
    (waiting,) = fair.told(Waiting)
    assert waiting.clients == (NAMES[2],)
    assert [began.round for began in fair.told(RoundBegan)] == [1, 1, 2, 3]


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
