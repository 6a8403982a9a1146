"""Who may wait. No threads and no clock: what jobs took is told to it."""

from collections.abc import Sequence
from typing import Any

import pytest

from feria.errors import Busy
from feria.inference.admission import OUTLIER, Admission

THREADS, PATIENCE = 2, 0.025


class Model:
    name = "model"
    expected_seconds = 0.001

    def __init__(self, seconds: float, max_jobs: int = 1) -> None:
        self.max_jobs = max_jobs
        self.seconds = seconds

    def answer(self, payloads: Sequence[Any]) -> list[Any]:
        return list(payloads)


def admission(*known: Model, max_waiting: int = 1000) -> Admission:
    """With models that have answered once."""
    made = Admission(THREADS, max_waiting, PATIENCE)
    for model in known:
        made.leave(model, 1, made.enter(model)).learn(model.seconds)
    return made


def fill(admission: Admission, model: Model) -> list[float]:
    """Enter until one is refused; what was expected of each."""
    expected: list[float] = []
    with pytest.raises(Busy):
        while True:
            expected.append(admission.enter(model))
    return expected


def test_as_many_may_wait_as_can_be_answered_in_time() -> None:
    model = Model(0.001)
    expected = fill(admission(model), model)
    assert sum(expected) / THREADS == pytest.approx(PATIENCE, abs=0.001)


def test_each_that_leaves_makes_room_for_one() -> None:
    model = Model(0.001)
    crowd = admission(model)
    expected = fill(crowd, model)
    crowd.leave(model, 3, sum(expected[:3]))
    assert len(fill(crowd, model)) == 3


def test_a_slow_model_still_gets_whole_batches() -> None:
    slow = Model(5.0, max_jobs=8)
    assert len(fill(admission(slow), slow)) == THREADS * 8


def test_one_slow_job_does_not_shut_out_a_quick_model() -> None:
    slow, quick = Model(5.0), Model(0.0001, max_jobs=8)
    crowd = admission(slow, quick)
    crowd.enter(slow)
    assert len(fill(crowd, quick)) == THREADS * 8


def test_who_is_refused_is_told_how_long_the_line_is() -> None:
    slow = Model(5.0)
    crowd = admission(slow)
    expected = fill(crowd, slow)
    with pytest.raises(Busy) as raised:
        crowd.enter(slow)
    assert raised.value.retry_after == pytest.approx(sum(expected) / THREADS)


def test_a_slow_model_may_join_a_line_of_quick_work() -> None:
    slow, quick = Model(5.0), Model(0.0001)
    crowd = admission(slow, quick)
    for _ in range(100):
        crowd.enter(quick)
    assert len(fill(crowd, slow)) == THREADS


def test_the_number_that_wait_is_bounded_however_quick_they_are() -> None:
    model = Model(1e-9)
    assert len(fill(admission(model, max_waiting=7), model)) == 7


def test_a_check_says_what_entering_would_and_counts_nobody() -> None:
    model = Model(0.001)
    crowd = admission(model)
    for _ in range(1000):
        crowd.check(model)
    fill(crowd, model)
    with pytest.raises(Busy):
        crowd.check(model)


def test_what_a_job_takes_is_learned_and_one_outlier_changes_little() -> None:
    model = Model(0.001)
    crowd = admission()
    assert crowd.enter(model) == model.expected_seconds
    line = crowd.leave(model, 1, model.expected_seconds)
    line.learn(0.5)
    assert line.pace == 0.5  # until then it was a guess, which has no weight
    line.learn(1000.0)
    assert line.pace < 0.5 * OUTLIER / 2
    for _ in range(200):
        line.learn(0.002)
    assert line.pace == pytest.approx(0.002, rel=0.1)


def test_once_all_have_left_nothing_is_left_over() -> None:
    model = Model(0.1 / 3)
    crowd = admission(model)
    for _ in range(1000):
        crowd.leave(model, 1, crowd.enter(model))
    assert crowd.enter(model) > 0
    assert crowd.leave(model, 1, model.seconds).seconds == 0
