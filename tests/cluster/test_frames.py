"""What a connection between two members believes, byte by byte."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.cluster.frames import GREETING_BYTES, MOST_BYTES, Refused, Session
from feria.cluster.keys import Key
from simulations.frames_fuzz import OURS, THEIRS, fuzz, session, shake


def pair(
    keys: tuple[Key, ...] = (OURS,), others: tuple[Key, ...] = (OURS,), cluster: str = "fair"
) -> tuple[Session, Session]:
    random = Random(0)
    return session(random, dialled=True, keys=keys), session(
        random, dialled=False, keys=others, cluster=cluster
    )


def reason(one: Session, other: Session) -> str:
    with pytest.raises(Refused) as refused:
        shake(one, other)
    return refused.value.reason


@given(payloads=st.lists(st.binary(max_size=3000), max_size=10), size=st.integers(1, 5000))
def test_what_is_sent_comes_out_however_it_is_cut(payloads: list[bytes], size: int) -> None:
    one, other = pair()
    shake(one, other)
    wire = b"".join(one.seal(payload) + payload for payload in payloads)
    heard = [payload for at in range(0, len(wire), size) for payload in other.receive(wire[at : at + size])]
    assert heard == payloads
    assert not other.unfinished


def test_both_directions_have_codes_of_their_own() -> None:
    one, other = pair()
    shake(one, other)
    frame = one.seal(b"hello") + b"hello"
    with pytest.raises(Refused, match="forged"):
        one.receive(frame)  # reflected
    assert other.receive(frame) == [b"hello"]
    with pytest.raises(Refused, match="forged"):
        other.receive(frame)  # once more


def test_what_was_recorded_on_another_connection_is_not_believed() -> None:
    random = Random(1)
    recorded, victim = session(random, dialled=True), session(random, dialled=False)
    said = bytes(recorded.outgoing)
    shake(recorded, victim)
    later = session(random, dialled=False)
    later.receive(said)
    with pytest.raises(Refused, match="key"):
        later.receive(recorded.seal(b"") + b"")


@pytest.mark.parametrize(
    ("keys", "others", "why"),
    [((OURS,), (THEIRS,), "key"), ((OURS,), (), "key"), ((), (OURS,), "key"), ((OURS, THEIRS), (), "key")],
)
def test_who_shares_no_key_is_refused(keys: tuple[Key, ...], others: tuple[Key, ...], why: str) -> None:
    assert reason(*pair(keys, others)) == why


def test_another_cluster_is_refused() -> None:
    assert reason(*pair(cluster="market")) == "cluster"


@pytest.mark.parametrize(
    ("keys", "others", "used"),
    [
        ((THEIRS, OURS), (OURS,), OURS),
        ((OURS,), (THEIRS, OURS), OURS),
        ((THEIRS, OURS), (OURS, THEIRS), THEIRS),  # the dialling side's preference
        ((), (), None),
    ],
)
def test_while_the_key_changes_either_will_do(
    keys: tuple[Key, ...], others: tuple[Key, ...], used: Key | None
) -> None:
    one, other = pair(keys, others)
    shake(one, other)
    assert one.key == other.key == used


def test_nobody_in_between_chooses_the_key() -> None:
    one, other = pair((THEIRS, OURS), (THEIRS, OURS))
    said = bytes(one.outgoing)
    assert THEIRS.id in said
    other.receive(said.replace(THEIRS.id, bytes(8)))  # so that only the older one seems to be shared
    with pytest.raises(Refused, match="key"):
        one.receive(bytes(other.outgoing))


def test_a_node_that_calls_itself_notices() -> None:
    random = Random(0)
    one = session(random, dialled=True)
    itself = Session("fair", "m1:7001", 1, (OURS,), dialled=False, nonce=bytes(32))
    assert reason(one, itself) == "self"


@pytest.mark.parametrize("length", [0, GREETING_BYTES + 1, 2**32 - 1])
def test_a_strangers_length_is_not_waited_for(length: int) -> None:
    _, other = pair()
    with pytest.raises(Refused, match="length"):
        other.receive(length.to_bytes(4))


@pytest.mark.parametrize("length", [0, 15, MOST_BYTES + 17, 2**32 - 1])
def test_a_members_length_is_bounded_too(length: int) -> None:
    one, other = pair()
    shake(one, other)
    with pytest.raises(Refused, match="length"):
        other.receive(length.to_bytes(4))


def test_ten_thousand_bad_connections_change_nothing() -> None:
    outcomes = fuzz(10_000)
    assert {"length", "garbage", "cluster", "key", "forged", "waits"} <= outcomes.keys()
