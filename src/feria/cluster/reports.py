"""How far other members said that they have come."""

from collections.abc import Collection
from dataclasses import dataclass

from feria.cluster.messages import Stamp
from feria.cluster.vectors import Entries


@dataclass(frozen=True, slots=True)
class Report:
    """All of a member's vector, at a moment of a life of its."""

    life: int
    moment: int
    entries: Entries


class Reports:
    """The latest of each member, by its number. They are of durable state (R9), so what all of them cover is
    covered for good."""

    def __init__(self) -> None:
        self._of: dict[int, Report] = {}

    def of(self, member: int) -> Report | None:
        return self._of.get(member)

    def held(self, member: int) -> tuple[int, int]:
        """Life and moment of what is held of a member's vector; zeros where that is nothing."""
        report = self._of.get(member)
        return (report.life, report.moment) if report is not None else (0, 0)

    def take(self, stamp: Stamp) -> Entries | None:
        """A sender's vector as it was when it stamped a message; None when the stamp says what changed since
        a moment that is not known here."""
        known = self._of.get(stamp.member)
        if stamp.since == 0:
            entries: Entries = stamp.entries
        elif known is not None and known.life == stamp.life and stamp.since <= known.moment <= stamp.moment:
            entries = {**known.entries, **stamp.entries}
        else:
            return None
        self.put(stamp.member, Report(stamp.life, stamp.moment, entries))
        return entries

    def put(self, member: int, report: Report) -> None:
        """A late message does not set a member back."""
        known = self._of.get(member)
        if known is None or known.life != report.life or known.moment <= report.moment:
            self._of[member] = report

    def stable(self, mine: Entries, members: Collection[int]) -> Entries:
        """What all of these members, and I, have come past: nothing when one has not said (R5)."""
        stable = dict(mine)
        for member in members:
            report = self._of.get(member)
            if report is None:
                return {}
            stable = {
                origin: min(seq, report.entries[origin])
                for origin, seq in stable.items()
                if origin in report.entries
            }
        return stable
