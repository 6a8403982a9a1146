"""Members that watch each other on bad networks: whole histories on a manual clock, and rules left out.

A story takes the `Swim` to play it with, so that each rule can be taken away: the story must then go wrong.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from feria.cluster.members import News, Peer, State
from feria.cluster.swim import Swim
from feria.cluster.view import Pace
from simulations.membership import World, cluster

Make = Callable[..., Swim]
Story = Callable[[int, Make], None]


# ------------------------------------------------------------------ stories
def a_killed_member_is_dead_to_all_within_ten_seconds(seed: int, make: Make = Swim) -> None:
    world = cluster(5, seed, make)
    world.run(Random(seed).uniform(0, 5))
    world.crash("m3")
    took = world.run(10, lambda: world.dead_to_all("m3"))
    assert world.dead_to_all("m3"), f"still alive to some after {took:.1f} s"
    assert {dead for _, dead in world.deaths()} == {"m3"}


def nobody_dies_of_a_lossy_network(seed: int, make: Make = Swim, count: int = 5) -> None:
    world = cluster(count, seed, make)
    world.network.weather.lost = 0.05
    world.run(600 if count <= 20 else 60)
    assert world.deaths() == []


def nobody_is_accused_where_two_do_not_reach_each_other(seed: int, make: Make = Swim) -> None:
    world = cluster(5, seed, make)
    world.network.cut(World.address("m1"), World.address("m2"))
    world.run(60)
    assert world.suspicions() == []


def a_member_that_stands_still_does_not_die(seed: int, make: Make = Swim) -> None:
    world = cluster(5, seed, make)
    for _ in range(40):
        world.run(Random(seed).uniform(5, 15))
        world.stall("m2", 3.0)
    world.run(30)
    assert world.deaths() == []
    assert world.agreed()


def a_member_that_stood_still_accuses_nobody(seed: int, make: Make = Swim) -> None:
    world = cluster(5, seed, make)
    for _ in range(20):
        world.run(Random(seed).uniform(5, 15))
        world.stall("m2", 8.0)
    world.run(30)
    # The others may well suspect the one that is silent; what it says of them is what counts here.
    assert {whom for _, whom in world.members["m2"].suspicions} <= {"m2"}
    assert {dead for _, dead in world.deaths()} <= {"m2"}


def _halves(world: World) -> tuple[list[str], list[str]]:
    addresses = [World.address(name) for name in world.members]
    return addresses[::2], addresses[1::2]


def a_partition_heals_by_itself(seed: int, make: Make = Swim, count: int = 5) -> None:
    world = cluster(count, seed, make)
    world.network.part(*_halves(world))
    world.run(60)
    assert not world.agreed()
    died = len(world.deaths())
    world.network.mend()
    took = world.run(30, world.agreed)
    assert world.agreed(), f"still apart after {took:.1f} s"
    assert len(world.deaths()) == died, "a live member was declared dead while the islands met"


def a_partition_heals_when_both_sides_have_forgotten_each_other(seed: int, make: Make = Swim) -> None:
    world = cluster(7, seed, make)
    world.crash("m0")  # the seed of all: it is no help
    world.network.part(*_halves(world))
    world.run(120)
    world.forget_the_dead()
    assert all(len(member.swim.peers) == 2 for member in world.members.values())
    world.network.mend()
    world.run(30, world.agreed)
    assert world.agreed()


def two_islands_with_a_common_seed_become_one(seed: int, make: Make = Swim) -> None:
    world = World(seed, make)
    for name in ("a0", "a1", "a2"):
        world.start(name, "a0", "common")
    for name in ("b0", "b1", "b2"):
        world.start(name, "b0", "common")
    world.run(30)
    assert not world.agreed()
    world.start("common")  # it knows nobody
    world.run(30, world.agreed)
    assert world.agreed()


def a_member_that_began_anew_is_taken_back(seed: int, make: Make = Swim) -> None:
    world = cluster(5, seed, make)
    for pause in (0.0, 3.0, 20.0):  # at once, while it is suspected, when it is dead
        world.crash("m1")
        world.run(pause)
        life = world.start("m1", "m0").swim.me.life
        world.run(20, lambda life=life: world.agreed() and world.lives("m1") == {life})  # type: ignore[misc]
        assert world.agreed()
        assert world.lives("m1") == {life}


def the_later_of_two_with_one_id_is_told(seed: int, make: Make = Swim) -> None:
    world = cluster(5, seed, make)
    twin = world.start("twin", "m4", id="m1")
    world.run(5)
    assert (World.address("m1"), False) in twin.twins
    assert all(member.twins == [] for name, member in world.members.items() if name != "twin")


def late_news_that_one_is_dead_is_contradicted(seed: int, make: Make = Swim) -> None:
    world = cluster(5, seed, make)
    m1 = world.members["m1"].swim.me
    for name in ("m0", "m2", "m3"):
        slander = News(m1.id, m1.address, m1.url, m1.life, m1.incarnation, State.dead, "m4")
        world.members[name].swim.view.hear(slander, world.now)
    assert not world.agreed()
    world.run(30, world.agreed)
    assert world.agreed()


STORIES: list[Story] = [
    a_killed_member_is_dead_to_all_within_ten_seconds,
    nobody_dies_of_a_lossy_network,
    nobody_is_accused_where_two_do_not_reach_each_other,
    a_member_that_stands_still_does_not_die,
    a_member_that_stood_still_accuses_nobody,
    a_partition_heals_by_itself,
    a_partition_heals_when_both_sides_have_forgotten_each_other,
    two_islands_with_a_common_seed_become_one,
    a_member_that_began_anew_is_taken_back,
    the_later_of_two_with_one_id_is_told,
    late_news_that_one_is_dead_is_contradicted,
]


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("seed", range(5))
def test_it_goes_as_told(story: Story, seed: int) -> None:
    story(seed, Swim)


def test_a_hundred_kills_are_seen_in_time_by_all() -> None:
    for seed in range(100):
        a_killed_member_is_dead_to_all_within_ten_seconds(seed)


@pytest.mark.parametrize("count", [3, 20, 100])
def test_the_same_holds_for_few_and_for_many(count: int) -> None:
    nobody_dies_of_a_lossy_network(1, count=count)
    a_partition_heals_by_itself(1, count=count)


@pytest.mark.parametrize(("count", "seconds"), [(3, 10), (20, 15), (100, 20)])
def test_larger_clusters_take_longer_to_bury_a_member(count: int, seconds: float) -> None:
    world = cluster(count, 1)
    world.crash("m2")
    world.run(seconds, lambda: world.dead_to_all("m2"))
    assert world.dead_to_all("m2")


def test_a_member_that_leaves_is_left_and_not_dead() -> None:
    world = cluster(5, 0)
    world.members["m2"].swim.leave()
    world.run(1)
    world.crash("m2")
    world.run(60)
    others = [member.swim for member in world.members.values()]
    assert {swim.peers["m2"].state for swim in others} == {State.left}
    assert world.suspicions() == []
    world.start("m2", "m0")  # and it may come back
    world.run(10, world.agreed)
    assert world.agreed()


def test_one_that_replaces_another_has_it_told_to_go() -> None:
    world = cluster(3, 0)
    world.start("twin", "m0", id="m1", replace=True)
    world.run(5)
    assert (World.address("twin"), True) in world.members["m1"].twins
    assert world.members["twin"].twins == []


def test_members_know_how_the_others_are() -> None:
    world = cluster(3, 0)
    for number, member in enumerate(world.members.values()):
        member.swim.health = type(member.swim.health)(load=number / 10, queue=number, models=7)
    world.run(10)
    found = {peer.id: peer.health for peer in world.members["m0"].swim.peers.values()}
    assert {id: health.queue for id, health in found.items() if health} == {"m1": 1, "m2": 2}


def test_one_history_for_each_seed() -> None:
    def history(seed: int) -> tuple[int, list[tuple[float, str]]]:
        world = cluster(5, seed)
        world.network.weather.lost = 0.2
        world.network.weather.overtaking = world.network.weather.doubled = 0.1
        world.run(120)
        return world.network.sent, world.suspicions()

    assert history(3) == history(3)
    assert history(3) != history(4)


def test_an_idle_cluster_costs_little() -> None:
    world = cluster(20, 0)
    world.run(60)
    before = world.network.sent
    world.run(60)
    each = (world.network.sent - before) / 60 / 20
    assert each < 3.0  # messages a second: a ping, an answer, now and then a whole view


# ------------------------------------------------------------------ rules left out
class NeverContradicts(Swim):
    def _hear_of_me(self, news: News, sender: str) -> None: ...


class AsksNobodyElse(Swim):
    def __init__(self, *what: Any, **more: Any) -> None:
        super().__init__(*what, **more, pace=Pace(relays=0))


class TrustsItselfAlways(Swim):
    def _stood_still(self, gap: float) -> None: ...


class GivesUp(Swim):
    def _rejoin(self) -> None: ...


class ForgetsForGood(Swim):
    def forget(self, id: str) -> None:
        self.view.forget(id)


class BuriesAtOnce(Swim):
    def __init__(self, *what: Any, **more: Any) -> None:
        super().__init__(*what, **more, pace=Pace(suspicion=0.0))


class BelievesOldViews(Swim):
    def _hear(self, news: Any, sender: str, now: float, *, wholly: bool = False) -> None:
        super()._hear(news, sender, now, wholly=False)


class ForgetsItsSeeds(Swim):
    def __init__(self, *what: Any, **more: Any) -> None:
        super().__init__(*what, **more)
        self._known.clear()


class SeesNoTwin(Swim):
    def _look_for_twin(self, news: News) -> None: ...


class NeverTires(Swim):
    """Its patience with a suspect nobody confirms has no end."""

    def __init__(self, *what: Any, **more: Any) -> None:
        super().__init__(*what, **more, pace=Pace(suspicion=30.0))


MUTANTS: list[tuple[Make, Story]] = [
    (NeverContradicts, a_member_that_stands_still_does_not_die),
    (NeverContradicts, late_news_that_one_is_dead_is_contradicted),
    (AsksNobodyElse, nobody_is_accused_where_two_do_not_reach_each_other),
    (TrustsItselfAlways, a_member_that_stood_still_accuses_nobody),
    (GivesUp, a_partition_heals_by_itself),
    (ForgetsForGood, a_partition_heals_when_both_sides_have_forgotten_each_other),
    (BuriesAtOnce, a_member_that_stands_still_does_not_die),
    (BelievesOldViews, a_partition_heals_by_itself),
    (ForgetsItsSeeds, two_islands_with_a_common_seed_become_one),
    (SeesNoTwin, the_later_of_two_with_one_id_is_told),
    (NeverTires, a_killed_member_is_dead_to_all_within_ten_seconds),
]


@pytest.mark.parametrize(("mutant", "story"), MUTANTS)
def test_without_a_rule_the_story_goes_wrong(mutant: Make, story: Story) -> None:
    with pytest.raises(AssertionError):
        for seed in range(5):
            story(seed, mutant)


def test_a_ping_for_another_is_not_answered() -> None:
    """Its address may be somebody else's by now, who must not keep it alive."""
    world = cluster(3, 0)
    gone = world.crash("m2")
    world.start("heir", address=gone.transport.address)
    world.run(20)
    left_behind: Peer = world.members["m0"].swim.peers["m2"]
    assert left_behind.state is State.dead
