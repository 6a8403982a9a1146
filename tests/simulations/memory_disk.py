"""A disk in memory that keeps what `Disk` promises, whose power can fail and whose backups come back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from feria.cluster.disk import LOSERS
from feria.cluster.rows import RESERVED, Row


@dataclass
class Content:
    rows: dict[str, tuple[int, Row]] = field(default_factory=dict)
    losers: dict[str, list[Row]] = field(default_factory=dict)
    vector: dict[int, int] = field(default_factory=dict)
    collected: dict[int, int] = field(default_factory=dict)
    floors: dict[int, int] = field(default_factory=dict)
    notes: dict[str, bytes] = field(default_factory=dict)
    place: int = 0

    def copy(self) -> "Content":
        return Content(
            dict(self.rows),
            {key: list(rows) for key, rows in self.losers.items()},
            dict(self.vector),
            dict(self.collected),
            dict(self.floors),
            dict(self.notes),
            self.place,
        )


class MemoryDisk:
    def __init__(self, content: Content | None = None) -> None:
        self._commits = [content if content is not None else Content()]  # from the last one that is durable
        self._now: Content | None = None  # while a transaction writes

    @property
    def durable(self) -> Content:
        return self._commits[0]

    @property
    def is_synced(self) -> bool:
        return len(self._commits) == 1

    def backup(self) -> "MemoryDisk":
        """As it is after the last commit."""
        return MemoryDisk(self._commits[-1].copy())

    def lose_power(self, random: Random) -> None:
        """Of what was committed since the last `sync`, the beginning stays, up to some commit."""
        self._now = None
        self._commits = [self._commits[random.randrange(len(self._commits))]]

    @property
    def _seen(self) -> Content:
        return self._now if self._now is not None else self._commits[-1]

    @property
    def _written(self) -> Content:
        if self._now is None:
            self._now = self._commits[-1].copy()
        return self._now

    def row(self, key: str) -> Row | None:
        found = self._seen.rows.get(key)
        return found[1] if found is not None else None

    def keep(self, row: Row, place: int) -> None:
        to = self._written
        to.rows[row.key] = (place, row)
        to.place = max(to.place, place)

    def drop(self, key: str) -> None:
        self._written.rows.pop(key, None)
        self._written.losers.pop(key, None)

    def beyond(self, origin: int, seq: int, count: int) -> Sequence[Row]:
        found = [row for _, row in self._seen.rows.values() if row.origin == origin and row.seq > seq]
        return sorted(found, key=lambda row: row.seq)[:count]

    def between(self, after: str, upto: str | None, count: int) -> Sequence[Row]:
        rows = self._seen.rows
        keys = sorted(key for key in rows if key > after and (upto is None or key <= upto))
        return [rows[key][1] for key in keys[:count]]

    def tombstones(self, origin: int, upto: int, count: int) -> Sequence[tuple[int, Row]]:
        found = [
            (place, row)
            for place, row in self._seen.rows.values()
            if row.value is None and row.origin == origin and row.seq <= upto
        ]
        return sorted(found, key=lambda placed: placed[1].seq)[:count]

    def changed(self, since: int, count: int) -> Sequence[tuple[int, Row]]:
        found = [placed for placed in self._seen.rows.values() if placed[0] > since]
        return sorted(found, key=lambda placed: placed[0])[:count]

    def counts(self) -> tuple[int, int]:
        rows = [row for _, row in self._seen.rows.values()]
        values = sum(row.value is not None and not row.key.startswith(RESERVED) for row in rows)
        return values, sum(row.value is None for row in rows)

    def last_place(self) -> int:
        return self._seen.place

    def lose(self, row: Row) -> None:
        losers = self._written.losers.setdefault(row.key, [])
        if all(row.dot != other.dot for other in losers):
            losers.insert(0, row)
        del losers[LOSERS:]

    def losers(self, key: str) -> Sequence[Row]:
        return list(self._seen.losers.get(key, ()))

    def vector(self) -> Mapping[int, int]:
        return dict(self._seen.vector)

    def advance(self, entries: Mapping[int, int]) -> None:
        vector = self._written.vector
        vector.update(entries)
        for origin in [origin for origin, seq in entries.items() if seq == 0]:
            del vector[origin]

    def collected(self) -> Mapping[int, int]:
        return dict(self._seen.collected)

    def collect(self, entries: Mapping[int, int]) -> None:
        self._written.collected.update(entries)

    def floors(self) -> Mapping[int, int]:
        return dict(self._seen.floors)

    def raise_floors(self, floors: Mapping[int, int]) -> None:
        self._written.floors.update(floors)

    def note(self, name: str) -> bytes | None:
        return self._seen.notes.get(name)

    def take_note(self, name: str, content: bytes | None) -> None:
        if content is None:
            self._written.notes.pop(name, None)
        else:
            self._written.notes[name] = content

    def commit(self) -> None:
        if self._now is not None:
            self._commits.append(self._now)
            self._now = None

    def sync(self) -> None:
        del self._commits[:-1]

    def rollback(self) -> None:
        self._now = None
