"""The catalogue over HTTP."""

import asyncio
import hashlib
import json
from typing import Any

import httpx
import pytest

from feria.app import open_app
from feria.settings import AccessSettings, CatalogSettings, Settings
from goods import picture

MUG: dict[str, Any] = {"sku": "TAZA-1", "title": {"es": "Taza", "en": "Mug"}, "price": 9.99}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"catalog": CatalogSettings(max_picture_mib=1, max_pictures=2)})


async def put(http: httpx.AsyncClient, **said: Any) -> httpx.Response:
    product = MUG | said
    return await http.put(f"/v1/products/{product['sku']}", json=product)


async def put_pictures(http: httpx.AsyncClient, sku: str, *files: bytes) -> httpx.Response:
    return await http.put(f"/v1/products/{sku}/pictures", files=[("pictures", file) for file in files])


async def test_a_product_is_made_changed_shown_listed_and_removed(http: httpx.AsyncClient) -> None:
    made = await put(http, attributes={"colour": "azul", "litres": 0.35}, category="home/mugs", stock=4)
    assert made.status_code == 201
    product = made.json()
    assert product["price"] == 9.99
    assert product["attributes"] == {"colour": "azul", "litres": 0.35}
    assert (await http.get("/v1/products/TAZA-1")).json() == product
    changed = await put(http, price="12.50")
    assert (changed.status_code, changed.json()["price"], changed.json()["stock"]) == (200, 12.5, None)
    listed = (await http.get("/v1/products")).json()
    assert (listed["products"], listed["total"], listed["next"]) == ([changed.json()], 1, None)
    assert (await http.delete("/v1/products/TAZA-1")).status_code == 204
    assert (await http.delete("/v1/products/TAZA-1")).status_code == 404
    assert (await http.get("/v1/products/TAZA-1")).json()["error"] == "not_found"


async def test_many_are_sent_at_once_and_the_bad_ones_hold_up_none(http: httpx.AsyncClient) -> None:
    sent = [
        MUG,
        MUG | {"sku": "B", "price": "cheap"},
        MUG | {"sku": "C"},
        MUG | {"sku": "C", "price": 1},
        {"sku": {"a": "\ud800"}},
        {"title": {"es": "Sin"}, "price": 1},
    ]
    body = json.dumps({"products": sent})  # which escapes what httpx would refuse to send
    answer = await http.post("/v1/products", content=body, headers={"Content-Type": "application/json"})
    written = answer.json()["products"]
    assert [(one["sku"], one["outcome"]) for one in written] == [
        ("TAZA-1", "new"),
        ("B", "refused"),
        ("C", "new"),
        ("C", "refused"),
        ("{'a': '\\ud800'}", "refused"),
        ("", "refused"),
    ]
    assert "price" in written[1]["detail"]
    assert "twice" in written[3]["detail"]
    assert (await http.get("/v1/products/C")).json()["price"] == 9.99
    again = (await http.post("/v1/products", json={"products": sent[:1]})).json()["products"]
    assert again == [{"sku": "TAZA-1", "outcome": "unchanged", "detail": "", "sources": []}]
    assert (await http.post("/v1/products", json={"products": [MUG] * 501})).status_code == 422
    assert (await http.post("/v1/products", json={"products": [1]})).status_code == 422


@pytest.mark.parametrize(
    ("path", "said", "detail"),
    [
        ("/v1/products/B", MUG, "the address says B"),
        ("/v1/products/%00", MUG | {"sku": "\x00"}, "a SKU is"),
        ("/v1/products/TAZA-1", MUG | {"title": {"es": "a\x00"}}, "U+0000"),
        ("/v1/products/TAZA-1", MUG | {"title": {"es": "x" * 10_000}}, "300"),
        ("/v1/categories/Ropa", {"title": {"es": "Ropa"}}, "lower-case"),
        ("/v1/categories/ropa", {"title": {}}, "a title in one language"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    http: httpx.AsyncClient, path: str, said: dict[str, Any], detail: str
) -> None:
    refused = await http.put(path, json=said)
    assert (refused.status_code, refused.json()["error"]) == (422, "invalid")
    assert detail in refused.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        {"category": "../etc"},
        {"category": "a\x00"},
        {"brand": "\x00"},
        {"min_price": "x"},
        {"min_price": "nan"},
        {"max_price": "-1"},
        {"sort": "random"},
        {"limit": "0"},
        {"limit": "201"},
        {"after": "none"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    http: httpx.AsyncClient, query: dict[str, str]
) -> None:
    assert (await http.get("/v1/products", params=query)).status_code == 422


async def test_pages_and_facets(http: httpx.AsyncClient) -> None:
    for n in range(5):
        await put(http, sku=f"P{n}", price=n, brand="Sol" if n % 2 else "Luna", category=f"food/c{n % 2}")
    query: dict[str, Any] = {"brand": ["Sol", "Luna"], "category": "food", "sort": "-price", "limit": 3}
    first = (await http.get("/v1/products", params=query)).json()
    assert [one["sku"] for one in first["products"]] == ["P4", "P3", "P2"]
    assert first["facets"] == {
        "categories": [
            {"value": "food", "products": 5},
            {"value": "food/c0", "products": 3},
            {"value": "food/c1", "products": 2},
        ],
        "brands": [{"value": "Luna", "products": 3}, {"value": "Sol", "products": 2}],
        "min_price": 0.0,
        "max_price": 4.0,
    }
    second = (await http.get("/v1/products", params=query | {"after": first["next"]})).json()
    assert [one["sku"] for one in second["products"]] == ["P1", "P0"]
    assert (second["facets"], second["next"], second["total"]) == (None, None, 5)


async def test_pictures_are_put_shown_and_removed(http: httpx.AsyncClient) -> None:
    await put(http)
    sent = picture(size=(600, 400))
    shown = (await put_pictures(http, "TAZA-1", sent, picture())).json()["pictures"]
    assert len(shown) == 2
    assert shown[0]["source"] == hashlib.sha256(sent).hexdigest()
    assert (await http.get("/v1/products/TAZA-1")).json()["pictures"] == shown
    for digest in (shown[0]["digest"], shown[0]["thumbnail"]):
        answer = await http.get(f"/v1/pictures/{digest}")
        assert hashlib.sha256(answer.content).hexdigest() == digest
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["etag"] == f'"{digest}"'
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        known = await http.get(f"/v1/pictures/{digest}", headers={"If-None-Match": answer.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["etag"] == answer.headers["etag"]
    again = (await put_pictures(http, "TAZA-1", sent, picture())).json()
    assert again["pictures"] == shown
    assert (await http.delete("/v1/products/TAZA-1/pictures")).json()["pictures"] == []
    assert (await http.get(f"/v1/pictures/{shown[0]['digest']}")).status_code == 404


async def test_pictures_that_cannot_be_taken_change_nothing(http: httpx.AsyncClient) -> None:
    await put(http)
    before = (await put_pictures(http, "TAZA-1", picture())).json()
    for files, status in (
        ([b"<svg/>"], 415),
        ([picture(), b""], 415),
        ([picture()] * 3, 422),
        ([picture(format="BMP", size=(700, 700))], 413),
        ([], 422),
    ):
        assert (await put_pictures(http, "TAZA-1", *files)).status_code == status
    assert (await http.get("/v1/products/TAZA-1")).json() == before
    assert (await put_pictures(http, "none", picture())).status_code == 404
    assert (await http.get("/v1/pictures/" + "0" * 64)).status_code == 404
    assert (await http.get("/v1/pictures/short")).status_code == 422


async def test_categories_are_made_named_counted_and_removed_when_empty(http: httpx.AsyncClient) -> None:
    said = {"title": {"es": "Camisas", "en": "Shirts"}, "position": 2}
    assert (await http.put("/v1/categories/clothing/shirts", json=said)).status_code == 204
    await put(http, category="clothing/shirts")
    assert (await http.get("/v1/categories")).json()["categories"] == [
        {"path": "clothing", "title": {"es": "Clothing", "en": "Clothing"}, "position": 0, "products": 1},
        {"path": "clothing/shirts", **said, "products": 1},
    ]
    refused = await http.delete("/v1/categories/clothing/shirts")
    assert (refused.status_code, refused.json()["error"]) == (409, "conflict")
    await http.delete("/v1/products/TAZA-1")
    assert (await http.delete("/v1/categories/clothing")).status_code == 409
    assert (await http.delete("/v1/categories/clothing/shirts")).status_code == 204
    assert (await http.delete("/v1/categories/clothing")).status_code == 204
    assert (await http.delete("/v1/categories/clothing")).status_code == 404


async def test_products_sent_at_the_same_time_are_all_there(http: httpx.AsyncClient) -> None:
    batches = [
        {"products": [MUG | {"sku": f"P{n}-{m}", "category": f"c{m % 7}"} for m in range(50)]}
        for n in range(8)
    ]
    answers = await asyncio.gather(*(http.post("/v1/products", json=batch) for batch in batches))
    assert {one["outcome"] for answer in answers for one in answer.json()["products"]} == {"new"}
    assert (await http.get("/v1/products")).json()["total"] == 400


async def test_on_a_locked_node_everybody_reads_and_only_those_who_may_write(settings: Settings) -> None:
    locked = settings.model_copy(update={"access": AccessSettings(locked=True)})
    async with (
        open_app(locked) as (app, _),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http,
    ):
        for path in ("/v1/products", "/v1/categories"):
            assert (await http.get(path)).status_code == 200
        assert (await http.get("/v1/products/none")).status_code == 404
        assert (await put(http)).status_code == 401
        assert (await http.post("/v1/products", json={"products": [MUG]})).status_code == 401
        assert (await http.get("/v1/models")).status_code == 401
