"""What a session has looked like of late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clocks import START, ManualClock
from feria.emotions import mood
from feria.emotions.mood import HALF_LIFE, KEPT_SECONDS, Moods

HAPPY, SAD = {"happy": 1.0, "sad": 0.0}, {"happy": 0.0, "sad": 1.0}


def test_one_answer_is_the_mood() -> None:
    moods = Moods(ManualClock())
    moods.observe("a", {"happy": 0.8, "sad": 0.2})
    found = moods.of("a")
    assert found is not None
    assert (found.mood, found.dominant, found.looks) == ({"happy": 0.8, "sad": 0.2}, "happy", 1)
    assert found.since == found.at == START


def test_half_of_what_was_counts_after_its_half_life() -> None:
    clock = ManualClock()
    moods = Moods(clock)
    moods.observe("a", HAPPY)
    clock.advance(HALF_LIFE)
    moods.observe("a", SAD)
    found = moods.of("a")
    assert found is not None
    assert found.mood == {"happy": 0.5, "sad": 0.5}


def test_frames_per_second_do_not_matter() -> None:
    found = []
    for frames in (2, 30):
        clock = ManualClock()
        moods = Moods(clock)
        moods.observe("a", HAPPY)
        for _ in range(frames * 10):
            clock.advance(1 / frames)
            moods.observe("a", SAD)
        held = moods.of("a")
        assert held is not None
        found.append(held.mood["sad"])
    assert found == pytest.approx([0.5, 0.5], abs=1e-3)


def test_who_is_silent_for_long_or_is_one_too_many_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mood, "MOST", 2)
    clock = ManualClock()
    moods = Moods(clock)
    for session in "abc":
        moods.observe(session, HAPPY)
    assert moods.of("a") is None
    clock.advance(KEPT_SECONDS / 2)
    moods.observe("b", HAPPY)
    clock.advance(KEPT_SECONDS / 2)
    assert moods.of("c") is None
    assert moods.of("b") is not None
    assert moods.forget("b")
    assert not moods.forget("b")


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100), st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda x: sum(x) > 0)
        ),
        min_size=1,
        max_size=20,
    )
)
def test_shares_are_shares_whatever_comes(answers: list[tuple[float, list[float]]]) -> None:
    clock = ManualClock()
    moods = Moods(clock)
    for seconds, shares in answers:
        clock.advance(seconds)
        moods.observe("a", dict(zip("xyz", shares, strict=True)))
    found = moods.of("a")
    assert found is not None
    assert sum(found.mood.values()) == pytest.approx(1, abs=1e-3)
    assert all(0 <= share <= 1 for share in found.mood.values())
    assert found.looks == len(answers)
