"""News that spread by being told along with something else, each a few times."""

import math

from feria.cluster.members import News


class Rumours:
    def __init__(self) -> None:
        self._told: dict[str, tuple[int, News]] = {}
        """The latest of each member, and how often it was told."""

    def __bool__(self) -> bool:
        return bool(self._told)

    def add(self, news: News) -> None:
        self._told[news.id] = (0, news)

    def some(self, most: int, members: int) -> list[News]:
        """Those told least. One that was told 4·⌈log10(members + 1)⌉ times has reached everybody, nearly;
        who missed it learns it when views are exchanged."""
        enough = 4 * math.ceil(math.log10(members + 1))
        chosen = sorted(self._told.values(), key=lambda one: one[0])[:most] if self._told else []
        for times, news in chosen:
            if times + 1 >= enough:
                del self._told[news.id]
            else:
                self._told[news.id] = (times + 1, news)
        return [news for _, news in chosen]
