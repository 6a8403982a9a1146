"""A node's part in its cluster: rows, whom it knows, and the wire between, put together and kept going.

There is one on every node. One without a gossip port is alone: it has the rows, and nobody to tell.
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from feria.clock import Clock
from feria.cluster import roster
from feria.cluster.addresses import split
from feria.cluster.certificates import read_tls
from feria.cluster.chunk_keeper import open_chunks
from feria.cluster.chunks import Chunks
from feria.cluster.driving import TICK_SECONDS, Driver, say
from feria.cluster.figures import Figures, figures
from feria.cluster.keys import KeyFile, no_keys
from feria.cluster.members import Health
from feria.cluster.network import Network, open_network
from feria.cluster.replica import Replica
from feria.cluster.store import Store, open_store
from feria.cluster.swim import Swim
from feria.errors import Conflict, FeriaError, Unavailable
from feria.settings import ClusterSettings
from feria.storage.blobs import disk_errors

log = logging.getLogger(__name__)

ALONE_TICK_SECONDS = 5.0
SETTLE_SECONDS = 3.0
"""A start waits so long, at most, to find out whether another node bears this one's name."""
HANDING_OVER_SECONDS = 60.0


@dataclass
class Member:
    """Made by `open_member`."""

    id: str
    settings: ClusterSettings
    clock: Clock
    store: Store
    chunks: Chunks
    network: Network | None = None
    """None where the node is alone."""
    swim: Swim | None = None
    figures: Figures = field(default_factory=Figures)
    """As they were at the last look."""
    unread: Counter[str] = field(default_factory=Counter)
    """Payloads of members that were dropped, by reason."""
    has_left: bool = False
    say: Callable[[str, Any], bool] | None = None
    """Says something of tasks to the member at an address; None where the node is alone."""
    heard: Callable[[str, Any], None] | None = None
    """Told what members say of tasks."""
    displaced: "asyncio.Future[str] | None" = None
    """Set, to a sentence, when another node of this id means that this one has to stop."""

    def live(self) -> dict[str, str]:
        """Addresses of the other members that are live, by id."""
        return {} if self.swim is None or self.has_left else {p.id: p.address for p in self.swim.live()}

    def answers_at(self, url: str) -> None:
        """Let others know where this node is reached over HTTP."""
        if self.swim is not None:
            self.swim.move(url)

    async def look(self) -> Figures:
        """Find out how far everybody is."""
        store = self.store
        self.figures = await store.writer.run(
            lambda replica: figures(replica, store.gossip, store.writer.commits)
        )
        return self.figures

    async def counts(self) -> tuple[int, int]:
        """Keys with a value, and tombstones. It reads all of them."""
        return await self.store.writer.run(lambda replica: replica.disk.counts())

    async def leave(self) -> None:
        """Go for good: others wait for this member no more. It returns once a live member has all that is
        here, and all others were told; this node then goes on alone, until it is started again.

        Raises `Conflict` where it is in no cluster, `Unavailable` when nobody live takes the rows.
        """
        if self.swim is None or self.network is None or self.has_left:
            raise Conflict("This node is in no cluster.")
        if not self.live():
            raise Unavailable(
                "No other member answers, so nobody could take over what is only here. To end this node "
                "nevertheless, stop it."
            )
        address, clock = self.network.address, self.clock
        await self.store.writer.run(
            lambda replica: roster.seat(replica, self.id, address, roster.State.left, clock.now())
        )
        deadline = clock.monotonic() + HANDING_OVER_SECONDS
        while not await self._is_handed_over():
            if clock.monotonic() > deadline:
                await self.store.writer.run(
                    lambda replica: roster.seat(replica, self.id, address, roster.State.member, clock.now())
                )
                raise Unavailable("No live member has taken over all rows yet; try again.")
            await clock.sleep(TICK_SECONDS)
        self.swim.leave()
        self.has_left = True

    async def _is_handed_over(self) -> bool:
        live = self.live()
        for address in live.values():
            self.store.writer.post(lambda _, address=address: self.store.gossip.exchange(address))  # type: ignore[misc]
        lags = (await self.look()).lags
        return any(id in lags and lags[id].behind == 0 for id in live)


@contextlib.asynccontextmanager
async def open_member(
    settings: ClusterSettings,
    folder: Path,
    clock: Clock,
    *,
    host: str = "127.0.0.1",
    in_use: Callable[[], Health] = Health,
    grace_seconds: float = 3600.0,
) -> AsyncGenerator[Member]:
    """This node's part, with its rows in `folder`. `host` is where the node listens for others, unless the
    settings say; `in_use` what it tells them of how it is.

    Raises `Conflict` when a live node bears this one's name, or another process has the folder or the port;
    `Invalid` for addresses, a key or certificates that are none; `Corrupt`, `DiskFull`, `Unavailable`.
    """
    with disk_errors():
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    # The order of things, and ids that must not meet; nothing that has to stay secret. One for each thread.
    chance, writers_chance = random.Random(), random.Random()  # noqa: S311
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(folder, clock, writers_chance, member=settings.name)
        )
        network = None
        if settings.gossip_port is not None:
            life = await store.writer.run(lambda replica: _begin_life(replica, clock, chance))
            network = await stack.enter_async_context(_open_network(settings, host, life))
        member: Member | None = None
        chunks = await stack.enter_async_context(
            open_chunks(
                store,
                folder / "chunks",
                settings,
                me=store.member,
                send=lambda to, message: network is not None and say(network, to, message),
                peers=lambda: {} if member is None else member.live(),
                grace_seconds=grace_seconds,
            )
        )
        member = Member(store.member, settings, clock, store, chunks)
        if network is None:
            works = [_tick_alone(member)]
        else:
            seats = (await member.look()).seats
            member.network = network
            member.say = partial(say, network)
            member.displaced = asyncio.get_running_loop().create_future()
            member.swim = Swim(
                member.id, network.address, "", life, chance, seeds=settings.join, replace=settings.replace
            )
            member.swim.remember(
                seat.address for seat in seats.values() if seat.state is not roster.State.left
            )
            driver = Driver(member, member.swim, network, in_use)
            works = [driver.watch(), driver.look()]
        stack.push_async_callback(_cancelled, [_begun(work) for work in works])
        if network is not None:
            await _settle(member)
            stack.push_async_callback(_cancelled, [_begun(driver.exchange())])
            address = network.address
            await store.writer.run(
                lambda replica: roster.seat(replica, member.id, address, roster.State.member, clock.now())
            )
        yield member


@contextlib.asynccontextmanager
async def _open_network(settings: ClusterSettings, host: str, life: int) -> AsyncGenerator[Network]:
    for address in settings.join:
        split(address)
    tls = None
    if settings.certificate and settings.certificate_key and settings.ca:
        tls = await asyncio.to_thread(read_tls, settings.certificate, settings.certificate_key, settings.ca)
    async with open_network(
        settings.id,
        settings.host or host,
        settings.gossip_port or 0,
        life,
        advertise=settings.advertise,
        keys=no_keys if settings.key_file is None else KeyFile(settings.key_file),
        tls=tls,
        queue_bytes=settings.queue_mib * 2**20,
    ) as network:
        yield network


def _begin_life(replica: Replica, clock: Clock, chance: random.Random) -> int:
    """The time of the start in its upper bits, so that lives of a node are in order, whatever its clock does
    between two."""
    note = replica.disk.note("life")
    before = int(note) if note else 0
    life = max(int(clock.now().timestamp() * 1000) << 20 | chance.getrandbits(20), before + 1)
    replica.disk.take_note("life", str(life).encode())
    return life


async def _settle(member: Member) -> None:
    """Wait until some member answered, or nobody can have; meanwhile a node of the same name shows itself."""
    swim, displaced, clock = member.swim, member.displaced, member.clock
    assert swim is not None
    assert displaced is not None
    deadline = clock.monotonic() + SETTLE_SECONDS
    while clock.monotonic() < deadline and swim.has_calls and not displaced.done():
        if swim.live() and not swim.asks_twins:
            break
        await clock.sleep(TICK_SECONDS / 4)
    if displaced.done():
        raise Conflict(displaced.result())


async def _tick_alone(member: Member) -> None:
    """Deletions are forgotten in time, though nobody has to know of them."""
    while True:
        with contextlib.suppress(FeriaError):  # busy, or no room on the disk
            await member.store.writer.run(lambda _: member.store.gossip.tick(member.clock.monotonic(), []))
        await member.clock.sleep(ALONE_TICK_SECONDS)


def _begun(work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("A part of the cluster stopped: this is a bug.", exc_info=error)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    return task


async def _cancelled(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
