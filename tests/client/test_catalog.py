"""The catalogue through both clients."""

import hashlib
import secrets
from decimal import Decimal
from pathlib import Path

import pytest

from client.small_models import Ask
from feria.errors import Conflict, NotAnImage, NotFound
from goods import draft, picture


@pytest.fixture
def sku() -> str:
    """A SKU of this test's own: the node is shared."""
    return f"P-{secrets.token_hex(4)}"


async def test_a_product_is_put_found_and_removed(ask: Ask, sku: str) -> None:
    made = await ask("put_product", draft(sku, price="12.30", attributes={"a": True}))
    assert (made.sku, made.price, made.attributes) == (sku, Decimal("12.30"), {"a": True})
    assert await ask("product", sku) == made
    await ask("remove_product", sku)
    with pytest.raises(NotFound, match=sku):
        await ask("product", sku)


async def test_many_are_put_and_paged_through(ask: Ask, sku: str) -> None:
    drafts = [draft(f"{sku}-{n}", brand=sku, price=n, category=f"{sku.lower()}/c{n % 2}") for n in range(5)]
    assert [one.outcome for one in await ask("put_products", drafts)] == ["new"] * 5
    assert [one.outcome for one in await ask("put_products", drafts)] == ["unchanged"] * 5
    first = await ask("products", brand=sku, sort="-price", min_price=1, max_price=Decimal("3.5"), limit=2)
    rest = await ask(
        "products", brand=[sku], sort="-price", min_price=1, max_price=3.5, limit=2, after=first.next
    )
    assert [one.sku for page in (first, rest) for one in page.products] == [f"{sku}-{n}" for n in (3, 2, 1)]
    assert (first.total, rest.next) == (3, None)
    assert (sku, 3) in [(brand.value, brand.products) for brand in first.facets.brands]
    assert (await ask("products", category=sku.lower())).total == 5


async def test_pictures_are_sent_from_files_or_bytes_and_come_back(
    ask: Ask, sku: str, tmp_path: Path
) -> None:
    await ask("put_product", draft(sku))
    file = tmp_path / "a.png"
    file.write_bytes(picture((1, 2, 3)))
    product = await ask("put_pictures", sku, file, picture((9, 9, 9)))
    assert product.pictures[0].source == hashlib.sha256(file.read_bytes()).hexdigest()
    kept = await ask("picture", product.pictures[0])
    assert hashlib.sha256(kept).hexdigest() == product.pictures[0].digest
    assert await ask("picture", product.pictures[1].thumbnail)
    with pytest.raises(NotAnImage):
        await ask("put_pictures", sku, b"<svg/>")
    assert (await ask("put_pictures", sku)).pictures == ()


async def test_categories_are_put_listed_and_removed(ask: Ask, sku: str) -> None:
    path = f"{sku.lower()}/tazas"
    await ask("put_category", path, es="Tazas", en="Mugs", position=3)
    await ask("put_product", draft(sku, category=path))
    found = {one.path: one for one in await ask("categories")}
    assert (found[path].title.es, found[path].position, found[path].products) == ("Tazas", 3, 1)
    assert found[sku.lower()].products == 1
    with pytest.raises(Conflict):
        await ask("remove_category", path)
    await ask("remove_product", sku)
    await ask("remove_category", path)
