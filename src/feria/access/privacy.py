"""What is kept under a person's name, in every room that keeps any."""

from collections.abc import Mapping
from typing import Any, Protocol

from feria.access.wire import Erased, PersonalData


class HoldsPersonalData(Protocol):
    """A room's part of it. What only bears a name, such as a model's owner, is made nameless."""

    async def export(self, subject: str) -> Any:
        """All of it, as JSON values; something empty where there is none."""
        ...

    async def erase(self, subject: str) -> int:
        """Erase it or make it nameless, and say how many things that were. Once more does no harm."""
        ...


class Privacy:
    """`rooms` are introduced by the node; a room that stores names takes part.

    They erase in the order they stand in, so that what could make more of it ends first.
    """

    def __init__(self, rooms: Mapping[str, HoldsPersonalData]) -> None:
        self._rooms = rooms

    async def export(self, subject: str) -> PersonalData:
        found = {name: await room.export(subject) for name, room in self._rooms.items()}
        return PersonalData(subject=subject, rooms=found)

    async def erase(self, subject: str) -> Erased:
        # Not in one transaction: a task is called off by the journal, which would wait for it to commit.
        counts = {name: await room.erase(subject) for name, room in self._rooms.items()}
        return Erased(subject=subject, rooms=counts)
