"""Seeded histories: clients write, faults happen, then all is healed and checked."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from feria.cluster import roster
from feria.cluster.disk import Disk
from feria.cluster.sqlite_disk import SqliteDisk, open_disk
from simulations import checks
from simulations.memory_disk import MemoryDisk
from simulations.world import Member, Rules, World

STEPS = 160
KEYS = 6
EVERY_SQLITE = 10
"""Each so many-th seed runs on SQLite."""


@dataclass
class Faults:
    """What may happen in a history beside lost, late and doubled messages, cuts, crashes and wrong clocks."""

    expels: bool
    restores: bool
    destroys: bool
    joins: bool

    @property
    def are_tame(self) -> bool:
        return not (self.expels or self.restores or self.destroys or self.joins)


def run(
    seed: int,
    rules: Rules | None = None,
    trace: Callable[[str], None] | None = None,
    faults: Faults | None = None,
) -> World:
    """Raises `Violation`."""
    chance = random.Random(seed)
    if faults is None:
        faults = Faults(*(chance.random() < 0.35 for _ in range(4)))
    world = World(chance, rules or Rules(), trace)
    _Schedule(world, faults, seed % EVERY_SQLITE == 0).run()
    return world


def how_to_replay(seed: int) -> str:
    return f"PYTHONPATH=tests .venv/bin/python -m simulations.replay {seed}"


class _Schedule:
    def __init__(self, world: World, faults: Faults, on_sqlite: bool) -> None:
        self.world = world
        self.chance = world.random
        self.faults = faults
        self.on_sqlite = on_sqlite
        self.backups: dict[str, Disk] = {}
        for at in range(self.chance.choice((2, 3, 3, 4, 5))):
            self.join(f"m{at}")
        checks.converge(world)
        world.loss = self.chance.choice((0.0, 0.1, 0.25))

    def disk(self) -> Disk:
        return open_disk(None) if self.on_sqlite else MemoryDisk()

    def join(self, name: str) -> None:
        skew = self.chance.choice((0.0, 0.0, 0.0, 5.0, -5.0, 59.0, 4000.0))
        self.world.add(name, self.disk(), skew).sit()
        self.world.say(f"{name} joins")

    # -------------------------------------------------------------------------------- a history
    def run(self) -> None:
        world, chance = self.world, self.chance
        for _ in range(STEPS):
            world.now += chance.random() * 0.4
            self.step(chance.random())
        self.heal()
        checks.converge(world)
        self.bury()
        checks.converge(world)
        checks.nothing_is_lost(world)
        if self.faults.are_tame:
            if any(member.gossip.resets for member in world.members.values()):
                raise checks.Violation("a member was made to take over another's state for nothing")
            checks.the_greatest_wins(world)
        checks.forget_deletions(world)
        checks.nothing_is_lost(world)

    def step(self, x: float) -> None:
        alive = self.world.alive()
        if not alive:
            self.restart()
            return
        member = self.chance.choice(alive)
        for upto, deed in (
            (0.26, self.write),
            (0.40, self.exchange),
            (0.78, self.deliver),
            (0.81, self.divide),
            (0.845, self.mend),
            (0.87, self.crash),
            (0.91, self.restart),
            (0.95, self.collect),
            (0.965, self.jump),
            (1.0, self.disaster),
        ):
            if x < upto:
                deed(member)
                return

    def exchange(self, member: Member) -> None:
        member.do(lambda: member.gossip.exchange(self.other(member)), commit=self.chance.random() < 0.8)

    def deliver(self, _: Member) -> None:
        for _ in range(self.chance.randint(1, 5)):
            if self.world.flying:
                at = self.chance.randrange(min(len(self.world.flying), 12))
                self.world.deliver(at, commit=self.chance.random() < 0.8)

    def mend(self, _: Member) -> None:
        self.world.cut.clear()

    def crash(self, member: Member) -> None:
        self.world.say(f"{member.name} crashes")
        member.crash()

    def collect(self, member: Member) -> None:
        member.do(lambda: member.gossip.collect())

    def jump(self, member: Member) -> None:
        member.clock.skew += self.chance.choice((-3600.0, -1.0, 1.0, 90.0, 86_400.0))

    def other(self, member: Member) -> str:
        return self.chance.choice([name for name in self.world.members if name != member.name])

    def write(self, member: Member) -> None:
        key = f"k{self.chance.randrange(KEYS)}"
        deletes = self.chance.random() < 0.35
        found = member.disk.row(key)
        if_version = None
        if self.chance.random() < 0.2:
            if_version = found.version if found is not None and self.chance.random() < 0.8 else 0
        done = member.write(key, deletes=deletes, if_version=if_version, commit=self.chance.random() < 0.8)
        self.world.say(
            f"{member.name} {'deletes' if deletes else 'puts'} {key}: {done} {member.disk.row(key)}"
        )

    def divide(self, _: Member) -> None:
        names = list(self.world.members)
        one = set(self.chance.sample(names, self.chance.randint(1, len(names) - 1)))
        across = {(a, b) for a in names for b in names if (a in one) != (b in one)}
        if self.chance.random() < 0.3:
            across = {(a, b) for a, b in across if a in one}
        self.world.cut = across
        self.world.say(f"cut: {sorted(one)} from the rest")

    def restart(self, _: Member | None = None) -> None:
        down = [m for m in self.world.members.values() if not m.is_up and not m.is_destroyed]
        if down:
            member = self.chance.choice(down)
            self.world.say(f"{member.name} starts")
            member.start()

    # -------------------------------------------------------------------------------- disasters
    def disaster(self, member: Member) -> None:
        kinds = [kind for kind in ("expels", "restores", "destroys", "joins") if getattr(self.faults, kind)]
        if not kinds:
            member.commit()
            origin = member.replica.origin
            self.world.say(f"{member.name} ends and starts again, in the same epoch")
            member.start(origin)
            return
        match self.chance.choice(kinds):
            case "expels":
                self.expel(member)
            case "restores":
                self.back_up_or_restore(member)
            case "destroys":
                self.destroy(member)
            case "joins":
                if len(self.world.members) < 7:
                    self.join(f"m{len(self.world.members)}")

    def expel(self, member: Member) -> None:
        """Whom the others hold for gone, though it may be there and go on writing."""
        if len(self.world.members) < 3:
            return
        gone = self.other(member)
        self.world.say(f"{member.name} expels {gone}")
        self.seat(member, gone, roster.State.expelled)
        names = list(self.world.members)
        self.world.cut |= {(a, gone) for a in names} | {(gone, b) for b in names}

    def seat(self, by: Member, name: str, state: roster.State) -> None:
        now = by.clock.now()
        by.do(lambda: roster.seat(by.replica, name, name, state, now))

    def back_up_or_restore(self, member: Member) -> None:
        if member.name not in self.backups or self.chance.random() < 0.4:
            member.commit()
            self.backups[member.name] = self.copy(member.disk)
            return
        self.world.say(f"{member.name} is set back to its backup")
        member.crash()
        lost = member.disk
        member.disk = self.copy(self.backups[member.name])
        self.excuse(member, lost)
        member.shown.clear()
        member.start()

    def copy(self, disk: Disk) -> Disk:
        if isinstance(disk, MemoryDisk):
            return disk.backup()
        assert isinstance(disk, SqliteDisk)
        copied = open_disk(None)
        disk._connection.backup(copied._connection)
        return copied

    def destroy(self, member: Member) -> None:
        if len(self.world.alive()) < 3 or any(m.is_destroyed for m in self.world.members.values()):
            return
        self.world.say(f"{member.name} is destroyed")
        member.crash()
        member.is_destroyed = True
        self.excuse(member, member.disk)

    def excuse(self, member: Member, lost: Disk) -> None:
        """Writes that only this disk held may be lost with it."""
        others = [
            (other.disk.durable.vector if isinstance(other.disk, MemoryDisk) else other.disk.vector())
            for other in self.world.members.values()
            if not other.is_destroyed and other.disk is not lost
        ]
        for write in self.world.history.writes.values():
            if not any(vector.get(write.dot.origin, 0) >= write.dot.seq for vector in others):
                write.is_excused = True

    # -------------------------------------------------------------------------------- the end of it
    def heal(self) -> None:
        world = self.world
        world.say("all is healed")
        world.cut.clear()
        world.loss = 0.0
        for member in world.members.values():
            if not member.is_up and not member.is_destroyed:
                member.start()
        world.settle()

    def bury(self) -> None:
        """An administrator says that what was destroyed does not come back."""
        world = self.world
        gone = [member.name for member in world.members.values() if member.is_destroyed]
        for name in gone:
            self.seat(self.chance.choice(world.alive()), name, roster.State.expelled)
        world.settle()
