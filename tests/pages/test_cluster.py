"""The cluster as one node sees it, its keys and its tasks."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from cli.running import Feria, RunningNode
from pages.site import Site
from pages.visiting import Visit
from programs import free_port, wait

Visiting = Callable[..., Visit]


def test_a_key_is_written_edited_and_deleted(visit: Visiting) -> None:
    key = f"prices/{uuid.uuid4().hex[:8]}"
    someone = visit("/cluster/keys", language="en")
    page = someone.page
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_label("Value").fill('{"mug": "12 €"}')
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-figure=value]")).to_have_text('{"mug": "12 €"}')
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Value").fill("13")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-figure=value]")).to_have_text("13")
    expect(page.get_by_role("row", name=key)).to_contain_text("v2")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("row", name=key)).to_have_count(0)
    page.go_back()
    expect(page.get_by_text("This key does not exist, or was deleted.")).to_be_visible()
    someone.expect_faults("404")


def test_who_edits_what_somebody_else_has_changed_is_told_and_loses_nothing(
    visit: Visiting, site: Site
) -> None:
    key = f"notes/{uuid.uuid4().hex[:8]}"
    address = f"{site.url}/v1/kv/{key}"
    httpx.put(address, content=b"first").raise_for_status()
    someone = visit(f"/cluster/keys?key={key}")
    page = someone.page
    page.get_by_role("button", name="Editar").click()
    page.get_by_label("Valor").fill("mine")
    httpx.put(address, content=b"theirs").raise_for_status()
    page.get_by_role("button", name="Guardar").click()
    expect(page.get_by_text("Alguien la cambió mientras la editabas.")).to_be_visible()
    assert httpx.get(address).content == b"theirs"
    expect(page.get_by_label("Valor")).to_have_value("mine")
    page.get_by_role("button", name="Guardar").click()
    expect(page.locator("[data-figure=value]")).to_have_text("mine")
    assert httpx.get(address).content == b"mine"
    someone.expect_faults("412", "409")


def test_keys_are_found_by_how_they_begin_and_the_address_keeps_it(visit: Visiting, site: Site) -> None:
    for name in ("mug", "cup"):
        httpx.put(f"{site.url}/v1/kv/begins-{name}", content=name.encode()).raise_for_status()
    page = visit("/cluster/keys").page
    page.get_by_label("Claves que empiezan por").fill("begins-m")
    expect(page.get_by_role("row", name=re.compile("begins-mug"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("begins-cup"))).to_have_count(0)
    page.reload()
    expect(page.get_by_role("row", name=re.compile("begins-"))).to_have_count(1)


def test_what_the_node_does_in_the_background_is_listed(visit: Visiting, site: Site) -> None:
    rows = {
        "kind": "linear_regression",
        "target": "y",
        "holdout": 0,
        "columns": ["x", "y"],
        "rows": [[1, 2], [2, 4]] * 4,
    }
    ordered = httpx.post(f"{site.url}/v1/models/line/train", json=rows, headers={"Prefer": "respond-async"})
    assert ordered.status_code == 202, ordered.text
    page = visit("/cluster/tasks", language="en").page
    expect(page.get_by_role("row", name=re.compile(ordered.json()["kind"])).first).to_contain_text("done")
    page.get_by_role("button", name="failed").click()
    expect(page).to_have_url(re.compile("state=failed"))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RunningNode, RunningNode]]:
    gossip = free_port()
    first = Feria(tmp_path / "a", tmp_path).node("--gossip-port", str(gossip))
    with first as a:
        second = Feria(tmp_path / "b", tmp_path).node("--gossip-port", "0", "--join", f"127.0.0.1:{gossip}")
        with second as b:
            wait(lambda: _others(a.url) == 1)
            yield a, b


def _others(url: str) -> int:
    members = json.loads(httpx.get(f"{url}/v1/cluster").text)["members"]
    return sum(member["state"] == "alive" for member in members)


def test_members_are_seen_and_so_is_the_one_that_dies(
    visit: Visiting, pair: tuple[RunningNode, RunningNode]
) -> None:
    a, b = pair
    someone = visit("/cluster", at=a.url)
    page = someone.page
    expect(page.get_by_role("row").filter(has_text="este nodo")).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text="en línea")).to_have_count(1)
    b.process.kill()
    b.process.wait()
    expect(page.get_by_role("row").filter(has_text=re.compile("no contesta|caído"))).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text="en línea")).to_have_count(0)
