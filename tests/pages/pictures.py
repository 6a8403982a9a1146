"""Photographs every page of the web app into docs/images: `make pictures`, or some with `ARGS="shop chat"`.

A node of its own, with the demo fair, stores that have trained and people who have talked.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from cli.running import Feria
from pages.conftest import CHROMIUM, PATIENCE, ROOT
from pages.site import STORES, Site, opened_fair
from pages.visiting import Language, Theme, Visit

IMAGES = ROOT / "docs" / "images"
QUALITY = 82
PRODUCTS = 120
MODEL = "visits"
TALK = (
    "Buenos días. Hoy ha llegado la cerámica de Ayacucho.",
    "Las tazas azules vuelven el jueves; apartadas hay tres.",
    "¿Alguien sabe si la tetera sirve para inducción? Lo pregunta una clienta.",
    "No: es para servir, el agua se calienta aparte.",
)


@dataclass(frozen=True)
class Picture:
    name: str
    path: str
    language: Language = "es"
    theme: Theme = "light"
    width: int = 1440
    before: Callable[[Page], None] = lambda page: None
    whole: bool = False
    """Of the page's full height, not of what a window shows."""


def _privately(page: Page) -> None:
    page.get_by_label("Name of the model").fill("buys_within_30_days")
    page.get_by_label("Column to predict").select_option("bought")
    page.get_by_role("checkbox", name="Add noise").check()


PICTURES = (
    Picture("shop", "/"),
    Picture("shop-night", "/", language="en", theme="dark"),
    Picture("shop-phone", "/shop?q=zapatillas", width=390),
    Picture("search", "/shop?q=zapatillas%20rojas"),
    Picture("mood", "/mood", language="en"),
    Picture("chat", "/chat/desk/general"),
    Picture("chat-phone", "/chat/r/general", width=390),
    Picture("job", "/federation/jobs/1", language="en", whole=True),
    Picture("job-night", "/federation/jobs/1", theme="dark", whole=True),
    Picture("job-phone", "/federation/jobs/1", width=390),
    Picture("new-job", "/federation/new", language="en", before=_privately, whole=True),
    Picture("jobs", "/federation"),
    Picture("clients", "/federation/clients", language="en"),
    Picture("models", "/models", language="en"),
    Picture("model", f"/models/{MODEL}/1", whole=True),
    Picture("cluster", "/cluster", language="en"),
    Picture("keys", "/cluster/keys?key=prices/mug"),
    Picture("tasks", "/cluster/tasks", language="en"),
    Picture("settings", "/settings", theme="dark"),
)


def main() -> int:
    wanted = [one for one in PICTURES if not sys.argv[1:] or one.name.split("-")[0] in sys.argv[1:]]
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        feria = Feria(Path(folder, "home"), Path(folder))
        with opened_fair(feria, PRODUCTS) as site, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            _live_a_little(site)
            for one in wanted:
                how = {"language": one.language, "theme": one.theme, "width": one.width}
                with Visit.begun(browser, site.url, one.path, PATIENCE, **how) as visit:  # type: ignore[arg-type]
                    _take(visit.page, one)
                print(f"docs/images/{one.name}.webp")
            browser.close()
    return 0


def _live_a_little(site: Site) -> None:
    """A job, a conversation and some keys, so that the pages have something to show."""
    with httpx.Client(base_url=site.url, timeout=60) as http:
        job = {
            "model": MODEL,
            "kind": "logistic_regression",
            "target": "bought",
            "rounds": 12,
            "strategy": "fedprox",
        }
        number = (
            http.post("/v1/jobs", json=job | {"participation": {"clients": STORES}}).raise_for_status().json()
        )
        for key, value in (
            ("prices/mug", b"12.50"),
            ("prices/teapot", b"46"),
            ("banner/es", b"Llega la feria"),
        ):
            http.put(f"/v1/kv/{key}", content=value).raise_for_status()
        for place, text in enumerate(TALK):
            said = {"id": f"picture-{place}", "text": text}
            http.post("/v1/chat/rooms/general/messages", json=said).raise_for_status()
        while http.get(f"/v1/jobs/{number['number']}").json()["state"] not in {"completed", "failed"}:
            time.sleep(0.2)


def _take(page: Page, one: Picture) -> None:
    page.wait_for_load_state("networkidle")
    one.before(page)
    page.wait_for_function("document.fonts.status === 'loaded'")
    page.wait_for_function("[...document.images].every(image => image.complete || image.loading === 'lazy')")
    if one.whole:  # as a taller window: what sticks to a side stays in its place
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": one.width, "height": height})
    page.wait_for_timeout(500)  # the last line glides into its place
    shown = Image.open(BytesIO(page.screenshot()))
    shown.save(IMAGES / f"{one.name}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    sys.exit(main())
