"""Language, theme and tokens; and a node that comes and goes."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import expect

from cli.running import Feria
from pages.site import Site
from pages.visiting import Visit
from programs import free_port

Visiting = Callable[..., Visit]


def test_language_and_theme_are_chosen_at_once_and_kept(visit: Visiting) -> None:
    page = visit("/settings").page
    page.get_by_role("main").get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 20, 17)"
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_token_is_made_works_once_copied_and_is_revoked(visit: Visiting, site: Site) -> None:
    name = f"ana-{uuid.uuid4().hex[:6]}"
    page = visit("/settings", language="en").page
    page.get_by_label("Whose").fill(name)
    page.get_by_label("Role").select_option("operator")
    page.get_by_role("button", name="Make a token").click()
    token = page.locator("code.secret").inner_text()
    assert token.startswith("feria_")
    row = page.get_by_role("row", name=re.compile(name))
    expect(row).to_contain_text("operator")
    row.get_by_role("button", name=f"Revoke the token of {name}").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_role("row", name=re.compile(name))).to_have_count(0)
    assert name not in {one["name"] for one in httpx.get(f"{site.url}/v1/tokens").json()["tokens"]}


def test_a_page_outlives_its_node_and_goes_on_when_it_is_back(visit: Visiting, tmp_path: Path) -> None:
    feria = Feria(tmp_path / "home", tmp_path)
    port = str(free_port())
    with feria.node("--port", port) as node:
        someone = visit("/cluster", at=node.url)
        page = someone.page
        expect(page.get_by_text("Este nodo está solo")).to_be_visible()
        node.stop()
    expect(page.get_by_text("El nodo no responde.")).to_be_visible()
    expect(page.get_by_text("Este nodo está solo")).to_be_visible()
    with feria.node("--port", port):
        expect(page.get_by_text("El nodo no responde.")).to_have_count(0)
        page.get_by_role("link", name="Ajustes").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Ajustes")
    someone.expect_faults("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
