"""`feria catalog demo`: brought once, completed when it was cut off, found by its words."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.running import Feria, OnTerminal
from feria.catalog.wire import ProductDraft, Words
from feria.cli.fair import Brought, begin, bring
from feria.cli.finding import open_client
from feria.settings import Settings
from feria.tasks.processes import open_processes

SOME = ("catalog", "demo", "--products", "14")


def products(feria: Feria) -> dict[str, dict[str, Any]]:
    listed = json.loads(feria("catalog", "list", "--limit", "200", "--json").out)
    return {product["sku"]: product for product in listed["products"]}


def test_the_fair_is_brought_once_and_put_right_where_it_was_changed(feria: Feria) -> None:
    said = feria(*SOME)
    assert said.out.startswith("The demo fair is there: 14 products (wrote 14, drew the pictures of 14).\n")
    assert 'feria search "zapatillas rojas"' in said.out
    first = products(feria)
    assert len(first) == 14
    assert all(product["pictures"] for product in first.values())

    assert feria(*SOME).out == "The demo fair is all there: 14 products.\n"
    assert products(feria) == first

    cheap = feria.folder / "cheap.json"
    cheap.write_text(json.dumps([first["DEMO-T-SHIRT-01"] | {"price": 1, "pictures": []}]))
    feria("catalog", "import", cheap)
    feria("catalog", "remove", "DEMO-SHIRT-01", "--yes")
    assert "wrote 2, drew the pictures of 1" in feria(*SOME).out
    after = products(feria)
    assert set(after) == set(first)
    assert after["DEMO-T-SHIRT-01"]["price"] == first["DEMO-T-SHIRT-01"]["price"]


def test_the_hint_finds_what_it_says(feria: Feria) -> None:
    feria("catalog", "demo", "--products", "12")
    found = feria("search", "zapatillas rojas").out
    assert "Zapatillas rojas" in found
    assert "footwear/trainers" in found


def test_a_fair_that_was_cut_off_is_completed(feria: Feria) -> None:
    with OnTerminal(feria, "catalog", "demo", "--products", "30") as command:
        command.wait_for("of 30 products")
        command.process.kill()
        command.process.wait()
    there = products(feria)
    assert len(there) == 30
    assert not all(product["pictures"] for product in there.values())
    assert "(drew the pictures of " in feria("catalog", "demo", "--products", "30").out
    assert all(product["pictures"] for product in products(feria).values())


@pytest.mark.parametrize("number", ["0", "301"])
def test_no_other_number_of_products_is_taken(feria: Feria, number: str) -> None:
    assert "1<=x<=300" in feria("catalog", "demo", "--products", number, code=2).err


def test_up_opens_the_fair_where_nothing_is_sold_and_goes_on_with_what_was_cut_off(feria: Feria) -> None:
    with feria.node(command="up", until="The demo fair is open", FERIA_CATALOG__DEMO_PRODUCTS="300") as node:
        assert "The demo fair is open: 300 products." in node.said
        assert json.loads(feria("catalog", "list", "--json").out)["total"] == 300
        code, said = node.stop()
        assert code == 0
        assert "Traceback" not in said
    with feria.node(command="up", until="The demo fair is open", FERIA_CATALOG__DEMO_PRODUCTS="300") as node:
        assert node.stop()[0] == 0


async def test_up_opens_it_only_where_nothing_is_sold(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    async with (
        open_client(None, settings) as client,
        open_processes(settings.workers, ("feria.drawings.files",)) as processes,
    ):
        own = ProductDraft(sku="OURS-1", title=Words(es="Taza"), price=Decimal(9))
        await client.put_product(own)
        assert await begin(client, 300) == []
        assert (await client.products()).total == 1

        told: list[tuple[str, float]] = []
        brought = await bring(client, 3, processes, lambda *said: told.append(said))
        assert brought == Brought(products=3, written=3, drawn=3)
        assert told[-1] == ("drawing, 3 of 3 products", 1.0)
        assert await begin(client, 300) == []

        await client.put_pictures("DEMO-T-SHIRT-01")
        (bare,) = await begin(client, 300)
        assert bare.draft.sku == "DEMO-T-SHIRT-01"
        assert await bring(client, 3, processes, lambda *_: None) == Brought(3, written=0, drawn=1)

        for one in (await client.products()).products:
            await client.remove_product(one.sku)
        assert len(await begin(client, 300)) == (await client.products(limit=1)).total == 300
