"""The first page beside what other toolkits make of one: kB on the wire, time to a button, memory a page."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.contenders import feria_node
from bench.peers.environments import python_of, versions_of
from bench.processes import Process, Tree, free_port, running
from bench.report import Grid, Outcome, Promise, number
from bench.rounds import spread
from bench.run import Run
from bench.web_app import LOADS, OPEN, chromium, kept_open, loads

NAME = "pages"
HERE = Path(__file__).parent
OURS = "feria"
PEERS = {"Gradio": "gradio", "NiceGUI": "nicegui"}


@contextmanager
def _peer(run: Run, name: str) -> Iterator[tuple[Process, str]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # It asks its makers for news and tells them of itself, unless told not to.
    silent = {"GRADIO_ANALYTICS_ENABLED": "False"}
    command = [python_of(name), str(HERE / f"{name}_page.py"), str(port)]
    with running(command, run.scratch / f"{name}.log", env=silent) as process:
        process.until_answers(url)
        yield process, url


def run(run: Run) -> Outcome:
    versions = {
        package: found
        for name in PEERS.values()
        for package, found in versions_of(python_of(name), (name,)).items()
    }
    weights, moments, rows = {}, {}, []
    for name in (OURS, *PEERS):
        run.tell(name)
        with ExitStack() as stack:
            browser = stack.enter_context(chromium())
            if name == OURS:
                process, port = stack.enter_context(feria_node(run.scratch, "pages"))
                url = f"http://127.0.0.1:{port}"
            else:
                process, url = stack.enter_context(_peer(run, PEERS[name]))
            found = loads(browser, url, 1 if run.quick else LOADS, run, "button")
            weights[name], moments[name] = (spread(one) for one in found)
            page_kib = kept_open(browser, url, Tree(process.pid), 4 if run.quick else OPEN, run)
        rows.append([name, *(number(one[name].median) for one in (weights, moments)), number(page_kib)])
    best = min(PEERS, key=lambda name: moments[name].median)
    lightest = min(PEERS, key=lambda name: weights[name].median)
    return Outcome(
        NAME,
        grids=[
            Grid(
                "A first page that nothing is cached of, and one more that is open",
                [
                    "",
                    "kB on the wire",
                    "until a button can be pressed, ms",
                    "KiB on the server, an open page",
                ],
                rows,
            )
        ],
        promises=[
            Promise(
                "web_app",
                f"{number(moments[OURS].median)} ms to the first button",
                best,
                f"{number(moments[best].median)} ms",
                moments[best].median / moments[OURS].median,
                "≥ 1",
            ),
            Promise(
                "web_app",
                f"{number(weights[OURS].median)} kB",
                lightest,
                f"{number(weights[lightest].median)} kB",
                weights[lightest].median / weights[OURS].median,
                "≥ 1",
            ),
        ],
        notes=[
            "Ours is the app's shop; the others' pages have a field, a place for a picture, a button and a "
            "grid. Nothing is sold on any of them."
        ],
        versions=versions,
    )
