"""Who is in the cluster, as rows that are replicated like all others: it is of these that deletions wait to
be known (R5)."""

from datetime import datetime
from enum import StrEnum

import msgspec

from feria.cluster.disk import Disk
from feria.cluster.replica import Replica
from feria.cluster.rows import RESERVED, Row

PREFIX = f"{RESERVED}members/"
_END = f"{RESERVED}members0"  # 0 follows /


class State(StrEnum):
    member = "member"
    left = "left"
    """On its own wish."""
    expelled = "expelled"
    """Silent for too long; it takes the others' state when it is back."""


class Seat(msgspec.Struct, frozen=True):
    address: str
    state: State
    since: datetime


def members(disk: Disk) -> dict[str, Seat]:
    """Every member that ever was, by its id."""
    return {row.key.removeprefix(PREFIX): _read(row) for row in _rows(disk)}


def writers(disk: Disk) -> dict[int, str]:
    """Members by the store epoch in which they took their seats, which is the one they last wrote in."""
    return {
        row.origin: row.key.removeprefix(PREFIX) for row in _rows(disk) if _read(row).state == State.member
    }


def seat(replica: Replica, member: str, address: str, state: State, now: datetime) -> None:
    """Write a member's seat, unless it is so already. One that it takes itself is written anew in each store
    epoch of its own, so that others know whose that is."""
    row = replica.disk.row(PREFIX + member)
    if row is not None and row.value is not None and row.origin == replica.origin:
        known = _read(row)
        if (known.address, known.state) == (address, state):
            return
    replica.write(PREFIX + member, msgspec.json.encode(Seat(address, state, now)))


def _rows(disk: Disk) -> list[Row]:
    return [row for row in disk.between(PREFIX, _END, 1_000_000) if row.value is not None]


def _read(row: Row) -> Seat:
    return msgspec.json.decode(row.value or b"", type=Seat)
