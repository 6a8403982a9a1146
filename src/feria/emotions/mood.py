"""What a session has looked like of late, in memory and for nobody but who knows its id.

An exponentially smoothed distribution whose weights depend on the time between two answers, not on their
number: a camera at 30 frames a second and one at 2 come to the same (Eckner 2019, "Algorithms for
unevenly spaced time series", the exponential moving average of the last point).
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from feria.clock import Clock
from feria.emotions.wire import Mood

HALF_LIFE = 10.0
"""Seconds after which an answer counts half."""
KEPT_SECONDS = 1800.0
"""A silence as long as this ends a session."""
MOST = 20_000
"""Sessions; beyond it those go that were silent for longest."""


@dataclass(slots=True)
class _Session:
    shares: dict[str, float]
    since: datetime
    at: datetime
    heard: float
    looks: int = 1


class Moods:
    """Sessions by the hash of their id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def observe(self, session: str, probabilities: Mapping[str, float]) -> None:
        now, moment = self._clock.monotonic(), self._clock.now()
        self._forget_silent(now)
        held = self._sessions.get(session)
        if held is None:
            self._sessions[session] = _Session(_whole(probabilities), moment, moment, now)
            if len(self._sessions) > MOST:
                self._sessions.popitem(last=False)
            return
        keep = 2.0 ** ((held.heard - now) / HALF_LIFE)
        new = _whole(probabilities)
        held.shares = {
            name: keep * held.shares.get(name, 0.0) + (1 - keep) * new.get(name, 0.0)
            for name in {**held.shares, **new}
        }
        held.at, held.heard, held.looks = moment, now, held.looks + 1
        self._sessions.move_to_end(session)

    def of(self, session: str) -> Mood | None:
        self._forget_silent(self._clock.monotonic())
        held = self._sessions.get(session)
        if held is None:
            return None
        return Mood(
            mood={name: round(share, 4) for name, share in held.shares.items()},
            dominant=max(held.shares, key=lambda name: held.shares[name]),
            looks=held.looks,
            since=held.since,
            at=held.at,
        )

    def forget(self, session: str) -> bool:
        return self._sessions.pop(session, None) is not None

    def _forget_silent(self, now: float) -> None:
        while self._sessions:
            oldest = next(iter(self._sessions))
            if now - self._sessions[oldest].heard < KEPT_SECONDS:
                return
            del self._sessions[oldest]


def _whole(probabilities: Mapping[str, float]) -> dict[str, float]:
    total = sum(probabilities.values()) or 1.0
    return {name: share / total for name, share in probabilities.items()}
