"""Version vectors: how far a member has come with the writes of every store epoch there ever was.

`vector[origin] >= seq` promises that the member's winner of that write's key is the write or a later one,
or that both are gone for a reason (ALGORITHM.md, invariant I).
"""

import hashlib
import itertools
from collections.abc import Mapping

Entries = Mapping[int, int]
"""The highest `seq` by origin; an origin that is not there stands at 0."""

HASH_BYTES = 16
_MODULUS = 1 << 8 * HASH_BYTES


def covers(mine: Entries, theirs: Entries) -> bool:
    """Have I come at least as far in every origin?"""
    return all(mine.get(origin, 0) >= seq for origin, seq in theirs.items())


class Vector:
    """A vector that only grows, knows its own hash, and what has changed since a moment.

    A moment counts the changes; the vector of a later moment covers that of an earlier one.
    """

    def __init__(self, entries: Entries | None = None, moment: int = 0) -> None:
        """All of it has changed after `moment`."""
        self._seqs: dict[int, int] = {}
        self._moments: dict[int, int] = {}  # of each origin's last change, oldest first
        self._summed: dict[int, int] = {}  # the entries whose weights are in the sum
        self._unsummed: set[int] = set()
        self._sum = 0
        self.moment = moment
        self.advance(entries or {})

    @property
    def entries(self) -> Entries:
        """A view; it changes with the vector."""
        return self._seqs

    @property
    def hash(self) -> bytes:
        """16 bytes; vectors of equal entries have equal ones, whatever way they came there.

        A sum of hashes, so that a change costs one entry and not all: among members that hold the
        cluster's key nobody searches for collisions.
        """
        for origin in self._unsummed:
            seq = self._seqs[origin]
            self._sum += _weight(origin, seq) - _weight(origin, self._summed.get(origin, 0))
            self._summed[origin] = seq
        self._unsummed.clear()
        self._sum %= _MODULUS
        return self._sum.to_bytes(HASH_BYTES)

    def __getitem__(self, origin: int) -> int:
        return self._seqs.get(origin, 0)

    def __len__(self) -> int:
        return len(self._seqs)

    def advance(self, entries: Entries) -> list[int]:
        """The origins in which this went further."""
        further = [origin for origin, seq in entries.items() if seq > self._seqs.get(origin, 0)]
        if further:
            self.moment += 1
        for origin in further:
            self._seqs[origin] = entries[origin]
            self._moments.pop(origin, None)
            self._moments[origin] = self.moment
        self._unsummed.update(further)
        return further

    def since(self, moment: int) -> dict[int, int]:
        """What changed after it."""
        recent = itertools.takewhile(lambda origin: self._moments[origin] > moment, reversed(self._moments))
        return {origin: self._seqs[origin] for origin in recent}

    def latest(self, count: int) -> dict[int, int]:
        """The entries that changed last, at most so many of them."""
        return {origin: self._seqs[origin] for origin in itertools.islice(reversed(self._moments), count)}


def _weight(origin: int, seq: int) -> int:
    if seq == 0:
        return 0
    told = origin.to_bytes(8) + seq.to_bytes(8)
    return int.from_bytes(hashlib.blake2b(told, digest_size=HASH_BYTES).digest())
