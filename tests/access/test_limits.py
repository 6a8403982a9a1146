"""Token buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clocks import ManualClock
from feria.access.limits import RateLimit, neighbourhood, refuse_after
from feria.errors import RateLimited


def test_a_caller_may_burst_and_then_goes_on_at_the_rate() -> None:
    clock = ManualClock()
    limit = RateLimit(10, burst=5, clock=clock)
    assert [limit.take("a") for _ in range(5)] == [0.0] * 5
    assert limit.take("a") == pytest.approx(0.1)
    clock.advance(0.1)
    assert limit.take("a") == 0.0
    assert limit.take("a") > 0.0


def test_one_callers_haste_is_not_anothers() -> None:
    limit = RateLimit(1, burst=1, clock=ManualClock())
    assert limit.take("a") == 0.0
    assert limit.take("a") > 0.0
    assert limit.take("b") == 0.0


def test_looking_costs_nothing() -> None:
    limit = RateLimit(1, burst=1, clock=ManualClock())
    assert [limit.wait("a") for _ in range(3)] == [0.0] * 3
    limit.take("a")
    assert limit.wait("a") == pytest.approx(1.0)


def test_who_is_refused_is_told_when_to_come_again() -> None:
    refuse_after(0.0, "Never said.")
    with pytest.raises(RateLimited) as refused:
        refuse_after(2.5, "Too often.")
    assert refused.value.retry_after == 2.5


def test_of_too_many_callers_those_are_forgotten_who_have_not_asked_for_longest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("feria.access.limits.MOST", 3)
    limit = RateLimit(1, burst=1, clock=ManualClock())
    for caller in "abcad":
        limit.take(caller)
    assert [caller for caller in "abcd" if limit.wait(caller) > 0.0] == ["a", "c", "d"]


@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from("ab")), max_size=200))
def test_nobody_ever_gets_more_than_the_burst_and_the_rate(history: list[tuple[float, str]]) -> None:
    clock, granted = ManualClock(), {"a": 0, "b": 0}
    limit = RateLimit(4, burst=3, clock=clock)
    for pause, caller in history:
        clock.advance(pause)
        if limit.take(caller) == 0.0:
            granted[caller] += 1
        assert granted[caller] <= 3 + 4 * clock.seconds + 1e-6


def test_a_network_of_ipv6_is_one_caller() -> None:
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert neighbourhood("192.0.2.7") == neighbourhood("::ffff:192.0.2.7") == "192.0.2.7"


@given(st.text())
def test_any_address_has_a_neighbourhood(address: str) -> None:
    assert isinstance(neighbourhood(address), str)
