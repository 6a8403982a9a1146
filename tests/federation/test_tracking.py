"""How clients stand, from what is told of them."""

import copy
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from feria.federation import wire
from feria.federation.jobs_wire import Alive, Changed, JobState, Told
from feria.federation.tracking import ClientStatus, Tracker

NAMES = ("Hospital Barcelona", "Tienda Lima", "Tienda Cusco")
BEGAN = datetime(2026, 11, 21, tzinfo=UTC)


def statuses() -> list[ClientStatus]:
    return [
        ClientStatus(
            client_id=f"client_{place:08x}",
            connection_name=name,
            connection_ip="127.0.0.1",
            connection_port=8000,
            dataset_name="ventas.csv",
            created_at=BEGAN,
        )
        for place, name in enumerate(NAMES)
    ]


def tracker(given: list[ClientStatus] | None = None) -> Tracker:
    return Tracker(given or statuses(), offline_seconds=30, slow_seconds=30)


def of(name: str, at: float, number: int = 1, phase: str = "train") -> dict[str, Any]:
    return {"at": at, "round": number, "phase": phase, "node_id": "7", "name": name}


def sent(name: str, at: float = 0.0, number: int = 1, phase: str = "train") -> wire.Sent:
    return wire.Sent(**of(name, at, number, phase), bytes=10)


def replied(
    name: str, at: float, seconds: float = 1.0, number: int = 1, phase: str = "train", **metrics: float
) -> wire.Replied:
    told: wire.Metrics = {"accuracy": 0.5, "loss": 0.7, **metrics}
    return wire.Replied(**of(name, at, number, phase), samples=60, metrics=told, seconds=seconds, bytes=20)


def failed(name: str, at: float, code: int = 2) -> wire.Failed:
    return wire.Failed(**of(name, at), code=code, reason="No.", seconds=1.0)


def status(tracked: Tracker, name: str, now: float) -> str:
    return {one.connection_name: one.status for one in tracked.statuses(now)}[name]


ANA = NAMES[0]


def test_who_was_never_asked_is_pending_however_long_it_takes() -> None:
    assert status(tracker(), ANA, 10_000) == "pending"


def test_who_is_asked_trains_and_who_has_answered_is_connected() -> None:
    tracked = tracker()
    tracked.apply(sent(ANA, 100))
    assert status(tracked, ANA, 101) == "training"
    tracked.apply(replied(ANA, 102))
    assert status(tracked, ANA, 102) == "connected"
    assert status(tracked, ANA, 10_000) == "connected"  # nobody asks it anything: silence says nothing


def test_without_a_sign_of_life_who_is_asked_is_offline_after_thirty_seconds() -> None:
    tracked = tracker()
    tracked.apply(sent(ANA, 100))
    assert status(tracked, ANA, 130) == "training"
    assert status(tracked, ANA, 130.1) == "offline"


def test_with_signs_of_life_it_is_slow_and_not_offline() -> None:
    tracked = tracker()
    tracked.apply(sent(ANA, 100))
    tracked.apply(Alive(at=125, round=1))
    assert status(tracked, ANA, 131) == "slow"
    assert status(tracked, ANA, 156) == "offline"
    tracked.apply(Alive(at=157, round=1, clients=(ANA,)))
    assert status(tracked, ANA, 158) == "slow"


def test_a_sign_of_life_of_others_says_nothing() -> None:
    tracked = tracker()
    tracked.apply(sent(ANA, 100))
    tracked.apply(Alive(at=125, round=1, clients=(NAMES[1], "nobody")))
    assert status(tracked, ANA, 131) == "offline"
    assert [one.last_seen for one in tracked.statuses(131)] == [None, None, None]


def test_an_answer_after_thirty_seconds_is_a_stragglers() -> None:
    tracked = tracker()
    tracked.apply(sent(ANA, 100))
    tracked.apply(replied(ANA, 140, seconds=40))
    assert status(tracked, ANA, 140) == "slow"
    assert tracked.health(140).stragglers == 1
    tracked.apply(sent(ANA, 150, number=2))
    tracked.apply(replied(ANA, 151, number=2))
    assert status(tracked, ANA, 151) == "connected"
    assert tracked.health(151).stragglers == 0


def test_a_fault_is_an_error_and_who_is_not_there_is_offline() -> None:
    tracked = tracker()
    for name in NAMES[:2]:
        tracked.apply(sent(name, 100))
    tracked.apply(failed(ANA, 101))
    tracked.apply(failed(NAMES[1], 101, code=5))
    assert [one.status for one in tracked.statuses(101)] == ["error", "offline", "pending"]
    assert tracked.statuses(101)[0].last_seen == datetime.fromtimestamp(101, UTC)
    assert tracked.statuses(101)[1].last_seen is None


def test_who_misses_the_deadline_is_slow_if_it_lives_and_offline_if_not() -> None:
    tracked = tracker()
    for name in NAMES[:2]:
        tracked.apply(sent(name, 100))
    tracked.apply(Alive(at=155, round=1, clients=(ANA,)))
    for name in NAMES[:2]:
        tracked.apply(wire.Straggled(**of(name, 160), seconds=60))
    assert [one.status for one in tracked.statuses(1000)] == ["slow", "offline", "pending"]


def test_a_waiting_job_says_what_it_waits_for() -> None:
    tracked = tracker()
    tracked.apply(sent(ANA, 1))
    tracked.apply(replied(ANA, 2))
    tracked.apply(wire.Waiting(at=3, round=2, clients=NAMES[:2], reason="Round 2 waits for 2 more."))
    assert (tracked.state, tracked.waiting_for, tracked.away) == (
        JobState.waiting,
        "Round 2 waits for 2 more.",
        NAMES[:2],
    )
    assert [one.status for one in tracked.statuses(3)] == ["offline", "pending", "pending"]
    tracked.apply(wire.RoundBegan(at=4, round=2, rounds=3, clients=3))
    assert (tracked.state, tracked.waiting_for, tracked.round) == (JobState.running, "", 2)


def test_figures_measured_on_rows_held_out_are_not_replaced_by_those_on_rows_it_knows() -> None:
    tracked = tracker()
    tracked.apply(replied(ANA, 1, accuracy=0.9))
    assert tracked.statuses(1)[0].accuracy == 0.9
    tracked.apply(replied(ANA, 2, phase="evaluate", accuracy=0.0))
    tracked.apply(replied(ANA, 3, number=2, accuracy=0.95))
    assert tracked.statuses(3)[0].accuracy == 0.0
    assert [one.accuracy for one in tracked.records(2)] == [0.95]


def test_what_is_no_number_is_nothing() -> None:
    tracked = tracker()
    tracked.apply(replied(ANA, 1, accuracy=float("nan"), loss=float("inf")))
    found = tracked.statuses(1)[0]
    assert (found.accuracy, found.loss) == (None, None)


def test_health_is_that_of_the_round_and_of_all_its_clients() -> None:
    tracked = tracker()
    assert tracked.health(0).model_dump() == {
        "round_completion": 0.0,
        "stragglers": 0,
        "average_samples": 0.0,
        "federation_health": 100.0,
    }
    tracked.apply(wire.RoundBegan(at=0, round=1, rounds=3, clients=3))
    for name in NAMES:
        tracked.apply(sent(name, 0))
    tracked.apply(replied(ANA, 1))
    tracked.apply(failed(NAMES[1], 1))
    health = tracked.health(2)
    assert health.round_completion == 2 / 3
    assert health.average_samples == 60
    assert round(health.federation_health, 1) == 66.7
    assert tracked.health(40).stragglers == 1  # the third still thinks


def test_those_who_took_part_are_completed_with_the_job() -> None:
    tracked = tracker()
    for name in NAMES[:2]:
        tracked.apply(sent(name, 1))
    tracked.apply(replied(ANA, 2))
    tracked.apply(failed(NAMES[1], 2))
    tracked.apply(Changed(at=3, round=1, state=JobState.completed))
    assert [one.status for one in tracked.statuses(3)] == ["completed", "error", "pending"]


def test_who_was_asked_when_a_job_ended_is_asked_no_more() -> None:
    tracked = tracker()
    tracked.apply(replied(ANA, 1))
    for name in NAMES[:2]:
        tracked.apply(sent(name, 2))
    tracked.apply(Changed(at=3, round=1, state=JobState.stopped))
    assert [one.status for one in tracked.statuses(10_000)] == ["connected", "pending", "pending"]


def test_a_round_that_is_begun_anew_forgets_what_came_of_it_before() -> None:
    tracked = tracker()
    tracked.apply(sent(ANA))
    tracked.apply(replied(ANA, 1))
    tracked.apply(wire.RoundBegan(at=2, round=1, rounds=3, clients=3))
    assert tracked.records(1) == []


# ------------------------------------------------------------------- any history
rounds = st.integers(1, 4)
names = st.sampled_from([*NAMES, "nobody"])
phases = st.sampled_from(["train", "evaluate"])
seconds = st.floats(0, 100)


@st.composite
def histories(draw: st.DrawFn) -> list[Told]:
    """What may be told of a job, in whatever order, a second or a minute apart."""
    told: list[Told] = []
    at = 0.0
    for _ in range(draw(st.integers(0, 40))):
        at += draw(st.sampled_from([1.0, 60.0]))
        number, name, phase = draw(rounds), draw(names), draw(phases)
        told.append(
            draw(
                st.sampled_from(
                    [
                        sent(name, at, number, phase),
                        replied(name, at, draw(seconds), number, phase),
                        wire.Failed(
                            **of(name, at, number, phase),
                            code=draw(st.sampled_from([0, 5])),
                            reason="",
                            seconds=1,
                        ),
                        wire.Straggled(**of(name, at, number, phase), seconds=60),
                        wire.RoundBegan(at=at, round=number, rounds=4, clients=3),
                        wire.RoundEnded(
                            at=at, round=number, replies=3, train={}, evaluate={}, central={}, seconds=1
                        ),
                        wire.Waiting(at=at, round=number, clients=(name,), reason="Waits."),
                        Alive(at=at, round=number, clients=(name,)),
                        Alive(at=at, round=number),
                        Changed(at=at, round=number, state=draw(st.sampled_from(JobState))),
                    ]
                )
            )
        )
    return told


@given(histories(), st.data())
@settings(max_examples=300)
def test_a_tracker_made_anew_from_what_was_kept_stands_as_the_one_that_was_lost(
    told: list[Told], data: st.DataObject
) -> None:
    """Kept are the statuses at any later moment, and all that was told from a round's end on."""
    ends = [place for place, event in enumerate(told) if isinstance(event, wire.RoundEnded)]
    since = data.draw(st.sampled_from([-1, *ends]))
    later = data.draw(st.integers(since + 1, len(told)))
    whole, lost = tracker(), tracker()
    for event in told:
        whole.apply(event)
    for event in told[:later]:
        lost.apply(event)
    kept = msgspec.json.decode(msgspec.json.encode(lost.statuses(0)), type=list[ClientStatus])
    anew = tracker(kept)
    for event in told[max(since, 0) :]:
        anew.apply(event)
    now = 100_000.0
    assert anew.statuses(now) == whole.statuses(now)
    assert (anew.state, anew.round, anew.waiting_for) == (whole.state, whole.round, whole.waiting_for)


@given(histories())
def test_what_is_told_of_a_stranger_changes_nothing(told: list[Told]) -> None:
    whole, without = tracker(), tracker()
    for event in told:
        whole.apply(event)
        if not (isinstance(event, wire.OfClient) and event.name == "nobody"):
            without.apply(event)
    assert whole.statuses(1e6) == without.statuses(1e6)
    assert {one.connection_name for one in whole.statuses(1e6)} == set(NAMES)


@given(histories(), st.floats(0, 3000))
def test_looking_changes_nothing_and_every_share_is_one(told: list[Told], now: float) -> None:
    tracked = tracker()
    for event in told:
        tracked.apply(event)
    before = copy.deepcopy(tracked.statuses(0))
    health = tracked.health(now)
    tracked.statuses(now)
    assert tracked.statuses(0) == before
    assert 0 <= health.federation_health <= 100
    assert 0 <= health.stragglers <= len(NAMES)
