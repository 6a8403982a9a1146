"""Where a member keeps its rows, and what it must not forget about them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from feria.cluster.rows import Row

LOSERS = 4
"""Of each key, the last ones are kept."""

FORGOTTEN = "forgotten"
"""The note of the highest place whose row went away."""


class Disk(Protocol):
    """One transaction at a time: what is written is seen by who reads here at once, by everybody else from
    `commit` on, and survives a loss of power from `sync` on. A killed process loses nothing that was
    committed; when the power fails, the last commits may go, never one before one that stays.

    Places number the changes as they were made here; no two rows have the same one. Origins, sequence
    numbers, versions and places are below 2^63. Keys are ordered by their code points.
    """

    def row(self, key: str) -> Row | None: ...

    def keep(self, row: Row, place: int) -> None:
        """In the place of the row its key has."""
        ...

    def drop(self, key: str) -> None:
        """Together with the writes that lost to it."""
        ...

    def beyond(self, origin: int, seq: int, count: int) -> Sequence[Row]:
        """Rows of an origin after `seq`, in the order they were written, at most so many."""
        ...

    def between(self, after: str, upto: str | None, count: int) -> Sequence[Row]:
        """Rows whose key is larger than `after` and not larger than `upto`, in key order."""
        ...

    def tombstones(self, origin: int, upto: int, count: int) -> Sequence[tuple[int, Row]]:
        """Those of an origin up to and with `upto`, in the order they were written, each with its place."""
        ...

    def changed(self, since: int, count: int) -> Sequence[tuple[int, Row]]:
        """Rows in places after `since`, in their order."""
        ...

    def counts(self) -> tuple[int, int]:
        """How many keys have a value, and how many tombstones are held."""
        ...

    def last_place(self) -> int:
        """The highest place that was ever given."""
        ...

    def lose(self, row: Row) -> None:
        """Keep a write that lost to one that did not know of it; the oldest beyond `LOSERS` goes."""
        ...

    def losers(self, key: str) -> Sequence[Row]:
        """The latest first."""
        ...

    def vector(self) -> Mapping[int, int]: ...

    def advance(self, entries: Mapping[int, int]) -> None:
        """Overwrite these entries of the vector; one at 0 goes."""
        ...

    def collected(self) -> Mapping[int, int]: ...

    def collect(self, entries: Mapping[int, int]) -> None:
        """Overwrite these entries of the vector of collected tombstones."""
        ...

    def floors(self) -> Mapping[int, int]:
        """The version floor of each slot that is above 0."""
        ...

    def raise_floors(self, floors: Mapping[int, int]) -> None: ...

    def note(self, name: str) -> bytes | None:
        """Something small that is kept under a name."""
        ...

    def take_note(self, name: str, content: bytes | None) -> None: ...

    def commit(self) -> None:
        """Raises `DiskFull`, `Unavailable` or `Corrupt`; then `rollback` is to follow."""
        ...

    @property
    def is_synced(self) -> bool:
        """Is all durable that was committed?"""
        ...

    def sync(self) -> None:
        """Return when all that was committed is durable. Raises `Unavailable`; what is durable then nobody
        knows."""
        ...

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        ...
