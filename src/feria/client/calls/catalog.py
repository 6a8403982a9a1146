"""What one can ask of the catalogue."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from feria.catalog.wire import (
    Category,
    CategoryDraft,
    CategoryList,
    Page,
    Picture,
    Product,
    ProductDraft,
    Sort,
    Words,
    Written,
    WrittenList,
)
from feria.client.answers import Nothing, Parsed
from feria.client.calls.call import MINUTE, Call, file_at, given


def products(
    *,
    category: str | None = None,
    brand: str | Sequence[str] | None = None,
    min_price: Decimal | float | None = None,
    max_price: Decimal | float | None = None,
    sort: Sort = "sku",
    after: str | None = None,
    limit: int = 24,
) -> Call[Page]:
    """A page of the catalogue: products that every filter lets through, those below a category included.

    `after` is `next` of the page before. The first page has facets.
    """
    asked = given(
        category=category,
        brand=[brand] if isinstance(brand, str) else brand,
        min_price=None if min_price is None else str(min_price),
        max_price=None if max_price is None else str(max_price),
        sort=sort,
        after=after,
        limit=limit,
    )
    return Call(
        method="GET", path="/v1/products", reader=lambda: Parsed(Page.model_validate_json), query=asked
    )


def product(sku: str) -> Call[Product]:
    """One product, with its pictures. Raises `NotFound`."""
    return Call(method="GET", path=_product(sku), reader=lambda: Parsed(Product.model_validate_json))


def put_product(draft: ProductDraft) -> Call[Product]:
    """Insert or replace a product, by its SKU; its pictures stay."""
    return Call(
        method="PUT",
        path=_product(draft.sku),
        reader=lambda: Parsed(Product.model_validate_json),
        body=draft.model_dump(mode="json"),
    )


def put_products(drafts: Sequence[ProductDraft]) -> Call[tuple[Written, ...]]:
    """Insert or replace up to 500 products with one commit, and hear of each what came of it."""
    return Call(
        method="POST",
        path="/v1/products",
        reader=lambda: Parsed(lambda body: WrittenList.model_validate_json(body).products),
        body={"products": [draft.model_dump(mode="json") for draft in drafts]},
    )


def remove_product(sku: str) -> Call[None]:
    """Take a product out of the catalogue. Raises `NotFound`."""
    return Call(method="DELETE", path=_product(sku), reader=Nothing)


def put_pictures(sku: str, *pictures: str | Path | bytes) -> Call[Product]:
    """Give a product these pictures, in this order, instead of those it has; none removes them.

    Raises `NotAnImage` for bytes that are no picture, `TooLarge` for too many bytes or pixels.
    """
    if not pictures:
        return Call(
            method="DELETE",
            path=f"{_product(sku)}/pictures",
            reader=lambda: Parsed(Product.model_validate_json),
        )
    return Call(
        method="PUT",
        path=f"{_product(sku)}/pictures",
        reader=lambda: Parsed(Product.model_validate_json),
        files=[("pictures", file_at(picture)) for picture in pictures],
        seconds=5 * MINUTE,
    )


def categories() -> Call[tuple[Category, ...]]:
    """The tree of categories, with how many products each holds and those below it."""
    return Call(
        method="GET",
        path="/v1/categories",
        reader=lambda: Parsed(lambda body: CategoryList.model_validate_json(body).categories),
    )


def put_category(path: str, *, es: str = "", en: str = "", position: int = 0) -> Call[None]:
    """Make a category, such as `clothing/shirts`, or give it other titles."""
    draft = CategoryDraft(title=Words(es=es, en=en), position=position)
    return Call(method="PUT", path=_category(path), reader=Nothing, body=draft.model_dump(mode="json"))


def remove_category(path: str) -> Call[None]:
    """Take away a category that holds nothing. Raises `Conflict` where it does."""
    return Call(method="DELETE", path=_category(path), reader=Nothing)


def picture(what: Picture | str) -> Call[bytes]:
    """A picture's bytes, WebP; given by its digest, that may be its thumbnail's. Raises `NotFound`."""
    digest = what if isinstance(what, str) else what.digest
    return Call(method="GET", path=f"/v1/pictures/{quote(digest, safe='')}", reader=lambda: Parsed(bytes))


def _product(sku: str) -> str:
    return f"/v1/products/{quote(sku, safe='')}"


def _category(path: str) -> str:
    return f"/v1/categories/{quote(path)}"
