"""What members say to each other: how much of it, in how few words, and how it goes on after a cut."""

import random

import msgspec
import pytest

from feria.cluster import roster
from feria.cluster.gossip import ALONE_SECONDS, Gossip
from feria.cluster.messages import Ask, Delta, Digest, Message, Page, member_number
from feria.cluster.replica import Replica
from feria.cluster.rows import Row
from simulations import checks
from simulations.memory_disk import MemoryDisk
from simulations.world import Member, Rules, ShortReplica, World


class RealReplica(Replica):
    """With messages as long as those of a node."""

    history = None


def world(*names: str, real: bool = True) -> World:
    rules = Rules(replica=RealReplica, gossip=Gossip) if real else Rules()  # type: ignore[arg-type]
    made = World(random.Random(3), rules)
    for name in names:
        made.add(name).sit()
    checks.converge(made)
    return made


def exchange(of: World, one: str, other: str) -> list[tuple[Message, int]]:
    """What was said, with the bytes it took."""
    said: list[tuple[Message, int]] = []
    member = of.members[one]
    member.do(lambda: member.gossip.exchange(other))
    while of.flying:
        packed = of.flying[0][2]
        said.append((msgspec.msgpack.decode(packed, type=Message), len(packed)))
        of.deliver(0)
    return said


def fill(member: Member, rows: int, value: bytes = b"x" * 80) -> None:
    """As if they had been written here in one go."""
    for at in range(rows):
        member.replica.write(f"product/{at:07}", value)
    member.replica.written.clear()  # too much to push
    member.replica.commit()
    member.gossip.take()


def test_who_is_to_join_others_and_meets_none_takes_what_it_has_for_all_there_is() -> None:
    gossip = world("a").members["a"].gossip
    assert gossip.lacks_rows
    gossip.tick(100.0, [])
    gossip.tick(100.0 + ALONE_SECONDS, [])
    assert gossip.lacks_rows
    gossip.tick(101.0 + ALONE_SECONDS, [])
    assert not gossip.lacks_rows


def test_two_that_find_nothing_missing_lack_nothing() -> None:
    made = world("a", "b")
    exchange(made, "a", "b")
    assert not made.members["a"].gossip.lacks_rows
    assert not made.members["b"].gossip.lacks_rows


def test_two_that_agree_say_so_in_150_bytes() -> None:
    made = world("a", "b")
    fill(made.members["a"], 2000)
    exchange(made, "a", "b")
    checks.converge(made)
    said = exchange(made, "a", "b")
    assert [type(message) for message, _ in said] == [Digest, Digest]
    assert sum(size for _, size in said) <= 150


def test_a_change_among_many_keys_of_three_origins_takes_500_bytes() -> None:
    made = world("a", "b", "c")
    for name in "abc":
        fill(made.members[name], 700)
        made.flying.clear()
    checks.converge(made)
    made.members["a"].replica.write("product/0000007", b"y" * 80)
    made.members["a"].replica.written.clear()
    made.members["a"].commit()
    said = exchange(made, "b", "a")
    assert sum(size for _, size in said) <= 500
    row = made.members["b"].disk.row("product/0000007")
    assert row is not None
    assert row.value == b"y" * 80


def test_the_length_of_an_exchange_does_not_depend_on_the_keys() -> None:
    sizes = []
    for keys in (10, 3000):
        made = world("a", "b")
        fill(made.members["a"], keys)
        checks.converge(made)
        made.members["a"].replica.write("one", b"more")
        made.members["a"].replica.written.clear()
        made.members["a"].commit()
        sizes.append(sum(size for _, size in exchange(made, "b", "a")))
    assert abs(sizes[0] - sizes[1]) <= 24  # numbers grow by a byte or two


def test_a_write_is_at_its_peers_in_one_message() -> None:
    made = world("a", "b", "c")
    made.members["a"].write("k", deletes=False)
    assert len(made.flying) == 2
    made.settle()
    assert all("k" in member.view() for member in made.members.values())


def test_in_a_larger_cluster_who_gets_a_write_passes_it_on() -> None:
    made = world(*(f"m{at}" for at in range(9)))
    before = made.sent
    made.members["m0"].write("k", deletes=False)
    assert len(made.flying) == 4
    made.settle()
    assert sum("k" in member.view() for member in made.members.values()) >= 6
    assert made.sent - before <= 4 + 2 * 8


def test_a_new_member_takes_over_what_no_message_holds() -> None:
    made = world("a")
    fill(made.members["a"], 9000)
    fresh = made.add("b")
    said = exchange(made, "b", "a")
    pages = [(message, size) for message, size in said if isinstance(message, Page)]
    assert len(pages) > 1
    assert max(size for _, size in pages) < 1.2 * 2**20
    while fresh.gossip.has_work:
        fresh.do(lambda: None)
    assert fresh.view() == made.members["a"].view()
    assert fresh.gossip.transfer is None


@pytest.mark.parametrize("who", ["taker", "giver"])
def test_a_transfer_goes_on_where_it_was_cut(who: str) -> None:
    made = world("a", real=False)
    for at in range(30):
        made.members["a"].write(f"k{at:02}", deletes=False)
    made.flying.clear()
    fresh = made.add("b")
    fresh.do(lambda: fresh.gossip.exchange("a"))
    while fresh.gossip.transfer is None or fresh.gossip.transfer.pages < 5:
        made.deliver(0)
    cut = fresh.gossip.transfer.after
    made.flying.clear()
    stopped = fresh if who == "taker" else made.members["a"]
    stopped.crash()
    stopped.start()
    fresh.do(lambda: fresh.gossip.exchange("a"))
    checks.pass_time(made, 2.0)
    asked: list[str] = []
    while made.flying:
        message = msgspec.msgpack.decode(made.flying[0][2], type=Message)
        if isinstance(message, Ask):
            asked.append(message.after)
        made.deliver(0)
    checks.pass_time(made, 2.0)
    checks.converge(made)
    assert fresh.view() == made.members["a"].view()
    assert not asked or min(asked) >= cut


def test_a_transfer_that_nobody_goes_on_with_leaves_nothing_behind() -> None:
    made = world("a", real=False)
    for at in range(30):
        made.members["a"].write(f"k{at:02}", deletes=False)
    made.flying.clear()
    fresh = made.add("b")
    fresh.do(lambda: fresh.gossip.exchange("a"))
    while fresh.gossip.transfer is None or fresh.gossip.transfer.pages < 5:
        made.deliver(0)
    made.members["a"].crash()
    for _ in range(12):
        checks.pass_time(made, 2.0)
    assert fresh.gossip.transfer is None
    assert fresh.view() == {}
    assert isinstance(fresh.disk, MemoryDisk)
    fresh.disk.sync()
    assert not [name for name in fresh.disk.durable.notes if name.startswith("page/")]


def test_an_expelled_member_takes_its_seat_again_once_it_has_what_the_others_have() -> None:
    made = world("a", "b", "c")
    a, c = made.members["a"], made.members["c"]
    c.crash()
    a.do(lambda: roster.seat(a.replica, "c", "c", roster.State.expelled, a.clock.now()))
    c.start()
    c.do(c.gossip.tend_roster)
    checks.converge(made)
    assert roster.members(a.disk)["c"].state == roster.State.expelled
    c.do(c.gossip.tend_roster)
    checks.converge(made)
    assert roster.members(a.disk)["c"].state == roster.State.member


def test_a_write_that_lost_unseen_is_kept_as_a_conflict_on_every_member() -> None:
    made = world("a", "b", "c")
    made.members["a"].write("k", deletes=False)
    made.members["b"].write("k", deletes=False)
    made.settle()
    checks.converge(made)
    winner = made.members["a"].disk.row("k")
    assert winner is not None
    for member in made.members.values():
        (lost,) = member.disk.losers("k")
        assert lost.version == 1
        assert lost.value != winner.value


def test_a_write_upon_another_is_no_conflict() -> None:
    made = world("a", "b")
    for name in "abab":
        made.members[name].write("k", deletes=False)
        made.settle()
    checks.converge(made)
    assert [member.disk.losers("k") for member in made.members.values()] == [[], []]


def test_a_message_of_any_content_is_no_harm_beyond_its_rows() -> None:
    """Members hold the cluster's key, so they are believed; what they say may still be late or muddled."""
    made = world("a", "b")
    a = made.members["a"]
    stamp = a.gossip._whole()
    odd = Delta(stamp, a.replica.life + 1, 0, [Row("k", b"", 1, 0, 7, 1)], True)
    made.members["b"].do(lambda: made.members["b"].gossip.receive("a", odd, made.now))
    made.settle()
    assert made.members["b"].disk.row("k") is None
    assert member_number("a") != member_number("b")
    assert ShortReplica.delta_bytes < Replica.delta_bytes
