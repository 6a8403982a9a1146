"""Whatever the order in which a member hears of writes, it ends with the same rows."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from clocks import ManualClock
from feria.cluster.replica import Replica
from feria.cluster.rows import Row
from feria.cluster.vectors import Vector, covers
from simulations.memory_disk import MemoryDisk

KEYS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 2), KEYS, st.booleans()),
        st.tuples(st.just("copy"), st.integers(0, 2), st.integers(0, 2), st.none()),
    ),
    max_size=20,
)


def replica(seed: int) -> Replica:
    return Replica(MemoryDisk(), ManualClock(), random.Random(seed))


def copy(giver: Replica, taker: Replica) -> None:
    """What a delta does."""
    rows = giver.delta(taker.vector.entries)
    assert rows is not None
    for row in rows:
        taker.merge(row, giver.vector.entries)
    taker.advance(giver.vector.entries)


def state(of: Replica) -> tuple[list[Row], bytes]:
    return list(of.disk.between("", None, 1000)), of.vector.hash


def history(steps: list[tuple[str, int, object, object]]) -> list[Replica]:
    members = [replica(seed) for seed in range(3)]
    for kind, at, what, deletes in steps:
        if kind == "copy":
            copy(members[at], members[int(str(what))])
            continue
        key = str(what)
        row = members[at].disk.row(key)
        if not deletes or (row is not None and row.value is not None):
            members[at].write(key, None if deletes else b"v")
    return members


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, order=st.permutations([0, 1, 2]), again=st.integers(0, 2))
def test_merging_is_commutative_and_idempotent(steps: list, order: list[int], again: int) -> None:
    members = history(steps)
    one, other = replica(10), replica(11)
    for member in members:
        copy(member, one)
    for at in order:
        copy(members[at], other)
    copy(members[again], other)
    assert state(one) == state(other)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_merging_is_associative(steps: list) -> None:
    a, b, c = history(steps)
    left, right, pair = replica(10), replica(11), replica(12)
    copy(a, pair)
    copy(b, pair)
    copy(pair, left)
    copy(c, left)
    copy(b, right)
    copy(c, right)
    copy(a, right)
    assert state(left) == state(right)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, chance=st.randoms(use_true_random=False))
def test_single_rows_in_any_order_and_twice_make_the_same_winners(steps: list, chance: random.Random) -> None:
    members = history(steps)
    rows = [row for member in members for row in member.disk.between("", None, 1000)] * 2
    winners: dict[str, Row] = {}
    for row in rows:
        if row.key not in winners or winners[row.key].order < row.order:
            winners[row.key] = row
    chance.shuffle(rows)
    taker = replica(10)
    for row in rows:
        taker.merge(row, {})
    assert {row.key: row for row in taker.disk.between("", None, 1000)} == winners


@given(steps=STEPS)
@settings(max_examples=100, deadline=None)
def test_the_greatest_write_of_a_key_is_its_last_in_the_order_of_knowing(steps: list) -> None:
    """A write that was made upon another is greater, whatever the clocks say."""
    for member in history(steps):
        for row in member.disk.between("", None, 1000):
            before = row.version
            if row.value is not None:
                assert member.write(row.key, None).version == before + 1
            else:
                assert member.write(row.key, b"again").version == before + 1


ENTRIES = st.dictionaries(st.integers(1, 6), st.integers(1, 9), max_size=6)


@given(parts=st.lists(ENTRIES, max_size=6), order=st.randoms(use_true_random=False))
def test_a_vector_has_one_hash_whatever_way_it_came_there(
    parts: list[dict[int, int]], order: random.Random
) -> None:
    one, other = Vector(), Vector()
    for part in parts:
        one.advance(part)
    order.shuffle(parts)
    for part in parts:
        other.advance(part)
    assert one.entries == other.entries
    assert one.hash == other.hash
    assert all(covers(one.entries, part) for part in parts)


@given(parts=st.lists(ENTRIES, min_size=1, max_size=6), moment=st.integers(0, 6))
def test_what_changed_since_a_moment_makes_the_vector_of_then_that_of_now(
    parts: list[dict[int, int]], moment: int
) -> None:
    vector = Vector()
    at = {0: {}}
    for part in parts:
        vector.advance(part)
        at[vector.moment] = dict(vector.entries)
    moment = min(moment, vector.moment)
    assert {**at[moment], **vector.since(moment)} == vector.entries
    assert vector.latest(2).items() <= vector.entries.items()


@given(one=ENTRIES, other=ENTRIES)
def test_different_vectors_have_different_hashes(one: dict[int, int], other: dict[int, int]) -> None:
    assert (Vector(one).hash == Vector(other).hash) == (one == other)
