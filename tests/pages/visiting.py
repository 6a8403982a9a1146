"""Somebody in front of the web app: with a memory of their own, in a language, at a width, day or night."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from pages.site import AXE

Language = Literal["es", "en"]
Theme = Literal["light", "dark"]
WIDTHS = (390, 820, 1440)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
HEIGHT = 900
OF_THE_PAGE = ("blob", "data")


@dataclass
class Visit:
    """`page` is Playwright's."""

    page: Page
    context: BrowserContext
    url: str
    faults: list[str] = field(default_factory=list)
    """What the console was told, and what was asked of anybody but the node."""

    @classmethod
    @contextmanager
    def begun(
        cls,
        browser: Browser,
        url: str,
        path: str,
        patience: int,
        *,
        language: Language = "es",
        theme: Theme = "light",
        width: int = 1440,
        token: str = "",
    ) -> Iterator[Self]:
        """`token`: signed in with it."""
        context = browser.new_context(
            locale={"es": "es-ES", "en": "en-GB"}[language],
            color_scheme=theme,
            viewport={"width": width, "height": HEIGHT},
            reduced_motion="reduce",
            permissions=["camera", "clipboard-read", "clipboard-write"],
        )
        try:
            context.set_default_timeout(patience)
            context.add_init_script(path=AXE)
            if token:
                signed = context.request.post(f"{url}/v1/session", data={"token": token})
                assert signed.ok, signed.text()
            visit = cls(context.new_page(), context, url)
            visit._listen()
            visit.go(path)
            yield visit
        finally:
            context.close()

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def expect_faults(self, *parts: str) -> None:
        """The test makes something fail: faults with one of these in them are as they should be."""
        self.faults = [fault for fault in self.faults if not any(part in fault for part in parts)]

    def check(self) -> None:
        assert not self.faults, "\n".join(self.faults)

    def violations(self) -> list[str]:
        """What axe finds wrong for people who do not see, point or tell colours apart: rule and place."""
        found = self.page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        return [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return max(0, width)

    def _listen(self) -> None:
        def console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                self.faults.append(f"console: {message.text} ({message.location.get('url', '')})")

        def request(asked: Request) -> None:
            other = urlsplit(asked.url)
            if other.scheme not in OF_THE_PAGE and other.netloc != urlsplit(self.url).netloc:
                self.faults.append(f"asked elsewhere: {asked.url}")

        def broken(error: Any) -> None:
            self.faults.append(f"uncaught: {error}")

        self.page.on("console", console)
        self.page.on("request", request)
        self.page.on("pageerror", broken)
