"""The one worker that has the catalogue's pictures seen: it follows the catalogue and the model shelf.

Invariants, with the reasons in `docs/explanation/picture-search.md`:

1. A network answers for the catalogue only with vectors that it made itself.
2. A newer network takes over once it has seen every picture; until then the one before answers, and is
   shown what is new. The vectors of networks that nothing needs are removed after that.
3. Whatever was seen is in the database, so a node that was killed goes on where it was.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from feria.catalog.catalog import Catalog
from feria.errors import Busy, FeriaError, NotAModel, NotFound, Unavailable
from feria.inference.engine import Engine
from feria.inference.sights import SightPredictor
from feria.registry.shelf import Registry
from feria.registry.wire import Model, State
from feria.search.gallery import Gallery
from feria.search.graph_keeper import GraphKeeper
from feria.search.vectors import Vectors
from feria.settings import SearchSettings
from feria.storage.blobs import Blobs
from feria.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

LOOK_ROUND = 2.0
"""Seconds between two looks for what other nodes of this database changed."""
AFTER_A_FAULT = 5.0
CHANGES = 500
PATIENCE = 5.0
"""Seconds that a request waits for a node that is still reading its catalogue."""


class PictureIndexer:
    def __init__(
        self,
        catalog: Catalog,
        registry: Registry,
        engine: Engine,
        blobs: Blobs,
        vectors: Vectors,
        graphs: GraphKeeper,
        settings: SearchSettings,
    ) -> None:
        self._catalog = catalog
        self._registry = registry
        self._engine = engine
        self._blobs = blobs
        self._vectors = vectors
        self._graphs = graphs
        self._settings = settings
        self.in_use: Gallery | None = None
        self.coming: Gallery | None = None
        self._read_to: int | None = None
        """Number of the last change that both galleries know of."""
        self._lacking = ""
        """Why none is in use."""
        self._shelf_moved = True
        self._settled = asyncio.Event()
        """Set while what is in use has been chosen, and has read the whole catalogue once."""
        self._woken = asyncio.Event()
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nearest")

    async def gallery(self) -> Gallery:
        """What is in use. Raises `Unavailable` when there is no network that sees pictures, and `Busy` while
        one is being loaded, or the catalogue read."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._settled.wait()
        if not self._settled.is_set():
            raise Busy("The node is getting ready to see pictures; they can be searched for in a moment.")
        if self.in_use is None:
            raise Unavailable(f"No picture can be searched for. {self._lacking}.")
        return self.in_use

    async def follow_shelf(self, name: str) -> None:
        """Told by the registry that a version of `name` came, went or changed."""
        if name == self._settings.model:
            self._shelf_moved = True
            if self.in_use is None:
                self._settled.clear()
            self.wake()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until `close`."""
        while not self._closing:
            self._woken.clear()
            pause = LOOK_ROUND
            try:
                if await self.step():
                    pause = 0.0
            except Busy as busy:
                pause = busy.retry_after
            except FeriaError as error:
                log.warning("The catalogue's pictures wait: %s", error.message)
                self._give_up(error.message.rstrip("."))
                pause = AFTER_A_FAULT
            except Exception:
                log.exception("A bug of ours; the catalogue's pictures wait.")
                self._give_up("Something went wrong inside the node")
                pause = AFTER_A_FAULT
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    def close(self) -> None:
        self._closing = True
        self.wake()

    def release(self) -> None:
        """Once `run` has ended."""
        self._thread.shutdown()

    async def step(self) -> bool:
        """Do a little of what there is to do; whether there may be more."""
        if self._shelf_moved:
            self._shelf_moved = False
            try:
                await self._choose()
            except BaseException:
                self._shelf_moved = True
                raise
        moved = await self._follow_catalog()
        for gallery in (self.in_use, self.coming):
            if gallery is not None and await gallery.step():
                self._settle()
                return True
        self._settle()
        if self.coming is not None:
            await self._take_over(self.coming)
            return True
        if self.in_use is not None:
            self._graphs.tend(self.in_use)
        return moved

    def _give_up(self, why: str) -> None:
        """For now; nobody need wait for a network that may not come."""
        if self.in_use is None:
            self._lacking = why
            self._settled.set()

    def _settle(self) -> None:
        if self.in_use is None or self.in_use.scanned:
            self._settled.set()

    async def _choose(self) -> None:
        """Which network is in use, and which is to come."""
        name = self._settings.model
        versions = [row for row in await self._registry.versions(name) if row.state is State.ready]
        try:
            if not versions:
                raise NotFound(f"No model {name}.")
            newest = await self._engine.sights(name)
        except (NotFound, NotAModel) as error:
            self._lacking = (
                f"{error.message} A network that takes pictures is put on the shelf by "
                f"`feria models add NET.onnx --name {name} --labels LABELS.txt`"
            )
            self.in_use = self.coming = None
            return
        if self.in_use is None:
            self._read_to = await self._catalog.last_change()
            self.in_use = self._gallery(await self._fullest(versions, newest))
        if _same(self.in_use.model, newest.model):
            self.coming = None
        elif newest.dimension is None:  # there is nothing to wait for
            self.in_use, self.coming = self._gallery(newest), None
        elif self.coming is None or not _same(self.coming.model, newest.model):
            self.coming = self._gallery(newest)

    async def _fullest(self, versions: list[Model], newest: SightPredictor) -> SightPredictor:
        """The newest, unless it was seeing the pictures when the node stopped, and another had seen more."""
        counts = await self._vectors.counts()
        fullest = max(
            versions, key=lambda row: (counts.get(row.digest, 0), row.version == newest.model.version)
        )
        if newest.dimension is not None and not _same(fullest, newest.model):
            with contextlib.suppress(NotFound, NotAModel):
                before = await self._engine.sights(fullest.name, fullest.version)
                if before.dimension is not None:
                    return before
        return newest

    async def _follow_catalog(self) -> bool:
        if self._read_to is None:
            return False
        changes = await self._catalog.changes(self._read_to, CHANGES)
        if not changes:
            return False
        if changes[0][0] != self._read_to + 1 and self.in_use is not None:
            # Some were forgotten while nobody followed: all of it is read again.
            self.coming = self._gallery((self.coming or self.in_use).sights)
        ids = sorted({product_id for _, product_id in changes})
        products = await self._catalog.by_ids(ids)
        for gallery in (self.in_use, self.coming):
            if gallery is not None:
                await gallery.update({number: products.get(number) for number in ids})
        self._read_to = changes[-1][0]
        return True

    async def _take_over(self, coming: Gallery) -> None:
        self.in_use, self.coming = coming, None
        log.info("Pictures are searched for with %s.", coming.model.reference)
        own = {row.digest for row in await self._registry.versions(coming.model.name)}
        needed = (await self._registry.digests() - own) | {coming.model.digest}
        await self._vectors.forget(set(await self._vectors.counts()) - needed)
        await self._vectors.forget_lost(coming.model.digest)

    def _gallery(self, sights: SightPredictor) -> Gallery:
        return Gallery(
            sights,
            self._catalog,
            self._vectors,
            self._engine,
            self._blobs,
            self._thread,
            self._settings.exact_up_to,
        )


def _same(one: Model, other: Model) -> bool:
    return (one.version, one.digest) == (other.version, other.digest)


@contextlib.asynccontextmanager
async def open_picture_indexer(
    catalog: Catalog,
    registry: Registry,
    engine: Engine,
    blobs: Blobs,
    vectors: Vectors,
    settings: SearchSettings,
    folder: Path,
    metrics: Metrics,
) -> AsyncGenerator[PictureIndexer]:
    """Its worker runs as long as the block lasts. `folder` holds the graph of a large catalogue."""
    graphs = GraphKeeper(folder, settings.exact_up_to)
    indexer = PictureIndexer(catalog, registry, engine, blobs, vectors, graphs, settings)

    def galleries() -> dict[str, Gallery]:
        both = {"in use": indexer.in_use, "coming": indexer.coming}
        return {state: gallery for state, gallery in both.items() if gallery is not None}

    metrics.gauge(
        "feria_picture_vectors",
        "Pictures of products that can be found by their looks.",
        lambda: {state: gallery.held for state, gallery in galleries().items()},
        "network",
    )
    metrics.gauge(
        "feria_picture_products_waiting",
        "Products with pictures that the network has not seen yet.",
        lambda: {state: gallery.waiting for state, gallery in galleries().items()},
        "network",
    )
    registry.subscribe(indexer.follow_shelf)
    catalog.subscribe(indexer.wake)
    working = asyncio.create_task(indexer.run())
    try:
        yield indexer
    finally:
        # Not cancelled: that might hit it between a statement and its commit.
        indexer.close()
        await working
        await graphs.close()
        indexer.release()
