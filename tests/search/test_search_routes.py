"""Searching by words over HTTP, with the SDK and at the command line."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from cli.running import Feria
from feria.app import open_app
from feria.catalog.catalog import Catalog
from feria.search.text import TextSearch
from feria.settings import AccessSettings, Settings
from goods import draft

GOODS = (
    draft(
        "ZAP-1",
        title={"es": "Zapatillas rojas de lona", "en": "Red canvas sneakers"},
        description={"es": "Cómodas. <b>Combina</b> con vaqueros."},
        category="shoes/sneakers",
        brand="Faro",
        price="49.90",
        stock=0,
    ),
    draft("ZAP-2", title={"es": "Zapatillas azules", "en": "Blue sneakers"}, category="shoes", price="19.90"),
    draft("PAN-1", title={"es": "Pantalón vaquero", "en": "Jeans"}, category="clothing", brand="Duna"),
)


@pytest.fixture
async def shop(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """A locked node, asked without a token."""
    locked = settings.model_copy(update={"access": AccessSettings(locked=True)})
    async with open_app(locked) as (app, node):
        await node.parts[Catalog].put_all(GOODS)
        await node.parts[TextSearch].indexer.caught_up()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield http


async def asked(shop: httpx.AsyncClient, path: str = "/v1/search", **query: Any) -> Any:
    reply = await shop.get(path, params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


def skus(page: Any) -> list[str]:
    return [hit["product"]["sku"] for hit in page["hits"]]


async def test_everybody_finds_products_with_what_to_show_of_them(shop: httpx.AsyncClient) -> None:
    page = await asked(shop, q="zapatilla roja")
    assert skus(page) == ["ZAP-1"]
    assert page["total"] == 1
    assert page["corrected"] is None
    assert page["took_ms"] > 0
    (hit,) = page["hits"]
    assert hit["score"] > 0
    assert hit["product"]["price"] == 49.9
    assert hit["highlights"]["title"] == [
        {"text": "Zapatillas", "match": True},
        {"text": " ", "match": False},
        {"text": "rojas", "match": True},
        {"text": " de lona", "match": False},
    ]
    assert "".join(one["text"] for one in hit["highlights"]["description"]) == (
        "Cómodas. <b>Combina</b> con vaqueros."
    )
    assert page["facets"]["categories"] == [
        {"value": "shoes", "products": 1},
        {"value": "shoes/sneakers", "products": 1},
    ]


async def test_the_language_says_which_texts_are_shown(shop: httpx.AsyncClient) -> None:
    page = await asked(shop, q="zapatilla roja", lang="en")
    assert "".join(one["text"] for one in page["hits"][0]["highlights"]["title"]) == "Red canvas sneakers"


async def test_filters_narrow_and_facets_say_what_else_there_is(shop: httpx.AsyncClient) -> None:
    assert skus(await asked(shop, q="zapatillas", category="shoes/sneakers")) == ["ZAP-1"]
    assert skus(await asked(shop, q="zapatillas", in_stock=True)) == ["ZAP-2"]
    assert skus(await asked(shop, q="zapatillas", max_price=20)) == ["ZAP-2"]
    page = await asked(shop, brand=["Faro", "Duna"], sort="price")
    assert skus(page) == ["PAN-1", "ZAP-1"]
    assert page["facets"]["brands"] == [{"value": "Duna", "products": 1}, {"value": "Faro", "products": 1}]
    assert (page["facets"]["min_price"], page["facets"]["max_price"]) == (9.99, 49.9)


async def test_pages_begin_where_they_are_told_and_only_the_first_has_facets(shop: httpx.AsyncClient) -> None:
    first = await asked(shop, sort="price", limit=2)
    second = await asked(shop, sort="price", limit=2, offset=2)
    assert skus(first) + skus(second) == ["PAN-1", "ZAP-2", "ZAP-1"]
    assert first["total"] == second["total"] == 3
    assert second["facets"] is None


async def test_a_correction_is_said(shop: httpx.AsyncClient) -> None:
    page = await asked(shop, q="zapatilals")
    assert page["corrected"] == "zapatillas"
    assert set(skus(page)) == {"ZAP-1", "ZAP-2"}


async def test_completions_are_texts_categories_and_products(shop: httpx.AsyncClient) -> None:
    said = await asked(shop, "/v1/search/complete", q="Panta", lang="es")
    assert said["texts"] == ["pantalón"]
    assert [one["sku"] for one in said["products"]] == ["PAN-1"]
    said = await asked(shop, "/v1/search/complete", q="sho")
    assert [one["path"] for one in said["categories"]] == ["shoes"]
    assert await asked(shop, "/v1/search/complete") == {"texts": [], "categories": [], "products": []}


@pytest.mark.parametrize(
    "query",
    [
        {"lang": "fr"},
        {"sort": "best"},
        {"limit": 0},
        {"limit": 101},
        {"offset": 10_001},
        {"category": "../x"},
        {"min_price": "NaN"},
        {"min_price": -1},
        {"min_price": 2, "max_price": 1},
    ],
)
async def test_what_cannot_be_meant_is_refused(shop: httpx.AsyncClient, query: dict[str, Any]) -> None:
    reply = await shop.get("/v1/search", params=query)
    assert (reply.status_code, reply.json()["error"]) == (422, "invalid")


@pytest.mark.parametrize("q", ["a" * 10_000, "zapatillas " * 900, "title_es:* OR (", "\x00\x1b[31m", "👟🥖"])
async def test_whatever_is_typed_is_answered(shop: httpx.AsyncClient, q: str) -> None:
    await asked(shop, q=q)
    await asked(shop, "/v1/search/complete", q=q)


async def test_making_the_index_anew_is_not_for_everybody(shop: httpx.AsyncClient) -> None:
    assert (await shop.post("/v1/search/reindex")).status_code == 401


# ------------------------------------------------------------------- at the command line
@pytest.fixture
def feria(tmp_path_factory: pytest.TempPathFactory) -> Feria:
    folder = tmp_path_factory.mktemp("folder")
    products = [one.model_dump(mode="json") for one in GOODS]
    (folder / "products.json").write_text(json.dumps(products), encoding="utf-8")
    return Feria(home=tmp_path_factory.mktemp("home"), folder=folder)


def test_a_command_finds_what_another_brought_in(feria: Feria) -> None:
    feria("catalog", "import", "products.json")
    said = feria("search", "zapatillas rojas")
    assert "ZAP-1" in said.out
    assert "Zapatillas rojas de lona" in said.out
    assert "ZAP-2" not in said.out
    page = json.loads(feria("search", "--category", "shoes", "--sort", "price", "--json").out)
    assert skus(page) == ["ZAP-2", "ZAP-1"]
    said = feria("search", "zapatilals")
    assert "Taken for: zapatillas" in said.err
    assert "Nothing was found" in feria("search", "xyzzyplugh").err
    assert "The search index holds 3 products." in feria("catalog", "reindex").out
    assert feria.refused("search", "x", "--sort", "best").startswith("invalid: ")


def test_a_running_node_answers_commands_and_makes_its_index_anew(feria: Feria) -> None:
    with feria.node():
        feria("catalog", "import", "products.json")
        assert "The search index holds 3 products." in feria("catalog", "reindex").out
        assert "ZAP-2" in feria("search", "blue sneaker", "--lang", "en").out
