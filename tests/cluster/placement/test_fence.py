"""Who may have slept listens before it decides."""

import asyncio
from pathlib import Path

from cluster.clusters import Members, until
from feria.clock import SystemClock
from feria.cluster.member import open_member
from feria.cluster.placement import fence as fences
from feria.cluster.placement.fence import FROZEN_SECONDS, Fence
from feria.settings import ClusterSettings


class Skipping(SystemClock):
    """Its monotonic time can leap, as when the process was stopped."""

    leapt = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.leapt


async def test_a_member_that_was_stopped_compares_with_the_others_before_it_goes_on(tmp_path: Path) -> None:
    async with Members(tmp_path) as members:
        a, b = await members.open("a"), await members.open("b", "a")
        await until(lambda: len(a.live()) == len(b.live()) == 1)
        clock = Skipping()
        fence = Fence(a, clock)
        await fence.passed()  # it has just started
        assert fence._doubts_since is None
        watching = asyncio.create_task(fence.watch())
        await b.store.put("news", b"of while it slept")
        clock.leapt += FROZEN_SECONDS + 1
        began = asyncio.get_running_loop().time()
        await fence.passed()
        assert asyncio.get_running_loop().time() - began >= fences.LISTEN_SECONDS
        found = await a.store.get("news")
        assert found is not None
        watching.cancel()


async def test_a_member_that_is_alone_waits_for_nobody(tmp_path: Path) -> None:
    clock = Skipping()
    async with open_member(ClusterSettings(), tmp_path / "alone", clock) as member:
        fence = Fence(member, clock)
        clock.leapt += 100
        await fence.passed()
        assert fence._doubts_since is None
