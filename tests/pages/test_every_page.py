"""What holds for every page: in both languages, at three widths, by day and by night."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from pages.visiting import WIDTHS, Language, Theme, Visit

PAGES = (
    *("/", "/shop", "/shop?q=zapatillas", "/shop?photo=1"),
    *("/chat", "/chat/r/general", "/chat/desk/general"),
    "/mood",
    *("/federation", "/federation/new", "/federation/clients"),
    *("/cluster", "/cluster/keys", "/cluster/keys?key=", "/cluster/tasks", "/settings"),
    *("/models", "/models?new=1", "/models/products", "/models/emotions/1"),
    "/login",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("language", "theme", "width"),
    [("es", "light", WIDTHS[2]), ("en", "dark", WIDTHS[1]), ("es", "dark", WIDTHS[0])],
)
def test_a_page_can_be_used_by_everybody_and_fits(
    visit: Callable[..., Visit], path: str, language: Language, theme: Theme, width: int
) -> None:
    someone = visit(path, language=language, theme=theme, width=width)
    page = someone.page
    expect(page.locator("h1").first).to_be_attached()
    page.wait_for_load_state("networkidle")
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert someone.violations() == []
    assert someone.overflow() == 0
