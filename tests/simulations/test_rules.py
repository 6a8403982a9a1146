"""One short history for each rule, in which the rule is all that stands between the members and harm: with
the code as it is, nothing happens; with the rule taken out, the harm is noticed."""

import random
from collections.abc import Callable

import pytest

from feria.cluster import roster
from feria.cluster.messages import Delta, Known, Message, Page, Push
from simulations import checks
from simulations.memory_disk import MemoryDisk
from simulations.mutants import MUTANTS
from simulations.world import Member, Rules, World, _decode


class Stage:
    """Three members that know each other, and hands to move single messages."""

    def __init__(self, rules: Rules, names: str = "abc") -> None:
        self.world = World(random.Random(1), rules)
        for name in names:
            self.world.add(name).sit()
        checks.converge(self.world)

    def __getitem__(self, name: str) -> Member:
        return self.world.members[name]

    def put(self, name: str, key: str) -> None:
        assert self[name].write(key, deletes=False)

    def delete(self, name: str, key: str) -> None:
        assert self[name].write(key, deletes=True)

    def exchange(self, one: str, other: str) -> None:
        self[one].do(lambda: self[one].gossip.exchange(other))

    def settle(self) -> None:
        self.world.settle()

    def agree(self, *names: str) -> None:
        """Have them exchange until they are quiet, and each know that the others know."""
        for _ in range(3):
            for one in names:
                for other in names:
                    if one != other:
                        self.exchange(one, other)
                        self.settle()

    def cut(self, name: str) -> None:
        others = set(self.world.members) - {name}
        self.world.cut |= {(name, other) for other in others} | {(other, name) for other in others}

    def mend(self) -> None:
        self.world.cut.clear()

    def collect(self, *names: str) -> int:
        found = [0]
        for name in names:
            self[name].do(lambda name=name: found.append(self[name].gossip.collect()))  # type: ignore[misc]
        return sum(found)

    def expel(self, by: str, name: str) -> None:
        now = self[by].clock.now()
        self[by].do(lambda: roster.seat(self[by].replica, name, name, roster.State.expelled, now))

    def forget(self) -> None:
        """Lose what flies."""
        self.world.flying = []

    def until(self, kind: type[Message], to: str) -> tuple[str, str, bytes]:
        """Deliver until such a message flies to this member; takes it out of the air."""
        for _ in range(200):
            for at, (_, receiver, packed) in enumerate(self.world.flying):
                if receiver == to and isinstance(_decode(packed), kind):
                    return self.world.flying.pop(at)
            self.world.deliver(0)
        raise AssertionError(f"no {kind.__name__} to {to}")

    def whole_delta(self, giver: str, taker: str) -> tuple[str, str, bytes]:
        """On its way, with all of the giver's vector, as after its start."""
        self[giver].crash()
        self[giver].start()
        self.exchange(giver, taker)
        delta = self.until(Delta, taker)
        self.forget()
        return delta

    def late(self, message: tuple[str, str, bytes]) -> None:
        self.world.flying.append(message)
        self.settle()

    def check(self) -> None:
        self.mend()
        checks.converge(self.world)
        checks.nothing_is_lost(self.world)


# ------------------------------------------------------------------------------------ R1
def a_transfer_ends_after_its_first_page(stage: Stage) -> None:
    for key in "hgfedcba":
        stage.put("a", key)
    stage.settle()
    stage.agree("a", "b", "c")
    stage.world.add("d").sit()
    stage.forget()
    stage.exchange("d", "a")
    page = stage.until(Page, "d")
    stage.forget()
    stage.world.flying.append(page)
    stage.world.deliver(0)
    stage["a"].crash()
    stage["a"].is_destroyed = True
    stage.forget()
    stage.check()


# ------------------------------------------------------------------------------------ R2
def a_delta_comes_after_its_receiver_was_set_back(stage: Stage) -> None:
    b = stage["b"]
    stage.agree("a", "b", "c")
    assert isinstance(b.disk, MemoryDisk)
    backup = b.disk.backup()
    stage.cut("c")
    stage.put("a", "k")
    stage.settle()
    stage.forget()
    stage.put("a", "l")
    stage.forget()
    delta = stage.whole_delta("a", "b")
    b.crash()
    b.disk = backup
    b.shown.clear()
    b.start()
    stage.late(delta)
    stage.forget()
    stage.check()


# ------------------------------------------------------------------------------------ R3
def a_row_comes_again_after_it_was_overwritten(stage: Stage) -> None:
    stage.cut("c")
    stage.put("a", "k")
    stage.forget()
    stage.exchange("b", "a")
    delta = stage.until(Delta, "b")
    stage.world.flying.append(delta)
    stage.settle()
    stage.put("b", "k")
    stage.late(delta)
    stage.check()
    assert [stage[name].disk.losers("k") for name in "ab"] == [[], []], "an ancestor is shown as a conflict"


# ------------------------------------------------------------------------------------ R4, R5
def a_key_is_made_again_where_its_tombstone_is_gone_already(stage: Stage) -> None:
    stage.put("a", "k")
    stage.delete("a", "k")
    stage.settle()
    stage.agree("a", "b", "c")
    assert stage.collect("a") == 1
    stage.put("a", "k")
    stage.settle()
    stage.check()


def a_member_is_away_while_a_key_is_deleted(stage: Stage) -> None:
    stage.put("a", "k")
    stage.settle()
    stage.agree("a", "b", "c")
    stage.cut("c")
    stage.delete("a", "k")
    stage.settle()
    stage.agree("a", "b")
    assert stage.collect("a", "b") == 0
    stage.check()
    assert not any(member.gossip.resets for member in stage.world.members.values())


# ------------------------------------------------------------------------------------ R6
def an_expelled_member_is_back_with_what_was_deleted(stage: Stage) -> None:
    stage.put("a", "k")
    stage.settle()
    stage.agree("a", "b", "c")
    stage.cut("c")
    stage.expel("a", "c")
    stage.delete("a", "k")
    stage.settle()
    stage.agree("a", "b")
    assert stage.collect("a", "b") == 2
    stage.check()
    assert all("k" not in member.view() for member in stage.world.members.values())


def an_expelled_member_is_back_with_a_write_of_its_own(stage: Stage) -> None:
    """Some still hold the tombstone that the others collected."""
    stage.put("a", "k")
    stage.settle()
    stage.agree("a", "b", "c")
    stage.cut("c")
    stage.expel("a", "c")
    stage.put("c", "k")
    stage.world.now += 5
    stage.delete("a", "k")
    stage.settle()
    stage.agree("a", "b")
    assert stage.collect("a") == 1
    stage.forget()
    stage.mend()
    stage.exchange("c", "a")
    stage.settle()
    stage.check()
    assert all("k" in member.view() for member in stage.world.members.values()), "nobody deleted this one"


def a_member_comes_to_miss_a_deletion_between_two_pages(stage: Stage) -> None:
    stage.put("a", "z")
    stage.settle()
    stage.agree("a", "b", "c")
    stage.cut("c")
    stage.expel("a", "c")
    for key in "abcdefgh":
        stage.put("a", key)
    stage.settle()
    stage.delete("a", "z")
    stage.settle()
    stage.agree("a", "b")
    stage.mend()
    stage.forget()
    stage.exchange("c", "a")
    page = stage.until(Page, "c")
    stage.forget()
    stage.world.now += 30
    stage["a"].gossip._now = stage.world.now
    stage["a"].gossip._giving_until = 0.0  # it was stopped and started, say
    stage.world.cut |= {("c", "a"), ("a", "c")}
    assert stage.collect("a") == 1
    stage.mend()
    stage.late(page)
    stage.check()
    assert all("z" not in member.view() for member in stage.world.members.values())


# ------------------------------------------------------------------------------------ R7
def _collected_before_all_that_went_before_it_is_here(stage: Stage, kind: type[Message]) -> None:
    """c knows a tombstone by a push alone, and that all know it; what it was put upon is still on its way."""
    stage.agree("a", "b", "c")
    stage.put("a", "k")
    if kind is Push:
        late = next(message for message in stage.world.flying if message[1] == "c")
        stage.world.flying = [message for message in stage.world.flying if message[1] == "b"]
    else:
        stage.world.flying = [message for message in stage.world.flying if message[1] == "b"]
        to_b = stage.world.flying
        stage.forget()
        late = stage.whole_delta("a", "c")
        stage.world.flying = to_b
    stage.settle()
    stage.delete("b", "k")
    stage.settle()
    for other in "ab":
        stage.exchange("c", other)
        known = stage.until(Known, "c")
        stage.forget()
        stage.world.flying.append(known)
        stage.world.deliver(0)
        stage.forget()
    assert stage.collect("c") == 1
    stage.late(late)
    stage.check()
    assert all("k" not in member.view() for member in stage.world.members.values())


def a_push_comes_after_its_keys_tombstone_is_gone(stage: Stage) -> None:
    _collected_before_all_that_went_before_it_is_here(stage, Push)


def a_delta_comes_after_its_keys_tombstone_is_gone(stage: Stage) -> None:
    _collected_before_all_that_went_before_it_is_here(stage, Delta)


# ------------------------------------------------------------------------------------ R8, R9, R10
def a_machine_is_set_back_and_nobody_can_tell(stage: Stage) -> None:
    a = stage["a"]
    stage.put("a", "k")
    stage.settle()
    assert isinstance(a.disk, MemoryDisk)
    backup, origin = a.disk.backup(), a.replica.origin
    stage.put("a", "l")
    stage.put("a", "m")
    stage.settle()
    stage.agree("a", "b", "c")
    a.crash()
    a.disk = backup
    a.shown.clear()
    a.start(origin)
    stage.world.history.seen = lambda row: None  # type: ignore[method-assign]  # this dot is used twice, and that is the matter
    stage.cut("a")
    stage.put("a", "n")
    stage.forget()
    stage.mend()
    stage.check()
    assert all({"k", "l", "m", "n"} <= set(member.view()) for member in stage.world.members.values())


def a_restored_disk_writes_on(stage: Stage) -> None:
    a = stage["a"]
    assert isinstance(a.disk, MemoryDisk)
    backup = a.disk.backup()
    stage.put("a", "k")
    stage.settle()
    a.crash()
    a.disk = backup
    a.start()
    stage.put("a", "l")
    stage.settle()
    stage.check()


def the_power_fails_before_the_commit(stage: Stage) -> None:
    a = stage["a"]
    a.write("k", deletes=False, commit=False)
    stage.settle()
    a.crash()
    a.start()
    stage.check()


def the_power_fails_after_the_commit(stage: Stage) -> None:
    for _ in range(10):
        stage.put("a", "k")
        stage.settle()
        stage["a"].crash()
        stage["a"].start()
    stage.check()


def a_calendar_is_a_day_ahead(stage: Stage) -> None:
    stage["a"].clock.skew = 86_400.0
    stage.put("a", "k")
    stage.settle()
    stage.put("b", "l")
    row = stage["b"].disk.row("l")
    assert row is not None
    assert row.hlc >> 16 <= (stage["b"].clock.now().timestamp() + 60) * 1000, "b followed a's calendar"
    stage.check()


# ------------------------------------------------------------------------------------ and the rest
def a_push_is_lost_and_the_next_one_comes(stage: Stage) -> None:
    stage.put("a", "k")
    stage.forget()
    stage.put("a", "l")
    stage.settle()
    stage.check()


def a_clock_is_behind_that_of_who_wrote_before(stage: Stage) -> None:
    stage["a"].clock.skew = 50_000.0
    stage.put("a", "k")
    stage.settle()
    stage.put("b", "k")
    stage.settle()
    stage.check()


HISTORIES: dict[str, Callable[[Stage], None]] = {
    "R1 the vector moves at the first page": a_transfer_ends_after_its_first_page,
    "R1 the vector moves with each row of a page": a_transfer_ends_after_its_first_page,
    "R2 a delta for another life is taken": a_delta_comes_after_its_receiver_was_set_back,
    "R3 what it came through is taken again": a_row_comes_again_after_it_was_overwritten,
    "R4 versions begin at 1 again": a_key_is_made_again_where_its_tombstone_is_gone_already,
    "R5 tombstones go when this member knows them": a_member_is_away_while_a_key_is_deleted,
    "R5 tombstones go without the silent": a_member_is_away_while_a_key_is_deleted,
    "R6 who missed deletions gets a delta": an_expelled_member_is_back_with_what_was_deleted,
    "R6 who comes to miss deletions gets the next page": a_member_comes_to_miss_a_deletion_between_two_pages,
    "R6 nothing is written anew": an_expelled_member_is_back_with_a_write_of_its_own,
    "R7 who missed deletions is believed": a_delta_comes_after_its_keys_tombstone_is_gone,
    "R7 late pushes are believed": a_push_comes_after_its_keys_tombstone_is_gone,
    "R8 a restored disk goes on in its epoch": a_restored_disk_writes_on,
    "R8 a double of mine does not matter": a_machine_is_set_back_and_nobody_can_tell,
    "R9 messages leave before the commit": the_power_fails_before_the_commit,
    "R9 messages leave before it is durable": the_power_fails_after_the_commit,
    "R10 any clock is followed": a_calendar_is_a_day_ahead,
    "pushes are taken over a gap": a_push_is_lost_and_the_next_one_comes,
    "the wall clock chooses": a_clock_is_behind_that_of_who_wrote_before,
}


def test_every_mutant_has_its_history() -> None:
    assert set(HISTORIES) == set(MUTANTS)


@pytest.mark.parametrize("rule", HISTORIES)
def test_with_the_rule_no_harm_is_done(rule: str) -> None:
    HISTORIES[rule](Stage(Rules()))


@pytest.mark.parametrize("rule", HISTORIES)
def test_without_the_rule_the_harm_is_noticed(rule: str) -> None:
    with pytest.raises(AssertionError):
        HISTORIES[rule](Stage(MUTANTS[rule]))
