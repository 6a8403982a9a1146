"""A cluster in one thread: what members run, around a network, disks and clocks that fail on command.

Everything random comes from one seed, so a seed is a history.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from feria.cluster import roster
from feria.cluster.disk import Disk
from feria.cluster.gossip import Gossip
from feria.cluster.messages import Message
from feria.cluster.replica import Replica
from feria.cluster.rows import RESERVED, Dot, Row
from feria.cluster.transfers import Taking
from feria.errors import Conflict, NotFound
from simulations.memory_disk import MemoryDisk

START = datetime(2026, 11, 21, tzinfo=UTC)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class SkewedClock:
    """A member's own, which may be wrong and may jump."""

    def __init__(self, world: "World", skew: float) -> None:
        self._world = world
        self.skew = skew

    def now(self) -> datetime:
        return START + timedelta(seconds=self._world.now + self.skew)

    def monotonic(self) -> float:
        return self._world.now

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class ShortReplica(Replica):
    """Few rows fill a message, so that pages are as common as deltas."""

    delta_bytes = 280
    history: "History"

    def _restamp(self, row: Row) -> None:
        super()._restamp(row)
        self.history.same(row, self.changes[-1][1])


class ShortTaking(Taking):
    stall_seconds = 1.0
    give_up_seconds = 2.0


class ShortGossip(Gossip):
    taking = ShortTaking
    page_bytes = 120
    giving_seconds = 3.0


@dataclass(frozen=True)
class Rules:
    """The code under test; a mutant swaps a part of it."""

    replica: type[ShortReplica] = ShortReplica
    gossip: type[Gossip] = ShortGossip
    commits_first: bool = True
    """R9, which the writer keeps: a message leaves after the commit of what it says,"""
    syncs_first: bool = True
    """and once that is durable."""
    begins_epochs: bool = True
    """R8, which `lives` keeps: who cannot prove that its disk is as it left it begins an epoch."""


@dataclass
class Write:
    """One call of a client's that a member took."""

    number: int
    key: str
    deletes: bool
    over: int | None
    """The write it found there."""
    order: tuple[int, int, int, int]
    dot: Dot
    member: str
    is_excused: bool = False
    """Its only copies were on disks that were destroyed or set back."""


class Violation(AssertionError):
    """A check failed."""


class History:
    """What clients were told is done, and what dots were seen on disks."""

    def __init__(self) -> None:
        self.writes: dict[int, Write] = {}
        self._by_dot: dict[Dot, int] = {}
        self._rows: dict[Dot, Row] = {}
        self._numbers = 0

    def next_value(self) -> bytes:
        self._numbers += 1
        return b"%d" % self._numbers

    def number_of(self, row: Row | None) -> int | None:
        if row is None:
            return None
        return self._by_dot.get(row.dot) if row.value is None else int(row.value)

    def same(self, old: Row, new: Row) -> None:
        """The second is the first, written anew."""
        number = self.number_of(old)
        if number is not None:
            self._by_dot[new.dot] = number

    def done(self, write: Write) -> None:
        self.writes[write.number] = write
        self._by_dot[write.dot] = write.number

    def seen(self, row: Row) -> None:
        """C5: a dot is one write, for ever."""
        known = self._rows.setdefault(row.dot, row)
        if known != row:
            raise Violation(f"dot used twice: {known} and {row}")

    def descends(self, late: Write, early: Write) -> bool:
        """Did who wrote `late` know `early`?"""
        over = late.over
        while over is not None:
            if over == early.number:
                return True
            over = self.writes[over].over if over in self.writes else None
        return False


class Member:
    """A node: its disk, what runs on it while it is up, and what happens in one batch of its writer."""

    def __init__(self, world: "World", name: str, disk: Disk, skew: float) -> None:
        self.world = world
        self.name = name
        self.disk = disk
        self.clock = SkewedClock(world, skew)
        self.is_up = False
        self.is_destroyed = False
        self.shown: dict[str, int] = {}  # the version of each key that a reader may have seen here
        self.pending: list[Write] = []
        self.start()

    def start(self, origin: int | None = None) -> None:
        if not self.world.rules.begins_epochs and hasattr(self, "replica"):
            origin = self.replica.origin
        self.replica = self.world.rules.replica(self.disk, self.clock, self.world.random, origin=origin)
        self.replica.history = self.world.history
        self.gossip = self.world.rules.gossip(self.replica, self.world.random, self.name)
        self.gossip.expects_others = True
        self.is_up = True

    def crash(self) -> None:
        """What was not committed is gone, and so is all that was only in memory; and when the power fails,
        some of what was not durable yet. That nobody was told of, but readers here may have seen it."""
        self.is_up = False
        self.pending.clear()
        self.disk.rollback()
        if isinstance(self.disk, MemoryDisk) and not self.disk.is_synced and self.world.random.random() < 0.7:
            self.disk.lose_power(self.world.random)
            self.shown = {key: min(shown, self._version(key)) for key, shown in self.shown.items()}

    def _version(self, key: str) -> int:
        row = self.disk.row(key)
        return row.version if row is not None else 0

    def sit(self) -> None:
        now = self.clock.now()
        self.do(lambda: roster.seat(self.replica, self.name, self.name, roster.State.member, now))

    def do(self, deed: Callable[[], Any], *, commit: bool = True) -> None:
        """In the batch that is open; others may follow before its commit."""
        self.gossip.peers = self.world.reachable(self)
        deed()
        if self.gossip.has_work:
            self.gossip.work()
        if not self.world.rules.commits_first:
            self.gossip.committing()
            self._send()
        if commit:
            self.commit()

    def commit(self) -> None:
        if self.world.rules.commits_first:
            self.gossip.committing()
        changes = list(self.replica.changes)
        self.replica.commit()
        # As the writer does, but for the time that passes in it.
        if (self.world.rules.syncs_first and (self.pending or self.gossip.speaks)) or (
            self.world.random.random() < 0.1
        ):
            self.disk.sync()
        for write in self.pending:
            self.world.history.done(write)
        self.pending.clear()
        for _, row in changes:
            self._show(row)
        self._send()

    def _show(self, row: Row) -> None:
        self.world.history.seen(row)
        if row.version < self.shown.get(row.key, 0):
            raise Violation(
                f"C4: {self.name} showed {row.key} at {self.shown[row.key]}, then at {row.version}"
            )
        self.shown[row.key] = row.version

    def _send(self) -> None:
        for to, message in self.gossip.take():
            self.world.send(self, to, message)

    def write(self, key: str, *, deletes: bool, if_version: int | None = None, commit: bool = True) -> bool:
        before = self.disk.row(key)
        over = self.world.history.number_of(before)
        value = None if deletes else self.world.history.next_value()
        try:
            row = self.replica.write(key, value, if_version=if_version)
        except (Conflict, NotFound):
            return False
        number = int(value if value is not None else self.world.history.next_value())
        self.pending.append(Write(number, key, deletes, over, row.order, row.dot, self.name))
        if self.disk.row(key) != row:
            raise Violation(f"C4: {self.name} does not read what it wrote to {key}")
        self.do(lambda: None, commit=commit)
        return True

    def view(self) -> dict[str, tuple[bytes, int]]:
        rows = self.disk.between("", None, 1_000_000)
        return {row.key: (row.value, row.version) for row in rows if row.value is not None}

    def tombstones(self) -> int:
        return sum(row.value is None for row in self.disk.between("", None, 1_000_000))


@dataclass
class World:
    random: random.Random
    rules: Rules = field(default_factory=Rules)
    trace: Callable[[str], None] | None = None
    now: float = 0.0
    history: History = field(default_factory=History)
    members: dict[str, Member] = field(default_factory=dict)
    flying: list[tuple[str, str, bytes]] = field(default_factory=list)
    """Messages on their way: from, to, bytes."""
    cut: set[tuple[str, str]] = field(default_factory=set)
    """Directions in which nothing arrives."""
    loss: float = 0.0
    sent: int = 0

    def say(self, what: str) -> None:
        if self.trace is not None:
            self.trace(f"{self.now:8.2f}  {what}")

    def add(self, name: str, disk: Disk | None = None, skew: float = 0.0) -> Member:
        member = Member(self, name, disk if disk is not None else MemoryDisk(), skew)
        self.members[name] = member
        return member

    def reachable(self, member: Member) -> list[str]:
        """Whom a failure detector would call alive."""
        return [
            name
            for name, other in self.members.items()
            if other is not member
            and other.is_up
            and (name, member.name) not in self.cut
            and (member.name, name) not in self.cut
        ]

    def alive(self) -> list[Member]:
        return [member for member in self.members.values() if member.is_up]

    # -------------------------------------------------------------------------------- the network
    def send(self, sender: Member, to: str, message: Message) -> None:
        self._check_durable(sender, message)
        self.sent += 1
        self.say(f"{sender.name} -> {to}: {message}" if self.trace is not None else "")
        if self.loss and self.random.random() < self.loss:
            return
        packed = _encode(message)
        self.flying.append((sender.name, to, packed))
        if self.loss and self.random.random() < 0.05:
            self.flying.append((sender.name, to, packed))

    def _check_durable(self, sender: Member, message: Message) -> None:
        """C5: a vector that is told is on the disk."""
        stamp = getattr(message, "stamp", None)
        if stamp is None or not isinstance(sender.disk, MemoryDisk):
            return
        durable = sender.disk.durable.vector
        for origin, seq in stamp.entries.items():
            if durable.get(origin, 0) < seq:
                raise Violation(f"C5: {sender.name} told of {(origin, seq)} before it was on its disk")

    def deliver(self, at: int, *, commit: bool = True) -> None:
        sender, to, packed = self.flying.pop(at)
        member = self.members.get(to)
        if member is None or not member.is_up or (sender, to) in self.cut:
            return
        message = _decode(packed)
        self.say(f"{to} hears {sender}: {message}" if self.trace is not None else "")
        member.do(lambda: member.gossip.receive(sender, message, self.now), commit=commit)

    def settle(self, most: int = 100_000) -> None:
        """Deliver what flies, and what that leads to, in any order."""
        for _ in range(most):
            if not self.flying:
                return
            self.deliver(self.random.randrange(len(self.flying)))
        raise Violation("C2: members never fall silent")


def of_users(view: dict[str, tuple[bytes, int]]) -> dict[str, tuple[bytes, int]]:
    return {key: seen for key, seen in view.items() if not key.startswith(RESERVED)}
