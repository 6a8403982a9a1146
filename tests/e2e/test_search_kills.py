"""A node that is killed while it writes its search index: what it had acknowledged is found."""

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from cli.running import Feria, RunningNode


def draft(number: int, title: str) -> dict[str, Any]:
    return {"sku": f"P-{number}", "title": {"es": f"{title} n{number}"}, "price": 1 + number % 90}


def found(node: RunningNode, text: str, **query: Any) -> tuple[int, set[str]]:
    reply = httpx.get(f"{node.url}/v1/search", params={"q": text, "limit": 100} | query, timeout=300)
    if reply.status_code == 503:  # it is being made
        return -1, set()
    assert reply.status_code == 200, reply.text
    page = reply.json()
    return page["total"], {hit["product"]["sku"] for hit in page["hits"]}


def test_kills_at_any_moment_lose_no_product_that_was_acknowledged(feria: Feria) -> None:
    acknowledged = 0
    for round in range(4):
        with feria.node() as node:
            killer = threading.Timer(0.4 + 0.17 * round, node.process.send_signal, [signal.SIGKILL])
            killer.start()
            try:
                with httpx.Client(base_url=node.url, timeout=300) as http:
                    while True:
                        batch = [draft(acknowledged + n, "Taza") for n in range(40)]
                        reply = http.post("/v1/products", json={"products": batch})
                        assert reply.status_code == 200, reply.text
                        acknowledged += 40
            except httpx.TransportError:
                pass
            killer.join()
            node.process.wait()
    assert acknowledged > 0
    with feria.node() as node:
        held = httpx.get(f"{node.url}/v1/products?limit=1", timeout=300).json()["total"]
        assert acknowledged <= held <= acknowledged + 4 * 40
        until(lambda: found(node, "tazas")[0] == held, "the index catches up")
        last = f"n{acknowledged - 1}"
        assert f"P-{acknowledged - 1}" in found(node, last)[1]


def test_a_kill_while_the_index_is_made_anew_leaves_the_one_before(feria: Feria) -> None:
    goods = feria.folder / "goods.json"
    goods.write_text(json.dumps([draft(n, "Jarra") for n in range(6000)]))
    feria("catalog", "import", "goods.json")
    with feria.node() as node:
        until(lambda: found(node, "jarras")[0] == 6000, "the index catches up")
        before = current(feria.home)
        reply = httpx.post(f"{node.url}/v1/search/reindex", timeout=300)
        assert reply.status_code == 202
        until(lambda: len(generations(feria.home)) == 2, "a new one is begun")
        node.process.send_signal(signal.SIGKILL)
        node.process.wait()
    assert len(generations(feria.home)) == 2
    assert current(feria.home) == before
    with feria.node() as node:
        assert found(node, "jarras")[0] == 6000
        until(lambda: len(generations(feria.home)) == 1, "what was begun is cleared away")


def until(true: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


def current(home: Path) -> str:
    return (home / "index" / "text" / "CURRENT").read_text()


def generations(home: Path) -> list[str]:
    return [entry.name for entry in (home / "index" / "text").iterdir() if entry.is_dir()]
