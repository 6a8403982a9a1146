"""How long each suspect has to contradict: long while one member accuses it, shorter when others join in."""

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class _Case:
    begun: float
    least: float
    most: float
    confirming: int
    accusers: set[str]

    @property
    def ends(self) -> float:
        """Lifeguard's: falls with the logarithm of the accusers."""
        if not self.confirming:
            return self.begun + self.least
        share = math.log(len(self.accusers)) / math.log(self.confirming + 1)
        return self.begun + max(self.least, self.most - share * (self.most - self.least))


class Suspicions:
    def __init__(self) -> None:
        self._cases: dict[str, _Case] = {}

    def begin(self, id: str, by: str, now: float, least: float, most: float, confirming: int) -> None:
        """Seconds; a case of an earlier incarnation ends."""
        self._cases[id] = _Case(now, least, most, confirming, {by})

    def confirm(self, id: str, by: str) -> bool:
        """Whether that is a new accuser, of those that count."""
        case = self._cases.get(id)
        if case is None or by in case.accusers or len(case.accusers) > case.confirming:
            return False
        case.accusers.add(by)
        return True

    def end(self, id: str) -> None:
        self._cases.pop(id, None)

    def ended(self, now: float) -> Iterator[str]:
        """Whose time is over."""
        for id, case in list(self._cases.items()):
            if now >= case.ends:
                del self._cases[id]
                yield id

    def shift(self, seconds: float) -> None:
        """Nobody could be heard for so long."""
        for case in self._cases.values():
            case.begun += seconds
