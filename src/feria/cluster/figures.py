"""What a member's rows look like from outside: how many there are, and how far the others have come."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from feria.cluster.gossip import Gossip
from feria.cluster.messages import member_number
from feria.cluster.replica import Replica
from feria.cluster.roster import Seat, State, members
from feria.cluster.vectors import Entries


@dataclass(frozen=True, slots=True)
class Lag:
    """In writes. Several to one key count each, though only the last is still there to be sent."""

    behind: int
    """That it has not said it has."""
    ahead: int
    """That it has and this member lacks."""


@dataclass(frozen=True, slots=True)
class Figures:
    origins: int = 0
    """Entries of the version vector."""
    lags: Mapping[str, Lag] = field(default_factory=dict)
    """By member, of those that have said how far they are."""
    seats: Mapping[str, Seat] = field(default_factory=dict)
    resets: int = 0
    refused: int = 0
    distrusted_clocks: int = 0
    commits: int = 0


def figures(replica: Replica, gossip: Gossip, commits: int) -> Figures:
    """To be called in the writer."""
    mine, seats = replica.vector.entries, members(replica.disk)
    lags = {}
    for id, seat in seats.items():
        if seat.state is not State.member:
            continue
        report = gossip.reports.of(member_number(id))
        if report is not None:
            lags[id] = Lag(_beyond(mine, report.entries), _beyond(report.entries, mine))
    return Figures(len(mine), lags, seats, gossip.resets, gossip.refused, replica.clock.distrusted, commits)


def _beyond(some: Entries, others: Entries) -> int:
    return sum(max(0, seq - others.get(origin, 0)) for origin, seq in some.items())
