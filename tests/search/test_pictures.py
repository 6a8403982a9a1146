"""Searching by picture over HTTP, with a network that sees colours."""

import base64
import io
import json
import math
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image

import nets
from feria.app import open_app
from feria.catalog.catalog import Catalog
from feria.inference.engine import Engine
from feria.registry.shelf import Registry
from feria.registry.wire import Description
from feria.search.picture_wire import PictureAnswer, PictureNetwork, SimilarProducts
from feria.settings import AccessSettings, InferenceSettings, SearchSettings, Settings, TaskSettings
from feria.tasks.queue import Order, TaskQueue, Work
from goods import draft, picture

RED, GREEN, BLUE = (220, 20, 30), (20, 200, 40), (30, 40, 220)
SHADES = {
    "red-shirt": ("clothing/shirts", RED, "Amapola", "19.99", 3),
    "dark-red-shirt": ("clothing/shirts", (150, 10, 20), "Tres Grullas", "29.99", 0),
    "red-hat": ("hats", (230, 50, 50), "Amapola", "9.99", None),
    "green-hat": ("hats", GREEN, "Amapola", "12.50", 5),
    "blue-shirt": ("clothing/shirts", BLUE, "Tres Grullas", "24.00", 2),
    "blue-jug": ("home/jugs", (60, 80, 240), "", "15.00", 1),
}
MAP = {"red": "clothing", "green": "hats"}


def described(**more: Any) -> Description:
    return Description.model_validate({"labels": ["red", "green", "blue"], "unsure_below": 0.4} | more)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(MAP))
    return Settings(
        home=tmp_path / "home",
        search=SearchSettings(labels=labels),
        inference=InferenceSettings(max_pixels=1_000_000),
        _env_file=None,
    )


class Shop:
    def __init__(self, http: httpx.AsyncClient, parts: dict[type, Any]) -> None:
        self.http = http
        self.catalog: Catalog = parts[Catalog]
        self.registry: Registry = parts[Registry]
        self.parts = parts

    async def stock(self) -> None:
        for sku, (category, colour, brand, price, stock) in SHADES.items():
            title = {"es": sku.replace("-", " "), "en": sku.replace("-", " ")}
            one = draft(sku, title=title, category=category, brand=brand, price=price, stock=stock)
            await self.catalog.put(one, [picture(colour)])

    async def network(self) -> PictureNetwork:
        reply = await self.http.get("/v1/search/model")
        assert reply.status_code == 200, reply.text
        return PictureNetwork.model_validate_json(reply.content)

    async def seen(self, vectors: int) -> PictureNetwork:
        """Once the network in use has seen so many pictures, and none is left."""
        with anyio.fail_after(300):
            while True:
                now = await self.ready()
                if (now.progress.vectors, now.progress.waiting, now.coming) == (vectors, 0, None):
                    return now
                await anyio.sleep(0.01)

    async def ready(self) -> PictureNetwork:
        """Once there is a network in use."""
        with anyio.fail_after(300):
            while (await self.http.get("/v1/search/model")).status_code != 200:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        return await self.network()

    async def ask(self, image: bytes, **query: Any) -> PictureAnswer:
        reply = await self.http.post("/v1/search/image", content=image, params=query)
        assert reply.status_code == 200, reply.text
        return PictureAnswer.model_validate_json(reply.content)

    async def found(self, image: bytes, **query: Any) -> list[str]:
        return [one.product.sku for one in (await self.ask(image, **query)).products]


@pytest.fixture
async def shop(settings: Settings) -> AsyncGenerator[Shop]:
    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        yield Shop(http, node.parts)


@pytest.fixture
async def seeing(shop: Shop) -> Shop:
    await shop.stock()
    await shop.registry.publish("products", nets.seeing(), described())
    await shop.seen(len(SHADES))
    return shop


async def test_what_looks_most_alike_comes_first_with_what_the_network_takes_it_for(seeing: Shop) -> None:
    answer = await seeing.ask(picture(RED))
    assert [one.product.sku for one in answer.products][:3] == ["red-shirt", "red-hat", "dark-red-shirt"]
    assert answer.products[0].similarity == pytest.approx(1.0, abs=0.01)
    similarities = [one.similarity or 0.0 for one in answer.products]
    assert similarities == sorted(similarities, reverse=True)
    best = answer.predictions[0]
    assert (best.label, best.category, answer.unsure) == ("red", "clothing", False)
    assert {one.label: one.category for one in answer.predictions} == {**MAP, "blue": None}
    assert (answer.model, answer.version, answer.found_by) == ("products", 1, ("looks",))


async def test_every_way_to_send_a_picture_is_answered_alike(seeing: Shop) -> None:
    image = picture(BLUE)
    plain = (await seeing.http.post("/v1/search/image", content=image)).json()
    form = await seeing.http.post("/v1/search/image", files={"image": image})
    coded = base64.b64encode(image).decode()
    said = await seeing.http.post("/v1/search/image", json={"image": coded})
    url = await seeing.http.post("/v1/search/image", json={"image": f"data:image/png;base64,{coded}"})
    assert plain["products"][0]["product"]["sku"] == "blue-shirt"
    assert plain == form.json() == said.json() == url.json()


async def test_a_task_finds_what_a_plain_request_finds(seeing: Shop) -> None:
    image, query = picture(GREEN), {"category": "hats", "max_price": "12.50", "q": "hat", "limit": "5"}
    plain = await seeing.http.post("/v1/search/image", content=image, params=query)
    task = await seeing.http.post(
        "/v1/search/image", content=image, params=query, headers={"Prefer": "respond-async"}
    )
    assert (task.status_code, task.json()["kind"]) == (202, "search-image")
    result = await seeing.http.get(f"{task.headers['location']}/result", params={"wait": 30})
    assert (result.status_code, result.json()) == (200, plain.json())
    assert result.json()["products"][0]["product"]["sku"] == "green-hat"


async def test_a_task_of_a_bad_picture_fails_in_the_words_of_the_refusal(seeing: Shop) -> None:
    task = await seeing.http.post("/v1/search/image", content=b"<svg/>", headers={"Prefer": "respond-async"})
    result = await seeing.http.get(f"{task.headers['location']}/result", params={"wait": 30})
    assert (result.status_code, result.json()["error"]) == (415, "not_an_image")


@pytest.mark.parametrize(
    ("query", "skus"),
    [
        ({"category": "clothing"}, ["red-shirt", "dark-red-shirt", "blue-shirt"]),
        ({"category": "hats"}, ["red-hat", "green-hat"]),
        ({"category": "hats/none"}, []),
        ({"brand": "Tres Grullas"}, ["dark-red-shirt", "blue-shirt"]),
        ({"brand": ["Tres Grullas", "Nobody"], "in_stock": "true"}, ["blue-shirt"]),
        ({"min_price": "19.99", "max_price": "24.00"}, ["red-shirt", "blue-shirt"]),
        ({"category": "clothing", "brand": "Amapola", "min_price": "1", "in_stock": "true"}, ["red-shirt"]),
        ({"limit": "2"}, ["red-shirt", "red-hat"]),
    ],
)
async def test_filters_hold_all_at_once(seeing: Shop, query: dict[str, Any], skus: list[str]) -> None:
    assert await seeing.found(picture(RED), **query) == skus


async def test_words_and_looks_together_bring_up_what_has_both(seeing: Shop) -> None:
    with anyio.fail_after(300):
        while (await seeing.http.get("/v1/search", params={"q": "blue"})).json()["total"] != 2:  # noqa: ASYNC110
            await anyio.sleep(0.01)
    answer = await seeing.ask(picture(RED), q="hat")
    assert answer.found_by == ("looks", "words")
    assert answer.products[0].product.sku == "red-hat"
    assert await seeing.found(picture(RED), q="blue jug", limit=6) != await seeing.found(
        picture(RED), limit=6
    )


async def test_more_like_this_leaves_the_product_itself_out(seeing: Shop) -> None:
    reply = await seeing.http.get("/v1/products/red-shirt/similar", params={"limit": 2})
    similar = SimilarProducts.model_validate_json(reply.content)
    assert [one.product.sku for one in similar.products] == ["red-hat", "dark-red-shirt"]
    assert similar.found_by == ("looks",)
    assert (await seeing.http.get("/v1/products/nothing/similar")).status_code == 404


async def test_more_like_this_is_of_its_category_where_nobody_has_seen_it(shop: Shop) -> None:
    await shop.stock()
    reply = await shop.http.get("/v1/products/red-shirt/similar", params={"in_stock": True})
    similar = SimilarProducts.model_validate_json(reply.content)
    assert [one.product.sku for one in similar.products] == ["blue-shirt"]
    assert (similar.found_by, similar.products[0].similarity) == (("category",), None)


async def test_a_product_is_found_as_it_is_now(seeing: Shop) -> None:
    await seeing.catalog.put(draft("red-hat", category="clothing/caps"), [picture(BLUE), picture(GREEN)])
    await seeing.catalog.remove("red-shirt")
    await seeing.seen(len(SHADES))
    assert await seeing.found(picture(RED), category="clothing", limit=1) == ["dark-red-shirt"]
    assert "red-hat" in await seeing.found(picture(GREEN), limit=2)
    assert (await seeing.found(picture(BLUE))).count("red-hat") == 1
    assert await seeing.found(picture(RED), category="hats") == ["green-hat"]
    await seeing.catalog.put(draft("red-hat"), [])
    await seeing.seen(len(SHADES) - 2)
    assert "red-hat" not in await seeing.found(picture(BLUE))


# ------------------------------------------------------------------- by a vector that a browser saw
async def vector_of(shop: Shop, image: bytes) -> list[float]:
    engine: Engine = shop.parts[Engine]
    sight = await engine.see(await engine.sights("products"), image)
    assert sight.vector is not None
    return [float(one) for one in sight.vector]


async def test_a_vector_finds_what_its_picture_does(seeing: Shop) -> None:
    network, image = await seeing.network(), picture(RED)
    said = {
        "model": network.digest,
        "vector": await vector_of(seeing, image),
        "label": "red",
        "min_price": 10,
        "brand": ["Amapola"],
    }
    reply = await seeing.http.post("/v1/search/vector", json=said)
    answer = PictureAnswer.model_validate_json(reply.content)
    plain = await seeing.ask(image, min_price=10, brand="Amapola")
    assert answer.products == plain.products
    assert [(one.label, one.category) for one in answer.predictions] == [("red", "clothing")]


async def test_a_vector_of_any_length_is_its_direction(seeing: Shop) -> None:
    network, vector = await seeing.network(), await vector_of(seeing, picture(RED))
    answers = [
        (
            await seeing.http.post(
                "/v1/search/vector", json={"model": network.digest, "vector": [one * scale for one in vector]}
            )
        ).json()
        for scale in (1.0, 1e-200, 1e300)
    ]
    assert answers[0]["products"][0]["product"]["sku"] == "red-shirt"
    assert answers[0] == answers[1] == answers[2]


async def test_a_label_alone_finds_its_category(seeing: Shop) -> None:
    network = await seeing.network()
    reply = await seeing.http.post(
        "/v1/search/vector", json={"model": network.digest, "label": "green", "max_price": 10}
    )
    answer = PictureAnswer.model_validate_json(reply.content)
    assert [one.product.sku for one in answer.products] == ["red-hat"]
    assert answer.found_by == ("category",)
    nowhere = await seeing.http.post("/v1/search/vector", json={"model": network.digest, "label": "blue"})
    assert (nowhere.status_code, nowhere.json()["products"]) == (200, [])


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        ([0.1] * 11, "has 12 numbers"),
        ([], "at least 1"),
        ([0.0] * 12, "no direction"),
        ([math.nan] + [0.1] * 11, "finite"),
        ([math.inf] * 12, "finite"),
        (["x"] * 12, "number"),
        ([0.1] * 10_000, "at most 8192"),
    ],
)
async def test_a_vector_that_is_none_is_refused(seeing: Shop, vector: list[Any], said: str) -> None:
    body = json.dumps({"model": (await seeing.network()).digest, "vector": vector})
    reply = await seeing.http.post(
        "/v1/search/vector", content=body, headers={"Content-Type": "application/json"}
    )
    assert (reply.status_code, reply.json()["error"]) == (422, "invalid")
    assert said in reply.json()["detail"]


async def test_what_another_network_saw_is_a_conflict_that_names_the_one_in_use(seeing: Shop) -> None:
    reply = await seeing.http.post("/v1/search/vector", json={"model": "0" * 64, "vector": [0.1] * 12})
    assert (reply.status_code, reply.json()["error"]) == (409, "conflict")
    assert reply.json()["digest"] == (await seeing.network()).digest


@pytest.mark.parametrize("more", [{}, {"label": "purple"}, {"label": "red", "min_price": 5, "max_price": 1}])
async def test_a_question_without_sense_is_refused(seeing: Shop, more: dict[str, Any]) -> None:
    said = {"model": (await seeing.network()).digest} | more
    reply = await seeing.http.post("/v1/search/vector", json=said)
    assert (reply.status_code, reply.json()["error"]) == (422, "invalid")


# ------------------------------------------------------------------- the network
async def test_a_page_is_told_all_it_needs_to_run_the_network_itself(seeing: Shop) -> None:
    network = await seeing.network()
    model = await seeing.registry.find("products")
    assert (network.model, network.version, network.digest) == ("products", 1, model.digest)
    assert (network.input.width, network.embedding, network.probabilities) == (8, "embedding", "prob")
    assert (network.dimension, network.labels, network.categories) == (12, ("red", "green", "blue"), MAP)
    file = await seeing.http.get(network.url)
    assert file.content == nets.seeing()
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["etag"] == f'"{network.digest}"'
    other = await seeing.registry.publish("other", nets.linear([1.0]))
    assert (await seeing.http.get(f"/v1/search/model/{other.digest}")).status_code == 404


async def test_without_a_network_one_is_told_how_to_add_it(shop: Shop) -> None:
    await shop.stock()
    reply = await shop.http.post("/v1/search/image", content=picture(RED))
    assert (reply.status_code, reply.json()["error"]) == (503, "unavailable")
    assert "feria models add NET.onnx --name products" in reply.json()["detail"]
    told = await shop.http.get("/v1/search/model")
    assert (told.status_code, told.json()["detail"]) == (404, reply.json()["detail"])


async def test_a_network_for_rows_is_no_network_for_pictures(shop: Shop) -> None:
    await shop.registry.publish("products", nets.linear([1.0]))
    with anyio.fail_after(300):
        while (reply := await shop.http.post("/v1/search/image", content=picture(RED))).json()[  # noqa: ASYNC110
            "error"
        ] == "busy":
            await anyio.sleep(0.01)
    assert (reply.status_code, reply.json()["error"]) == (503, "unavailable")
    assert "takes no pictures" in reply.json()["detail"]


async def test_a_network_is_used_as_soon_as_it_is_on_the_shelf_and_no_longer_than_that(shop: Shop) -> None:
    await shop.stock()
    await shop.registry.publish("products", nets.seeing(), described())
    await shop.ready()
    await shop.ask(picture(RED))
    await shop.registry.delete("products")
    with anyio.fail_after(300):
        while (await shop.http.post("/v1/search/image", content=picture(RED))).status_code != 503:  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def test_a_network_without_vectors_finds_what_is_of_the_category_it_sees(shop: Shop) -> None:
    await shop.stock()
    await shop.registry.publish("products", nets.mean_colour(), described())
    await shop.ready()
    answer = await shop.ask(picture(RED))
    assert {one.product.sku for one in answer.products} == {"red-shirt", "dark-red-shirt", "blue-shirt"}
    assert answer.found_by == ("category",)
    assert await shop.found(picture(RED), in_stock=True, limit=1) == ["blue-shirt"]
    assert await shop.found(picture(RED), category="hats", max_price=10) == ["red-hat"]
    assert await shop.found(picture(RED), q="dark") == ["dark-red-shirt"]
    # Blue is mapped to nothing; red comes next among what it may be.
    assert (await shop.network()).dimension is None


async def test_a_network_without_classes_still_finds_by_looks(shop: Shop) -> None:
    await shop.stock()
    output = {"task": "tensor", "embedding": "embedding", "tensors": ["prob", "embedding"]}
    await shop.registry.publish("products", nets.seeing(), Description.model_validate({"output": output}))
    await shop.seen(len(SHADES))
    answer = await shop.ask(picture(GREEN))
    assert (answer.products[0].product.sku, answer.predictions, answer.unsure) == ("green-hat", (), None)


async def test_an_embedding_whose_width_the_file_leaves_open_is_found(shop: Shop) -> None:
    await shop.stock()
    await shop.registry.publish("products", nets.seeing(open_width=True), described())
    assert (await shop.seen(len(SHADES))).dimension == 12


async def test_photographs_find_others_of_their_kind_with_a_public_network(
    shop: Shop, shared_data: Path
) -> None:
    """By an embedding that was learned for another purpose: how many of the five nearest are of the kind."""
    kinds, shown, asked = ("shoes", "dress", "hat"), 16, 6
    photos = {kind: sorted((shared_data / "photos/clothing" / kind).glob("*.jpg")) for kind in kinds}
    for kind in kinds:
        files = photos[kind][:shown]
        drafts = [draft(f"{kind}-{n}", category=kind) for n in range(len(files))]
        await shop.catalog.put_all(
            drafts, {one.sku: [file.read_bytes()] for one, file in zip(drafts, files, strict=True)}
        )
    net = shared_data / "models/imagenet/mobilenet_v1_0.5_160_u8w.onnx"
    names = (shared_data / "models/imagenet/labels_1001.txt").read_text().splitlines()
    wants = {"input": "input", "width": 160, "height": 160, "mean": [127.5], "scale": [1 / 127.5]}
    description = {"labels": names, "input": {"type": "image", **wants}}
    await shop.registry.publish("products", net, Description.model_validate(description))
    assert (await shop.seen(shown * len(kinds))).dimension == 512
    right = []
    for kind in kinds:
        for photo in photos[kind][shown : shown + asked]:
            found = await shop.found(photo.read_bytes(), limit=5)
            right.append(sum(sku.startswith(kind) for sku in found) / 5)
    assert sum(right) / len(right) >= 0.65
    print(f"precision at 5: {sum(right) / len(right):.3f}")


# ------------------------------------------------------------------- bad pictures
def encoded(image: Image.Image, kind: str, **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def sideways(colour: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.new("RGB", (9, 12), colour), "JPEG", exif=exif)


@pytest.mark.parametrize(
    "image",
    [
        encoded(Image.new("CMYK", (20, 20), (20, 240, 230, 10)), "JPEG"),
        encoded(Image.new("RGB", (20, 20), RED), "GIF"),
        encoded(Image.new("RGB", (20, 20), RED), "WEBP"),
        encoded(Image.new("RGB", (1, 1), RED), "PNG"),
        encoded(Image.new("RGB", (4000, 1), RED), "PNG"),
        encoded(Image.new("RGBA", (20, 20), (*RED, 255)), "PNG"),
        sideways(RED),
    ],
    ids=["cmyk", "gif", "webp", "1x1", "a line", "alpha", "sideways"],
)
async def test_an_odd_picture_is_searched_for_as_any_other(seeing: Shop, image: bytes) -> None:
    assert (await seeing.ask(image)).predictions[0].label == "red"


async def test_a_picture_of_sixteen_bits_is_searched_for(seeing: Shop) -> None:
    assert len((await seeing.ask(encoded(Image.new("I;16", (20, 20), 40_000), "PNG"))).products) > 0


@pytest.mark.parametrize(
    ("image", "status", "error"),
    [
        (b"", 415, "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not_an_image"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", 415, "not_an_image"),
        (picture(RED)[:40], 415, "not_an_image"),
        (encoded(Image.new("L", (10_000, 10_000)), "PNG"), 413, "too_large"),
    ],
    ids=["empty", "svg", "heic", "cut off", "100 megapixels"],
)
async def test_what_is_no_picture_or_too_large_a_one_is_refused(
    seeing: Shop, image: bytes, status: int, error: str
) -> None:
    reply = await seeing.http.post("/v1/search/image", content=image)
    assert (reply.status_code, reply.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"image": "%%%"}},
        {"json": {"images": []}},
        {"json": {"images": [base64.b64encode(picture(RED)).decode()] * 2}},
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"files": {"other": b"x"}},
        {"data": {"image": "text"}, "files": {"other": b"x"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": picture(RED), "params": {"limit": 0}},
        {"content": picture(RED), "params": {"limit": 101}},
        {"content": picture(RED), "params": {"category": "Not a path"}},
        {"content": picture(RED), "params": {"min_price": "NaN"}},
        {"content": picture(RED), "params": {"min_price": 5, "max_price": 4}},
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(seeing: Shop, sent: dict[str, Any]) -> None:
    reply = await seeing.http.post("/v1/search/image", **sent)
    assert reply.status_code in {415, 422}, reply.text
    assert reply.json()["detail"]


async def test_hostile_words_beside_a_picture_are_just_words(seeing: Shop) -> None:
    for words in (
        "'; DROP TABLE products --",
        "title:*",
        "\x00\x1b[31m",
        "🤷" * 50,
        "(((",
        "a AND NOT b",
        "x" * 10_000,
    ):
        assert len(await seeing.found(picture(RED), q=words)) == len(SHADES)


async def test_a_body_beyond_the_limit_is_refused(seeing: Shop) -> None:
    reply = await seeing.http.post("/v1/search/image", content=bytes(33 * 2**20))
    assert (reply.status_code, reply.json()["error"]) == (413, "too_large")
    form = await seeing.http.post("/v1/search/image", files={"image": bytes(33 * 2**20)})
    assert (form.status_code, form.json()["error"]) == (413, "too_large")


# ------------------------------------------------------------------- more than it can take
async def test_a_full_node_refuses_pictures_with_the_time_to_come_back(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, inference=InferenceSettings(max_waiting=1, threads=1), _env_file=None)
    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        shop = Shop(http, node.parts)
        await shop.registry.publish("products", nets.seeing(), described())
        await shop.ready()
        await shop.ask(picture(RED))
        replies: list[httpx.Response] = []
        image = encoded(Image.effect_noise((900, 900), 80).convert("RGB"), "PNG")

        async def ask() -> None:
            replies.append(await http.post("/v1/search/image", content=image))

        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(ask)
        statuses = sorted(reply.status_code for reply in replies)
        assert set(statuses) == {200, 503}
        refused = next(reply for reply in replies if reply.status_code == 503)
        assert (refused.json()["error"], int(refused.headers["retry-after"]) >= 1) == ("busy", True)


async def test_a_full_queue_refuses_a_search_with_the_time_to_come_back(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, tasks=TaskSettings(parallel=1, max_waiting=1), _env_file=None)
    free = anyio.Event()

    async def wait(work: Work) -> None:
        await free.wait()

    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        shop, queue = Shop(http, node.parts), node.parts[TaskQueue]
        await shop.registry.publish("products", nets.seeing(), described())
        await shop.ready()
        queue.handle("wait", wait)
        for _ in range(2):
            await queue.submit(Order(kind="wait", payload=None, owner="local"))
        later = {"content": picture(RED), "headers": {"Prefer": "respond-async"}}
        reply = await http.post("/v1/search/image", **later)
        assert (reply.status_code, reply.json()["error"]) == (503, "busy")
        assert int(reply.headers["retry-after"]) >= 1
        assert (await shop.ask(picture(RED))).products == ()  # who waits for the answer is not in that line
        free.set()


async def test_a_search_that_no_network_could_do_is_not_queued(shop: Shop) -> None:
    later = {"content": picture(RED), "headers": {"Prefer": "respond-async"}}
    reply = await shop.http.post("/v1/search/image", **later)
    assert (reply.status_code, reply.json()["error"]) == (503, "unavailable")


# ------------------------------------------------------------------- locked nodes
async def test_shoppers_search_a_locked_node_without_an_account_but_queue_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, access=AccessSettings(locked=True), _env_file=None)
    async with (
        open_app(settings) as (app, node),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        shop = Shop(http, node.parts)
        await shop.stock()
        await shop.registry.publish("products", nets.seeing(), described())
        network = await shop.seen(len(SHADES))
        assert (await shop.found(picture(RED)))[0] == "red-shirt"
        assert (await http.get(network.url)).status_code == 200
        assert (await http.get("/v1/products/red-hat/similar")).status_code == 200
        said = {"model": network.digest, "vector": await vector_of(shop, picture(RED))}
        assert (await http.post("/v1/search/vector", json=said)).status_code == 200
        queued = await http.post(
            "/v1/search/image", content=picture(RED), headers={"Prefer": "respond-async"}
        )
        assert (queued.status_code, queued.json()["error"]) == (401, "not_signed_in")


async def test_prices_are_compared_to_the_hundredth(seeing: Shop) -> None:
    assert await seeing.found(picture(RED), max_price=Decimal("9.98")) == []
    assert await seeing.found(picture(RED), max_price=Decimal("9.99")) == ["red-hat"]
