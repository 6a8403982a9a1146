"""Products found by words: the part of a node that answers, whoever keeps the index."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from feria.catalog.catalog import Catalog
from feria.catalog.reading import as_price
from feria.catalog.wire import Count, Facets, Language, Product
from feria.errors import Busy, Corrupt
from feria.search.completion import Suggestions, suggest
from feria.search.filters import Filters
from feria.search.generations import Generations
from feria.search.highlights import excerpt, highlighted
from feria.search.index import EVERYTHING, Counts, Found, TextIndex, within
from feria.search.indexer import Indexer, open_indexer
from feria.search.query import Marks, Planner
from feria.search.schema import version
from feria.search.synonyms import Synonyms, read_synonyms
from feria.search.wire import (
    Completions,
    Highlights,
    Hit,
    SearchPage,
    SearchSort,
    SuggestedCategory,
    SuggestedProduct,
)
from feria.settings import SearchSettings

T = TypeVar("T")

THREADS = 2
PATIENCE = 1.0
"""Seconds that a start waits for the index: enough for some thousand products."""


@dataclass(frozen=True, slots=True)
class _Answer:
    found: Found
    counts: Counts | None
    marks: Marks
    corrected: str | None


class TextSearch:
    """What is found stands in the index, what is shown comes from the catalogue: a product that changed a
    moment ago is shown as it is now, and one that is gone is not shown."""

    def __init__(
        self, catalog: Catalog, generations: Generations, synonyms: Synonyms, indexer: Indexer
    ) -> None:
        self.indexer = indexer
        self._catalog = catalog
        self._generations = generations
        self._synonyms = synonyms
        self._opened: TextIndex | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="search")

    @property
    def products(self) -> int:
        """How many the index holds, as far as was seen."""
        return self._opened.products if self._opened is not None else 0

    async def search(
        self,
        text: str,
        filters: Filters = Filters(),  # noqa: B008 - it cannot change
        *,
        language: Language | None = None,
        sort: SearchSort = "relevance",
        limit: int = 24,
        offset: int = 0,
    ) -> SearchPage:
        """Products that the text names, the best first; without words in it, all of them, the newest first.

        `language` is the one whose words count more, and whose texts are shown. Raises `Busy` while there
        is no index.
        """
        began = time.perf_counter()
        answer = await self._ask(
            lambda index: self._found(index, text, filters, language, sort, limit, offset, counted=not offset)
        )
        products = await self._catalog.by_ids(answer.found.ids)
        scores = dict(zip(answer.found.ids, answer.found.scores, strict=False))
        return SearchPage(
            hits=tuple(
                Hit(
                    product=product,
                    score=scores.get(number),
                    highlights=_highlights(product, answer.marks, language or "es"),
                )
                for number, product in products.items()
            ),
            total=answer.found.total,
            corrected=answer.corrected,
            facets=None if answer.counts is None else _facets(answer.counts),
            took_ms=round((time.perf_counter() - began) * 1e3, 3),
        )

    async def ranked(self, text: str, filters: Filters, limit: int) -> list[int]:
        """The ids that `search` would find, in its order. Raises `Busy`."""
        answer = await self._ask(
            lambda index: self._found(index, text, filters, None, "relevance", limit, 0, counted=False)
        )
        return answer.found.ids

    async def complete(self, text: str, *, language: Language | None = None, limit: int = 8) -> Completions:
        """What a text that is still being typed may become, at most `limit` of each kind. Raises `Busy`."""
        found: Suggestions = await self._ask(
            lambda index: suggest(index, self._synonyms, text, language, limit)
        )
        products = await self._catalog.by_ids(found.products)
        categories = await self._catalog.categories() if found.category_words else []
        return Completions(
            texts=found.texts,
            categories=tuple(
                SuggestedCategory(path=one.path, title=one.title)
                for one in categories
                if one.products and found.names(one.title)
            )[:limit],
            products=tuple(SuggestedProduct(sku=one.sku, title=one.title) for one in products.values()),
        )

    # ------------------------------------------------------------------- in a thread
    def _found(
        self,
        index: TextIndex,
        text: str,
        filters: Filters,
        language: Language | None,
        sort: SearchSort,
        limit: int,
        offset: int,
        *,
        counted: bool,
    ) -> _Answer:
        plan = Planner(index, self._synonyms, language).plan(text)
        if plan is None:
            query, marks, corrected = EVERYTHING, Marks(), None
            sort = "newest" if sort == "relevance" else sort
        else:
            query, marks, corrected = plan.query, plan.marks, plan.corrected
            if sort != "relevance" and index.search(within(plan.exact, filters), limit=1).total:
                query = plan.exact  # by price nothing tells what was meant from what was typed
        found = index.search(within(query, filters), limit=limit, offset=offset, sort=sort)
        if not found.total and plan is not None and plan.most is not None:
            query = plan.most
            found = index.search(within(query, filters), limit=limit, offset=offset, sort=sort)
        return _Answer(found, index.counts(query, filters) if counted else None, marks, corrected)

    async def _ask(self, question: Callable[[TextIndex], T]) -> T:
        await self.indexer.own_applied()

        def answer() -> T:
            return question(self._current())

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, answer)
        except Corrupt as error:
            self.indexer.distrust()
            raise Busy("The search index was found damaged and is made anew.", retry_after=1) from error

    def _current(self) -> TextIndex:
        """The generation in use, with all that was committed to it. Raises `Busy`, `Corrupt`."""
        with self._opening:
            path = self._generations.current()
            if path is None:
                raise Busy("The search index is being made.", retry_after=1)
            if self._opened is None or self._opened.path != path:
                self._opened = TextIndex(path)
            else:
                self._opened.refresh()
            return self._opened

    def close(self) -> None:
        self._threads.shutdown()


def _highlights(product: Product, marks: Marks, language: Language) -> Highlights:
    return Highlights(
        title=highlighted(product.title.said(language), marks),
        description=excerpt(product.description.said(language), marks),
    )


def _facets(counts: Counts) -> Facets:
    return Facets(
        categories=tuple(Count(value=path, products=n) for path, n in sorted(counts.categories.items())),
        brands=tuple(Count(value=brand, products=n) for brand, n in counts.brands.items()),
        min_price=None if counts.least is None else as_price(counts.least),
        max_price=None if counts.most is None else as_price(counts.most),
    )


@contextlib.asynccontextmanager
async def open_text_search(
    catalog: Catalog, settings: SearchSettings, home: Path
) -> AsyncGenerator[TextSearch]:
    """Text search over an index in the home, which follows the catalogue as long as the block lasts."""
    generations = Generations(home / "index" / "text", version())
    files = () if settings.synonyms is None else (settings.synonyms,)
    synonyms = await asyncio.to_thread(read_synonyms, *files)
    async with open_indexer(catalog, generations, patience=PATIENCE) as indexer:
        search = TextSearch(catalog, generations, synonyms, indexer)
        try:
            yield search
        finally:
            search.close()
