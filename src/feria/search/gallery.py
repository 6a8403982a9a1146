"""The catalogue's pictures as one network sees them.

What the database says of a product is read as a whole and takes the place of what was known of it, so a
product may be read at any time, in any order and twice. A vector is durable before it is searched.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

from feria.catalog.catalog import Catalog
from feria.catalog.wire import Product
from feria.errors import Corrupt, Invalid, NotFound
from feria.inference.engine import Engine
from feria.inference.sights import SightPredictor, Vector
from feria.registry.wire import Model
from feria.search.blocks import Facts
from feria.search.filters import Filters
from feria.search.nearest import POSITIONS, Nearest
from feria.search.vectors import Vectors
from feria.storage.blobs import Blobs

log = logging.getLogger(__name__)
T = TypeVar("T")

PAGE = 200
"""Products read at once: some milliseconds."""
AT_ONCE = 4
"""Pictures looked at together. Requests come between: that many are all that they may wait for."""


class Gallery:
    def __init__(
        self,
        sights: SightPredictor,
        catalog: Catalog,
        vectors: Vectors,
        engine: Engine,
        blobs: Blobs,
        thread: Executor,
        exact_up_to: int,
    ) -> None:
        self.sights = sights
        self.nearest = None if sights.dimension is None else Nearest(sights.dimension, exact_up_to)
        self.failed: set[str] = set()
        """Pictures that could not be seen; they are not tried again before their product changes."""
        self._waiting: dict[int, None] = {}
        self._scanned_to: int | None = None if self.nearest is None else 0
        self._catalog = catalog
        self._vectors = vectors
        self._engine = engine
        self._blobs = blobs
        self._thread = thread

    @property
    def model(self) -> Model:
        return self.sights.model

    @property
    def scanned(self) -> bool:
        """Whether every product was read once."""
        return self._scanned_to is None

    @property
    def waiting(self) -> int:
        """Products with pictures that were not seen yet, as far as was read."""
        return len(self._waiting)

    @property
    def held(self) -> int:
        return 0 if self.nearest is None else len(self.nearest)

    async def step(self) -> bool:
        """Do a little of what is left to do; whether there was any. Raises `Busy`, and what the database
        raises; then it can be tried again."""
        if self._scanned_to is not None:
            page = await self._catalog.rows(self._scanned_to, PAGE)
            await self._read(dict(page))
            self._scanned_to = page[-1][0] if page else None
        elif self._waiting:
            await self._look()
        else:
            return False
        return True

    async def update(self, products: Mapping[int, Product | None]) -> None:
        """These have changed, or are gone."""
        if self.nearest is not None:
            self.failed -= {
                one.digest for product in products.values() if product for one in product.pictures
            }
            await self._read(products)

    async def near(self, vector: Vector, filters: Filters, count: int) -> list[tuple[int, float]]:
        """Ids of the products that look most alike, and the cosines; see `Nearest.search`."""
        nearest = self.nearest
        assert nearest is not None
        return await self.on_thread(lambda: nearest.search(vector, filters, count))

    async def vectors_of(self, product: int) -> list[Vector]:
        nearest = self.nearest
        return [] if nearest is None else await self.on_thread(lambda: nearest.vectors(product))

    async def on_thread(self, deed: Callable[[], T]) -> T:
        """On the one thread that `nearest` belongs to."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, deed)

    async def _read(self, products: Mapping[int, Product | None]) -> None:
        nearest = self.nearest
        assert nearest is not None
        digests = {one.digest for product in products.values() if product for one in product.pictures}
        held = await self._vectors.of(self.model.digest, sorted(digests))
        for number, product in products.items():
            self._waiting.pop(number, None)
            if product is not None and any(self._unseen(product, held)):
                self._waiting[number] = None

        def place() -> None:
            for number, product in products.items():
                if product is None:
                    nearest.remove(number)
                else:
                    shown = {
                        position: held[one.digest]
                        for position, one in enumerate(product.pictures[:POSITIONS])
                        if one.digest in held
                    }
                    nearest.put(number, Facts.of(product), shown)

        await self.on_thread(place)

    def _unseen(self, product: Product, held: Mapping[str, Vector]) -> Iterator[str]:
        for one in product.pictures[:POSITIONS]:
            if one.digest not in held and one.digest not in self.failed:
                yield one.digest

    async def _look(self) -> None:
        """See a few of the pictures that wait."""
        first = list(islice(self._waiting, AT_ONCE))
        there = await self._catalog.by_ids(first)
        digests = sorted({one.digest for product in there.values() for one in product.pictures})
        held = await self._vectors.of(self.model.digest, digests)
        unseen = dict.fromkeys(digest for product in there.values() for digest in self._unseen(product, held))
        self._engine.check(self.sights)
        looks = [self._see(digest) for digest in islice(unseen, AT_ONCE)]
        seen: dict[str, Vector] = {}
        faults: list[BaseException] = []
        for look in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(look, BaseException):
                faults.append(look)
            elif look[1] is None:
                self.failed.add(look[0])
            else:
                seen[look[0]] = look[1]
        await self._vectors.keep(self.model.digest, seen)
        await self._read({number: there.get(number) for number in first})
        if faults:
            raise faults[0]

    async def _see(self, digest: str) -> tuple[str, Vector | None]:
        """None for a picture that cannot be seen. Raises `Busy`."""
        try:
            blob = await self._blobs.find(digest)
            picture = await asyncio.to_thread(blob.path.read_bytes)
            sight = await self._engine.see(self.sights, picture)
        except (Invalid, NotFound, Corrupt) as error:
            log.warning("The picture %s… is not found by its looks: %s", digest[:12], error.message)
            return digest, None
        if sight.vector is None:
            log.warning("%s makes no vector of the picture %s….", self.model.reference, digest[:12])
        return digest, sight.vector
