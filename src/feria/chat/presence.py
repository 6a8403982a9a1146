"""Who is here: a person is, as long as any of their tabs is, on any node.

A node tells the others who comes and goes, and now and then all it has; of one that fell silent nobody is
here any more.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from feria.chat.feed import Feed
from feria.chat.wire import Present
from feria.clock import Clock

HERE = "chat.presence"
TELL_SECONDS = 10.0
SILENT_SECONDS = 3 * TELL_SECONDS
MOST_TOLD = 5_000
"""People of a node that it tells others of at once."""


@dataclass(slots=True)
class _Elsewhere:
    """What another node said of its own."""

    heard_at: float
    rooms: dict[int, dict[str, str]] = field(default_factory=dict)


class Presence:
    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._tabs: dict[int, Counter[str]] = {}
        self._names: dict[str, str] = {}
        self._elsewhere: dict[str, _Elsewhere] = {}
        feed.when_heard(HERE, self.hear)

    def come(self, room_id: int, person: str, nickname: str) -> bool:
        """One more tab of theirs is in that room; whether it is the first anywhere."""
        first = not self.is_here(room_id, person)
        tabs = self._tabs.setdefault(room_id, Counter())
        tabs[person] += 1
        self._names[person] = nickname
        if tabs[person] == 1:
            self._tell(room_id, person, nickname)
        return first

    def go(self, room_id: int, person: str) -> bool:
        """One tab fewer; whether it was the last anywhere."""
        tabs = self._tabs.get(room_id)
        if tabs is None or not tabs[person]:
            return False
        tabs[person] -= 1
        if tabs[person]:
            return False
        del tabs[person]
        if not tabs:
            del self._tabs[room_id]
        if not any(person in one for one in self._tabs.values()):
            self._names.pop(person, None)
        self._tell(room_id, person, None)
        return not self.is_here(room_id, person)

    def is_here(self, room_id: int, person: str) -> bool:
        if person in self._tabs.get(room_id, ()):
            return True
        return any(person in other.rooms.get(room_id, ()) for other in self._others())

    def people(self, room_id: int, limit: int) -> list[Present]:
        """Those who are there, by name."""
        found = {person: self._names.get(person, person) for person in self._tabs.get(room_id, ())}
        for other in self._others():
            found |= other.rooms.get(room_id, {})
        by_name = sorted(found.items(), key=lambda one: (one[1], one[0]))
        return [Present(person=person, nickname=nickname) for person, nickname in by_name[:limit]]

    # ------------------------------------------------------------------- other nodes
    async def keep_telling(self) -> None:
        while True:
            self.tell_all()
            await self._clock.sleep(TELL_SECONDS)

    def tell_all(self) -> None:
        rooms: dict[str, dict[str, str]] = {}
        told = 0
        for room_id, tabs in self._tabs.items():
            if told >= MOST_TOLD:
                break
            rooms[str(room_id)] = {person: self._names.get(person, person) for person in tabs}
            told += len(tabs)
        self._feed.publish(HERE, {"rooms": rooms})

    def hear(self, data: dict[str, Any]) -> None:
        """What another node told."""
        node, now = str(data["node"]), self._clock.monotonic()
        known = self._elsewhere.setdefault(node, _Elsewhere(now))
        known.heard_at = now
        match data:
            case {"rooms": dict(rooms)}:
                known.rooms = {int(room_id): dict(people) for room_id, people in rooms.items()}
            case {"room": int(room_id), "person": str(person), "nickname": str(nickname)}:
                known.rooms.setdefault(room_id, {})[person] = nickname
            case {"room": int(room_id), "person": str(person)}:
                known.rooms.get(room_id, {}).pop(person, None)

    def _others(self) -> Iterable[_Elsewhere]:
        now = self._clock.monotonic()
        for node in [node for node, one in self._elsewhere.items() if now - one.heard_at > SILENT_SECONDS]:
            del self._elsewhere[node]
        return self._elsewhere.values()

    def _tell(self, room_id: int, person: str, nickname: str | None) -> None:
        said: dict[str, Any] = {"room": room_id, "person": person}
        if nickname is not None:
            said["nickname"] = nickname
        self._feed.publish(HERE, said)
