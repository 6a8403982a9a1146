"""Searching by picture with both clients."""

from pathlib import Path

import pytest

import nets
from client.small_models import Ask
from feria.errors import Conflict, Invalid, NotAnImage, NotFound
from feria.registry.wire import Description
from goods import draft, picture

RED, GREEN, BLUE = (220, 20, 30), (20, 200, 40), (30, 40, 220)
LABELS = Description.model_validate({"labels": ["red", "green", "blue"]})


async def stocked(ask: Ask, category: str) -> str:
    """Digest of the network, once it has seen three products of that category."""
    for sku, colour in (("red", RED), ("green", GREEN), ("blue", BLUE)):
        one = draft(f"{category}-{sku}", category=category, brand=category)
        await ask("put_product", one)
        await ask("put_pictures", one.sku, picture(colour))
    model = await ask("publish", "products", nets.seeing(), LABELS)
    while (await ask("search_model")).version != model.version or (
        await ask("search_model")
    ).progress.waiting:
        pass
    digest: str = model.digest
    return digest


async def test_a_picture_finds_what_looks_like_it(ask: Ask, name: str, tmp_path: Path) -> None:
    file = tmp_path / "red.png"
    file.write_bytes(picture(RED))
    await stocked(ask, name.lower())
    filters = {"category": name.lower(), "brand": name.lower(), "min_price": 1, "max_price": 10, "limit": 2}
    found = await ask("search_image", file, **filters)
    assert found.products[0].product.sku == f"{name.lower()}-red"
    assert len(found.products) == 2
    assert found.predictions[0].label == "red"
    task = await ask("search_image_later", file, **filters)
    assert (await ask("result", task))["products"][0]["product"]["sku"] == f"{name.lower()}-red"


async def test_a_vector_or_a_label_stands_for_a_picture(ask: Ask, name: str) -> None:
    digest = await stocked(ask, name.lower())
    vector = [
        one for _ in range(4) for one in (GREEN[0] / 255 - 0.47, GREEN[1] / 255 - 0.47, GREEN[2] / 255 - 0.47)
    ]
    by_channel = [vector[i] for channel in range(3) for i in range(channel, 12, 3)]
    found = await ask("search_vector", digest, by_channel, category=name.lower(), in_stock=True)
    assert found.products[0].product.sku == f"{name.lower()}-green"
    assert (await ask("search_vector", digest, label="green")).found_by == ("category",)
    with pytest.raises(Conflict):
        await ask("search_vector", "0" * 64, by_channel)
    with pytest.raises(Invalid):
        await ask("search_vector", digest, [1.0])


async def test_what_is_like_a_product_is_found_by_its_sku(ask: Ask, name: str) -> None:
    await stocked(ask, name.lower())
    found = await ask("similar", f"{name.lower()}-red", category=name.lower())
    assert {one.product.sku for one in found.products} == {f"{name.lower()}-green", f"{name.lower()}-blue"}
    with pytest.raises(NotFound):
        await ask("similar", "nothing-like-it")


async def test_what_is_no_picture_is_refused_as_such(ask: Ask, name: str) -> None:
    await stocked(ask, name.lower())
    with pytest.raises(NotAnImage):
        await ask("search_image", b"<svg/>")
    with pytest.raises(Invalid, match="no file"):
        await ask("search_image", "nowhere.png")
