"""What must hold of any history once the faults are over; the letters are those of ALGORITHM.md."""

import math

from simulations.world import History, Member, Violation, World, Write, of_users


def converge(world: World) -> int:
    """C2: all members come to hold the same in few rounds of one exchange each; how many it took. Where some
    take over others' state in pages, a few more."""
    members = world.alive()
    has_pages = any(member.gossip.transfer or member.gossip.resets for member in members)
    most = 2 * math.ceil(math.log2(max(len(members), 2))) + (8 if has_pages else 4)
    for rounds in range(most + 1):
        if is_same(members):
            return rounds
        for member in world.random.sample(members, len(members)):
            if others := [other.name for other in members if other is not member]:
                peer = world.random.choice(others)
                member.do(lambda member=member, peer=peer: member.gossip.exchange(peer))  # type: ignore[misc]
            world.settle()
        pass_time(world, 1.3)
    views = {member.name: (member.view(), dict(member.replica.vector.entries)) for member in members}
    raise Violation(f"C2: not the same after {most} rounds: {views}")


def pass_time(world: World, seconds: float) -> None:
    world.now += seconds
    for member in world.alive():
        member.do(lambda member=member: member.gossip._taking.tick(world.now))  # type: ignore[misc]
        while member.gossip.has_work:
            member.do(lambda: None)
    world.settle()


def is_same(members: list[Member]) -> bool:
    first = members[0]
    return all(
        member.replica.vector.hash == first.replica.vector.hash
        and member.view() == first.view()
        and member.gossip.transfer is None
        for member in members
    )


def forget_deletions(world: World) -> None:
    """Tombstones go once everybody has come past them, and nothing comes back because of it (C3)."""
    before = of_users(world.alive()[0].view())
    for _ in range(6):
        pass_time(world, 4.0)
        for member in world.alive():
            for other in world.alive():
                if other is not member:
                    member.do(lambda member=member, other=other: member.gossip.exchange(other.name))  # type: ignore[misc]
                    world.settle()
        for member in world.alive():
            member.do(lambda member=member: (member.gossip.collect(), member.gossip.tend_roster()))  # type: ignore[misc]
            world.settle()
    converge(world)
    left = {member.name: member.tombstones() for member in world.alive()}
    if any(left.values()):
        raise Violation(f"tombstones stay for ever: {left}")
    if of_users(world.alive()[0].view()) != before:
        raise Violation(f"C3: forgetting deletions changed {before} to {world.alive()[0].view()}")


def nothing_is_lost(world: World) -> None:
    """C1, C3: what each key shows is a write that no other one, done and kept, was made in the knowledge of;
    where that is a deletion, the key is not there."""
    view = of_users(world.alive()[0].view())
    history = world.history
    by_key: dict[str, list[Write]] = {}
    for write in history.writes.values():
        by_key.setdefault(write.key, []).append(write)
    for key, writes in by_key.items():
        lasting = [write for write in writes if not write.is_excused]
        last = [write for write in lasting if not any(history.descends(other, write) for other in lasting)]
        shown = view.get(key)
        if shown is None:
            if lasting and not any(write.deletes for write in last) and not _excuses(history, writes, last):
                raise Violation(f"C1: {key} is gone; these were the last writes: {last}")
            continue
        number = int(shown[0])
        found = history.writes.get(number)
        if found is None:
            raise Violation(f"C1: {key} shows {number}, which nobody was told is done")
        if any(history.descends(other, found) for other in lasting):
            raise Violation(f"C1, C3: {key} shows {found}, which was overwritten: {last}")
    for key in view.keys() - by_key.keys():
        raise Violation(f"C3: {key} was never written")


def _excuses(history: History, writes: list[Write], last: list[Write]) -> bool:
    """A write whose copies were destroyed may have been seen before, and have won."""
    return any(write.is_excused and write.deletes for write in writes)


def the_greatest_wins(world: World) -> None:
    """C6, in histories where no member took over another's state: the winner is the greatest write."""
    view = of_users(world.alive()[0].view())
    greatest: dict[str, Write] = {}
    for write in world.history.writes.values():
        if write.key not in greatest or greatest[write.key].order < write.order:
            greatest[write.key] = write
    for key, write in greatest.items():
        shown = view.get(key)
        if write.deletes != (shown is None) or (shown is not None and int(shown[0]) != write.number):
            raise Violation(f"C1: {key} shows {shown}, and the greatest write was {write}")
