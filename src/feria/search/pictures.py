"""Finding products that look like a picture, or like one another."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from feria.catalog.catalog import Catalog
from feria.errors import Busy, Conflict, Invalid, NotFound, Unavailable
from feria.inference.engine import Engine
from feria.inference.sights import Vector, unit
from feria.registry.wire import ImageInput, Label, Model
from feria.search.filters import Filters
from feria.search.fusion import fused
from feria.search.gallery import Gallery
from feria.search.labels import Labels
from feria.search.picture_indexer import PictureIndexer
from feria.search.picture_wire import (
    Alike,
    ComingNetwork,
    Ground,
    Guess,
    PictureAnswer,
    PictureNetwork,
    Progress,
    SimilarProducts,
)

PAGE = 200
"""Products of a category looked at together, where those that are wanted are picked out."""
FUSED = 100
"""How far down two rankings are looked at that become one."""
SPARE = 8
"""Products looked at beyond those wanted: some may have gone or changed since they were indexed."""


class FindByWords(Protocol):
    async def __call__(self, text: str, filters: Filters, /, *, limit: int) -> Sequence[int]:
        """Ids of products, the best first; none without words. Raises `Busy`."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted beside the picture."""

    words: str = ""
    filters: Filters = field(default_factory=Filters)
    limit: int = 24


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker saw in a picture with the network of that digest; see `Sight`."""

    digest: str
    top: tuple[tuple[Label, float], ...]
    unsure: bool | None
    vector: list[float] | None
    """float32 each, of length 1 together."""


class PictureSearch:
    def __init__(
        self,
        indexer: PictureIndexer,
        engine: Engine,
        catalog: Catalog,
        labels: Labels,
        find_by_words: FindByWords,
    ) -> None:
        self._indexer = indexer
        self._engine = engine
        self._catalog = catalog
        self._labels = labels
        self._find_by_words = find_by_words

    async def by_picture(self, picture: bytes, wish: Wish) -> PictureAnswer:
        """Products that look like it; where the network has no vectors, those of the category it sees.

        Raises `NotAnImage`, `TooLarge`, `Busy`, `Expired`, and `Unavailable` without a network.
        """
        gallery = await self._indexer.gallery()
        sight = await self._engine.see(gallery.sights, picture)
        guesses = tuple(self._guess(*ranked) for ranked in sight.top)
        return await self._answer(gallery, guesses, sight.unsure, sight.vector, wish)

    async def by_told(self, told: "Told", wish: Wish) -> PictureAnswer:
        """The same for a picture that a worker has looked at. Raises `Busy` where another network has come
        into use meanwhile: it is to look again."""
        gallery = await self._indexer.gallery()
        if told.digest != gallery.model.digest:
            raise Busy("Another network has come into use; the picture is looked at again.", retry_after=0.0)
        guesses = tuple(self._guess(*ranked) for ranked in told.top)
        vector = None if told.vector is None else np.array(told.vector, np.float32)
        return await self._answer(gallery, guesses, told.unsure, vector, wish)

    async def by_sight(
        self, digest: str, vector: Sequence[float] | None, label: Label | None, wish: Wish
    ) -> PictureAnswer:
        """The same for who has looked with the network of that digest: by the vector if there is one, and
        else by the label.

        Raises `Conflict` when another network is in use, `Invalid` for a vector or label not of this one.
        """
        gallery = await self._indexer.gallery()
        model = gallery.model
        if digest != model.digest:
            raise Conflict(
                f"This node searches with {model.reference}, whose digest is another; ask "
                "/v1/search/model for the one in use, and look again with that.",
                digest=model.digest,
            )
        if vector is None and label is None:
            raise Invalid("Neither a vector nor a label: there is nothing to search for.")
        if label is not None and label not in (model.output.labels or ()):
            raise Invalid(f"{model.reference} knows no label {str(label)[:80]!r}.")
        seen = None if vector is None else _checked(vector, gallery)
        guesses = () if label is None else (self._guess(label, None),)
        return await self._answer(gallery, guesses, None, seen, wish)

    async def similar(self, sku: str, wish: Wish) -> SimilarProducts:
        """Products that look like that one; where nobody has seen it yet, others of its category. Raises
        `NotFound`."""
        number = (await self._catalog.ids([sku])).get(sku)
        if number is None:
            raise NotFound(f"No product {sku[:80]}.")
        try:
            gallery = await self._indexer.gallery()
            vectors = await gallery.vectors_of(number)
        except (Busy, Unavailable):
            vectors = []
        if vectors:
            near = await self._near(gallery, vectors, wish.filters, wish.limit + 1 + SPARE)
            near.pop(number, None)
            found = await self._products(list(near), near, wish)
            return SimilarProducts(found_by=("looks",), products=found)
        category = (await self._catalog.find(sku)).category
        alike = [] if category is None else await self._of(category, replace(wish, limit=wish.limit + 1))
        others = tuple(one for one in alike if one.product.sku != sku)
        return SimilarProducts(found_by=("category",), products=others[: wish.limit])

    async def model(self) -> Model:
        """The one in use. Raises `Unavailable`."""
        return (await self._indexer.gallery()).model

    async def model_of(self, digest: str) -> Model:
        """The one in use, if that is its digest. Raises `NotFound`."""
        model = (await self._in_use()).model
        if model.digest != digest:
            raise NotFound(
                f"The network in use has another digest than {digest[:12]}…: see /v1/search/model."
            )
        return model

    async def network(self) -> PictureNetwork:
        """What is in use, and how far it is. Raises `NotFound`."""
        gallery = await self._in_use()
        model = gallery.model
        assert isinstance(model.input, ImageInput)
        coming = self._indexer.coming
        labels = model.output.labels
        return PictureNetwork(
            model=model.name,
            version=model.version,
            digest=model.digest,
            url=f"/v1/search/model/{model.digest}",
            size=model.size,
            input=model.input,
            labels=labels,
            unsure_below=model.output.unsure_below,
            probabilities=model.output.probabilities,
            embedding=model.output.embedding,
            dimension=gallery.sights.dimension,
            categories={
                str(label): category
                for label in labels or ()
                if (category := self._labels.category(label)) is not None
            },
            progress=_progress(gallery),
            coming=None
            if coming is None
            else ComingNetwork(
                model=coming.model.name,
                version=coming.model.version,
                digest=coming.model.digest,
                progress=_progress(coming),
            ),
        )

    async def _in_use(self) -> Gallery:
        try:
            return await self._indexer.gallery()
        except Unavailable as error:
            raise NotFound(error.message) from None

    def _guess(self, label: Label, probability: float | None) -> Guess:
        return Guess(label=label, probability=probability, category=self._labels.category(label))

    async def _answer(
        self,
        gallery: Gallery,
        guesses: tuple[Guess, ...],
        unsure: bool | None,
        vector: Vector | None,
        wish: Wish,
    ) -> PictureAnswer:
        if vector is not None:
            found_by, products = await self._by_looks(gallery, vector, wish)
        else:
            found_by, products = await self._by_category(guesses, wish)
        return PictureAnswer(
            model=gallery.model.name,
            version=gallery.model.version,
            digest=gallery.model.digest,
            predictions=guesses,
            unsure=unsure,
            found_by=found_by,
            products=products,
        )

    async def _by_looks(
        self, gallery: Gallery, vector: Vector, wish: Wish
    ) -> tuple[tuple[Ground, ...], tuple[Alike, ...]]:
        if not wish.words.strip():
            near = await self._near(gallery, [vector], wish.filters, wish.limit + SPARE)
            return ("looks",), await self._products(list(near), near, wish)
        depth = max(FUSED, wish.limit + SPARE)
        near, told = await asyncio.gather(
            self._near(gallery, [vector], wish.filters, depth),
            self._find_by_words(wish.words, wish.filters, limit=depth),
        )
        return ("looks", "words"), await self._products(fused(list(near), told), near, wish)

    async def _by_category(
        self, guesses: Sequence[Guess], wish: Wish
    ) -> tuple[tuple[Ground, ...], tuple[Alike, ...]]:
        category = next((guess.category for guess in guesses if guess.category is not None), None)
        if category is None:
            return ("category",), ()
        if not wish.words.strip():
            return ("category",), tuple(await self._of(category, wish))
        within = _within(wish, category)
        found = await self._find_by_words(within.words, within.filters, limit=within.limit + SPARE)
        return ("category", "words"), await self._products(found, {}, within)

    async def _of(self, category: str, wish: Wish) -> list[Alike]:
        """What is newest there."""
        filters = _within(wish, category).filters
        found: list[Alike] = []
        after = None
        while len(found) < wish.limit:
            page = await self._catalog.page(
                category=filters.category,
                brand=filters.brands,
                min_price=filters.min_price,
                max_price=filters.max_price,
                sort="newest",
                after=after,
                limit=PAGE if filters.in_stock else wish.limit,
            )
            found += [Alike(product=product) for product in page.products if filters.take(product)]
            after = page.next
            if after is None:
                break
        return found[: wish.limit]

    async def _near(
        self, gallery: Gallery, vectors: Sequence[Vector], filters: Filters, count: int
    ) -> dict[int, float]:
        """Products and the cosine of the two pictures that are most alike, best first."""
        best: dict[int, float] = {}
        for vector in vectors:
            for product, cosine in await gallery.near(vector, filters, count):
                best[product] = max(cosine, best.get(product, -1.0))
        return dict(sorted(best.items(), key=lambda one: -one[1]))

    async def _products(self, ids: Sequence[int], near: dict[int, float], wish: Wish) -> tuple[Alike, ...]:
        """As they are now: what has gone, or passes the filters no longer, is left out."""
        there = await self._catalog.by_ids(ids[: wish.limit + SPARE])
        found = [
            Alike(product=product, similarity=_rounded(near.get(number)))
            for number, product in there.items()
            if wish.filters.take(product)
        ]
        return tuple(found[: wish.limit])


def _checked(vector: Sequence[float], gallery: Gallery) -> Vector:
    reference, dimension = gallery.model.reference, gallery.sights.dimension
    if dimension is None:
        raise Invalid(f"{reference} makes no vectors; send the label alone.")
    if len(vector) != dimension:
        raise Invalid(f"A vector of {reference} has {dimension} numbers, this one {len(vector)}.")
    checked = unit(np.array(vector, np.float64))
    if checked is None:
        raise Invalid("The vector has no direction: it is all zeros.")
    return checked


def _within(wish: Wish, category: str) -> Wish:
    """Narrowed to that category, unless the wish names one itself."""
    if wish.filters.category is not None:
        return wish
    return replace(wish, filters=replace(wish.filters, category=category))


def _rounded(cosine: float | None) -> float | None:
    return None if cosine is None else round(min(1.0, cosine), 4)


def _progress(gallery: Gallery) -> Progress:
    return Progress(vectors=gallery.held, waiting=gallery.waiting, failed=len(gallery.failed))
