"""What keeps the text index true to the catalogue, in the background.

The catalogue numbers its changes without gaps, in the order of their commits. The index knows the number of
the last one that it holds, and commits that number with the documents that make it true; so wherever it is
cut off, it goes on from where it was. It may be thrown away: then it is made anew, beside what is in use.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import tantivy

from feria.catalog.catalog import Catalog
from feria.catalog.wire import Category, Product, Words
from feria.errors import Cancelled, Conflict, Corrupt, FeriaError
from feria.search.damage import noticed
from feria.search.filters import Filters
from feria.search.generations import Generations
from feria.search.index import EVERYTHING, TextIndex
from feria.search.schema import MARKER, document, marker

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Report = Callable[[str, float], None]


def _silently(doing: str, done: float) -> None: ...


POLL_SECONDS = 1.0
"""Between two looks for changes that other nodes made."""
GATHER_SECONDS = 0.1
"""For which commits are gathered before they are applied together, as long as nobody searches."""
OWN_SECONDS = 0.5
"""At most, that a search waits for what was committed here before it came."""
BATCH = 2000
"""Products of one step."""
KEPT_CHANGES = 100_000
"""Changes that stay in the database for indexes that are behind; one still further behind is made anew."""
HEAP = 48 * 2**20
"""Bytes that a writer gathers before it writes them down."""


class Indexer:
    def __init__(self, catalog: Catalog, generations: Generations) -> None:
        self._catalog = catalog
        self._generations = generations
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="indexer")
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._closing = False
        self._index: TextIndex | None = None
        self._writer: tantivy.IndexWriter | None = None
        self._applied = -1
        self._checked = False
        self._forgotten = 0
        self._step = asyncio.Condition()
        self._own = self._own_seen = 0
        """Commits made here, and how many of them the last look has met."""
        self._hurry = asyncio.Event()
        catalog.subscribe(self._committed)

    def _committed(self) -> None:
        self._own += 1
        self._wake.set()

    async def own_applied(self) -> None:
        """Wait until the index holds what this process has committed by now, so that who has put a product
        finds it; not for long, and not where the index cannot be written."""
        own = self._own
        if self._own_seen >= own or self._index is None:
            return
        self._hurry.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OWN_SECONDS), self._step:
                await self._step.wait_for(lambda: self._own_seen >= own)

    async def caught_up(self) -> None:
        """Wait until the index holds all that the catalogue has committed by now; forever, where another
        process writes it."""
        last = await self._catalog.last_change()
        self._hurry.set()
        async with self._step:
            await self._step.wait_for(lambda: self._applied >= last)

    def distrust(self) -> None:
        """The index was found damaged: have it made anew."""
        self._index = None
        self._wake.set()

    async def rebuild(self, report: Report = _silently) -> int:
        """Make the index anew, and use it once it is whole; returns how many products it holds.

        Raises `Conflict` in a process that does not write it.
        """
        async with self._turn:
            if not self._generations.take():
                raise Conflict("Another process keeps the search index of this home.")
            return await self._rebuild(report)

    # ------------------------------------------------------------------- following
    async def run(self, settled: asyncio.Event) -> None:
        """Follow the catalogue until `close`; sets `settled` after the first attempt."""
        trouble = ""
        while not self._closing:
            self._wake.clear()
            self._hurry.clear()
            own = self._own
            try:
                async with self._turn:
                    await self._follow()
                trouble = ""
            except Cancelled:
                break
            except FeriaError as error:
                if error.message != trouble:
                    log.warning("The search index stays as it is for now: %s", error.message)
                trouble = error.message
            except Exception:
                log.exception("A bug of ours: the search index could not follow the catalogue.")
            settled.set()
            async with self._step:
                self._own_seen = own
                self._step.notify_all()
            await _set_within(self._wake, POLL_SECONDS)
            if self._wake.is_set() and not self._closing:
                await _set_within(self._hurry, GATHER_SECONDS)
        settled.set()

    async def close(self, running: "asyncio.Task[None]") -> None:
        # Not cancelled: that might hit it between a statement and its commit.
        self._closing = True
        self._wake.set()
        self._hurry.set()
        await running
        await self._in_thread(self._drop_writer)
        self._thread.shutdown()
        self._generations.release()

    async def _follow(self) -> None:
        if not self._generations.take():
            return
        if self._index is None and not await self._opened():
            await self._rebuild(_silently)
        try:
            await self._catch_up()
            if not self._checked:
                await self._check()
        except Corrupt:
            self.distrust()
            raise

    async def _opened(self) -> bool:
        """Whether there was an index to open, whole and not ahead of the catalogue."""
        path = self._generations.current()
        if path is None:
            return False
        try:
            index = await self._in_thread(TextIndex, path)
            applied = index.applied
        except Corrupt as error:
            log.warning("%s It is made anew.", error.message)
            return False
        if applied is None or applied > await self._catalog.last_change():
            return False
        await self._in_thread(self._generations.sweep)  # of what a kill has left unfinished
        await self._use(index, applied)
        return True

    async def _catch_up(self) -> None:
        while changes := await self._catalog.changes(self._applied, BATCH):
            if self._closing:
                raise Cancelled("The node stops.")
            (first, _), (last, _) = changes[0], changes[-1]
            if first != self._applied + 1:  # what came before was forgotten meanwhile
                await self._rebuild(_silently)
                continue
            ids = list({product_id for _, product_id in changes})
            products = await self._catalog.by_ids(ids)
            titles = _titles(await self._catalog.categories())  # read after the changes, so as new as they
            await self._in_thread(self._write, ids, products, titles, last)
            await self._move_to(last)
        if self._applied - KEPT_CHANGES > self._forgotten + KEPT_CHANGES // 10:
            await self._catalog.forget_changes(self._applied - KEPT_CHANGES)
            self._forgotten = self._applied - KEPT_CHANGES

    async def _check(self) -> None:
        """Make the index anew if it is that of another catalogue, which an operator may have put in the place
        of this one: told by the first product, and by how many there are in each category."""
        index = self._index
        assert index is not None
        rows = await self._catalog.rows(0, 1)
        categories = await self._catalog.categories()
        if await self._catalog.last_change() != self._applied:
            return  # compared at the next step
        counted = index.counts(EVERYTHING, Filters()).categories
        first = {number: int(product.created_at.timestamp() * 1e6) for number, product in rows}
        if (
            bool(rows) != bool(index.products)
            or first != {number: index.created(number) for number in first}
            or counted != {one.path: one.products for one in categories if one.products}
        ):
            log.warning("The search index is not that of this catalogue; it is made anew.")
            await self._rebuild(_silently)
        self._checked = True

    # ------------------------------------------------------------------- making it anew
    async def _rebuild(self, report: Report) -> int:
        """What is committed while it reads has a greater number than the one it notes first, and is applied
        afterwards."""
        applied = await self._catalog.last_change()
        categories = await self._catalog.categories()
        expected = max(sum(one.products or 0 for one in categories if "/" not in one.path), 1)
        titles = _titles(categories)
        made = self._generations.begin()
        try:
            index = await self._in_thread(TextIndex.create, made)
            writer = await self._in_thread(index.tantivy.writer, HEAP, 1)
            after = done = 0
            while rows := await self._catalog.rows(after, BATCH):
                if self._closing:
                    raise Cancelled("The node stops.")
                await self._in_thread(_add, writer, rows, titles)
                after, done = rows[-1][0], done + len(rows)
                report(f"{done:,} products", min(done / expected, 1.0))
            await self._in_thread(_finish, writer, applied)
            await self._in_thread(self._drop_writer)
            await self._in_thread(self._generations.publish, made)
        finally:
            self._generations.sweep()
        index.refresh()
        self._checked = True
        await self._use(index, applied)
        return done

    # ------------------------------------------------------------------- the writer, in its thread
    def _write(
        self,
        ids: Sequence[int],
        products: Mapping[int, Product],
        titles: Mapping[str, Words],
        applied: int,
    ) -> None:
        """Commit what is true now of these products, and the number. Raises `Corrupt`, `DiskFull`."""
        index = self._index
        assert index is not None
        try:
            with noticed():
                if self._writer is None:
                    self._writer = index.tantivy.writer(HEAP, 1)
                for product_id in (*ids, MARKER):
                    self._writer.delete_documents_by_term("id", product_id)
                _add(self._writer, products.items(), titles)
                self._writer.add_document(marker(applied))
                self._writer.commit()
        except FeriaError:
            self._drop_writer()  # with what it had gathered
            raise
        index.refresh()

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(FeriaError), noticed():
                writer.wait_merging_threads()

    async def _in_thread(self, deed: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, deed, *args)

    async def _use(self, index: TextIndex, applied: int) -> None:
        self._index = index
        await self._move_to(applied)

    async def _move_to(self, applied: int) -> None:
        self._applied = applied
        async with self._step:
            self._step.notify_all()


def _add(
    writer: tantivy.IndexWriter, products: Iterable[tuple[int, Product]], titles: Mapping[str, Words]
) -> None:
    with noticed():
        for product_id, product in products:
            writer.add_document(document(product_id, product, titles))


def _finish(writer: tantivy.IndexWriter, applied: int) -> None:
    with noticed():
        writer.add_document(marker(applied))
        writer.commit()
        writer.wait_merging_threads()


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def _titles(categories: Sequence[Category]) -> dict[str, Words]:
    return {one.path: one.title for one in categories}


@contextlib.asynccontextmanager
async def open_indexer(
    catalog: Catalog, generations: Generations, *, patience: float
) -> AsyncGenerator[Indexer]:
    """Follows the catalogue as long as the block lasts. Enters it when the index has caught up, or after
    `patience` seconds."""
    indexer = Indexer(catalog, generations)
    settled = asyncio.Event()
    running = asyncio.create_task(indexer.run(settled))
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(settled.wait(), patience)
        yield indexer
    finally:
        await indexer.close(running)
