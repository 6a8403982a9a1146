"""Contract 5, replayed: products found by words, and by a picture that a task classifies."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

import nets
from feria.app import open_app
from feria.catalog.catalog import Catalog
from feria.compat import tienda
from feria.inference import tasks as inference
from feria.inference.engine import Engine
from feria.registry.shelf import Registry
from feria.registry.wire import Description
from feria.search.text import TextSearch
from feria.settings import AccessSettings, SearchSettings, Settings, TaskSettings, WebSettings
from feria.tasks.queue import Order, TaskQueue
from goods import draft, picture

RED, GREEN, BLUE = (220, 20, 30), (20, 200, 40), (30, 40, 220)
LABELS = Description.model_validate({"labels": ["red", "green", "blue"]})
GOODS = (
    draft(
        "ZAP-1",
        title={"es": "Zapatillas rojas", "en": "Red sneakers"},
        description={"es": "De lona, para el verano.", "en": "Canvas."},
        category="shoes/sneakers",
        price="49.90",
    ),
    draft("BOT-1", title={"es": "Botas de agua"}, category="shoes", price="25"),
    draft("PER-1", title={"es": "Pera", "en": "Pear"}, category="fruit", price="0.55"),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A locked node; shoppers have no account."""
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"red": "shoes", "green": "fruit"}))
    return Settings(
        home=tmp_path / "home",
        access=AccessSettings(locked=True, anonymous_per_second=10_000),
        search=SearchSettings(labels=labels),
        web=WebSettings(max_body_mib=1),
        _env_file=None,
    )


class Shop:
    def __init__(self, http: httpx.AsyncClient, parts: dict[type, Any]) -> None:
        self.http = http
        self.parts = parts

    async def open(self) -> None:
        """Goods on the shelves, and a network that tells red things from green and blue ones."""
        await self.parts[Catalog].put_all(GOODS, {"ZAP-1": [picture(RED)]})
        await self.parts[TextSearch].indexer.caught_up()
        await self.network(nets.mean_colour(), LABELS)

    async def network(self, file: bytes, description: Description) -> None:
        """Published, and in use for pictures."""
        model = await self.parts[Registry].publish("products", file, description)
        with anyio.fail_after(300):
            while True:
                if (await self.http.get("/v1/search/model")).json().get("digest") == model.digest:
                    return
                await anyio.sleep(0.01)

    async def ask(self, image: bytes, field: str = "image") -> str:
        reply = await self.http.post("/search/image", files={field: image})
        assert reply.status_code == 202, reply.text
        assert list(reply.json()) == ["task_id"]
        task_id: str = reply.json()["task_id"]
        return task_id

    async def result(self, task_id: str, **query: Any) -> httpx.Response:
        """As old clients have it: asked again for as long as the answer is 202."""
        with anyio.fail_after(300):
            while True:
                reply = await self.http.get(f"/tasks/{task_id}/result", params=query)
                if reply.status_code != 202:
                    return reply
                await anyio.sleep(0.01)


@pytest.fixture
async def shop(settings: Settings) -> AsyncGenerator[Shop]:
    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as http,
    ):
        yield Shop(http, node.parts)


async def test_words_find_products_by_name_or_description(shop: Shop) -> None:
    await shop.open()
    by_name = await shop.http.get("/search/text", params={"q": "zapatillas"})
    by_description = await shop.http.get("/search/text", params={"q": "verano"})
    assert by_name.status_code == by_description.status_code == 200
    assert by_name.json() == by_description.json()
    (found,) = by_name.json()["products"]
    image = found.pop("image")
    assert found == {
        "sku": "ZAP-1",
        "name": "Zapatillas rojas",
        "description": "De lona, para el verano.",
        "category": "shoes/sneakers",
        "price": 49.9,
        "currency": "EUR",
    }
    assert (await shop.http.get(image)).headers["content-type"] == "image/webp"
    english = await shop.http.get("/search/text", params={"q": "pear", "lang": "en"})
    assert [(one["name"], one["image"]) for one in english.json()["products"]] == [("Pear", None)]
    assert (await shop.http.get("/search/text", params={"q": "tractor"})).json() == {"products": []}


async def test_a_picture_becomes_a_task_whose_result_is_what_the_shop_has_of_that_kind(shop: Shop) -> None:
    await shop.open()
    reply = await shop.result(await shop.ask(picture(RED)))
    assert reply.status_code == 200
    told = reply.json()
    assert sorted(told) == ["predictions", "products"]
    assert [one["label"] for one in told["predictions"]] == ["red", "blue", "green"]
    assert [one["category"] for one in told["predictions"]] == ["shoes", None, "fruit"]
    assert sum(one["probability"] for one in told["predictions"]) == pytest.approx(1.0, abs=1e-5)
    assert {one["sku"] for one in told["products"]} == {"ZAP-1", "BOT-1"}  # what is below it as well
    few = await shop.result(await shop.ask(picture(GREEN), "file"), limit=1, lang="en")
    assert [one["name"] for one in few.json()["products"]] == ["Pear"]


async def test_a_result_that_is_not_ready_is_a_202_with_a_message(shop: Shop) -> None:
    await shop.open()
    queue: TaskQueue = shop.parts[TaskQueue]
    looked = anyio.Event()
    classify = inference.deed(shop.parts[Engine])

    async def slowly(work: Any) -> Any:
        await looked.wait()
        return await classify(work)

    queue.handle(inference.KIND, slowly)
    task_id = await shop.ask(picture(GREEN))
    reply = await shop.http.get(f"/tasks/{task_id}/result")
    assert (reply.status_code, list(reply.json())) == (202, ["message"])
    assert reply.headers["retry-after"] == "1"
    looked.set()
    assert (await shop.result(task_id)).json()["products"][0]["sku"] == "PER-1"


async def test_a_kind_that_the_shop_does_not_keep_has_the_next_likeliest_or_no_products(shop: Shop) -> None:
    await shop.open()
    blue = (await shop.result(await shop.ask(picture(BLUE)))).json()
    assert blue["predictions"][0]["label"] == "blue"
    assert blue["predictions"][0]["category"] is None
    assert blue["products"] != []
    await shop.network(nets.mean_colour(16), Description.model_validate({"labels": ["a", "b", "c"]}))
    unknown = (await shop.result(await shop.ask(picture(RED)))).json()
    assert unknown["predictions"][0]["label"] == "a"
    assert unknown["products"] == []


async def test_a_picture_is_classified_at_once(shop: Shop) -> None:
    await shop.open()
    reply = await shop.http.post("/classify", files={"image": picture(GREEN)})
    assert reply.status_code == 200
    assert list(reply.json()) == ["predictions"]
    best = reply.json()["predictions"][0]
    assert (best["label"], best["category"]) == ("green", "fruit")
    assert best["probability"] > 0.5


async def test_health_says_whether_pictures_can_be_classified(shop: Shop) -> None:
    for method, path in (("GET", "/health"), ("POST", "/classify"), ("POST", "/search/image")):
        files = {"image": picture()} if method == "POST" else None
        without = await shop.http.request(method, path, files=files)
        assert (without.status_code, without.json()["error"]) == (503, "unavailable"), path
    await shop.open()
    reply = await shop.http.get("/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "healthy", "model": "products@1"})
    output = {"task": "tensor", "embedding": "embedding", "tensors": ["embedding"]}
    await shop.network(nets.seeing(), Description.model_validate({"output": output}))
    reply = await shop.http.get("/health")
    assert (reply.status_code, reply.json()["error"]) == (503, "unavailable")


@pytest.mark.parametrize("path", ["/search/image", "/classify"])
async def test_what_is_no_picture_is_told_so(shop: Shop, path: str) -> None:
    await shop.open()
    empty = await shop.http.post(path, files={"image": b""})
    assert (empty.status_code, empty.json()["error"]) == (415, "not_an_image")
    missing = await shop.http.post(path, files={"photo": picture()})
    assert (missing.status_code, missing.json()["error"]) == (422, "invalid")
    assert "`image`" in missing.json()["detail"]
    large = await shop.http.post(path, files={"image": b"x" * (2**20 + 1)})
    assert (large.status_code, large.json()["error"]) == (413, "too_large")
    svg = await shop.http.post(path, files={"image": b"<svg/>"})
    if path == "/search/image":  # the task has looked, and its error is the result
        svg = await shop.result(svg.json()["task_id"])
    assert (svg.status_code, svg.json()["error"]) == (415, "not_an_image")


async def test_only_this_doors_tasks_are_shown_here(shop: Shop) -> None:
    queue: TaskQueue = shop.parts[TaskQueue]
    other = await queue.submit(Order(kind=inference.KIND, payload=None, owner="ana"))
    for task_id in (other.id, "nothing"):
        reply = await shop.http.get(f"/tasks/{task_id}/result")
        assert (reply.status_code, reply.json()["error"]) == (404, "not_found")


async def test_shoppers_cannot_fill_the_queue(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tienda, "MOST_WAITING", 3)
    one_at_a_time = settings.model_copy(update={"tasks": TaskSettings(parallel=1)})
    async with (
        open_app(one_at_a_time) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as http,
    ):
        shop = Shop(http, node.parts)
        await shop.open()
        opened = anyio.Event()
        classify = inference.deed(node.parts[Engine])

        async def slowly(work: Any) -> Any:
            await opened.wait()
            return await classify(work)

        node.parts[TaskQueue].handle(inference.KIND, slowly)
        waiting = [await shop.ask(picture(RED)) for _ in range(3)]
        full = await http.post("/search/image", files={"image": picture(RED)})
        assert (full.status_code, full.json()["error"]) == (503, "busy")
        assert full.headers["retry-after"] == "1"
        opened.set()
        for task_id in waiting:
            assert (await shop.result(task_id)).status_code == 200
        assert (await shop.result(await shop.ask(picture(RED)))).status_code == 200
