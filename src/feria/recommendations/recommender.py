"""The node's recommender: takes shoppers' events in, and says what they may like."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from feria.access.limits import RateLimit
from feria.catalog.catalog import Catalog
from feria.catalog.wire import Product
from feria.clock import Clock
from feria.errors import Invalid
from feria.inference.engine import Engine
from feria.recommendations import training
from feria.recommendations.assortment import Assortment
from feria.recommendations.events import KINDS, Events, Happened, open_events
from feria.recommendations.features import REMEMBERED, History
from feria.recommendations.memory import Memory
from feria.recommendations.pseudonyms import Pseudonyms, open_pseudonyms
from feria.recommendations.ranker import Ranker
from feria.recommendations.ranking import (
    eligible,
    in_order,
    popular,
    shortlist,
    spread_out,
)
from feria.recommendations.wire import BATCH, Basis, Event, Kept, ShopperEvent
from feria.registry.shelf import Registry
from feria.settings import RecommendationSettings
from feria.storage.database import Database

AHEAD = timedelta(minutes=5)
"""How far a sender's clock may be before ours."""
NOW = timedelta(minutes=1)
"""How old an event may be for the mood of this moment to be its own."""
VISITS = 100
"""From which rows to learn from are made at once: soon enough for who hangs up."""


@dataclass(frozen=True, slots=True)
class Picks:
    basis: Basis
    products: tuple[tuple[Product, float], ...]
    """Each with its score, best first."""
    model: str | None = None


class Recommender:
    def __init__(
        self,
        events: Events,
        memory: Memory,
        catalog: Catalog,
        ranker: Ranker,
        pseudonyms: Pseudonyms,
        clock: Clock,
        settings: RecommendationSettings,
        mood: Callable[[str], Mapping[str, float] | None],
    ) -> None:
        self._events = events
        self._memory = memory
        self._catalog = catalog
        self._ranker = ranker
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._settings = settings
        self._mood = mood
        per_minute = settings.events_per_minute
        self.rate = RateLimit(per_minute / 60, burst=max(per_minute, BATCH), clock=clock)
        """For who sends events and has no token."""

    # ------------------------------------------------------------------- events
    async def tell(self, told: Sequence[Event]) -> Kept:
        """Keep what shoppers did, all or nothing; durable on return.

        Raises `Invalid` for an event without consent, from the future, or from before what is kept; `Busy`.
        """
        ids = await self._catalog.ids(sorted({event.sku for event in told}))
        happened = [self._happened(number, event, ids.get(event.sku, 0)) for number, event in enumerate(told)]
        known = [one for one in happened if one.product_id]
        appended = await self._events.append(known) if known else None
        new = appended.new if appended else []
        if appended and new:
            await self._memory.observe(appended)
        return Kept(
            kept=len(new),
            repeated=len(known) - len(new),
            unknown=tuple(sorted({event.sku for event in told} - ids.keys())),
        )

    def _happened(self, number: int, event: Event, product_id: int) -> Happened:
        if not event.consent:
            raise Invalid(
                f"Event {number} was sent without the shopper's consent, so nothing was kept. Ask them, and "
                "send `consent: true` once they have said yes.",
                event=number,
            )
        now = self._clock.now()
        at = event.at or now
        if at > now + AHEAD:
            raise Invalid(f"Event {number} is from the future; the sender's clock is ahead.", event=number)
        if at <= now - timedelta(days=self._settings.keep_days):
            raise Invalid(
                f"Event {number} is older than the {self._settings.keep_days:g} days that events are kept.",
                event=number,
            )
        return Happened(
            id=self._pseudonyms.of_event(event.shopper, event.id),
            shopper=self._pseudonyms.of_shopper(event.shopper),
            kind=KINDS.index(event.kind),
            product_id=product_id,
            store=event.store,
            at=min(at, now),
            mood=self._mood_of(event) if at > now - NOW else None,
        )

    def _mood_of(self, event: Event) -> bytes | None:
        mood = self._mood(event.shopper) if event.mood else None
        return None if mood is None else msgspec.json.encode(mood)

    # ------------------------------------------------------------------- answers
    async def for_shopper(self, shopper: str | None, limit: int) -> Picks:
        """What they may like next, by their own events; of somebody unknown, what is popular."""
        history = await self._history(shopper)
        known, now = self._memory.known, self._clock.now().timestamp()
        assortment, behaviour = known.assortment, known.behaviour
        may = eligible(assortment, history, now)
        if not len(history.at):
            chosen = spread_out(popular(assortment, behaviour, may, now).tolist(), assortment, limit)
            popularity = behaviour.popularity(assortment.size, now)
            return await self._picks("popular", assortment, chosen, popularity[chosen])
        places, table, scores = shortlist(assortment, behaviour, history, may, now)
        ranked = await self._ranker.rank(table) if len(places) else None
        if ranked is not None:
            best = in_order(places, ranked.scores, assortment, behaviour, now)
            places, scores = places[best], ranked.scores[best]
        chosen = spread_out(places.tolist(), assortment, limit)
        by_place = dict(zip(places.tolist(), scores.tolist(), strict=True))
        score = np.array([by_place[place] for place in chosen])
        basis: Basis = "rule" if ranked is None else "ranker"
        return await self._picks(basis, assortment, chosen, score, ranked.model if ranked else None)

    async def together_with(self, sku: str, shopper: str | None, limit: int) -> Picks:
        """What is bought with that product more often than chance would have it, without what the shopper
        has just bought. Raises `NotFound` for a SKU that the catalogue does not hold."""
        number = (await self._catalog.ids([sku])).get(sku)
        if number is None:
            await self._catalog.find(sku)  # raises, in the catalogue's words
        history = await self._history(shopper)
        known, now = self._memory.known, self._clock.now().timestamp()
        place = None if number is None else known.assortment.place(number)
        if place is None:
            return Picks("together", ())
        places, scores = known.behaviour.bought_together.partners(place, now)
        may = eligible(known.assortment, history, now)[places]
        chosen = places[may][:limit].tolist()
        return await self._picks("together", known.assortment, chosen, scores[may][:limit])

    async def _history(self, shopper: str | None) -> History:
        if shopper is None:
            return History.of([])
        rows = await self._events.newest_of(self._pseudonyms.of_shopper(shopper), REMEMBERED)
        place = self._memory.known.assortment.place
        found = [(at.timestamp(), kind, place(product)) for at, kind, product in rows]
        return History.of([(at, kind, product) for at, kind, product in found if product is not None])

    async def _picks(
        self, basis: Basis, assortment: Assortment, places: list[int], scores: Any, model: str | None = None
    ) -> Picks:
        ids = assortment.ids[places].tolist()
        products = await self._catalog.by_ids(ids)
        picked = zip(ids, scores.tolist(), strict=True)
        return Picks(basis, tuple((products[i], score) for i, score in picked if i in products), model)

    # ------------------------------------------------------------------- what a ranker learns from
    async def training_rows(self, format: training.Format) -> bytes:
        """A file of them; see `training`. The same events make the same rows."""
        past, assortment = await self._memory.past()
        examples = training.examples(past, assortment)
        rows = []
        while some := await asyncio.to_thread(list, islice(examples, VISITS)):
            rows += some
        return await asyncio.to_thread(training.as_file, rows, format)

    # ------------------------------------------------------------------- personal data
    async def export(self, subject: str) -> list[dict[str, Any]]:
        """What is kept of the shopper with that id, oldest first."""
        rows = await self._events.all_of(self._pseudonyms.of_shopper(subject))
        products = await self._catalog.by_ids(list(dict.fromkeys(row.product_id for row in rows)))
        return [
            ShopperEvent(
                kind=KINDS[row.kind],
                sku=products[row.product_id].sku if row.product_id in products else None,
                store=row.store,
                at=row.at,
                mood=None if row.mood is None else msgspec.json.decode(row.mood),
            ).model_dump(mode="json")
            for row in rows
        ]

    async def erase(self, subject: str) -> int:
        shopper = self._pseudonyms.of_shopper(subject)
        self._memory.known.behaviour.forget(shopper)
        return await self._events.erase(shopper)


@contextlib.asynccontextmanager
async def open_recommender(
    database: Database,
    catalog: Catalog,
    engine: Engine,
    registry: Registry,
    clock: Clock,
    settings: RecommendationSettings,
    home: Path,
    mood: Callable[[str], Mapping[str, float] | None] = lambda _: None,
) -> AsyncGenerator[Recommender]:
    """Answers at once, and better when what happened before has been read. `mood` says what the session of
    a shopper has looked like of late, where that is known."""
    secret = None if settings.secret is None else settings.secret.get_secret_value()
    pseudonyms = await asyncio.to_thread(open_pseudonyms, secret, home)
    ranker = Ranker(engine, settings.model)
    registry.subscribe(ranker.follow)
    async with open_events(database) as events:
        memory = Memory(events, catalog, clock, settings)
        catalog.subscribe(memory.look)
        keeping_up = asyncio.create_task(memory.keep_up())
        try:
            yield Recommender(events, memory, catalog, ranker, pseudonyms, clock, settings, mood)
        finally:
            memory.close()  # not cancelled: that might hit it in the middle of a statement
            await keeping_up
