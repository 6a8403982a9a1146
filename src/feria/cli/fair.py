"""How the demo fair comes to a node: its words first, so that they are found at once, then its pictures."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from feria.catalog.fair import Good, categories, fair
from feria.catalog.wire import Product, ProductDraft
from feria.cli import screen
from feria.cli.finding import read_settings, speak
from feria.cli.screen import Report
from feria.client import AsyncClient
from feria.drawings.files import jpegs
from feria.tasks.processes import Processes, open_processes

SIDE = 512
"""Pixels of a picture's side: more than a list shows, and drawn in some 35 ms."""

TOGETHER = 10
"""Products whose pictures one process draws."""
AT_ONCE = 3
"""Lots of them under way: two that are drawn, and one whose pictures are sent meanwhile."""


@dataclass(frozen=True)
class Brought:
    products: int
    """Of the fair, those that are there now."""
    written: int
    """Those that were not there, or were otherwise."""
    drawn: int
    """Those that lacked their pictures."""


def bring_here(products: int) -> Brought:
    """Bring it to the node of this command."""
    settings = read_settings()

    async def deed(client: AsyncClient) -> Brought:
        with screen.progress() as report:
            async with open_processes(settings.workers, ("feria.drawings.files",)) as processes:
                return await bring(client, products, processes, report)

    return speak(deed)


def summary(brought: Brought) -> str:
    if not (brought.written or brought.drawn):
        return f"The demo fair is all there: {brought.products} products."
    done = [f"wrote {brought.written}"] if brought.written else []
    done += [f"drew the pictures of {brought.drawn}"] if brought.drawn else []
    return (
        f"The demo fair is there: {brought.products} products ({', '.join(done)}).\n"
        'Try it: feria search "zapatillas rojas"'
    )


async def bring(client: AsyncClient, products: int, processes: Processes, report: Report) -> Brought:
    """Put the first of the fair's products into the catalogue; what is there already needs no work."""
    report("looking at the catalogue", 0.0)
    goods = (await _goods())[:products]
    written, bare = await _write(client, goods)
    await draw(client, bare, processes, report)
    return Brought(len(goods), written, len(bare))


async def begin(client: AsyncClient, products: int) -> list[Good]:
    """Write the first of the fair's products where nothing is sold yet; returns what is to be drawn, be it
    because an earlier run was cut off. What else is sold, or was taken out, is left alone."""
    if not products:
        return []
    goods = (await _goods())[:products]
    if not (await client.products(limit=1)).total:
        return (await _write(client, goods))[1]
    there = await _there(client, goods)
    return [one for one in goods if one.draft.sku in there and _lacks_pictures(one, there[one.draft.sku])]


async def _write(client: AsyncClient, goods: Sequence[Good]) -> tuple[int, list[Good]]:
    """How many were not there as they are, and which lack their pictures."""
    there = await _there(client, goods)
    missing = [one.draft for one in goods if not _is_same(one.draft, there.get(one.draft.sku))]
    if missing:
        known = {category.path for category in await client.categories() if category.title.es}
        for category in categories():
            if category.path not in known:
                title = category.title
                await client.put_category(category.path, es=title.es, en=title.en, position=category.position)
        await client.put_products(missing)
    return len(missing), [one for one in goods if _lacks_pictures(one, there.get(one.draft.sku))]


async def _goods() -> list[Good]:
    return await asyncio.to_thread(lambda: list(fair()))


async def _there(client: AsyncClient, goods: Sequence[Good]) -> dict[str, Product]:
    """What the catalogue has of the fair. Its brands are nobody else's: no more is read than that."""
    brands = sorted({good.draft.brand for good in goods})
    page = await client.products(brand=brands, limit=200)
    found = list(page.products)
    while page.next is not None:
        page = await client.products(brand=brands, limit=200, after=page.next)
        found += page.products
    return {product.sku: product for product in found}


def _is_same(draft: ProductDraft, product: Product | None) -> bool:
    written = set(ProductDraft.model_fields)
    return product is not None and product.model_dump(include=written) == draft.model_dump()


def _lacks_pictures(good: Good, product: Product | None) -> bool:
    return product is None or len(product.pictures) < len(good.views)


async def draw(client: AsyncClient, goods: Sequence[Good], processes: Processes, report: Report) -> None:
    """Give these products their pictures."""
    lots = iter([goods[at : at + TOGETHER] for at in range(0, len(goods), TOGETHER)])
    done = 0

    def tell() -> None:
        report(f"drawing, {done} of {len(goods)} products", done / len(goods))

    async def work() -> None:
        nonlocal done
        for lot in lots:
            tell()
            wanted = [(good.kind, good.seed, view) for good in lot for view in good.views]
            files = map(base64.b64decode, await processes.run(jpegs, wanted, SIDE))
            for good in lot:
                await client.put_pictures(good.draft.sku, *islice(files, len(good.views)))
                done += 1
                tell()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def all_products(client: AsyncClient) -> list[Product]:
    """All that is sold, page by page."""
    page = await client.products(limit=200)
    found = [*page.products]
    while page.next is not None:
        page = await client.products(limit=200, after=page.next)
        found += page.products
    return found
