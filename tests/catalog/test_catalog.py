"""The catalogue on each database."""

import asyncio
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clocks import ManualClock
from feria.catalog.catalog import Catalog
from feria.catalog.wire import Category, Words
from feria.errors import Conflict, Invalid, NotFound
from feria.storage.database import Database
from goods import draft, open_catalog, picture


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def catalog(database: Database, tmp_path: Path, clock: ManualClock) -> AsyncGenerator[Catalog]:
    async with open_catalog(database, tmp_path, clock=clock) as catalog:
        yield catalog


async def changed_skus(catalog: Catalog) -> list[str | None]:
    """Of each change, oldest first; none where the product is gone."""
    changes = await catalog.changes(0, 1000)
    there = await catalog.by_ids([product for _, product in changes])
    return [there[product].sku if product in there else None for _, product in changes]


async def test_a_product_is_read_as_it_was_written(catalog: Catalog, clock: ManualClock) -> None:
    full = draft(
        "TAZA-1",
        title={"es": "Taza de café ☕ 'ñandú'", "en": "Coffee mug"},
        description={"es": "Línea uno\nlínea dos \\ % _", "en": "🏺" * 16_000},
        category="home/kitchen/mugs",
        brand="Águila & Hijos",
        price="1234567.89",
        currency="PEN",
        attributes={"colour": "azul", "litres": 0.35, "pieces": 2, "new": True, "zero": 0.0},
        stock=0,
    )
    product = await catalog.put(full)
    assert product.model_dump(include=set(type(full).model_fields)) == full.model_dump()
    assert product.price == Decimal("1234567.89")
    assert [type(value) for value in product.attributes.values()] == [str, float, bool, int, int]
    assert product.created_at == product.updated_at == clock.now()
    assert product.pictures == ()


async def test_a_sku_is_itself_to_the_letter(catalog: Catalog) -> None:
    for sku in ("a", "A", "a.", "a-"):
        await catalog.put(draft(sku))
    assert (await catalog.find("A")).title.es == "Taza A"
    assert set(await catalog.ids(["a", "A", "a.", "b"])) == {"a", "A", "a."}
    with pytest.raises(NotFound):
        await catalog.find("b")


async def test_what_is_as_it_was_stays_untouched(catalog: Catalog, clock: ManualClock) -> None:
    first = await catalog.put(draft("A", attributes={"b": 1, "a": 2}), [picture()])
    told: list[int] = []
    catalog.subscribe(lambda: told.append(1))
    clock.advance(60)
    assert await catalog.put(draft("A", attributes={"a": 2, "b": 1}), [picture()]) == first
    assert await catalog.put(draft("A", attributes={"a": 2, "b": 1})) == first
    assert await catalog.last_change() == 1
    assert told == []
    dearer = await catalog.put(draft("A", price="10"))
    assert (dearer.created_at, dearer.updated_at) == (first.created_at, clock.now())
    assert dearer.attributes == {}
    assert dearer.pictures == first.pictures
    assert told == [1]


async def test_many_are_written_at_once_and_each_says_what_came_of_it(catalog: Catalog) -> None:
    await catalog.put_all([draft("A"), draft("B")], {"B": [picture()]})
    written = await catalog.put_all([draft("A"), draft("B", stock=3), draft("C")])
    assert [(one.sku, one.outcome) for one in written] == [
        ("A", "unchanged"),
        ("B", "changed"),
        ("C", "new"),
    ]
    assert [len(one.sources) for one in written] == [0, 1, 0]
    assert await changed_skus(catalog) == ["A", "B", "B", "C"]
    with pytest.raises(Invalid, match="SKU D is there twice"):
        await catalog.put_all([draft("D"), draft("E"), draft("D", price="1")])
    assert await catalog.ids(["D", "E"]) == {}


async def test_pictures_stay_or_go_as_asked(catalog: Catalog) -> None:
    red, blue = picture((255, 0, 0)), picture((0, 0, 255))
    both = await catalog.put(draft("A"), [red, blue])
    assert len({one.digest for one in both.pictures}) == 2
    assert (await catalog.put(draft("A", stock=1))).pictures == both.pictures
    turned = await catalog.put(draft("A", stock=1), [blue, red])
    assert turned.pictures == both.pictures[::-1]
    assert await catalog.picture_digests() == {
        digest for one in both.pictures for digest in (one.digest, one.thumbnail)
    }
    assert (await catalog.put(draft("A", stock=1), ())).pictures == ()
    assert await catalog.picture_digests() == set()
    assert await changed_skus(catalog) == ["A"] * 4


async def test_changes_are_numbered_without_gaps_and_also_tell_what_went(catalog: Catalog) -> None:
    await catalog.put_all([draft(sku) for sku in "ABC"])
    await catalog.remove("B")
    assert await changed_skus(catalog) == ["A", None, "C", None]
    with pytest.raises(NotFound, match="No product B"):
        await catalog.remove("B")
    assert [number for number, _ in await catalog.changes(0, 100)] == [1, 2, 3, 4]
    await catalog.forget_changes(3)
    assert [number for number, _ in await catalog.changes(0, 100)] == [4]
    await catalog.forget_changes(4)
    assert await catalog.last_change() == 4
    await catalog.put(draft("D"))
    assert await catalog.changes(4, 100) == [(5, (await catalog.ids(["D"]))["D"])]


async def test_the_number_of_a_removed_product_is_no_others(catalog: Catalog) -> None:
    await catalog.put(draft("A"), [picture()])
    before = await catalog.ids(["A"])
    await catalog.remove("A")
    await catalog.put(draft("B"))
    assert await catalog.by_ids(list(before.values())) == {}
    assert (await catalog.find("B")).pictures == ()


async def test_writers_side_by_side_lose_nothing_and_leave_no_gap(
    database: Database, catalog: Catalog, tmp_path: Path
) -> None:
    """Two nodes on one database, and a reader who follows meanwhile."""
    seen: list[int] = []
    done = False

    async def follow() -> None:
        while True:
            last = done
            for number, _ in await catalog.changes(seen[-1] if seen else 0, 7):
                seen.append(number)
            if last and len(seen) == await catalog.last_change():
                return
            await asyncio.sleep(0)

    async with open_catalog(database, tmp_path) as other:
        following = asyncio.create_task(follow())
        await asyncio.gather(
            *(
                who.put(draft(f"P{n % 12}", stock=n, category=f"c{n % 3}"))
                for n in range(12)
                for who in (catalog, other)
            ),
            *(catalog.put(draft(f"Q{n}", category="c/d/e")) for n in range(6)),
        )
        done = True
        await following
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) == 18
    assert sorted(sku for sku in await changed_skus(catalog) if sku) == sorted(
        [f"P{n}" for n in range(12)] + [f"Q{n}" for n in range(6)]
    )


async def test_a_failed_write_leaves_no_change_behind(database: Database, catalog: Catalog) -> None:
    told: list[int] = []
    catalog.subscribe(lambda: told.append(1))
    async with database.transaction() as session:
        await session.execute(text("DROP TABLE product_pictures"))
    with pytest.raises(Exception, match="product_pictures"):
        await catalog.put(draft("A"))
    assert await catalog.changes(0, 10) == []
    assert told == []


# ------------------------------------------------------------------- categories
async def test_a_category_that_is_not_there_is_made_with_those_above_it(catalog: Catalog) -> None:
    await catalog.put(draft("A", category="clothing/t-shirts"))
    await catalog.put(draft("B", category="clothing"))
    await catalog.put(draft("C"))
    assert [(one.path, one.title.es, one.products) for one in await catalog.categories()] == [
        ("clothing", "Clothing", 2),
        ("clothing/t-shirts", "T shirts", 1),
    ]


async def test_a_category_with_a_new_title_changes_what_is_in_it(catalog: Catalog) -> None:
    await catalog.put_all([draft("A", category="a/b"), draft("B", category="a-b"), draft("C", category="a")])
    titled = Category(path="a", title=Words(es="Ropa", en="Clothing"), position=2)
    await catalog.put_category(titled)
    assert await changed_skus(catalog) == ["A", "B", "C", "A", "C"]
    await catalog.put_category(titled.model_copy(update={"position": 3}))
    assert await catalog.last_change() == 5
    found = (await catalog.categories())[0]
    assert (found.title.es, found.position, found.products) == ("Ropa", 3, 2)


async def test_a_category_goes_when_it_is_empty(catalog: Catalog) -> None:
    await catalog.put(draft("A", category="a/b"))
    for path, why in (("a/b", "1 products in"), ("a", "1 products in")):
        with pytest.raises(Conflict, match=why):
            await catalog.remove_category(path)
    await catalog.remove("A")
    with pytest.raises(Conflict, match="below a"):
        await catalog.remove_category("a")
    await catalog.remove_category("a/b")
    await catalog.remove_category("a")
    with pytest.raises(NotFound):
        await catalog.remove_category("a")


# ------------------------------------------------------------------- pages
SHELF = (
    draft("A", category="food/fruit", brand="Sol", price="1.50", title={"es": "Pera"}),
    draft("B", category="food/fruit", brand="Luna", price="2", title={"es": "Manzana", "en": "Apple"}),
    draft("C", category="food", brand="Sol", price="2", title={"en": "Bread"}),
    draft("D", category="home", price="30", title={"es": "Silla"}),
    draft("E", brand="luna", price="0.99", title={"es": "Zeta"}),
)


@pytest.fixture
async def shelf(catalog: Catalog) -> Catalog:
    await catalog.put_all(SHELF)
    return catalog


async def skus(catalog: Catalog, **asked: Any) -> str:
    return "".join(one.sku for one in (await catalog.page(**asked)).products)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "ABCDE"),
        ({"category": "food"}, "ABC"),
        ({"category": "food/fruit"}, "AB"),
        ({"category": "foo"}, ""),
        ({"category": "food_"}, ""),
        ({"brand": ["Sol"]}, "AC"),
        ({"brand": ["Sol", "Luna"]}, "ABC"),
        ({"brand": ["sol' OR 1=1 --"]}, ""),
        ({"min_price": Decimal("2")}, "BCD"),
        ({"max_price": Decimal("1.5")}, "AE"),
        ({"min_price": Decimal("1.001"), "max_price": Decimal("2.009")}, "ABC"),
        ({"category": "food", "brand": ["Sol"], "max_price": Decimal(2)}, "AC"),
        ({"sort": "price"}, "EABCD"),
        ({"sort": "-price"}, "DCBAE"),
        ({"sort": "newest"}, "EDCBA"),
        ({"sort": "title"}, "CBADE"),
    ],
)
async def test_filters_and_orders(shelf: Catalog, asked: dict[str, Any], found: str) -> None:
    assert await skus(shelf, **asked) == found
    assert (await shelf.page(**asked)).total == len(found)


@pytest.mark.parametrize("sort", ["sku", "price", "-price", "newest", "title"])
async def test_pages_follow_one_another_whatever_comes_between(shelf: Catalog, sort: Any) -> None:
    whole = await skus(shelf, sort=sort)
    first = await shelf.page(sort=sort, limit=2)
    await shelf.remove(first.products[0].sku)
    second = await shelf.page(sort=sort, limit=2, after=first.next)
    third = await shelf.page(sort=sort, limit=2, after=second.next)
    assert "".join(one.sku for page in (first, second, third) for one in page.products) == whole
    assert third.next is None
    assert first.facets is not None
    assert second.facets is None


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "ñ",
        "e30",
        "WzFd",
        "W1tdLFtdLFtdXQ",
        "WyJza3UiLCAiQSIsIDFlMzB9",
        "[" * 5000,
        "WyJza3UiLDEsMV0",
    ],
)
async def test_a_cursor_that_is_none_is_refused(shelf: Catalog, after: str) -> None:
    with pytest.raises(Invalid, match="`after` is `next`"):
        await shelf.page(after=after)


async def test_a_cursor_of_another_order_is_refused(shelf: Catalog) -> None:
    page = await shelf.page(sort="price", limit=2)
    with pytest.raises(Invalid, match="same order"):
        await shelf.page(sort="-price", after=page.next)


async def test_facets_count_what_each_choice_would_leave(shelf: Catalog) -> None:
    facets = (await shelf.page()).facets
    assert facets is not None
    assert {one.value: one.products for one in facets.categories} == {"food": 3, "food/fruit": 2, "home": 1}
    assert [(one.value, one.products) for one in facets.brands] == [("Sol", 2), ("Luna", 1), ("luna", 1)]
    assert (facets.min_price, facets.max_price) == (Decimal("0.99"), Decimal("30"))
    chosen = (await shelf.page(category="food/fruit", brand=["Luna"], max_price=Decimal(1))).facets
    assert chosen is not None
    assert {one.value: one.products for one in chosen.categories} == {}
    assert chosen.brands == ()
    assert (chosen.min_price, chosen.max_price) == (Decimal(2), Decimal(2))


async def test_an_empty_catalogue_has_an_empty_page(catalog: Catalog) -> None:
    page = await catalog.page()
    assert (page.products, page.total, page.next) == ((), 0, None)
    assert await catalog.rows(0, 10) == []
    assert await catalog.categories() == []
    assert await catalog.by_ids([1, 2]) == {}


async def test_rows_are_all_products_by_id(shelf: Catalog) -> None:
    ids = await shelf.ids([one.sku for one in SHELF])
    first = await shelf.rows(0, 3)
    rest = await shelf.rows(first[-1][0], 3)
    assert [(number, product.sku) for number, product in (*first, *rest)] == [(n, s) for s, n in ids.items()]


async def test_more_ids_than_one_question_takes_are_answered(shelf: Catalog) -> None:
    ids = await shelf.ids(["E", *(f"none-{n}" for n in range(5_000)), "A"])
    assert set(ids) == {"A", "E"}
    found = await shelf.by_ids([ids["E"], *range(10**6, 10**6 + 5_000), ids["A"]])
    assert [product.sku for product in found.values()] == ["E", "A"]
