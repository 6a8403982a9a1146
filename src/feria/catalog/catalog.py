"""The catalogue: what is sold, and the source of truth for all that finds it."""

import functools
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, select

from feria.catalog import writing
from feria.catalog.categories import as_category, categories
from feria.catalog.listing import Wanted, products_by_category, read_page
from feria.catalog.pictures import Pictures
from feria.catalog.reading import every_product, pieces, read_products
from feria.catalog.tables import CategoryRow, OutboxRow, PictureRow, ProductRow, TurnRow
from feria.catalog.wire import Category, Page, Product, ProductDraft, Sort, Written
from feria.clock import Clock
from feria.errors import NotFound
from feria.storage.database import Database

T = TypeVar("T")


class Catalog:
    """Each method that changes something is a transaction of its own, durable when it returns.

    Those that change products are numbered in the order of their commits, whichever node of this
    database made them; `changes` tells them.
    """

    def __init__(self, database: Database, pictures: Pictures, clock: Clock) -> None:
        self._database = database
        self._pictures = pictures
        self._clock = clock
        self._deeds: list[Callable[[], None]] = []

    # ------------------------------------------------------------------- writing
    async def put(self, draft: ProductDraft, pictures: Sequence[bytes] | None = None) -> Product:
        """Insert or replace by SKU; what is as it was stays untouched, its dates too.

        `pictures` are files in their order: None leaves those it has, () removes them. A category that
        is not there is made, titled by its path. Raises `NotAnImage`, `TooLarge`, `OverLimit`.
        """
        await self.put_all([draft], {} if pictures is None else {draft.sku: pictures})
        return await self.find(draft.sku)

    async def put_all(
        self, drafts: Sequence[ProductDraft], pictures: Mapping[str, Sequence[bytes]] | None = None
    ) -> list[Written]:
        """As `put`, up to `MAX_BATCH` at once, all or none; `pictures` by SKU. Raises `Invalid` when two
        have one SKU."""
        kept = {sku: await self._pictures.keep(files) for sku, files in (pictures or {}).items()}
        now = self._clock.now()
        written = await self._database.write(
            lambda connection: writing.write_products(connection, drafts, kept, now)
        )
        self._tell(any(one.outcome != "unchanged" for one in written))
        return written

    async def put_pictures(self, sku: str, pictures: Sequence[bytes]) -> Product:
        """Give a product these pictures instead of those it has; the rest of it stays as it is.

        Raises `NotFound`, and what `put` raises.
        """
        await self.find(sku)  # before the work
        kept = await self._pictures.keep(pictures)
        step = functools.partial(writing.write_pictures, sku=sku, kept=kept, now=self._clock.now())
        self._tell(await self._database.write(step))
        return await self.find(sku)

    async def remove(self, sku: str) -> None:
        """Raises `NotFound`."""
        await self._database.write(functools.partial(writing.remove_product, sku=sku))
        self._tell(True)

    async def put_category(self, category: Category) -> None:
        """Insert or replace; those above it that are not there are made, titled by their paths."""
        changed = await self._database.write(functools.partial(writing.write_category, category=category))
        self._tell(changed > 0)

    async def remove_category(self, path: str) -> None:
        """Raises `NotFound`, and `Conflict` while products or other categories are in it."""
        await self._database.write(functools.partial(writing.remove_category, path=path))

    # ------------------------------------------------------------------- reading
    async def find(self, sku: str) -> Product:
        """Raises `NotFound`."""
        found = await self._products(every_product().where(ProductRow.sku == sku))
        if not found:
            raise NotFound(f"No product {sku[:80]}.")
        return found[0][1]

    async def by_ids(self, ids: Sequence[int]) -> dict[int, Product]:
        """Those that exist, in the order of `ids`."""
        found: dict[int, Product] = {}
        for some in pieces(ids):
            found |= await self._products(every_product().where(ProductRow.id.in_(some)))
        return {number: found[number] for number in ids if number in found}

    async def ids(self, skus: Sequence[str]) -> dict[str, int]:
        """Of those that exist."""

        def read(connection: Connection) -> dict[str, int]:
            found: dict[str, int] = {}
            for some in pieces(skus):
                query = select(ProductRow.sku, ProductRow.id).where(ProductRow.sku.in_(some))
                found |= dict(connection.execute(query).all())
            return found

        return await self._read(read)

    async def categories(self) -> list[Category]:
        """All, in the order of their paths, with the products in them and below them counted."""

        def read(connection: Connection) -> list[Category]:
            products = products_by_category(connection)
            rows = connection.execute(select(categories).order_by(CategoryRow.path)).mappings()
            return [as_category(row, products.get(row["path"], 0)) for row in rows]

        return await self._read(read)

    async def page(
        self,
        *,
        category: str | None = None,
        brand: Sequence[str] | None = None,
        min_price: Decimal | None = None,
        max_price: Decimal | None = None,
        sort: Sort = "sku",
        after: str | None = None,
        limit: int = 24,
    ) -> Page:
        """Products that every filter lets through, those below a category included; `after` is `next` of
        the page before. The first page has facets. Raises `Invalid` for an `after` that is none."""
        wanted = Wanted(category, brand or (), min_price, max_price)
        return await self._read(
            lambda connection: read_page(connection, wanted, sort, after=after, limit=limit)
        )

    async def rows(self, after_id: int, limit: int) -> list[tuple[int, Product]]:
        """All products by id, which is never given to another, from the first beyond `after_id`."""
        query = every_product().where(ProductRow.id > after_id).order_by(ProductRow.id).limit(limit)
        return await self._products(query)

    async def picture_digests(self) -> set[str]:
        """The files that products show: what the collector must keep."""

        def read(connection: Connection) -> set[str]:
            found: set[str] = set()
            for row in connection.execute(select(PictureRow.digest, PictureRow.thumbnail).distinct()):
                found.update(row)
            return found

        return await self._read(read)

    # ------------------------------------------------------------------- for who follows
    async def changes(self, after: int, limit: int) -> list[tuple[int, int]]:
        """Numbers of changes and the ids of the products that changed, oldest first.

        Numbers follow one another without gaps in the order of the commits: one that was read is never
        preceded by another later, and a first one beyond `after + 1` says that some were forgotten.
        """
        query = select(OutboxRow.id, OutboxRow.product_id).where(OutboxRow.id > after)

        def read(connection: Connection) -> list[tuple[int, int]]:
            rows = connection.execute(query.order_by(OutboxRow.id).limit(limit))
            return [(number, product_id) for number, product_id in rows]

        return await self._read(read)

    async def forget_changes(self, until: int) -> None:
        """That one and all before it."""
        await self._database.write(
            lambda connection: connection.execute(delete(OutboxRow).where(OutboxRow.id <= until)) and None
        )

    async def last_change(self) -> int:
        """The number of the last one, be it forgotten since; 0 before the first."""
        return await self._read(lambda connection: connection.scalar(select(TurnRow.last_change)) or 0)

    def subscribe(self, deed: Callable[[], None]) -> None:
        """Call `deed` after each commit here that changed a product. Those of other nodes are found by
        looking at `changes` now and then."""
        self._deeds.append(deed)

    def _tell(self, changed: bool) -> None:
        if changed:
            for deed in self._deeds:
                deed()

    async def _products(self, query: Any) -> list[tuple[int, Product]]:
        return await self._read(lambda connection: read_products(connection, query))

    async def _read(self, step: Callable[[Connection], T]) -> T:
        async with self._database.transaction(read_only=True) as session:
            return await (await session.connection()).run_sync(step)
