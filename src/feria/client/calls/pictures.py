"""What one can ask of the search by pictures."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from feria.client.answers import Parsed
from feria.client.calls.call import Call, file_at, given, later
from feria.registry.wire import Label
from feria.search.picture_wire import PictureAnswer, PictureNetwork, SimilarProducts
from feria.search.wire import LONGEST_TEXT
from feria.tasks.wire import Task


def search_image(
    picture: str | Path | bytes,
    *,
    q: str = "",
    category: str | None = None,
    brand: str | Sequence[str] | None = None,
    min_price: Decimal | float | None = None,
    max_price: Decimal | float | None = None,
    in_stock: bool = False,
    limit: int = 24,
) -> Call[PictureAnswer]:
    """Products that look like a picture, given as a file or its bytes, and what the network takes it for.

    With words in `q` both rankings become one. Raises `NotAnImage` for bytes that are no picture, `TooLarge`
    for too many bytes or pixels, `Unavailable` where no network sees pictures.
    """
    return Call(
        method="POST",
        path="/v1/search/image",
        reader=lambda: Parsed(PictureAnswer.model_validate_json),
        query=_asked(q, category, brand, min_price, max_price, in_stock, limit),
        files=[("image", file_at(picture))],
    )


def search_image_later(
    picture: str | Path | bytes,
    *,
    q: str = "",
    category: str | None = None,
    brand: str | Sequence[str] | None = None,
    min_price: Decimal | float | None = None,
    max_price: Decimal | float | None = None,
    in_stock: bool = False,
    limit: int = 24,
    priority: int = 0,
    key: str | None = None,
) -> Call[Task]:
    """Have the node search, as `search_image` does, and return at once; see `train_later`."""
    asked = _asked(q, category, brand, min_price, max_price, in_stock, limit)
    return Call(
        method="POST",
        path="/v1/search/image",
        files=[("image", file_at(picture))],
        **later(priority, key, **asked),
    )


def search_vector(
    model: str,
    vector: Sequence[float] | None = None,
    *,
    label: Label | None = None,
    q: str = "",
    category: str | None = None,
    brand: str | Sequence[str] | None = None,
    min_price: Decimal | float | None = None,
    max_price: Decimal | float | None = None,
    in_stock: bool = False,
    limit: int = 24,
) -> Call[PictureAnswer]:
    """The same for who ran the network themselves, whose digest is `model`: by the vector it made, or else
    by the label. Raises `Conflict` when the node searches with another network."""
    asked = _asked(q, category, brand, min_price, max_price, in_stock, limit)
    said = given(model=model, vector=None if vector is None else list(vector), label=label)
    return Call(
        method="POST",
        path="/v1/search/vector",
        reader=lambda: Parsed(PictureAnswer.model_validate_json),
        body=asked | said,
    )


def similar(
    sku: str,
    *,
    category: str | None = None,
    brand: str | Sequence[str] | None = None,
    min_price: Decimal | float | None = None,
    max_price: Decimal | float | None = None,
    in_stock: bool = False,
    limit: int = 12,
) -> Call[SimilarProducts]:
    """Products that look like that one. Raises `NotFound`."""
    return Call(
        method="GET",
        path=f"/v1/products/{quote(sku, safe='')}/similar",
        reader=lambda: Parsed(SimilarProducts.model_validate_json),
        query=_asked("", category, brand, min_price, max_price, in_stock, limit),
    )


def search_model() -> Call[PictureNetwork]:
    """The network that pictures are searched for with, and how many it has seen. Raises `NotFound`."""
    return Call(
        method="GET", path="/v1/search/model", reader=lambda: Parsed(PictureNetwork.model_validate_json)
    )


def _asked(
    q: str,
    category: str | None,
    brand: str | Sequence[str] | None,
    min_price: Decimal | float | None,
    max_price: Decimal | float | None,
    in_stock: bool,
    limit: int,
) -> dict[str, Any]:
    return given(
        q=q[:LONGEST_TEXT] or None,
        category=category,
        brand=[brand] if isinstance(brand, str) else brand,
        min_price=None if min_price is None else str(min_price),
        max_price=None if max_price is None else str(max_price),
        in_stock=in_stock or None,
        limit=limit,
    )
