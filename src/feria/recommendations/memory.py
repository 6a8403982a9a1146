"""What answers rest on, in memory, built from the database and kept up with it.

It is built at the start, and every few hours anew, so that what was erased or has expired leaves it too.
Between, each event is added once it is durable, and the catalogue's changes are followed.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import timedelta

from feria.catalog.catalog import Catalog
from feria.clock import Clock
from feria.errors import FeriaError
from feria.recommendations.assortment import Assortment
from feria.recommendations.behaviour import DAY, HOUR, Behaviour
from feria.recommendations.events import Appended, Events
from feria.recommendations.training import Past
from feria.settings import RecommendationSettings

log = logging.getLogger(__name__)

NEWEST = 250_000
"""Events that answers and training rest on."""
PRODUCTS, EVENTS = 200, 50
"""Taken in before others get a turn."""
GATHER_SECONDS = 0.2
"""For which changes of the catalogue are gathered; an event of a product not yet known does not wait."""
LOOK_EVERY = 30.0
"""Seconds between two looks for products that other nodes changed."""
SWEEP_EVERY = HOUR
BUILD_EVERY = 6 * HOUR


@dataclass(slots=True)
class Known:
    assortment: Assortment
    behaviour: Behaviour
    followed: int
    """The catalogue's last change that the assortment has seen."""
    seen: int = 0
    """The last row of the log that the behaviour was built from."""


class Memory:
    def __init__(
        self, events: Events, catalog: Catalog, clock: Clock, settings: RecommendationSettings
    ) -> None:
        self._events = events
        self._catalog = catalog
        self._clock = clock
        self._settings = settings
        self.known = Known(Assortment(), Behaviour(self._now()), 0)
        """Replaced as a whole when it is built anew: take it once for an answer."""
        self._arrived: list[Appended] | None = None
        """What came while all is built anew."""
        self._missed = False
        self._following, self._building = asyncio.Lock(), asyncio.Lock()
        self._changed = asyncio.Event()
        self._closing = False

    async def observe(self, appended: Appended) -> None:
        """Add events that are durable now."""
        if any(self.known.assortment.place(one.product_id) is None for one in appended.new):
            await self.follow()
        if self._arrived is not None:
            self._arrived.append(appended)
        await _show(self.known, appended)

    async def past(self) -> tuple[Past, Assortment]:
        """The log as a whole, beside the catalogue as it is."""
        assortment = await self._assorted()
        return await self._past(await self._events.last_number(), assortment), assortment

    async def keep_up(self) -> None:
        """Follow the catalogue, forget what has expired and build anew now and then, until `close`."""
        swept = built = -BUILD_EVERY
        while not self._closing:
            now = self._clock.monotonic()
            self._changed.clear()
            try:
                if now - swept >= SWEEP_EVERY:
                    await self.sweep()
                    swept = now
                if now - built >= BUILD_EVERY or self._missed:
                    await self.build()
                    built = now
                else:
                    await self.follow()
            except FeriaError as error:
                log.warning("Recommendations rest on what was known before: %s", error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), LOOK_EVERY)
            if self._changed.is_set() and not self._closing:
                await asyncio.sleep(GATHER_SECONDS)

    def look(self) -> None:
        """Told that the catalogue has changed."""
        self._changed.set()

    def close(self) -> None:
        self._closing = True
        self._changed.set()

    async def build(self) -> None:
        """Build all that answers rest on anew, beside what answers now."""
        async with self._building:
            await self._build()

    async def _build(self) -> None:
        followed = await self._catalog.last_change()
        assortment = await self._assorted()
        known = Known(assortment, Behaviour(self._now() - self._settings.keep_days * DAY), followed)
        if not self.known.assortment.size:  # at the start, what is sold is better than nothing
            self.known = Known(assortment, Behaviour(self._now()), followed)
        self._arrived = []
        try:
            known.seen = await self._events.last_number()
            past = await self._past(known.seen, assortment)
            for start in range(0, len(past.rows), EVENTS):
                if self._closing:
                    return
                past.show(known.behaviour, start, start + EVENTS)
                await asyncio.sleep(0)
            for appended in self._arrived:  # it grows while others get their turn
                await _show(known, appended)
            self.known, self._missed = known, False
        finally:
            self._arrived = None
        await self.follow()

    async def follow(self) -> None:
        """Take in what changed in the catalogue."""
        async with self._following:
            known = self.known
            while changes := await self._catalog.changes(known.followed, PRODUCTS):
                if changes[0][0] > known.followed + 1:
                    self._missed = True  # some were forgotten before they were seen
                ids = list(dict.fromkeys(product for _, product in changes))
                products = await self._catalog.by_ids(ids)
                for product_id in ids:
                    if product_id in products:
                        known.assortment.put(product_id, products[product_id])
                    else:
                        known.assortment.remove(product_id)
                known.followed = changes[-1][0]
                await asyncio.sleep(0)

    async def sweep(self) -> None:
        """Forget what has been kept for its time, and what is more than may be kept."""
        await self._events.forget_before(self._clock.now() - timedelta(days=self._settings.keep_days))
        await self._events.forget_all_but(self._settings.max_events)

    async def _past(self, until: int, assortment: Assortment) -> Past:
        log = await self._events.log(until, NEWEST)
        return await asyncio.to_thread(Past, log, assortment)  # it sorts them all

    async def _assorted(self) -> Assortment:
        """All that the catalogue holds."""
        assortment, last = Assortment(), 0
        while rows := await self._catalog.rows(last, PRODUCTS):
            for product_id, product in rows:
                assortment.put(product_id, product)
            last = rows[-1][0]
            await asyncio.sleep(0)
        return assortment

    def _now(self) -> float:
        return self._clock.now().timestamp()


async def _show(known: Known, appended: Appended) -> None:
    if appended.number <= known.seen:
        return  # it was in the log
    for start in range(0, len(appended.new), EVENTS):
        for one in appended.new[start : start + EVENTS]:
            place = known.assortment.place(one.product_id)
            if place is not None:
                known.behaviour.observe(one.shopper, one.kind, place, one.at.timestamp())
        await asyncio.sleep(0)
