"""The shelf of models: what stands on it, asking one, and publishing another."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from sklearn.linear_model import LogisticRegression

from pages.site import Site
from pages.visiting import Visit

Visiting = Callable[..., Visit]


@pytest.fixture(scope="module")
def trained(site: Site) -> str:
    """A model of two columns with two versions, by name."""
    file = site.feria.folder / "tills.csv"
    chance = np.random.default_rng(0)
    lines = ["minutes,channel,bought"]
    for _ in range(200):
        minutes, channel = chance.uniform(0, 30), chance.choice(["shop", "web"])
        lines.append(f"{minutes:.1f},{channel},{'yes' if minutes > 15 else 'no'}")
    file.write_text("\n".join(lines) + "\n")
    for seed in ("1", "2"):
        words = ("--data", file, "--target", "bought", "--name", "tills", "--seed", seed)
        site.feria("train", "logistic_regression", *words)
    return "tills"


def test_the_shelf_shows_every_model_and_leads_to_it(visit: Visiting, trained: str) -> None:
    page = visit("/models").page
    row = page.get_by_role("row", name=trained)
    expect(row).to_contain_text("@2")
    expect(row).to_contain_text("2 columnas")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("tills@2")
    expect(page.locator("tr", has_text="@1")).to_be_visible()


def test_a_form_made_from_what_it_takes_asks_it(visit: Visiting, trained: str) -> None:
    page = visit(f"/models/{trained}", language="en").page
    page.get_by_label("minutes").fill("28.5")
    page.get_by_label("channel").fill("web")
    page.get_by_role("button", name="Ask the model").click()
    answer = page.locator(".answer")
    expect(answer.locator(".best")).to_contain_text("yes")
    expect(answer.locator(".meter[data-top]")).to_contain_text("%")
    expect(answer).to_contain_text("tills@2")


def test_the_curl_that_is_shown_is_answered(visit: Visiting, trained: str, site: Site) -> None:
    page = visit(f"/models/{trained}").page
    command = page.locator("pre.code", has_text="curl").inner_text()
    assert f"{site.url}/v1/models/{trained}/predict" in command
    body = json.loads(command.split("-d '")[1].rstrip("'\n"))
    answer = page.request.post(f"{site.url}/v1/models/{trained}/predict", data=body)
    assert answer.ok, answer.text()


def test_a_version_is_taken_out_of_use_and_put_back(visit: Visiting, trained: str) -> None:
    page = visit(f"/models/{trained}").page
    newest = page.get_by_role("row", name="@2")
    newest.get_by_role("button", name="retirar").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("tills@1")
    page.get_by_role("button", name="Deshacer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("tills@2")
    expect(newest).to_contain_text("en uso")


def test_a_picture_model_is_asked_with_a_picture(visit: Visiting, site: Site, tmp_path: Path) -> None:
    someone = visit("/models/products")
    page = someone.page
    product = page.request.get(f"{site.url}/v1/products?limit=40").json()["products"]
    digest = next(one["pictures"][0]["digest"] for one in product if one["pictures"])
    file = tmp_path / "seen.webp"
    file.write_bytes(page.request.get(f"{site.url}/v1/pictures/{digest}").body())
    page.get_by_label("Elegir una foto").set_input_files(file)
    expect(page.locator(".answer .best")).to_contain_text("%")


def test_a_file_is_published_and_served_at_once(visit: Visiting, tmp_path: Path) -> None:
    from skl2onnx import to_onnx

    x = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32)
    fitted = LogisticRegression().fit(x, x[:, 0] > 0)
    network = to_onnx(fitted, x[:1], options={id(fitted): {"zipmap": False}})
    file = tmp_path / "brought.onnx"
    file.write_bytes(network.SerializeToString())
    page = visit("/models").page
    page.get_by_role("link", name="Publicar un modelo").click()
    page.get_by_label("Archivo ONNX").set_input_files(file)
    expect(page.get_by_label("Nombre")).to_have_value("brought")
    page.get_by_label("Ficha (Markdown)").fill("Para **probar**. <script>alert(1)</script>")
    page.get_by_role("button", name="Publicar").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("brought@1")
    expect(page.locator(".prose b")).to_have_text("probar")
    expect(page.locator(".prose")).to_contain_text("<script>alert(1)</script>")


def test_a_file_that_is_no_model_is_refused_and_the_form_keeps_what_was_written(
    visit: Visiting, tmp_path: Path
) -> None:
    file = tmp_path / "notes.onnx"
    file.write_bytes(b"not a network")
    someone = visit("/models?new=1", language="en")
    page = someone.page
    page.get_by_label("ONNX file").set_input_files(file)
    page.get_by_label("Card (Markdown)").fill("For trying.")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("is not an ONNX model that the node can serve")
    expect(page.get_by_label("Card (Markdown)")).to_have_value("For trying.")
    someone.expect_faults("422")


def test_a_model_that_is_not_there_is_said_to_be_so(visit: Visiting) -> None:
    someone = visit("/models/nobody")
    expect(someone.page.get_by_role("alert")).to_contain_text("Aquí no hay nada con ese nombre.")
    someone.expect_faults("404")
