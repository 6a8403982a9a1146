"""One member's rows and how they change: by writes made here, and by rows that others wrote.

The rules have the numbers of ALGORITHM.md. All of this runs in one thread, inside a transaction of a disk;
nothing here knows of messages, and nothing waits.
"""

import random
from collections.abc import Iterable, Mapping, Sequence

from feria.clock import Clock
from feria.cluster.disk import FORGOTTEN, Disk
from feria.cluster.hybrid_clock import HybridClock
from feria.cluster.rows import SLOTS, Dot, Row, slot
from feria.cluster.vectors import Entries, Vector, covers
from feria.errors import Conflict, NotFound

DELTA_BYTES = 3 * 2**18
"""Of rows that travel in one message; more of them travel in pages."""
ROW_BYTES = 48
"""About what a row takes beside its key and value."""
READ_AT_ONCE = 512


class Replica:
    """`origin` is the store epoch whose writes go on here, where it is sure that nobody else's do (R8)."""

    delta_bytes = DELTA_BYTES

    def __init__(self, disk: Disk, clock: Clock, random: random.Random, *, origin: int | None = None) -> None:
        self.disk = disk
        self.clock = HybridClock(clock)
        self._random = random
        self.life = random.getrandbits(63)
        """Random; another one whenever what was told to others may no longer be held here."""
        self.origin = origin
        self.vector = Vector()
        self._begun_at = 0
        self._load()
        if origin is not None:
            self._begun_at = self.vector[origin]
            self._begin()

    def _load(self) -> None:
        """What is cached of the disk."""
        self.vector = Vector(self.disk.vector(), self.vector.moment)
        self.collected = dict(self.disk.collected())
        self.floors = [0] * SLOTS
        for at, version in self.disk.floors().items():
            self.floors[at] = version
        self._forgotten = int.from_bytes(self.disk.note(FORGOTTEN) or b"")
        self._place = max(self.disk.last_place(), self._forgotten)
        self._begin()

    def _begin(self) -> None:
        self.changes: list[tuple[int, Row]] = []
        """Rows this transaction kept, in order, with their places."""
        self.written: set[str] = set()
        """Keys this transaction wrote for callers of this member."""
        self.written_from = self.vector[self.origin] if self.origin is not None else 0
        """How many writes this epoch had before the transaction."""
        self._further: set[int] = set()
        self._was = (self.origin, self.life, self._begun_at)

    @property
    def place(self) -> int:
        """The newest place of the feed."""
        return self._place

    @property
    def progress(self) -> tuple[int, int]:
        """Something else after every change."""
        return self._place, self.vector.moment

    @property
    def forgotten(self) -> int:
        """Who has followed the feed no further than here may have missed that a row went away."""
        return self._forgotten

    # -------------------------------------------------------------------------------- transactions
    def commit(self) -> None:
        """Let readers see it; who is told of it waits for the disk's `sync`, too (R9). When the disk cannot
        commit, all is as before the transaction and its error is raised."""
        try:
            if self._further:
                self.disk.advance({origin: self.vector[origin] for origin in self._further})
            self.disk.commit()
        except BaseException:
            self.rollback()
            raise
        self._begin()

    def rollback(self) -> None:
        self.disk.rollback()
        self.origin, self.life, self._begun_at = self._was
        self._load()

    # -------------------------------------------------------------------------------- writes made here
    def write(self, key: str, value: bytes | None, *, if_version: int | None = None) -> Row:
        """Put a value, or with None delete. `if_version` demands the version found before, 0 for a key that
        has no value; raises `Conflict` when it is another, `NotFound` when there is nothing to delete."""
        found = self.disk.row(key)
        is_live = found is not None and found.value is not None
        version = found.version if found is not None else 0
        if if_version is not None and if_version != version and (is_live or if_version != 0):
            raise Conflict(
                f"{key!r} is at version {version if is_live else 0}, not {if_version}.", version=version
            )
        if value is None and not is_live:
            raise NotFound(f"There is no key {key!r}.")
        version = found.version if found is not None else self._floor(key)
        row = Row(key, value, version + 1, self.clock.tick(), *self._next_dot())
        self._keep(row)
        self.written.add(key)
        return row

    def _floor(self, key: str) -> int:
        """R4: versions of a key whose tombstone is gone go on above where it was."""
        return self.floors[slot(key)]

    def _next_dot(self) -> Dot:
        if self.origin is None:
            self._mint()
        assert self.origin is not None
        dot = Dot(self.origin, self.vector[self.origin] + 1)
        self.advance({dot.origin: dot.seq})
        return dot

    def _mint(self) -> None:
        """R8: begin an epoch that nobody ever wrote in."""
        self.origin = self._random.getrandbits(63)
        self._begun_at = self.written_from = 0

    # -------------------------------------------------------------------------------- rows of others
    def merge(self, row: Row, sender: Entries) -> bool:
        """Take a row that a member with this vector holds; True when it is the key's winner now and was
        not before."""
        if self._is_obsolete(row):
            return False
        self.clock.follow(row.hlc)
        mine = self.disk.row(row.key)
        if mine is None or mine.order < row.order:
            if mine is not None and _lost_unseen(mine, row, sender):
                self.disk.lose(mine)
            self._keep(row)
            return True
        if mine.order != row.order and row.value not in (None, mine.value):
            self.disk.lose(row)
        return False

    def _is_obsolete(self, row: Row) -> bool:
        """R3: a write that I have come past is my winner already, or lost to it, or its tombstone is gone."""
        return self.vector[row.origin] >= row.seq

    def advance(self, entries: Entries) -> None:
        """Move the vector. That my rows are as far is the caller's to know (R1, R2)."""
        self._further.update(self.vector.advance(entries))

    def disown(self, reported: Entries) -> bool:
        """R8: others know more writes of my epoch than I do, so another copy of this disk made them or this
        one was set back. What was written in this life goes into a fresh epoch; True when that was so."""
        mine = self.origin
        if mine is None or reported.get(mine, 0) <= self.vector[mine]:
            return False
        kept = list(self._beyond(mine, self._begun_at))
        back = {**self.vector.entries, mine: self._begun_at}
        self.vector = Vector({origin: seq for origin, seq in back.items() if seq}, self.vector.moment)
        self._further.add(mine)
        self.life = self._random.getrandbits(63)
        self._mint()
        for row in kept:
            self._keep(Row(row.key, row.value, row.version, row.hlc, *self._next_dot()))
        return True

    # -------------------------------------------------------------------------------- what others lack
    def delta(self, base: Entries) -> list[Row] | None:
        """Rows that a member with this vector may lack; None when they are too many for one message."""
        rows: list[Row] = []
        room = self.delta_bytes
        for origin, seq in self.vector.entries.items():
            if seq <= base.get(origin, 0):
                continue
            for row in self._beyond(origin, base.get(origin, 0)):
                room -= size(row)
                if room < 0:
                    return None
                rows.append(row)
        return rows

    def _beyond(self, origin: int, seq: int) -> Iterable[Row]:
        while rows := self.disk.beyond(origin, seq, READ_AT_ONCE):
            yield from rows
            seq = rows[-1].seq

    def is_behind(self, base: Entries) -> bool:
        """R6: does a member with this vector miss a deletion that I can no longer tell it of?"""
        return not covers(base, self.collected)

    # -------------------------------------------------------------------------------- tombstones
    def collect(self, stable: Entries, count: int) -> int:
        """Drop tombstones, at most so many, that every member has come past for good; how many it were."""
        dropped = 0
        for origin, seq in stable.items():
            if dropped >= count:
                break
            for place, row in self.disk.tombstones(origin, seq, count - dropped):
                self.raise_floors({slot(row.key): row.version})
                self.note_collected({row.origin: row.seq})
                self._drop(row.key, place)
                dropped += 1
        return dropped

    def raise_floors(self, floors: Mapping[int, int]) -> None:
        higher = {at: version for at, version in floors.items() if version > self.floors[at]}
        for at, version in higher.items():
            self.floors[at] = version
        if higher:
            self.disk.raise_floors(higher)

    def note_collected(self, entries: Entries) -> None:
        higher = {origin: seq for origin, seq in entries.items() if seq > self.collected.get(origin, 0)}
        self.collected |= higher
        if higher:
            self.disk.collect(higher)

    # -------------------------------------------------------------------------------- a stretch of keys
    def reconcile(
        self,
        after: str,
        upto: str | None,
        theirs: Sequence[Row],
        listed: Iterable[str],
        *,
        vector: Entries,
        sender_missed: bool,
    ) -> None:
        """R6: take over what another member knows of the keys beyond `after`, up to and with `upto`.

        It has come as far as `vector` and holds `theirs` and the keys in `listed`, of which I have the row;
        its version floors are mine already. `sender_missed` says that it does not know of all deletions that
        I no longer can tell it of.
        """
        held = {row.key for row in theirs}.union(listed)
        while rows := self.disk.between(after, upto, READ_AT_ONCE):
            for row in rows:
                if row.key not in held:
                    self._settle(row, vector)
            after = rows[-1].key
        for row in theirs:
            is_news = self.merge(row, vector)
            if is_news and sender_missed and row.version <= self._floor(row.key):
                self._restamp(row)

    def _settle(self, row: Row, vector: Entries) -> None:
        """A row of mine whose key the other does not hold: it knew it, so it was deleted, or it never did."""
        if vector.get(row.origin, 0) >= row.seq:
            self._place += 1
            self._drop(row.key, self._place)
        elif row.version <= self._floor(row.key):
            self._restamp(row)

    def _restamp(self, row: Row) -> None:
        """Write it anew, just above the floor: some may still hold the tombstone that others collected before
        they met this write, and all must find the same winner.

        In place of a time it has the version it had. So it is older than whatever was written above the floor
        in the usual way, and of two that are written anew, the one that was made in the knowledge of the
        other stays the winner.
        """
        self._keep(Row(row.key, row.value, self._floor(row.key) + 1, row.version, *self._next_dot()))

    # -------------------------------------------------------------------------------- the feed
    def _keep(self, row: Row) -> None:
        self._place += 1
        self.disk.keep(row, self._place)
        self.changes.append((self._place, row))

    def _drop(self, key: str, place: int) -> None:
        self.disk.drop(key)
        self._forgotten = max(self._forgotten, place)
        self.disk.take_note(FORGOTTEN, self._forgotten.to_bytes(8))


def size(row: Row) -> int:
    """About how many bytes it takes in a message."""
    return len(row.key) + len(row.value or b"") + ROW_BYTES


def _lost_unseen(loser: Row, winner: Row, sender: Entries) -> bool:
    """Did nobody who made the winner, or passed it on, know of the loser?"""
    if loser.value in (None, winner.value):
        return False
    return loser.version == winner.version or sender.get(loser.origin, 0) < loser.seq
