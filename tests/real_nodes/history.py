"""What clients saw and what was done to the nodes, one JSON line each, as it happened."""

import threading
import time
from pathlib import Path
from typing import Literal

import msgspec

Outcome = Literal["done", "refused", "unknown"]
"""`refused`: nothing was written. `unknown`: no answer, or one that leaves it open."""


class Operation(msgspec.Struct, frozen=True, tag="operation"):
    """One request of a client. Times are seconds of the machine's monotonic clock."""

    node: int
    kind: Literal["put", "delete", "get"]
    key: str
    invoked: float
    returned: float
    outcome: Outcome
    status: int = 0
    """0 when there was no answer."""
    value: str | None = None
    """What was written, or read; every written value is written once."""
    base: int | None = None
    """The version that was demanded."""
    version: int = 0
    """What it became, or was read as; 0 where the answer says none."""


class Restored(msgspec.Struct, frozen=True, tag="restored"):
    """A node's disk was set back to what it held at `since`; the node was down from `ended`, and cut off
    from the others somewhat before."""

    node: int
    since: float
    ended: float
    begun: float
    """When it was started again."""
    held: dict[str, list[int]]
    """Versions in which the other nodes held keys when it was set back."""


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """For whoever reads the file."""

    at: float
    what: str


Event = Operation | Restored | Fault


class History:
    """Written by many threads."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open = file.open("ab")
        self._turn = threading.Lock()
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        with self._turn:
            self.events.append(event)
            self._open.write(msgspec.json.encode(event) + b"\n")

    def fault(self, what: str) -> None:
        self.add(Fault(time.monotonic(), what))

    def close(self) -> None:
        self._open.close()


def read(file: Path) -> list[Event]:
    return [msgspec.json.decode(line, type=Event) for line in file.read_bytes().splitlines()]
