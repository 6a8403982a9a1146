"""Promise `web_app`: weight of the first page, time to use it, from an event to the screen, open pages."""

import csv
import json
import random
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from bench.contenders import feria_node
from bench.processes import Failed, Tree
from bench.report import Grid, Outcome, Promise, number
from bench.rounds import Spread, spread
from bench.run import Run

NAME = "web_app"
LOADS = 9
WEIGHT = 200.0
"""kB on the wire until the shop stands there, at most."""
ROUNDS = 30
CLIENTS, ROWS = 5, 400
OPEN = 16
"""Pages that ask the node how its cluster is every two seconds."""
SEEN = """
window.seen = {};
new MutationObserver(() => {
  const figure = document.querySelector("[data-figure=round]");
  const round = figure && parseInt(figure.textContent);
  if (!round || round in window.seen) return;
  requestAnimationFrame(() => { window.seen[round] ??= Date.now() / 1000; });
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
"""Notes when each round was painted first."""


def run(run: Run) -> Outcome:
    with feria_node(run.scratch, "pages") as (process, port), chromium() as browser:
        url = f"http://127.0.0.1:{port}"
        weights, moments = loads(browser, url, 1 if run.quick else LOADS, run)
        _register(url, run.scratch)
        delays = _delays(browser, url, 5 if run.quick else ROUNDS, run)
        page_kib = kept_open(browser, f"{url}/cluster", Tree(process.pid), 4 if run.quick else OPEN, run)
    weight = spread(weights)
    return Outcome(
        NAME,
        grids=[
            Grid(
                "The web app in Chromium, nothing cached",
                ["Figure", "Median", "Least", "Most"],
                [
                    _row("first page, kB on the wire", weight),
                    _row("until a button can be pressed, ms", spread(moments)),
                    _row("from a round's beginning to its figure on the screen, ms", spread(delays)),
                    ["an open page on the server, KiB", number(page_kib), "", ""],
                ],
            )
        ],
        promises=[
            Promise(
                "web_app", f"{number(weight.median)} kB", "–", "", weight.median, f"≤ {WEIGHT:g} kB", False
            )
        ],
        notes=[
            "A node gathers what a job tells for 0.2 s, and tells nothing before it is written down.",
        ],
    )


def _row(what: str, found: Spread) -> list[str]:
    return [what, number(found.median), number(found.low), number(found.high)]


@contextmanager
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise Failed("There is no Chromium; `make test-tools` installs it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def loads(
    browser: Browser, url: str, times: int, run: Run, button: str = "main button"
) -> tuple[list[float], list[float]]:
    """Bytes and milliseconds of the first page, each time to a browser that has never been there."""
    weights, moments = [], []
    for turn in range(times + 1):
        run.tell(f"first page, {turn} of {times}")
        context = browser.new_context()
        page = context.new_page()
        wire = 0.0

        def count(said: dict[str, Any]) -> None:
            nonlocal wire
            wire += said["encodedDataLength"]

        network = context.new_cdp_session(page)
        network.on("Network.loadingFinished", count)
        network.send("Network.enable")
        page.goto(url, wait_until="commit")
        page.locator(button).first.wait_for()
        pressed: float = page.evaluate("performance.now()")
        page.wait_for_load_state("networkidle")
        context.close()
        if turn or times == 1:  # the first wakes the node and the browser
            weights.append(wire / 1000)
            moments.append(pressed)
    return weights, moments


def _register(url: str, scratch: Path) -> None:
    chance = random.Random(0)
    for store in range(CLIENTS):
        rows = scratch / f"store-{store}.csv"
        with rows.open("w", newline="", encoding="utf-8") as opened:
            table = csv.writer(opened)
            table.writerow(["minutes", "pages", "bought"])
            for _ in range(ROWS):
                minutes, pages = chance.uniform(0, 30), chance.randint(1, 20)
                table.writerow([minutes, pages, "yes" if minutes / 30 + pages / 20 > 1 else "no"])
        with rows.open("rb") as opened_rows:
            sent = httpx.post(
                f"{url}/v1/clients", data={"name": f"Store {store}"}, files={"file": (rows.name, opened_rows)}
            )
        sent.raise_for_status()


def _order(url: str, rounds: int) -> int:
    order = {"model": "bought", "kind": "logistic_regression", "target": "bought", "rounds": rounds}
    started = httpx.post(f"{url}/v1/jobs", json=order, timeout=60)
    return int(started.raise_for_status().json()["number"])


def _delays(browser: Browser, url: str, rounds: int, run: Run) -> list[float]:
    """Milliseconds from the beginning of a round, as its event says, to its number on the screen; not of the
    first, during which the page is loaded."""
    run.tell(f"a job of {rounds} rounds, watched")
    page = browser.new_page()
    page.add_init_script(SEEN)
    number_ = _order(url, rounds)
    page.goto(f"{url}/federation/jobs/{number_}")
    _until_ended(url, number_)
    page.wait_for_timeout(1_000)
    seen: dict[str, float] = page.evaluate("window.seen")
    page.close()
    stream = httpx.get(f"{url}/v1/jobs/{number_}/events", timeout=60).text
    began = {one["round"]: one["at"] for one in _told(stream) if one["event"] == "round_began"}
    found = [1000 * (at - began[int(round_)]) for round_, at in seen.items() if int(round_) > 1]
    if not found:
        raise Failed("The page showed no round.")
    return found


def _told(stream: str) -> Iterator[dict[str, Any]]:
    for line in stream.splitlines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def _until_ended(url: str, job: int) -> None:
    while httpx.get(f"{url}/v1/jobs/{job}").json()["state"] not in {"completed", "failed"}:
        time.sleep(0.1)


def kept_open(browser: Browser, url: str, node: Tree, pages: int, run: Run) -> float:
    """KiB that the server's processes grow by for each page that is open."""
    run.tell(f"{pages} pages kept open")
    opened: list[Page] = []

    def add() -> None:
        opened.append(browser.new_context().new_page())
        opened[-1].goto(url)
        opened[-1].wait_for_timeout(300)

    for _ in range(2):
        add()
    before = statistics.median(node.rss() for _ in range(5))
    for _ in range(pages):
        add()
    after = statistics.median(node.rss() for _ in range(5))
    for page in opened:
        page.context.close()
    return (after - before) / 1024 / pages
