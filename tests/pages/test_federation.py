"""Stores that train together, from the form to the model that answers."""

import re
import uuid
from collections.abc import Callable

import httpx
from playwright.sync_api import expect

from pages.site import STORES, Site
from pages.visiting import Visit

Visiting = Callable[..., Visit]


def test_a_job_is_ordered_watched_to_its_end_and_its_model_answers(visit: Visiting, site: Site) -> None:
    name = f"buys-{uuid.uuid4().hex[:6]}"
    someone = visit("/federation", language="en")
    page = someone.page
    page.get_by_role("link", name="New job").first.click()
    page.get_by_label("Name of the model").fill(name)
    page.get_by_label("Column to predict").select_option("bought")
    page.get_by_label("Rounds", exact=True).fill("6")
    page.get_by_role("radio", name=re.compile("FedProx")).check()
    page.get_by_role("checkbox", name=f"Choose {STORES[2]}").uncheck()
    expect(page.get_by_text("2 shops receive the same empty model.")).to_be_visible()
    page.get_by_role("button", name="Start training").click()

    expect(page).to_have_url(re.compile(r"/federation/jobs/\d+$"))
    expect(page.locator("[data-figure=round]")).to_contain_text("of 6")
    for store in STORES[:2]:
        expect(page.get_by_role("button", name=store)).to_be_visible()
    expect(page.get_by_role("button", name=STORES[2])).to_have_count(0)
    expect(page.get_by_text("The model is served")).to_be_visible()
    expect(page.locator("[data-figure=round]")).to_contain_text("6")
    chart = page.get_by_role("img", name=re.compile("^Accuracy per round of 6 rounds"))
    expect(chart).to_be_visible()
    expect(chart.locator("path.ln:not(.casing)")).to_have_count(3)
    expect(page.get_by_text("Round 6 closed")).to_be_visible()
    page.get_by_role("button", name="Loss").click()
    expect(page).to_have_url(re.compile("chart=loss"))

    page.get_by_role("link", name="Try it").click()
    expect(page).to_have_url(f"{site.url}/models/{name}/1")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    row = {"minutes": 29, "pages": 20, "returning": "yes"}
    answer = httpx.post(f"{site.url}/v1/models/{name}/predict", json={"rows": [row]}).json()
    assert answer["predictions"] == ["yes"]


def test_the_privacy_that_the_form_promises_is_what_the_job_spends(visit: Visiting) -> None:
    someone = visit("/federation/new")
    page = someone.page
    page.get_by_label("Nombre del modelo").fill(f"private-{uuid.uuid4().hex[:6]}")
    page.get_by_label("Columna que se predice").select_option("bought")
    page.get_by_label("Rondas", exact=True).fill("3")
    page.get_by_role("checkbox", name="Añadir ruido").check()
    page.get_by_role("slider").fill("40")
    promised = page.locator("[data-figure=epsilon]").inner_text()
    page.get_by_role("button", name="Empezar a entrenar").click()
    expect(page.get_by_text("El modelo está servido")).to_be_visible()
    expect(page.locator(".budget b")).to_have_text(f"ε {promised}")


def test_an_order_that_cannot_be_meant_says_what_is_to_be_put_right(visit: Visiting) -> None:
    someone = visit("/federation/new")
    page = someone.page
    page.get_by_label("Nombre del modelo").fill("Con Mayúsculas")
    page.get_by_label("Mínimo de clientes").fill("9")
    page.get_by_role("button", name="Empezar a entrenar").click()
    expect(page.get_by_text("Faltan corregir 3 campos.")).to_be_visible()
    expect(page.get_by_text("Has elegido 3 clientes: el mínimo no puede ser mayor.")).to_be_visible()
    expect(page).to_have_url(re.compile("/federation/new$"))
    assert someone.violations() == []


def test_a_client_is_added_with_its_rows_and_removed_again(visit: Visiting, site: Site) -> None:
    name = f"Tienda {uuid.uuid4().hex[:6]}"
    someone = visit("/federation/clients")
    page = someone.page
    page.get_by_label("Nombre").fill(name)
    page.get_by_label("Archivo CSV o Parquet").set_input_files(site.feria.folder / "visits-0.csv")
    page.get_by_role("button", name="Añadir").click()
    row = page.get_by_role("row", name=re.compile(name))
    expect(row).to_contain_text("120")
    row.get_by_role("button", name=f"Quitar a {name}").click()
    page.get_by_role("button", name="Quitar", exact=True).click()
    expect(page.get_by_role("row", name=re.compile(name))).to_have_count(0)


def test_a_job_that_is_not_there_is_said_so_in_its_place(visit: Visiting) -> None:
    someone = visit("/federation/jobs/999999")
    expect(someone.page.get_by_role("alert")).to_contain_text("not_found")
    someone.expect_faults("404")
