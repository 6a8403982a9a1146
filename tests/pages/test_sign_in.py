"""A locked node: what shoppers see of it, and how those who run it come in."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from cli.running import Feria
from pages.conftest import APP, visiting
from pages.site import Site, opened_fair
from pages.visiting import Visit

Visiting = Callable[..., Visit]


@pytest.fixture(scope="module")
def feria(tmp_path_factory: pytest.TempPathFactory) -> Feria:
    folder = tmp_path_factory.mktemp("locked")
    return Feria(folder / "home", folder)


@pytest.fixture(scope="module")
def token(feria: Feria) -> str:
    return feria("tokens", "create", "ana", "--role", "admin").out.strip()


@pytest.fixture(scope="module")
def locked(feria: Feria, token: str) -> Iterator[Site]:
    """A node that asks for a token, as `token` is."""
    if not APP.is_file():
        pytest.skip("the web app is not built: make app")
    with opened_fair(feria, products=6, FERIA_ACCESS__LOCKED="true") as site:
        yield site


@pytest.fixture
def visit(locked: Site, browser: Browser) -> Iterator[Visiting]:
    with visiting(browser, locked.url) as visit:
        yield visit


def test_a_shopper_finds_things_without_an_account(visit: Visiting) -> None:
    page = visit("/shop").page
    expect(page.get_by_role("heading", level=1)).to_have_text("6 cosas en la feria")


def test_who_runs_the_node_signs_in_and_is_where_they_wanted_to_be(visit: Visiting, token: str) -> None:
    someone = visit("/models/products")
    page = someone.page
    expect(page.get_by_role("heading", name="Entra en este nodo")).to_be_visible()
    page.get_by_label("Token").fill("feria_wrong")
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("alert")).to_contain_text("Ese token no vale")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("products@1")
    expect(page.get_by_text("has entrado como ana")).to_be_visible()
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_role("heading", name="Entra en este nodo")).to_be_visible()
    someone.expect_faults("401")


def test_a_sign_in_leads_to_no_other_site(visit: Visiting, token: str) -> None:
    page = visit("/login?next=//elsewhere.example/models").page
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("heading", name="Una feria de muchos puestos")).to_be_visible()


def test_a_guest_who_goes_further_is_asked_to_sign_in(visit: Visiting) -> None:
    someone = visit("/")
    page = someone.page
    page.get_by_role("link", name="Ver los modelos").click()
    expect(page.get_by_role("heading", name="Entra en este nodo")).to_be_visible()
    assert "next=" in page.url
    someone.expect_faults("401")
