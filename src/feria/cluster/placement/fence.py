"""Whether a member has heard lately what the others know.

A process that was stopped, a machine that slept, a node that has just started: each goes on with what it
knew then, and may find that others have done its work meanwhile. So before it decides anything, it listens.
"""

from feria.clock import Clock
from feria.cluster.member import Member

BEAT_SECONDS = 0.5
FROZEN_SECONDS = 3.0
"""A loop that has stood still for so long may have been stopped."""
LISTEN_SECONDS = 2.5
"""In which each member that lives is asked twice."""
ALONE_SECONDS = 15.0
"""After which a member goes on by itself, whether it has heard all or not."""


class Fence:
    def __init__(self, member: Member, clock: Clock) -> None:
        self._member = member
        self._clock = clock
        self._beat = clock.monotonic()
        self._doubts_since: float | None = None if member.network is None else self._beat

    async def watch(self) -> None:
        """Notice that time has passed unseen, until cancelled."""
        while True:
            self._look()
            await self._clock.sleep(BEAT_SECONDS)

    async def passed(self) -> None:
        """Return once this member has heard of what happened while it may have slept; mostly at once."""
        self._look(beats=False)
        while self._doubts_since is not None:
            await self._clock.sleep(BEAT_SECONDS / 2)
            if self._doubts_since is not None and await self._has_heard(self._doubts_since):
                self._doubts_since = None

    async def _has_heard(self, since: float) -> bool:
        waited = self._clock.monotonic() - since
        if waited < LISTEN_SECONDS:
            return False
        live = self._member.live()
        lags = (await self._member.look()).lags
        is_level = bool(live) and all(id in lags and lags[id].ahead == 0 for id in live)
        return is_level or waited > ALONE_SECONDS

    def _look(self, *, beats: bool = True) -> None:
        now = self._clock.monotonic()
        if self._member.network is not None and now - self._beat > FROZEN_SECONDS:
            self._doubts_since, self._beat = now, now
        if beats:
            self._beat = now
