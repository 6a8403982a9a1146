"""The bus of a node by itself."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from feria.events.bus import Event, Missed, Subscription, check_topic
from feria.settings import EventSettings


class ProcessBus:
    def __init__(self, settings: EventSettings) -> None:
        self.missed = 0
        self._buffer = settings.buffer
        self._exact: dict[str, dict[Subscription, None]] = {}
        self._prefixes: dict[str, dict[Subscription, None]] = {}
        self._closed = False

    def publish(self, topic: str, data: Any) -> None:
        listeners = dict(self._exact.get(topic, {}))
        for prefix, those in self._prefixes.items():
            if topic.startswith(prefix):
                listeners |= those
        event = Event(topic, data)
        for listener in listeners:
            listener.put(event)

    @contextlib.asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncGenerator[Subscription]:
        for topic in topics:
            check_topic(topic)
        subscription = Subscription(self._buffer, self._count_missed)
        if self._closed:
            subscription.close()
        places = [
            (self._prefixes, topic[:-1]) if topic.endswith("*") else (self._exact, topic) for topic in topics
        ]
        for table, key in places:
            table.setdefault(key, {})[subscription] = None
        try:
            yield subscription
        finally:
            for table, key in places:
                those = table.get(key, {})
                those.pop(subscription, None)
                if not those:
                    table.pop(key, None)

    def cut(self) -> None:
        """Tell every listener that it missed nobody knows how much."""
        for listener in self._listeners():
            listener.put(Missed(None))

    def close(self) -> None:
        self._closed = True
        for listener in self._listeners():
            listener.close()

    def _listeners(self) -> dict[Subscription, None]:
        return {
            listener: None
            for table in (self._exact, self._prefixes)
            for those in table.values()
            for listener in those
        }

    def _count_missed(self) -> None:
        self.missed += 1
