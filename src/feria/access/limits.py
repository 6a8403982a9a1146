"""How often somebody may ask."""

import functools
import ipaddress
from collections.abc import Hashable

from feria.clock import Clock
from feria.errors import RateLimited

MOST = 65_536
"""Callers kept apart. Beyond it those are forgotten who have not asked for longest."""


class RateLimit:
    """A token bucket a caller, which starts full and fills at `per_second`.

    Each is one number: the moment at which it will be full again (the generic cell rate algorithm).
    """

    def __init__(self, per_second: float, *, burst: float, clock: Clock) -> None:
        self._seconds = 1.0 / per_second
        self._slack = burst * self._seconds
        self._clock = clock
        self._full_at: dict[Hashable, float] = {}

    def wait(self, caller: Hashable) -> float:
        """Seconds until that caller may ask again; 0 is now."""
        full_at = self._full_at.get(caller, 0.0)
        return max(0.0, full_at + self._seconds - self._slack - self._clock.monotonic())

    def take(self, caller: Hashable, many: int = 1) -> float:
        """As `wait`; and where it is 0, count one request, or as many as it stands for: all or none.

        More than the burst are never taken.
        """
        now = self._clock.monotonic()
        full_at = max(self._full_at.pop(caller, 0.0), now)
        wait = full_at + many * self._seconds - self._slack - now
        if wait <= 0.0:
            full_at += many * self._seconds
        self._full_at[caller] = full_at  # the last of the dictionary is the latest to ask
        if len(self._full_at) > MOST:
            del self._full_at[next(iter(self._full_at))]
        return max(0.0, wait)


def refuse_after(wait: float, sentence: str) -> None:
    """Raises `RateLimited` when there is something to wait for."""
    if wait > 0.0:
        raise RateLimited(sentence, retry_after=wait)


@functools.lru_cache(MOST)
def neighbourhood(address: str) -> str:
    """An address as limits count it: a network of IPv6 (/64) is one caller, who owns all of it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed[:8] + bytes(8), 64)))
