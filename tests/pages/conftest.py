"""A node with the demo fair in a process of its own, and Chromium to visit it with."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from cli.running import Feria
from pages.site import AXE, Site, opened_fair
from pages.visiting import Visit

ROOT = Path(__file__).parents[2]
APP = ROOT / "src" / "feria" / "web" / "app" / "index.html"
CHROMIUM = (
    os.environ.get("FERIA_TEST_CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or shutil.which("google-chrome")
)
PATIENCE = int(os.environ.get("FERIA_TEST_PATIENCE", "60000"))
"""Milliseconds that a page gets to show something, on a machine that does many things at once."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    """One node for all tests of this process; they write under names of their own."""
    if not APP.is_file():
        pytest.skip("the web app is not built: make app")
    folder = tmp_path_factory.mktemp("fair")
    with opened_fair(Feria(folder / "home", folder)) as site:
        yield site


# Of a module, not of the session: while Playwright runs, no test of this process has an event loop.
@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium; make test-tools installs it")
    if not AXE.is_file():
        pytest.skip("no axe-core; make app brings it")
    with sync_playwright() as playwright:
        # The camera shows a green field with a ball, and says yes when it is asked.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a page as a visitor of its own, `visit("/shop", language="en", width=390)`; see `Visit`.
    `at` is the address of another node than `site`.

    What the page says to the console when something is wrong, and whatever it asks of anybody but the node,
    fails the test at its end.
    """
    with visiting(browser, site.url) as visit:
        yield visit


@contextmanager
def visiting(browser: Browser, url: str) -> Iterator[Callable[..., Visit]]:
    with ExitStack() as stack:
        visits: list[Visit] = []

        def visit(path: str = "/", at: str = url, **how: object) -> Visit:
            visits.append(stack.enter_context(Visit.begun(browser, at, path, PATIENCE, **how)))
            return visits[-1]

        yield visit
        for one in visits:
            one.check()
