"""The shop, as a shopper sees it: words, filters, products, and pictures looked at here or there."""

import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from pages.site import Site
from pages.visiting import Visit

Visiting = Callable[..., Visit]


@pytest.fixture(scope="module")
def picture(site: Site, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A product that has one, and its picture as a file."""
    with httpx.Client(base_url=site.url) as node:
        for product in node.get("/v1/products", params={"limit": 40}).json()["products"]:
            if product["pictures"]:
                file = tmp_path_factory.mktemp("pictures") / "seen.webp"
                file.write_bytes(node.get(f"/v1/pictures/{product['pictures'][0]['digest']}").content)
                return product["sku"], file
    raise AssertionError("no product of the demo fair has a picture")


def skus(page: Page) -> list[str]:
    links = page.locator(".lay-search a.good").evaluate_all("all => all.map(one => one.pathname)")
    return [path.rsplit("/", 1)[1] for path in links]


def test_what_is_typed_is_found_as_one_types_and_the_address_keeps_it(visit: Visiting) -> None:
    page = visit("/shop").page
    expect(page.get_by_role("heading", name="40 cosas en la feria")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("zapatillas")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("para «zapatillas»")
    expect(page.locator(".good mark").first).to_have_text("Zapatillas")
    assert page.url.endswith("/shop?q=zapatillas")
    page.reload()
    expect(heading).to_contain_text("para «zapatillas»")


def test_an_offer_below_the_box_leads_to_its_product(visit: Visiting) -> None:
    page = visit("/", language="en").page
    box = page.get_by_role("combobox")
    box.press_sequentially("trainers")
    expect(page.get_by_role("option").first).to_be_visible()
    product = page.locator("#offers li[role=option]").last
    name = product.inner_text()
    product.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_filters_narrow_what_is_shown_and_go_one_by_one(visit: Visiting) -> None:
    page = visit("/shop?category=clothing").page
    stall = page.locator(".facets .check").first
    brand = stall.inner_text()
    stall.click()
    chip = page.locator(".chips a.chip", has_text=brand)
    expect(chip).to_be_visible()
    expect(page.locator(".lay-search > section")).to_have_attribute("aria-busy", "false")
    for by in page.locator(".lay-search .good .by").all_inner_texts():
        assert by == brand
    page.locator(".facets input[type=number]").nth(1).fill("0")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Aquí no hay nada")).to_be_visible()
    page.get_by_role("link", name="Quitar todo").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("40 cosas en la feria")


def test_more_are_shown_when_asked_for(visit: Visiting) -> None:
    page = visit("/shop").page
    expect(page.locator(".lay-search a.good")).to_have_count(24)
    page.get_by_role("button", name="Ver 16 más").click()
    expect(page.locator(".lay-search a.good")).to_have_count(40)
    assert len(set(skus(page))) == 40


def test_a_product_shows_what_looks_like_it(visit: Visiting, picture: tuple[str, Path]) -> None:
    page = visit(f"/shop/{picture[0]}").page
    expect(page.get_by_role("heading", name="Más como esta")).to_be_visible()
    expect(page.locator(".more .good").first).to_be_visible()
    assert picture[0] not in page.locator(".more a.good").evaluate_all("all => all.map(one => one.pathname)")
    page.get_by_role("button", name="Se llevan juntas").click()
    assert page.url.endswith("?by=together")


def test_a_product_that_is_not_there_is_said_to_be_so(visit: Visiting) -> None:
    someone = visit("/shop/NOT-THERE", language="en")
    expect(someone.page.get_by_role("alert")).to_contain_text("There is nothing of that name here.")
    someone.expect_faults("404")


def test_a_picture_gets_the_same_answer_here_and_there_and_stays_here(
    visit: Visiting, picture: tuple[str, Path]
) -> None:
    someone = visit("/shop?photo=1")
    page = someone.page
    bodies: list[tuple[str, int]] = []
    page.on("request", lambda asked: bodies.append((asked.url, len(asked.post_data_buffer or b""))))
    page.locator("input[type=file]").set_input_files(picture[1])
    seen = page.locator(".picture .verdict, .picture .label")
    expect(page.locator(".lay-search a.good").first).to_be_visible()
    there, guesses = skus(page), page.locator(".picture .meter").all_inner_texts()
    assert there[0] == picture[0]
    assert any(url.endswith("/v1/search/image?limit=24") for url, _ in bodies)

    bodies.clear()
    page.get_by_role("button", name="Navegador").click()
    expect(page.locator(".picture .xs.used")).to_contain_text("no sube la foto")
    expect(seen.first).to_be_visible()
    assert skus(page)[:5] == there[:5]
    assert [line.split("\n")[0] for line in page.locator(".picture .meter").all_inner_texts()][:1] == [
        guesses[0].split("\n")[0]
    ]
    sent = [(url, size) for url, size in bodies if size]
    assert [url.rsplit("/", 1)[1] for url, _ in sent] == ["vector"]
    assert sent[0][1] < picture[1].stat().st_size or sent[0][1] < 10_000


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted_anywhere_it_may(
    visit: Visiting, picture: tuple[str, Path], event: str
) -> None:
    page = visit("/").page
    expect(page.locator(".picture")).to_be_visible()
    content = base64.b64encode(picture[1].read_bytes()).decode()
    page.evaluate(
        """([kind, content]) => {
          const file = new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], "p.webp",
            { type: "image/webp" });
          const data = new DataTransfer();
          data.items.add(file);
          const how = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
          if (kind === "drop") document.querySelector(".picture").dispatchEvent(new DragEvent("drop", how));
          else window.dispatchEvent(new ClipboardEvent("paste", how));
        }""",
        [event, content],
    )
    expect(page.get_by_role("heading", level=1)).to_contain_text("a tu foto")
    assert page.url.endswith("/shop?photo=1")
    assert skus(page)[0] == picture[0]


def test_a_file_that_is_no_picture_is_refused_and_loses_nothing(visit: Visiting, tmp_path: Path) -> None:
    file = tmp_path / "notes.png"
    file.write_text("not a picture")
    someone = visit("/shop?photo=1", language="en")
    page = someone.page
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text("is not a picture that the node can read")
    page.get_by_role("button", name="Browser").click()
    expect(page.get_by_role("alert")).to_contain_text("is not a picture that this browser can read")
    someone.expect_faults("415")


def test_what_looks_like_a_picture_is_narrowed_by_filters_too(
    visit: Visiting, picture: tuple[str, Path]
) -> None:
    page = visit("/shop?photo=1").page
    page.locator("input[type=file]").set_input_files(picture[1])
    expect(page.locator(".lay-search a.good").first).to_be_visible()
    assert len(set(page.locator(".lay-search .good .by").all_inner_texts())) > 1
    stall = page.locator(".facets .check").first
    brand = stall.inner_text()
    stall.click()
    expect(page.locator(".chips a.chip", has_text=brand)).to_be_visible()
    expect(page.locator(".lay-search > section")).to_have_attribute("aria-busy", "false")
    assert set(page.locator(".lay-search .good .by").all_inner_texts()) == {brand}


def test_a_photo_is_taken_and_the_camera_is_off_again(visit: Visiting) -> None:
    page = visit("/shop?photo=1").page
    page.get_by_role("button", name="Hacer una foto").click()
    page.get_by_role("button", name="Disparar").click()
    expect(page.get_by_role("img", name="Tu foto")).to_be_visible()
    expect(page.locator("video")).to_have_count(0)
    expect(page.get_by_text("En el servidor")).to_be_visible()


def test_nobody_is_remembered_who_has_not_said_so(visit: Visiting, picture: tuple[str, Path]) -> None:
    someone = visit(f"/shop/{picture[0]}")
    page = someone.page
    told: list[str] = []
    page.on("request", lambda asked: told.append(asked.url) if asked.url.endswith("/v1/events") else None)
    expect(page.get_by_role("heading", name="Más como esta")).to_be_visible()
    someone.go("/")
    page.get_by_role("switch", name="Recordar lo que miro").check()
    assert told == []
    someone.go(f"/shop/{picture[0]}")
    expect(page.get_by_role("heading", name="Más como esta")).to_be_visible()
    assert len(told) == 1
    someone.go("/")
    page.get_by_role("switch", name="Recordar lo que miro").uncheck()
    assert page.evaluate("localStorage.getItem('shopper')") is None


def test_the_shop_waits_while_the_node_is_out_of_reach_and_goes_on_by_itself(visit: Visiting) -> None:
    someone = visit("/shop")
    page = someone.page
    expect(page.locator(".lay-search a.good").first).to_be_visible()
    someone.context.set_offline(True)
    expect(page.get_by_text("El nodo no responde.").first).to_be_visible()
    page.get_by_role("link", name="Ropa").click()
    expect(page.get_by_role("alert")).to_contain_text("Lo intentamos solos en cuanto vuelva.")
    assert len(skus(page)) == 24  # what was there stays
    someone.context.set_offline(False)
    expect(page.get_by_role("heading", level=1)).to_contain_text("en Ropa")
    expect(page.get_by_text("El nodo no responde.")).to_have_count(0)
    someone.expect_faults("ERR_INTERNET_DISCONNECTED")


def test_the_first_page_weighs_less_than_200_kilobytes(visit: Visiting) -> None:
    someone = visit("/livez")
    page = someone.page
    network = someone.context.new_cdp_session(page)
    network.send("Network.enable")
    kinds: dict[str, str] = {}
    weights: dict[str, float] = {}
    network.on(
        "Network.responseReceived", lambda said: kinds.update({said["requestId"]: said["response"]["url"]})
    )
    network.on(
        "Network.loadingFinished", lambda said: weights.update({said["requestId"]: said["encodedDataLength"]})
    )
    someone.go("/")
    expect(page.get_by_role("button", name="Elegir un archivo")).to_be_visible()
    page.wait_for_load_state("networkidle")
    of_the_app = {kinds[one]: size for one, size in weights.items() if "/v1/" not in kinds.get(one, "/v1/")}
    assert any("/assets/" in url for url in of_the_app)
    assert sum(of_the_app.values()) < 200_000, of_the_app
