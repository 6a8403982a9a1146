"""Time for choosing between writers that did not know of each other: the wall clock, and never backwards.

Hybrid logical clocks are of Kulkarni and others (2014): milliseconds in the upper bits, a counter in the
lower 16. Here they only break ties, versions keep causes before effects; so a clock that is wrong costs a
fair choice and no more.
"""

from datetime import datetime

from feria.clock import Clock

COUNTER_BITS = 16
LEAD_MILLISECONDS = 60_000
"""A time further ahead than this is taken for a broken clock and not followed."""


class HybridClock:
    """Its times are larger than all it gave or followed before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0
        self.distrusted = 0
        """Times that were too far ahead to follow."""

    def now(self) -> datetime:
        return self._clock.now()

    def tick(self) -> int:
        """The time of a write that is made now."""
        self._last = max(self._last + 1, self._wall())
        return self._last

    def follow(self, hlc: int) -> None:
        """Another member's write has this time; those made here from now on are later, within reason.

        Were any time followed, one member whose calendar is a century ahead would win each tie for ever,
        and everybody it talked to would as well.
        """
        if hlc <= self._last:
            return
        if self._too_far_ahead(hlc):
            self.distrusted += 1
        else:
            self._last = hlc

    def _too_far_ahead(self, hlc: int) -> bool:
        return hlc > self._wall() + (LEAD_MILLISECONDS << COUNTER_BITS)

    def _wall(self) -> int:
        return int(self._clock.now().timestamp() * 1000) << COUNTER_BITS
